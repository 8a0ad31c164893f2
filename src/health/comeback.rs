//! The way back of an endpoint's address after a failure: waiting, an operator's word, and a growing share.
//!
//! ```text
//!            down                 up, manual_resume
//!   Full ───────────▶ Out ────────────────────────────▶ Stopped
//!    ▲                 │ up                                │ resume
//!    │                 ▼ failback_delay                    ▼
//!    │              Waiting ───────────────────────────▶ Ramping
//!    └───────────────────────────── slow_start ────────────┘
//!
//!   down: from everywhere to Out. A step whose time is 0 is passed at once.
//! ```
//!
//! What was never down since the start is Full: a start is no recovery.

use super::Millis;
use crate::limits::RAMP_STEPS;

/// How an endpoint of a pool comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ComebackRules {
    /// It is up for so long before it takes clients again, milliseconds.
    pub failback_delay_ms: u32,
    /// Its weight grows to its own over so long, milliseconds.
    pub slow_start_ms: u32,
    /// It stays out until an operator says otherwise.
    pub manual_resume: bool,
}

impl ComebackRules {
    /// True if an endpoint is back the moment it is up.
    #[must_use]
    pub fn at_once(&self) -> bool {
        *self == Self::default()
    }
}

/// Where an address is on its way back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Comeback {
    /// In service.
    #[default]
    Full,
    /// Down.
    Out {
        /// An operator has let it come back already.
        resumed: bool,
    },
    /// Up, and out until an operator says otherwise.
    Stopped,
    /// Up, and out until then.
    Waiting {
        /// The end of the delay.
        until: Millis,
    },
    /// In service with a part of its weight.
    Ramping {
        /// Since when.
        since: Millis,
    },
}

impl Comeback {
    /// Takes what the checks say, and the time.
    pub fn observe(&mut self, up: bool, rules: &ComebackRules, now: Millis) {
        *self = match *self {
            Self::Out { resumed } if !up => Self::Out { resumed },
            _ if !up => Self::Out { resumed: false },
            Self::Out { resumed: false } if rules.manual_resume => Self::Stopped,
            Self::Out { resumed: true } => Self::Ramping { since: now },
            Self::Out { .. } => Self::Waiting { until: now + Millis::from(rules.failback_delay_ms) },
            other => other,
        };
        if let Self::Waiting { until } = *self
            && now >= until
        {
            *self = Self::Ramping { since: now };
        }
        if let Self::Ramping { since } = *self
            && now >= since + Millis::from(rules.slow_start_ms)
        {
            *self = Self::Full;
        }
    }

    /// An operator lets it come back: at once if it is up, else as soon as it is. It takes its slow start.
    pub const fn resume(&mut self, now: Millis) {
        match self {
            Self::Stopped | Self::Waiting { .. } => *self = Self::Ramping { since: now },
            Self::Out { resumed } => *resumed = true,
            Self::Full | Self::Ramping { .. } => {}
        }
    }

    /// Its part of its weight, of `RAMP_STEPS`; 0: out.
    #[must_use]
    pub fn share(&self, rules: &ComebackRules, now: Millis) -> u8 {
        match *self {
            Self::Full => RAMP_STEPS,
            Self::Out { .. } | Self::Stopped | Self::Waiting { .. } => 0,
            Self::Ramping { since } => {
                let steps = u64::from(RAMP_STEPS - 1) * (now - since) / u64::from(rules.slow_start_ms.max(1));
                1 + steps.min(u64::from(RAMP_STEPS) - 1) as u8
            }
        }
    }

    /// When time alone changes what it says.
    #[must_use]
    pub fn next(&self, rules: &ComebackRules, now: Millis) -> Option<Millis> {
        match *self {
            Self::Full | Self::Out { .. } | Self::Stopped => None,
            Self::Waiting { until } => Some(until),
            Self::Ramping { since } => {
                let step = u64::from(self.share(rules, now));
                Some(since + (step * u64::from(rules.slow_start_ms)).div_ceil(u64::from(RAMP_STEPS) - 1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: ComebackRules =
        ComebackRules { failback_delay_ms: 30_000, slow_start_ms: 60_000, manual_resume: false };

    fn back(rules: &ComebackRules) -> Comeback {
        let mut comeback = Comeback::default();
        comeback.observe(false, rules, 1_000);
        comeback.observe(true, rules, 100_000);
        comeback
    }

    #[test]
    fn a_start_is_no_recovery() {
        let mut comeback = Comeback::default();
        comeback.observe(true, &RULES, 0);
        assert_eq!((comeback, comeback.share(&RULES, 0)), (Comeback::Full, RAMP_STEPS));
    }

    #[test]
    fn a_recovered_address_waits_and_then_grows_in_ten_steps_to_its_own_weight() {
        let mut comeback = back(&RULES);
        let (mut now, mut shares) = (100_000, Vec::new());
        while let Some(next) = comeback.next(&RULES, now) {
            shares.push((now - 100_000, comeback.share(&RULES, now)));
            assert!(next > now);
            comeback.observe(true, &RULES, next - 1);
            assert_eq!(comeback.share(&RULES, next - 1), shares.last().unwrap().1, "nothing changes before {next}");
            comeback.observe(true, &RULES, next);
            now = next;
        }
        assert_eq!(shares[..3], [(0, 0), (30_000, 1), (36_667, 2)]);
        assert_eq!((shares.len(), now, comeback), (10, 190_000, Comeback::Full));
    }

    #[test]
    fn a_failure_on_the_way_starts_it_anew() {
        let mut comeback = back(&RULES);
        comeback.observe(true, &RULES, 140_000);
        assert!(matches!(comeback, Comeback::Ramping { .. }));
        comeback.observe(false, &RULES, 150_000);
        comeback.observe(true, &RULES, 160_000);
        assert_eq!(comeback, Comeback::Waiting { until: 190_000 });
        comeback.observe(false, &RULES, 170_000);
        comeback.observe(true, &RULES, 180_000);
        assert_eq!(comeback, Comeback::Waiting { until: 210_000 });
    }

    #[test]
    fn without_a_delay_and_a_slow_start_it_is_back_at_once() {
        assert_eq!(back(&ComebackRules::default()), Comeback::Full);
        assert!(matches!(back(&ComebackRules { failback_delay_ms: 0, ..RULES }), Comeback::Ramping { .. }));
        let mut waits = back(&ComebackRules { slow_start_ms: 0, ..RULES });
        waits.observe(true, &ComebackRules { slow_start_ms: 0, ..RULES }, 130_000);
        assert_eq!(waits, Comeback::Full);
    }

    #[test]
    fn a_stopped_address_stays_out_until_an_operator_says_otherwise() {
        let rules = ComebackRules { manual_resume: true, ..RULES };
        let mut comeback = back(&rules);
        comeback.observe(true, &rules, 9_000_000);
        assert_eq!(
            (comeback, comeback.share(&rules, 9_000_000), comeback.next(&rules, 0)),
            (Comeback::Stopped, 0, None)
        );
        comeback.resume(9_000_000);
        assert_eq!(comeback, Comeback::Ramping { since: 9_000_000 });
        // The word may come before the recovery; the next failure forgets it.
        comeback.observe(false, &rules, 9_100_000);
        comeback.resume(9_100_000);
        comeback.observe(false, &rules, 9_150_000);
        comeback.observe(true, &rules, 9_200_000);
        assert_eq!(comeback, Comeback::Ramping { since: 9_200_000 });
        comeback.observe(false, &rules, 9_300_000);
        comeback.observe(true, &rules, 9_400_000);
        assert_eq!(comeback, Comeback::Stopped);
    }
}
