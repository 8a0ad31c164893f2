//! A ring of entries of a fixed size between one thread that answers and the writer's: no locks, no allocation, and what
//! does not fit is dropped and counted.
//!
//! Entries are words that both sides reach atomically, so that a mistake in here could at worst mix two entries up.

use crate::client::{Bits, Family};
use crate::limits::{QUERY_LOG_RING, UDP_REPLY_MAX};
use std::sync::atomic::{AtomicU64, Ordering};

/// Words of an entry before its reply.
const HEAD: usize = 8;
/// Words of an entry.
const WORDS: usize = HEAD + UDP_REPLY_MAX.div_ceil(8);

/// What is kept of a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry<'a> {
    /// When it was answered, milliseconds since 1970.
    pub(super) at_ms: u64,
    /// The configuration that answered.
    pub(super) generation: u64,
    /// Who asked.
    pub(super) client: Bits,
    /// From which port.
    pub(super) port: u16,
    /// How: the place among [`crate::respond::Transport::ALL`].
    pub(super) transport: u8,
    /// The indices of what was counted: see [`crate::worker::Trace`].
    pub(super) responses: u64,
    /// The same of the answer.
    pub(super) answer: u64,
    /// The reply, as far as there is room for it.
    pub(super) reply: &'a [u8],
}

/// The ring.
#[derive(Debug)]
pub(super) struct Ring {
    words: Box<[AtomicU64]>,
    /// Entries put in, ever.
    head: AtomicU64,
    /// Entries taken out, ever.
    tail: AtomicU64,
    dropped: AtomicU64,
}

impl Ring {
    pub(super) fn new() -> Self {
        let words = (0..QUERY_LOG_RING * WORDS).map(|_| AtomicU64::new(0)).collect();
        Self { words, head: AtomicU64::new(0), tail: AtomicU64::new(0), dropped: AtomicU64::new(0) }
    }

    /// How many did not fit.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Puts an entry in, or counts that there is no room. Only one thread does. Gives true when a quarter is full: its
    /// reader had better wake up.
    pub(super) fn put(&self, entry: &Entry<'_>) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        let waiting = head - self.tail.load(Ordering::Acquire);
        if waiting >= QUERY_LOG_RING as u64 {
            self.dropped.store(self.dropped.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            return false;
        }
        let slot = self.slot(head);
        let reply = &entry.reply[..entry.reply.len().min(UDP_REPLY_MAX)];
        let flags = u64::from(entry.transport) << 1 | u64::from(entry.client.family == Family::V6);
        let head_words = [
            entry.at_ms,
            entry.generation,
            entry.client.high,
            entry.client.low,
            u64::from(entry.port) | flags << 16,
            entry.responses,
            entry.answer,
            reply.len() as u64,
        ];
        slot.iter().zip(head_words).for_each(|(word, value)| word.store(value, Ordering::Relaxed));
        for (word, octets) in slot[HEAD..].iter().zip(reply.chunks(8)) {
            let mut whole = [0; 8];
            whole[..octets.len()].copy_from_slice(octets);
            word.store(u64::from_le_bytes(whole), Ordering::Relaxed);
        }
        self.head.store(head + 1, Ordering::Release);
        waiting == QUERY_LOG_RING as u64 / 4
    }

    /// Takes the oldest entry out; false if there is none. Only one thread does.
    pub(super) fn take(&self, with: impl FnOnce(&Entry<'_>)) -> bool {
        let tail = self.tail.load(Ordering::Relaxed);
        if tail == self.head.load(Ordering::Acquire) {
            return false;
        }
        let slot = self.slot(tail);
        let word = |at: usize| slot[at].load(Ordering::Relaxed);
        let mut reply = [0; (WORDS - HEAD) * 8];
        let length = (word(7) as usize).min(reply.len());
        for (at, octets) in reply[..length.next_multiple_of(8)].chunks_exact_mut(8).enumerate() {
            octets.copy_from_slice(&word(HEAD + at).to_le_bytes());
        }
        let family = if word(4) >> 16 & 1 == 1 { Family::V6 } else { Family::V4 };
        let entry = Entry {
            at_ms: word(0),
            generation: word(1),
            client: Bits { high: word(2), low: word(3), family },
            port: word(4) as u16,
            transport: (word(4) >> 17) as u8,
            responses: word(5),
            answer: word(6),
            reply: &reply[..length],
        };
        self.tail.store(tail + 1, Ordering::Release);
        with(&entry);
        true
    }

    fn slot(&self, number: u64) -> &[AtomicU64] {
        let start = number as usize % QUERY_LOG_RING * WORDS;
        &self.words[start..start + WORDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at_ms: u64, reply: &[u8]) -> Entry<'_> {
        let client = Bits::from(std::net::IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 9_u16]));
        Entry { at_ms, generation: 3, client, port: 4_242, transport: 4, responses: 44, answer: 70, reply }
    }

    #[test]
    fn what_comes_out_is_what_went_in_in_its_order_and_what_does_not_fit_is_counted() {
        let ring = Ring::new();
        let reply: Vec<u8> = (0..UDP_REPLY_MAX as u32).map(|octet| octet as u8).collect();
        for round in 0..3_u64 {
            for number in 0..QUERY_LOG_RING as u64 + 5 {
                let wakes = ring.put(&entry(number, &reply[..number as usize % 40]));
                assert_eq!(wakes, number == QUERY_LOG_RING as u64 / 4);
            }
            assert_eq!(ring.dropped(), 5 * (round + 1));
            for number in 0..QUERY_LOG_RING as u64 {
                assert!(ring.take(|out| assert_eq!(*out, entry(number, &reply[..number as usize % 40]))));
            }
            assert!(!ring.take(|_| panic!("nothing is left")));
        }
        ring.put(&entry(1, &[&reply[..], b"more"].concat()));
        assert!(ring.take(|out| assert_eq!(out.reply, reply)));
    }

    #[test]
    fn two_threads_lose_nothing_but_what_is_counted() {
        let ring = Ring::new();
        let sent = 200_000;
        std::thread::scope(|scope| {
            let sender =
                scope.spawn(|| (0..sent).for_each(|number: u64| _ = ring.put(&entry(number, &number.to_be_bytes()))));
            let (mut seen, mut last) = (0, None);
            loop {
                // Looked at first: what is taken after the sender's end is all there will be.
                let ended = sender.is_finished();
                let took = ring.take(|out| {
                    assert_eq!(out.reply, out.at_ms.to_be_bytes());
                    assert!(last < Some(out.at_ms));
                    last = Some(out.at_ms);
                });
                seen += u64::from(took);
                if ended && !took {
                    break;
                }
            }
            assert_eq!(seen + ring.dropped(), sent);
        });
    }
}
