//! `health.json`: the last health of each (address, check), so that a restart answers at once. What is older than
//! stale is not believed.

use super::Store;
use super::shares::Shares;
use crate::health::{Check, Circuit, Comeback, Millis, Parts, TargetAddress, TargetState, Tracker, is_stale, slowdown};
use crate::id::{EndpointId, TargetId};
use crate::limits::FLAP_HOLD_MAX_MS;
use crate::pool::rendezvous::name_bits;
use crate::snapshot::{Snapshot, Target};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io;

const NAME: &str = "health.json";
const FORMAT: u32 = 1;

/// Which target: its address, and a fingerprint of what its check does and when.
type Key = (String, u64);

/// Which endpoint: its zone, its pool and its name.
type Member = (String, String, String);

/// What was saved. All times are milliseconds since 1970.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    targets: HashMap<Key, Last>,
    circuits: Vec<(Key, Parts)>,
    comebacks: Vec<(Member, [Comeback; 2])>,
    pub(super) shares: Shares,
}

/// A way back as it is written: for each family a word, with what belongs to it.
type Words = [(String, u64); 2];

/// One moment on both clocks, milliseconds: the monotonic one, and since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// On the monotonic clock.
    pub monotonic: Millis,
    /// Since 1970.
    pub unix: u64,
}

impl Moment {
    fn to_unix(self, at: Millis) -> u64 {
        self.unix.saturating_add(at).saturating_sub(self.monotonic)
    }

    fn to_monotonic(self, at: u64) -> Millis {
        self.monotonic.saturating_add(at).saturating_sub(self.unix)
    }
}

#[derive(Clone, Copy, Debug)]
struct Last {
    state: TargetState,
    n_ok: u8,
    n_bad: u8,
    /// Failures in a row, if it is so long dead that it is probed more slowly; else 0.
    failures: u32,
    /// Milliseconds since 1970.
    at: u64,
}

#[derive(Serialize, Deserialize)]
struct File {
    format: u32,
    /// Address, fingerprint, up or not, passes, failures, milliseconds since 1970.
    targets: Vec<(String, u64, bool, u8, u8, u64)>,
    /// Address, fingerprint, failures in a row: of those that are probed more slowly.
    #[serde(default)]
    failures: Vec<(String, u64, u32)>,
    /// Address, fingerprint, and the circuit's parts.
    #[serde(default)]
    circuits: Vec<(String, u64, Parts)>,
    /// Zone, pool, endpoint, and for each family a word with what belongs to it.
    #[serde(default)]
    comebacks: Vec<(String, String, String, Words)>,
    /// What the loads of pools had come to.
    #[serde(default)]
    shares: Vec<serde_json::Value>,
}

/// The fingerprints of a configuration's checks: there are few checks, and many targets.
struct Fingerprints(Vec<u64>);

impl Fingerprints {
    fn new(snapshot: &Snapshot) -> Self {
        let of = |check: &Check| name_bits(format!("{:?} {:?}", check.kind, check.timing).as_bytes());
        Self(snapshot.checks.iter().map(of).collect())
    }

    fn key(&self, target: &Target) -> Key {
        let address = match &target.address {
            TargetAddress::Ip(address) => address.to_string(),
            TargetAddress::Host(name) => name.to_string(),
        };
        (address, self.0[target.check.index()])
    }
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
            ((address, check), Last { state, n_ok, n_bad, failures: 0, at })
        };
        let comeback = |(zone, pool, name, [one, other]): (_, _, _, Words)| {
            Some(((zone, pool, name), [comeback_of(&one)?, comeback_of(&other)?]))
        };
        let mut targets: HashMap<_, _> = file.targets.into_iter().map(last).collect();
        for (address, check, failures) in file.failures {
            targets.entry((address, check)).and_modify(|last| last.failures = failures);
        }
        Ok(Self {
            targets,
            circuits: file.circuits.into_iter().map(|(address, check, parts)| ((address, check), parts)).collect(),
            comebacks: file.comebacks.into_iter().filter_map(comeback).collect(),
            shares: Shares::read(file.shares),
        })
    }

    /// Writes it.
    ///
    /// # Errors
    /// Of the system; the file is then as it was before.
    pub fn save(&self, store: &Store) -> io::Result<()> {
        let target = |((address, check), last): (&Key, &Last)| {
            (address.clone(), *check, last.state == TargetState::Up, last.n_ok, last.n_bad, last.at)
        };
        let failures = |((address, check), last): (&Key, &Last)| (address.clone(), *check, last.failures);
        let circuit = |((address, check), parts): &(Key, Parts)| (address.clone(), *check, parts.clone());
        let comeback = |((zone, pool, name), [one, other]): &(Member, [Comeback; 2])| {
            (zone.clone(), pool.clone(), name.clone(), [comeback_words(one), comeback_words(other)])
        };
        let file = File {
            format: FORMAT,
            targets: self.targets.iter().map(target).collect(),
            failures: self.targets.iter().filter(|(_, last)| last.failures > 0).map(failures).collect(),
            circuits: self.circuits.iter().map(circuit).collect(),
            comebacks: self.comebacks.iter().map(comeback).collect(),
            shares: self.shares.rows()?,
        };
        store.write(NAME, &serde_json::to_vec(&file)?)
    }

    /// How many targets it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// True if it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }
}

