//! Answers for balanced names on the long way: addresses behind a wildcard, host names, service records, nothing live,
//! and whatever else the usual way hands on.

use super::proofs::Book;
use super::usual::family;
use super::{Ending, Request, Verdict, finish, read_again, records, services, signed};
use crate::client::{Client, Family};
use crate::id::NameId;
use crate::state::State;
use crate::steer::{self, Answer, Picks, Want};
use crate::wire::code::{extended, rcode, rtype};
use crate::wire::reply::{QUESTION, Section};
use crate::wire::{Query, Reply};
use crate::worker::Worker;
use crate::zone::{Found, Outcome};

/// What steering is asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) name: NameId,
    pub(super) want: Want,
}

impl Asked {
    /// What steering is asked for where this was found; nothing if it has no say. `client` tells who asks.
    #[inline(always)]
    pub(super) fn about(state: &State, found: &Found, qtype: u16, client: impl FnOnce() -> Client) -> Option<Self> {
        let (name, want) = match found.outcome {
            Outcome::Addresses(name) => (name, Want::Addresses(family(qtype))),
            Outcome::Target(name) => (name, Want::Target),
            Outcome::Service(name) => (name, Want::Addresses(steer::service_family(state, name, &client()))),
            _ => return None,
        };
        Some(Self { name, want })
    }
}

/// Decides, and answers with it. `scope` makes what the reply tells of the scope that is decided.
#[cold]
pub(super) fn answer(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    (found, asked, client): (&Found, Asked, &Client),
    scope: impl FnOnce(u8) -> Option<u8>,
    (query, out): (Query<'_>, &mut [u8]),
) -> Verdict {
    let decision = if book(state, &query).signs(found.zone) {
        steer::decide_signed(state, worker, asked.name, client, asked.want).0
    } else {
        steer::decide(state, worker, asked.name, client, asked.want)
    };
    decided(state, worker, request, (found, asked, decision.answer, scope(decision.scope)), query, out)
}

/// Answers with what the usual way decided, if it has no records, no room for them, or a signature that is not at hand.
/// What was picked stands in the worker.
#[cold]
pub(super) fn decided_before(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    (asked, answer, scope): (Asked, Answer, Option<u8>),
    out: &mut [u8],
) -> Verdict {
    let Some(query) = read_again(request) else { return Verdict::Drop };
    match state.snapshot.zones.find(query.name(), query.qtype()) {
        Some(found) => decided(state, worker, request, (&found, asked, answer, scope), query, out),
        None => Verdict::Drop,
    }
}

/// What the reply to a query is made from.
fn book<'s>(state: &'s State, query: &Query<'_>) -> Book<'s> {
    Book { zones: &state.snapshot.zones, signed: query.edns.dnssec_ok() && state.snapshot.signs }
}

/// Answers with what was decided.
fn decided(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    (found, asked, answer, scope): (&Found, Asked, Answer, Option<u8>),
    query: Query<'_>,
    out: &mut [u8],
) -> Verdict {
    let book = book(state, &query);
    let signs = book.signs(found.zone);
    let mut reply = Reply::new(&query, request.transport.is_stream(), out);
    reply.authoritative = true;
    reply.scope = scope;
    let ending = match answer {
        Answer::Records { ttl } => {
            let written = put_picks(state, worker, (found, asked), &query, ttl, &mut reply).and_then(|rtype| {
                let set = (rtype, ttl);
                if signs {
                    signed::put_picks(state, worker, (found, asked.name), set, &query, &mut reply)
                } else {
                    Some(())
                }
            });
            if written.is_none() {
                reply.truncate();
            }
            Ending::plain(rcode::NOERROR)
        }
        // A row that has nothing live answers NODATA where another row has records: the scope says for whom.
        Answer::NoData if signs => signed::no_data(state, worker, found, &query, &mut reply),
        Answer::NoData => records::no_data(book, &query, *found, &mut reply),
        Answer::ServFail => {
            reply.authoritative = false;
            Ending::explained(rcode::SERVFAIL, extended::OTHER, "no endpoint is healthy")
        }
        Answer::Pending => {
            worker.asked(request, query.qtype());
            return Verdict::Drop;
        }
    };
    finish(state, worker, request, &query, reply, ending)
}

/// Writes what steering picked. Gives the type of the records; `None` if they have no room.
fn put_picks(
    state: &State,
    worker: &Worker,
    (found, asked): (&Found, Asked),
    query: &Query<'_>,
    ttl: u32,
    reply: &mut Reply<'_>,
) -> Option<u16> {
    let picks = Picks::last(state, worker, asked.want);
    if matches!(found.outcome, Outcome::Service(_)) {
        let family = if asked.want == Want::Addresses(Family::V6) { Family::V6 } else { Family::V4 };
        services::answer(state, asked.name, query.qtype(), (picks.endpoints(), family), ttl, reply)?;
        return Some(query.qtype());
    }
    match asked.want {
        Want::Addresses(Family::V4) => reply.addresses::<4, 16>(rtype::A, ttl, picks.v4(), 0).then_some(rtype::A),
        Want::Addresses(Family::V6) => {
            reply.addresses::<16, 28>(rtype::AAAA, ttl, picks.v6(), 0).then_some(rtype::AAAA)
        }
        Want::Target => picks
            .target()
            .map_or(Some(()), |target| reply.record(Section::Answer, QUESTION, rtype::CNAME, ttl, target).map(drop))
            .map(|()| rtype::CNAME),
    }
}
