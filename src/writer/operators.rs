//! The operators' side of the writer: overrides taken, and what people and the state directory want to know.

use super::ramps::Ramps;
use super::{Effect, Measured, Writer};
use crate::health::{Circuit, Comeback, Guard, Millis, Sites, TargetState, Tracker};
use crate::id::{EndpointId, PoolId, TargetId};
use crate::overrides::Overrides;
use crate::pool::Relieved;
use crate::snapshot::Snapshot;
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};
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
    /// How often its verdict has changed.
    pub changes: u64,
    /// When the certificate that it showed last expires, seconds since 1970.
    pub expires: Option<i64>,
}

/// What is known of every target of the configuration that serves.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The configuration's number.
    pub generation: u64,
    /// The configuration.
    pub snapshot: Arc<Snapshot>,
    /// By target.
    pub trackers: Vec<Tracker>,
    /// By target.
    pub seen: Vec<Seen>,
    /// The loads and times of the targets that somebody looks at.
    pub measured: Measured,
    /// The targets that have had no outcome for long.
    pub stale: BTreeSet<TargetId>,
    /// The targets that would be down, and for the blast guard's sake count as this: up, or unknown.
    pub held: BTreeMap<TargetId, TargetState>,
    /// By target: failures in a row in this run.
    pub failures: Vec<u32>,
    /// Circuits of targets that have changed.
    pub circuits: Vec<(TargetId, Circuit)>,
    /// Endpoints that are not fully in service, by family.
    pub comebacks: BTreeMap<EndpointId, [Comeback; 2]>,
    /// What the loads of pools have come to.
    pub shares: Vec<(PoolId, Relieved)>,
    /// The blast guard, and the sites that it counts.
    pub guard: (Guard, Sites),
    /// What each canary said last; `None`: nothing yet.
    pub canaries: Vec<(TargetId, Option<bool>)>,
}

impl Writer {
    /// What is known of every target.
    #[must_use]
    pub fn survey(&self) -> Survey {
        let (serving, known) = (&self.serving, self.serving.known());
        Survey {
            generation: serving.generation(),
            snapshot: Arc::clone(&serving.state().snapshot),
            trackers: serving.trackers().to_vec(),
            seen: serving.seen().to_vec(),
            measured: serving.known().measured.clone(),
            stale: known.staleness.stale().clone(),
            held: known.guarding.held.iter().map(|(&target, held)| (target, held.from)).collect(),
            failures: known.staleness.failures(),
            circuits: known.circuits.iter().map(|(&target, circuit)| (target, circuit.clone())).collect(),
            comebacks: known.comebacks.iter().map(|(&endpoint, &comebacks)| (endpoint, comebacks)).collect(),
            shares: serving.shares(),
            guard: serving.guard(),
            canaries: known.guarding.canary_votes(),
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

    /// What was seen of a target, in whichever configuration counts for it.
    pub(super) fn see(&mut self, generation: u64, target: TargetId) -> Option<&mut Seen> {
        if generation == self.serving.generation() {
            return self.serving.seen_mut().get_mut(target.index());
        }
        let staged = self.staged.as_mut().filter(|staged| staged.generation() == generation)?;
        match staged.link(target) {
            Some(link) => self.serving.seen_mut().get_mut(link.index()),
            None => staged.seen_mut().get_mut(target.index()),
        }
    }

    pub(super) fn note_seen(&mut self, generation: u64, target: TargetId, note: &str, now: Millis) {
        if let Some(seen) = self.see(generation, target) {
            seen.at = Some(now);
            if *seen.note != *note {
                seen.note = note.into();
            }
        }
    }
}
