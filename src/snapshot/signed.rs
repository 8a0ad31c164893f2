//! What a signed zone has beside what its file says: its keys, what its parent shall know, and the chain of its names.

use super::{Signing, ZoneSpec};
use crate::dnssec::{Digest, Role, Signer, chain};
use crate::limits::DNSKEY_TTL_S;
use crate::steer::Types;
use crate::wire::code::rtype;
use crate::zone::{BalancedOwner, Record};

/// Types that a signed zone makes itself; what its file says of them does not count.
const OURS: [u16; 6] = [rtype::RRSIG, rtype::NSEC, rtype::NSEC3, rtype::NSEC3PARAM, rtype::CDS, rtype::CDNSKEY];

/// CDNSKEY and CDS that have the parent drop its DS records (RFC 8078 §4).
const DELETE: [(u16, [u8; 5]); 2] = [(rtype::CDNSKEY, [0, 0, 3, 0, 0]), (rtype::CDS, [0; 5])];

/// Adds to each signed zone what it has beside its file's records, and takes everything out of those whose keys are
/// missing. True if there is a signed zone.
pub(super) fn complete(zones: &mut [ZoneSpec], balanced: &mut Vec<BalancedOwner<'_>>) -> bool {
    balanced.retain(|owner| !zones[owner.zone.index()].signing.is_locked());
    let mut signs = false;
    for (index, zone) in zones.iter_mut().enumerate() {
        match zone.signing.clone() {
            Signing::Off | Signing::Wanted(_) => {}
            Signing::Locked(_) => zone.records.clear(),
            Signing::On(signer) => {
                signs = true;
                zone.records.retain(|record| !OURS.contains(&record.rtype));
                add_keys(zone, &signer);
                add_chain(zone, balanced.iter().filter(|owner| owner.zone.index() == index));
            }
        }
    }
    signs
}

fn add_keys(zone: &mut ZoneSpec, signer: &Signer) {
    let apex = zone.apex.clone();
    let mut add = |rtype: u16, rdata: Vec<u8>| {
        zone.records.push(Record { owner: apex.clone(), rtype, ttl: DNSKEY_TTL_S, rdata: rdata.into() });
    };
    if signer.stops() {
        DELETE.iter().for_each(|(rtype, rdata)| add(*rtype, rdata.to_vec()));
    }
    for (key, phase) in signer.keys() {
        if phase.is_published() {
            add(rtype::DNSKEY, key.dnskey());
        }
        // What the parent shall have: the next one before the zone has it, and the last one until it is gone.
        if key.role() == Role::Entry && !signer.stops() {
            add(rtype::CDNSKEY, key.dnskey());
            add(rtype::CDS, key.ds(apex.wire(), Digest::Sha256));
        }
    }
}

/// The TTL of NSEC records is that of negative answers (RFC 9077).
fn add_chain<'b>(zone: &mut ZoneSpec, balanced: impl Iterator<Item = &'b BalancedOwner<'b>> + Clone) {
    let soa = zone.records.iter().find(|record| record.rtype == rtype::SOA);
    let minimum = |soa: &Record| soa.rdata.last_chunk::<4>().map(|octets| u32::from_be_bytes(*octets).min(soa.ttl));
    let ttl = soa.and_then(minimum).unwrap_or(DNSKEY_TTL_S);
    let steered = balanced.flat_map(|owner| types(owner.types).map(|rtype| (owner.owner.wire(), rtype)));
    let have = zone.records.iter().map(|record| (record.owner.wire(), record.rtype)).chain(steered);
    for (owner, rdata) in chain(zone.apex.wire(), have) {
        let Ok(owner) = crate::wire::Name::from_wire(&owner) else { continue };
        zone.records.push(Record { owner, rtype: rtype::NSEC, ttl, rdata: rdata.into() });
    }
}

/// The types that exist at a balanced name, whoever asks and whatever is healthy.
fn types(types: Types) -> impl Iterator<Item = u16> + Clone {
    let all = [
        (types.a, rtype::A),
        (types.aaaa, rtype::AAAA),
        (types.cname, rtype::CNAME),
        (types.https, rtype::HTTPS),
        (types.svcb, rtype::SVCB),
        (types.srv, rtype::SRV),
        (types.mx, rtype::MX),
        (types.txt, rtype::TXT),
    ];
    all.into_iter().filter(|(exists, _)| *exists).map(|(_, rtype)| rtype)
}
