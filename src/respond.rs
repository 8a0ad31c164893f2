//! The sentence: query in → who is asking → which name → which region → which pool → which endpoints →
//! answer out. Bytes in, bytes out, for every transport.

mod aside;
mod asked;
mod balanced;
mod explain;
mod handed;
mod limited;
mod proofs;
mod records;
mod services;
mod signed;
mod usual;

use crate::client::{Client, Heeded, Source, Wish};
use crate::limits::PORTS_UNANSWERED;
use crate::rrl::Fate;
use crate::state::State;
use crate::wire::code::{class, extended, rcode, rtype};
use crate::wire::{Asked, Fault, Query, Reply};
use crate::worker::Worker;
use crate::zone::{At, Holder, NodeId, Outcome};
use proofs::Book;

/// How a query came in: the answer depends on whether it was UDP, counts and logs on the rest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Transport {
    /// UDP: the reply has a limit, and TC.
    Udp,
    /// TCP: a stream, as all that follow.
    Stream,
    /// DNS over TLS (RFC 7858).
    Tls,
    /// DNS over HTTPS (RFC 8484).
    Https,
    /// DNS over QUIC (RFC 9250).
    Quic,
}

impl Transport {
    /// All of them, in the order of [`crate::snapshot::TRANSPORTS`].
    pub const ALL: [Self; 5] = [Self::Udp, Self::Stream, Self::Tls, Self::Https, Self::Quic];

    /// True if replies are not bounded by what fits a datagram: all but UDP.
    #[inline(always)]
    #[must_use]
    pub const fn is_stream(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// One query.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The message.
    pub bytes: &'a [u8],
    /// Where it came from.
    pub source: Source,
    /// How.
    pub transport: Transport,
}

/// What to do with a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Send the first so many octets of `out`.
    Send(usize),
    /// Say nothing.
    Drop,
    /// Take from the worker what takes more than a message, or more than a moment ([`Worker::take_handed`]).
    Hand,
}

/// How a reply ends: its RCODE, and an extended error if one helps (RFC 8914).
#[derive(Clone, Copy, Debug)]
struct Ending {
    rcode: u16,
    error: Option<(u16, &'static str)>,
}

impl Ending {
    const fn plain(rcode: u16) -> Self {
        Self { rcode, error: None }
    }

