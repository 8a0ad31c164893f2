//! Scenarios as data: `scenarios/*.toml` hold a zone, which targets are down, and what each client must be
//! answered. Each is run in this process and over every transport, with the same expectations.

use crate::common::ask::{Ask, rtype};
use crate::common::reply::Reply;
use crate::common::state::{snapshot, state_of_with};
use geosteer::respond::Transport;
use geosteer::worker::Worker;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What it shows, in a sentence.
    about: String,
    /// The zone's text.
    zone: String,
    /// Situations, each with its own health.
    situation: Vec<Situation>,
}

/// Some targets down, and what follows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Situation {
    /// In words.
    when: String,
    /// `pool/NAME` and `endpoint/POOL/NAME`.
    #[serde(default)]
    down: Vec<String>,
    /// Queries and answers.
    ask: Vec<Case>,
}

/// One query and its answer. What is left out is not looked at, but for `rcode`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Owner name.
    name: String,
    /// Type; A.
    #[serde(rename = "type", default = "address")]
    rtype: String,
    /// Client subnet.
    client: Option<String>,
    /// RCODE.
    #[serde(default = "noerror")]
    rcode: String,
    /// All record data of the answer section, in any order.
    answers: Option<Vec<String>>,
    /// Every answer is one of these, and there is one at least.
    one_of: Option<Vec<String>>,
    /// Number of answers.
    count: Option<usize>,
    /// SCOPE PREFIX-LENGTH.
    scope: Option<u8>,
    /// TTL of every answer, seconds.
    ttl: Option<u32>,
    /// Types in the authority section.
    authority: Option<Vec<String>>,
    /// AA.
    authoritative: Option<bool>,
}

fn address() -> String {
    "A".to_owned()
}

fn noerror() -> String {
    "NOERROR".to_owned()
}

#[test]
fn every_scenario_holds_in_process_and_over_every_transport() {
    let files = files();
    assert!(files.len() >= 8, "scenarios are missing: {files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a scenario");
        let scenario: Scenario =
            toml::from_str(&text).unwrap_or_else(|problem| panic!("{}: {problem}", file.display()));
        scenario.run(&file.file_name().expect("a file").to_string_lossy());
    }
}

fn files() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proof/scenarios")).expect("the folder");
    let mut files: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

impl Scenario {
    fn run(&self, file: &str) {
        assert!(!self.about.is_empty(), "{file} says what it is about");
        let snapshot = std::sync::Arc::new(snapshot(&self.zone));
        for situation in &self.situation {
            let down: Vec<&str> = situation.down.iter().map(String::as_str).collect();
            let state = state_of_with(&snapshot, &down);
            let server = crate::common::server::serve(state.clone());
            let mut worker = Worker::new(1);
            for case in &situation.ask {
                let what = format!("{file}, {}: {} {} {:?}", situation.when, case.name, case.rtype, case.client);
                let bytes = case.ask().bytes();
                for transport in Transport::ALL {
                    let reply = crate::common::send(&state, &mut worker, &bytes, transport).expect("a reply");
                    case.check(&Reply::read(&reply), &format!("{what}, in process as {transport:?}"));
                }
                case.check(&Reply::read(&server.udp(&bytes)), &format!("{what}, over UDP"));
                case.check(&Reply::read(&server.tcp(&bytes)), &format!("{what}, over TCP"));
                case.check(&Reply::read(&server.tls(&bytes)), &format!("{what}, over TLS"));
                // Over QUIC the ID is 0 (RFC 9250 §4.2.1).
                let anonymous = [&[0, 0], &bytes[2..]].concat();
                case.check(&Reply::read(&server.quic(&anonymous)), &format!("{what}, over QUIC"));
                for reply in server.https(&bytes) {
                    case.check(&Reply::read(&reply), &format!("{what}, over HTTPS"));
                }
            }
        }
    }
}

impl Case {
    fn ask(&self) -> Ask {
        let ask = Ask::new(&self.name, rtype(&self.rtype));
        self.client.as_ref().map_or_else(|| ask.clone(), |client| ask.clone().subnet(client))
    }

    fn check(&self, reply: &Reply, what: &str) {
        let data = reply.data();
        assert_eq!(reply.rcode_name(), self.rcode, "{what}: rcode");
        if let Some(mut answers) = self.answers.clone() {
            answers.sort();
            assert_eq!(data, answers, "{what}: answers");
        }
        if let Some(allowed) = &self.one_of {
            assert!(!data.is_empty() && data.iter().all(|data| allowed.contains(data)), "{what}: {data:?}");
        }
        if let Some(count) = self.count {
            let distinct: BTreeSet<&String> = data.iter().collect();
            assert_eq!((data.len(), distinct.len()), (count, count), "{what}: number of distinct answers");
        }
        if let Some(ttl) = self.ttl {
            assert!(reply.answers.iter().all(|entry| entry.ttl == ttl), "{what}: TTL {ttl}: {:?}", reply.answers);
        }
        if let Some(types) = &self.authority {
            let types: Vec<u16> = types.iter().map(|text| rtype(text)).collect();
            let found: Vec<u16> = reply.authority.iter().map(|entry| entry.rtype).collect();
            assert_eq!(found, types, "{what}: authority");
        }
        if let Some(authoritative) = self.authoritative {
            assert_eq!(reply.authoritative, authoritative, "{what}: AA");
        }
        let believed = self.client.is_some() && self.rcode != "REFUSED";
        assert_eq!(reply.scope.is_some(), believed, "{what}: a subnet is answered exactly if one was sent");
        assert!(self.scope.is_none() || reply.scope == self.scope, "{what}: scope {:?}", reply.scope);
    }
}
