//! Every zone of `examples/` is loaded and asked, in-process, as `tests/examples/NAME.toml` says: whom it answers, with
//! what scope, and what happens when something is down.

use geosteer::cli::explain::failed;
use geosteer::config::{self, Options};
use geosteer::geo::Databases;
use geosteer::report::{Question, Report};
use geosteer::snapshot::Snapshot;
use geosteer::state::State;
use hickory_proto::rr::RecordType;
use serde::Deserialize;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One file of `tests/examples`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    ask: Vec<Ask>,
    #[serde(default)]
    share: Vec<Share>,
}

/// A query and what it must get.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    name: String,
    #[serde(default = "type_a")]
    r#type: String,
    client: String,
    #[serde(default)]
    down: Vec<String>,
    /// Every record data that may be answered.
    answer: Vec<String>,
    count: Option<usize>,
    scope: Option<u8>,
    rcode: Option<String>,
    /// One and the same answer, however often it is asked.
    #[serde(default)]
    same: bool,
}

/// A share that must be exact over many clients, or over many queries of one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Share {
    name: String,
    over: String,
    of: String,
    percent: f64,
}

fn type_a() -> String {
    "A".to_owned()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn snapshot(name: &str, databases: &Arc<Databases>) -> Arc<Snapshot> {
    let loaded = match config::load(&[folder().join(name)], &Options::default()) {
        Ok(loaded) => loaded,
        Err(report) => panic!("{name}: {}", report.human(false)),
    };
    assert!(loaded.warnings.is_empty(), "{name}: {}", loaded.warnings.human(false));
    Arc::new(Snapshot::build(loaded.spec, Arc::clone(databases)).unwrap())
}

fn expected(name: &str) -> Expected {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples").join(format!("{name}.toml"));
    toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap()
}

fn question(name: &str, rtype: &str, subnet: (IpAddr, u8)) -> Question {
    let rtype = rtype.parse::<RecordType>().unwrap();
    Question { name: name.to_owned(), rtype, subnet, resolver: IpAddr::V4(Ipv4Addr::LOCALHOST) }
}

fn subnet(text: &str) -> (IpAddr, u8) {
    let network = text.parse::<ipnet::IpNet>().unwrap();
    (network.addr(), network.prefix_len())
}

fn check(example: &str, snapshot: &Arc<Snapshot>, ask: &Ask) {
    let state = State::offline(Arc::clone(snapshot), &failed(snapshot, &ask.down).unwrap());
    let what = format!("{example}: {} {} for {} with {:?} down", ask.name, ask.r#type, ask.client, ask.down);
    let question = question(&ask.name, &ask.r#type, subnet(&ask.client));
    let mut first = None;
    for _ in 0..50 {
        let report = Report::new(&state, &question).unwrap().expect("it is answered");
        assert_eq!(report.rcode, ask.rcode.as_deref().unwrap_or("NOERROR"), "{what}");
        assert_eq!(report.answers.is_empty(), ask.answer.is_empty(), "{what}: {:?}", report.answers);
        assert!(report.answers.iter().all(|answer| ask.answer.contains(answer)), "{what}: {:?}", report.answers);
        assert!(ask.count.is_none_or(|count| count == report.answers.len()), "{what}: {:?}", report.answers);
        assert!(ask.scope.is_none_or(|scope| scope == report.scope), "{what}: scope {}", report.scope);
        let first = first.get_or_insert_with(|| report.answers.clone());
        assert!(!ask.same || *first == report.answers, "{what}: {first:?}, then {:?}", report.answers);
    }
}

/// Asks 4,000 times, each time as another network or as the same one, and counts.
fn check_share(example: &str, snapshot: &Arc<Snapshot>, share: &Share) {
    const ASKED: u32 = 4_000;
    let state = State::offline(Arc::clone(snapshot), &[]);
    let mut worker = geosteer::worker::Worker::new(7);
    let mut count = HashMap::<String, u32>::new();
    for index in 0..ASKED {
        let client = match share.over.as_str() {
            // A prime step through the /16 blocks of unicast space.
            "networks" => Ipv4Addr::from((index * 7 % 40_000 + 0x0b00) << 16),
            "queries" => Ipv4Addr::new(193, 0, 6, 0),
            other => panic!("shares are counted over networks or queries, not {other}"),
        };
        let question = question(&share.name, "A", (IpAddr::V4(client), 24));
        let reply = geosteer::report::ask(&state, &mut worker, &question).unwrap().unwrap();
        *count.entry(reply.answers[0].clone()).or_default() += 1;
    }
    let found = f64::from(count[&share.of]) * 100.0 / f64::from(ASKED);
    // Four standard deviations of a fair draw.
    let bound = 4.0 * (share.percent * (100.0 - share.percent) / f64::from(ASKED)).sqrt();
    assert!((found - share.percent).abs() < bound, "{example}: {} {} %, wanted {} %", share.of, found, share.percent);
}

#[test]
fn every_example_answers_as_it_says() {
    let databases = Arc::new(Databases::embedded().unwrap());
    let mut names = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| folder().join(name).is_dir() && name != "embed")
        .collect::<Vec<_>>();
    names.sort();
    assert_eq!(names, ["canary", "cdn", "failover", "nearest", "residency", "services", "sticky", "two-tier"]);
    for name in names {
        let snapshot = snapshot(&name, &databases);
        let expected = expected(&name);
        expected.ask.iter().for_each(|ask| check(&name, &snapshot, ask));
        expected.share.iter().for_each(|share| check_share(&name, &snapshot, share));
    }
}

/// The fenced blocks of a language in a Markdown file.
fn fenced(text: &str, language: &str) -> Vec<String> {
    let blocks = text.split("\n```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n').map(str::to_owned)).collect()
}

#[test]
fn the_zone_of_the_readme_is_read_without_a_warning() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let zones = fenced(&readme, "toml");
    assert_eq!(zones.len(), 1, "{zones:?}");
    match config::load_text("README.md", &zones[0], &Options::default()) {
        Ok(loaded) => assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.human(false)),
        Err(report) => panic!("{}", report.human(false)),
    }
}
