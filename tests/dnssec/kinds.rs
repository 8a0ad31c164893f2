//! The questions that validators are asked are of every kind there is.

use super::answers::{Reply, Server as Asked, query, rtype};
use super::{Algorithm, HickoryName, QUESTIONS, Role, Server, make_keys, nsecs, options};
use hickory_proto::rr::{RData, Record};
use std::collections::BTreeSet;

/// A type's number, for those that the helper of all tests has no word for.
pub(super) fn by_number(qtype: &str) -> &str {
    match qtype {
        "NSEC" => "TYPE47",
        "DNSKEY" => "TYPE48",
        "CDS" => "TYPE59",
        "CDNSKEY" => "TYPE60",
        other => other,
    }
}

/// What validators must be asked for.
const KINDS: [&str; 20] = [
    "static",
    "balanced, europe",
    "balanced, asia: 4 of 12",
    "balanced, elsewhere: 2 of 6",
    "balanced alias",
    "balanced wildcard",
    "wildcard",
    "wildcard NODATA",
    "CNAME",
    "CNAME to a balanced name",
    "DNAME",
    "NODATA",
    "NXDOMAIN",
    "empty non-terminal",
    "HTTPS",
    "TXT of steering",
    "DNSKEY",
    "CDS",
    "CDNSKEY",
    "ANY",
];

/// Labels that the first signature in the answer counts.
fn signed_labels(record: &Record) -> Option<u8> {
    match &record.data {
        RData::Unknown { code, rdata } if u16::from(*code) == 46 => Some(rdata.anything[3]),
        _ => None,
    }
}

/// Of what kinds an answer is.
fn kinds(question: &HickoryName, qtype: u16, reply: &Reply) -> Vec<&'static str> {
    let label = question.to_string();
    let answers = &reply.message.answers;
    let of = |wanted: u16| answers.iter().filter(|one| u16::from(one.record_type()) == wanted).collect::<Vec<_>>();
    let data = |record: &&Record| record.data.to_string();
    let addresses: Vec<String> = of(1).iter().map(data).collect();
    let from = |net: &str| addresses.iter().filter(|address| address.starts_with(net)).count();
    let is_expanded = answers.iter().find_map(signed_labels).is_some_and(|labels| labels < question.num_labels());
    let by_steering = label.contains("tenant") || label.starts_with("www") || label.starts_with("many");
    let mut kinds = match (reply.rcode(), answers.is_empty()) {
        (3, true) => vec!["NXDOMAIN"],
        (0, true) => {
            let proofs = nsecs(reply);
            let own = proofs.iter().any(|(owner, ..)| owner == question);
            let below = proofs.iter().any(|(_, next, _)| question.zone_of(next) && next != question);
            match (own, below) {
                (true, _) => vec!["NODATA"],
                (_, true) => vec!["empty non-terminal"],
                _ => vec!["wildcard NODATA"],
            }
        }
        (0, false) if is_expanded && by_steering => vec!["balanced wildcard"],
        (0, false) if is_expanded => vec!["wildcard"],
        (0, false) => match qtype {
            1 if label.starts_with("static") => vec!["static"],
            1 if from("192.0.2.10") == 1 && by_steering => vec!["balanced, europe"],
            1 if from("203.0.113.") == 4 && by_steering => vec!["balanced, asia: 4 of 12"],
            1 if from("198.51.100.") == 2 && by_steering => vec!["balanced, elsewhere: 2 of 6"],
            5 if label.starts_with("cdn") => vec!["balanced alias"],
            16 if label.starts_with("texts") => vec!["TXT of steering"],
            48 => vec!["DNSKEY"],
            59 => vec!["CDS"],
            60 => vec!["CDNSKEY"],
            65 => vec!["HTTPS"],
            255 => vec!["ANY"],
            _ => vec![],
        },
        _ => vec![],
    };
    if !of(39).is_empty() {
        kinds.push("DNAME");
    } else if !of(5).is_empty() && qtype == 1 {
        kinds.push(if label.starts_with("towww") { "CNAME to a balanced name" } else { "CNAME" });
    }
    kinds
}

#[test]
fn validators_are_asked_for_every_kind_of_answer() {
    let state = tempfile::tempdir().unwrap();
    make_keys(state.path(), Algorithm::Ed25519, &[Role::Entry]);
    let server = Server::start(options(state.path())).unwrap();
    let mut asked = Asked::new(geosteer::state::State::clone(&server.state()));
    let mut seen = BTreeSet::new();
    for source in super::SOURCES {
        asked.source = format!("{source}:4242").parse().unwrap();
        for (number, question) in QUESTIONS.lines().enumerate() {
            let question = question.replace('%', &format!("l{number}"));
            let (qname, qtype) = question.split_once(' ').unwrap();
            let qtype = by_number(qtype);
            let reply = asked.udp(&query(qname, qtype).dnssec_ok().udp_size(4096).build());
            let qname = HickoryName::from_ascii(format!("{qname}.")).unwrap();
            seen.extend(kinds(&qname, rtype(qtype), &reply));
        }
    }
    let missing: Vec<_> = KINDS.iter().filter(|kind| !seen.contains(**kind)).collect();
    assert!(missing.is_empty(), "nobody asks for {missing:?}");
    assert_eq!(seen.len(), KINDS.len(), "{seen:?}");
}
