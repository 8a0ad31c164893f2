//! Counts by the words of a configuration: one array a thread, replaced when the thread meets another configuration.
//! What was counted before goes on where the words are the same, so that a reload takes no counter back.

use super::{Count, Limits};
use crate::snapshot::Counted;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The counts of one thread under one configuration.
#[derive(Debug)]
pub struct Tally {
    counted: Arc<Counted>,
    counts: Arc<[Count]>,
}

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(counted: &Arc<Counted>) -> Self {
        Self { counted: Arc::clone(counted), counts: (0..counted.len()).map(|_| Count::default()).collect() }
    }

    /// The counts, for the thread that counts.
    pub(crate) fn counts(&self) -> &Arc<[Count]> {
        &self.counts
    }

    /// What is counted.
    #[must_use]
    pub fn counted(&self) -> &Arc<Counted> {
        &self.counted
    }

    /// One count, with those that it stands for beside its own.
    #[must_use]
    pub fn value(&self, index: usize) -> u64 {
        let value = |index: usize| self.counts.get(index).map_or(0, Count::value);
        value(index) + self.counted.parts(index).map(value).sum::<u64>()
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self { counted: Arc::default(), counts: Arc::new([]) }
    }
}

/// All tallies that a thread has had, and what it counts whatever the configuration.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Locked when a tally is replaced or read, never for a query.
    kept: Mutex<Kept>,
    limits: Limits,
}

#[derive(Debug, Default)]
struct Kept {
    current: Option<Arc<Tally>>,
    /// Replaced, and not read since.
    retired: Vec<Arc<Tally>>,
    /// Of those that were read: the counts by the words of the last configuration that was asked for.
    carried: Option<Sums>,
}

impl Ledger {
    /// The tally for a configuration: the current one if it is for this one (a thread that panicked goes on with it), a
    /// new one else.
    pub fn tally(&self, counted: &Arc<Counted>) -> Arc<Tally> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = kept.current.as_ref().filter(|current| Arc::ptr_eq(&current.counted, counted)) {
            return Arc::clone(current);
        }
        let new = Arc::new(Tally::new(counted));
        if let Some(before) = kept.current.replace(Arc::clone(&new)) {
            kept.retired.push(before);
        }
        new
    }

    /// What became of replies over a limit.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Adds all that was counted, as far as the sums have the words for it. What others than the sums' configuration
    /// had words for alone is forgotten: a series that goes and comes back begins at 0.
    pub fn add_to(&self, sums: &mut Sums) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut carried = Sums::new(&sums.counted);
        if let Some(before) = kept.carried.take() {
            carried.add(&before.counted, |index| before.values[index]);
        }
        for tally in std::mem::take(&mut kept.retired) {
            carried.add(&tally.counted, |index| tally.value(index));
        }
        sums.add(&carried.counted, |index| carried.values[index]);
        if let Some(current) = &kept.current {
            sums.add(&current.counted, |index| current.value(index));
        }
        kept.carried = Some(carried).filter(|carried| carried.values.iter().any(|&value| value > 0));
    }
}

/// Sums by the words of one configuration.
#[derive(Clone, Debug)]
pub struct Sums {
    counted: Arc<Counted>,
    values: Vec<u64>,
}

impl Sums {
    /// Zeros.
    #[must_use]
    pub fn new(counted: &Arc<Counted>) -> Self {
        Self { counted: Arc::clone(counted), values: vec![0; counted.len()] }
    }

    /// What is counted.
    #[must_use]
    pub fn counted(&self) -> &Counted {
        &self.counted
    }

    /// One sum.
    #[must_use]
    pub fn value(&self, index: usize) -> u64 {
        self.values.get(index).copied().unwrap_or(0)
    }

    fn add(&mut self, counted: &Arc<Counted>, value: impl Fn(usize) -> u64) {
        if Arc::ptr_eq(counted, &self.counted) {
            self.values.iter_mut().enumerate().for_each(|(index, sum)| *sum += value(index));
            return;
        }
        let own = Arc::clone(&self.counted);
        let places: HashMap<_, _> = (0..own.len()).filter_map(|index| Some((own.label(index)?, index))).collect();
        for index in (0..counted.len()).filter(|&index| value(index) > 0) {
            if let Some(&place) = counted.label(index).and_then(|label| places.get(&label)) {
                self.values[place] += value(index);
            }
        }
    }
}
