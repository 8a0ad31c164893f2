//! One connection: read what is there, answer every complete message of it, write the replies at once. It owns
//! memory only for what is incomplete or unread; everything else passes through the thread's shared buffers.
//!
//! ```text
//! accepted ──► Fresh: one round at once ──► settle: registered with the runtime ──► rounds, as it is ready
//! ```
//!
//! The round of a fresh connection answers a client that sent its query with the handshake's end before anything is
//! spent on a connection that may go right away.

use super::Hub;
use super::stream::Stream;
use crate::clock;
use crate::limits::{STREAM_REPLY_MAX, TCP_READ, TCP_WRITE, TRANSFER_MS, TRANSFER_TURN, UPDATE_MS};
use crate::listen::table::ConnectionId;
use crate::listen::{Respond, fresh_worker, put_message, submit, transferred, worth_a_line};
use crate::metrics::Counters;
use crate::query_log::Recorder;
use crate::respond::{Request, Transport, Verdict};
use crate::transfer::Transfer;
use crate::worker::{Handed, Worker};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// Octets of a message header (RFC 1035 §4.1.1); less is not DNS.
const HEADER: usize = 12;

/// What all connections of the thread share while one of them works.
pub(super) struct Desk {
    input: Box<[u8]>,
    /// Replies, each behind its length; room for one of the largest beyond the point where they are written.
    output: Box<[u8]>,
    worker: Worker,
    recorder: Recorder,
}

impl Desk {
    pub(super) fn new(counters: &Counters, recorder: Recorder) -> Self {
        let output = vec![0; TCP_WRITE + 2 + STREAM_REPLY_MAX].into();
        Self { input: vec![0; TCP_READ].into(), output, worker: fresh_worker(counters), recorder }
    }
}

/// The thread's worker and its part of the query log.
type Tools<'d> = (&'d mut Worker, &'d mut Recorder);

/// Why a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// The client closed it, broke it, or sent what is no DNS.
    Client,
    /// A time limit.
    Timeout,
    /// The server stops.
    Drained,
    /// Answering panicked.
    Panic,
}

/// What a connection does next.
enum Next {
    /// Another round: there may be more to read.
    Round,
    /// Wait for the client to send.
    Readable,
    /// Wait for the client to take its replies.
    Writable,
    /// Wait for a reply that takes its time.
    Reply,
}

/// Which time limit holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Between queries.
    Idle,
    /// Within a message.
    Message,
    /// Replies wait for the client.
    Write,
}

/// A connection's place in the table; it is given back when this is dropped.
struct Place<S, F> {
    hub: Rc<Hub<S, F>>,
    id: ConnectionId,
}

impl<S, F> Drop for Place<S, F> {
    fn drop(&mut self) {
        self.hub.table.borrow_mut().remove(self.id);
    }
}

/// A connection that the runtime does not know yet.
pub(super) type Fresh<S, F> = Connection<S, F, std::net::TcpStream>;

/// One connection.
pub(super) struct Connection<S, F, T> {
    stream: T,
    place: Place<S, F>,
    peer: SocketAddr,
    /// Received and not answered yet: an incomplete message, or all that follows replies that do not fit.
    pending: Vec<u8>,
    /// Replies that the kernel did not take; the first `sent` octets are gone.
    unsent: Vec<u8>,
    sent: usize,
    /// A reply of many messages that goes on, and when it must be over.
    transfer: Option<(Box<Transfer>, Instant)>,
    /// A reply that is waited for.
    update: Option<oneshot::Receiver<Vec<u8>>>,
    phase: Phase,
    /// When the phase must be over.
    deadline: Instant,
}

impl<S: 'static, F: Respond<S>> Fresh<S, F> {
    /// A connection that was accepted (a non-blocking one).
    pub(super) fn new(stream: std::net::TcpStream, peer: SocketAddr, id: ConnectionId, hub: Rc<Hub<S, F>>) -> Self {
        let deadline = clock::instant() + hub.limits.idle;
        let (pending, unsent) = (Vec::new(), Vec::new());
        let place = Place { hub, id };
        Self {
            stream,
            place,
            peer,
            pending,
            unsent,
            sent: 0,
            transfer: None,
            update: None,
            phase: Phase::Idle,
            deadline,
        }
    }

    /// Answers what came with the handshake; none if the connection ended with it.
    pub(super) fn first_round(mut self) -> Option<Self> {
        self.round().is_ok().then_some(self)
    }

    /// Registers the connection with the runtime; none if it was evicted meanwhile, or the system has no more room.
    pub(super) fn settle(self) -> Option<(ConnectionId, Connection<S, F, TcpStream>)> {
        let Self { stream, place, peer, pending, unsent, sent, transfer, update, phase, deadline } = self;
        if !place.hub.table.borrow().is_listed(place.id) {
            return None;
        }
        let stream = TcpStream::from_std(stream).ok()?;
        let id = place.id;
        Some((id, Connection { stream, place, peer, pending, unsent, sent, transfer, update, phase, deadline }))
    }
}

