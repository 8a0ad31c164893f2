//! A state in this process from a zone's text, with the targets' health as the test wants it.

use geosteer::config::{Options, load, load_text};
use geosteer::geo::Databases;
use geosteer::health::{Outcome, Sample};
use geosteer::id::TargetId;
use geosteer::snapshot::{Snapshot, Spec};
use geosteer::state::{Identity, State};
use geosteer::writer::{Event, Writer};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The embedded database, read once.
pub(crate) fn databases() -> Arc<Databases> {
    static DATABASES: OnceLock<Arc<Databases>> = OnceLock::new();
    DATABASES.get_or_init(|| Arc::new(Databases::embedded().expect("a sound build"))).clone()
}

/// The zone's state with every target up.
pub(crate) fn state(zone: &str) -> State {
    state_with(zone, &[])
}

/// The zone's state with the targets of some pools (`pool/NAME`) and endpoints (`endpoint/POOL/NAME`) down.
pub(crate) fn state_with(zone: &str, down: &[&str]) -> State {
    state_of_with(&Arc::new(snapshot(zone)), down)
}

/// A snapshot's state with every target up.
pub(crate) fn state_of(snapshot: Snapshot) -> State {
    state_of_with(&Arc::new(snapshot), &[])
}

/// A snapshot's state with some targets down.
pub(crate) fn state_of_with(snapshot: &Arc<Snapshot>, down: &[&str]) -> State {
    let dead = dead(snapshot, down);
    let mut writer = Writer::new(Arc::clone(snapshot), Arc::new(Identity::default()), 1);
    let mut effects = Vec::new();
    for index in 0..snapshot.targets.len() {
        let target = TargetId::new(index);
        let outcome = if dead.contains(&target) { Outcome::Fail } else { Outcome::Pass };
        writer.apply(
            Event::Probed { generation: 1, target, outcome, note: "test".into(), sample: Sample::default() },
            0,
            &mut effects,
        );
    }
    writer.publish().expect("a first state")
}

/// Compiles a zone's text.
pub(crate) fn snapshot(zone: &str) -> Snapshot {
    Snapshot::build(spec(zone), databases()).expect("the zone compiles")
}

/// Reads a zone's text.
pub(crate) fn spec(zone: &str) -> Spec {
    let loaded = load_text("test.toml", zone, &Options::default());
    loaded.unwrap_or_else(|report| panic!("the zone has mistakes: {}\n{zone}", report.human(false))).spec
}

/// Reads zone files.
pub(crate) fn read(files: &[PathBuf]) -> Spec {
    load(files, &Options::default())
        .unwrap_or_else(|report| panic!("{files:?} have mistakes: {}", report.human(false)))
        .spec
}

fn dead(snapshot: &Snapshot, down: &[&str]) -> Vec<TargetId> {
    let mut dead = Vec::new();
    for text in down {
        let before = dead.len();
        let (kind, rest) = text.split_once('/').expect("pool/NAME or endpoint/POOL/NAME");
        let (pool, endpoint) = rest.split_once('/').map_or((rest, None), |(pool, endpoint)| (pool, Some(endpoint)));
        assert_eq!(kind, if endpoint.is_some() { "endpoint" } else { "pool" }, "{text}");
        for found in snapshot.pools.iter().filter(|found| &*found.name == pool) {
            for id in found.endpoints() {
                if endpoint.is_none_or(|endpoint| *snapshot.endpoints[id.index()].name == *endpoint) {
                    let ranges = snapshot.watches[id.index()].iter().cloned();
                    dead.extend(ranges.flatten().map(|watch| snapshot.watched[watch as usize]));
                }
            }
        }
        assert!(dead.len() > before, "{text} names nothing that is probed");
    }
    dead
}
