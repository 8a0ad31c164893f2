//! Warm restart: health as the last run saved it, and saving it in this one.

use crate::clock;
use crate::health::{Millis, Tracker};
use crate::snapshot::Snapshot;
use crate::store::{Moment, Remembered, Store, remember, restored};
use crate::writer::{Left, Survey};

/// What the last run left of a configuration's targets.
#[derive(Clone, Debug)]
pub struct Resumed {
    /// A tracker for each target: the saved one if it is fresh, else a new one; circuits and ways back.
    pub left: Left,
    /// How old each fresh one is, milliseconds; `None` also for canaries, which are probed at once: the blast guard waits
    /// for their word.
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
    let now = moment();
    let known = restored(&remembered, snapshot, now.unix);
    let trackers = known.iter().map(|known| known.map_or_else(Tracker::default, |known| known.0)).collect();
    let (circuits, comebacks) = (remembered.circuits(snapshot, now), remembered.comebacks(snapshot, now));
    let left = Left { now: now.monotonic, trackers, circuits, comebacks };
    let mut ages: Vec<_> = known.iter().map(|known| known.map(|known| known.1)).collect();
    snapshot.canaries.iter().for_each(|canary| ages[canary.index()] = None);
    Resumed { left, ages, remembered }
}

fn moment() -> Moment {
    Moment { monotonic: clock::millis(), unix: clock::unix_millis() }
}

/// Saves what a survey found; `before` is what was saved last and becomes what is saved now.
pub(super) fn save(store: &Store, survey: &Survey, before: &mut Remembered) -> std::io::Result<()> {
    let (now, snapshot) = (moment(), &*survey.snapshot);
    let ages = survey.seen.iter().map(|seen| seen.at.map(|at| now.monotonic.saturating_sub(at)));
    let found = remember(snapshot, &survey.kept(), ages, before, now.unix);
    *before = found.with_circuits_and_comebacks(snapshot, &survey.circuits, &survey.comebacks, now);
    before.save(store)
}