fn comeback_words(comeback: &Comeback) -> (String, u64) {
    let (word, number) = match *comeback {
        Comeback::Full => ("full", 0),
        Comeback::Out { resumed } => ("out", u64::from(resumed)),
        Comeback::Stopped => ("stopped", 0),
        Comeback::Waiting { until } => ("waiting", until),
        Comeback::Ramping { since } => ("ramping", since),
    };
    (word.to_owned(), number)
}

fn comeback_of((word, number): &(String, u64)) -> Option<Comeback> {
    Some(match word.as_str() {
        "full" => Comeback::Full,
        "out" => Comeback::Out { resumed: *number > 0 },
        "stopped" => Comeback::Stopped,
        "waiting" => Comeback::Waiting { until: *number },
        "ramping" => Comeback::Ramping { since: *number },
        _ => return None,
    })
}

/// The same with its times on another clock.
fn retimed(comeback: Comeback, to: impl Fn(u64) -> u64) -> Comeback {
    match comeback {
        Comeback::Waiting { until } => Comeback::Waiting { until: to(until) },
        Comeback::Ramping { since } => Comeback::Ramping { since: to(since) },
        other => other,
    }
}

fn circuit_retimed((changes, open_until, closed_at, level): Parts, to: impl Fn(u64) -> u64) -> Parts {
    (changes.into_iter().map(&to).collect(), open_until.map(&to), closed_at.map(&to), level)
}

fn member(snapshot: &Snapshot, id: EndpointId) -> Member {
    let endpoint = &snapshot.endpoints[id.index()];
    let pool = &snapshot.pools[endpoint.pool.index()];
    let zone = snapshot.settings[pool.zone.index()].apex.to_lowercase().to_string();
    (zone, pool.name.to_string(), endpoint.name.to_string())
}

impl Remembered {
    /// Adds the circuits of targets and the endpoints that are not fully in service.
    #[must_use]
    pub fn with_circuits_and_comebacks(
        mut self,
        snapshot: &Snapshot,
        circuits: &[(TargetId, Circuit)],
        comebacks: &BTreeMap<EndpointId, [Comeback; 2]>,
        now: Moment,
    ) -> Self {
        let fingerprints = Fingerprints::new(snapshot);
        let circuit = |(id, circuit): &(TargetId, Circuit)| {
            (fingerprints.key(&snapshot.targets[id.index()]), circuit_retimed(circuit.parts(), |at| now.to_unix(at)))
        };
        self.circuits = circuits.iter().map(circuit).collect();
        let comeback = |(&id, families): (&EndpointId, &[Comeback; 2])| {
            (member(snapshot, id), families.map(|one| retimed(one, |at| now.to_unix(at))))
        };
        self.comebacks = comebacks.iter().map(comeback).collect();
        self
    }

