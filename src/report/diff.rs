//! A comparison of two configurations as data: what `diff --json` prints, and what the admin server answers.

use super::simulation::{ClientsView, NameView, SimulationView, owner};
use crate::id::NameId;
use crate::simulate::Simulation;
use crate::state::State;
use serde::Serialize;
use std::collections::BTreeMap;

/// What was found between two states.
#[derive(Clone, Debug)]
pub struct Compared<'s> {
    /// Before and after.
    pub states: [&'s State; 2],
    /// Names that one side has alone.
    pub alone: [Vec<NameId>; 2],
    /// The largest share of the clients of a name that moves.
    pub moved: f64,
    /// How large it may be.
    pub most: Option<f64>,
}

/// The same as data.
#[derive(Debug, Serialize)]
pub struct DiffView {
    /// The largest share of the clients of a name that moves, 0 to 1.
    moved: f64,
    /// No more than `--max-moved`.
    ok: bool,
    clients: ClientsView,
    names: BTreeMap<String, NameView>,
    only_old: Vec<String>,
    only_new: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution: Option<&'static str>,
}

impl<'s> Compared<'s> {
    /// What a simulation of the names that both have, and the names that one has alone, come to.
    #[must_use]
    pub fn new(states: [&'s State; 2], done: &Simulation, alone: [Vec<NameId>; 2], most: Option<f64>) -> Self {
        let moved = done.groups.iter().flat_map(|group| &group.lanes).map(|lane| lane.all.moved).fold(0.0, f64::max);
        Self { states, alone, moved, most }
    }

    /// No more moves than may.
    #[must_use]
    pub fn is_within(&self) -> bool {
        self.most.is_none_or(|most| self.moved <= most)
    }

    /// The names that one side has alone.
    #[must_use]
    pub fn names(&self, side: usize) -> Vec<String> {
        self.alone[side].iter().map(|&id| owner(self.states[side], id)).collect()
    }

    /// As data; `all` is the simulation's.
    #[must_use]
    pub fn view(&self, all: SimulationView) -> DiffView {
        DiffView {
            moved: self.moved,
            ok: self.is_within(),
            clients: all.clients,
            names: all.names,
            only_old: self.names(0),
            only_new: self.names(1),
            attribution: all.attribution,
        }
    }
}
