//! A zone as secondaries get it: all of its static records, what stands for its balanced names, and if it is signed the
//! chain of just these names and all signatures. It is made once for a configuration, and is then as it is.

use super::balanced::stand_ins;
use super::later;
use super::records::{Records, laid_out};
use super::rules::Balanced;
use crate::dnssec::{RrSet, Seal, Signer, chain};
use crate::id::ZoneId;
use crate::limits::STREAM_REPLY_MAX;
use crate::snapshot::Snapshot;
use crate::steer::BalancedName;
use crate::wire::code::rtype;
use crate::zone::{NodeId, Set};
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// A zone with one serial.
#[derive(Debug)]
pub struct Edition {
    /// The apex in wire form, in lower case.
    pub apex: Box<[u8]>,
    /// The serial.
    pub serial: u32,
    /// The fingerprint of its signatures, if it is signed.
    pub signatures: Option<u64>,
    /// The SOA record.
    pub(super) soa: Arc<Records>,
    /// All others.
    pub(super) rest: Arc<Records>,
    /// Balanced names that are left out.
    pub left_out: usize,
    /// What signs it; held, so that signatures that only a secondary shows are made anew in time.
    seals: Vec<Arc<Seal>>,
    /// When its newest signature begins, seconds since 1970 modulo 2³².
    newest: u32,
}

/// Why a zone cannot be transferred.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EditionError {
    /// It has no SOA record: its keys are missing.
    NoSoa,
    /// A signature cannot be made.
    Unsigned,
    /// A record does not fit into a message with anything else.
    TooLong,
}

impl fmt::Display for EditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSoa => "its keys are missing",
            Self::Unsigned => "it cannot be signed",
            Self::TooLong => "a record is too long for a message",
        })
    }
}

impl std::error::Error for EditionError {}

/// Longest data of a record: a message has a header, a question, an owner and maybe a TSIG record too.
const RDATA_MAX: usize = STREAM_REPLY_MAX - 2_048;

/// RRsets by owner and type, with TTL and data.
type Sets = BTreeMap<(Vec<u8>, u16), (u32, Vec<Vec<u8>>)>;

impl Edition {
    /// A zone of a configuration; `sets`: its static RRsets, of [`crate::zone::Zones::sets_of_zones`].
    ///
    /// # Errors
    /// What keeps it from being transferred.
    pub fn new(
        snapshot: &Snapshot,
        zone: ZoneId,
        sets: &[(NodeId, Set)],
        balanced: Balanced,
    ) -> Result<Self, EditionError> {
        let zones = &snapshot.zones;
        let apex: Box<[u8]> = zones.name(zones.apex(zone)).into();
        let mut making =
            Making { all: Vec::with_capacity(2 * sets.len()), seals: Vec::new(), soa: None, signatures: 0 };
        let (mut have, mut loose) = (Vec::new(), Sets::new());
        // The chain is made anew: it is of the names that the secondary has.
        for (node, set) in sets.iter().filter(|(_, set)| set.rtype != rtype::NSEC) {
            let (owner, (ttl, rdatas)) = (zones.name(*node), zones.records_of(*set, zone));
            have.push((owner, set.rtype));
            making.put(owner, set.rtype, ttl, &rdatas)?;
            if let Some(seal) = zones.held_seal(*node, set.rtype) {
                making.sign(owner, ttl, seal)?;
            }
        }
        let ours = snapshot.names.iter().filter(|name| name.zone == zone);
        let stand_ins = if balanced == Balanced::FailOpen { stand_ins(snapshot, zone) } else { Vec::new() };
        for record in stand_ins {
            let key = (record.owner.wire().to_ascii_lowercase(), record.rtype);
            loose.entry(key).or_insert((record.ttl, Vec::new())).1.push(record.rdata.into());
        }
        let stands = |name: &BalancedName| {
            let owner = name.owner.wire().to_ascii_lowercase();
            loose.range((owner.clone(), 0)..=(owner, u16::MAX)).next().is_some()
        };
        let left_out = ours.filter(|name| !stands(name)).count();
        if let Some(signer) = snapshot.settings[zone.index()].signing.signer() {
            let steered = loose.keys().map(|(owner, rtype)| (&owner[..], *rtype));
            let links = chain(&apex, have.iter().copied().chain(steered).collect::<Vec<_>>().into_iter());
            let ttl = negative_ttl(snapshot, zone);
            loose.extend(links.into_iter().map(|(owner, rdata)| ((owner, rtype::NSEC), (ttl, vec![rdata]))));
            making.sign_all(signer, &loose)?;
        }
        for ((owner, rtype), (ttl, rdatas)) in &loose {
            making.put(owner, *rtype, *ttl, rdatas)?;
        }
        let Making { all, seals, soa, signatures } = making;
        let signatures = (!seals.is_empty()).then_some(signatures);
        let (serial, soa) = soa.ok_or(EditionError::NoSoa)?;
        let (soa, rest) = (Arc::new(Records::in_order(vec![soa])), Arc::new(Records::in_order(all)));
        let newest = newest(&seals);
        Ok(Self { apex, serial, signatures, soa, rest, left_out, seals, newest })
    }