    /// The circuits of a configuration's targets. They are old after a window, whatever the age of the file.
    #[must_use]
    pub fn circuits(&self, snapshot: &Snapshot, now: Moment) -> Vec<(TargetId, Circuit)> {
        if self.circuits.is_empty() {
            return Vec::new();
        }
        let known: HashMap<_, _> = self.circuits.iter().map(|(key, parts)| (key, parts)).collect();
        let fingerprints = Fingerprints::new(snapshot);
        let restore = |(index, target): (usize, &Target)| {
            let check = &snapshot.checks[target.check.index()];
            let parts = check.voting.flap.and_then(|_| known.get(&fingerprints.key(target)))?;
            let (mut changes, open_until, closed_at, level) =
                circuit_retimed((*parts).clone(), |at| now.to_monotonic(at));
            // A clock that was set back gives no time to come, and no longer hold than there is.
            changes.iter_mut().for_each(|at| *at = now.monotonic.min(*at));
            let open_until = open_until.map(|at| at.min(now.monotonic.saturating_add(FLAP_HOLD_MAX_MS)));
            let closed_at = closed_at.map(|at| at.min(now.monotonic));
            Some((TargetId::new(index), Circuit::resumed((changes, open_until, closed_at, level))))
        };
        snapshot.targets.iter().enumerate().filter_map(restore).collect()
    }

    /// Which of a configuration's endpoints are not fully in service. However old that is: who waits for a person waits on.
    #[must_use]
    pub fn comebacks(&self, snapshot: &Snapshot, now: Moment) -> Vec<(EndpointId, [Comeback; 2])> {
        if self.comebacks.is_empty() {
            return Vec::new();
        }
        let known: HashMap<_, _> = self.comebacks.iter().map(|(member, families)| (member, *families)).collect();
        let restore = |id: EndpointId| {
            let families = *known.get(&member(snapshot, id))?;
            let delay = snapshot.pools[snapshot.endpoints[id.index()].pool.index()].rules.comeback.failback_delay_ms;
            let latest = now.monotonic.saturating_add(delay.into());
            // A clock that was set back gives no time to come, and no longer delay than there is.
            Some((
                id,
                families.map(|one| match retimed(one, |at| now.to_monotonic(at)) {
                    Comeback::Ramping { since } => Comeback::Ramping { since: since.min(now.monotonic) },
                    Comeback::Waiting { until } => Comeback::Waiting { until: until.min(latest) },
                    other => other,
                }),
            ))
        };
        (0..snapshot.endpoints.len()).map(EndpointId::new).filter_map(restore).collect()
    }
}

/// What is to be saved: targets with a verdict. `outcomes` has of each target the milliseconds since its last outcome of
/// this run, and its failures in a row; a target without one keeps the time and failures that `before` has of it. `now`
/// is in milliseconds since 1970.
#[must_use]
pub fn remember(
    snapshot: &Snapshot,
    trackers: &[Tracker],
    outcomes: impl Iterator<Item = Option<(Millis, u32)>>,
    before: &Remembered,
    now: u64,
) -> Remembered {
    let (fingerprints, mut kept) = (Fingerprints::new(snapshot), HashMap::with_capacity(trackers.len()));
    for ((target, tracker), outcome) in snapshot.targets.iter().zip(trackers).zip(outcomes) {
        let key = fingerprints.key(target);
        let timing = &snapshot.checks[target.check.index()].timing;
        let of_this_run = outcome.map(|(age, failures)| {
            let is_slow = slowdown(failures, timing.fall, timing.interval_ms) > 1;
            (now.saturating_sub(age), if is_slow { failures } else { 0 })
        });
        let found = of_this_run.or_else(|| before.targets.get(&key).map(|last| (last.at, last.failures)));
        let (state, n_ok, n_bad) = tracker.parts();
        if let Some((at, failures)) = found.filter(|_| state != TargetState::Unknown) {
            kept.insert(key, Last { state, n_ok, n_bad, failures, at });
        }
    }
    Remembered { targets: kept, ..Remembered::default() }
}

