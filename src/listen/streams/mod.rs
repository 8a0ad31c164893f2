//! Streams that begin with something else than a query: a TLS handshake (DoT, DoH) or a front end's PROXY header. All on
//! one thread with a small runtime, behind the threads that answer UDP and TCP: what strangers make us work out here
//! must not move port 53.
//!
//! ```text
//! accept.rs ─► greet.rs: PROXY header, ClientHello ─► handshake ─┬► message.rs: two octets of length, a message (TCP, DoT) ─┐
//!                                                                ├► https/: HTTP/1.1 and HTTP/2 (DoH) ──────────────────────┼► desk.rs ─► respond
//!                                                                └► quic/: a query on each stream (DoQ) ────────────────────┘
//!             table: greeting                        shaking       open
//! ```
//!
//! A connection is in one of three tables, each with its own bounds: who has said nothing yet takes no place of who has, and
//! neither takes one of who is known.

mod accept;
mod desk;
mod greet;
mod https;
mod message;
mod pace;
mod quic;
mod waiting;

use crate::certificate::Shown;
use crate::limits;
use crate::listen::table::{Client, ConnectionId, Table};
use crate::listen::tcp::accept::Listener;
use crate::listen::{Respond, Service, sys};
use crate::metrics::{Counters, Metrics};
use crate::priority;
use crate::respond::Transport;
use crate::restart::{Part, Restarts};
use desk::{Answers, Desk};
use ipnet::IpNet;
use quic::Endpoint;
use rustls::ServerConfig;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::task::LocalSet;

/// What a client may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one client (IPv4 address or IPv6 /64).
    pub per_client: usize,
    /// Connections besides whose PROXY header or ClientHello is not whole.
    pub greetings: usize,
    /// Those of one client.
    pub greetings_per_client: usize,
    /// Connections besides whose handshake is not over.
    pub handshakes: usize,
    /// Those of one client.
    pub handshakes_per_client: usize,
    /// Time for a PROXY header and a handshake.
    pub handshake: Duration,
    /// Time without a query.
    pub idle: Duration,
    /// Time from a message's first octet to its last.
    pub message: Duration,
    /// Time that replies may wait for the client to read.
    pub write: Duration,
    /// Time that stopping leaves for replies in flight.
    pub drain: Duration,
}

impl Limits {
    /// The usual limits, with no more connections than `descriptors` allow.
    #[must_use]
    pub fn with_descriptors(descriptors: usize) -> Self {
        let room = descriptors.saturating_sub(limits::DESCRIPTORS_RESERVED);
        let connections = (room / 4 * 3).clamp(8, limits::ENCRYPTED_CONNECTIONS);
        let rest = room.saturating_sub(connections);
        let handshakes = (rest / 4).clamp(8, limits::HANDSHAKES);
        let greetings = rest.saturating_sub(handshakes).clamp(8, limits::GREETINGS);
        Self {
            connections,
            per_client: limits::ENCRYPTED_CONNECTIONS_CLIENT.min(connections),
            greetings,
            greetings_per_client: limits::GREETINGS_CLIENT.min(greetings),
            handshakes,
            handshakes_per_client: limits::HANDSHAKES_CLIENT.min(handshakes),
            handshake: Duration::from_millis(limits::HANDSHAKE_MS),
            idle: Duration::from_millis(limits::ENCRYPTED_IDLE_MS),
            message: Duration::from_millis(limits::TCP_MESSAGE_MS),
            write: Duration::from_millis(limits::TCP_WRITE_MS),
            drain: Duration::from_millis(limits::DRAIN_MS),
        }
    }
}

/// What is spoken behind a listening socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speaks {
    /// DNS in the clear (RFC 7766).
    Dns,
    /// DNS over TLS (RFC 7858).
    Tls,
    /// DNS over HTTPS (RFC 8484).
    Https,
}