    /// The number of records, the SOA record counted once.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rest.len() + 1
    }

    /// Never: it has an SOA record.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Octets that it takes in memory, about.
    #[must_use]
    pub fn size(&self) -> usize {
        self.rest.size() + self.soa.size()
    }

    /// True if signatures of it were made anew since, maybe by a clock that was put back.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.newest != newest(&self.seals)
    }

    /// All records, the SOA record first.
    #[must_use]
    pub fn records(&self) -> [&Records; 2] {
        [&self.soa, &self.rest]
    }
}

/// An edition that is being made.
struct Making {
    all: Vec<Box<[u8]>>,
    seals: Vec<Arc<Seal>>,
    /// Serial and record.
    soa: Option<(u32, Box<[u8]>)>,
    /// The sum over all signatures: their order is not the zone's.
    signatures: u64,
}

impl Making {
    fn put(&mut self, owner: &[u8], rtype: u16, ttl: u32, rdatas: &[Vec<u8>]) -> Result<(), EditionError> {
        for rdata in rdatas {
            if rdata.len() > RDATA_MAX {
                return Err(EditionError::TooLong);
            }
            let record = laid_out(owner, rtype, ttl, rdata);
            if rtype == rtype::SOA {
                let serial = rdata.len().checked_sub(20).and_then(|at| rdata[at..].first_chunk());
                self.soa = Some((u32::from_be_bytes(*serial.ok_or(EditionError::NoSoa)?), record));
            } else {
                self.all.push(record);
            }
        }
        Ok(())
    }

    fn sign(&mut self, owner: &[u8], ttl: u32, seal: &Arc<Seal>) -> Result<(), EditionError> {
        let (all, signatures) = (&mut self.all, &mut self.signatures);
        let signed = seal.each(|rrsig| {
            let rdata = rrsig.to_vec();
            *signatures = signatures.wrapping_add(fingerprint(owner, rdata.as_deref()));
            all.extend(rdata.as_ref().map(|rdata| laid_out(owner, rtype::RRSIG, ttl, rdata)));
            rdata.is_some()
        });
        self.seals.push(Arc::clone(seal));
        if signed { Ok(()) } else { Err(EditionError::Unsigned) }
    }

    /// Signs what the zone itself has no seals for. What it signs alike for its own answers is signed once.
    fn sign_all(&mut self, signer: &Signer, sets: &Sets) -> Result<(), EditionError> {
        for ((owner, rtype), (ttl, rdatas)) in sets {
            let rrset = RrSet::new(owner, *rtype, *ttl, rdatas.iter().map(|rdata| &rdata[..]));
            let seal = signer.seal(&rrset).ok_or(EditionError::Unsigned)?;
            self.sign(owner, *ttl, &seal)?;
        }
        Ok(())
    }
}

fn fingerprint(owner: &[u8], rdata: Option<&[u8]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (owner, rdata).hash(&mut hasher);
    hasher.finish()
}

/// When the newest of all signatures begins; the times go round (RFC 4034 §3.1.5).
fn newest(seals: &[Arc<Seal>]) -> u32 {
    seals.iter().filter_map(|seal| seal.inception()).reduce(later).unwrap_or(0)
}

/// The TTL of a zone's NSEC records (RFC 9077).
fn negative_ttl(snapshot: &Snapshot, zone: ZoneId) -> u32 {
    snapshot.zones.records_of(snapshot.zones.negative(zone), zone).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Options, load_text};
    use crate::dnssec::{Algorithm, Key, Role};
    use crate::geo::Databases;
    use crate::snapshot::Signing;

    #[test]
    fn it_is_stale_whichever_way_the_clock_went_that_its_signatures_were_made_anew_by() {
        const NOW: u64 = 1_800_000_000;
        const AHEAD: u64 = 10 * 86_400;
        let text = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[dnssec]\nenabled = true\n";
        let mut spec = load_text("zone.toml", text, &Options::default()).unwrap().spec;
        let zone = &mut spec.zones[0];
        let key = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
        let signer = Arc::new(Signer::new(&zone.apex, vec![key], NOW));
        zone.signing = Signing::On(Arc::clone(&signer));
        let snapshot = Snapshot::build(spec, Arc::new(Databases::new(Vec::new()))).unwrap();
        let sets = snapshot.zones.sets_of_zones(|_| true);
        let edition = || Edition::new(&snapshot, ZoneId::new(0), &sets[0], Balanced::LeaveOut).unwrap();
        let mut last = edition();
        for now in [NOW + AHEAD, NOW] {
            assert!(!last.is_stale());
            signer.tell(now);
            assert!(signer.renew() > 0);
            assert!(last.is_stale(), "{now}");
            last = edition();
        }
    }
}
