//! A writer made anew after a panic: what is known of health goes over, what was worked out from it is worked out again.

use super::known::Known;
use super::ramps::Ramps;
use super::serving::Serving;
use super::staged::Staged;
use super::{Left, Survey, Writer};
use crate::health::{Millis, TargetState, Tracker};
use std::sync::Arc;

impl Writer {
    /// A writer that serves and stages the same configurations, and knows of health what this one knows. Loads and
    /// times are learned again, and shares stay until they are. `epoch_ms` is the wall clock when the writer's was at 0.
    #[must_use]
    pub fn renewed(&self, epoch_ms: u64, now: Millis) -> Self {
        let survey = self.survey();
        let trackers = survey.kept();
        let comebacks = survey.comebacks.into_iter().collect();
        let left = Left { now, trackers, circuits: survey.circuits, comebacks, shares: survey.shares };
        let mut renewed = self.again(left, epoch_ms, now);
        renewed.serving.seen_mut().clone_from_slice(self.serving.seen());
        renewed.serving.inherit_votes(&self.serving);
        renewed.staged = self.staged.as_ref().map(|staged| staged.again(&renewed.serving));
        renewed
    }

    /// The same without anything that this one knows of health: every target is new, and counts as up.
    #[must_use]
    pub fn forgetful(&self, epoch_ms: u64, now: Millis) -> Self {
        let targets = self.serving.snapshot().targets.len();
        let mut forgetful = self.again(Left { now, ..Left::nothing(targets) }, epoch_ms, now);
        forgetful.serving.first_round_over();
        forgetful
    }

    fn again(&self, mut left: Left, epoch_ms: u64, now: Millis) -> Self {
        let state = self.serving.state();
        let ramps = Ramps::new(&self.overrides, epoch_ms, now);
        let gates = Arc::new(self.overrides.gates(&state.snapshot, ramps.now_s()));
        let shares = std::mem::take(&mut left.shares);
        let known = Known::resumed(left, &state.snapshot);
        let (snapshot, identity) = (Arc::clone(&state.snapshot), Arc::clone(&state.identity));
        let mut serving = Serving::new(snapshot, identity, state.generation, known, gates);
        serving.resume_shares(&shares);
        if self.serving.known().round_over {
            serving.first_round_over();
        }
        Self { serving, staged: None, overrides: Arc::clone(&self.overrides), ramps }
    }
}

impl Survey {
    /// The trackers that are worth keeping: what the guard holds is what it counts as, and the next failure counts.
    #[must_use]
    pub fn kept(&self) -> Vec<Tracker> {
        let mut trackers = self.trackers.clone();
        for (target, &state) in &self.held {
            let timing = &self.snapshot.checks[self.snapshot.targets[target.index()].check.index()].timing;
            trackers[target.index()] = match state {
                TargetState::Up => Tracker::resumed(TargetState::Up, 0, timing.fall, timing),
                TargetState::Unknown | TargetState::Down => Tracker::default(),
            };
        }
        trackers
    }
}

impl Staged {
    /// The same, linked to a serving configuration that was made anew.
    fn again(&self, serving: &Serving) -> Self {
        let (snapshot, identity) = self.configuration();
        Self::new(snapshot, identity, self.generation(), serving, Some(self))
    }
}