impl Speaks {
    const fn transport(self) -> Transport {
        match self {
            Self::Dns => Transport::Stream,
            Self::Tls => Transport::Tls,
            Self::Https => Transport::Https,
        }
    }
}

/// The front ends that a listening socket is for: their connections begin with a PROXY header.
pub type FrontEnds = Arc<[IpNet]>;

/// A listening socket (a non-blocking one).
#[derive(Debug)]
pub struct Door {
    /// The socket.
    pub listener: std::net::TcpListener,
    /// What is spoken there.
    pub speaks: Speaks,
    /// For these front ends alone; none: for everybody.
    pub front_ends: Option<FrontEnds>,
}

/// What one thread serves.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Listening sockets of TCP.
    pub doors: Vec<Door>,
    /// Sockets of QUIC (non-blocking ones).
    pub quic: Vec<std::net::UdpSocket>,
}

/// The running thread.
#[derive(Debug)]
pub struct Thread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts the thread of this part that serves the sockets. `certificate`: needed where TLS is spoken.
///
/// # Errors
/// The system has no more threads or descriptors, or TLS cannot be set up.
pub fn start<S, F>(
    (part, sockets): (Part, Sockets),
    certificate: Option<&Shown>,
    service: Service<F, S>,
    metrics: &Metrics,
    limits: Limits,
) -> io::Result<Thread>
where
    F: Respond<S>,
    S: Send + Sync + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let within = runtime.enter();
    let register = |door: Door| Ok((Listener::new(door.listener)?, door.speaks, door.front_ends));
    let doors = sockets.doors.into_iter().map(register).collect::<io::Result<Vec<_>>>()?;
    let take_over = |socket| {
        let shown = certificate.ok_or_else(|| io::Error::other("there is no certificate"))?;
        quic::endpoint(socket, shown, &limits)
    };
    let endpoints = sockets.quic.into_iter().map(take_over).collect::<io::Result<Vec<_>>>()?;
    drop(within);
    let config = |protocols: &[&[u8]]| -> io::Result<Option<Arc<ServerConfig>>> {
        let config = certificate.map(|shown| shown.config(protocols)).transpose().map_err(io::Error::other)?;
        Ok(config.map(Arc::new))
    };
    let (tls, https) = (config(&[b"dot"])?, config(&[b"h2", b"http/1.1"])?);
    let counters = Transport::ALL.map(|transport| metrics.counters(transport));
    let (recorder, restarts) = (metrics.recorder(super::seed()), metrics.restarts().clone());
    let (stop, stopped) = oneshot::channel();
    let serve = move || {
        priority::behind_answers();
        let hub = Rc::new(Hub {
            desk: RefCell::new(Box::new(Desk::new(service, &counters, recorder))),
            counters,
            restarts: (restarts, part),
            limits,
            tls,
            https,
            greeting: RefCell::new(Table::new()),
            shaking: RefCell::new(Table::new()),
            open: RefCell::new(Table::new()),
            bodies: RefCell::new(Table::new()),
            stop: Notify::new(),
            stopping: Cell::new(false),
        });
        LocalSet::new().block_on(&runtime, hub.serve(doors, endpoints, stopped));
    };
    let thread = thread::Builder::new().name(part.word().into()).spawn(serve)?;
    Ok(Thread { stop: Some(stop), thread: Some(thread) })
}

