//! One request and its response over HTTP/1.1. A connection carries one exchange: the request stands ready as bytes,
//! and of the response only the status and the body count, so that a probe costs little more than its packets.

use super::message::{Asked, Begun, Broken, Framing, Head};
use super::taken::{Reading, Taken};
use crate::limits::PROBE_BUFFER;
use crate::probe::progress::{Phase, Progress};
use crate::probe::{Ended, reason};
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::ready;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

/// A request as it goes out.
#[derive(Clone, Debug)]
pub(in crate::probe) struct Written {
    pub(super) bytes: Box<[u8]>,
    pub(super) asked: Asked,
}

/// What came back.
pub(super) struct Told<'a> {
    pub(super) status: u16,
    pub(super) taken: Taken<'a>,
    /// The body was read to its end.
    pub(super) ended: bool,
    /// The header that was to be kept.
    pub(super) header: Option<Box<str>>,
}

impl Written {
    /// Asks once.
    ///
    /// # Errors
    /// The probe has ended: there is no answer, or it broke off.
    pub(super) async fn send<'a, S>(
        &self,
        stream: &mut S,
        reading: Reading<'a>,
        progress: &Progress,
    ) -> Result<Told<'a>, Ended>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let sent = async {
            stream.write_all(&self.bytes).await?;
            stream.flush().await
        };
        sent.await.map_err(|error| reason::judge(&error, "no answer"))?;
        let mut answer = Coming { asked: self.asked, reading, progress, head: Head::default(), body: None };
        loop {
            match receive(stream, |came| answer.take(came)).await {
                Ok(Ok(true)) => return answer.told(),
                Ok(Ok(false)) => {}
                Ok(Err(ended)) => return Err(ended),
                Err(error) => return Err(reason::judge(&error, answer.missing())),
            }
        }
    }
}

/// Reads once and gives what came to `take`: nothing, if the connection was closed. No buffer outlives the call, so
/// that probes that wait hold none.
async fn receive<S: AsyncRead + Unpin, T>(stream: &mut S, mut take: impl FnMut(&[u8]) -> T) -> io::Result<T> {
    poll_fn(|context| {
        let mut room = [const { MaybeUninit::uninit() }; PROBE_BUFFER];
        let mut room = ReadBuf::uninit(&mut room);
        match ready!(Pin::new(&mut *stream).poll_read(context, &mut room)) {
            // TLS without a last word. Many servers leave it out, and what was said so far is judged as it is.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            read => read?,
        }
        Ok(take(room.filled())).into()
    })
    .await
}

/// A response on its way.
struct Coming<'a, 'p> {
    asked: Asked,
    reading: Reading<'a>,
    progress: &'p Progress,
    head: Head,
    body: Option<Body<'a>>,
}

/// What stands behind the head.
struct Body<'a> {
    status: u16,
    framing: Framing,
    header: Option<Box<str>>,
    taken: Taken<'a>,
    closed: bool,
}

impl<'a> Coming<'a, '_> {
    /// Takes what came, nothing at the end; true if no more is needed.
    fn take(&mut self, came: &[u8]) -> Result<bool, Ended> {
        if let Some(body) = &mut self.body {
            return body.take(came, came.is_empty());
        }
        if came.is_empty() {
            return Err(Ended::fail("the connection was closed without an answer"));
        }
        let begun = self.head.take(self.asked, self.reading.header, came).map_err(broken)?;
        let Some(Begun { status, framing, header, rest }) = begun else { return Ok(false) };
        self.progress.enter(Phase::Body);
        let taken = Taken::new(self.reading);
        let body = self.body.insert(Body { status, framing, header, taken, closed: false });
        if self.reading.reads(status) { body.take(rest, false) } else { Ok(true) }
    }

    fn told(self) -> Result<Told<'a>, Ended> {
        let missing = self.missing();
        let Some(body) = self.body else { return Err(Ended::fail(missing)) };
        let ended = body.framing.ended(body.closed);
        Ok(Told { status: body.status, ended, header: body.header, taken: body.taken })
    }

    fn missing(&self) -> &'static str {
        if self.body.is_some() { "the body ended early" } else { "no answer" }
    }
}

impl Body<'_> {
    fn take(&mut self, came: &[u8], closed: bool) -> Result<bool, Ended> {
        let Self { framing, taken, .. } = self;
        self.closed = closed;
        framing.take(came, |part| taken.take(part)).map_err(broken)?;
        let done = taken.enough() || framing.ended(closed);
        if closed && !done { Err(Ended::fail("the body ended early")) } else { Ok(done) }
    }
}

fn broken(why: Broken) -> Ended {
    Ended::fail(format!("no proper HTTP spoken there: {why}"))
}
