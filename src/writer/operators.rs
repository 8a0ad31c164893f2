//! The operators' side of the writer: overrides taken, and what people and the state directory want to know.

use super::ramps::Ramps;
use super::{Effect, Measured, Writer};
use crate::health::{Millis, Tracker};
use crate::id::TargetId;
use crate::overrides::Overrides;
use crate::snapshot::Snapshot;
use crate::state::State;
use std::fmt;
use std::sync::Arc;

/// Somebody's look at the writer, taken between two events.
pub struct Look(Box<dyn FnOnce(&Writer) + Send>);

impl Look {
    /// A look; it must be short, since health waits for it.
    #[must_use]
    pub fn new(look: impl FnOnce(&Writer) + Send + 'static) -> Self {
        Self(Box::new(look))
    }

    pub(super) fn take(self, writer: &Writer) {
        (self.0)(writer);
    }
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Look")
    }
}

/// The last probe of a target.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// When it ended; `None`: not yet in this run.
    pub at: Option<Millis>,
    /// How, in words.
    pub note: Box<str>,
}

/// What is known of every target of the configuration that serves.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The configuration.
    pub snapshot: Arc<Snapshot>,
    /// By target.
    pub trackers: Vec<Tracker>,
    /// By target.
    pub seen: Vec<Seen>,
    /// The loads and times of the targets that somebody looks at.
    pub measured: Measured,
}

impl Writer {
    /// What is known of every target.
    #[must_use]
    pub fn survey(&self) -> Survey {
        let serving = &self.serving;
        Survey {
            snapshot: Arc::clone(&serving.state().snapshot),
            trackers: serving.trackers().to_vec(),
            seen: serving.seen().to_vec(),
            measured: serving.known().measured.clone(),
        }
    }

    /// The state of the moment, and the one that these overrides would give; nothing is changed.
    #[must_use]
    pub fn what_if(&self, overrides: &Overrides) -> (State, State) {
        let now = self.ramps.now_s();
        let gates = |overrides: &Overrides| Arc::new(overrides.gates(&self.serving.state().snapshot, now));
        (self.serving.what_if(gates(&self.overrides)), self.serving.what_if(gates(overrides)))
    }

    pub(super) fn override_with(
        &mut self,
        number: u64,
        (overrides, epoch_ms): (Arc<Overrides>, u64),
        now: Millis,
        effects: &mut Vec<Effect>,
    ) {
        self.ramps = Ramps::new(&overrides, epoch_ms, now);
        self.overrides = overrides;
        self.set_gates();
        effects.push(Effect::Overridden { number });
    }

    fn set_gates(&mut self) {
        let gates = self.overrides.gates(&self.serving.state().snapshot, self.ramps.now_s());
        self.serving.set_gates(Arc::new(gates));
    }

    /// Takes the steps of gradual overrides whose time has come.
    pub(super) fn move_ramps(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        if self.ramps.next().is_none_or(|next| now < next) {
            return;
        }
        let before = self.ramps.now_s();
        self.ramps.advance(&self.overrides, now);
        let arrived = self.overrides.arrived(before, self.ramps.now_s());
        effects.extend(arrived.map(|one| Effect::Arrived { target: one.target.clone(), said: one.said }));
        self.set_gates();
    }

    pub(super) fn note_seen(&mut self, generation: u64, target: TargetId, note: &str, now: Millis) {
        let seen = if generation == self.serving.generation() {
            self.serving.seen_mut().get_mut(target.index())
        } else {
            match self.staged.as_mut().filter(|staged| staged.generation() == generation) {
                Some(staged) => match staged.link(target) {
                    Some(link) => self.serving.seen_mut().get_mut(link.index()),
                    None => staged.seen_mut().get_mut(target.index()),
                },
                None => None,
            }
        };
        if let Some(seen) = seen {
            seen.at = Some(now);
            if *seen.note != *note {
                seen.note = note.into();
            }
        }
    }
}
