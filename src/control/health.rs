//! Warm restart: health as the last run saved it, and saving it in this one.

use crate::clock;
use crate::health::{Millis, TargetState, Tracker};
use crate::snapshot::Snapshot;
use crate::store::{Moment, Remembered, Store, remember, restored};
use crate::writer::{Left, Survey};

/// What the last run left of a configuration's targets.
#[derive(Clone, Debug)]
pub struct Resumed {
    /// A tracker for each target: the saved one if it is fresh, else a new one; circuits, ways back and shares.
    pub left: Left,
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
    let now = moment();
    let known = restored(&remembered, snapshot, now.unix);
    let trackers = known.iter().map(|known| known.map_or_else(Tracker::default, |known| known.0)).collect();
    let (circuits, comebacks) = (remembered.circuits(snapshot, now), remembered.comebacks(snapshot, now));
    let shares = remembered.shares(snapshot, now.unix);
    let left = Left { now: now.monotonic, trackers, circuits, comebacks, shares };
    Resumed { left, ages: known.iter().map(|known| known.map(|known| known.1)).collect(), remembered }
}

fn moment() -> Moment {
    Moment { monotonic: clock::millis(), unix: clock::unix_millis() }
}

/// Saves what a survey found; `before` is what was saved last and becomes what is saved now.
pub(super) fn save(store: &Store, survey: &Survey, before: &mut Remembered) -> std::io::Result<()> {
    let (now, snapshot) = (moment(), &*survey.snapshot);
    let ages = survey.seen.iter().map(|seen| seen.at.map(|at| now.monotonic.saturating_sub(at)));
    let mut trackers = survey.trackers.clone();
    for target in &survey.held {
        // What the guard holds is up; the next failure after a restart takes it down.
        let timing = &snapshot.checks[snapshot.targets[target.index()].check.index()].timing;
        trackers[target.index()] = Tracker::resumed(TargetState::Up, 0, timing.fall, timing);
    }
    let found = remember(snapshot, &trackers, ages, before, now.unix);
    let found = found.with_circuits_and_comebacks(snapshot, &survey.circuits, &survey.comebacks, now);
    *before = found.with_shares(snapshot, &survey.shares, now.unix);
    before.save(store)
}
