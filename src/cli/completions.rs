//! `geosteer completions` and `geosteer man`: what packages install beside the program, from the same description of
//! the command line as `--help`.

use crate::error::Exit;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Arguments of `geosteer completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell to complete in
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Arguments of `geosteer man`.
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Where the pages are written, one a verb; made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints a script for a shell.
#[must_use]
pub fn completions(args: CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut described(), "geosteer", &mut script);
    match std::io::stdout().lock().write_all(&script) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            eprintln!("error: {error}");
            Exit::Failed
        }
    }
}

/// Writes the manual pages.
#[must_use]
pub fn man(args: ManArgs) -> Exit {
    match write_pages(&args.folder) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            eprintln!("error: cannot write to {}: {error}", args.folder.display());
            Exit::Failed
        }
    }
}

fn write_pages(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(described(), folder)
}

/// The command line without the verb `help`, which says the same as the pages.
fn described() -> Command {
    super::Cli::command().disable_help_subcommand(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_page_and_every_shell_a_script_that_knows_the_verbs() {
        let folder = tempfile::tempdir().expect("a folder");
        write_pages(folder.path()).expect("pages");
        for verb in described().get_subcommands() {
            let page = folder.path().join(format!("geosteer-{}.1", verb.get_name()));
            let page = std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
            assert!(page.contains(".SH SYNOPSIS"), "{page}");
        }
        let whole = std::fs::read_to_string(folder.path().join("geosteer.1")).expect("the page of the program");
        assert!(whole.contains("geosteer\\-drain(1)"), "{whole}");
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut described(), "geosteer", &mut script);
            let script = String::from_utf8(script).expect("text");
            assert!(script.contains("simulate") && script.contains("max-moved"), "{shell}: {script}");
        }
    }
}
