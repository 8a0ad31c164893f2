//! What one thread keeps between queries: its random generator, its cursors and its counts.

use crate::cookies::Standing;
use crate::dnssec::RrSet;
use crate::id::{NameId, PoolId, ZoneId};
use crate::metrics::{Count, Ledger, Tally};
use crate::pool::Picked;
use crate::respond::Request;
use crate::rrl::Judged;
use crate::snapshot;
use crate::state::State;
use crate::transfer::Transfer;
use crate::update::Update;
use crate::wire::code::rcode;
use std::sync::Arc;

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
    /// The RRset whose signature was looked for last: its room is used again.
    pub(crate) rrset: RrSet,
    /// What the last query came to, as far as it is counted.
    pub(crate) trace: Trace,
    /// What the last query is handed on as, after [`crate::respond::Verdict::Hand`].
    handed: Option<Handed>,
    /// When the queries came that are being answered, nanoseconds; kept only where [`Worker::wants_time`].
    pub now: u64,
    /// Replies are limited.
    is_limited: bool,
    /// No zone is signed, and replies are not limited.
    only_answers: bool,
    /// A zone is signed, and replies are not limited.
    only_signs: bool,
    tally: Arc<Tally>,
    /// Those of the tally, at hand.
    counts: Arc<[Count]>,
    /// Where names are counted, and how many by themselves.
    names: (usize, usize),
    ledger: Arc<Ledger>,
}

/// What a query is handed on as.
#[derive(Debug)]
pub enum Handed {
    /// Messages, one after the other.
    Transfer(Box<Transfer>),
    /// Something that takes longer than an answer.
    Update(Box<Update>),
}

/// What a query came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trace {
    /// Where the responses of its zone are counted.
    pub responses: u32,
    /// Where its answer is counted; nowhere if no balanced name was asked for.
    pub answer: u32,
}

impl Trace {
    /// That of a query of which nothing is known yet.
    const NEW: Self = Self { responses: snapshot::responses(None) as u32, answer: snapshot::NOWHERE as u32 };
}

impl Worker {
    /// A worker whose draws follow from `seed` alone.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            draw: Draw::new(seed),
            cursors: Vec::new(),
            generation: u64::MAX,
            picked: Picked::new(),
            rrset: RrSet::default(),
            trace: Trace::NEW,
            handed: None,
            now: 0,
            // Until it has seen a state.
            is_limited: true,
            only_answers: false,
            only_signs: false,
            tally: Arc::default(),
            counts: Arc::new([]),
            names: (0, 0),
            ledger: Arc::default(),
        }
    }

    /// The same worker, whose counts go into a ledger that others read.
    #[must_use]
    pub fn counting_into(self, ledger: Arc<Ledger>) -> Self {
        Self { ledger, ..self }
    }

    /// Makes the cursors fit the state's configuration, each at a random place, and the counts. Allocates at a new generation only.
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
        self.tally = self.ledger.tally(&state.snapshot.counted);
        self.counts = Arc::clone(self.tally.counts());
        self.names = state.snapshot.counted.names();
        self.is_limited = state.identity.limiter.is_some();
        self.only_answers = !self.is_limited && !state.snapshot.signs;
        self.only_signs = !self.is_limited && state.snapshot.signs;
    }

    /// True if answers are all there is to do: no zone is signed, and replies are not limited.
    #[inline(always)]
    pub(crate) const fn only_answers(&self) -> bool {
        self.only_answers
    }

    /// True if answers and their signatures are: a zone is signed, and replies are not limited.
    #[inline(always)]
    pub(crate) const fn only_signs(&self) -> bool {
        self.only_signs
    }

    /// True if what it answers depends on the time.
    #[inline]
    #[must_use]
    pub const fn wants_time(&self) -> bool {
        self.is_limited
    }

    /// Adds one. An index that the configuration does not give is passed over.
    #[inline(always)]
    fn count(&self, index: usize) {
        if let Some(count) = self.counts.get(index) {
            count.add(1);
        }
    }

    /// Counts a query that gets no reply.
    pub(crate) fn asked(&self, request: &Request<'_>, qtype: u16) {
        self.count(place(request, qtype));
    }

    /// The query is one for no zone of ours, as far as is known.
    pub(crate) fn found_nothing(&mut self) {
        self.trace = Trace::NEW;
    }

    /// The query is one for a zone of ours.
    #[inline(always)]
    pub(crate) fn found(&mut self, zone: ZoneId) {
        self.trace = Trace { responses: snapshot::responses(Some(zone)) as u32, ..Trace::NEW };
    }

    /// Counts a decision about a balanced name.
    #[inline(always)]
    pub(crate) fn decided(&mut self, name: NameId, count: u32) {
        self.trace.answer = count;
        self.count(count as usize);
        if self.names.1 > 0 {
            self.count_name(name);
        }
    }

    #[cold]
    fn count_name(&self, name: NameId) {
        self.count(self.names.0 + name.index().min(self.names.1));
    }

    /// Counts a query and the reply to it.
    #[inline(always)]
    pub(crate) fn replied(&self, request: &Request<'_>, qtype: u16, rcode: u16) {
        let (asked, responses) = (place(request, qtype), self.trace.responses as usize);
        if rcode == rcode::NOERROR {
            self.count(responses + snapshot::usual(asked));
        } else {
            self.count(asked);
            self.count(responses + snapshot::code(rcode));
        }
    }

    /// Counts what became of a reply that was over a limit, or made another's bucket go.
    pub(crate) fn judged(&self, judged: Judged) {
        self.ledger.limits().count(judged);
    }

    /// Counts a cookie that was shown.
    pub(crate) fn showed(&self, standing: Standing) {
        self.ledger.limits().count_cookie(standing);
    }

    /// Counts a reply that says BADCOOKIE.
    pub(crate) fn refused_cookie(&self) {
        self.ledger.limits().count_bad_cookie();
    }

    /// What the last query came to.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.trace
    }

    /// Hands a query on: whoever carries messages takes it.
    pub(crate) fn hand(&mut self, handed: Handed) {
        self.handed = Some(handed);
    }

    /// Takes what the last query is handed on as.
    pub fn take_handed(&mut self) -> Option<Handed> {
        self.handed.take()
    }

    /// What it counts.
    #[must_use]
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// The cursor of a pool in one family, the draws, and the room for picks.
    #[inline]
    pub(crate) fn rotation(&mut self, pool: PoolId, lane: usize) -> (&mut u32, &mut Draw, &mut Picked) {
        (&mut self.cursors[2 * pool.index() + lane], &mut self.draw, &mut self.picked)
    }
}

/// The place of a query among the requests.
#[inline(always)]
fn place(request: &Request<'_>, qtype: u16) -> usize {
    snapshot::request(request.transport, request.source.address.family, qtype)
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

    /// A generator whose first number is this: the function of [`Draw::next`], undone step by step.
    #[must_use]
    pub const fn beginning_with(first: u64) -> Self {
        let mut z = first;
        z ^= (z >> 31) ^ (z >> 62);
        z = z.wrapping_mul(0x3196_42b2_d24d_8ec3);
        z ^= (z >> 27) ^ (z >> 54);
        z = z.wrapping_mul(0x96de_1b17_3f11_9089);
        z ^= (z >> 30) ^ (z >> 60);
        Self(z.wrapping_sub(0x9e37_79b9_7f4a_7c15))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_can_begin_with_any_number() {
        for first in [0, 1, 77, u64::MAX, 1 << 63, 0x0123_4567_89ab_cdef] {
            assert_eq!(Draw::beginning_with(first).next(), first);
        }
    }
}
