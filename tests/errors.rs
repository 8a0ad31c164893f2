//! `docs/errors.md` held against the codes that the reader has: every code, its line, and an example that shows it.

use geosteer::config::{CODES, CodeInfo, Severity};
use std::path::Path;
use std::process::Command;

const INDEX: &str = include_str!("../docs/errors.md");

/// What examples leave out: the beginning of a line that says it, and what stands in its place.
const ABOVE: [(&str, &str); 2] = [("zone", "zone = \"example.com\"\n"), ("ns", "ns = [\"ns1.example.net\"]\n")];
const POOLS: &str = r#"
[pools]
fra = { endpoints = ["192.0.2.10"], check = "none" }
nyc = { endpoints = ["198.51.100.10"], check = "none" }
ams = { endpoints = ["192.0.2.20"], check = "none" }
"#;

/// A code of the index.
struct Entry {
    code: &'static str,
    /// The paragraphs below its heading, the first its meaning.
    paragraphs: Vec<&'static str>,
    /// Its blocks: what stands behind the fence, and the text.
    blocks: Vec<(&'static str, &'static str)>,
}

fn entries() -> Vec<Entry> {
    let sections = INDEX.split("\n### ").skip(1).map(|section| section.split("\n## ").next().unwrap());
    sections
        .map(|section| {
            let (code, body) = section.split_once('\n').unwrap();
            let mut parts = body.split("```");
            let mut paragraphs: Vec<_> = parts.next().unwrap().trim().split("\n\n").collect();
            let mut blocks = Vec::new();
            while let (Some(block), Some(text)) = (parts.next(), parts.next()) {
                blocks.push(block.split_once('\n').unwrap());
                paragraphs.extend(text.trim().split("\n\n").filter(|text| !text.is_empty()));
            }
            Entry { code, paragraphs, blocks }
        })
        .collect()
}

/// An example as a whole zone.
fn zone(example: &str) -> String {
    let said = |word: &str| example.lines().any(|line| line.split([' ', '=']).next() == Some(word));
    let above = ABOVE.iter().filter(|(word, _)| !said(word)).map(|(_, text)| *text);
    let pools = if example.contains("[pools") { "" } else { POOLS };
    format!("{}{example}{pools}", above.collect::<String>())
}

/// Runs the example of an entry in a folder; gives what `geosteer check` has said.
fn run(entry: &Entry, folder: &Path) -> serde_json::Value {
    let zones = folder.join("zones");
    std::fs::create_dir_all(&zones).unwrap();
    std::fs::create_dir_all(folder.join("empty")).unwrap();
    std::fs::write(zones.join("example.com.toml"), zone("")).unwrap();
    let mut arguments = vec!["check", "zones"];
    for (info, text) in &entry.blocks {
        match info.split_once(' ').map_or((*info, ""), |(kind, name)| (kind, name)) {
            ("sh", _) => {
                let command = text.split(" #").next().unwrap().trim();
                arguments = command.strip_prefix("geosteer ").expect("a command of ours").split(' ').collect();
            }
            ("toml", "") => std::fs::write(zones.join("example.com.toml"), zone(text)).unwrap(),
            ("toml", "geosteer.toml") => {
                std::fs::write(folder.join("geosteer.toml"), text).unwrap();
                arguments.push("geosteer.toml");
            }
            (_, name) => std::fs::write(zones.join(name), text).unwrap(),
        }
    }
    let output = Command::new(env!("CARGO_BIN_EXE_geosteer"))
        .args(arguments.iter().chain(&["--format", "json"]))
        .current_dir(folder)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{}: {error}", entry.code))
}

#[test]
fn the_index_has_every_code_with_the_line_that_explains_it_and_invents_none() {
    let line = |info: &CodeInfo| {
        let mut line: String = info.explanation.chars().take(1).flat_map(char::to_uppercase).collect();
        line.extend(info.explanation.chars().skip(1).chain(['.']));
        (info.code, line)
    };
    let entries = entries();
    let index: Vec<_> = entries.iter().map(|entry| (entry.code, entry.paragraphs[0].replace('\n', " "))).collect();
    assert_eq!(index, CODES.iter().map(line).collect::<Vec<_>>());
    for entry in entries {
        assert_eq!(entry.paragraphs.len(), 2, "{}: what it means, and what to do", entry.code);
        assert!(!entry.blocks.is_empty(), "{}: no example", entry.code);
    }
}

#[test]
fn every_example_shows_its_code_and_no_other_mistake() {
    let mut wrong = Vec::new();
    for entry in entries() {
        let folder = tempfile::tempdir().unwrap();
        let said = run(&entry, folder.path());
        let found = said["diagnostics"].as_array().unwrap();
        let codes: Vec<_> = found.iter().map(|one| one["code"].as_str().unwrap()).collect();
        let info = CODES.iter().find(|info| info.code == entry.code).unwrap();
        let errors = codes.iter().filter(|code| code.starts_with('E'));
        let as_expected = match info.severity {
            Severity::Error => errors.clone().count() > 0 && errors.clone().all(|code| *code == entry.code),
            Severity::Warning => codes.contains(&entry.code) && errors.clone().count() == 0,
        };
        if !as_expected {
            wrong.push(format!("{}: {said:#}", entry.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
