//! What may stand behind each key. The reader says it exactly, with ranges and cross-references; an editor needs the
//! type, the words and the tables. Tests hold that every key has a shape, and that the reader and the shapes agree.

use crate::config::keys::{TABLES, Table};
use serde_json::{Value, json};

/// The name of a table among the definitions.
pub(super) fn slug(table: &Table) -> String {
    table.path.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')).collect()
}

const ZONE: &str = "(top level)";
const TRANSFER: &str = "transfer = {…}";
const UPDATE: &str = "update = {…}";
const CHECK: &str = "[checks.NAME]";
const POOL: &str = "[pools.NAME]";
const LOAD: &str = "load = {…}";
const ENDPOINT: &str = "endpoints[]";
const NAME: &str = "[names.NAME]";
const ROW: &str = "[policies.NAME] REGION = {…}";

/// The shape of a key; a key that is forgotten here may be anything.
pub(super) fn shape(table: &Table, key: &str) -> Value {
    zone(table.path, key)
        .or_else(|| pool(table.path, key))
        .or_else(|| check(table.path, key))
        .or_else(|| name(table.path, key))
        .or_else(|| server(table.path, key))
        .or_else(|| below(table, key))
        .unwrap_or_else(|| json!({}))
}

fn zone(path: &str, key: &str) -> Option<Value> {
    Some(match (path, key) {
        (ZONE, "format") => json!({ "const": 1 }),
        (ZONE, "zone") => text(),
        (ZONE, "ns" | "use") => many(text()),
        (ZONE, "ttl") => time(),
        (ZONE, "soa") => link("soa"),
        (ZONE, "regions") => map(link("regions.NAME")),
        (ZONE, "checks") => map(link("checks.NAME")),
        (ZONE, "pools") => map(link("pools.NAME")),
        (ZONE, "policies") => map(map(row())),
        (ZONE, "names") => map(link("names.NAME")),
        ("soa", "mname" | "rname") | ("[records]", _) => text(),
        ("soa", "serial") => any(&[integer(), words(&["auto"])]),
        ("soa", _) => time(),
        ("[regions.NAME]", "continents") => many(words(&["AF", "AN", "AS", "EU", "NA", "OC", "SA"])),
        ("[regions.NAME]", "asns") => many(any(&[integer(), like("^(AS|as)?[0-9]+$")])),
        ("[regions.NAME]", _) => many(text()),
        (ZONE, "transfer") => link("transfer"),
        (TRANSFER, "notify") => many(any(&[text(), link("notify")])),
        (TRANSFER, "balanced") => words(&["leave-out", "fail-open"]),
        (TRANSFER, _) => many(text()),
        (ZONE, "update") => many(link("update")),
        ("notify[]", _) => text(),
        (UPDATE, _) => many(text()),
        ("[dnssec]" | "[ecs]", "enabled") => boolean(),
        ("[dnssec]", "algorithm") => words(&["ECDSAP256SHA256", "ED25519"]),
        ("[ecs]", "trusted") => many(text()),
        ("[ecs]", _) => integer(),
        _ => return None,
    })
}

