//! `health.json`: the last health of each (address, check), so that a restart answers at once. What is older than
//! stale is not believed.

use super::Store;
use crate::health::{Check, Millis, TargetAddress, TargetState, Tracker, is_stale};
use crate::pool::rendezvous::name_bits;
use crate::snapshot::Snapshot;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;

const NAME: &str = "health.json";
const FORMAT: u32 = 1;

/// Which target: its address, and a fingerprint of what its check does and when.
type Key = (String, u64);

/// What was saved of each target.
#[derive(Clone, Debug, Default)]
pub struct Remembered(HashMap<Key, Last>);

#[derive(Clone, Copy, Debug)]
struct Last {
    state: TargetState,
    n_ok: u8,
    n_bad: u8,
    /// Milliseconds since 1970.
    at: u64,
}

#[derive(Serialize, Deserialize)]
struct File {
    format: u32,
    /// Address, fingerprint, up or not, passes, failures, milliseconds since 1970.
    targets: Vec<(String, u64, bool, u8, u8, u64)>,
}

fn key(address: &TargetAddress, check: &Check) -> Key {
    let address = match address {
        TargetAddress::Ip(address) => address.to_string(),
        TargetAddress::Host(name) => name.to_string(),
    };
    (address, name_bits(format!("{:?} {:?}", check.kind, check.timing).as_bytes()))
}

impl Remembered {
    /// Reads what was saved; nothing if there is no file.
    ///
    /// # Errors
    /// Of the system, or the file is none of ours.
    pub fn load(store: &Store) -> io::Result<Self> {
        let Some(bytes) = store.read(NAME)? else { return Ok(Self::default()) };
        let file: File = serde_json::from_slice(&bytes)?;
        if file.format != FORMAT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{NAME} has another format: not believed")));
        }
        let last = |(address, check, up, n_ok, n_bad, at)| {
            let state = if up { TargetState::Up } else { TargetState::Down };
            ((address, check), Last { state, n_ok, n_bad, at })
        };
        Ok(Self(file.targets.into_iter().map(last).collect()))
    }

    /// Writes it.
    ///
    /// # Errors
    /// Of the system; the file is then as it was before.
    pub fn save(&self, store: &Store) -> io::Result<()> {
        let target = |((address, check), last): (&Key, &Last)| {
            (address.clone(), *check, last.state == TargetState::Up, last.n_ok, last.n_bad, last.at)
        };
        let file = File { format: FORMAT, targets: self.0.iter().map(target).collect() };
        store.write(NAME, &serde_json::to_vec(&file)?)
    }

    /// How many targets it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What is to be saved: targets with a verdict. `ages` are the milliseconds since each target's last outcome of this
/// run; a target without one keeps the time that `before` has of it. `now` is in milliseconds since 1970.
#[must_use]
pub fn remember(
    snapshot: &Snapshot,
    trackers: &[Tracker],
    ages: impl Iterator<Item = Option<Millis>>,
    before: &Remembered,
    now: u64,
) -> Remembered {
    let mut kept = HashMap::with_capacity(trackers.len());
    for ((target, tracker), age) in snapshot.targets.iter().zip(trackers).zip(ages) {
        let key = key(&target.address, &snapshot.checks[target.check.index()]);
        let at = age.map(|age| now.saturating_sub(age)).or_else(|| before.0.get(&key).map(|last| last.at));
        let (state, n_ok, n_bad) = tracker.parts();
        if let Some(at) = at.filter(|_| state != TargetState::Unknown) {
            kept.insert(key, Last { state, n_ok, n_bad, at });
        }
    }
    Remembered(kept)
}

/// For each target of a configuration what was saved of it, if that is fresh: its tracker, and how old it is in
/// milliseconds. `now` is in milliseconds since 1970.
#[must_use]
pub fn restored(remembered: &Remembered, snapshot: &Snapshot, now: u64) -> Vec<Option<(Tracker, Millis)>> {
    let restore = |target: &crate::snapshot::Target| {
        let check = &snapshot.checks[target.check.index()];
        let last = remembered.0.get(&key(&target.address, check))?;
        let timing = &check.timing;
        // A clock that was set back tells nothing of the age.
        let age = now.checked_sub(last.at)?;
        let stale = is_stale(0, timing.interval_ms.into(), timing.timeout_ms.into(), age);
        (!stale).then(|| (Tracker::resumed(last.state, last.n_ok, last.n_bad, timing), age))
    };
    if remembered.is_empty() {
        return vec![None; snapshot.targets.len()];
    }
    snapshot.targets.iter().map(restore).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Outcome;
    use std::sync::Arc;

    fn snapshot(interval: &str) -> Arc<Snapshot> {
        let text = format!(
            "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[checks.c]\ntype = \"tcp\"\nport = 80\n\
             interval = \"{interval}\"\ntimeout = \"2s\"\n[pools]\n\
             p = {{ check = \"c\", endpoints = [\"192.0.2.1\", \"192.0.2.2\", \"192.0.2.3\"] }}\n\
             [names.www.policy]\ndefault = [\"p\"]\n"
        );
        let loaded = crate::config::load_text("test.toml", &text, &crate::config::Options::default()).unwrap();
        Arc::new(Snapshot::build(loaded.spec, crate::steer::fixture::databases()).unwrap())
    }

    #[test]
    fn health_is_restored_while_it_is_fresh_and_for_the_same_check_only() {
        let (snapshot, now) = (snapshot("10s"), 1_700_000_000_000);
        let timing = snapshot.checks[0].timing;
        let mut trackers = vec![Tracker::default(); 3];
        trackers[0].observe(Outcome::Pass, &timing);
        trackers[0].observe(Outcome::Fail, &timing);
        trackers[1].observe(Outcome::Fail, &timing);
        let ages = [Some(1_000), Some(2_000), None].into_iter();
        let kept = remember(&snapshot, &trackers, ages, &Remembered::default(), now);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        kept.save(&store).unwrap();
        let read = Remembered::load(&store).unwrap();
        let at = |age| restored(&read, &snapshot, now + age);
        assert_eq!(at(30_000), [Some((trackers[0], 31_000)), Some((trackers[1], 32_000)), None]);
        assert_eq!(at(31_000), [Some((trackers[0], 32_000)), None, None]);
        assert_eq!(at(31_001), [None; 3]);
        assert_eq!(restored(&read, &snapshot, now - 60_000), [None; 3]);
        assert_eq!(restored(&read, &self::snapshot("11s"), now), [None; 3]);
        // Not probed again in this run: the time of the last outcome stays.
        let again = remember(&snapshot, &trackers, [None; 3].into_iter(), &read, now + 20_000);
        assert_eq!(restored(&again, &snapshot, now + 30_000)[0], Some((trackers[0], 31_000)));
    }
}
