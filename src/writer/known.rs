//! What is known of targets and of the endpoints that they vote for: from trackers, circuits and comebacks to what the
//! live tables are told.

use super::guarding::Guarding;
use super::measured::Measured;
use super::staleness::Staleness;
use crate::health::{Circuit, Comeback, Millis, TargetState, Tracker};
use crate::id::{EndpointId, PoolId, TargetId};
use crate::pool::{Pool, Relieved};
use crate::snapshot::Snapshot;
use crate::steer::Observed;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::mem::discriminant;

/// All that is known of one configuration's targets.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) trackers: Vec<Tracker>,
    /// Circuits of the targets that have changed under a check with a flap limit.
    pub(super) circuits: HashMap<TargetId, Circuit>,
    /// What is still Unknown counts as up.
    pub(super) round_over: bool,
    /// The endpoints that are not fully in service, of pools that say how they come back; by family.
    pub(super) comebacks: HashMap<EndpointId, [Comeback; 2]>,
    /// When time alone changes a comeback; an entry that comes too early changes nothing.
    timers: BinaryHeap<Reverse<(Millis, EndpointId)>>,
    /// Steps on ways back that nobody was told of yet.
    steps: Vec<Step>,
    /// The time of the last event.
    pub(super) now: Millis,
    pub(super) guarding: Guarding,
    pub(super) measured: Measured,
    pub(super) staleness: Staleness,
}

/// What an earlier run has left of a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Left {
    /// The time of the start; all other times are before it.
    pub now: Millis,
    /// By target, fresh or new.
    pub trackers: Vec<Tracker>,
    /// Circuits of targets that have changed.
    pub circuits: Vec<(TargetId, Circuit)>,
    /// Endpoints that are not fully in service, by family.
    pub comebacks: Vec<(EndpointId, [Comeback; 2])>,
    /// What the loads of pools had come to.
    pub shares: Vec<(PoolId, Relieved)>,
}

impl Left {
    /// Nothing is known of so many targets.
    #[must_use]
    pub fn nothing(targets: usize) -> Self {
        let trackers = vec![Tracker::default(); targets];
        Self { now: 0, trackers, circuits: Vec::new(), comebacks: Vec::new(), shares: Vec::new() }
    }
}

/// A step of an endpoint on its way back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    pub(super) endpoint: EndpointId,
    /// The families whose address takes it.
    pub(super) lanes: [bool; 2],
    pub(super) from: Comeback,
    pub(super) to: Comeback,
}

/// What a target says to its endpoints.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Vote {
    pub(super) state: TargetState,
    /// Its circuit holds it down.
    pub(super) flapping: bool,
    steady_s: u32,
}

impl Vote {
    /// What counts of it.
    pub(super) fn counts(self) -> (bool, bool) {
        (self.state == TargetState::Down, self.flapping)
    }
}

impl Known {
    pub(super) fn new(trackers: Vec<Tracker>, round_over: bool) -> Self {
        let staleness = Staleness::new(trackers.len());
        Self { trackers, round_over, staleness, ..Self::default() }
    }

    pub(super) fn resumed(left: Left, snapshot: &Snapshot) -> Self {
        let mut known = Self { now: left.now, ..Self::new(left.trackers, false) };
        known.circuits.extend(left.circuits);
        let of_pools_with_rules =
            |(endpoint, _): &(EndpointId, _)| !pool_of(snapshot, *endpoint).rules.comeback.at_once();
        known.comebacks.extend(left.comebacks.into_iter().filter(of_pools_with_rules));
        // Not only of those that were on a way back: the rules may be new, and they hold for what is down already.
        (0..snapshot.pools.len()).for_each(|pool| known.come_back_all(snapshot, PoolId::new(pool)));
        known
    }

    /// What a target says to its endpoints.
    pub(super) fn vote(&self, snapshot: &Snapshot, target: TargetId) -> Vote {
        let tracker = &self.trackers[target.index()];
        let timing = &snapshot.checks[snapshot.targets[target.index()].check.index()].timing;
        let flapping = self.circuits.get(&target).is_some_and(Circuit::is_open);
        if let Some(held) = self.guarding.held.get(&target) {
            return Vote { state: held.from, flapping, steady_s: 0 };
        }
        Vote { state: tracker.state(), flapping, steady_s: tracker.steady_s(timing) }
    }

    /// What the live tables are told of an endpoint.
    pub(super) fn observed(&self, snapshot: &Snapshot, endpoint: EndpointId) -> Observed {
        let mut observed = self.by_checks(snapshot, endpoint);
        self.measured.tell(snapshot, endpoint, &mut observed);
        let Some(comebacks) = self.comebacks.get(&endpoint) else { return observed };
        let rules = &pool_of(snapshot, endpoint).rules.comeback;
        for (lane, comeback) in comebacks.iter().enumerate() {
            let share = comeback.share(rules, self.now);
            observed.waits[lane] = observed.up[lane] && matches!(comeback, Comeback::Waiting { .. });
            // What is out, or stopped by an operator's rule, is not there even when a circuit spares it.
            observed.up[lane] &= share > 0;
            observed.flapping[lane] &= !matches!(comeback, Comeback::Stopped);
            observed.share[lane] = share.max(1);
        }
        observed
    }

