//! Does the parent zone delegate to the name servers that the zone names? Asked as a resolver would: who serves the
//! parent, then there, for the zone.

use super::ask::{Question, words};
use super::{Finding, Verdict, read};
use crate::snapshot::ZoneSpec;
use crate::wire::code::rtype;
use crate::wire::{self};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Names in lower case with the final dot.
pub(super) type Names = BTreeSet<String>;

/// Looks at one zone.
pub(super) fn look(zone: &ZoneSpec) -> Finding {
    let apex = zone.apex.to_lowercase().to_string();
    let resolvers = system_resolvers();
    let own = own(zone);
    match parents_word(&apex, &resolvers) {
        Ok((parent, delegated)) => judge(&apex, &parent, &own, &delegated),
        Err(why) => Finding::new(check(&apex), Verdict::CannotTell, why),
    }
}

fn check(apex: &str) -> String {
    format!("delegation of {apex}")
}

/// The name servers that the zone names at its apex.
pub(super) fn own(zone: &ZoneSpec) -> Names {
    let apex = zone.apex.to_lowercase();
    let ns = zone.records.iter().filter(|one| one.rtype == rtype::NS && one.owner.to_lowercase() == apex);
    ns.filter_map(|one| Some(wire::Name::from_wire(&one.rdata).ok()?.to_lowercase().to_string())).collect()
}

/// What the parent says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Delegated {
    ns: Names,
    /// Those that it has addresses of.
    glue: Names,
}

/// The system's resolvers.
pub(super) fn system_resolvers() -> Vec<SocketAddr> {
    resolvers(&read("/etc/resolv.conf").unwrap_or_default())
}

/// Those of a file like `/etc/resolv.conf`.
fn resolvers(conf: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and_then(|_| words.next())?;
        Some(SocketAddr::new(address.split('%').next()?.parse().ok()?, 53))
    };
    conf.lines().filter_map(server).take(3).collect()
}

/// What the first resolver that answers says; in words why none does.
pub(super) fn resolved(resolvers: &[SocketAddr], name: &str, rtype: RecordType) -> Result<Message, String> {
    let question = Question { name, rtype, payload: 1_232, recursive: true, signed: false };
    let mut last = "there is no resolver in /etc/resolv.conf".to_owned();
    for &resolver in resolvers {
        match question.over_udp(resolver) {
            Ok((reply, _)) => return Ok(reply),
            Err(error) => last = format!("the resolver {}: {}", resolver.ip(), words(&error)),
        }
    }
    Err(last)
}

/// Asks the parent of a zone for its delegation; in words why that cannot be done.
fn parents_word(apex: &str, resolvers: &[SocketAddr]) -> Result<(String, Delegated), String> {
    let resolve = |name: &str, rtype| resolved(resolvers, name, rtype);
    let mut parent = apex;
    while let Some((_, rest)) = parent.split_once('.').filter(|_| parent != ".") {
        parent = if rest.is_empty() { "." } else { rest };
        let servers = names_of(&resolve(parent, RecordType::NS)?);
        for server in servers.iter().take(3) {
            let addresses = addresses_of(&resolve(server, RecordType::A)?);
            for address in addresses.into_iter().take(1) {
                let question =
                    Question { name: apex, rtype: RecordType::NS, payload: 1_232, recursive: false, signed: false };
                if let Ok((reply, _)) = question.over_udp(SocketAddr::new(address, 53)) {
                    return delegated(&reply).map(|found| (parent.to_owned(), found));
                }
            }
        }
        if !servers.is_empty() {
            return Err(format!("no name server of {parent} answers from here"));
        }
    }
    Err("nobody knows who serves the zone above".to_owned())
}

fn delegated(reply: &Message) -> Result<Delegated, String> {
    match reply.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {
            let glue = reply.additionals.iter().filter(|one| address(&one.data).is_some());
            Ok(Delegated { ns: names_of(reply), glue: glue.map(|one| lower(&one.name)).collect() })
        }
        code => Err(format!("the parent's server says {code}")),
    }
}

fn lower(name: &hickory_proto::rr::Name) -> String {
    name.to_lowercase().to_ascii()
}

