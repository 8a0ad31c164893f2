//! DNS over QUIC (RFC 9250): one query on each stream that the client opens, its reply on the same one. The only folder
//! that knows quinn.

mod query;

use super::{Hub, Place};
use crate::certificate::Shown;
use crate::clock;
use crate::limits::{QUIC_RETRY_FROM, STREAM_REPLY_MAX, STREAMS, TCP_UNREAD_MAX};
use crate::listen::table::Client;
use crate::respond::Transport;
use crate::restart::caught;
pub(super) use quinn::Endpoint;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{
    Connection, EndpointConfig, Incoming, RecvStream, SendStream, ServerConfig, TokioRuntime, TransportConfig, VarInt,
};
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{timeout, timeout_at};

/// Error codes of DoQ (RFC 9250 §4.3).
mod code {
    use quinn::VarInt;

    /// The connection ends, and nothing is wrong.
    pub(super) const NO_ERROR: VarInt = VarInt::from_u32(0);
    /// We cannot answer.
    pub(super) const INTERNAL_ERROR: VarInt = VarInt::from_u32(1);
    /// The client does not keep to the protocol.
    pub(super) const PROTOCOL_ERROR: VarInt = VarInt::from_u32(2);
    /// The client asks for too much.
    pub(super) const EXCESSIVE_LOAD: VarInt = VarInt::from_u32(4);
}

/// Octets that the client may send before they are read, over all its streams.
const RECEIVE_WINDOW: u32 = 4 * (2 + STREAM_REPLY_MAX as u32);
/// Replies of one connection that are written at a time.
const WRITES: usize = 4;

/// Takes a socket over, within the runtime.
///
/// # Errors
/// TLS cannot be set up, or the system refuses.
pub(super) fn endpoint(socket: UdpSocket, shown: &Shown, limits: &super::Limits) -> io::Result<Endpoint> {
    let tls = shown.config(&[b"doq"]).map_err(io::Error::other)?;
    let crypto = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    let mut transport = TransportConfig::default();
    let idle = limits.idle.try_into().map_err(io::Error::other)?;
    transport
        .max_concurrent_bidi_streams(STREAMS.into())
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(2 + STREAM_REPLY_MAX as u32))
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .send_window(TCP_UNREAD_MAX as u64)
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(idle));
    config
        .transport_config(Arc::new(transport))
        .max_incoming(limits.handshakes)
        .incoming_buffer_size(RECEIVE_WINDOW.into())
        .incoming_buffer_size_total(u64::from(RECEIVE_WINDOW) * 16);
    Endpoint::new(EndpointConfig::default(), Some(config), socket, Arc::new(TokioRuntime))
}

impl Hub {
    /// Takes connections in until the task is aborted.
    pub(super) async fn accept_quic(self: Rc<Self>, endpoint: Endpoint) {
        let accept_until_panic = || async {
            while let Some(incoming) = endpoint.accept().await {
                self.admit_quic(incoming);
            }
        };
        while caught(accept_until_panic()).await.is_none() {
            self.note_fault();
            tokio::task::yield_now().await;
        }
    }

    fn admit_quic(self: &Rc<Self>, incoming: Incoming) {
        // In a crowd who comes must show that it is where it says, before anything is kept or worked out for it.
        if self.shaking.borrow().len() >= QUIC_RETRY_FROM && !incoming.remote_address_validated() {
            let _sent = incoming.retry();
            return;
        }
        let counters = self.counters(Transport::Quic);
        counters.accepted.add(1);
        let limits = (self.limits.handshakes, self.limits.handshakes_per_client);
        let client = Client::of(incoming.remote_address().ip());
        let (place, evicted) = Place::take(self, |hub| &hub.shaking, client, limits);
        counters.evicted.add(u64::from(evicted));
        let id = place.id;
        let task = tokio::task::spawn_local(Rc::clone(self).greet_quic(incoming, place));
        self.shaking.borrow_mut().set_task(id, task.abort_handle());
    }

