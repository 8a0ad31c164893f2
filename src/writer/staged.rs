//! A configuration that waits for the first outcomes of what is new in it.

use super::guarding::Guarding;
use super::known::Known;
use super::measured::Measured;
use super::operators::Seen;
use super::serving::Serving;
use super::{Change, Effect};
use crate::health::{CheckKind, Flap, Millis, Outcome, Sample, TargetAddress, TargetState, Timing, Tracker};
use crate::id::TargetId;
use crate::overrides::Overrides;
use crate::snapshot::Snapshot;
use crate::state::Identity;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Staged {
    snapshot: Arc<Snapshot>,
    identity: Arc<Identity>,
    generation: u64,
    /// Trackers of the targets that the serving configuration does not have.
    trackers: Vec<Tracker>,
    /// The serving configuration's target of the same address and check.
    links: Vec<Option<TargetId>>,
    /// By target of the serving configuration: linked, and without an outcome when this was staged.
    awaited: Vec<bool>,
    /// Targets without any outcome.
    waiting: usize,
    /// When and how the last probe of each target that only this configuration has ended.
    seen: Vec<Seen>,
    /// What these probes measured.
    measured: Measured,
}

/// What makes two targets the same.
type Content<'a> = (&'a TargetAddress, (&'a CheckKind, Timing, Option<Flap>));

fn contents(snapshot: &Snapshot) -> impl Iterator<Item = (TargetId, Content<'_>)> {
    snapshot.targets.iter().enumerate().map(|(index, target)| {
        let check = &snapshot.checks[target.check.index()];
        (TargetId::new(index), (&target.address, check.content()))
    })
}

impl Staged {
    /// `before` is what was staged until now: its outcomes are kept.
    pub(super) fn new(
        snapshot: Arc<Snapshot>,
        identity: Arc<Identity>,
        generation: u64,
        serving: &Serving,
        before: Option<&Self>,
    ) -> Self {
        let of_serving: HashMap<_, _> = contents(serving.snapshot()).map(|(id, content)| (content, id)).collect();
        let of_before: HashMap<_, _> = before
            .iter()
            .flat_map(|staged| contents(&staged.snapshot).map(|(id, content)| (content, staged.trackers[id.index()])))
            .collect();
        let mut trackers = vec![Tracker::default(); snapshot.targets.len()];
        let mut links = vec![None; snapshot.targets.len()];
        let mut awaited = vec![false; serving.snapshot().targets.len()];
        let mut waiting = 0;
        for (id, content) in contents(&snapshot) {
            let link = of_serving.get(&content).copied();
            links[id.index()] = link;
            let probed = match link {
                Some(link) => {
                    let probed = serving.tracker(link).is_some_and(Tracker::probed);
                    awaited[link.index()] = !probed;
                    probed
                }
                None => {
                    let tracker = of_before.get(&content).copied().unwrap_or_default();
                    trackers[id.index()] = tracker;
                    tracker.probed()
                }
            };
            waiting += usize::from(!probed);
        }
        drop((of_serving, of_before));
        let seen = vec![Seen::default(); snapshot.targets.len()];
        Self { snapshot, identity, generation, trackers, links, awaited, waiting, seen, measured: Measured::default() }
    }

    pub(super) fn seen_mut(&mut self) -> &mut [Seen] {
        &mut self.seen
    }

    pub(super) fn configuration(&self) -> (Arc<Snapshot>, Arc<Identity>) {
        (Arc::clone(&self.snapshot), Arc::clone(&self.identity))
    }

    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// The serving configuration's tracker that counts for a target.
    pub(super) fn link(&self, target: TargetId) -> Option<TargetId> {
        self.links.get(target.index()).copied().flatten()
    }

    /// Takes an outcome of a target that only this configuration has; `None` if there is no such target. That it is down
    /// is told when this configuration serves: the guard has its say then.
    pub(super) fn observe(&mut self, target: TargetId, outcome: Outcome) -> Option<Change> {
        let tracker = self.trackers.get_mut(target.index())?;
        let check = self.snapshot.targets[target.index()].check;
        let before = *tracker;
        tracker.observe(outcome, &self.snapshot.checks[check.index()].timing);
        let first = !before.probed();
        self.waiting -= usize::from(first);
        let to = tracker.state();
        let from = if to == TargetState::Up && before.state() != to { TargetState::Unknown } else { to };
        Some(Change { from, to, first, flapping: None, guard: false })
    }

    /// Takes what a probe of a target measured that only this configuration has.
    pub(super) fn measured(&mut self, target: TargetId, sample: Sample, now: Millis) {
        if target.index() < self.trackers.len() {
            self.measured.take(&self.snapshot, target, sample, now);
        }
    }

    /// A target of the serving configuration got its first outcome.
    pub(super) fn shared_is_in(&mut self, target: TargetId) {
        if let Some(awaited) = self.awaited.get_mut(target.index()) {
            self.waiting -= usize::from(std::mem::take(awaited));
        }
    }

    /// The bound on first outcomes has passed.
    pub(super) const fn first_round_over(&mut self) {
        self.waiting = 0;
    }

    pub(super) const fn is_ready(&self) -> bool {
        self.waiting == 0
    }

    /// What a probe of a target that only this configuration has said, and when: the canaries' votes, and the targets
    /// that are down.
    fn own_verdicts(&self) -> impl Iterator<Item = (TargetId, TargetState, &Seen)> {
        let own = self.links.iter().zip(&self.trackers).zip(&self.seen).enumerate();
        let own = own.filter(|(_, ((link, tracker), _))| link.is_none() && tracker.state() != TargetState::Unknown);
        own.map(|(index, ((_, tracker), seen))| (TargetId::new(index), tracker.state(), seen))
    }

    /// Gives the guard what is known of new targets. Gives those that the guard is to be asked about, and those that
    /// are down without a question.
    fn brief(&self, guarding: &mut Guarding, now: Millis) -> (Vec<TargetId>, Vec<TargetId>) {
        let (mut suspects, mut down) = (Vec::new(), Vec::new());
        let doubts = guarding.doubts(&self.snapshot);
        for (target, state, seen) in self.own_verdicts() {
            let at = seen.at.unwrap_or(now);
            let is_canary = self.snapshot.canaries.contains(&target);
            if is_canary {
                guarding.has_voted(target, state == TargetState::Up, at);
            }
            if state == TargetState::Down && (is_canary || !doubts) {
                down.push(target);
            } else if state == TargetState::Down {
                let timeout =
                    self.snapshot.checks[self.snapshot.targets[target.index()].check.index()].timing.timeout_ms;
                guarding.suspect(target, TargetState::Unknown, (now, at.saturating_sub(timeout.into())), &seen.note);
                suspects.push(target);
            }
        }
        (suspects, down)
    }

    /// Makes it the one that serves, with what the one before knows by now; overrides hold as of `now_s`.
    pub(super) fn adopt(
        self,
        before: &Serving,
        overrides: &Overrides,
        now_s: u64,
        effects: &mut Vec<Effect>,
    ) -> Serving {
        let known = |link: Option<TargetId>| link.and_then(|link| before.tracker(link)).copied();
        let trackers = self.links.iter().zip(&self.trackers).map(|(&link, &own)| known(link).unwrap_or(own)).collect();
        let mut known = Known::new(trackers, true);
        for (index, link) in self.links.iter().enumerate() {
            let circuit = link.and_then(|link| before.known().circuits.get(&link));
            known.circuits.extend(circuit.map(|circuit| (TargetId::new(index), circuit.clone())));
        }
        for (index, link) in self.links.iter().enumerate() {
            let target = TargetId::new(index);
            let (measured, of) = link.map_or((&self.measured, target), |link| (&before.known().measured, link));
            if self.snapshot.meters.of_target(target).is_some() {
                known.measured.inherit(target, measured, of);
            }
        }
        let links = self.links.iter().enumerate();
        let links = links.filter_map(|(index, link)| link.map(|link| (link, TargetId::new(index))));
        let links: Vec<_> = links.collect();
        known.guarding.inherit(&before.known().guarding, links.iter().copied());
        known.staleness.inherit(&before.known().staleness, links.into_iter());
        let (suspects, down) = self.brief(&mut known.guarding, before.known().now);
        known.inherit(&self.snapshot, before.known(), before.snapshot());
        let gates = Arc::new(overrides.gates(&self.snapshot, now_s));
        let mut serving = Serving::new(self.snapshot, self.identity, self.generation, known, gates);
        serving.inherit_shares(before);
        for ((seen, link), own) in serving.seen_mut().iter_mut().zip(&self.links).zip(self.seen) {
            *seen = link.and_then(|link| before.seen().get(link.index())).cloned().unwrap_or(own);
        }
        serving.decide(&suspects, effects);
        for target in down {
            let seen = &mut serving.seen_mut()[target.index()];
            seen.changes += 1;
            let (generation, note) = (self.generation, seen.note.clone());
            let (from, to) = (TargetState::Unknown, TargetState::Down);
            effects.push(Effect::Changed { generation, target, from, to, note });
        }
        serving
    }
}