/// The NS of a reply, be it an answer or a referral.
fn names_of(reply: &Message) -> Names {
    let records = reply.answers.iter().chain(&reply.authorities);
    records.filter_map(|one| if let RData::NS(ns) = &one.data { Some(lower(&ns.0)) } else { None }).collect()
}

pub(super) fn addresses_of(reply: &Message) -> Vec<IpAddr> {
    reply.answers.iter().filter_map(|one| address(&one.data)).collect()
}

fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    }
}

fn judge(apex: &str, parent: &str, own: &Names, delegated: &Delegated) -> Finding {
    let list = |names: &mut dyn Iterator<Item = &String>| names.cloned().collect::<Vec<_>>().join(", ");
    if delegated.ns.is_empty() {
        let records = own.iter().map(|ns| format!("{apex} NS {ns}")).collect::<Vec<_>>().join("; ");
        return Finding::new(check(apex), Verdict::Fail, format!("{parent} does not delegate it: nobody is sent here"))
            .help(format!("whoever runs {parent} adds: {records}"));
    }
    let (missing, extra) = (list(&mut own.difference(&delegated.ns)), list(&mut delegated.ns.difference(own)));
    let bare =
        list(&mut delegated.ns.iter().filter(|ns| ns.ends_with(&format!(".{apex}")) && !delegated.glue.contains(*ns)));
    let wrong = [
        (missing.as_str(), "not with the parent"),
        (extra.as_str(), "with the parent only"),
        (bare.as_str(), "inside of the zone and without glue"),
    ];
    let wrong: Vec<_> =
        wrong.iter().filter(|(names, _)| !names.is_empty()).map(|(names, why)| format!("{names}: {why}")).collect();
    match (wrong.is_empty(), own.is_disjoint(&delegated.ns) || !bare.is_empty()) {
        (true, _) => {
            let says = format!("{parent} delegates it to {}", list(&mut delegated.ns.iter()));
            Finding::new(check(apex), Verdict::Ok, says)
        }
        (false, is_dead) => {
            Finding::new(check(apex), if is_dead { Verdict::Fail } else { Verdict::Warn }, wrong.join("; "))
                .help(format!("the NS of {apex} with {parent}, and `ns` of the zone, should be the same"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> Names {
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_delegation_is_the_same_differs_is_dead_or_is_not_there() {
        let own = names(&["ns1.example.net.", "ns2.example.net."]);
        let of = |ns: &[&str], glue: &[&str]| {
            let found =
                judge("gslb.example.com.", "example.com.", &own, &Delegated { ns: names(ns), glue: names(glue) });
            (found.verdict, found.says)
        };
        assert_eq!(of(&["ns1.example.net.", "ns2.example.net."], &[]).0, Verdict::Ok);
        let (verdict, says) = of(&["ns1.example.net.", "old.example.net."], &[]);
        assert_eq!(
            (verdict, says.as_str()),
            (Verdict::Warn, "ns2.example.net.: not with the parent; old.example.net.: with the parent only")
        );
        assert_eq!(of(&["old.example.net."], &[]).0, Verdict::Fail, "nobody is sent here");
        let (verdict, says) = of(&[], &[]);
        assert!(verdict == Verdict::Fail && says.contains("does not delegate it"), "{says}");
        let inside = ["ns.gslb.example.com."];
        let judged = |glue: &[&str]| {
            judge(
                "gslb.example.com.",
                "example.com.",
                &names(&inside),
                &Delegated { ns: names(&inside), glue: names(glue) },
            )
            .verdict
        };
        assert_eq!((judged(&inside), judged(&[])), (Verdict::Ok, Verdict::Fail));
    }

    #[test]
    fn resolvers_are_read_and_without_one_nothing_can_be_told() {
        let conf = "# x\nsearch a\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver nonsense\n";
        let found: Vec<_> = resolvers(conf).iter().map(|one| one.ip().to_string()).collect();
        assert_eq!(found, ["192.0.2.1", "fe80::1"]);
        assert!(parents_word("example.com.", &[]).is_err_and(|why| why.contains("no resolver")));
    }
}
