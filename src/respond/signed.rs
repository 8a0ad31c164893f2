//! What answers of signed zones carry for those who ask for signatures, as far as it is put together at the query. Each
//! RRset is signed once, at its first use, and found again without a lock.

use super::Ending;
use super::proofs::{Book, Proofs, put_signatures};
use super::records::{self, HINFO};
use crate::dnssec::{Mark, Seal, without};
use crate::id::{EndpointId, NameId, PoolId, ZoneId};
use crate::limits::TTL_STATIC;
use crate::state::State;
use crate::steer::{Picks, Want};
use crate::wire::code::{rcode, rtype};
use crate::wire::query::HEADER;
use crate::wire::reply::{QUESTION, Section};
use crate::wire::{Query, Reply};
use crate::worker::Worker;
use crate::zone::{Found, NodeId, Outcome, Set, Zones};
use std::sync::Arc;

/// What was signed before of a balanced name's addresses.
#[inline(always)]
pub(super) fn found<'s>(
    state: &'s State,
    (name, pool): (NameId, PoolId),
    rtype: u16,
    picks: Picks<'_>,
) -> Option<&'s Seal> {
    find(state, name, &mark(state, rtype, pool, picks.endpoints()))
}

/// Writes its signature behind them, where its room was asked for with theirs.
#[inline(always)]
pub(super) fn put_found(seal: &Seal, ttl: u32, reply: &mut Reply<'_>) -> bool {
    let Some(rrsig) = seal.only() else { return false };
    let parts = (rrsig.fixed, rrsig.window, rrsig.signer);
    reply.signature_in_room(Section::Answer, (&[], QUESTION), ttl, parts, rrsig.held).is_some()
}

/// Writes the signature of a static set whose records were written at `start`.
#[inline(always)]
pub(super) fn put_kept(zones: &Zones, (node, set): (NodeId, &Set), start: usize, reply: &mut Reply<'_>) -> bool {
    let ttl = u32::from(reply.peek(start + 6)) << 16 | u32::from(reply.peek(start + 8));
    let seal = zones.seal(node, set.rtype);
    seal.is_none_or(|seal| put_signatures(seal, reply, Section::Answer, (&[], QUESTION), ttl).is_some())
}

/// True if the answer of a signed zone is put together here.
pub(super) fn is_special(found: &Found, query: &Query<'_>) -> bool {
    match found.outcome {
        Outcome::Any => true,
        Outcome::NoData => query.qtype() == rtype::RRSIG,
        _ => false,
    }
}

/// Signs what was written, and proves that no closer name exists if a wildcard stood in.
pub(super) fn put_picks(
    state: &State,
    worker: &mut Worker,
    (found, name): (&Found, NameId),
    (rtype, ttl): (u16, u32),
    query: &Query<'_>,
    reply: &mut Reply<'_>,
) -> Option<()> {
    // Members of one pool, or what their records say.
    let mark = match (rtype, Picks::last(state, worker, Want::Target).endpoints()) {
        (rtype::A | rtype::AAAA, picked @ [first, ..]) => {
            mark(state, rtype, state.snapshot.endpoints[first.index()].pool, picked)
        }
        _ => Mark::of_any(rtype, reply.rdatas()),
    };
    sign(state, worker, &Sought { name, zone: found.zone, node: found.node, mark, rtype }, ttl, reply)?;
    prove_wildcard(Book { zones: &state.snapshot.zones, signed: true }, found, query, reply)
}

/// What was signed before of a balanced name.
#[inline(always)]
fn find<'s>(state: &'s State, name: NameId, mark: &Mark) -> Option<&'s Seal> {
    state.snapshot.seals.get(name.index())?.find(mark).map(|seal| &**seal)
}

/// An RRset of a balanced name.
struct Sought {
    name: NameId,
    zone: ZoneId,
    node: NodeId,
    mark: Mark,
    rtype: u16,
}

/// That of addresses of members of a pool.
#[inline(always)]
fn mark(state: &State, rtype: u16, pool: PoolId, picked: &[EndpointId]) -> Mark {
    let of = &state.snapshot.pools[pool.index()];
    Mark::of_members(rtype, pool, (of.first, of.count), picked)
}

/// Signs the records in the answer, and keeps the signature at hand. What is signed is the name's largest TTL: one
/// signature serves for all that this one is lowered to (RFC 4035 §5.3.3).
fn sign(state: &State, worker: &mut Worker, set: &Sought, ttl: u32, reply: &mut Reply<'_>) -> Option<()> {
    if let Some(seal) = find(state, set.name, &set.mark) {
        return put_signatures(seal, reply, Section::Answer, (&[], QUESTION), ttl);
    }
    let original = state.snapshot.names[set.name.index()].ttl;
    worker.rrset.set(state.snapshot.zones.name(set.node), set.rtype, original, reply.rdatas());
    let seal = keep(state, worker, set)?;
    put_signatures(&seal, reply, Section::Answer, (&[], QUESTION), ttl)
}

