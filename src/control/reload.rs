//! Reloads as they are asked for: by the control socket, by SIGHUP, by whoever holds a [`Reloads`]. One thread carries
//! them out, one after the other; whoever asks while one runs shares the next one with all others who wait.

use super::desk::{Peer, words};
use super::protocol::Answer;
use crate::limits::{CHANGES_SHOWN, OWNER_MAX, REASON_MAX, RELOADS_WAITING};
use crate::snapshot::{Became, Change, Thing};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use tokio::sync::oneshot;

/// Read the files again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reload {
    /// Who wants it; the peer's user if not said.
    pub owner: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// What was read is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// The number of the new configuration.
    pub generation: u64,
    /// Answers follow it already; if not, the first probes of what is new take their time.
    pub serves: bool,
    /// What changed in one line: `1 pool added, 2 names changed`, `nothing changed`.
    pub summary: String,
    /// What changed, at most [`CHANGES_SHOWN`].
    pub changes: Vec<ChangeRow>,
    /// How many changes there are.
    pub changes_in_all: usize,
    /// What is probably not meant, or needs a restart; a line each.
    pub warnings: Vec<String>,
}

/// One difference between the configuration before and the one after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// `added`, `removed`, `changed`.
    pub change: String,
    /// `zone`, `region`, `check`, `pool`, `endpoint`, `policy`, `name`, `database`, `setting`.
    pub what: String,
    /// Its name; `ZONE/NAME` of what is named within its zone.
    pub name: String,
}

/// What was read cannot serve: nothing has changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NotReloaded {
    /// One line for each mistake, with file, line and column where it has them.
    pub lines: Vec<String>,
    /// For a terminal: with the lines that the mistakes stand in.
    pub text: String,
    /// For tools: an object for each mistake in the files, as `geosteer check --format json` has them.
    pub diagnostics: Vec<serde_json::Value>,
}

impl NotReloaded {
    /// One sentence and nothing else.
    #[must_use]
    pub fn because(why: &str) -> Self {
        Self { lines: vec![why.to_owned()], text: format!("error: {why}"), diagnostics: Vec::new() }
    }
}

impl fmt::Display for NotReloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for NotReloaded {}

/// How a reload ended.
pub type ReloadOutcome = Result<Reloaded, NotReloaded>;

/// Takes an outcome.
pub type ReloadReply = Box<dyn FnOnce(Arc<ReloadOutcome>) + Send>;

/// What the reload thread is told.
pub enum ReloadOrder {
    /// Reload.
    Reload {
        /// Who and why, for the log and the event.
        why: String,
        /// Takes the outcome.
        reply: ReloadReply,
    },
    /// End.
    Stop,
}

impl fmt::Debug for ReloadOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reload { why, .. } => f.debug_struct("Reload").field("why", why).finish_non_exhaustive(),
            Self::Stop => f.write_str("Stop"),
        }
    }
}

/// Orders reloads; copies order from the same thread.
#[derive(Clone, Debug)]
pub struct Reloads(SyncSender<ReloadOrder>);

impl Reloads {
    /// An orderer, and what the reload thread receives.
    #[must_use]
    pub fn new() -> (Self, Receiver<ReloadOrder>) {
        let (sender, receiver) = sync_channel(RELOADS_WAITING);
        (Self(sender), receiver)
    }

    /// Orders a reload for which nobody waits. If too many wait already, theirs will see the same files.
    pub fn order(&self, why: &str) {
        let (why, reply): (_, ReloadReply) = (why.to_owned(), Box::new(drop));
        let _others_wait = self.0.try_send(ReloadOrder::Reload { why, reply });
    }

    /// Reloads, and waits until the new configuration serves or is refused. `why` says who wants it and why.
    ///
    /// # Errors
    /// Any mistake, or too many who wait: nothing has changed on behalf of this order.
    pub async fn reload(&self, why: String) -> Arc<ReloadOutcome> {
        let (reply, outcome) = oneshot::channel();
        self.send(why, move |outcome| {
            // Whoever asked may not wait any more.
            let _nobody_waits = reply.send(outcome);
        });
        outcome.await.unwrap_or_else(|_| stopped())
    }

    /// The same for a thread that may block.
    ///
    /// # Errors
    /// As [`Reloads::reload`].
    pub fn reload_blocking(&self, why: String) -> ReloadOutcome {
        let (reply, outcome) = sync_channel(1);
        self.send(why, move |outcome| {
            let _nobody_waits = reply.send(outcome);
        });
        Arc::unwrap_or_clone(outcome.recv().unwrap_or_else(|_| stopped()))
    }

