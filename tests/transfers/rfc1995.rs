//! RFC 1995: what changed in a zone (IXFR).

use crate::common::{NOW, Server, ZONE, changes_since, question, records};
use geosteer::respond::Transport;

fn with(serial: u32, line: &str) -> String {
    ZONE.replace("serial = 7", &format!("serial = {serial}")).replace("ns1    A", &format!("{line}\nns1    A"))
}

fn serial(record: &str) -> Option<u32> {
    record.contains(" SOA ").then(|| record.split(' ').nth(6).unwrap().parse().unwrap())
}

#[test]
fn section_2_who_has_the_newest_zone_gets_its_soa_record_alone() {
    let mut server = Server::new(ZONE);
    for has in [7, 8, 7 + (1 << 31) - 1] {
        let all = records(&server.tcp(&changes_since(has)));
        assert_eq!((all.len(), serial(&all[0])), (1, Some(7)), "{has}");
    }
}

#[test]
fn section_2_over_udp_the_soa_record_says_that_there_is_something_new() {
    let mut server = Server::new(ZONE);
    let messages = server.ask(&changes_since(3), Transport::Udp);
    let message = crate::common::decode(&messages[0]);
    assert!(message.metadata.authoritative);
    assert_eq!(serial(&message.answers[0].to_string()), Some(7));
    server.source = "198.51.100.7:4242".parse().unwrap();
    assert_eq!(server.rcode(&changes_since(3), Transport::Udp), 5);
}

#[test]
fn section_3_a_question_without_the_serial_is_malformed() {
    let mut server = Server::new(ZONE);
    assert_eq!(server.rcode(&question("example.com", "IXFR").build(), Transport::Stream), 1);
}

#[test]
fn section_4_changes_stand_between_the_soa_records_before_and_after() {
    let mut server = Server::new(&with(7, "a A 192.0.2.1"));
    server.reload(&with(8, "a A 192.0.2.2"));
    server.reload(&with(11, "b A 192.0.2.2"));
    let all = records(&server.tcp(&changes_since(7)));
    let shown: Vec<_> =
        all.iter().map(|record| serial(record).map_or_else(|| record.clone(), |serial| serial.to_string())).collect();
    assert_eq!(
        shown,
        [
            "11",
            "7",
            "a.example.com. 3600 IN A 192.0.2.1",
            "8",
            "a.example.com. 3600 IN A 192.0.2.2",
            "8",
            "a.example.com. 3600 IN A 192.0.2.2",
            "11",
            "b.example.com. 3600 IN A 192.0.2.2",
            "11",
        ]
    );
    assert_eq!(records(&server.tcp(&changes_since(8))).len(), 6);
}

#[test]
fn section_4_without_the_changes_the_whole_zone_is_sent() {
    let mut server = Server::new(&with(7, "a A 192.0.2.1"));
    server.reload(&with(8, "a A 192.0.2.2"));
    let whole = records(&server.tcp(&question("example.com", "AXFR").build()));
    assert_eq!(records(&server.tcp(&changes_since(5))), whole);
    // So many changes that the zone itself is shorter.
    for serial in 9..60 {
        server.reload(&with(serial, &format!("a TXT \"{}\"", "x".repeat(serial as usize))));
    }
    assert!(!records(&server.tcp(&changes_since(7)))[1].contains(" SOA "), "the whole zone");
    assert!(serial(&records(&server.tcp(&changes_since(58)))[1]) == Some(58), "the change");
    assert_eq!(NOW, server.state.identity.transfers.shared.now());
}
