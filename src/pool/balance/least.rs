//! `least-connections` and `least-load`: two different members are drawn by weight, and the less loaded of them is
//! picked; if they are equally loaded, the one drawn first. So equal loads give each its share by weight, and a number
//! that is seconds old never sends every client to one member of many ("the power of two choices", Mitzenmacher 2001).
//!
//! For more answers one member more than asked for is drawn; the most loaded is left out, the others are answered from
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

/// Picks `answers` members (at most all) whose `number` is a running sum that ends at `total`.
#[inline(never)]
pub(in crate::pool) fn pick(
    members: &[Member],
    ranks: &[u16],
    total: u32,
    answers: usize,
    draw: &mut Draw,
    out: &mut Picked,
) {
    if answers > 1 || members.len() == 1 {
        return pick_several(members, ranks, total, answers, draw, out);
    }
    let first = weighted::find(members, draw.below(total));
    let (start, weight) = weighted::stretch(members, first);
    // The second draw is among the others: the stretch of the first is left out.
    let point = draw.below(total - weight);
    let second = weighted::find(members, if point < start { point } else { point + weight });
    let picked = if ranks[second] < ranks[first] { second } else { first };
    out.push(members[picked].endpoint);
}

/// The part of the members' first answers that is one member's, 0 to 1.
pub(in crate::pool) fn share(members: &[Member], ranks: &[u16], total: u32, index: usize) -> f64 {
    let weight = |index: usize| f64::from(weighted::stretch(members, index).1);
    let (total, own) = (f64::from(total), weight(index));
    // The other one is drawn first or second; as the second it loses where they are equal.
    let with = |other: usize| {
        let (first, second) =
            (own / total * weight(other) / (total - own), weight(other) / total * own / (total - weight(other)));
        f64::from(u8::from(ranks[index] <= ranks[other])) * first
            + f64::from(u8::from(ranks[index] < ranks[other])) * second
    };
    if members.len() == 1 { 1.0 } else { (0..members.len()).filter(|&other| other != index).map(with).sum() }
}

#[inline(never)]
fn pick_several(members: &[Member], ranks: &[u16], total: u32, answers: usize, draw: &mut Draw, out: &mut Picked) {
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
