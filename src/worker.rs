//! What one thread keeps between queries: its random generator, its cursors and its counters.

use crate::id::PoolId;
use crate::pool::Picked;
use crate::state::State;

/// A thread's own memory, never shared.
#[derive(Debug)]
pub struct Worker {
    /// Random draws, seeded once from the outside.
    pub draw: Draw,
    /// Where the rotating methods stand: for each pool one cursor a family, since a client that asks for A and AAAA in
    /// turn would else always see the same half of a pool of two. Sized for `generation`.
    pub cursors: Vec<u32>,
    /// The configuration that `cursors` are for.
    pub generation: u64,
    /// What the last decision picked: kept here, so that no query clears or copies the room for it.
    pub(crate) picked: Picked,
}

impl Worker {
    /// A worker whose draws follow from `seed` alone.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { draw: Draw::new(seed), cursors: Vec::new(), generation: u64::MAX, picked: Picked::new() }
    }

    /// Makes the cursors fit the state's configuration, each at a random place. Allocates at a new generation only.
    #[inline]
    pub fn follow(&mut self, state: &State) {
        if self.generation != state.generation {
            self.renew(state);
        }
    }

    #[cold]
    fn renew(&mut self, state: &State) {
        self.generation = state.generation;
        self.cursors.clear();
        self.cursors.shrink_to(2 * state.snapshot.pools.len());
        self.cursors.resize_with(2 * state.snapshot.pools.len(), || (self.draw.next() >> 32) as u32);
    }

    /// The cursor of a pool in one family, the draws, and the room for picks.
    #[inline]
    pub(crate) fn rotation(&mut self, pool: PoolId, lane: usize) -> (&mut u32, &mut Draw, &mut Picked) {
        (&mut self.cursors[2 * pool.index() + lane], &mut self.draw, &mut self.picked)
    }
}

/// A small, fast generator (splitmix64, Steele et al. 2014): its quality is ample for picking endpoints.
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    /// A generator whose numbers follow from `seed` alone.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    #[expect(clippy::should_implement_trait, reason = "an endless source of numbers is no sequence to walk")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound` (Lemire's multiplication; the bias is below 2⁻³² for our bounds).
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }
}