    fn send(&self, why: String, reply: impl FnOnce(Arc<ReloadOutcome>) + Send + 'static) {
        let refused = match self.0.try_send(ReloadOrder::Reload { why, reply: Box::new(reply) }) {
            Err(TrySendError::Full(order)) => (order, "too many reloads wait already"),
            // The receiver is gone, and the order with it.
            Ok(()) | Err(TrySendError::Disconnected(_)) => return,
        };
        if let (ReloadOrder::Reload { reply, .. }, why) = refused {
            reply(Arc::new(Err(NotReloaded::because(why))));
        }
    }

    /// Ends the thread, once the reload that runs is done.
    pub fn stop(&self) {
        let _ended_already = self.0.send(ReloadOrder::Stop);
    }
}

fn stopped() -> Arc<ReloadOutcome> {
    Arc::new(Err(NotReloaded::because("the server is about to stop")))
}

/// Carries a request out.
pub(super) async fn answer(reloads: &Reloads, reload: Reload, peer: &Peer) -> Answer {
    let owner = words(reload.owner, || peer.owner(), OWNER_MAX, "the owner");
    let reason = words(Some(reload.reason), String::new, REASON_MAX, "the reason");
    let why = match owner.and_then(|owner| Ok((owner, reason?))) {
        Ok((owner, reason)) if reason.is_empty() => owner,
        Ok((owner, reason)) => format!("{owner}: {reason}"),
        Err(why) => return Answer::Wrong { why },
    };
    match Arc::unwrap_or_clone(reloads.reload(why).await) {
        Ok(reloaded) => Answer::Reloaded(reloaded),
        Err(not) => Answer::NotReloaded(not),
    }
}

/// The rows of some changes, at most [`CHANGES_SHOWN`], and all of them in one line.
#[must_use]
pub fn changed(changes: &[Change]) -> (Vec<ChangeRow>, String) {
    let row = |one: &Change| ChangeRow {
        change: one.became.word().to_owned(),
        what: one.thing.word().to_owned(),
        name: one.name.clone(),
    };
    (changes.iter().take(CHANGES_SHOWN).map(row).collect(), summary(changes))
}

fn summary(changes: &[Change]) -> String {
    let mut kinds: Vec<((Thing, Became), usize)> = Vec::new();
    for key in changes.iter().map(|change| (change.thing, change.became)) {
        match kinds.last_mut() {
            Some((last, count)) if *last == key => *count += 1,
            _ => kinds.push((key, 1)),
        }
    }
    let words = |&((thing, became), count): &((Thing, Became), usize)| {
        let word = match (count, thing) {
            (1, _) => thing.word().to_owned(),
            (_, Thing::Policy) => "policies".to_owned(),
            _ => format!("{}s", thing.word()),
        };
        format!("{count} {word} {}", became.word())
    };
    match kinds.is_empty() {
        true => "nothing changed".to_owned(),
        false => kinds.iter().map(words).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_summed_up_by_kind() {
        let change = |thing, became, name: &str| Change { thing, became, name: name.to_owned() };
        assert_eq!(changed(&[]), (Vec::new(), "nothing changed".to_owned()));
        let two = [
            change(Thing::Pool, Became::Added, "example.com./a"),
            change(Thing::Policy, Became::Changed, "example.com./p"),
            change(Thing::Policy, Became::Changed, "example.com./q"),
        ];
        let (rows, summary) = changed(&two);
        assert_eq!(summary, "1 pool added, 2 policies changed");
        assert_eq!((rows[0].change.as_str(), rows[0].what.as_str()), ("added", "pool"));
        let many: Vec<_> = (0..=CHANGES_SHOWN).map(|n| change(Thing::Name, Became::Removed, &n.to_string())).collect();
        let (rows, summary) = changed(&many);
        assert_eq!((rows.len(), summary), (CHANGES_SHOWN, format!("{} names removed", CHANGES_SHOWN + 1)));
    }

    #[test]
    fn an_order_that_finds_no_place_or_no_thread_is_answered_at_once() {
        let (reloads, orders) = Reloads::new();
        (0..RELOADS_WAITING).for_each(|_| reloads.order("sighup"));
        let full = reloads.reload_blocking("ann".to_owned()).unwrap_err();
        assert_eq!(full.lines, ["too many reloads wait already"]);
        drop(orders);
        let gone = reloads.reload_blocking("ann".to_owned()).unwrap_err();
        assert_eq!(gone.lines, ["the server is about to stop"]);
        reloads.stop();
    }
}
