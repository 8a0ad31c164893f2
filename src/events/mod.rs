//! What happened, for people: every change of health, override and reload as one event. The last ones are kept in
//! memory, in the order of their numbers; each is a log line as well, which lasts longer.

use crate::clock;
use crate::limits::{EVENT_REASON_MAX, EVENTS_KEPT};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// What kind of thing happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The server started.
    Start,
    /// A check's verdict on an address changed.
    Health,
    /// The blast guard holds failures back, or does so no longer.
    Guard,
    /// A target has had no outcome for long, or has one again.
    Stale,
    /// An endpoint that waited was let back by an operator.
    Resume,
    /// An endpoint of a pool that says how it comes back waits, is let in, or has its whole weight again.
    Comeback,
    /// A pool begins to send clients on for its load, or keeps all of them again.
    Shed,
    /// An override was set, removed, or ended.
    Override,
    /// A configuration was read: it serves, or was refused.
    Reload,
    /// The state directory cannot be written, or can be again.
    State,
    /// Another server takes over, or has failed to.
    Upgrade,
    /// The keys of a signed zone are missing, or there again.
    Keys,
    /// A block of addresses asks for more replies than it gets, or does so no longer.
    Limit,
    /// A fault of geosteer's own: a thread panicked, and was started again.
    Fault,
    /// Static names were changed by a dynamic update.
    Update,
    /// A secondary could not be told that its zone has changed.
    Notify,
    /// Another certificate is shown to clients, or was refused.
    Certificate,
}

impl Kind {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Health => "health",
            Self::Guard => "guard",
            Self::Stale => "stale",
            Self::Resume => "resume",
            Self::Comeback => "comeback",
            Self::Shed => "shed",
            Self::Override => "override",
            Self::Reload => "reload",
            Self::State => "state",
            Self::Upgrade => "upgrade",
            Self::Keys => "keys",
            Self::Limit => "limit",
            Self::Fault => "fault",
            Self::Update => "update",
            Self::Notify => "notify",
            Self::Certificate => "certificate",
        }
    }
}

/// One event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Happened {
    /// Counts up from 1 in each run of the server.
    pub number: u64,
    /// When, seconds since 1970.
    pub at: u64,
    /// What kind.
    pub kind: Kind,
    /// What it is about: an address and its check, a target, a configuration.
    pub subject: Box<str>,
    /// The state before; may be empty.
    pub from: Box<str>,
    /// The state since.
    pub to: Box<str>,
    /// Why: the last probe's words, the operator's.
    pub reason: Box<str>,
}

/// The last events; copies share them.
#[derive(Clone, Debug, Default)]
pub struct Events(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    ring: Mutex<Ring>,
    /// The number of the last event.
    news: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Ring {
    kept: VecDeque<Happened>,
    last: u64,
}

impl Events {
    /// Adds an event. The reason is cut to [`EVENT_REASON_MAX`] octets.
    pub fn push(&self, kind: Kind, subject: &str, from: &str, to: &str, reason: &str) {
        let reason = &reason[..reason.floor_char_boundary(EVENT_REASON_MAX)];
        let at = clock::unix_seconds();
        let mut ring = self.0.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.last += 1;
        let number = ring.last;
        let [subject, from, to, reason] = [subject, from, to, reason].map(Box::from);
        if ring.kept.len() >= EVENTS_KEPT {
            ring.kept.pop_front();
        }
        ring.kept.push_back(Happened { number, at, kind, subject, from, to, reason });
        // Under the lock, so that numbers come in their order.
        self.0.news.send_replace(number);
    }

    /// At most `most` of the events whose numbers are larger than `after`: the first of them, or without `after` the
    /// last that there are.
    #[must_use]
    pub fn after(&self, after: Option<u64>, most: usize) -> Vec<Happened> {
        let ring = self.0.ring.lock().unwrap_or_else(PoisonError::into_inner);
        match after {
            Some(after) => ring.kept.iter().filter(|event| event.number > after).take(most).cloned().collect(),
            None => ring.kept.iter().skip(ring.kept.len().saturating_sub(most)).cloned().collect(),
        }
    }

    /// The number of the last event, to be waited for.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.0.news.subscribe()
    }

    /// The number of the last event; 0 if there is none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner).last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_events_go_first_and_numbers_go_on() {
        let events = Events::default();
        for number in 1..=EVENTS_KEPT + 3 {
            events.push(Kind::Health, &number.to_string(), "up", "down", &"ü".repeat(EVENT_REASON_MAX));
        }
        let numbers = |after, most| events.after(after, most).iter().map(|event| event.number).collect::<Vec<_>>();
        let last = EVENTS_KEPT as u64 + 3;
        assert_eq!(numbers(Some(0), 2), [4, 5]);
        assert_eq!(numbers(Some(last - 1), 9), [last]);
        assert_eq!(numbers(None, 2), [last - 1, last]);
        assert_eq!(events.after(Some(0), usize::MAX).len(), EVENTS_KEPT);
        let event = &events.after(None, 1)[0];
        assert_eq!((event.number.to_string(), event.reason.len()), (event.subject.to_string(), EVENT_REASON_MAX));
        assert_eq!(events.last(), last);
    }
}
