//! `docs/security.md` held against `src/limits.rs`: every limit in its tables has its value and its meaning.

use std::collections::BTreeMap;

const DOCUMENT: &str = "docs/security.md";
const LIMITS: &str = include_str!("../src/limits.rs");

/// The value of an expression of whole numbers: `4 << 20`, `30 * 86_400`.
fn value(expression: &str) -> u64 {
    let whole = |text: &str| text.trim().replace('_', "").parse::<u64>().unwrap_or_else(|_| panic!("{expression}"));
    match (expression.split_once("<<"), expression.split_once('*')) {
        (Some((left, right)), _) => whole(left) << whole(right),
        (_, Some((left, right))) => whole(left) * whole(right),
        _ => whole(expression),
    }
}

/// A number for people: in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group)).collect();
    groups.join(",")
}

/// Every constant that is a number, with its row of a table.
fn rows() -> BTreeMap<&'static str, String> {
    let (mut rows, mut meaning) = (BTreeMap::new(), String::new());
    for line in LIMITS.lines() {
        if let Some(more) = line.strip_prefix("/// ") {
            meaning = format!("{meaning} {more}").trim().to_owned();
        } else if let Some((name, rest)) = line.strip_prefix("pub const ").and_then(|rest| rest.split_once(": ")) {
            let expression = rest.split_once(" = ").unwrap().1.trim_end_matches(';');
            if expression.starts_with(|first: char| first.is_ascii_digit()) && !expression.contains('.') {
                let number = grouped(value(expression));
                rows.insert(name, format!("| `{name}` | {number} | {} |", meaning.trim_end_matches('.')));
            }
            meaning.clear();
        } else {
            meaning.clear();
        }
    }
    rows
}

/// The document with each row as `limits.rs` has it. `UPDATE_EXPECTED=1` writes it.
#[test]
fn every_limit_in_the_tables_is_that_of_the_code() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let rows = rows();
    let row = |line: &str| {
        let name = line.strip_prefix("| `").and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
        match name.filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')) {
            Some(name) => rows.get(name).unwrap_or_else(|| panic!("limits.rs has no {name}")).clone(),
            None => line.to_owned(),
        }
    };
    let expected: String = text.lines().map(|line| row(line) + "\n").collect();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(DOCUMENT, &expected).unwrap();
    }
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    for (found, expected) in text.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "UPDATE_EXPECTED=1 mends it");
    }
}

#[test]
fn every_limit_of_connections_and_of_the_admin_server_is_told() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let told = [
        "ADMIN_",
        "CONTROL_",
        "TCP_CONNECTIONS",
        "ENCRYPTED_",
        "HANDSHAKE",
        "HTTPS_",
        "BODIES",
        "RESETS",
        "QUIC_",
        "STREAMS",
        "PROXY_",
    ];
    let names: Vec<_> = rows().into_keys().filter(|name| told.iter().any(|start| name.starts_with(start))).collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        assert!(text.contains(&format!("| `{name}` |")), "{name} is in no table");
    }
}

#[test]
fn expressions_are_read_as_the_compiler_reads_them() {
    use geosteer::limits;
    assert_eq!((value("4 << 20"), grouped(value("30 * 86_400"))), (4_194_304, "2,592,000".to_owned()));
    let rows = rows();
    for (name, number) in [
        ("TCP_UNREAD_MAX", limits::TCP_UNREAD_MAX as u64),
        ("MMDB_MAX", limits::MMDB_MAX),
        ("GRADUAL_MAX_S", limits::GRADUAL_MAX_S),
        ("ANSWERS_MAX", u64::from(limits::ANSWERS_MAX)),
    ] {
        assert!(rows[name].contains(&format!("| {} |", grouped(number))), "{}", rows[name]);
    }
}
