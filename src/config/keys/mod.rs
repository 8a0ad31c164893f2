//! The keys of every table of the two file formats: what is read, what is kept for a later version, and
//! our word for what the neighbours (gdnsd, Route 53, Cloudflare, NS1, HAProxy, PowerDNS, geodns) call it.
//! The reader takes its keys from here, and a test holds `docs/zone-toml.md` against it.

mod load;
mod secondaries;
mod server;
mod tests_file;

pub use load::LOAD;
pub use secondaries::{NOTIFY, TRANSFER, UPDATE};
pub use server::{
    ADMIN, COOKIES, DNS, EVENTS, FLEET, FLEET_SERVER, GEO, GUARD, LOG, METRICS, PROBE, PROCESS, PROXY, QUERY_LOG,
    QUERY_LOG_FILTER, RRL, SERVER, TLS, TSIG, WATCH,
};
pub use tests_file::{TEST, TESTS};

/// The keys of one kind of table.
#[derive(Debug)]
pub struct Table {
    /// What people call it, with its article: "a pool".
    pub what: &'static str,
    /// Where it stands, as the reference writes it: `[pools.NAME]`.
    pub path: &'static str,
    /// Keys that are read.
    pub keys: &'static [&'static str],
    /// Keys of the format that a later version serves.
    pub later: &'static [&'static str],
    /// Others' words, each with ours.
    pub words: &'static [(&'static str, &'static str)],
}

/// The zone file's top level.
pub static ZONE: Table = Table {
    what: "a zone file",
    path: "(top level)",
    keys: &[
        "format", "zone", "ns", "ttl", "use", "soa", "records", "regions", "checks", "pools", "policies", "names",
        "dnssec", "ecs", "transfer", "update",
    ],
    later: &[],
    words: &[
        ("origin", "zone"),
        ("domain", "zone"),
        ("name", "zone"),
        ("nameservers", "ns"),
        ("name_servers", "ns"),
        ("default_ttl", "ttl"),
        ("include", "use"),
        ("includes", "use"),
        ("version", "format"),
        ("record", "records"),
        ("data", "records"),
        ("static", "records"),
        ("rrsets", "records"),
        ("geos", "regions"),
        ("geo", "regions"),
        ("maps", "regions"),
        ("map", "regions"),
        ("countries", "regions"),
        ("locations", "regions"),
        ("region", "regions"),
        ("datacenters", "pools"),
        ("dcmap", "pools"),
        ("services", "pools"),
        ("backends", "pools"),
        ("backend", "pools"),
        ("upstreams", "pools"),
        ("origins", "pools"),
        ("pool", "pools"),
        ("targets", "pools"),
        ("monitors", "checks"),
        ("monitor", "checks"),
        ("health_checks", "checks"),
        ("healthchecks", "checks"),
        ("service_types", "checks"),
        ("check", "checks"),
        ("policy", "policies"),
        ("resources", "policies"),
        ("load_balancers", "policies"),
        ("steering", "policies"),
        ("traffic_policies", "policies"),
        ("hosts", "names"),
        ("labels", "names"),
        ("hostnames", "names"),
        ("edns_client_subnet", "ecs"),
        ("client_subnet", "ecs"),
        ("allow_transfer", "transfer"),
        ("secondaries", "transfer"),
        ("axfr", "transfer"),
        ("allow_update", "update"),
        ("update_policy", "update"),
    ],
};

/// `soa = {…}`.
pub static SOA: Table = Table {
    what: "the SOA",
    path: "soa",
    keys: &["mname", "rname", "serial", "refresh", "retry", "expire", "minimum"],
    later: &[],
    words: &[
        ("primary", "mname"),
        ("email", "rname"),
        ("hostmaster", "rname"),
        ("contact", "rname"),
        ("admin", "rname"),
        ("negative_ttl", "minimum"),
        ("nxdomain_ttl", "minimum"),
        ("ncache", "minimum"),
    ],
};

/// `[records]`.
pub static RECORDS: Table = Table {
    what: "[records]",
    path: "[records]",
    keys: &["text", "file"],
    later: &[],
    words: &[("zonefile", "file"), ("path", "file"), ("include", "file"), ("zone", "text"), ("data", "text")],
};

