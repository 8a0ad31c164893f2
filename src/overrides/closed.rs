//! Since when no answer names an endpoint, and from when no client that honours TTLs uses it any more.
//!
//! The bound is sound and simple: an endpoint is closed when a state in which it is taken out has been published to
//! all who answer; the last answer that named it was given before that, and lives at most as long as the largest TTL
//! of the names that can lead to it. Two things put the moment off: answers that an earlier configuration gave with
//! larger TTLs (the *horizon*), and answers that name it all the same, since nothing else was left (fail open).

use crate::limits::CLOSED_SLACK_S;
use std::collections::HashMap;

/// An endpoint by its names, so that it is known again after a restart: zone, pool, endpoint.
pub type Key = (Box<str>, Box<str>, Box<str>);

/// What is known of one closed endpoint. Times are seconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// When it was taken out of answers.
    pub since: u64,
    /// When the last answer that named it has expired.
    pub safe: u64,
    /// Answers name it at present: nothing else is left.
    pub named: bool,
}

/// All endpoints that operators took out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Closed {
    entries: HashMap<Key, Entry>,
    /// When the last answer that another configuration gave has expired.
    horizon: u64,
    /// The largest TTL of the configuration that serves, seconds.
    largest_ttl: u32,
}

impl Closed {
    /// As it was saved, by a server that stopped before `now`: it may have given answers until then.
    #[must_use]
    pub fn resumed(entries: HashMap<Key, Entry>, horizon: u64, largest_ttl: u32, now: u64) -> Self {
        let mut closed = Self { entries, horizon, largest_ttl };
        closed.other_configuration(0, now);
        for entry in closed.entries.values_mut().filter(|entry| entry.named) {
            entry.safe = entry.safe.max(closed.horizon);
        }
        closed
    }

    /// Another configuration serves since `now`; its largest TTL.
    pub fn other_configuration(&mut self, largest_ttl: u32, now: u64) {
        self.horizon = self.horizon.max(now + u64::from(self.largest_ttl) + CLOSED_SLACK_S);
        self.largest_ttl = largest_ttl;
    }

    /// `closed` are all endpoints that are taken out in the state published by `now`, each with the largest TTL of the
    /// names that can lead to it and whether answers name it all the same. Others are forgotten. True if what is to be
    /// saved has changed.
    pub fn published(&mut self, closed: impl IntoIterator<Item = (Key, u32, bool)>, now: u64) -> bool {
        let mut entries = HashMap::new();
        for (key, ttl, named) in closed {
            let before = self.entries.get(&key).copied();
            let mut entry = before.unwrap_or(Entry { since: now, safe: 0, named: true });
            if named || entry.named {
                // Named until now: the clock starts again.
                entry.safe = (now + u64::from(ttl) + CLOSED_SLACK_S).max(self.horizon);
            }
            entry.named = named;
            entries.insert(key, entry);
        }
        let changed = self.entries != entries;
        self.entries = entries;
        changed
    }

    /// What is known of an endpoint; `None` if it is not closed.
    #[must_use]
    pub fn of(&self, key: &Key) -> Option<Entry> {
        self.entries.get(key).copied()
    }

    /// All of it, to be saved.
    pub fn entries(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.entries.iter()
    }

    /// When the last answer that another configuration gave has expired.
    #[must_use]
    pub const fn horizon(&self) -> u64 {
        self.horizon
    }

    /// The largest TTL of the configuration that serves, seconds.
    #[must_use]
    pub const fn largest_ttl(&self) -> u32 {
        self.largest_ttl
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        ("example.com.".into(), "fra".into(), name.into())
    }

    fn safe(closed: &Closed, name: &str) -> u64 {
        closed.of(&key(name)).unwrap().safe
    }

    #[test]
    fn an_endpoint_is_safe_one_ttl_after_it_was_taken_out_and_stays_so() {
        let mut closed = Closed::default();
        assert!(closed.published([(key("a"), 30, false)], 1_000));
        assert_eq!(safe(&closed, "a"), 1_030 + CLOSED_SLACK_S);
        assert!(!closed.published([(key("a"), 300, false)], 2_000));
        assert_eq!(safe(&closed, "a"), 1_030 + CLOSED_SLACK_S);
        assert!(closed.published([], 3_000));
        assert_eq!(closed.of(&key("a")), None);
    }

    #[test]
    fn an_endpoint_that_fail_open_names_again_is_safe_one_ttl_after_the_last_time() {
        let mut closed = Closed::default();
        closed.published([(key("a"), 30, false)], 1_000);
        closed.published([(key("a"), 30, true)], 2_000);
        assert!(closed.of(&key("a")).unwrap().named);
        closed.published([(key("a"), 30, false)], 3_000);
        assert_eq!(safe(&closed, "a"), 3_030 + CLOSED_SLACK_S);
    }

    #[test]
    fn answers_of_another_configuration_are_waited_for() {
        let mut closed = Closed::default();
        closed.other_configuration(3_600, 0);
        closed.other_configuration(30, 1_000);
        closed.published([(key("a"), 30, false)], 1_010);
        assert_eq!(safe(&closed, "a"), 4_600 + CLOSED_SLACK_S);
    }

    #[test]
    fn a_restart_keeps_what_was_safe_and_assumes_answers_until_then() {
        let mut before = Closed::default();
        before.other_configuration(60, 0);
        before.published([(key("a"), 60, false), (key("b"), 60, true)], 1_000);
        let entries = before.entries().map(|(key, entry)| (key.clone(), *entry)).collect();
        let mut after = Closed::resumed(entries, before.horizon(), before.largest_ttl(), 5_000);
        after.published([(key("a"), 60, false), (key("b"), 60, false), (key("c"), 10, false)], 5_000);
        assert_eq!(safe(&after, "a"), 1_060 + CLOSED_SLACK_S);
        assert_eq!(safe(&after, "b"), 5_060 + CLOSED_SLACK_S);
        assert_eq!(safe(&after, "c"), 5_060 + CLOSED_SLACK_S);
    }
}
