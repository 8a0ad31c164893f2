//! From policies to classes of clients: what of an answer depends on who asks, worked out when a configuration is
//! built.
//!
//! A *route* is a policy with a name's fallback. For each profile of its zone's map (clients that no selector and no
//! order of nearness tells apart) the row is chosen and flattened: its own steps, then those of `default` unless it is
//! geofenced, choices by nearness turned into tiers. Profiles whose flattened rows are equal are one *class*; the
//! partition of the profiles into classes is the route's view on the map, shared by all routes that partition alike.

use super::{BalancedName, Fallback, Policy, Row, Step, Types};
use crate::client::Family;
use crate::geo::{Coordinates, GeoMap, Group, Profile, ScopeLimits};
use crate::id::{ClassId, EndpointId, MapId, OrderId, PolicyId, PoolId, RouteId};
use crate::limits::{HASH_V4, HASH_V6, SPLIT_V4, SPLIT_V6};
use crate::pool::{Address, Balance, Endpoint, Pool};
use crate::snapshot::RowsOfClasses;
use std::collections::{BTreeSet, HashMap};

/// A policy with a fallback, compiled: classes of clients and their flattened steps.
#[derive(Clone, Debug)]
pub struct Route {
    /// The policy.
    pub policy: PolicyId,
    /// What is answered when nothing is live.
    pub fallback: Fallback,
    /// The map that knows its zone's clients.
    pub map: MapId,
    /// The types that exist at its names.
    pub types: Types,
    /// The index of its view in `Snapshot::views`.
    pub(crate) view: u32,
    /// The index of its first class in the plan; a class is also a live row.
    pub(crate) first: u32,
    /// How many classes it has.
    pub(super) classes: u16,
    /// Bits of a client's address that choose an endpoint, by family.
    pub(crate) endpoint_bits: [u8; 2],
    /// Bits of a client's address that choose a pool, by family.
    pub(crate) pool_bits: [u8; 2],
}

impl Route {
    /// How many classes of clients it tells apart.
    #[must_use]
    pub fn classes(&self) -> usize {
        usize::from(self.classes)
    }

    /// The pool that its names fall back to.
    pub(crate) const fn fallback_pool(&self) -> Option<PoolId> {
        if let Fallback::Pool(pool) = self.fallback { Some(pool) } else { None }
    }
}

/// A pool of a flattened step and its weight.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Part {
    pub(super) pool: PoolId,
    pub(super) weight: u32,
}

/// One step of a flattened row.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct FlatStep {
    pub(super) parts: Vec<Part>,
    pub(super) sticky: bool,
    /// A further tier of the same choice by nearness as the step before.
    pub(super) tier: bool,
    /// The weights follow the loads of the pools.
    pub(super) by_load: bool,
}

/// A flattened row.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct FlatRow {
    pub(super) steps: Vec<FlatStep>,
    /// The orders of the endpoints of its pools that balance by nearness.
    pub(super) near: Vec<(PoolId, OrderId)>,
}

/// Where a flattened step was written: the index of the policy's row, and of the step in it.
pub(super) type Origin = (usize, usize);

#[derive(Clone, Copy, Debug)]
struct PackedStep {
    end: u32,
    sticky: bool,
    tier: bool,
    by_load: bool,
}

#[derive(Clone, Copy, Debug)]
struct PackedClass {
    step_end: u32,
    near_end: u32,
    prefix: [u8; 2],
    route: RouteId,
}

/// The flattened rows of all classes of all routes, packed: an entry ends where the next begins.
#[derive(Debug, Default)]
pub struct Plan {
    classes: Vec<PackedClass>,
    steps: Vec<PackedStep>,
    parts: Vec<Part>,
    near: Vec<(PoolId, OrderId)>,
}

impl Plan {
    /// How many classes all routes have together: as many live rows as there are.
    pub(crate) fn len(&self) -> usize {
        self.classes.len()
    }

    /// The route that a class belongs to.
    pub(crate) fn route_of(&self, class: usize) -> RouteId {
        self.classes[class].route
    }

