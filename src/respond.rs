//! The sentence: query in → who is asking → which name → which region → which pool → which endpoints →
//! answer out. Bytes in, bytes out, for every transport.

use crate::state::State;
use crate::worker::Worker;
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

/// Answers one query into `out` (≥ `UDP_REPLY_MAX` octets for UDP, `STREAM_REPLY_MAX` for streams). Never
/// fails, blocks, logs or allocates.
pub fn respond(_state: &State, _worker: &mut Worker, _request: &Request<'_>, _out: &mut [u8]) -> Verdict {
    todo!("owner: wire")
}
