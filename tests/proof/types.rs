//! Every balanced name of the examples × 14 query types × UDP and stream × without EDNS, with it, with DO × random
//! case: the right rcode, the question octet for octet, SOA in every negative answer, and no type that was not
//! asked.

use crate::common::ask::Ask;
use crate::common::examples::{self, Example};
use crate::common::reply::Reply;
use geosteer::id::PoolId;
use geosteer::pool::Address;
use geosteer::respond::Transport;
use geosteer::snapshot::Spec;
use geosteer::steer::{BalancedName, Fallback, Step};
use geosteer::worker::{Draw, Worker};
use std::collections::BTreeSet;

const CNAME: u16 = 5;
const SOA: u16 = 6;
const HINFO: u16 = 13;
const ANY: u16 = 255;
/// A NS CNAME SOA PTR MX TXT AAAA SRV DS DNSKEY HTTPS ANY, and one nobody knows.
const TYPES: [u16; 14] = [1, 2, CNAME, SOA, 12, 15, 16, 28, 33, 43, 48, 65, ANY, 65_400];

#[test]
fn every_balanced_name_answers_every_type_as_it_must() {
    let examples = examples::all();
    let names: usize = examples.iter().map(|example| example.spec.names.len()).sum();
    assert!(
        examples.len() >= 2 && names >= 5,
        "{names} names in {} examples are too few to mean anything",
        examples.len()
    );
    for example in &examples {
        let state = crate::common::state::state_of(example.snapshot());
        let mut worker = Worker::new(1);
        let mut draw = Worker::new(2).draw;
        for name in &example.spec.names {
            for rtype in TYPES {
                for transport in [Transport::Udp, Transport::Stream] {
                    for options in 0..3 {
                        let ask = Ask::new(&random_case(&owner(name), &mut draw), rtype).id(draw.next() as u16);
                        let ask =
                            [ask.clone(), ask.clone().edns(), ask.dnssec_ok().subnet("193.0.6.0/24")][options].clone();
                        let bytes = crate::common::send(&state, &mut worker, &ask.bytes(), transport).expect("a reply");
                        check(example, name, &ask, &bytes);
                    }
                }
            }
        }
    }
}

#[test]
fn every_balanced_name_answers_over_real_sockets_as_in_process() {
    for example in &examples::all() {
        let server = crate::common::server::serve(crate::common::state::state_of(example.snapshot()));
        let mut draw = Worker::new(3).draw;
        for name in &example.spec.names {
            for rtype in TYPES {
                let ask = Ask::new(&random_case(&owner(name), &mut draw), rtype).id(draw.next() as u16).edns();
                check(example, name, &ask, &server.udp(&ask.bytes()));
                check(example, name, &ask, &server.tcp(&ask.bytes()));
            }
        }
    }
}

/// The owner name, an ordinary label in the place of a wildcard's.
fn owner(name: &BalancedName) -> String {
    let labels = name.owner.labels().filter(|label| !label.is_empty());
    let text: Vec<String> = labels.map(|label| String::from_utf8_lossy(label).replace('*', "any")).collect();
    text.join(".")
}

fn random_case(name: &str, draw: &mut Draw) -> String {
    let flip =
        |letter: char| if draw.next() & 1 == 0 { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
    name.chars().map(flip).collect()
}

fn check(example: &Example, name: &BalancedName, ask: &Ask, bytes: &[u8]) {
    let what = format!("{}: {} TYPE{}", example.name, ask.name, ask.rtype);
    let question = ask.question();
    assert_eq!(bytes[..2], ask.id.to_be_bytes(), "{what}: the id");
    assert_eq!(bytes[4..6], [0, 1], "{what}: one question");
    assert_eq!(bytes[12..12 + question.len()], question, "{what}: the question octet for octet");
    let reply = Reply::read(bytes);
    let exists = exists(&example.spec, name);
    assert_eq!(reply.rcode, 0, "{what}: the name exists, so the rcode is NOERROR");
    assert!(reply.authoritative && !reply.truncated, "{what}: AA, not TC");
    assert_eq!(reply.edns, ask.edns.is_some(), "{what}: OPT answers OPT");
    let expected = match ask.rtype {
        _ if exists.contains(&CNAME) && ask.rtype != ANY => Some(CNAME),
        ANY => Some(HINFO),
        rtype => exists.contains(&rtype).then_some(rtype),
    };
    match expected {
        Some(rtype) => {
            assert!(!reply.answers.is_empty(), "{what}: the type exists");
            for entry in &reply.answers {
                assert_eq!(entry.rtype, rtype, "{what}: a type that was not asked");
                assert_eq!(
                    entry.owner.trim_end_matches('.').to_lowercase(),
                    ask.name.to_lowercase(),
                    "{what}: the owner"
                );
            }
        }
        None => {
            assert!(reply.answers.is_empty(), "{what}: NODATA has no answers");
            let types: Vec<u16> = reply.authority.iter().map(|entry| entry.rtype).collect();
            assert_eq!(types, [SOA], "{what}: SOA in a negative answer");
        }
    }
}

/// The types at a balanced name, worked out from the specification alone.
fn exists(spec: &Spec, name: &BalancedName) -> BTreeSet<u16> {
    let policy = &spec.policies[name.policy.index()];
    let mut pools: Vec<PoolId> = Vec::new();
    for step in policy.rows.iter().flat_map(|row| row.steps.iter()) {
        match step {
            Step::Split { parts, .. } => pools.extend(parts.iter().map(|(pool, _)| *pool)),
            Step::Nearest(near) | Step::LeastLoad(near) => pools.extend(near.iter()),
        }
    }
    if let Fallback::Pool(pool) = name.fallback {
        pools.push(pool);
    }
    let mut types = BTreeSet::new();
    for endpoint in pools.iter().flat_map(|pool| spec.pools[pool.index()].endpoints()) {
        match &spec.endpoints[endpoint.index()].address {
            Address::Ip { v4, v6 } => {
                types.extend(v4.map(|_| 1));
                types.extend(v6.map(|_| 28));
            }
            Address::Host(_) => drop(types.insert(CNAME)),
        }
    }
    if let Some(services) = &name.services {
        let kinds = [(services.srv.is_some(), 33), (services.mx.is_some(), 15), (services.txt, 16)];
        types.extend(kinds.iter().filter(|kind| kind.0).map(|kind| kind.1));
        types.extend(services.https.as_ref().map(|_| 65));
    }
    let own = spec.zones.iter().flat_map(|zone| &zone.records).filter(|record| record.owner == name.owner);
    types.extend(own.map(|record| record.rtype));
    types
}
