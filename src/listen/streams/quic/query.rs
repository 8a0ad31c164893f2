//! One query on its stream (RFC 9250 §4.2).

use super::{Turn, code};
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
use tokio::time::timeout;

/// Octets of a message header (RFC 1035 §4.1.1); less is not DNS.
const HEADER: usize = 12;

/// Reads a query, answers it, and sees that the reply arrives.
pub(super) async fn answer(hub: Rc<Hub>, turn: Turn, mut send: SendStream, mut receive: RecvStream) {
    let talk = &turn.0;
    let counters = hub.counters(Transport::Quic);
    let client = Client::of(talk.peer().ip());
    let whole = async move { receive.read_to_end(2 + STREAM_REPLY_MAX).await };
    let octets = match hub.wait(client, Transport::Quic, whole).await {
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
    let Some(message) = message(&octets) else {
        counters.refused.add(1);
        return talk.connection.close(code::PROTOCOL_ERROR, b"no query of DNS over QUIC");
    };
    // So many replies wait for the client at a time.
    let Ok(writes) = talk.writes.acquire().await else { return };
    let request = Request { bytes: message, source: talk.peer().into(), transport: Transport::Quic };
    let reply = match hub.desk.borrow_mut().answer(&request) {
        Answer::Reply(reply) => [&(reply.len() as u16).to_be_bytes(), reply].concat(),
        // A query whose answer is not known yet.
        // Whole zones and updates are refused here.
        Answer::Silence | Answer::Messages(_) | Answer::Update(_) => {
            let _closed = send.reset(code::INTERNAL_ERROR);
            return;
        }
        Answer::Panic => return talk.connection.close(code::INTERNAL_ERROR, b""),
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
        Err(_) => {
            counters.timed_out.add(1);
            let _closed = send.reset(code::EXCESSIVE_LOAD);
        }
    }
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
