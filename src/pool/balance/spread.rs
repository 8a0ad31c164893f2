//! `spread`: the addresses of one answer never share a failure domain. Every method keeps its own order; who shares a
//! domain with a member that is in the answer already is passed over. Answers of one address never come here.

use super::least::Drawn;
use super::{hash, nearest};
use crate::limits::{ANSWERS_ALL, ANSWERS_MAX, POOL_ENDPOINTS_MAX};
use crate::pool::rendezvous::Key;
use crate::pool::select::{Asker, Candidate, Member, Picked};
use crate::worker::Draw;

/// The members' failure domains, and the order in which the method would take them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::pool) struct Spread {
    domains: Box<[u16]>,
    pub(in crate::pool) order: Order,
}

/// A method's order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::pool) enum Order {
    /// By draws, by weight.
    Weighted,
    /// By the client's key; with the members' name bits.
    Hash(Box<[u64]>),
    /// From one to the next, beginning further by one with each answer; at most so many.
    Rotated(u8),
    /// As a sequence says, then from one to the next.
    Smooth(Box<[u16]>),
    /// As written; the first few are equally near and go by the client's key.
    Written(u16),
    /// By draws, by weight, from the least loaded on; with the members' ranks.
    Least(Box<[u16]>),
    /// The first few by draws, by weight; then as they stand.
    Quickest(u16),
}

/// The domain of a member that shares none.
pub const ALONE: u16 = u16::MAX;

/// The domains of candidates if at least two share one, else `None`: then there is nothing to look at.
pub(in crate::pool) fn domains<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> Option<Box<[u16]>> {
    const OWN: u16 = POOL_ENDPOINTS_MAX as u16;
    let number = |(index, candidate): (usize, &Candidate)| match candidate.domain {
        ALONE => OWN + index as u16,
        domain => domain,
    };
    let domains: Box<[u16]> = candidates.enumerate().map(number).collect();
    let mut sorted = domains.clone();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1]).then_some(domains)
}

impl Spread {
    pub(in crate::pool) const fn new(domains: Box<[u16]>, order: Order) -> Self {
        Self { domains, order }
    }

    /// Picks up to `answers` members, no two of one domain. Weights are the members' `number`s.
    #[cold]
    /// The order.
    pub(in crate::pool) const fn order(&self) -> &Order {
        &self.order
    }

    pub(in crate::pool) fn pick(
        &self,
        members: &[Member],
        answers: usize,
        asker: &Asker,
        (cursor, draw): (&mut u32, &mut Draw),
        out: &mut Picked,
    ) {
        let mut round = Round { members, domains: &self.domains, taken: [0; _], count: 0, answers, out };
        match &self.order {
            Order::Weighted => while round.take_drawn(members.len(), draw) {},
            Order::Hash(names) => {
                let key = asker.endpoint_key();
                while round.take_hashed(names, key) {}
            }
            Order::Rotated(most) => {
                round.answers = answers.min(usize::from(*most));
                let start = *cursor as usize % members.len();
                *cursor = cursor.wrapping_add(1);
                round.walk((start..members.len()).chain(0..start));
            }
            Order::Smooth(sequence) => {
                let start = usize::from(sequence[*cursor as usize % sequence.len()]);
                *cursor = cursor.wrapping_add(1);
                round.walk((start..members.len()).chain(0..start));
            }
            Order::Written(tie) => {
                let (tie, key) = (usize::from(*tie), asker.near_key());
                while round.take_equally_near(tie, key) {}
                round.walk(tie..members.len());
            }
            Order::Least(ranks) => round.take_least_loaded(ranks, draw),
            Order::Quickest(sharing) => {
                let sharing = usize::from(*sharing);
                while round.take_drawn(sharing, draw) {}
                round.walk(sharing..members.len());
            }
        }
    }
}

/// Most answers of a rotation: of `all`, or of a round-robin.
pub(in crate::pool) const fn rotated(all: bool) -> Order {
    Order::Rotated(if all { ANSWERS_ALL } else { ANSWERS_MAX })
}

/// One answer in the making.
struct Round<'a> {
    members: &'a [Member],
    domains: &'a [u16],
    /// The domains of what was taken, so many.
    taken: [u16; ANSWERS_MAX as usize + 1],
    count: usize,
    answers: usize,
    out: &'a mut Picked,
}

impl Round<'_> {
    fn is_full(&self) -> bool {
        self.count >= self.answers
    }

    fn is_free(&self, index: usize) -> bool {
        !self.taken[..self.count].contains(&self.domains[index])
    }

    fn take(&mut self, index: usize) {
        self.hold(index);
        self.out.push(self.members[index].endpoint);
    }

    /// Its domain is taken; whether it is answered is seen later.
    fn hold(&mut self, index: usize) {
        self.taken[self.count] = self.domains[index];
        self.count += 1;
    }

    /// Takes one more of those that are free, by a function of its index whose least wins; false if none was taken.
    fn take_least<T: Ord>(&mut self, among: usize, rank: impl Fn(usize) -> T) -> bool {
        if self.is_full() {
            return false;
        }
        let least = (0..among).filter(|&index| self.is_free(index)).min_by_key(|&index| rank(index));
        least.inspect(|&index| self.take(index)).is_some()
    }

    fn take_equally_near(&mut self, tie: usize, key: Key) -> bool {
        let members = self.members;
        self.take_least(tie, |index| nearest::draw(&members[index], key))
    }

    fn take_hashed(&mut self, names: &[u64], key: Key) -> bool {
        let members = self.members;
        // The least distance by weight, exact: the quotients are compared as fractions with 32 bits behind the point.
        let rank =
            |index: usize| (u128::from(hash::distance_of(key, names[index])) << 32) / u128::from(members[index].number);
        self.take_least(members.len(), rank)
    }

    fn take_drawn(&mut self, among: usize, draw: &mut Draw) -> bool {
        let drawn = if self.is_full() { None } else { self.draw(among, draw) };
        drawn.inspect(|&index| self.take(index)).is_some()
    }

    /// As `least` picks: one more than asked for is drawn, and the most loaded is left out.
    fn take_least_loaded(&mut self, ranks: &[u16], draw: &mut Draw) {
        let mut drawn = Drawn::new();
        while self.count <= self.answers
            && let Some(index) = self.draw(self.members.len(), draw)
        {
            self.hold(index);
            drawn.put(ranks[index], index);
        }
        drawn.best(self.answers).for_each(|index| self.out.push(self.members[index].endpoint));
    }

    /// Draws one of the first members that is free, by weight.
    fn draw(&self, among: usize, draw: &mut Draw) -> Option<usize> {
        let total: u64 = (0..among).filter(|&i| self.is_free(i)).map(|i| u64::from(self.members[i].number)).sum();
        if total == 0 {
            return None;
        }
        let mut point = ((u128::from(draw.next()) * u128::from(total)) >> 64) as u64;
        for index in (0..among).filter(|&index| self.is_free(index)) {
            let weight = u64::from(self.members[index].number);
            if point < weight {
                return Some(index);
            }
            point -= weight;
        }
        None
    }

    fn walk(&mut self, order: impl Iterator<Item = usize>) {
        for index in order {
            if self.is_full() {
                return;
            }
            if self.is_free(index) {
                self.take(index);
            }
        }
    }
}
