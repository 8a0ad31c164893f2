//! `/api/v1/events/stream`: events as they happen (server-sent events of the HTML standard).

use super::App;
use super::connections::Turn;
use super::problem::Problem;
use super::query::Query;
use super::routes::turn;
use crate::control::EventRow;
use crate::limits::{ADMIN_STREAM_BEAT_S, ADMIN_STREAM_S, EVENTS_REPLY};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

/// Parts of a stream that wait for the client to take them.
const AHEAD: usize = 2;

/// A stream from the event after `Last-Event-ID` (or `since`) on; without either from the next one on.
pub(super) async fn events(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let since = Query::read(request.uri().query(), &["since"])?.number("since")?;
    let seen = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let place = Arc::clone(&app.streams).try_acquire_owned();
    let place = place.map_err(|_| Problem::busy("all places of event streams are taken"))?;
    let last = app.connected.events.last();
    // Another run of the server counts from 1 again.
    let from = seen.or(since).map_or(last, |seen| if seen > last { 0 } else { seen });
    let (parts, taken) = mpsc::channel(AHEAD);
    tokio::spawn(write(app, parts, from));
    let body = Body::new(Stream { parts: taken, _held: (place, turn(&request)) });
    Ok(([(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")], body).into_response())
}

/// Writes events until the client is gone, the server stops, or the stream is old: then its client asks again.
async fn write(app: Arc<App>, parts: mpsc::Sender<Bytes>, mut seen: u64) {
    let events = &app.connected.events;
    let (mut news, mut stop) = (events.follow(), app.stop.clone());
    let follow = async {
        // The client knows at once that it is heard.
        let mut part = "retry: 2000\n\n".to_owned();
        loop {
            for event in events.after(Some(seen), EVENTS_REPLY) {
                seen = event.number;
                part.push_str(&message(&EventRow::from(event)));
            }
            if parts.send(std::mem::take(&mut part).into()).await.is_err() {
                return;
            }
            let beat = Duration::from_secs(ADMIN_STREAM_BEAT_S);
            if timeout(beat, news.wait_for(|last| *last > seen)).await.is_err() {
                part.push_str(":\n\n");
            }
        }
    };
    tokio::select! {
        _ended = timeout(Duration::from_secs(ADMIN_STREAM_S), follow) => {}
        () = parts.closed() => {}
        _ = stop.wait_for(|stopped| *stopped) => {}
    }
}

fn message(event: &EventRow) -> String {
    let data = serde_json::to_string(event).expect("strings and numbers are JSON");
    format!("id: {}\ndata: {data}\n\n", event.number)
}

/// The body: what is written, and what is held as long as somebody reads.
struct Stream {
    parts: mpsc::Receiver<Bytes>,
    _held: (OwnedSemaphorePermit, Option<Arc<Turn>>),
}

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.parts.poll_recv(context).map(|part| part.map(|part| Ok(Frame::data(part))))
    }
}
