//! RFC 6891: EDNS, and RFC 8914's extended errors.

mod answers;

use answers::{FORMERR, NOERROR, example, query};

const ZONE: &str = "www 300 A 192.0.2.1\nbig 300 TXT a\nbig 300 TXT b";

fn message() -> Vec<u8> {
    query("www.example.com", "A").udp_size(4096).build()
}

#[test]
fn s6_1_1_a_reply_has_an_opt_record_exactly_if_the_query_had_one() {
    let mut server = example(ZONE);
    let reply = server.udp(&message());
    let edns = reply.message.edns.as_ref().unwrap();
    assert_eq!((edns.max_payload(), edns.version(), edns.flags().dnssec_ok), (1232, 0, false));
    assert!(server.ask("www.example.com", "A").message.edns.is_none());
}

#[test]
fn s6_1_1_two_opt_records_are_a_format_error() {
    let mut twice = message();
    let opt = twice[twice.len() - 11..].to_vec();
    twice.extend_from_slice(&opt);
    twice[11] = 2;
    assert_eq!(example(ZONE).udp(&twice).rcode(), FORMERR);
}

#[test]
fn s6_1_1_an_opt_record_is_found_anywhere_in_the_additional_section_and_nowhere_else() {
    let mut server = example(ZONE);
    let plain = query("www.example.com", "A").build();
    let opt = message()[plain.len()..].to_vec();
    let record = [&[0xc0, 12][..], &[0, 16, 0, 1, 0, 0, 0, 0, 0, 1, 0]].concat();
    for parts in [[&opt, &record], [&record, &opt]] {
        let mut both = [&plain[..], parts[0], parts[1]].concat();
        both[11] = 2;
        let reply = server.udp(&both);
        assert_eq!((reply.rcode(), reply.message.edns.is_some()), (NOERROR, true));
    }
    for section in [7, 9] {
        let mut elsewhere = [&plain[..], &opt].concat();
        elsewhere[section] = 1;
        assert_eq!(server.udp(&elsewhere).rcode(), FORMERR);
    }
}

#[test]
fn s6_1_2_an_owner_other_than_the_root_and_options_cut_short_are_format_errors() {
    let mut server = example(ZONE);
    let plain = query("www.example.com", "A").build();
    let mut named = [&plain[..], &[1, b'x'], &message()[plain.len()..]].concat();
    named[11] = 1;
    assert_eq!(server.udp(&named).rcode(), FORMERR);
    for data in [&[0][..], &[0, 10, 0], &[0, 10, 0, 5, 1]] {
        let mut cut = message();
        let at = cut.len() - 1;
        cut[at] = data.len() as u8;
        cut.extend_from_slice(data);
        assert_eq!(server.udp(&cut).rcode(), FORMERR, "{data:?}");
    }
}

#[test]
fn s6_1_3_another_version_is_badvers_without_an_answer() {
    let mut other = message();
    let version = other.len() - 5;
    other[version] = 1;
    let reply = example(ZONE).udp(&other);
    assert_eq!(reply.rcode(), 16);
    assert!(reply.answer().is_empty());
    assert_eq!(reply.message.edns.as_ref().unwrap().version(), 0);
}

#[test]
fn s6_1_4_unknown_options_and_flags_are_ignored_and_do_is_copied() {
    let mut server = example(ZONE);
    let mut message = query("www.example.com", "A").dnssec_ok().option(65001, b"hello").option(10, &[7; 8]).build();
    let flags = message.len() - 2 - 4 - 5 - 4 - 8 - 1;
    message[flags] |= 0x55;
    let reply = server.udp(&message);
    assert_eq!((reply.rcode(), reply.answer().len()), (NOERROR, 1));
    assert!(reply.message.edns.as_ref().unwrap().flags().dnssec_ok);
    assert_eq!(reply.message.edns.as_ref().unwrap().flags().z, 0);
    assert_eq!(reply.option(65001), None);
}

#[test]
fn s6_2_3_a_size_below_512_counts_as_512() {
    let lines: String = (0..30).map(|i| format!("x 300 A 192.0.2.{i}\n")).collect();
    let mut server = example(&lines);
    for (size, fits) in [(0, false), (511, false), (512, false), (521, false), (522, true), (1232, true), (65535, true)]
    {
        let reply = server.udp(&query("x.example.com", "A").udp_size(size).build());
        assert_eq!(!reply.is_truncated(), fits, "{size}");
        assert!(reply.message.edns.is_some());
    }
}

#[test]
fn s7_errors_keep_the_opt_record() {
    let mut server = example(ZONE);
    let mut response = message();
    response.push(0);
    let reply = server.udp(&response);
    assert_eq!((reply.rcode(), reply.message.edns.is_some()), (FORMERR, true));
    assert!(server.ask_edns("example.org", "A").message.edns.is_some());
}
