//! What each thread that answers counts, whatever the configuration; and the register of all threads.

use super::histogram::{Buckets, Latency};
use super::tally::{Ledger, Sums};
use super::{Certificate, Count, Limited, Reloads};
use crate::query_log::{self, Recorder, Recorders};
use crate::respond::Transport;
use crate::restart::Restarts;
use crate::snapshot::Counted;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one thread counts. Aligned to two cache lines, so that no two threads write the same one (x86
/// fetches lines in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Queries received.
    pub queries: Count,
    /// Queries that get no answer by decision.
    pub silent: Count,
    /// Answers that the kernel did not take.
    pub unsent: Count,
    /// Datagrams longer than any query we read.
    pub oversize: Count,
    /// Queries whose answering panicked.
    pub panics: Count,
    /// Stream connections accepted.
    pub accepted: Count,
    /// Stream connections closed to make room for others.
    pub evicted: Count,
    /// Stream connections closed by a time limit.
    pub timed_out: Count,
    /// Times that accepting failed for want of descriptors or memory.
    pub starved: Count,
    /// Handshakes that failed, and connections of front ends that are none.
    pub failed: Count,
    /// Requests that are no query, or could not be answered: HTTP's errors.
    pub refused: Count,
    /// How long answers took.
    pub latency: Latency,
    /// What is counted by the configuration's words.
    pub ledger: Arc<Ledger>,
}

/// The sums over all threads.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// As [`Counters::queries`].
    pub queries: u64,
    /// Replies made: queries that were neither silent, oversize, nor a panic.
    pub replies: u64,
    /// As [`Counters::silent`].
    pub silent: u64,
    /// As [`Counters::unsent`].
    pub unsent: u64,
    /// As [`Counters::oversize`].
    pub oversize: u64,
    /// As [`Counters::panics`].
    pub panics: u64,
    /// As [`Counters::accepted`].
    pub accepted: u64,
    /// As [`Counters::evicted`].
    pub evicted: u64,
    /// As [`Counters::timed_out`].
    pub timed_out: u64,
    /// As [`Counters::starved`].
    pub starved: u64,
    /// What became of replies over a limit.
    pub limited: Limited,
    /// As [`Counters::failed`].
    pub failed: u64,
    /// As [`Counters::refused`].
    pub refused: u64,
}

/// The counters of all threads, and what is counted beside them; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    threads: Mutex<Vec<(Transport, Arc<Counters>)>>,
    reloads: Reloads,
    restarts: Restarts,
    certificate: Certificate,
    query_log: Option<Recorders>,
}

impl Metrics {
    /// Counters for one more thread; they stay in the sums when the thread has ended.
    #[must_use]
    pub fn counters(&self, transport: Transport) -> Arc<Counters> {
        let counters = Arc::new(Counters::default());
        self.threads().push((transport, Arc::clone(&counters)));
        counters
    }

    fn threads(&self) -> MutexGuard<'_, Vec<(Transport, Arc<Counters>)>> {
        self.0.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No counters yet; restarts are counted elsewhere, and with `query_log` queries are written down as well.
    #[must_use]
    pub fn new(restarts: Restarts, query_log: Option<Recorders>) -> Self {
        Self(Arc::new(Shared { restarts, query_log, ..Shared::default() }))
    }

    /// What one more thread keeps for the query log.
    #[must_use]
    pub fn recorder(&self, seed: u64) -> Recorder {
        self.0.query_log.as_ref().map_or_else(Recorder::off, |recorders| recorders.recorder(seed))
    }

    /// What became of the query log's entries; none if there is no query log.
    #[must_use]
    pub fn query_log(&self) -> Option<query_log::Told> {
        self.0.query_log.as_ref().map(Recorders::told)
    }

    /// What became of reloads.
    #[must_use]
    pub fn reloads(&self) -> &Reloads {
        &self.0.reloads
    }

    /// What was started again after a panic.
    #[must_use]
    pub fn restarts(&self) -> &Restarts {
        &self.0.restarts
    }

    /// What is known of the certificate of the encrypted transports.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.0.certificate
    }

    /// The sums by the words of a configuration; what was counted under others counts where their words are the same.
    #[must_use]
    pub fn sums(&self, counted: &Arc<Counted>) -> Sums {
        let ledgers: Vec<_> = self.threads().iter().map(|(_, counters)| Arc::clone(&counters.ledger)).collect();
        let mut sums = Sums::new(counted);
        ledgers.iter().for_each(|ledger| ledger.add_to(&mut sums));
        sums
    }

    /// The histogram of the time that answers took on the threads of a transport.
    #[must_use]
    pub fn latency(&self, transport: Transport) -> Buckets {
        let mut buckets = Buckets::default();
        for (_, counters) in self.threads().iter().filter(|(of, _)| *of == transport) {
            counters.latency.add_to(&mut buckets);
        }
        buckets
    }

    /// The sums.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals_where(|_| true)
    }

    /// The sums over the threads of a transport.
    #[must_use]
    pub fn totals_of(&self, transport: Transport) -> Totals {
        self.totals_where(|of| of == transport)
    }

    fn totals_where(&self, wanted: impl Fn(Transport) -> bool) -> Totals {
        let mut totals = Totals::default();
        for (_, counters) in self.threads().iter().filter(|(of, _)| wanted(*of)) {
            totals.queries += counters.queries.value();
            totals.silent += counters.silent.value();
            totals.unsent += counters.unsent.value();
            totals.oversize += counters.oversize.value();
            totals.panics += counters.panics.value();
            totals.accepted += counters.accepted.value();
            totals.evicted += counters.evicted.value();
            totals.timed_out += counters.timed_out.value();
            totals.starved += counters.starved.value();
            counters.ledger.limits().add_to(&mut totals.limited);
            totals.failed += counters.failed.value();
            totals.refused += counters.refused.value();
        }
        // Counted as the rest, since it is by far the most.
        totals.replies = totals.queries.saturating_sub(totals.silent + totals.oversize + totals.panics);
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_all_threads_are_summed_also_after_they_ended() {
        let metrics = Metrics::default();
        for silent in [0, 1, 2] {
            let counters = metrics.counters(Transport::Udp);
            std::thread::spawn(move || {
                counters.queries.add(2);
                counters.silent.add(silent);
            })
            .join()
            .unwrap();
        }
        let totals = metrics.totals();
        assert_eq!((totals.queries, totals.silent, totals.replies), (6, 3, 3));
    }

    #[test]
    fn no_two_threads_share_a_cache_line() {
        assert_eq!((align_of::<Counters>(), size_of::<Counters>() % 128), (128, 0));
    }
}
