//! What is counted once for all questions about the same configurations: who stands where, by their maps. It is what a
//! simulation takes its time for; health, overrides and weights change nothing of it.

use super::census::{Cell, census};
use super::population::Population;
use crate::id::{MapId, NameId};
use crate::state::State;
use std::collections::{BTreeSet, HashMap};

/// The clients of each place and profile, by the maps before and after. Good for states of the configurations and for
/// the population that it was counted of, and for no others.
#[derive(Clone, Debug, Default)]
pub struct Counts(HashMap<[MapId; 2], Vec<Cell>>);

impl Counts {
    /// True if nobody must be counted any more to say what becomes of these names.
    #[must_use]
    pub fn suffice(&self, states: [&State; 2], names: &[[NameId; 2]]) -> bool {
        maps(states, names).iter().all(|pair| self.0.contains_key(pair))
    }

    /// How many cells are kept, of 24 octets each.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Counts for the maps of these names that were not counted yet. `progress` is told the part that is done, 0 to 1.
    pub(super) fn add(
        &mut self,
        states: [&State; 2],
        population: &Population,
        names: &[[NameId; 2]],
        progress: &mut dyn FnMut(f64),
    ) {
        let mut missing = maps(states, names);
        missing.retain(|pair| !self.0.contains_key(pair));
        let steps = missing.len() as f64;
        for (step, pair) in missing.into_iter().enumerate() {
            let both = [0, 1].map(|side| &*states[side].snapshot.maps[pair[side].index()]);
            let cells = census(both, population, &mut |part| progress((step as f64 + part) / steps));
            self.0.insert(pair, cells);
        }
    }

    /// The cells of a pair of maps that was counted.
    pub(super) fn of(&self, pair: [MapId; 2]) -> &[Cell] {
        self.0.get(&pair).map_or(&[], Vec::as_slice)
    }
}

/// The maps that decide for names, each pair once.
fn maps(states: [&State; 2], names: &[[NameId; 2]]) -> BTreeSet<[MapId; 2]> {
    let map = |side: usize, name: NameId| {
        let snapshot = &states[side].snapshot;
        snapshot.routes[snapshot.names[name.index()].route.index()].map
    };
    names.iter().map(|pair| [0, 1].map(|side| map(side, pair[side]))).collect()
}
