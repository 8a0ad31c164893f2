//! RFC 1034: names, delegations and aliases, and RFC 1035's messages.

mod answers;

use answers::{FORMERR, NOERROR, NOTIMP, NXDOMAIN, REFUSED, SOA, example, query, server, zone};
use geosteer::respond::Transport;

const ZONE: &str = "
    @ 300 MX 10 mail
    @ 300 MX 20 mx.elsewhere.test.
    www 300 A 192.0.2.1
    www 300 A 192.0.2.2
    www 300 AAAA 2001:db8::1
    mail 300 A 192.0.2.25
    alias 300 CNAME www
    far 300 CNAME www.elsewhere.test.
    gone 300 CNAME missing
    one 300 CNAME two
    two 300 CNAME alias
    loop1 300 CNAME loop2
    loop2 300 CNAME loop1
    a.b.c 300 TXT deep
    sub 3600 NS ns.sub
    sub 3600 NS ns1
    sub 3600 NS ns.elsewhere.test.
    sub 3600 DS 00010d02aabb
    ns.sub 3600 A 192.0.2.54
    ns.sub 3600 AAAA 2001:db8::54
    into 300 CNAME host.sub
    _sip._tcp 300 SRV 1 2 5060 mail
    unknown 300 TYPE65280 0102c00c";

#[test]
fn s4_3_2_records_of_the_asked_type_are_answered_and_nothing_else() {
    let mut server = example(ZONE);
    let reply = server.ask("www.example.com", "A");
    assert_eq!(reply.rcode(), NOERROR);
    assert!(reply.is_authoritative());
    assert_eq!(reply.answer(), ["www.example.com. 300 IN A 192.0.2.1", "www.example.com. 300 IN A 192.0.2.2"]);
    assert!(reply.authority().is_empty() && reply.additional().is_empty());
    assert_eq!(server.ask("www.example.com", "AAAA").answer(), ["www.example.com. 300 IN AAAA 2001:db8::1"]);
}

#[test]
fn s4_3_2_addresses_of_exchangers_servers_and_hosts_are_added() {
    let mut server = example(ZONE);
    let reply = server.ask("example.com", "MX");
    assert_eq!(
        reply.answer(),
        ["example.com. 300 IN MX 10 mail.example.com.", "example.com. 300 IN MX 20 mx.elsewhere.test."]
    );
    assert_eq!(reply.additional(), ["mail.example.com. 300 IN A 192.0.2.25"]);
    let reply = server.ask("_sip._tcp.example.com", "SRV");
    assert_eq!(reply.answer(), ["_sip._tcp.example.com. 300 IN SRV 1 2 5060 mail.example.com."]);
    assert_eq!(reply.additional(), ["mail.example.com. 300 IN A 192.0.2.25"]);
    let reply = server.ask("example.com", "NS");
    assert_eq!(reply.answer(), ["example.com. 3600 IN NS ns1.example.com.", "example.com. 3600 IN NS ns.other.test."]);
    assert_eq!(reply.additional(), ["ns1.example.com. 3600 IN A 192.0.2.53"]);
}

#[test]
fn s3_6_2_aliases_are_followed_inside_our_zones() {
    let mut server = example(ZONE);
    let reply = server.ask("one.example.com", "A");
    assert_eq!(
        reply.answer(),
        [
            "one.example.com. 300 IN CNAME two.example.com.",
            "two.example.com. 300 IN CNAME alias.example.com.",
            "alias.example.com. 300 IN CNAME www.example.com.",
            "www.example.com. 300 IN A 192.0.2.1",
            "www.example.com. 300 IN A 192.0.2.2",
        ]
    );
    assert!(reply.is_authoritative());
    assert_eq!(server.ask("one.example.com", "CNAME").answer(), ["one.example.com. 300 IN CNAME two.example.com."]);
    let reply = server.ask("far.example.com", "A");
    assert_eq!((reply.rcode(), reply.answer().len(), reply.authority().len()), (NOERROR, 1, 0));
}

#[test]
fn s3_6_2_an_alias_of_nothing_is_nxdomain_with_the_alias_and_of_a_missing_type_nodata() {
    let mut server = example(ZONE);
    let reply = server.ask("gone.example.com", "A");
    assert_eq!(reply.rcode(), NXDOMAIN);
    assert_eq!(reply.answer(), ["gone.example.com. 300 IN CNAME missing.example.com."]);
    assert_eq!(reply.authority(), [SOA]);
    let reply = server.ask("alias.example.com", "TXT");
    assert_eq!((reply.rcode(), reply.answer().len()), (NOERROR, 1));
    assert_eq!(reply.authority(), [SOA]);
}

