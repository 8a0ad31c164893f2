//! The desk's line: how the admin server reaches the desk, which lives on the control thread.

use super::desk::Peer;
use super::protocol::{Answer, Request};
use crate::limits::{CONTROL_QUEUE, ORDER_MS, RELOAD_MS};
use std::fmt;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// A question that waits at the desk.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) peer: Peer,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// The asking end; copies share the queue.
#[derive(Clone, Debug)]
pub struct Line(mpsc::Sender<Asked>);

/// Why the desk gave no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineError {
    /// Too many wait already: nothing was done.
    Busy,
    /// No answer in time: it may still be done.
    Late,
    /// The server stops.
    Gone,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "too many requests wait at the desk",
            Self::Late => "the desk gave no answer in time; an order may still be carried out",
            Self::Gone => "the server is about to stop",
        })
    }
}

/// Both ends of a line.
pub(super) fn pair() -> (Line, mpsc::Receiver<Asked>) {
    let (asking, asked) = mpsc::channel(CONTROL_QUEUE);
    (Line(asking), asked)
}

impl Line {
    /// Asks the desk.
    ///
    /// # Errors
    /// It has no time, or is gone.
    pub async fn ask(&self, request: Request, peer: Peer) -> Result<Answer, LineError> {
        // The desk itself waits for the writer up to twice; a reload takes as long as its first probes.
        let patience = if matches!(request, Request::Reload(_)) { RELOAD_MS } else { 3 * ORDER_MS };
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Asked { request, peer, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => LineError::Busy,
            mpsc::error::TrySendError::Closed(_) => LineError::Gone,
        })?;
        let waited = timeout(Duration::from_millis(patience), answered).await;
        waited.map_err(|_| LineError::Late)?.map_err(|_| LineError::Gone)
    }
}
