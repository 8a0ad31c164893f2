//! One signature and when it holds, in words that are read without a lock and without waiting while new ones are
//! written: a count tells whether a reader saw a mixture (a "seqlock"; H. Boehm, "Can seqlocks get along with
//! programming language memory models?", 2012).

use crate::limits::SIGNATURE_SKEW_S;
use crate::wire::reply::Signature;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Octets of a signature by either of our algorithms (RFC 6605 §4, RFC 8080 §4).
pub const SIGNATURE: usize = 64;

const WORDS: usize = SIGNATURE / 8;

/// The words. Only one thread may write at a time.
#[derive(Debug)]
pub(super) struct Cell {
    /// How often writing began or ended: odd while it goes on, and before the first write ended.
    turns: AtomicU64,
    /// Expiration in the upper half, inception in the lower one: as a record has them.
    window: AtomicU64,
    signature: [AtomicU64; WORDS],
}

/// A cell that held something when it was looked at: what is copied from it is whole as long as the count stays.
#[derive(Clone, Copy, Debug)]
pub struct Held<'c> {
    cell: &'c Cell,
    turns: u64,
    window: u64,
}

impl Held<'_> {
    /// Expiration and inception, as a record has them.
    #[inline(always)]
    pub(super) fn window(self) -> u64 {
        self.window
    }
}

impl Signature for Held<'_> {
    #[inline(always)]
    fn copy(self, to: &mut [u8; SIGNATURE]) -> bool {
        for (octets, word) in to.as_chunks_mut::<8>().0.iter_mut().zip(&self.cell.signature) {
            *octets = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        fence(Ordering::Acquire);
        self.cell.turns.load(Ordering::Relaxed) == self.turns
    }
}

/// True if a signature of this window, expiration and inception, is believed by a resolver whose clock is right. A clock
/// that was put back counts: what was signed in the future does not hold yet.
#[inline(always)]
pub(super) fn holds(window: u64, now: u64) -> bool {
    let (until, from) = ((window >> 32) as u32, window as u32);
    // Differences: the times go round (RFC 4034 §3.1.5).
    (now as u32).wrapping_sub(from) < until.wrapping_sub(from)
}

/// True if it holds, and will for as long as clocks may differ: who gets it believes it even if his is ahead.
#[inline(always)]
pub(super) fn is_good(window: u64, now: u64) -> bool {
    holds(window, now) && holds(window, now + SIGNATURE_SKEW_S)
}

/// What a cell holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Content {
    pub(super) window: u64,
    pub(super) signature: [u8; SIGNATURE],
}

impl Default for Cell {
    fn default() -> Self {
        Self { turns: AtomicU64::new(1), window: AtomicU64::default(), signature: Default::default() }
    }
}

impl Cell {
    /// Looks at it; nothing before the first write, and while one goes on.
    #[inline(always)]
    pub(super) fn held(&self) -> Option<Held<'_>> {
        let turns = self.turns.load(Ordering::Acquire);
        let window = self.window.load(Ordering::Relaxed);
        (turns & 1 == 0).then_some(Held { cell: self, turns, window })
    }

    /// What it holds, whole; nothing while it is written.
    pub(super) fn read(&self) -> Option<Content> {
        let held = self.held()?;
        let mut signature = [0; SIGNATURE];
        held.copy(&mut signature).then_some(Content { window: held.window, signature })
    }

    /// Seconds until what it holds ends, 0 if it does not hold; nothing if it never held any.
    pub(super) fn left(&self, now: u64) -> Option<u32> {
        let window = self.held()?.window;
        Some(if holds(window, now) { ((window >> 32) as u32).wrapping_sub(now as u32) } else { 0 })
    }

    /// Takes another content.
    pub(super) fn write(&self, content: Content) {
        let turns = self.turns.load(Ordering::Relaxed) | 1;
        self.turns.store(turns, Ordering::Relaxed);
        fence(Ordering::Release);
        self.window.store(content.window, Ordering::Relaxed);
        for (octets, word) in content.signature.as_chunks::<8>().0.iter().zip(&self.signature) {
            word.store(u64::from_ne_bytes(*octets), Ordering::Relaxed);
        }
        self.turns.store(turns + 1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    fn content(octet: u8) -> Content {
        Content { window: u64::from_ne_bytes([octet; 8]), signature: [octet; SIGNATURE] }
    }

    #[test]
    fn a_reader_never_sees_a_mixture() {
        let (cell, done) = (Cell::default(), AtomicBool::new(false));
        assert_eq!(cell.read(), None);
        let seen = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut seen = 0;
                while !done.load(Ordering::Relaxed) {
                    if let Some(read) = cell.read() {
                        assert_eq!(read, content(read.window as u8));
                        seen += 1;
                    }
                }
                seen
            });
            (0..200_000_u32).for_each(|turn| cell.write(content(turn as u8)));
            done.store(true, Ordering::Relaxed);
            reader.join().unwrap()
        });
        assert_eq!(cell.read(), Some(content((199_999 & 0xff) as u8)));
        println!("{seen} reads");
    }

    #[test]
    fn a_window_goes_round() {
        let window = |until: u32, from: u32| u64::from(until) << 32 | u64::from(from);
        assert_eq!([99, 100, 199, 200].map(|now| holds(window(200, 100), now)), [false, true, true, false]);
        let start = u64::from(u32::MAX) - 51;
        let round = window(50, u32::MAX - 50);
        assert_eq!([0, 1, 101, 102].map(|later| holds(round, start + later)), [false, true, true, false]);
        let cell = Cell::default();
        assert_eq!(cell.left(150), None);
        cell.write(Content { window: window(200, 100), signature: [0; SIGNATURE] });
        assert_eq!([150, 99, 200].map(|now| cell.left(now)), [Some(50), Some(0), Some(0)]);
    }
}
