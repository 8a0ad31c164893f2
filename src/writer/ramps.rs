//! The wall clock of gradual overrides, told from the writer's own.

use crate::health::Millis;
use crate::overrides::Overrides;

/// Which second it is, and when the next step is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ramps {
    epoch_ms: u64,
    now_s: u64,
    next: Option<Millis>,
}

impl Ramps {
    /// `epoch_ms` is the wall clock when the writer's was at 0, milliseconds since 1970; `now` the writer's.
    pub(super) fn new(overrides: &Overrides, epoch_ms: u64, now: Millis) -> Self {
        let mut ramps = Self { epoch_ms, now_s: 0, next: None };
        ramps.advance(overrides, now);
        ramps
    }

    /// It is `now`.
    pub(super) fn advance(&mut self, overrides: &Overrides, now: Millis) {
        self.now_s = (self.epoch_ms + now) / 1_000;
        self.next = overrides.next(self.now_s).map(|at| (at * 1_000).saturating_sub(self.epoch_ms));
    }

    /// The second in which overrides hold as they do, since 1970.
    pub(super) const fn now_s(&self) -> u64 {
        self.now_s
    }

    /// When the next step is due.
    pub(super) const fn next(&self) -> Option<Millis> {
        self.next
    }
}
