//! The signatures of a zone: each RRset is signed once, kept, and signed anew before its time is over.

use super::key::{Algorithm, Key, Role};
use super::seal::{Core, Hand, Seal};
use super::sign::RrSet;
use super::times::Phase;
use crate::wire::Name;
use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// What signs a zone: its keys, the time as it was told, and the signatures.
#[derive(Debug)]
pub struct Signer {
    core: Arc<Core>,
    /// All keys that are not out of use, with what they do.
    keys: Box<[(Arc<Key>, Phase)]>,
    /// Shared with signers by the same keys, whatever else the zone has.
    known: Arc<RwLock<HashSet<Entry>>>,
    missing: AtomicBool,
    /// The files of keys that cannot be read, without their endings.
    unread: Box<[String]>,
    /// The parent is told to drop its DS records.
    stops: bool,
    /// Why signatures of the last run were not taken back, if there were some.
    unbelieved: OnceLock<Box<str>>,
}

/// A seal among others, found by its records.
#[derive(Debug)]
struct Entry(Arc<Seal>);

impl Borrow<[u8]> for Entry {
    fn borrow(&self) -> &[u8] {
        self.0.records()
    }
}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.records().hash(state);
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.0.records() == other.0.records()
    }
}

impl Eq for Entry {}

impl Signer {
    /// What signs the zone at `apex`. `now`: seconds since 1970; the keys are in the phases that their times say.
    #[must_use]
    pub fn new(apex: &Name, keys: Vec<Key>, now: u64) -> Self {
        Self::of(apex, keys.into_iter().map(Arc::new), now)
    }

    /// The same for keys that others have too.
    #[must_use]
    pub fn of(apex: &Name, keys: impl IntoIterator<Item = Arc<Key>>, now: u64) -> Self {
        let apex = apex.to_lowercase();
        let in_phase = |key: Arc<Key>| (key.times().phase(now), key);
        let keys = keys.into_iter().map(in_phase).filter(|(phase, _)| *phase != Phase::Removed);
        let keys: Box<[_]> = keys.map(|(phase, key)| (key, phase)).collect();
        let signing = keys.iter().filter(|(_, phase)| *phase == Phase::Active);
        let signing: Box<[_]> = signing.map(|(key, _)| Arc::clone(key)).collect();
        let hands = [Role::Entry, Role::Zone].map(|role| hands(&signing, role, &apex));
        let core = Core { apex, keys: signing, hands, now: AtomicU64::new(now), made: AtomicU64::default() };
        let (known, missing, unbelieved) = (Arc::default(), AtomicBool::default(), OnceLock::new());
        Self { core: Arc::new(core), keys, known, missing, unread: Box::default(), stops: false, unbelieved }
    }

    /// The same where these files of keys cannot be read, named without their endings; and where the parent is told to drop
    /// its DS records, or is not.
    #[must_use]
    pub fn with(self, unread: Vec<String>, stops: bool) -> Self {
        Self { unread: unread.into(), stops, ..self }
    }

    /// The same with the signatures of another one, if the same keys sign; if not, with its RRsets, which are to be signed
    /// ahead.
    #[must_use]
    pub fn following(self, before: &Self) -> Self {
        let [ours, theirs] = [&self, before].map(|signer| signer.core.keys.iter().map(|key| key.dnskey()));
        if ours.eq(theirs) {
            return Self { core: Arc::clone(&before.core), known: Arc::clone(&before.known), ..self };
        }
        let (now, known) = (before.core.now(), before.known.read().unwrap_or_else(PoisonError::into_inner));
        let used = known.iter().filter(|Entry(seal)| !seal.is_forgotten(now));
        let ours = used.map(|Entry(seal)| Entry(Arc::new(seal.for_others(&self.core))));
        self.known.write().unwrap_or_else(PoisonError::into_inner).extend(ours);
        drop(known);
        // Counted on: a signer that has made as many as the one before has not made the same.
        self.core.made.store(before.made() + 1, Ordering::Relaxed);
        self
    }

