//! An RRset and its signatures, one a key that signs it: made at the first use, by one thread while others that want
//! the same wait, and then read without a lock.

use super::cell::{Cell, Content, Held, SIGNATURE, holds, is_good};
use super::key::Key;
use super::remembered::{FRAME, ONE};
use super::sign::{Kept, Window, sign};
use crate::limits::{SIGNATURE_JITTER_S, SIGNATURE_LIFE_S, SIGNATURE_SKEW_S};
use crate::wire::Name;
use crate::wire::code::rtype;
use crate::wire::reply::Signature as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How stale the note of a signature's last use may be, seconds.
const USED_STEP_S: u64 = 3_600;

/// What signatures are made with.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) apex: Name,
    /// Those that sign.
    pub(super) keys: Box<[Arc<Key>]>,
    /// What signs the keys and what is told to the parent, and what signs everything else.
    pub(super) hands: [Box<[Hand]>; 2],
    /// Seconds since 1970.
    pub(super) now: AtomicU64,
    /// How many RRsets were signed.
    pub(super) made: AtomicU64,
}

/// A key that signs, and what its signatures have in common.
#[derive(Debug)]
pub(super) struct Hand {
    /// Its place among the keys.
    pub(super) key: usize,
    algorithm: u8,
    /// Its key tag, and the zone's name.
    signer: Arc<[u8]>,
}

impl Hand {
    pub(super) fn new(index: usize, key: &Key, apex: &Name) -> Self {
        let signer = [&key.tag().to_be_bytes()[..], apex.wire()].concat().into();
        Self { key: index, algorithm: key.algorithm().number(), signer }
    }
}

impl Core {
    /// Seconds since 1970, as they were told.
    #[inline(always)]
    pub(super) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// What signs a type.
    pub(super) fn hands(&self, rtype: u16) -> &[Hand] {
        &self.hands[usize::from(!matches!(rtype, rtype::DNSKEY | rtype::CDS | rtype::CDNSKEY))]
    }
}

/// A signature that is at hand: the data of an RRSIG record in its parts.
#[derive(Clone, Copy, Debug)]
pub struct Rrsig<'s> {
    /// From the type that is covered to the original TTL.
    pub fixed: u64,
    /// Expiration and inception.
    pub window: u64,
    /// The key tag and the signer's name.
    pub signer: &'s [u8],
    /// Where the signature stands.
    pub held: Held<'s>,
}

impl Rrsig<'_> {
    /// The data as one; nothing if it was made anew meanwhile.
    #[must_use]
    pub fn to_vec(&self) -> Option<Vec<u8>> {
        let mut signature = [0; SIGNATURE];
        let whole = self.held.copy(&mut signature);
        let parts = [&self.fixed.to_be_bytes()[..], &self.window.to_be_bytes(), self.signer, &signature];
        whole.then(|| parts.concat())
    }
}

/// An RRset and its signatures.
#[derive(Debug)]
pub struct Seal {
    core: Arc<Core>,
    rrset: Kept,
    /// Of the one key that signs the type: the first words of its signatures, and its tag and the zone's name. Nothing if
    /// there are several.
    only: Option<(u64, Arc<[u8]>)>,
    /// When the first signature needs no look: it holds, and its use is noted. A [`span`].
    calm: AtomicU64,
    /// That of the first hand that signs the type, and those of the others: most have one.
    first: Cell,
    more: Box<[Cell]>,
    /// When new ones are to be made, seconds since 1970.
    renew: AtomicU64,
    /// When it was asked for, seconds since 1970, about.
    used: AtomicU64,
    /// Held by who signs.
    busy: Mutex<()>,
}

impl Seal {
    pub(super) fn new(core: &Arc<Core>, rrset: Kept) -> Self {
        let more = core.hands(rrset.rtype).iter().skip(1).map(|_| Cell::default()).collect();
        let only = match core.hands(rrset.rtype) {
            [hand] => Some((fixed(&rrset, hand), Arc::clone(&hand.signer))),
            _ => None,
        };
        let (renew, used) = (AtomicU64::default(), AtomicU64::new(core.now()));
        let (core, first, busy) = (Arc::clone(core), Cell::default(), Mutex::default());
        Self { core, rrset, only, calm: AtomicU64::default(), first, more, renew, used, busy }
    }

