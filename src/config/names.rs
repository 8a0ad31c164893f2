//! `[names]`: what the world asks for.

use super::Code;
use super::diagnostic::Diagnostic;
use super::keys;
use super::policies::{policy, pool_named};
use super::services;
use super::source::Span;
use super::verify::{Reach, reach, reach_of_pool};
use super::walk::{Entry, Key, Node};
use super::zone::{Zone, section_fields};
use crate::id::{PolicyId, RouteId};
use crate::limits::{TTL_FLOOR, TTL_MAX};
use crate::steer::{BalancedName, Fallback};
use crate::wire::Name;
use std::collections::HashMap;
use toml::de::DeValue;

/// Reads the names of a zone.
pub(super) fn read<'a>(zone: &mut Zone<'a, '_>, section: &[Entry<'a>]) {
    zone.spec.names.reserve(section.len());
    let mut seen: HashMap<Box<[u8]>, Span> = HashMap::with_capacity(section.len());
    let named = zone.spec.policies.len();
    let mut reaches: Vec<Reach> = (zone.first_policy..named).map(|index| reach(zone, PolicyId::new(index))).collect();
    for &(key, node) in section {
        let owner = owner(zone, key);
        let fields = section_fields(zone.ctx, node, &keys::NAME);
        let ttl = fields.value("ttl").and_then(|node| zone.ctx.seconds(node, "ttl", 0..=TTL_MAX)).unwrap_or(zone.ttl);
        let usual = ttl.min(TTL_FLOOR.max(ttl / 2));
        let ttl_min =
            fields.value("ttl_min").and_then(|node| zone.ctx.seconds(node, "ttl_min", 0..=ttl)).unwrap_or(usual);
        let policy = match fields.value("policy") {
            Some(node) => policy_of(zone, key, node),
            None => {
                if node
                    .entries()
                    .is_some_and(|mut all| !all.any(|(key, _)| keys::NAME.meant(key.text) == Some("policy")))
                {
                    let found =
                        Diagnostic::new(Code::MissingKey, key.span, "the name has no policy").label("no `policy`");
                    zone.ctx.push(found.help("add policy = \"…\", or static data to [records]"));
                }
                None
            }
        };
        let Some(policy) = policy else { continue };
        if policy.index() >= zone.first_policy + reaches.len() {
            reaches.push(reach(zone, policy));
        }
        let said = fields.value("fallback").and_then(|node| Some((fallback(zone, policy, node)?, node.span)));
        let mut types = reaches[policy.index() - zone.first_policy];
        if let Some(said) = said {
            super::verify::signed_fallback(zone, said, types);
        }
        let fallback = said.map_or_else(Fallback::default, |said| said.0);
        let Some(owner) = owner else { continue };
        if let Some(first) = seen.insert(owner.wire().to_ascii_lowercase().into(), key.span) {
            let found = Diagnostic::new(Code::DefinedTwice, key.span, format!("the name {owner} is defined twice"));
            zone.ctx.push(found.label("again").also(first, "first here").note("case does not matter in names"));
            continue;
        }
        if let Fallback::Pool(pool) = fallback {
            types = types.and(reach_of_pool(zone, pool));
        }
        super::verify::name(zone, key.span, &owner, (policy, fallback), types);
        let services = services::read(zone.ctx, &fields);
        if let Some(services) = &services {
            services::verify(zone, key.span, &owner, (policy, fallback), services);
        }
        let (id, route) = (zone.id, RouteId::new(0));
        let name = BalancedName { owner, zone: id, policy, fallback, ttl, ttl_min, services, route };
        zone.spec.names.push(name);
    }
}

/// The owner name of a key: `@`, relative, or absolute with a final dot.
fn owner(zone: &mut Zone<'_, '_>, key: Key<'_>) -> Option<Name> {
    if key.text == "@" {
        return Some(zone.apex.clone());
    }
    let bad = |why: String| {
        Diagnostic::new(Code::BadName, key.span, format!("\"{}\" is no name: {why}", key.text.escape_debug()))
    };
    let name = match Name::parse(key.text) {
        Ok(name) => name,
        Err(error) => {
            zone.ctx.push(bad(error.to_string()).label("not a name"));
            return None;
        }
    };
    if name.labels().skip(1).any(|label| label == b"*") || name.wire().len() == 1 {
        let found = bad("a `*` stands for the first label only".to_owned());
        zone.ctx.push(found.label("not a wildcard").help("\"*.img\" is every name below img (RFC 4592)"));
        return None;
    }
    if key.text.ends_with('.') {
        if !name.is_within(&zone.apex) {
            let message = format!("{name} is not within the zone {}", zone.apex);
            zone.ctx.error(Code::OutsideZone, key.span, message, "outside of the zone");
            return None;
        }
        return Some(name);
    }
    if name.is_within(&zone.apex) {
        let full = name.join(&zone.apex).map_or_else(|_| String::new(), |name| name.to_string());
        let found = Diagnostic::new(Code::LooksAbsolute, key.span, format!("the name means {full}"));
        zone.ctx.push(found.label("relative to the zone").help(format!("did you mean \"{name}\", with a final dot?")));
    }
    match name.join(&zone.apex) {
        Ok(name) => Some(name),
        Err(error) => {
            zone.ctx.push(bad(error.to_string()).label("too long"));
            None
        }
    }
}

/// A policy by name, or one written in place.
fn policy_of<'a>(zone: &mut Zone<'a, '_>, key: Key<'a>, node: Node<'a>) -> Option<PolicyId> {
    match node.value {
        DeValue::String(text) => {
            let id = zone.policies.find(text);
            if id.is_none() {
                let found = zone.policies.unknown(Code::UnknownPolicy, node.span, "policy", text);
                zone.ctx.push(found);
            }
            id
        }
        DeValue::Table(_) => Some(policy(zone, key.text, Key { text: key.text, span: key.span }, node)),
        _ => {
            zone.ctx.wrong_type(node, "policy", "the name of a policy or a table of regions");
            None
        }
    }
}

/// `"all"`, `"nodata"`, `"servfail"` or `{ pool = "sorry" }`.
fn fallback<'a>(zone: &mut Zone<'a, '_>, policy: PolicyId, node: Node<'a>) -> Option<Fallback> {
    if let DeValue::Table(_) = node.value {
        let fields = zone.ctx.fields(node, &keys::FALLBACK)?;
        let Some(node) = fields.value("pool") else {
            zone.ctx.error(Code::MissingKey, node.span, "the fallback does not say its pool", "no `pool`");
            return None;
        };
        let text = zone.ctx.string(node, "a pool")?;
        let pool = pool_named(zone, text, node.span)?;
        super::verify::fence(zone, policy, pool, node.span);
        return Some(Fallback::Pool(pool));
    }
    if let Some(text) = node.as_str()
        && !["all", "nodata", "servfail"].contains(&text)
        && zone.pools.find(text).is_some()
    {
        let found = Diagnostic::new(Code::BadValue, node.span, format!("\"{text}\" is no word for a fallback"));
        zone.ctx.push(found.label("a pool").help(format!("for the pool write fallback = {{ pool = \"{text}\" }}")));
        return None;
    }
    let index = zone.ctx.word(node, "fallback", &["all", "nodata", "servfail"], &[])?;
    Some([Fallback::All, Fallback::NoData, Fallback::ServFail][index])
}
