//! The tables of a zone that say who may have it, and who may change it by DNS.

use super::Table;

/// `transfer = {…}` of a zone.
pub static TRANSFER: Table = Table {
    what: "transfer",
    path: "transfer = {…}",
    keys: &["keys", "from", "notify", "balanced"],
    later: &[],
    words: &[
        ("key", "keys"),
        ("allow", "from"),
        ("acl", "from"),
        ("address", "from"),
        ("networks", "from"),
        ("also_notify", "notify"),
        ("to", "notify"),
    ],
};

/// `update = {…}` of a zone.
pub static UPDATE: Table = Table {
    what: "update",
    path: "update = {…}",
    keys: &["keys", "from", "names", "types"],
    later: &[],
    words: &[("key", "keys"), ("allow", "from"), ("acl", "from"), ("name", "names"), ("type", "types")],
};

/// An entry of `notify`.
pub static NOTIFY: Table = Table {
    what: "a secondary",
    path: "notify[]",
    keys: &["address", "key"],
    later: &[],
    words: &[("ip", "address"), ("tsig", "key")],
};
