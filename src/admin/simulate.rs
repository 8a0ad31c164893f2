//! `/api/v1/simulate` and `/api/v1/diff`: what share of the clients each pool gets, now and after a change. It may take a
//! second or two of a core, behind the threads that answer: each waits for its [turn](super::turns).

use super::problem::Problem;
use super::query::Query;
use super::turns::Turn;
use super::{App, views};
use crate::client::Family;
use crate::geo::Databases;
use crate::id::NameId;
use crate::limits::ADMIN_COUNTED_CELLS;
use crate::report::{self, Compared, SimulationView, attribution};
use crate::simulate::{self, Counts, Population, Scenario, common_names};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::steer::seen;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;
use std::sync::{Arc, PoisonError};

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
    let turn = app.turns.turn().await?;
    let shared = Arc::clone(&app);
    app.aside(move || simulated(turn, &shared, &state, &names, &scenario)).await?
}

/// The clients of a configuration, counted: the next question about it costs milliseconds. So nobody makes the server go
/// through its databases again and again by asking.
#[derive(Debug)]
pub(super) struct Counted {
    generation: u64,
    /// Without its networks, which are large and counted.
    population: Population,
    counts: Counts,
}

fn simulated(
    mut turn: Turn,
    app: &App,
    before: &State,
    names: &[String],
    scenario: &Scenario,
) -> Result<Response, Problem> {
    let names = report::names(&before.snapshot, names).map_err(Problem::not_found)?;
    let after = scenario.apply(before, |id| seen(before, id));
    let (states, pairs) = ([before, &after], names.iter().map(|&name| [name, name]).collect::<Vec<_>>());
    let mut kept = app.counted.lock().unwrap_or_else(PoisonError::into_inner);
    let databases = &*before.snapshot.databases;
    let (population, mut counts) = match kept.take().filter(|known| known.generation == before.generation) {
        Some(known) if known.counts.suffice(states, &pairs) => (known.population, known.counts),
        Some(known) => (population([databases; 2])?, known.counts),
        None => (population([databases; 2])?, Counts::default()),
    };
    let counts_now = !counts.suffice(states, &pairs);
    let done = simulate::compare_counted(states, &population, &pairs, &mut counts, &mut |_| {});
    let answer = views::json(&SimulationView::new(states, &done, &population, &[], attribution(databases)));
    if counts.cells() <= ADMIN_COUNTED_CELLS {
        let population = Population { networks: Vec::new(), ..population };
        *kept = Some(Counted { generation: before.generation, population, counts });
        if counts_now {
            turn.done_for_good();
        }
    }
    Ok(answer)
}

/// What would change if other zones were served, with every endpoint up on both sides: a comparison of files.
pub(super) async fn diff(Shared(app): Shared<Arc<App>>, body: Bytes) -> Result<Response, Problem> {
    let proposal: Proposal =
        serde_json::from_slice(&body).map_err(|error| Problem::wrong(format!("the body is no proposal: {error}")))?;
    let turn = app.turns.turn().await?;
    let (state, daemon) = (app.connected.published.load_full(), Arc::clone(&app.connected.daemon));
    let work = move || {
        let snapshot =
            daemon.compile(&proposal.zones, &state.snapshot).map_err(|lines| Problem::wrong(lines.join("\n")))?;
        compared(turn, &state.snapshot, snapshot)
    };
    app.aside(work).await?
}

fn compared(_turn: Turn, old: &Arc<Snapshot>, new: Arc<Snapshot>) -> Result<Response, Problem> {
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