/// `[regions.NAME]`.
pub static REGION: Table = Table {
    what: "a region",
    path: "[regions.NAME]",
    keys: &["networks", "asns", "subdivisions", "countries", "continents"],
    later: &[],
    words: &[
        ("nets", "networks"),
        ("network", "networks"),
        ("subnets", "networks"),
        ("cidrs", "networks"),
        ("prefixes", "networks"),
        ("ips", "networks"),
        ("ip_ranges", "networks"),
        ("asn", "asns"),
        ("as", "asns"),
        ("states", "subdivisions"),
        ("us_state", "subdivisions"),
        ("provinces", "subdivisions"),
        ("regions", "subdivisions"),
        ("subdivision", "subdivisions"),
        ("country", "countries"),
        ("country_codes", "countries"),
        ("ca_province", "subdivisions"),
        ("continent", "continents"),
        ("georegion", "continents"),
    ],
};

/// `[checks.NAME]`.
pub static CHECK: Table = Table {
    what: "a check",
    path: "[checks.NAME]",
    keys: &[
        "type",
        "host",
        "path",
        "port",
        "method",
        "headers",
        "user_agent",
        "expect_status",
        "expect_body",
        "expect_json",
        "http2",
        "send",
        "expect",
        "tls",
        "tls_verify",
        "client_certificate",
        "client_key",
        "source",
        "service",
        "query",
        "query_type",
        "expect_rcode",
        "expect_data",
        "command",
        "file",
        "expires",
        "interval",
        "timeout",
        "fall",
        "rise",
        "forget",
        "monitoring_only",
        "flap_limit",
        "flap_window",
    ],
    later: &["quorum", "alpn"],
    words: &[
        ("vhost", "host"),
        ("hostname", "host"),
        ("host_header", "host"),
        ("fqdn", "host"),
        ("fully_qualified_domain_name", "host"),
        ("server_name", "host"),
        ("sni", "host"),
        ("url_path", "path"),
        ("url", "path"),
        ("uri", "path"),
        ("resource_path", "path"),
        ("request", "path"),
        ("failure_threshold", "fall"),
        ("consecutive_down", "fall"),
        ("down_thresh", "fall"),
        ("down_tresh", "fall"),
        ("unhealthy_threshold", "fall"),
        ("max_fails", "fall"),
        ("retries", "fall"),
        ("success_threshold", "rise"),
        ("consecutive_up", "rise"),
        ("up_thresh", "rise"),
        ("up_tresh", "rise"),
        ("healthy_threshold", "rise"),
        ("ok_thresh", "forget"),
        ("ok_tresh", "forget"),
        ("inter", "interval"),
        ("period", "interval"),
        ("frequency", "interval"),
        ("request_interval", "interval"),
        ("check_interval", "interval"),
        ("wait", "timeout"),
        ("connect_timeout", "timeout"),
        ("ok_codes", "expect_status"),
        ("expected_codes", "expect_status"),
        ("expected_status", "expect_status"),
        ("status", "expect_status"),
        ("http_expect", "expect_status"),
        ("expected_body", "expect_body"),
        ("search_string", "expect_body"),
        ("body", "expect_body"),
        ("header", "headers"),
        ("insecure", "tls_verify"),
        ("allow_insecure", "tls_verify"),
        ("verify", "tls_verify"),
        ("source_address", "source"),
        ("bind", "source"),
        ("source_ip", "source"),
        ("h2", "http2"),
        ("grpc_service", "service"),
        ("qname", "query"),
        ("qtype", "query_type"),
        ("rcode", "expect_rcode"),
        ("send_string", "send"),
        ("tcp_send", "send"),
        ("payload", "send"),
        ("expect_string", "expect"),
        ("banner", "expect"),
        ("receive", "expect"),
        ("program", "command"),
        ("script", "command"),
        ("cmd", "command"),
        ("client_cert", "client_certificate"),
        ("ttl", "expires"),
        ("protocol", "type"),
        ("plugin", "type"),
        ("kind", "type"),
    ],
};

