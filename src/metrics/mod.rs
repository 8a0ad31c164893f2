//! Metrics: what is counted while the server runs, and how it is told.
//!
//! ```text
//! query → Worker ── adds to indices ──► Tally (one a thread and configuration) ──► Ledger ┐
//! thread → Counters (one a thread) ──────────────────────────────────────────────────────┴► Metrics: summed when read
//!                                                                                            ▼
//!                                                      control desk → Facts → text ──► Prometheus
//! ```
//!
//! Each thread that answers has its own counts and is their only writer: an increment is a plain add. What there is to
//! count follows from the configuration alone ([`crate::snapshot::Counted`]).

mod certificate;
mod counters;
mod facts;
mod histogram;
mod limits;
mod process;
mod reloads;
mod tally;
mod text;
mod writing;

pub use certificate::{Certificate, CertificateFacts};
pub use counters::{Counters, Metrics, Totals};
pub use facts::{
    CanaryFacts, DatabaseFacts, EndpointFacts, Facts, GuardFacts, OverrideFacts, PoolFacts, ProbeFacts, SignedFacts,
    TransferFacts,
};
pub use histogram::{Buckets, Latency};
pub use limits::{Limited, Limits};
pub use process::Process;
pub use reloads::{Reloaded, Reloads};
pub use tally::{Ledger, Sums, Tally};
pub use text::{METRICS, Metric, text};

use std::sync::atomic::{AtomicU64, Ordering};

/// A count with one writer and any number of readers: an increment is a plain add, not a locked one.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`. Only the thread that owns the counters calls it: two writers would lose counts.
    #[inline(always)]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// The count so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
