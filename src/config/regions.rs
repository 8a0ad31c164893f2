//! `[regions]`: where clients are.

use super::Code;
use super::diagnostic::Diagnostic;
use super::keys;
use super::settings::network;
use super::source::Span;
use super::walk::{Ctx, Entry, Node};
use super::zone::{Zone, plain_name, section_fields};
use crate::geo::{Continent, Country, Matcher, Region, Selector, Subdivision, country_by_code, country_hint};
use crate::id::RegionId;
use ipnet::IpNet;
use std::collections::HashMap;

const CONTINENTS: [&str; 7] = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"];

/// Reads the regions of a zone.
pub(super) fn read<'a>(zone: &mut Zone<'a, '_>, section: &[Entry<'a>]) {
    let mut seen: HashMap<Matcher, (usize, Span)> = HashMap::new();
    for (index, &(key, node)) in section.iter().enumerate() {
        plain_name(zone.ctx, "a region", key.text, key.span);
        if key.text == "default" {
            let found = Diagnostic::new(Code::ReservedName, key.span, "no region can have the name \"default\"");
            zone.ctx.push(found.label("reserved").help("a policy's `default` row is for clients of no region"));
        }
        let mut selectors = Vec::new();
        let fields = section_fields(zone.ctx, node, &keys::REGION);
        for kind in keys::REGION.keys {
            let Some(node) = fields.value(kind) else { continue };
            for item in node.items() {
                let Some(matcher) = matcher(zone.ctx, kind, item) else { continue };
                long_network(zone, &matcher, item.span);
                if let Some(&(other, first)) = seen.get(&matcher) {
                    twice(zone.ctx, (key.text, item.span), section[other].0.text, first);
                } else {
                    seen.insert(matcher.clone(), (index, item.span));
                    selectors.push(Selector { matcher, at: zone.ctx.report.sources.reference(item.span) });
                }
            }
        }
        if selectors.is_empty() && node.entries().is_some_and(|entries| entries.len() == 0) {
            let found =
                Diagnostic::new(Code::EmptyRegion, key.span, format!("the region {} has no selector", key.text));
            zone.ctx
                .push(found.label("nobody is in it").help(format!("give it one of: {}", keys::REGION.keys.join(", "))));
        }
        let regions = &mut zone.spec.zones[zone.id.index()].regions;
        zone.regions.add(key, RegionId::new(regions.len()), zone.main);
        regions.push(Region { name: key.text.into(), selectors });
    }
}

fn twice(ctx: &mut Ctx, (region, again): (&str, Span), other: &str, first: Span) {
    if region == other {
        let found = Diagnostic::new(Code::SelectorRepeated, again, format!("it stands in {region} twice"));
        return ctx.push(found.label("again").also(first, "first here"));
    }
    let message = format!("the same selector stands in the regions {other} and {region}");
    let found = Diagnostic::new(Code::SelectorTwice, again, message).label(format!("in {region}"));
    ctx.push(found.also(first, format!("in {other}")).help("a client can be in one of them only: take one out"));
}

fn long_network(zone: &mut Zone<'_, '_>, matcher: &Matcher, span: Span) {
    let Matcher::Network(network) = matcher else { return };
    let limits = zone.spec.zones[zone.id.index()].ecs.limits;
    let (limit, key) = match network {
        IpNet::V4(_) => (limits.v4, "max_scope_v4"),
        IpNet::V6(_) => (limits.v6, "max_scope_v6"),
    };
    if network.prefix_len() > limit {
        let message = format!("{network} is longer than {key} = {limit}");
        let found = Diagnostic::new(Code::LongNetwork, span, message).label(format!("longer than /{limit}"));
        zone.ctx.push(found.note(
            "resolvers in it are matched exactly; for client subnets it counts only if it holds the first address of its block",
        ));
    }
}

/// One selector.
fn matcher(ctx: &mut Ctx, kind: &str, node: Node<'_>) -> Option<Matcher> {
    if kind == "asns" {
        return asn(ctx, node);
    }
    let text = ctx.string(node, kind)?;
    match kind {
        "networks" => match network(text) {
            Ok(network) => Some(Matcher::Network(network)),
            Err(help) => {
                let found = Diagnostic::new(Code::NotANetwork, node.span, format!("\"{text}\" is no network"));
                ctx.push(found.label("not a network").help(help));
                None
            }
        },
        "continents" => continent(ctx, node.span, text),
        "countries" => country(ctx, node.span, text).map(Matcher::Country),
        _ => subdivision(ctx, node.span, text),
    }
}

