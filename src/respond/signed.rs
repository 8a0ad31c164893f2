//! Answers that are put together at the query and are signed for those who ask for it: what steering decides, the
//! minimal answer to ANY, and the signatures themselves. Each RRset that can be is signed once, at its first use.

use super::proofs::{Book, Proofs, put_signatures};
use super::records::{self, HINFO};
use super::{Ending, Question, Request, Transport, Verdict, finish, scope, services, truncated};
use crate::client::{Client, Family};
use crate::dnssec::without;
use crate::id::ZoneId;
use crate::limits::TTL_STATIC;
use crate::state::State;
use crate::steer::{self, Answer, Picks, Want};
use crate::wire::code::{extended, rcode, rtype};
use crate::wire::query::HEADER;
use crate::wire::reply::{QUESTION, Section};
use crate::wire::{Query, Reply};
use crate::worker::Worker;
use crate::zone::{Found, Outcome};

/// True if the answer of a signed zone is put together here.
pub(super) fn is_special(found: &Found, query: &Query<'_>) -> bool {
    match found.outcome {
        Outcome::Addresses(_) | Outcome::Target(_) | Outcome::Service(_) | Outcome::Any => true,
        Outcome::NoData => query.qtype() == rtype::RRSIG,
        _ => false,
    }
}

/// Answers it.
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
        let mut reply = Reply::new(&query, request.transport == Transport::Stream, out);
        let ending = plain(state, worker, &found, &query, &mut reply);
        return finish(state, worker, request, &query, reply, ending);
    };
    let client = Client::of(request.source.address, &asked.subnet);
    let want = match (found.outcome, asked.want) {
        (Outcome::Service(name), _) => Want::Addresses(services::lane(state, name)),
        (_, want) => want,
    };
    let decision = steer::decide_signed(state, worker, asked.name, &client, want);
    let mut reply = Reply::new(&query, request.transport == Transport::Stream, out);
    reply.scope = scope(asked.subnet.wish, decision.scope);
    reply.authoritative = true;
    let book = Book { zones: &state.snapshot.zones, signed: true };
    let ending = match decision.answer {
        Answer::Records { ttl } => {
            let written = put_picks(state, worker, (&found, &asked, want), &query, ttl, &mut reply);
            let written = written.and_then(|rtype| {
                // Of a set without records nothing is to be signed: the types that exist never depend on the client.
                sign(state, worker, (&found, rtype), (state.snapshot.names[asked.name.index()].ttl, ttl), &mut reply)?;
                prove_wildcard(book, &found, &query, &mut reply)
            });
            if written.is_none() {
                return truncated(state, worker, request, query, reply);
            }
            Ending::plain(rcode::NOERROR)
        }
        Answer::NoData => no_data(state, worker, &found, &query, &mut reply),
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

/// Signs the records in the answer, which are one RRset of the node that was found. `original`: the TTL that is signed,
/// so that one signature serves for all that this one is lowered to (RFC 4035 §5.3.3).
fn sign(
    state: &State,
    worker: &mut Worker,
    (found, rtype): (&Found, u16),
    (original, ttl): (u32, u32),
    reply: &mut Reply<'_>,
) -> Option<()> {
    let Some(signer) = state.snapshot.settings[found.zone.index()].signing.signer() else { return Some(()) };
    worker.rrset.set(state.snapshot.zones.name(found.node), rtype, original, reply.rdatas());
    let Some(seal) = signer.seal(&worker.rrset) else { return Some(()) };
    put_signatures(&seal, reply, Section::Answer, ((&[], QUESTION), ttl))
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
        reply.record(Section::Answer, QUESTION, rtype::HINFO, TTL_STATIC, HINFO).and_then(|_| {
            sign(state, worker, (found, rtype::HINFO), (TTL_STATIC, TTL_STATIC), reply)?;
            prove_wildcard(book, found, query, reply)
        })
    } else if let (Some((ttl, _)), Some(seal)) = (book.zones.nsec(found.node), book.zones.seal(found.node, rtype::NSEC))
    {
        put_signatures(seal, reply, Section::Answer, ((&[], QUESTION), ttl))
    } else {
        return records::no_data(book, query, *found, reply);
    };
    if written.is_none() {
        reply.truncate();
    }
    Ending::plain(rcode::NOERROR)
}

/// A type that exists at the name has no data for this client: the chain's record says that it exists, so that this
/// client gets one without it, the same for all of its kind.
fn no_data(state: &State, worker: &mut Worker, found: &Found, query: &Query<'_>, reply: &mut Reply<'_>) -> Ending {
    let book = Book { zones: &state.snapshot.zones, signed: true };
    if put_no_data(book, state, worker, found, query, reply).is_none() {
        reply.truncate();
    }
    Ending::plain(rcode::NOERROR)
}

fn put_no_data(
    book: Book<'_>,
    state: &State,
    worker: &mut Worker,
    found: &Found,
    query: &Query<'_>,
    reply: &mut Reply<'_>,
) -> Option<()> {
    let apex = apex_at(book, found.zone, query);
    records::put_soa(book, found.zone, apex, reply)?;
    let hidden = if matches!(found.outcome, Outcome::Target(_)) { rtype::CNAME } else { query.qtype() };
    let (negative, rdata) = book.zones.nsec(found.node)?;
    let rdata = without(rdata, hidden)?;
    // No longer than an answer to the name: other clients get one.
    let ttl = found.balanced.map_or(negative, |name| state.snapshot.names[name.index()].ttl.min(negative));
    let owner = (book.zones.relative(found.node, found.zone), 0xc000 | apex as u16);
    reply.named(Section::Authority, owner, rtype::NSEC, ttl, &rdata)?;
    let signer = state.snapshot.settings[found.zone.index()].signing.signer()?;
    worker.rrset.set(book.zones.name(found.node), rtype::NSEC, ttl, std::iter::once(&rdata[..]));
    put_signatures(&*signer.seal(&worker.rrset)?, reply, Section::Authority, (owner, ttl))?;
    prove_wildcard(book, found, query, reply)
}