    /// The shortest scopes of a class, IPv4 and IPv6: the bits that its stable choices hash.
    pub(super) fn prefix(&self, class: usize) -> [u8; 2] {
        self.classes[class].prefix
    }

    /// The steps of a class.
    pub(super) fn steps(&self, class: usize) -> impl Iterator<Item = StepView<'_>> {
        let start = if class == 0 { 0 } else { self.classes[class - 1].step_end as usize };
        (start..self.classes[class].step_end as usize).map(|index| {
            let from = if index == 0 { 0 } else { self.steps[index - 1].end as usize };
            let step = self.steps[index];
            StepView {
                parts: &self.parts[from..step.end as usize],
                sticky: step.sticky,
                tier: step.tier,
                by_load: step.by_load,
            }
        })
    }

    /// The pools of the steps of a class.
    pub(crate) fn pools(&self, class: usize) -> impl Iterator<Item = PoolId> + '_ {
        self.steps(class).flat_map(|step| step.parts).map(|part| part.pool)
    }

    /// The orders of the endpoints of a class's pools that balance by nearness.
    pub(super) fn near(&self, class: usize) -> &[(PoolId, OrderId)] {
        let start = if class == 0 { 0 } else { self.classes[class - 1].near_end as usize };
        &self.near[start..self.classes[class].near_end as usize]
    }

    fn push(&mut self, route: RouteId, row: &FlatRow, prefix: [u8; 2]) {
        for step in &row.steps {
            self.parts.extend_from_slice(&step.parts);
            let &FlatStep { sticky, tier, by_load, .. } = step;
            self.steps.push(PackedStep { end: self.parts.len() as u32, sticky, tier, by_load });
        }
        self.near.extend_from_slice(&row.near);
        let (step_end, near_end) = (self.steps.len() as u32, self.near.len() as u32);
        self.classes.push(PackedClass { step_end, near_end, prefix, route });
    }

    fn shrink(&mut self) {
        self.classes.shrink_to_fit();
        self.steps.shrink_to_fit();
        self.parts.shrink_to_fit();
        self.near.shrink_to_fit();
    }
}

/// A step as the resolver of rows sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepView<'a> {
    pub(super) parts: &'a [Part],
    pub(super) sticky: bool,
    pub(super) tier: bool,
    pub(super) by_load: bool,
}

/// Every choice by nearness of one zone.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    /// The distinct groups.
    pub groups: Vec<Group>,
    by_place: HashMap<Vec<Option<[u64; 2]>>, u16>,
    of_step: HashMap<Box<[PoolId]>, u16>,
    of_pool: HashMap<PoolId, u16>,
}

impl Groups {
    /// True if no choice is made by nearness.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The places of all groups, comparable.
    pub(crate) fn content(&self) -> Vec<Vec<Option<[u64; 2]>>> {
        let mut content = vec![Vec::new(); self.groups.len()];
        for (places, &group) in &self.by_place {
            content[usize::from(group)].clone_from(places);
        }
        content
    }

    /// Takes in what a policy and the fallbacks of its names can reach.
    pub(crate) fn collect(&mut self, policy: &Policy, fallback: Fallback, pools: &[Pool], endpoints: &[Endpoint]) {
        for step in policy.rows.iter().flat_map(|row| &row.steps) {
            if let Step::Nearest(members) = step
                && !self.of_step.contains_key(members)
            {
                let group = self.group(members.iter().map(|pool| pools[pool.index()].location).collect());
                self.of_step.insert(members.clone(), group);
            }
            for pool in reached(step) {
                self.collect_pool(pool, pools, endpoints);
            }
        }
        if let Fallback::Pool(pool) = fallback {
            self.collect_pool(pool, pools, endpoints);
        }
    }

