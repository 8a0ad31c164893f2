//! Messages behind two octets of their length (RFC 1035 §4.2.2): DNS over TLS, and TCP behind a front end. Queries may
//! be sent ahead; they are answered in their order (RFC 7766 §6.2.1.1).

use super::desk::Answer;
use super::{Hub, Place};
use crate::clock;
use crate::limits::{TCP_READ, TCP_WRITE, TRANSFER_MS, TRANSFER_TURN, UPDATE_MS};
use crate::listen::{put_message, submit, transferred};
use crate::respond::{Request, Transport};
use crate::transfer::Transfer;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::{timeout, timeout_at};

/// Octets of a message header (RFC 1035 §4.1.1); less is not DNS.
const HEADER: usize = 12;

/// What came of waiting for more.
enum More {
    /// Octets were added.
    Some,
    /// The client has closed its side, or broken the connection.
    End,
    /// Nothing came in time.
    Late,
    /// The server stops, and nothing is left to read.
    Stop,
}

/// One connection.
struct Connection<T> {
    stream: T,
    peer: SocketAddr,
    transport: Transport,
    place: Place,
    /// Received and not answered yet.
    pending: Vec<u8>,
    /// Replies, each behind its length.
    replies: Vec<u8>,
    /// A reply of many messages that goes on.
    transfer: Option<Box<Transfer>>,
    /// A reply that is waited for.
    update: Option<oneshot::Receiver<Vec<u8>>>,
}

