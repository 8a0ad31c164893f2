//! The configuration that serves: its trackers, and the live tables that follow from them.

use super::guarding::{Guarding, Weighs};
use super::known::{Known, Step};
use super::operators::Seen;
use super::relieving::Relieving;
use super::{Change, Effect};
use crate::health::{Guard, GuardRules, Millis, Outcome, Sample, Sites, TargetState, Tracker};
use crate::id::{EndpointId, PoolId, TargetId};
use crate::pool::{Gates, Relieved};
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
    /// When and how each target's last probe ended.
    seen: Vec<Seen>,
    relieving: Relieving,
}

impl Serving {
    pub(super) fn new(
        snapshot: Arc<Snapshot>,
        identity: Arc<Identity>,
        generation: u64,
        mut known: Known,
        gates: Arc<Gates>,
    ) -> Self {
        let waiting = known.trackers.iter().filter(|tracker| !tracker.probed()).count();
        let live = Live::with_gates(&snapshot, gates, |endpoint| known.observed(&snapshot, endpoint));
        let dependents = Dependents::new(&snapshot);
        known.guarding.clear(&snapshot, known.now);
        for target in (0..snapshot.targets.len()).map(TargetId::new) {
            let weighs = known.weighs(target);
            known.guarding.recount(dependents.pools(target), Weighs::NOTHING, weighs);
        }
        let is_dirty = vec![false; snapshot.pools.len()];
        let seen = vec![Seen::default(); snapshot.targets.len()];
        let relieving = Relieving::new(&snapshot);
        let state = State { snapshot, live, generation, identity };
        Self { state, known, dependents, dirty: Vec::new(), is_dirty, unpublished: true, waiting, seen, relieving }
    }

    /// Takes over what the loads of pools meant until now.
    pub(super) fn inherit_shares(&mut self, before: &Self) {
        self.relieving.inherit(&self.state.snapshot, &before.relieving, &before.state.snapshot);
        self.first_shares();
    }

    /// Takes over what an earlier run had made of the loads of pools.
    pub(super) fn resume_shares(&mut self, left: &[(PoolId, Relieved)]) {
        self.relieving.resume(left, self.known.now);
        self.first_shares();
    }

    fn first_shares(&mut self) {
        let live = &mut self.state.live;
        for pool in live.set_steered(self.relieving.first(live)) {
            mark(&mut self.dirty, &mut self.is_dirty, pool);
        }
    }

    /// What the loads of pools have come to.
    pub(super) fn shares(&self) -> Vec<(PoolId, Relieved)> {
        self.relieving.kept(self.known.now)
    }

    /// Tells of the steps on ways back.
    pub(super) fn tell_steps(&mut self, effects: &mut Vec<Effect>) {
        let generation = self.generation();
        let told = |Step { endpoint, lanes, from, to }| Effect::Comeback { generation, endpoint, lanes, from, to };
        effects.extend(self.known.take_steps().into_iter().map(told));
    }

