//! How the server is, in one answer.

use super::desk::Desk;
use super::limits::limits;
use super::protocol::{GuardRow, Status};
use super::views;
use crate::health::TargetState;
use crate::id::{EndpointId, PoolId};
use crate::writer::{Survey, Writer};

impl Desk {
    /// How the server is. What only the writer knows is left out if that has no time.
    pub(super) fn status(&self) -> Status {
        let survey = self.look(Writer::survey);
        let state = self.published.load_full();
        let snapshot = &*state.snapshot;
        let pools = (0..snapshot.pools.len()).filter(|&pool| state.live.is_live(PoolId::new(pool))).count();
        let is_live = |&id: &usize| state.live.is_endpoint_live(snapshot, EndpointId::new(id));
        let unknown =
            |survey: &Survey| survey.trackers.iter().filter(|one| one.state() == TargetState::Unknown).count();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started,
            generation: state.generation,
            zones: snapshot.settings.len(),
            names: snapshot.names.len(),
            pools: [snapshot.pools.len(), pools],
            endpoints: [snapshot.endpoints.len(), (0..snapshot.endpoints.len()).filter(is_live).count()],
            targets: [snapshot.targets.len(), survey.as_ref().map_or(0, unknown)],
            stale: survey.as_ref().map_or(0, |survey| survey.stale.len()),
            guard: survey.as_ref().map_or_else(GuardRow::default, views::guard),
            limits: limits(&state),
            latency: self.latency(),
            rights: self.meters.rights.to_string(),
            state: self.store.as_ref().map(|store| store.folder().display().to_string()),
            problem: self.problem.clone(),
            overrides: views::overrides(&self.kept, &state),
        }
    }
}