/// For each target of a configuration what was saved of it, if that is fresh: its tracker, and how old it is in
/// milliseconds. `now` is in milliseconds since 1970.
#[must_use]
pub fn restored(remembered: &Remembered, snapshot: &Snapshot, now: u64) -> Vec<Option<(Tracker, Millis)>> {
    let fingerprints = Fingerprints::new(snapshot);
    let restore = |target: &Target| {
        let last = remembered.targets.get(&fingerprints.key(target))?;
        let timing = &snapshot.checks[target.check.index()].timing;
        // A clock that was set back tells nothing of the age.
        let age = now.checked_sub(last.at)?;
        let interval =
            u64::from(timing.interval_ms) * u64::from(slowdown(last.failures, timing.fall, timing.interval_ms));
        let stale = is_stale(0, interval, timing.timeout_ms.into(), age);
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
        let outcomes = [Some((1_000, 1)), Some((2_000, 1)), None].into_iter();
        let kept = remember(&snapshot, &trackers, outcomes, &Remembered::default(), now);
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

    #[test]
    fn the_long_dead_are_restored_by_the_interval_at_which_they_were_probed() {
        let (snapshot, now) = (snapshot("10s"), 1_700_000_000_000);
        let timing = snapshot.checks[0].timing;
        let mut trackers = vec![Tracker::default(); 3];
        trackers[..2].iter_mut().for_each(|tracker| _ = tracker.observe(Outcome::Fail, &timing));
        // One is down for long, and probed at six times the interval; the other is not.
        let outcomes = [Some((0, 1_000)), Some((0, 3)), None].into_iter();
        let kept = remember(&snapshot, &trackers, outcomes, &Remembered::default(), now);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        kept.save(&store).unwrap();
        let read = Remembered::load(&store).unwrap();
        let at = |read: &Remembered, age| restored(read, &snapshot, now + age)[..2].to_vec();
        let one = |age| vec![Some((trackers[0], age)), None];
        assert_eq!(at(&read, 32_000), [Some((trackers[0], 32_000)), Some((trackers[1], 32_000))]);
        assert_eq!((at(&read, 32_001), at(&read, 182_000)), (one(32_001), one(182_000)));
        assert_eq!(at(&read, 182_001), [None, None]);
        // Not probed again in this run.
        let again = remember(&snapshot, &trackers, [None; 3].into_iter(), &read, now + 20_000);
        assert_eq!(at(&again, 182_000), one(182_000));
        // A file of a server that did not count them.
        let text = String::from_utf8(store.read(NAME).unwrap().unwrap()).unwrap();
        let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(file.as_object_mut().unwrap().remove("failures").is_some());
        store.write(NAME, &serde_json::to_vec(&file).unwrap()).unwrap();
        let read = Remembered::load(&store).unwrap();
        assert_eq!(at(&read, 32_000), [Some((trackers[0], 32_000)), Some((trackers[1], 32_000))]);
        assert_eq!(at(&read, 32_001), [None, None]);
    }

    #[test]
    fn a_clock_that_was_set_back_over_a_restart_keeps_nobody_out_for_longer_than_the_rules() {
        let text = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[checks.c]\ntype = \"tcp\"\nport = 80\nflap_limit = 4\n[pools]\n\
                    p = { check = \"c\", failback_delay = \"30s\", endpoints = [\"192.0.2.1\", \"192.0.2.2\"] }\n\
                    [names.www.policy]\ndefault = [\"p\"]\n";
        let loaded = crate::config::load_text("test.toml", text, &crate::config::Options::default()).unwrap();
        let snapshot = Snapshot::build(loaded.spec, crate::steer::fixture::databases()).unwrap();
        let before = Moment { monotonic: 1_000_000, unix: 1_700_000_000_000 };
        let circuit = Circuit::resumed((vec![990_000], Some(1_060_000), Some(980_000), 1));
        let waiting = [Comeback::Waiting { until: 1_020_000 }, Comeback::Full];
        let comebacks = [(EndpointId::new(0), waiting)].into();
        let kept = Remembered::default().with_circuits_and_comebacks(
            &snapshot,
            &[(TargetId::new(0), circuit)],
            &comebacks,
            before,
        );
        let at = |unix| {
            let now = Moment { monotonic: 5_000, unix };
            (kept.comebacks(&snapshot, now)[0].1[0], kept.circuits(&snapshot, now)[0].1.parts())
        };
        let (comeback, (changes, open, closed, _)) = at(before.unix + 10_000);
        assert_eq!((comeback, changes, open), (Comeback::Waiting { until: 15_000 }, vec![0], Some(55_000)));
        assert_eq!(closed, Some(0));
        let (comeback, (changes, open, closed, _)) = at(86_400_000);
        assert_eq!((comeback, changes), (Comeback::Waiting { until: 35_000 }, vec![5_000]));
        assert_eq!((open, closed), (Some(5_000 + FLAP_HOLD_MAX_MS), Some(5_000)));
    }
}
