//! What the tests share: queries as bytes, replies read by hickory-proto, states and servers from zone text.

#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod ask;
pub(crate) mod examples;
pub(crate) mod oracle;
pub(crate) mod reply;
#[path = "../../secure/mod.rs"]
pub(crate) mod secure;
pub(crate) mod server;
pub(crate) mod state;

use ask::Ask;
use geosteer::limits::{STREAM_REPLY_MAX, UDP_REPLY_MAX};
use geosteer::respond::{Request, Transport, Verdict, respond};
use geosteer::state::State;
use geosteer::worker::Worker;
use reply::Reply;
use std::net::SocketAddr;

/// The count for a normal test run, or the full one if `GEOSTEER_FULL` is set.
pub(crate) fn full(normal: u64, full: u64) -> u64 {
    if std::env::var_os("GEOSTEER_FULL").is_some() { full } else { normal }
}

/// Where queries in the same process come from: a resolver in the United States.
pub(crate) fn source() -> SocketAddr {
    ([8, 8, 4, 4], 5353).into()
}

/// Asks `respond` over UDP, as the resolver at [`source`].
pub(crate) fn ask_in_process(state: &State, worker: &mut Worker, ask: &Ask) -> Reply {
    Reply::read(&send(state, worker, &ask.bytes(), Transport::Udp).expect("a query gets a reply"))
}

/// Gives bytes to `respond`; `None` if it says nothing.
pub(crate) fn send(state: &State, worker: &mut Worker, bytes: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let room = if transport == Transport::Udp { UDP_REPLY_MAX } else { STREAM_REPLY_MAX };
    let mut out = vec![0; room];
    match respond(state, worker, &Request { bytes, source: source().into(), transport }, &mut out) {
        Verdict::Send(length) => {
            out.truncate(length);
            Some(out)
        }
        Verdict::Drop | Verdict::Hand => None,
    }
}