impl Thread {
    /// Takes no more connections, answers what has arrived, and ends.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the hook.
            let _panicked = thread.join();
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the connections of the thread share.
struct Hub {
    desk: RefCell<Box<dyn Answers>>,
    /// By transport.
    counters: [Arc<Counters>; Transport::ALL.len()],
    /// Where faults of accepting are counted.
    restarts: (Restarts, Part),
    limits: Limits,
    tls: Option<Arc<ServerConfig>>,
    https: Option<Arc<ServerConfig>>,
    /// Connections whose PROXY header or ClientHello is not whole, in the order in which they came.
    greeting: RefCell<Table>,
    /// Those whose handshake goes on, likewise.
    shaking: RefCell<Table>,
    /// The others, in the order of their last queries.
    open: RefCell<Table>,
    /// Bodies of HTTP requests that are waited for.
    bodies: RefCell<Table>,
    stop: Notify,
    stopping: Cell<bool>,
}

impl Hub {
    async fn serve(
        self: Rc<Self>,
        doors: Vec<(Listener, Speaks, Option<FrontEnds>)>,
        endpoints: Vec<Endpoint>,
        stopped: oneshot::Receiver<()>,
    ) {
        if let Some((listener, ..)) = doors.first() {
            let Limits { connections, greetings, handshakes, .. } = self.limits;
            sys::make_room_for_descriptors(listener.socket(), connections + greetings + handshakes);
        }
        let accept = |door| tokio::task::spawn_local(Rc::clone(&self).accept(door));
        let accept_quic =
            |endpoint: &Endpoint| tokio::task::spawn_local(Rc::clone(&self).accept_quic(endpoint.clone()));
        let accepting: Vec<_> = doors.into_iter().map(accept).chain(endpoints.iter().map(accept_quic)).collect();
        // The sender says nothing; that it is gone is the signal.
        let _gone = stopped.await;
        for task in accepting {
            task.abort();
        }
        self.stopping.set(true);
        self.stop.notify_waiters();
        let drained = async {
            while [&self.greeting, &self.shaking, &self.open].iter().any(|table| table.borrow().len() > 0) {
                tokio::task::yield_now().await;
                super::tcp::pause(Duration::from_millis(1)).await;
            }
        };
        let _given_up = tokio::time::timeout(self.limits.drain, drained).await;
        for endpoint in &endpoints {
            // What was said last is on its way.
            let _given_up = tokio::time::timeout(self.limits.drain, endpoint.wait_idle()).await;
        }
    }

    /// Accepting panicked: it goes on.
    fn note_fault(&self) {
        let (restarts, part) = &self.restarts;
        restarts.note(*part);
    }

    fn counters(&self, transport: Transport) -> &Counters {
        &self.counters[transport as usize]
    }
}

/// The tables of a hub.
type TableOf = fn(&Hub) -> &RefCell<Table>;

/// A place in one of them; it is given back when this is dropped.
struct Place {
    hub: Rc<Hub>,
    table: TableOf,
    id: ConnectionId,
}

impl Place {
    /// Takes a place, at the cost of the client's oldest if it has `(_, per_client)`, and of the oldest of all if there
    /// are `(in_all, _)`. The second value tells whether somebody had to go.
    fn take(hub: &Rc<Hub>, table: TableOf, client: Client, limits: (usize, usize)) -> (Self, bool) {
        Self::take_from(hub, table, client, limits, Table::evict_oldest)
    }

    /// The same, where it is said who makes room for all.
    fn take_from(
        hub: &Rc<Hub>,
        table: TableOf,
        client: Client,
        (in_all, per_client): (usize, usize),
        make_room: impl FnOnce(&mut Table) -> bool,
    ) -> (Self, bool) {
        let mut places = table(hub).borrow_mut();
        let evicted = if places.of_client(client) >= per_client {
            places.evict_oldest_of(client)
        } else {
            places.len() >= in_all && make_room(&mut places)
        };
        let id = places.insert(client);
        drop(places);
        (Self { hub: Rc::clone(hub), table, id }, evicted)
    }

    /// Names the task that ends when the place is needed.
    fn set_task(&self, task: tokio::task::AbortHandle) {
        (self.table)(&self.hub).borrow_mut().set_task(self.id, task);
    }

    /// It was used just now.
    fn touch(&self) {
        (self.table)(&self.hub).borrow_mut().touch(self.id);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        (self.table)(&self.hub).borrow_mut().remove(self.id);
    }
}
