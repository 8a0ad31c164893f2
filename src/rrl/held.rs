//! Whose replies are held back, for people: a short list beside the buckets, which know nobody's name. Threads that
//! answer write to it only when a reply is over a limit.

use super::{Block, Class};
use crate::address::{Bits, Family};
use crate::limits::RRL_HELD;
use std::sync::atomic::{AtomicU64, Ordering};

/// Places that a key may stand at.
const PROBES: usize = 8;
/// The key of a place that is being written; keys are odd.
const CLAIMED: u64 = 2;

/// Replies that are held back, by what they have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HeldBack {
    /// The class whose limit is reached.
    pub class: Class,
    /// Who asked.
    pub block: Block,
    /// The client subnet that answers are for, where they are counted by it.
    pub subnet: Option<Block>,
    /// The number of the zone, where they are counted by it.
    pub zone: Option<u32>,
}

/// A row of the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldRow {
    /// What is held back.
    pub what: HeldBack,
    /// The first time and the last one, nanoseconds.
    pub seen: [u64; 2],
    /// How many replies.
    pub count: u64,
    key: u64,
}

/// The list.
#[derive(Debug)]
pub struct Held {
    places: Box<[Place]>,
    /// Replies for which there was no place.
    unlisted: AtomicU64,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Place {
    key: AtomicU64,
    block: AtomicU64,
    subnet: AtomicU64,
    about: AtomicU64,
    first: AtomicU64,
    last: AtomicU64,
    count: AtomicU64,
}

impl Default for Held {
    fn default() -> Self {
        Self { places: (0..RRL_HELD).map(|_| Place::default()).collect(), unlisted: AtomicU64::new(0) }
    }
}

impl Held {
    /// Notes a reply that is over a limit; `what` is called if nothing of its key is known.
    pub(super) fn note(&self, key: u64, now: u64, what: impl FnOnce() -> HeldBack) {
        let key = key | 1;
        for probe in 0..PROBES {
            let place = &self.places[((key >> 32) as usize).wrapping_add(probe) % RRL_HELD];
            let found = place.key.load(Ordering::Acquire);
            if found == key {
                place.last.store(now, Ordering::Relaxed);
                place.count.fetch_add(1, Ordering::Relaxed);
                return;
            }
            let claims = || place.key.compare_exchange(0, CLAIMED, Ordering::Acquire, Ordering::Relaxed).is_ok();
            if found == 0 && claims() {
                place.write(&what(), now);
                place.key.store(key, Ordering::Release);
                return;
            }
        }
        self.unlisted.fetch_add(1, Ordering::Relaxed);
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> Vec<HeldRow> {
        self.places.iter().filter_map(Place::read).collect()
    }

    /// Takes rows off the list that saw nothing since `before`, nanoseconds. Only one thread does.
    pub fn forget(&self, before: u64) -> Vec<HeldRow> {
        let old = |place: &Place| {
            let row = place.read().filter(|row| row.seen[1] < before)?;
            place.key.store(0, Ordering::Release);
            Some(row)
        };
        self.places.iter().filter_map(old).collect()
    }

    /// Replies for which there was no place, ever.
    #[must_use]
    pub fn unlisted(&self) -> u64 {
        self.unlisted.load(Ordering::Relaxed)
    }
}

impl HeldRow {
    /// Tells rows apart.
    #[must_use]
    pub const fn key(&self) -> u64 {
        self.key
    }
}

impl Place {
    fn write(&self, what: &HeldBack, now: u64) {
        let put = |word: &AtomicU64, value| word.store(value, Ordering::Relaxed);
        put(&self.block, what.block.first.high);
        put(&self.subnet, what.subnet.map_or(0, |subnet| subnet.first.high));
        let octets = [what.class as u8, packed(Some(what.block)), packed(what.subnet), u8::from(what.zone.is_some())];
        put(&self.about, u64::from(u32::from_be_bytes(octets)) << 32 | u64::from(what.zone.unwrap_or(0)));
        put(&self.first, now);
        put(&self.last, now);
        put(&self.count, 1);
    }

    fn read(&self) -> Option<HeldRow> {
        let key = self.key.load(Ordering::Acquire);
        if key & 1 == 0 {
            return None;
        }
        let word = |word: &AtomicU64| word.load(Ordering::Relaxed);
        let about = word(&self.about);
        let [class, block, subnet, has_zone] = ((about >> 32) as u32).to_be_bytes();
        let what = HeldBack {
            class: *Class::ALL.get(usize::from(class))?,
            block: unpacked(block, word(&self.block))?,
            subnet: unpacked(subnet, word(&self.subnet)),
            zone: (has_zone != 0).then_some(about as u32),
        };
        Some(HeldRow { what, seen: [word(&self.first), word(&self.last)], count: word(&self.count), key })
    }
}

/// A block's family and length in an octet, from 1; 0: there is none. No block is longer than 64 bits.
const fn packed(block: Option<Block>) -> u8 {
    match block {
        Some(block) => 1 + (block.first.family as u8) * 100 + block.bits,
        None => 0,
    }
}

fn unpacked(octet: u8, high: u64) -> Option<Block> {
    let octet = octet.checked_sub(1)?;
    let (family, bits) = if octet >= 100 { (Family::V6, octet - 100) } else { (Family::V4, octet) };
    Some(Block { first: Bits { high, low: 0, family }, bits })
}
