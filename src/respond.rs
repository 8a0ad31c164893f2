//! The sentence: query in → who is asking → which name → which region → which pool → which endpoints →
//! answer out. Bytes in, bytes out, for every transport.

mod aside;
mod records;

use crate::client::{Client, Family, Subnet};
use crate::id::{NameId, ZoneId};
use crate::state::State;
use crate::steer::{self, Answer, Want};
use crate::wire::code::{class, extended, rcode, rtype};
use crate::wire::edns::{Edns, SubnetOption};
use crate::wire::reply::{Extras, QUESTION, Section, reject};
use crate::wire::{Fault, Query, Reply};
use crate::worker::Worker;
use crate::zone::{Found, Outcome};
use std::net::SocketAddr;

/// How a query came in, as far as the answer depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Transport {
    /// UDP: the reply has a limit, and TC.
    Udp,
    /// TCP and every other stream.
    Stream,
}

/// One query.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The message.
    pub bytes: &'a [u8],
    /// Where it came from.
    pub source: SocketAddr,
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
pub fn respond(state: &State, worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Verdict {
    let query = match Query::parse(request.bytes, &request.source) {
        Ok(query) => query,
        Err(Fault::Ignore) => return Verdict::Drop,
        Err(Fault::Reject { rcode, echo, edns }) => {
            return Verdict::Send(reject(request.bytes, rcode, echo, edns, out));
        }
    };
    let mut reply = Reply::new(&query, request.transport == Transport::Stream, out);
    match answer(state, worker, &request.source, &query, &mut reply) {
        Some(Ending { rcode, error }) => {
            let nsid = state.identity.nsid.as_deref();
            Verdict::Send(reply.finish(&query, rcode, Extras { nsid, error }))
        }
        None => Verdict::Drop,
    }
}

/// Writes the sections. `None`: there is nothing to say yet.
#[inline(always)]
fn answer(
    state: &State,
    worker: &mut Worker,
    source: &SocketAddr,
    query: &Query<'_>,
    reply: &mut Reply<'_>,
) -> Option<Ending> {
    if (query.qclass != class::IN || matches!(query.qtype, rtype::AXFR | rtype::IXFR))
        && let Some(ending) = aside::answer(&state.identity, query, reply)
    {
        return Some(ending);
    }
    let zones = &state.snapshot.zones;
    let node = zones.node(query.name());
    if let Some((zone, set)) = node.and_then(|node| zones.plain(node, query.qtype)) {
        return Some(match believed_subnet(state, zone, source, query, reply) {
            Ok(_) => records::plain(zones, set, reply),
            Err(()) => Ending::plain(rcode::FORMERR),
        });
    }
    let Some(found) = zones.find_from(node, query.name(), query.qtype) else {
        return Some(Ending::explained(rcode::REFUSED, extended::NOT_AUTHORITATIVE, ""));
    };
    let Ok(subnet) = believed_subnet(state, found.zone, source, query, reply) else {
        return Some(Ending::plain(rcode::FORMERR));
    };
    match found.outcome {
        Outcome::Addresses(name) => {
            let family = if query.qtype == rtype::A { Family::V4 } else { Family::V6 };
            let client = Client::new(source.ip(), subnet);
            steered(state, worker, &client, (name, Want::Addresses(family)), query, found, reply)
        }
        Outcome::Target(name) => {
            let client = Client::new(source.ip(), subnet);
            steered(state, worker, &client, (name, Want::Target), query, found, reply)
        }
        _ => Some(records::answer(zones, query, &found, reply)),
    }
}

/// The client subnet to decide by, if one was sent and is believed; settles whether the option is answered.
///
/// # Errors
/// The option is malformed and would have been used.
#[inline(always)]
fn believed_subnet(
    state: &State,
    zone: ZoneId,
    source: &SocketAddr,
    query: &Query<'_>,
    reply: &mut Reply<'_>,
) -> Result<Option<Subnet>, ()> {
    let option = match &query.edns {
        None | Some(Edns { subnet: SubnetOption::Absent, .. }) => return Ok(None),
        Some(edns) => &edns.subnet,
    };
    if !state.snapshot.settings[zone.index()].ecs.believes(source.ip()) {
        return Ok(None);
    }
    match option {
        SubnetOption::Sent(sent) => {
            reply.scope = Some(0);
            Ok(sent.subnet)
        }
        SubnetOption::Malformed | SubnetOption::Absent => Err(()),
    }
}

/// Writes what steering decides for a balanced name.
#[inline]
fn steered(
    state: &State,
    worker: &mut Worker,
    client: &Client,
    (name, want): (NameId, Want),
    query: &Query<'_>,
    found: Found,
    reply: &mut Reply<'_>,
) -> Option<Ending> {
    let (decision, picks) = steer::decide(state, worker, name, client, want);
    if reply.scope.is_some() && client.subnet.is_some() {
        reply.scope = Some(decision.scope);
    }
    let rtype = if want == Want::Target { rtype::CNAME } else { query.qtype };
    match decision.answer {
        Answer::Records { count, ttl } => {
            reply.authoritative = true;
            for pick in 0..count {
                if reply.record(Section::Answer, QUESTION, rtype, ttl, picks.rdata(pick)).is_none() {
                    reply.truncate();
                    break;
                }
            }
            Some(Ending::plain(rcode::NOERROR))
        }
        // A row that has nothing live answers NODATA where another row has records: the scope says for whom.
        Answer::NoData => Some(records::no_data(&state.snapshot.zones, query, found, reply)),
        Answer::ServFail => Some(Ending::explained(rcode::SERVFAIL, extended::OTHER, "no endpoint is healthy")),
        Answer::Pending => None,
    }
}
