//! Packets that nobody sends by accident: mutated queries over UDP and streams. No panic, nothing said to a
//! response or a stub of a header, no reply larger than allowed, id and opcode kept, every reply one that
//! hickory-proto reads; and where hickory-proto reads a query, so do we.
//!
//! Each goes to a plain server, and to one that signs and answers cookies. `GEOSTEER_FULL=1` sends 10,000,000 packets over
//! five seeds.

use crate::common::ask::{Ask, Edns};
use crate::common::full;
use crate::common::reply::Reply;
use geosteer::cookies::Cookies;
use geosteer::dnssec::{Algorithm, Key, Role, Signer};
use geosteer::limits::{UDP_REPLY_MAX, UDP_REPLY_MIN};
use geosteer::respond::Transport;
use geosteer::snapshot::{Signing, Snapshot};
use geosteer::state::{Identity, State};
use geosteer::worker::{Draw, Worker};
use hickory_proto::op::{Header, Message, MessageType, OpCode};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use std::sync::Arc;

const ZONE: &str = r#"
zone = "example.com"
ns   = ["ns1.example.com", "ns2.example.net"]
[records]
text = '''
ns1      A     192.0.2.53
@        MX    10 mail
mail     A     192.0.2.25
mail     AAAA  2001:db8::25
deep.a.b A     192.0.2.1
*.wild   TXT   "any"
alias    CNAME mail
loop1    CNAME loop2
loop2    CNAME loop1
tree     DNAME other.example.net.
sub      NS    ns.sub
ns.sub   A     192.0.2.99
big      TXT   "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big      TXT   "1123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big      TXT   "2123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big      TXT   "3123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big      TXT   "4123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big      TXT   "5123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
'''
[regions]
europe = { continents = ["EU"] }
[pools]
eu = { check = "none", balance = "all", endpoints = [{ address = ["192.0.2.1", "2001:db8::1"] }, "192.0.2.2"] }
us = { check = "none", balance = "hash", endpoints = ["192.0.2.3", "192.0.2.4"] }
[policies.p]
europe  = ["eu"]
default = ["us"]
[names]
"@"   = { policy = "p" }
www   = { policy = "p" }
"*.w" = { policy = "p" }
"#;

/// Queries that are mutated: every kind of name, several types, with and without EDNS and its options.
fn seeds() -> Vec<Vec<u8>> {
    let names = [
        "example.com",
        "www.example.com",
        "x.w.example.com",
        "mail.example.com",
        "a.b.example.com",
        "q.wild.example.com",
        "alias.example.com",
        "loop1.example.com",
        "x.tree.example.com",
        "h.sub.example.com",
        "big.example.com",
        "missing.example.com",
        "example.org",
        "",
        "www.example.com.www.example.com.www.example.com.example.com",
    ];
    let mut seeds = Vec::new();
    for name in names {
        for rtype in [1, 28, 2, 6, 15, 16, 43, 255] {
            let ask = Ask::new(name, rtype);
            seeds.push(ask.bytes());
            seeds.push(ask.clone().dnssec_ok().subnet("193.0.6.0/24").bytes());
            seeds.push(ask.clone().subnet("2001:67c:2e8::/48").bytes());
            let mut options = ask;
            let options_of = vec![(3, vec![]), (10, vec![1, 2, 3, 4, 5, 6, 7, 8]), (65001, vec![0; 20])];
            options.edns = Some(Edns { size: 4096, options: options_of, ..Edns::default() });
            seeds.push(options.bytes());
        }
    }
    seeds
}

fn below(draw: &mut Draw, bound: usize) -> usize {
    draw.below(bound as u32) as usize
}

/// Values that sit on the edges of what fields mean.
const EDGES: [u8; 12] = [0, 1, 2, 0x0c, 0x29, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xfe, 0xff];

/// One to four changes: bits, edges, cuts, pieces moved, repeated or taken from another packet.
fn mutate(packet: &mut Vec<u8>, other: &[u8], draw: &mut Draw) {
    for _ in 0..=below(draw, 4) {
        if packet.is_empty() {
            return;
        }
        let at = below(draw, packet.len());
        match draw.below(9) {
            0 => packet[at] ^= 1 << draw.below(8),
            1 | 2 => packet[at] = EDGES[below(draw, EDGES.len())],
            3 => packet.truncate(at),
            4 => packet.insert(at, draw.next() as u8),
            5 => drop(packet.remove(at)),
            6 => {
                let piece: Vec<u8> = packet[at..].iter().take(1 + below(draw, 40)).copied().collect();
                packet.splice(at..at, piece);
            }
            7 => packet.extend(&other[below(draw, other.len())..]),
            _ if packet.len() >= 12 => packet[2 + below(draw, 10)] = EDGES[below(draw, EDGES.len())],
            _ => packet.push(draw.next() as u8),
        }
    }
}

/// Gives a packet to `respond` and checks what must hold for any bytes.
fn check(state: &State, worker: &mut Worker, packet: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let reply = crate::common::send(state, worker, packet, transport);
    let silent = packet.len() < 12 || packet[2] & 0x80 != 0;
    assert_eq!(reply.is_none(), silent, "nothing is said exactly to responses and stubs: {packet:02x?}");
    let reply = reply?;
    assert!(reply.len() >= 12, "a header at least");
    assert_eq!(reply[..2], packet[..2], "the id is kept");
    assert_eq!(reply[2] & 0x80, 0x80, "a reply is a response");
    assert_eq!(reply[2] & 0x78, packet[2] & 0x78, "the opcode is kept");
    if transport == Transport::Udp {
        assert!(reply.len() <= allowed(packet), "{} octets for {packet:02x?}", reply.len());
    }
    if let Err(problem) = Reply::try_read(&reply) {
        panic!("hickory cannot read the reply: {problem}\n{packet:02x?}\n{reply:02x?}");
    }
    Some(reply)
}

