//! The body of a request: bounded in octets and time, and in how many there are that have not come whole.

use crate::limits::{HTTPS_BODIES, HTTPS_BODIES_CLIENT, STREAM_REPLY_MAX};
use crate::listen::streams::{Hub, Place};
use crate::listen::table::Client;
use crate::respond::Transport;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::Incoming;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// A task that ends when nobody waits for it any more.
struct Waiting(AbortHandle);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads a body; `length` octets, if that was said.
///
/// # Errors
/// It is too long, does not come in time, breaks off, or had to make room for others: the status that says so.
pub(super) async fn read(
    hub: &Rc<Hub>,
    client: Client,
    body: Incoming,
    length: Option<usize>,
) -> Result<Vec<u8>, StatusCode> {
    let mut whole = Box::pin(collect(body, length.unwrap_or_default()));
    // Nearly always it is there already.
    let first = poll_fn(|cx| {
        Poll::Ready(match Pin::new(&mut whole).poll(cx) {
            Poll::Ready(read) => Some(read),
            Poll::Pending => None,
        })
    });
    if let Some(read) = first.await {
        return read;
    }
    let limits = (HTTPS_BODIES, HTTPS_BODIES_CLIENT);
    let (place, evicted) = Place::take(hub, |hub| &hub.bodies, client, limits);
    hub.counters(Transport::Https).evicted.add(u64::from(evicted));
    let task = tokio::task::spawn_local(whole);
    place.set_task(task.abort_handle());
    let _ends = Waiting(task.abort_handle());
    match timeout(hub.limits.message, task).await {
        Ok(Ok(read)) => read,
        // It had to make room.
        Ok(Err(_)) => Err(StatusCode::SERVICE_UNAVAILABLE),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

async fn collect(mut body: Incoming, length: usize) -> Result<Vec<u8>, StatusCode> {
    let mut octets = Vec::with_capacity(length.min(512));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        let Ok(data) = frame.into_data() else { continue };
        if octets.len() + data.len() > STREAM_REPLY_MAX {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        octets.extend_from_slice(&data);
    }
    if octets.is_empty() { Err(StatusCode::BAD_REQUEST) } else { Ok(octets) }
}