    /// An RRset with signatures that were made before; nothing if they do not hold, or nobody has used them for long.
    /// `used`: when somebody did last.
    pub(super) fn recalled(core: &Arc<Core>, rrset: Kept, used: u64, contents: &[Content]) -> Option<Self> {
        let (now, seal) = (core.now(), Self::new(core, rrset));
        seal.cells().zip(contents).for_each(|(cell, content)| cell.write(*content));
        let ends = contents.iter().map(|content| content.window >> 32).min()?;
        seal.renew.store(renewed_at(ends, &seal.rrset.records), Ordering::Relaxed);
        seal.used.store(used.min(now), Ordering::Relaxed);
        (seal.holds(now) && !seal.is_forgotten(now)).then_some(seal)
    }

    /// Writes it behind `octets`, to be recalled. False if it has no signatures that hold, or nobody uses it.
    pub(super) fn to_octets(&self, now: u64, octets: &mut Vec<u8>) -> bool {
        // Nobody writes meanwhile: what is read here is whole.
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.holds(now) || self.is_forgotten(now) {
            return false;
        }
        octets.reserve(FRAME + self.rrset.records.len() + ONE * (1 + self.more.len()));
        octets.extend_from_slice(&(self.rrset.records.len() as u32).to_be_bytes());
        octets.extend_from_slice(&self.rrset.records);
        octets.extend_from_slice(&self.used.load(Ordering::Relaxed).to_be_bytes());
        for Content { window, signature } in self.cells().filter_map(Cell::read) {
            octets.extend_from_slice(&window.to_be_bytes());
            octets.extend_from_slice(&signature);
        }
        true
    }

    /// The same RRset, to be signed by others.
    pub(super) fn for_others(&self, core: &Arc<Core>) -> Self {
        Self::new(core, self.rrset.clone())
    }

    /// The records in canonical form.
    pub(super) fn records(&self) -> &[u8] {
        &self.rrset.records
    }

    /// Gives each signature away until one is not taken: true if all were. They hold now. What cannot be signed is false
    /// as well, so that it is not answered at all.
    pub fn each(&self, mut take: impl FnMut(Rrsig<'_>) -> bool) -> bool {
        let now = self.core.now();
        self.note_use(now);
        // Nobody writes meanwhile: what is given away here is always whole.
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_good(now) && self.sign(&busy, now).is_none() && !self.holds(now) {
            return false;
        }
        let hands = self.core.hands(self.rrset.rtype);
        let mut given = hands.iter().zip(self.cells()).map(|(hand, cell)| {
            let (held, fixed) = (cell.held()?, fixed(&self.rrset, hand));
            Some(Rrsig { fixed, window: held.window(), signer: &hand.signer, held })
        });
        !hands.is_empty() && given.all(|rrsig| rrsig.is_some_and(&mut take))
    }

    /// Makes the signatures if there are none that hold; false if that fails. Nobody asks for them as yet.
    pub fn prepare(&self) -> bool {
        let now = self.core.now();
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_good(now) || self.sign(&busy, now).is_some()
    }

    /// The key tag and the zone's name of its signature, if there is one alone.
    #[inline(always)]
    #[must_use]
    pub fn signer(&self) -> &[u8] {
        self.only.as_ref().map_or(&[], |only| &only.1)
    }

    /// The signature, if there is one alone and it has been made: the usual case, without a lock.
    #[inline(always)]
    #[must_use]
    pub fn only(&self) -> Option<Rrsig<'_>> {
        let now = self.core.now();
        let (fixed, signer) = self.only.as_ref()?;
        if !is_within(self.calm.load(Ordering::Acquire), now) && !self.look(now) {
            return None;
        }
        let held = self.first.held()?;
        Some(Rrsig { fixed: *fixed, window: held.window(), signer, held })
    }

    /// True if the first signature holds; then it needs no look for a while.
    #[cold]
    fn look(&self, now: u64) -> bool {
        self.note_use(now);
        // Nobody waits here. While a new one is made, it is not known how long that one will hold.
        let alone = self.busy.try_lock();
        let Some(window) = self.first.held().map(|held| held.window()).filter(|window| is_good(*window, now)) else {
            return false;
        };
        if alone.is_ok() {
            let left = ((window >> 32) as u32).wrapping_sub((now + SIGNATURE_SKEW_S) as u32);
            self.calm.store(span(now, left.min(USED_STEP_S as u32)), Ordering::Release);
        }
        true
    }

