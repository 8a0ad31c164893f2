//! Answers of signed zones for those who ask for signatures: the usual ones from top to bottom, and those that are put
//! together at the query. Each RRset is signed once, at its first use, and found again without a lock.

use super::proofs::{Book, Proofs, put_signature, put_signatures};
use super::records::{self, HINFO};
use super::{Ending, Question, Request, Verdict, answer_any, family, finish, heed_subnet, scope, services, truncated};
use crate::client::{Client, Family, Wish};
use crate::dnssec::{Mark, Seal, without};
use crate::id::{EndpointId, NameId, PoolId, ZoneId};
use crate::limits::TTL_STATIC;
use crate::state::State;
use crate::steer::{self, Answer, Decision, Picks, Want};
use crate::wire::code::{class, extended, rcode, rtype};
use crate::wire::query::HEADER;
use crate::wire::reply::{QUESTION, Section};
use crate::wire::{Query, Reply};
use crate::worker::Worker;
use crate::zone::{At, Found, NodeId, Outcome, Usual};
use std::sync::Arc;

/// Answers the usual query that asks for signatures, and hands any other one on.
#[inline(always)]
pub(super) fn answer_usual(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    query: Query<'_>,
    place: Option<At<'_>>,
    out: &mut [u8],
) -> Verdict {
    let zones = &state.snapshot.zones;
    if let Some(at) = place
        && query.qclass() == class::IN
        && let Usual::Addresses(holder, name) = zones.usual(at, query.qtype())
        && zones.is_signed(holder.zone)
    {
        let subnet = heed_subnet(state, holder, request, &query);
        if subnet.wish != Wish::Malformed {
            worker.found(holder.zone);
            let asked = Question { name, want: Want::Addresses(family(query.qtype())), node: Some(at.id), subnet };
            return steered(state, worker, request, (asked, holder.zone, at.id), query, out);
        }
    }
    answer_static(state, worker, request, query, place, out)
}

/// Answers the usual query for static records.
#[inline(never)]
fn answer_static(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    query: Query<'_>,
    place: Option<At<'_>>,
    out: &mut [u8],
) -> Verdict {
    let zones = &state.snapshot.zones;
    if let Some(at) = place
        && query.qclass() == class::IN
        && let Usual::Records(holder, set) = zones.usual(at, query.qtype())
        && !set.has_related()
        && zones.is_signed(holder.zone)
    {
        let subnet = heed_subnet(state, holder, request, &query);
        if subnet.wish != Wish::Malformed {
            worker.found(holder.zone);
            let mut reply = Reply::new(&query, request.transport.is_stream(), out);
            reply.authoritative = true;
            reply.scope = scope(subnet.wish, 0);
            let written = reply.append(Section::Answer, set.count, zones.image(set)).and_then(|start| {
                let ttl = u32::from(reply.peek(start + 6)) << 16 | u32::from(reply.peek(start + 8));
                let seal = zones.seal(at.id, set.rtype);
                seal.map_or(Some(()), |seal| put_signatures(seal, &mut reply, Section::Answer, (&[], QUESTION), ttl))
            });
            return match written {
                Some(()) => finish(state, worker, request, &query, reply, Ending::plain(rcode::NOERROR)),
                None => truncated(state, worker, request, query, reply),
            };
        }
    }
    answer_any(state, worker, request, query, place.map(|at| at.id), out)
}

/// Answers with the addresses that steering decides for a name that has a node of its own, and their signature.
#[inline(always)]
fn steered(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    (asked, zone, node): (Question, ZoneId, NodeId),
    query: Query<'_>,
    out: &mut [u8],
) -> Verdict {
    let client = Client::of(request.source.address, &asked.subnet);
    let (decision, pool) = steer::decide_signed(state, worker, asked.name, &client, asked.want);
    let Answer::Records { ttl } = decision.answer else {
        return nothing(state, worker, request, (asked, node, decision), query, out);
    };
    let picks = Picks::last(state, worker, asked.want);
    let mut reply = Reply::new(&query, request.transport.is_stream(), out);
    reply.scope = scope(asked.subnet.wish, decision.scope);
    reply.authoritative = true;
    let (fits, rtype) = match asked.want {
        Want::Addresses(Family::V6) => (reply.addresses::<16, 28>(rtype::AAAA, ttl, picks.v6()), rtype::AAAA),
        _ => (reply.addresses::<4, 16>(rtype::A, ttl, picks.v4()), rtype::A),
    };
    let mark = mark(state, rtype, pool, picks.endpoints());
    if fits
        && let Some(rrsig) = find(state, asked.name, &mark).and_then(Seal::only)
        && put_signature(&rrsig, &mut reply, Section::Answer, (&[], QUESTION), ttl).is_some()
    {
        return finish(state, worker, request, &query, reply, Ending::plain(rcode::NOERROR));
    }
    let set = Sought { name: asked.name, zone, node, mark, rtype };
    signed_first(state, worker, request, (set, ttl, fits), query, reply)
}