/// `[pools.NAME]`.
pub static POOL: Table = Table {
    what: "a pool",
    path: "[pools.NAME]",
    keys: &[
        "endpoints",
        "check",
        "quorum",
        "balance",
        "answers",
        "min_healthy",
        "location",
        "state",
        "tags",
        "spread",
        "slow_start",
        "failback_delay",
        "manual_resume",
        "load",
        "depends_on",
        "capacity",
        "shed_from",
        "shed_at",
    ],
    later: &[],
    words: &[
        ("origins", "endpoints"),
        ("servers", "endpoints"),
        ("server", "endpoints"),
        ("members", "endpoints"),
        ("targets", "endpoints"),
        ("addresses", "endpoints"),
        ("addrs", "endpoints"),
        ("address", "endpoints"),
        ("backends", "endpoints"),
        ("nodes", "endpoints"),
        ("hosts", "endpoints"),
        ("answer", "endpoints"),
        ("ips", "endpoints"),
        ("endpoint", "endpoints"),
        ("monitor", "check"),
        ("monitors", "check"),
        ("checks", "check"),
        ("health_check", "check"),
        ("healthcheck", "check"),
        ("health_check_id", "check"),
        ("service_types", "check"),
        ("probe", "check"),
        ("lb_method", "balance"),
        ("lb_policy", "balance"),
        ("algorithm", "balance"),
        ("method", "balance"),
        ("mode", "balance"),
        ("strategy", "balance"),
        ("origin_steering", "balance"),
        ("policy", "balance"),
        ("minimum_origins", "min_healthy"),
        ("min_up", "min_healthy"),
        ("up_thresh", "min_healthy"),
        ("up_tresh", "min_healthy"),
        ("threshold", "min_healthy"),
        ("health_threshold", "min_healthy"),
        ("max_answers", "answers"),
        ("max_records", "answers"),
        ("count", "answers"),
        ("latitude", "location"),
        ("longitude", "location"),
        ("lat", "location"),
        ("lon", "location"),
        ("coordinates", "location"),
        ("enabled", "state"),
        ("disabled", "state"),
        ("labels", "tags"),
        ("meta", "tags"),
        ("requires", "depends_on"),
        ("needs", "depends_on"),
        ("dependencies", "depends_on"),
    ],
};

/// An entry of `endpoints`.
pub static ENDPOINT: Table = Table {
    what: "an endpoint",
    path: "endpoints[]",
    keys: &["name", "address", "hostname", "weight", "tags", "check_address", "state", "location", "target", "text"],
    later: &["resolve", "capacity", "load", "port", "check_port"],
    words: &[
        ("addr", "address"),
        ("addresses", "address"),
        ("ip", "address"),
        ("ips", "address"),
        ("ipv4", "address"),
        ("ipv6", "address"),
        ("host", "hostname"),
        ("cname", "hostname"),
        ("fqdn", "hostname"),
        ("domain", "hostname"),
        ("ratio", "weight"),
        ("share", "weight"),
        ("id", "name"),
        ("label", "name"),
        ("probe_address", "check_address"),
        ("monitor_address", "check_address"),
        ("enabled", "state"),
        ("disabled", "state"),
        ("status", "state"),
        ("admin_state", "state"),
    ],
};

/// A row of a policy written as a table.
pub static ROW: Table = Table {
    what: "a row",
    path: "[policies.NAME] REGION = {…}",
    keys: &["pools", "pick", "then", "geofence", "sticky"],
    later: &[],
    words: &[
        ("pool", "pools"),
        ("endpoints", "pools"),
        ("origins", "pools"),
        ("datacenters", "pools"),
        ("order", "pick"),
        ("steering", "pick"),
        ("steering_policy", "pick"),
        ("method", "pick"),
        ("balance", "pick"),
        ("fallback", "then"),
        ("else", "then"),
        ("next", "then"),
        ("failover", "then"),
        ("fence", "geofence"),
        ("strict", "geofence"),
        ("session_affinity", "sticky"),
        ("persistence", "sticky"),
    ],
};

/// An entry of `names`.
pub static NAME: Table = Table {
    what: "a name",
    path: "[names.NAME]",
    keys: &["policy", "ttl", "ttl_min", "fallback", "https", "svcb", "srv", "mx", "txt"],
    later: &[],
    words: &[
        ("fallback_pool", "fallback"),
        ("fail_mode", "fallback"),
        ("failsafe", "fallback"),
        ("policies", "policy"),
        ("pool", "policy"),
        ("pools", "policy"),
        ("default_pools", "policy"),
        ("region_pools", "policy"),
        ("resource", "policy"),
        ("map", "policy"),
        ("max_ttl", "ttl"),
        ("ttl_max", "ttl"),
        ("min_ttl", "ttl_min"),
    ],
};

