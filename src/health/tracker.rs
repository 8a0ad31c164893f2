//! From outcomes to a state: what one target's probes so far say of it.
//!
//! ```text
//!            pass: n_ok = rise, n_bad = 0                 fail: n_bad = fall
//!   Unknown ──────────────────────────────▶ Up        Unknown ──────────────▶ Down
//!
//!   Down: pass → n_ok += 1; n_ok == rise → Up (n_bad = 0)      fail → n_ok = 0
//!   Up:   fail → n_bad += 1, n_ok = 0; n_bad == fall → Down    pass → if n_bad > 0 { n_ok += 1; n_ok == forget → n_bad = 0 }
//!
//!   Inconclusive: no transition anywhere, and no count of the above moves.
//! ```
//!
//! The first outcome decides an unknown target at once: at start there is no earlier knowledge that `rise` or `fall`
//! could protect. Failures need not be consecutive: only `forget` passes in a row wipe the memory of one.

use super::{Outcome, TargetState, Timing};

/// What is remembered of one target between its probes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tracker {
    state: TargetState,
    /// Passes in a row that count towards `rise` (Down) or `forget` (Up).
    n_ok: u8,
    /// Failures that are remembered while Up.
    n_bad: u8,
    /// An outcome of any kind has come in.
    probed: bool,
}

impl Tracker {
    /// The state.
    #[must_use]
    pub const fn state(&self) -> TargetState {
        self.state
    }

    /// True once an outcome has come in, even an inconclusive one.
    #[must_use]
    pub const fn probed(&self) -> bool {
        self.probed
    }

    /// A tracker as [`Tracker::parts`] gave it; counts that the timing does not allow any more are cut.
    #[must_use]
    pub fn resumed(state: TargetState, n_ok: u8, n_bad: u8, timing: &Timing) -> Self {
        let most_ok = if state == TargetState::Down { timing.rise } else { timing.forget };
        let n_ok = n_ok.min(most_ok.saturating_sub(1));
        Self { state, n_ok, n_bad: n_bad.min(timing.fall.saturating_sub(1)), probed: true }
    }

    /// The state, the passes and the failures that count: all that is worth keeping.
    #[must_use]
    pub const fn parts(&self) -> (TargetState, u8, u8) {
        (self.state, self.n_ok, self.n_bad)
    }

    /// True if its last vote was a failure that has not been forgotten.
    #[must_use]
    pub const fn failing(&self) -> bool {
        match self.state {
            TargetState::Unknown => false,
            TargetState::Up => self.n_bad > 0 && self.n_ok == 0,
            TargetState::Down => self.n_ok == 0,
        }
    }

    /// Takes one outcome. Gives the state before it if that changed.
    pub fn observe(&mut self, outcome: Outcome, timing: &Timing) -> Option<TargetState> {
        self.probed = true;
        let before = self.state;
        match (before, outcome) {
            (_, Outcome::Inconclusive) => {}
            (TargetState::Unknown, Outcome::Pass) => self.become_up(),
            (TargetState::Unknown, Outcome::Fail) => self.become_down(),
            (TargetState::Down, Outcome::Pass) => {
                self.n_ok += 1;
                if self.n_ok >= timing.rise {
                    self.become_up();
                }
            }
            (TargetState::Down, Outcome::Fail) => self.n_ok = 0,
            (TargetState::Up, Outcome::Fail) => {
                self.n_bad += 1;
                self.n_ok = 0;
                if self.n_bad >= timing.fall {
                    self.become_down();
                }
            }
            (TargetState::Up, Outcome::Pass) if self.n_bad > 0 => {
                self.n_ok += 1;
                if self.n_ok >= timing.forget {
                    (self.n_ok, self.n_bad) = (0, 0);
                }
            }
            (TargetState::Up, Outcome::Pass) => {}
        }
        (self.state != before).then_some(before)
    }

    /// The fewest further outcomes after which the state could be another, at least 1.
    #[must_use]
    pub fn results_left(&self, timing: &Timing) -> u8 {
        let left = match self.state {
            TargetState::Unknown => 1,
            TargetState::Up => timing.fall.saturating_sub(self.n_bad),
            TargetState::Down => timing.rise.saturating_sub(self.n_ok),
        };
        left.max(1)
    }