    /// Takes seals of the same keys in, which nobody has asked for as yet.
    pub(super) fn take(&self, seals: Vec<Seal>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(seals.into_iter().map(|seal| Entry(Arc::new(seal))));
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The zone's name, in lower case.
    #[must_use]
    pub fn apex(&self) -> &Name {
        &self.core.apex
    }

    /// The time that was told last, seconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.core.now()
    }

    /// How many RRsets were signed, by this one and those that it follows.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.core.made.load(Ordering::Relaxed)
    }

    /// True if no key signs.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.core.keys.is_empty()
    }

    /// The keys and what they do.
    #[must_use]
    pub fn keys(&self) -> &[(Arc<Key>, Phase)] {
        &self.keys
    }

    /// True if another one has the same keys, and they do the same.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let of = |signer: &Self| signer.keys.iter().map(|(key, phase)| (key.dnskey(), *phase)).collect::<Vec<_>>();
        let beside = |signer: &Self| (signer.stops, signer.unread.clone());
        beside(self) == beside(other) && of(self) == of(other)
    }

    /// True if the parent is told to drop its DS records (RFC 8078 §4).
    #[must_use]
    pub const fn stops(&self) -> bool {
        self.stops
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

    /// The seal of an RRset; nothing if it has no record. Locks, and allocates for one that is new: what is asked for
    /// again and again keeps the seal.
    pub fn seal(&self, rrset: &RrSet) -> Option<Arc<Seal>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(Entry(seal)) = known.get(rrset.records()) {
            return Some(Arc::clone(seal));
        }
        drop(known);
        let new = Arc::new(Seal::new(&self.core, rrset.kept()?));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster.
        if let Some(Entry(seal)) = known.get(rrset.records()) {
            return Some(Arc::clone(seal));
        }
        known.insert(Entry(Arc::clone(&new)));
        Some(new)
    }

    /// The seals that there are.
    #[must_use]
    pub fn seals(&self) -> Vec<Arc<Seal>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|Entry(seal)| Arc::clone(seal)).collect()
    }

    /// Makes new signatures of the RRsets whose time has come, and forgets those that nobody has held or asked for as
    /// long as a signature lives. Gives how many were made.
    pub fn renew(&self) -> usize {
        let now = self.core.now();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|Entry(seal)| Arc::strong_count(seal) > 1 || !seal.is_forgotten(now));
        let seals: Vec<_> = known.iter().map(|Entry(seal)| Arc::clone(seal)).collect();
        drop(known);
        seals.iter().filter(|seal| seal.renew(now)).count()
    }

    /// When the first signature of all ends, seconds since 1970; nothing if there is none. What nobody asks for does not
    /// count.
    #[must_use]
    pub fn ends(&self) -> Option<u64> {
        let (now, known) = (self.core.now(), self.known.read().unwrap_or_else(PoisonError::into_inner));
        let used = known.iter().filter(|Entry(seal)| !seal.is_forgotten(now));
        used.filter_map(|Entry(seal)| seal.left(now)).min().map(|left| now + u64::from(left))
    }

    /// True if the files of its keys, or of some of them, are gone or cannot be read: it signs with what is loaded.
    #[must_use]
    pub fn keys_are_missing(&self) -> bool {
        self.missing.load(Ordering::Relaxed) || !self.unread.is_empty()
    }

    /// Why signatures of the last run were not taken back, if something is wrong with them.
    #[must_use]
    pub fn unbelieved(&self) -> Option<&str> {
        self.unbelieved.get().map(|why| &**why)
    }

    /// Tells why they were not, once.
    pub fn tell_unbelieved(&self, why: &str) {
        self.unbelieved.get_or_init(|| why.into());
    }

    /// Tells whether the files of its keys are gone; gives what was told before.
    pub fn tell_missing(&self, missing: bool) -> bool {
        self.missing.swap(missing, Ordering::Relaxed)
    }
}

