//! The blast guard at work: which sites fail, what the canaries say, and which transitions are held.
//!
//! A target without a history (the server or its check is new) has no `fall` failures that would give the guard time:
//! its first failure waits for the canaries' word. So does what an earlier run left, until every canary has voted once.
//!
//! A canary's answer vouches for what begins after it. A probe that began while the canaries failed, or before they had
//! said a word, and ended after that, says nothing of a target that was up: it is down if it fails once more.

use super::known::Known;
use crate::health::{Canaries, Guard, GuardRules, Millis, Outcome, Sites, TargetState};
use crate::id::{PoolId, TargetId};
use crate::limits::FIRST_ROUND_SLACK_MS;
use crate::snapshot::{Snapshot, Target};
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
    /// The canaries failed when they were asked last.
    failed: bool,
    /// When they failed no longer.
    answered: Option<Millis>,
    /// When the canaries first said whether we are cut off.
    first_word: Option<Millis>,
    /// Time in which every site is probed once, milliseconds.
    round_ms: Millis,
    /// Time in which every canary that can vote has done so, milliseconds.
    canary_ms: Millis,
    /// Until then the canaries' first votes are awaited, if one has none.
    first_votes_until: Millis,
    /// When the next of those that wait for the canaries' word waits no longer; `None`: none waits.
    waits_until: Option<Millis>,
    /// Targets that would be down.
    pub(super) held: BTreeMap<TargetId, Held>,
}

/// A target that would be down.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// Since when.
    pub(super) since: Millis,
    /// What it counts as: up, or unknown if it has no history.
    pub(super) from: TargetState,
    /// When its last failure began, at the earliest.
    pub(super) began: Millis,
    /// It waits for the canaries' word.
    pub(super) waits: bool,
    /// Its last probe failed, or began, while the canaries failed too.
    pub(super) in_doubt: bool,
    /// The last probe's reason.
    pub(super) note: Box<str>,
}

impl Held {
    /// True if it began while we may have been cut off. What has no history does not wait for a second failure after the
    /// first word of a start: everything dead would be named for so long.
    fn may_be_old(&self, back: Option<Millis>, first_word: Option<Millis>) -> bool {
        let since = if self.from == TargetState::Up { back.max(first_word) } else { back };
        since.is_some_and(|since| self.began < since)
    }
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
    /// Counts from nothing, from `now` on.
    pub(super) fn clear(&mut self, snapshot: &Snapshot, now: Millis) {
        (self.pools, self.sites) = (vec![[0; 2]; snapshot.pools.len()], Sites::default());
        self.canaries = snapshot.canaries.clone().into();
        let round = |target: &Target| {
            let timing = &snapshot.checks[target.check.index()].timing;
            Millis::from(timing.interval_ms) + Millis::from(timing.timeout_ms)
        };
        let longest = snapshot.targets.iter().map(round).max();
        self.round_ms = longest.unwrap_or(0).min(snapshot.guard.hold_ms.into());
        let slowest = self.canaries.iter().map(|canary| round(&snapshot.targets[canary.index()])).max();
        self.canary_ms = slowest.map_or(0, |slowest| slowest + FIRST_ROUND_SLACK_MS);
        self.first_votes_until = now + self.canary_ms;
    }

    /// Takes over from a configuration before; `links` gives each of its targets that is still there.
    pub(super) fn inherit(&mut self, before: &Self, links: impl Iterator<Item = (TargetId, TargetId)>) {
        (self.guard, self.exceeded, self.waits_until) = (before.guard, before.exceeded, before.waits_until);
        self.inherit_words(before);
        for (old, new) in links {
            self.held.extend(before.held.get(&old).map(|held| (new, held.clone())));
            self.votes.extend(before.votes.get(&old).map(|&vote| (new, vote)));
        }
    }

    /// Takes over what the canaries have said.
    pub(super) fn inherit_votes(&mut self, before: &Self) {
        self.votes.clone_from(&before.votes);
        self.inherit_words(before);
    }

