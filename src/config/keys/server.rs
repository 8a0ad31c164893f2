//! The tables of the server file.

use super::Table;

/// The server file's top level.
pub static SERVER: Table = Table {
    what: "the server file",
    path: "geosteer.toml",
    keys: &["zones", "state", "dns", "geo", "probe", "admin", "events", "tls", "log", "metrics", "ecs", "guard"],
    later: &["rrl", "cookies", "proxy", "fleet", "tsig"],
    words: &[
        ("zone", "zones"),
        ("zones_dir", "zones"),
        ("state_dir", "state"),
        ("server", "dns"),
        ("options", "dns"),
        ("listen", "dns"),
        ("geoip", "geo"),
        ("database", "geo"),
        ("api", "admin"),
        ("http", "admin"),
        ("prometheus", "metrics"),
        ("stats", "metrics"),
        ("logging", "log"),
    ],
};

/// `[dns]`.
pub static DNS: Table = Table {
    what: "[dns]",
    path: "[dns]",
    keys: &[
        "listen",
        "threads",
        "nsid",
        "version",
        "tcp_connections",
        "tcp_connections_per_client",
        "tcp_idle",
        "tls_listen",
        "https_listen",
        "quic_listen",
    ],
    later: &[],
    words: &[
        ("bind", "listen"),
        ("address", "listen"),
        ("addresses", "listen"),
        ("port", "listen"),
        ("udp_threads", "threads"),
        ("workers", "threads"),
        ("server_id", "nsid"),
        ("identity", "nsid"),
        ("max_tcp_clients", "tcp_connections"),
    ],
};

/// `[geo]`.
pub static GEO: Table = Table {
    what: "[geo]",
    path: "[geo]",
    keys: &["databases"],
    later: &[],
    words: &[
        ("database", "databases"),
        ("mmdb", "databases"),
        ("geoip2_db", "databases"),
        ("files", "databases"),
        ("path", "databases"),
    ],
};

/// `[probe]`.
pub static PROBE: Table =
    Table { what: "[probe]", path: "[probe]", keys: &["exec"], later: &[], words: &[("programs", "exec")] };

/// `[admin]`.
pub static ADMIN: Table = Table {
    what: "[admin]",
    path: "[admin]",
    keys: &["listen", "token_file", "socket"],
    later: &[],
    words: &[("bind", "listen"), ("address", "listen"), ("token", "token_file"), ("control_socket", "socket")],
};

/// `[events]`.
pub static EVENTS: Table = Table {
    what: "[events]",
    path: "[events]",
    keys: &["webhook", "webhook_secret_file"],
    later: &[],
    words: &[("url", "webhook"), ("hook", "webhook"), ("secret", "webhook_secret_file")],
};

/// `[tls]`.
pub static TLS: Table = Table {
    what: "[tls]",
    path: "[tls]",
    keys: &["certificate", "key"],
    later: &[],
    words: &[("cert", "certificate"), ("certificate_file", "certificate"), ("private_key", "key"), ("key_file", "key")],
};

/// `[log]`.
pub static LOG: Table = Table {
    what: "[log]",
    path: "[log]",
    keys: &["format", "queries"],
    later: &[],
    words: &[("type", "format"), ("query_log", "queries")],
};

/// `[metrics]`.
pub static METRICS: Table = Table {
    what: "[metrics]",
    path: "[metrics]",
    keys: &["names"],
    later: &[],
    words: &[("per_name", "names"), ("name", "names")],
};

/// `[guard]`.
pub static GUARD: Table = Table {
    what: "[guard]",
    path: "[guard]",
    keys: &["share", "hold", "canaries"],
    later: &[],
    words: &[
        ("percent", "share"),
        ("threshold", "share"),
        ("hold_time", "hold"),
        ("timeout", "hold"),
        ("canary", "canaries"),
        ("references", "canaries"),
    ],
};
