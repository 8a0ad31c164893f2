//! `[policies]`: which pools serve which region.

use super::Code;
use super::diagnostic::Diagnostic;
use super::keys;
use super::source::Span;
use super::walk::{Ctx, Entry, Key, Node};
use super::zone::{Zone, plain_name};
use crate::id::{PolicyId, PoolId};
use crate::limits::WEIGHT_MAX;
use crate::steer::{Policy, Row, Step};
use toml::de::DeValue;

/// Reads the policies of a zone.
pub(super) fn read<'a>(zone: &mut Zone<'a, '_>, section: &[Entry<'a>]) {
    zone.spec.policies.reserve(section.len());
    for &(key, node) in section {
        plain_name(zone.ctx, "a policy", key.text, key.span);
        let id = policy(zone, key.text, key, node);
        zone.policies.add(key, id, zone.main);
    }
}

/// Reads one policy; `name` is what people will see.
pub(super) fn policy<'a>(zone: &mut Zone<'a, '_>, name: &str, key: Key<'a>, node: Node<'a>) -> PolicyId {
    let mut rows = Vec::new();
    let mut spans = Vec::new();
    let mut default = None;
    match node.entries() {
        None => zone.ctx.wrong_type(node, "a policy", "a table of regions"),
        Some(entries) => {
            rows.reserve(entries.len());
            for (region, node) in entries {
                let mut row = row(zone, region, node);
                if region.text == "default" {
                    default = Some((row, region.span));
                    continue;
                }
                row.region = zone.regions.find(region.text);
                if row.region.is_none() {
                    let found = zone.regions.unknown(Code::UnknownRegion, region.span, "region", region.text);
                    zone.ctx.push(found);
                }
                rows.push(row);
                spans.push(region.span);
            }
            if default.is_none() {
                let message = format!("the policy {name} has no `default` row");
                let found = Diagnostic::new(Code::NoDefault, key.span, message).label("no `default`");
                zone.ctx.push(
                    found.help("add default = [\"…\"]: it serves clients of no region, and comes after every row"),
                );
            }
        }
    }
    if let Some((row, span)) = default {
        rows.push(row);
        spans.push(span);
    }
    let id = PolicyId::new(zone.spec.policies.len());
    zone.spec.policies.push(Policy { name: name.into(), zone: zone.id, rows: rows.into() });
    zone.rows.push(spans);
    id
}

fn row<'a>(zone: &mut Zone<'a, '_>, key: Key<'a>, node: Node<'a>) -> Row {
    let at = zone.ctx.report.sources.reference(key.span);
    let mut row = Row { region: None, steps: Box::new([]), geofence: false, at };
    let mut steps = Vec::new();
    match node.value {
        DeValue::Array(_) | DeValue::String(_) => self::steps(zone, node, true, &mut steps),
        DeValue::Table(_) => row.geofence = table_row(zone, node, &mut steps),
        _ => return wrong_row(zone.ctx, node, row),
    }
    if steps.is_empty() && (node.as_str().is_none() && node.items().len() == 0) {
        zone.ctx.error(Code::EmptyRow, node.span, "the row names no pool", "at least one is needed");
    }
    row.steps = steps.into();
    row
}

fn wrong_row(ctx: &mut Ctx, node: Node<'_>, row: Row) -> Row {
    ctx.wrong_type(node, "a row", "an array of pools or a table with `pools`");
    row
}

