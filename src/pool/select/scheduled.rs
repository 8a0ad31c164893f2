//! Picks of several members from a schedule: answers that are signed are few, so that each is signed once. A pool that
//! answers with one member has as many answers as members, and needs none.

use super::{Asker, Layout, Order, Picked, Table};
use crate::address::Bits;
use crate::limits::SIGNED_SETS;
use crate::worker::Draw;

/// What chooses the place in the schedule.
enum Chooser {
    /// The client's block, by `Asker::endpoint_key`.
    Endpoint,
    /// The same by `Asker::near_key`.
    Near,
    /// A draw.
    Draw,
}

impl Table {
    /// True if different answers have different members, several each: one with all of them, or with one, is among few
    /// as it is.
    #[inline(always)]
    #[must_use]
    pub fn varies(&self) -> bool {
        matches!(self.layout, Layout::Spread(_)) || (2..self.members.len()).contains(&usize::from(self.answers))
    }

    /// Picks the members of one answer, one of at most [`SIGNED_SETS`] answers that the table gives. The first member is
    /// drawn as [`Table::pick`] draws it, in steps of one place; who stays with a member by a hash stays with a place.
    pub fn pick_scheduled(&self, asker: &Asker, draw: &mut Draw, out: &mut Picked) {
        // As many places for each member, so that none gets more than its part.
        let places = match self.members.len() as u32 {
            0 => return,
            members @ 1..=SIGNED_SETS => SIGNED_SETS - SIGNED_SETS % members,
            _ => SIGNED_SETS,
        };
        let of_key = |bits: u64| (bits % u64::from(places)) as u32;
        let place = match self.chooser() {
            Chooser::Endpoint => of_key(asker.endpoint_key().bits()),
            Chooser::Near => of_key(asker.near_key().bits()),
            Chooser::Draw => draw.below(places),
        };
        // All that a pick looks at follows from the place.
        let asker = Asker { address: Bits::v4(place << 8), endpoint_bits: 24, pool_bits: 24, salt: asker.salt };
        let middle = (u64::from(place) * 2 + 1) * (u64::MAX / (2 * u64::from(places)));
        self.pick(asker, &mut place.clone(), &mut Draw::beginning_with(middle), out);
    }

    fn chooser(&self) -> Chooser {
        match &self.layout {
            Layout::Hash { .. } | Layout::Winners { .. } | Layout::Slots { .. } => Chooser::Endpoint,
            Layout::Nearest { .. } | Layout::Tied { .. } => Chooser::Near,
            Layout::Spread(spread) => match spread.order() {
                Order::Hash(_) => Chooser::Endpoint,
                Order::Written(_) => Chooser::Near,
                _ => Chooser::Draw,
            },
            _ => Chooser::Draw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ALONE, Candidate};
    use super::*;
    use crate::id::EndpointId;
    use crate::pool::Balance;
    use std::collections::{BTreeMap, BTreeSet};

    fn table(balance: Balance, answers: u8, weights: &[u32]) -> Table {
        let candidate = |(index, &weight): (usize, &u32)| Candidate {
            endpoint: EndpointId::new(index),
            weight,
            name: index as u64 * 77,
            domain: ALONE,
            load: None,
            time_us: None,
        };
        let candidates: Vec<_> = weights.iter().enumerate().map(candidate).collect();
        Table::new(balance, answers, &candidates, weights.len())
    }

    /// The sets that many clients get, and how often each member comes first, by place.
    fn picked(table: &Table, queries: u32) -> (BTreeSet<Vec<usize>>, BTreeMap<usize, u32>) {
        let (mut draw, mut sets, mut firsts) = (Draw::new(1), BTreeSet::new(), BTreeMap::new());
        for query in 0..queries {
            let asker = Asker { address: Bits::v4(query << 8), endpoint_bits: 24, pool_bits: 16, salt: 7 };
            let mut out = Picked::new();
            table.pick_scheduled(&asker, &mut draw, &mut out);
            let mut members: Vec<usize> = out.as_slice().iter().map(|id| id.index()).collect();
            *firsts.entry(members[0]).or_default() += 1;
            members.sort_unstable();
            assert_eq!(members.len(), usize::from(table.answers));
            sets.insert(members);
        }
        (sets, firsts)
    }

    #[test]
    fn no_method_has_more_sets_than_the_schedule_has_places() {
        for balance in [
            Balance::Weighted,
            Balance::RoundRobin,
            Balance::WeightedRoundRobin,
            Balance::Failover,
            Balance::Hash,
            Balance::LeastConnections,
        ] {
            let (sets, firsts) = picked(&table(balance, 4, &[1; 20]), 5_000);
            assert!(sets.len() <= SIGNED_SETS as usize, "{balance:?}: {}", sets.len());
            assert!(firsts.len() == 20 || balance == Balance::Failover || balance == Balance::Hash, "{firsts:?}");
        }
    }

    #[test]
    fn members_come_first_by_their_weights() {
        let (_, firsts) = picked(&table(Balance::Weighted, 2, &[1, 2, 3, 4]), 40_000);
        for (member, times) in firsts {
            let part = f64::from(times) / 40_000.0;
            let wanted = (member + 1) as f64 / 10.0;
            assert!((part - wanted).abs() < 0.03, "{member}: {part}");
        }
        let (_, firsts) = picked(&table(Balance::RoundRobin, 2, &[1; 6]), 60_000);
        for (member, times) in firsts {
            assert!(times.abs_diff(10_000) < 600, "{member}: {times}");
        }
    }
}
