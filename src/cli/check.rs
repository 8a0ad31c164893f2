//! `geosteer check`: reads zones (and the server file) and says every mistake at once, then what the zones
//! are. No server, no network, no privileges.

use super::certificate::{self, Found};
use crate::config::{self, DatabaseRef, Loaded, Options, Report, Server};
use crate::daemon;
use crate::error::Exit;
use crate::health::Check;
use crate::id::ZoneId;
use crate::routing_tests;
use crate::snapshot::Spec;
use crate::transfer::{Balanced, stand_ins};
use serde::Serialize;
use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Arguments of `geosteer check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Zone files, directories of them, or a server file; `zones` if none is given
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How mistakes are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How a report is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
enum Format {
    /// With excerpts and carets, then a summary
    #[default]
    Human,
    /// One line a mistake: file:line:column: error[E021]: …
    Short,
    /// One JSON document
    Json,
}

/// Runs the verb: 0 if everything can be served, 1 if not.
#[must_use]
pub fn run(args: Args) -> Exit {
    let result = read(&args.paths);
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = match args.format {
        Format::Human => human(&result, colour),
        Format::Short => short(&result),
        Format::Json => json(&result),
    };
    // A reader that went away (`| head`) is no mistake of the zone.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    if result.is_good() { Exit::Ok } else { Exit::No }
}

/// What was read: the reports of server files, the certificates that they name, and the zones.
struct Checked {
    servers: Vec<Report>,
    certificates: Vec<Found>,
    zones: Result<Loaded, Report>,
}

impl Checked {
    /// A server can start with it.
    fn is_good(&self) -> bool {
        self.zones.is_ok() && self.errors() == 0
    }

    fn errors(&self) -> usize {
        let bad = self.certificates.iter().filter(|found| matches!(found, Found::Bad(_))).count();
        self.reports().map(Report::errors).sum::<usize>() + bad
    }

    fn warnings(&self) -> usize {
        let of = |found: &Found| if let Found::Good(_, warnings) = found { warnings.len() } else { 0 };
        self.reports().map(Report::warnings).sum::<usize>() + self.certificates.iter().map(of).sum::<usize>()
    }

    fn reports(&self) -> impl Iterator<Item = &Report> {
        let zones = match &self.zones {
            Ok(loaded) => &loaded.warnings,
            Err(report) => report,
        };
        self.servers.iter().chain(std::iter::once(zones))
    }
}

/// A `geosteer.toml` among the paths stands for the zones that it names.
fn read(paths: &[PathBuf]) -> Checked {
    let (mut servers, mut certificates, mut zones) = (Vec::new(), Vec::new(), Vec::new());
    let mut options = Options::default();
    let mut databases = None;
    let usual = [PathBuf::from("zones")];
    for path in if paths.is_empty() { &usual } else { paths } {
        if path.file_name().is_none_or(|name| name != "geosteer.toml") {
            zones.push(path.clone());
            continue;
        }
        match config::load_server(path) {
            Ok((server, warnings)) => {
                zones.extend(server.zones);
                databases = Some(server.databases);
                options.ecs = server.ecs;
                options.exec |= server.probe.exec;
                options.canaries.extend(server.canaries);
                let keys = server.tsig.into_iter().map(|key| key.name);
                options.tsig.get_or_insert_default().extend(keys);
                certificates.extend(certificate::look(&server.tls));
                servers.push(warnings);
            }
            Err(report) => servers.push(report),
        }
    }
    let loaded = config::load(&zones, &options);
    if let Ok(loaded) = &loaded {
        servers.extend(tested(&zones, loaded, databases));
    }
    Checked { servers, certificates, zones: loaded }
}

/// What is wrong with the routing tests that lie beside the zones, or with the databases that they need.
fn tested(zones: &[PathBuf], loaded: &Loaded, databases: Option<Vec<DatabaseRef>>) -> Option<Report> {
    let files = config::routing_test_files(zones);
    if files.is_empty() {
        return None;
    }
    let server = Server { databases: databases.unwrap_or_else(|| Server::default().databases), ..Server::default() };
    match daemon::compiled(&server, loaded.spec.clone()) {
        Ok(snapshot) => Some(routing_tests::run(&snapshot, &files).report),
        // The zones are sound: what is wrong with the databases is said where they are loaded.
        Err(error) => {
            eprintln!("warning: the routing tests were not run: {}", error.to_string().trim_end());
            None
        }
    }
}

fn short(checked: &Checked) -> String {
    let certificates = checked.certificates.iter().flat_map(said).filter(|(word, _)| !word.starts_with("certificate"));
    let reports = checked.reports().map(Report::short);
    reports.chain(certificates.map(|(word, says)| format!("{word}{says}\n"))).collect()
}

fn human(checked: &Checked, colour: bool) -> String {
    let mut out: String = checked.reports().map(|report| report.human(colour)).collect();
    let (errors, warnings) = (checked.errors(), checked.warnings());
    out.extend(checked.certificates.iter().flat_map(said).map(|(word, says)| format!("{word}{says}\n")));
    if let Ok(loaded) = &checked.zones {
        out.push_str(&summary(&loaded.spec));
    }
    out.push_str(&match (errors, warnings) {
        (0, 0) => "ok\n".to_owned(),
        (0, _) => format!("ok, {}\n", count(warnings, "warning")),
        (_, 0) => format!("{}\n", count(errors, "error")),
        _ => format!("{}, {}\n", count(errors, "error"), count(warnings, "warning")),
    });
    out
}

/// What is said of a certificate, a line each behind its word.
fn said(found: &Found) -> Vec<(&'static str, String)> {
    match found {
        Found::Good(certificate, warnings) => {
            let warnings = warnings.iter().map(|warning| ("warning: ", warning.clone()));
            std::iter::once(("certificate ", certificate::words(certificate))).chain(warnings).collect()
        }
        Found::Bad(why) => vec![("error: ", why.clone())],
        Found::Unseen(why) => vec![("certificate not looked at: ", why.clone())],
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// One block a zone: what it has, and how fast its checks notice.
fn summary(spec: &Spec) -> String {
    let mut out = String::new();
    for (index, zone) in spec.zones.iter().enumerate() {
        let facts = ZoneView::of(spec, index);
        out.push_str(&format!("{}  ({})\n", zone.apex, zone.file));
        out.push_str(&format!(
            "  {}, {}, {}, {}, {}, {}\n",
            count(facts.names, "name"),
            count(facts.policies, "policy").replace("policys", "policies"),
            count(facts.pools, "pool"),
            count(facts.endpoints, "endpoint"),
            count(facts.regions, "region"),
            count(facts.records, "static record"),
        ));
        let width = facts.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0).min(48);
        for check in &facts.checks {
            let line = match check.kind {
                "none" => "not probed".to_owned(),
                kind => format!(
                    "{kind:<5} every {}, fails over within {}, back within {}",
                    seconds(check.interval),
                    seconds(check.fail_over),
                    seconds(check.fail_back)
                ),
            };
            out.push_str(&format!("  check {:<width$}  {line}\n", check.name));
        }
        if let Some(sets) = facts.signed_sets {
            out.push_str(&format!("  signed: at most {} of balanced names at a time\n", count(sets, "RRset")));
        }
        out.extend(facts.transfer.as_ref().map(TransferView::line));
        for without in facts.without_rows.iter().take(8) {
            out.push_str(&format!("  policy {} has no row for {}\n", without.policy, without.regions.join(", ")));
        }
        if facts.without_rows.len() > 8 {
            out.push_str(&format!("  … and {} more such policies\n", facts.without_rows.len() - 8));
        }
        out.push('\n');
    }
    out
}

fn seconds(value: f64) -> String {
    format!("{value} s")
}

#[derive(Serialize)]
struct ZoneView<'a> {
    zone: String,
    file: &'a str,
    names: usize,
    policies: usize,
    pools: usize,
    endpoints: usize,
    regions: usize,
    records: usize,
    /// How many RRsets its balanced names can be answered with at a time, if it is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_sets: Option<usize>,
    /// What a secondary gets, if somebody may have the zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer: Option<TransferView>,
    checks: Vec<CheckView<'a>>,
    without_rows: Vec<WithoutRows<'a>>,
}

/// What a plain secondary gets of a zone.
#[derive(Serialize)]
struct TransferView {
    /// Static records, without those that signing adds.
    records: usize,
    /// Balanced names that are left out.
    left_out: usize,
    /// Records that stand for balanced names.
    stand_ins: usize,
    /// Secondaries that are told of changes.
    notified: usize,
}

impl TransferView {
    fn of(spec: &Spec, index: usize) -> Option<Self> {
        let zone = &spec.zones[index];
        let rules = zone.transfer.as_ref()?;
        let stand_ins = match rules.balanced {
            Balanced::LeaveOut => Vec::new(),
            Balanced::FailOpen => stand_ins(spec, ZoneId::new(index)),
        };
        let stands: HashSet<_> = stand_ins.iter().map(|record| &record.owner).collect();
        let names = spec.names.iter().filter(|name| name.zone.index() == index);
        let left_out = names.filter(|name| !stands.contains(&name.owner)).count();
        let (records, notified) = (zone.records.len(), rules.notify.len());
        Some(Self { records, left_out, stand_ins: stand_ins.len(), notified })
    }

    fn line(&self) -> String {
        let mut parts = vec![count(self.records, "static record")];
        if self.stand_ins > 0 {
            parts.push(format!("{} in place of balanced names", count(self.stand_ins, "record")));
        }
        if self.left_out > 0 {
            parts.push(format!("without {}", count(self.left_out, "balanced name")));
        }
        format!(
            "  a secondary gets {}; {} told of changes\n",
            parts.join(", "),
            match self.notified {
                0 => "none is".to_owned(),
                1 => "1 is".to_owned(),
                many => format!("{many} are"),
            }
        )
    }
}

/// A policy whose rows leave regions to `default` (or to a wider region).
#[derive(Serialize)]
struct WithoutRows<'a> {
    policy: &'a str,
    regions: Vec<&'a str>,
}

/// A check with its worst-case times, seconds.
#[derive(Serialize)]
struct CheckView<'a> {
    name: &'a str,
    kind: &'static str,
    interval: f64,
    fail_over: f64,
    fail_back: f64,
}

impl<'a> ZoneView<'a> {
    fn of(spec: &'a Spec, index: usize) -> Self {
        let zone = &spec.zones[index];
        let pools = || spec.pools.iter().filter(move |pool| pool.zone.index() == index);
        let mut used: Vec<usize> = pools().flat_map(|pool| pool.checks.iter().map(|check| check.index())).collect();
        used.sort_unstable();
        used.dedup();
        let policies = || spec.policies.iter().filter(move |policy| policy.zone.index() == index);
        Self {
            zone: zone.apex.to_string(),
            file: &zone.file,
            names: spec.names.iter().filter(|name| name.zone.index() == index).count(),
            policies: policies().count(),
            pools: pools().count(),
            endpoints: pools().map(|pool| usize::from(pool.count)).sum(),
            regions: zone.regions.len(),
            records: zone.records.len(),
            signed_sets: zone.signing.wanted().map(|_| spec.sets_of(ZoneId::new(index))),
            transfer: TransferView::of(spec, index),
            checks: used.iter().map(|&check| CheckView::of(&spec.checks[check])).collect(),
            without_rows: policies().filter_map(|policy| WithoutRows::of(&zone.regions, policy)).collect(),
        }
    }
}

impl<'a> WithoutRows<'a> {
    fn of(regions: &'a [crate::geo::Region], policy: &'a crate::steer::Policy) -> Option<Self> {
        let mut missing = vec![true; regions.len()];
        for region in policy.rows.iter().filter_map(|row| row.region) {
            missing[region.index()] = false;
        }
        let regions: Vec<_> =
            regions.iter().zip(missing).filter(|(_, missing)| *missing).map(|(region, _)| &*region.name).collect();
        (!regions.is_empty()).then_some(Self { policy: &policy.name, regions })
    }
}

impl<'a> CheckView<'a> {
    /// The worst case: the endpoint dies right after a probe, every failing probe takes its whole timeout, and
    /// every probe comes at the late end of its jitter.
    fn of(check: &'a Check) -> Self {
        let timing = &check.timing;
        let jitter = 100 + u64::from(crate::limits::JITTER_PERCENT);
        let late = |results: u8| u64::from(results) * u64::from(timing.interval_ms) * jitter / 100;
        let slow = u64::from(timing.interval_ms) * u64::from(crate::limits::SLOWDOWN_MAX - 1) * jitter / 100;
        let timeout = u64::from(timing.timeout_ms);
        let seconds = |millis: u64| millis as f64 / 1_000.0;
        Self {
            name: &check.name,
            kind: check.kind.word(),
            interval: seconds(timing.interval_ms.into()),
            fail_over: seconds(late(timing.fall) + timeout),
            fail_back: seconds(late(timing.rise) + slow + timeout),
        }
    }
}

fn json(checked: &Checked) -> String {
    #[derive(Serialize)]
    struct Document<R, Z> {
        ok: bool,
        errors: usize,
        warnings: usize,
        diagnostics: Vec<R>,
        /// What is said of the certificates that server files name.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        certificates: Vec<String>,
        zones: Vec<Z>,
    }
    let diagnostics: Vec<_> = checked.reports().flat_map(Report::view).collect();
    let zones = match &checked.zones {
        Ok(loaded) => (0..loaded.spec.zones.len()).map(|index| ZoneView::of(&loaded.spec, index)).collect(),
        Err(_) => Vec::new(),
    };
    let certificates = checked.certificates.iter().flat_map(said).map(|(word, says)| format!("{word}{says}")).collect();
    let (errors, warnings) = (checked.errors(), checked.warnings());
    let document = Document { ok: errors == 0, errors, warnings, diagnostics, certificates, zones };
    serde_json::to_string_pretty(&document)
        .map_or_else(|error| format!("{{\"error\": \"{error}\"}}\n"), |text| text + "\n")
}
