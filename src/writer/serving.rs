//! The configuration that serves: its trackers, and the live tables that follow from them.

use super::Change;
use crate::health::{Outcome, TargetState, Tracker};
use crate::id::{EndpointId, PoolId, TargetId};
use crate::snapshot::Snapshot;
use crate::state::{Identity, State};
use crate::steer::{Dependents, Live, Observed};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Serving {
    state: State,
    health: Health,
    dependents: Dependents,
    /// Pools to be worked out again.
    dirty: Vec<PoolId>,
    /// `dirty`, by pool.
    is_dirty: Vec<bool>,
    /// Something was not published yet.
    unpublished: bool,
    /// Targets without any outcome.
    waiting: usize,
}

/// What is known of targets.
#[derive(Debug)]
struct Health {
    trackers: Vec<Tracker>,
    /// What is still Unknown counts as up.
    round_over: bool,
}

impl Health {
    fn observed(&self, snapshot: &Snapshot, endpoint: EndpointId) -> Observed {
        let mut observed = Observed::UP;
        let may_fail = usize::from(snapshot.pools[snapshot.endpoints[endpoint.index()].pool.index()].rules.may_fail);
        for lane in 0..2 {
            let mut failed = 0;
            for &target in snapshot.targets_of(endpoint, lane) {
                let tracker = &self.trackers[target.index()];
                let timing = &snapshot.checks[snapshot.targets[target.index()].check.index()].timing;
                failed += usize::from(tracker.state() == TargetState::Down);
                observed.steady_s = observed.steady_s.min(tracker.steady_s(timing));
                observed.pending |= !self.round_over && !tracker.probed();
            }
            observed.up[lane] = failed <= may_fail;
        }
        observed
    }
}

impl Serving {
    pub(super) fn new(
        snapshot: Arc<Snapshot>,
        identity: Arc<Identity>,
        generation: u64,
        trackers: Vec<Tracker>,
        round_over: bool,
    ) -> Self {
        let waiting = trackers.iter().filter(|tracker| !tracker.probed()).count();
        let health = Health { trackers, round_over };
        let live = Live::new(&snapshot, |endpoint| health.observed(&snapshot, endpoint));
        let dependents = Dependents::new(&snapshot);
        let is_dirty = vec![false; snapshot.pools.len()];
        let state = State { snapshot, live, generation, identity };
        Self { state, health, dependents, dirty: Vec::new(), is_dirty, unpublished: true, waiting }
    }

    pub(super) const fn generation(&self) -> u64 {
        self.state.generation
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.state.snapshot
    }

    pub(super) fn tracker(&self, target: TargetId) -> Option<&Tracker> {
        self.health.trackers.get(target.index())
    }

    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Takes an outcome; `None` if there is no such target.
    pub(super) fn observe(&mut self, target: TargetId, outcome: Outcome) -> Option<Change> {
        let tracker = self.health.trackers.get_mut(target.index())?;
        let snapshot = &self.state.snapshot;
        let timing = &snapshot.checks[snapshot.targets[target.index()].check.index()].timing;
        let before = *tracker;
        tracker.observe(outcome, timing);
        let first = !before.probed();
        self.waiting -= usize::from(first);
        let same = before.state() == tracker.state() && before.steady_s(timing) == tracker.steady_s(timing);
        if first || !same {
            for pool in self.dependents.pools(target) {
                mark(&mut self.dirty, &mut self.is_dirty, pool);
            }
        }
        Some(Change { from: before.state(), to: tracker.state(), first })
    }

    /// What is still Unknown counts as up from now on.
    pub(super) fn first_round_over(&mut self) {
        if std::mem::replace(&mut self.health.round_over, true) {
            return;
        }
        for (index, tracker) in self.health.trackers.iter().enumerate() {
            if !tracker.probed() {
                for pool in self.dependents.pools(TargetId::new(index)) {
                    mark(&mut self.dirty, &mut self.is_dirty, pool);
                }
            }
        }
    }

    /// Works out what changed; the state if an answer can be another than at the last call.
    pub(super) fn publish(&mut self) -> Option<State> {
        let State { snapshot, live, .. } = &mut self.state;
        let changed =
            live.update(snapshot, &self.dependents, &self.dirty, |endpoint| self.health.observed(snapshot, endpoint));
        for pool in self.dirty.drain(..) {
            self.is_dirty[pool.index()] = false;
        }
        (std::mem::take(&mut self.unpublished) || changed).then(|| self.state.clone())
    }
}

fn mark(dirty: &mut Vec<PoolId>, is_dirty: &mut [bool], pool: PoolId) {
    if !std::mem::replace(&mut is_dirty[pool.index()], true) {
        dirty.push(pool);
    }
}
