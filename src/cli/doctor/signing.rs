//! Do the name servers of a zone publish the same: one serial, the same keys, and those that the parent vouches for?
//! Each is asked by itself.

use super::ask::{Question, words};
use super::delegation::{self, Names};
use super::{Finding, Verdict};
use crate::dnssec::{Digest, ds_of, key_tag};
use crate::snapshot::ZoneSpec;
use crate::wire::Name;
use crate::wire::code::rtype;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Data of records.
type Data = BTreeSet<Vec<u8>>;

/// FLAGS of a key that the parent can vouch for.
const ENTRY: [u8; 2] = [1, 1];

/// What one name server publishes of a zone.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Published {
    serial: u32,
    /// DNSKEY records.
    keys: Data,
}

/// Name servers, with what each publishes or why that is not known.
type Servers = Vec<(String, Result<Published, String>)>;

/// Looks at one zone.
pub(super) fn look(zone: &ZoneSpec) -> Vec<Finding> {
    let apex = zone.apex.to_lowercase().to_string();
    let resolvers = delegation::system_resolvers();
    let servers = delegation::own(zone).into_iter().map(|server| {
        let found = address_of(&server, zone, &resolvers).and_then(|address| published(address, &apex));
        (server, found)
    });
    let servers: Servers = servers.collect();
    let parent = delegation::resolved(&resolvers, &apex, RecordType::from(rtype::DS)).and_then(|reply| vouched(&reply));
    let mut findings = vec![serials(&apex, &servers)];
    findings.extend(keys(&zone.apex, zone.signing.wanted().is_some(), &servers, parent));
    findings
}

/// The address of a name server: from the zone if it stands in it, else from the system's resolver.
fn address_of(server: &str, zone: &ZoneSpec, resolvers: &[SocketAddr]) -> Result<SocketAddr, String> {
    let is_its = |owner: &Name| owner.to_lowercase().to_string() == server;
    let own = zone.records.iter().find(|one| one.rtype == rtype::A && is_its(&one.owner));
    if let Some(octets) = own.and_then(|record| record.rdata.first_chunk::<4>()) {
        return Ok(SocketAddr::from((*octets, 53)));
    }
    let reply = delegation::resolved(resolvers, server, RecordType::A)?;
    let address = delegation::addresses_of(&reply).first().copied();
    address.map(|address| SocketAddr::new(address, 53)).ok_or_else(|| "it has no address".to_owned())
}

/// Asks a name server what it publishes of a zone.
fn published(server: SocketAddr, apex: &str) -> Result<Published, String> {
    let ask = |rtype: RecordType| {
        let question = Question { name: apex, rtype, payload: 1_232, recursive: false };
        let reply = question.over_udp(server).map_err(|error| words(&error))?.0;
        // Several keys and their signatures can be more than a datagram holds.
        let reply =
            if reply.metadata.truncation { question.over_tcp(server).map_err(|error| words(&error))? } else { reply };
        match reply.metadata.response_code {
            ResponseCode::NoError if reply.metadata.authoritative => Ok(reply),
            ResponseCode::NoError => Err("it does not answer with authority".to_owned()),
            code => Err(format!("it says {code}")),
        }
    };
    let soa = ask(RecordType::SOA)?;
    let serial =
        soa.answers.iter().find_map(|one| if let RData::SOA(soa) = &one.data { Some(soa.serial) } else { None });
    let serial = serial.ok_or("it has no SOA")?;
    Ok(Published { serial, keys: data_of(&ask(RecordType::from(rtype::DNSKEY))?, rtype::DNSKEY) })
}

/// The data of a type's records in an answer.
fn data_of(reply: &Message, rtype: u16) -> Data {
    let of = |data: &RData| match data {
        RData::Unknown { code, rdata } if u16::from(*code) == rtype => Some(rdata.anything.clone()),
        _ => None,
    };
    reply.answers.iter().filter_map(|one| of(&one.data)).collect()
}

/// The DS records that the parent has.
fn vouched(reply: &Message) -> Result<Data, String> {
    match reply.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => Ok(data_of(reply, rtype::DS)),
        code => Err(format!("the resolver says {code} for its DS")),
    }
}

