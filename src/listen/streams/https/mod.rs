//! DNS over HTTPS (RFC 8484): HTTP/2 and HTTP/1.1, GET and POST. What a connection may have under way is bounded here and
//! in [`seat`]; one that asks nothing, or takes nothing, is closed.
//!
//! ```text
//! hyper ─► ask.rs: what is asked ─► the desk ─► Reply ─► hyper
//!   └─ seat.rs: what this connection has under way, and since when
//! ```

mod ask;
mod body;
mod seat;

use super::desk::Answer;
use super::waiting::Waited;
use super::{Hub, Place};
use crate::clock;
use crate::limits::{HTTPS_HEAD_MAX, HTTPS_HEADERS_MAX, STREAM_REPLY_MAX, STREAMS};
use crate::listen::table::Client;
use crate::respond::{Request as Query, Transport};
use crate::wire::lifetime::lifetime;
use ask::Asked;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use seat::{Reply, Seat, Watched};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{timeout, timeout_at};
use tokio_rustls::server::TlsStream;

/// One connection, as its requests see it.
struct Connection {
    hub: Rc<Hub>,
    place: Place,
    seat: Rc<Seat>,
    peer: SocketAddr,
}

/// Serves a connection until it ends.
pub(super) async fn serve<T: AsyncRead + AsyncWrite + Unpin>(stream: TlsStream<T>, peer: SocketAddr, place: Place) {
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let hub = Rc::clone(&place.hub);
    let seat = Rc::new(Seat::new(hub.limits, clock::instant()));
    let io = TokioIo::new(Watched::new(stream, Rc::clone(&seat)));
    let connection = Rc::new(Connection { hub: Rc::clone(&hub), place, seat: Rc::clone(&seat), peer });
    let service = service_fn(move |request| {
        let connection = Rc::clone(&connection);
        async move { Ok::<_, Infallible>(connection.answer(request).await) }
    });
    if is_http2 {
        let window = STREAM_REPLY_MAX as u32;
        let served = http2::Builder::new(Local)
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HTTPS_HEAD_MAX as u32)
            .initial_stream_window_size(window)
            .initial_connection_window_size(4 * window)
            .max_send_buf_size(STREAM_REPLY_MAX)
            .serve_connection(io, service);
        drive(served, http2::Connection::graceful_shutdown, &hub, &seat).await;
    } else {
        let served = http1::Builder::new()
            .max_buf_size(HTTPS_HEAD_MAX)
            .max_headers(HTTPS_HEADERS_MAX)
            // The seat looks at the time.
            .header_read_timeout(None)
            .serve_connection(io, service);
        drive(served, http1::Connection::graceful_shutdown, &hub, &seat).await;
    }
}

/// Carries a connection on until it ends, has been idle or stuck for too long, or the server stops.
async fn drive<C: Future>(connection: C, end: impl Fn(Pin<&mut C>), hub: &Hub, seat: &Seat) {
    let mut connection = pin!(connection);
    let stopped = hub.stop.notified();
    let mut stopped = pin!(stopped);
    loop {
        let look = seat.next_look(clock::instant());
        tokio::select! {
            biased;
            in_time = timeout_at(look.into(), connection.as_mut()) => match in_time {
                Ok(_ended) => return,
                Err(_) if seat.deadline() > look => {}
                Err(_) => {
                    hub.counters(Transport::Https).timed_out.add(1);
                    break;
                }
            },
            () = seat.close.notified() => return,
            () = stopped.as_mut() => break,
        }
    }
    end(connection.as_mut());
    let _late = timeout(hub.limits.drain, connection).await;
}

/// Runs what hyper starts on our thread.
#[derive(Clone, Copy)]
struct Local;

impl<T: Future + 'static> Executor<T> for Local {
    fn execute(&self, task: T) {
        tokio::task::spawn_local(async { drop(task.await) });
    }
}

impl Connection {
    async fn answer(self: &Rc<Self>, request: Request<Incoming>) -> Response<Reply> {
        let turn = self.seat.begin();
        self.place.touch();
        let (head, body) = request.into_parts();
        let asked = ask::read(&head);
        drop(head);
        let message = match asked {
            Asked::Message(message) => Ok(message),
            Asked::InBody(length) => body::read(&self.hub, Client::of(self.peer.ip()), body, length).await,
            Asked::Refused(status) => Err(status),
        };
        let response = match message {
            Ok(message) => self.reply_when_there_is_room(message).await,
            Err(status) => {
                self.seat.room().await;
                refused(status)
            }
        };
        if !response.status().is_success() {
            self.hub.counters(Transport::Https).refused.add(1);
        }
        turn.end();
        response
    }

    /// Who leaves its replies unread gets no more of them for now; until then the message has a place among those that
    /// wait.
    async fn reply_when_there_is_room(self: &Rc<Self>, message: Vec<u8>) -> Response<Reply> {
        let connection = Rc::clone(self);
        let replied = async move {
            connection.seat.room().await;
            connection.reply_to(&message)
        };
        match self.hub.wait(Client::of(self.peer.ip()), Transport::Https, self.hub.limits.idle, replied).await {
            Waited::Come(response) => response,
            Waited::Late | Waited::GivenUp => refused(StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    fn reply_to(&self, message: &[u8]) -> Response<Reply> {
        let query = Query { bytes: message, source: self.peer.into(), transport: Transport::Https };
        match self.hub.desk.borrow_mut().answer(&query) {
            Answer::Reply(reply) => {
                let keep = format!("private, max-age={}", lifetime(reply));
                let mut response = Response::new(Reply::new(reply, &self.seat));
                response.headers_mut().insert(CONTENT_TYPE, ask::MEDIA_TYPE);
                if let Ok(keep) = keep.parse() {
                    response.headers_mut().insert(CACHE_CONTROL, keep);
                }
                response
            }
            // A query whose answer is not known yet: the first probes are under way.
            Answer::Silence if ask::is_query(message) => refused(StatusCode::SERVICE_UNAVAILABLE),
            // Whole zones and updates are refused here.
            Answer::Silence | Answer::Messages(_) | Answer::Update(_) => refused(StatusCode::BAD_REQUEST),
            Answer::Panic => refused(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

fn refused(status: StatusCode) -> Response<Reply> {
    let mut response = Response::new(Reply::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, ask::METHODS);
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, ask::SOON);
    }
    response
}
