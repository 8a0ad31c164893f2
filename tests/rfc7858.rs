//! RFC 7858: DNS over TLS.

#[path = "secure/mod.rs"]
mod secure;

use secure::served::{addresses, query, query_with, serve};
use secure::{ask, framed, plain, read_message};
use std::io::Write as _;

/// A client subnet option: IPv4, 24 bits of 193.0.6.0, which is in Europe.
const EUROPE: (u16, &[u8]) = (8, &[0, 1, 24, 0, 193, 0, 6]);

#[test]
fn section_3_1_the_session_begins_with_tls_and_nothing_is_answered_in_the_clear() {
    let served = serve();
    let mut clear = plain(served.address("tls"));
    clear.write_all(&framed(&query("static.example.com", 1))).unwrap();
    assert!(secure::is_closed(&mut clear), "no DNS on the port of DNS over TLS");
    assert_eq!(addresses(&ask(&mut served.tls(), &query("static.example.com", 1))), ["192.0.2.9"]);
}

#[test]
fn section_3_3_messages_stand_behind_two_octets_of_their_length_and_may_be_sent_ahead() {
    let served = serve();
    let mut stream = served.tls();
    let names = ["static", "www", "large", "none"].map(|label| query(&format!("{label}.example.com"), 1));
    stream.write_all(&names.iter().flat_map(|query| framed(query)).collect::<Vec<_>>()).unwrap();
    for query in &names {
        assert_eq!(read_message(&mut stream), served.tcp(query));
    }
}

#[test]
fn section_3_4_a_session_serves_many_queries_and_a_client_may_come_back_to_it() {
    let served = serve();
    let client = served.pair.client(&["dot"]);
    for _ in 0..3 {
        let mut stream = secure::secure(served.address("tls"), &client);
        for _ in 0..10 {
            assert_eq!(addresses(&ask(&mut stream, &query("www.example.com", 1))), ["203.0.113.10"]);
        }
    }
    let mut again = secure::secure(served.address("tls"), &client);
    ask(&mut again, &query("www.example.com", 1));
    assert_eq!(again.conn.handshake_kind(), Some(rustls::HandshakeKind::Resumed));
}

#[test]
fn replies_are_those_of_tcp_whatever_is_asked() {
    let served = serve();
    let mut stream = served.tls();
    for query in [
        query("www.example.com", 1),
        query_with("www.example.com", 1, &[EUROPE]),
        query_with("large.example.com", 16, &[]),
        query("none.example.com", 28),
        query("www.example.org", 1),
        query("example.com", 255),
    ] {
        assert_eq!(ask(&mut stream, &query), served.tcp(&query));
    }
    let subnet = ask(&mut stream, &query_with("www.example.com", 1, &[EUROPE]));
    assert_eq!(addresses(&subnet), ["192.0.2.10"]);
}
