//! The keys of a pool's `load`.

use super::Table;

/// `load = {…}`.
pub static LOAD: Table = Table {
    what: "a load",
    path: "load = {…}",
    keys: &["field", "path", "header", "max", "aggregate", "stale"],
    later: &[],
    words: &[
        ("metric", "field"),
        ("key", "field"),
        ("json", "field"),
        ("url", "path"),
        ("uri", "path"),
        ("url_path", "path"),
        ("orca", "header"),
        ("limit", "max"),
        ("maximum", "max"),
        ("combine", "aggregate"),
        ("ttl", "stale"),
        ("expires", "stale"),
        ("max_age", "stale"),
    ],
};
