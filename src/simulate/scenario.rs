//! What if: targets that fail, are drained, count as up or get another weight, laid over a state.

use crate::id::{EndpointId, PoolId};
use crate::overrides::{Meant, Names, Said, Target};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::steer::{Dependents, Observed};
use std::collections::HashSet;

/// What is said on top of a state. For targets that mean the same thing the closest counts, then the last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scenario {
    /// Their checks fail, as in an outage: nobody took them out, so a name that fails open may still answer with them.
    pub down: Vec<Target>,
    /// What operators would say: states and weights.
    pub said: Vec<(Target, Said)>,
}

impl Scenario {
    /// True if it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.down.is_empty() && self.said.is_empty()
    }

    /// The targets that nothing of a configuration is called, or that say nothing there (a weight of pools alone).
    #[must_use]
    pub fn unknown(&self, snapshot: &Snapshot) -> Vec<&Target> {
        let names = Names::new(snapshot);
        let is_empty = |target: &Target, said: Option<Said>| match (names.meant(target), said) {
            (meant, Some(Said::Weight(_))) => meant.endpoints.is_empty(),
            (meant, _) => meant.is_empty(),
        };
        let down = self.down.iter().filter(|target| is_empty(target, None));
        down.chain(self.said.iter().filter(|(target, said)| is_empty(target, Some(*said))).map(|(target, _)| target))
            .collect()
    }

    /// The state that it makes of another. `observed` tells what is known of an endpoint in that one:
    /// [`crate::steer::seen`], if nobody knows better.
    #[must_use]
    pub fn apply(&self, state: &State, observed: impl Fn(EndpointId) -> Observed) -> State {
        let snapshot = &*state.snapshot;
        let names = Names::new(snapshot);
        let failed: HashSet<EndpointId> =
            self.down.iter().flat_map(|target| names.meant(target).all_endpoints(snapshot)).collect();
        let mut gates = state.live.gates().clone();
        let mut said: Vec<&(Target, Said)> = self.said.iter().collect();
        said.sort_by_key(|(target, _)| target.rank());
        for (target, said) in said {
            let Meant { pools, endpoints } = names.meant(target);
            match *said {
                Said::State(gate) => {
                    pools.iter().for_each(|&pool| gates.set_pool(pool, gate));
                    endpoints.iter().for_each(|&endpoint| gates.set_endpoint(endpoint, gate));
                }
                Said::Weight(weight) => endpoints.iter().for_each(|&endpoint| gates.set_weight(endpoint, weight)),
                Said::Share(share) => pools.iter().for_each(|&pool| gates.limit_share(pool, share)),
            }
        }
        let mut after = state.clone();
        let mut pools: Vec<PoolId> = after.live.set_gates(snapshot, gates.into());
        pools.extend(failed.iter().map(|id| snapshot.endpoints[id.index()].pool));
        pools.sort_unstable();
        pools.dedup();
        let failing = |id: EndpointId| match failed.contains(&id) {
            true => {
                let none = [false; 2];
                Observed { up: none, flapping: none, waits: none, passes: none, ..observed(id) }
            }
            false => observed(id),
        };
        after.live.update(snapshot, &Dependents::new(snapshot), &pools, failing);
        after
    }
}