    fn collect_pool(&mut self, id: PoolId, pools: &[Pool], endpoints: &[Endpoint]) {
        let pool = &pools[id.index()];
        if pool.balance == Balance::Nearest && pool.count > 1 && !self.of_pool.contains_key(&id) {
            let place = |endpoint: EndpointId| endpoints[endpoint.index()].location.or(pool.location);
            let group = self.group(pool.endpoints().map(place).collect());
            self.of_pool.insert(id, group);
        }
    }

    fn group(&mut self, places: Vec<Option<Coordinates>>) -> u16 {
        let bits = |place: &Option<Coordinates>| place.map(|p| [p.latitude.to_bits(), p.longitude.to_bits()]);
        *self.by_place.entry(places.iter().map(bits).collect()).or_insert_with(|| {
            self.groups.push(Group { places });
            (self.groups.len() - 1) as u16
        })
    }
}

/// Pools that a step names.
pub(crate) fn reached(step: &Step) -> impl Iterator<Item = PoolId> + '_ {
    let (parts, members): (&[(PoolId, u32)], &[PoolId]) = match step {
        Step::Split { parts, .. } => (parts, &[]),
        Step::Nearest(members) | Step::LeastLoad(members) => (&[], members),
    };
    parts.iter().map(|part| part.0).chain(members.iter().copied())
}

/// The index of the policy's row for clients of a profile: the most specific of their regions that it has a row for,
/// else `default`, the last.
pub(crate) fn row_of(policy: &Policy, profile: &Profile) -> usize {
    let row_for = |region| policy.rows.iter().position(|row| row.region == Some(region));
    profile.regions.iter().find_map(|&region| row_for(region)).unwrap_or(policy.rows.len() - 1)
}

/// The tables that routes are compiled from.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub(crate) pools: &'a [Pool],
    pub(crate) endpoints: &'a [Endpoint],
    pub(crate) policies: &'a [Policy],
}

/// Flattens one row for clients of one profile.
pub(super) fn flatten(
    policy: &Policy,
    row: usize,
    fallback: Fallback,
    pools: &[Pool],
    groups: &Groups,
    (map, profile): (&GeoMap, &Profile),
) -> (FlatRow, Vec<Origin>) {
    let mut flat = FlatRow::default();
    let mut origins = Vec::new();
    let default = policy.rows.len() - 1;
    let chosen = &policy.rows[row];
    let also = (row != default && !chosen.geofence).then_some(default);
    for row in std::iter::once(row).chain(also) {
        for (index, step) in policy.rows[row].steps.iter().enumerate() {
            for step in tiers(step, groups, map, profile) {
                // A step that was passed over before is passed over again; without it equal rows are equal.
                let known = |other: &FlatStep| {
                    (&other.parts, other.sticky, other.by_load) == (&step.parts, step.sticky, step.by_load)
                };
                if !flat.steps.iter().any(known) {
                    flat.steps.push(step);
                    origins.push((row, index));
                }
            }
        }
    }
    let all = flat.steps.iter().flat_map(|step| &step.parts).map(|part| part.pool);
    let last = if let Fallback::Pool(pool) = fallback { Some(pool) } else { None };
    for pool in all.chain(last) {
        let order = groups.of_pool.get(&pool).and_then(|&group| profile.orders[usize::from(group)]);
        if let Some(order) = order
            && pools[pool.index()].balance == Balance::Nearest
            && !flat.near.iter().any(|near| near.0 == pool)
        {
            flat.near.push((pool, order));
        }
    }
    (flat, origins)
}

