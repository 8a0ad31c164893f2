//! RFC 8482: minimal answers to ANY.

mod answers;

use answers::{NOERROR, NXDOMAIN, SOA, example};

const ZONE: &str = "
    www 300 A 192.0.2.1
    www 300 TXT x
    alias 300 CNAME www
    *.wild 300 TXT x
    a.ent 300 TXT x
    sub 300 NS ns.other.test.";

#[test]
fn s4_2_names_with_data_get_one_hinfo() {
    let mut server = example(ZONE);
    for name in ["www.example.com", "example.com", "q.wild.example.com"] {
        let reply = server.ask(name, "ANY");
        assert_eq!((reply.rcode(), reply.is_authoritative()), (NOERROR, true));
        assert_eq!(reply.answer(), [format!("{name}. 3600 IN HINFO RFC8482 ")]);
        assert!(reply.authority().is_empty() && reply.additional().is_empty());
    }
}

#[test]
fn s4_2_an_alias_is_answered_as_it_is() {
    assert_eq!(
        example(ZONE).ask("alias.example.com", "ANY").answer(),
        ["alias.example.com. 300 IN CNAME www.example.com."]
    );
}

#[test]
fn missing_names_empty_ones_and_cuts_are_what_they_are_for_other_types() {
    let mut server = example(ZONE);
    server.ask("no.example.com", "ANY").assert_negative(NXDOMAIN, SOA);
    server.ask("ent.example.com", "ANY").assert_negative(NOERROR, SOA);
    let reply = server.ask("x.sub.example.com", "ANY");
    assert_eq!((reply.authority().len(), reply.is_authoritative()), (1, false));
}
