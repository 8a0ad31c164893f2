//! RFC 8945: signatures of messages (TSIG). The signatures are worked out here once more, by the text of the document.

use crate::answers::query;
use crate::common::{NOW, SECRET, Server, ZONE, decode, question};
use aws_lc_rs::hmac;
use geosteer::respond::Transport;

const NAME: &[u8] = b"\x03ns2\x00";
const ALGORITHM: &[u8] = b"\x0bhmac-sha256\x00";
/// Octets of a TSIG record of the key `ns2`, without other data.
const RECORD: usize = 5 + 10 + 13 + 16 + 32;

/// What one side says in a TSIG record.
#[derive(Clone)]
struct Said {
    time: u64,
    fudge: u16,
    error: u16,
    other: Vec<u8>,
}

impl Said {
    fn at(time: u64) -> Self {
        Self { time, fudge: 300, error: 0, other: Vec::new() }
    }

    /// The TSIG variables of section 4.3.3.
    fn variables(&self) -> Vec<u8> {
        let mut out = [NAME, &255_u16.to_be_bytes(), &[0; 4], ALGORITHM, &self.timers()].concat();
        out.extend([self.error.to_be_bytes(), (self.other.len() as u16).to_be_bytes()].concat());
        out.extend(&self.other);
        out
    }

    fn timers(&self) -> Vec<u8> {
        [&self.time.to_be_bytes()[2..], &self.fudge.to_be_bytes()].concat()
    }
}

fn mac(secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &parts.concat()).as_ref().to_vec()
}

fn behind_length(mac: &[u8]) -> Vec<u8> {
    [&(mac.len() as u16).to_be_bytes()[..], mac].concat()
}

/// The message with a TSIG record behind it; gives the signature too.
fn signed_by(message: &[u8], secret: &[u8], said: &Said, keep: usize) -> (Vec<u8>, Vec<u8>) {
    let whole = mac(secret, &[message, &said.variables()]);
    let kept = &whole[..keep];
    let mut out = message.to_vec();
    let count = u16::from_be_bytes([out[10], out[11]]) + 1;
    out[10..12].copy_from_slice(&count.to_be_bytes());
    let length = (ALGORITHM.len() + 16 + kept.len() + said.other.len()) as u16;
    out.extend(
        [NAME, &250_u16.to_be_bytes(), &255_u16.to_be_bytes(), &[0; 4], &length.to_be_bytes(), ALGORITHM].concat(),
    );
    out.extend([&said.timers()[..], &behind_length(kept), &message[..2], &[0, 0, 0, 0]].concat());
    (out, whole)
}

fn signed(message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    signed_by(message, SECRET, &Said::at(NOW), 32)
}

/// Takes a reply apart: the message without its record, and its signature, error and other data.
fn apart(reply: &[u8], other: usize) -> (Vec<u8>, Vec<u8>, u16) {
    let start = reply.len() - RECORD - other;
    let mut bare = reply[..start].to_vec();
    assert!(bare[11] > 0);
    bare[11] -= 1;
    let record = &reply[start..];
    assert_eq!(&record[..NAME.len()], NAME);
    let rdata = &record[NAME.len() + 10 + ALGORITHM.len()..];
    let error = u16::from_be_bytes([rdata[44], rdata[45]]);
    (bare, rdata[10..42].to_vec(), error)
}

#[test]
fn section_5_3_the_reply_is_signed_with_the_signature_of_the_request_before_it() {
    let mut server = Server::new(ZONE);
    for (message, transport) in [
        (query("ns1.example.com", "A").build(), Transport::Udp),
        (query("ns1.example.com", "A").dnssec_ok().build(), Transport::Udp),
        (query("none.example.com", "A").udp_size(1_232).build(), Transport::Stream),
        (query("example.com", "SOA").build(), Transport::Tls),
    ] {
        let plain = server.ask(&message, transport).remove(0);
        let (asked, prior) = signed(&message);
        let reply = server.ask(&asked, transport).remove(0);
        let (bare, given, error) = apart(&reply, 0);
        assert_eq!((bare.clone(), error), (plain, 0), "the answer is that of everybody");
        assert_eq!(given, mac(SECRET, &[&behind_length(&prior), &bare, &Said::at(NOW).variables()]));
    }
}