/// The seal of the worker's RRset, at hand from now on.
fn keep(state: &State, worker: &Worker, set: &Sought) -> Option<Arc<Seal>> {
    let signer = state.snapshot.settings[set.zone.index()].signing.signer()?;
    let seal = signer.seal(&worker.rrset)?;
    if let Some(seals) = state.snapshot.seals.get(set.name.index()) {
        seals.keep(set.mark, &seal);
    }
    Some(seal)
}

/// Writes the proof that no closer name exists than the wildcard that stood in.
fn prove_wildcard(book: Book<'_>, found: &Found, query: &Query<'_>, reply: &mut Reply<'_>) -> Option<()> {
    let mut proofs = Proofs::new();
    proofs.positive(book, found, query.name(), apex_at(book, found.zone, query));
    proofs.write(book, reply)
}

/// Where the zone's apex stands in the question.
fn apex_at(book: Book<'_>, zone: ZoneId, query: &Query<'_>) -> usize {
    HEADER + query.name().length() - book.zones.apex_length(zone)
}

/// ANY and RRSIG: the minimal answer (RFC 8482), and the signature of the node's NSEC record.
pub(super) fn plain(
    state: &State,
    worker: &mut Worker,
    found: &Found,
    query: &Query<'_>,
    reply: &mut Reply<'_>,
) -> Ending {
    let book = Book { zones: &state.snapshot.zones, signed: true };
    reply.authoritative = true;
    let written = if matches!(found.outcome, Outcome::Any) {
        put_hinfo(state, worker, found, query, reply)
    } else if let (Some((ttl, _)), Some(seal)) = (book.zones.nsec(found.node), book.zones.seal(found.node, rtype::NSEC))
    {
        put_signatures(seal, reply, Section::Answer, (&[], QUESTION), ttl)
    } else {
        return records::no_data(book, query, *found, reply);
    };
    if written.is_none() {
        reply.truncate();
    }
    Ending::plain(rcode::NOERROR)
}

/// Writes the minimal answer to ANY. Its signature is made at the first such query for the name.
fn put_hinfo(
    state: &State,
    worker: &mut Worker,
    found: &Found,
    query: &Query<'_>,
    reply: &mut Reply<'_>,
) -> Option<()> {
    let book = Book { zones: &state.snapshot.zones, signed: true };
    reply.record(Section::Answer, QUESTION, rtype::HINFO, TTL_STATIC, HINFO)?;
    let seal = match book.zones.minimal(found.node)?.get() {
        Some(seal) => seal,
        None => {
            worker.rrset.set(book.zones.name(found.node), rtype::HINFO, TTL_STATIC, std::iter::once(HINFO));
            let signer = state.snapshot.settings[found.zone.index()].signing.signer()?;
            let seal = signer.seal(&worker.rrset)?;
            book.zones.minimal(found.node)?.get_or_init(|| seal)
        }
    };
    put_signatures(seal, reply, Section::Answer, (&[], QUESTION), TTL_STATIC)?;
    prove_wildcard(book, found, query, reply)
}

/// A type that exists at the name has no data for this client: the chain's record says that it exists, so that this
/// client gets one without it, the same for all of its kind.
pub(super) fn no_data(
    state: &State,
    worker: &mut Worker,
    found: &Found,
    query: &Query<'_>,
    reply: &mut Reply<'_>,
) -> Ending {
    if put_no_data(state, worker, found, query, reply).is_none() {
        reply.truncate();
    }
    Ending::plain(rcode::NOERROR)
}

fn put_no_data(
    state: &State,
    worker: &mut Worker,
    found: &Found,
    query: &Query<'_>,
    reply: &mut Reply<'_>,
) -> Option<()> {
    let book = Book { zones: &state.snapshot.zones, signed: true };
    let (apex, name) = (apex_at(book, found.zone, query), found.balanced?);
    records::put_soa(book, found.zone, apex, reply)?;
    let hidden = if matches!(found.outcome, Outcome::Target(_)) { rtype::CNAME } else { query.qtype() };
    let (negative, rdata) = book.zones.nsec(found.node)?;
    let rdata = without(rdata, hidden)?;
    // No longer than an answer to the name: other clients get one.
    let ttl = state.snapshot.names[name.index()].ttl.min(negative);
    let owner = (book.zones.relative(found.node, found.zone), 0xc000 | apex as u16);
    reply.named(Section::Authority, owner, rtype::NSEC, ttl, &rdata)?;
    let mark = Mark::of_any(rtype::NSEC, std::iter::once(&rdata[..]));
    match find(state, name, &mark) {
        Some(seal) => put_signatures(seal, reply, Section::Authority, owner, ttl)?,
        None => {
            worker.rrset.set(book.zones.name(found.node), rtype::NSEC, ttl, std::iter::once(&rdata[..]));
            let set = Sought { name, zone: found.zone, node: found.node, mark, rtype: rtype::NSEC };
            let seal = keep(state, worker, &set)?;
            put_signatures(&seal, reply, Section::Authority, owner, ttl)?;
        }
    }
    // What covers the name that a wildcard stood in for may be that record too: it has the same next name.
    let mut proofs = Proofs::new();
    proofs.positive(book, found, query.name(), apex);
    proofs.paid(found.node);
    proofs.write(book, reply)
}
