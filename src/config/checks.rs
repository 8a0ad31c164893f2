//! `[checks]` and the URLs that pools may write in their place: what is probed, and how often.

use super::Code;
use super::diagnostic::Diagnostic;
use super::keys;
use super::rules;
use super::source::Span;
use super::walk::{Ctx, Entry, Fields, Node, time};
use super::zone::{Zone, plain_name, section_fields};
use crate::health::{Check, CheckKind, HttpCheck, Timing, Voting};
use crate::id::CheckId;
use crate::limits::{FALL, FORGET, INTERVAL_MAX_MS, INTERVAL_MIN_MS, INTERVAL_MS, RISE, TIMEOUT_MIN_MS, TIMEOUT_MS};
use std::ops::RangeInclusive;

const TYPES: [&str; 4] = ["http", "https", "tcp", "none"];
const TYPES_LATER: [&str; 5] = ["tls", "dns", "grpc", "exec", "push"];

/// Reads the checks of a zone.
pub(super) fn read<'a>(zone: &mut Zone<'a, '_>, section: &[Entry<'a>]) {
    for &(key, node) in section {
        if key.text == "none" {
            let found = Diagnostic::new(Code::ReservedName, key.span, "no check can have the name \"none\"");
            zone.ctx.push(found.label("reserved").help("check = \"none\" says that a pool is not probed"));
        }
        plain_name(zone.ctx, "a check", key.text, key.span);
        let fields = section_fields(zone.ctx, node, &keys::CHECK);
        let kind = if node.entries().is_some() { kind(zone.ctx, key.span, &fields) } else { None };
        let timing = timing(zone.ctx, &fields);
        let kind = kind.unwrap_or(CheckKind::None);
        let voting = rules::voting(zone.ctx, &fields);
        let id = add(zone, Check { name: key.text.into(), kind, timing, voting });
        zone.checks.add(key, id, zone.main);
    }
}

