//! Events to a URL of the operator's: as JSON, in order, signed, and tried again until they are taken. It reads the ring
//! of events on a thread of its own, so nothing ever waits for it.

use crate::events::{Events, Happened};
use crate::faults;
use crate::limits::{WEBHOOK_BATCH, WEBHOOK_PAUSE_MAX_MS, WEBHOOK_SECRET_MAX, WEBHOOK_TIMEOUT_MS, WEBHOOK_TRIES};
use crate::priority;
use crate::restart::{Part, Restarts};
use crate::rights;
use crate::web_client::{Method, StatusCode, Url, WebClient};
use aws_lc_rs::hmac;
use serde_json::json;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::oneshot;

/// The header that proves who sent a batch: `sha256=` and the HMAC-SHA256 of the body in hexadecimal.
pub const SIGNATURE: &str = "x-geosteer-signature";

/// Where events go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// An `http` or `https` URL.
    pub url: Box<str>,
    /// The key of the signature; unsigned without one.
    pub secret: Option<Box<[u8]>>,
    /// The pause before the second try of a batch; it doubles with each further one.
    pub pause: Duration,
}

/// The running thread. Dropping it ends it; what was not taken until then is lost with the ring.
#[derive(Debug)]
pub struct Webhook {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Reads the key of the signature: the file's content without spaces and newlines around it. The second value is a
/// warning: others may read it.
///
/// # Errors
/// It cannot be read, is empty or too long; the path is named.
pub fn read_secret(path: &Path) -> io::Result<(Box<[u8]>, Option<String>)> {
    let (content, warning) = rights::read_secret(path, "the key of the webhook", WEBHOOK_SECRET_MAX)?;
    match content.trim_ascii() {
        [] => Err(io::Error::other(format!("{}: the key is empty", path.display()))),
        key => Ok((key.into(), warning)),
    }
}

/// Starts sending the events of `events`, the first one that is kept first.
///
/// # Errors
/// The URL is none, or the system has no threads left.
pub fn start(target: &Target, events: Events, restarts: &Restarts) -> io::Result<Webhook> {
    let mut courier = Courier::new(target, events)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, mut stopped) = oneshot::channel();
    let restarts = restarts.clone();
    let run = move || {
        priority::behind_answers();
        restarts.keep(Part::Webhook, || runtime.block_on(courier.run(&mut stopped)));
        // A look-up of the URL's host may still block a helper thread: it is left behind.
        runtime.shutdown_background();
    };
    let thread = thread::Builder::new().name("webhook".into()).spawn(run)?;
    Ok(Webhook { stop: Some(stop), thread: Some(thread) })
}

impl Drop for Webhook {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the hook.
            let _panicked = thread.join();
        }
    }
}

/// Who carries the batches.
struct Courier {
    client: WebClient,
    url: Url,
    key: Option<hmac::Key>,
    pause: Duration,
    events: Events,
    /// The number of the last event that was taken, or given up.
    sent: u64,
}

/// What became of a batch.
enum Fate {
    /// It was taken.
    Taken,
    /// It is given up; in words why.
    Refused(String),
    /// Not yet; in words why.
    Later(String),
}

impl Courier {
    fn new(target: &Target, events: Events) -> io::Result<Self> {
        let cannot = |error: &dyn std::fmt::Display| io::Error::other(format!("the webhook cannot be set up: {error}"));
        let url = Url::parse(&target.url).map_err(|error| cannot(&error))?;
        let client = WebClient::new(Duration::from_millis(WEBHOOK_TIMEOUT_MS)).map_err(|why| cannot(&why))?;
        let key = target.secret.as_deref().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret));
        Ok(Self { client, url, key, pause: target.pause, events, sent: 0 })
    }

    /// Sends until told to stop.
    async fn run(&mut self, stopped: &mut oneshot::Receiver<()>) {
        let mut news = self.events.follow();
        loop {
            faults::here(Part::Webhook);
            let sent = self.sent;
            let batch = self.events.after(Some(sent), WEBHOOK_BATCH);
            let Some(last) = batch.last() else {
                tokio::select! {
                    _ = news.wait_for(|last| *last > sent) => continue,
                    _ = &mut *stopped => return,
                }
            };
            let missed = batch[0].number - sent - 1;
            if missed > 0 {
                tracing::warn!(missed, "events were dropped before the webhook took them");
            }
            tokio::select! {
                () = self.deliver(&batch) => self.sent = last.number,
                _ = &mut *stopped => return,
            }
        }
    }

    /// Tries a batch until it is taken, refused for good, or tried often enough.
    async fn deliver(&self, batch: &[Happened]) {
        let mut pause = self.pause;
        for left in (0..WEBHOOK_TRIES).rev() {
            let why = match self.post(batch).await {
                Fate::Taken => return,
                Fate::Refused(why) => {
                    tracing::warn!(why, events = batch.len(), "the webhook refuses events; they are dropped");
                    return;
                }
                Fate::Later(why) => why,
            };
            if left == 0 {
                tracing::warn!(why, events = batch.len(), "the webhook does not take events; they are dropped");
                return;
            }
            tracing::info!(why, ?pause, "the webhook does not take events yet");
            // Nothing is ready before the pause is over.
            let _over = tokio::time::timeout(pause, std::future::pending::<()>()).await;
            pause = (2 * pause).min(Duration::from_millis(WEBHOOK_PAUSE_MAX_MS));
        }
    }

    async fn post(&self, batch: &[Happened]) -> Fate {
        let body = body(batch);
        let signature = self.key.as_ref().map(|key| signature(key, body.as_bytes()));
        let signature = signature.as_deref().map(|signature| (SIGNATURE, signature));
        let headers = [("content-type", "application/json")].into_iter().chain(signature).collect::<Vec<_>>();
        match self.client.send(Method::POST, &self.url, &headers, body).await {
            Ok(reply) => match reply.status() {
                status if status.is_success() => Fate::Taken,
                status if is_for_now(status) => Fate::Later(format!("status {status}")),
                status => Fate::Refused(format!("status {status}")),
            },
            Err(why) => Fate::Later(why),
        }
    }
}

/// True if the same request may be taken another time.
fn is_for_now(status: StatusCode) -> bool {
    status.is_server_error() || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status)
}

/// `{"events":[…]}`, the oldest first.
fn body(batch: &[Happened]) -> String {
    let one = |event: &Happened| {
        json!({
            "number": event.number, "at": event.at, "kind": event.kind.word(), "subject": event.subject,
            "from": event.from, "to": event.to, "reason": event.reason,
        })
    };
    json!({ "events": batch.iter().map(one).collect::<Vec<_>>() }).to_string()
}

fn signature(key: &hmac::Key, body: &[u8]) -> String {
    let mut text = "sha256=".to_owned();
    for octet in hmac::sign(key, body).as_ref() {
        // A String takes all.
        let _ = write!(text, "{octet:02x}");
    }
    text
}
