//! What NSEC records say holds for every client in every state of health: over all regions, and all pools up or down.

use super::answers::{Reply, Server as Asked, query};
use super::{HickoryName, NOW, name, nsecs};
use geosteer::config::{Options, load_text};
use geosteer::dnssec::{Algorithm, Key, Role, Signer};
use geosteer::geo::Databases;
use geosteer::id::EndpointId;
use geosteer::snapshot::{Signing, Snapshot};
use geosteer::state::State;
use hickory_proto::rr::{RData, Record};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names whose types differ by region and by health, beside static ones. No file may say so of a signed zone: it is signed
/// when it has been read, as programs can that make a `Spec` of their own.
const ZONE: &str = r#"
zone = "example.com"
ns   = ["ns1.example.com."]
ttl  = 300
[records]
text = """
ns1 A 192.0.2.53
static A 192.0.2.1
static TXT "a"
both TXT "beside a balanced name"
both MX 10 mail.example.net.
x.deep.ent A 192.0.2.2
*.w TXT "wildcard"
sub NS ns.other.net.
moved DNAME static.example.net.
"""
[regions]
one = { networks = ["192.0.2.0/26"] }
two = { networks = ["192.0.2.64/26"] }
[pools]
four  = { check = "none", endpoints = ["198.51.100.1"] }
six   = { check = "none", endpoints = ["2001:db8::1"] }
dual  = { check = "none", answers = 2, endpoints = ["198.51.100.2", "198.51.100.3", "2001:db8::2"] }
host  = { check = "none", endpoints = [{ hostname = "h1.example.net" }] }
texts = { check = "none", endpoints = [{ address = "198.51.100.4", text = "told" }] }
never = { check = "none", state = "down", endpoints = ["198.51.100.5", "2001:db8::5"] }
[names.plain.policy]
default = ["dual"]
[names.split]
policy   = { one = ["four"], two = ["six"], default = ["dual", "four"] }
fallback = "nodata"
[names.both]
policy   = { one = ["four"], default = { pools = ["never"], geofence = true } }
fallback = "nodata"
[names.cdn]
policy   = { one = ["host"], default = ["host"] }
fallback = "nodata"
[names.svc]
policy   = { one = ["four"], two = ["six"], default = ["dual"] }
fallback = "nodata"
https    = { alpn = ["h2"] }
[names.texts]
policy   = { default = ["texts"] }
fallback = "nodata"
txt      = true
[names."*.wild"]
policy   = { one = ["four"], two = { pools = ["six"], geofence = true }, default = ["dual"] }
fallback = "nodata"
[names."a.between.names"]
policy   = { default = ["six"] }
fallback = "servfail"
"#;

/// A client of each region.
const CLIENTS: [&str; 3] = ["192.0.2.1:4242", "192.0.2.65:4242", "203.0.113.1:4242"];

/// Names to ask for, with the owner of what they get where that is a wildcard.
const NAMES: [(&str, &str); 16] = [
    ("", ""),
    ("ns1", "ns1"),
    ("static", "static"),
    ("both", "both"),
    ("x.deep.ent", "x.deep.ent"),
    ("any.w", "*.w"),
    ("*.w", "*.w"),
    ("moved", "moved"),
    ("plain", "plain"),
    ("split", "split"),
    ("cdn", "cdn"),
    ("svc", "svc"),
    ("texts", "texts"),
    ("any.wild", "*.wild"),
    ("*.wild", "*.wild"),
    ("a.between.names", "a.between.names"),
];

/// Names that exist and have nothing.
const EMPTY: [&str; 5] = ["w", "wild", "ent", "deep.ent", "names"];

const TYPES: [&str; 16] = [
    "A", "AAAA", "CNAME", "TXT", "MX", "NS", "SOA", "SRV", "HTTPS", "TYPE64", "DNAME", "DS", "CAA", "TYPE48", "TYPE59",
    "TYPE60",
];

/// The zone in every state of health: each of the pools that may be up or down, either.
struct States {
    snapshot: Arc<Snapshot>,
    pools: Vec<Vec<EndpointId>>,
}

impl States {
    fn new() -> Self {
        let mut spec = load_text("example.com.toml", ZONE, &Options::default()).unwrap().spec;
        let key = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
        spec.zones[0].signing = Signing::On(Arc::new(Signer::new(&name("example.com"), vec![key], NOW)));
        let snapshot = Arc::new(Snapshot::build(spec, Arc::new(Databases::new(Vec::new()))).unwrap());
        let pools = snapshot.pools.iter().filter(|pool| &*pool.name != "never");
        let pools = pools.map(|pool| pool.endpoints().collect()).collect();
        Self { snapshot, pools }
    }

    fn count(&self) -> usize {
        1 << self.pools.len()
    }

    fn at(&self, number: usize) -> Asked {
        let down = (0..self.pools.len()).filter(|pool| number >> pool & 1 == 1);
        let failed: Vec<EndpointId> = down.flat_map(|pool| self.pools[pool].clone()).collect();
        Asked::new(State::offline(Arc::clone(&self.snapshot), &failed))
    }
}

fn full(label: &str) -> HickoryName {
    HickoryName::from_ascii(format!("{label}.example.com.").trim_start_matches('.')).unwrap()
}

fn ask(asked: &mut Asked, label: &str, qtype: &str) -> Reply {
    let qname = format!("{label}.example.com");
    asked.udp(&query(qname.trim_start_matches('.'), qtype).dnssec_ok().udp_size(4096).build())
}

fn number(qtype: &str) -> u16 {
    super::answers::rtype(qtype)
}

