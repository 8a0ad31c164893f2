//! What a pool's dependencies make of it: it is live only while those are.

use super::live::Live;
use super::pool_live::PoolLive;
use crate::id::PoolId;
use crate::pool::Gate;
use crate::snapshot::Snapshot;
use std::collections::{HashSet, VecDeque};

impl Live {
    /// Lets a pool that was just worked out feel what is live of its dependencies. One that an operator counts as up
    /// asks nobody.
    pub(super) fn depend(&self, snapshot: &Snapshot, id: PoolId, pool: &mut PoolLive) {
        let configured = &snapshot.pools[id.index()];
        if self.gates().pool(id, configured.gate) == Gate::Up {
            return;
        }
        for needed in configured.rules.depends_on.iter().map(|&needed| self.pool(needed)) {
            pool.is_met &= needed.is_live;
            pool.pending |= needed.pending;
            pool.cap_s = pool.cap_s.min(needed.cap_s);
        }
        pool.is_live &= pool.is_met;
    }

    /// The dependency of a pool for which it is not live.
    pub(super) fn unmet(&self, snapshot: &Snapshot, id: PoolId) -> Option<PoolId> {
        if self.pool(id).is_met {
            return None;
        }
        snapshot.pools[id.index()].rules.depends_on.iter().copied().find(|&needed| !self.pool(needed).is_live)
    }

    /// The name of the dependency for which a pool is not live.
    #[must_use]
    pub fn needs<'s>(&self, snapshot: &'s Snapshot, id: PoolId) -> Option<&'s str> {
        self.unmet(snapshot, id).map(|needed| &*snapshot.pools[needed.index()].name)
    }
}

/// Pools to be worked out, and again when one that they depend on has changed. There are no circles, so it ends.
#[derive(Debug)]
pub(super) struct Waves {
    queue: VecDeque<PoolId>,
    queued: HashSet<PoolId>,
}

impl Waves {
    pub(super) fn new(pools: impl IntoIterator<Item = PoolId>) -> Self {
        Self { queue: pools.into_iter().collect(), queued: HashSet::new() }
    }

    pub(super) fn next(&mut self) -> Option<PoolId> {
        let next = self.queue.pop_front()?;
        self.queued.remove(&next);
        Some(next)
    }

    /// A pool has changed: these look at it.
    pub(super) fn changed(&mut self, users: &[u32]) {
        for user in users.iter().map(|&user| PoolId::new(user as usize)) {
            if self.queued.insert(user) {
                self.queue.push_back(user);
            }
        }
    }
}

/// For each dependency the pools that have it.
pub(super) fn users(snapshot: &Snapshot) -> Vec<(u32, u32)> {
    let of = |(index, pool): (usize, &crate::pool::Pool)| {
        let needed: Vec<_> = pool.rules.depends_on.iter().map(|needed| (needed.index() as u32, index as u32)).collect();
        needed
    };
    snapshot.pools.iter().enumerate().flat_map(of).collect()
}
