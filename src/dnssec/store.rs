//! Every signature of a zone, made once. An RRset is known by its content, so that a reload that leaves it as it is
//! leaves its signature too. What was not signed ahead is signed at its first use, by whoever comes first, while the
//! others who ask for the same set wait for it: some tens of microseconds, once in a signature's life.

use super::key::{Algorithm, Key, Role};
use super::sign::{Kept, RrSet, Window, sign};
use crate::limits::{SIGNATURE_JITTER_S, SIGNATURE_LIFE_S, SIGNATURE_SKEW_S};
use crate::wire::Name;
use crate::wire::code::rtype;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// How stale the note of a signature's last use may be, seconds.
const USED_STEP_S: u64 = 3_600;

/// What signs a zone: its keys, the time as it was told, and the signatures.
#[derive(Debug)]
pub struct Signer {
    core: Arc<Core>,
    known: RwLock<HashMap<Arc<[u8]>, Arc<Seal>>>,
}

/// What a signature is made with.
#[derive(Debug)]
struct Core {
    apex: Name,
    keys: Box<[Key]>,
    /// Seconds since 1970.
    now: AtomicU64,
}

/// An RRset and its signatures.
#[derive(Debug)]
pub struct Seal {
    core: Arc<Core>,
    rrset: Kept,
    current: RwLock<Option<Signed>>,
    /// When it was asked for, seconds since 1970, about.
    used: AtomicU64,
}

/// The signatures of an RRset.
#[derive(Debug)]
pub struct Signed {
    /// RDATA of the RRSIG records, one a key that signs.
    pub rdatas: Box<[Box<[u8]>]>,
    /// When they hold, seconds since 1970.
    from: u64,
    until: u64,
    /// When new ones are to be made.
    renew: u64,
}

impl Signer {
    /// What signs the zone at `apex`. `now`: seconds since 1970.
    #[must_use]
    pub fn new(apex: &Name, keys: Vec<Key>, now: u64) -> Self {
        let core = Core { apex: apex.to_lowercase(), keys: keys.into(), now: AtomicU64::new(now) };
        Self { core: Arc::new(core), known: RwLock::default() }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.core.keys
    }

    /// Tells the time, seconds since 1970.
    pub fn tell(&self, now: u64) {
        self.core.now.store(now, Ordering::Relaxed);
    }

    /// The number of RRsets that are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// True if none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The seal of an RRset; nothing if it has no record. Allocates only for one that is new.
    pub fn seal(&self, rrset: &RrSet) -> Option<Arc<Seal>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(seal) = known.get(rrset.records()) {
            return Some(Arc::clone(seal));
        }
        drop(known);
        let kept = rrset.kept()?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let seal = known.entry(rrset.records().into()).or_insert_with(|| {
            let used = AtomicU64::new(self.core.now.load(Ordering::Relaxed));
            Arc::new(Seal { core: Arc::clone(&self.core), rrset: kept, current: RwLock::default(), used })
        });
        Some(Arc::clone(seal))
    }

    /// Makes new signatures of the RRsets whose time has come, and forgets those that nobody has held or asked for as
    /// long as a signature lives. Gives how many were made.
    pub fn renew(&self) -> usize {
        let now = self.core.now.load(Ordering::Relaxed);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, seal| {
            Arc::strong_count(seal) > 1 || seal.used.load(Ordering::Relaxed) + SIGNATURE_LIFE_S >= now
        });
        let seals: Vec<_> = known.values().map(Arc::clone).collect();
        drop(known);
        seals.iter().filter(|seal| seal.renew(now)).count()
    }
}

impl Core {
    /// The keys that sign a type: those that the parent vouches for sign the keys and what is told to the parent
    /// (RFC 7344 §4.1), the others everything else. An algorithm with keys of one role signs everything with them.
    fn keys_for(&self, rtype: u16) -> impl Iterator<Item = &Key> {
        let role = match rtype {
            rtype::DNSKEY | rtype::CDS | rtype::CDNSKEY => Role::Entry,
            _ => Role::Zone,
        };
        Algorithm::ALL.into_iter().flat_map(move |algorithm| {
            let of_it = move |key: &&Key| key.algorithm() == algorithm;
            let any = self.keys.iter().filter(of_it).any(|key| key.role() == role);
            self.keys.iter().filter(of_it).filter(move |key| !any || key.role() == role)
        })
    }

    fn sign(&self, rrset: &Kept, now: u64) -> Signed {
        let (from, until) = (now.saturating_sub(SIGNATURE_SKEW_S), now + SIGNATURE_LIFE_S);
        let window = Window { inception: from as u32, expiration: until as u32 };
        let rdatas = self.keys_for(rrset.rtype).filter_map(|key| sign(rrset, self.apex.wire(), key, window).ok());
        let rdatas = rdatas.map(Vec::into_boxed_slice).collect();
        Signed { rdatas, from, until, renew: now + SIGNATURE_LIFE_S / 2 - jitter(&rrset.records) }
    }
}

/// By how much earlier than others an RRset is signed anew, seconds: so that they do not come all at once.
fn jitter(records: &[u8]) -> u64 {
    // FNV-1a, 64 bits.
    let hash = records
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3));
    hash % SIGNATURE_JITTER_S
}

