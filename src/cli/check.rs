//! `geosteer check`.

use crate::error::Exit;

/// Arguments of `geosteer check`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the verb.
#[must_use]
pub fn run(_args: Args) -> Exit {
    todo!()
}
