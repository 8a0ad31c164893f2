//! Runs routing tests: each is one query through the live code, and what was answered is held against what is expected.
//! `geosteer test`, `geosteer check` and every reload call this.

use crate::config::{self, RoutingTest, RoutingTests, Span};
use crate::overrides::Target;
use crate::report::{Question, Report, record_type};
use crate::simulate::Scenario;
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::steer::seen;
use crate::wire::Name;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

/// What came out.
#[derive(Debug)]
pub struct Outcome {
    /// Tests that were run.
    pub run: usize,
    /// Every failure and every mistake in the files, with its place.
    pub report: config::Report,
}

/// Runs all tests of some files on a configuration with every endpoint up.
#[must_use]
pub fn run(snapshot: &Arc<Snapshot>, files: &[PathBuf]) -> Outcome {
    let mut tests = RoutingTests::read(files);
    let all_up = State::offline(Arc::clone(snapshot), &[]);
    let listed = std::mem::take(&mut tests.tests);
    for test in &listed {
        if let Err(failures) = one(&all_up, test) {
            failures.into_iter().for_each(|Failure { at, message, label, note }| tests.fail(at, message, label, note));
        }
    }
    Outcome { run: listed.len(), report: tests.finish() }
}

/// What is wrong with one answer.
struct Failure {
    at: Span,
    message: String,
    label: &'static str,
    note: Option<String>,
}

impl Failure {
    /// A test that cannot be run.
    fn wrong(at: Span, message: String) -> Vec<Self> {
        vec![Self { at, message, label: "cannot be run", note: None }]
    }
}

fn one(all_up: &State, test: &RoutingTest) -> Result<(), Vec<Failure>> {
    let mut scenario = Scenario::default();
    for (at, text) in &test.down {
        let target = Target::parse(text).map_err(|why| Failure::wrong(*at, why))?;
        scenario.down.push(target);
        if !scenario.unknown(&all_up.snapshot).is_empty() {
            return Err(Failure::wrong(*at, format!("nothing is called {text}")));
        }
    }
    let state = if scenario.is_empty() { all_up.clone() } else { scenario.apply(all_up, |id| seen(all_up, id)) };
    let question = question(&state.snapshot, test)?;
    let report = Report::new(&state, &question).map_err(|why| Failure::wrong(test.name.0, why))?;
    let report = report.ok_or_else(|| Failure::wrong(test.at, "the server would not answer this at all".to_owned()))?;
    let failures = compare(test, &report);
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

fn question(snapshot: &Snapshot, test: &RoutingTest) -> Result<Question, Vec<Failure>> {
    let (at, client) = &test.client;
    let subnet = client.parse::<ipnet::IpNet>().map(|network| (network.trunc().addr(), network.prefix_len()));
    let address = || client.parse::<IpAddr>().map(|address| (address, if address.is_ipv4() { 32 } else { 128 }));
    let Ok(subnet) = subnet.or_else(|_| address()) else {
        return Err(Failure::wrong(*at, format!("\"{client}\" is no address and no network")));
    };
    let (at, rtype) = &test.rtype;
    let rtype = record_type(rtype).ok_or_else(|| Failure::wrong(*at, format!("\"{rtype}\" is no record type")))?;
    let resolver = resolver(snapshot, &test.name.1, subnet.0);
    Ok(Question { name: test.name.1.clone(), rtype, subnet, resolver })
}

/// A resolver whose client subnets the name's zone believes. Where it believes nobody's, the client asks itself: the
/// resolver's address decides.
fn resolver(snapshot: &Snapshot, name: &str, client: IpAddr) -> IpAddr {
    let usual = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let balanced = Name::parse(name).ok().and_then(|name| snapshot.zones.find_balanced(&name));
    let Some(id) = balanced else { return usual };
    let ecs = &snapshot.settings[snapshot.names[id.index()].zone.index()].ecs;
    match ecs.trusted.first().filter(|_| ecs.enabled) {
        Some(_) if ecs.trusted.iter().any(|network| network.contains(&usual)) => usual,
        Some(first) => first.addr(),
        None => client,
    }
}

fn compare(test: &RoutingTest, report: &Report) -> Vec<Failure> {
    let mut failures = Vec::new();
    let why = why(report);
    let mut fail = |at: Span, message: String| {
        failures.push(Failure { at, message, label: "expected here", note: Some(why.clone()) });
    };
    let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let who = format!("{} {} for {}", report.name.trim_end_matches('.'), report.r#type, report.client);
    if let Some((at, region)) = test.region.as_ref().filter(|(_, region)| Some(region) != report.region.as_ref()) {
        fail(*at, format!("{who}: the region is {}, not {region}", told(&report.region)));
    }
    if let Some((at, pool)) = test.pool.as_ref().filter(|(_, pool)| Some(pool) != report.pool.as_ref()) {
        fail(*at, format!("{who}: the pool is {}, not {pool}", told(&report.pool)));
    }
    if let Some((at, rcode)) = test.rcode.as_ref().filter(|(_, rcode)| !rcode.eq_ignore_ascii_case(&report.rcode)) {
        fail(*at, format!("{who}: the rcode is {}, not {rcode}", report.rcode));
    }
    if let Some((at, addresses)) = &test.addresses {
        let same = |answer: &String, wanted: &String| match (answer.parse::<IpAddr>(), wanted.parse::<IpAddr>()) {
            (Ok(answer), Ok(wanted)) => answer == wanted,
            _ => answer.trim_end_matches('.').eq_ignore_ascii_case(wanted.trim_end_matches('.')),
        };
        let is_expected = |answer: &String| addresses.iter().any(|wanted| same(answer, wanted));
        let fits = match addresses.is_empty() {
            true => report.answers.is_empty(),
            false => !report.answers.is_empty() && report.answers.iter().all(is_expected),
        };
        if !fits {
            let answers = if report.answers.is_empty() { "no record".to_owned() } else { report.answers.join(", ") };
            fail(*at, format!("{who}: the answer is {answers}"));
        }
    }
    failures
}

/// How the answer came about, in a line.
fn why(report: &Report) -> String {
    let mut parts = vec![report.rcode.clone()];
    parts.extend(report.region.as_ref().map(|region| format!("region {region}")));
    parts.extend(report.row.as_ref().map(|row| format!("policy {} at {}", row.policy, row.at)));
    parts.extend(
        report.trail.iter().filter(|pool| pool.why != "not reached").map(|pool| format!("{}: {}", pool.pool, pool.why)),
    );
    parts.extend(report.fallback.clone());
    if !report.answers.is_empty() {
        parts.push(format!("answered {}", report.answers.join(", ")));
    }
    parts.join("; ")
}
