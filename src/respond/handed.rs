//! What is rare: messages that are signed by a key we share (RFC 8945), and questions for whole zones, which are handed
//! on since they are answered by more than one message.

use super::{Ending, Request, Transport, UNREAD, Verdict, asked, finish, respond_to_any};
use crate::limits::{PORTS_UNANSWERED, STREAM_REPLY_MAX, UDP_REPLY_MAX, UDP_REPLY_MIN};
use crate::state::State;
use crate::transfer::{Begin, Offer, Seat, Transfer, serial_asked_from};
use crate::tsig::{self, Failure, Misplaced, Opened, Session, Signed};
use crate::update::{Message, Update};
use crate::wire::code::{class, extended, opcode, rcode, rtype};
use crate::wire::edns::Edns;
use crate::wire::query::HEADER;
use crate::wire::reply::{HEADER_ALONE, Section};
use crate::wire::{Fault, Query, Reply};
use crate::worker::{Handed, Worker};
use std::net::IpAddr;

/// The TC bit in the third octet.
const TC: u8 = 0x02;

/// Answers a message that is signed; `None` if it is not.
#[cold]
pub(super) fn signed(state: &State, worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Option<Verdict> {
    let message = request.bytes;
    let is_query = message.get(2).is_some_and(|flags| flags & 0x80 == 0);
    if !is_query || PORTS_UNANSWERED.contains(&request.source.port) {
        return None;
    }
    let signed = match tsig::find(message) {
        Ok(Some(signed)) => signed,
        Ok(None) => return unsigned_update(state, worker, request, out),
        Err(Misplaced) => return Some(malformed(state, worker, request, out)),
    };
    let transfers = &state.identity.transfers;
    Some(match transfers.keys.open(message, &signed, transfers.shared.now()) {
        Opened::Good(session) => {
            let bare = without_signature(message, &signed);
            answer(state, worker, &Request { bytes: &bare, ..*request }, session, out)
        }
        Opened::Bad(failure, session) => refuse(state, worker, request, (failure, session), &signed, out),
        Opened::Malformed => malformed(state, worker, request, out),
    })
}

/// Answers a message whose TSIG record makes no sense.
fn malformed(state: &State, worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Verdict {
    asked::reject(state, worker, request, (rcode::FORMERR, HEADER_ALONE, Edns::default()), out)
}

/// Refuses an update of somebody whom we do not know; `None` if it is none, or if updates are not known here at all.
fn unsigned_update(state: &State, worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Option<Verdict> {
    if !is_update(request.bytes) || !state.snapshot.settings.iter().any(|zone| !zone.update.0.is_empty()) {
        return None;
    }
    let echo = Message::read(request.bytes).map_or(HEADER_ALONE, |message| message.zone_end);
    Some(asked::reject(state, worker, request, (rcode::REFUSED, echo, Edns::default()), out))
}

fn is_update(message: &[u8]) -> bool {
    message.get(2).is_some_and(|flags| flags >> 3 & 0xf == opcode::UPDATE)
}

/// The message as it was before it was signed.
fn without_signature(message: &[u8], signed: &Signed<'_>) -> Vec<u8> {
    let mut bare = message[..signed.start].to_vec();
    let additional = u16::from_be_bytes([bare[10], bare[11]]).wrapping_sub(1);
    bare[10..HEADER].copy_from_slice(&additional.to_be_bytes());
    bare
}

/// Answers what somebody asks whom we know, and signs the answer.
fn answer(state: &State, worker: &mut Worker, request: &Request<'_>, session: Session, out: &mut [u8]) -> Verdict {
    if is_update(request.bytes)
        && let Some(desk) = &state.identity.updates.desk
        && !matches!(request.transport, Transport::Https | Transport::Quic)
    {
        worker.asked(request, UNREAD);
        let (bytes, source, desk) = (request.bytes.to_vec(), IpAddr::from(request.source.address), desk.clone());
        worker.hand(Handed::Update(Box::new(Update { bytes, session, source, desk })));
        return Verdict::Hand;
    }
    match Query::parse(request.bytes, request.source.port) {
        Ok(query) if query.qclass() == class::IN && matches!(query.qtype(), rtype::AXFR | rtype::IXFR) => {
            transfer(state, worker, request, query, Some(session), out)
        }
        Ok(query) => {
            let verdict = respond_to_any(state, worker, request, out);
            sign(state, Some(query), session, verdict, request, out)
        }
        Err(_) => {
            let verdict = respond_to_any(state, worker, request, out);
            sign(state, None, session, verdict, request, out)
        }
    }
}

/// Signs a reply; one that has no room for that is sent without data and with TC (RFC 8945 §5.3).
fn sign(
    state: &State,
    query: Option<Query<'_>>,
    mut session: Session,
    verdict: Verdict,
    request: &Request<'_>,
    out: &mut [u8],
) -> Verdict {
    let Verdict::Send(mut length) = verdict else { return verdict };
    let taken = match query {
        _ if request.transport.is_stream() => STREAM_REPLY_MAX,
        Some(query) => query.edns.udp_size().clamp(UDP_REPLY_MIN, UDP_REPLY_MAX),
        None => UDP_REPLY_MAX,
    };
    if length + session.room() > taken.min(out.len()) {
        let Some(query) = query else { return verdict };
        let rcode = u16::from(out[3] & 0xf);
        let mut reply = Reply::new(&query, request.transport.is_stream(), out);
        reply.truncate();
        length = reply.finish(&query, rcode, None);
    }
    Verdict::Send(session.sign(out, length, state.identity.transfers.shared.now()))
}

/// Refuses a signature (RFC 8945 §5.2): NOTAUTH, and the reason in a TSIG record.
fn refuse(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    (failure, session): (Failure, Option<Session>),
    signed: &Signed<'_>,
    out: &mut [u8],
) -> Verdict {
    let shared = &state.identity.transfers.shared;
    shared.counts.count_failure(failure);
    let echo = match Query::parse(request.bytes, request.source.port) {
        Ok(query) => query.question_end(),
        Err(Fault::Reject { echo, .. }) => echo,
        Err(_) => HEADER_ALONE,
    };
    let rejected = (rcode::NOTAUTH, echo, Edns::default());
    let Verdict::Send(length) = asked::reject(state, worker, request, rejected, out) else { return Verdict::Drop };
    match tsig::refuse(out, length, (failure, session), signed, shared.now()) {
        Some(length) => Verdict::Send(length),
        None => {
            out[2] |= TC;
            Verdict::Send(length)
        }
    }
}

/// Answers a question for a whole zone, or for what changed in it.
#[cold]
pub(super) fn transfer(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    query: Query<'_>,
    session: Option<Session>,
    out: &mut [u8],
) -> Verdict {
    let is_whole = query.qtype() == rtype::AXFR;
    let ending = match admit(state, worker, request, &query, session.as_ref()) {
        Ok((offer, seat)) if request.transport.is_stream() => {
            let has = serial_asked_from(request.bytes, query.question_end());
            if is_whole || has.is_some() {
                let client = IpAddr::from(request.source.address);
                worker.replied(request, query.qtype(), rcode::NOERROR);
                let has = has.filter(|_| !is_whole);
                let transfer = Transfer::new(offer, Begin { query, has, client, session, seat });
                worker.hand(Handed::Transfer(Box::new(transfer)));
                return Verdict::Hand;
            }
            Ending::plain(rcode::FORMERR)
        }
        // There is no whole zone over UDP; of changes the SOA record says that there are some (RFC 1995 §2).
        Ok(_) if is_whole => Ending::explained(rcode::REFUSED, extended::NOT_SUPPORTED, "transfers need TCP"),
        Ok(_) => Ending::plain(rcode::NOERROR),
        Err(ending) => ending,
    };
    if ending.rcode == rcode::REFUSED {
        state.identity.transfers.shared.counts.count_refusal();
    }
    let mut reply = Reply::new(&query, request.transport.is_stream(), &mut *out);
    if ending.rcode == rcode::NOERROR {
        put_soa(state, &query, &mut reply);
    }
    let verdict = finish(state, worker, request, &query, reply, ending);
    match session {
        Some(session) => sign(state, Some(query), session, verdict, request, out),
        None => verdict,
    }
}

/// The offer that a client may have, and a place for him; or why not.
fn admit<'s>(
    state: &'s State,
    worker: &mut Worker,
    request: &Request<'_>,
    query: &Query<'_>,
    session: Option<&Session>,
) -> Result<(&'s Offer, Seat), Ending> {
    let Some(zone) = state.snapshot.zones.zone_at(query.name()) else {
        return Err(Ending::explained(rcode::NOTAUTH, extended::NOT_AUTHORITATIVE, "not the apex of a zone of ours"));
    };
    worker.found(zone);
    if state.snapshot.is_locked(zone) {
        return Err(Ending::explained(rcode::SERVFAIL, extended::NOT_READY, "the zone's keys are missing"));
    }
    let refused = |code, why| Err(Ending::explained(rcode::REFUSED, code, why));
    let source = IpAddr::from(request.source.address);
    let rules = state.snapshot.settings[zone.index()].transfer.as_ref();
    if rules.is_none_or(|rules| !rules.allow(source, session.map(|session| &**session.key()))) {
        return refused(extended::PROHIBITED, "no zone transfers");
    }
    if matches!(request.transport, Transport::Https | Transport::Quic) {
        return refused(extended::NOT_SUPPORTED, "transfers go over TCP and TLS");
    }
    let Some(offer) = state.identity.transfers.offer(zone) else {
        return Err(Ending::explained(rcode::SERVFAIL, extended::NOT_READY, "the zone cannot be transferred"));
    };
    match state.identity.transfers.shared.seat(request.source.address) {
        Some(seat) => Ok((offer, seat)),
        None => refused(extended::OTHER, "too many transfers at a time"),
    }
}

/// Writes the zone's SOA record, which the question's name owns.
fn put_soa(state: &State, query: &Query<'_>, reply: &mut Reply<'_>) {
    let zones = &state.snapshot.zones;
    reply.authoritative = true;
    let set = zones.node(query.name()).and_then(|node| zones.set(node, rtype::SOA));
    let put = set.and_then(|set| reply.append(Section::Answer, set.count, zones.image(&set)));
    if put.is_none() {
        reply.truncate();
    }
}
