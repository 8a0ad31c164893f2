//! argv → cli → exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    geosteer::cli::main().into()
}
