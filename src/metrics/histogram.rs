//! How long things take: counts in buckets that grow by quarters of a doubling, so that a quantile is off by at most an
//! eighth of itself.

use super::Count;

/// Buckets within one doubling.
const PARTS: u32 = 4;
/// The bound of the first bucket is 2 to this power, nanoseconds: 256 ns.
const FIRST: u32 = 8;
/// Doublings from the first bucket to the last bound, 137 s.
const DOUBLINGS: u32 = 29;
/// How many buckets there are; the last has no bound.
const BUCKETS: usize = (DOUBLINGS * PARTS) as usize + 2;

/// A histogram with one writer and any number of readers.
#[derive(Debug)]
pub struct Latency {
    counts: [Count; BUCKETS],
    total_ns: Count,
}

impl Default for Latency {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| Count::default()), total_ns: Count::default() }
    }
}

impl Latency {
    /// Counts `n` things that took `total_ns` nanoseconds together. Only the owning thread calls it.
    #[inline]
    pub fn add(&self, n: u64, total_ns: u64) {
        if let Some(each) = total_ns.checked_div(n) {
            self.counts[bucket(each)].add(n);
            self.total_ns.add(total_ns);
        }
    }

    /// Adds what was counted to a sum.
    pub fn add_to(&self, sum: &mut Buckets) {
        for (sum, count) in sum.counts.iter_mut().zip(&self.counts) {
            *sum += count.value();
        }
        sum.total_ns += self.total_ns.value();
    }
}

/// What a histogram has counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Buckets {
    counts: [u64; BUCKETS],
    total_ns: u64,
}

impl Default for Buckets {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], total_ns: 0 }
    }
}

impl Buckets {
    /// Adds what another has counted.
    pub fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, count)| *sum += count);
        self.total_ns += other.total_ns;
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long all of them took together, seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.total_ns as f64 / 1e9
    }

    /// For each bound between two of nanoseconds, in order: the bound in seconds, and how many took no longer. `parts`
    /// of each doubling are told, 1, 2 or 4.
    pub fn up_to(&self, from_ns: u64, to_ns: u64, parts: usize) -> impl Iterator<Item = (f64, u64)> + '_ {
        let mut below = 0;
        let all = self.counts[..BUCKETS - 1].iter().enumerate().map(move |(at, count)| {
            below += count;
            (at, bound(at), below)
        });
        let told =
            all.filter(move |(at, bound, _)| at % (PARTS as usize / parts) == 0 && (from_ns..=to_ns).contains(bound));
        told.map(|(_, bound, below)| (bound as f64 / 1e9, below))
    }

    /// The time in nanoseconds that a part of what was counted, 0 to 1, does not exceed; `None` if nothing was counted.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<u64> {
        let wanted = (self.count() as f64 * part).ceil() as u64;
        let mut below = 0;
        let found = self.counts.iter().position(|count| {
            below += count;
            below >= wanted && below > 0
        });
        found.map(|at| bound(at.min(BUCKETS - 2)))
    }
}

/// The bucket of a time: the first whose bound is no smaller.
fn bucket(ns: u64) -> usize {
    let Some(above) = ns.checked_sub(1).filter(|above| *above >= 1 << FIRST) else { return 0 };
    let power = above.ilog2();
    let part = (above >> (power - PARTS.ilog2())) as u32 & (PARTS - 1);
    (((power - FIRST) * PARTS + part + 1) as usize).min(BUCKETS - 1)
}

/// The bound of a bucket, nanoseconds.
const fn bound(bucket: usize) -> u64 {
    let (doubling, part) = (bucket as u32 / PARTS, bucket as u64 % PARTS as u64);
    (1 << (FIRST + doubling)) + (part << (FIRST + doubling)) / PARTS as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_stands_in_the_first_bucket_that_it_does_not_exceed() {
        for ns in (0..20_000).chain([1_000_000_000, 137_000_000_000]) {
            let at = bucket(ns);
            assert!(ns <= bound(at) && (at == 0 || ns > bound(at - 1)), "{ns} in {at}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(bound(BUCKETS - 2), 1 << (FIRST + DOUBLINGS));
    }

    #[test]
    fn a_batch_counts_as_often_as_it_has_answers() {
        let (latency, mut buckets) = (Latency::default(), Buckets::default());
        latency.add(10, 10_000);
        latency.add(1, 1_000_000);
        latency.add(0, 77);
        latency.add_to(&mut buckets);
        assert_eq!((buckets.count(), buckets.seconds()), (11, 1.01e-3));
        assert_eq!(buckets.quantile(0.5), Some(1_024));
        assert_eq!(buckets.quantile(0.99), Some(1 << 20));
        assert_eq!(Buckets::default().quantile(0.5), None);
        let told: Vec<_> = buckets.up_to(512, 2_048, 1).collect();
        assert_eq!(told, [(512e-9, 0), (1_024e-9, 10), (2_048e-9, 10)]);
    }
}
