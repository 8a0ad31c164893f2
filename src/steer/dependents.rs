//! What is worked out again when a pool or a target changes.

use super::Fallback;
use super::depends::users;
use crate::id::PoolId;
use crate::snapshot::Snapshot;

/// Which classes look at a pool, and which pools a target's health counts for.
#[derive(Debug, Default)]
pub(crate) struct Dependents {
    classes: Packed,
    /// By pool, the pools that depend on it.
    pub(super) users: Packed,
    pools: Packed,
}

impl Dependents {
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        let mut classes: Vec<(u32, u32)> = Vec::new();
        for class in 0..snapshot.plan.len() {
            let mut add = |pool: PoolId| classes.push((pool.index() as u32, class as u32));
            snapshot.plan.steps(class).flat_map(|step| step.parts).for_each(|part| add(part.pool));
            if let Fallback::Pool(pool) = snapshot.routes[snapshot.plan.route_of(class).index()].fallback {
                add(pool);
            }
        }
        let mut pools: Vec<(u32, u32)> = Vec::new();
        for (endpoint, watches) in snapshot.endpoints.iter().zip(&snapshot.watches) {
            let targets = watches.iter().flat_map(|range| range.start as usize..range.end as usize);
            pools.extend(targets.map(|at| (snapshot.watched[at].index() as u32, endpoint.pool.index() as u32)));
        }
        let users = Packed::new(users(snapshot), snapshot.pools.len());
        Self {
            classes: Packed::new(classes, snapshot.pools.len()),
            users,
            pools: Packed::new(pools, snapshot.targets.len()),
        }
    }

    pub(super) fn classes(&self, pool: PoolId) -> &[u32] {
        self.classes.of(pool.index())
    }

    /// The pools whose members a target's health counts for.
    pub(crate) fn pools(&self, target: crate::id::TargetId) -> impl Iterator<Item = PoolId> + '_ {
        self.pools.of(target.index()).iter().map(|&pool| PoolId::new(pool as usize))
    }
}

/// Lists by index, packed.
#[derive(Debug, Default)]
pub(super) struct Packed {
    ends: Box<[u32]>,
    items: Box<[u32]>,
}

impl Packed {
    pub(super) fn new(mut pairs: Vec<(u32, u32)>, count: usize) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut ends = vec![0; count];
        for (at, &(index, _)) in pairs.iter().enumerate() {
            ends[index as usize] = at as u32 + 1;
        }
        for index in 1..count {
            ends[index] = ends[index].max(ends[index - 1]);
        }
        Self { ends: ends.into(), items: pairs.into_iter().map(|pair| pair.1).collect() }
    }

    pub(super) fn of(&self, index: usize) -> &[u32] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.items[start..self.ends[index] as usize]
    }
}
