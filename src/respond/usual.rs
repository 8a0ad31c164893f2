//! The usual query, of an existing name and its addresses or plain records, answered from top to bottom by code that is
//! all inlined. What turns out to be rare is begun anew from the message: nothing is kept for it on this way.

use super::balanced::{self, Asked};
use super::signed;
use super::{Ending, Request, Verdict, answer_any, finish_as, heed_subnet, read_again, scope};
use crate::client::{Client, Family, Heeded, Wish};
use crate::id::{NameId, PoolId};
use crate::state::State;
use crate::steer::{self, Answer, Picks, Want};
use crate::wire::code::{class, rcode, rtype};
use crate::wire::reply::{Section, signature_length};
use crate::wire::{Query, Reply};
use crate::worker::Worker;
use crate::zone::{At, NodeId, Set, Usual};

/// Answers the usual query, and hands any other one on. `ONLY`: it asks for nothing but its answer, and replies are not
/// limited; then a reply is ended where it was begun. `SIGNED`: with signatures; the name's zone has some.
#[inline(always)]
pub(super) fn answer<const ONLY: bool, const SIGNED: bool>(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    query: Query<'_>,
    place: Option<At<'_>>,
    out: &mut [u8],
) -> Verdict {
    if let Some(at) = place
        && query.qclass() == class::IN
    {
        match state.snapshot.zones.usual(at, query.qtype()) {
            Usual::Addresses(holder, name) => {
                let subnet = heed_subnet(state, holder, request, &query);
                if subnet.wish != Wish::Malformed {
                    worker.found(holder.zone);
                    return steered::<ONLY, SIGNED>(state, worker, request, (name, subnet), query, out);
                }
            }
            Usual::Records(holder, set) if !set.has_related() => {
                let subnet = heed_subnet(state, holder, request, &query);
                if subnet.wish != Wish::Malformed {
                    worker.found(holder.zone);
                    return plain::<ONLY, SIGNED>(state, worker, request, (at.id, set, subnet), query, out);
                }
            }
            Usual::Records(..) | Usual::Other => {}
        }
    }
    answer_any(state, worker, request, query, place.map(|at| at.id), out)
}

/// The family of the addresses that a type of record has.
#[inline(always)]
pub(super) const fn family(qtype: u16) -> Family {
    if qtype == rtype::A { Family::V4 } else { Family::V6 }
}

/// Answers with the addresses that steering decides.
#[inline(always)]
fn steered<const ONLY: bool, const SIGNED: bool>(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    (name, subnet): (NameId, Heeded),
    query: Query<'_>,
    out: &mut [u8],
) -> Verdict {
    let client = Client::of(request.source.address, &subnet);
    let want = Want::Addresses(family(query.qtype()));
    let (decision, pool) = if SIGNED {
        steer::decide_signed(state, worker, name, &client, want)
    } else {
        (steer::decide_as(state, worker, name, &client, want), PoolId::new(0))
    };
    let scope = scope(subnet.wish, decision.scope);
    if let Answer::Records { ttl } = decision.answer {
        let picks = Picks::last(state, worker, want);
        let rtype = if family(query.qtype()) == Family::V4 { rtype::A } else { rtype::AAAA };
        let seal = if SIGNED { signed::found(state, (name, pool), rtype, picks) } else { None };
        let behind = seal.map_or(0, |seal| signature_length(seal.signer()));
        let mut reply = Reply::new(&query, request.transport.is_stream(), &mut *out);
        reply.authoritative = true;
        reply.scope = scope;
        let fits = match family(query.qtype()) {
            Family::V4 => reply.addresses::<4, 16>(rtype::A, ttl, picks.v4(), behind),
            Family::V6 => reply.addresses::<16, 28>(rtype::AAAA, ttl, picks.v6(), behind),
        };
        // No closure: what is not inlined would keep the reply in memory.
        let sealed = match seal {
            Some(seal) if fits => signed::put_found(seal, ttl, &mut reply),
            _ => !SIGNED,
        };
        if fits && sealed {
            return finish_as::<ONLY>(state, worker, request, &query, reply, Ending::plain(rcode::NOERROR));
        }
    }
    balanced::decided_before(state, worker, request, (Asked { name, want }, decision.answer, scope), out)
}

/// Answers with static records that fit the question as they are.
#[inline(always)]
fn plain<const ONLY: bool, const SIGNED: bool>(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    (node, set, subnet): (NodeId, &Set, Heeded),
    query: Query<'_>,
    out: &mut [u8],
) -> Verdict {
    let zones = &state.snapshot.zones;
    let scope = scope(subnet.wish, 0);
    let mut reply = Reply::new(&query, request.transport.is_stream(), &mut *out);
    reply.authoritative = true;
    reply.scope = scope;
    let written = reply.append(Section::Answer, set.count, zones.image(set));
    if let Some(start) = written
        && (!SIGNED || signed::put_kept(zones, (node, set), start, &mut reply))
    {
        return finish_as::<ONLY>(state, worker, request, &query, reply, Ending::plain(rcode::NOERROR));
    }
    truncated(state, worker, request, scope, out)
}

/// Says that the records have no room.
#[cold]
fn truncated(state: &State, worker: &Worker, request: &Request<'_>, scope: Option<u8>, out: &mut [u8]) -> Verdict {
    let Some(query) = read_again(request) else { return Verdict::Drop };
    let mut reply = Reply::new(&query, request.transport.is_stream(), out);
    reply.authoritative = true;
    reply.scope = scope;
    reply.truncate();
    finish_as::<false>(state, worker, request, &query, reply, Ending::plain(rcode::NOERROR))
}
