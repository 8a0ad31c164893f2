//! What part of the clients each member of a table gets, worked out from the table and not by drawing. For people and
//! simulations; off the query path.

use super::{Layout, Member, Table};
use crate::id::EndpointId;
use crate::pool::balance::spread::Order;
use crate::pool::balance::weighted;

impl Table {
    /// The members with their parts of the first addresses of answers, 0 to 1; together they come to 1. Exact over all
    /// clients for every method but one: `least-connections` and `least-load` of several answers, and stable choices of
    /// few blocks, are near it.
    #[must_use]
    pub fn expected(&self) -> Vec<(EndpointId, f64)> {
        let count = self.members.len();
        let parts: Vec<f64> = match &self.layout {
            Layout::Weighted { .. } | Layout::Lesser { .. } | Layout::Least { .. } => self.stretches(count),
            Layout::Rotated { .. } => equal(count, count),
            Layout::Failover => equal(1, count),
            Layout::Nearest { tie } | Layout::Tied { tie, .. } => equal(usize::from(*tie).max(1), count),
            Layout::Hash { .. } => self.by_number(count),
            Layout::Winners { winners } => counted(winners.iter().map(|&index| usize::from(index)), count),
            Layout::Smooth { sequence: indices } | Layout::Slots { slots: indices } => {
                counted(indices.iter().map(|&index| usize::from(index)), count)
            }
            Layout::Quickest { sharing, .. } => self.stretches(usize::from(*sharing)),
            Layout::Spread(spread) => match &spread.order {
                Order::Weighted | Order::Hash(_) | Order::Least(_) => self.by_number(count),
                Order::Rotated(_) => equal(count, count),
                Order::Smooth(sequence) => counted(sequence.iter().map(|&index| usize::from(index)), count),
                Order::Written(tie) => equal(usize::from(*tie).max(1), count),
                Order::Quickest(sharing) => self.by_number(usize::from(*sharing)),
            },
        };
        self.members.iter().zip(parts).map(|(member, part)| (member.endpoint, part)).collect()
    }

    /// The first `count` members by weights that were laid out as running sums.
    fn stretches(&self, count: usize) -> Vec<f64> {
        let weight = |index| f64::from(weighted::stretch(&self.members, index).1);
        self.by_weight(count, weight)
    }

    /// The first `count` members by weights that stand as they are.
    fn by_number(&self, count: usize) -> Vec<f64> {
        let number = |member: &Member| f64::from(member.number);
        self.by_weight(count, |index| number(&self.members[index]))
    }

    fn by_weight(&self, count: usize, weight: impl Fn(usize) -> f64) -> Vec<f64> {
        let total: f64 = (0..count).map(&weight).sum();
        (0..self.members.len()).map(|index| if index < count { weight(index) / total } else { 0.0 }).collect()
    }
}

/// The first `sharing` of `count` get the same.
fn equal(sharing: usize, count: usize) -> Vec<f64> {
    (0..count).map(|index| if index < sharing { 1.0 / sharing as f64 } else { 0.0 }).collect()
}

/// As often as each of `count` indices comes.
fn counted(indices: impl ExactSizeIterator<Item = usize>, count: usize) -> Vec<f64> {
    let total = indices.len() as f64;
    let mut parts = vec![0.0; count];
    indices.for_each(|index| parts[index] += 1.0 / total);
    parts
}
