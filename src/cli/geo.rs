//! `geosteer geo`: what the databases know of an address.

use crate::error::Exit;
use crate::geo::{Database, Databases, GeoError, Location};
use crate::report::{LocationView, attribution};
use serde::Serialize;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Arguments of `geosteer geo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Say where an address is: country, continent, coordinates, network, and which database says so
    Lookup(Lookup),
}

#[derive(Debug, clap::Args)]
struct Lookup {
    /// The address, IPv4 or IPv6
    #[arg(value_name = "IP")]
    address: IpAddr,
    /// An .mmdb file to ask instead of the embedded database; may be given several times, the first that knows wins
    #[arg(long, value_name = "FILE")]
    database: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
#[must_use]
pub fn run(args: Args) -> Exit {
    let Verb::Lookup(args) = args.verb;
    match lookup(&args) {
        Ok((text, known)) => {
            print!("{text}");
            if known { Exit::Ok } else { Exit::No }
        }
        Err(error) => {
            eprintln!("error: {error}");
            Exit::Failed
        }
    }
}

/// All that is said of an address.
#[derive(Debug, Serialize)]
struct Found {
    address: IpAddr,
    #[serde(flatten)]
    location: LocationView,
    databases: Vec<Source>,
    attribution: Option<&'static str>,
}

/// What one database is and says.
#[derive(Debug, Serialize)]
struct Source {
    database: String,
    kind: String,
    network: Option<String>,
    knows: Vec<&'static str>,
}

/// The text to print, and whether anything is known.
fn lookup(args: &Lookup) -> Result<(String, bool), GeoError> {
    let each = open_each(&args.database)?;
    let sources = each.iter().map(|databases| source(databases, args.address)).collect();
    let together = if let [_, _, ..] = &each[..] { Some(open(&args.database)?) } else { None };
    let databases = together.as_ref().unwrap_or(&each[0]);
    let location = databases.locate(args.address);
    let known = location.country.is_some() || location.continent.is_some() || location.asn.is_some();
    let location = LocationView::of(&location);
    let found = Found { address: args.address, location, databases: sources, attribution: attribution(databases) };
    let text = if args.json {
        format!("{}\n", serde_json::to_string_pretty(&found).expect("strings and numbers are JSON"))
    } else {
        human(&found)
    };
    Ok((text, known))
}

/// The databases together: for each field the first that knows wins.
fn open(files: &[PathBuf]) -> Result<Databases, GeoError> {
    files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>().map(Databases::new)
}

/// Each database alone, to say which one knows what; the embedded one if no file is named.
fn open_each(files: &[PathBuf]) -> Result<Vec<Databases>, GeoError> {
    if files.is_empty() {
        return Ok(vec![Databases::embedded()?]);
    }
    files.iter().map(|file| read(file).map(|database| Databases::new(vec![database]))).collect()
}

fn read(file: &Path) -> Result<Database, GeoError> {
    let name = file.display().to_string();
    let bytes = std::fs::read(file).map_err(|error| GeoError(format!("{name}: {error}").into()))?;
    Database::new(&name, bytes)
}

fn source(databases: &Databases, address: IpAddr) -> Source {
    let facts = databases.facts();
    let facts = facts.first().expect("it was opened with one database");
    let location = databases.locate(address);
    let network = location.network.map(|network| network.to_string());
    // The continent may follow from the country: what the file has no field for, it does not know.
    let knows = known(&location).into_iter().filter(|field| facts.fields.contains(field)).collect();
    Source { database: facts.label.to_string(), kind: facts.kind.to_string(), network, knows }
}

fn known(location: &Location) -> Vec<&'static str> {
    let fields = [
        ("continent", location.continent.is_some()),
        ("country", location.country.is_some()),
        ("subdivision", location.subdivision.is_some()),
        ("city", location.city.is_some()),
        ("coordinates", location.coordinates.is_some() && !location.centroid),
        ("asn", location.asn.is_some()),
    ];
    fields.into_iter().filter(|(_, known)| *known).map(|(name, _)| name).collect()
}

fn human(found: &Found) -> String {
    let place = &found.location;
    let country = place.country.as_ref().map(|code| format!("{code} {}", place.country_name.as_deref().unwrap_or("")));
    let middle = if place.coordinates_from.as_deref() == Some("country") { " (the middle of the country)" } else { "" };
    let coordinates = place.coordinates.map(|[north, east]| format!("{north:.2}, {east:.2}{middle}"));
    let asn = place.asn.map(|asn| format!("AS{asn} {}", place.organisation.as_deref().unwrap_or("")));
    let rows = [
        ("address", Some(found.address.to_string())),
        ("continent", place.continent.clone()),
        ("country", country),
        ("subdivision", place.subdivision.clone()),
        ("city", place.city.clone()),
        ("coordinates", coordinates),
        ("asn", asn),
        ("network", place.network.clone()),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        let _ = writeln!(text, "{name:<12} {}", value.as_deref().unwrap_or("-").trim_end());
    }
    for source in &found.databases {
        let knows = if source.knows.is_empty() { "nothing".to_owned() } else { source.knows.join(", ") };
        let _ = writeln!(text, "{:<12} {} ({}) knows {knows}", "database", source.database, source.kind);
    }
    if let Some(line) = found.attribution {
        let _ = writeln!(text, "{line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(address: &str, json: bool) -> (String, bool) {
        lookup(&Lookup { address: address.parse().unwrap(), database: Vec::new(), json }).unwrap()
    }

    #[test]
    fn a_look_up_names_the_place_the_database_and_its_authors() {
        let (text, known) = ask("193.0.6.139", false);
        assert!(known && text.contains("country      NL Netherlands") && text.contains("continent    EU"), "{text}");
        assert!(text.contains("embedded") && text.contains("IP Geolocation by DB-IP"), "{text}");
        let json = serde_json::from_str::<serde_json::Value>(&ask("2001:67c:2e8::1", true).0).unwrap();
        assert_eq!((&json["country"], &json["databases"][0]["database"]), (&"NL".into(), &"embedded".into()), "{json}");
    }

    #[test]
    fn an_address_that_nobody_knows_says_so() {
        let (text, known) = ask("10.0.0.1", false);
        assert!(!known && text.contains("country      -"), "{text}");
    }
}
