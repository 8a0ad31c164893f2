//! Handing over to the next server: it gets the same sockets while this one goes on answering, then the state directory,
//! then the clients.
//!
//! ```text
//! next                                      this one
//!  take-over ─────────────────────────────►  is it our user, or root?
//!                                            what is being written is written, nothing more begins
//!            ◄───────────── sockets, SCM_RIGHTS
//!  binds what is new, gives up rights, loads, checks
//!  take ──────────────────────────────────►  saves, lets go of the state directory
//!            ◄──────────────────────────── yours
//!  reads it, probes what is unknown, answers
//!  serving ───────────────────────────────►  reads no more
//!            ◄───────────────────────── farewell    ends once its TCP clients are served
//! ```
//!
//! Whatever fails before `serving`, the one that gives takes its directory back and goes on as if nothing had been asked.

use super::desk::Desk;
use super::protocol::Answer;
use crate::events::Kind;
use crate::limits::{CONTROL_MS, SOCKETS_AT_ONCE, UPGRADE_LOAD_MS, UPGRADE_START_MS};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio::time::timeout;

/// The next server has loaded.
pub(super) const TAKE: &str = "take";
/// The state directory is the next server's.
pub(super) const YOURS: &str = "yours";
/// The next server answers.
pub(super) const SERVING: &str = "serving";
/// This one has heard it, and reads no more.
pub(super) const FAREWELL: &str = "farewell";
/// The octet that descriptors come with.
pub(super) const WITH_SOCKETS: u8 = b'+';

/// What is handed over, and how far that is.
#[derive(Debug, Default)]
pub struct Handover {
    sockets: Vec<OwnedFd>,
    under_way: AtomicBool,
    gone: AtomicBool,
    leave: Notify,
    /// How many write to the state directory what the next server must find there.
    held: AtomicUsize,
    released: Notify,
    /// The process that took over.
    next: AtomicI32,
}

impl Handover {
    /// Sockets that the next server may have.
    #[must_use]
    pub fn new(sockets: Vec<OwnedFd>) -> Self {
        Self { sockets, ..Self::default() }
    }

    /// Waits until everything is the next server's: then it is time to leave.
    pub async fn done(&self) {
        self.leave.notified().await;
    }

    /// The process that has taken over, if the kernel said which.
    #[must_use]
    pub fn next(&self) -> Option<u32> {
        u32::try_from(self.next.load(Ordering::Acquire)).ok().filter(|&next| next > 0)
    }

    /// The other server stays: the control socket's file is its.
    pub fn give_way(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// True if another server takes over or has done so: the state directory may be its already.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.under_way.load(Ordering::Acquire) || self.is_gone()
    }

    /// The state directory, to be changed beside the desk: no other server reads it before what is given is dropped. None
    /// if another server takes over or has done so: it may have read what would be changed, and what it does not know is
    /// lost.
    pub fn hold(&self) -> Option<Hold<'_>> {
        // Counted before the look, as `give` looks after it has said so: one of the two sees the other.
        self.held.fetch_add(1, Ordering::SeqCst);
        let hold = Hold(self);
        let is_free = !self.under_way.load(Ordering::SeqCst) && !self.is_gone();
        is_free.then_some(hold)
    }

    /// Waits until nobody holds the state directory; false if that takes too long.
    async fn settled(&self, patience_ms: u64) -> bool {
        let all = async {
            while self.held.load(Ordering::SeqCst) > 0 {
                self.released.notified().await;
            }
        };
        timeout(Duration::from_millis(patience_ms), all).await.is_ok()
    }

    /// True if another server has taken over: what is shared with it stays as it is.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }
}

/// The state directory as long as this is kept.
#[derive(Debug)]
pub struct Hold<'h>(&'h Handover);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::SeqCst);
        self.0.released.notify_one();
    }
}

