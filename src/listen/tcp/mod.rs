//! TCP (RFC 7766) on a runtime of its own: one thread, since DNS over TCP is the exception, and every connection is
//! bounded in time and memory. Who comes when all places are taken gets the place of the longest idle.
//!
//! ```text
//! accept.rs ─ fresh connection, answered at once ─► connection.rs ─► respond
//!     └─ table: who is here, who goes                └─ stream.rs: without waiting
//! ```

pub(super) mod accept;
mod connection;
mod stream;

use crate::limits;
use crate::listen::table::Table;
use crate::listen::{Respond, Service, sys};
use crate::metrics::{Counters, Metrics};
use crate::respond::Transport;
use crate::restart::Restarts;
use connection::Desk;
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
        let room = descriptors.saturating_sub(limits::DESCRIPTORS_RESERVED) / 4 * 3;
        let connections = room.clamp(8, limits::TCP_CONNECTIONS);
        Self {
            connections,
            per_client: limits::TCP_CONNECTIONS_CLIENT.min(connections),
            idle: Duration::from_millis(limits::TCP_IDLE_MS),
            message: Duration::from_millis(limits::TCP_MESSAGE_MS),
            write: Duration::from_millis(limits::TCP_WRITE_MS),
            drain: Duration::from_millis(limits::DRAIN_MS),
        }
    }
}

/// The running thread.
#[derive(Debug)]
pub struct Thread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts the thread that serves the listeners (non-blocking ones).
///
/// # Errors
/// The system has no more threads or descriptors.
pub fn start<S, F>(
    listeners: Vec<std::net::TcpListener>,
    service: Service<F, S>,
    metrics: &Metrics,
    limits: Limits,
) -> io::Result<Thread>
where
    F: Respond<S>,
    S: Send + Sync + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(listener) = listeners.first() {
        sys::make_room_for_descriptors(listener, limits.connections + crate::limits::TCP_AHEAD);
    }
    let listeners = {
        let _within = runtime.enter();
        listeners.into_iter().map(accept::Listener::new).collect::<io::Result<Vec<_>>>()?
    };
    let counters = metrics.counters(Transport::Stream);
    let (recorder, restarts) = (metrics.recorder(super::seed()), metrics.restarts().clone());
    let (stop, stopped) = oneshot::channel();
    let serve = move || {
        sys::prefer_this_thread();
        let desk = RefCell::new(Desk::new(&counters, recorder));
        let hub = Rc::new(Hub {
            service,
            counters,
            restarts,
            limits,
            desk,
            table: RefCell::new(Table::new()),
            stop: Notify::new(),
            stopping: Cell::new(false),
        });
        LocalSet::new().block_on(&runtime, hub.serve(listeners, stopped));
    };
    let thread = thread::Builder::new().name("tcp".into()).spawn(serve)?;
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
struct Hub<S, F> {
    service: Service<F, S>,
    counters: Arc<Counters>,
    restarts: Restarts,
    limits: Limits,
    desk: RefCell<Desk>,
    table: RefCell<Table>,
    stop: Notify,
    stopping: Cell<bool>,
}

impl<S: Send + Sync + 'static, F: Respond<S>> Hub<S, F> {
    async fn serve(self: Rc<Self>, listeners: Vec<accept::Listener>, stopped: oneshot::Receiver<()>) {
        let accepting: Vec<_> =
            listeners.into_iter().map(|listener| tokio::task::spawn_local(Rc::clone(&self).accept(listener))).collect();
        // The sender says nothing; that it is gone is the signal.
        let _gone = stopped.await;
        for task in accepting {
            task.abort();
        }
        self.stopping.set(true);
        self.stop.notify_waiters();
        let drained = async {
            while self.table.borrow().len() > 0 {
                tokio::task::yield_now().await;
                pause(Duration::from_millis(1)).await;
            }
        };
        let _given_up = tokio::time::timeout(self.limits.drain, drained).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing tells us when the system has descriptors again")]
pub(super) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
