//! The blast guard at work: which sites fail, and which transitions are held.

use super::known::Known;
use crate::health::{Guard, Sites, TargetState};
use crate::id::{PoolId, TargetId};
use std::collections::BTreeMap;

/// The guard, what it counts, and what it holds.
#[derive(Debug, Default)]
pub(super) struct Guarding {
    pub(super) guard: Guard,
    /// By pool: its targets that are up, and those of them whose last vote was a failure.
    pools: Vec<[u32; 2]>,
    pub(super) sites: Sites,
    /// Targets that would be down, with the last probe's reason.
    pub(super) held: BTreeMap<TargetId, Box<str>>,
}

/// What a target counts for in each of its pools.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Weighs {
    up: bool,
    failing: bool,
}

impl Weighs {
    /// Nothing.
    pub(super) const NOTHING: Self = Self { up: false, failing: false };
}

impl Guarding {
    /// Counts from nothing.
    pub(super) fn clear(&mut self, pools: usize) {
        (self.pools, self.sites) = (vec![[0; 2]; pools], Sites::default());
    }

    /// A target that votes for these pools counts for something else.
    pub(super) fn recount(&mut self, pools: impl Iterator<Item = PoolId>, before: Weighs, after: Weighs) {
        if before == after {
            return;
        }
        for pool in pools {
            let counts = &mut self.pools[pool.index()];
            let [up, failing] = *counts;
            counts[0] = up + u32::from(after.up) - u32::from(before.up);
            counts[1] = failing + u32::from(after.failing) - u32::from(before.failing);
            let site = |[up, failing]: [u32; 2]| [u32::from(up > 0), u32::from(up > 0 && failing * 2 > up)];
            let (was, is) = (site([up, failing]), site(*counts));
            self.sites.up = self.sites.up + is[0] - was[0];
            self.sites.failing = self.sites.failing + is[1] - was[1];
        }
    }
}

impl Known {
    /// What a target counts for.
    pub(super) fn weighs(&self, target: TargetId) -> Weighs {
        let tracker = &self.trackers[target.index()];
        let up = tracker.state() == TargetState::Up || self.guarding.held.contains_key(&target);
        Weighs { up, failing: up && tracker.failing() }
    }

    /// The held targets that still fail; they are held no longer.
    pub(super) fn take_held(&mut self) -> Vec<(TargetId, Box<str>)> {
        let Self { guarding, trackers, .. } = self;
        guarding.held.extract_if(.., |target, _| trackers[target.index()].failing()).collect()
    }
}
