//! How far a probe has come: its phases with their times, and what to say if its deadline ends it.

use crate::clock;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A part of a probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Phase {
    /// A host name is resolved.
    Resolve,
    /// The TCP connection is made.
    Connect,
    /// The TLS handshake.
    Tls,
    /// From the request to the first byte of the answer.
    FirstByte,
    /// From there to the end of what is read.
    Body,
    /// From the first byte of an answer until the expected text came.
    Answer,
    /// A program runs.
    Run,
    /// A file is read.
    File,
}

const PHASES: [Phase; 8] =
    [Phase::Resolve, Phase::Connect, Phase::Tls, Phase::FirstByte, Phase::Body, Phase::Answer, Phase::Run, Phase::File];

impl Phase {
    /// What people call it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "TLS",
            Self::FirstByte => "first byte",
            Self::Body => "body",
            Self::Answer => "answer",
            Self::Run => "run",
            Self::File => "file",
        }
    }

    /// What did not happen when the deadline came in this phase.
    fn missed(self) -> &'static str {
        match self {
            Self::Resolve => "the host name was not resolved",
            Self::Connect => "no connection",
            Self::Tls => "connected, but no TLS",
            Self::FirstByte => "connected, but no answer",
            Self::Body => "the answer began, but did not end",
            Self::Answer => "answered, but not with the expected text",
            Self::Run => "the program did not end",
            Self::File => "the file could not be read",
        }
    }
}

/// The progress of one probe. Each phase begins once; it ends when the next one begins.
#[derive(Debug)]
pub(super) struct Progress {
    started: Instant,
    now: AtomicU8,
    /// For each phase when it began, in microseconds since the start, plus one; 0: not at all.
    began: [AtomicU64; PHASES.len()],
    /// When the certificate that was shown expires, seconds since 1970; the smallest number: none was.
    expires: AtomicI64,
}

impl Progress {
    pub(super) fn new(started: Instant) -> Self {
        let (now, expires) = (AtomicU8::new(Phase::Connect as u8), AtomicI64::new(i64::MIN));
        Self { started, now, began: Default::default(), expires }
    }

    /// When the probe began.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// A phase begins.
    pub(super) fn enter(&self, phase: Phase) {
        let micros = u64::try_from(self.elapsed().as_micros()).unwrap_or(u64::MAX - 1);
        self.began[phase as usize].store(micros + 1, Relaxed);
        self.now.store(phase as u8, Relaxed);
    }

    /// A certificate was shown that expires then, seconds since 1970.
    pub(super) fn shown(&self, expires: i64) {
        self.expires.store(expires, Relaxed);
    }

    /// When the certificate that was shown expires, seconds since 1970.
    pub(super) fn expires(&self) -> Option<i64> {
        Some(self.expires.load(Relaxed)).filter(|&at| at != i64::MIN)
    }

    /// Time since the probe began.
    pub(super) fn elapsed(&self) -> Duration {
        clock::instant().saturating_duration_since(self.started)
    }

    /// Milliseconds since the probe began.
    pub(super) fn millis(&self) -> u128 {
        self.elapsed().as_millis()
    }

    /// Time from the start to the first byte of the answer; 0 if there was none.
    pub(super) fn first_byte(&self) -> Duration {
        Duration::from_micros(self.began[Phase::Body as usize].load(Relaxed).saturating_sub(1))
    }

    /// The phase that is under way.
    pub(super) fn phase(&self) -> Phase {
        PHASES[usize::from(self.now.load(Relaxed))]
    }

    /// The deadline has come: what did not happen in time.
    pub(super) fn missed(&self, timeout: Duration) -> String {
        format!("{} within {} ms", self.phase().missed(), timeout.as_millis())
    }

    /// The phases that were begun, in order, each with its time; the last one ends at `end`, counted from the start.
    pub(super) fn phases(&self, end: Duration) -> Vec<(Phase, Duration)> {
        let mut begun: Vec<_> = PHASES
            .into_iter()
            .filter_map(|phase| Some((phase, self.began[phase as usize].load(Relaxed).checked_sub(1)?)))
            .collect();
        begun.sort_by_key(|(_, began)| *began);
        let ends: Vec<_> = begun[1.min(begun.len())..].iter().map(|(_, began)| Duration::from_micros(*began)).collect();
        let ends = ends.into_iter().chain(std::iter::once(end));
        begun
            .into_iter()
            .zip(ends)
            .map(|((phase, began), end)| (phase, end.saturating_sub(Duration::from_micros(began))))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_ends_where_the_next_begins_and_the_last_at_the_end() {
        let progress = Progress::new(clock::instant());
        assert_eq!(progress.missed(Duration::from_secs(2)), "no connection within 2000 ms");
        progress.enter(Phase::Connect);
        progress.enter(Phase::FirstByte);
        let end = progress.elapsed() + Duration::from_secs(1);
        let phases = progress.phases(end);
        assert_eq!(phases.iter().map(|(phase, _)| *phase).collect::<Vec<_>>(), [Phase::Connect, Phase::FirstByte]);
        assert!(phases[1].1 >= Duration::from_secs(1));
        assert!(phases.iter().map(|(_, time)| *time).sum::<Duration>() <= end);
        assert_eq!(progress.missed(Duration::from_secs(2)), "connected, but no answer within 2000 ms");
    }
}
