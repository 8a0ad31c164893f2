//! Warm restart: health as the last run saved it, and saving it in this one.

use crate::clock;
use crate::health::{Millis, Tracker};
use crate::snapshot::Snapshot;
use crate::store::{Remembered, Store, remember, restored};
use crate::writer::Survey;

/// What the last run left of a configuration's targets.
#[derive(Clone, Debug, Default)]
pub struct Resumed {
    /// A tracker for each target: the saved one if it is fresh, else a new one.
    pub trackers: Vec<Tracker>,
    /// How old each fresh one is, milliseconds.
    pub ages: Vec<Option<Millis>>,
    /// All that was saved.
    pub remembered: Remembered,
}

/// Reads what the last run left; a file that cannot be read is a warning, and everything is new.
#[must_use]
pub fn resume(store: Option<&Store>, snapshot: &Snapshot) -> Resumed {
    let remembered = store.map_or_else(|| Ok(Remembered::default()), Remembered::load).unwrap_or_else(|error| {
        tracing::warn!("the health that the last run saved is not used: {error}");
        Remembered::default()
    });
    let known = restored(&remembered, snapshot, clock::unix_millis());
    let trackers = known.iter().map(|known| known.map_or_else(Tracker::default, |known| known.0)).collect();
    Resumed { trackers, ages: known.iter().map(|known| known.map(|known| known.1)).collect(), remembered }
}

/// Saves what a survey found; `before` is what was saved last and becomes what is saved now.
pub(super) fn save(store: &Store, survey: &Survey, before: &mut Remembered) -> std::io::Result<()> {
    let now = clock::millis();
    let ages = survey.seen.iter().map(|seen| seen.at.map(|at| now.saturating_sub(at)));
    let found = remember(&survey.snapshot, &survey.trackers, ages, before, clock::unix_millis());
    *before = found;
    before.save(store)
}
