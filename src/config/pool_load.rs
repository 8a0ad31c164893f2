//! `load` of a pool: where its endpoints tell how loaded they are.

use super::Code;
use super::checks::{self, is_header_name, is_path};
use super::diagnostic::Diagnostic;
use super::keys;
use super::source::Span;
use super::walk::{Ctx, Fields, Node, time};
use super::zone::Zone;
use crate::health::{Aggregate, Check, CheckKind, HttpCheck, Load, LoadPlace, LoadSource, Voting};
use crate::id::CheckId;
use crate::limits::{INTERVAL_MIN_MS, LOAD_HEADER, LOAD_STALE_INTERVALS, LOAD_STALE_MAX_MS};
use crate::pool::{Balance, Endpoint, Relief};
use toml::de::DeValue;

const AGGREGATES: [(&str, Aggregate); 2] = [("sum", Aggregate::Sum), ("mean", Aggregate::Mean)];

/// What a pool's `load` comes to.
pub(super) struct PoolLoad {
    /// The pool's checks: one of them, or one more, tells the load.
    pub(super) checks: Box<[CheckId]>,
    /// That one.
    pub(super) load: Option<CheckId>,
    /// What the pool's own load is.
    pub(super) aggregate: Aggregate,
    /// What the pool does when its load is large.
    pub(super) relief: Relief,
}

/// Reads `load`; `checks` are those that the pool names.
pub(super) fn read(zone: &mut Zone<'_, '_>, fields: &Fields<'_>, balance: Balance, checks: Box<[CheckId]>) -> PoolLoad {
    let none = |checks| PoolLoad { checks, load: None, aggregate: Aggregate::default(), relief: Relief::default() };
    let relief = relief(zone.ctx, fields);
    let Some((key, node)) = fields.entry("load") else {
        if matches!(balance, Balance::LeastConnections | Balance::LeastLoad)
            && let Some(node) = fields.value("balance")
        {
            let message = format!("balance = \"{}\" compares loads, and the pool has no `load`", balance.word());
            let found = Diagnostic::new(Code::NoLoad, node.span, message).label("picks by weight alone");
            zone.ctx
                .push(found.help(
                    "say where the endpoints tell it: load = { path = \"/load.json\", field = \"connections\" }",
                ));
        }
        return none(checks);
    };
    let Some(load) = zone.ctx.fields(node, &keys::LOAD) else { return none(checks) };
    let aggregate = load.value("aggregate").and_then(|node| {
        let words = AGGREGATES.map(|(word, _)| word);
        zone.ctx.word(node, "aggregate", &words, &[]).map(|index| AGGREGATES[index].1)
    });
    let path = load.entry("path").and_then(|(_, node)| path(zone.ctx, node));
    let place = place(zone.ctx, key, &load);
    let max = load.value("max").and_then(|node| number(zone.ctx, node, "max"));
    let host = checks.iter().position(|id| matches!(zone.spec.checks[id.index()].kind, CheckKind::Http(_)));
    let Some(host) = host else {
        let found =
            Diagnostic::new(Code::NoLoadCheck, key, "the pool has no http or https check that could tell a load");
        zone.ctx.push(
            found
                .label("nobody is asked")
                .help("add one to `check`: loads are read from its response, or with `path` from its port"),
        );
        return none(checks);
    };
    let check = zone.spec.checks[checks[host].index()].clone();
    let stale_ms = stale(zone.ctx, &load, check.timing.interval_ms);
    let (Some(place), CheckKind::Http(http)) = (place, &check.kind) else { return none(checks) };
    if path.is_none() && &*http.method == "HEAD" && matches!(place, LoadPlace::Body(_)) {
        let message = format!("the check {} asks with HEAD: its responses have no body", check.name);
        let found = Diagnostic::new(Code::NoLoadCheck, key, message).label("no body to read `field` in");
        zone.ctx.push(found.help("add `path`, or `header`"));
        return none(checks);
    }
    let source = LoadSource { place, max: max.unwrap_or(Load::LARGEST), stale_ms };
    let (mut checks, aggregate) = (checks.into_vec(), aggregate.unwrap_or_default());
    let load = match path {
        Some(path) => {
            let id = checks::add(zone, of_its_own(&check, http, path, source));
            checks.push(id);
            id
        }
        None => {
            let kind = CheckKind::Http(HttpCheck { load: Some(Box::new(source)), ..http.clone() });
            checks[host] = checks::add(zone, Check { kind, ..check });
            checks[host]
        }
    };
    PoolLoad { checks: checks.into(), load: Some(load), aggregate, relief }
}