/// Hands over to who asks at `stream`; `more` goes with the sockets.
pub(super) async fn give(
    stream: &mut UnixStream,
    more: Option<BorrowedFd<'_>>,
    (desk, over): (&RefCell<Desk>, &Handover),
) {
    if over.is_gone() || over.under_way.swap(true, Ordering::SeqCst) {
        let busy = Answer::Refused { why: "another server is taking over already".into(), moves: Vec::new() };
        let _gone = say(stream, &serde_json::to_string(&busy).unwrap_or_default()).await;
        return;
    }
    let _under_way = UnderWay { desk, over };
    tracing::info!("another server takes over: it gets our sockets");
    let next = stream.peer_cred().ok().and_then(|peer| peer.pid());
    over.next.store(next.unwrap_or(0), Ordering::Release);
    let result = steps(stream, more, desk, over).await;
    if let Err(why) = result {
        let problem = desk.borrow_mut().take_back();
        let why = problem.map_or_else(|| why.to_string(), |problem| format!("{why}; {problem}"));
        tracing::error!("the other server has not taken over, this one serves on: {why}");
        desk.borrow().events.push(Kind::Upgrade, "server", "", "failed", &format!("this server goes on: {why}"));
    }
}

/// A takeover under way. It is over when this is dropped, also by a panic of the thread: else nobody could ever take over
/// again, nor would this server write to its state directory.
struct UnderWay<'s> {
    desk: &'s RefCell<Desk>,
    over: &'s Handover,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.over.is_gone()
            && let Ok(mut desk) = self.desk.try_borrow_mut()
        {
            desk.want_back();
        }
        self.over.under_way.store(false, Ordering::Release);
    }
}

async fn steps(
    stream: &mut UnixStream,
    more: Option<BorrowedFd<'_>>,
    desk: &RefCell<Desk>,
    over: &Handover,
) -> io::Result<()> {
    // From here on it reads what is kept. It waits no longer for the sockets than for any other step.
    if !over.settled(UPGRADE_START_MS / 2).await {
        let why = "an update or a reload goes on: ask again in a moment";
        say(stream, &serde_json::to_string(&Answer::Refused { why: why.into(), moves: Vec::new() })?).await?;
        return Err(io::Error::other(why));
    }
    let sockets: Vec<_> = over.sockets.iter().map(AsFd::as_fd).chain(more).collect();
    say(stream, &serde_json::to_string(&Answer::Sockets { count: sockets.len() })?).await?;
    for some in sockets.chunks(SOCKETS_AT_ONCE) {
        let send = || send(stream, some);
        timeout(Duration::from_millis(CONTROL_MS), stream.async_io(Interest::WRITABLE, send)).await??;
    }
    hear(stream, TAKE, UPGRADE_LOAD_MS).await?;
    desk.borrow_mut().hand_over();
    say(stream, YOURS).await?;
    hear(stream, SERVING, UPGRADE_START_MS).await?;
    over.gone.store(true, Ordering::Release);
    // From here on there is no way back: it answers.
    let _gone = say(stream, FAREWELL).await;
    over.leave.notify_one();
    Ok(())
}

fn send(stream: &UnixStream, sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_AT_ONCE))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(sockets)) {
        return Err(io::Error::other("too many sockets at once"));
    }
    sendmsg(stream, &[IoSlice::new(&[WITH_SOCKETS])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

async fn say(stream: &mut UnixStream, words: &str) -> io::Result<()> {
    timeout(Duration::from_millis(CONTROL_MS), stream.write_all(format!("{words}\n").as_bytes())).await?
}

/// Waits for a word, and nothing but it.
async fn hear(stream: &mut UnixStream, word: &str, patience_ms: u64) -> io::Result<()> {
    let mut heard = vec![0; word.len() + 1];
    let read = timeout(Duration::from_millis(patience_ms), stream.read_exact(&mut heard)).await;
    let read = read.map_err(|_| io::Error::other(format!("it did not say `{word}` in time")))?;
    read.map_err(|_| io::Error::other(format!("it ended before it said `{word}`")))?;
    if heard.strip_suffix(b"\n") == Some(word.as_bytes()) {
        return Ok(());
    }
    Err(io::Error::other(format!("it said something else than `{word}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn who_writes_is_waited_for_and_nobody_begins_once_another_server_takes_over() {
        let over = Handover::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        let [one, other] = [over.hold(), over.hold()];
        assert!(one.is_some() && other.is_some());
        over.under_way.store(true, Ordering::SeqCst);
        assert!(over.hold().is_none());
        let mut waits = pin!(over.settled(UPGRADE_START_MS));
        let mut look = || waits.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(look(), Poll::Pending);
        drop(one);
        assert_eq!(look(), Poll::Pending);
        drop(other);
        assert_eq!(look(), Poll::Ready(true));
        over.under_way.store(false, Ordering::SeqCst);
        assert!(over.hold().is_some(), "it was not taken over");
        over.give_way();
        assert!(over.hold().is_none());
    }
}
