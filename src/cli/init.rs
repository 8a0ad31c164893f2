//! `geosteer init`: a first zone to grow from. It passes `geosteer check` as it is.

use crate::config::{self, Options};
use crate::error::Exit;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Arguments of `geosteer init`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the zone file is written, as ZONE.toml; made if it is not there
    #[arg(value_name = "DIR", default_value = "zones")]
    folder: PathBuf,
    /// The zone's name, as it is to be delegated to this server
    #[arg(long, value_name = "NAME", default_value = "gslb.example.com")]
    zone: String,
    /// A name server of the zone; several times for several [default: two that stand for yours]
    #[arg(long, value_name = "NAME")]
    ns: Vec<String>,
}

/// Runs the verb.
#[must_use]
pub fn run(args: Args) -> Exit {
    let zone = args.zone.trim_end_matches('.').to_ascii_lowercase();
    let has_own = !args.ns.is_empty();
    let ns = if has_own { args.ns } else { ["ns1.example.net", "ns2.example.net"].map(str::to_owned).to_vec() };
    let text = zone_text(&zone, &ns);
    let path = args.folder.join(format!("{zone}.toml"));
    // Names that are none are mistakes like any other; a name with a slash must not choose the file.
    if zone.contains('/') {
        eprintln!("error: {zone:?} is not the name of a zone");
        return Exit::Usage;
    }
    if let Err(report) = config::load_text(&path.display().to_string(), &text, &Options::default()) {
        eprintln!("{}\nerror: nothing was written", report.human(false).trim_end());
        return Exit::Usage;
    }
    match write_new(&path, &text) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            eprintln!("error: {} is there already, and stays as it is", path.display());
            return Exit::No;
        }
        Err(error) => {
            eprintln!("error: cannot write {}: {error}", path.display());
            return Exit::Failed;
        }
    }
    println!("{}", next_steps(&path, &zone, has_own));
    Exit::Ok
}

fn zone_text(zone: &str, ns: &[String]) -> String {
    let ns = ns.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    format!(
        r#"zone = {zone:?}
ns   = [{ns}]

[regions]
europe = {{ continents = ["EU", "AF"] }}

# Your servers stand here: the addresses that clients are told, and what is asked of each every 10 seconds.
[pools]
fra = {{ endpoints = ["192.0.2.10", "192.0.2.11"], check = "https://www.{zone}/healthz" }}
nyc = {{ endpoints = ["198.51.100.10"], check = "https://www.{zone}/healthz" }}

[names.www.policy]
europe  = ["fra", "nyc"]
default = ["nyc", "fra"]
"#
    )
}

/// Writes a file that must not be there yet.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

fn next_steps(path: &Path, zone: &str, has_own_ns: bool) -> String {
    let (file, ns) = (path.display(), if has_own_ns { "" } else { "`ns`, " });
    let folder = path.parent().unwrap_or(Path::new(".")).display();
    format!(
        "{file} is written: www.{zone}, two pools, one region of its own.\n\n\
         next:\n  \
         put your own {ns}addresses and check into it\n  \
         geosteer check {folder}\n  \
         geosteer explain www.{zone} --zones {folder} --client 193.0.6.0/24\n  \
         geosteer run --zones {folder}\n  \
         dig @127.0.0.1 -p 5300 www.{zone} +subnet=193.0.6.0/24\n\
         every key stands in docs/zone-toml.md; `geosteer schema` teaches them to an editor"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_zone_has_at_most_15_lines_and_passes_check_without_a_warning() {
        let text = zone_text("gslb.example.com", &["ns1.example.net".to_owned(), "ns2.example.net.".to_owned()]);
        assert!(text.lines().count() <= 15, "{text}");
        let loaded = config::load_text("zone.toml", &text, &Options::default()).map_err(|report| report.short());
        let loaded = loaded.expect("no mistake");
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.short());
    }

    #[test]
    fn a_file_that_is_there_is_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = |ns: &str| Args {
            folder: folder.path().join("new"),
            zone: "Example.ORG.".to_owned(),
            ns: vec![ns.to_owned()],
        };
        let file = folder.path().join("new/example.org.toml");
        assert_eq!((run(args("ns.example.org")), file.exists()), (Exit::Usage, false), "it has no address");
        assert_eq!((run(args("ns.example.net")), file.exists()), (Exit::Ok, true));
        fs::write(&file, "mine").expect("it can be written");
        assert_eq!(run(args("ns.example.net")), Exit::No);
        assert_eq!(fs::read_to_string(&file).expect("it is there"), "mine");
        let elsewhere = Args { zone: "../evil".to_owned(), ..args("ns.example.net") };
        assert_eq!(run(elsewhere), Exit::Usage);
    }
}
