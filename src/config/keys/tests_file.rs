//! The keys of routing tests.

use super::Table;

/// The top level of a file of routing tests.
pub static TESTS: Table = Table {
    what: "a file of tests",
    path: "(top level of *.tests.toml)",
    keys: &["test"],
    later: &[],
    words: &[("tests", "test"), ("case", "test"), ("cases", "test")],
};

/// `[[test]]`.
pub static TEST: Table = Table {
    what: "a test",
    path: "[[test]]",
    keys: &["client", "name", "type", "down", "region", "pool", "addresses", "rcode"],
    later: &[],
    words: &[
        ("subnet", "client"),
        ("qtype", "type"),
        ("answers", "addresses"),
        ("address", "addresses"),
        ("status", "rcode"),
    ],
};
