//! `[checks]` and the URLs that pools may write in their place: what is probed, and how often.

mod http;
mod identity;
mod kinds;

use super::Code;
use super::diagnostic::Diagnostic;
use super::keys;
use super::rules;
use super::walk::{Ctx, Entry, Fields, Key, Node, time};
use super::zone::{Zone, plain_name, section_fields};
use crate::health::{Check, CheckKind, HttpCheck, Security, Source, Timing, Voting};
use crate::id::CheckId;
use crate::limits::{FALL, FORGET, INTERVAL_MAX_MS, INTERVAL_MIN_MS, INTERVAL_MS, RISE, TIMEOUT_MIN_MS, TIMEOUT_MS};
use http::is_host;

pub(super) use http::{is_header_name, is_path};

const TYPES: [&str; 9] = ["http", "https", "tcp", "tls", "dns", "grpc", "exec", "push", "none"];

/// Reads the checks of a zone.
pub(super) fn read<'a>(zone: &mut Zone<'a, '_>, section: &[Entry<'a>]) {
    for &(key, node) in section {
        if key.text == "none" {
            let found = Diagnostic::new(Code::ReservedName, key.span, "no check can have the name \"none\"");
            zone.ctx.push(found.label("reserved").help("check = \"none\" says that a pool is not probed"));
        }
        plain_name(zone.ctx, "a check", key.text, key.span);
        let fields = section_fields(zone.ctx, node, &keys::CHECK);
        let kind = if node.entries().is_some() { kind(zone, key, &fields) } else { None };
        let timing = timing(zone.ctx, &fields);
        let kind = kind.unwrap_or(CheckKind::None);
        let voting = rules::voting(zone.ctx, &fields);
        let id = add(zone, Check { name: key.text.into(), kind, timing, voting });
        zone.checks.add(key, id, zone.main);
    }
}

/// The id of a check; each content once.
pub(super) fn add(zone: &mut Zone<'_, '_>, check: Check) -> CheckId {
    let next = CheckId::new(zone.spec.checks.len());
    *zone.ctx.checks.entry(check).or_insert_with_key(|check| {
        zone.spec.checks.push(check.clone());
        next
    })
}

/// A check of which nothing else is said.
fn plain(name: &str, kind: CheckKind) -> Check {
    Check { name: name.into(), kind, timing: usual(), voting: Voting::default() }
}

/// When nothing else is said.
fn usual() -> Timing {
    Timing { interval_ms: INTERVAL_MS, timeout_ms: TIMEOUT_MS, fall: FALL, rise: RISE, forget: FORGET }
}

fn timing(ctx: &mut Ctx, fields: &Fields<'_>) -> Timing {
    let mut timing = usual();
    let range = |from: u32, to: u32| u64::from(from)..=u64::from(to);
    if let Some(node) = fields.value("interval") {
        let value = ctx.millis(node, "interval", range(INTERVAL_MIN_MS, INTERVAL_MAX_MS));
        timing.interval_ms = value.map_or(INTERVAL_MS, |value| value as u32);
        timing.timeout_ms = TIMEOUT_MS.min(timing.interval_ms);
    }
    if let Some(node) = fields.value("timeout") {
        let value = ctx.millis(node, "timeout", range(TIMEOUT_MIN_MS, INTERVAL_MAX_MS));
        timing.timeout_ms = value.map_or(TIMEOUT_MS, |value| value as u32);
        if timing.timeout_ms > timing.interval_ms {
            let (timeout, interval) = (time(timing.timeout_ms.into()), time(timing.interval_ms.into()));
            let message = format!("the timeout, {timeout}, is longer than the interval, {interval}");
            let found = Diagnostic::new(Code::TightTiming, node.span, message).label("longer than the interval");
            ctx.push(found.note("a probe that is still running delays the next one"));
        }
    }
    if let Some(node) = fields.value("fall") {
        timing.fall = ctx.integer(node, "fall", 1..=u8::MAX).unwrap_or(FALL);
        if timing.fall == 1 {
            let found =
                Diagnostic::new(Code::FallIsOne, node.span, "with fall = 1 one lost packet takes an endpoint down");
            ctx.push(found.label("one failure is enough").help("2 or more failures tell an outage from an accident"));
        }
    }
    if let Some(node) = fields.value("rise") {
        timing.rise = ctx.integer(node, "rise", 1..=u8::MAX).unwrap_or(RISE);
    }
    if let Some(node) = fields.value("forget") {
        timing.forget = ctx.integer(node, "forget", 1..=u8::MAX).unwrap_or(FORGET);
    }
    timing
}

