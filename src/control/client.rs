//! The client's side of the control socket: blocking, one request.

use super::protocol::{Answer, Request};
use crate::limits::{CONTROL_MS, CONTROL_REPLY_MAX, ORDER_MS, RELOAD_MS};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Why there is no answer.
#[derive(Debug)]
pub enum AskError {
    /// Nobody listens at the socket, or not for us.
    NoServer(io::Error),
    /// The connection broke, or what came is no answer of ours.
    Broken(io::Error),
}

/// Asks the server at a socket.
///
/// # Errors
/// No server, or no answer from it.
pub fn ask(socket: &Path, request: &Request) -> Result<Answer, AskError> {
    let mut stream = UnixStream::connect(socket).map_err(AskError::NoServer)?;
    exchange(&mut stream, request).map_err(AskError::Broken)
}

fn exchange(stream: &mut UnixStream, request: &Request) -> io::Result<Answer> {
    stream.set_write_timeout(Some(Duration::from_millis(CONTROL_MS)))?;
    let patience = match request {
        Request::Reload(_) => RELOAD_MS,
        _ => 4 * (CONTROL_MS + ORDER_MS),
    };
    stream.set_read_timeout(Some(Duration::from_millis(patience)))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut reply = Vec::new();
    stream.take(CONTROL_REPLY_MAX).read_to_end(&mut reply)?;
    serde_json::from_slice(&reply).map_err(io::Error::from)
}