    const fn explained(rcode: u16, code: u16, text: &'static str) -> Self {
        Self { rcode, error: Some((code, text)) }
    }
}

/// Answers one query into `out` (≥ `UDP_REPLY_MAX` octets for UDP, `STREAM_REPLY_MAX` for streams). Never
/// fails, blocks, logs or allocates.
///
/// The usual query, of an existing name and its addresses or plain records, is answered from top to bottom by code
/// that is all inlined ([`usual`]); every other one takes the long way ([`answer_any`]) to the same answers.
#[inline(always)]
pub fn respond(state: &State, worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Verdict {
    worker.follow(state);
    if worker.only_answers() {
        return respond_plainly(state, worker, request, out);
    }
    if worker.only_signs() {
        return respond_signing(state, worker, request, out);
    }
    respond_with_more(state, worker, request, out)
}

/// The same where no zone is signed and replies are not limited.
#[inline(never)]
fn respond_plainly(state: &State, worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Verdict {
    if let Some(asked) = Asked::read(request.bytes) {
        let place = state.snapshot.zones.place(asked.name());
        if let Some(query) = asked.with_rest()
            && request.source.port > PORT_UNANSWERED_MAX
            && query.edns.asks.is_nothing()
        {
            return usual::answer::<true, false>(state, worker, request, query, place, out);
        }
    }
    respond_with_more(state, worker, request, out)
}

/// The same where a zone is signed: with signatures for who asks for them.
#[inline(never)]
fn respond_signing(state: &State, worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Verdict {
    if let Some(asked) = Asked::read(request.bytes) {
        let zones = &state.snapshot.zones;
        let place = zones.place(asked.name());
        if let Some(query) = asked.with_rest()
            && request.source.port > PORT_UNANSWERED_MAX
            && query.edns.asks.is_nothing()
        {
            if query.edns.dnssec_ok() && place.is_some_and(|at| zones.is_signed(at.zone())) {
                return usual::answer::<true, true>(state, worker, request, query, place, out);
            }
            return respond_unsigned(state, worker, request, query, place, out);
        }
    }
    respond_with_more(state, worker, request, out)
}

/// The same for who does not ask for signatures: apart, so that he takes no registers from who does.
#[inline(never)]
fn respond_unsigned(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    query: Query<'_>,
    place: Option<At<'_>>,
    out: &mut [u8],
) -> Verdict {
    usual::answer::<true, false>(state, worker, request, query, place, out)
}

/// The same where replies are limited, and for queries that ask for more than their answer (a
/// cookie, the server's name). Reads the message itself: handing on a query that has been read costs all others.
#[inline(never)]
fn respond_with_more(state: &State, worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Verdict {
    if let Some(asked) = Asked::read(request.bytes) {
        let zones = &state.snapshot.zones;
        let place = zones.place(asked.name());
        if let Some(query) = asked.with_rest()
            && request.source.port > PORT_UNANSWERED_MAX
        {
            if query.edns.dnssec_ok() && place.is_some_and(|at| zones.is_signed(at.zone())) {
                return usual::answer::<false, true>(state, worker, request, query, place, out);
            }
            return usual::answer::<false, false>(state, worker, request, query, place, out);
        }
    }
    respond_to_any(state, worker, request, out)
}

/// A query that was read before, for who is rarely called: so nobody keeps it for him.
#[cold]
fn read_again<'q>(request: &Request<'q>) -> Option<Query<'q>> {
    Query::parse(request.bytes, request.source.port).ok()
}

/// No port that is not answered is above this one: one look finds nearly all others.
const PORT_UNANSWERED_MAX: u16 = PORTS_UNANSWERED[PORTS_UNANSWERED.len() - 1];

/// The type of a query that cannot be read.
const UNREAD: u16 = u16::MAX;

/// Answers any message.
#[cold]
fn respond_to_any(state: &State, worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Verdict {
    if let Some(verdict) = handed::signed(state, worker, request, out) {
        return verdict;
    }
    match Query::parse(request.bytes, request.source.port) {
        Ok(query) => answer_any(state, worker, request, query, state.snapshot.zones.node(query.name()), out),
        Err(Fault::Reject { rcode, echo, edns }) => asked::reject(state, worker, request, (rcode, echo, edns), out),
        Err(Fault::NoQuestion { edns, cookie }) => asked::cookie_alone(state, worker, request, (edns, cookie), out),
        Err(Fault::Ignore) => {
            worker.asked(request, UNREAD);
            Verdict::Drop
        }
    }
}

/// Answers any query. `node`: where its name was found.
#[cold]
fn answer_any(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    query: Query<'_>,
    node: Option<NodeId>,
    out: &mut [u8],
) -> Verdict {
    let zones = &state.snapshot.zones;
    worker.found_nothing();
    if query.qclass() == class::IN && matches!(query.qtype(), rtype::AXFR | rtype::IXFR) {
        return handed::transfer(state, worker, request, query, None, out);
    }
    let mut reply = Reply::new(&query, request.transport.is_stream(), &mut *out);
    if (query.qclass() != class::IN || matches!(query.qtype(), rtype::AXFR | rtype::IXFR))
        && let Some(ending) = aside::answer(&state.identity, &query, &mut reply)
    {
        return finish(state, worker, request, &query, reply, ending);
    }
    let Some(found) = zones.find_from(node, query.name(), query.qtype()) else {
        let ending = Ending::explained(rcode::REFUSED, extended::NOT_AUTHORITATIVE, "");
        return finish(state, worker, request, &query, reply, ending);
    };
    worker.found(found.zone);
    if state.snapshot.is_locked(found.zone) {
        let ending = Ending::explained(rcode::SERVFAIL, extended::NOT_READY, "the zone's keys are missing");
        return finish(state, worker, request, &query, reply, ending);
    }
    let subnet = heed_subnet(state, Holder { zone: found.zone, believes_all: false }, request, &query);
    if subnet.wish == Wish::Malformed {
        return finish(state, worker, request, &query, reply, Ending::plain(rcode::FORMERR));
    }
    let book = Book { zones, signed: query.edns.dnssec_ok() && state.snapshot.signs };
    let client = || Client::of(request.source.address, &subnet);
    if let Some(asked) = balanced::Asked::about(state, &found, query.qtype(), client) {
        let told = |decided| scope(subnet.wish, decided);
        return balanced::answer(state, worker, request, (&found, asked, &client()), told, (query, out));
    }
    if matches!(found.outcome, Outcome::NoName)
        && state.identity.explain.is_some()
        && let Some(ending) = explain::answer(state, &query, &client(), &mut reply)
    {
        reply.scope = scope(subnet.wish, subnet.address.family.bits());
        return finish(state, worker, request, &query, reply, ending);
    }
    reply.scope = scope(subnet.wish, 0);
    let ending = if book.signs(found.zone) && signed::is_special(&found, &query) {
        signed::plain(state, worker, &found, &query, &mut reply)
    } else {
        records::answer(book, &query, &found, &mut reply)
    };
    finish(state, worker, request, &query, reply, ending)
}

/// The client subnet option, as far as the zone heeds it.
#[inline(always)]
fn heed_subnet(state: &State, holder: Holder, request: &Request<'_>, query: &Query<'_>) -> Heeded {
    let believed = || holder.believes_all || state.snapshot.believes(holder.zone, request.source.address);
    if query.edns.subnet.is_sent() && believed() { query.edns.subnet.read() } else { Heeded::none(Wish::Nothing) }
}

/// What the reply's client subnet option tells, if it has one, where the answer is for a block of `decided` bits.
#[inline(always)]
const fn scope(wish: Wish, decided: u8) -> Option<u8> {
    match wish {
        Wish::Used => Some(decided),
        Wish::Unused => Some(0),
        Wish::Nothing | Wish::Malformed => None,
    }
}

/// Ends a reply, and counts it, unless it is over a limit.
#[inline(always)]
fn finish(
    state: &State,
    worker: &Worker,
    request: &Request<'_>,
    query: &Query<'_>,
    reply: Reply<'_>,
    ending: Ending,
) -> Verdict {
    finish_as::<false>(state, worker, request, query, reply, ending)
}

#[inline(always)]
fn finish_as<const ONLY: bool>(
    state: &State,
    worker: &Worker,
    request: &Request<'_>,
    query: &Query<'_>,
    reply: Reply<'_>,
    Ending { rcode, error }: Ending,
) -> Verdict {
    if ONLY {
        worker.replied(request, query.qtype(), rcode);
        return Verdict::Send(reply.finish(query, rcode, error));
    }
    if !query.edns.asks.is_nothing() {
        return asked::finish(state, worker, request, *query, reply, Ending { rcode, error });
    }
    if let Some(limiter) = &state.identity.limiter {
        let subnet = limited::subnet(&reply, query);
        let fate = limited::judge(limiter, worker, request, limited::class(&reply, rcode), subnet);
        if matches!(fate, Fate::Dropped | Fate::Slipped) {
            return limited::hold_back(worker, request, *query, reply, rcode, fate);
        }
    }
    worker.replied(request, query.qtype(), rcode);
    Verdict::Send(reply.finish(query, rcode, error))
}
