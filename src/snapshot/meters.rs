//! What probes measure for balancing: which target tells the load and the time of which endpoint. Only endpoints of
//! pools that look at one of them are here.

use crate::id::{EndpointId, PoolId, TargetId};
use std::collections::HashMap;

/// By endpoint where its numbers come from, and by target whose they are.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    of_endpoint: HashMap<EndpointId, [Meter; 2]>,
    of_target: HashMap<TargetId, Metered>,
}

/// Where the numbers of an endpoint come from, in one family.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Meter {
    /// The target whose probes tell its load.
    pub(crate) load: Option<TargetId>,
    /// The target whose probes tell its time.
    pub(crate) time: Option<TargetId>,
}

/// Whose numbers a target tells.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Metered {
    /// Somebody looks at its time.
    pub(crate) time: bool,
    /// Somebody looks at its load.
    pub(crate) load: bool,
    /// The pools, each once.
    pub(crate) pools: Vec<PoolId>,
}

impl Meters {
    /// Takes in where an endpoint of a pool has its numbers from.
    pub(super) fn add(&mut self, endpoint: EndpointId, pool: PoolId, meters: [Meter; 2]) {
        if meters == [Meter::default(); 2] {
            return;
        }
        self.of_endpoint.insert(endpoint, meters);
        for meter in meters {
            for (target, is_time) in [(meter.load, false), (meter.time, true)] {
                let Some(target) = target else { continue };
                let metered = self.of_target.entry(target).or_default();
                metered.time |= is_time;
                metered.load |= !is_time;
                if !metered.pools.contains(&pool) {
                    metered.pools.push(pool);
                }
            }
        }
    }

    /// Where an endpoint's numbers come from, by family; nothing if nobody looks at them.
    pub(crate) fn of_endpoint(&self, endpoint: EndpointId) -> Option<&[Meter; 2]> {
        self.of_endpoint.get(&endpoint)
    }

    /// Whose numbers a target tells; nothing if nobody looks at them.
    pub(crate) fn of_target(&self, target: TargetId) -> Option<&Metered> {
        self.of_target.get(&target)
    }
}
