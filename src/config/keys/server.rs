//! The tables of the server file.

use super::Table;

/// The server file's top level.
pub static SERVER: Table = Table {
    what: "the server file",
    path: "geosteer.toml",
    keys: &[
        "zones",
        "state",
        "dns",
        "geo",
        "probe",
        "admin",
        "events",
        "tls",
        "log",
        "query_log",
        "metrics",
        "ecs",
        "guard",
        "watch",
        "fleet",
        "rrl",
        "cookies",
        "process",
        "proxy",
        "tsig",
    ],
    later: &[],
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
        ("reload", "watch"),
        ("autoreload", "watch"),
        ("querylog", "query_log"),
        ("queries", "query_log"),
        ("cluster", "fleet"),
        ("peers", "fleet"),
        ("rate_limit", "rrl"),
        ("ratelimit", "rrl"),
        ("mod_rrl", "rrl"),
        ("dns_cookies", "cookies"),
        ("cookie", "cookies"),
        ("mod_cookies", "cookies"),
        ("user", "process"),
        ("privileges", "process"),
        ("security", "process"),
        ("key", "tsig"),
        ("keys", "tsig"),
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
        "explain_from",
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
        ("dot_listen", "tls_listen"),
        ("doh_listen", "https_listen"),
        ("doq_listen", "quic_listen"),
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
    keys: &["listen", "token_file", "hosts", "socket"],
    later: &[],
    words: &[
        ("bind", "listen"),
        ("address", "listen"),
        ("token", "token_file"),
        ("host", "hosts"),
        ("names", "hosts"),
        ("control_socket", "socket"),
    ],
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
    keys: &["certificate", "key", "connections", "connections_per_client", "idle"],
    later: &[],
    words: &[
        ("cert", "certificate"),
        ("certificate_file", "certificate"),
        ("private_key", "key"),
        ("key_file", "key"),
        ("max_connections", "connections"),
        ("idle_timeout", "idle"),
    ],
};

/// `[proxy]`.
pub static PROXY: Table = Table {
    what: "[proxy]",
    path: "[proxy]",
    keys: &["listen", "tls_listen", "https_listen", "allow"],
    later: &[],
    words: &[
        ("from", "allow"),
        ("trusted", "allow"),
        ("proxy_protocol_from", "allow"),
        ("address", "listen"),
        ("bind", "listen"),
    ],
};

/// `[log]`.
pub static LOG: Table = Table {
    what: "[log]",
    path: "[log]",
    keys: &["format"],
    later: &[],
    words: &[("type", "format"), ("json", "format")],
};

/// `[query_log]`.
pub static QUERY_LOG: Table = Table {
    what: "[query_log]",
    path: "[query_log]",
    keys: &["path", "format", "sample", "filter"],
    later: &[],
    words: &[("to", "path"), ("output", "path"), ("rate", "sample"), ("where", "filter"), ("type", "format")],
};

/// `[query_log.filter]`.
pub static QUERY_LOG_FILTER: Table = Table {
    what: "[query_log.filter]",
    path: "[query_log.filter]",
    keys: &["zone", "name", "client", "rcode", "type"],
    later: &[],
    words: &[
        ("suffix", "name"),
        ("names", "name"),
        ("network", "client"),
        ("subnet", "client"),
        ("qtype", "type"),
        ("code", "rcode"),
    ],
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

/// `[watch]`.
pub static WATCH: Table = Table {
    what: "[watch]",
    path: "[watch]",
    keys: &["enabled", "debounce"],
    later: &[],
    words: &[("enable", "enabled"), ("interval", "debounce"), ("settle", "debounce"), ("quiet", "debounce")],
};

/// `[process]`.
pub static PROCESS: Table = Table {
    what: "[process]",
    path: "[process]",
    keys: &["user", "group", "landlock"],
    later: &[],
    words: &[("run_as", "user"), ("username", "user"), ("owner", "user"), ("sandbox", "landlock")],
};

/// `[fleet]`.
pub static FLEET: Table = Table {
    what: "[fleet]",
    path: "[fleet]",
    keys: &["servers"],
    later: &[],
    words: &[("server", "servers"), ("members", "servers"), ("nodes", "servers"), ("peers", "servers")],
};

/// One of `[fleet] servers`.
pub static FLEET_SERVER: Table = Table {
    what: "a server of the fleet",
    path: "fleet.servers[]",
    keys: &["name", "url", "token_file"],
    later: &[],
    words: &[("admin", "url"), ("address", "url"), ("host", "url"), ("token", "token_file"), ("secret", "token_file")],
};

/// `[rrl]`, in BIND's words.
pub static RRL: Table = Table {
    what: "[rrl]",
    path: "[rrl]",
    keys: &[
        "enabled",
        "responses_per_second",
        "referrals_per_second",
        "nodata_per_second",
        "nxdomains_per_second",
        "errors_per_second",
        "all_per_second",
        "slip",
        "ipv4_prefix_length",
        "ipv6_prefix_length",
        "exempt",
        "log_only",
        "table_size",
    ],
    later: &[],
    words: &[
        ("enable", "enabled"),
        ("rate_limit", "responses_per_second"),
        ("rrl_ratelimit", "responses_per_second"),
        ("nxdomain_per_second", "nxdomains_per_second"),
        ("rrl_slip", "slip"),
        ("rrl_ipv4_prefix_length", "ipv4_prefix_length"),
        ("rrl_ipv6_prefix_length", "ipv6_prefix_length"),
        ("exempt_clients", "exempt"),
        ("whitelist", "exempt"),
        ("rrl_whitelist", "exempt"),
        ("dry_run", "log_only"),
        ("max_table_size", "table_size"),
        ("rrl_size", "table_size"),
    ],
};

/// `[cookies]`.
pub static COOKIES: Table = Table {
    what: "[cookies]",
    path: "[cookies]",
    keys: &["enabled", "secret_file", "require_server_cookie"],
    later: &[],
    words: &[
        ("answer_cookie", "enabled"),
        ("cookie_secret", "secret_file"),
        ("cookie_secret_file", "secret_file"),
        ("secret", "secret_file"),
        ("require", "require_server_cookie"),
    ],
};

/// `[tsig.NAME]`.
pub static TSIG: Table = Table {
    what: "a key",
    path: "[tsig.NAME]",
    keys: &["algorithm", "secret_file"],
    later: &[],
    words: &[("secret", "secret_file"), ("file", "secret_file"), ("alg", "algorithm")],
};
