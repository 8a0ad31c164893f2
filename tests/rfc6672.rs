//! RFC 6672: DNAME.

mod answers;

use answers::{NOERROR, NXDOMAIN, SOA, example, query, server, zone};
use geosteer::dnssec::{Algorithm, Key, Role, Signer};
use geosteer::snapshot::Signing;
use std::collections::BTreeSet;
use std::sync::Arc;

const ZONE: &str = "
    frobozz 300 DNAME target
    frobozz 300 TXT beside
    hidden.frobozz 300 A 192.0.2.66
    www.target 300 A 192.0.2.1
    away 60 DNAME elsewhere.test.
    spin 60 DNAME x.spin
    net 60 DNAME example.net.
    alias 300 CNAME www.frobozz
    *.wild.target 300 A 192.0.2.2";

#[test]
fn s2_2_names_below_are_redirected_with_a_synthesised_cname() {
    let mut server = example(ZONE);
    let reply = server.ask("www.frobozz.example.com", "A");
    assert_eq!(reply.rcode(), NOERROR);
    assert!(reply.is_authoritative());
    assert_eq!(
        reply.answer(),
        [
            "frobozz.example.com. 300 IN DNAME target.example.com.",
            "www.frobozz.example.com. 300 IN CNAME www.target.example.com.",
            "www.target.example.com. 300 IN A 192.0.2.1",
        ]
    );
    let reply = server.ask("a.b.away.example.com", "A");
    assert_eq!(
        reply.answer(),
        ["away.example.com. 60 IN DNAME elsewhere.test.", "a.b.away.example.com. 60 IN CNAME a.b.elsewhere.test.",]
    );
    let reply = server.ask("q.wild.frobozz.example.com", "A");
    assert_eq!(reply.answer()[2], "q.wild.target.example.com. 300 IN A 192.0.2.2");
}

#[test]
fn s2_3_the_owner_itself_is_not_redirected() {
    let mut server = example(ZONE);
    assert_eq!(server.ask("frobozz.example.com", "TXT").answer(), ["frobozz.example.com. 300 IN TXT beside"]);
    assert_eq!(
        server.ask("frobozz.example.com", "DNAME").answer(),
        ["frobozz.example.com. 300 IN DNAME target.example.com."]
    );
    server.ask("frobozz.example.com", "A").assert_negative(NOERROR, SOA);
}

#[test]
fn s2_4_records_below_a_dname_are_hidden() {
    let reply = example(ZONE).ask("hidden.frobozz.example.com", "A");
    assert_eq!(reply.rcode(), NXDOMAIN);
    assert_eq!(reply.answer()[1], "hidden.frobozz.example.com. 300 IN CNAME hidden.target.example.com.");
    assert_eq!(reply.authority(), [SOA]);
}

#[test]
fn s2_2_a_name_that_becomes_too_long_is_yxdomain_with_the_dname() {
    let long = format!("x 300 DNAME {0}.{0}.{0}.example.com.", "t".repeat(60));
    let mut server = example(&long);
    let reply = server.ask(&format!("{}.x.example.com", "q".repeat(63)), "A");
    assert_eq!(reply.rcode(), 6);
    assert_eq!(reply.answer().len(), 1);
    let reply = server.ask("q.x.example.com", "A");
    assert_eq!((reply.rcode(), reply.answer().len()), (NXDOMAIN, 2));
}

#[test]
fn s3_2_a_dname_that_feeds_itself_ends_and_stands_in_the_answer_once() {
    let reply = example(ZONE).ask_stream("a.spin.example.com", "A");
    assert_eq!(reply.rcode(), NOERROR);
    let answer = reply.answer();
    assert_eq!(answer.len(), 17);
    assert_eq!(answer[0], "spin.example.com. 60 IN DNAME x.spin.example.com.");
    assert_eq!(answer[1], "a.spin.example.com. 60 IN CNAME a.x.spin.example.com.");
    assert_eq!(answer[2], "a.x.spin.example.com. 60 IN CNAME a.x.x.spin.example.com.");
    assert_each_once(&answer);
}

#[test]
fn s3_2_a_circle_of_dnames_holds_no_record_twice_signed_or_not() {
    const CIRCLE: &str = "da 300 DNAME db\ndb 300 DNAME da\nin 60 CNAME x.da";
    let expected = [
        "da.example.com. 300 IN DNAME db.example.com.",
        "x.da.example.com. 300 IN CNAME x.db.example.com.",
        "db.example.com. 300 IN DNAME da.example.com.",
        "x.db.example.com. 300 IN CNAME x.da.example.com.",
    ];
    let mut plain = example(CIRCLE);
    let reply = plain.ask("x.da.example.com", "A");
    assert_eq!((reply.rcode(), reply.is_truncated()), (NOERROR, false));
    assert_eq!(reply.answer(), expected);
    assert_eq!(plain.ask("in.example.com", "A").answer()[1..], expected);
    let mut spec = zone("example.com", CIRCLE);
    let key = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
    spec.signing = Signing::On(Arc::new(Signer::new(&spec.apex, vec![key], 1_800_000_000)));
    let reply = server(vec![spec]).udp(&query("x.da.example.com", "A").dnssec_ok().udp_size(4096).build());
    let answer = reply.answer();
    // A signature behind each DNAME; the CNAMEs are made of them and have none.
    assert_eq!(answer.len(), 6, "{answer:#?}");
    assert_each_once(&answer);
}

/// RFC 2181 §5: an RRset holds no record twice.
fn assert_each_once(answer: &[String]) {
    let distinct: BTreeSet<&String> = answer.iter().collect();
    assert_eq!(distinct.len(), answer.len(), "{answer:#?}");
}

#[test]
fn s3_2_a_cname_may_lead_below_a_dname_and_a_dname_into_another_zone() {
    let mut server = server(vec![zone("example.com", ZONE), zone("example.net", "a 300 CNAME b\nb 300 A 192.0.2.3")]);
    assert_eq!(
        server.ask("alias.example.com", "A").answer(),
        [
            "alias.example.com. 300 IN CNAME www.frobozz.example.com.",
            "frobozz.example.com. 300 IN DNAME target.example.com.",
            "www.frobozz.example.com. 300 IN CNAME www.target.example.com.",
            "www.target.example.com. 300 IN A 192.0.2.1",
        ]
    );
    assert_eq!(
        server.ask("a.net.example.com", "A").answer(),
        [
            "net.example.com. 60 IN DNAME example.net.",
            "a.net.example.com. 60 IN CNAME a.example.net.",
            "a.example.net. 300 IN CNAME b.example.net.",
            "b.example.net. 300 IN A 192.0.2.3",
        ]
    );
}

#[test]
fn s5_2_a_dname_at_the_apex_redirects_everything_below_but_not_the_apex() {
    let text = "@ 60 SOA ns.x. host.x. 1 2 3 4 5\n@ 60 NS ns.x.\n@ 60 DNAME example.net.";
    let mut server = example(text);
    assert_eq!(server.ask("example.com", "NS").answer().len(), 1);
    assert_eq!(
        server.ask("a.b.example.com", "A").answer(),
        ["example.com. 60 IN DNAME example.net.", "a.b.example.com. 60 IN CNAME a.b.example.net."]
    );
}
