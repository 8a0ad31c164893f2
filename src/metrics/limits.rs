//! What became of replies over a limit.

use super::Count;
use crate::rrl::{Class, Fate, Judged};

/// Counts of one thread.
#[derive(Debug, Default)]
pub struct Limits {
    over: [[Count; Fate::OVER.len()]; Class::ALL.len()],
    crowded: Count,
}

/// The sums over all threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limited {
    /// Replies over a limit, by class and by what became of them.
    pub over: [[u64; Fate::OVER.len()]; Class::ALL.len()],
    /// Buckets in use that made room for others.
    pub crowded: u64,
}

impl Limits {
    /// Counts a decision. Only the thread that owns the counts calls it.
    pub(crate) fn count(&self, judged: Judged) {
        self.crowded.add(u64::from(judged.crowded));
        if let Some(place) = Fate::OVER.iter().position(|fate| *fate == judged.fate) {
            self.over[judged.class as usize][place].add(1);
        }
    }

    /// Adds what was counted to a sum.
    pub fn add_to(&self, sum: &mut Limited) {
        let sums = sum.over.iter_mut().flatten();
        sums.zip(self.over.iter().flatten()).for_each(|(sum, count)| *sum += count.value());
        sum.crowded += self.crowded.value();
    }
}

impl Limited {
    /// So many replies of a class had this fate.
    #[must_use]
    pub fn of(&self, class: Class, fate: Fate) -> u64 {
        let place = Fate::OVER.iter().position(|over| *over == fate);
        place.map_or(0, |place| self.over[class as usize][place])
    }
}
