//! What the service manager (systemd and its like) is told, as sd_notify(3) says it. Without `NOTIFY_SOCKET` in the
//! environment nothing is told.
//!
//! ```text
//! start ─► first round of probes ─► own question answered ─► READY=1 ─► WATCHDOG=1 … as long as answering works
//! reload ─► RELOADING=1 ─► READY=1            end ─► STOPPING=1
//! start ─► FDSTORE=1, socket by socket        next start ─► LISTEN_FDS: the same sockets
//! ```

use crate::listen::sys;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use sd_notify::NotifyState;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// It was told that we are ready: before that a reload is none of its business. There is one service manager a process.
static TOLD: AtomicBool = AtomicBool::new(false);

/// True if somebody listens.
#[must_use]
pub fn is_there() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// How often it wants to be told that answering works; none: it does not ask.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// We answer.
pub fn ready(status: &str) {
    TOLD.store(true, Ordering::Relaxed);
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// What `systemctl status` shows.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// Answering still works.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// We answer what is in flight, and end.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

/// A reload under way; dropping it says that it is over.
#[derive(Debug)]
pub struct Reloading {
    status: String,
}

/// A reload begins.
#[must_use]
pub fn reloading() -> Reloading {
    if TOLD.load(Ordering::Relaxed) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now, NotifyState::Status("reloading")]),
            Err(_) => tell(&[NotifyState::Reloading, NotifyState::Status("reloading")]),
        }
    }
    Reloading { status: "the last reload was refused: the configuration from before serves on".to_owned() }
}

impl Reloading {
    /// It has succeeded: `status` is what is served now.
    pub fn done(mut self, status: String) {
        self.status = status;
    }
}

impl Drop for Reloading {
    fn drop(&mut self) {
        if TOLD.load(Ordering::Relaxed) {
            tell(&[NotifyState::Ready, NotifyState::Status(&self.status)]);
        }
    }
}

/// The sockets that it has passed to us: those of its own, and those that we had it keep before a restart.
#[must_use]
pub fn passed() -> Vec<OwnedFd> {
    match sd_notify::listen_fds() {
        Ok(numbers) => sys::take_passed(numbers),
        Err(error) => {
            tracing::warn!("the service manager's sockets cannot be taken: {error}");
            Vec::new()
        }
    }
}

/// Has it keep sockets for the next start, each under a name; a start that finds them loses nothing that waits in them.
pub fn keep(sockets: &[(String, BorrowedFd<'_>)]) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let kept = connected(&path).and_then(|manager| {
        sockets.iter().try_for_each(|(name, socket)| {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let one = [*socket];
            control.push(SendAncillaryMessage::ScmRights(&one));
            let words = format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0\n");
            sendmsg(&manager, &[IoSlice::new(words.as_bytes())], &mut control, SendFlags::NOSIGNAL)?;
            Ok(())
        })
    });
    if let Err(error) = kept {
        tracing::warn!("the service manager does not keep our sockets, a restart may lose queries: {error}");
    }
}

/// Has it keep those of a name no more.
pub fn forget(name: &str) {
    tell(&[NotifyState::Custom(&format!("FDSTOREREMOVE=1\nFDNAME={name}"))]);
}

/// The process that is the server from now on.
pub fn main_process(id: u32) {
    tell(&[NotifyState::MainPid(id)]);
}

fn connected(path: &std::ffi::OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match path.as_bytes().strip_prefix(b"@") {
        Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        None => socket.connect(path)?,
    }
    Ok(socket)
}

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        tracing::warn!("the service manager cannot be told: {error}");
    }
}
