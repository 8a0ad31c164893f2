//! Schema and reader, held against each other: every key of every table with values of every kind.

use super::*;
use crate::config::{Options, Report, load_server_text, load_text};

/// Values of every kind but dates, which JSON does not have.
const VALUES: &[&str] = &[
    "true",
    "7",
    "-1",
    "1.5",
    "\"x\"",
    "\"auto\"",
    "\"30s\"",
    "[]",
    "[7]",
    "[\"x\"]",
    "[true]",
    "[[]]",
    "[1.5, 2.5]",
    "{}",
    "{ x = 1 }",
    "{ x = \"y\" }",
    "{ x = { y = 1 } }",
];

/// A text with `KEY = VALUE` of a table in it.
fn text(of: Of, path: &str, key: &str, value: &str, kind: &str) -> String {
    let said = format!("{key} = {value}");
    let zone = if key == "zone" { "" } else { "zone = \"example.com\"\n" };
    let table = match path {
        "(top level)" | "geosteer.toml" => said,
        "soa" => format!("soa = {{ {said} }}"),
        "[checks.NAME]" if key == "type" => format!("[checks.x]\n{said}"),
        "[checks.NAME]" => format!("[checks.x]\ntype = \"{kind}\"\n{said}"),
        "load = {…}" => format!("[pools.x]\nload = {{ {said} }}"),
        "endpoints[]" => format!("[pools.x]\nendpoints = [{{ {said} }}]"),
        "[policies.NAME] REGION = {…}" => format!("[policies.x]\ndefault = {{ {said} }}"),
        "fallback = {…}" => format!("[names.x]\npolicy = {{ default = \"x\" }}\nfallback = {{ {said} }}"),
        "https = {…}" => format!("[names.x]\npolicy = {{ default = \"x\" }}\nsvcb = {{ {said} }}"),
        "srv = {…}" | "mx = {…}" => {
            format!("[names.x]\npolicy = {{ default = \"x\" }}\n{} = {{ {said} }}", &path[..path.len() - 8])
        }
        "[names.NAME]" if key != "policy" => format!("[names.x]\npolicy = {{ default = \"x\" }}\n{said}"),
        "update = {…}" => format!("update = {{ {said} }}"),
        "transfer = {…}" => format!("transfer = {{ {said} }}"),
        "notify[]" => format!("transfer = {{ notify = [{{ {said} }}] }}"),
        "fleet.servers[]" => format!("[fleet]\nservers = [{{ {said} }}]"),
        _ => format!("{}\n{said}", path.replace("NAME", "x")),
    };
    if of == Of::Zone { format!("{zone}{table}") } else { table }
}

/// What the reader says, one line each.
fn reader(of: Of, text: &str) -> String {
    let read = match of {
        Of::Server => load_server_text("x.toml", text).map(|(_, warnings)| warnings),
        _ => load_text("x.toml", text, &Options::default()).map(|loaded| loaded.warnings),
    };
    read.unwrap_or_else(|report: Report| report).short()
}

/// The kinds of checks that a key is tried with; the words do not matter for other tables.
fn kinds(path: &str) -> &'static [&'static str] {
    match path {
        "[checks.NAME]" => &["http", "https", "tcp", "tls", "dns", "grpc", "exec", "push"],
        _ => &[""],
    }
}

#[test]
fn a_value_of_a_wrong_kind_is_refused_by_both() {
    let validators = [Of::Zone, Of::Server].map(|of| jsonschema::validator_for(&schema(of)).expect("a schema"));
    let server = keys::TABLES.iter().position(|table| table.path == keys::SERVER.path).expect("the server's tables");
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (at, table) in keys::TABLES.iter().enumerate() {
        let of = if at >= server { Of::Server } else { Of::Zone };
        for (key, value) in table.keys.iter().flat_map(|key| VALUES.iter().map(move |value| (*key, *value))) {
            let texts: Vec<_> = kinds(table.path).iter().map(|kind| text(of, table.path, key, value, kind)).collect();
            let said: Vec<_> = texts.iter().map(|text| reader(of, text)).collect();
            let document = toml::from_str::<toml::Table>(&texts[0]).expect("TOML");
            let document = serde_json::to_value(document).expect("JSON");
            let fits = validators[usize::from(of == Of::Server)].is_valid(&document);
            compared += 1;
            if fits && said.iter().any(|said| said.contains("[E005]")) {
                wrong.push(format!("{} {key} = {value}: fits the schema, and the reader: {}", table.path, said[0]));
            }
            // What else is missing is said of other lines.
            let line = format!(":{}:", texts[0].lines().count());
            let refuses = |said: &String| said.lines().any(|said| said.contains(&line) && said.contains("error["));
            if !fits && !said.iter().all(refuses) {
                wrong.push(format!("{} {key} = {value}: the reader takes it, and the schema does not", table.path));
            }
        }
    }
    assert!(compared > 2_000, "{compared} compared");
    assert!(wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong.join("\n"));
}
