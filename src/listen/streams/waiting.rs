//! Waiting for the rest of a message, and with a whole one for its turn to be answered: bounded in time, and in how many
//! wait.

use super::{Hub, Place};
use crate::limits::{BODIES, BODIES_CLIENT};
use crate::listen::table::Client;
use crate::respond::Transport;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// What came of it.
pub(super) enum Waited<T> {
    /// It is there.
    Come(T),
    /// It did not come in time.
    Late,
    /// It had to make room for others.
    GivenUp,
}

/// A task that ends when nobody waits for it any more.
struct Ends(AbortHandle);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Hub {
    /// Waits for what a client sends, or takes, for so long at most.
    pub(super) async fn wait<T: 'static>(
        self: &Rc<Self>,
        client: Client,
        transport: Transport,
        limit: Duration,
        whole: impl Future<Output = T> + 'static,
    ) -> Waited<T> {
        let mut whole = Box::pin(whole);
        // Nearly always it is there already.
        let first = poll_fn(|cx| {
            Poll::Ready(match Pin::new(&mut whole).poll(cx) {
                Poll::Ready(come) => Some(come),
                Poll::Pending => None,
            })
        });
        if let Some(come) = first.await {
            return Waited::Come(come);
        }
        let (place, evicted) = Place::take(self, |hub| &hub.bodies, client, (BODIES, BODIES_CLIENT));
        self.counters(transport).evicted.add(u64::from(evicted));
        let task = tokio::task::spawn_local(whole);
        place.set_task(task.abort_handle());
        let _ends = Ends(task.abort_handle());
        match timeout(limit, task).await {
            Ok(Ok(come)) => Waited::Come(come),
            Ok(Err(_)) => Waited::GivenUp,
            Err(_) => Waited::Late,
        }
    }
}