#[test]
fn section_5_2_1_an_unknown_key_is_refused_without_a_signature() {
    let mut server = Server::new(ZONE);
    let (mut asked, _) = signed(&query("ns1.example.com", "A").build());
    let at = asked.len() - RECORD + 1;
    asked[at] = b'x';
    let reply = server.ask(&asked, Transport::Udp).remove(0);
    assert!(reply.len() <= asked.len(), "no longer than what came");
    assert_eq!(u16::from(decode(&reply).metadata.response_code), 9);
    assert_eq!(reply[reply.len() - 8..], [0, 0, 18, 103, 0, 17, 0, 0], "no signature, the request's id, BADKEY");
    assert_eq!(server.state.identity.transfers.shared.counts.failures(geosteer::tsig::Failure::Key), 1);
}

#[test]
fn section_5_2_2_a_wrong_signature_is_refused_without_one() {
    let mut server = Server::new(ZONE);
    let message = query("ns1.example.com", "A").build();
    let wrong = signed_by(&message, b"another secret, as long as ours", &Said::at(NOW), 32).0;
    let mut changed = signed(&message).0;
    changed[13] ^= 1;
    for asked in [wrong, changed] {
        let reply = server.ask(&asked, Transport::Udp).remove(0);
        assert_eq!(u16::from(decode(&reply).metadata.response_code), 9);
        assert_eq!(reply[reply.len() - 4..], [0, 16, 0, 0]);
        assert!(reply.len() < asked.len());
    }
}

#[test]
fn section_5_2_3_a_time_too_far_off_is_refused_with_ours_beside_it_and_signed() {
    let mut server = Server::new(ZONE);
    let message = query("ns1.example.com", "A").build();
    for time in [NOW - 301, NOW + 301] {
        let (asked, prior) = signed_by(&message, SECRET, &Said::at(time), 32);
        let reply = server.ask(&asked, Transport::Udp).remove(0);
        let (bare, given, error) = apart(&reply, 6);
        assert_eq!((error, u16::from(decode(&bare).metadata.response_code)), (18, 9));
        let said = Said { time, fudge: 300, error: 18, other: NOW.to_be_bytes()[2..].to_vec() };
        assert_eq!(reply[reply.len() - 6..], said.other[..]);
        assert_eq!(given, mac(SECRET, &[&behind_length(&prior), &bare, &said.variables()]));
    }
    for time in [NOW - 300, NOW + 300] {
        let reply = server.ask(&signed_by(&message, SECRET, &Said::at(time), 32).0, Transport::Udp).remove(0);
        assert_eq!(u16::from(decode(&reply).metadata.response_code), 0);
    }
}

#[test]
fn section_5_2_4_a_signature_that_was_cut_is_refused() {
    let mut server = Server::new(ZONE);
    let message = query("ns1.example.com", "A").build();
    let code = |server: &mut Server, time, keep| {
        let reply = server.ask(&signed_by(&message, SECRET, &Said::at(time), keep).0, Transport::Udp).remove(0);
        if reply.len() == 12 {
            u16::from(reply[3] & 15)
        } else {
            u16::from_be_bytes([reply[reply.len() - 4], reply[reply.len() - 3]])
        }
    };
    assert_eq!([16, 31].map(|keep| code(&mut server, NOW, keep)), [22, 22], "a part of the right one");
    let reply = server.ask(&signed_by(&message, SECRET, &Said::at(NOW - 301), 16).0, Transport::Udp).remove(0);
    assert_eq!(apart(&reply, 6).2, 18, "the time comes first");
    // §5.2.2.1: too little to say anything.
    assert_eq!([15, 10, 0].map(|keep| code(&mut server, NOW, keep)), [1, 1, 1]);
}

#[test]
fn section_5_2_2_1_a_signature_longer_than_its_key_makes_is_malformed() {
    let mut server = Server::new(ZONE);
    let message = query("ns1.example.com", "A").build();
    let mut long = signed(&message).0;
    // One octet more of the signature, which stands before id, error and other data; both lengths say so.
    let record = long.len() - RECORD;
    long.insert(long.len() - 6, 7);
    for length in [record + 5 + 8, record + 5 + 10 + 13 + 8] {
        let octets = long[length..length + 2].try_into().map(u16::from_be_bytes).unwrap();
        long[length..length + 2].copy_from_slice(&(octets + 1).to_be_bytes());
    }
    assert_eq!(server.rcode(&long, Transport::Udp), 1);
}