#[test]
fn s3_6_2_a_circle_of_aliases_ends() {
    let reply = example(ZONE).ask("loop1.example.com", "A");
    assert_eq!(reply.rcode(), NOERROR);
    assert_eq!(
        reply.answer(),
        ["loop1.example.com. 300 IN CNAME loop2.example.com.", "loop2.example.com. 300 IN CNAME loop1.example.com."]
    );
}

#[test]
fn s3_6_2_a_circle_through_a_wildcard_holds_no_record_twice() {
    let mut server = example("*.cn 300 CNAME a.cn\n*.p 300 CNAME x.q\n*.q 300 CNAME x.p\n*.far 300 CNAME up.far");
    let reply = server.ask("z.cn.example.com", "A");
    assert_eq!(reply.rcode(), NOERROR);
    assert_eq!(
        reply.answer(),
        ["z.cn.example.com. 300 IN CNAME a.cn.example.com.", "a.cn.example.com. 300 IN CNAME a.cn.example.com."]
    );
    // The name as it is asked for, in whatever case, is one of those that were followed.
    assert_eq!(server.ask("A.cn.example.com", "A").answer().len(), 1);
    let reply = server.ask("z.p.example.com", "A");
    assert_eq!(
        reply.answer(),
        [
            "z.p.example.com. 300 IN CNAME x.q.example.com.",
            "x.q.example.com. 300 IN CNAME x.p.example.com.",
            "x.p.example.com. 300 IN CNAME x.q.example.com.",
        ]
    );
    // A name that only begins like one that was followed is another.
    assert_eq!(server.ask("up.far.far.example.com", "A").answer().len(), 2);
}

#[test]
fn a_chain_of_aliases_is_followed_sixteen_links_and_no_further() {
    let lines: String = (0..40).map(|i| format!("c{i} 300 CNAME c{}\n", i + 1)).collect();
    let reply = example(&lines).ask_edns("c0.example.com", "A");
    assert_eq!((reply.rcode(), reply.answer().len(), reply.is_truncated()), (NOERROR, 16, false));
}

#[test]
fn s4_3_2_an_alias_into_another_zone_of_ours_is_followed_with_that_zone_s_soa() {
    let mut server = server(vec![
        zone("example.com", "a 300 CNAME www.example.net.\nb 300 CNAME no.example.net.\nw 300 A 192.0.2.9"),
        zone("example.net", "www 300 CNAME back\nback 300 CNAME w.example.com.\n"),
    ]);
    assert_eq!(
        server.ask("a.example.com", "A").answer(),
        [
            "a.example.com. 300 IN CNAME www.example.net.",
            "www.example.net. 300 IN CNAME back.example.net.",
            "back.example.net. 300 IN CNAME w.example.com.",
            "w.example.com. 300 IN A 192.0.2.9",
        ]
    );
    let reply = server.ask("b.example.com", "A");
    assert_eq!(reply.rcode(), NXDOMAIN);
    assert_eq!(
        reply.authority(),
        ["example.net. 30 IN SOA ns1.example.net. hostmaster.example.net. 1 3600 600 604800 30"]
    );
    let reply = server.ask("a.example.com", "TXT");
    assert_eq!(reply.rcode(), NOERROR);
    assert_eq!(reply.authority(), [SOA]);
}

#[test]
fn s4_2_1_below_a_cut_there_is_a_referral_with_glue() {
    let mut server = example(ZONE);
    for (name, qtype) in [
        ("sub.example.com", "A"),
        ("sub.example.com", "NS"),
        ("ns.sub.example.com", "A"),
        ("x.y.sub.example.com", "DS"),
    ] {
        let reply = server.ask(name, qtype);
        assert_eq!(reply.rcode(), NOERROR, "{name} {qtype}");
        assert!(!reply.is_authoritative());
        assert!(reply.answer().is_empty());
        assert_eq!(
            reply.authority(),
            [
                "sub.example.com. 3600 IN NS ns.sub.example.com.",
                "sub.example.com. 3600 IN NS ns1.example.com.",
                "sub.example.com. 3600 IN NS ns.elsewhere.test.",
            ]
        );
        assert_eq!(
            reply.additional(),
            [
                "ns.sub.example.com. 3600 IN A 192.0.2.54",
                "ns.sub.example.com. 3600 IN AAAA 2001:db8::54",
                "ns1.example.com. 3600 IN A 192.0.2.53",
            ]
        );
    }
}

