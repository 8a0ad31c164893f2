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
//! With canaries, things outside of the fleet that should always answer, it is not guessed who is cut off: while they
//! answer there is no guard, and while they fail too it has no end.
//!
//! ```text
//!   the canaries   fail    Quiet → Up even with fewer than `GUARD_SITES` sites; Up has no end
//!                  pass    Up → Quiet
//!                  silent  as without them
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

/// What the canaries say of the prober's own network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Canaries {
    /// There are none, or too few have said anything since the sites began to fail.
    #[default]
    Silent,
    /// At least half of them have answered since: it is the sites that fail.
    Pass,
    /// More than half of them fail: we are cut off.
    Fail,
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
        /// When they are believed whatever happens; none while the canaries fail.
        until: Option<Millis>,
    },
    /// Failures are believed, until fewer sites fail.
    Spent,
}

impl GuardRules {
    /// True if more than the share of the sites fail, however few they are.
    #[must_use]
    pub fn exceeded(&self, sites: Sites) -> bool {
        u64::from(sites.failing) * 100 > u64::from(self.share) * u64::from(sites.up)
    }

    /// True if so many failures at once are held, where canaries say nothing.
    #[must_use]
    pub fn would_hold(&self, sites: Sites) -> bool {
        self.too_many(sites, Canaries::Silent)
    }

    fn too_many(&self, sites: Sites, canaries: Canaries) -> bool {
        match canaries {
            Canaries::Silent => sites.up >= GUARD_SITES && self.exceeded(sites),
            Canaries::Pass => false,
            Canaries::Fail => self.exceeded(sites),
        }
    }

    /// The bound of what is held from now on.
    fn end(&self, canaries: Canaries, now: Millis) -> Option<Millis> {
        (canaries != Canaries::Fail).then(|| now + Millis::from(self.hold_ms))
    }
}

impl Guard {
    /// A target, counted in `sites` as up and failing, is about to go down: true if that is held.
    pub fn holds(&mut self, rules: &GuardRules, sites: Sites, canaries: Canaries, now: Millis) -> bool {
        if *self == Self::Quiet && rules.too_many(sites, canaries) {
            *self = Self::Up { since: now, until: rules.end(canaries, now) };
        }
        matches!(self, Self::Up { .. })
    }

    /// The counts, the canaries or the time are others now.
    pub fn observe(&mut self, rules: &GuardRules, sites: Sites, canaries: Canaries, now: Millis) {
        *self = match *self {
            _ if !rules.too_many(sites, canaries) => Self::Quiet,
            Self::Up { until: Some(end), .. } if now >= end => Self::Spent,
            Self::Up { since, until: Some(_) } if canaries == Canaries::Fail => Self::Up { since, until: None },
            // Canaries that failed are silent only after a reload.
            Self::Up { since, until: None } => Self::Up { since, until: rules.end(canaries, now) },
            other => other,
        };
    }

    /// An operator believes the failures.
    pub fn release(&mut self) {
        if matches!(self, Self::Up { .. }) {
            *self = Self::Spent;
        }
    }

    /// When time alone changes it.
    #[must_use]
    pub const fn next(&self) -> Option<Millis> {
        match self {
            Self::Up { until, .. } => *until,
            Self::Quiet | Self::Spent => None,
        }
    }

    /// Its word for people.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Up { .. } => "up",
            Self::Spent => "spent",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: GuardRules = GuardRules { share: 50, hold_ms: 60_000 };
    const SILENT: Canaries = Canaries::Silent;

    #[test]
    fn it_goes_up_when_more_than_the_share_of_at_least_four_sites_fail() {
        for (up, failing, expected) in [(4, 2, false), (4, 3, true), (3, 3, false), (9, 5, true), (10, 5, false)] {
            assert_eq!(Guard::default().holds(&RULES, Sites { up, failing }, SILENT, 0), expected, "{failing} of {up}");
        }
        let never = GuardRules { share: 100, ..RULES };
        assert!(!Guard::default().holds(&never, Sites { up: 9, failing: 9 }, SILENT, 0));
    }

    #[test]
    fn it_holds_for_its_time_and_then_believes_until_fewer_fail() {
        let (mut guard, all, few) = (Guard::default(), Sites { up: 5, failing: 5 }, Sites { up: 5, failing: 1 });
        assert!(guard.holds(&RULES, all, SILENT, 1_000));
        guard.observe(&RULES, all, SILENT, 60_999);
        assert!(guard.holds(&RULES, all, SILENT, 60_999));
        guard.observe(&RULES, all, SILENT, 61_000);
        assert!(!guard.holds(&RULES, all, SILENT, 61_000));
        guard.observe(&RULES, few, SILENT, 70_000);
        assert_eq!(guard, Guard::Quiet);
        assert!(guard.holds(&RULES, all, SILENT, 80_000));
        guard.release();
        assert!(!guard.holds(&RULES, all, SILENT, 80_000));
    }

    #[test]
    fn it_ends_early_when_fewer_fail() {
        let mut guard = Guard::Up { since: 0, until: Some(60_000) };
        guard.observe(&RULES, Sites { up: 4, failing: 2 }, SILENT, 1);
        assert_eq!(guard, Guard::Quiet);
    }

    #[test]
    fn while_the_canaries_fail_it_has_no_end_and_while_they_answer_it_does_not_exist() {
        let two = Sites { up: 2, failing: 2 };
        let mut guard = Guard::default();
        assert!(!guard.holds(&RULES, two, SILENT, 0) && !guard.holds(&RULES, two, Canaries::Pass, 0));
        assert!(guard.holds(&RULES, two, Canaries::Fail, 1_000));
        guard.observe(&RULES, two, Canaries::Fail, 86_400_000);
        assert_eq!((guard, guard.next()), (Guard::Up { since: 1_000, until: None }, None));
        guard.observe(&RULES, two, Canaries::Pass, 86_400_000);
        assert_eq!(guard, Guard::Quiet);
        let all = Sites { up: 5, failing: 5 };
        assert!(guard.holds(&RULES, all, SILENT, 0));
        guard.observe(&RULES, all, Canaries::Fail, 3_000);
        assert_eq!(guard.next(), None);
        guard.observe(&RULES, all, SILENT, 90_000);
        assert_eq!(guard.next(), Some(150_000), "nobody says any more that we are cut off");
        let never = GuardRules { share: 100, ..RULES };
        assert!(!Guard::default().holds(&never, all, Canaries::Fail, 0));
    }
}