    /// The same by the votes of the endpoint's targets alone.
    fn by_checks(&self, snapshot: &Snapshot, endpoint: EndpointId) -> Observed {
        let mut observed = Observed::UP;
        let may_fail = usize::from(pool_of(snapshot, endpoint).rules.may_fail);
        for lane in 0..2 {
            let (mut failed, mut flapping) = (0, 0);
            for &target in snapshot.targets_of(endpoint, lane) {
                let vote = self.vote(snapshot, target);
                failed += usize::from(vote.state == TargetState::Down);
                flapping += usize::from(vote.state != TargetState::Down && vote.flapping);
                observed.steady_s = observed.steady_s.min(vote.steady_s);
                let is_known = self.trackers[target.index()].probed() && !self.guarding.is_undecided(target);
                observed.pending |= !self.round_over && !is_known;
            }
            observed.up[lane] = failed + flapping <= may_fail;
            observed.passes[lane] = failed <= may_fail;
            observed.flapping[lane] = observed.passes[lane] && !observed.up[lane];
        }
        observed
    }

    /// Takes what the checks of a pool's members say now into their comebacks.
    pub(super) fn come_back_all(&mut self, snapshot: &Snapshot, pool: PoolId) {
        let pool = &snapshot.pools[pool.index()];
        if !pool.rules.comeback.at_once() {
            pool.endpoints().for_each(|endpoint| self.come_back(snapshot, endpoint));
        }
    }

    /// The same for one endpoint.
    pub(super) fn come_back(&mut self, snapshot: &Snapshot, endpoint: EndpointId) {
        let up = self.by_checks(snapshot, endpoint).up;
        if up == [true; 2] && !self.comebacks.contains_key(&endpoint) {
            return;
        }
        let before = self.comebacks.get(&endpoint).copied().unwrap_or_default();
        self.step(snapshot, endpoint, before, up);
    }

    /// Takes what the checks say of an endpoint; `before` is where it was as far as people were told.
    fn step(&mut self, snapshot: &Snapshot, endpoint: EndpointId, before: [Comeback; 2], up: [bool; 2]) {
        let rules = &pool_of(snapshot, endpoint).rules.comeback;
        let comebacks = self.comebacks.entry(endpoint).or_default();
        for (comeback, up) in comebacks.iter_mut().zip(up) {
            comeback.observe(up, rules, self.now);
        }
        self.steps.extend(steps(endpoint, before, *comebacks));
        let next = comebacks.iter().filter_map(|comeback| comeback.next(rules, self.now)).min();
        self.timers.extend(next.map(|next| Reverse((next, endpoint))));
        if *comebacks == [Comeback::Full; 2] {
            self.comebacks.remove(&endpoint);
        }
    }

    /// An operator lets an endpoint come back; true if it was on its way.
    pub(super) fn resume(&mut self, snapshot: &Snapshot, endpoint: EndpointId) -> bool {
        let up = self.by_checks(snapshot, endpoint).up;
        let Some(comebacks) = self.comebacks.get_mut(&endpoint) else { return false };
        let before = *comebacks;
        comebacks.iter_mut().for_each(|comeback| comeback.resume(self.now));
        self.step(snapshot, endpoint, before, up);
        true
    }

    /// The steps on ways back since the last call.
    pub(super) fn take_steps(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }

    /// When time alone changes something.
    pub(super) fn next(&self) -> Option<Millis> {
        self.timers.peek().map(|&Reverse((at, _))| at)
    }

    /// The next endpoint whose time has come.
    pub(super) fn take_due(&mut self) -> Option<EndpointId> {
        self.next().filter(|&at| at <= self.now)?;
        self.timers.pop().map(|Reverse((_, endpoint))| endpoint)
    }

    /// The circuit of a target whose check has a flap limit.
    pub(super) fn circuit(&mut self, target: TargetId) -> &mut Circuit {
        self.circuits.entry(target).or_default()
    }

    /// Takes over what is known of the endpoints that a configuration before had under the same names.
    pub(super) fn inherit(&mut self, snapshot: &Snapshot, before: &Self, old: &Snapshot) {
        self.now = before.now;
        let known: HashMap<_, _> =
            before.comebacks.iter().map(|(&endpoint, comebacks)| (name(old, endpoint), comebacks)).collect();
        for (index, pool) in snapshot.pools.iter().enumerate().filter(|(_, pool)| !pool.rules.comeback.at_once()) {
            for endpoint in pool.endpoints() {
                if let Some(comebacks) = known.get(&name(snapshot, endpoint)) {
                    self.comebacks.insert(endpoint, **comebacks);
                }
            }
            self.come_back_all(snapshot, PoolId::new(index));
        }
    }
}

fn pool_of(snapshot: &Snapshot, endpoint: EndpointId) -> &Pool {
    &snapshot.pools[snapshot.endpoints[endpoint.index()].pool.index()]
}

/// The steps that are news for people, those of both families as one if they are alike. Who is out is told by its checks.
fn steps(endpoint: EndpointId, before: [Comeback; 2], after: [Comeback; 2]) -> impl Iterator<Item = Step> {
    let step = move |lane: usize| {
        let (from, to) = (before[lane], after[lane]);
        let is_news = discriminant(&from) != discriminant(&to) && !matches!(to, Comeback::Out { .. });
        is_news.then_some((from, to))
    };
    let (one, other) = (step(0), step(1));
    let alike = one.is_some_and(|(from, to)| {
        other.is_some_and(|other| discriminant(&from) == discriminant(&other.0) && to == other.1)
    });
    let of = move |lanes| move |(from, to)| Step { endpoint, lanes, from, to };
    let first = one.map(of([true, alike]));
    first.into_iter().chain(other.filter(|_| !alike).map(of([false, true])))
}

/// What stays the same of an endpoint from one configuration to the next.
fn name(snapshot: &Snapshot, endpoint: EndpointId) -> (&[u8], &str, &str) {
    let data = &snapshot.endpoints[endpoint.index()];
    let pool = &snapshot.pools[data.pool.index()];
    (snapshot.settings[pool.zone.index()].apex.wire(), &pool.name, &data.name)
}