#[test]
fn s3_6_2_an_alias_into_a_delegation_ends_in_a_referral() {
    let reply = example(ZONE).ask("into.example.com", "A");
    assert!(reply.is_authoritative());
    assert_eq!(reply.answer(), ["into.example.com. 300 IN CNAME host.sub.example.com."]);
    assert_eq!(reply.authority().len(), 3);
    assert_eq!(reply.additional().len(), 3);
}

#[test]
fn rfc4035_s3_1_4_1_ds_is_answered_by_the_parent_side_of_the_cut() {
    let mut parent = example(ZONE);
    let reply = parent.ask("sub.example.com", "DS");
    assert!(reply.is_authoritative());
    assert_eq!(reply.answer().len(), 1);
    let child = "@ 300 TXT child\nns 3600 A 192.0.2.54";
    let mut both = server(vec![zone("sub.example.com", child), zone("example.com", ZONE)]);
    let reply = both.ask("sub.example.com", "DS");
    assert!(reply.is_authoritative());
    assert_eq!(reply.answer().len(), 1);
    assert_eq!(both.ask("sub.example.com", "TXT").answer(), ["sub.example.com. 300 IN TXT child"]);
    assert_eq!(both.ask("sub.example.com", "NS").answer().len(), 2);
    assert_eq!(both.ask("ns.sub.example.com", "A").answer(), ["ns.sub.example.com. 3600 IN A 192.0.2.54"]);
    assert_eq!(both.ask("no.sub.example.com", "A").rcode(), NXDOMAIN);
    let mut unsigned = server(vec![zone("sub.example.com", child), zone("example.com", "sub 300 NS ns.sub")]);
    unsigned.ask("sub.example.com", "DS").assert_negative(NOERROR, SOA);
    let alone = server(vec![zone("sub.example.com", child)]).ask("sub.example.com", "DS");
    assert!(alone.authority()[0].starts_with("sub.example.com. 30 IN SOA"));
}

#[test]
fn rfc9471_s3_1_glue_below_the_cut_that_does_not_fit_truncates_and_other_glue_does_not() {
    let names = |zone: &str| -> String {
        (0..13)
            .map(|i| {
                let host = format!("name-{i}.{zone}");
                format!("sub 300 NS {host}\n{host} 300 A 192.0.2.{i}\n{host} 300 AAAA 2001:db8::{i}\n")
            })
            .collect()
    };
    let reply = example(&names("sub")).ask("www.sub.example.com", "A");
    assert!(reply.is_truncated() && reply.authority().is_empty() && reply.additional().is_empty());
    let reply = example(&names("hosts")).ask("www.sub.example.com", "A");
    assert!(!reply.is_truncated());
    assert_eq!(reply.authority().len(), 13);
    assert!(reply.bytes.len() <= 512);
    let reply = example(&names("sub")).ask_stream("www.sub.example.com", "A");
    assert_eq!((reply.authority().len(), reply.additional().len()), (13, 26));
}

#[test]
fn rfc3597_s3_unknown_types_are_passed_through_untouched() {
    let reply = example(ZONE).ask("unknown.example.com", "TYPE65280");
    assert!(reply.bytes.ends_with(&[0, 4, 1, 2, 0xc0, 0x0c]));
}

#[test]
fn rfc3597_s4_names_in_new_types_are_not_compressed() {
    let reply = example(ZONE).ask("_sip._tcp.example.com", "SRV");
    let target = b"\x04mail\x07example\x03com\x00";
    assert!(reply.bytes.windows(target.len()).any(|window| window == target));
}

#[test]
fn outside_our_zones_we_refuse_and_say_why() {
    let mut server = example(ZONE);
    for name in ["example.org", "com", ".", "xexample.com"] {
        let reply = server.ask_edns(name, "A");
        assert_eq!(reply.rcode(), REFUSED, "{name}");
        assert!(!reply.is_authoritative());
        assert_eq!(reply.extended_error(), Some(20));
    }
    for qtype in ["AXFR", "IXFR"] {
        assert_eq!(server.ask("example.com", qtype).rcode(), REFUSED);
    }
    assert_eq!(server.udp(&query("www.example.com", "A").class(4).build()).rcode(), REFUSED);
    let any = server.udp(&query("www.example.com", "A").class(255).build());
    assert_eq!((any.answer().len(), any.is_authoritative()), (2, false));
}

#[test]
fn rfc1035_s4_1_the_question_is_echoed_in_its_case_with_id_opcode_rd_and_cd() {
    let mut server = example(ZONE);
    let mut message = query("wWw.ExAmPlE.cOm", "A").build();
    message[3] |= 0x30; // AD and CD
    let reply = server.udp(&message);
    assert_eq!(reply.bytes[12..33], message[12..33]);
    assert_eq!(reply.bytes[..4], [4711u16.to_be_bytes()[0], 4711u16.to_be_bytes()[1], 0x85, 0x10]);
    assert_eq!(reply.answer().len(), 2);
}