    /// Takes over what the canaries have said, from one that serves the same configuration.
    pub(super) fn inherit_votes(&mut self, before: &Self) {
        self.known.guarding.inherit_votes(&before.known.guarding);
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn trackers(&self) -> &[Tracker] {
        &self.known.trackers
    }

    pub(super) fn seen(&self) -> &[Seen] {
        &self.seen
    }

    pub(super) fn seen_mut(&mut self) -> &mut [Seen] {
        &mut self.seen
    }

    /// Takes other gates: the pools concerned are worked out again at the next [`Serving::publish`]. Gates are published
    /// even if all is answered as before: what operators are shown is read from there.
    pub(super) fn set_gates(&mut self, gates: Arc<Gates>) {
        let pools = self.state.live.set_gates(&self.state.snapshot, gates);
        self.unpublished |= !pools.is_empty();
        for pool in pools {
            mark(&mut self.dirty, &mut self.is_dirty, pool);
        }
    }

    /// The state that other gates would give; changes nothing.
    pub(super) fn what_if(&self, gates: Arc<Gates>) -> State {
        let mut state = self.state.clone();
        let snapshot = &self.state.snapshot;
        let mut pools = state.live.set_gates(snapshot, gates);
        pools.extend(&self.dirty);
        state.live.update(snapshot, &self.dependents, &pools, |endpoint| self.known.observed(snapshot, endpoint));
        state
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
    pub(super) fn observe(&mut self, target: TargetId, outcome: Outcome, note: &str) -> Option<Change> {
        let tracker = self.known.trackers.get_mut(target.index())?;
        let first = !tracker.probed();
        let snapshot = &self.state.snapshot;
        let before = self.known.vote(snapshot, target);
        let check = &snapshot.checks[snapshot.targets[target.index()].check.index()];
        let weighed = self.known.weighs(target);
        if outcome == Outcome::Pass && before.state == TargetState::Unknown {
            // A first failure that is doubted says nothing: this is the outcome that decides.
            self.known.trackers[target.index()] = Tracker::default();
        }
        self.known.trackers[target.index()].observe(outcome, &check.timing);
        let before_guard = self.known.guarding.guard;
        let rules = (&snapshot.guard, check.timing.timeout_ms);
        guard(&mut self.known, &self.dependents, rules, (target, outcome, note), (before.state, weighed));
        self.waiting -= usize::from(first);
        let state = self.known.vote(snapshot, target).state;
        if let Some(flap) = check.voting.flap {
            let now = self.known.now;
            self.known.circuit(target).voted(outcome, now);
            let guarded = matches!(self.known.guarding.guard, Guard::Up { .. });
            if before.state != TargetState::Unknown && before.state != state && !guarded {
                self.known.circuit(target).changed(flap, now);
            }
        }
        let after = self.known.vote(snapshot, target);
        if first || before != after {
            self.votes_changed(target, before.counts() != after.counts());
        }
        let flapping = (before.flapping != after.flapping).then_some(after.flapping);
        let guard = before_guard != self.known.guarding.guard;
        Some(Change { from: before.state, to: after.state, first, flapping, guard })
    }

    /// Takes what a probe measured.
    pub(super) fn measured(&mut self, target: TargetId, sample: Sample) {
        if self.known.measured.take(&self.state.snapshot, target, sample, self.known.now) {
            self.numbers_changed(target);
        }
    }

    /// Works out again the pools that look at a target's load or time.
    fn numbers_changed(&mut self, target: TargetId) {
        let metered = self.state.snapshot.meters.of_target(target);
        for &pool in metered.map_or(&[][..], |metered| &metered.pools) {
            mark(&mut self.dirty, &mut self.is_dirty, pool);
        }
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
    pub(super) fn time(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        self.known.now = self.known.now.max(now);
        if self.known.guarding.guard.next().is_some_and(|end| now >= end) {
            self.known.guarding.observe(&self.state.snapshot.guard, now);
            self.believe(effects);
        }
        self.settle(effects);
        while let Some(target) = self.known.measured.take_stale(now) {
            self.numbers_changed(target);
        }
        let generation = self.generation();
        self.known.staleness.pass(&self.state.snapshot, generation, self.known.now, effects);
        while let Some(endpoint) = self.known.take_due() {
            let pool = self.state.snapshot.endpoints[endpoint.index()].pool;
            mark(&mut self.dirty, &mut self.is_dirty, pool);
            self.known.come_back(&self.state.snapshot, endpoint);
        }
        let State { snapshot, live, .. } = &mut self.state;
        if let Some(steered) = self.relieving.look(snapshot, live, &self.known) {
            let turned = self.relieving.take_turned().into_iter();
            effects.extend(turned.map(|(pool, keep, load)| Effect::Shed { generation, pool, keep, load }));
            for pool in live.set_steered(steered) {
                mark(&mut self.dirty, &mut self.is_dirty, pool);
            }
        }
    }

    /// The state as it counts: what is held is up.
    pub(super) fn target_state(&self, target: TargetId) -> TargetState {
        let known = target.index() < self.known.trackers.len();
        if known { self.known.vote(&self.state.snapshot, target).state } else { TargetState::Unknown }
    }

    pub(super) const fn guard(&self) -> (Guard, Sites) {
        (self.known.guarding.guard, self.known.guarding.sites)
    }

    /// An operator believes the failures that are held.
    pub(super) fn release(&mut self, effects: &mut Vec<Effect>) {
        self.known.guarding.release();
        self.believe(effects);
    }

    /// The guard holds no longer: what still fails is down.
    fn believe(&mut self, effects: &mut Vec<Effect>) {
        let guard = self.known.guarding.guard;
        if matches!(guard, Guard::Up { .. }) || self.known.guarding.held.is_empty() {
            return;
        }
        self.tell_guard(effects);
        let generation = self.generation();
        let held: Vec<_> = self.known.guarding.held.keys().map(|&target| (target, self.known.weighs(target))).collect();
        let down = self.known.take_held();
        for (target, weighed) in held {
            let weighs = self.known.weighs(target);
            self.known.guarding.recount(self.dependents.pools(target), weighed, weighs);
        }
        // What is down fails no longer; the guard is ready for the next time.
        self.known.guarding.observe(&self.state.snapshot.guard, self.known.now);
        for (target, held) in down {
            self.votes_changed(target, true);
            let (from, to) = (held.from, TargetState::Down);
            effects.push(Effect::Changed { generation, target, from, to, note: held.note });
        }
    }

    /// Decides what waits for the canaries' word, if these have spoken or had the time for it.
    pub(super) fn settle(&mut self, effects: &mut Vec<Effect>) {
        let waited = self.known.guarding.take_waiting(self.known.now);
        self.decide(&waited, effects);
    }

    /// Asks the guard about targets that count as held: those that still fail and are not held are down.
    pub(super) fn decide(&mut self, targets: &[TargetId], effects: &mut Vec<Effect>) {
        if targets.is_empty() {
            return;
        }
        let (generation, now, before) = (self.generation(), self.known.now, self.known.guarding.guard);
        self.known.guarding.observe(&self.state.snapshot.guard, now);
        for &target in targets {
            if self.known.guarding.holds(&self.state.snapshot.guard, target, now) {
                // Nobody waits for it any more.
                self.votes_changed(target, false);
                continue;
            }
            let weighed = self.known.weighs(target);
            if !self.known.trackers[target.index()].failing() {
                continue;
            }
            let Some(held) = self.known.guarding.held.remove(&target) else { continue };
            let weighs = self.known.weighs(target);
            self.known.guarding.recount(self.dependents.pools(target), weighed, weighs);
            self.votes_changed(target, true);
            self.seen[target.index()].changes += 1;
            let (from, to) = (held.from, TargetState::Down);
            effects.push(Effect::Changed { generation, target, from, to, note: held.note });
        }
        self.known.guarding.observe(&self.state.snapshot.guard, now);
        if before != self.known.guarding.guard {
            self.tell_guard(effects);
        }
    }

    /// An outcome came in.
    pub(super) fn heard(&mut self, target: TargetId, outcome: Outcome, effects: &mut Vec<Effect>) {
        let (generation, now) = (self.generation(), self.known.now);
        let told = self.known.staleness.heard(target, outcome, &self.state.snapshot, now);
        effects.extend(told.map(|told| Effect::Stale { generation, told }));
    }

    /// Takes the vote of a canary; every other target is ignored.
    pub(super) fn canary_voted(&mut self, target: TargetId, outcome: Outcome, effects: &mut Vec<Effect>) {
        let now = self.known.now;
        if !self.known.guarding.voted(target, outcome, now) {
            return;
        }
        let before = self.known.guarding.guard;
        self.known.guarding.observe(&self.state.snapshot.guard, now);
        let after = self.known.guarding.guard;
        match (before, after) {
            _ if before == after => {}
            // They answered all the time: what was held is real.
            (Guard::Up { until: Some(_), .. }, Guard::Quiet) if !self.known.guarding.held.is_empty() => {
                self.believe(effects);
            }
            // What failed while we were cut off is believed when it fails once more.
            _ => self.tell_guard(effects),
        }
    }

    pub(super) fn tell_guard(&self, effects: &mut Vec<Effect>) {
        let Guarding { guard, sites, .. } = self.known.guarding;
        effects.push(Effect::Guard { guard, sites, canaries: self.known.guarding.canaries() });
    }

    /// When time alone changes something.
    pub(super) fn next(&self) -> Option<Millis> {
        let guard = self.known.guarding.guard.next();
        let waits = self.known.guarding.waits_until();
        let known = [self.known.next(), self.known.measured.next(), self.known.staleness.next(), waits];
        known.into_iter().chain([self.relieving.next(), guard]).flatten().min()
    }

    /// An operator lets an endpoint come back.
    pub(super) fn resume(&mut self, endpoint: EndpointId) {
        if self.known.resume(&self.state.snapshot, endpoint) {
            let pool = self.state.snapshot.endpoints[endpoint.index()].pool;
            mark(&mut self.dirty, &mut self.is_dirty, pool);
        }
    }

    /// What is still Unknown counts as up from now on.
    pub(super) fn first_round_over(&mut self) {
        if std::mem::replace(&mut self.known.round_over, true) {
            return;
        }
        for (index, tracker) in self.known.trackers.iter().enumerate() {
            if !tracker.probed() || self.known.guarding.is_undecided(TargetId::new(index)) {
                for pool in self.dependents.pools(TargetId::new(index)) {
                    mark(&mut self.dirty, &mut self.is_dirty, pool);
                }
            }
        }
    }

    /// Works out what changed; the state if an answer can be another than at the last call.
    pub(super) fn publish(&mut self) -> Option<State> {
        let State { snapshot, live, .. } = &mut self.state;
        let observed = |endpoint| self.known.observed(snapshot, endpoint);
        let mut changed = live.update(snapshot, &self.dependents, &self.dirty, observed);
        // Who is gone decides how much room the others have.
        if let Some(steered) = self.relieving.liveness(live) {
            let pools = live.set_steered(steered);
            changed |= live.update(snapshot, &self.dependents, &pools, observed);
        }
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

/// Asks the guard whether a target goes down, if its last vote would take it down.
fn guard(
    known: &mut Known,
    dependents: &Dependents,
    (rules, timeout_ms): (&GuardRules, u32),
    (target, outcome, note): (TargetId, Outcome, &str),
    (state, weighed): (TargetState, Weighs),
) {
    let now = known.now;
    let down = known.trackers[target.index()].state() == TargetState::Down;
    if !down {
        known.guarding.held.remove(&target);
    }
    // For now it counts as held: the guard asks how many fail that are not down yet. No canary vouches for another.
    let is_asked_for = state == TargetState::Up || state == TargetState::Unknown && !known.guarding.is_canary(target);
    let asked = down && is_asked_for && outcome == Outcome::Fail;
    if asked {
        let began = now.saturating_sub(timeout_ms.into());
        known.guarding.suspect(target, state, (now, began), note);
    }
    let weighs = known.weighs(target);
    known.guarding.recount(dependents.pools(target), weighed, weighs);
    known.guarding.observe(rules, now);
    if asked && !known.guarding.holds(rules, target, now) {
        known.guarding.held.remove(&target);
        let believed = known.weighs(target);
        known.guarding.recount(dependents.pools(target), weighs, believed);
    }
}
