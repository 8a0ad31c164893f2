//! The body of a request: bounded in octets and time, and in how many there are that have not come whole.

use crate::limits::STREAM_REPLY_MAX;
use crate::listen::streams::Hub;
use crate::listen::streams::waiting::Waited;
use crate::listen::table::Client;
use crate::respond::Transport;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::Incoming;
use std::rc::Rc;

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
    match hub.wait(client, Transport::Https, hub.limits.message, collect(body, length.unwrap_or_default())).await {
        Waited::Come(read) => read,
        Waited::Late => Err(StatusCode::REQUEST_TIMEOUT),
        Waited::GivenUp => Err(StatusCode::SERVICE_UNAVAILABLE),
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
