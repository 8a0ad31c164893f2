//! RFC 5936: whole zones (AXFR).

use crate::common::{Server, ZONE, question, records, snapshot_of};
use geosteer::respond::Transport;
use hickory_proto::op::MessageType;

#[test]
fn section_2_2_the_zone_stands_between_its_soa_record_twice() {
    let mut server = Server::new(ZONE);
    let messages = server.tcp(&question("example.com", "AXFR").build());
    let all = records(&messages);
    let soa = all.first().unwrap();
    assert!(soa.starts_with("example.com. 3600 IN SOA ns1.example.com. hostmaster."), "{soa}");
    assert_eq!(all.last(), Some(soa));
    assert_eq!(all.iter().filter(|record| record.contains(" SOA ")).count(), 2);
    let mut between: Vec<_> = all[1..all.len() - 1].iter().map(|record| record.to_lowercase()).collect();
    between.sort();
    let wanted = [
        "*.wild.example.com. 3600 in txt a wildcardof two",
        "_sip._tcp.example.com. 3600 in srv 1 2 5060 mail.example.com.",
        "alias.example.com. 3600 in cname mail.example.com.",
        "example.com. 3600 in mx 10 mail.example.com.",
        "example.com. 3600 in ns ns1.example.com.",
        "example.com. 3600 in ns ns2.example.net.",
        "mail.example.com. 3600 in aaaa 2001:db8::25",
        "ns.sub.example.com. 3600 in a 192.0.2.54",
        "ns1.example.com. 3600 in a 192.0.2.53",
        "sub.example.com. 3600 in ns ns.sub.example.com.",
    ];
    let known: Vec<_> = between
        .iter()
        .filter(|record| !record.contains("type") && !record.contains("unknown") && !record.contains("dname"))
        .collect();
    assert_eq!(known, wanted);
    assert_eq!(between.len(), wanted.len() + 2, "a DNAME, and a type that nobody knows: {between:?}");
}

#[test]
fn section_2_2_1_headers_say_that_it_is_our_answer_to_this_question() {
    let mut server = Server::new(ZONE);
    for message in server.tcp(&question("eXample.com", "AXFR").recursion_desired().build()) {
        let metadata = &message.metadata;
        assert_eq!((metadata.id, metadata.message_type), (4711, MessageType::Response));
        assert!(
            metadata.authoritative
                && metadata.recursion_desired
                && !metadata.truncation
                && !metadata.recursion_available
        );
        assert_eq!(message.queries.len(), 1);
        assert_eq!(message.queries[0].name().to_string(), "eXample.com.", "as it was asked");
    }
}

#[test]
fn section_2_2_messages_hold_many_records_and_a_zone_takes_as_many_messages_as_it_needs() {
    let lines: String = (0..5_000).map(|host| format!("host{host} A 192.0.2.{}\\n", host % 250)).collect();
    let mut server = Server::new(
        &ZONE.replace("records.text = \"\"\"\n", &format!("records.text = \"\"\"\n{}", lines.replace("\\n", "\n"))),
    );
    let bytes = server.ask(&question("example.com", "AXFR").build(), Transport::Stream);
    assert!((5..20).contains(&bytes.len()), "{}", bytes.len());
    assert!(bytes.iter().all(|message| message.len() <= 16_000));
    let messages: Vec<_> = bytes.iter().map(|bytes| crate::common::decode(bytes)).collect();
    let hosts = records(&messages).iter().filter(|record| record.starts_with("host")).count();
    assert_eq!(hosts, 5_000);
}

#[test]
fn section_2_2_5_the_first_message_has_an_opt_record_if_the_question_had_one() {
    let mut server = Server::new(ZONE);
    let with = server.tcp(&question("example.com", "AXFR").dnssec_ok().build());
    assert!(with[0].edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok));
    let without = server.tcp(&question("example.com", "AXFR").build());
    assert!(without[0].edns.is_none());
}

#[test]
fn section_2_2_1_who_may_not_have_it_is_refused_and_what_is_no_zone_of_ours_is_not_ours() {
    let mut server = Server::new(ZONE);
    assert_eq!(server.rcode(&question("example.org", "AXFR").build(), Transport::Stream), 9);
    assert_eq!(server.rcode(&question("mail.example.com", "AXFR").build(), Transport::Stream), 9, "a name is no zone");
    server.source = "198.51.100.7:4242".parse().unwrap();
    assert_eq!(server.rcode(&question("example.com", "AXFR").build(), Transport::Stream), 5);
    let said = server.tcp(&question("example.com", "AXFR").udp_size(1_232).build());
    assert_eq!(said[0].answers.len(), 0);
    let counts = &server.state.identity.transfers.shared.counts;
    assert_eq!(counts.refused(), 2);
    let mut closed = Server::new(&ZONE.replace("transfer = { from = [\"192.0.2.0/24\"] }", ""));
    assert_eq!(closed.rcode(&question("example.com", "AXFR").build(), Transport::Stream), 5);
}