/// `capacity`, `shed_from` and `shed_at`.
fn relief(ctx: &mut Ctx, fields: &Fields<'_>) -> Relief {
    let mut read = |key: &'static str| fields.entry(key).map(|(at, node)| (at, number(ctx, node, key)));
    let (capacity, from, at) = (read("capacity"), read("shed_from"), read("shed_at"));
    for (key, (span, _)) in [("capacity", capacity), ("shed_from", from), ("shed_at", at)]
        .into_iter()
        .filter_map(|(key, read)| Some((key, read?)))
        .filter(|_| fields.entry("load").is_none())
    {
        let found = Diagnostic::new(Code::MissingKey, span, format!("`{key}` is a load, and the pool has no `load`"));
        ctx.push(
            found.label("nobody is asked").help("say where the endpoints tell it: load = { field = \"connections\" }"),
        );
    }
    let shed = match (from, at) {
        (Some((_, from)), Some((span, at))) => from.zip(at).map(|shed| (shed, span)),
        (None, None) => None,
        (Some((span, _)), None) | (None, Some((span, _))) => {
            let missing = if from.is_some() { "shed_at" } else { "shed_from" };
            let found = Diagnostic::new(Code::MissingKey, span, format!("shedding needs `{missing}` too"));
            ctx.push(found.label("one of two").help("from `shed_from` on clients leave, at `shed_at` all of them"));
            None
        }
    };
    let shed = shed.and_then(|((from, at), span)| {
        if from < at {
            return Some((from, at));
        }
        let found = Diagnostic::new(Code::OutOfRange, span, "shed_at must be more than shed_from");
        ctx.push(found.label("not more").note(format!("shed_from is {from}")));
        None
    });
    Relief { shed, capacity: capacity.and_then(|read| read.1) }
}

/// A request for the load alone, which never votes: to the host and port of a check, in its time.
fn of_its_own(check: &Check, http: &HttpCheck, path: &str, source: LoadSource) -> Check {
    let plain = HttpCheck::new(http.tls.clone(), http.port);
    let asks = HttpCheck {
        http2: http.http2,
        host: http.host.clone(),
        path: path.into(),
        headers: http.headers.clone(),
        user_agent: http.user_agent.clone(),
        source: http.source,
        load: Some(Box::new(source)),
        ..plain
    };
    let voting = Voting { monitoring_only: true, flap: None };
    Check { name: format!("{} load", check.name).into(), kind: CheckKind::Http(asks), timing: check.timing, voting }
}

fn path<'a>(ctx: &mut Ctx, node: Node<'a>) -> Option<&'a str> {
    let path = ctx.string(node, "path")?;
    if !is_path(path) {
        let found = Diagnostic::new(Code::BadValue, node.span, "a path begins with / and has no spaces");
        ctx.push(found.label("not a path").help("write it like \"/load.json\", special characters as %20"));
    }
    Some(path)
}

