//! What the prober counts, for metrics and benches.

use crate::health::{CheckKind, Outcome};
use crate::metrics::{Buckets, Latency, ProbeFacts};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The kinds of checks that are probed.
const KINDS: [&str; 8] = ["http", "https", "tcp", "tls", "dns", "grpc", "exec", "push"];

/// What is counted of one kind of check.
#[derive(Debug, Default)]
struct Kind {
    /// By outcome: pass, fail, inconclusive.
    ended: [AtomicU64; 3],
    took: Latency,
}

/// Counters since the prober's start.
#[derive(Debug, Default)]
pub struct Stats {
    kinds: [Kind; KINDS.len()],
    loads_missed: AtomicU64,
    late_total_us: AtomicU64,
    late_max_us: AtomicU64,
}

impl Stats {
    /// Probes that ended so.
    #[must_use]
    pub fn ended(&self, outcome: Outcome) -> u64 {
        self.kinds.iter().map(|kind| kind.ended[place(outcome)].load(Relaxed)).sum()
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

    /// The same by the kind of check, with how long they took; only kinds that were probed.
    #[must_use]
    pub fn kinds(&self) -> Vec<ProbeFacts> {
        let facts = |(word, kind): (&'static str, &Kind)| {
            let mut took = Buckets::default();
            kind.took.add_to(&mut took);
            let ended = [0, 1, 2].map(|outcome| kind.ended[outcome].load(Relaxed));
            (took.count() > 0).then_some(ProbeFacts { kind: word, ended, took })
        };
        KINDS.into_iter().zip(&self.kinds).filter_map(facts).collect()
    }

    /// Counts a probe that ended; the prober's thread alone does.
    pub(super) fn count(&self, kind: &CheckKind, outcome: Outcome, took: Duration) {
        let Some(kind) = KINDS.iter().position(|word| *word == kind.word()).map(|at| &self.kinds[at]) else { return };
        kind.ended[place(outcome)].fetch_add(1, Relaxed);
        kind.took.add(1, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn load_was_missed(&self) {
        self.loads_missed.fetch_add(1, Relaxed);
    }

    pub(super) fn started(&self, late_us: u64) {
        self.late_total_us.fetch_add(late_us, Relaxed);
        self.late_max_us.fetch_max(late_us, Relaxed);
    }
}

const fn place(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Pass => 0,
        Outcome::Fail => 1,
        Outcome::Inconclusive => 2,
    }
}