/// A step as written, turned into steps without nearness.
fn tiers(step: &Step, groups: &Groups, map: &GeoMap, profile: &Profile) -> Vec<FlatStep> {
    let single =
        |pool| vec![FlatStep { parts: vec![Part { pool, weight: 1 }], sticky: true, tier: false, by_load: false }];
    let members = match step {
        Step::LeastLoad(pools) => {
            if let [pool] = **pools {
                return single(pool);
            }
            let parts = pools.iter().map(|&pool| Part { pool, weight: 1 }).collect();
            return vec![FlatStep { parts, sticky: true, tier: false, by_load: true }];
        }
        Step::Split { parts, sticky } => {
            // A choice of one is no choice, however it would be made.
            if let [(pool, _)] = **parts {
                return single(pool);
            }
            let (parts, sticky) = (parts.iter().map(|&(pool, weight)| Part { pool, weight }).collect(), *sticky);
            return vec![FlatStep { parts, sticky, tier: false, by_load: false }];
        }
        Step::Nearest(members) => members,
    };
    let order = groups.of_step.get(members).and_then(|&group| profile.orders[usize::from(group)]);
    let part = |pool: PoolId| Part { pool, weight: 1 };
    let tier = |number: usize, parts: Vec<Part>| FlatStep { parts, sticky: true, tier: number > 0, by_load: false };
    match order {
        Some(order) => {
            let tiers = map.order(order).tiers.iter().enumerate();
            tiers
                .map(|(n, tier_of)| tier(n, tier_of.iter().map(|&at| part(members[usize::from(at)])).collect()))
                .collect()
        }
        // Where nobody knows the client's place the order written is the order.
        None => members.iter().enumerate().map(|(n, &pool)| tier(n, vec![part(pool)])).collect(),
    }
}

/// The plan, the routes, for each view its map and the class of each of the map's profiles, and the policy's rows that
/// each class of the plan stands for.
pub(crate) type Compiled = (Plan, Vec<Route>, Vec<(MapId, Vec<ClassId>)>, RowsOfClasses);