#[test]
fn section_4_2_there_is_no_whole_zone_over_udp_nor_over_https_and_quic() {
    let mut server = Server::new(ZONE);
    for transport in [Transport::Udp, Transport::Https, Transport::Quic] {
        assert_eq!(server.rcode(&question("example.com", "AXFR").build(), transport), 5, "{transport:?}");
    }
    assert_eq!(server.tcp(&question("example.com", "AXFR").build()).len(), 1);
    assert!(!server.ask(&question("example.com", "AXFR").build(), Transport::Tls).is_empty());
}

/// RFC 5936 §3.2: what the parent says of a zone that stands on the same server is the parent's to give.
#[test]
fn section_3_2_the_glue_of_a_delegation_goes_with_it_even_if_the_delegated_zones_are_held_too() {
    let deep = "deep.sub NS ns.deep.sub\nns.deep.sub A 192.0.2.55\n";
    let child = "zone = \"sub.example.com\"\nns = [\"ns.sub.example.com\"]\ntransfer = { from = [\"192.0.2.0/24\"] }\nrecords.text = \"\"\"\nns A 192.0.2.99\nmx A 192.0.2.98\ndeep NS ns.deep\nns.deep AAAA 2001:db8::55\n\"\"\"\n";
    let inner =
        "zone = \"deep.sub.example.com\"\nns = [\"ns.deep.sub.example.com\"]\nrecords.text = \"ns A 192.0.2.97\"\n";
    let parent = ZONE.replace("ns.sub A     192.0.2.54\n", &format!("ns.sub A     192.0.2.54\n{deep}"));
    let of = |server: &mut Server, zone: &str| {
        let mut all = records(&server.tcp(&question(zone, "AXFR").build()));
        all.retain(|record| record.contains("sub.example.com.") && !record.contains(" SOA "));
        all.sort();
        all
    };
    let wanted = [
        "deep.sub.example.com. 3600 IN NS ns.deep.sub.example.com.",
        "ns.deep.sub.example.com. 3600 IN A 192.0.2.55",
        "ns.sub.example.com. 3600 IN A 192.0.2.54",
        "sub.example.com. 3600 IN NS ns.sub.example.com.",
    ];
    assert_eq!(of(&mut Server::new(&parent), "example.com"), wanted);
    let mut server = Server::of(snapshot_of(&[&parent, child, inner]));
    assert_eq!(of(&mut server, "example.com"), wanted, "and nothing of the others");
    let wanted = [
        "deep.sub.example.com. 3600 IN NS ns.deep.sub.example.com.",
        "mx.sub.example.com. 3600 IN A 192.0.2.98",
        "ns.deep.sub.example.com. 3600 IN AAAA 2001:db8::55",
        "ns.sub.example.com. 3600 IN A 192.0.2.99",
        "sub.example.com. 3600 IN NS ns.sub.example.com.",
    ];
    assert_eq!(of(&mut server, "sub.example.com"), wanted);
    let asked = records(&server.tcp(&question("ns.sub.example.com", "A").build()));
    assert_eq!(asked, ["ns.sub.example.com. 3600 IN A 192.0.2.99"], "who asks gets what the closest zone says");
}

#[test]
fn section_3_balanced_names_are_left_out_or_stand_as_the_default_row_fails_open() {
    let steered = "[regions]\neurope.continents = [\"EU\"]\n[pools]\nfra = { check = \"none\", endpoints = [\"192.0.2.10\", \"192.0.2.11\", { address = \"192.0.2.12\", state = \"down\" }] }\nnyc = { check = \"none\", endpoints = [{ address = [\"198.51.100.10\", \"2001:db8::10\"] }] }\n[names]\nwww.policy = { europe = [\"nyc\"], default = [\"fra\", \"nyc\"] }\nnot = { policy = { default = [\"fra\"] }, fallback = \"servfail\" }\nlast = { policy = { default = [\"fra\"] }, fallback = { pool = \"nyc\" }, ttl = 60 }\n";
    let of_names = |text: &str| {
        let mut server = Server::new(&format!("{text}{steered}"));
        let all = records(&server.tcp(&question("example.com", "AXFR").build()));
        let names = ["www.", "not.", "last."];
        let mut found: Vec<_> =
            all.into_iter().filter(|record| names.iter().any(|name| record.starts_with(name))).collect();
        found.sort();
        let left_out = server.state.identity.transfers.offers[0].as_ref().unwrap().edition.left_out;
        (found, left_out)
    };
    assert_eq!(of_names(ZONE), (Vec::new(), 3));
    let open = ZONE.replace("192.0.2.0/24\"] }", "192.0.2.0/24\"], balanced = \"fail-open\" }");
    let wanted = [
        "last.example.com. 60 IN A 198.51.100.10",
        "last.example.com. 60 IN AAAA 2001:db8::10",
        "www.example.com. 30 IN A 192.0.2.10",
        "www.example.com. 30 IN A 192.0.2.11",
    ];
    assert_eq!(of_names(&open), (wanted.map(str::to_owned).to_vec(), 1));
}
