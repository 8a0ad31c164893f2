//! Response rate limiting: what is counted with what, what a limited reply looks like, and over real sockets.

mod answers;

#[path = "rrl/sockets.rs"]
mod sockets;

use answers::{NXDOMAIN, REFUSED, Server, balanced_state, example, query, subnet};
use geosteer::respond::Transport;
use geosteer::rrl::{Class, Limiter, Rules};
use geosteer::state::Identity;
use std::sync::Arc;

const ZONE: &str = "www 300 A 192.0.2.1\nmail 300 A 192.0.2.2\n*.wild 300 A 192.0.2.3\ncut 300 NS ns.other.test.";

const SECRET: [u64; 4] = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0x2545_f491_4f6c_dd1d];

/// Two replies a second of each class; each that is over slips.
fn limited() -> Server {
    let mut server = example(ZONE);
    limit(&mut server, Rules { per_second: [2, 2, 2, 2, 2, 1_000], slip: 1, ..Rules::default() });
    server
}

fn limit(server: &mut Server, rules: Rules) {
    let limiter = Some(Limiter::new(rules, SECRET));
    server.state.identity = Arc::new(Identity { limiter, nsid: Some("ams-1".into()), ..Identity::default() });
}

/// The same, with balanced names: clients in 203.0.113.0/24 get other answers of `www` than all others.
fn limited_and_balanced() -> Server {
    let mut server = Server::new(balanced_state("static 300 A 192.0.2.1", &[]));
    limit(&mut server, Rules { per_second: [2, 2, 2, 2, 2, 1_000], slip: 1, ..Rules::default() });
    server
}

/// How many of the messages are answered in full before the first that is not; no time passes.
fn answered(server: &mut Server, messages: impl IntoIterator<Item = Vec<u8>>) -> usize {
    messages.into_iter().take_while(|message| !server.udp(message).is_truncated()).count()
}

fn plain(name: &str, qtype: &str) -> Vec<u8> {
    query(name, qtype).build()
}

#[test]
fn answers_are_counted_together_whatever_the_name() {
    let names = ["www.example.com", "mail.example.com", "a.wild.example.com", "b.wild.example.com"];
    assert_eq!(answered(&mut limited(), names.map(|name| plain(name, "A"))), 2);
}

#[test]
fn names_that_do_not_exist_share_a_bucket_of_their_zone() {
    let names = (0..9).map(|number| plain(&format!("random{number}.example.com"), "A"));
    let mut server = limited();
    assert_eq!(answered(&mut server, names), 2);
    // Neither are others concerned, nor other classes.
    let others = ["www.example.com A", "www.example.com MX", "a.cut.example.com A", "www.example.net A"];
    for other in others {
        let (name, qtype) = other.split_once(' ').unwrap();
        assert_eq!(answered(&mut server, [plain(name, qtype)]), 1, "{other}");
    }
}

#[test]
fn each_class_of_reply_is_limited() {
    for (name, qtype, class) in [
        ("www.example.com", "A", Class::Response),
        ("a.cut.example.com", "A", Class::Referral),
        ("www.example.com", "MX", Class::NoData),
        ("none.example.com", "A", Class::NxDomain),
        ("www.example.net", "A", Class::Error),
    ] {
        let mut server = limited();
        assert_eq!(answered(&mut server, vec![plain(name, qtype); 9]), 2, "{class:?}");
        let rows = server.state.identity.limiter.as_ref().unwrap().held().rows();
        assert_eq!(rows.iter().map(|row| row.what.class).collect::<Vec<_>>(), [class]);
    }
}

#[test]
fn what_is_no_query_is_limited_as_an_error() {
    let mut update = plain("example.com", "SOA");
    update[2] = 5 << 3;
    let mut server = limited();
    assert_eq!(answered(&mut server, vec![update; 9]), 2);
    assert_eq!(answered(&mut server, vec![plain("www.example.net", "A")]), 0, "errors of all kinds are one class");
}

#[test]
fn a_limited_reply_has_no_data_its_code_and_no_more_octets_than_the_query() {
    for (name, qtype, rcode) in
        [("www.example.com", "A", 0), ("none.example.com", "A", NXDOMAIN), ("www.example.net", "A", REFUSED)]
    {
        let mut server = limited();
        for message in [
            plain(name, qtype),
            query(name, qtype).udp_size(4096).build(),
            query(name, qtype).nsid().build(),
            query(name, qtype).subnet(subnet("10.1.2.0/24")).build(),
        ] {
            for _ in 0..3 {
                let _ = server.raw(&message, Transport::Udp);
            }
            let reply = server.udp(&message);
            assert!(reply.is_truncated());
            assert_eq!((reply.rcode(), reply.answer().len(), reply.authority().len()), (rcode, 0, 0));
            assert!(reply.bytes.len() <= message.len(), "{} for {}", reply.bytes.len(), message.len());
            assert_eq!(reply.message.edns.is_some(), message.len() > plain(name, qtype).len());
        }
    }
}

