//! RFC 2308: negative answers.

mod answers;

use answers::{NOERROR, NXDOMAIN, SOA, example, query, server, zone};
use geosteer::dnssec::{Algorithm, Key, Role, Signer};
use geosteer::snapshot::Signing;
use std::sync::Arc;

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

/// RFC 2308 §3: the SOA is that of the zone that says no, wherever its name stands in the message: here behind the
/// pointer that an alias of the zone inside it ends in.
#[test]
fn s3_the_soa_behind_an_alias_to_the_apex_of_a_zone_is_its_parent_s_when_ds_is_asked_for() {
    let parent = zone("example.com", "sub 3600 NS ns.other.test.\nabove 3600 NS ns.other.test.");
    let child = "x 300 CNAME @\ny 300 CNAME Below.deep\nbelow.deep 300 CNAME @\n*.w 300 CNAME @";
    let zones = [parent, zone("sub.example.com", child), zone("in.above.example.com", "x 300 CNAME @")];
    let key = || Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
    let signed = zones.clone().map(|mut zone| {
        zone.signing = Signing::On(Arc::new(Signer::new(&zone.apex, vec![key()], 1_800_000_000)));
        zone
    });
    for zones in [zones, signed] {
        let mut server = server(zones.into());
        for name in ["x", "y", "q.w"] {
            let name = format!("{name}.sub.example.com");
            let reply = server.ask(&name, "DS");
            assert_eq!((reply.rcode(), reply.authority()), (NOERROR, vec![SOA.to_owned()]), "{name}");
            assert!(reply.answer().iter().all(|record| record.contains(" CNAME ")), "{:?}", reply.answer());
            let reply = server.udp(&query(&name, "DS").dnssec_ok().udp_size(4096).build());
            let owners: Vec<String> = reply.message.authorities.iter().map(|record| record.name.to_string()).collect();
            // SOA and NSEC, each with its signature; a wildcard's proof stands before them.
            let ours = owners.iter().filter(|owner| **owner == "example.com.").count();
            let cut = owners.iter().filter(|owner| **owner == "sub.example.com.").count();
            let signs = usize::from(owners.len() > 1);
            assert_eq!((ours, cut), (1 + signs, 2 * signs), "{name}: {owners:?}");
        }
        let reply = server.ask("x.in.above.example.com", "DS");
        let referral = ["above.example.com. 3600 IN NS ns.other.test."];
        assert_eq!((reply.rcode(), reply.authority()), (NOERROR, referral.map(str::to_owned).to_vec()));
    }
}

/// A zone whose keys are missing says nothing, not even that a name of it does not exist.
#[test]
fn s2_1_an_alias_into_a_zone_without_its_keys_says_nothing_of_its_target() {
    let text = "alias 300 CNAME www.example.org.\nmoved 300 DNAME example.org.\nfirst 300 CNAME alias";
    let locked = geosteer::snapshot::ZoneSpec {
        signing: Signing::Locked(Algorithm::Ed25519),
        ..zone("example.org", "www 300 A 192.0.2.1")
    };
    let mut both = server(vec![zone("example.com", text), locked]);
    let mut alone = example(text);
    for (name, aliases) in [("alias", 1), ("first", 2), ("www.moved", 2)] {
        let name = format!("{name}.example.com");
        let reply = both.ask(&name, "A");
        assert_eq!((reply.rcode(), reply.answer().len()), (NOERROR, aliases), "{name}");
        assert_eq!(reply.bytes, alone.ask(&name, "A").bytes, "{name}: as if the zone were somebody else's");
    }
    assert_eq!(both.ask("www.example.org", "A").rcode(), 2);
}
