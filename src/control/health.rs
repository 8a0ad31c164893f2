//! Warm restart: health as the last run saved it, and saving it in this one.

use crate::clock;
use crate::health::{CheckKind, Millis, Tracker};
use crate::id::TargetId;
use crate::limits::{SAVE_CHANGED_S, SAVE_COST, SAVE_S};
use crate::snapshot::Snapshot;
use crate::store::{Moment, Remembered, Store, remember, restored};
use crate::writer::{Left, Seen, Survey};

/// What the last run left of a configuration's targets.
#[derive(Clone, Debug)]
pub struct Resumed {
    /// A tracker for each target: the saved one if it is fresh, else a new one; circuits, ways back and shares.
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
    let shares = remembered.shares(snapshot, now.unix);
    let left = Left { now: now.monotonic, trackers, circuits, comebacks, shares };
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
    let outcome = |(index, (seen, &failures)): (usize, (&Seen, &u32))| {
        // Probes that cannot be judged do not make it younger.
        let at = seen.at.filter(|_| !survey.stale.contains(&TargetId::new(index)))?;
        Some((now.monotonic.saturating_sub(at), failures))
    };
    let outcomes = survey.seen.iter().zip(&survey.failures).enumerate().map(outcome);
    let found = remember(snapshot, &survey.kept(), outcomes, before, now.unix);
    let found = found.with_circuits_and_comebacks(snapshot, &survey.circuits, &survey.comebacks, now);
    *before = found.with_shares(snapshot, &survey.shares, now.unix);
    before.save(store)
}

/// When health is saved next: at the latest after the shortest interval of the checks, since a restart believes what is
/// younger than three. A save that takes long is rarer.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the last save began.
    last: Millis,
    changed: bool,
    /// Time between two saves without a change, and at least, milliseconds.
    period_ms: u64,
    least_ms: u64,
}

impl Pace {
    pub(super) const fn new(now: Millis) -> Self {
        Self { last: now, changed: false, period_ms: SAVE_CHANGED_S * 1_000, least_ms: 0 }
    }

    /// Health is another since.
    pub(super) const fn change(&mut self) {
        self.changed = true;
    }

    /// True if it is time to save; asked every second.
    pub(super) fn is_due(&self, now: Millis) -> bool {
        let after_change = if self.changed { SAVE_CHANGED_S * 1_000 } else { u64::MAX };
        // The question that comes next may come a little early.
        now.saturating_sub(self.last) + HALF_A_TICK_MS >= self.period_ms.min(after_change).max(self.least_ms)
    }

    pub(super) const fn begin(&mut self, now: Millis) {
        (self.last, self.changed) = (now, false);
    }

    /// A save of this configuration's health took so long.
    pub(super) fn end(&mut self, snapshot: &Snapshot, took_ms: u64) {
        let probed = snapshot.targets.iter().enumerate().filter(|(index, _)| {
            // Canaries are asked at every start.
            !snapshot.canaries.contains(&TargetId::new(*index))
        });
        let checks = probed.map(|(_, target)| &snapshot.checks[target.check.index()]);
        let intervals =
            checks.filter(|check| !matches!(check.kind, CheckKind::None)).map(|check| check.timing.interval_ms);
        let shortest = intervals.min().map_or(u64::MAX, u64::from);
        (self.period_ms, self.least_ms) = (shortest.min(SAVE_S * 1_000), took_ms * SAVE_COST);
    }
}

/// Half of the time between two questions whether it is time to save, milliseconds.
const HALF_A_TICK_MS: u64 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(interval: &str) -> Snapshot {
        let text = format!(
            "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[checks.c]\ntype = \"tcp\"\nport = 80\n\
             interval = \"{interval}\"\ntimeout = \"500ms\"\n[pools]\np = {{ check = \"c\", endpoints = [\"192.0.2.1\"] }}\n\
             [names.www.policy]\ndefault = [\"p\"]\n"
        );
        // Canaries are probed each second, and nothing is saved for them.
        let server = "[guard]\ncanaries = [\"tcp://198.51.100.1:443\"]\n";
        let canaries = crate::config::load_server_text("geosteer.toml", server).unwrap().0.canaries;
        let options = crate::config::Options { canaries, ..crate::config::Options::default() };
        let loaded = crate::config::load_text("test.toml", &text, &options).unwrap();
        Snapshot::build(loaded.spec, crate::steer::fixture::databases()).unwrap()
    }

    /// The first second after a save in which health is saved again, if the save took so long.
    fn next(interval: &str, took_ms: u64, changed: bool) -> u64 {
        let mut pace = Pace::new(0);
        // What changed before is saved with it.
        pace.change();
        pace.begin(50_000);
        pace.end(&snapshot(interval), took_ms);
        if changed {
            pace.change();
        }
        // A second is never one to the millisecond.
        (1..).find(|second| pace.is_due(50_000 + second * 1_000 - 3)).unwrap()
    }

    #[test]
    fn health_is_saved_once_in_the_shortest_interval_so_that_a_restart_finds_it_fresh() {
        let saved = ["1s", "2s", "3s", "10s", "60s"].map(|interval| next(interval, 1, false));
        assert_eq!(saved, [1, 2, 3, 10, 10]);
        assert_eq!(["1s", "60s"].map(|interval| next(interval, 1, true)), [1, 2], "after a change");
    }

    #[test]
    fn a_save_that_takes_long_is_rarer() {
        assert_eq!([50, 100, 400, 2_000].map(|took| next("1s", took, true)), [1, 2, 8, 40]);
    }
}
