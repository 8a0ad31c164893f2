//! `/api/v1/simulate` and `/api/v1/diff`: what share of the clients each pool gets, now and after a change. It takes a
//! second or two of a core, behind the threads that answer: one at a time.

use super::problem::Problem;
use super::query::Query;
use super::{App, views};
use crate::client::Family;
use crate::geo::Databases;
use crate::id::NameId;
use crate::report::{self, Compared, SimulationView, attribution};
use crate::simulate::{self, Population, Scenario, common_names};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::steer::seen;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// What would be served instead.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proposal {
    /// Zone TOML.
    zones: String,
}

/// The state of the moment, and what it would be.
pub(super) async fn simulate(Shared(app): Shared<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let query = Query::read(uri.query(), &["name", "down", "drain", "up", "weight"])?;
    let change = ["down", "drain", "up", "weight"].map(|name| query.all(name));
    let scenario = report::scenario(change.each_ref().map(Vec::as_slice)).map_err(Problem::wrong)?;
    let state = app.connected.published.load_full();
    if let Some(target) = scenario.unknown(&state.snapshot).first() {
        return Err(Problem::not_found(report::unknown(&state.snapshot, target)));
    }
    let names = query.all("name");
    let turn = turn(&app)?;
    app.aside(move || simulated(turn, &state, &names, &scenario)).await?
}

/// The place of the one simulation.
fn turn(app: &App) -> Result<OwnedSemaphorePermit, Problem> {
    let turn = Arc::clone(&app.simulation).try_acquire_owned();
    turn.map_err(|_| Problem::busy("a simulation is under way: one at a time"))
}

fn simulated(
    _turn: OwnedSemaphorePermit,
    before: &State,
    names: &[String],
    scenario: &Scenario,
) -> Result<Response, Problem> {
    let names = report::names(&before.snapshot, names).map_err(Problem::not_found)?;
    let after = scenario.apply(before, |id| seen(before, id));
    let databases = &*before.snapshot.databases;
    let population = population([databases; 2])?;
    let states = [before, &after];
    let done = simulate::simulate(states, &population, &names, &mut |_| {});
    Ok(views::json(&SimulationView::new(states, &done, &population, &[], attribution(databases))))
}

/// What would change if other zones were served, with every endpoint up on both sides: a comparison of files.
pub(super) async fn diff(Shared(app): Shared<Arc<App>>, body: Bytes) -> Result<Response, Problem> {
    let proposal: Proposal =
        serde_json::from_slice(&body).map_err(|error| Problem::wrong(format!("the body is no proposal: {error}")))?;
    let turn = turn(&app)?;
    let (state, daemon) = (app.connected.published.load_full(), Arc::clone(&app.connected.daemon));
    let work = move || {
        let snapshot =
            daemon.compile(&proposal.zones, &state.snapshot).map_err(|lines| Problem::wrong(lines.join("\n")))?;
        compared(turn, &state.snapshot, snapshot)
    };
    app.aside(work).await?
}

fn compared(_turn: OwnedSemaphorePermit, old: &Arc<Snapshot>, new: Arc<Snapshot>) -> Result<Response, Problem> {
    let (before, after) = (State::offline(Arc::clone(old), &[]), State::offline(new, &[]));
    let states = [&before, &after];
    let databases = &*old.databases;
    let population = population([databases; 2])?;
    let (pairs, mut alone) = common_names(states);
    // The text is that of one zone: the others stay as they are.
    let is_proposed = |id: &NameId| {
        let zone = &old.settings[old.names[id.index()].zone.index()].apex;
        after.snapshot.settings.iter().any(|other| other.apex == *zone)
    };
    alone[0].retain(is_proposed);
    let done = simulate::compare(states, &population, &pairs, &mut |_| {});
    let all = SimulationView::new(states, &done, &population, &[], attribution(databases));
    Ok(views::json(&Compared::new(states, &done, alone, None).view(all)))
}

/// The IPv4 address space.
fn population(databases: [&Databases; 2]) -> Result<Population, Problem> {
    Population::of_space(databases, Family::V4).map_err(|error| Problem::unavailable(error.to_string()))
}