fn asn(ctx: &mut Ctx, node: Node<'_>) -> Option<Matcher> {
    let number = match node.as_str() {
        Some(text) => {
            let digits = text.strip_prefix("AS").or_else(|| text.strip_prefix("as")).unwrap_or(text);
            digits.parse::<u32>().ok()
        }
        None => node.as_i64().and_then(|number| u32::try_from(number).ok()),
    };
    let number = number.filter(|number| *number > 0);
    if number.is_none() {
        let found = Diagnostic::new(Code::NotAnAsn, node.span, "not an autonomous system number");
        ctx.push(found.label("not a number from 1 to 4294967295").help("write it like 64500"));
    }
    number.map(Matcher::Asn)
}

fn continent(ctx: &mut Ctx, span: Span, text: &str) -> Option<Matcher> {
    let upper = text.to_ascii_uppercase();
    if CONTINENTS.contains(&upper.as_str()) {
        return Some(Matcher::Continent(Continent(two(&upper)?)));
    }
    let found = Diagnostic::new(Code::NotAContinent, span, format!("\"{text}\" is not a continent code"));
    let found = found.label("not a continent code");
    let country = two(&upper).and_then(|code| country_by_code(Country(code))).or_else(|| country_hint(text));
    ctx.push(match country {
        Some(country) => {
            let (name, code) = (article(country.name), letters(country.code));
            found.help(format!("{name} is a country: write countries = [\"{code}\"]"))
        }
        _ => found.help("the codes are AF AN AS EU NA OC SA"),
    });
    None
}

fn country(ctx: &mut Ctx, span: Span, text: &str) -> Option<Country> {
    let upper = text.to_ascii_uppercase();
    let code = two(&upper).filter(|code| known(*code));
    let Some(code) = code else {
        let found = Diagnostic::new(Code::NotACountry, span, format!("\"{text}\" is not an ISO 3166-1 country code"));
        let found = found.label("not a country code");
        ctx.push(match country_hint(text) {
            Some(country) => {
                let (name, code) = (article(country.name), letters(country.code));
                found.help(format!("the code of {name} is \"{code}\""))
            }
            None if CONTINENTS.contains(&upper.as_str()) => {
                found.help(format!("it is a continent: write continents = [\"{upper}\"]"))
            }
            None if upper.contains('-') => {
                found.help(format!("for a part of a country write subdivisions = [\"{upper}\"]"))
            }
            None => found.help("write the two letters of ISO 3166-1, such as \"DE\""),
        });
        return None;
    };
    if &code == b"NA" {
        let found = Diagnostic::new(Code::NaIsNamibia, span, "\"NA\" as a country means Namibia");
        ctx.push(found.label("Namibia").help("for North America write continents = [\"NA\"]"));
    }
    Some(Country(code))
}

/// A country's name as it stands in a sentence.
fn article(name: &str) -> String {
    let plural = ["United ", "Netherlands", "Philippines", "Bahamas"].iter().any(|start| name.starts_with(start));
    if plural { format!("the {name}") } else { name.to_owned() }
}

fn subdivision(ctx: &mut Ctx, span: Span, text: &str) -> Option<Matcher> {
    let upper = text.to_ascii_uppercase();
    let parts = upper.split_once('-').filter(|(country, part)| {
        let known = two(country).is_some_and(known);
        known && (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    if parts.is_none() {
        let found = Diagnostic::new(Code::NotASubdivision, span, format!("\"{text}\" is not an ISO 3166-2 code"));
        ctx.push(found.label("not a subdivision").help("write country and subdivision, such as \"US-CA\""));
        return None;
    }
    Some(Matcher::Subdivision(Subdivision(upper.into())))
}

/// The code is in ISO 3166-1.
fn known(code: [u8; 2]) -> bool {
    country_by_code(Country(code)).is_some()
}

fn letters(code: Country) -> String {
    code.0.iter().map(|&letter| char::from(letter)).collect()
}

fn two(text: &str) -> Option<[u8; 2]> {
    text.as_bytes().try_into().ok()
}
