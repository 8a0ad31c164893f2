//! Where clients go in one state and in another of the same configuration, and what answers name although an operator
//! took it out. For people and for the bookkeeping of drains; off the query path.

use super::Fallback;
use super::amounts::{Amount, Members, amounts};
use super::compile::row_of;
use super::live::Live;
use super::pool_live::Set;
use crate::id::{EndpointId, PoolId, ProfileId, RouteId};
use crate::pool::Share;
use crate::snapshot::Snapshot;
use crate::state::State;
use std::collections::BTreeMap;

/// What serves the clients of one row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Serves {
    /// The pools and their parts of the clients; several if clients are split. None: they get no data, or wait for
    /// first outcomes.
    pub pools: Vec<(PoolId, Share)>,
    /// No pool of the row is live: the pools are a fallback.
    pub is_dry: bool,
}

/// Clients whose pools are others in the second state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    /// The route: a policy with a fallback. Names have one.
    pub route: RouteId,
    /// The row, an index into `Policy::rows`.
    pub row: usize,
    /// The family, 0 IPv4 or a host name, 1 IPv6.
    pub lane: usize,
    /// In the first state.
    pub before: Serves,
    /// In the second state.
    pub after: Serves,
}

impl Serves {
    /// A pool's part of the clients.
    #[must_use]
    pub fn part(&self, pool: PoolId) -> Share {
        self.pools.iter().find(|one| one.0 == pool).map_or(Share::NONE, |one| one.1)
    }
}

/// The rows whose clients go elsewhere in `after` than in `before`; both are of one configuration. Each difference is
/// listed once a row and family.
#[must_use]
pub fn moves(before: &State, after: &State) -> Vec<Move> {
    let snapshot = &*before.snapshot;
    let mut moves = Vec::new();
    for (index, route) in snapshot.routes.iter().enumerate() {
        let first = route.first as usize;
        let serves = |state: &State, class, lane| state.live.serves_class(snapshot, class, lane);
        // A family that the names do not have is answered with no data in every state.
        let types = route.types;
        let has = |lane: &usize| if *lane == 0 { types.a || types.cname } else { types.aaaa };
        let lanes: Vec<usize> = [0, 1].into_iter().filter(has).collect();
        let changed: Vec<_> = (first..first + route.classes())
            .flat_map(|class| lanes.iter().map(move |&lane| (class, lane)))
            .map(|(class, lane)| (class, lane, serves(before, class, lane), serves(after, class, lane)))
            .filter(|(_, _, before, after)| before != after)
            .collect();
        if changed.is_empty() {
            continue;
        }
        let policy = &snapshot.policies[route.policy.index()];
        let view = &snapshot.views[route.view as usize].1;
        let profiles = snapshot.maps[route.map.index()].profiles();
        for (place, profile) in profiles.iter().enumerate().filter(|(_, profile)| !profile.special) {
            let Some(class) = view.class_of(ProfileId::new(place)) else { continue };
            for (_, lane, before, after) in changed.iter().filter(|change| change.0 == first + class.index()) {
                let (before, after) = (before.clone(), after.clone());
                let one = Move { route: RouteId::new(index), row: row_of(policy, profile), lane: *lane, before, after };
                if !moves.contains(&one) {
                    moves.push(one);
                }
            }
        }
    }
    moves.sort_by_key(|one| (one.route, one.row, one.lane));
    moves
}

/// For each endpoint the largest TTL of the names whose answers can name it, seconds; 0 if no name leads to it.
#[must_use]
pub fn largest_ttls(snapshot: &Snapshot) -> Vec<u32> {
    let mut of_route = vec![0; snapshot.routes.len()];
    for name in &snapshot.names {
        let ttl: &mut u32 = &mut of_route[name.route.index()];
        *ttl = (*ttl).max(name.ttl);
    }
    let mut of_pool = vec![0; snapshot.pools.len()];
    for class in 0..snapshot.plan.len() {
        let route = snapshot.plan.route_of(class);
        let mut reaches = |pool: PoolId| {
            let ttl: &mut u32 = &mut of_pool[pool.index()];
            *ttl = (*ttl).max(of_route[route.index()]);
        };
        snapshot.plan.steps(class).flat_map(|step| step.parts).for_each(|part| reaches(part.pool));
        if let Fallback::Pool(pool) = snapshot.routes[route.index()].fallback {
            reaches(pool);
        }
    }
    snapshot.endpoints.iter().map(|endpoint| of_pool[endpoint.pool.index()]).collect()
}