/// Serves a connection until it ends.
pub(super) async fn serve<T: AsyncRead + AsyncWrite + Unpin>(
    stream: T,
    peer: SocketAddr,
    transport: Transport,
    place: Place,
) {
    let hub = Rc::clone(&place.hub);
    let (pending, replies) = (Vec::new(), Vec::new());
    let mut connection = Connection { stream, peer, transport, place, pending, replies, transfer: None, update: None };
    let mut deadline = clock::instant() + hub.limits.idle;
    loop {
        match connection.more(&hub, deadline).await {
            More::Some => {}
            More::End | More::Stop => return,
            More::Late => return hub.counters(transport).timed_out.add(1),
        }
        let was_within = deadline;
        let Some(answered) = connection.answer_all(&hub).await else { return };
        let is_idle = connection.pending.is_empty();
        let limit = if is_idle { hub.limits.idle } else { hub.limits.message };
        deadline = clock::instant() + limit;
        if !answered {
            // A drop of the same message is no progress.
            deadline = deadline.min(was_within);
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    /// Waits for more octets.
    async fn more(&mut self, hub: &Hub, deadline: Instant) -> More {
        let stopped = hub.stop.notified();
        let stopping = hub.stopping.get();
        if stopping {
            // A turn of its own: nothing but an empty socket lets the last read wait.
            tokio::task::yield_now().await;
        }
        let (stream, pending) = (&mut self.stream, &mut self.pending);
        let mut read = poll_fn(|cx| {
            let mut room = [const { MaybeUninit::uninit() }; TCP_READ];
            let mut buffer = ReadBuf::uninit(&mut room);
            let mut read = Pin::new(&mut *stream).poll_read(cx, &mut buffer);
            if stopping && read.is_pending() {
                // Maybe it was only the end of its turn.
                read = Pin::new(&mut *stream).poll_read(cx, &mut buffer);
            }
            match read {
                Poll::Ready(Ok(())) => {
                    pending.extend_from_slice(buffer.filled());
                    Poll::Ready(if buffer.filled().is_empty() { More::End } else { More::Some })
                }
                Poll::Ready(Err(_)) => Poll::Ready(More::End),
                Poll::Pending if stopping => Poll::Ready(More::Stop),
                Poll::Pending => Poll::Pending,
            }
        });
        tokio::select! {
            biased;
            read = timeout_at(deadline.into(), &mut read) => read.unwrap_or(More::Late),
            // What has arrived is read all the same, by the next call.
            () = stopped => More::Some,
        }
    }

    /// Answers every complete message. Gives whether there was one; none: the connection ends.
    async fn answer_all(&mut self, hub: &Hub) -> Option<bool> {
        let mut used = 0;
        let ends = loop {
            let ended = self.answer_some(hub, &mut used);
            if self.send(hub).await.is_err()
                || self.send_transfer(hub).await.is_err()
                || self.send_update(hub).await.is_err()
            {
                return None;
            }
            match ended {
                Some(ends) => break ends,
                // Others have their turn, however much this client sends.
                None => tokio::task::yield_now().await,
            }
        };
        self.pending.drain(..used);
        if self.pending.is_empty() {
            // An idle connection owns no buffer.
            self.pending = Vec::new();
        }
        if used > 0 {
            self.place.touch();
        }
        (!ends).then_some(used > 0)
    }

    /// Answers complete messages from `used` on, until there is much to write (none) or no more of them; true: the
    /// connection must end.
    fn answer_some(&mut self, hub: &Hub, used: &mut usize) -> Option<bool> {
        let mut desk = hub.desk.borrow_mut();
        while let Some(bytes) = first_message(&self.pending[*used..]) {
            if bytes.len() < HEADER {
                return Some(true);
            }
            let request = Request { bytes, source: self.peer.into(), transport: self.transport };
            match desk.answer(&request) {
                Answer::Reply(reply) => {
                    self.replies.extend_from_slice(&(reply.len() as u16).to_be_bytes());
                    self.replies.extend_from_slice(reply);
                }
                Answer::Messages(transfer) => self.transfer = Some(transfer),
                Answer::Update(update) => self.update = Some(submit(update)),
                Answer::Silence => {}
                Answer::Panic => return Some(true),
            }
            *used += 2 + bytes.len();
            if self.replies.len() >= TCP_WRITE || self.transfer.is_some() || self.update.is_some() {
                return None;
            }
        }
        Some(false)
    }

    /// Waits for a reply that takes its time, if there is one, and writes it.
    async fn send_update(&mut self, hub: &Hub) -> io::Result<()> {
        let Some(update) = self.update.take() else { return Ok(()) };
        let reply = timeout(Duration::from_millis(UPDATE_MS), update).await?.map_err(io::Error::other)?;
        self.replies.extend_from_slice(&(reply.len() as u16).to_be_bytes());
        self.replies.extend_from_slice(&reply);
        self.send(hub).await
    }

    /// Writes a reply of many messages, if there is one, until it is over or has taken too long.
    async fn send_transfer(&mut self, hub: &Hub) -> io::Result<()> {
        let Some(mut transfer) = self.transfer.take() else { return Ok(()) };
        let until = clock::instant() + Duration::from_millis(TRANSFER_MS);
        while !transfer.is_over() {
            if clock::instant() > until {
                hub.counters(self.transport).timed_out.add(1);
                return Err(io::ErrorKind::TimedOut.into());
            }
            for _ in 0..TRANSFER_TURN {
                put_message(&mut transfer, &mut self.replies);
            }
            self.send(hub).await?;
            self.place.touch();
            tokio::task::yield_now().await;
        }
        transferred(&transfer);
        Ok(())
    }

    /// Writes the replies; the client must take them in time.
    async fn send(&mut self, hub: &Hub) -> io::Result<()> {
        if self.replies.is_empty() {
            return Ok(());
        }
        let replies = std::mem::take(&mut self.replies);
        let write = async {
            self.stream.write_all(&replies).await?;
            self.stream.flush().await
        };
        match timeout(hub.limits.write, write).await {
            Ok(written) => written,
            Err(late) => {
                hub.counters(self.transport).timed_out.add(1);
                Err(late.into())
            }
        }
    }
}

/// The message at the head of `data` without its two octets of length, if it is complete.
fn first_message(data: &[u8]) -> Option<&[u8]> {
    let (length, rest) = data.split_first_chunk()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}