fn pool(path: &str, key: &str) -> Option<Value> {
    let state = || words(&["auto", "up", "down", "drain"]);
    let place = || json!({ "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 });
    let balances = [
        "weighted",
        "round-robin",
        "weighted-round-robin",
        "failover",
        "hash",
        "nearest",
        "all",
        "least-response-time",
        "least-connections",
        "least-load",
    ];
    Some(match (path, key) {
        (POOL, "endpoints") => many(any(&[text(), link("endpoints")])),
        (POOL, "balance") => words(&balances),
        (POOL, "answers" | "quorum") | (ENDPOINT, "weight") => integer(),
        (POOL, "min_healthy") => any(&[integer(), like("^[0-9]+ *%$")]),
        (POOL | ENDPOINT, "location") => place(),
        (POOL | ENDPOINT, "state") => state(),
        (POOL, "spread") | (ENDPOINT, "name" | "hostname" | "check_address" | "target") => text(),
        (POOL, "check" | "tags" | "depends_on") | (ENDPOINT, "address" | "tags" | "text") => many(text()),
        (POOL, "slow_start" | "failback_delay") => time(),
        (POOL, "manual_resume") => boolean(),
        (POOL, "load") => link("load"),
        (POOL, "capacity" | "shed_from" | "shed_at") | (LOAD, "max") => number(),
        (LOAD, "field" | "path") => text(),
        (LOAD, "header") => any(&[boolean(), text()]),
        (LOAD, "aggregate") => words(&["sum", "mean"]),
        (LOAD, "stale") => time(),
        _ => return None,
    })
}

fn check(path: &str, key: &str) -> Option<Value> {
    let types = ["http", "https", "tcp", "tls", "dns", "grpc", "exec", "push", "none"];
    Some(match (path, key) {
        (CHECK, "type") => words(&types),
        (CHECK, "port" | "fall" | "rise" | "forget" | "flap_limit") => integer(),
        (CHECK, "interval" | "timeout" | "expires" | "flap_window") => time(),
        (CHECK, "tls" | "tls_verify" | "http2" | "monitoring_only") => boolean(),
        (CHECK, "expect_status") => many(any(&[integer(), text()])),
        (CHECK, "expect_rcode" | "expect_data" | "command" | "source") => many(text()),
        (CHECK, "headers") => map(text()),
        (CHECK, "expect_json") => json!({ "type": "object" }),
        (CHECK, "quorum") => integer(),
        (CHECK, _) => text(),
        _ => return None,
    })
}

fn name(path: &str, key: &str) -> Option<Value> {
    Some(match (path, key) {
        (NAME, "policy") => any(&[text(), map(row())]),
        (NAME, "ttl" | "ttl_min") => time(),
        (NAME, "fallback") => any(&[words(&["all", "nodata", "servfail"]), link("fallback")]),
        (NAME, "https" | "svcb") => link("https"),
        (NAME, "srv") => link("srv"),
        (NAME, "mx") => link("mx"),
        (NAME, "txt") => boolean(),
        (ROW, "pools" | "then") => any(&[text(), steps()]),
        (ROW, "pick") => words(&["order", "nearest", "least-load"]),
        (ROW, "geofence" | "sticky") => boolean(),
        ("fallback = {…}", "pool") => text(),
        ("https = {…}", "alpn") => many(text()),
        ("https = {…}" | "srv = {…}" | "mx = {…}", _) => integer(),
        _ => return None,
    })
}

fn server(path: &str, key: &str) -> Option<Value> {
    Some(match (path, key) {
        ("geosteer.toml", "zones") | ("[geo]", "databases") | ("[guard]", "canaries") => many(text()),
        ("geosteer.toml", "state") | ("[dns]", "nsid" | "version") => text(),
        ("geosteer.toml", "watch") => any(&[boolean(), link("watch")]),
        ("[dns]", "explain_from" | "listen" | "tls_listen" | "https_listen" | "quic_listen") => many(text()),
        ("[dns]", "tcp_idle") | ("[guard]", "hold") | ("[watch]", "debounce") => time(),
        ("[dns]", "threads" | "tcp_connections" | "tcp_connections_per_client") | ("[guard]", "share") => integer(),
        ("[probe]", "exec") | ("[watch]", "enabled") | ("[process]", "landlock") => boolean(),
        ("[admin]", "hosts") => many(like("^[A-Za-z0-9._-]+$")),
        ("[query_log.filter]", "zone" | "name" | "client" | "type") => many(text()),
        ("[query_log.filter]", "rcode") => {
            many(words(&["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"]))
        }
        ("[query_log]", "path") => text(),
        ("[query_log]", "sample") => json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1 }),
        ("[query_log]", "filter") => link("query_log.filter"),
        ("[metrics]", "names") => boolean(),
        ("[tls]", "connections" | "connections_per_client") => integer(),
        ("[tls]", "idle") => time(),
        ("[proxy]", _) => many(text()),
        ("[admin]", "listen" | "token_file" | "socket") | ("[events]" | "[tls]", _) => text(),
        ("[process]", "user" | "group") => like("^[^:\\s]+$"),
        ("geosteer.toml", "process") => link("process"),
        ("[fleet]", "servers") => many(link("fleet.servers")),
        ("fleet.servers[]", _) => text(),
        ("[cookies]" | "[tsig.NAME]", "secret_file") => text(),
        ("geosteer.toml", "tsig") => map(link("tsig.NAME")),
        ("[tsig.NAME]", _) => words(&["hmac-sha256", "hmac-sha384", "hmac-sha512"]),
        ("[cookies]", _) | ("[rrl]", "enabled" | "log_only") => boolean(),
        ("[rrl]", "exempt") => many(text()),
        ("[rrl]", _) => integer(),
        ("[log]" | "[query_log]", "format") => words(&["text", "json"]),
        ("(top level of *.tests.toml)", "test") => json!({ "type": "array", "items": link("test") }),
        ("[[test]]", "down" | "addresses") => many(text()),
        ("[[test]]", _) => text(),
        _ => return None,
    })
}

/// A table that stands below this key and has a table of keys of its own.
fn below(table: &Table, key: &str) -> Option<Value> {
    let whole = table.path.strip_prefix('[').and_then(|path| path.strip_suffix(']'));
    let path = whole.map_or_else(|| format!("[{key}]"), |above| format!("[{above}.{key}]"));
    TABLES.iter().find(|table| table.path == path).map(|table| link(&slug(table)))
}

/// A row: a pool, steps, or a table.
fn row() -> Value {
    any(&[text(), steps(), link("policies.NAMEREGION")])
}

/// Steps in order: pools, or splits by weight.
fn steps() -> Value {
    let split = json!({ "type": "object", "properties": { "sticky": boolean() }, "additionalProperties": integer() });
    json!({ "type": "array", "items": any(&[text(), split]) })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn like(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

fn integer() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn number() -> Value {
    json!({ "type": "number", "minimum": 0 })
}

fn boolean() -> Value {
    json!({ "type": "boolean" })
}

/// Whole seconds, or a number with a unit.
fn time() -> Value {
    any(&[integer(), like("^([0-9]+(ms|[smhdwSMHDW])?)+$")])
}

fn words(all: &[&str]) -> Value {
    json!({ "enum": all })
}

fn any(all: &[Value]) -> Value {
    json!({ "anyOf": all })
}

/// One, or an array.
fn many(one: Value) -> Value {
    json!({ "anyOf": [one, { "type": "array", "items": one }] })
}

fn map(one: Value) -> Value {
    json!({ "type": "object", "additionalProperties": one })
}

fn link(definition: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{definition}") })
}