/// The serials of all that answer.
fn serials(apex: &str, servers: &Servers) -> Finding {
    let check = format!("name servers of {apex}");
    let silent: Names =
        servers.iter().filter_map(|(server, found)| Some(format!("{server}: {}", found.as_ref().err()?))).collect();
    let known: BTreeSet<u32> = servers.iter().filter_map(|(_, found)| Some(found.as_ref().ok()?.serial)).collect();
    let silent = joined(silent);
    if known.is_empty() {
        return Finding::new(check, Verdict::CannotTell, silent);
    }
    if known.len() > 1 {
        let each =
            servers.iter().filter_map(|(server, found)| Some(format!("{server} {}", found.as_ref().ok()?.serial)));
        return Finding::new(check, Verdict::Warn, format!("serials differ: {}", joined(each)))
            .help("they serve different files, or one was not reloaded: bring the same files to all of them");
    }
    match silent.is_empty() {
        true => Finding::new(check, Verdict::Ok, format!("{} publish serial {}", servers.len(), joined(known))),
        false => Finding::new(check, Verdict::Warn, silent).help("resolvers ask them too, and wait"),
    }
}

/// The keys of all that answer, and the parent's word.
fn keys(apex: &Name, wanted: bool, servers: &Servers, parent: Result<Data, String>) -> Option<Finding> {
    let check = format!("keys of {}", apex.to_lowercase());
    let known: Vec<(&str, &Data)> =
        servers.iter().filter_map(|(server, found)| Some((server.as_str(), &found.as_ref().ok()?.keys))).collect();
    let (_, first) = known.first()?;
    let is_signed = known.iter().any(|(_, keys)| !keys.is_empty());
    if !is_signed && !wanted && parent.as_ref().is_ok_and(Data::is_empty) {
        return None;
    }
    if known.iter().any(|(_, keys)| keys != first) {
        let each = known.iter().map(|(server, keys)| format!("{server} {}", tags(keys)));
        return Some(
            Finding::new(check, Verdict::Fail, format!("they differ: {}", joined(each)))
                .help("`geosteer dnssec export` on one, `import` on the others, so that all have the same"),
        );
    }
    let vouched = match parent {
        Ok(vouched) => vouched,
        Err(why) => return Some(Finding::new(check, Verdict::CannotTell, why)),
    };
    let fits = |ds: &[u8]| first.iter().any(|key| is_of(ds, apex, key));
    Some(match (vouched.iter().any(|ds| fits(ds)), vouched.is_empty(), first.is_empty()) {
        (true, ..) => Finding::new(check, Verdict::Ok, format!("{}, and the parent vouches for them", tags(first))),
        (_, false, true) => Finding::new(
            check,
            Verdict::Fail,
            "the parent has DS records, and the zone is not signed: resolvers that validate refuse it",
        )
        .help("have the parent drop them, or sign the zone"),
        (_, false, false) => Finding::new(
            check,
            Verdict::Fail,
            format!("the parent's DS records are of none of {}: resolvers that validate refuse the zone", tags(first)),
        )
        .help(format!("give the parent what `geosteer dnssec ds {apex}` prints")),
        (_, true, true) => Finding::new(check, Verdict::Warn, "it is to be signed, and no name server publishes a key")
            .help(format!("`geosteer dnssec init {apex}`, and a reload")),
        (_, true, false) => Finding::new(
            check,
            Verdict::Warn,
            format!("{}, and the parent does not vouch for any: nobody validates", tags(first)),
        )
        .help(format!("give the parent what `geosteer dnssec ds {apex}` prints")),
    })
}

/// True if a DS record's data is of this key, by a digest that we know.
fn is_of(ds: &[u8], apex: &Name, key: &[u8]) -> bool {
    let owner = apex.to_lowercase();
    [Digest::Sha256, Digest::Sha384].into_iter().any(|digest| ds == ds_of(owner.wire(), key, digest))
}

/// The tags of keys; those of the entry are marked.
fn tags(keys: &Data) -> String {
    if keys.is_empty() {
        return "no keys".to_owned();
    }
    joined(keys.iter().map(|key| {
        let entry = if key.starts_with(&ENTRY) { " (entry)" } else { "" };
        format!("{}{entry}", key_tag(key))
    }))
}