/// The keys that a type of check has beside those of its timing.
fn keys_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "http" => &HTTP,
        "https" => &HTTPS,
        "tcp" => &["port", "send", "expect", "source"],
        "tls" => &["host", "port", "tls_verify", "client_certificate", "client_key", "source"],
        "grpc" => &GRPC,
        "dns" => &["port", "query", "query_type", "expect_rcode", "expect_data", "source"],
        "exec" => &["command"],
        "push" => &["file", "expires"],
        _ => &[],
    }
}

const HTTP: [&str; 11] = [
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
    "source",
];
const HTTPS: [&str; 14] = [
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
    "source",
    "tls_verify",
    "client_certificate",
    "client_key",
];
const GRPC: [&str; 9] =
    ["host", "port", "service", "tls", "tls_verify", "client_certificate", "client_key", "user_agent", "source"];

fn kind(zone: &mut Zone<'_, '_>, key: Key<'_>, fields: &Fields<'_>) -> Option<CheckKind> {
    let Some(node) = fields.value("type") else {
        let found = Diagnostic::new(Code::MissingKey, key.span, "the check does not say its type").label("no `type`");
        zone.ctx.push(found.help(format!("add type = \"https\" (or {})", TYPES.join(", "))));
        return None;
    };
    let kind = TYPES[zone.ctx.word(node, "type", &TYPES, &[])?];
    refuse_others(zone.ctx, kind, fields);
    let check = Reader { zone, key, fields };
    match kind {
        "tcp" => check.tcp(),
        "tls" => check.tls(),
        "dns" => check.dns(),
        "grpc" => check.grpc(),
        "exec" => check.exec(node),
        "push" => check.push(),
        "none" => Some(CheckKind::None),
        _ => check.http(kind == "https"),
    }
}

/// Keys that only other types have.
fn refuse_others(ctx: &mut Ctx, kind: &str, fields: &Fields<'_>) {
    let mut seen = Vec::new();
    for name in TYPES.iter().flat_map(|other| keys_of(other)) {
        if keys_of(kind).contains(name) || seen.contains(name) {
            continue;
        }
        seen.push(name);
        if let Some((span, _)) = fields.entry(name) {
            let message = format!("a check of type {kind} has no `{name}`");
            ctx.error(Code::UnknownKey, span, message, format!("means nothing for {kind}"));
        }
    }
}

/// One check that is read.
struct Reader<'r, 'a, 'c> {
    zone: &'r mut Zone<'a, 'c>,
    key: Key<'r>,
    fields: &'r Fields<'r>,
}

/// A check of a pool: the name of one, or a URL.
pub(super) fn reference(zone: &mut Zone<'_, '_>, node: Node<'_>) -> Option<CheckId> {
    let text = zone.ctx.string(node, "a check")?;
    if let Some(id) = zone.checks.find(text) {
        return Some(id);
    }
    if text == "none" {
        return Some(add(zone, plain("none", CheckKind::None)));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        let found = zone.checks.unknown(Code::UnknownCheck, node.span, "check", text);
        zone.ctx.push(found);
        return None;
    };
    match url(scheme, rest) {
        Ok(kind) => Some(add(zone, plain(text, kind))),
        Err(why) => {
            let found = Diagnostic::new(Code::BadUrl, node.span, format!("\"{text}\" cannot be checked: {why}"));
            zone.ctx.push(
                found.label("not a URL that can be checked").help("write it like \"https://www.example.com/healthz\""),
            );
            None
        }
    }
}

/// What a URL says of a check; its host is only a name here.
pub(in crate::config) fn url(scheme: &str, rest: &str) -> Result<CheckKind, &'static str> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            (host, Some(port.parse::<u16>().ok().filter(|port| *port > 0).ok_or("its port is no number")?))
        }
        _ => (authority, None),
    };
    match scheme {
        "http" | "https" => {
            let tls = scheme == "https";
            if !is_host(host) {
                return Err("it has no host");
            }
            let path = path.split('#').next().unwrap_or("");
            let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
            if !is_path(&path) {
                return Err("its path has characters that must be escaped");
            }
            let security = tls.then(Security::default);
            let plain = HttpCheck::new(security, port.unwrap_or(if tls { 443 } else { 80 }));
            Ok(CheckKind::Http(HttpCheck { host: Some(host.into()), path: path.into(), ..plain }))
        }
        "tcp" if !path.is_empty() => Err("TCP has no path"),
        "tcp" => {
            let plain = |port| CheckKind::Tcp { port, source: Source::default(), send: "".into(), expect: "".into() };
            port.map(plain).ok_or("it has no port")
        }
        _ => Err("it must begin with http://, https:// or tcp://"),
    }
}
