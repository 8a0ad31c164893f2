//! How a zone came from one serial to the next (RFC 1995 §4).

use super::Edition;
use super::records::Records;
use crate::limits::{JOURNAL_CHANGES, JOURNAL_OCTETS};
use std::sync::Arc;

/// What changed from one edition to the next. Its SOA records stand apart: they are the marks between changes.
#[derive(Debug)]
pub struct Change {
    /// The serial before.
    pub from: u32,
    /// The serial since.
    pub to: u32,
    /// The SOA record before.
    pub(super) old: Arc<Records>,
    /// The SOA record since.
    pub(super) new: Arc<Records>,
    /// What went, without the SOA record.
    pub(super) gone: Arc<Records>,
    /// What came, without the SOA record.
    pub(super) came: Arc<Records>,
}

impl Change {
    fn size(&self) -> usize {
        [&self.old, &self.new, &self.gone, &self.came].iter().map(|records| records.size()).sum()
    }
}

/// The last changes of a zone, the newest last; each begins where the one before ends.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<[Arc<Change>]>);

impl Journal {
    /// The same with what changed between two editions. The oldest changes go when there are too many of them.
    #[must_use]
    pub fn with(&self, before: &Edition, after: &Edition) -> Self {
        if before.serial == after.serial {
            return self.clone();
        }
        let (gone, came) = before.rest.differences(&after.rest);
        let (old, new) = (Arc::clone(&before.soa), Arc::clone(&after.soa));
        let (gone, came) = (Arc::new(gone), Arc::new(came));
        let change = Change { from: before.serial, to: after.serial, old, new, gone, came };
        let follows = self.0.last().is_none_or(|last| last.to == change.from);
        let kept = if follows { &self.0[..] } else { &[] };
        let all: Vec<_> = kept.iter().cloned().chain(std::iter::once(Arc::new(change))).collect();
        let mut octets = 0;
        let fits = |change: &&Arc<Change>| {
            octets += change.size();
            octets <= JOURNAL_OCTETS
        };
        let count = all.iter().rev().take(JOURNAL_CHANGES).take_while(fits).count();
        Self(all[all.len() - count..].into())
    }

    /// The changes since a serial; nothing if they are not all there, or take more than `most` octets.
    #[must_use]
    pub fn since(&self, serial: u32, most: usize) -> Option<&[Arc<Change>]> {
        let first = self.0.iter().position(|change| change.from == serial)?;
        let changes = &self.0[first..];
        (changes.iter().map(|change| change.size()).sum::<usize>() <= most).then_some(changes)
    }

    /// The number of changes that are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
