//! Do the name servers of a zone publish the same: one serial, the same keys, and signed by those that the parent vouches
//! for? Each is asked by itself.

use super::ask::{Question, reachable, words};
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
pub(in crate::cli) type Data = BTreeSet<Vec<u8>>;

/// Keys as RRSIG records name them: algorithm and tag.
type Signers = BTreeSet<(u8, u16)>;

/// FLAGS of a key that the parent can vouch for.
const ENTRY: [u8; 2] = [1, 1];

/// What one name server publishes of a zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Published {
    serial: u32,
    /// DNSKEY records.
    pub(in crate::cli) keys: Data,
    /// CDS records.
    pub(in crate::cli) told: Data,
    /// What signs the DNSKEY records.
    pub(in crate::cli) entry: Signers,
    /// What signs the SOA, as all other records.
    pub(in crate::cli) zone: Signers,
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
    let parent = of_parent(&apex);
    let mut findings = vec![serials(&apex, &servers)];
    findings.extend(keys(&zone.apex, zone.signing.wanted().is_some(), &servers, parent));
    findings
}

/// The DS records that the parent has, as the system's resolver says; in words why it does not.
pub(in crate::cli) fn of_parent(apex: &str) -> Result<Data, String> {
    let resolvers = delegation::system_resolvers();
    delegation::resolved(&resolvers, apex, RecordType::from(rtype::DS)).and_then(|reply| vouched(&reply))
}

/// Asks the server of this machine, which listens at an address, what it publishes of a zone.
pub(in crate::cli) fn published_here(listens: SocketAddr, apex: &str) -> Result<Published, String> {
    published(reachable(listens), apex)
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
        let question = Question { name: apex, rtype, payload: 1_232, recursive: false, signed: true };
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
    let keys = ask(RecordType::from(rtype::DNSKEY))?;
    let told = data_of(&ask(RecordType::from(rtype::CDS))?, rtype::CDS);
    let (entry, zone) = (signers_of(&keys, rtype::DNSKEY), signers_of(&soa, rtype::SOA));
    Ok(Published { serial, keys: data_of(&keys, rtype::DNSKEY), told, entry, zone })
}

/// Whose signatures over a type's records an answer has.
fn signers_of(reply: &Message, covered: u16) -> Signers {
    let signatures = data_of(reply, rtype::RRSIG);
    let signer = |data: &Vec<u8>| match data[..] {
        // Covered type, algorithm, labels, original TTL, two times, key tag (RFC 4034 §3.1).
        [high, low, algorithm, ..] if u16::from_be_bytes([high, low]) == covered => {
            Some((algorithm, u16::from_be_bytes(*data.get(16..)?.first_chunk()?)))
        }
        _ => None,
    };
    signatures.iter().filter_map(signer).collect()
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
    let known: Vec<(&str, &Published)> =
        servers.iter().filter_map(|(server, found)| Some((server.as_str(), found.as_ref().ok()?))).collect();
    let (_, first) = known.first()?;
    let is_signed = known.iter().any(|(_, one)| !one.keys.is_empty());
    if !is_signed && !wanted && parent.as_ref().is_ok_and(Data::is_empty) {
        return None;
    }
    let apart = if known.iter().any(|(_, one)| one.keys != first.keys) {
        let each = known.iter().map(|(server, one)| format!("{server} {}", tags(&one.keys)));
        Some(format!("they differ: {}", joined(each)))
    } else if known.iter().any(|(_, one)| one.told != first.told) {
        let each = known.iter().map(|(server, one)| format!("{server} {}", told(&one.told)));
        Some(format!("what they tell the parent differs: CDS of {}", joined(each)))
    } else {
        None
    };
    if let Some(says) = apart {
        let help = "`geosteer dnssec export` on one, `import` on the others, so that all have the same";
        return Some(Finding::new(check, Verdict::Fail, says).help(help));
    }
    Some(match parent {
        Ok(vouched) => by_parent(apex, check, &known, &vouched),
        Err(why) => Finding::new(check, Verdict::CannotTell, why),
    })
}

