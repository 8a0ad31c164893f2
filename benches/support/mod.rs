//! What the benches share: zones to serve, a server to measure, a load to put on it, and tables to print.

#![allow(dead_code, reason = "each bench uses its part")]

#[path = "../../tests/proof/common/ask.rs"]
pub(crate) mod ask;
pub(crate) mod callgrind;
pub(crate) mod endpoints;
pub(crate) mod load;
pub(crate) mod queries;
pub(crate) mod server;
pub(crate) mod table;
pub(crate) mod turns;
pub(crate) mod zones;

/// True if `flag` stands among the arguments. Cargo adds `--bench`, which is ignored.
pub(crate) fn flag(flag: &str) -> bool {
    std::env::args().skip(1).any(|argument| argument == flag)
}

/// The argument behind `name`.
pub(crate) fn option(name: &str) -> Option<String> {
    std::env::args().skip(1).skip_while(|argument| argument != name).nth(1)
}

/// `option` as a number, or `default`.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    option(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} takes a number, not {text}")))
}
