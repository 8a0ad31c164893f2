//! Which counts of answers the live rows lead to: what health decides, and no query.

use super::decide::Answer;
use super::live::Live;
use super::rows::{Leaf, Own, RowChunk};
use crate::client::Family;
use crate::snapshot::Snapshot;
use std::collections::BTreeSet;

impl Live {
    /// The counts that answers add to as things are. For metrics; off the query path.
    #[must_use]
    pub fn counts(&self, snapshot: &Snapshot) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        for class in 0..snapshot.plan.len() {
            for family in Family::BOTH {
                let (row, chunk) = self.row(class, family as usize);
                let outcome = |answer: Answer| snapshot.counted.outcome(class, answer.place());
                follow(row.leaf, chunk, &outcome, &mut found);
            }
        }
        found
    }
}

fn follow(leaf: Leaf, chunk: &RowChunk, outcome: &impl Fn(Answer) -> usize, found: &mut BTreeSet<usize>) {
    match leaf {
        Leaf::Pending => drop(found.insert(outcome(Answer::Pending))),
        Leaf::NoData => drop(found.insert(outcome(Answer::NoData))),
        Leaf::ServFail => drop(found.insert(outcome(Answer::ServFail))),
        Leaf::Pool { count, .. } => drop(found.insert(count as usize)),
        Leaf::Own(index) => match &chunk.own[index as usize] {
            Own::Near { count, .. } => drop(found.insert(*count as usize)),
            Own::Split { parts, .. } => parts.iter().for_each(|part| follow(part.leaf, chunk, outcome, found)),
            Own::Shed { parts, rest, .. } => {
                parts.iter().for_each(|part| follow(part.leaf, chunk, outcome, found));
                follow(*rest, chunk, outcome, found);
            }
        },
    }
}
