//! TCP (RFC 7766) on a runtime of its own: one thread, since DNS over TCP is the exception, and every connection is
//! bounded in time and memory. Who comes when all places are taken gets the place of the longest idle.

mod connection;
mod table;

use crate::limits;
use crate::listen::{Respond, Service, sys, worth_a_line};
use crate::metrics::{Counters, Metrics};
use connection::{Connection, Desk};
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use table::{Client, Table};
use tokio::net::{TcpListener, TcpStream};
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
    let listeners = {
        let _within = runtime.enter();
        listeners.into_iter().map(TcpListener::from_std).collect::<io::Result<Vec<_>>>()?
    };
    let counters = metrics.counters();
    let (stop, stopped) = oneshot::channel();
    let serve = move || {
        let hub = Rc::new(Hub {
            service,
            counters,
            limits,
            desk: RefCell::new(Desk::new()),
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
    limits: Limits,
    desk: RefCell<Desk>,
    table: RefCell<Table>,
    stop: Notify,
    stopping: Cell<bool>,
}

impl<S: Send + Sync + 'static, F: Respond<S>> Hub<S, F> {
    async fn serve(self: Rc<Self>, listeners: Vec<TcpListener>, stopped: oneshot::Receiver<()>) {
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

    async fn accept(self: Rc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.admit(stream, peer).await,
                Err(error) if sys::is_shortage(&error) => self.make_room(&error).await,
                // The client was gone before we came, and the like.
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    /// Takes a connection in, at the cost of the longest idle if need be.
    async fn admit(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        self.counters.accepted.add(1);
        // A mistake of ours in there must not be the end of accepting.
        match catch_unwind(AssertUnwindSafe(|| self.take_in(stream, peer))) {
            Ok(false) => {}
            Ok(true) => {
                self.counters.evicted.add(1);
                // The evicted task has to run once more to let go of its descriptor.
                tokio::task::yield_now().await;
            }
            Err(_) => self.counters.panics.add(1),
        }
    }

    /// Starts a connection's task; true if another one had to go.
    fn take_in(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr) -> bool {
        let client = Client::of(peer.ip());
        let (id, evicted) = {
            let mut table = self.table.borrow_mut();
            let evicted = if table.of_client(client) >= self.limits.per_client {
                table.evict_oldest_of(client)
            } else {
                table.len() >= self.limits.connections && table.evict_oldest()
            };
            (table.insert(client), evicted)
        };
        let connection = Connection::new(stream, id, Rc::clone(self));
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let task = tokio::task::spawn_local(connection.serve(peer)).abort_handle();
        self.table.borrow_mut().set_task(id, task);
        evicted
    }

    /// The system gives no more descriptors or memory: the longest idle connection gives its own back.
    async fn make_room(&self, error: &io::Error) {
        self.counters.starved.add(1);
        let count = self.counters.starved.value();
        if worth_a_line(count) {
            tracing::warn!(count, %error, "cannot accept a TCP connection; closing the longest idle one");
        }
        if self.table.borrow_mut().evict_oldest() {
            self.counters.evicted.add(1);
            tokio::task::yield_now().await;
        } else {
            // Others of this process hold them all; the client waits in the kernel's queue.
            pause(Duration::from_millis(20)).await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing tells us when the system has descriptors again")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
