//! The blast guard: when most sites fail at once, the prober may be the broken part, and nothing goes down for a while.
//!
//! ```text
//!            a target is about to go down, and more than `share` of the sites fail
//!   Quiet ───────────────────────────────────────────────────────────────────────▶ Up: transitions to Down are held
//!     ▲                                                                             │  │
//!     │            no more than `share` of the sites fail                           │  │ `hold` has passed,
//!     ├─────────────────────────────────────────────────────────────────────────────┘  │ or an operator says so
//!     │            no more than `share` of the sites fail                              ▼
//!     └──────────────────────────────────────────────────────────────────────────── Spent: failures are believed
//! ```
//!
//! A site is a pool. It counts if a target that votes for it is up, a held one included; it fails if the last votes of
//! more than half of these were failures. With fewer than `GUARD_SITES` sites there is no guard: losing one is what the
//! product is for.

use super::Millis;
use crate::limits::{GUARD_HOLD_MS, GUARD_SHARE, GUARD_SITES};

/// When the guard goes up, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GuardRules {
    /// Percent of the sites; more than this must fail. 100: never.
    pub share: u8,
    /// Longest time for which a failure is held, milliseconds.
    pub hold_ms: u32,
}

impl Default for GuardRules {
    fn default() -> Self {
        Self { share: GUARD_SHARE, hold_ms: GUARD_HOLD_MS }
    }
}

/// How many sites there are that are up, and how many of these fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sites {
    /// Sites that are up.
    pub up: u32,
    /// Those of them that fail.
    pub failing: u32,
}

/// The guard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Guard {
    /// Failures are believed.
    #[default]
    Quiet,
    /// Failures are held.
    Up {
        /// Since when.
        since: Millis,
    },
    /// Failures are believed, until fewer sites fail.
    Spent,
}

impl GuardRules {
    fn too_many(&self, sites: Sites) -> bool {
        sites.up >= GUARD_SITES && u64::from(sites.failing) * 100 > u64::from(self.share) * u64::from(sites.up)
    }
}

impl Guard {
    /// A target, counted in `sites` as up and failing, is about to go down: true if that is held.
    pub fn holds(&mut self, rules: &GuardRules, sites: Sites, now: Millis) -> bool {
        if *self == Self::Quiet && rules.too_many(sites) {
            *self = Self::Up { since: now };
        }
        matches!(self, Self::Up { .. })
    }

    /// The counts, or the time, are others now.
    pub fn observe(&mut self, rules: &GuardRules, sites: Sites, now: Millis) {
        if !rules.too_many(sites) {
            *self = Self::Quiet;
        } else if self.next(rules).is_some_and(|end| now >= end) {
            *self = Self::Spent;
        }
    }

    /// An operator believes the failures.
    pub fn release(&mut self) {
        if matches!(self, Self::Up { .. }) {
            *self = Self::Spent;
        }
    }

    /// When time alone changes it.
    #[must_use]
    pub fn next(&self, rules: &GuardRules) -> Option<Millis> {
        match self {
            Self::Up { since } => Some(since + Millis::from(rules.hold_ms)),
            Self::Quiet | Self::Spent => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: GuardRules = GuardRules { share: 50, hold_ms: 60_000 };

    #[test]
    fn it_goes_up_when_more_than_the_share_of_at_least_four_sites_fail() {
        for (up, failing, expected) in [(4, 2, false), (4, 3, true), (3, 3, false), (9, 5, true), (10, 5, false)] {
            assert_eq!(Guard::default().holds(&RULES, Sites { up, failing }, 0), expected, "{failing} of {up}");
        }
        let never = GuardRules { share: 100, ..RULES };
        assert!(!Guard::default().holds(&never, Sites { up: 9, failing: 9 }, 0));
    }

    #[test]
    fn it_holds_for_its_time_and_then_believes_until_fewer_fail() {
        let (mut guard, all, few) = (Guard::default(), Sites { up: 5, failing: 5 }, Sites { up: 5, failing: 1 });
        assert!(guard.holds(&RULES, all, 1_000));
        guard.observe(&RULES, all, 60_999);
        assert!(guard.holds(&RULES, all, 60_999));
        guard.observe(&RULES, all, 61_000);
        assert!(!guard.holds(&RULES, all, 61_000));
        guard.observe(&RULES, few, 70_000);
        assert_eq!(guard, Guard::Quiet);
        assert!(guard.holds(&RULES, all, 80_000));
        guard.release();
        assert!(!guard.holds(&RULES, all, 80_000));
    }

    #[test]
    fn it_ends_early_when_fewer_fail() {
        let mut guard = Guard::Up { since: 0 };
        guard.observe(&RULES, Sites { up: 4, failing: 2 }, 1);
        assert_eq!(guard, Guard::Quiet);
    }
}