/// Where in the response the load stands.
fn place(ctx: &mut Ctx, key: Span, load: &Fields<'_>) -> Option<LoadPlace> {
    let field = load.value("field").and_then(|node| {
        let field = ctx.string(node, "field")?;
        if field.split('.').any(str::is_empty) {
            let found = Diagnostic::new(Code::BadValue, node.span, "a field is the keys that lead to it, with dots");
            ctx.push(found.label("not a field").help("write it like \"connections\" or \"stats.active\""));
        }
        Some(field)
    });
    let header = load.value("header").and_then(|node| header(ctx, node));
    match (header, field) {
        (Some(name), metric) => Some(LoadPlace::Header { name, metric: metric.map(Into::into) }),
        (None, Some(field)) => Some(LoadPlace::Body(field.split('.').map(Into::into).collect())),
        // What is there and cannot be read was said already.
        (None, None) if load.value("field").is_none() && load.value("header").is_none_or(is_false) => {
            let found = Diagnostic::new(Code::MissingKey, key, "the load does not say where in the response it stands");
            ctx.push(
                found
                    .label("neither `field` nor `header`")
                    .help("add field = \"connections\" for a body of JSON, or header = true for a load report"),
            );
            None
        }
        (None, None) => None,
    }
}

fn is_false(node: Node<'_>) -> bool {
    node.value.as_bool() == Some(false)
}

/// `true`: the usual one; or a header's name.
fn header(ctx: &mut Ctx, node: Node<'_>) -> Option<Box<str>> {
    match node.value {
        DeValue::Boolean(true) => Some(LOAD_HEADER.into()),
        DeValue::Boolean(false) => None,
        DeValue::String(name) if is_header_name(name) => Some(name.to_ascii_lowercase().into()),
        DeValue::String(name) => {
            let message = format!("\"{}\" is no header name", name.escape_debug());
            ctx.error(Code::BadValue, node.span, message, "not a name");
            None
        }
        _ => {
            ctx.wrong_type(node, "header", "true or a header's name");
            None
        }
    }
}

fn number(ctx: &mut Ctx, node: Node<'_>, key: &str) -> Option<Load> {
    let number = match node.value {
        DeValue::Float(float) => float.as_str().replace('_', "").parse::<f64>().ok(),
        DeValue::Integer(_) => node.as_i64().map(|number| number as f64),
        _ => {
            ctx.wrong_type(node, key, "a number");
            return None;
        }
    };
    let load = number.and_then(Load::new).filter(|load| *load > Load::default());
    if load.is_none() {
        let message = format!("{key} must be from 0.001 to {}", Load::MAX);
        ctx.error(Code::OutOfRange, node.span, message, "out of range");
    }
    load
}

/// How long a report is believed, milliseconds.
fn stale(ctx: &mut Ctx, load: &Fields<'_>, interval_ms: u32) -> u32 {
    let usual = LOAD_STALE_INTERVALS * interval_ms;
    let Some(node) = load.value("stale") else { return usual };
    let range = u64::from(INTERVAL_MIN_MS)..=u64::from(LOAD_STALE_MAX_MS);
    let Some(stale) = ctx.millis(node, "stale", range) else { return usual };
    if stale < u64::from(interval_ms) {
        let message = format!("a load is old after {}, before the next is asked for", time(stale));
        let found = Diagnostic::new(Code::TightTiming, node.span, message).label("shorter than the interval");
        ctx.push(found.note(format!("the check runs every {}", time(interval_ms.into()))));
    }
    stale as u32
}

/// A time that is measured from here says little of members that stand far from each other.
pub(super) fn far_apart(ctx: &mut Ctx, balance: Balance, fields: &Fields<'_>, members: &[Endpoint]) {
    let Some(node) = fields.value("balance").filter(|_| balance == Balance::LeastResponseTime) else { return };
    let sites = differ(members.iter().filter_map(|member| member.tag("site").map(str::to_owned)));
    let places = differ(members.iter().filter_map(|member| member.location.map(|place| format!("{place:?}"))));
    if sites || places {
        let what = if sites { "sites" } else { "places" };
        let message =
            format!("least-response-time measures from this server, and the endpoints are of different {what}");
        let found = Diagnostic::new(Code::FarApart, node.span, message).label("prefers what is near to the server");
        ctx.push(found.help("make a pool of each site, and let the policy choose among them"));
    }
}

fn differ<T: PartialEq>(mut several: impl Iterator<Item = T>) -> bool {
    several.next().is_some_and(|first| several.any(|other| other != first))
}
