//! The blast guard at work: which sites fail, what the canaries say, and which transitions are held.

use super::known::Known;
use crate::health::{Canaries, Guard, GuardRules, Millis, Outcome, Sites, TargetState};
use crate::id::{PoolId, TargetId};
use crate::snapshot::Snapshot;
use std::collections::{BTreeMap, HashMap};

/// The guard, what it counts, and what it holds.
#[derive(Debug, Default)]
pub(super) struct Guarding {
    pub(super) guard: Guard,
    /// By pool: its targets that are up, and those of them whose last vote was a failure.
    pools: Vec<[u32; 2]>,
    pub(super) sites: Sites,
    /// Since when more than the share of the sites fail.
    exceeded: Option<Millis>,
    canaries: Box<[TargetId]>,
    /// The last vote of each canary, and when it came in.
    votes: HashMap<TargetId, (bool, Millis)>,
    /// When we were cut off no longer.
    back: Option<Millis>,
    /// Time in which every site is probed once, milliseconds.
    round_ms: Millis,
    /// Targets that would be down.
    pub(super) held: BTreeMap<TargetId, Held>,
}

/// A target that would be down.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// Since when.
    pub(super) since: Millis,
    /// When its last failure began, at the earliest.
    pub(super) began: Millis,
    /// It failed last while the canaries failed too.
    pub(super) in_doubt: bool,
    /// The last probe's reason.
    pub(super) note: Box<str>,
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
    pub(super) fn clear(&mut self, snapshot: &Snapshot) {
        (self.pools, self.sites) = (vec![[0; 2]; snapshot.pools.len()], Sites::default());
        self.canaries = snapshot.canaries.clone().into();
        let timings = snapshot.targets.iter().map(|target| &snapshot.checks[target.check.index()].timing);
        let longest = timings.map(|timing| Millis::from(timing.interval_ms) + Millis::from(timing.timeout_ms)).max();
        self.round_ms = longest.unwrap_or(0).min(snapshot.guard.hold_ms.into());
    }

    /// Takes over from a configuration before; `links` gives each of its targets that is still there.
    pub(super) fn inherit(&mut self, before: &Self, links: impl Iterator<Item = (TargetId, TargetId)>) {
        (self.guard, self.exceeded, self.back) = (before.guard, before.exceeded, before.back);
        for (old, new) in links {
            self.held.extend(before.held.get(&old).map(|held| (new, held.clone())));
            self.votes.extend(before.votes.get(&old).map(|&vote| (new, vote)));
        }
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

    /// Takes a canary's vote; false if the target is none, or did not vote.
    pub(super) fn voted(&mut self, target: TargetId, outcome: Outcome, now: Millis) -> bool {
        let votes = outcome != Outcome::Inconclusive && self.canaries.contains(&target);
        if votes {
            self.votes.insert(target, (outcome == Outcome::Pass, now));
        }
        votes
    }

    /// What the canaries say. One that answered before the sites began to fail says nothing of that.
    pub(super) fn canaries(&self) -> Canaries {
        let of = |canary| self.votes.get(canary).copied();
        let votes = || self.canaries.iter().filter_map(of);
        let failed = votes().filter(|(passed, _)| !passed).count();
        let passed = votes().filter(|&(passed, at)| passed && self.exceeded.is_none_or(|since| at > since)).count();
        match self.canaries.len() {
            0 => Canaries::Silent,
            all if failed * 2 > all => Canaries::Fail,
            all if passed * 2 >= all => Canaries::Pass,
            _ => Canaries::Silent,
        }
    }

    /// What each canary said last; `None`: nothing yet.
    pub(super) fn canary_votes(&self) -> Vec<(TargetId, Option<bool>)> {
        self.canaries.iter().map(|&canary| (canary, self.votes.get(&canary).map(|vote| vote.0))).collect()
    }

    /// The counts, the canaries or the time are others now.
    pub(super) fn observe(&mut self, rules: &GuardRules, now: Millis) {
        let exceeded = rules.exceeded(self.sites);
        self.exceeded = exceeded.then(|| self.exceeded.unwrap_or(now));
        let was_cut_off = self.is_cut_off();
        self.guard.observe(rules, self.sites, self.canaries(), now);
        if was_cut_off && !self.is_cut_off() {
            self.back = Some(now);
        }
    }

    /// A target is about to go down: true if it is held on.
    pub(super) fn holds(&mut self, rules: &GuardRules, target: TargetId, now: Millis) -> bool {
        let canaries = self.canaries();
        let Some(held) = self.held.get_mut(&target) else { return false };
        held.in_doubt = canaries == Canaries::Fail;
        // The sites that are probed at longer intervals must have their say before one failure is believed.
        let waits = held.in_doubt && rules.share < 100 && now < held.since + self.round_ms;
        let may_be_old = self.back.is_some_and(|back| held.began < back);
        self.guard.holds(rules, self.sites, canaries, now) || waits || may_be_old
    }

    /// An operator believes the failures.
    pub(super) fn release(&mut self) {
        self.guard.release();
        self.back = None;
        self.held.values_mut().for_each(|held| held.in_doubt = false);
    }

    /// True while the canaries fail too.
    pub(super) const fn is_cut_off(&self) -> bool {
        matches!(self.guard, Guard::Up { until: None, .. })
    }
}

impl Known {
    /// What a target counts for.
    pub(super) fn weighs(&self, target: TargetId) -> Weighs {
        let tracker = &self.trackers[target.index()];
        let up = tracker.state() == TargetState::Up || self.guarding.held.contains_key(&target);
        Weighs { up, failing: up && tracker.failing() }
    }

    /// The held targets that still fail; they are held no longer. What failed last while we may have been cut off stays
    /// held until it fails once more.
    pub(super) fn take_held(&mut self) -> Vec<(TargetId, Box<str>)> {
        let Self { guarding, trackers, .. } = self;
        let back = guarding.back;
        let taken = guarding.held.extract_if(.., |target, held| {
            let may_be_old = held.in_doubt || back.is_some_and(|back| held.began < back);
            trackers[target.index()].failing() && !may_be_old
        });
        taken.map(|(target, held)| (target, held.note)).collect()
    }
}
