//! `geosteer run`.

use crate::error::Exit;

/// Arguments of `geosteer run`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the verb.
#[must_use]
pub fn run(_args: Args) -> Exit {
    todo!()
}
