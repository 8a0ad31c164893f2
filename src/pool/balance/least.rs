//! `least-connections` and `least-load`: two different members are drawn by weight, and the less loaded of them is
//! picked; if they are equally loaded, the one drawn first. So equal loads give each its share by weight, and a number
//! that is seconds old never sends every client to one member of many ("the power of two choices", Mitzenmacher 2001).
//!
//! The two draws are worked out when the table is laid out: they give each member a share of the answers, and a query
//! draws once by these shares. For more answers one member more than asked for is drawn; the most loaded is left out, the others are answered from
//! the least loaded on. Loads are compared when the table is laid out: a query compares ranks.

use super::weighted;
use crate::limits::ANSWERS_MAX;
use crate::pool::select::{Candidate, Member, Picked};
use crate::worker::Draw;

/// The ranks of candidates by load, 0 the least loaded; equal loads are of one rank. `per_weight`: a load is divided by
/// the weight (connections); else it is compared as it is (a utilisation). Who reports nothing counts as the average of
/// the others.
pub(in crate::pool) fn ranks(candidates: &[&Candidate], per_weight: bool) -> Box<[u16]> {
    let load = |candidate: &&Candidate| {
        let weight = if per_weight { candidate.weight.max(1) } else { 1 };
        candidate.load.map(|load| (u128::from(load.thousandths()) << 32) / u128::from(weight))
    };
    let loads = filled(candidates.iter().map(load).collect());
    let mut steps = loads.clone();
    steps.sort_unstable();
    steps.dedup();
    loads.iter().map(|load| steps.partition_point(|step| step < load) as u16).collect()
}

/// Puts the average of the numbers that are known in the place of those that are not; 0 if none is.
pub(super) fn filled(numbers: Vec<Option<u128>>) -> Vec<u128> {
    let known = numbers.iter().flatten().count() as u128;
    let average = numbers.iter().flatten().sum::<u128>().checked_div(known).unwrap_or(0);
    numbers.into_iter().map(|number| number.unwrap_or(average)).collect()
}

/// What all shares come to, but for rounding.
const WHOLE: f64 = (1_u32 << 30) as f64;

/// Turns weights into running sums of the shares that one answer's draws give each member; gives their total. So one
/// answer is one draw: the two draws and the comparison are done here, for all queries.
pub(in crate::pool) fn lay_out(members: &mut [Member], ranks: &[u16]) -> u32 {
    let shares = shares(members, ranks);
    let mut sum = 0;
    for (member, share) in members.iter_mut().zip(shares) {
        sum += (share * WHOLE).round() as u32;
        member.number = sum;
    }
    sum
}

/// The part of the first answers that is each member's, 0 to 1; `number` is their weight. A member is picked when it is
/// drawn first and the second one is no less loaded, or when it is drawn second and the first one is more loaded.
fn shares(members: &[Member], ranks: &[u16]) -> Vec<f64> {
    if let [_] = members {
        return vec![1.0];
    }
    let weight = |index: usize| f64::from(members[index].number);
    let total: f64 = (0..members.len()).map(weight).sum();
    // By rank: the weights of those of this rank and above it, and their chances to be the first of two, each for what
    // is left for the second.
    let steps = ranks.iter().max().map_or(0, |&most| usize::from(most) + 1);
    let mut above = vec![(0.0, 0.0); steps + 1];
    for (index, &rank) in ranks.iter().enumerate() {
        let (weights, chances) = &mut above[usize::from(rank)];
        *weights += weight(index);
        *chances += weight(index) / (total - weight(index));
    }
    for rank in (0..steps).rev() {
        let (weights, chances) = above[rank + 1];
        above[rank].0 += weights;
        above[rank].1 += chances;
    }
    let share = |(index, &rank): (usize, &u16)| {
        let (own, rank) = (weight(index), usize::from(rank));
        let first = own / total * (above[rank].0 - own) / (total - own);
        first + own / total * above[rank + 1].1
    };
    ranks.iter().enumerate().map(share).collect()
}

/// Picks `answers` members, two or more (at most all), whose `number` is a running sum that ends at `total`.
#[inline(never)]
pub(in crate::pool) fn pick(
    members: &[Member],
    ranks: &[u16],
    total: u32,
    answers: usize,
    draw: &mut Draw,
    out: &mut Picked,
) {
    let mut drawn = Drawn::new();
    weighted::draw_several(members, total, answers + 1, draw, |index| drawn.put(ranks[index], index));
    drawn.best(answers).for_each(|index| out.push(members[index].endpoint));
}

/// The members drawn for one answer, from the least loaded on; of equally loaded ones that which was drawn first.
pub(super) struct Drawn {
    /// Rank and index.
    drawn: [(u16, u16); ANSWERS_MAX as usize + 1],
    count: usize,
}

impl Drawn {
    pub(super) const fn new() -> Self {
        Self { drawn: [(0, 0); ANSWERS_MAX as usize + 1], count: 0 }
    }

    /// Puts one in its place.
    pub(super) fn put(&mut self, rank: u16, index: usize) {
        let place = self.drawn[..self.count].iter().take_while(|drawn| drawn.0 <= rank).count();
        self.drawn.copy_within(place..self.count, place + 1);
        self.drawn[place] = (rank, index as u16);
        self.count += 1;
    }

    /// The indices of the first `answers`.
    pub(super) fn best(&self, answers: usize) -> impl Iterator<Item = usize> + '_ {
        self.drawn[..self.count].iter().take(answers).map(|drawn| usize::from(drawn.1))
    }
}
