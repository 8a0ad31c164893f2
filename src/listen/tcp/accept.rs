//! Taking connections in. A burst of them must not keep the next client waiting: each is answered as it is accepted,
//! if its query came with it, and what costs time (registering it with the runtime, closing those that had to go)
//! is done for a few at a time between two looks at the kernel's queue.

use super::connection::{Connection, Fresh};
use super::{Hub, pause};
use crate::faults;
use crate::limits::{TCP_AHEAD, TCP_SETTLED};
use crate::listen::table::Client;
use crate::listen::{Respond, sys, worth_a_line};
use crate::restart::{Part, caught};
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use tokio::io::unix::AsyncFd;

/// A listening socket (a non-blocking one).
pub(in crate::listen) struct Listener(AsyncFd<std::net::TcpListener>);

impl Listener {
    /// Registers it with the runtime.
    pub(in crate::listen) fn new(listener: std::net::TcpListener) -> io::Result<Self> {
        sys::watch(listener).map(Self)
    }

    /// The socket.
    pub(in crate::listen) fn socket(&self) -> &std::net::TcpListener {
        self.0.get_ref()
    }

    /// The next connection in the kernel's queue; `WouldBlock` if there is none.
    pub(in crate::listen) fn take(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.0.get_ref().accept()?;
        stream.set_nonblocking(true)?;
        Ok((stream, SocketAddr::new(peer.ip().to_canonical(), peer.port())))
    }

    /// The next connection, when there is one.
    pub(in crate::listen) async fn next(&self) -> io::Result<(TcpStream, SocketAddr)> {
        loop {
            let mut ready = self.0.readable().await?;
            match self.take() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                taken => return taken,
            }
        }
    }
}

impl<S: Send + Sync + 'static, F: Respond<S>> Hub<S, F> {
    /// Takes connections in until the task is aborted, whatever panics meanwhile.
    pub(super) async fn accept(self: Rc<Self>, listener: Listener) {
        while caught(Rc::clone(&self).accept_until_panic(&listener)).await.is_none() {
            self.restarts.note(Part::Tcp);
            tokio::task::yield_now().await;
        }
    }

    async fn accept_until_panic(self: Rc<Self>, listener: &Listener) {
        let mut waiting = VecDeque::new();
        // No more than the quarter of the descriptors that `Limits` leaves beside its connections.
        let ahead = (self.limits.connections / 4).clamp(1, TCP_AHEAD);
        loop {
            let first = if waiting.is_empty() { listener.next().await } else { listener.take() };
            faults::here(Part::Tcp);
            let failed = self.take_all(first, listener, &mut waiting, ahead);
            self.settle(&mut waiting);
            match failed {
                Some(error) if sys::is_shortage(&error) => self.make_room(&error, &mut waiting).await,
                // The queue is empty, or the client was gone before we came, and the like. Those that were evicted
                // have to run once more to let go of their descriptors.
                _ => tokio::task::yield_now().await,
            }
        }
    }

    /// Admits what is in the kernel's queue, until it fails or so many wait; gives the failure.
    fn take_all(
        self: &Rc<Self>,
        first: io::Result<(TcpStream, SocketAddr)>,
        listener: &Listener,
        waiting: &mut VecDeque<Fresh<S, F>>,
        ahead: usize,
    ) -> Option<io::Error> {
        let (mut taken, mut turns) = (first, ahead);
        loop {
            match taken {
                Ok((stream, peer)) => self.admit(stream, peer, waiting),
                Err(error) => return Some(error),
            }
            turns -= 1;
            if turns == 0 || waiting.len() >= ahead {
                return None;
            }
            taken = listener.take();
        }
    }

    /// Takes a connection in, at the cost of the longest idle if need be, and answers what came with it.
    fn admit(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr, waiting: &mut VecDeque<Fresh<S, F>>) {
        self.counters.accepted.add(1);
        // A mistake of ours in there must not be the end of accepting.
        match catch_unwind(AssertUnwindSafe(|| self.take_in(stream, peer))) {
            Ok(connection) => waiting.extend(connection),
            Err(_) => self.counters.panics.add(1),
        }
    }

    /// The connection, unless it ended with its first round.
    fn take_in(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr) -> Option<Fresh<S, F>> {
        let client = Client::of(peer.ip());
        let id = {
            let mut table = self.table.borrow_mut();
            let evicted = if table.of_client(client) >= self.limits.per_client {
                table.evict_oldest_of(client)
            } else {
                table.len() >= self.limits.connections && table.evict_oldest()
            };
            self.counters.evicted.add(u64::from(evicted));
            table.insert(client)
        };
        Connection::new(stream, peer, id, Rc::clone(self)).first_round()
    }

    /// Starts the tasks of the connections that wait longest, and drops those that were evicted meanwhile.
    fn settle(&self, waiting: &mut VecDeque<Fresh<S, F>>) {
        for connection in waiting.drain(..TCP_SETTLED.min(waiting.len())) {
            if let Some((id, connection)) = connection.settle() {
                let task = tokio::task::spawn_local(connection.serve()).abort_handle();
                self.table.borrow_mut().set_task(id, task);
            }
        }
    }

    /// The system gives no more descriptors or memory: the longest idle connection gives its own back.
    async fn make_room(&self, error: &io::Error, waiting: &mut VecDeque<Fresh<S, F>>) {
        self.counters.starved.add(1);
        let count = self.counters.starved.value();
        if worth_a_line(count) {
            tracing::warn!(count, %error, "cannot accept a TCP connection; closing the longest idle one");
        }
        let evicted = self.table.borrow_mut().evict_oldest();
        while !waiting.is_empty() {
            self.settle(waiting);
        }
        if evicted {
            self.counters.evicted.add(1);
            tokio::task::yield_now().await;
        } else {
            // Others of this process hold them all; the client waits in the kernel's queue.
            pause(std::time::Duration::from_millis(20)).await;
        }
    }
}