/// `fallback = {…}`.
pub static FALLBACK: Table = Table {
    what: "a fallback",
    path: "fallback = {…}",
    keys: &["pool"],
    later: &[],
    words: &[("pools", "pool"), ("name", "pool")],
};

/// `https = {…}` and `svcb = {…}`.
pub static BINDING: Table = Table {
    what: "a service binding",
    path: "https = {…}",
    keys: &["alpn", "port", "priority"],
    later: &["ech", "target"],
    words: &[("protocols", "alpn")],
};

/// `srv = {…}`.
pub static SRV: Table = Table {
    what: "srv",
    path: "srv = {…}",
    keys: &["port", "priority"],
    later: &[],
    words: &[("preference", "priority")],
};

/// `mx = {…}`.
pub static MX: Table =
    Table { what: "mx", path: "mx = {…}", keys: &["preference"], later: &[], words: &[("priority", "preference")] };

/// `[dnssec]`.
pub static DNSSEC: Table = Table {
    what: "[dnssec]",
    path: "[dnssec]",
    keys: &["enabled", "algorithm"],
    later: &["keys", "nsec3"],
    words: &[("enable", "enabled"), ("alg", "algorithm")],
};

/// `[ecs]`.
pub static ECS: Table = Table {
    what: "[ecs]",
    path: "[ecs]",
    keys: &["enabled", "trusted", "max_scope_v4", "max_scope_v6"],
    later: &[],
    words: &[
        ("enable", "enabled"),
        ("whitelist", "trusted"),
        ("allow", "trusted"),
        ("max_v4", "max_scope_v4"),
        ("max_v6", "max_scope_v6"),
    ],
};

/// Every table, in the order of the reference.
pub static TABLES: &[&Table] = &[
    &ZONE,
    &SOA,
    &RECORDS,
    &REGION,
    &CHECK,
    &POOL,
    &LOAD,
    &ENDPOINT,
    &ROW,
    &NAME,
    &FALLBACK,
    &BINDING,
    &SRV,
    &MX,
    &DNSSEC,
    &ECS,
    &TRANSFER,
    &NOTIFY,
    &UPDATE,
    &SERVER,
    &DNS,
    &GEO,
    &PROBE,
    &ADMIN,
    &EVENTS,
    &TLS,
    &LOG,
    &QUERY_LOG,
    &QUERY_LOG_FILTER,
    &METRICS,
    &GUARD,
    &WATCH,
    &PROCESS,
    &FLEET,
    &FLEET_SERVER,
    &RRL,
    &COOKIES,
    &PROXY,
    &TSIG,
];

impl Table {
    /// The index of a key that is read.
    pub(super) fn index(&self, key: &str) -> Option<usize> {
        self.keys.iter().position(|known| *known == key)
    }

    /// What an unknown key probably means: our word for another's, or the nearest of ours.
    pub(super) fn meant(&self, key: &str) -> Option<&'static str> {
        let folded = key.to_ascii_lowercase().replace('-', "_");
        let word = self.words.iter().find(|(theirs, _)| *theirs == folded).map(|(_, ours)| *ours);
        word.or_else(|| nearest(&folded, self.keys.iter().chain(self.later).copied()))
    }
}

/// The nearest of some words, if it is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = |known: &'a str| (strsim::damerau_levenshtein(word, known), known);
    let limit = (word.chars().count() / 3).clamp(1, 3);
    known
        .filter(|known| known.len().abs_diff(word.len()) <= limit)
        .map(near)
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_others_leads_to_a_key_that_is_read() {
        for table in TABLES {
            for (theirs, ours) in table.words {
                assert!(table.index(ours).is_some(), "{}: {theirs} → {ours}", table.path);
                assert!(table.index(theirs).is_none(), "{}: {theirs} is our own", table.path);
            }
            assert!(table.keys.iter().all(|key| !table.later.contains(key)));
        }
    }

    #[test]
    fn typing_errors_find_the_nearest_key() {
        assert_eq!(POOL.meant("endpoint"), Some("endpoints"));
        assert_eq!(POOL.meant("blance"), Some("balance"));
        assert_eq!(CHECK.meant("up_tresh"), Some("rise"));
        assert_eq!(NAME.meant("Fallback-Pool"), Some("fallback"));
        assert_eq!(POOL.meant("xyzzy"), None);
    }
}
