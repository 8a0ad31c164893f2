//! What the prober counts, for metrics and benches.

use crate::health::Outcome;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters since the prober's start.
#[derive(Debug, Default)]
pub struct Stats {
    pass: AtomicU64,
    fail: AtomicU64,
    inconclusive: AtomicU64,
    loads_missed: AtomicU64,
    late_total_us: AtomicU64,
    late_max_us: AtomicU64,
}

impl Stats {
    /// Probes that ended so.
    #[must_use]
    pub fn ended(&self, outcome: Outcome) -> u64 {
        self.counter(outcome).load(Relaxed)
    }

    /// Probes that passed, were asked for a load, and told none that can be believed.
    #[must_use]
    pub fn loads_missed(&self) -> u64 {
        self.loads_missed.load(Relaxed)
    }

    /// How late probes have started after they were due, all together, in microseconds.
    #[must_use]
    pub fn late_total_us(&self) -> u64 {
        self.late_total_us.load(Relaxed)
    }

    /// The same of the latest probe since the last call, which starts it anew.
    #[must_use]
    pub fn take_late_max_us(&self) -> u64 {
        self.late_max_us.swap(0, Relaxed)
    }

    pub(super) fn count(&self, outcome: Outcome, load_missed: bool) {
        self.counter(outcome).fetch_add(1, Relaxed);
        if load_missed {
            self.loads_missed.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn started(&self, late_us: u64) {
        self.late_total_us.fetch_add(late_us, Relaxed);
        self.late_max_us.fetch_max(late_us, Relaxed);
    }

    fn counter(&self, outcome: Outcome) -> &AtomicU64 {
        match outcome {
            Outcome::Pass => &self.pass,
            Outcome::Fail => &self.fail,
            Outcome::Inconclusive => &self.inconclusive,
        }
    }
}