/// What the parent's DS records make of the keys, which are the same everywhere. A key is vouched for only if it signs the
/// DNSKEY records: one that is published alone proves nothing.
fn by_parent(apex: &Name, check: String, known: &[(&str, &Published)], vouched: &Data) -> Finding {
    let none = Data::new();
    let keys = known.first().map_or(&none, |(_, one)| &one.keys);
    let signs = |key: &[u8]| known.iter().all(|(_, one)| one.entry.contains(&signer(key)));
    let named: Vec<&Vec<u8>> = keys.iter().filter(|key| vouched.iter().any(|ds| is_of(ds, apex, key))).collect();
    let says_ds = format!("give the parent what `geosteer dnssec ds {apex}` prints");
    match (named.iter().any(|key| signs(key)), named.is_empty(), vouched.is_empty(), keys.is_empty()) {
        (true, ..) => Finding::new(check, Verdict::Ok, format!("{}, and the parent vouches for them", tags(keys))),
        (_, false, ..) => {
            let only = tags(&named.into_iter().cloned().collect());
            let says = format!(
                "the parent vouches for {only} alone, which does not sign the keys: resolvers that validate refuse the zone"
            );
            Finding::new(check, Verdict::Fail, says).help(says_ds)
        }
        (_, _, false, true) => Finding::new(
            check,
            Verdict::Fail,
            "the parent has DS records, and the zone is not signed: resolvers that validate refuse it",
        )
        .help("have the parent drop them, or sign the zone"),
        (_, _, false, false) => Finding::new(
            check,
            Verdict::Fail,
            format!("the parent's DS records are of none of {}: resolvers that validate refuse the zone", tags(keys)),
        )
        .help(says_ds),
        (_, _, true, true) => {
            Finding::new(check, Verdict::Warn, "it is to be signed, and no name server publishes a key")
                .help(format!("`geosteer dnssec init {apex}`, and a reload"))
        }
        (_, _, true, false) => Finding::new(
            check,
            Verdict::Warn,
            format!("{}, and the parent does not vouch for any: nobody validates", tags(keys)),
        )
        .help(says_ds),
    }
}

/// A key as RRSIG records name it.
fn signer(key: &[u8]) -> (u8, u16) {
    (key.get(3).copied().unwrap_or_default(), key_tag(key))
}

/// True if a DS record's data is of this key, by a digest that we know.
pub(in crate::cli) fn is_of(ds: &[u8], apex: &Name, key: &[u8]) -> bool {
    let owner = apex.to_lowercase();
    [Digest::Sha256, Digest::Sha384].into_iter().any(|digest| ds == ds_of(owner.wire(), key, digest))
}

/// The tags that CDS records name.
pub(in crate::cli) fn told(cds: &Data) -> String {
    let tag = |data: &Vec<u8>| match data[..] {
        // Of no algorithm: the parent shall drop its DS records (RFC 8078 §4).
        [_, _, 0, ..] => "\"delete\"".to_owned(),
        [high, low, ..] => u16::from_be_bytes([high, low]).to_string(),
        _ => "?".to_owned(),
    };
    if cds.is_empty() { "no keys".to_owned() } else { joined(cds.iter().map(tag)) }
}

/// The tags of keys; those of the entry are marked.
pub(in crate::cli) fn tags(keys: &Data) -> String {
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
        signed(name, serial, keys, keys)
    }

    /// One whose keys are signed by some of them.
    fn signed(name: &str, serial: u32, keys: &[&Key], by: &[&Key]) -> (String, Result<Published, String>) {
        let told = keys.iter().map(|key| key.ds(apex().wire(), Digest::Sha256)).collect();
        let by: Signers = by.iter().map(|key| (key.algorithm().number(), key.tag())).collect();
        let keys = keys.iter().map(|key| key.dnskey()).collect();
        (name.to_owned(), Ok(Published { serial, keys, told, entry: by.clone(), zone: by }))
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
    fn a_key_that_does_not_sign_the_keys_is_not_vouched_for() {
        let (old, new) = (key(), key());
        let ds = |key: &Key| Ok(Data::from([key.ds(apex().wire(), Digest::Sha256)]));
        let rolled =
            |by: &[&Key]| vec![signed("ns1.", 5, &[&old, &new], &[&new]), signed("ns2.", 5, &[&old, &new], by)];
        let judged = |servers: Servers, parent| keys(&apex(), true, &servers, parent).unwrap();
        let found = judged(rolled(&[&new]), ds(&old));
        assert_eq!(found.verdict, Verdict::Fail, "{found:?}");
        assert!(found.says.contains("does not sign the keys"), "{found:?}");
        assert_eq!(judged(rolled(&[&new]), ds(&new)).verdict, Verdict::Ok);
        assert_eq!(judged(rolled(&[&old]), ds(&new)).verdict, Verdict::Fail, "not on every server");
    }

    #[test]
    fn servers_that_tell_the_parent_different_things_are_told() {
        let (old, new) = (key(), key());
        let mut servers = vec![server("ns1.", 5, &[&old]), server("ns2.", 5, &[&old])];
        if let Ok(found) = &mut servers[1].1 {
            found.told.insert(new.ds(apex().wire(), Digest::Sha256));
        }
        let found = keys(&apex(), true, &servers, Ok(Data::new())).unwrap();
        assert_eq!(found.verdict, Verdict::Fail);
        assert!(found.says.starts_with("what they tell the parent differs: CDS of ns1. "), "{found:?}");
        assert_eq!(told(&Data::from([vec![0; 5]])), "\"delete\"");
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
        let by = Signers::from([(key.algorithm().number(), key.tag())]);
        let told = Data::from([key.ds(apex().wire(), Digest::Sha256)]);
        let right = Published { serial: 77, keys: Data::from([key.dnskey()]), told, entry: by.clone(), zone: by };
        assert_eq!(found, Ok(right));
        assert_eq!(published(server.address(), "example.net."), Err("it says Query Refused".to_owned()));
    }
}
