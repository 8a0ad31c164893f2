//! RFC 2308: negative answers.

mod answers;

use answers::{NOERROR, NXDOMAIN, SOA, example, query};

#[test]
fn s2_1_a_name_that_does_not_exist_is_nxdomain_with_the_soa() {
    let mut server = example("www 300 A 192.0.2.1");
    for name in ["no.example.com", "a.b.c.example.com", "below.www.example.com", "ww.example.com"] {
        for qtype in ["A", "AAAA", "MX", "ANY", "SOA", "DS"] {
            server.ask(name, qtype).assert_negative(NXDOMAIN, SOA);
        }
    }
}

#[test]
fn s2_2_a_type_that_does_not_exist_is_nodata_with_the_soa() {
    let mut server = example("www 300 A 192.0.2.1\na.b.c 300 TXT deep");
    for name in ["www.example.com", "example.com", "a.b.c.example.com"] {
        server.ask(name, "AAAA").assert_negative(NOERROR, SOA);
    }
}

#[test]
fn rfc8020_s2_empty_non_terminals_are_nodata() {
    let mut server = example("a.b.c 300 TXT deep");
    for name in ["b.c.example.com", "c.example.com"] {
        for qtype in ["A", "ANY", "NS", "CNAME"] {
            server.ask(name, qtype).assert_negative(NOERROR, SOA);
        }
    }
}

#[test]
fn s5_the_ttl_of_negative_answers_is_the_smaller_of_the_soa_s_ttl_and_minimum() {
    for (ttl, minimum, expected) in [(3600, 30, 30), (20, 300, 20), (60, 60, 60)] {
        let text = format!("@ {ttl} SOA ns.x. host.x. 1 2 3 4 {minimum}\n@ 300 NS ns.x.");
        let mut server = example(&text);
        let soa = format!("example.com. {expected} IN SOA ns.x. host.x. 1 2 3 4 {minimum}");
        server.ask("no.example.com", "A").assert_negative(NXDOMAIN, &soa);
        let own = format!("example.com. {ttl} IN SOA ns.x. host.x. 1 2 3 4 {minimum}");
        assert_eq!(server.ask("example.com", "SOA").answer(), [own]);
    }
}

#[test]
fn negative_answers_carry_scope_zero_and_only_if_a_subnet_was_sent() {
    let mut server = example("www 300 A 192.0.2.1");
    for (name, qtype) in [("no.example.com", "A"), ("www.example.com", "AAAA")] {
        assert_eq!(server.ask_subnet(name, qtype, "192.0.2.0/24").scope(), Some(0));
        assert_eq!(server.udp(&query(name, qtype).udp_size(1232).build()).scope(), None);
    }
}
