//! Gradual overrides: a pool's share goes from what it is to what is wanted, in steps of a hundredth of the way and of
//! at least a second. Since shares are thresholds of one stable hash, every client moves once.

use super::{Override, Overrides, Said};
use crate::limits::GRADUAL_STEPS;
use crate::pool::{Gate, Share};

/// How a share goes to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ramp {
    /// The share at the start.
    pub from: Share,
    /// How long it takes, seconds, at least 1.
    pub over_s: u64,
    /// Of a drain: the gate that the override said in whose place it came, if that left its pools open. It holds until
    /// the end: who counts as up whatever its checks say loses no client before.
    pub held: Option<Gate>,
}

impl Override {
    /// The share that the target's pools have at the end of the way; `None` if it says nothing of shares.
    const fn end_share(&self) -> Option<Share> {
        match (self.said, self.ramp) {
            (Said::Share(share), _) => Some(share),
            (Said::State(Gate::Drain), Some(_)) => Some(Share::NONE),
            _ => None,
        }
    }

    /// When it has reached its end, seconds since 1970; `None` if it holds at once.
    #[must_use]
    pub const fn ramp_end(&self) -> Option<u64> {
        match self.ramp {
            Some(ramp) => Some(self.since.saturating_add(ramp.over_s)),
            None => None,
        }
    }

    /// True if it is on its way at `now`, seconds since 1970.
    #[must_use]
    pub fn is_on_its_way(&self, now: u64) -> bool {
        self.ramp_end().is_some_and(|end| now < end)
    }

    /// The share that it leaves its pools at `now`; `None` if it says nothing of shares, or has closed them.
    #[must_use]
    pub fn share_at(&self, now: u64) -> Option<Share> {
        let end = self.end_share()?;
        match (self.ramp, self.said) {
            (Some(ramp), _) if self.is_on_its_way(now) => {
                let step = steps(ramp.over_s, now.saturating_sub(self.since));
                let way = Share::of(step, GRADUAL_STEPS);
                let moved = way.times(ramp.from.apart(end).parts().into());
                Some(ramp.from.toward(end, Share::new(moved)))
            }
            (_, Said::State(_)) => None,
            _ => Some(end),
        }
    }

    /// The first second behind `now` at which its share is another.
    fn next(&self, now: u64) -> Option<u64> {
        let ramp = self.ramp.filter(|_| self.is_on_its_way(now))?;
        let next = steps(ramp.over_s, now.saturating_sub(self.since)) + 1;
        // Rounded up: at that second the step is taken.
        let at = (u128::from(next) * u128::from(ramp.over_s)).div_ceil(GRADUAL_STEPS.into()) as u64;
        Some(self.since + at.min(ramp.over_s))
    }

    /// In words at `now`: `drain`, `drain over 30m`, `shed 20 %`.
    #[must_use]
    pub fn text(&self, now: u64) -> String {
        let said = self.said.text();
        match self.ramp.filter(|_| self.is_on_its_way(now)) {
            Some(ramp) => format!("{said} over {}", span(ramp.over_s)),
            None => said,
        }
    }
}

impl Overrides {
    /// The first second behind `now` at which time alone changes what follows from them.
    #[must_use]
    pub fn next(&self, now: u64) -> Option<u64> {
        self.list().iter().filter_map(|one| one.next(now)).min()
    }

    /// Those that have reached their end after `before` and by `now`.
    pub fn arrived(&self, before: u64, now: u64) -> impl Iterator<Item = &Override> {
        self.list().iter().filter(move |one| one.is_on_its_way(before) && !one.is_on_its_way(now))
    }

    /// The same with every override at its end.
    #[must_use]
    pub fn at_their_ends(&self) -> Self {
        let mut all = self.clone();
        all.0.iter_mut().for_each(|one| one.ramp = None);
        all
    }

    /// The same with the target's overrides at their ends.
    #[must_use]
    pub fn at_the_end_of(&self, target: &super::Target) -> Self {
        let mut all = self.clone();
        all.0.iter_mut().filter(|one| one.target == *target).for_each(|one| one.ramp = None);
        all
    }
}

/// Steps taken after `gone` seconds.
fn steps(over_s: u64, gone: u64) -> u64 {
    (u128::from(gone) * u128::from(GRADUAL_STEPS) / u128::from(over_s.max(1))) as u64
}

/// As it is typed: in the largest unit that is whole.
fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let (unit, word) = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit)).unwrap_or((1, "s"));
    format!("{}{word}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::super::Target;
    use super::*;

    fn order(said: Said, from: Share, over_s: u64) -> Override {
        let (target, ramp) = (Target::parse("pool/fra").unwrap(), Some(Ramp { from, over_s, held: None }));
        Override { target, said, owner: "me".into(), reason: "".into(), since: 1_000, until: None, ramp }
    }

    #[test]
    fn a_share_goes_to_its_end_in_a_hundred_steps_and_each_step_is_announced() {
        for (said, from, end) in [
            (Said::State(Gate::Drain), Share::FULL, Share::NONE),
            (Said::Share(Share::new(8_000)), Share::FULL, Share::new(8_000)),
            (Said::Share(Share::FULL), Share::new(1_000), Share::FULL),
        ] {
            for over_s in [1, 7, 100, 1_800, 86_399] {
                let one = order(said, from, over_s);
                let (mut now, mut share, mut count) = (1_000, one.share_at(1_000).unwrap(), 0);
                assert_eq!(share, from);
                while let Some(next) = one.next(now) {
                    assert!(next > now);
                    assert_eq!(one.share_at(next - 1), Some(share), "nothing changes unannounced");
                    let new = one.share_at(next).unwrap_or(Share::NONE);
                    assert!(from.apart(new) >= from.apart(share), "never back");
                    assert!(over_s < 100 || new.apart(share) <= Share::PERCENT);
                    (now, share, count) = (next, new, count + 1);
                }
                assert_eq!((now, share, count), (1_000 + over_s, end, over_s.min(GRADUAL_STEPS)));
            }
        }
    }

    #[test]
    fn a_clock_that_was_set_back_and_a_drain_at_its_end_are_no_surprise() {
        let one = order(Said::State(Gate::Drain), Share::FULL, 60);
        assert_eq!((one.share_at(0), one.share_at(1_060), one.next(5_000)), (Some(Share::FULL), None, None));
        assert_eq!((one.text(1_000), one.text(1_060)), ("drain over 1m".to_owned(), "drain".to_owned()));
    }
}