    /// Whole seconds for which the state cannot change: (results left − 1) × interval. The time to the next probe
    /// counts as zero, so that a probe that changes no count changes no TTL. The interval is the normal one even while a
    /// long-dead target is probed more slowly, since its first pass restores it.
    #[must_use]
    pub fn steady_s(&self, timing: &Timing) -> u32 {
        u32::from(self.results_left(timing) - 1).saturating_mul(timing.interval_ms) / 1_000
    }

    fn become_up(&mut self) {
        (self.state, self.n_ok, self.n_bad) = (TargetState::Up, 0, 0);
    }

    fn become_down(&mut self) {
        (self.state, self.n_ok, self.n_bad) = (TargetState::Down, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Fail, Inconclusive, Pass};
    use TargetState::{Down, Unknown, Up};

    const TIMING: Timing = Timing { interval_ms: 10_000, timeout_ms: 2_000, fall: 3, rise: 2, forget: 10 };

    fn after(outcomes: &[Outcome]) -> Tracker {
        let mut tracker = Tracker::default();
        for &outcome in outcomes {
            tracker.observe(outcome, &TIMING);
        }
        tracker
    }

    #[test]
    fn the_first_outcome_decides_an_unknown_target() {
        assert_eq!(after(&[]).state(), Unknown);
        assert_eq!(after(&[Pass]).state(), Up);
        assert_eq!(after(&[Fail]).state(), Down);
    }

    #[test]
    fn up_falls_at_the_third_failure_and_down_rises_at_the_second_pass_in_a_row() {
        assert_eq!(after(&[Pass, Fail, Fail]).state(), Up);
        assert_eq!(after(&[Pass, Fail, Fail, Fail]).state(), Down);
        assert_eq!(after(&[Fail, Pass]).state(), Down);
        assert_eq!(after(&[Fail, Pass, Fail, Pass]).state(), Down);
        assert_eq!(after(&[Fail, Pass, Pass]).state(), Up);
    }

    #[test]
    fn failures_need_not_be_consecutive() {
        assert_eq!(after(&[Pass, Fail, Pass, Pass, Fail, Pass, Pass, Fail]).state(), Down);
    }

    #[test]
    fn only_forget_passes_in_a_row_wipe_the_memory_of_a_failure() {
        let mut nine = vec![Pass, Fail, Fail];
        nine.extend([Pass; 9]);
        nine.push(Fail);
        assert_eq!(after(&nine).state(), Down);
        let mut ten = vec![Pass, Fail, Fail];
        ten.extend([Pass; 10]);
        ten.extend([Fail, Fail]);
        assert_eq!(after(&ten).state(), Up);
        ten.push(Fail);
        assert_eq!(after(&ten).state(), Down);
    }

    #[test]
    fn a_recovered_target_remembers_no_failure_of_its_earlier_life() {
        assert_eq!(after(&[Pass, Fail, Fail, Fail, Pass, Pass, Fail, Fail]).state(), Up);
    }

    #[test]
    fn an_inconclusive_probe_never_votes() {
        assert_eq!(after(&[Inconclusive]).state(), Unknown);
        assert!(after(&[Inconclusive]).probed());
        assert_eq!(after(&[Pass, Fail, Inconclusive, Fail, Inconclusive, Inconclusive]).state(), Up);
        assert_eq!(after(&[Fail, Pass, Inconclusive, Pass]).state(), Up);
    }

    #[test]
    fn a_change_is_told_once_with_the_state_before() {
        let mut tracker = Tracker::default();
        assert_eq!(tracker.observe(Pass, &TIMING), Some(Unknown));
        assert_eq!(tracker.observe(Fail, &TIMING), None);
        assert_eq!(tracker.observe(Fail, &TIMING), None);
        assert_eq!(tracker.observe(Fail, &TIMING), Some(Up));
        assert_eq!(tracker.observe(Fail, &TIMING), None);
    }

    #[test]
    fn the_steady_time_counts_whole_intervals_before_the_last_result_needed() {
        assert_eq!(after(&[]).steady_s(&TIMING), 0);
        assert_eq!(after(&[Pass]).steady_s(&TIMING), 20);
        assert_eq!(after(&[Pass, Fail]).steady_s(&TIMING), 10);
        assert_eq!(after(&[Pass, Fail, Fail]).steady_s(&TIMING), 0);
        assert_eq!(after(&[Fail]).steady_s(&TIMING), 10);
        assert_eq!(after(&[Fail, Pass]).steady_s(&TIMING), 0);
        let long = Timing { interval_ms: u32::MAX, fall: 255, ..TIMING };
        assert_eq!(after(&[Pass]).steady_s(&long), u32::MAX / 1_000);
    }
}
