//! `geosteer probe`: probes one endpoint now, as the server would, and shows where the time went. It reads the zones;
//! no server is needed.

use crate::config::{self, Options, Report};
use crate::daemon::{self, ServerSource};
use crate::error::Exit;
use crate::health::{CheckKind, Load, Outcome, TargetAddress};
use crate::probe::{Job, Probed, probe_once};
use crate::report::nearest;
use crate::snapshot::{Spec, probed_addresses};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `geosteer probe`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The endpoint, as POOL/ENDPOINT
    #[arg(value_name = "POOL/ENDPOINT", value_parser = parse_target)]
    target: (String, String),
    /// Zone files, or directories of them; instead of the server file's `zones` [default: zones]
    #[arg(long, value_name = "DIR")]
    zones: Vec<PathBuf>,
    /// The server file (geosteer.toml): its zones, and whether checks may run programs
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb: 0 if every probe passed, 1 if not.
#[must_use]
pub fn run(args: Args) -> Exit {
    let spec = match spec(args.config, args.zones) {
        Ok(spec) => spec,
        Err(why) => {
            eprintln!("{}", why.trim_end());
            return Exit::Failed;
        }
    };
    let planned = match plan(&spec, &args.target) {
        Ok(planned) => planned,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Usage;
        }
    };
    let jobs: Vec<_> = planned.iter().map(|planned| planned.job.clone()).collect();
    let probed = match probe_once(&jobs) {
        Ok(probed) => probed,
        Err(error) => {
            eprintln!("error: {error}");
            return Exit::Failed;
        }
    };
    let views: Vec<_> = planned.iter().zip(&probed).map(|(planned, probed)| ProbeView::of(planned, probed)).collect();
    let passed = probed.iter().all(|probed| probed.outcome == Outcome::Pass);
    if args.json {
        let document = Document { passed, probes: views };
        println!("{}", serde_json::to_string_pretty(&document).expect("strings and numbers are JSON"));
    } else {
        views.iter().for_each(|view| print!("{}", view.human()));
    }
    if passed { Exit::Ok } else { Exit::No }
}

fn parse_target(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('/').filter(|(pool, endpoint)| !pool.is_empty() && !endpoint.is_empty());
    let (pool, endpoint) = parts.ok_or_else(|| format!("an endpoint is POOL/ENDPOINT, not \"{text}\""))?;
    Ok((pool.to_owned(), endpoint.to_owned()))
}

/// Reads the zones, as the server would.
fn spec(config: Option<PathBuf>, zones: Vec<PathBuf>) -> Result<Spec, String> {
    let source = config.map_or_else(|| ServerSource::Given(Box::default()), ServerSource::File);
    let (server, _) = daemon::server(&source).map_err(|error| error.to_string())?;
    let given = [zones, server.zones].into_iter().find(|paths| !paths.is_empty());
    let paths = given.unwrap_or_else(|| vec![PathBuf::from("zones")]);
    let options = Options {
        ecs: server.ecs,
        exec: server.probe.exec,
        guard: server.guard,
        canaries: server.canaries,
        tsig: None,
    };
    let loaded = config::load(&paths, &options).map_err(|report: Report| report.human(false))?;
    Ok(loaded.spec)
}

/// One probe to run.
struct Planned<'a> {
    zone: String,
    pool: &'a str,
    endpoint: &'a str,
    job: Job,
}

/// Every check of the pool with every address of the endpoint. A name that several zones have stands for all of them.
fn plan<'a>(spec: &'a Spec, (wanted, member): &(String, String)) -> Result<Vec<Planned<'a>>, String> {
    let pools: Vec<_> = spec.pools.iter().filter(|pool| *pool.name == **wanted).collect();
    if pools.is_empty() {
        let known = spec.pools.iter().map(|pool| &*pool.name);
        return Err(format!("no pool is called \"{wanted}\"{}", nearest(wanted, known)));
    }
    let all = || pools.iter().flat_map(|pool| pool.endpoints().map(move |id| (*pool, &spec.endpoints[id.index()])));
    let found: Vec<_> = all().filter(|(_, endpoint)| *endpoint.name == **member).collect();
    if found.is_empty() {
        let known = all().map(|(_, endpoint)| &*endpoint.name);
        return Err(format!("pool {wanted} has no endpoint \"{member}\"{}", nearest(member, known)));
    }
    let mut planned = Vec::new();
    for (pool, endpoint) in found {
        let checks = pool.checks.iter().map(|check| &spec.checks[check.index()]);
        for check in checks.filter(|check| check.kind != CheckKind::None) {
            let check = Arc::new(check.clone());
            planned.extend(probed_addresses(endpoint).into_iter().map(|address| Planned {
                zone: spec.zones[pool.zone.index()].apex.to_string(),
                pool: &pool.name,
                endpoint: &endpoint.name,
                job: Job { address, check: Arc::clone(&check) },
            }));
        }
    }
    if planned.is_empty() { Err(format!("pool {wanted} is not probed: it has no check")) } else { Ok(planned) }
}

#[derive(Serialize)]
struct Document<'a> {
    passed: bool,
    probes: Vec<ProbeView<'a>>,
}

/// One probe, as people see it.
#[derive(Serialize)]
struct ProbeView<'a> {
    zone: &'a str,
    pool: &'a str,
    endpoint: &'a str,
    check: &'a str,
    kind: &'static str,
    address: String,
    /// `passed`, `failed` or `inconclusive`.
    outcome: &'static str,
    note: &'a str,
    /// The load that it reported.
    load: Option<f64>,
    took_ms: f64,
    phases: Vec<PhaseView>,
}

#[derive(Serialize)]
struct PhaseView {
    phase: &'static str,
    ms: f64,
}

impl<'a> ProbeView<'a> {
    fn of(planned: &'a Planned<'_>, probed: &'a Probed) -> Self {
        let millis = |time: Duration| time.as_micros() as f64 / 1_000.0;
        let phases = probed.phases.iter().map(|(phase, time)| PhaseView { phase: phase.word(), ms: millis(*time) });
        Self {
            zone: &planned.zone,
            pool: planned.pool,
            endpoint: planned.endpoint,
            check: &planned.job.check.name,
            kind: planned.job.check.kind.word(),
            address: match &planned.job.address {
                TargetAddress::Ip(ip) => ip.to_string(),
                TargetAddress::Host(name) => name.to_string(),
            },
            outcome: match probed.outcome {
                Outcome::Pass => "passed",
                Outcome::Fail => "failed",
                Outcome::Inconclusive => "inconclusive",
            },
            note: &probed.note,
            load: probed.load.map(Load::value),
            took_ms: millis(probed.took),
            phases: phases.collect(),
        }
    }

    fn human(&self) -> String {
        let mut out =
            format!("{}/{}  {}  check {} ({})\n", self.pool, self.endpoint, self.address, self.check, self.kind);
        for phase in &self.phases {
            let _ = writeln!(out, "  {:<10} {:>9.3} ms", phase.phase, phase.ms);
        }
        let _ = writeln!(out, "  {:<10} {:>9.3} ms", "together", self.took_ms);
        let _ = writeln!(out, "  {}: {}\n", self.outcome, self.note);
        out
    }
}