/// The largest reply that the query's sender can have meant to take.
fn allowed(packet: &[u8]) -> usize {
    match Message::from_vec(packet) {
        Ok(message) => match message.edns {
            Some(edns) => usize::from(edns.max_payload()).clamp(UDP_REPLY_MIN, UDP_REPLY_MAX),
            None => UDP_REPLY_MIN,
        },
        Err(_) => UDP_REPLY_MAX,
    }
}

/// Where hickory reads a plain query we must not call it malformed, but for what it reads too kindly; where it
/// cannot read even the question we must not answer as if we could.
fn differ(packet: &[u8], reply: &[u8]) {
    let rcode = reply[3] & 15;
    let mut decoder = BinDecoder::new(packet);
    let header = Header::read(&mut decoder).expect("twelve octets are a header");
    let questions = Message::read_queries(&mut decoder, usize::from(header.counts.queries));
    let question_is_fine = header.counts.queries == 1 && questions.is_ok();
    if header.op_code == OpCode::Query && matches!(rcode, 0 | 3) {
        assert!(
            question_is_fine || cookie_only(packet),
            "an answer to a question that hickory cannot read: {packet:02x?}"
        );
    }
    let plain = header.op_code == OpCode::Query && header.message_type == MessageType::Query;
    if plain
        && question_is_fine
        && header.counts.answers == 0
        && header.counts.authorities == 0
        && header.counts.additionals == 0
    {
        let rest = packet.len() - decoder.index();
        let asks_for_opt = packet[decoder.index() - 4..][..2] == [0, 41];
        assert!(
            rcode != 1 || rest > 0 || asks_for_opt || points(packet),
            "a plain query is called malformed: {packet:02x?}"
        );
    }
}

/// True if the question's name is compressed, though there is nothing before it but the header: nobody sends that, and we
/// call it malformed.
fn points(packet: &[u8]) -> bool {
    let mut at = 12;
    while let Some(&length @ 1..64) = packet.get(at) {
        at += 1 + usize::from(length);
    }
    packet.get(at).is_some_and(|&octet| octet >= 0xc0)
}

fn cookie_only(packet: &[u8]) -> bool {
    packet[4..6] == [0, 0]
}

/// A plain server, and one with what costs more.
fn states() -> [State; 2] {
    let mut spec = crate::common::state::spec(ZONE);
    let zone = &mut spec.zones[0];
    let key = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
    zone.signing = Signing::On(Arc::new(Signer::new(&zone.apex, vec![key], 1_800_000_000)));
    let cookies = Some(Cookies::new(&[[7; 16]], false, 1_800_000_000));
    let identity = Arc::new(Identity { cookies, nsid: Some("ams-1".into()), ..Identity::default() });
    let signed = Snapshot::build(spec, crate::common::state::databases()).unwrap();
    [crate::common::state::state(ZONE), State { identity, ..crate::common::state::state_of(signed) }]
}

#[test]
fn mutated_packets_get_sound_replies_or_none() {
    let (states, seeds) = (states(), seeds());
    let mut workers = [1, 2].map(Worker::new);
    let mut both = |packet: &[u8], transport| {
        for (state, worker) in states.iter().zip(&mut workers) {
            if let Some(reply) = check(state, worker, packet, transport) {
                differ(packet, &reply);
            }
        }
    };
    seeds.iter().for_each(|seed| both(seed, Transport::Udp));
    let mut sent = 0;
    for seed in 0..full(1, 5) {
        let mut draw = Worker::new(2026 + seed).draw;
        for turn in 0..full(60_000, 2_000_000) {
            let mut packet = seeds[below(&mut draw, seeds.len())].clone();
            let other = &seeds[below(&mut draw, seeds.len())];
            mutate(&mut packet, other, &mut draw);
            both(&packet, if turn % 8 == 0 { Transport::Stream } else { Transport::Udp });
            sent += 1;
        }
    }
    println!("{sent} mutated packets: no panic, no violation");
}

#[test]
fn noise_gets_sound_replies_or_none() {
    let state = crate::common::state::state(ZONE);
    let mut worker = Worker::new(1);
    let mut draw = Worker::new(7).draw;
    for _ in 0..full(20_000, 1_000_000) {
        let length = below(&mut draw, 80);
        let packet: Vec<u8> = (0..length).map(|_| draw.next() as u8 & draw.next() as u8).collect();
        check(&state, &mut worker, &packet, Transport::Udp);
    }
}

#[test]
fn every_prefix_of_a_query_gets_a_sound_reply_or_none() {
    let state = crate::common::state::state(ZONE);
    let mut worker = Worker::new(1);
    for seed in seeds() {
        for length in 0..seed.len() {
            check(&state, &mut worker, &seed[..length], Transport::Udp);
        }
    }
}

#[test]
fn a_reply_never_answers_a_reply() {
    let state = crate::common::state::state(ZONE);
    let mut worker = Worker::new(1);
    for seed in seeds() {
        let reply = check(&state, &mut worker, &seed, Transport::Stream).expect("a query gets a reply");
        assert!(crate::common::send(&state, &mut worker, &reply, Transport::Udp).is_none());
    }
}
