//! What somebody can have sent to somebody else: how much longer than its query a reply over UDP can be.

mod answers;

use answers::{Server, balanced_state, query, subnet};
use geosteer::respond::Transport;
use geosteer::worker::Draw;

/// What an error may add to its query, and so may the answer to ANY: an extended error with its text, or one record.
const MORE: usize = 32;

const ZONE: &str = "
    alias 300 CNAME deep
    deep 300 CNAME www
    @ 300 MX 10 ns1
    * 300 TXT wild
    big 300 TXT aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    big 300 TXT bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
    big 300 TXT cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
    big 300 TXT dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
    big 300 TXT eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee
    d 300 DNAME other.test.
    sub 300 NS ns.sub
    ns.sub 300 A 192.0.2.9";

/// Queries of many kinds, and what each says that it takes.
fn queries() -> Vec<(Vec<u8>, usize, &'static str)> {
    let mut queries = Vec::new();
    for name in ["www", "four", "dead", "many", "big", "alias", "no.ns1", "x.d", "x.sub", "ns1", "a.b.c.d.e.f.g"] {
        for zone in ["example.com", "example.net"] {
            // Those below an alias are answered with it, whatever the type.
            let is_alias = ["alias", "x.d"].contains(&name);
            for qtype in ["A", "AAAA", "TXT", "ANY", "MX", "NS", "SOA", "DS", "AXFR", "IXFR", "HTTPS"] {
                let plain = query(&format!("{name}.{zone}"), qtype);
                let qtype = if is_alias { "-" } else { qtype };
                queries.push((plain.build(), 512, qtype));
                queries.push((plain.clone().class(3).build(), 512, qtype));
                for size in [0, 512, 900, 1_232, 4_096, 65_535] {
                    let edns = plain.clone().udp_size(size).dnssec_ok();
                    let takes = usize::from(size).clamp(512, 1_232);
                    queries.push((edns.clone().subnet(subnet("203.0.113.0/24")).build(), takes, qtype));
                    queries.push((edns.subnet(subnet("2001:db8:ffff::/56")).build(), takes, qtype));
                }
            }
        }
    }
    queries
}

#[test]
fn no_reply_is_longer_than_its_client_takes_and_no_error_than_its_query_and_a_little() {
    let mut server = Server::new(balanced_state(ZONE, &["192.0.2.20"]));
    let (mut most, mut errors, mut of_any) = (0.0_f64, 0, 0);
    for (message, takes, qtype) in queries() {
        let Some(reply) = server.raw(&message, Transport::Udp) else { continue };
        assert!(reply.len() <= takes, "{} octets, {takes} are taken: {message:02x?}", reply.len());
        most = most.max(reply.len() as f64 / message.len() as f64);
        let is_error = !matches!(reply[3] & 0xf, 0 | 3);
        if is_error || qtype == "ANY" && reply[7] > 0 {
            assert!(reply.len() <= message.len() + MORE, "{} for {}: {reply:02x?}", reply.len(), message.len());
        }
        errors += usize::from(is_error);
        of_any += usize::from(qtype == "ANY" && reply[7] > 0);
    }
    println!("at most {most:.1} octets for one");
    assert!(errors > 100 && of_any > 20, "{errors} {of_any}");
}

#[test]
fn what_is_no_query_gets_no_more_than_it_sends() {
    let mut server = Server::new(balanced_state(ZONE, &[]));
    let (mut draw, mut replies) = (Draw::new(5), 0);
    let queries = queries();
    for _ in 0..200_000 {
        let mut message = queries[draw.below(queries.len() as u32) as usize].0.clone();
        for _ in 0..=draw.below(3) {
            let at = draw.below(message.len() as u32) as usize;
            message[at] = draw.next() as u8;
        }
        message.truncate(1 + draw.below(message.len() as u32) as usize);
        let Some(reply) = server.raw(&message, Transport::Udp) else { continue };
        assert!(message[2] & 0x80 == 0, "a reply to a reply: {message:02x?}");
        if reply[3] & 0xf == 1 || reply[3] & 0xf == 4 {
            replies += 1;
            // The OPT record of an error may be shorter than the query's, never longer.
            assert!(reply.len() <= message.len() + MORE, "{} for {}: {message:02x?}", reply.len(), message.len());
        }
    }
    assert!(replies > 10_000, "{replies}");
}

#[test]
fn services_that_answer_whatever_they_get_are_not_answered() {
    let mut server = Server::new(balanced_state("www 300 A 192.0.2.1", &[]));
    let message = query("ns1.example.com", "A").build();
    let mut broken = message.clone();
    broken.truncate(20);
    let mut unanswered = Vec::new();
    for port in 0..=u16::MAX {
        server.source = format!("198.51.100.9:{port}").parse().unwrap();
        let replies = [&message, &broken].map(|message| server.raw(message, Transport::Udp).is_some());
        assert_eq!(replies[0], replies[1], "{port}");
        if !replies[0] {
            unanswered.push(port);
        }
    }
    assert_eq!(unanswered, [0, 7, 13, 17, 19, 37]);
}

#[test]
fn a_reply_is_never_answered() {
    let mut server = Server::new(balanced_state("www 300 A 192.0.2.1", &[]));
    for (mut message, ..) in queries() {
        message[2] |= 0x80;
        assert!(server.raw(&message, Transport::Udp).is_none());
    }
}