impl<S: 'static, F: Respond<S>> Connection<S, F, TcpStream> {
    /// Serves the connection until it ends.
    pub(super) async fn serve(mut self) {
        if self.run().await == End::Timeout {
            self.place.hub.counters.timed_out.add(1);
        }
    }

    /// Waits for a reply that takes its time, and writes it.
    async fn await_reply(&mut self) -> Result<(), End> {
        let Some(update) = self.update.take() else { return Ok(()) };
        let waited = tokio::time::timeout(Duration::from_millis(UPDATE_MS), update).await;
        let Ok(Ok(reply)) = waited else { return Err(End::Timeout) };
        (self.phase, self.deadline) = (Phase::Write, clock::instant() + self.place.hub.limits.write);
        let message = [&(reply.len() as u16).to_be_bytes(), &reply[..]].concat();
        self.write(&message)
    }

    async fn run(&mut self) -> End {
        loop {
            let interest = match self.round() {
                Ok(Next::Round) => {
                    // Others have their turn between two rounds, however much this client sends.
                    tokio::task::yield_now().await;
                    continue;
                }
                Ok(Next::Readable) if self.place.hub.stopping.get() => return End::Drained,
                Ok(Next::Readable) => Interest::READABLE,
                Ok(Next::Writable) => Interest::WRITABLE,
                Ok(Next::Reply) => match self.await_reply().await {
                    Ok(()) => continue,
                    Err(end) => return end,
                },
                Err(end) => return end,
            };
            let deadline = tokio::time::Instant::from_std(self.deadline);
            tokio::select! {
                biased;
                ready = self.stream.ready(interest) => if ready.is_err() { return End::Client },
                () = self.place.hub.stop.notified() => {}
                () = tokio::time::sleep_until(deadline) => return End::Timeout,
            }
        }
    }
}

