//! `geosteer test`: the routing tests (`*.tests.toml`) that lie beside zones.

use super::explain::Paint;
use crate::config::{is_routing_tests, routing_test_files};
use crate::daemon::{self, ServerSource, Zones};
use crate::error::Exit;
use crate::routing_tests;
use std::path::{Path, PathBuf};

/// Arguments of `geosteer test`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directories of zones and tests, or single files of tests [default: zones]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Zone files, or directories of them [default: the directories of the tests]
    #[arg(long, value_name = "DIR")]
    zones: Vec<PathBuf>,
    /// The server file (geosteer.toml): its zones, databases and client-subnet settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the verb: 0 if all tests pass, 1 if not, or if there is none.
#[must_use]
pub fn run(args: Args) -> Exit {
    let usual = vec![PathBuf::from("zones")];
    let paths = if args.paths.is_empty() { usual } else { args.paths };
    let files = routing_test_files(&paths);
    if files.is_empty() {
        eprintln!("error: there are no *.tests.toml in {}", words(&paths));
        return Exit::No;
    }
    let folder = |path: &PathBuf| match is_routing_tests(path) {
        true => path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned(),
        false => path.clone(),
    };
    let mut zones = if args.zones.is_empty() { paths.iter().map(folder).collect() } else { args.zones };
    zones.sort();
    zones.dedup();
    let source = args.config.map_or_else(|| ServerSource::Given(Box::default()), ServerSource::File);
    let loaded = daemon::server(&source).and_then(|(server, _)| daemon::load(&server, Some(&Zones::Paths(zones))));
    let snapshot = match loaded {
        Ok(loaded) => loaded.snapshot,
        Err(error) => {
            eprintln!("{}", error.to_string().trim_end());
            return Exit::Failed;
        }
    };
    let done = routing_tests::run(&snapshot, &files);
    let paint = Paint::of_stdout();
    print!("{}", done.report.human(paint.0));
    let tests = if done.run == 1 { "1 test".to_owned() } else { format!("{} tests", done.run) };
    match done.report.errors() {
        0 => println!("{}", paint.good(&format!("ok, {tests}"))),
        errors => println!("{}", paint.bad(&format!("{tests}, {errors} wrong"))),
    }
    if done.report.errors() == 0 { Exit::Ok } else { Exit::No }
}

fn words(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
