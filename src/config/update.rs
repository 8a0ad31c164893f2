//! `update` of a zone: who may change which static names by DNS (RFC 2136).

use super::Code;
use super::diagnostic::Diagnostic;
use super::keys;
use super::settings::networks;
use super::source::Span;
use super::tsig;
use super::walk::{Ctx, Node};
use super::zonetext;
use crate::update::{Grant, Pattern, Rules};
use crate::wire::Name;
use crate::wire::code::rtype;

/// Types that are the zone's own affair: what they say reaches beyond their name, or is made by signing.
const OURS: [u16; 11] = [
    rtype::SOA,
    rtype::NS,
    rtype::DNAME,
    rtype::DS,
    rtype::RRSIG,
    rtype::NSEC,
    rtype::DNSKEY,
    rtype::NSEC3,
    rtype::NSEC3PARAM,
    rtype::CDS,
    rtype::CDNSKEY,
];

/// Reads one table, or several; `known`: the keys that there are, if that is known.
pub(super) fn read(ctx: &mut Ctx, node: Node<'_>, apex: &Name, known: Option<&[Name]>) -> Rules {
    Rules(node.items().filter_map(|item| grant(ctx, item, apex, known)).collect())
}

fn grant(ctx: &mut Ctx, node: Node<'_>, apex: &Name, known: Option<&[Name]>) -> Option<Grant> {
    let fields = ctx.fields(node, &keys::UPDATE)?;
    for (key, help) in [
        ("keys", "keys = [\"acme\"] allows whoever signs with that key"),
        ("names", "names = [\"_acme-challenge.*\"] are those that it may change"),
    ] {
        if fields.value(key).is_none_or(|node| node.items().len() == 0) {
            let found = Diagnostic::new(Code::MissingKey, node.span, format!("updates without `{key}`"));
            ctx.push(found.label(format!("no `{key}`")).help(help));
        }
    }
    let keys = fields.value("keys").map(|node| tsig::names(ctx, node, known)).unwrap_or_default();
    let from = fields.value("from").map(|node| networks(ctx, node, "who updates")).unwrap_or_default();
    let patterns = fields.value("names").map(|node| ctx.strings(node, "a name")).unwrap_or_default();
    let names = patterns.into_iter().filter_map(|(span, text)| pattern(ctx, (span, text), apex)).collect();
    let types = match fields.value("types") {
        Some(node) => {
            let words = ctx.strings(node, "a type");
            words.into_iter().filter_map(|(span, text)| rtype(ctx, span, text)).collect()
        }
        None => [rtype::TXT].into(),
    };
    Some(Grant { keys: keys.into(), from, names, types })
}

fn rtype(ctx: &mut Ctx, span: Span, text: &str) -> Option<u16> {
    match zonetext::rtype(text) {
        Some(rtype) if !OURS.contains(&rtype) && !matches!(rtype, 0 | rtype::OPT | 128..=255) => Some(rtype),
        Some(_) => {
            ctx.error(Code::BadValue, span, format!("{text} records are not changed by updates"), "not this type");
            None
        }
        None => {
            ctx.error(Code::BadValue, span, format!("\"{text}\" is no type of records"), "not a type");
            None
        }
    }
}

/// A name, `*.` and a name, or labels and `.*`; relative to the zone.
fn pattern(ctx: &mut Ctx, (span, text): (Span, &str), apex: &Name) -> Option<Pattern> {
    let absolute = |text: &str| match text {
        "@" => Some(apex.to_lowercase()),
        text => {
            let name = Name::parse(text).ok()?.to_lowercase();
            let name = if text.ends_with('.') { name } else { name.join(&apex.to_lowercase()).ok()? };
            name.is_within(apex).then_some(name)
        }
    };
    let found = match (text, text.strip_prefix("*."), text.strip_suffix(".*")) {
        ("*", ..) => Some(Pattern::Below(apex.to_lowercase())),
        (_, Some(below), _) => absolute(below).map(Pattern::Below),
        (_, _, Some(beginning)) => Name::parse(beginning).ok().map(|name| {
            let name = name.to_lowercase();
            Pattern::Beginning(name.wire()[..name.wire().len() - 1].into())
        }),
        _ => absolute(text).map(Pattern::Exact),
    };
    if found.is_none() {
        let error = Diagnostic::new(Code::BadValue, span, format!("\"{text}\" are no names of this zone"));
        ctx.push(error.label("not names").help("write \"_acme-challenge\", \"_acme-challenge.*\" or \"*.k8s\""));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{Options, load_text};
    use super::*;

    fn rules(text: &str, known: &[&str]) -> Result<Rules, String> {
        let text = format!("zone = \"Example.com\"\nns = [\"ns.example.net\"]\n{text}\n");
        let known = known.iter().map(|name| Name::parse(name).unwrap()).collect();
        let options = Options { tsig: Some(known), ..Options::default() };
        let loaded = load_text("zone.toml", &text, &options).map_err(|report| report.short())?;
        Ok(loaded.spec.zones[0].update.clone())
    }

    #[test]
    fn a_zone_says_which_keys_may_change_which_names_and_types() {
        let one = rules("update = { keys = [\"acme\"], names = [\"_acme-challenge.*\"] }", &["acme"]).unwrap();
        assert_eq!((one.0.len(), &one.0[0].types[..]), (1, &[16][..]));
        let text = "update = [{ keys = [\"acme\"], names = [\"@\"] }, { keys = [\"k8s\"], names = [\"*.K8s\", \"a.example.com.\", \"*\"], types = [\"A\", \"AAAA\", \"CAA\"], from = [\"192.0.2.0/24\"] }]";
        let two = rules(text, &["acme", "k8s"]).unwrap();
        let name = |text: &str| Name::parse(text).unwrap();
        assert_eq!(
            *two.0[1].names,
            [
                Pattern::Below(name("k8s.example.com")),
                Pattern::Exact(name("a.example.com")),
                Pattern::Below(name("example.com"))
            ]
        );
        assert!(two.allow(name("x.k8s.example.com").wire(), 28) && !two.allow(name("x.k8s.example.com").wire(), 16));
        assert_eq!(rules("", &[]).unwrap(), Rules::default());
    }

    #[test]
    fn mistakes_are_shown_with_their_places() {
        let text = "update = { names = [\"a.example.org.\", \"x..*\"], types = [\"NS\", \"AXFR\", \"X\"] }";
        assert_eq!(
            rules(text, &[]).unwrap_err(),
            "zone.toml:3:10: error[E006]: updates without `keys`\n\
             zone.toml:3:21: error[E008]: \"a.example.org.\" are no names of this zone\n\
             zone.toml:3:39: error[E008]: \"x..*\" are no names of this zone\n\
             zone.toml:3:57: error[E008]: NS records are not changed by updates\n\
             zone.toml:3:63: error[E008]: AXFR records are not changed by updates\n\
             zone.toml:3:71: error[E008]: \"X\" is no type of records\n"
        );
    }
}
