//! RFC 7871: client subnet.

mod answers;

use answers::{FORMERR, NOERROR, REFUSED, Server, ecs, example, query, server, zone};
use geosteer::snapshot::ZoneSpec;

const ZONE: &str = "www 300 A 192.0.2.1";

fn asked(server: &mut Server, option: &[u8]) -> answers::Reply {
    server.udp(&query("www.example.com", "A").option(8, option).build())
}

#[test]
fn s6_the_option_is_echoed_as_sent_with_scope_zero_for_static_data() {
    let mut server = example(ZONE);
    for option in [&[0, 1, 24, 0, 203, 0, 113][..], &[0, 1, 9, 0, 10, 128], &[0, 2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 1]]
    {
        let reply = asked(&mut server, option);
        assert_eq!((reply.rcode(), reply.scope()), (NOERROR, Some(0)));
        assert!(reply.bytes.ends_with(option));
    }
}

#[test]
fn s7_1_2_source_zero_is_echoed_with_scope_zero() {
    let mut server = example(ZONE);
    for option in [[0, 0, 0, 0], [0, 1, 0, 0], [0, 2, 0, 0]] {
        let reply =
            server.raw(&query("www.example.com", "A").option(8, &option).build(), geosteer::respond::Transport::Udp);
        assert!(reply.unwrap().ends_with(&[&[0, 8, 0, 4][..], &option].concat()));
    }
}

#[test]
fn s7_2_1_no_option_no_echo() {
    assert_eq!(example(ZONE).ask_edns("www.example.com", "A").scope(), None);
}

#[test]
fn s7_1_2_malformed_options_are_format_errors() {
    let mut server = example(ZONE);
    for option in [
        &[0, 3, 8, 0, 1][..],
        &[0, 0, 8, 0, 1],
        &[0, 1, 24, 0, 203, 0],
        &[0, 1, 24, 0, 203, 0, 113, 0],
        &[0, 1, 24, 24, 203, 0, 113],
        &[0, 1, 23, 0, 203, 0, 113],
        &[0, 1, 33, 0, 203, 0, 113, 1, 0],
        &[0, 1],
    ] {
        let reply = asked(&mut server, option);
        assert_eq!((reply.rcode(), reply.scope(), reply.answer().len()), (FORMERR, None, 0), "{option:?}");
        assert!(reply.message.edns.is_some());
    }
    let twice = query("www.example.com", "A").option(8, &[0, 1, 0, 0]).option(8, &[0, 1, 0, 0]).build();
    assert_eq!(server.udp(&twice).rcode(), FORMERR);
}

#[test]
fn s7_2_1_a_zone_without_client_subnet_ignores_the_option_whole() {
    let spec = zone("example.com", ZONE);
    let disabled = ZoneSpec { ecs: geosteer::snapshot::Ecs { enabled: false, ..spec.ecs.clone() }, ..spec };
    let mut server = server(vec![disabled]);
    for option in [&[0, 1, 24, 0, 203, 0, 113][..], &[0, 9, 9, 9]] {
        let reply = asked(&mut server, option);
        assert_eq!((reply.rcode(), reply.scope(), reply.answer().len()), (NOERROR, None, 1));
    }
}

#[test]
fn s11_3_only_resolvers_that_are_believed_get_an_echo() {
    let spec = zone("example.com", ZONE);
    let mut server = server(vec![ZoneSpec { ecs: ecs(&["198.51.100.0/24", "2001:db8::/32"]), ..spec }]);
    for (source, scope) in [
        ("198.51.100.7:53", Some(0)),
        ("[::ffff:198.51.100.7]:53", Some(0)),
        ("[2001:db8::7]:53", Some(0)),
        ("203.0.113.7:53", None),
        ("[2001:db9::7]:53", None),
    ] {
        server.source = source.parse().unwrap();
        assert_eq!(server.ask_subnet("www.example.com", "A", "192.0.2.0/24").scope(), scope, "{source}");
    }
}

#[test]
fn outside_our_zones_the_option_is_not_answered() {
    let reply = example(ZONE).ask_subnet("example.org", "A", "192.0.2.0/24");
    assert_eq!((reply.rcode(), reply.scope()), (REFUSED, None));
}
