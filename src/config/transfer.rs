//! `transfer` of a zone: who may have it whole, and who is told of changes.

use super::Code;
use super::diagnostic::Diagnostic;
use super::keys;
use super::server::socket;
use super::settings::networks;
use super::source::Span;
use super::tsig;
use super::walk::{Ctx, Node};
use super::zone::Zone;
use crate::limits::NOTIFY_TARGETS;
use crate::transfer::{Balanced, Notify, Rules};
use crate::wire::Name;

/// The port of DNS.
const PORT: u16 = 53;

/// Reads the table; `known`: the keys that there are, if that is known.
pub(super) fn read(ctx: &mut Ctx, node: Node<'_>, known: Option<&[Name]>) -> Option<Rules> {
    let fields = ctx.fields(node, &keys::TRANSFER)?;
    let from = fields.value("from").map(|node| networks(ctx, node, "a secondary")).unwrap_or_default();
    let keys = fields.value("keys").map(|node| tsig::names(ctx, node, known)).unwrap_or_default();
    let is_said = ["from", "keys"].iter().any(|key| fields.value(key).is_some_and(|node| node.items().len() > 0));
    if !is_said {
        let found = Diagnostic::new(Code::MissingKey, node.span, "nobody is allowed to have the zone");
        ctx.push(found.label("neither `keys` nor `from`").help("keys = [\"ns2\"] allows whoever signs with that key"));
    }
    let mut notify = Vec::new();
    if let Some(node) = fields.value("notify") {
        if node.items().len() > NOTIFY_TARGETS {
            let message = format!("at most {NOTIFY_TARGETS} secondaries are told of changes");
            ctx.error(Code::OutOfRange, node.span, message, "too many");
        }
        for item in node.items() {
            let Some(one) = target(ctx, item, (&keys, known)) else { continue };
            if notify.contains(&one) {
                ctx.error(Code::DefinedTwice, item.span, format!("{} is listed twice", one.address), "again");
            }
            notify.push(one);
        }
    }
    let words = Balanced::ALL.map(Balanced::word);
    let balanced = fields.value("balanced").and_then(|node| ctx.word(node, "balanced", &words, &[]));
    let balanced = balanced.map_or(Balanced::default(), |index| Balanced::ALL[index]);
    Some(Rules { from, keys: keys.into(), notify: notify.into(), balanced })
}

/// Plain secondaries answer balanced names as if steering were not there: that is said, whatever they get.
pub(super) fn judge(zone: &mut Zone<'_, '_>, at: Option<Span>) {
    let index = zone.id.index();
    let names = zone.spec.names.iter().filter(|name| name.zone == zone.id).count();
    let (Some(rules), Some(at), true) = (&zone.spec.zones[index].transfer, at, names > 0) else { return };
    let (label, help) = match rules.balanced {
        Balanced::LeaveOut => (
            "a secondary says that they do not exist",
            "no plain secondary may stand in the zone's NS records; or put balanced names into a zone of their own",
        ),
        Balanced::FailOpen => (
            "a secondary answers every address to everybody, dead or alive",
            "who asks a plain secondary is not steered: it undoes what geosteer does for all others",
        ),
    };
    let found = Diagnostic::new(Code::PlainSecondary, at, "secondaries that are plain name servers know no steering");
    zone.ctx.push(found.label(label).help(help));
}

/// An address alone is told under the first of the keys that may have the zone.
fn target(ctx: &mut Ctx, node: Node<'_>, (keys, known): (&[Name], Option<&[Name]>)) -> Option<Notify> {
    if node.as_str().is_some() {
        return Some(Notify { address: socket(ctx, node, PORT)?, key: keys.first().cloned() });
    }
    let fields = ctx.fields(node, &keys::NOTIFY)?;
    let Some(address) = fields.value("address") else {
        ctx.error(Code::MissingKey, node.span, "a secondary without its address", "no `address`");
        return None;
    };
    let address = socket(ctx, address, PORT);
    let key = match fields.value("key").and_then(|node| Some((node.span, ctx.string(node, "key")?))) {
        Some(named) => Some(tsig::name(ctx, named, known)?),
        None => keys.first().cloned(),
    };
    Some(Notify { address: address?, key })
}

#[cfg(test)]
mod tests {
    use super::super::{Options, load_text};
    use super::*;

    fn rules(text: &str, known: Option<&[&str]>) -> Result<Rules, String> {
        let text = format!("zone = \"example.com\"\nns = [\"ns.example.net\"]\n{text}\n");
        let name = |text: &&str| Name::parse(text).unwrap();
        let options = Options { tsig: known.map(|known| known.iter().map(name).collect()), ..Options::default() };
        let loaded = load_text("zone.toml", &text, &options).map_err(|report| report.short())?;
        Ok(loaded.spec.zones[0].transfer.clone().expect("rules"))
    }

    #[test]
    fn a_zone_says_who_may_have_it_and_who_is_told() {
        let text = "transfer = { keys = [\"NS2\", \"ns3\"], from = [\"192.0.2.0/24\"], notify = [\"192.0.2.53\", \"[2001:db8::1]:5353\", { address = \"192.0.2.54\", key = \"ns3\" }], balanced = \"fail-open\" }";
        let rules = rules(text, Some(&["ns2", "ns3"])).unwrap();
        assert_eq!((rules.keys.len(), rules.from.len(), rules.balanced), (2, 1, Balanced::FailOpen));
        let told: Vec<_> =
            rules.notify.iter().map(|one| format!("{} {}", one.address, one.key.as_ref().unwrap())).collect();
        assert_eq!(told, ["192.0.2.53:53 ns2.", "[2001:db8::1]:5353 ns2.", "192.0.2.54:53 ns3."]);
    }

    #[test]
    fn mistakes_are_shown_with_their_places() {
        let short = rules("transfer = { notify = [\"ns2\"], balanced = \"all\" }", None).unwrap_err();
        assert_eq!(
            short,
            "zone.toml:3:12: error[E006]: nobody is allowed to have the zone\n\
             zone.toml:3:24: error[E041]: \"ns2\" is no address to listen on\n\
             zone.toml:3:43: error[E008]: balanced cannot be \"all\"\n"
        );
        let unknown = "transfer = { keys = [\"ns2\"], notify = [{ key = \"ns2\" }] }";
        assert!(rules("transfer = { keys = [\"ns2\"] }", None).is_ok(), "without a server file nobody knows");
        assert_eq!(
            rules(unknown, Some(&[])).unwrap_err(),
            "zone.toml:3:22: error[E038]: there is no key \"ns2\"\n\
             zone.toml:3:40: error[E006]: a secondary without its address\n"
        );
    }
}
