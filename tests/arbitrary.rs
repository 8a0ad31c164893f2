//! Any octets at all: no panic, no answer to a response, no reply that is too large, id and opcode kept, and every
//! reply decodes by hickory-proto.

mod answers;

use answers::{Server, balanced_state, query, subnet};
use geosteer::respond::Transport;
use hickory_proto::op::Message;
use proptest::prelude::*;

const TEXT: &str = "
    alias 300 CNAME deep
    deep 300 CNAME host
    host 300 A 192.0.2.1
    @ 300 MX 10 host
    * 300 TXT wild
    d 300 DNAME other.test.
    sub 300 NS ns.sub
    ns.sub 300 A 192.0.2.9";

/// A good query of many kinds.
fn queries() -> impl Strategy<Value = Vec<u8>> {
    let names = ["", "www.", "cdn.", "many.", "a.img.", "alias.", "x.d.", "x.sub.", "no.host.", "wild.", "sub."];
    let types = ["A", "AAAA", "NS", "SOA", "MX", "TXT", "CNAME", "DNAME", "DS", "ANY", "AXFR", "SRV", "OPT"];
    let edns = (any::<bool>(), any::<bool>(), any::<bool>(), 0..=32u8, any::<u16>());
    (prop::sample::select(names.to_vec()), prop::sample::select(types.to_vec()), any::<u16>(), edns).prop_map(
        |(name, qtype, id, (opt, with_subnet, nsid, source, size))| {
            let mut built = query(&format!("{name}example.com"), qtype).id(id);
            if opt {
                built = built.udp_size(size);
            }
            if with_subnet {
                built = built.subnet(subnet(&format!("203.0.113.77/{source}")));
            }
            if nsid {
                built = built.nsid();
            }
            built.build()
        },
    )
}

/// A good query with a few octets changed, put in or cut off.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 0..4);
    (queries(), changes).prop_map(|(mut message, changes)| {
        for (at, value, kind) in changes {
            let at = at.index(message.len().max(1)).min(message.len().saturating_sub(1));
            match kind {
                0 | 1 if !message.is_empty() => message[at] = value,
                2 => message.insert(at, value),
                _ => message.truncate(at),
            }
        }
        message
    })
}

/// True if the query has a client subnet option of family 0 and source 0.
fn echoes_no_family(message: &[u8]) -> bool {
    message.windows(8).any(|window| window == [0, 8, 0, 4, 0, 0, 0, 0])
}

fn check(server: &mut Server, message: &[u8]) -> Result<(), TestCaseError> {
    for transport in [Transport::Udp, Transport::Stream] {
        let Some(reply) = server.raw(message, transport) else {
            prop_assert!(message.len() < 12 || message[2] & 0x80 != 0, "silence for {message:02x?}");
            continue;
        };
        prop_assert!(message[2] & 0x80 == 0, "an answer to a response");
        prop_assert_eq!(&reply[..2], &message[..2]);
        prop_assert_eq!(reply[2] & 0xf9, message[2] & 0x79 | 0x80);
        prop_assert!(transport == Transport::Stream || reply.len() <= 1232);
        let decoded = Message::from_vec(&reply);
        // A subnet option of family 0 with source 0 says "no subnet" and is echoed as sent; hickory-proto knows no such
        // family and reads nothing of a message that has it.
        let unread = matches!(&decoded, Err(problem) if format!("{problem:?}").contains("UnknownAddressFamily(0)"));
        prop_assert!(decoded.is_ok() || unread && echoes_no_family(message), "{:?}: {:02x?}", decoded, reply);
        let has_opt = unread || decoded.is_ok_and(|decoded| decoded.edns.is_some());
        prop_assert!(has_opt || transport == Transport::Stream || reply.len() <= 512);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_queries_get_sound_replies_or_none(messages in prop::collection::vec(mutated(), 8)) {
        thread_local! {
            static SERVER: std::cell::RefCell<Server> = std::cell::RefCell::new(Server::new(balanced_state(TEXT, &[])));
        }
        SERVER.with_borrow_mut(|server| messages.iter().try_for_each(|message| check(server, message)))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_gets_sound_replies_or_none(message in prop::collection::vec(any::<u8>(), 0..300)) {
        thread_local! {
            static SERVER: std::cell::RefCell<Server> = std::cell::RefCell::new(Server::new(balanced_state(TEXT, &[])));
        }
        SERVER.with_borrow_mut(|server| check(server, &message))?;
    }
}