/// The id of a check; each content once.
fn add(zone: &mut Zone<'_, '_>, check: Check) -> CheckId {
    let next = CheckId::new(zone.spec.checks.len());
    *zone.ctx.checks.entry(check).or_insert_with_key(|check| {
        zone.spec.checks.push(check.clone());
        next
    })
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

fn kind(ctx: &mut Ctx, key: Span, fields: &Fields<'_>) -> Option<CheckKind> {
    let Some(node) = fields.value("type") else {
        let found = Diagnostic::new(Code::MissingKey, key, "the check does not say its type").label("no `type`");
        ctx.push(found.help("add type = \"https\" (or http, tcp, none)"));
        return None;
    };
    let kind = TYPES[ctx.word(node, "type", &TYPES, &TYPES_LATER)?];
    let port = fields.value("port").map(|node| ctx.integer(node, "port", 1..=u16::MAX));
    let of_http = ["host", "path", "method", "headers", "expect_status", "expect_body", "tls_verify"];
    let unused: &[&str] = match kind {
        "http" => &["tls_verify"],
        "https" => &[],
        _ => &of_http,
    };
    for name in unused {
        if let Some((span, _)) = fields.entry(name) {
            let message = format!("a check of type {kind} has no `{name}`");
            ctx.error(Code::UnknownKey, span, message, format!("means nothing for {kind}"));
        }
    }
    match kind {
        "none" => Some(CheckKind::None),
        "tcp" => match port {
            Some(port) => Some(CheckKind::Tcp { port: port? }),
            None => {
                ctx.error(Code::MissingKey, key, "a TCP check needs a port", "no `port`");
                None
            }
        },
        _ => {
            let tls = kind == "https";
            let port = port.unwrap_or(Some(if tls { 443 } else { 80 }))?;
            Some(CheckKind::Http(http(ctx, fields, tls, port)))
        }
    }
}

fn plain_http(tls: bool, port: u16) -> HttpCheck {
    HttpCheck {
        tls,
        tls_verify: true,
        host: None,
        port,
        path: "/".into(),
        method: "GET".into(),
        headers: Box::new([]),
        expect_status: Box::new([200..=299]),
        expect_body: None,
    }
}

fn http(ctx: &mut Ctx, fields: &Fields<'_>, tls: bool, port: u16) -> HttpCheck {
    let mut http = plain_http(tls, port);
    if let Some(node) = fields.value("tls_verify") {
        http.tls_verify = ctx.boolean(node, "tls_verify").unwrap_or(true);
    }
    if let Some(node) = fields.value("host") {
        http.host = ctx.string(node, "host").map(Into::into);
        if let Some(text) = node.as_str().filter(|text| !is_host(text)) {
            ctx.error(
                Code::BadValue,
                node.span,
                format!("\"{}\" is no host name", text.escape_debug()),
                "not a host name",
            );
        }
    }
    if let Some(node) = fields.value("path")
        && let Some(path) = ctx.string(node, "path")
    {
        http.path = path.into();
        if !is_path(path) {
            let found = Diagnostic::new(Code::BadValue, node.span, "a path begins with / and has no spaces");
            ctx.push(found.label("not a path").help("write it like \"/healthz\""));
        }
    }
    if let Some(node) = fields.value("method")
        && let Some(method) = ctx.string(node, "method")
    {
        http.method = method.to_ascii_uppercase().into();
        if method.is_empty() || !method.bytes().all(is_token) {
            ctx.error(Code::BadValue, node.span, "not an HTTP method", "such as GET or HEAD");
        }
    }
    if let Some(node) = fields.value("headers") {
        http.headers = headers(ctx, node);
    }
    if let Some(node) = fields.value("expect_status") {
        http.expect_status = node.items().filter_map(|item| status(ctx, item)).collect();
        if http.expect_status.is_empty() && node.items().len() == 0 {
            ctx.error(Code::OutOfRange, node.span, "no status would pass", "at least one is needed");
        }
    }
    if let Some(node) = fields.value("expect_body") {
        http.expect_body = ctx.string(node, "expect_body").map(Into::into);
    }
    http
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A name or an address, as it stands in a Host header.
fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 254
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

fn headers(ctx: &mut Ctx, node: Node<'_>) -> Box<[(Box<str>, Box<str>)]> {
    let Some(entries) = node.entries() else {
        ctx.wrong_type(node, "headers", "a table");
        return Box::new([]);
    };
    let mut headers = Vec::new();
    for (key, node) in entries {
        if key.text.is_empty() || !key.text.bytes().all(is_token) {
            ctx.error(
                Code::BadValue,
                key.span,
                format!("\"{}\" is no header name", key.text.escape_debug()),
                "not a name",
            );
        } else if key.text.eq_ignore_ascii_case("host") {
            let found =
                Diagnostic::new(Code::BadValue, key.span, "the Host header is the key `host`").label("not here");
            ctx.push(found.help("write host = \"…\" in the check"));
        } else if let Some(value) = ctx.string(node, "a header") {
            if value.bytes().any(|byte| byte != b'\t' && (byte < b' ' || byte == 0x7f)) {
                ctx.error(Code::BadValue, node.span, "a header holds no control characters", "not a header's value");
            }
            headers.push((key.text.into(), value.into()));
        }
    }
    headers.into()
}

/// A status: 200, "200" or "200-299".
fn status(ctx: &mut Ctx, node: Node<'_>) -> Option<RangeInclusive<u16>> {
    let range = match node.as_str() {
        Some(text) => {
            let (from, to) = text.split_once('-').unwrap_or((text, text));
            from.trim().parse().ok().zip(to.trim().parse().ok())
        }
        None => node.as_i64().and_then(|status| u16::try_from(status).ok()).map(|status| (status, status)),
    };
    let range = range.filter(|(from, to): &(u16, u16)| from <= to && *from >= 100 && *to <= 599);
    if range.is_none() {
        let found = Diagnostic::new(Code::BadValue, node.span, "not a status").label("not a status");
        ctx.push(found.help("write 200, \"200\" or \"200-299\""));
    }
    range.map(|(from, to)| from..=to)
}

/// A check of a pool: the name of one, or a URL.
pub(super) fn reference(zone: &mut Zone<'_, '_>, node: Node<'_>) -> Option<CheckId> {
    let text = zone.ctx.string(node, "a check")?;
    if let Some(id) = zone.checks.find(text) {
        return Some(id);
    }
    if text == "none" {
        return Some(add(
            zone,
            Check { name: "none".into(), kind: CheckKind::None, timing: usual(), voting: Voting::default() },
        ));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        let found = zone.checks.unknown(Code::UnknownCheck, node.span, "check", text);
        zone.ctx.push(found);
        return None;
    };
    match url(scheme, rest) {
        Ok(kind) => Some(add(zone, Check { name: text.into(), kind, timing: usual(), voting: Voting::default() })),
        Err(UrlError::Later) => {
            zone.ctx.later(node.span, &format!("a check by {scheme}"));
            None
        }
        Err(UrlError::Bad(why)) => {
            let found = Diagnostic::new(Code::BadUrl, node.span, format!("\"{text}\" cannot be checked: {why}"));
            zone.ctx.push(
                found.label("not a URL that can be checked").help("write it like \"https://www.example.com/healthz\""),
            );
            None
        }
    }
}

enum UrlError {
    Later,
    Bad(&'static str),
}

fn url(scheme: &str, rest: &str) -> Result<CheckKind, UrlError> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (
            host,
            Some(port.parse::<u16>().ok().filter(|port| *port > 0).ok_or(UrlError::Bad("its port is no number"))?),
        ),
        _ => (authority, None),
    };
    match scheme {
        "http" | "https" => {
            let tls = scheme == "https";
            if !is_host(host) {
                return Err(UrlError::Bad("it has no host"));
            }
            let path = path.split('#').next().unwrap_or("");
            let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
            if !is_path(&path) {
                return Err(UrlError::Bad("its path has characters that must be escaped"));
            }
            let plain = plain_http(tls, port.unwrap_or(if tls { 443 } else { 80 }));
            Ok(CheckKind::Http(HttpCheck { host: Some(host.into()), path: path.into(), ..plain }))
        }
        "tcp" if !path.is_empty() => Err(UrlError::Bad("TCP has no path")),
        "tcp" => port.map(|port| CheckKind::Tcp { port }).ok_or(UrlError::Bad("it has no port")),
        _ if TYPES_LATER.contains(&scheme) => Err(UrlError::Later),
        _ => Err(UrlError::Bad("it must begin with http://, https:// or tcp://")),
    }
}
