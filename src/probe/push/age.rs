//! How old a pushed file is, under a clock that jumps: as old as the wall clock says when it is seen first, and from then
//! on by the clock that does not jump.

use crate::health::Millis;
use std::sync::{Mutex, PoisonError};

/// When the file was written as it says itself, how old it was when that was seen first, and when that was.
#[derive(Debug, Default)]
pub(super) struct Age(Mutex<Option<(u64, u64, Millis)>>);

impl Age {
    /// The age of a file that was written at `modified`, seconds; `wall` and `now` are the moment in both clocks.
    pub(super) fn of(&self, modified: u64, wall: u64, now: Millis) -> u64 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at_first, first) = match *seen {
            Some((of, at_first, first)) if of == modified => (at_first, first),
            // Written since the one before was seen first, whatever the clocks say.
            Some((_, _, before)) => (wall.saturating_sub(modified).min(now.saturating_sub(before) / 1_000), now),
            None => (wall.saturating_sub(modified), now),
        };
        *seen = Some((modified, at_first, first));
        at_first + now.saturating_sub(first) / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_ages_by_the_clock_that_does_not_jump() {
        let age = Age::default();
        assert_eq!(age.of(100, 130, 5_000), 30, "as old as the wall clock says, at first");
        assert_eq!(age.of(100, 141, 15_000), 40);
        assert_eq!(age.of(100, 3_741, 16_000), 41, "an hour forward");
        assert_eq!(age.of(100, 90, 17_000), 42, "and back");
        assert_eq!(age.of(3_700, 3_745, 20_000), 15, "written since: no older than the sight of the one before");
        assert_eq!(age.of(3_700, 400_000_000, 21_000), 16);
        assert_eq!(age.of(400_000_000, 400_000_001, 22_000), 1);
    }
}
