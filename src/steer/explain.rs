//! One decision, explained: the row of the client is resolved again by the live code, with a trail that records.

use super::compile::{FlatRow, Origin, Part, Route, StepView, flatten, row_of};
use super::decide::{Answer, Decision, Picks, Want, decide, locate};
use super::observed::lanes;
use super::pool_live::Set;
use super::resolve::{Resolver, Scene};
use super::rows::{Leaf, Own};
use super::trail::{FallbackNote, PoolNote, Trail};
use crate::client::{Bits, Client};
use crate::health::Load;
use crate::id::{EndpointId, NameId, PolicyId, PoolId, RegionId};
use crate::pool::rendezvous::name_bits;
use crate::pool::{ALONE, Asker, Gate, Pool, Share, share};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::worker::Worker;
use std::net::IpAddr;

/// How one decision came about.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// The members picked, in the order of the answer.
    pub picks: Vec<EndpointId>,
    /// Their wire RDATA.
    pub rdata: Vec<Box<[u8]>>,
    /// The address that decided: the client subnet's first, or the resolver's.
    pub address: IpAddr,
    /// The client subnet decided; if one was given and this is false, it is a special block.
    pub by_subnet: bool,
    /// The scope that the map alone gives; the decision's is longer if a stable choice hashes more bits.
    pub map_scope: u8,
    /// Bits of the client that the row's stable choices hash, 0 if it has none.
    pub hashed_bits: u8,
    /// The name's policy.
    pub policy: PolicyId,
    /// The row of the policy, an index into `Policy::rows`.
    pub row: usize,
    /// The row's region; `None` for `default`.
    pub region: Option<RegionId>,
    /// Every pool of the row's steps, in order, `default`'s last.
    pub pools: Vec<PoolTrail>,
    /// What was done if no step was live.
    pub fallback: Option<FallbackNote>,
    /// Largest TTL, as configured, seconds.
    pub ttl: u32,
    /// Smallest TTL, as configured, seconds.
    pub ttl_min: u32,
    /// Seconds for which nothing that was looked at can change; `None` if nothing that was looked at is probed.
    pub steady_s: Option<u32>,
}

/// One pool of a row.
#[derive(Clone, Debug)]
pub struct PoolTrail {
    /// The row that its step was written in: the client's own, or `default`'s.
    pub row: usize,
    /// The step, an index into `Row::steps`.
    pub step: usize,
    /// The pool.
    pub pool: PoolId,
    /// Its weight in the step; where the row picks by load, that of now.
    pub weight: u32,
    /// Its weight among the pools that take the clients of a site that is gone; `None` if its room is not known.
    pub room: Option<u32>,
    /// What share of its clients it keeps, and on which side this one is; `None` if it keeps all.
    pub share: Option<ShareTrail>,
    /// Why it was taken or passed over.
    pub note: PoolNote,
    /// The picks of this answer are its members.
    pub picked: bool,
    /// How many of its members are live.
    pub live: usize,
    /// The load that its live members report, if it looks at loads.
    pub load: Option<Load>,
    /// Its members, in the order written.
    pub endpoints: Vec<EndpointTrail>,
}

/// A pool that sheds clients, as one client sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShareTrail {
    /// The share of the clients on their way to it that stay, if others of the row can take the rest.
    pub keep: Share,
    /// The client's point, 0 to 9,999: it stays if that is below the share's ten-thousandths.
    pub point: u16,
}

impl ShareTrail {
    /// True if the client stays.
    #[must_use]
    pub const fn stays(self) -> bool {
        self.point < self.keep.parts()
    }
}

/// One endpoint of a pool.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EndpointTrail {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Why it was taken or passed over.
    pub note: EndpointNote,
    /// Its load and its time in the family, if its pool looks at one.
    pub gauge: Option<(Option<Load>, Option<u32>)>,
    /// Its part of the first addresses of answers, 0 to 1, where loads or times decide.
    pub share: Option<f64>,
}

/// Why an endpoint was taken or passed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndpointNote {
    /// It is in the answer.
    Picked,
    /// It is live; another was picked, or its pool was not taken.
    Live,
    /// It is live, and shares a failure domain with this one, which is in the answer: the two never are together.
    Shares(EndpointId),
    /// It is live and has weight 0: used when no other is.
    Spare,
    /// Its check says that it is down.
    Failed,
    /// It has no address of the family.
    NoAddress,
    /// An operator drained it, or its pool.
    Drained,
    /// An operator took it down, or its pool.
    TakenDown,
}

