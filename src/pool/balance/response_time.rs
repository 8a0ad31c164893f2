//! `least-response-time`: the members whose smoothed probe time × (1 + 0.1 × reported connections) is within 10 percent
//! of the lowest share the clients by weight; for more answers the others follow from the quickest on. It measures from
//! the prober, not from the client.

use super::{least, weighted};
use crate::pool::select::{Candidate, Member, Picked};
use crate::worker::Draw;

/// Puts those that share the clients first, as they were written, then the others from the quickest on; gives how many
/// share. Without any time all do. Who has no time, or reports no load, counts as the average of the others.
pub(in crate::pool) fn lay_out(candidates: &mut Vec<&Candidate>) -> usize {
    if candidates.iter().all(|candidate| candidate.time_us.is_none()) {
        return candidates.len();
    }
    let times = least::filled(candidates.iter().map(|c| c.time_us.map(|time| u128::from(time.max(1)))).collect());
    let loads = least::filled(candidates.iter().map(|c| c.load.map(|load| u128::from(load.thousandths()))).collect());
    let mut ordered: Vec<(u128, &Candidate)> = times
        .iter()
        .zip(loads)
        .zip(&*candidates)
        // Each connection, a thousand thousandths, adds a tenth.
        .map(|((time, load), candidate)| (time * (10_000 + load), *candidate))
        .collect();
    let lowest = ordered.iter().map(|one| one.0).min().unwrap_or(0);
    let shares = |cost: u128| cost * 10 <= lowest * 11;
    ordered.sort_by_key(|&(cost, _)| if shares(cost) { 0 } else { cost });
    candidates.clear();
    candidates.extend(ordered.iter().map(|one| one.1));
    ordered.iter().take_while(|one| shares(one.0)).count()
}

/// Picks `answers` members (at most all): first of the `sharing` ones, whose `number` is a running sum that ends at
/// `total`, by draws.
#[inline(always)]
pub(in crate::pool) fn pick(
    members: &[Member],
    (sharing, total): (usize, u32),
    answers: usize,
    draw: &mut Draw,
    out: &mut Picked,
) {
    weighted::pick(&members[..sharing], total, answers, draw, out);
    if answers > sharing {
        members[sharing..].iter().take(answers - sharing).for_each(|member| out.push(member.endpoint));
    }
}