    async fn greet_quic(self: Rc<Self>, incoming: Incoming, place: Place) {
        let counters = self.counters(Transport::Quic);
        let stopped = self.stop.notified();
        let greeted = async { incoming.accept()?.await };
        let connection = tokio::select! {
            biased;
            greeted = timeout(self.limits.handshake, greeted) => match greeted {
                Ok(Ok(connection)) => connection,
                Ok(Err(_)) => return counters.failed.add(1),
                Err(_) => return counters.timed_out.add(1),
            },
            () = stopped => return,
        };
        let place = self.settle(place, Client::of(connection.remote_address().ip()), Transport::Quic);
        let talk = Rc::new(Talk::new(connection, place));
        talk.serve(&self).await;
    }
}

/// One connection.
struct Talk {
    connection: Connection,
    place: Place,
    /// Queries that are not answered, or whose replies have not arrived.
    active: Cell<usize>,
    /// When one came or went last.
    changed: Cell<Instant>,
    answered: Cell<usize>,
    /// Queries that the client took back, and those whose replies it did not take.
    taken_back: Cell<usize>,
    writes: Arc<Semaphore>,
    ended: Notify,
}

/// Closes the connection, whatever ends the task that serves it.
struct Closes(Connection);

impl Drop for Closes {
    fn drop(&mut self) {
        self.0.close(code::NO_ERROR, b"");
    }
}

impl Talk {
    fn new(connection: Connection, place: Place) -> Self {
        Self {
            connection,
            place,
            active: Cell::new(0),
            changed: Cell::new(clock::instant()),
            answered: Cell::new(0),
            taken_back: Cell::new(0),
            writes: Arc::new(Semaphore::new(WRITES)),
            ended: Notify::new(),
        }
    }

    /// Waits until a reply may be written: none if for so long no other of the connection has been taken.
    async fn turn_to_write(&self, limit: Duration) -> Option<OwnedSemaphorePermit> {
        let mut turn = pin!(Arc::clone(&self.writes).acquire_owned());
        loop {
            let taken = self.answered.get();
            match timeout(limit, turn.as_mut()).await {
                Ok(turn) => return turn.ok(),
                Err(_) if self.answered.get() == taken => return None,
                Err(_) => {}
            }
        }
    }

    /// The client's address: it may move.
    fn peer(&self) -> SocketAddr {
        let peer = self.connection.remote_address();
        SocketAddr::new(peer.ip().to_canonical(), peer.port())
    }

    async fn serve(self: Rc<Self>, hub: &Rc<Hub>) {
        let _closes = Closes(self.connection.clone());
        let stopped = hub.stop.notified();
        let mut stopped = pin!(stopped);
        loop {
            let look = clock::instant() + self.left(hub.limits.idle);
            tokio::select! {
                biased;
                came = timeout_at(look.into(), self.connection.accept_bi()) => match came {
                    Ok(Ok(streams)) => self.begin(hub, streams),
                    Ok(Err(_)) => return,
                    Err(_) if self.active.get() > 0 || !self.left(hub.limits.idle).is_zero() => {}
                    Err(_) => return hub.counters(Transport::Quic).timed_out.add(1),
                },
                () = stopped.as_mut() => break,
            }
        }
        while let Some(streams) = self.came_already().await {
            self.begin(hub, streams);
        }
        let answered = async {
            while self.active.get() > 0 {
                self.ended.notified().await;
            }
        };
        let _late = timeout(hub.limits.drain, answered).await;
    }

    /// The time until the connection has been idle for too long; never none while it is not idle.
    fn left(&self, idle: Duration) -> Duration {
        let since = clock::instant().saturating_duration_since(self.changed.get());
        if self.active.get() > 0 { idle } else { idle.saturating_sub(since) }
    }

    /// A stream that was opened before now.
    async fn came_already(&self) -> Option<(SendStream, RecvStream)> {
        let mut accept = pin!(self.connection.accept_bi());
        poll_fn(|cx| {
            Poll::Ready(match accept.as_mut().poll(cx) {
                Poll::Ready(came) => came.ok(),
                Poll::Pending => None,
            })
        })
        .await
    }

    fn begin(self: &Rc<Self>, hub: &Rc<Hub>, (send, receive): (SendStream, RecvStream)) {
        self.active.set(self.active.get() + 1);
        self.changed.set(clock::instant());
        self.place.touch();
        let turn = Turn(Rc::clone(self));
        tokio::task::spawn_local(query::answer(Rc::clone(hub), turn, send, receive));
    }
}

/// A query that is being answered.
struct Turn(Rc<Talk>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get() - 1);
        self.0.changed.set(clock::instant());
        self.0.ended.notify_one();
    }
}
