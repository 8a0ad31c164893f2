//! Counters: each thread that answers has its own and is their only writer; they are summed when read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Number of RCODEs that a header can carry (RFC 1035 §4.1.1).
const RCODES: usize = 16;

/// A count with one writer and any number of readers: an increment is a plain add, not a locked one.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`. Only the thread that owns the counters calls it: two writers would lose counts.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// The count so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one thread counts. Aligned to two cache lines, so that no two threads write the same one (x86
/// fetches lines in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Queries received.
    pub queries: Count,
    /// Answers handed to the kernel, by the header's RCODE.
    pub answers: [Count; RCODES],
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
}

impl Counters {
    /// Counts an answer: `rcode` is the header's fourth octet, of which the low four bits count.
    #[inline]
    pub fn answered(&self, rcode: u8) {
        self.answers[usize::from(rcode) % RCODES].add(1);
    }
}

/// The sums over all threads.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// As [`Counters::queries`].
    pub queries: u64,
    /// As [`Counters::answers`].
    pub answers: [u64; RCODES],
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
}

/// The counters of all threads; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Mutex<Vec<Arc<Counters>>>>);

impl Metrics {
    /// Counters for one more thread; they stay in the sums when the thread has ended.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        let counters = Arc::new(Counters::default());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counters));
        counters
    }

    /// The sums.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for counters in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            totals.queries += counters.queries.value();
            for (sum, count) in totals.answers.iter_mut().zip(&counters.answers) {
                *sum += count.value();
            }
            totals.silent += counters.silent.value();
            totals.unsent += counters.unsent.value();
            totals.oversize += counters.oversize.value();
            totals.panics += counters.panics.value();
            totals.accepted += counters.accepted.value();
            totals.evicted += counters.evicted.value();
            totals.timed_out += counters.timed_out.value();
            totals.starved += counters.starved.value();
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_all_threads_are_summed_also_after_they_ended() {
        let metrics = Metrics::default();
        for rcode in [0x83, 0x80, 0x03] {
            let counters = metrics.counters();
            std::thread::spawn(move || {
                counters.queries.add(2);
                counters.answered(rcode);
            })
            .join()
            .unwrap();
        }
        let totals = metrics.totals();
        assert_eq!((totals.queries, totals.answers[0], totals.answers[3]), (6, 1, 2));
    }

    #[test]
    fn no_two_threads_share_a_cache_line() {
        assert_eq!((align_of::<Counters>(), size_of::<Counters>() % 128), (128, 0));
    }
}