fn joined(all: impl IntoIterator<Item = impl ToString>) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon;
    use crate::dnssec::{Algorithm, Key, Role};
    use crate::store::{keys_folder, write_key};

    fn apex() -> Name {
        Name::parse("gslb.example.com").unwrap()
    }

    fn key() -> Key {
        Key::generate(Algorithm::Ed25519, Role::Entry).unwrap()
    }

    fn server(name: &str, serial: u32, keys: &[&Key]) -> (String, Result<Published, String>) {
        (name.to_owned(), Ok(Published { serial, keys: keys.iter().map(|key| key.dnskey()).collect() }))
    }

    #[test]
    fn servers_that_publish_different_serials_or_nothing_are_told() {
        let judged = |servers: Servers| {
            let found = serials("gslb.example.com.", &servers);
            (found.verdict, found.says)
        };
        let silent = || ("ns2.".to_owned(), Err("no answer within 2 s".to_owned()));
        assert_eq!(
            judged(vec![server("ns1.", 5, &[]), server("ns2.", 5, &[])]),
            (Verdict::Ok, "2 publish serial 5".into())
        );
        assert_eq!(
            judged(vec![server("ns1.", 5, &[]), server("ns2.", 6, &[])]),
            (Verdict::Warn, "serials differ: ns1. 5, ns2. 6".into())
        );
        assert_eq!(
            judged(vec![server("ns1.", 5, &[]), silent()]),
            (Verdict::Warn, "ns2.: no answer within 2 s".into())
        );
        assert_eq!(judged(vec![silent()]), (Verdict::CannotTell, "ns2.: no answer within 2 s".into()));
    }

    #[test]
    fn keys_are_the_same_everywhere_and_the_parent_vouches_for_one_of_them() {
        let (old, new) = (key(), key());
        let ds = |key: &Key| Ok(Data::from([key.ds(apex().wire(), Digest::Sha256)]));
        let judged = |servers: Servers, wanted: bool, parent: Result<Data, String>| {
            keys(&apex(), wanted, &servers, parent).map(|found| found.verdict)
        };
        let both = |keys: &[&Key]| vec![server("ns1.", 5, keys), server("ns2.", 5, keys)];
        assert_eq!(judged(both(&[&old]), true, ds(&old)), Some(Verdict::Ok));
        assert_eq!(judged(both(&[&old, &new]), true, ds(&new)), Some(Verdict::Ok), "in a rollover");
        let sha384 = Ok(Data::from([old.ds(apex().wire(), Digest::Sha384)]));
        assert_eq!(judged(both(&[&old]), true, sha384), Some(Verdict::Ok));
        let apart = vec![server("ns1.", 5, &[&old]), server("ns2.", 5, &[&new])];
        assert_eq!(judged(apart, true, ds(&old)), Some(Verdict::Fail), "half of the answers are bogus");
        assert_eq!(judged(both(&[&new]), true, ds(&old)), Some(Verdict::Fail), "all are");
        assert_eq!(judged(both(&[]), false, ds(&old)), Some(Verdict::Fail));
        assert_eq!(judged(both(&[&old]), true, Ok(Data::new())), Some(Verdict::Warn));
        assert_eq!(judged(both(&[]), true, Ok(Data::new())), Some(Verdict::Warn));
        assert_eq!(judged(both(&[]), false, Ok(Data::new())), None, "nobody wants it signed");
        assert_eq!(judged(both(&[&old]), true, Err("no resolver".into())), Some(Verdict::CannotTell));
        assert_eq!(judged(vec![("ns1.".into(), Err("silent".into()))], true, ds(&old)), None);
        let says = keys(&apex(), true, &both(&[&old]), ds(&old)).unwrap().says;
        assert_eq!(says, format!("{} (entry), and the parent vouches for them", old.tag()));
    }

    #[test]
    fn a_server_that_runs_says_what_it_publishes() {
        let zone =
            "zone = \"gslb.example.com\"\nns = [\"ns.example.net\"]\nsoa = { serial = 77 }\n[dnssec]\nenabled = true\n";
        let (state, key) = (tempfile::tempdir().unwrap(), key());
        write_key(&keys_folder(state.path()), &apex(), &key).unwrap();
        let options = daemon::Options::for_text("zone", zone);
        let server =
            daemon::Server::start(daemon::Options { state: Some(state.path().to_owned()), ..options }).unwrap();
        let found = published(server.address(), "gslb.example.com.");
        assert_eq!(found, Ok(Published { serial: 77, keys: Data::from([key.dnskey()]) }));
        assert_eq!(published(server.address(), "example.net."), Err("it says Query Refused".to_owned()));
    }
}
