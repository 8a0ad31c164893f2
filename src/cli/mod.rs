//! The command line: one file a verb, each with `Args` and `run(Args) -> Exit`. What a verb is asked for
//! goes to stdout, everything else to stderr.

mod certificate;
pub mod check;
pub mod completions;
pub mod demo;
pub mod diff;
pub mod dnssec;
pub mod doctor;
pub mod explain;
pub mod fmt;
pub mod geo;
pub mod init;
pub mod operate;
pub mod probe;
pub mod run;
pub mod schema;
pub mod simulate;
pub mod test;

use crate::error::Exit;
use crate::listen::sys;
use clap::{Parser, Subcommand};

/// A global, DNS-based load balancer: an authoritative DNS server that sends each client to the nearest
/// healthy region.
#[derive(Debug, Parser)]
#[command(name = "geosteer", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve zones until SIGTERM; SIGHUP reloads all or nothing
    Run(run::Args),
    /// Write a first zone that passes `check`
    Init(init::Args),
    /// Format zone files; comments stay, the meaning is the same
    Fmt(fmt::Args),
    /// Serve the built-in demo zone with toy endpoints to take down and bring back
    Demo(demo::Args),
    /// Read zones and say every mistake at once; no server, no network
    Check(check::Args),
    /// Say how a name is answered for a client, and why
    Explain(explain::Args),
    /// Say what share of the clients each pool gets, and who moves if something fails or is drained
    Simulate(simulate::Args),
    /// Say which clients move between two configurations or two databases; a gate for CI
    Diff(diff::Args),
    /// Run the routing tests (*.tests.toml) that lie beside zones
    Test(test::Args),
    /// Probe one endpoint now, and show where the time goes; no server
    Probe(probe::Args),
    /// Look at what stands between the server and the world: ports, delegation, sizes, clock, databases, limits
    Doctor(doctor::Args),
    /// Make, move and publish the keys of signed zones
    Dnssec(dnssec::Args),
    /// Ask the geographic databases
    Geo(geo::Args),
    /// Take a pool or an endpoint out of new answers of the running server; it is still probed
    Drain(operate::Drain),
    /// Remove the override of a state (drain, down, up or auto): the file and health decide again
    Undrain(operate::Undrain),
    /// Let a part of a pool's clients go on along their rows, always the same ones
    Shed(operate::Shed),
    /// Count a pool or an endpoint as up, whatever its checks say
    Up(operate::Forced),
    /// Take a pool or an endpoint out, as failed
    Down(operate::Forced),
    /// Let health decide, whatever the file says
    Auto(operate::Forced),
    /// Give endpoints another weight
    Weight(operate::Weigh),
    /// Let endpoints come back that manual_resume or failback_delay keeps out
    Resume(operate::ResumeArgs),
    /// Believe the failures that the blast guard holds
    Release(operate::ReleaseArgs),
    /// Have the running server read its files again, all or nothing; say what changed
    Reload(operate::ReloadArgs),
    /// Say how the running server is, and which overrides hold; with --serving: whether this node answers DNS
    Status(operate::StatusArgs),
    /// List the pools of the running server
    Pools(operate::ListArgs),
    /// List the endpoints of the running server
    Endpoints(operate::EndpointsArgs),
    /// Say what happened: changes of health, overrides, reloads
    Events(operate::EventsArgs),
    /// Print a JSON Schema of a file format, for editors
    Schema(schema::Args),
    /// Print completions for a shell
    Completions(completions::CompletionsArgs),
    /// Write manual pages into a directory
    Man(completions::ManArgs),
    /// Print what the running server has counted, in Prometheus' text format
    Metrics(operate::MetricsArgs),
}

/// Runs the verb that the process's arguments name.
#[must_use]
pub fn main() -> Exit {
    let verb = Cli::parse().verb;
    // The server goes on when its log is read no more; `geosteer explain … | head` ends.
    if !matches!(verb, Verb::Run(_)) {
        sys::end_on_closed_pipe();
    }
    match verb {
        Verb::Run(args) => run::run(args),
        Verb::Init(args) => init::run(args),
        Verb::Fmt(args) => fmt::run(args),
        Verb::Demo(args) => demo::run(args),
        Verb::Check(args) => check::run(args),
        Verb::Explain(args) => explain::run(args),
        Verb::Simulate(args) => simulate::run(args),
        Verb::Diff(args) => diff::run(args),
        Verb::Test(args) => test::run(args),
        Verb::Probe(args) => probe::run(args),
        Verb::Doctor(args) => doctor::run(args),
        Verb::Dnssec(args) => dnssec::run(args),
        Verb::Geo(args) => geo::run(args),
        Verb::Drain(args) => operate::drain(args),
        Verb::Undrain(args) => operate::undrain(args),
        Verb::Shed(args) => operate::shed(args),
        Verb::Up(args) => operate::forced(args, "up"),
        Verb::Down(args) => operate::forced(args, "down"),
        Verb::Auto(args) => operate::forced(args, "auto"),
        Verb::Weight(args) => operate::weigh(args),
        Verb::Resume(args) => operate::resume(args),
        Verb::Release(args) => operate::release(args),
        Verb::Reload(args) => operate::reload(args),
        Verb::Status(args) => operate::status(args),
        Verb::Pools(args) => operate::pools(args),
        Verb::Endpoints(args) => operate::endpoints(args),
        Verb::Events(args) => operate::events(args),
        Verb::Schema(args) => schema::run(args),
        Verb::Completions(args) => completions::completions(args),
        Verb::Man(args) => completions::man(args),
        Verb::Metrics(args) => operate::metrics(args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use std::path::{Path, PathBuf};

    /// Every TOML file below folders of this repository: zones, server files and routing tests.
    pub(super) fn toml_files(folders: &[&str]) -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                match path.is_dir() {
                    true => folders.push(path),
                    false if path.extension().is_some_and(|extension| extension == "toml") => found.push(path),
                    false => {}
                }
            }
        }
        found
    }

    #[test]
    fn the_reference_lists_every_verb_in_order_with_what_it_does_and_invents_none() {
        let reference = include_str!("../../docs/cli.md");
        let rows = reference.lines().skip_while(|line| *line != "## Verbs").filter(|line| line.starts_with("| `"));
        let row = |line: &str| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            assert!(cells.len() == 5 && cells[3].starts_with('0'), "verb, what it does, exit codes: {line}");
            (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
        };
        let written: Vec<_> = rows.map(row).collect();
        let about =
            |verb: &clap::Command| (verb.get_name().to_owned(), verb.get_about().unwrap_or_default().to_string());
        let known: Vec<_> = Cli::command().get_subcommands().map(about).collect();
        assert_eq!(written, known);
    }
}
