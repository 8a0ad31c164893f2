//! The configuration that serves: its trackers, and the live tables that follow from them.

use super::Change;
use super::known::Known;
use crate::health::{Millis, Outcome, TargetState, Tracker};
use crate::id::{EndpointId, PoolId, TargetId};
use crate::snapshot::Snapshot;
use crate::state::{Identity, State};
use crate::steer::{Dependents, Live};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Serving {
    state: State,
    known: Known,
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

impl Serving {
    pub(super) fn new(snapshot: Arc<Snapshot>, identity: Arc<Identity>, generation: u64, known: Known) -> Self {
        let waiting = known.trackers.iter().filter(|tracker| !tracker.probed()).count();
        let live = Live::new(&snapshot, |endpoint| known.observed(&snapshot, endpoint));
        let dependents = Dependents::new(&snapshot);
        let is_dirty = vec![false; snapshot.pools.len()];
        let state = State { snapshot, live, generation, identity };
        Self { state, known, dependents, dirty: Vec::new(), is_dirty, unpublished: true, waiting }
    }

    pub(super) const fn generation(&self) -> u64 {
        self.state.generation
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.state.snapshot
    }

    pub(super) fn tracker(&self, target: TargetId) -> Option<&Tracker> {
        self.known.trackers.get(target.index())
    }

    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) const fn known(&self) -> &Known {
        &self.known
    }

    /// Takes an outcome; `None` if there is no such target.
    pub(super) fn observe(&mut self, target: TargetId, outcome: Outcome) -> Option<Change> {
        let tracker = self.known.trackers.get_mut(target.index())?;
        let first = !tracker.probed();
        let snapshot = &self.state.snapshot;
        let before = self.known.vote(snapshot, target);
        let check = &snapshot.checks[snapshot.targets[target.index()].check.index()];
        self.known.trackers[target.index()].observe(outcome, &check.timing);
        self.waiting -= usize::from(first);
        let state = self.known.vote(snapshot, target).state;
        if let Some(flap) = check.voting.flap {
            let now = self.known.now;
            let circuit = self.known.circuit(target);
            circuit.voted(outcome, now);
            if before.state != TargetState::Unknown && before.state != state {
                circuit.changed(flap, now);
            }
        }
        let after = self.known.vote(snapshot, target);
        if first || before != after {
            self.votes_changed(target, before.counts() != after.counts());
        }
        let flapping = (before.flapping != after.flapping).then_some(after.flapping);
        Some(Change { from: before.state, to: after.state, first, flapping })
    }

    /// Works out again what a target votes for; `counts` says that its vote is another, not only its steadiness.
    fn votes_changed(&mut self, target: TargetId, counts: bool) {
        for pool in self.dependents.pools(target) {
            mark(&mut self.dirty, &mut self.is_dirty, pool);
            if counts {
                self.known.come_back_all(&self.state.snapshot, pool);
            }
        }
    }

    /// It is now so late: takes what time alone has changed.
    pub(super) fn time(&mut self, now: Millis) {
        self.known.now = self.known.now.max(now);
        while let Some(endpoint) = self.known.take_due() {
            let pool = self.state.snapshot.endpoints[endpoint.index()].pool;
            mark(&mut self.dirty, &mut self.is_dirty, pool);
            self.known.come_back(&self.state.snapshot, endpoint);
        }
    }

    /// When time alone changes something.
    pub(super) fn next(&self) -> Option<Millis> {
        self.known.next()
    }

    /// An operator lets an endpoint come back.
    pub(super) fn resume(&mut self, endpoint: EndpointId) {
        if self.known.resume(endpoint) {
            let pool = self.state.snapshot.endpoints[endpoint.index()].pool;
            mark(&mut self.dirty, &mut self.is_dirty, pool);
            self.known.come_back(&self.state.snapshot, endpoint);
        }
    }

    /// What is still Unknown counts as up from now on.
    pub(super) fn first_round_over(&mut self) {
        if std::mem::replace(&mut self.known.round_over, true) {
            return;
        }
        for (index, tracker) in self.known.trackers.iter().enumerate() {
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
            live.update(snapshot, &self.dependents, &self.dirty, |endpoint| self.known.observed(snapshot, endpoint));
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