/// Ends an answer whose signature was not at hand, or that has no room.
#[cold]
fn signed_first(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    (set, ttl, fits): (Sought, u32, bool),
    query: Query<'_>,
    mut reply: Reply<'_>,
) -> Verdict {
    if fits && sign(state, worker, &set, ttl, &mut reply).is_some() {
        return finish(state, worker, request, &query, reply, Ending::plain(rcode::NOERROR));
    }
    truncated(state, worker, request, query, reply)
}

/// The usual query got no records from steering.
#[cold]
fn nothing(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    (asked, node, decision): (Question, NodeId, Decision),
    query: Query<'_>,
    out: &mut [u8],
) -> Verdict {
    match state.snapshot.zones.find_from(Some(node), query.name(), query.qtype()) {
        Some(found) => decided(state, worker, request, (&found, asked, asked.want, decision), query, out),
        None => answer_any(state, worker, request, query, Some(node), out),
    }
}

/// True if the answer of a signed zone is put together here.
pub(super) fn is_special(found: &Found, query: &Query<'_>) -> bool {
    match found.outcome {
        Outcome::Addresses(_) | Outcome::Target(_) | Outcome::Service(_) | Outcome::Any => true,
        Outcome::NoData => query.qtype() == rtype::RRSIG,
        _ => false,
    }
}

/// Answers what is not usual.
#[cold]
pub(super) fn answer(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    (found, asked): (Found, Option<Question>),
    query: Query<'_>,
    out: &mut [u8],
) -> Verdict {
    let Some(asked) = asked else {
        let mut reply = Reply::new(&query, request.transport.is_stream(), out);
        let ending = plain(state, worker, &found, &query, &mut reply);
        return finish(state, worker, request, &query, reply, ending);
    };
    let client = Client::of(request.source.address, &asked.subnet);
    let want = match (found.outcome, asked.want) {
        (Outcome::Service(name), _) => Want::Addresses(services::lane(state, name)),
        (_, want) => want,
    };
    let (decision, _) = steer::decide_signed(state, worker, asked.name, &client, want);
    decided(state, worker, request, (&found, asked, want, decision), query, out)
}

/// Answers with what was decided.
#[cold]
fn decided(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    (found, asked, want, decision): (&Found, Question, Want, Decision),
    query: Query<'_>,
    out: &mut [u8],
) -> Verdict {
    let mut reply = Reply::new(&query, request.transport.is_stream(), out);
    reply.scope = scope(asked.subnet.wish, decision.scope);
    reply.authoritative = true;
    let ending = match decision.answer {
        Answer::Records { ttl } => match put_picks(state, worker, (found, &asked, want), &query, ttl, &mut reply) {
            Some(rtype) => match sign_picks(state, worker, (found, asked.name), (rtype, ttl), &query, &mut reply) {
                Some(()) => Ending::plain(rcode::NOERROR),
                None => return truncated(state, worker, request, query, reply),
            },
            None => return truncated(state, worker, request, query, reply),
        },
        Answer::NoData => no_data(state, worker, found, &query, &mut reply),
        Answer::ServFail => Ending::explained(rcode::SERVFAIL, extended::OTHER, "no endpoint is healthy"),
        Answer::Pending => {
            worker.asked(request, query.qtype());
            return Verdict::Drop;
        }
    };
    reply.authoritative = ending.rcode != rcode::SERVFAIL;
    finish(state, worker, request, &query, reply, ending)
}

/// Writes what steering picked. Gives the type of the records; `None` if they have no room.
fn put_picks(
    state: &State,
    worker: &Worker,
    (found, asked, want): (&Found, &Question, Want),
    query: &Query<'_>,
    ttl: u32,
    reply: &mut Reply<'_>,
) -> Option<u16> {
    let picks = Picks::last(state, worker, want);
    if matches!(found.outcome, Outcome::Service(_)) {
        services::answer(state, asked.name, query.qtype(), picks.endpoints(), ttl, reply)?;
        return Some(query.qtype());
    }
    match want {
        Want::Addresses(Family::V4) => reply.addresses::<4, 16>(rtype::A, ttl, picks.v4()).then_some(rtype::A),
        Want::Addresses(Family::V6) => reply.addresses::<16, 28>(rtype::AAAA, ttl, picks.v6()).then_some(rtype::AAAA),
        Want::Target => {
            let target = picks.target()?;
            reply.record(Section::Answer, QUESTION, rtype::CNAME, ttl, target).map(|_| rtype::CNAME)
        }
    }
}

/// Signs what was written, and proves that no closer name exists if a wildcard stood in.
fn sign_picks(
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
fn plain(state: &State, worker: &mut Worker, found: &Found, query: &Query<'_>, reply: &mut Reply<'_>) -> Ending {
    let book = Book { zones: &state.snapshot.zones, signed: true };
    reply.authoritative = true;
    let written = if found.outcome == Outcome::Any {
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
fn no_data(state: &State, worker: &mut Worker, found: &Found, query: &Query<'_>, reply: &mut Reply<'_>) -> Ending {
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
