//! The transports over real sockets, with a toy in the place of `respond`: what they promise does not depend on
//! how a decision is made.

mod encrypted;
mod https;
mod quic;
#[path = "../secure/mod.rs"]
mod secure;
mod tcp;
mod udp;

use geosteer::listen::Service;
use geosteer::publish::Published;
use geosteer::respond::{Request, Verdict};
use geosteer::worker::Worker;
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything here takes; a test that waits so long has failed.
const LONG: Duration = Duration::from_secs(20);

/// Sends the message back with QR set and, in octet 4, the state. Words in the message make it do something else.
fn toy(state: &u8, _worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Verdict {
    let says = |word: &[u8]| request.bytes.windows(word.len()).any(|window| window == word);
    assert!(!says(b"panic"), "a query that makes the toy panic (part of the test)");
    if says(b"quiet") {
        return Verdict::Drop;
    }
    let length = if says(b"large") { 60_000 } else { request.bytes.len() };
    out[..request.bytes.len()].copy_from_slice(request.bytes);
    out[2] |= 0x80;
    out[4] = *state;
    Verdict::Send(length)
}

type Toy = fn(&u8, &mut Worker, &Request<'_>, &mut [u8]) -> Verdict;

fn service() -> Service<Toy, u8> {
    Service { published: Arc::new(Published::new(7)), respond: toy }
}

/// A header with the id, and the words behind it.
fn message(id: u16, words: &str) -> Vec<u8> {
    let mut message = vec![0; 12];
    message[..2].copy_from_slice(&id.to_be_bytes());
    message.extend_from_slice(words.as_bytes());
    message
}

fn id(message: &[u8]) -> u16 {
    u16::from_be_bytes([message[0], message[1]])
}

/// Repeats until it is so; the bound is for what would never be.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = geosteer::clock::instant();
    while !so() {
        assert!(start.elapsed() < LONG, "never: {what}");
        std::thread::yield_now();
    }
}
