//! What becomes of the clients of one class in numbers, and why: read off the live rows that queries walk, never
//! drawn. For simulations; off the query path.

use super::amounts::Members;
use super::compile::{StepView, row_of};
use super::decide::Answer;
use super::explain::Record;
use super::observed::Observed;
use super::resolve::{Resolver, Scene};
use super::rows::Leaf;
use super::trail::{FallbackNote, PoolNote};
use crate::id::{ClassId, EndpointId, PoolId, ProfileId, RegionId, RouteId};
use crate::pool::Table;
use crate::snapshot::Snapshot;
use crate::state::State;
use std::collections::BTreeMap;

/// What becomes of the clients of a class in one family.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// The endpoints, each with the part of the clients, 0 to 1, whose answers begin with it. In order, each once.
    pub endpoints: Vec<(EndpointId, f64)>,
    /// What the clients get that the endpoints' parts leave over.
    pub without: Option<Answer>,
    /// The pools of the row that were looked at, and why each was taken or passed over.
    pub notes: Vec<(PoolId, PoolNote)>,
    /// What was done if no step was live.
    pub fallback: Option<FallbackNote>,
}

/// What becomes of the clients of a route's class. `lane` is the family of the records, 0 IPv4 or a host name, 1 IPv6.
#[must_use]
pub fn outcome(state: &State, route: RouteId, class: ClassId, lane: usize) -> Outcome {
    let snapshot = &*state.snapshot;
    let class = snapshot.routes[route.index()].first as usize + class.index();
    let mut endpoints: BTreeMap<EndpointId, f64> = BTreeMap::new();
    for amount in state.live.amounts(class, lane) {
        let table: Option<&Table> = match amount.members {
            Members::Of(set) => state.live.pool(amount.pool).table(set, lane).map(|table| &**table),
            Members::Near(table) => Some(table),
        };
        for (endpoint, part) in table.map(Table::expected).unwrap_or_default() {
            *endpoints.entry(endpoint).or_default() += amount.part * part;
        }
    }
    endpoints.retain(|_, part| *part > 0.0);
    let without = match state.live.row(class, lane).0.leaf {
        Leaf::Pending => Some(Answer::Pending),
        Leaf::NoData => Some(Answer::NoData),
        Leaf::ServFail => Some(Answer::ServFail),
        Leaf::Pool { .. } | Leaf::Own(_) => None,
    };
    let record = record(state, route, class, lane);
    let notes = record.pools.iter().map(|(_, pool, note)| (*pool, *note)).collect();
    Outcome { endpoints: endpoints.into_iter().collect(), without, notes, fallback: record.fallback }
}

/// Resolves a row again, with a trail.
fn record(state: &State, route: RouteId, class: usize, lane: usize) -> Record {
    let snapshot = &*state.snapshot;
    let route = &snapshot.routes[route.index()];
    let steps: Vec<StepView<'_>> = snapshot.plan.steps(class).collect();
    let mut record = Record::default();
    let scene = Scene {
        live: |id| state.live.pool(id),
        pools: &snapshot.pools,
        near: snapshot.plan.near(class),
        map: &snapshot.maps[route.map.index()],
        lane,
        writes_ties_down: false,
        class,
        counted: &snapshot.counted,
    };
    let mut resolver = Resolver { scene, own: &mut Vec::new(), trail: &mut record, cap_s: u32::MAX };
    let _ = resolver.resolve(&steps, route.fallback);
    record
}

/// The region whose row of a route's policy serves a profile's clients; `None` for `default`.
#[must_use]
pub fn region_of(snapshot: &Snapshot, route: RouteId, profile: ProfileId) -> Option<RegionId> {
    let route = &snapshot.routes[route.index()];
    let policy = &snapshot.policies[route.policy.index()];
    let profile = snapshot.maps[route.map.index()].profiles().get(profile.index())?;
    policy.rows[row_of(policy, profile)].region
}

/// What a state knows of an endpoint, to be reckoned on with: what a check says of an endpoint that an operator took
/// out is not in it, so that one counts as up.
#[must_use]
pub fn seen(state: &State, endpoint: EndpointId) -> Observed {
    let pool = state.live.pool(state.snapshot.endpoints[endpoint.index()].pool);
    let gauge = state.live.gauge(&state.snapshot, endpoint);
    let is_closed = state.live.is_closed(&state.snapshot, endpoint);
    let up = [0, 1].map(|lane| is_closed || pool.is_up(endpoint, lane));
    Observed {
        up,
        passes: up,
        load: gauge.and_then(|gauge| gauge.load),
        time_us: gauge.map_or([None; 2], |gauge| gauge.time_us),
        ..Observed::UP
    }
}