#[test]
fn of_replies_over_the_limit_each_slip_th_is_sent_and_the_others_are_not() {
    let mut server = example(ZONE);
    limit(&mut server, Rules { per_second: [2, 2, 2, 2, 2, 1_000], slip: 3, ..Rules::default() });
    let message = plain("www.example.com", "A");
    let mut become_of = || server.raw(&message, Transport::Udp).map(|reply| reply[2] & 2 != 0);
    let fates = (0..8).map(|_| become_of()).collect::<Vec<_>>();
    let (full, slipped) = (Some(false), Some(true));
    assert_eq!(fates, [full, full, None, None, slipped, None, None, slipped]);
}

#[test]
fn streams_are_never_limited() {
    let mut server = limited();
    assert_eq!(answered(&mut server, vec![plain("www.example.com", "A"); 9]), 2);
    for _ in 0..9 {
        assert_eq!(server.ask_stream("www.example.com", "A").answer().len(), 1);
    }
}

#[test]
fn answers_for_client_subnets_are_counted_by_the_subnet() {
    let of = |subnet: String| query("www.example.com", "A").subnet(self::subnet(&subnet)).build();
    let mut server = limited_and_balanced();
    assert_eq!(answered(&mut server, (0..200).map(|third| of(format!("10.1.{third}.0/24")))), 200);
    // Two of it are spent.
    assert_eq!(answered(&mut server, (0..9).map(|host| of(format!("10.1.7.{host}/32")))), 1);
    assert_eq!(answered(&mut server, vec![of("2001:db8:0:100::/56".to_owned()); 9]), 2);
    // A wish for no subnet is none.
    let none = || query("www.example.com", "A").option(8, &[0, 1, 0, 0]).build();
    assert_eq!(answered(&mut server, vec![none(); 9]), 2);
}

#[test]
fn answers_that_are_the_same_for_everybody_are_counted_by_the_source_whatever_the_subnet() {
    for name in ["static.example.com", "same.example.com"] {
        let of = |third| query(name, "A").subnet(subnet(&format!("10.1.{third}.0/24")));
        let mut server = limited_and_balanced();
        assert_eq!(server.udp(&of(0).build()).scope(), Some(0));
        assert_eq!(answered(&mut server, (1..200).map(|third| of(third).build())), 1, "{name}");
        // Nor does asking for more than the answer make a difference.
        let mut server = limited_and_balanced();
        assert_eq!(answered(&mut server, (0..200).map(|third| of(third).nsid().build())), 2, "{name}");
    }
}

#[test]
fn all_replies_of_a_block_together_have_a_limit_too() {
    let mut server = limited_and_balanced();
    limit(&mut server, Rules { per_second: [2, 2, 2, 2, 2, 20], slip: 1, ..Rules::default() });
    let of = |third| query("www.example.com", "A").subnet(subnet(&format!("10.1.{third}.0/24"))).build();
    assert_eq!(answered(&mut server, (0..200).map(of)), 20);
    assert_eq!(answered(&mut server, [plain("none.example.com", "A")]), 0);
}

#[test]
fn a_subnet_that_is_not_believed_makes_no_bucket_of_its_own() {
    let mut zone = answers::zone("example.com", ZONE);
    zone.ecs = answers::ecs(&["203.0.113.0/24"]);
    let mut server = Server::new(answers::balanced_state_of(zone, &[]));
    limit(&mut server, Rules { per_second: [2, 2, 2, 2, 2, 1_000], slip: 1, ..Rules::default() });
    let of = |third| query("www.example.com", "A").subnet(subnet(&format!("10.1.{third}.0/24"))).build();
    assert_eq!(answered(&mut server, (0..200).map(of)), 2);
}

#[test]
fn negative_answers_are_counted_by_zone_whatever_the_client_subnet() {
    let of = |third| query("none.example.com", "A").subnet(subnet(&format!("10.1.{third}.0/24"))).build();
    assert_eq!(answered(&mut limited(), (0..200).map(of)), 2);
}
