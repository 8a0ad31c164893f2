//! Sockets: they carry bytes to and from [`crate::respond`] and do not decide.
//!
//! ```text
//! bind ─ addresses → sockets ──┬─ udp: a thread a core ── recvmmsg → respond … respond → sendmmsg ─┐
//!  (before anything is loaded) └─ tcp: one small runtime ─ read → respond … respond → write ──────┴─ metrics
//! ```

pub mod bind;
pub mod hickory;
pub mod inherit;
pub mod streams;
pub mod sys;
mod table;
pub mod tcp;
pub mod udp;

use crate::clock;
use crate::limits::STREAM_REPLY_MAX;
use crate::metrics::Counters;
use crate::publish::Published;
use crate::respond::{Request, Verdict};
use crate::state::State;
use crate::transfer::Transfer;
use crate::update::Update;
use crate::worker::Worker;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// The one entry of every transport, [`crate::respond::respond`]; tests of the transports bring their own.
pub trait Respond<S>: Fn(&S, &mut Worker, &Request<'_>, &mut [u8]) -> Verdict + Clone + Send + 'static {}

impl<S, F> Respond<S> for F where F: Fn(&S, &mut Worker, &Request<'_>, &mut [u8]) -> Verdict + Clone + Send + 'static {}

/// What a transport answers with: the state of the moment and the entry.
#[derive(Debug)]
pub struct Service<F, S = State> {
    /// The pointer, loaded once a batch.
    pub published: Arc<Published<S>>,
    /// The entry.
    pub respond: F,
}

impl<F: Clone, S> Clone for Service<F, S> {
    fn clone(&self) -> Self {
        Self { published: Arc::clone(&self.published), respond: self.respond.clone() }
    }
}

/// A worker whose draws nobody can foretell.
fn fresh_worker(counters: &Counters) -> Worker {
    Worker::new(seed()).counting_into(Arc::clone(&counters.ledger))
}

/// Tells a worker the time, where its answers depend on it.
#[inline(always)]
fn tell_time(worker: &mut Worker, at: Instant) {
    if worker.wants_time() {
        worker.now = clock::nanoseconds(at);
    }
}

#[expect(clippy::disallowed_methods, reason = "the seed of a worker comes from the kernel, once")]
fn seed() -> u64 {
    // Without the kernel's randomness (a broken sandbox) the answers are right all the same.
    getrandom::u64().unwrap_or_else(|_| crate::clock::unix_seconds())
}

/// Appends the next message of a transfer behind its two octets of length; nothing if it is over.
fn put_message(transfer: &mut Transfer, to: &mut Vec<u8>) {
    let mut room = vec![0; STREAM_REPLY_MAX];
    if let Some(length) = transfer.next_message(&mut room) {
        to.extend_from_slice(&(length as u16).to_be_bytes());
        to.extend_from_slice(&room[..length]);
    }
}

/// Gives an update to whoever carries it out; the reply comes there.
fn submit(update: Box<Update>) -> oneshot::Receiver<Vec<u8>> {
    let (sender, receiver) = oneshot::channel();
    // Who has gone meanwhile does not need it.
    update.submit(clock::unix_seconds(), Box::new(move |reply| drop(sender.send(reply))));
    receiver
}

/// Says that a secondary has what it asked for.
fn transferred(transfer: &Transfer) {
    let Transfer { zone, client, serial, kind, .. } = transfer;
    tracing::info!(%zone, secondary = %client, serial, kind = kind.word(), "transferred");
}

/// True for the first of something that may repeat forever, and ever more rarely: worth a line in the log.
const fn worth_a_line(count: u64) -> bool {
    count.is_power_of_two()
}
