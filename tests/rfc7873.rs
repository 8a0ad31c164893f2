//! RFC 7873: DNS cookies; and RFC 9018, whose vectors stand beside the code (`src/cookies/tests.rs`).

mod answers;

use answers::{FORMERR, NOERROR, NXDOMAIN, Reply, Server, example, query, subnet};
use geosteer::cookies::Cookies;
use geosteer::respond::Transport;
use geosteer::rrl::{Limiter, Rules};
use geosteer::state::Identity;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use std::sync::Arc;

const ZONE: &str = "www 300 A 192.0.2.1";
const COOKIE: u16 = 10;
const BADCOOKIE: u16 = 23;
const CLIENT: [u8; 8] = [0x24, 0x64, 0xc4, 0xab, 0xcf, 0x10, 0xc9, 0x57];
const SECRET: [u64; 4] = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0x2545_f491_4f6c_dd1d];

/// A server that answers cookies.
fn server(require: bool, rules: Option<Rules>) -> Server {
    let mut server = example(ZONE);
    let cookies = Some(Cookies::new(&[[7; 16]], require, 1_700_000_000));
    let limiter = rules.map(|rules| Limiter::new(rules, SECRET));
    server.state.identity = Arc::new(Identity { cookies, limiter, nsid: Some("ams-1".into()), ..Identity::default() });
    server
}

/// A query for a name with a cookie.
fn with(name: &str, cookie: &[u8]) -> Vec<u8> {
    query(name, "A").option(COOKIE, cookie).build()
}

/// The cookie of a reply.
fn cookie(reply: &Reply) -> Option<Vec<u8>> {
    match reply.message.edns.as_ref()?.option(EdnsCode::Cookie)? {
        EdnsOption::Unknown(_, data) => Some(data.clone()),
        _ => None,
    }
}

/// A cookie that the server has made for its client.
fn whole(server: &mut Server) -> Vec<u8> {
    let message = with("www.example.com", &CLIENT);
    let reply = Reply::decode(server.raw(&message, Transport::Stream).unwrap());
    cookie(&reply).unwrap()
}

#[test]
fn s5_2_1_without_a_cookie_nothing_is_said_of_any() {
    let mut server = server(true, None);
    for message in [query("www.example.com", "A").build(), query("www.example.com", "A").udp_size(1232).build()] {
        let reply = server.udp(&message);
        assert_eq!((reply.rcode(), reply.answer().len(), cookie(&reply)), (NOERROR, 1, None));
    }
}

#[test]
fn s5_2_2_a_cookie_of_a_wrong_length_is_a_format_error() {
    let mut server = server(false, None);
    for length in [0, 1, 7, 9, 15, 41, 100] {
        assert_eq!(server.udp(&with("www.example.com", &vec![1; length])).rcode(), FORMERR, "{length}");
    }
    for length in [8, 16, 24, 40] {
        assert_eq!(server.udp(&with("www.example.com", &vec![1; length])).rcode(), NOERROR, "{length}");
    }
}

#[test]
fn s5_2_of_several_cookies_the_first_counts() {
    let mut server = server(false, None);
    let first = with("www.example.com", &CLIENT);
    let own = cookie(&server.udp(&first)).unwrap();
    for second in [&[1; 8][..], &[1; 3]] {
        let both = query("www.example.com", "A").option(COOKIE, &CLIENT).option(COOKIE, second).build();
        assert_eq!(cookie(&server.udp(&both)), Some(own.clone()));
    }
}

#[test]
fn s5_2_3_a_client_cookie_alone_is_answered_and_given_a_whole_one() {
    let mut server = server(false, None);
    for (name, rcode, answers) in
        [("www.example.com", NOERROR, 1), ("none.example.com", NXDOMAIN, 0), ("www.example.net", 5, 0)]
    {
        let reply = server.udp(&with(name, &CLIENT));
        assert_eq!((reply.rcode(), reply.answer().len()), (rcode, answers));
        let cookie = cookie(&reply).unwrap();
        assert_eq!((cookie.len(), &cookie[..8]), (24, &CLIENT[..]));
    }
}

#[test]
fn s5_2_3_where_it_is_required_a_client_cookie_alone_gets_badcookie_over_udp() {
    let mut server = server(true, None);
    let message = with("www.example.com", &CLIENT);
    let reply = server.udp(&message);
    assert_eq!((reply.rcode(), reply.answer().len(), reply.is_truncated()), (BADCOOKIE, 0, false));
    let own = cookie(&reply).unwrap();
    let reply = server.udp(&with("www.example.com", &own));
    assert_eq!((reply.rcode(), reply.answer().len()), (NOERROR, 1));
    let reply = Reply::decode(server.raw(&message, Transport::Stream).unwrap());
    assert_eq!((reply.rcode(), reply.answer().len()), (NOERROR, 1), "over a stream its address is known");
}

#[test]
fn s5_2_4_a_cookie_that_is_not_ours_counts_as_a_client_cookie() {
    let mut asked = server(false, None);
    let mut wrong = whole(&mut asked);
    wrong[20] ^= 1;
    let reply = asked.udp(&with("www.example.com", &wrong));
    assert_eq!((reply.rcode(), reply.answer().len()), (NOERROR, 1));
    assert_eq!(&cookie(&reply).unwrap()[..8], CLIENT);
    assert_eq!(server(true, None).udp(&with("www.example.com", &wrong)).rcode(), BADCOOKIE);
}

