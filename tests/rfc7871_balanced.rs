//! RFC 7871 and the rest of the protocol where steering decides: balanced names.

mod answers;

use answers::{NOERROR, NXDOMAIN, SOA, Server, balanced_state, query};
use geosteer::respond::Transport;

const TEXT: &str = "
    four 300 MX 10 ns1
    alias 300 CNAME www
    deep 300 CNAME alias
    mail 300 MX 10 www
    mail 300 MX 20 ns1
    *.img 300 TXT picture
    d 300 DNAME img";

fn served(failed: &[&str]) -> Server {
    Server::new(balanced_state(TEXT, failed))
}

#[test]
fn the_subnet_decides_and_the_scope_says_for_whom() {
    let mut server = served(&[]);
    let reply = server.ask_subnet("www.example.com", "A", "203.0.113.0/24");
    assert_eq!(reply.answer(), ["www.example.com. 30 IN A 192.0.2.10"]);
    assert!(reply.is_authoritative());
    assert_eq!(reply.scope(), Some(24));
    let reply = server.ask_subnet("www.example.com", "AAAA", "2001:db8:ffff::/48");
    assert_eq!(reply.answer(), ["www.example.com. 30 IN AAAA 2001:db8::10"]);
    assert_eq!(reply.scope(), Some(48));
    let reply = server.ask_subnet("www.example.com", "A", "8.8.8.0/24");
    assert_eq!(reply.answer(), ["www.example.com. 30 IN A 192.0.2.20"]);
    assert!(reply.scope().is_some_and(|scope| scope > 0 && scope < 24));
}

#[test]
fn without_a_subnet_the_resolver_decides_and_nothing_is_echoed() {
    let mut server = served(&[]);
    assert_eq!(server.ask_edns("www.example.com", "A").answer(), ["www.example.com. 30 IN A 192.0.2.20"]);
    server.source = "203.0.113.9:53".parse().unwrap();
    let reply = server.ask_edns("www.example.com", "A");
    assert_eq!((reply.answer(), reply.scope()), (vec!["www.example.com. 30 IN A 192.0.2.10".into()], None));
    let refused = query("www.example.com", "A").option(8, &[0, 1, 0, 0]).build();
    let octets = server.raw(&refused, Transport::Udp).unwrap();
    assert!(octets.ends_with(&[0, 8, 0, 4, 0, 1, 0, 0]));
    assert!(octets.windows(4).any(|window| window == [192, 0, 2, 10]));
}

#[test]
fn one_row_for_everybody_has_scope_zero() {
    assert_eq!(served(&[]).ask_subnet("same.example.com", "A", "203.0.113.0/24").scope(), Some(0));
}

#[test]
fn a_wildcard_is_balanced_like_a_name() {
    let mut server = served(&[]);
    let reply = server.ask_subnet("Any.Img.example.com", "A", "203.0.113.0/24");
    assert_eq!(reply.answer(), ["Any.Img.example.com. 30 IN A 192.0.2.10"]);
    assert_eq!(server.ask("a.b.img.example.com", "TXT").answer().len(), 1);
    server.ask("img.example.com", "A").assert_negative(NOERROR, SOA);
}

#[test]
fn types_that_do_not_exist_are_nodata_with_scope_zero_for_every_client() {
    let mut server = served(&[]);
    for (name, qtype) in [("four", "AAAA"), ("www", "TXT"), ("www", "HTTPS"), ("x.img", "AAAA"), ("www", "CNAME")] {
        let reply = server.ask_subnet(&format!("{name}.example.com"), qtype, "203.0.113.0/24");
        reply.assert_negative(NOERROR, SOA);
        assert_eq!(reply.scope(), Some(0));
    }
    server.ask("below.www.example.com", "A").assert_negative(NXDOMAIN, SOA);
}

#[test]
fn static_records_beside_a_balanced_name_are_static() {
    let reply = served(&[]).ask_subnet("four.example.com", "MX", "203.0.113.0/24");
    assert_eq!((reply.answer().len(), reply.additional().len(), reply.scope()), (1, 1, Some(0)));
    assert!(served(&[]).ask("four.example.com", "ANY").answer()[0].contains("HINFO"));
}

#[test]
fn a_cname_type_name_answers_its_cname_for_every_type() {
    let mut server = served(&[]);
    for qtype in ["A", "AAAA", "CNAME", "TXT", "HTTPS", "ANY"] {
        let reply = server.ask_subnet("cdn.example.com", qtype, "203.0.113.0/24");
        assert_eq!(reply.answer(), ["cdn.example.com. 30 IN CNAME office.cdn.test."], "{qtype}");
        assert_eq!(reply.scope(), Some(24));
    }
}

#[test]
fn a_static_alias_of_a_balanced_name_is_answered_alone_with_scope_zero() {
    let mut server = served(&[]);
    for (name, links) in [("alias", 1), ("deep", 2), ("x.d", 2)] {
        let reply = server.ask_subnet(&format!("{name}.example.com"), "A", "203.0.113.0/24");
        assert_eq!((reply.rcode(), reply.answer().len(), reply.scope()), (NOERROR, links, Some(0)), "{name}");
        assert!(reply.authority().is_empty() && reply.additional().is_empty());
    }
}

#[test]
fn balanced_addresses_never_stand_in_the_additional_section() {
    assert_eq!(served(&[]).ask("mail.example.com", "MX").additional(), ["ns1.example.com. 3600 IN A 192.0.2.53"]);
}

#[test]
fn when_nothing_is_up_the_fallback_answers_for_its_own_clients() {
    let mut server = served(&["192.0.2.10"]);
    let reply = server.ask_subnet("four.example.com", "A", "203.0.113.0/24");
    reply.assert_negative(NOERROR, SOA);
    assert_eq!(reply.scope(), Some(24));
    assert_eq!(server.ask_subnet("four.example.com", "A", "8.8.8.0/24").answer().len(), 1);
    let reply = server.ask_subnet("dead.example.com", "A", "203.0.113.0/24");
    assert_eq!((reply.rcode(), reply.answer().len(), reply.extended_error()), (2, 0, Some(0)));
    let reply = server.ask_subnet("same.example.com", "A", "203.0.113.0/24");
    assert_eq!(reply.answer(), ["same.example.com. 30 IN A 192.0.2.10"]);
}

#[test]
fn a_malformed_subnet_is_a_format_error_for_balanced_names_too() {
    let message = query("www.example.com", "A").option(8, &[0, 1, 24, 0, 203, 0]).build();
    assert_eq!(served(&[]).udp(&message).rcode(), answers::FORMERR);
}

#[test]
fn balanced_names_are_found_by_name_for_explanations() {
    let server = served(&[]);
    let find = |name: &str| server.state.snapshot.zones.find_balanced(&geosteer::wire::Name::parse(name).unwrap());
    assert!(find("WWW.example.com").is_some());
    assert_eq!(find("a.b.img.example.com"), find("*.img.example.com"));
    assert_eq!(find("ns1.example.com"), None);
    assert_eq!(find("www.example.org"), None);
}