impl Live {
    /// What serves a class in one family.
    fn serves_class(&self, snapshot: &Snapshot, class: usize, lane: usize) -> Serves {
        let mut parts: BTreeMap<PoolId, f64> = BTreeMap::new();
        for Amount { pool, part, .. } in self.amounts(class, lane) {
            *parts.entry(pool).or_default() += part;
        }
        let share = |part: f64| Share::new((part * f64::from(Share::PARTS)).round() as u64);
        let pools = parts.into_iter().map(|(pool, part)| (pool, share(part))).collect();
        let is_live = |pool: PoolId| self.pool(pool).is_live;
        let is_dry = !snapshot.plan.steps(class).flat_map(|step| step.parts).any(|part| is_live(part.pool));
        Serves { pools, is_dry }
    }

    /// The endpoints that an operator took out and that answers name all the same, since nothing else is left.
    #[must_use]
    pub fn named_though_closed(&self, snapshot: &Snapshot) -> Vec<EndpointId> {
        let mut open = Vec::new();
        for class in 0..snapshot.plan.len() {
            for lane in 0..2 {
                // A table by nearness does not say which set it was made from: the largest is assumed.
                let every = |one: &Amount<'_>| match one.members {
                    Members::Of(set) => set.has_closed(),
                    Members::Near(_) => true,
                };
                open.extend(self.amounts(class, lane).into_iter().filter(every).map(|one| one.pool));
            }
        }
        open.sort_unstable();
        open.dedup();
        let members = |id: PoolId| snapshot.pools[id.index()].endpoints();
        let mut named: Vec<_> = open.into_iter().flat_map(members).filter(|&id| self.is_closed(snapshot, id)).collect();
        named.retain(|&id| !self.pool_has_open(snapshot, snapshot.endpoints[id.index()].pool));
        named
    }

    /// True if a pool has a member behind open gates: then no answer names one behind a closed gate.
    fn pool_has_open(&self, snapshot: &Snapshot, pool: PoolId) -> bool {
        (0..2).all(|lane| self.pool(pool).has(Set::Open, lane) == self.pool(pool).has(Set::Every, lane))
            && snapshot.pools[pool.index()].endpoints().any(|id| !self.is_closed(snapshot, id))
    }

    /// True if an operator took the endpoint or its pool out: in the file, or since.
    #[must_use]
    pub fn is_closed(&self, snapshot: &Snapshot, endpoint: EndpointId) -> bool {
        let data = &snapshot.endpoints[endpoint.index()];
        let pool = self.gates().pool(data.pool, snapshot.pools[data.pool.index()].gate);
        !pool.is_open() || !self.gates().endpoint(endpoint, data.gate).is_open()
    }

    /// The share of the clients on their way to a pool that stay there, if others of their rows can take the rest.
    #[must_use]
    pub fn share(&self, pool: PoolId) -> Share {
        self.pool(pool).keep
    }

    /// How many members of a pool are live.
    #[must_use]
    pub fn live_members(&self, pool: PoolId) -> usize {
        usize::from(self.pool(pool).live)
    }

    /// True if a pool takes clients: its gate is open and enough members are live.
    #[must_use]
    pub fn is_live(&self, pool: PoolId) -> bool {
        self.pool(pool).is_live
    }

    /// True if an endpoint takes clients in some family, as far as its pool does.
    #[must_use]
    pub fn is_endpoint_live(&self, snapshot: &Snapshot, endpoint: EndpointId) -> bool {
        let pool = self.pool(snapshot.endpoints[endpoint.index()].pool);
        (0..2).any(|lane| pool.is_up(endpoint, lane))
    }

    /// Every pool that a row leads to, with its part of the clients.
    pub(super) fn amounts(&self, class: usize, lane: usize) -> Vec<Amount<'_>> {
        let (row, chunk) = self.row(class, lane);
        amounts(row.leaf, chunk)
    }
}
