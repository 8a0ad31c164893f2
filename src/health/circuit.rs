//! The flap circuit: a target whose state changes too often is held down for a while, each time longer.
//!
//! ```text
//!             more than `limit` changes in the window
//!   Closed ─────────────────────────────────────────────▶ Open until T (level 0, or one more than before)
//!     ▲                                                     │ T passed
//!     │                        pass                         ▼
//!     └─────────────────────────────────────────────── Half open: the next vote decides
//!                                                           │ fail
//!                                                           ▼
//!                                                    Open until T, level + 1
//!
//!   held for FLAP_HOLD_MS × 2^level, at most FLAP_HOLD_MAX_MS; a window in peace after Closed wipes the level
//! ```
//!
//! While it is not closed the target counts as down, whatever its tracker says; a closed circuit says nothing.

use super::{Flap, Millis, Outcome};
use crate::limits::{FLAP_HOLD_MAX_MS, FLAP_HOLD_MS};
use std::collections::VecDeque;

/// When the state changed while closed, until when it is open, when it was closed last, and its level.
pub type Parts = (Vec<Millis>, Option<Millis>, Option<Millis>, u8);

/// The circuit of one target.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Circuit {
    /// When the state changed, while closed: at most `limit` times, the oldest first.
    changes: VecDeque<Millis>,
    /// Held down until then, and on until a vote; `None` if closed.
    open_until: Option<Millis>,
    /// When it was closed last.
    closed_at: Option<Millis>,
    /// How often in a row it was opened, less one.
    level: u8,
}

impl Circuit {
    /// True while the target is held down.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open_until.is_some()
    }

    /// Until when a vote cannot close it.
    #[must_use]
    pub const fn open_until(&self) -> Option<Millis> {
        self.open_until
    }

    /// A circuit as [`Circuit::parts`] gave it.
    #[must_use]
    pub fn resumed((changes, open_until, closed_at, level): Parts) -> Self {
        Self { changes: changes.into(), open_until, closed_at, level }
    }

    /// All that is worth keeping.
    #[must_use]
    pub fn parts(&self) -> Parts {
        (self.changes.iter().copied().collect(), self.open_until, self.closed_at, self.level)
    }

    /// The target changed between Up and Down.
    pub fn changed(&mut self, flap: Flap, now: Millis) {
        if self.is_open() {
            return;
        }
        let start = now.saturating_sub(flap.window_ms.into());
        while self.changes.front().is_some_and(|&at| at < start) {
            self.changes.pop_front();
        }
        self.changes.push_back(now);
        if self.changes.len() > usize::from(flap.limit) {
            let again = self.closed_at.is_some_and(|closed| closed >= start);
            self.open(if again { self.level.saturating_add(1) } else { 0 }, now);
        }
    }

    /// The target voted: decides if the time of holding has passed.
    pub fn voted(&mut self, outcome: Outcome, now: Millis) {
        if self.open_until.is_none_or(|until| now < until) {
            return;
        }
        match outcome {
            Outcome::Pass => (self.open_until, self.closed_at) = (None, Some(now)),
            Outcome::Fail => self.open(self.level.saturating_add(1), now),
            Outcome::Inconclusive => {}
        }
    }

    fn open(&mut self, level: u8, now: Millis) {
        let hold = FLAP_HOLD_MS.saturating_mul(1 << level.min(32)).min(FLAP_HOLD_MAX_MS);
        self.level = level;
        self.open_until = Some(now + hold);
        self.changes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAP: Flap = Flap { limit: 3, window_ms: 600_000 };

    fn flapped(circuit: &mut Circuit, start: Millis) {
        for change in 0..4 {
            assert!(!circuit.is_open());
            circuit.changed(FLAP, start + change * 1_000);
        }
        assert!(circuit.is_open());
    }

    #[test]
    fn more_changes_than_the_limit_within_the_window_open_it_and_fewer_never_do() {
        flapped(&mut Circuit::default(), 0);
        let mut slow = Circuit::default();
        for change in 0..100 {
            slow.changed(FLAP, change * 200_001);
            assert!(!slow.is_open(), "three changes in each window");
        }
    }

    #[test]
    fn one_probe_half_opens_it_a_pass_closes_and_a_failure_doubles_the_time() {
        let mut circuit = Circuit::default();
        flapped(&mut circuit, 0);
        circuit.voted(Outcome::Pass, 62_999);
        assert!(circuit.is_open(), "the time of holding has not passed");
        circuit.voted(Outcome::Inconclusive, 63_000);
        assert!(circuit.is_open());
        circuit.voted(Outcome::Fail, 63_000);
        assert_eq!(circuit.open_until(), Some(63_000 + 2 * FLAP_HOLD_MS));
        circuit.voted(Outcome::Pass, 63_000 + 2 * FLAP_HOLD_MS);
        assert!(!circuit.is_open());
    }

    #[test]
    fn the_time_of_holding_grows_to_a_cap_and_a_window_in_peace_wipes_it() {
        let (mut circuit, mut now, mut holds) = (Circuit::default(), 0, Vec::new());
        for _ in 0..12 {
            flapped(&mut circuit, now);
            let until = circuit.open_until().unwrap();
            holds.push(until - now - 3_000);
            circuit.voted(Outcome::Pass, until);
            now = until;
        }
        assert_eq!(holds[..3], [FLAP_HOLD_MS, 2 * FLAP_HOLD_MS, 4 * FLAP_HOLD_MS]);
        assert_eq!(holds[11], FLAP_HOLD_MAX_MS);
        flapped(&mut circuit, now + 700_000);
        assert_eq!(circuit.open_until(), Some(now + 703_000 + FLAP_HOLD_MS));
    }
}