/// Explains the decision of one query; `worker` is drawn from as for a real one.
#[must_use]
pub fn explain(state: &State, worker: &mut Worker, name: NameId, client: &Client, want: Want) -> Explanation {
    let snapshot = &*state.snapshot;
    let facts = &snapshot.facts[name.index()];
    let route = &snapshot.routes[facts.route.index()];
    let decision = decide(state, worker, name, client, want);
    let picks = Picks::last(state, worker, want);
    let located = locate(snapshot, facts.view, client);
    let class = route.first as usize + located.class.index();
    let (row, flat, origins) = row_of_class(snapshot, name, route, class, located.address(client));
    let steps: Vec<StepView<'_>> = views(&flat);
    let mut record = Record::default();
    let mut own: Vec<Own> = Vec::new();
    let scene = Scene {
        live: |id| state.live.pool(id),
        pools: &snapshot.pools,
        near: &flat.near,
        map: &snapshot.maps[route.map.index()],
        lane: want.lane(),
        writes_ties_down: false,
        class,
        counted: &snapshot.counted,
    };
    let mut resolver = Resolver { scene, own: &mut own, trail: &mut record, cap_s: u32::MAX };
    let leaf: Leaf = resolver.resolve(&steps, route.fallback);
    let cap_s = resolver.cap_s;
    debug_assert!(leaf != Leaf::Pending || decision.answer == Answer::Pending);
    let address = located.address(client);
    let family = address.family as usize;
    let (endpoint_bits, pool_bits) = (facts.endpoint_bits[family], facts.pool_bits[family]);
    let asker = Asker { address, endpoint_bits, pool_bits, salt: facts.salt };
    Explanation {
        decision,
        picks: picks.endpoints().to_vec(),
        rdata: match decision.answer {
            Answer::Records { .. } => picks.rdata(),
            _ => Vec::new(),
        },
        address: address.into(),
        by_subnet: located.by_subnet,
        map_scope: located.scope,
        hashed_bits: state.live.row(class, want.lane()).0.prefix[family],
        policy: route.policy,
        row,
        region: snapshot.policies[route.policy.index()].rows[row].region,
        pools: pools(state, &steps, &origins, &record, (picks.endpoints(), &asker), want.lane()),
        fallback: record.fallback,
        ttl: facts.ttl,
        ttl_min: facts.ttl_min,
        steady_s: (cap_s != u32::MAX).then_some(cap_s),
    }
}

/// The policy's row that a class stands for, flattened. It is the row of the profile at the client's address, unless
/// that address is hidden behind the longest scope: then the row of another profile of the class.
fn row_of_class(
    snapshot: &Snapshot,
    name: NameId,
    route: &Route,
    class: usize,
    address: Bits,
) -> (usize, FlatRow, Vec<Origin>) {
    let policy = &snapshot.policies[route.policy.index()];
    let map = &snapshot.maps[route.map.index()];
    let groups = &snapshot.groups[snapshot.names[name.index()].zone.index()];
    let compiled = FlatRow {
        steps: snapshot
            .plan
            .steps(class)
            .map(|step| super::compile::FlatStep {
                parts: step.parts.to_vec(),
                sticky: step.sticky,
                tier: step.tier,
                by_load: step.by_load,
            })
            .collect(),
        near: snapshot.plan.near(class).to_vec(),
    };
    let here = map.profiles().get(map.profile(address).index());
    for profile in here.into_iter().chain(map.profiles()) {
        let row = row_of(policy, profile);
        let (flat, origins) = flatten(policy, row, route.fallback, &snapshot.pools, groups, (map, profile));
        if flat == compiled {
            return (row, flat, origins);
        }
    }
    let origins = vec![(policy.rows.len() - 1, 0); compiled.steps.len()];
    (policy.rows.len() - 1, compiled, origins)
}

fn views(flat: &FlatRow) -> Vec<StepView<'_>> {
    flat.steps
        .iter()
        .map(|step| StepView { parts: &step.parts, sticky: step.sticky, tier: step.tier, by_load: step.by_load })
        .collect()
}

