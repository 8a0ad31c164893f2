//! One query on its stream (RFC 9250 §4.2).

use super::{Talk, Turn, code};
use crate::limits::{RESETS, STREAM_REPLY_MAX};
use crate::listen::streams::Hub;
use crate::listen::streams::desk::Answer;
use crate::listen::streams::waiting::Waited;
use crate::listen::table::Client;
use crate::respond::{Request, Transport};
use crate::wire::code::option;
use crate::wire::padding;
use quinn::{ReadToEndError, RecvStream, SendStream};
use std::rc::Rc;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// Octets of a message header (RFC 1035 §4.1.1); less is not DNS.
const HEADER: usize = 12;

/// Reads a query, answers it, and sees that the reply arrives.
pub(super) async fn answer(hub: Rc<Hub>, turn: Turn, mut send: SendStream, mut receive: RecvStream) {
    let talk = &turn.0;
    let counters = hub.counters(Transport::Quic);
    let client = Client::of(talk.peer().ip());
    let whole = async move { receive.read_to_end(2 + STREAM_REPLY_MAX).await };
    let octets = match hub.wait(client, Transport::Quic, hub.limits.message, whole).await {
        Waited::Come(Ok(octets)) => octets,
        // More than any message has.
        Waited::Come(Err(ReadToEndError::TooLong)) => {
            counters.refused.add(1);
            return talk.connection.close(code::PROTOCOL_ERROR, b"too long");
        }
        Waited::Come(Err(ReadToEndError::Read(_))) => return taken_back(&hub, &turn),
        Waited::Late => {
            counters.timed_out.add(1);
            let _closed = send.reset(code::EXCESSIVE_LOAD);
            return;
        }
        Waited::GivenUp => {
            let _closed = send.reset(code::EXCESSIVE_LOAD);
            return;
        }
    };
    if message(&octets).is_none() {
        counters.refused.add(1);
        return talk.connection.close(code::PROTOCOL_ERROR, b"no query of DNS over QUIC");
    }
    let (writes, reply) = match made(&hub, talk, octets).await {
        Ok(made) => made,
        Err(Unmade::Late) => return not_taken(&hub, &turn, send),
        Err(Unmade::GivenUp) => {
            let _closed = send.reset(code::EXCESSIVE_LOAD);
            return;
        }
        // A query whose answer is not known yet.
        // Whole zones and updates are refused here.
        Err(Unmade::Nothing) => {
            let _closed = send.reset(code::INTERNAL_ERROR);
            return;
        }
        Err(Unmade::Panic) => return talk.connection.close(code::INTERNAL_ERROR, b""),
    };
    let written = timeout(hub.limits.write, send.write_all(&reply)).await;
    drop((writes, reply));
    match written {
        Ok(Ok(())) => {
            talk.answered.set(talk.answered.get() + 1);
            let _finished = send.finish();
            // Closed before that, the connection would forget what has not arrived.
            let _arrived = timeout(hub.limits.write, send.stopped()).await;
        }
        Ok(Err(_)) => taken_back(&hub, &turn),
        Err(_) => not_taken(&hub, &turn, send),
    }
}

/// Why there is no reply.
enum Unmade {
    /// The client does not take those before it.
    Late,
    /// It had to make room for others.
    GivenUp,
    /// There is none.
    Nothing,
    /// A fault of ours.
    Panic,
}

/// The reply to a message, behind its length, as soon as it may be written: so many replies wait for the client at a
/// time, and until then a message has a place among those that wait. It is gone when its reply is there.
async fn made(hub: &Rc<Hub>, talk: &Rc<Talk>, octets: Vec<u8>) -> Result<(OwnedSemaphorePermit, Vec<u8>), Unmade> {
    let (waiting, limit) = (Rc::clone(talk), hub.limits.write);
    let turn = async move { Some((waiting.turn_to_write(limit).await?, octets)) };
    let client = Client::of(talk.peer().ip());
    // Who takes his replies one by one gets all of them, within the time that an idle connection has.
    let waited = hub.wait(client, Transport::Quic, hub.limits.idle, turn).await;
    let (writes, octets) = match waited {
        Waited::Come(Some(come)) => come,
        Waited::Come(None) | Waited::Late => return Err(Unmade::Late),
        Waited::GivenUp => return Err(Unmade::GivenUp),
    };
    let bytes = message(&octets).ok_or(Unmade::Nothing)?;
    let request = Request { bytes, source: talk.peer().into(), transport: Transport::Quic };
    match hub.desk.borrow_mut().answer(&request) {
        Answer::Reply(reply) => Ok((writes, [&(reply.len() as u16).to_be_bytes(), reply].concat())),
        Answer::Silence | Answer::Messages(_) | Answer::Update(_) => Err(Unmade::Nothing),
        Answer::Panic => Err(Unmade::Panic),
    }
}

/// The client did not take a reply in time: that is no better than taking the query back.
fn not_taken(hub: &Hub, turn: &Turn, mut send: SendStream) {
    hub.counters(Transport::Quic).timed_out.add(1);
    let _closed = send.reset(code::EXCESSIVE_LOAD);
    taken_back(hub, turn);
}

/// The client wants no reply any more. It may not do so again and again.
fn taken_back(hub: &Hub, turn: &Turn) {
    let talk = &turn.0;
    talk.taken_back.set(talk.taken_back.get() + 1);
    if talk.taken_back.get() > RESETS + talk.answered.get() {
        hub.counters(Transport::Quic).refused.add(1);
        talk.connection.close(code::EXCESSIVE_LOAD, b"too many queries taken back");
    }
}

/// The message of a stream: behind its length, alone, with 0 as its ID (RFC 9250 §4.2.1), and without a word about how
/// long the connection may be idle (§5.5.2).
fn message(octets: &[u8]) -> Option<&[u8]> {
    let (length, message) = octets.split_first_chunk()?;
    let is_whole = message.len() == usize::from(u16::from_be_bytes(*length)) && message.len() >= HEADER;
    (is_whole && message.starts_with(&[0, 0]) && !padding::has(message, option::KEEPALIVE)).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_holds_one_whole_message_whose_id_is_0() {
        let framed = |message: &[u8]| [&(message.len() as u16).to_be_bytes(), message].concat();
        let mut query = b"\0\0\x01\0\0\x01\0\0\0\0\0\x01\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0".to_vec();
        assert_eq!(message(&framed(&query)), Some(&query[..]));
        for end in 0..framed(&query).len() {
            assert_eq!(message(&framed(&query)[..end]), None);
        }
        assert_eq!(message(&[framed(&query), framed(&query)].concat()), None, "two messages");
        assert_eq!(message(&framed(&query[..11])), None);
        let last = query.len() - 1;
        query[last] = 4;
        query.extend([0, 11, 0, 0]);
        assert_eq!(message(&framed(&query)), None, "it speaks of idle time");
        query[last + 2] = 12;
        assert!(message(&framed(&query)).is_some());
        query[1] = 1;
        assert_eq!(message(&framed(&query)), None, "an ID");
    }
}
