//! Threads that outlive their own faults: a panic ends what a thread was doing, never the thread. What it owns that must
//! not be lost (its socket, its queue) stays where it is, outside of what panicked.
//!
//! ```text
//! thread ─► keep ─► work ── ends ──────────────────────────► the thread ends
//!             ▲       └──── panics ─► counted, told, a pause ┐
//!             └──────────────────────────────────────────────┘ at most 20 ms, none for the first
//! ```

use crate::clock;
use crate::events::{Events, Kind};
use crate::limits::{RESTART_CALM_MS, RESTART_PAUSE_MAX_MS};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// A part of the server that has threads of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// A thread that answers over UDP.
    Udp,
    /// The thread that answers over streams.
    Tcp,
    /// The prober.
    Prober,
    /// The one writer.
    Writer,
    /// Who drops what nobody reads any more.
    Reaper,
    /// The desk and its socket.
    Control,
    /// Reloads.
    Reload,
    /// The admin server.
    Admin,
    /// Who sends events.
    Webhook,
    /// Who writes the query log.
    QueryLog,
    /// The thread that answers over TLS and HTTPS, and front ends over TCP.
    Streams,
    /// The thread that answers over QUIC.
    Quic,
    /// Who tells signers the time, and has signatures made anew.
    Signer,
    /// Who tells whose replies are held back, and cookies what time it is.
    Limits,
    /// Who carries dynamic updates out.
    Update,
    /// Who tells secondaries that a zone has changed.
    Notify,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Udp,
        Self::Tcp,
        Self::Prober,
        Self::Writer,
        Self::Reaper,
        Self::Control,
        Self::Reload,
        Self::Admin,
        Self::Webhook,
        Self::QueryLog,
        Self::Streams,
        Self::Quic,
        Self::Signer,
        Self::Limits,
        Self::Update,
        Self::Notify,
    ];

    /// Its word in metrics and events.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Prober => "prober",
            Self::Writer => "writer",
            Self::Reaper => "reaper",
            Self::Control => "control",
            Self::Reload => "reload",
            Self::Admin => "admin",
            Self::Webhook => "webhook",
            Self::QueryLog => "query-log",
            Self::Streams => "streams",
            Self::Quic => "quic",
            Self::Signer => "signer",
            Self::Limits => "limits",
            Self::Update => "update",
            Self::Notify => "notify",
        }
    }
}

/// What was started again, counted by part; copies share the counts.
#[derive(Clone, Debug, Default)]
pub struct Restarts(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    counts: [AtomicU64; Part::ALL.len()],
    events: OnceLock<Events>,
}

impl Restarts {
    /// From now on each restart is an event as well.
    pub fn tell(&self, events: Events) {
        // Who was told first hears of all.
        let _once = self.0.events.set(events);
    }

    /// How often a part was started again.
    #[must_use]
    pub fn count(&self, part: Part) -> u64 {
        self.0.counts[part as usize].load(Ordering::Relaxed)
    }

    /// Works until `work` returns; whenever it panics it is called again. What it borrows is as the panic left it.
    pub fn keep(&self, part: Part, mut work: impl FnMut()) {
        let mut pause = Duration::ZERO;
        loop {
            let began = clock::instant();
            if catch_unwind(AssertUnwindSafe(&mut work)).is_ok() {
                return;
            }
            self.note(part);
            // Who panics again and again must not take the core from the others.
            let calm = began.elapsed() >= Duration::from_millis(RESTART_CALM_MS);
            if !calm && !pause.is_zero() {
                thread::park_timeout(pause);
            }
            let longest = Duration::from_millis(RESTART_PAUSE_MAX_MS);
            pause = if calm { Duration::ZERO } else { (2 * pause).clamp(Duration::from_millis(1), longest) };
        }
    }

    /// Counts a restart and tells of it.
    #[cold]
    pub fn note(&self, part: Part) {
        let count = self.0.counts[part as usize].fetch_add(1, Ordering::Relaxed) + 1;
        // The panic itself is in the log already. A part that panics for ever must fill neither log nor ring.
        if !count.is_power_of_two() {
            return;
        }
        let thread = thread::current();
        let name = thread.name().unwrap_or(part.word());
        tracing::error!(
            count,
            thread = name,
            "a thread panicked and was started again; nothing of its sockets is lost"
        );
        if let Some(events) = self.0.events.get() {
            let why =
                format!("a fault of geosteer: it panicked, and was started again ({count} so far); the log says where");
            events.push(Kind::Fault, name, "", "restarted", &why);
        }
    }
}

/// What a future comes to; none if it panicked.
pub async fn caught<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(done)) => Poll::Ready(Some(done)),
        Err(_) => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_panics_is_counted_told_and_called_again_until_it_ends() {
        let (restarts, events) = (Restarts::default(), Events::default());
        restarts.tell(events.clone());
        let mut runs = 0;
        restarts.keep(Part::Writer, || {
            runs += 1;
            assert!(runs > 3, "again");
        });
        assert_eq!((runs, restarts.count(Part::Writer), restarts.count(Part::Udp)), (4, 3, 0));
        // The first and the second; the third is no power of two.
        let told = events.after(None, 10);
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!((told[0].kind, &*told[0].to), (Kind::Fault, "restarted"));
    }

    #[test]
    fn a_future_that_panics_comes_to_nothing() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(caught(async { 7 })), Some(7));
        let panics = async {
            tokio::task::yield_now().await;
            panic!("on purpose");
        };
        assert_eq!(runtime.block_on(caught::<_>(panics)), None::<()>);
    }

    #[test]
    fn parts_are_told_apart() {
        let words: std::collections::BTreeSet<_> = Part::ALL.map(Part::word).into();
        assert_eq!(words.len(), Part::ALL.len());
        assert!(Part::ALL.iter().enumerate().all(|(index, part)| *part as usize == index));
    }
}
