//! What strangers and files can hand to geosteer, as functions of octets: each target of cargo-fuzz is one of them, and
//! `tests/fuzz.rs` calls them in every test run, a bounded number of times. They panic where something is wrong.

#[path = "admin.rs"]
mod admin;
#[path = "states.rs"]
mod states;

pub use admin::admin;

use geosteer::client::{Bits, Source};
use geosteer::config::{Options, load_server_text, load_text_alone};
use geosteer::control::Request as Order;
use geosteer::geo::{Database, Databases};
use geosteer::limits::{PROXY_HEADER_MAX, STREAM_REPLY_MAX, UDP_REPLY_MAX};
use geosteer::overrides::Target;
use geosteer::respond::{Request, Transport, Verdict, respond};
use geosteer::wire::proxy::{self, Fault};

/// A DNS message to a plain server and to one with signatures, cookies and limits, over each transport: no panic, no
/// answer to a response, id kept, no reply that is too large.
pub fn message(octets: &[u8]) {
    message_from(octets, Source { address: Bits::v4(0xC000_0201), port: 4_242 });
}

fn message_from(octets: &[u8], source: Source) {
    states::with_each(|state, worker, out| {
        worker.now += 1_000_000;
        for (transport, most) in [(Transport::Udp, UDP_REPLY_MAX), (Transport::Stream, STREAM_REPLY_MAX)] {
            let verdict = respond(state, worker, &Request { bytes: octets, source, transport }, &mut out[..most]);
            if let Verdict::Send(length) = verdict {
                assert!(length <= most && length >= 12, "a reply of {length} octets");
                assert!(octets.len() >= 12 && octets[2] & 0x80 == 0, "a reply to a response, or to less than a header");
                assert_eq!((&out[..2], out[2] & 0x80), (&octets[..2], 0x80));
            }
        }
    });
}

/// What a front end sends: a PROXY header, and a message behind it. Each beginning of a header wants more octets than it
/// has, and nothing behind a header changes it.
pub fn proxy(octets: &[u8]) {
    match proxy::read(octets) {
        Ok(header) => {
            let (length, source) = (header.length, header.source);
            assert!(length <= octets.len() && length <= PROXY_HEADER_MAX, "a header of {length} octets");
            assert_eq!(proxy::read(&octets[..length]), Ok(header));
            for end in 0..length {
                let wanted = proxy::read(&octets[..end]);
                assert!(matches!(wanted, Err(Fault::Short(wanted)) if wanted > end && wanted <= length), "{wanted:?}");
            }
            message_from(&octets[length..], source.map_or(Source { address: Bits::v4(0), port: 53 }, Source::from));
        }
        Err(Fault::Short(wanted)) => assert!(wanted > octets.len() && wanted <= PROXY_HEADER_MAX, "{wanted} octets"),
        Err(Fault::Malformed) => {}
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
