//! `geosteer schema`: JSON Schema (draft 2020-12) of the file formats, for editors. Its keys are those that the reader
//! takes (`config::keys`); descriptions and defaults are those of the reference.

#[cfg(test)]
mod agreement;
mod reference;
mod shapes;

use crate::config::keys::{self, Table};
use crate::error::Exit;
use serde_json::{Map, Value, json};

/// Arguments of `geosteer schema`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which files
    #[arg(value_name = "FILES", value_enum, default_value_t)]
    of: Of,
}

/// Kinds of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
enum Of {
    /// Zone files
    #[default]
    Zone,
    /// The server file, geosteer.toml
    Server,
    /// Routing tests, *.tests.toml
    Tests,
}

/// Prints a schema.
#[must_use]
pub fn run(args: Args) -> Exit {
    println!("{:#}", schema(args.of));
    Exit::Ok
}

fn schema(of: Of) -> Value {
    let (root, title) = match of {
        Of::Zone => (&keys::ZONE, "A zone of geosteer"),
        Of::Server => (&keys::SERVER, "The server file of geosteer, geosteer.toml"),
        Of::Tests => (&keys::TESTS, "Routing tests of geosteer"),
    };
    let mut schema = object(root);
    let definitions: Map<String, Value> =
        keys::TABLES.iter().chain(&[&keys::TEST]).map(|table| (shapes::slug(table), object(table))).collect();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(title);
    schema["$defs"] = Value::Object(definitions);
    schema
}

/// A table with its keys and no others.
fn object(table: &Table) -> Value {
    let mut properties = Map::new();
    for key in table.keys {
        let mut shape = shapes::shape(table, key);
        if let Some((default, meaning)) = reference::of(table, key) {
            shape["description"] = json!(meaning);
            if let Some(default) = default {
                shape["default"] = default;
            }
        }
        properties.insert((*key).to_owned(), shape);
    }
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::toml_files;
    use std::fs;

    fn validator(of: Of) -> jsonschema::Validator {
        jsonschema::validator_for(&schema(of)).expect("a schema")
    }

    fn json(text: &str) -> Value {
        serde_json::to_value(toml::from_str::<toml::Table>(text).expect("TOML")).expect("no dates")
    }

    #[test]
    fn every_file_here_fits() {
        let (zones, tests, server) = (validator(Of::Zone), validator(Of::Tests), validator(Of::Server));
        let files = toml_files(&["zones", "examples"]);
        assert!(files.len() >= 10, "{files:?}");
        for path in files {
            let validator = match path.to_string_lossy() {
                name if name.ends_with(".tests.toml") => &tests,
                name if name.ends_with("/geosteer.toml") => &server,
                _ => &zones,
            };
            let document = json(&fs::read_to_string(&path).expect("text"));
            let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        }
    }

    #[test]
    fn every_fragment_of_the_reference_fits() {
        for (kind, of) in [("```toml fragment\n", Of::Zone), ("```toml server\n", Of::Server), ("```toml\n", Of::Zone)]
        {
            let validator = validator(of);
            let fragments = reference::TEXT.split(kind).skip(1).filter_map(|part| part.split_once("```"));
            for (fragment, _) in fragments {
                let document = json(fragment);
                let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
                assert!(errors.is_empty() || fragment.contains("[[test]]"), "{fragment}\n{errors:?}");
            }
        }
    }

    #[test]
    fn what_is_broken_does_not_fit() {
        let (zones, server) = (validator(Of::Zone), validator(Of::Server));
        for broken in [
            "zone = 3",
            "zne = \"example.com\"",
            "[pools]\na = { endponts = [] }",
            "[pools]\na = { balance = \"fastest\" }",
            "[checks]\na = { type = \"ping\" }",
            "[regions]\na = { continents = [\"XX\"] }",
            "[names]\nwww = { policy = 7 }",
            "[pools]\na = { location = [1] }",
            "[pools]\na = { min_healthy = \"half\" }",
            "[regions]\na = { asns = [\"ASN\"] }",
        ] {
            assert!(!zones.is_valid(&json(broken)), "{broken}");
        }
        for broken in [
            "zones = 7",
            "[dns]\nlistn = []",
            "[watch]\ndebounce = true",
            "[log]\nformat = \"xml\"",
            "[query_log]\nsample = 1.5",
            "[query_log]\nsample = 0",
            "[query_log.filter]\nrcode = \"NOPE\"",
            "[query_log]\nfilter = { net = \"192.0.2.0/24\" }",
            "[metrics]\nnames = \"yes\"",
            "[admin]\nhosts = [8053]",
            "[admin]\nhosts = \"http://geosteer.example.net\"",
            "[dns]\nexplain_from = [true]",
        ] {
            assert!(!server.is_valid(&json(broken)), "{broken}");
        }
    }

    #[test]
    fn keys_are_described_with_their_defaults() {
        let zone = schema(Of::Zone);
        let interval = &zone["$defs"]["checks.NAME"]["properties"]["interval"];
        assert_eq!(
            (&interval["default"], &interval["description"]),
            (&json!("10s"), &json!("time between probes, 1 s to 1 h"))
        );
        for table in keys::TABLES {
            let object = object(table);
            for key in table.keys {
                assert!(object["properties"][key]["description"].is_string(), "{} {key}", table.path);
            }
        }
    }

    #[test]
    fn every_key_has_a_shape() {
        let none: Vec<_> = keys::TABLES
            .iter()
            .copied()
            .chain([&keys::TEST, &keys::TESTS])
            .flat_map(|table| table.keys.iter().map(move |key| (table, *key)))
            .filter(|(table, key)| shapes::shape(table, key) == json!({}))
            .map(|(table, key)| format!("{}: {key}", table.path))
            .collect();
        assert!(none.is_empty(), "these may be anything: {none:#?}");
    }
}