/// A row with settings; gives its geofence.
fn table_row<'a>(zone: &mut Zone<'a, '_>, node: Node<'a>, steps: &mut Vec<Step>) -> bool {
    let bare = node.entries().is_some_and(|mut entries| {
        entries.len() > 0 && entries.all(|(key, node)| node.as_i64().is_some() && keys::ROW.index(key.text).is_none())
    });
    if bare {
        let found = Diagnostic::new(Code::WrongType, node.span, "a split stands inside of an array");
        zone.ctx.push(found.label("a split").help("put it into brackets: [{ fra = 70, ams = 30 }]"));
        return false;
    }
    let Some(fields) = zone.ctx.fields(node, &keys::ROW) else { return false };
    let mut flag =
        |key: &'static str, usual| fields.value(key).and_then(|node| zone.ctx.boolean(node, key)).unwrap_or(usual);
    let (geofence, sticky) = (flag("geofence", false), flag("sticky", true));
    let pick = fields.value("pick");
    let pick = pick.and_then(|node| zone.ctx.word(node, "pick", &["order", "nearest", "least-load"], &[]));
    let choice = match pick {
        Some(1) => Some(Step::Nearest as fn(_) -> _),
        Some(2) => Some(Step::LeastLoad as fn(_) -> _),
        _ => None,
    };
    match fields.value("pools") {
        Some(node) if choice.is_some() => {
            let mut pools = Vec::new();
            for item in node.items() {
                let pool = pool(zone, item);
                if pick == Some(2) && pool.is_some_and(|pool| zone.spec.pools[pool.index()].rules.load.is_none()) {
                    let found =
                        Diagnostic::new(Code::NoLoad, item.span, "the row picks by load, and the pool has no `load`");
                    zone.ctx.push(found.label("always counts as average").help("add `load` to the pool"));
                }
                pools.extend(pool);
            }
            repeated(zone, node);
            if node.items().len() == 0 {
                zone.ctx.error(Code::EmptyRow, node.span, "the row names no pool", "at least one is needed");
            } else if !pools.is_empty() {
                steps.extend(choice.map(|step| step(pools.into())));
            }
        }
        Some(node) => {
            self::steps(zone, node, sticky, steps);
            if node.as_str().is_none() && node.items().len() == 0 {
                zone.ctx.error(Code::EmptyRow, node.span, "the row names no pool", "at least one is needed");
            }
        }
        None if node
            .entries()
            .is_some_and(|mut all| all.any(|(key, _)| keys::ROW.meant(key.text) == Some("pools"))) => {}
        None => {
            let found =
                Diagnostic::new(Code::MissingKey, node.span, "the row does not say its pools").label("no `pools`");
            zone.ctx.push(found.help("add pools = [\"…\"]"));
        }
    }
    if let Some(node) = fields.value("then") {
        self::steps(zone, node, sticky, steps);
    }
    geofence
}

/// Pools and splits in order.
fn steps<'a>(zone: &mut Zone<'a, '_>, node: Node<'a>, sticky: bool, steps: &mut Vec<Step>) {
    for item in node.items() {
        match item.value {
            DeValue::Table(_) => steps.extend(split(zone, item, sticky)),
            _ => steps.extend(pool(zone, item).map(|pool| Step::Split { parts: Box::new([(pool, 1)]), sticky: true })),
        }
    }
    repeated(zone, node);
}

/// A pool's second place in a list says nothing.
fn repeated(zone: &mut Zone<'_, '_>, node: Node<'_>) {
    let names = node.items().filter_map(|item| Some((item.as_str()?, item.span)));
    for (index, (name, span)) in names.clone().enumerate().take(64) {
        if let Some((_, first)) = names.clone().take(index).find(|(other, _)| *other == name) {
            let found =
                Diagnostic::new(Code::DefinedTwice, span, format!("the pool {name} is listed twice in the row"));
            zone.ctx.push(found.label("again").also(first, "first here"));
        }
    }
}

/// Shares by weight: `{ fra = 70, ams = 30 }`.
fn split<'a>(zone: &mut Zone<'a, '_>, node: Node<'a>, mut sticky: bool) -> Option<Step> {
    let entries = node.entries()?;
    let mut parts: Vec<(PoolId, u32)> = Vec::with_capacity(entries.len());
    let mut whole = true;
    for (key, node) in entries {
        if key.text == "sticky" && node.value.as_bool().is_some() {
            sticky = node.value.as_bool().unwrap_or(sticky);
            continue;
        }
        if key.text == "pools" && node.as_i64().is_none() {
            let found =
                Diagnostic::new(Code::WrongType, key.span, "a row with settings does not stand inside of an array");
            zone.ctx.push(found.label("leave out the brackets around it").help("write REGION = { pools = […] }"));
            return None;
        }
        let weight = zone.ctx.integer(node, "a share", 0..=WEIGHT_MAX);
        match (pool_named(zone, key.text, key.span), weight) {
            (Some(pool), Some(weight)) => parts.push((pool, weight)),
            _ => whole = false,
        }
    }
    if parts.is_empty() && whole {
        zone.ctx.error(Code::EmptyRow, node.span, "the split names no pool", "at least one is needed");
    } else if whole && parts.iter().all(|(_, weight)| *weight == 0) {
        let found = Diagnostic::new(Code::NoWeight, node.span, "all shares of the split are 0");
        zone.ctx.push(found.label("they share equally, as if all were 1"));
    }
    (!parts.is_empty()).then(|| Step::Split { parts: parts.into(), sticky })
}

fn pool(zone: &mut Zone<'_, '_>, node: Node<'_>) -> Option<PoolId> {
    let name = zone.ctx.string(node, "a pool")?;
    pool_named(zone, name, node.span)
}

/// The pool of that name, which is used now.
pub(super) fn pool_named(zone: &mut Zone<'_, '_>, name: &str, span: Span) -> Option<PoolId> {
    let id = zone.pools.find(name);
    if id.is_none() {
        let found = zone.pools.unknown(Code::UnknownPool, span, "pool", name);
        zone.ctx.push(found);
    }
    id
}
