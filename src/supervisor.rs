//! What the service manager (systemd and its like) is told, as sd_notify(3) says it. Without `NOTIFY_SOCKET` in the
//! environment nothing is told.
//!
//! ```text
//! start ─► first round of probes ─► own question answered ─► READY=1 ─► WATCHDOG=1 … as long as answering works
//! reload ─► RELOADING=1 ─► READY=1            end ─► STOPPING=1
//! ```

use sd_notify::NotifyState;
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

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        tracing::warn!("the service manager cannot be told: {error}");
    }
}
