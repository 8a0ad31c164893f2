//! One request and its response over a connection that is there already: over HTTP/1.1 by [`plain`], over HTTP/2 by
//! hyper, which only this file knows.
//!
//! [`plain`]: super::plain

use super::message::Asked;
use super::plain::Written;
use super::taken::{Reading, Taken};
use crate::limits::{PROBE_BUFFER, PROBE_HEADERS_MAX};
use crate::probe::progress::{Phase, Progress};
use crate::probe::{Ended, reason};
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http2;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;

/// A request that can be sent many times.
#[derive(Clone, Debug)]
pub(in crate::probe) enum Ask {
    /// Over HTTP/1.1.
    Plain(Written),
    /// Over HTTP/2.
    Streamed(Box<Request<Full<Bytes>>>),
}

/// What came back.
#[derive(Debug)]
pub(in crate::probe) struct Answer {
    /// The status code.
    pub(in crate::probe) status: u16,
    headers: Headers,
    /// The body as far as it was kept.
    pub(in crate::probe) body: Vec<u8>,
    /// The text to stop at was read.
    pub(in crate::probe) found: bool,
    /// The body was taken to its end.
    pub(in crate::probe) whole: bool,
}

/// The headers of an answer.
#[derive(Debug)]
enum Headers {
    /// Of HTTP/1.1 the one that was to be kept.
    Kept(Option<Box<str>>),
    /// Of HTTP/2 all, and behind them the trailers.
    All(Box<[HeaderMap; 2]>),
}

impl Answer {
    fn new(status: u16, headers: Headers, taken: Taken<'_>, ended: bool) -> Self {
        let whole = ended && !taken.more;
        Self { status, headers, body: taken.body, found: taken.found, whole }
    }

    /// The text of a trailer, or of a header of that name; over HTTP/1.1 of the header that was to be kept.
    pub(in crate::probe) fn trailer(&self, name: &str) -> Option<&str> {
        let [headers, trailers] = match &self.headers {
            Headers::Kept(header) => return header.as_deref(),
            Headers::All(headers) => &**headers,
        };
        trailers.get(name).or_else(|| headers.get(name)).and_then(|value| value.to_str().ok())
    }
}

impl Ask {
    /// Prepares a request. `scheme` is that of the URL; `authority` goes into the Host header or its like.
    ///
    /// # Errors
    /// A part of it is none; in words.
    pub(in crate::probe) fn new(
        (method, scheme, authority, path): (&str, &str, &str, &str),
        http2: bool,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Self, Box<str>> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| format!("{method:?} is not an HTTP method"))?;
        // HTTP/1.1 names the path alone; HTTP/2 takes scheme and authority from here.
        let uri = if http2 { format!("{scheme}://{authority}{path}") } else { path.to_owned() };
        let uri = uri.parse::<Uri>().map_err(|error| format!("{uri} is not a URL: {error}"))?;
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(body)));
        (*request.method_mut(), *request.uri_mut()) = (method, uri);
        let of_version: &[(&str, &str)] = if http2 { &[] } else { &[("host", authority), ("connection", "close")] };
        for (name, value) in of_version.iter().chain(headers) {
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is not a header"))?;
            let value = HeaderValue::from_str(value).map_err(|_| format!("{value:?} is not a header's value"))?;
            request.headers_mut().insert(header, value);
        }
        match http2 {
            true => Ok(Self::Streamed(Box::new(request))),
            false => Ok(Self::Plain(Written {
                bytes: written(&request, body),
                asked: Asked::new(request.method().as_str()),
            })),
        }
    }

    /// Asks once, and reads at most the first 64 KiB of the body.
    ///
    /// # Errors
    /// The probe has ended: there is no answer, or it broke off.
    pub(in crate::probe) async fn send<S>(
        &self,
        mut stream: S,
        reading: Reading<'_>,
        progress: &Progress,
    ) -> Result<Answer, Ended>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        progress.enter(Phase::FirstByte);
        match self {
            Self::Plain(request) => {
                let told = request.send(&mut stream, reading, progress).await?;
                Ok(Answer::new(told.status, Headers::Kept(told.header), told.taken, told.ended))
            }
            // On the heap: the state of a connection of HTTP/2 is large, and every probe would have room for it.
            Self::Streamed(request) => Box::pin(streamed(request, stream, reading, progress)).await,
        }
    }
}

/// A request of HTTP/1.1 as it goes out.
fn written(request: &Request<Full<Bytes>>, body: &[u8]) -> Box<[u8]> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri()).into_bytes();
    for (name, value) in request.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    if !body.is_empty() {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes.into()
}

async fn streamed<S>(
    request: &Request<Full<Bytes>>,
    stream: S,
    reading: Reading<'_>,
    progress: &Progress,
) -> Result<Answer, Ended>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let guard = Guard(Tasks::default());
    let handshake = http2::Builder::new(guard.0.clone())
        .initial_stream_window_size(PROBE_BUFFER as u32)
        .max_header_list_size(PROBE_HEADERS_MAX as u32)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|error| broken(&error, progress))?;
    let work = async { read(sender.send_request(request.clone()).await?, reading, progress).await };
    alongside(work, connection).await.map_err(|error| broken(&error, progress))
}

/// Drives a connection for as long as the work on it lasts; then the connection is dropped.
async fn alongside<T>(work: impl Future<Output = T>, connection: impl Future) -> T {
    let (mut work, mut connection) = (pin!(work), pin!(connection));
    let mut over = false;
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(done);
        }
        // The work learns how the connection ended by itself.
        if !over && connection.as_mut().poll(context).is_ready() {
            over = true;
        }
        work.as_mut().poll(context)
    })
    .await
}

async fn read(response: Response<Incoming>, reading: Reading<'_>, progress: &Progress) -> hyper::Result<Answer> {
    progress.enter(Phase::Body);
    let (head, mut body) = response.into_parts();
    let status = head.status.as_u16();
    let mut taken = Taken::new(reading);
    let mut headers = Box::new([head.headers, HeaderMap::new()]);
    let mut whole = false;
    while reading.reads(status) && !taken.enough() {
        let Some(frame) = body.frame().await else {
            whole = true;
            break;
        };
        match frame?.into_data() {
            Ok(chunk) => taken.take(&chunk),
            Err(frame) => headers[1] = frame.into_trailers().unwrap_or_default(),
        }
    }
    whole |= body.is_end_stream();
    Ok(Answer::new(status, Headers::All(headers), taken, whole))
}

/// Why there is no answer.
fn broken(error: &hyper::Error, progress: &Progress) -> Ended {
    let begun = progress.phase() == Phase::Body;
    if error.is_parse() {
        return Ended::fail(format!("no proper HTTP spoken there: {error}"));
    }
    if error.is_incomplete_message() && !begun {
        return Ended::fail("the connection was closed without an answer");
    }
    reason::judge(error, if begun { "the body ended early" } else { "no answer" })
}

/// The helper tasks of an HTTP/2 connection: they end with it.
#[derive(Clone, Default)]
struct Tasks(Arc<Running>);

#[derive(Default)]
struct Running(Mutex<Vec<AbortHandle>>);

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let handle = tokio::spawn(task).abort_handle();
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
    }
}

/// The one that the caller holds: clones of it live inside of the tasks, too.
struct Guard(Tasks);

impl Drop for Guard {
    fn drop(&mut self) {
        for task in self.0.0.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            task.abort();
        }
    }
}
