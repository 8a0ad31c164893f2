//! Turns: a connection that brings more than its part at a time lets the others of the thread go first. And how much one
//! may bring before it has said what it wants, all of which is kept.

use crate::limits::{ENCRYPTED_TURN, GREETING_MAX};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose reader waits for the others of its thread after each [`ENCRYPTED_TURN`] octets, and which ends with an
/// error after [`GREETING_MAX`] unless it is greeted before.
#[derive(Debug)]
pub(super) struct Paced<T> {
    stream: T,
    /// Octets until then.
    left: usize,
    /// Octets that may come until it is greeted.
    ungreeted: Option<usize>,
}

impl<T> Paced<T> {
    pub(super) fn new(stream: T) -> Self {
        Self { stream, left: ENCRYPTED_TURN, ungreeted: Some(GREETING_MAX) }
    }

    /// It has said what it wants: as much as it likes may come.
    pub(super) fn greeted(&mut self) {
        self.ungreeted = None;
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Paced<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left == 0 {
            self.left = ENCRYPTED_TURN;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        let came = into.filled().len() - before;
        self.left = self.left.saturating_sub(came);
        if let Some(most) = self.ungreeted {
            let rest = most.checked_sub(came).ok_or(io::ErrorKind::InvalidData)?;
            self.ungreeted = Some(rest);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Paced<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_reader_that_has_had_its_turn_waits_once_and_then_goes_on() {
        let mut paced = Paced::new(tokio::io::repeat(7));
        paced.greeted();
        let (mut context, mut read, mut waits) = (Context::from_waker(Waker::noop()), 0, 0);
        while read < 4 * ENCRYPTED_TURN {
            let mut buffer = [0; 1_000];
            let mut buffer = ReadBuf::new(&mut buffer);
            match Pin::new(&mut paced).poll_read(&mut context, &mut buffer) {
                Poll::Ready(Ok(())) => read += buffer.filled().len(),
                Poll::Ready(Err(error)) => panic!("{error}"),
                Poll::Pending => waits += 1,
            }
        }
        assert_eq!(waits, 3);
    }

    #[test]
    fn who_does_not_say_what_he_wants_is_not_listened_to_for_ever() {
        let mut paced = Paced::new(tokio::io::repeat(7));
        let (mut context, mut read) = (Context::from_waker(Waker::noop()), 0);
        let error = loop {
            let mut buffer = [0; 1_000];
            let mut buffer = ReadBuf::new(&mut buffer);
            match Pin::new(&mut paced).poll_read(&mut context, &mut buffer) {
                Poll::Ready(Ok(())) => read += buffer.filled().len(),
                Poll::Ready(Err(error)) => break error,
                Poll::Pending => {}
            }
        };
        assert_eq!((error.kind(), read), (io::ErrorKind::InvalidData, GREETING_MAX / 1_000 * 1_000));
    }
}