#[test]
fn s5_2_4_another_address_does_not_have_the_cookie() {
    let mut server = server(true, None);
    let own = whole(&mut server);
    let message = with("www.example.com", &own);
    assert_eq!(server.udp(&message).rcode(), NOERROR);
    server.source = "198.51.100.98:4242".parse().unwrap();
    assert_eq!(server.udp(&message).rcode(), BADCOOKIE);
    server.source = "[2001:db8::1]:4242".parse().unwrap();
    assert_eq!(server.udp(&message).rcode(), BADCOOKIE);
}

#[test]
fn s5_2_5_a_cookie_of_ours_frees_from_limits() {
    let rules = Rules { per_second: [2, 2, 2, 2, 2, 10], slip: 1, ..Rules::default() };
    let mut server = server(false, Some(rules));
    let own = whole(&mut server);
    for name in ["www.example.com", "none.example.com", "www.example.net"] {
        for _ in 0..50 {
            assert!(!server.udp(&with(name, &own)).is_truncated());
            assert_ne!(server.udp(&with(name, &own)).rcode(), BADCOOKIE);
        }
    }
    let plain = query("www.example.com", "A").build();
    let fates = [(); 4].map(|()| server.udp(&plain).is_truncated());
    assert_eq!(fates, [false, false, true, true], "and takes no tokens from others");
}

#[test]
fn under_limits_a_client_cookie_alone_gets_badcookie_in_place_of_tc() {
    let rules = Rules { per_second: [2, 2, 2, 2, 2, 10], slip: 2, ..Rules::default() };
    let mut server = server(false, Some(rules));
    let message = query("www.example.com", "A").subnet(subnet("10.1.2.0/24")).option(COOKIE, &CLIENT).nsid().build();
    let mut become_of = || {
        let reply = server.raw(&message, Transport::Udp).map(Reply::decode)?;
        assert!(!reply.is_truncated() && cookie(&reply).is_some());
        // It is longer than its query by our part of the cookie alone.
        assert!(reply.rcode() == NOERROR || reply.bytes.len() <= message.len() + 16);
        Some(reply.rcode())
    };
    let fates = [(); 6].map(|()| become_of());
    assert_eq!(fates, [Some(NOERROR), Some(NOERROR), None, Some(BADCOOKIE), None, Some(BADCOOKIE)]);
}

#[test]
fn s5_4_a_query_without_a_question_gets_a_cookie() {
    let mut server = server(true, None);
    let bare = |cookie: &[u8]| {
        let message = with("www.example.com", cookie);
        let question = 12..12 + 17 + 4;
        let mut message = [&message[..question.start], &message[question.end..]].concat();
        message[5] = 0;
        message
    };
    let reply = server.udp(&bare(&CLIENT));
    assert_eq!((reply.rcode(), reply.answer().len(), reply.message.queries.len()), (NOERROR, 0, 0));
    let own = cookie(&reply).unwrap();
    assert_eq!((own.len(), &own[..8]), (24, &CLIENT[..]));
    assert_eq!(server.udp(&bare(&own)).rcode(), NOERROR);
    let mut wrong = own.clone();
    wrong[23] ^= 1;
    let reply = server.udp(&bare(&wrong));
    assert_eq!(reply.rcode(), BADCOOKIE);
    assert_eq!(cookie(&reply), Some(own));
    assert_eq!(server.udp(&bare(&[1; 9])).rcode(), FORMERR);
    assert_eq!(example(ZONE).udp(&bare(&CLIENT)).rcode(), FORMERR, "where cookies are not answered");
}

#[test]
fn a_cookie_stands_beside_other_options() {
    let mut server = server(false, None);
    let message = query("none.example.net", "A").nsid().option(COOKIE, &CLIENT).build();
    let reply = server.udp(&message);
    assert_eq!((cookie(&reply).map(|cookie| cookie.len()), reply.extended_error()), (Some(24), Some(20)));
    assert!(reply.bytes.windows(5).any(|window| window == b"ams-1"));
    let message = query("www.example.com", "A").option(COOKIE, &CLIENT).subnet(subnet("10.1.2.0/24")).build();
    let reply = server.udp(&message);
    assert_eq!((cookie(&reply).map(|cookie| cookie.len()), reply.scope()), (Some(24), Some(0)));
}

#[test]
fn a_cookie_that_has_no_room_leaves_the_reply_without_data() {
    // Replies of every length up to what a client takes.
    let mut seen = [false; 2];
    for last in 60..160 {
        let lines = ["a".repeat(150), "b".repeat(150), "c".repeat(last)].map(|text| format!("big 300 TXT {text}\n"));
        let mut server = example(&lines.concat());
        let plain = server.udp(&query("big.example.com", "TXT").udp_size(512).build());
        let cookies = Some(Cookies::new(&[[7; 16]], false, 0));
        server.state.identity = Arc::new(Identity { cookies, ..Identity::default() });
        let reply = server.udp(&query("big.example.com", "TXT").udp_size(512).option(COOKIE, &CLIENT).build());
        assert!(reply.bytes.len() <= 512 && cookie(&reply).is_some(), "{last}");
        let has_room = !plain.is_truncated() && plain.bytes.len() + 28 <= 512;
        assert_eq!(reply.is_truncated(), !has_room, "{last}");
        seen[usize::from(has_room)] |= !plain.is_truncated();
    }
    assert_eq!(seen, [true, true]);
}

#[test]
fn where_cookies_are_off_they_are_passed_over() {
    let reply = example(ZONE).udp(&with("www.example.com", &CLIENT));
    assert_eq!((reply.rcode(), reply.answer().len(), cookie(&reply)), (NOERROR, 1, None));
}