    const fn inherit_words(&mut self, before: &Self) {
        (self.back, self.first_word) = (before.back, before.first_word);
        (self.failed, self.answered) = (before.failed, before.answered);
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

    /// A canary voted before this configuration served.
    pub(super) fn has_voted(&mut self, canary: TargetId, passed: bool, at: Millis) {
        self.votes.insert(canary, (passed, at));
    }

    /// True if a target is a canary.
    pub(super) fn is_canary(&self, target: TargetId) -> bool {
        self.canaries.contains(&target)
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

    /// A failure of a target may be doubted although nothing else is known of it.
    pub(super) fn doubts(&self, snapshot: &Snapshot) -> bool {
        !snapshot.canaries.is_empty() || matches!(self.guard, Guard::Up { .. })
    }

    /// A target would be down: it counts as `from` for now.
    pub(super) fn suspect(&mut self, target: TargetId, from: TargetState, (now, began): (Millis, Millis), note: &str) {
        let since = self.held.get(&target).map_or(now, |held| held.since);
        let held = Held { since, from, began, waits: false, in_doubt: false, note: note.into() };
        self.held.insert(target, held);
    }

    /// The counts, the canaries or the time are others now.
    pub(super) fn observe(&mut self, rules: &GuardRules, now: Millis) {
        let exceeded = rules.exceeded(self.sites);
        self.exceeded = exceeded.then(|| self.exceeded.unwrap_or(now));
        let (canaries, was_cut_off) = (self.canaries(), self.is_cut_off());
        self.guard.observe(rules, self.sites, canaries, now);
        let is_said = rules.share < 100 && canaries != Canaries::Silent;
        let failed = std::mem::replace(&mut self.failed, is_said && canaries == Canaries::Fail);
        if was_cut_off && !self.is_cut_off() {
            self.back = Some(now);
        }
        if failed && !self.failed {
            self.answered = Some(now);
        }
        if is_said {
            self.first_word.get_or_insert(now);
        }
    }

    /// A target is about to go down: true if it is held on.
    pub(super) fn holds(&mut self, rules: &GuardRules, target: TargetId, now: Millis) -> bool {
        let (canaries, all_voted) = (self.canaries(), self.votes.len() >= self.canaries.len());
        let Some(held) = self.held.get_mut(&target) else { return false };
        held.in_doubt = canaries == Canaries::Fail || self.answered.is_some_and(|answered| held.began < answered);
        // The sites that are probed at longer intervals must have their say before one failure is believed.
        let waits = held.in_doubt && rules.share < 100 && now < held.since + self.round_ms;
        let may_be_old = held.may_be_old(self.back, self.first_word);
        let (is_first, is_silent) = (held.from == TargetState::Unknown, canaries == Canaries::Silent);
        // A canary that cannot vote holds nothing for ever.
        let until = match is_first {
            true => held.since + self.canary_ms,
            false if all_voted => 0,
            false => self.first_votes_until,
        };
        held.waits = is_silent && rules.share < 100 && now < until;
        if held.waits {
            self.waits_until = Some(self.waits_until.map_or(until, |at| at.min(until)));
        }
        let waits = waits || held.waits || may_be_old;
        // At a start all sites that are down fail for the first time: that alone is no reason for a guard.
        let is_quiet = is_first && is_silent && !matches!(self.guard, Guard::Up { .. });
        !is_quiet && self.guard.holds(rules, self.sites, canaries, now) || waits
    }

    /// When time alone ends a wait for the canaries' word.
    pub(super) const fn waits_until(&self) -> Option<Millis> {
        self.waits_until
    }

    /// Those that waited for the canaries' word, if these have spoken or had the time for it.
    pub(super) fn take_waiting(&mut self, now: Millis) -> Vec<TargetId> {
        if self.waits_until.is_none_or(|until| now < until && self.canaries() == Canaries::Silent) {
            return Vec::new();
        }
        self.waits_until = None;
        let waited = |(&target, held): (&TargetId, &mut Held)| std::mem::take(&mut held.waits).then_some(target);
        self.held.iter_mut().filter_map(waited).collect()
    }

    /// True while a target without a history waits for the canaries' word.
    pub(super) fn is_undecided(&self, target: TargetId) -> bool {
        self.held.get(&target).is_some_and(|held| held.waits && held.from == TargetState::Unknown)
    }

    /// An operator believes the failures.
    pub(super) fn release(&mut self) {
        self.guard.release();
        // Whatever the canaries say from now on, a probe that is under way counts.
        (self.back, self.answered, self.first_word, self.waits_until) = (None, None, Some(0), None);
        self.held.values_mut().for_each(|held| (held.in_doubt, held.waits) = (false, false));
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
    pub(super) fn take_held(&mut self) -> Vec<(TargetId, Held)> {
        let Self { guarding, trackers, .. } = self;
        let (back, first_word) = (guarding.back, guarding.first_word);
        let taken = guarding.held.extract_if(.., |target, held| {
            let is_doubted = held.in_doubt || held.waits || held.may_be_old(back, first_word);
            trackers[target.index()].failing() && !is_doubted
        });
        taken.collect()
    }
}
