//! The buckets: a table of a fixed size, shared by all threads that answer, without locks.
//!
//! A bucket is one word. It holds the tick at which it will be full again (the generic cell rate algorithm, ITU-T I.371,
//! counts tokens so): a bucket that is full says nothing, and its place is free for another. A key has four places that
//! it can stand at. When all of them are in use, the bucket that is nearest to full gives way, so that whoever is held
//! back stays known, and whoever comes new is never held back for want of room.
//!
//! ```text
//! 63           32 31      5  4   3    0
//! │ full again at │  tag   │used│ count │   count: replies held back since the last one that slipped
//! ```

use std::sync::atomic::{AtomicU64, Ordering};

/// Ticks in a second: a tick is 128 ns, so that nanoseconds become ticks by a shift, and 32 bits last nine minutes.
pub(super) const SECOND: u32 = 1_000_000_000 >> TICK_SHIFT;
const TICK_SHIFT: u32 = 7;
/// No bucket is further from full than a second and one step; what says more is older than the 32 bits last.
const BUSY_MAX: u32 = 2 * SECOND;

/// Places of a key.
const WAYS: usize = 4;
const USED: u32 = 1 << 4;
const COUNT: u32 = USED - 1;

/// Nanoseconds as ticks; they wrap.
#[inline(always)]
pub(super) const fn ticks(nanoseconds: u64) -> u32 {
    (nanoseconds >> TICK_SHIFT) as u32
}

/// How fast a bucket fills.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rate {
    /// Ticks for a token; 0: it is always full.
    step: u32,
    /// So far from full it may be and still give one.
    slack: u32,
}

impl Rate {
    /// So many tokens a second, and room for those of one second; 0: without an end.
    pub(super) const fn per_second(tokens: u32) -> Self {
        match SECOND.checked_div(tokens) {
            None => Self { step: 0, slack: 0 },
            // More than a token a tick cannot be told apart from no limit.
            Some(0) => Self { step: 1, slack: SECOND },
            Some(step) => Self { step, slack: SECOND - step },
        }
    }
}

/// What became of a wish for a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// It was there.
    Token,
    /// It was there, and another bucket that was not full had to make room.
    TokenOfAnother,
    /// It was not there.
    Nothing {
        /// It is the turn of a reply that slips.
        slips: bool,
    },
}

/// The table.
#[derive(Debug)]
pub(super) struct Table {
    sets: Box<[Set]>,
}

/// The places of a key; none shares a cache line with half of another.
#[derive(Debug, Default)]
#[repr(align(32))]
struct Set([AtomicU64; WAYS]);

impl Table {
    /// Room for at least so many buckets.
    pub(super) fn new(buckets: usize) -> Self {
        let sets = buckets.div_ceil(WAYS).next_power_of_two();
        Self { sets: (0..sets).map(|_| Set::default()).collect() }
    }

    /// How many buckets there is room for.
    pub(super) fn len(&self) -> usize {
        self.sets.len() * WAYS
    }

    /// Buckets that are not full.
    pub(super) fn busy(&self, now: u32) -> usize {
        let words = self.sets.iter().flat_map(|set| &set.0).map(|place| place.load(Ordering::Relaxed));
        words.filter(|&word| until_full(word, now) > 0).count()
    }

    /// Forgets the buckets that are full: they say nothing, and would be misread when the ticks have wrapped.
    pub(super) fn sweep(&self, now: u32) {
        for place in self.sets.iter().flat_map(|set| &set.0) {
            let word = place.load(Ordering::Relaxed);
            if word != 0 && until_full(word, now) == 0 {
                // Whoever has taken a token meanwhile keeps it.
                let _kept = place.compare_exchange(word, 0, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
    }

    /// Takes a token from the bucket of a key. Of those that get none each `slip`th slips; 0: none does.
    #[inline(always)]
    pub(super) fn take(&self, key: u64, now: u32, rate: Rate, slip: u32) -> Taken {
        if rate.step == 0 {
            return Taken::Token;
        }
        let set = &self.sets[(key >> 32) as usize & (self.sets.len() - 1)];
        let tag = key as u32 & !(USED | COUNT) | USED;
        // Each try that fails is a success of another thread.
        loop {
            let found = set.find(key, tag, now);
            let count = if found.is_own { found.word as u32 & COUNT } else { 0 };
            let busy = if found.is_own { until_full(found.word, now) } else { 0 };
            let (word, taken) = if busy <= rate.slack {
                let full = now.wrapping_add(busy).wrapping_add(rate.step);
                (word(full, tag | count), if found.is_busy_other { Taken::TokenOfAnother } else { Taken::Token })
            } else {
                let slips = slip != 0 && count + 1 >= slip;
                let count = if slips || slip == 0 { 0 } else { count + 1 };
                (word((found.word >> 32) as u32, tag | count), Taken::Nothing { slips })
            };
            if found.place.compare_exchange(found.word, word, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return taken;
            }
        }
    }
}

/// The place where a key stands, or may.
struct Found<'t> {
    place: &'t AtomicU64,
    word: u64,
    /// It is the key's own bucket.
    is_own: bool,
    /// It is another's that is not full.
    is_busy_other: bool,
}

impl Set {
    #[inline(always)]
    fn find(&self, key: u64, tag: u32, now: u32) -> Found<'_> {
        // The key's first choice, where it nearly always stands.
        let first = (key >> 62) as usize & (WAYS - 1);
        let place = &self.0[first];
        let word = place.load(Ordering::Relaxed);
        if word as u32 & !COUNT == tag {
            return Found { place, word, is_own: true, is_busy_other: false };
        }
        self.search((place, word), tag, now)
    }

    /// The same when it does not stand at its first choice.
    #[inline(always)]
    fn search<'t>(&'t self, (mut place, mut word): (&'t AtomicU64, u64), tag: u32, now: u32) -> Found<'t> {
        let mut least = until_full(word, now);
        for other in &self.0 {
            let found = other.load(Ordering::Relaxed);
            if found as u32 & !COUNT == tag {
                return Found { place: other, word: found, is_own: true, is_busy_other: false };
            }
            let busy = until_full(found, now);
            if busy < least {
                (place, word, least) = (other, found, busy);
            }
        }
        Found { place, word, is_own: false, is_busy_other: least > 0 }
    }
}

#[inline(always)]
const fn word(full: u32, rest: u32) -> u64 {
    (full as u64) << 32 | rest as u64
}

/// Ticks until a bucket is full; 0: it is, or nothing stands there.
#[inline(always)]
const fn until_full(word: u64, now: u32) -> u32 {
    let busy = ((word >> 32) as u32).wrapping_sub(now);
    if busy > BUSY_MAX || word as u32 & USED == 0 { 0 } else { busy }
}