#[test]
fn section_5_1_a_record_that_is_not_the_last_or_not_alone_is_malformed() {
    let mut server = Server::new(ZONE);
    let (asked, _) = signed(&query("ns1.example.com", "A").build());
    let mut twice = [&asked[..], &asked[asked.len() - RECORD..]].concat();
    twice[11] = 2;
    let mut before_opt = [&asked[..], &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]].concat();
    before_opt[11] = 2;
    let mut of_class_in = asked.clone();
    let class = of_class_in.len() - RECORD + 5 + 2;
    of_class_in[class..class + 2].copy_from_slice(&[0, 1]);
    for message in [twice, before_opt, of_class_in] {
        assert_eq!(server.rcode(&message, Transport::Udp), 1);
    }
}

#[test]
fn section_5_3_a_reply_without_room_for_its_signature_says_so() {
    let text = format!("a TXT {}", "\"0123456789012345678901234567890123456789\" ".repeat(11));
    let mut server = Server::new(&ZONE.replace("ns1    A", &format!("{text}\nns1    A")));
    let message = query("a.example.com", "TXT").build();
    assert!((452..=512).contains(&server.ask(&message, Transport::Udp)[0].len()), "it would fit");
    let (asked, prior) = signed(&message);
    let reply = server.ask(&asked, Transport::Udp).remove(0);
    let (bare, given, _) = apart(&reply, 0);
    let said = decode(&bare);
    assert!(said.metadata.truncation && said.answers.is_empty());
    assert_eq!(given, mac(SECRET, &[&behind_length(&prior), &bare, &Said::at(NOW).variables()]));
    let whole = server.ask(&asked, Transport::Stream).remove(0);
    assert_eq!(decode(&apart(&whole, 0).0).answers.len(), 1);
}

#[test]
fn section_5_3_1_the_messages_of_a_transfer_are_chained_and_each_is_signed() {
    let lines: String = (0..3_000).map(|host| format!("host{host} A 192.0.2.{}\n", host % 250)).collect();
    let text = ZONE.replace("from = [\"192.0.2.0/24\"]", "keys = [\"ns2\"]");
    let mut server = Server::new(&text.replace("ns1    A", &format!("{lines}ns1    A")));
    let message = question("example.com", "AXFR").build();
    assert_eq!(server.rcode(&message, Transport::Stream), 5, "who does not sign");
    let (asked, mut prior) = signed(&message);
    let messages = server.ask(&asked, Transport::Stream);
    assert!(messages.len() > 3, "{}", messages.len());
    let mut records = 0;
    for (number, reply) in messages.iter().enumerate() {
        let (bare, given, error) = apart(reply, 0);
        let said = Said::at(NOW);
        let signed_with = if number == 0 { said.variables() } else { said.timers() };
        assert_eq!(given, mac(SECRET, &[&behind_length(&prior), &bare, &signed_with]), "message {number}");
        assert_eq!(error, 0);
        records += decode(&bare).answers.len();
        prior = given;
    }
    assert_eq!(records, 3_000 + 12 + 2);
}

#[test]
fn section_5_2_a_signed_refusal_of_a_transfer_is_signed() {
    let mut server = Server::new(&ZONE.replace("from = [\"192.0.2.0/24\"]", "keys = [\"ns3\"]"));
    let (asked, prior) = signed(&question("example.com", "AXFR").build());
    let reply = server.ask(&asked, Transport::Stream).remove(0);
    let (bare, given, _) = apart(&reply, 0);
    assert_eq!(u16::from(decode(&bare).metadata.response_code), 5);
    assert_eq!(given, mac(SECRET, &[&behind_length(&prior), &bare, &Said::at(NOW).variables()]));
}

#[test]
fn arbitrary_octets_behind_a_question_never_panic() {
    let mut server = Server::new(ZONE);
    let (asked, _) = signed(&question("example.com", "AXFR").build());
    let mut draw = geosteer::worker::Draw::new(5);
    let (mut refused, mut answered) = (0, 0);
    for _ in 0..50_000 {
        let mut message = asked.clone();
        for _ in 0..=draw.below(3) {
            let at = draw.below(message.len() as u32) as usize;
            message[at] = draw.next() as u8;
        }
        message.truncate(message.len() - if draw.below(4) == 0 { draw.below(80) as usize } else { 0 });
        match server.ask(&message, Transport::Stream).first().map(|reply| reply[3] & 0xf) {
            Some(0) => answered += 1,
            _ => refused += 1,
        }
    }
    assert!(refused > 40_000 && answered < 5_000, "{refused} {answered}");
}
