//! A zone that may be had, asked in-process: what the tests by section share.

use crate::answers;
use geosteer::config::{self, Loaded, Options, Report};
use geosteer::geo::Databases;
use geosteer::id::ZoneId;
use geosteer::respond::{Request, Transport, Verdict, respond};
use geosteer::snapshot::Snapshot;
use geosteer::state::{Identity, State};
use geosteer::transfer::{Edition, Journal, Offer, Rules, Transfers};
use geosteer::tsig::{Algorithm, Key, Keys};
use geosteer::wire::{Name, QueryBuilder};
use geosteer::worker::{Handed, Worker};
use hickory_proto::op::Message;
use std::net::SocketAddr;
use std::sync::Arc;

/// The time of these tests, seconds since 1970.
pub const NOW: u64 = 1_800_000_000;
/// The secret of the key `ns2`.
pub const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// Zone TOML with everything that a transfer may carry.
pub const ZONE: &str = r#"
zone = "Example.com"
ns   = ["ns1.example.com", "ns2.example.net"]
soa  = { serial = 7 }
transfer = { from = ["192.0.2.0/24"] }
records.text = """
ns1    A     192.0.2.53
@      MX    10 Mail
mail   AAAA  2001:db8::25
alias  CNAME mail
*.wild TXT   "a wildcard" "of two"
old    DNAME example.org.
sub    NS    ns.sub
ns.sub A     192.0.2.54
_sip._tcp SRV 1 2 5060 mail
odd    TYPE65280 \\# 3 0a0b0c
"""
"#;

/// The key `ns2`.
pub fn key() -> Key {
    Key::new(&Name::parse("ns2").unwrap(), Algorithm::Sha256, SECRET).unwrap()
}

/// A server of zones in memory, asked in-process.
pub struct Server {
    pub state: State,
    pub worker: Worker,
    pub source: SocketAddr,
}

/// A snapshot of one zone.
pub fn snapshot(text: &str) -> Arc<Snapshot> {
    built(config::load_text("zone.toml", text, &Options::default()))
}

/// A snapshot of several zones.
pub fn snapshot_of(texts: &[&str]) -> Arc<Snapshot> {
    let folder = tempfile::tempdir().unwrap();
    for (number, text) in texts.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{number}.toml")), text).unwrap();
    }
    built(config::load(&[folder.path().to_owned()], &Options::default()))
}

fn built(loaded: Result<Loaded, Report>) -> Arc<Snapshot> {
    let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.short()));
    Arc::new(Snapshot::build(loaded.spec, Arc::new(Databases::new(Vec::new()))).unwrap())
}

/// What is offered of a configuration's zones.
pub fn offers(snapshot: &Snapshot, before: Option<&Transfers>) -> Vec<Option<Arc<Offer>>> {
    let sets = snapshot.zones.sets_of_zones(|_| true);
    let offer = |index: usize| {
        let rules: Rules = snapshot.settings[index].transfer.clone()?;
        let edition = Edition::new(snapshot, ZoneId::new(index), &sets[index], rules.balanced).unwrap();
        let old = before.and_then(|before| before.offer(ZoneId::new(index)));
        let journal = old.map_or_else(Journal::default, |old| old.journal.with(&old.edition, &edition));
        Some(Arc::new(Offer { rules, edition: Arc::new(edition), journal }))
    };
    (0..snapshot.settings.len()).map(offer).collect()
}

impl Server {
    pub fn new(text: &str) -> Self {
        Self::of(snapshot(text))
    }

    pub fn of(snapshot: Arc<Snapshot>) -> Self {
        let mut transfers = Transfers::following(None, NOW);
        transfers.keys = Keys::from_iter([key()]);
        transfers.offers = offers(&snapshot, None);
        let mut state = State::offline(snapshot, &[]);
        state.identity = Arc::new(Identity { transfers, ..Identity::default() });
        Self { state, worker: Worker::new(1), source: "192.0.2.7:4242".parse().unwrap() }
    }

    /// The zone becomes another one.
    pub fn reload(&mut self, text: &str) {
        let snapshot = snapshot(text);
        let before = &self.state.identity.transfers;
        let mut transfers = Transfers::following(Some(before), NOW);
        transfers.keys = before.keys.clone();
        transfers.offers = offers(&snapshot, Some(before));
        let mut state = State::offline(snapshot, &[]);
        state.generation = self.state.generation + 1;
        state.identity = Arc::new(Identity { transfers, ..Identity::default() });
        self.state = state;
    }

    /// Every message that answers one.
    pub fn ask(&mut self, message: &[u8], transport: Transport) -> Vec<Vec<u8>> {
        let mut out = vec![0xee; if transport == Transport::Udp { 1_232 } else { 65_535 }];
        let request = Request { bytes: message, source: self.source.into(), transport };
        match respond(&self.state, &mut self.worker, &request, &mut out) {
            Verdict::Send(length) => vec![out[..length].to_vec()],
            Verdict::Drop => Vec::new(),
            Verdict::Hand => {
                let Some(Handed::Transfer(mut transfer)) = self.worker.take_handed() else { panic!() };
                let mut messages = Vec::new();
                while let Some(length) = transfer.next_message(&mut out) {
                    messages.push(out[..length].to_vec());
                }
                assert!(transfer.is_over() && self.worker.take_handed().is_none());
                messages
            }
        }
    }

    /// The same over TCP, decoded by the library.
    pub fn tcp(&mut self, message: &[u8]) -> Vec<Message> {
        self.ask(message, Transport::Stream).iter().map(|bytes| decode(bytes)).collect()
    }

    /// The RCODE of the one message that answers.
    pub fn rcode(&mut self, message: &[u8], transport: Transport) -> u16 {
        let messages = self.ask(message, transport);
        assert_eq!(messages.len(), 1);
        decode(&messages[0]).metadata.response_code.into()
    }
}

pub fn decode(bytes: &[u8]) -> Message {
    Message::from_vec(bytes).unwrap_or_else(|error| panic!("{error}: {bytes:02x?}"))
}

/// A question for a zone.
pub fn question(zone: &str, qtype: &str) -> QueryBuilder {
    QueryBuilder::new(Name::parse(zone).unwrap(), answers::rtype(qtype)).id(4711)
}

/// A question for what changed since a serial.
pub fn changes_since(serial: u32) -> Vec<u8> {
    let mut message = question("example.com", "IXFR").build();
    message[9] = 1;
    // The owner is the question's name, the names of the data are the root.
    message.extend_from_slice(&[0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0]);
    message.extend_from_slice(&serial.to_be_bytes());
    message.extend_from_slice(&[0; 16]);
    message
}

/// The records of messages in their order, as text.
pub fn records(messages: &[Message]) -> Vec<String> {
    let text = |record: &hickory_proto::rr::Record| record.to_string().replace("EXAMPLE.com", "example.com");
    messages.iter().flat_map(|message| message.answers.iter().map(text)).collect()
}
