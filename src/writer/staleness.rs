//! Which targets have had no outcome for so long that what is known of them is old: nobody probes them, or their probes
//! cannot be judged. A prober that stands still is told of once, not ten thousand times.

use super::{Effect, Stale};
use crate::health::{Millis, Outcome, is_stale, slowdown};
use crate::id::TargetId;
use crate::limits::{STALE_STEP_MS, STALE_TOLD};
use crate::snapshot::Snapshot;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// When each target was heard of last.
#[derive(Debug, Default)]
pub(super) struct Staleness {
    /// By target; `None`: not yet in this run.
    last: Vec<Option<Last>>,
    /// When each target that is not stale is looked at next: once for several of its outcomes.
    due: BinaryHeap<Reverse<(Millis, TargetId)>>,
    stale: BTreeSet<TargetId>,
    /// There are so many that none is told of by itself.
    many: bool,
    /// The time has begun.
    armed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Last {
    at: Millis,
    /// Failures in a row: the long dead are probed more slowly.
    failures: u32,
}

impl Staleness {
    pub(super) fn new(targets: usize) -> Self {
        Self { last: vec![None; targets], ..Self::default() }
    }

    /// Takes over what is known of the targets that a configuration before had too.
    pub(super) fn inherit(&mut self, before: &Self, links: impl Iterator<Item = (TargetId, TargetId)>) {
        self.many = before.many;
        for (old, new) in links {
            self.last[new.index()] = before.last[old.index()];
            if before.stale.contains(&old) {
                self.stale.insert(new);
            }
        }
    }

    /// The targets that are stale.
    pub(super) const fn stale(&self) -> &BTreeSet<TargetId> {
        &self.stale
    }

    /// When one can be found to be stale.
    pub(super) fn next(&self) -> Option<Millis> {
        self.due.peek().map(|&Reverse((at, _))| at)
    }

    /// By target: failures in a row in this run.
    pub(super) fn failures(&self) -> Vec<u32> {
        self.last.iter().map(|last| last.map_or(0, |last| last.failures)).collect()
    }

    /// An outcome came in; gives what is to be told. One that could not be judged says nothing of the target, and what
    /// is known of it gets older.
    pub(super) fn heard(
        &mut self,
        target: TargetId,
        outcome: Outcome,
        snapshot: &Snapshot,
        now: Millis,
    ) -> Option<Stale> {
        let last = self.last.get_mut(target.index())?;
        let failures = match outcome {
            Outcome::Pass => 0,
            Outcome::Fail => last.map_or(0, |last| last.failures).saturating_add(1),
            Outcome::Inconclusive => return None,
        };
        *last = Some(Last { at: now, failures });
        if !self.stale.remove(&target) {
            return None;
        }
        self.due.push(Reverse((self.deadline(target, snapshot), target)));
        if !self.many {
            return Some(Stale::Fresh(target));
        }
        self.many = self.stale.len() > STALE_TOLD / 2;
        (!self.many).then_some(Stale::FreshAgain { stale: self.stale.len() })
    }

    /// Time has passed.
    pub(super) fn pass(&mut self, snapshot: &Snapshot, generation: u64, now: Millis, effects: &mut Vec<Effect>) {
        if !std::mem::replace(&mut self.armed, true) {
            self.arm(snapshot, now);
        }
        let mut found = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            let Some(Reverse((_, target))) = self.due.pop() else { break };
            if self.is_stale(target, snapshot, now) {
                found.push(target);
            } else {
                self.due.push(Reverse((self.deadline(target, snapshot), target)));
            }
        }
        if found.is_empty() {
            return;
        }
        self.stale.extend(&found);
        let told = |told| Effect::Stale { generation, told };
        if self.many {
            return;
        }
        self.many = self.stale.len() > STALE_TOLD;
        if self.many {
            effects.push(told(Stale::Many { stale: self.stale.len(), of: self.last.len() }));
        } else {
            effects.extend(found.into_iter().map(|target| told(Stale::One(target))));
        }
    }

    fn arm(&mut self, snapshot: &Snapshot, now: Millis) {
        for last in &mut self.last {
            last.get_or_insert(Last { at: now, failures: 0 });
        }
        let fresh = (0..self.last.len()).map(TargetId::new).filter(|target| !self.stale.contains(target));
        self.due = fresh.map(|target| Reverse((self.deadline(target, snapshot), target))).collect();
    }

    /// The last outcome, the effective interval and the timeout of a target, milliseconds.
    fn times(&self, target: TargetId, snapshot: &Snapshot) -> (Millis, u64, u64) {
        let last = self.last[target.index()].unwrap_or(Last { at: 0, failures: 0 });
        let timing = &snapshot.checks[snapshot.targets[target.index()].check.index()].timing;
        let slowdown = slowdown(last.failures, timing.fall, timing.interval_ms);
        (last.at, u64::from(timing.interval_ms) * u64::from(slowdown), timing.timeout_ms.into())
    }

    fn is_stale(&self, target: TargetId, snapshot: &Snapshot, now: Millis) -> bool {
        let (last, interval, timeout) = self.times(target, snapshot);
        is_stale(last, interval, timeout, now)
    }

    /// The first step of time at which the target is stale if nothing is heard of it.
    fn deadline(&self, target: TargetId, snapshot: &Snapshot) -> Millis {
        let (last, interval, timeout) = self.times(target, snapshot);
        ((last + 3 * interval + timeout) / STALE_STEP_MS + 1) * STALE_STEP_MS
    }
}
