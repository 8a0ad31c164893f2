//! The state of the running server, as its control socket tells it: gates, weights, shares and health by name.

use crate::cli::operate::{Where, strange};
use crate::control::{Answer, EndpointRow, PoolRow, Request};
use crate::error::Exit;
use crate::health::Load;
use crate::id::{EndpointId, PoolId};
use crate::pool::{Gate, Gates, Share};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::steer::{Live, Observed};
use std::collections::HashMap;
use std::sync::Arc;

/// A state of this configuration with what the server knows. What it does not know counts as up.
pub(super) fn state(server: &Where, snapshot: &Arc<Snapshot>) -> Result<State, Exit> {
    let Answer::Pools { pools } = server.ask(&Request::Pools)? else { return Err(strange()) };
    let Answer::Endpoints { endpoints } = server.ask(&Request::Endpoints { pool: None })? else {
        return Err(strange());
    };
    Ok(of_rows(snapshot, &pools, &endpoints))
}

fn of_rows(snapshot: &Arc<Snapshot>, pools: &[PoolRow], endpoints: &[EndpointRow]) -> State {
    let zone = |pool: PoolId| snapshot.settings[snapshot.pools[pool.index()].zone.index()].apex.to_string();
    let mut gates = Gates::default();
    let told: HashMap<(&str, &str), &PoolRow> = pools.iter().map(|row| ((&*row.zone, &*row.pool), row)).collect();
    let of_pool = |id: PoolId| told.get(&(&*zone(id), &*snapshot.pools[id.index()].name)).copied();
    for id in (0..snapshot.pools.len()).map(PoolId::new) {
        let Some(row) = of_pool(id) else { continue };
        if let Some(gate) = Gate::of_word(&row.state) {
            gates.set_pool(id, gate);
        }
        if row.live && row.keeps < 100.0 {
            gates.limit_share(id, Share::new((row.keeps * 100.0).round() as u64));
        }
    }
    let known: HashMap<(&str, &str, &str), &EndpointRow> =
        endpoints.iter().map(|row| ((&*row.zone, &*row.pool, &*row.endpoint), row)).collect();
    let of_endpoint = |id: EndpointId| {
        let endpoint = &snapshot.endpoints[id.index()];
        let pool = &snapshot.pools[endpoint.pool.index()].name;
        known.get(&(&*zone(endpoint.pool), &**pool, &*endpoint.name)).copied()
    };
    let rows: Vec<Option<&EndpointRow>> =
        (0..snapshot.endpoints.len()).map(|id| of_endpoint(EndpointId::new(id))).collect();
    for (index, row) in rows.iter().enumerate() {
        let (Some(row), id) = (row, EndpointId::new(index)) else { continue };
        gates.set_weight(id, row.weight);
        // What a closed pool does to its endpoints is shown with them, and is not theirs.
        let of_pool = of_pool(snapshot.endpoints[index].pool).is_some_and(|pool| pool.state == row.state);
        if let Some(gate) = Gate::of_word(&row.state).filter(|gate| gate.is_open() || !of_pool) {
            gates.set_endpoint(id, gate);
        }
    }
    let observed = |id: EndpointId| rows[id.index()].map_or(Observed::UP, observed);
    let live = Live::with_gates(snapshot, Arc::new(gates), observed);
    State { live, ..State::offline(Arc::clone(snapshot), &[]) }
}

/// What is known of one endpoint. The server tells of both families in one word.
fn observed(row: &EndpointRow) -> Observed {
    let up = match &*row.health {
        "down" | "waits" => false,
        "unknown" => row.live,
        _ => true,
    };
    let time_us = row.time_ms.map(|time_ms| (time_ms * 1_000.0) as u32);
    let (is_waiting, load) = (row.health == "waits", row.load.and_then(Load::new));
    let (up, waits, passes) = ([up; 2], [is_waiting; 2], [up || is_waiting; 2]);
    Observed { up, waits, passes, load, time_us: [time_us; 2], ..Observed::UP }
}
