//! What became of replies over a limit, and what cookies showed.

use super::Count;
use crate::cookies::Standing;
use crate::rrl::{Class, Fate, Judged};

/// Counts of one thread.
#[derive(Debug, Default)]
pub struct Limits {
    over: [[Count; Fate::OVER.len()]; Class::ALL.len()],
    crowded: Count,
    cookies: [Count; Standing::ALL.len()],
    bad_cookies: Count,
}

/// The sums over all threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limited {
    /// Replies over a limit, by class and by what became of them.
    pub over: [[u64; Fate::OVER.len()]; Class::ALL.len()],
    /// Buckets in use that made room for others.
    pub crowded: u64,
    /// Cookies that were shown, by what they show.
    pub cookies: [u64; Standing::ALL.len()],
    /// Replies that say BADCOOKIE.
    pub bad_cookies: u64,
}

impl Limits {
    /// Counts a decision. Only the thread that owns the counts calls it.
    pub(crate) fn count(&self, judged: Judged) {
        self.crowded.add(u64::from(judged.crowded));
        if let Some(place) = Fate::OVER.iter().position(|fate| *fate == judged.fate) {
            self.over[judged.class as usize][place].add(1);
        }
    }

    /// Counts a cookie. Only the thread that owns the counts calls it.
    pub(crate) fn count_cookie(&self, standing: Standing) {
        self.cookies[standing as usize].add(1);
    }

    /// Counts a reply that says BADCOOKIE. Only the thread that owns the counts calls it.
    pub(crate) fn count_bad_cookie(&self) {
        self.bad_cookies.add(1);
    }

    /// Adds what was counted to a sum.
    pub fn add_to(&self, sum: &mut Limited) {
        let sums = sum.over.iter_mut().flatten();
        sums.zip(self.over.iter().flatten()).for_each(|(sum, count)| *sum += count.value());
        sum.crowded += self.crowded.value();
        sum.cookies.iter_mut().zip(&self.cookies).for_each(|(sum, count)| *sum += count.value());
        sum.bad_cookies += self.bad_cookies.value();
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