    fn note_use(&self, now: u64) {
        let used = self.used.load(Ordering::Relaxed);
        // It may have been noted by a clock that was ahead.
        if used + USED_STEP_S < now || used > now {
            self.used.store(now, Ordering::Relaxed);
        }
    }

    fn cells(&self) -> impl Iterator<Item = &Cell> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// Makes all signatures anew; the old ones are given away until then. `None`: the library fails.
    fn sign(&self, _busy: &MutexGuard<'_, ()>, now: u64) -> Option<()> {
        let (from, until) = (now.saturating_sub(SIGNATURE_SKEW_S), now + SIGNATURE_LIFE_S);
        let times = Window { inception: from as u32, expiration: until as u32 };
        // By another clock, maybe.
        self.calm.store(0, Ordering::Release);
        for (cell, hand) in self.cells().zip(self.core.hands(self.rrset.rtype)) {
            let rdata = sign(&self.rrset, self.core.apex.wire(), &self.core.keys[hand.key], times).ok()?;
            let window = until << 32 | from & 0xffff_ffff;
            cell.write(Content { window, signature: *rdata.last_chunk()? });
        }
        self.renew.store(renewed_at(until, &self.rrset.records), Ordering::Relaxed);
        self.core.made.fetch_add(1, Ordering::Relaxed);
        Some(())
    }

    /// True if all of its signatures are made and hold.
    fn holds(&self, now: u64) -> bool {
        self.cells().all(|cell| cell.held().is_some_and(|held| holds(held.window(), now)))
    }

    /// The same, and they will for a while.
    fn is_good(&self, now: u64) -> bool {
        self.cells().all(|cell| cell.held().is_some_and(|held| is_good(held.window(), now)))
    }

    /// Seconds until the first of its signatures ends; nothing if none was ever made.
    pub(super) fn left(&self, now: u64) -> Option<u32> {
        self.cells().filter_map(|cell| cell.left(now)).min()
    }

    /// When the newest of its signatures begins, seconds since 1970 modulo 2³²; nothing if none was made.
    #[must_use]
    pub fn inception(&self) -> Option<u32> {
        self.cells().filter_map(|cell| cell.held()).map(|held| held.window() as u32).max()
    }

    /// Makes new signatures if it is time, and if somebody wants them; the old ones are given away meanwhile.
    pub(super) fn renew(&self, now: u64) -> bool {
        // It was never asked for, or nobody has for long: who does gets it at once.
        if self.renew.load(Ordering::Relaxed) == 0 || self.is_forgotten(now) {
            return false;
        }
        let due = self.renew.load(Ordering::Relaxed) <= now || !self.is_good(now);
        due && self.sign(&self.busy.lock().unwrap_or_else(PoisonError::into_inner), now).is_some()
    }

    /// True if nobody has asked for it as long as a signature lives.
    pub(super) fn is_forgotten(&self, now: u64) -> bool {
        self.used.load(Ordering::Relaxed) + SIGNATURE_LIFE_S < now
    }
}

/// So many seconds from then on, as one word.
fn span(from: u64, seconds: u32) -> u64 {
    from << 32 | u64::from(seconds)
}

/// True if that time is within a span, which may go round (as the times of signatures do).
#[inline(always)]
fn is_within(span: u64, now: u64) -> bool {
    (now as u32).wrapping_sub((span >> 32) as u32) < span as u32
}

/// The first words of an RRset's signatures by one key, up to the original TTL.
fn fixed(rrset: &Kept, hand: &Hand) -> u64 {
    u64::from(rrset.rtype) << 48
        | u64::from(hand.algorithm) << 40
        | u64::from(rrset.labels) << 32
        | u64::from(rrset.ttl)
}

/// When a signature of these records that ends then is made anew, seconds since 1970.
fn renewed_at(ends: u64, records: &[u8]) -> u64 {
    ends.saturating_sub(SIGNATURE_LIFE_S / 2 + jitter(records))
}

/// By how much earlier than others an RRset is signed anew, seconds: so that they do not come all at once.
fn jitter(records: &[u8]) -> u64 {
    // FNV-1a, 64 bits.
    let hash = records
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3));
    hash % SIGNATURE_JITTER_S
}