/// The types in an NSEC record's data.
fn types_in(record: &Record) -> Option<BTreeSet<u16>> {
    match &record.data {
        RData::Unknown { code, rdata } if u16::from(*code) == 47 => {
            Some(geosteer::dnssec::types_of(&rdata.anything).unwrap().1.into_iter().collect())
        }
        _ => None,
    }
}

/// What a client gets of a name: the types with data, and for each of the others the types that its proof says.
#[derive(Default)]
struct Seen {
    data: BTreeSet<u16>,
    proofs: Vec<(u16, BTreeSet<u16>)>,
}

fn look(asked: &mut Asked, label: &str, owner: &str) -> Seen {
    let mut seen = Seen::default();
    for qtype in TYPES {
        let reply = ask(asked, label, qtype);
        if reply.rcode() == 2 {
            continue;
        }
        assert_eq!(reply.rcode(), 0, "{label} {qtype}");
        let of = |record: &&Record| record.name == full(label);
        let types: BTreeSet<u16> =
            reply.message.answers.iter().filter(of).map(|one| one.record_type().into()).collect();
        if types.contains(&number(qtype)) {
            seen.data.insert(number(qtype));
        } else if types.contains(&5) {
            seen.data.insert(5);
        } else {
            let at = |record: &&Record| record.name == full(owner);
            let proofs: Vec<_> = reply.message.authorities.iter().filter(at).filter_map(types_in).collect();
            assert_eq!(proofs.len(), 1, "{label} {qtype}: {:?}", reply.authority());
            seen.proofs.push((number(qtype), proofs[0].clone()));
        }
    }
    seen
}

#[test]
fn nsec_bitmaps_tell_the_truth_over_all_regions_and_health_states() {
    let states = States::new();
    assert_eq!(states.count(), 32);
    // By owner, what anybody gets at any time, and what the chain says.
    let mut ever: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
    let (mut proofs, mut kinds) = (0, BTreeSet::new());
    for health in 0..states.count() {
        let mut asked = states.at(health);
        for (region, client) in CLIENTS.iter().enumerate() {
            asked.source = client.parse().unwrap();
            for (label, owner) in NAMES {
                let seen = look(&mut asked, label, owner);
                let context = format!("{label}, pools {health:05b}, client {region}");
                for (qtype, types) in &seen.proofs {
                    proofs += 1;
                    kinds.insert((owner, types.clone()));
                    assert!(!types.contains(qtype), "{context}: type {qtype} is denied and in {types:?}");
                    assert!(!types.contains(&5), "{context}: an alias would have been the answer");
                    // A resolver may answer its other questions from this record: this client's must come out right.
                    assert!(seen.data.is_subset(types), "{context}: {:?} has data, {types:?} is said", seen.data);
                }
                ever.entry(owner).or_default().extend(seen.data);
            }
        }
    }
    assert!(proofs > 10_000, "{proofs}");
    let mut asked = states.at(0);
    for (owner, types) in &ever {
        let reply = ask(&mut asked, owner, "TYPE47");
        let said = reply.message.answers.iter().find_map(types_in).unwrap();
        let mut right: BTreeSet<u16> = types | &BTreeSet::from([46, 47]);
        if *owner == "both" {
            // Its pools have been closed in the file: they may open at any time.
            right.insert(28);
        }
        assert_eq!(said, right, "{owner}");
    }
    // Names with data for some have records of several kinds: one for all, and one for each type that is missing.
    assert!(kinds.iter().filter(|(owner, _)| *owner == "split").count() > 2, "{kinds:?}");
}

#[test]
fn for_10_000_pairs_no_nsec_record_covers_a_name_that_exists_whatever_the_region_and_the_health() {
    let states = States::new();
    let labels = NAMES.iter().map(|(_, owner)| *owner).chain(EMPTY).chain(["sub", "between.names"]);
    let existing: BTreeSet<HickoryName> = labels.map(full).collect();
    let apex = full("");
    let mut draw = geosteer::worker::Draw::new(23);
    let parts = [
        "a", "w", "wild", "names", "between", "split", "both", "ent", "deep", "zz", "0", "cdn", "x", "m", "ns2", "pm",
        "sta", "stz", "sv", "svd",
    ];
    let (mut pairs, mut records) = (0, BTreeSet::new());
    for round in 0..10_000 {
        let mut asked = states.at(draw.below(states.count() as u32) as usize);
        asked.source = CLIENTS[round % CLIENTS.len()].parse().unwrap();
        let label: Vec<&str> = (0..1 + draw.below(3)).map(|_| parts[draw.below(parts.len() as u32) as usize]).collect();
        let (label, qtype) = (label.join("."), TYPES[draw.below(TYPES.len() as u32) as usize]);
        let reply = ask(&mut asked, &label, qtype);
        assert!(reply.rcode() != 3 || !existing.contains(&full(&label)), "{label} exists");
        for (owner, next, _) in nsecs(&reply) {
            assert!(existing.contains(&owner) && existing.contains(&next), "{label}: {owner} to {next}");
            let covers = |name: &&HickoryName| owner < **name && (**name < next || next == apex);
            // A name without data is proved by the record before it: the next name stands below it.
            let wrong = existing.iter().filter(covers).find(|name| !name.zone_of(&next) || next == apex);
            assert_eq!(wrong, None, "{label} {qtype}: {owner} to {next}");
            pairs += existing.len();
            records.insert((owner, next));
        }
    }
    assert!(pairs > 10_000 && records.len() >= 14, "{pairs} pairs, {records:?}");
}
