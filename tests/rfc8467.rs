//! RFC 8467: how replies are padded (RFC 7830).

#[path = "secure/mod.rs"]
mod secure;

use secure::served::{query, query_with, serve};
use secure::{ask, get, request};

const PADDING: (u16, &[u8]) = (12, &[0; 20]);

#[test]
fn section_4_1_replies_over_encrypted_transports_are_whole_blocks_of_468_octets_if_their_query_was_padded() {
    let served = serve();
    let (mut tls, mut https) = (served.tls(), served.https());
    for (name, rtype, blocks) in [("www.example.com", 1, 1), ("none.example.com", 1, 1), ("large.example.com", 16, 2)] {
        let padded = query_with(name, rtype, &[PADDING]);
        let reply = ask(&mut tls, &padded);
        assert_eq!(reply.len(), 468 * blocks, "{name}");
        assert_eq!(request(&mut https, &get(&padded)).body, reply);
        let read = hickory_proto::op::Message::from_vec(&reply).unwrap();
        assert!(read.edns.is_some());
    }
}

#[test]
fn section_4_1_who_did_not_pad_gets_no_padding() {
    let served = serve();
    let mut tls = served.tls();
    for query in [query("www.example.com", 1), query_with("www.example.com", 1, &[])] {
        assert_eq!(ask(&mut tls, &query), served.tcp(&query));
    }
}

#[test]
fn section_3_in_the_clear_nothing_is_padded() {
    let served = serve();
    let (padded, plain) = (query_with("www.example.com", 1, &[PADDING]), query_with("www.example.com", 1, &[]));
    assert_eq!(served.udp(&padded), served.udp(&plain));
    assert_eq!(served.tcp(&padded), served.udp(&plain));
}
