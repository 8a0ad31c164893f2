//! What became of reloads.

use std::sync::{Mutex, PoisonError};

/// Counts reloads; any thread may.
#[derive(Debug, Default)]
pub struct Reloads(Mutex<Reloaded>);

/// What is known of reloads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reloaded {
    /// How many were taken.
    pub taken: u64,
    /// How many were refused.
    pub refused: u64,
    /// The last one was refused.
    pub last_was_refused: bool,
    /// When the last one was taken, seconds since 1970; none: the configuration of the start serves.
    pub last_taken: Option<u64>,
}

impl Reloads {
    /// One was taken or refused, at this second since 1970.
    pub fn count(&self, taken: bool, now: u64) {
        let mut of = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        of.last_was_refused = !taken;
        if taken {
            of.taken += 1;
            of.last_taken = Some(now);
        } else {
            of.refused += 1;
        }
    }

    /// What is known.
    #[must_use]
    pub fn known(&self) -> Reloaded {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
