//! gRPC checks: `grpc.health.v1.Health/Check`, the standard health protocol, over HTTP/2 with TLS or without.
//!
//! The two messages have one field each, `string service = 1` and `ServingStatus status = 1`; a compiler of protocol
//! buffers would be more than they are.

use super::connect::Way;
use super::host::Named;
use super::http::{Ask, Reading, USER_AGENT};
use super::progress::Progress;
use super::tls::{Alpn, Secure, TlsConfigs};
use super::{Ended, short};
use crate::health::{GrpcCheck, TargetAddress};
use crate::limits::PROBE_NOTE_PART;
use tokio::io::{AsyncRead, AsyncWrite};

/// `ServingStatus` by its numbers.
const STATUS: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
/// `grpc-status` by its numbers.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// One endpoint under one check.
pub(super) struct GrpcProbe {
    way: Way,
    secure: Option<Secure>,
    ask: Ask,
}

impl GrpcProbe {
    /// Prepares its request.
    ///
    /// # Errors
    /// The check cannot be carried out; in words.
    pub(super) fn new(check: &GrpcCheck, address: &TargetAddress, tls: &mut TlsConfigs) -> Result<Self, Box<str>> {
        let (scheme, usual) = if check.tls.is_some() { ("https", 443) } else { ("http", 80) };
        let named = Named::new(check.host.as_deref(), address, check.port, usual);
        let secure = check.tls.as_ref().map(|security| Secure::new(security, &named, Alpn::Http2, tls)).transpose()?;
        let headers = [
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("user-agent", check.user_agent.as_deref().unwrap_or(USER_AGENT)),
        ];
        let line = ("POST", scheme, named.authority.as_str(), "/grpc.health.v1.Health/Check");
        let ask = Ask::new(line, true, &headers, &request(&check.service))?;
        Ok(Self { way: Way::new(address, check.port, check.source), secure, ask })
    }

    /// Asks once. The caller sets the deadline.
    pub(super) async fn probe(&self, progress: &Progress) -> Ended {
        let stream = match self.way.tcp(progress).await {
            Ok(stream) => stream,
            Err(ended) => return ended,
        };
        let Some(secure) = &self.secure else { return self.ask(stream, "", progress).await };
        match secure.handshake(stream, progress).await {
            Ok((stream, left)) => self.ask(stream, &left, progress).await,
            Err(ended) => ended,
        }
    }

    async fn ask<S>(&self, stream: S, left: &str, progress: &Progress) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let reading = Reading { statuses: &[200..=200], keep: true, until: None, header: None };
        let answer = match self.ask.send(stream, reading, progress).await {
            Ok(answer) => answer,
            Err(ended) => return ended,
        };
        if answer.status != 200 {
            return Ended::fail(format!("status {}: no gRPC{left}", answer.status));
        }
        let code = answer.trailer("grpc-status").and_then(|code| code.parse::<usize>().ok());
        match code {
            Some(0) => {}
            Some(code) => {
                let name = CODES.get(code).copied().unwrap_or("?");
                let message = answer.trailer("grpc-message").map(|text| format!(": {}", short(text, PROBE_NOTE_PART)));
                return Ended::fail(format!("gRPC status {code} {name}{}{left}", message.unwrap_or_default()));
            }
            None => return Ended::fail(format!("no gRPC status{left}")),
        }
        match serving(&answer.body) {
            Some(1) => Ended::pass(format!("SERVING in {} ms{left}", progress.first_byte().as_millis())),
            Some(status) => {
                let name = usize::try_from(status).ok().and_then(|status| STATUS.get(status)).copied();
                Ended::fail(format!("{}{left}", name.unwrap_or("a serving status that is none")))
            }
            None => Ended::fail(format!("no proper health message{left}")),
        }
    }
}

/// `HealthCheckRequest` behind the five octets of its frame: not compressed, and its length.
fn request(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(0x0A);
        let mut length = service.len();
        while length >= 0x80 {
            message.push(length as u8 | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(service.as_bytes());
    }
    let mut frame = vec![0];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(&message);
    frame
}

/// `HealthCheckResponse.status`, 0 if it is left out as its default; none if the frame is no such message.
fn serving(frame: &[u8]) -> Option<u64> {
    let (head, message) = frame.split_at_checked(5)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let mut rest = message.get(..length).filter(|_| head[0] == 0)?;
    let mut status = 0;
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        match (key >> 3, key & 7) {
            (1, 0) => status = varint(&mut rest)?,
            (_, 0) => drop(varint(&mut rest)?),
            (_, 1) => rest = rest.get(8..)?,
            (_, 2) => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            (_, 5) => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&octet, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(octet & 0x7F) << shift;
        if octet < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_written_and_read_as_protocol_buffers() {
        assert_eq!(request(""), [0, 0, 0, 0, 0]);
        assert_eq!(request("a.B"), *b"\0\0\0\0\x05\x0A\x03a.B");
        let long = request(&"x".repeat(300));
        assert_eq!((long.len(), &long[1..8]), (5 + 3 + 300, &[0, 0, 1, 47, 0x0A, 0xAC, 0x02][..]));
        let frame = |message: &[u8]| [&[0, 0, 0, 0, message.len() as u8], message].concat();
        assert_eq!(serving(&frame(&[8, 1])), Some(1));
        assert_eq!(serving(&frame(&[])), Some(0));
        // Fields of later versions are passed over.
        assert_eq!(serving(&frame(&[0x12, 2, 1, 1, 8, 2, 0x18, 0x80, 1, 0x25, 0, 0, 0, 0])), Some(2));
        assert_eq!(serving(&[1, 0, 0, 0, 2, 8, 1]), None, "compressed");
        assert_eq!(serving(&[0, 0, 0, 0, 3, 8, 1]), None, "too short");
        assert_eq!(serving(&frame(&[8])), None);
        assert_eq!(serving(&frame(&[8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])), None);
    }
}