/// The keys that sign: those that the parent vouches for sign the keys and what is told to the parent (RFC 7344 §4.1),
/// the others everything else. An algorithm with keys of one role signs everything with them.
fn hands(keys: &[Arc<Key>], role: Role, apex: &Name) -> Box<[Hand]> {
    let of_algorithm = |algorithm: Algorithm| {
        let of_it = move |(_, key): &(usize, &Arc<Key>)| key.algorithm() == algorithm;
        let any = keys.iter().enumerate().filter(of_it).any(|(_, key)| key.role() == role);
        keys.iter().enumerate().filter(of_it).filter(move |(_, key)| !any || key.role() == role)
    };
    let hands = Algorithm::ALL.into_iter().flat_map(of_algorithm);
    hands.map(|(index, key)| Hand::new(index, key, apex)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{SIGNATURE_JITTER_S, SIGNATURE_LIFE_S};
    use crate::wire::code::rtype;

    const NOW: u64 = 1_800_000_000;

    fn signer(roles: &[Role]) -> Signer {
        let keys = roles.iter().map(|role| Key::generate(Algorithm::Ed25519, *role).unwrap()).collect();
        Signer::new(&Name::parse("example").unwrap(), keys, NOW)
    }

    fn rrset(rtype: u16, octet: u8) -> RrSet {
        RrSet::new(b"\x01a\x07example\x00", rtype, 60, std::iter::once(&[octet, 0, 0, 1][..]))
    }

    fn rdatas(signer: &Signer, rtype: u16, octet: u8) -> Vec<Vec<u8>> {
        let mut rdatas = Vec::new();
        let given = signer.seal(&rrset(rtype, octet)).unwrap().each(|rrsig| {
            rdatas.extend(rrsig.to_vec());
            true
        });
        assert!(given);
        rdatas
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
    fn a_signature_at_hand_is_given_without_a_look_only_while_it_holds() {
        let signer = signer(&[Role::Entry]);
        let seal = signer.seal(&rrset(1, 7)).unwrap();
        let given = |now: u64| {
            signer.tell(now);
            let window = seal.only().map(|rrsig| rrsig.window);
            if let Some(window) = window {
                assert!((window & 0xffff_ffff..window >> 32).contains(&now), "{now}");
            }
            window.is_some()
        };
        assert!(!given(NOW), "none was made");
        assert!(seal.each(|_| true));
        // From an hour before it was made (`SIGNATURE_SKEW_S`) until its end, to and fro.
        for hours in [0, 1, 2, 0, 5, 1, 300, 0] {
            assert!(given(NOW + hours * 3_600), "{hours}");
        }
        // Somebody's clock may be ahead of ours by as much as it may be behind.
        assert!(given(NOW + SIGNATURE_LIFE_S - 3_601));
        for off in [NOW - 3_601, NOW - 86_400, NOW + SIGNATURE_LIFE_S - 3_600, NOW + 10 * 365 * 86_400] {
            assert!(!given(off) && given(NOW), "{off}");
        }
        // Made anew by a clock that was far ahead, for the one that is right again.
        let far = NOW + 10 * 365 * 86_400;
        signer.tell(far);
        // Nobody looks in between: what was known of the signature before does not hold for this one.
        assert!(seal.each(|_| true) && !given(NOW) && given(far) && !given(NOW));
    }

    #[test]
    fn who_is_given_what_is_at_hand_keeps_it_in_use() {
        let signer = signer(&[Role::Entry]);
        let seal = signer.seal(&rrset(1, 7)).unwrap();
        assert!(seal.each(|_| true));
        let last = NOW + SIGNATURE_LIFE_S - 7_200;
        for now in (NOW..=last).step_by(1_800) {
            signer.tell(now);
            assert!(seal.only().is_some());
        }
        assert!(!seal.is_forgotten(last + SIGNATURE_LIFE_S - 7_200) && seal.is_forgotten(last + SIGNATURE_LIFE_S + 1));
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_nothing_in_use() {
        let signer = signer(&[Role::Entry]);
        let seal = signer.seal(&rrset(1, 7)).unwrap();
        for now in [NOW, NOW + 10 * 365 * 86_400, NOW] {
            signer.tell(now);
            assert!(seal.each(|_| true));
        }
        assert!(seal.is_forgotten(NOW + SIGNATURE_LIFE_S + 1));
    }

    #[test]
    fn what_ends_soon_is_signed_anew_at_its_use() {
        let key = Key::generate(Algorithm::EcdsaP256Sha256, Role::Entry).unwrap();
        let signer = Signer::new(&Name::parse("example").unwrap(), vec![key], NOW);
        let first = rdatas(&signer, 1, 7);
        signer.tell(NOW + SIGNATURE_LIFE_S - 3_601);
        assert_eq!(rdatas(&signer, 1, 7), first);
        signer.tell(NOW + SIGNATURE_LIFE_S - 3_600);
        assert_ne!(rdatas(&signer, 1, 7), first);
    }

    #[test]
    fn keys_of_the_entry_sign_the_keys_and_the_others_the_rest() {
        let tags = |signer: &Signer, rtype: u16| {
            let tag = |rdata: &[u8]| u16::from_be_bytes([rdata[16], rdata[17]]);
            rdatas(signer, rtype, 7).iter().map(|rdata| tag(rdata)).collect::<Vec<_>>()
        };
        let both = signer(&[Role::Zone, Role::Entry]);
        let [zone, entry] = [0, 1].map(|index| both.keys()[index].0.tag());
        assert_eq!((tags(&both, rtype::DNSKEY), tags(&both, rtype::CDS)), (vec![entry], vec![entry]));
        assert_eq!((tags(&both, rtype::A), tags(&both, rtype::NSEC)), (vec![zone], vec![zone]));
        let one = signer(&[Role::Entry]);
        assert_eq!(tags(&one, rtype::A), [one.keys()[0].0.tag()]);
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

    #[test]
    fn signatures_stay_as_long_as_the_same_keys_sign() {
        let files = |role| {
            let key = Key::generate(Algorithm::EcdsaP256Sha256, role).unwrap();
            let name = Name::parse("example").unwrap();
            (crate::dnssec::public_file(&name, &key), crate::dnssec::private_file(&key))
        };
        let read = |(public, private): &(String, String), phase: Option<Phase>| {
            let key = crate::dnssec::read_pair(public, private).unwrap().1;
            let times = phase.map_or(*key.times(), |phase| key.times().become_now(phase, NOW));
            key.with_times(times)
        };
        let (one, other) = (files(Role::Entry), files(Role::Entry));
        let zone = Name::parse("example").unwrap();
        let first = Signer::new(&zone, vec![read(&one, None)], NOW);
        let before = rdatas(&first, 1, 7);
        let keys = vec![read(&one, None), read(&other, Some(Phase::Published))];
        let second = Signer::new(&zone, keys, NOW).following(&first);
        assert_eq!((rdatas(&second, 1, 7), second.is_like(&first)), (before.clone(), false));
        let keys = vec![read(&one, Some(Phase::Retired)), read(&other, Some(Phase::Active))];
        let third = Signer::new(&zone, keys, NOW).following(&second);
        assert_ne!(rdatas(&third, 1, 7), before);
        assert!(!third.is_idle() && Signer::new(&zone, vec![read(&one, Some(Phase::Removed))], NOW).is_idle());
    }

    #[test]
    fn files_that_cannot_be_read_and_an_end_of_signing_are_news_once() {
        let zone = Name::parse("example").unwrap();
        let key = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
        let text = (super::super::public_file(&zone, &key), super::super::private_file(&key));
        let read = || Signer::new(&zone, vec![super::super::read_pair(&text.0, &text.1).unwrap().1], NOW);
        let unread = || read().with(vec!["Kexample.+015+00001".into()], false);
        assert!(!read().keys_are_missing() && unread().keys_are_missing());
        assert!(!unread().is_like(&read()) && unread().is_like(&unread().following(&read())));
        assert!(!read().is_like(&unread()), "until it can be read again");
        assert!(!read().with(Vec::new(), true).is_like(&read()));
    }
}
