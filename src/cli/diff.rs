//! `geosteer diff`: which clients move between two configurations or two databases, from where to where. With
//! `--max-moved` a gate for CI.

use super::explain::Paint;
use super::simulate::{Clients, Progress, moved_tables, names_word, percent, usage};
use crate::config::{DatabaseRef, Server};
use crate::daemon::{self, Configuration, LoadError, ServerSource, Zones};
use crate::error::Exit;
use crate::geo::Databases;
use crate::report::{Compared, SimulationView, attribution};
use crate::simulate::{Simulation, common_names, compare};
use crate::state::State;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `geosteer diff`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The zones before: a file, a directory, or a server file (geosteer.toml); alone, both sides have it
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The zones after
    #[arg(value_name = "NEW")]
    new: Option<PathBuf>,
    /// The database before, instead of the server file's or the embedded one; may be given several times
    #[arg(long, value_name = "FILE")]
    geo_old: Vec<PathBuf>,
    /// The database after
    #[arg(long, value_name = "FILE")]
    geo_new: Vec<PathBuf>,
    /// Exit with 1 if more than this share of the clients of a name moves, like 5%
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    max_moved: Option<f64>,
    #[command(flatten)]
    clients: Clients,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
#[must_use]
pub fn run(args: Args) -> Exit {
    compared(&args).unwrap_or_else(|exit| exit)
}

fn compared(args: &Args) -> Result<Exit, Exit> {
    let progress = Progress::new();
    progress.say("reading zones and databases");
    let new = args.new.as_ref().unwrap_or(&args.old);
    let load = |path: &Path, geo: &[PathBuf]| {
        let loaded = load(path, geo);
        loaded.map_err(|error| {
            progress.clear();
            eprintln!("{}", error.to_string().trim_end());
            Exit::Failed
        })
    };
    let (before, after) = (load(&args.old, &args.geo_old)?, load(new, &args.geo_new)?);
    let states = [&before, &after];
    // Of equal databases one is enough: then no country is looked up twice.
    let mut databases: [&Databases; 2] = states.map(|state| &*state.snapshot.databases);
    if databases[0].facts() == databases[1].facts() {
        databases[1] = databases[0];
    }
    let population = args.clients.population(databases).map_err(|why| usage(&why))?;
    let (pairs, alone) = common_names(states);
    let done = compare(states, &population, &pairs, &mut |part| progress.part(part));
    progress.clear();
    let found = Compared::new(states, &done, alone, args.max_moved);
    if args.json {
        let credit = databases.iter().find_map(|databases| attribution(databases));
        let all = SimulationView::new(states, &done, &population, &[], credit);
        println!("{}", serde_json::to_string_pretty(&found.view(all)).expect("strings and numbers are JSON"));
    } else {
        print!("{}", human(&found, &done, Paint::of_stdout()));
        if let Some(line) = databases.iter().find_map(|databases| attribution(databases)) {
            println!("{line}");
        }
    }
    Ok(if found.is_within() { Exit::Ok } else { Exit::No })
}

/// Reads one side. A server file stands for the zones and the databases that it names.
fn load(path: &Path, geo: &[PathBuf]) -> Result<State, LoadError> {
    let is_server = path.file_name().is_some_and(|name| name == "geosteer.toml");
    let source = match is_server {
        true => ServerSource::File(path.to_owned()),
        false => ServerSource::Given(Box::default()),
    };
    let (server, _) = daemon::server(&source)?;
    let server = match geo {
        [] => server,
        files => Server { databases: files.iter().cloned().map(DatabaseRef::File).collect(), ..server },
    };
    let zones = (!is_server).then(|| Zones::Paths(vec![path.to_owned()]));
    let Configuration { snapshot, .. } = daemon::load(&server, zones.as_ref())?;
    Ok(State::offline(Arc::clone(&snapshot), &[]))
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
    let number = number.filter(|number| (0.0..=100.0).contains(number));
    number.map(|number| number / 100.0).ok_or_else(|| "a share is like 5% or 0.5%".to_owned())
}

/// For people.
fn human(found: &Compared<'_>, done: &Simulation, paint: Paint) -> String {
    let mut text = String::new();
    let mut still = 0;
    for group in &done.groups {
        for (index, lane) in group.lanes.iter().enumerate() {
            let repeats = index > 0 && lane.same(&group.lanes[0]);
            if lane.all.moved < 1e-9 {
                still += usize::from(index == 0) * group.names.len();
            } else if !repeats {
                let name = names_word(found.states, group);
                text.push_str(&format!("{}  {}\n", paint.strong(&name), lane.rtype));
                text.push_str(&moved_tables(lane, paint));
            }
        }
    }
    for (side, word) in [(0, "only before"), (1, "only after")] {
        let names = found.names(side);
        if !names.is_empty() {
            text.push_str(&format!("{}: {}\n", paint.strong(word), names.join(", ")));
        }
    }
    if still > 0 {
        text.push_str(&format!("{still} name{} of which nobody moves\n", if still == 1 { "" } else { "s" }));
    }
    match found.most {
        Some(most) if found.is_within() => {
            text.push_str(&format!("ok: at most {} move, {} may\n", percent(found.moved), percent(most)));
        }
        Some(most) => {
            let line = format!("too many: {} move, {} may", percent(found.moved), percent(most));
            text.push_str(&format!("{}\n", paint.bad(&line)));
        }
        None => {}
    }
    text
}