fn pools(
    state: &State,
    steps: &[StepView<'_>],
    origins: &[Origin],
    record: &Record,
    picks: (&[EndpointId], &Asker),
    lane: usize,
) -> Vec<PoolTrail> {
    let mut pools = Vec::new();
    for (index, (step, &(row, origin))) in steps.iter().zip(origins).enumerate() {
        for &Part { pool, weight } in step.parts {
            let weight = if step.by_load { state.live.pool(pool).part } else { weight };
            let noted = record.pools.iter().find(|noted| (noted.0, noted.1) == (index, pool));
            pools.push(pool_trail(state, (row, origin), pool, weight, noted.map(|noted| noted.2), picks, lane));
        }
    }
    // A fallback pool is no step.
    if let Some(FallbackNote::Pool(pool)) = record.fallback
        && !pools.iter().any(|trail| trail.pool == pool)
    {
        let origin = origins.first().copied().unwrap_or_default();
        pools.push(pool_trail(state, origin, pool, 1, Some(PoolNote::Taken), picks, lane));
    }
    pools
}

fn pool_trail(
    state: &State,
    (row, step): Origin,
    id: PoolId,
    weight: u32,
    note: Option<PoolNote>,
    (picks, asker): (&[EndpointId], &Asker),
    lane: usize,
) -> PoolTrail {
    let pool = &state.snapshot.pools[id.index()];
    let live = state.live.pool(id);
    let table = live.table(Set::Live, lane).filter(|_| pool.balance.looks_at_numbers());
    let endpoint_trail = |endpoint| EndpointTrail {
        endpoint,
        note: endpoint_note(state, id, endpoint, picks, lane),
        gauge: state.live.gauge(&state.snapshot, endpoint).map(|gauge| (gauge.load, gauge.time_us[lane])),
        share: table.map(|table| table.share(endpoint)),
    };
    PoolTrail {
        row,
        step,
        pool: id,
        weight,
        room: live.room,
        share: (live.is_live && live.keep < Share::FULL).then(|| {
            let point = share::point(asker.share_key(), name_bits(pool.name.as_bytes()));
            ShareTrail { keep: live.keep, point }
        }),
        note: note.unwrap_or(PoolNote::NotReached),
        picked: pool.endpoints().any(|endpoint| picks.contains(&endpoint)),
        live: usize::from(live.live),
        load: state.live.load(&state.snapshot, id),
        endpoints: pool.endpoints().map(endpoint_trail).collect(),
    }
}

fn endpoint_note(state: &State, pool: PoolId, endpoint: EndpointId, picks: &[EndpointId], lane: usize) -> EndpointNote {
    let data = &state.snapshot.endpoints[endpoint.index()];
    let live = state.live.pool(pool);
    let listed = |set| live.table(set, lane).is_some_and(|table| table.endpoints().any(|id| id == endpoint));
    if picks.contains(&endpoint) {
        return EndpointNote::Picked;
    }
    if !lanes(&data.address)[lane] {
        return EndpointNote::NoAddress;
    }
    let gates = state.live.gates();
    let pool_gate = gates.pool(pool, state.snapshot.pools[pool.index()].gate);
    match (pool_gate, gates.endpoint(endpoint, data.gate)) {
        (Gate::Down, _) | (_, Gate::Down) => EndpointNote::TakenDown,
        (Gate::Drain, _) | (_, Gate::Drain) => EndpointNote::Drained,
        _ if listed(Set::Live) => match picked_beside(&state.snapshot.pools[pool.index()], endpoint, picks) {
            Some(other) => EndpointNote::Shares(other),
            None => EndpointNote::Live,
        },
        _ if gates.weight(endpoint, data.weight) == 0 && live.is_up(endpoint, lane) => EndpointNote::Spare,
        _ => EndpointNote::Failed,
    }
}

/// The one of the answer that shares a failure domain with a member of the pool.
fn picked_beside(pool: &Pool, endpoint: EndpointId, picks: &[EndpointId]) -> Option<EndpointId> {
    // Answers of one address are never spread.
    let several = pool.answers > 1;
    let domain = |id: EndpointId| pool.domains.get(id.index().wrapping_sub(pool.first.index())).copied();
    let own = domain(endpoint).filter(|domain| several && *domain != ALONE)?;
    picks.iter().copied().find(|&id| domain(id) == Some(own))
}

/// What the resolver did.
#[derive(Default)]
pub(super) struct Record {
    pub(super) pools: Vec<(usize, PoolId, PoolNote)>,
    pub(super) fallback: Option<FallbackNote>,
}

impl Trail for Record {
    fn pool(&mut self, step: usize, pool: PoolId, note: PoolNote) {
        self.pools.push((step, pool, note));
    }

    fn fallback(&mut self, note: FallbackNote) {
        self.fallback = Some(note);
    }
}