impl<S: 'static, F: Respond<S>, T: Stream> Connection<S, F, T> {
    /// One round without waiting: write what is left, answer what was received, read and answer more.
    fn round(&mut self) -> Result<Next, End> {
        if !self.unsent.is_empty() {
            self.write(&[])?;
        }
        if self.transfer.is_some() {
            return self.go_on();
        }
        if self.update.is_some() {
            return Ok(Next::Reply);
        }
        let hub = Rc::clone(&self.place.hub);
        let Desk { input, output, worker, recorder } = &mut *hub.desk.borrow_mut();
        let mut tools = (worker, recorder);
        let mut pending = std::mem::take(&mut self.pending);
        // Messages may be complete already: they waited for the client to take its replies.
        let mut used = self.answer(&pending, output, &mut tools)?;
        let had = used > 0;
        if self.unsent.is_empty() && self.transfer.is_none() && self.update.is_none() {
            match self.stream.try_read(input) {
                Ok(0) => return Err(End::Client),
                Ok(count) if used == pending.len() => {
                    pending.clear();
                    used = self.answer(&input[..count], output, &mut tools)?;
                    pending.extend_from_slice(&input[used..count]);
                    self.keep(pending, had || used > 0);
                }
                Ok(count) => {
                    pending.drain(..used);
                    pending.extend_from_slice(&input[..count]);
                    used = self.answer(&pending, output, &mut tools)?;
                    pending.drain(..used);
                    self.keep(pending, had || used > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    pending.drain(..used);
                    self.keep(pending, had);
                    return Ok(Next::Readable);
                }
                Err(_) => return Err(End::Client),
            }
        } else {
            pending.drain(..used);
            self.keep(pending, had);
        }
        Ok(if self.unsent.is_empty() { Next::Round } else { Next::Writable })
    }

    /// Writes more of a reply of many messages, as much as the client takes; what it asks meanwhile waits.
    fn go_on(&mut self) -> Result<Next, End> {
        for _ in 0..TRANSFER_TURN {
            let Some((transfer, until)) = self.transfer.as_mut().filter(|_| self.unsent.is_empty()) else { break };
            let now = clock::instant();
            if now > *until {
                return Err(End::Timeout);
            }
            let (mut message, is_over) = (Vec::new(), transfer.is_over());
            put_message(transfer, &mut message);
            if is_over {
                transferred(transfer);
                self.transfer = None;
            }
            (self.phase, self.deadline) = (Phase::Write, now + self.place.hub.limits.write);
            self.write(&message)?;
            self.place.hub.table.borrow_mut().touch(self.place.id);
        }
        Ok(if self.unsent.is_empty() { Next::Round } else { Next::Writable })
    }

    /// Puts aside what is not answered yet, and sets the time limit that holds from now on.
    fn keep(&mut self, pending: Vec<u8>, answered: bool) {
        // An idle connection owns no buffer.
        self.pending = if pending.is_empty() { Vec::new() } else { pending };
        let (phase, limit) = match (self.unsent.is_empty(), self.pending.is_empty()) {
            (false, _) => (Phase::Write, self.place.hub.limits.write),
            (true, false) => (Phase::Message, self.place.hub.limits.message),
            (true, true) => (Phase::Idle, self.place.hub.limits.idle),
        };
        // To answer more means that the client has taken all that waited for it.
        if phase != self.phase || answered {
            (self.phase, self.deadline) = (phase, clock::instant() + limit);
        }
    }

    /// Answers the complete messages at the head of `data` until the client takes no more replies; gives the octets
    /// used.
    fn answer(&mut self, data: &[u8], output: &mut [u8], tools: &mut Tools<'_>) -> Result<usize, End> {
        let (worker, recorder) = tools;
        let hub = Rc::clone(&self.place.hub);
        let state = hub.service.published.load();
        let (mut used, mut filled, mut ended) = (0, 0, None);
        let (began, mut answered) = (clock::instant(), 0);
        while let Some(message) = first_message(&data[used..])
            && self.unsent.is_empty()
            && self.transfer.is_none()
            && self.update.is_none()
        {
            if message.len() < HEADER {
                ended = Some(End::Client);
                break;
            }
            used += 2 + message.len();
            hub.counters.queries.add(1);
            answered += 1;
            let request = Request { bytes: message, source: self.peer.into(), transport: Transport::Stream };
            let room = &mut output[filled + 2..filled + 2 + STREAM_REPLY_MAX];
            match catch_unwind(AssertUnwindSafe(|| (hub.service.respond)(&state, worker, &request, room))) {
                Ok(Verdict::Send(length)) => {
                    recorder.answered(worker, &request, room, length);
                    output[filled..filled + 2].copy_from_slice(&(length as u16).to_be_bytes());
                    filled += 2 + length;
                }
                Ok(Verdict::Hand) => {
                    let until = began + Duration::from_millis(TRANSFER_MS);
                    match worker.take_handed() {
                        Some(Handed::Transfer(transfer)) => self.transfer = Some((transfer, until)),
                        Some(Handed::Update(update)) => self.update = Some(submit(update)),
                        None => {}
                    }
                }
                Ok(Verdict::Drop) => hub.counters.silent.add(1),
                Err(_) => {
                    **worker = after_panic(&hub.counters);
                    ended = Some(End::Panic);
                    break;
                }
            }
            if filled >= TCP_WRITE {
                self.write(&output[..filled])?;
                filled = 0;
            }
        }
        hub.counters.latency.add(answered, clock::nanoseconds_since(began));
        if filled > 0 {
            self.write(&output[..filled])?;
        }
        if used > 0 {
            hub.table.borrow_mut().touch(self.place.id);
        }
        ended.map_or(Ok(used), Err)
    }

    /// Writes what is left from before and then `replies`; what the kernel does not take is kept.
    fn write(&mut self, mut replies: &[u8]) -> Result<(), End> {
        while self.sent < self.unsent.len() {
            match self.stream.try_write(&self.unsent[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Err(End::Client),
            }
        }
        if self.sent == self.unsent.len() {
            (self.unsent, self.sent) = (Vec::new(), 0);
            while !replies.is_empty() {
                match self.stream.try_write(replies) {
                    Ok(count) => replies = &replies[count..],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => return Err(End::Client),
                }
            }
        }
        self.unsent.extend_from_slice(replies);
        Ok(())
    }
}

#[cold]
fn after_panic(counters: &Counters) -> Worker {
    counters.panics.add(1);
    let count = counters.panics.value();
    if worth_a_line(count) {
        tracing::error!(count, "a TCP query made the server panic; its connection is closed, serving goes on");
    }
    fresh_worker(counters)
}

/// The message at the head of `data` without its two octets of length, if it is complete (RFC 1035 §4.2.2).
fn first_message(data: &[u8]) -> Option<&[u8]> {
    let (length, rest) = data.split_first_chunk()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}