impl Seal {
    /// Does something with the signatures. There always are some that hold now.
    pub fn with<T>(&self, take: impl FnOnce(&Signed) -> T) -> T {
        let now = self.core.now.load(Ordering::Relaxed);
        if self.used.load(Ordering::Relaxed) + USED_STEP_S < now {
            self.used.store(now, Ordering::Relaxed);
        }
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(signed) = &*current
            && signed.holds(now)
        {
            return take(signed);
        }
        drop(current);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        match &mut *current {
            Some(signed) if signed.holds(now) => take(signed),
            stale => take(stale.insert(self.core.sign(&self.rrset, now))),
        }
    }

    /// Makes new signatures if it is time; the old ones are handed out meanwhile.
    fn renew(&self, now: u64) -> bool {
        let is_due = |signed: &Signed| signed.renew <= now || !signed.holds(now);
        let due = self.current.read().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(is_due);
        if due {
            let signed = self.core.sign(&self.rrset, now);
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(signed);
        }
        due
    }
}

impl Signed {
    /// True if a resolver whose clock is right believes them now. A clock that was put back counts: what was signed in
    /// the future does not hold yet.
    fn holds(&self, now: u64) -> bool {
        self.from <= now && now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn signer(roles: &[Role]) -> Signer {
        let keys = roles.iter().map(|role| Key::generate(Algorithm::Ed25519, *role).unwrap()).collect();
        Signer::new(&Name::parse("example").unwrap(), keys, NOW)
    }

    fn rrset(rtype: u16, octet: u8) -> RrSet {
        RrSet::new(b"\x01a\x07example\x00", rtype, 60, std::iter::once(&[octet, 0, 0, 1][..]))
    }

    fn rdatas(signer: &Signer, rtype: u16, octet: u8) -> Box<[Box<[u8]>]> {
        signer.seal(&rrset(rtype, octet)).unwrap().with(|signed| signed.rdatas.clone())
    }

    #[test]
    fn a_set_is_signed_once_until_half_of_its_life_is_over() {
        // ECDSA signatures differ each time they are made.
        let key = Key::generate(Algorithm::EcdsaP256Sha256, Role::Entry).unwrap();
        let signer = Signer::new(&Name::parse("example").unwrap(), vec![key], NOW);
        let first = rdatas(&signer, 1, 7);
        assert_eq!(rdatas(&signer, 1, 7), first);
        assert_eq!(signer.renew(), 0);
        signer.tell(NOW + SIGNATURE_LIFE_S / 2 - SIGNATURE_JITTER_S - 1);
        assert_eq!((signer.renew(), rdatas(&signer, 1, 7) == first), (0, true));
        signer.tell(NOW + SIGNATURE_LIFE_S / 2);
        assert_eq!(rdatas(&signer, 1, 7), first, "it holds until it is replaced");
        assert_eq!(signer.renew(), 1);
        assert_ne!(rdatas(&signer, 1, 7), first);
    }

    #[test]
    fn many_threads_that_ask_at_once_get_one_signature() {
        let key = Key::generate(Algorithm::EcdsaP256Sha256, Role::Entry).unwrap();
        let signer = Signer::new(&Name::parse("example").unwrap(), vec![key], NOW);
        let all = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| rdatas(&signer, 1, 7))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(all.iter().all(|one| *one == all[0]));
        assert_eq!(signer.len(), 1);
    }

    #[test]
    fn after_a_jump_of_the_clock_no_signature_is_handed_out_that_does_not_hold() {
        let signer = signer(&[Role::Entry]);
        for now in [NOW, NOW + 10 * 365 * 86_400, NOW, NOW - 3 * 86_400] {
            signer.tell(now);
            let window = |rdata: &[u8]| [8, 12].map(|at| u32::from_be_bytes(rdata[at..at + 4].try_into().unwrap()));
            let [until, from] = window(&rdatas(&signer, 1, 7)[0]).map(u64::from);
            assert!((from..until).contains(&now), "{from} {now} {until}");
        }
    }

    #[test]
    fn keys_of_the_entry_sign_the_keys_and_the_others_the_rest() {
        let tags = |signer: &Signer, rtype: u16| {
            let tag = |rdata: &[u8]| u16::from_be_bytes([rdata[16], rdata[17]]);
            rdatas(signer, rtype, 7).iter().map(|rdata| tag(rdata)).collect::<Vec<_>>()
        };
        let both = signer(&[Role::Zone, Role::Entry]);
        let [zone, entry] = [0, 1].map(|index| both.keys()[index].tag());
        assert_eq!((tags(&both, rtype::DNSKEY), tags(&both, rtype::CDS)), (vec![entry], vec![entry]));
        assert_eq!((tags(&both, rtype::A), tags(&both, rtype::NSEC)), (vec![zone], vec![zone]));
        let one = signer(&[Role::Entry]);
        assert_eq!(tags(&one, rtype::A), [one.keys()[0].tag()]);
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten_and_what_a_zone_holds_is_not() {
        let signer = signer(&[Role::Entry]);
        let held = signer.seal(&rrset(1, 1)).unwrap();
        rdatas(&signer, 1, 2);
        signer.tell(NOW + SIGNATURE_LIFE_S + 1);
        signer.renew();
        assert_eq!(signer.len(), 1);
        assert!(Arc::ptr_eq(&held, &signer.seal(&rrset(1, 1)).unwrap()));
    }
}
