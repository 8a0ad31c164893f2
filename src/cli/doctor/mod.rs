//! `geosteer doctor`: what usually stands between a configuration and the world's resolvers, looked at from this machine.
//! It changes nothing. What cannot be found out from here is said to be so, and is no failure.

mod ask;
mod certificate;
mod delegation;
mod ports;
mod serving;
pub(in crate::cli) mod signing;
mod system;

use super::operate::table::table;
use crate::config::{self, Options, Server};
use crate::daemon::{self, LISTEN, ServerSource, Zones};
use crate::error::Exit;
use crate::limits::DOCTOR_ZONES;
use crate::snapshot::Spec;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Arguments of `geosteer doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server file (geosteer.toml)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Zone files, or directories of them; instead of the server file's `zones` [default: zones]
    #[arg(long, value_name = "PATH")]
    zones: Vec<PathBuf>,
    /// Where the server listens; instead of the server file's `listen` [default: 127.0.0.1:5300]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<SocketAddr>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// As it should be.
    Ok,
    /// It will hurt some day.
    Warn,
    /// It does not work.
    Fail,
    /// It cannot be found out from here.
    CannotTell,
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct Finding {
    check: String,
    verdict: Verdict,
    says: String,
    help: Option<String>,
}

impl Finding {
    fn new(check: impl Into<String>, verdict: Verdict, says: impl Into<String>) -> Self {
        Self { check: check.into(), verdict, says: says.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Runs the verb: 0 if nothing fails.
#[must_use]
pub fn run(args: Args) -> Exit {
    let json = args.json;
    let findings = look(args);
    let is_well = findings.iter().all(|one| one.verdict != Verdict::Fail);
    match json {
        true => {
            let document = serde_json::json!({ "ok": is_well, "checks": findings });
            println!("{document:#}");
        }
        false => print!("{}", text(&findings)),
    }
    if is_well { Exit::Ok } else { Exit::No }
}

fn look(args: Args) -> Vec<Finding> {
    let source = args.config.map_or_else(|| ServerSource::Given(Box::default()), ServerSource::File);
    let has_file = matches!(source, ServerSource::File(_));
    let zones = (!args.zones.is_empty()).then_some(args.zones);
    let (server, _) = match daemon::server(&source) {
        Ok(server) => server,
        Err(error) => return vec![broken(&error)],
    };
    let mut findings = vec![configuration(&server, zones.as_deref())];
    let listen = match (&args.listen[..], &server.dns.listen[..]) {
        ([], []) => vec![LISTEN],
        ([], file) => file.to_vec(),
        (told, _) => told.to_vec(),
    };
    let spec = spec(&server, zones.as_deref()).unwrap_or_default();
    for address in listen {
        findings.extend(serving::look(address, &spec));
    }
    findings.extend(certificate::look(&server, &spec));
    findings.extend(spec.zones.iter().take(DOCTOR_ZONES).map(delegation::look));
    findings.extend(spec.zones.iter().take(DOCTOR_ZONES).flat_map(signing::look));
    findings.extend(system::databases(&server));
    findings.push(system::clock(&spec));
    findings.push(system::descriptors());
    findings.extend(system::files(&server, has_file));
    findings
}

fn broken(error: &daemon::LoadError) -> Finding {
    let lines = error.lines();
    let first = lines.iter().find(|line| line.contains(": error[")).or(lines.first()).cloned().unwrap_or_default();
    Finding::new("configuration", Verdict::Fail, first).help("`geosteer check` shows every mistake with its place")
}

/// The zones can be served with the databases that there are.
fn configuration(server: &Server, zones: Option<&[PathBuf]>) -> Finding {
    match daemon::load(server, zones.map(|paths| Zones::Paths(paths.to_vec())).as_ref()) {
        Ok(found) => {
            let (zones, names) = (found.snapshot.settings.len(), found.snapshot.names.len());
            let says = format!("{zones} zones, {names} balanced names, {} warnings", found.warnings.len());
            Finding::new("configuration", Verdict::Ok, says)
        }
        Err(error) => broken(&error),
    }
}

fn spec(server: &Server, zones: Option<&[PathBuf]>) -> Option<Spec> {
    let usual = [PathBuf::from("zones")];
    let paths = match (zones, &server.zones[..]) {
        (Some(told), _) => told,
        (None, []) => &usual,
        (None, file) => file,
    };
    let options = Options { ecs: server.ecs.clone(), exec: true, ..Options::default() };
    config::load(paths, &options).ok().map(|loaded| loaded.spec)
}

fn text(findings: &[Finding]) -> String {
    let word = |verdict| match verdict {
        Verdict::Ok => "ok",
        Verdict::Warn => "warn",
        Verdict::Fail => "FAIL",
        Verdict::CannotTell => "cannot tell",
    };
    let mut rows = Vec::new();
    for one in findings {
        rows.push(vec![word(one.verdict).to_owned(), one.check.clone(), one.says.clone()]);
        rows.extend(one.help.iter().map(|help| vec![String::new(), String::new(), format!("help: {help}")]));
    }
    table(&["VERDICT", "CHECK", "FOUND"], &rows)
}

/// A file's content, if it can be read.
fn read(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_a_table_with_help_below_what_is_wrong() {
        let findings = [
            Finding::new("clock", Verdict::Ok, "fine"),
            Finding::new("port 0.0.0.0:53", Verdict::Fail, "held by dnsmasq").help("stop it"),
        ];
        let right = "VERDICT  CHECK            FOUND\nok       clock            fine\nFAIL     port 0.0.0.0:53  held by dnsmasq\n                          help: stop it\n";
        assert_eq!(text(&findings), right);
    }

    #[test]
    fn a_running_server_is_found_well_and_one_that_does_not_run_is_no_failure() {
        let zone = "zone = \"example.invalid\"\nns = [\"ns.example.net\"]\n[pools]\na = { check = \"none\", endpoints = [\"192.0.2.1\"] }\n[names]\nwww = { policy = { default = [\"a\"] } }\n";
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("zone.toml"), zone).expect("written");
        let paths = vec![folder.path().to_owned()];
        let running = daemon::Server::start(daemon::Options::for_paths(paths.clone())).expect("it starts");
        let spec = spec(&Server::default(), Some(&paths)).expect("a zone");
        let address = running.address();
        let found = serving::look(address, &spec);
        assert!(found.len() >= 3 && found.iter().all(|one| one.verdict == Verdict::Ok), "{found:?}");
        running.stop();
        let found = serving::look(address, &spec);
        assert!(found.iter().all(|one| one.verdict == Verdict::Warn), "{found:?}");
        assert_eq!(configuration(&Server::default(), Some(&paths)).verdict, Verdict::Ok);
        std::fs::write(folder.path().join("zone.toml"), "zone = ").expect("written");
        assert_eq!(configuration(&Server::default(), Some(&paths)).verdict, Verdict::Fail);
    }
}