/// Compiles routes of one zone after the other into a plan.
pub(crate) struct Compiler<'a> {
    sources: Sources<'a>,
    pub(crate) plan: Plan,
    pub(crate) routes: Vec<Route>,
    /// The classes of the profiles of a map, one list for each view.
    pub(crate) views: Vec<(MapId, Vec<ClassId>)>,
    rows_of: RowsOfClasses,
    by_view: HashMap<(MapId, Vec<ClassId>), u32>,
    by_policy: HashMap<(PolicyId, Fallback), RouteId>,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(sources: Sources<'a>) -> Self {
        let (plan, routes, views) = (Plan::default(), Vec::new(), Vec::new());
        let (rows_of, by_view, by_policy) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { sources, plan, routes, views, rows_of, by_view, by_policy }
    }

    /// The route of a name, compiled at its first use.
    pub(crate) fn route(
        &mut self,
        name: &BalancedName,
        map: (MapId, &GeoMap),
        groups: &Groups,
        limits: ScopeLimits,
    ) -> RouteId {
        let key = (name.policy, name.fallback);
        if let Some(&route) = self.by_policy.get(&key) {
            return route;
        }
        let id = RouteId::new(self.routes.len());
        let policy = &self.sources.policies[name.policy.index()];
        let mut route = Route {
            policy: name.policy,
            fallback: name.fallback,
            map: map.0,
            types: self.types(policy, name.fallback),
            view: 0,
            first: self.plan.len() as u32,
            classes: 0,
            endpoint_bits: [HASH_V4.min(limits.v4), HASH_V6.min(limits.v6)],
            pool_bits: [SPLIT_V4.min(limits.v4), SPLIT_V6.min(limits.v6)],
        };
        let (rows, classes, rows_of) = self.classes(policy, name.fallback, groups, map.1);
        self.rows_of.extend(rows_of);
        route.classes = rows.len() as u16;
        for row in &rows {
            let prefix = self.prefix(&route, row, map.1);
            self.plan.push(id, row, prefix);
        }
        let views = &mut self.views;
        route.view = *self.by_view.entry((map.0, classes)).or_insert_with_key(|key| {
            views.push(key.clone());
            (views.len() - 1) as u32
        });
        self.routes.push(route);
        self.by_policy.insert(key, id);
        id
    }

    /// The distinct flattened rows of a policy, which of them each profile gets, and the rows that each was flattened from.
    fn classes(
        &self,
        policy: &Policy,
        fallback: Fallback,
        groups: &Groups,
        map: &GeoMap,
    ) -> (Vec<FlatRow>, Vec<ClassId>, RowsOfClasses) {
        let mut rows: Vec<FlatRow> = Vec::new();
        let mut rows_of: RowsOfClasses = Vec::new();
        let mut by_content: HashMap<FlatRow, ClassId> = HashMap::new();
        // A row without choices by nearness is flattened once, not once a profile.
        let mut plain: Vec<Option<ClassId>> = vec![None; policy.rows.len()];
        let default_near = self.by_nearness(&policy.rows[policy.rows.len() - 1], fallback);
        let near: Vec<bool> =
            policy.rows.iter().map(|row| self.by_nearness(row, fallback) || (!row.geofence && default_near)).collect();
        let mut classes = Vec::with_capacity(map.profiles().len());
        for profile in map.profiles() {
            let row = row_of(policy, profile);
            if let (false, Some(class)) = (near[row], plain[row]) {
                classes.push(class);
                continue;
            }
            let (flat, _) = flatten(policy, row, fallback, self.sources.pools, groups, (map, profile));
            let class = *by_content.entry(flat).or_insert_with_key(|flat| {
                rows.push(flat.clone());
                rows_of.push(BTreeSet::new());
                ClassId::new(rows.len() - 1)
            });
            plain[row] = Some(class);
            rows_of[class.index()].insert(row as u16);
            classes.push(class);
        }
        (rows, classes, rows_of)
    }

    fn by_nearness(&self, row: &Row, fallback: Fallback) -> bool {
        let near = |pool: PoolId| self.sources.pools[pool.index()].balance == Balance::Nearest;
        row.steps.iter().any(|step| matches!(step, Step::Nearest(_)) || reached(step).any(near))
            || matches!(fallback, Fallback::Pool(pool) if near(pool))
    }

    /// The bits of a client's address that the stable choices of a row hash, by family.
    fn prefix(&self, route: &Route, row: &FlatRow, map: &GeoMap) -> [u8; 2] {
        let fallback = if let Fallback::Pool(pool) = route.fallback { Some(pool) } else { None };
        let mut pools = row.steps.iter().flat_map(|step| &step.parts).map(|part| part.pool).chain(fallback);
        let hashed = |pool: PoolId| {
            let pool = &self.sources.pools[pool.index()];
            pool.balance == Balance::Hash && pool.count > 1
        };
        let spread = |step: &FlatStep| {
            let idle = step.parts.iter().filter(|part| part.weight == 0).count();
            step.sticky && (idle > 1 || step.parts.len() - idle > 1)
        };
        let tied = |near: &(PoolId, OrderId)| map.order(near.1).tiers.iter().any(|tier| tier.len() > 1);
        let by_endpoint = pools.any(hashed);
        let by_pool = row.steps.iter().any(spread) || row.near.iter().any(tied);
        Family::BOTH.map(|family| {
            let endpoint = if by_endpoint { route.endpoint_bits[family as usize] } else { 0 };
            let pool = if by_pool { route.pool_bits[family as usize] } else { 0 };
            endpoint.max(pool)
        })
    }

    /// The types over every pool that a name can reach in any row or by its fallback.
    fn types(&self, policy: &Policy, fallback: Fallback) -> Types {
        let mut types = Types::default();
        let fallback = if let Fallback::Pool(pool) = fallback { Some(pool) } else { None };
        let steps = policy.rows.iter().flat_map(|row| &row.steps);
        for pool in steps.flat_map(reached).chain(fallback) {
            for endpoint in self.sources.pools[pool.index()].endpoints() {
                match &self.sources.endpoints[endpoint.index()].address {
                    Address::Ip { v4, v6 } => {
                        types.a |= v4.is_some();
                        types.aaaa |= v6.is_some();
                    }
                    Address::Host(_) => types.cname = true,
                }
            }
        }
        types
    }

    /// What was compiled.
    pub(crate) fn finish(mut self) -> Compiled {
        self.plan.shrink();
        self.routes.shrink_to_fit();
        (self.plan, self.routes, self.views, self.rows_of)
    }
}
