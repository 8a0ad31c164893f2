//! `geosteer metrics`: what the running server has counted, for a scrape without HTTP and for people.

use super::{Where, print_json, strange};
use crate::control::{Answer, Request};
use crate::error::Exit;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Arguments of `geosteer metrics`.
#[derive(Clone, Debug, clap::Args)]
pub struct MetricsArgs {
    /// Write them there and not to stdout; the file is whole at every moment, as node_exporter's textfile collector needs it
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: Where,
}

/// Prints what was counted.
#[must_use]
pub fn metrics(args: MetricsArgs) -> Exit {
    let answer = match args.server.ask(&Request::Metrics) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let Answer::Metrics { text } = &answer else { return strange() };
    match &args.output {
        _ if args.server.json => print_json(&answer),
        None => print!("{text}"),
        Some(file) => {
            if let Err(error) = replace(file, text) {
                eprintln!("error: {}: {error}", file.display());
                return Exit::Failed;
            }
        }
    }
    Exit::Ok
}

/// Puts a new text in a file's place: whoever reads sees the old one or the new one.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".tmp");
    fs::write(&beside, text)?;
    fs::rename(&beside, file)
}
