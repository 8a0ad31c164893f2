//! `geosteer simulate`: what share of the clients each pool gets, before and after a change, over the whole address
//! space or a list of clients. Offline, or on the health and overrides of the running server.

mod clients;
mod human;
mod live;
mod options;
mod progress;

pub(super) use clients::Clients;
pub(super) use human::{moved_tables, names_word, percent};
pub(super) use progress::Progress;

use super::explain::Paint;
use super::operate::Where;
use crate::daemon::{self, LoadError, ServerSource, Zones};
use crate::error::Exit;
use crate::geo::Databases;
use crate::report::{self, SimulationView, attribution};
use crate::simulate::{self, Scenario, Simulation, map, overloads};
use crate::snapshot::Snapshot;
use crate::state::State;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `geosteer simulate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Zone files, or directories of them; instead of the server file's `zones` [default: zones]
    #[arg(long, value_name = "DIR")]
    zones: Vec<PathBuf>,
    /// Only these balanced names [default: all]
    #[arg(long, value_name = "NAME", num_args = 1..)]
    name: Vec<String>,
    #[command(flatten)]
    change: options::Change,
    #[command(flatten)]
    clients: Clients,
    /// The load that all clients together bring, in the unit of the pools' `capacity`: warns of pools that get more
    #[arg(long, value_name = "NUMBER", value_parser = options::load)]
    load_total: Option<f64>,
    /// Begin with the health and the overrides of the running server
    #[arg(long)]
    live: bool,
    /// Draw the world before and after: SVG, or a page if FILE ends in .html
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    #[command(flatten)]
    server: Where,
}

/// Runs the verb.
#[must_use]
pub fn run(args: Args) -> Exit {
    simulated(&args).unwrap_or_else(|exit| exit)
}

fn simulated(args: &Args) -> Result<Exit, Exit> {
    let progress = Progress::new();
    progress.say("reading zones and databases");
    let snapshot = snapshot(args.server.config.clone(), args.zones.clone()).map_err(|error| {
        progress.clear();
        eprintln!("{}", error.to_string().trim_end());
        Exit::Failed
    })?;
    let names = report::names(&snapshot, &args.name).map_err(|why| usage(&why))?;
    let scenario = args.change.scenario().map_err(|why| usage(&why))?;
    if let Some(target) = scenario.unknown(&snapshot).first() {
        return Err(usage(&report::unknown(&snapshot, target)));
    }
    let before = match args.live {
        true => live::state(&args.server, &snapshot)?,
        false => State::offline(Arc::clone(&snapshot), &[]),
    };
    let after = scenario.apply(&before, |id| crate::steer::seen(&before, id));
    let databases = &*snapshot.databases;
    let population = args.clients.population([databases; 2]).map_err(|why| usage(&why))?;
    let done = simulate::simulate([&before, &after], &population, &names, &mut |part| progress.part(part));
    progress.clear();
    let over = args.load_total.map(|load| overloads([&before, &after], &done, load)).unwrap_or_default();
    let states = [&before, &after];
    if args.server.json {
        let view = SimulationView::new(states, &done, &population, &over, attribution(databases));
        println!("{}", serde_json::to_string_pretty(&view).expect("strings and numbers are JSON"));
    } else {
        let endpoints = args.change.is_of_endpoints();
        print!("{}", human::human(states, &done, &population, &over, endpoints, Paint::of_stdout()));
        if let Some(line) = attribution(databases) {
            println!("{line}");
        }
    }
    if let Some(file) = &args.map {
        draw(file, states, &done, &scenario, databases)?;
    }
    Ok(Exit::Ok)
}

/// Writes the map of the first name.
fn draw(
    file: &Path,
    states: [&State; 2],
    done: &Simulation,
    scenario: &Scenario,
    databases: &Databases,
) -> Result<(), Exit> {
    let change = options::words(scenario);
    let page = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("html"));
    let drawn = done.groups.first().zip(done.groups.first().and_then(|group| group.lanes.first()));
    let Some((group, lane)) = drawn else {
        return Err(usage("no balanced name has addresses: there is nothing to draw"));
    };
    let title = format!("{} {}", names_word(states, group), lane.rtype);
    let drawing = map::Drawing { title: &title, change: &change, lane, credit: attribution(databases) };
    let text = if page { map::page(&drawing) } else { map::svg(&drawing) };
    std::fs::write(file, text).map_err(|error| {
        eprintln!("error: {}: {error}", file.display());
        Exit::Failed
    })?;
    if done.groups.len() > 1 {
        eprintln!("note: the map is that of {title}; --name NAME chooses another");
    }
    Ok(())
}

/// Reads and compiles, as the server would.
fn snapshot(config: Option<PathBuf>, zones: Vec<PathBuf>) -> Result<Arc<Snapshot>, LoadError> {
    let source = config.map_or_else(|| ServerSource::Given(Box::default()), ServerSource::File);
    let (server, _) = daemon::server(&source)?;
    let zones = (!zones.is_empty()).then_some(Zones::Paths(zones));
    Ok(daemon::load(&server, zones.as_ref())?.snapshot)
}

pub(super) fn usage(why: &str) -> Exit {
    eprintln!("error: {why}");
    Exit::Usage
}
