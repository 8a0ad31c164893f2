//! RFC 4592: wildcards.

mod answers;

use answers::{NOERROR, NXDOMAIN, SOA, example};

/// The zone of RFC 4592 §2.2.1, and more.
const ZONE: &str = "
    *        3600 TXT wildcard
    *        3600 MX 10 host1
    sub.*    3600 TXT middle
    host1    3600 A 192.0.2.1
    _ssh._tcp.host1 3600 SRV 0 0 22 host1
    _ssh._tcp.host2 3600 SRV 0 0 22 host1
    subdel   3600 NS ns.other.test.
    *.alias  300 CNAME host1
    *.far    300 CNAME x.alias
    *.empty.a 300 A 192.0.2.7
    x.*.b    300 A 192.0.2.8";

#[test]
fn s2_2_1_the_answers_of_the_rfc_s_own_example() {
    let mut server = example(ZONE);
    let reply = server.ask("host3.example.com", "MX");
    assert_eq!(reply.answer(), ["host3.example.com. 3600 IN MX 10 host1.example.com."]);
    assert_eq!(reply.additional(), ["host1.example.com. 3600 IN A 192.0.2.1"]);
    assert!(reply.is_authoritative());
    server.ask("host3.example.com", "A").assert_negative(NOERROR, SOA);
    let reply = server.ask("foo.bar.example.com", "TXT");
    assert_eq!(reply.answer(), ["foo.bar.example.com. 3600 IN TXT wildcard"]);
    server.ask("host1.example.com", "MX").assert_negative(NOERROR, SOA);
    assert_eq!(server.ask("sub.*.example.com", "MX").rcode(), NOERROR);
    server.ask("_telnet._tcp.host1.example.com", "SRV").assert_negative(NXDOMAIN, SOA);
    let reply = server.ask("host.subdel.example.com", "A");
    assert_eq!((reply.answer().len(), reply.authority().len(), reply.is_authoritative()), (0, 1, false));
    assert_eq!(server.ask("ghost.*.example.com", "MX").rcode(), NXDOMAIN);
}

#[test]
fn s2_2_2_empty_non_terminals_block_the_wildcard() {
    let mut server = example(ZONE);
    server.ask("_tcp.host2.example.com", "TXT").assert_negative(NOERROR, SOA);
    server.ask("host2.example.com", "TXT").assert_negative(NOERROR, SOA);
    server.ask("x.host2.example.com", "TXT").assert_negative(NXDOMAIN, SOA);
    server.ask("a.example.com", "TXT").assert_negative(NOERROR, SOA);
    server.ask("x.a.example.com", "TXT").assert_negative(NXDOMAIN, SOA);
    assert_eq!(server.ask("q.empty.a.example.com", "A").answer().len(), 1);
}

#[test]
fn s2_2_3_an_asterisk_in_the_middle_is_a_name_like_others_and_a_source_without_data() {
    let mut server = example(ZONE);
    assert_eq!(server.ask("x.*.b.example.com", "A").answer(), ["x.*.b.example.com. 300 IN A 192.0.2.8"]);
    server.ask("y.b.example.com", "A").assert_negative(NOERROR, SOA);
    server.ask("x.y.b.example.com", "A").assert_negative(NOERROR, SOA);
    server.ask("y.*.b.example.com", "A").assert_negative(NXDOMAIN, SOA);
}

#[test]
fn s3_3_3_the_closest_encloser_decides() {
    let mut server = example(ZONE);
    server.ask("x.host1.example.com", "TXT").assert_negative(NXDOMAIN, SOA);
    server.ask("no.alias.example.com", "TXT").assert_alias();
}

#[test]
fn s4_3_a_wildcard_cname_is_synthesised_and_followed() {
    let mut server = example(ZONE);
    assert_eq!(
        server.ask("q.far.example.com", "A").answer(),
        [
            "q.far.example.com. 300 IN CNAME x.alias.example.com.",
            "x.alias.example.com. 300 IN CNAME host1.example.com.",
            "host1.example.com. 3600 IN A 192.0.2.1",
        ]
    );
}

#[test]
fn s2_1_3_asking_for_the_asterisk_itself_finds_it() {
    let mut server = example(ZONE);
    assert_eq!(server.ask("*.example.com", "TXT").answer(), ["*.example.com. 3600 IN TXT wildcard"]);
    assert_eq!(
        server.ask("*.alias.example.com", "CNAME").answer(),
        ["*.alias.example.com. 300 IN CNAME host1.example.com."]
    );
    assert_eq!(server.ask("*.example.com", "MX").answer(), ["*.example.com. 3600 IN MX 10 host1.example.com."]);
}

trait AssertAlias {
    fn assert_alias(&self);
}

impl AssertAlias for answers::Reply {
    /// One alias, then the SOA of NODATA.
    #[track_caller]
    fn assert_alias(&self) {
        assert_eq!((self.rcode(), self.answer().len(), self.authority().len()), (NOERROR, 1, 1));
    }
}