#[test]
fn rfc1035_s4_1_1_other_opcodes_are_not_implemented() {
    let mut server = example(ZONE);
    for opcode in 1..16u8 {
        let mut message = query("www.example.com", "A").udp_size(1232).build();
        message[2] |= opcode << 3;
        let reply = server.raw(&message, Transport::Udp).unwrap();
        assert_eq!(u16::from(reply[3] & 15), NOTIMP);
        assert_eq!(reply[2], 0x81 | opcode << 3);
        assert_eq!(reply[11], 1, "the OPT record");
    }
}

#[test]
fn rfc1035_s4_1_malformed_messages_get_formerr_or_silence() {
    let mut server = example(ZONE);
    let good = query("www.example.com", "A").build();
    let mut cases = vec![];
    for (at, value) in [(5, 0), (5, 2), (7, 1), (9, 1), (11, 1), (12, 0xc0), (12, 64), (12, 63), (12, 2)] {
        let mut message = good.clone();
        message[at] = value;
        cases.push(message);
    }
    cases.push([&good[..], &[0]].concat());
    cases.push(good[..good.len() - 1].to_vec());
    cases.push(good[..12].to_vec());
    for message in cases {
        let reply = server.udp(&message);
        assert_eq!(reply.rcode(), FORMERR, "{message:02x?}");
        assert!(reply.answer().is_empty());
    }
    let mut response = good.clone();
    response[2] |= 0x80;
    for message in [&response[..], &good[..11], &[]] {
        assert!(server.raw(message, Transport::Udp).is_none());
    }
    server.source.set_port(0);
    assert!(server.raw(&good, Transport::Udp).is_none());
}

#[test]
fn rfc2181_s9_what_does_not_fit_is_truncated_without_data() {
    let lines: String = (0..60).map(|i| format!("big 300 A 192.0.2.{i}\n")).collect();
    let mut server = example(&lines);
    let reply = server.ask("big.example.com", "A");
    assert!(reply.is_truncated() && reply.is_authoritative() && reply.answer().is_empty());
    assert_eq!(reply.bytes.len(), 12 + 17 + 4);
    assert_eq!(server.ask_edns("big.example.com", "A").answer().len(), 60);
    assert_eq!(server.ask_stream("big.example.com", "A").answer().len(), 60);
    let lines: String = (0..200).map(|i| format!("big 300 A 192.0.2.{i}\n")).collect();
    let reply = example(&lines).udp(&query("big.example.com", "A").udp_size(65_000).build());
    assert!(reply.is_truncated() && reply.message.edns.is_some());
}

#[test]
fn rfc2181_s5_an_rrset_has_one_ttl_and_no_record_twice() {
    let reply = example("x 300 A 192.0.2.1\nx 60 A 192.0.2.2\nx 300 A 192.0.2.1").ask("x.example.com", "A");
    assert_eq!(reply.answer(), ["x.example.com. 60 IN A 192.0.2.1", "x.example.com. 60 IN A 192.0.2.2"]);
}

#[test]
fn additional_addresses_that_do_not_fit_are_dropped_without_tc() {
    let lines: String =
        (0..16).map(|i| format!("@ 300 MX {i} exchanger-{i}\nexchanger-{i} 300 A 192.0.2.{i}\n")).collect();
    let reply = example(&lines).ask("example.com", "MX");
    assert!(!reply.is_truncated());
    assert_eq!(reply.answer().len(), 16);
    assert!(reply.additional().len() < 16);
}

#[test]
fn rfc4892_the_server_says_who_it_is_and_hides_its_version() {
    let mut server = example(ZONE);
    let ask = |name: &str| query(name, "TXT").class(3).build();
    let identity = geosteer::state::Identity { nsid: Some("ams-1".into()), ..Default::default() };
    server.state.identity = std::sync::Arc::new(identity);
    let reply = server.udp(&ask("ID.server"));
    assert_eq!(reply.answer(), ["ID.server. 0 CH TXT ams-1"]);
    assert_eq!(server.udp(&ask("hostname.bind")).answer().len(), 1);
    assert_eq!(server.udp(&ask("version.bind")).rcode(), REFUSED);
    let reply = server.udp(&query("www.example.com", "A").nsid().build());
    assert!(reply.bytes.windows(5).any(|window| window == b"ams-1"));
    assert!(!server.ask_edns("www.example.com", "A").bytes.windows(5).any(|window| window == b"ams-1"));
}
