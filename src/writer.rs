//! The one writer: outcomes and new configurations in, new states and effects out. Pure: the caller brings
//! the time and carries the effects out.

use crate::health::{Millis, Outcome, TargetState};
use crate::id::TargetId;
use crate::snapshot::Snapshot;
use crate::state::{Identity, State};
use std::sync::Arc;

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A probe ended.
    Probed {
        /// The configuration whose target it was (`State::generation` numbering); others are ignored.
        generation: u64,
        /// The target.
        target: TargetId,
        /// How it ended.
        outcome: Outcome,
        /// The reason in words, for people.
        note: Box<str>,
    },
    /// A new configuration was built: it replaces the current one when its new targets have outcomes.
    Stage {
        /// Its number, larger than any before.
        generation: u64,
        /// The configuration.
        snapshot: Arc<Snapshot>,
        /// Server-wide answers.
        identity: Arc<Identity>,
    },
    /// The bound on first probes has passed: what is still Unknown counts as up.
    FirstRoundOver {
        /// The configuration it belongs to.
        generation: u64,
    },
}

/// What the caller has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// A target changed its state: log it.
    Changed {
        /// The target's configuration.
        generation: u64,
        /// The target.
        target: TargetId,
        /// Before.
        from: TargetState,
        /// Now.
        to: TargetState,
        /// The last probe's reason.
        note: Box<str>,
    },
    /// A staged configuration is now the one that serves.
    Adopted {
        /// Its number.
        generation: u64,
    },
}

/// Owner of health and of the live tables.
#[derive(Debug)]
pub struct Writer {}

impl Writer {
    /// A writer whose first configuration is staged: its balanced rows are pending until their first outcomes are in
    /// (routes whose targets all have outcomes, or that have none, are served at once).
    #[must_use]
    pub fn new(_snapshot: Arc<Snapshot>, _identity: Arc<Identity>, _generation: u64) -> Self {
        todo!("owner: steer")
    }

    /// Takes one event.
    pub fn apply(&mut self, _event: Event, _now: Millis, _effects: &mut Vec<Effect>) {
        todo!()
    }

    /// The state to publish, if anything changed since the last call.
    pub fn publish(&mut self) -> Option<State> {
        todo!()
    }
}
