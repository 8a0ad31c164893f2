//! `geosteer fmt`: writes TOML files the way they read best. Comments stay, blank lines group, the meaning is proved to
//! be the same before a file is written.

mod layout;

use crate::error::Exit;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Arguments of `geosteer fmt`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files, or directories of *.toml; `-`: standard input, to standard output; `zones` if none is given
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write nothing, and say which files would change: exit code 1 if there are any
    #[arg(long)]
    check: bool,
}

/// Runs the verb.
#[must_use]
pub fn run(args: Args) -> Exit {
    let paths = if args.paths.is_empty() { vec![PathBuf::from("zones")] } else { args.paths };
    let mut exit = Exit::Ok;
    for path in paths {
        let done = match path.as_os_str() == "-" {
            true => standard(args.check),
            false => files(&path).and_then(|files| all(&files, args.check)),
        };
        match done {
            Ok(true) => {}
            Ok(false) if exit == Exit::Ok => exit = Exit::No,
            Ok(false) => {}
            Err(why) => {
                eprintln!("error: {why}");
                exit = Exit::Failed;
            }
        }
    }
    exit
}

/// The files that a path stands for, sorted.
fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let fail = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let entries = fs::read_dir(path).map_err(fail)?.collect::<Result<Vec<_>, _>>().map_err(fail)?;
    let is_toml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml") && path.is_file();
    let mut found: Vec<_> = entries.into_iter().map(|entry| entry.path()).filter(is_toml).collect();
    found.sort();
    Ok(found)
}

/// Formats files, or says which would change; false if there is a mistake in one, or something would change.
fn all(files: &[PathBuf], check: bool) -> Result<bool, String> {
    let mut good = true;
    for file in files {
        let name = file.display();
        let text = fs::read_to_string(file).map_err(|error| format!("cannot read {name}: {error}"))?;
        match format(&text) {
            Ok(new) if new == text => {}
            Ok(_) if check => {
                println!("{name} would change");
                good = false;
            }
            Ok(new) => {
                replace(file, &new).map_err(|error| format!("cannot write {name}: {error}"))?;
                println!("{name}");
            }
            Err(why) => {
                eprintln!("{name}: {why}");
                good = false;
            }
        }
    }
    Ok(good)
}

fn standard(check: bool) -> Result<bool, String> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map_err(|error| format!("cannot read standard input: {error}"))?;
    let new = match format(&text) {
        Ok(new) => new,
        Err(why) => {
            eprintln!("standard input: {why}");
            return Ok(false);
        }
    };
    if check {
        return Ok(new == text);
    }
    io::stdout().write_all(new.as_bytes()).map_err(|error| format!("cannot write: {error}"))?;
    Ok(true)
}

/// Formats a text.
///
/// # Errors
/// It is no TOML.
fn format(text: &str) -> Result<String, String> {
    let mut document: toml_edit::DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    layout::lay_out(&mut document);
    let new = document.to_string();
    let meaning = |text: &str| toml::from_str::<toml::Table>(text).map_err(|error| error.to_string());
    if meaning(text)? != meaning(&new)? {
        return Err("left as it is: formatting would change its meaning, which is a fault of geosteer".to_owned());
    }
    Ok(new)
}

/// Replaces a file by one rename, with its permissions; through a symbolic link, what that leads to.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let file = file.canonicalize()?;
    let mut name = OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(".fmt");
    let new = file.with_file_name(name);
    let write = || {
        let mut to = fs::File::create(&new)?;
        to.set_permissions(fs::metadata(&file)?.permissions())?;
        to.write_all(text.as_bytes())?;
        to.sync_all()?;
        fs::rename(&new, &file)
    };
    write().inspect_err(|_| {
        let _not_there = fs::remove_file(&new);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::toml_files;
    use crate::config;

    #[test]
    fn a_text_in_disorder_is_put_in_order_and_keeps_every_comment() {
        let before = "\n\n# The zone.\n  zone=\"example.com\"   # its name\nns = [ \"ns1.example.net\" , \"ns2.example.net\" ]#two\n\n\n\nttl=30\n\
                      [pools]   # sites\n\n  fra={check=\"none\",endpoints=[\"192.0.2.1\"]}\n# far\n nyc = { check = \"none\",   endpoints = [\n\"192.0.2.2\", # old\n      \"192.0.2.3\"\n] }\n[names.www.policy]\ndefault=[\"fra\"]\n   # the end";
        let after = "# The zone.\nzone = \"example.com\"   # its name\nns   = [\"ns1.example.net\", \"ns2.example.net\"] #two\n\nttl = 30\n\n\
                     [pools]   # sites\nfra = { check = \"none\", endpoints = [\"192.0.2.1\"] }\n# far\nnyc = { check = \"none\", endpoints = [\n  \"192.0.2.2\", # old\n  \"192.0.2.3\",\n] }\n\n[names.www.policy]\ndefault = [\"fra\"]\n# the end\n";
        assert_eq!(format(before).as_deref(), Ok(after));
        assert_eq!(format(after).as_deref(), Ok(after));
    }

    #[test]
    fn what_is_no_toml_is_said_with_its_place() {
        assert!(format("zone = \n").unwrap_err().contains("line 1, column 8"), "{:?}", format("zone = \n"));
    }

    #[test]
    fn nothing_here_changes_its_meaning_and_formatting_twice_is_formatting_once() {
        let files = toml_files(&["zones", "examples", "tests"]);
        assert!(files.len() > 30, "{}", files.len());
        for path in files {
            let text = fs::read_to_string(&path).expect("text");
            // Some are broken on purpose.
            let Ok(new) = format(&text) else { continue };
            assert_eq!(format(&new).as_ref(), Ok(&new), "{}", path.display());
            let comments = |text: &str| text.matches('#').count();
            assert_eq!(comments(&text), comments(&new), "{}", path.display());
            let said =
                |text: &str| match config::load_text(&path.display().to_string(), text, &config::Options::default()) {
                    // The content without places in the file, which move.
                    Ok(loaded) => Ok((loaded.warnings.warnings(), places_blanked(&loaded.spec))),
                    Err(report) => Err(report.errors()),
                };
            assert_eq!(said(&text), said(&new), "{}", path.display());
        }
    }

    fn places_blanked(spec: &crate::snapshot::Spec) -> String {
        let text = format!("{spec:?}");
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find("SourceRef(\"") {
            out.push_str(&rest[..at]);
            rest = &rest[at..][rest[at..].find(")").map_or(rest.len() - at, |end| end)..];
        }
        out + rest
    }

    #[test]
    fn files_are_replaced_whole_and_check_writes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.toml");
        fs::write(&file, "a=1").expect("written");
        let args = |check| Args { paths: vec![folder.path().to_owned()], check };
        assert_eq!(run(args(true)), Exit::No);
        assert_eq!(fs::read_to_string(&file).expect("text"), "a=1");
        assert_eq!(run(args(false)), Exit::Ok);
        assert_eq!(fs::read_to_string(&file).expect("text"), "a = 1\n");
        assert_eq!((run(args(true)), fs::read_dir(folder.path()).expect("a folder").count()), (Exit::Ok, 1));
        fs::write(&file, "a=").expect("written");
        assert_eq!((run(args(false)), fs::read_to_string(&file).expect("text")), (Exit::No, "a=".to_owned()));
        assert_eq!(run(Args { paths: vec![folder.path().join("none.toml")], check: false }), Exit::Failed);
    }
}
