//! What one HTTP connection has under way: requests, replies that it has not taken, requests that it took back.
//!
//! A reply is *held* until hyper takes it (HTTP/2: until the client's window lets it), and *queued* from then on until as
//! many octets were written. Both together are bounded: past the bound nothing is answered.

use crate::clock;
use crate::limits::{HTTPS_PART, RESETS, TCP_UNREAD_MAX};
use crate::listen::streams::Limits;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// What a connection has under way.
pub(super) struct Seat {
    limits: Limits,
    /// Requests that are not answered, and replies that are not taken.
    active: Cell<usize>,
    /// When a request or a reply came or went last.
    changed: Cell<Instant>,
    /// Octets of replies that hyper has not taken.
    held: Cell<usize>,
    /// Of those that it has taken and that are not written.
    queued: Cell<usize>,
    answered: Cell<usize>,
    taken_back: Cell<usize>,
    room: Notify,
    /// The connection must end.
    pub(super) close: Notify,
}

impl Seat {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        let zero = || Cell::new(0);
        let (room, close) = (Notify::new(), Notify::new());
        Self {
            limits,
            active: zero(),
            changed: Cell::new(now),
            held: zero(),
            queued: zero(),
            answered: zero(),
            taken_back: zero(),
            room,
            close,
        }
    }

    /// When the connection is to end unless something happens.
    pub(super) fn deadline(&self) -> Instant {
        self.changed.get() + if self.active.get() == 0 { self.limits.idle } else { self.stuck() }
    }

    /// When to look at the deadline: what comes meanwhile may bring it nearer, but not before that.
    pub(super) fn next_look(&self, now: Instant) -> Instant {
        self.deadline().min(now + self.stuck())
    }

    /// How long nothing may move while something is under way.
    fn stuck(&self) -> Duration {
        self.limits.message + self.limits.write
    }

    /// A request came.
    pub(super) fn begin(self: &Rc<Self>) -> Turn {
        self.active.set(self.active.get() + 1);
        self.changed.set(clock::instant());
        Turn { seat: Rc::clone(self), ended: false }
    }

    fn end(&self) {
        self.active.set(self.active.get() - 1);
        self.changed.set(clock::instant());
    }

    /// Waits until the client has taken enough of its replies.
    pub(super) async fn room(&self) {
        while self.held.get() + self.queued.get() >= TCP_UNREAD_MAX {
            self.room.notified().await;
        }
    }

    /// So many octets were written.
    fn wrote(&self, octets: usize) {
        if self.queued.get() > 0 {
            self.queued.set(self.queued.get().saturating_sub(octets));
            self.room.notify_waiters();
        }
    }
}

/// A request that is being answered. If it goes before it has ended, the client has taken it back.
pub(super) struct Turn {
    seat: Rc<Seat>,
    ended: bool,
}

impl Turn {
    /// It is answered.
    pub(super) fn end(mut self) {
        self.ended = true;
        self.seat.answered.set(self.seat.answered.get() + 1);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let seat = &self.seat;
        seat.end();
        if !self.ended {
            seat.taken_back.set(seat.taken_back.get() + 1);
            if seat.taken_back.get() > RESETS + seat.answered.get() {
                seat.close.notify_one();
            }
        }
    }
}

/// The body of a response.
pub(super) struct Reply {
    octets: Bytes,
    seat: Option<Rc<Seat>>,
}

impl Reply {
    /// A reply to a query.
    pub(super) fn new(octets: &[u8], seat: &Rc<Seat>) -> Self {
        seat.held.set(seat.held.get() + octets.len());
        seat.active.set(seat.active.get() + 1);
        Self { octets: Bytes::copy_from_slice(octets), seat: Some(Rc::clone(seat)) }
    }

    /// None.
    pub(super) fn empty() -> Self {
        Self { octets: Bytes::new(), seat: None }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let Some(seat) = self.seat.take() else { return };
        seat.held.set(seat.held.get() - self.octets.len());
        seat.end();
        seat.room.notify_waiters();
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.octets.is_empty() {
            return Poll::Ready(None);
        }
        // In parts: hyper takes a whole one as soon as the client's window lets an octet of it through.
        let length = self.octets.len().min(HTTPS_PART);
        let part = self.octets.split_to(length);
        if let Some(seat) = &self.seat {
            seat.held.set(seat.held.get() - length);
            seat.queued.set(seat.queued.get() + length);
            seat.changed.set(clock::instant());
        }
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.octets.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.octets.len() as u64)
    }
}

/// A stream whose seat hears what is written.
pub(super) struct Watched<T> {
    stream: T,
    seat: Rc<Seat>,
}

impl<T> Watched<T> {
    pub(super) fn new(stream: T, seat: Rc<Seat>) -> Self {
        Self { stream, seat }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, octets))?;
        self.seat.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
