//! Taking connections in: each gets a place among those that have said nothing yet, and a task.

use super::{FrontEnds, Hub, Place, Speaks};
use crate::limits::{ENCRYPTED_AHEAD, GREETINGS_COMPARED};
use crate::listen::table::{Client, Table};
use crate::listen::tcp::accept::Listener;
use crate::listen::tcp::pause;
use crate::listen::{sys, worth_a_line};
use crate::restart::caught;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

impl Hub {
    /// Takes connections in until the task is aborted.
    pub(super) async fn accept(self: Rc<Self>, door: (Listener, Speaks, Option<FrontEnds>)) {
        while caught(self.accept_until_panic(&door)).await.is_none() {
            self.note_fault();
            tokio::task::yield_now().await;
        }
    }

    async fn accept_until_panic(
        self: &Rc<Self>,
        (listener, speaks, front_ends): &(Listener, Speaks, Option<FrontEnds>),
    ) {
        let speaks = *speaks;
        loop {
            let first = listener.next().await;
            let admit = |(stream, peer)| self.admit(stream, peer, speaks, front_ends.as_ref());
            if let Some(error) = take_turn(first, || listener.take(), admit)
                && sys::is_shortage(&error)
            {
                self.make_room(speaks, &error).await;
            }
            // The tasks of those that came begin, and those that had to go let go of their descriptors.
            tokio::task::yield_now().await;
        }
    }

    /// Takes a connection in, if need be at the cost of one that has said nothing yet.
    fn admit(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr, speaks: Speaks, front_ends: Option<&FrontEnds>) {
        let counters = self.counters(speaks.transport());
        let (limits, is_proxied) = (&self.limits, front_ends.is_some());
        if front_ends.is_some_and(|allowed| !allowed.iter().any(|network| network.contains(&peer.ip()))) {
            counters.failed.add(1);
            return;
        }
        counters.accepted.add(1);
        // A front end brings many clients, and counts as none.
        let per_client = if is_proxied { usize::MAX } else { limits.greetings_per_client };
        let (client, limits) = (Client::of(peer.ip()), (limits.greetings, per_client));
        // Who opens many makes room before who opens one.
        let make_room = |greeting: &mut Table| {
            if is_proxied { greeting.evict_oldest() } else { greeting.evict_greediest(GREETINGS_COMPARED) }
        };
        let (place, evicted) = Place::take_from(self, |hub| &hub.greeting, client, limits, make_room);
        counters.evicted.add(u64::from(evicted));
        let id = place.id;
        let task = tokio::task::spawn_local(Rc::clone(self).greet(stream, peer, (speaks, is_proxied), place));
        self.greeting.borrow_mut().set_task(id, task.abort_handle());
    }

    /// The system gives no more descriptors or memory: who is not known yet, or the longest idle, gives its own back.
    async fn make_room(&self, speaks: Speaks, error: &io::Error) {
        let counters = self.counters(speaks.transport());
        counters.starved.add(1);
        let count = counters.starved.value();
        if worth_a_line(count) {
            tracing::warn!(count, %error, transport = ?speaks, "cannot accept a connection; closing the oldest one");
        }
        let tables = [&self.greeting, &self.shaking, &self.open];
        if tables.iter().any(|table| table.borrow_mut().evict_oldest()) {
            counters.evicted.add(1);
        } else {
            // Others of this process hold them all; the client waits in the kernel's queue.
            pause(Duration::from_millis(20)).await;
        }
    }
}

/// Admits what is in the kernel's queue, until it fails or it is the turn of others; gives the failure. It may be that the
/// queue is empty, that the client was gone before we came, and the like. What was taken is admitted.
fn take_turn<C>(
    first: io::Result<C>,
    mut take: impl FnMut() -> io::Result<C>,
    mut admit: impl FnMut(C),
) -> Option<io::Error> {
    let mut taken = first;
    for turn in 1.. {
        match taken {
            Ok(connection) => admit(connection),
            Err(error) => return Some(error),
        }
        if turn == ENCRYPTED_AHEAD {
            break;
        }
        taken = take();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_taken_from_the_queue_is_admitted() {
        let mut queue = 0..3 * ENCRYPTED_AHEAD + 7;
        let mut admitted = Vec::new();
        let mut turns = 0;
        loop {
            let mut take = || queue.next().ok_or_else(|| io::Error::from(io::ErrorKind::WouldBlock));
            let first = take();
            turns += 1;
            if take_turn(first, take, |number| admitted.push(number)).is_some() {
                break;
            }
            assert_eq!(admitted.len(), turns * ENCRYPTED_AHEAD);
        }
        assert_eq!(admitted, (0..3 * ENCRYPTED_AHEAD + 7).collect::<Vec<_>>());
    }
}
