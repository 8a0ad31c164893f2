//! What strangers and files can hand to geosteer, as functions of octets: each target of cargo-fuzz is one of them, and
//! `tests/fuzz.rs` calls them in every test run, a bounded number of times. They panic where something is wrong.

use geosteer::config::{Options, load_server_text, load_text_alone};
use geosteer::control::Request as Order;
use geosteer::geo::{Database, Databases};
use geosteer::limits::{STREAM_REPLY_MAX, UDP_REPLY_MAX};
use geosteer::overrides::Target;
use geosteer::respond::{Request, Transport, Verdict, respond};
use geosteer::snapshot::Snapshot;
use geosteer::state::{Identity, State};
use geosteer::worker::Worker;
use geosteer::writer::Writer;
use std::sync::{Arc, OnceLock};

/// A zone with something of everything.
const ZONE: &str = r#"
zone = "example.com"
ns = ["ns1.example.com", "ns2.example.net"]
[records]
text = """
ns1 A 192.0.2.53
@ MX 10 mail
mail A 192.0.2.25
*.wild TXT any
alias CNAME mail
loop1 CNAME loop2
loop2 CNAME loop1
tree DNAME other.example.net.
sub NS ns.sub
ns.sub A 192.0.2.99
"""
[pools]
one = { check = "none", endpoints = ["192.0.2.1", "192.0.2.2", "2001:db8::1"] }
two = { check = "none", balance = "hash", endpoints = ["198.51.100.1", "198.51.100.2"] }
[regions]
europe = { continents = ["EU"] }
[names]
www = { policy = { europe = ["one"], default = ["two", "one"] } }
"#;

fn state() -> &'static State {
    static STATE: OnceLock<State> = OnceLock::new();
    STATE.get_or_init(|| {
        let loaded = load_text_alone("fuzz.toml", ZONE, &Options::default()).expect("the zone is good");
        let databases = Arc::new(Databases::embedded().expect("the embedded database"));
        let snapshot = Arc::new(Snapshot::build(loaded.spec, databases).expect("it compiles"));
        Writer::new(snapshot, Arc::new(Identity::default()), 1).publish().expect("a first state")
    })
}

/// A DNS message over both transports: no panic, no answer to a response, id kept, no reply that is too large.
pub fn message(octets: &[u8]) {
    let mut worker = Worker::new(7);
    let mut out = vec![0; STREAM_REPLY_MAX];
    for (transport, most) in [(Transport::Udp, UDP_REPLY_MAX), (Transport::Stream, STREAM_REPLY_MAX)] {
        let source = geosteer::client::Source { address: geosteer::client::Bits::v4(0xC000_0201), port: 4_242 };
        let verdict = respond(state(), &mut worker, &Request { bytes: octets, source, transport }, &mut out[..most]);
        if let Verdict::Send(length) = verdict {
            assert!(length <= most && length >= 12, "a reply of {length} octets");
            assert!(octets.len() >= 12 && octets[2] & 0x80 == 0, "a reply to a response, or to less than a header");
            assert_eq!((&out[..2], out[2] & 0x80), (&octets[..2], 0x80));
        }
    }
}

/// The options of an OPT record, behind a good question.
pub fn edns(octets: &[u8]) {
    let octets = &octets[..octets.len().min(1_500)];
    let mut query =
        b"\0\x07\0\0\0\x01\0\0\0\0\0\x01\x03www\x07example\x03com\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0".to_vec();
    query.extend_from_slice(&(octets.len() as u16).to_be_bytes());
    query.extend_from_slice(octets);
    message(&query);
}

/// A zone file that somebody proposes.
pub fn zone_toml(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    if let Err(report) = load_text_alone("fuzz.toml", text, &Options::default()) {
        assert!(report.errors() > 0 && !report.short().is_empty() && !report.human(false).is_empty());
    }
}

/// Zone text within one.
pub fn zone_text(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let text = text.replace("'''", "");
    zone_toml(
        format!("zone = \"example.com\"\nns = [\"ns.example.net\"]\nrecords.text = '''\n{text}\n'''\n").as_bytes(),
    );
}

/// A server file.
pub fn server_toml(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    if let Err(report) = load_server_text("geosteer.toml", text) {
        assert!(report.errors() > 0 && !report.short().is_empty());
    }
}

/// A geographic database: it is refused, or it locates whoever is asked about.
pub fn mmdb(octets: &[u8]) {
    let Ok(database) = Database::new("fuzz", octets.to_vec()) else { return };
    let databases = Databases::new(vec![database]);
    for address in ["192.0.2.1", "0.0.0.0", "255.255.255.255", "::", "2001:db8::1", "ffff::"] {
        let _located = databases.locate(address.parse().expect("an address"));
    }
}

/// A line on the control socket.
pub fn control(octets: &[u8]) {
    if let Ok(Order::Set(order)) = serde_json::from_slice::<Order>(octets)
        && let Ok(target) = Target::parse(&order.target)
    {
        assert_eq!(Target::parse(target.as_str()).expect("it reads what it wrote").as_str(), target.as_str());
    }
}
