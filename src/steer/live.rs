//! What is live: for each pool its members laid out, for each class of each route what serves it. Worked out when
//! health changes, walked by queries, and copied on write in chunks, so that a change touches only what it changes.

use super::Fallback;
use super::compile::StepView;
use super::decide::Answer;
use super::depends::{Waves, users};
use super::gauge::{Gauge, gauges};
use super::reserve::{scale, spare};
use super::resolve::{Resolver, Scene};
use super::steered::{Steered, SteeredPools};
use crate::client::Family;
use crate::health::Load;
use crate::id::{EndpointId, PoolId};
use crate::limits::RAMP_STEPS;
use crate::pool::rendezvous::{choose, name_bits};
use crate::pool::{ALONE, Address, Asker, Candidate, Gate, Gates, Pool, Share, Table};
use crate::snapshot::Snapshot;
use crate::worker::Draw;
use std::sync::Arc;

/// Pools in one chunk: what one change copies. A pool is a pointer here.
const CHUNK: usize = 64;
/// Rows in one chunk: what one change works out again. In an uproar nearly every change is in another chunk.
const ROWS: usize = 16;

/// What is known of an endpoint, gates aside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observed {
    /// By family: no check says that it is down. A host name stands in the first place.
    pub up: [bool; 2],
    /// Seconds for which this cannot change; `u32::MAX` if it is not probed.
    pub steady_s: u32,
    /// Its first outcomes are not in yet.
    pub pending: bool,
    /// By family: it passes its checks, and changes too often; out unless it would take the pool down.
    pub flapping: [bool; 2],
    /// By family: it passes its checks and waits to come back; in only when nothing else of the pool is live.
    pub waits: [bool; 2],
    /// By family: its part of its weight, 1 to `limits::RAMP_STEPS`.
    pub share: [u8; 2],
    /// The load that it reports, if that is fresh.
    pub load: Option<Load>,
    /// By family: how long its probes take, smoothed, microseconds.
    pub time_us: [Option<u32>; 2],
}

impl Observed {
    /// An endpoint that no check looks at.
    pub const UP: Self = Self {
        up: [true; 2],
        steady_s: u32::MAX,
        pending: false,
        flapping: [false; 2],
        waits: [false; 2],
        share: [RAMP_STEPS; 2],
        load: None,
        time_us: [None; 2],
    };
    /// An endpoint that has failed, and that nothing probes.
    pub const DOWN: Self = Self { up: [false; 2], ..Self::UP };
}

/// Which members of a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Set {
    /// Those that are live.
    Live = 0,
    /// Those that no operator took out.
    Open = 1,
    /// All.
    Every = 2,
}

/// No table: the set has no member of the family.
const NONE: u8 = u8::MAX;

/// One pool, laid out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PoolLive {
    /// The distinct tables.
    tables: Box<[Arc<Table>]>,
    /// The table of each set and family.
    index: [[u8; 2]; 3],
    /// Its gate is open and enough members are live.
    pub(super) is_live: bool,
    /// The pools that it depends on are live.
    pub(super) is_met: bool,
    /// No operator took it out.
    pub(super) is_open: bool,
    /// A member's first outcomes are not in yet.
    pub(super) pending: bool,
    /// How many members are live.
    pub(super) live: u16,
    /// Seconds for which no member's health can change.
    pub(super) cap_s: u32,
    /// The share of the clients on their way to it that stay.
    pub(super) keep: Share,
    /// Its weight among pools that take guests, if its room is known.
    pub(super) room: Option<u32>,
    /// Its weight where a row picks by load.
    pub(super) part: u32,
    /// By member and family: live. One bit each, for explanations.
    up: Box<[u8]>,
    first: EndpointId,
    /// The members' loads and times; none if nobody looks at them.
    pub(super) gauges: Box<[Gauge]>,
    /// Members for orders of nearness; none for every other method.
    near: Option<Box<[[Vec<Candidate>; 2]; 3]>>,
}

impl PoolLive {
    fn new(
        snapshot: &Snapshot,
        (gates, steered): (&Gates, &SteeredPools),
        id: PoolId,
        observed: impl Fn(EndpointId) -> Observed,
    ) -> Self {
        let steered = steered.get(&id).copied().unwrap_or(Steered::PLAIN);
        let pool = &snapshot.pools[id.index()];
        let pool_gate = gates.pool(id, pool.gate);
        let is_open = pool_gate.is_open();
        let mut sets: [[Vec<Candidate>; 2]; 3] = Default::default();
        let (mut live, mut cap_s, mut pending) = (0, u32::MAX, false);
        let mut up = vec![0_u8; usize::from(pool.count).div_ceil(4)];
        let mut all_seen: Vec<Observed> = pool.endpoints().map(observed).collect();
        let gauges = gauges(pool, &all_seen);
        let last_resort = spare(snapshot, gates, id, &mut all_seen);
        let scale = scale(snapshot, gates, id, &all_seen);
        for ((place, endpoint), seen) in pool.endpoints().enumerate().zip(all_seen) {
            let data = &snapshot.endpoints[endpoint.index()];
            let gate = gates.endpoint(endpoint, data.gate);
            let open = is_open && gate.is_open();
            let trusted = pool_gate == Gate::Up || gate == Gate::Up;
            if open && !trusted {
                cap_s = cap_s.min(seen.steady_s);
                pending |= seen.pending;
            }
            let has = lanes(&data.address);
            let name = name_bits(data.name.as_bytes());
            let domain = pool.domains.get(place).copied().unwrap_or(ALONE);
            let own_weight = gates.weight(endpoint, data.weight);
            let is_live = has.iter().zip(seen.up).any(|(&has, up)| has && open && (up || trusted));
            live += u16::from(is_live);
            for lane in 0..2 {
                if has[lane] {
                    let weight = scale.of(own_weight, if trusted { RAMP_STEPS } else { seen.share[lane] });
                    let candidate =
                        Candidate { endpoint, weight, name, domain, load: seen.load, time_us: seen.time_us[lane] };
                    let waits = last_resort && seen.waits[lane];
                    let members = [open && (seen.up[lane] || trusted || waits), open, true];
                    up[place / 4] |= u8::from(members[0]) << (place % 4 * 2 + lane);
                    let into = sets.iter_mut().zip(members).filter(|(_, member)| *member);
                    into.for_each(|(set, _)| set[lane].push(candidate));
                }
            }
        }
        let (tables, index) = tables(pool, &sets, snapshot.writes_hashes_down);
        let by_nearness = pool.balance == crate::pool::Balance::Nearest;
        Self {
            tables: tables.into(),
            index,
            is_live: is_open && live >= pool.min_healthy.max(1),
            is_met: true,
            is_open,
            pending,
            live,
            cap_s,
            keep: gates.share(id).min(steered.keep),
            room: steered.room,
            part: steered.part,
            first: pool.first,
            up: up.into(),
            gauges,
            near: by_nearness.then(|| Box::new(sets)),
        }
    }

    /// True if a set has a member of the family.
    pub(super) fn has(&self, set: Set, lane: usize) -> bool {
        self.index[set as usize][lane] != NONE
    }

    /// The members of a set that has one.
    #[inline(always)]
    pub(super) fn table(&self, set: Set, lane: usize) -> Option<&Arc<Table>> {
        self.tables.get(usize::from(self.index[set as usize][lane]))
    }

    /// True if a member's address of the family is live.
    pub(super) fn is_up(&self, endpoint: EndpointId, lane: usize) -> bool {
        let place = endpoint.index() - self.first.index();
        self.up[place / 4] >> (place % 4 * 2 + lane) & 1 == 1
    }

    /// The members of a set of a pool that balances by nearness.
    pub(super) fn candidates(&self, set: Set, lane: usize) -> &[Candidate] {
        self.near.as_ref().map_or(&[], |near| &near[set as usize][lane])
    }
}

/// The distinct tables of a pool's sets by family, and which of them each set has.
fn tables(pool: &Pool, sets: &[[Vec<Candidate>; 2]; 3], write_down: bool) -> (Vec<Arc<Table>>, [[u8; 2]; 3]) {
    let mut tables = Vec::new();
    let mut index = [[NONE; 2]; 3];
    for lane in 0..2 {
        for set in 0..3 {
            if sets[set][lane].is_empty() {
                continue;
            }
            if set > 0 && sets[set][lane] == sets[set - 1][lane] {
                index[set][lane] = index[set - 1][lane];
                continue;
            }
            if lane > 0 && sets[set][lane] == sets[set][0] {
                index[set][lane] = index[set][0];
                continue;
            }
            index[set][lane] = tables.len() as u8;
            let of_all = usize::from(pool.count);
            let table = Table::new(pool.balance, pool.answers, &sets[set][lane], of_all);
            let written = set == Set::Live as usize && write_down;
            tables.push(Arc::new(if written { table.written_down() } else { table }));
        }
    }
    (tables, index)
}

/// True if the address of an endpoint's family can be handed out: its gates are open, and nothing says it is down.
#[must_use]
pub fn is_live(state: &crate::state::State, endpoint: EndpointId, family: Family) -> bool {
    let pool = state.snapshot.endpoints[endpoint.index()].pool;
    state.live.pool(pool).is_up(endpoint, family as usize)
}

/// The families in which an endpoint can be answered; a host name stands in the first place.
pub(crate) const fn lanes(address: &Address) -> [bool; 2] {
    match address {
        Address::Ip { v4, v6 } => [v4.is_some(), v6.is_some()],
        Address::Host(_) => [true, false],
    }
}

/// Where a row, or a part of a split, leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leaf {
    /// First outcomes are not in.
    Pending,
    NoData,
    ServFail,
    /// A table of a pool.
    Pool {
        pool: PoolId,
        set: Set,
        /// Where its answers are counted.
        count: u32,
    },
    /// An entry of the chunk.
    Own(u32),
}

/// What a row has for itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Own {
    /// A choice among pools.
    Split { sticky: bool, parts: Box<[SplitPart]> },
    /// The same among the pools that a client may stay with; the rest leads those on that may stay with none.
    Shed { sticky: bool, parts: Box<[SplitPart]>, rest: Leaf },
    /// A pool's members in the order of nearness of the row's clients.
    Near { pool: PoolId, count: u32, table: Arc<Table> },
}

/// One part of a split.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SplitPart {
    pub(super) name: u64,
    pub(super) weight: u32,
    /// The share of its clients that stay; in a `Split` all.
    pub(super) keep: Share,
    pub(super) leaf: Leaf,
}

/// Chooses a part of a split, by the client's key or by a draw; `None` if there is no part.
pub(super) fn choose_part<'p>(
    parts: impl Iterator<Item = &'p SplitPart> + Clone,
    sticky: bool,
    asker: &Asker,
    draw: &mut Draw,
) -> Option<Leaf> {
    let index = if sticky {
        choose(asker.split_key(), parts.clone().map(|part| (part.name, part.weight)))
    } else {
        let total: u64 = parts.clone().map(|part| u64::from(part.weight)).sum();
        let mut point = ((u128::from(draw.next()) * u128::from(total)) >> 64) as u64;
        let passed = |part: &&SplitPart| {
            let here = point >= u64::from(part.weight);
            point = point.saturating_sub(u64::from(part.weight));
            here
        };
        parts.clone().take_while(passed).count()
    };
    parts.map(|part| part.leaf).nth(index)
}

/// The same among the parts that the client may stay with.
pub(super) fn choose_kept(parts: &[SplitPart], sticky: bool, asker: &Asker, draw: &mut Draw) -> Option<Leaf> {
    let key = asker.share_key();
    choose_part(parts.iter().filter(|part| part.keep.keeps(key, part.name)), sticky, asker, draw)
}

/// What serves one class of a route in one family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) leaf: Leaf,
    /// The leaf's table, if it is a pool's: what nearly every query wants.
    pub(super) table: Option<(PoolId, Arc<Table>)>,
    /// Where the answers from that table are counted.
    pub(super) count: u32,
    /// Seconds for which nothing that was looked at can change.
    pub(super) cap_s: u32,
    /// The shortest scopes, IPv4 and IPv6.
    pub(super) prefix: [u8; 2],
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RowChunk {
    rows: Box<[[Row; 2]]>,
    pub(super) own: Box<[Own]>,
}

/// The live rows of all routes, worked out when health changes.
#[derive(Debug, Clone)]
pub struct Live {
    rows: Arc<[Arc<RowChunk>]>,
    pools: Arc<[Arc<[Arc<PoolLive>]>]>,
    /// What operators said at run time.
    gates: Arc<Gates>,
    /// What the loads of pools mean.
    steered: Arc<SteeredPools>,
}

impl Live {
    /// Works everything out; gates and weights hold as the files say.
    #[must_use]
    pub fn new(snapshot: &Snapshot, observed: impl Fn(EndpointId) -> Observed) -> Self {
        Self::with_gates(snapshot, Arc::default(), observed)
    }

    /// Works everything out.
    #[must_use]
    pub fn with_gates(snapshot: &Snapshot, gates: Arc<Gates>, observed: impl Fn(EndpointId) -> Observed) -> Self {
        let chunk = |start: usize| -> Arc<[Arc<PoolLive>]> {
            let ids = (start..snapshot.pools.len().min(start + CHUNK)).map(PoolId::new);
            ids.map(|id| Arc::new(PoolLive::new(snapshot, (&gates, &SteeredPools::new()), id, &observed))).collect()
        };
        let pools = (0..snapshot.pools.len()).step_by(CHUNK).map(chunk).collect();
        let mut live = Self { rows: Arc::new([]), pools, gates: Arc::clone(&gates), steered: Arc::default() };
        live.depend_all(snapshot, &observed);
        let chunks = snapshot.plan.len().div_ceil(ROWS);
        live.rows = (0..chunks).map(|chunk| Arc::new(live.chunk(snapshot, chunk))).collect();
        live
    }

    /// Works out again what depends on `pools`; gives true if an answer can have changed.
    pub(crate) fn update(
        &mut self,
        snapshot: &Snapshot,
        dependents: &Dependents,
        pools: &[PoolId],
        observed: impl Fn(EndpointId) -> Observed,
    ) -> bool {
        let mut changed = false;
        let mut stale = Vec::new();
        let mut waves = Waves::new(pools.iter().copied());
        while let Some(id) = waves.next() {
            if self.work_out(snapshot, id, &observed) {
                changed = true;
                stale.extend_from_slice(dependents.chunks(id));
                waves.changed(dependents.users.of(id.index()));
            }
        }
        stale.sort_unstable();
        stale.dedup();
        for chunk in stale {
            let chunk = chunk as usize;
            let new = self.chunk(snapshot, chunk);
            if new != *self.rows[chunk] {
                Arc::make_mut(&mut self.rows)[chunk] = Arc::new(new);
            }
        }
        changed
    }

    /// Works one pool out again; true if it is another now.
    fn work_out(&mut self, snapshot: &Snapshot, id: PoolId, observed: impl Fn(EndpointId) -> Observed) -> bool {
        let mut new = PoolLive::new(snapshot, (&self.gates, &self.steered), id, observed);
        self.depend(snapshot, id, &mut new);
        if new == *self.pool(id) {
            return false;
        }
        let chunk = &mut Arc::make_mut(&mut self.pools)[id.index() / CHUNK];
        Arc::make_mut(chunk)[id.index() % CHUNK] = Arc::new(new);
        true
    }

    /// Lets all pools feel their dependencies.
    fn depend_all(&mut self, snapshot: &Snapshot, observed: impl Fn(EndpointId) -> Observed) {
        let pairs = users(snapshot);
        if pairs.is_empty() {
            return;
        }
        let mut waves = Waves::new(pairs.iter().map(|&(_, user)| PoolId::new(user as usize)));
        let users = Packed::new(pairs, snapshot.pools.len());
        while let Some(id) = waves.next() {
            if self.work_out(snapshot, id, &observed) {
                waves.changed(users.of(id.index()));
            }
        }
    }

    /// What operators said at run time.
    #[must_use]
    pub fn gates(&self) -> &Gates {
        &self.gates
    }

    /// Takes other gates. Gives the pools to be worked out again by [`Live::update`].
    pub(crate) fn set_gates(&mut self, snapshot: &Snapshot, gates: Arc<Gates>) -> Vec<PoolId> {
        let pools = self.gates.differing(&gates, |endpoint| snapshot.endpoints[endpoint.index()].pool);
        self.gates = gates;
        pools
    }

    /// Takes what the loads of pools mean now. Gives the pools to be worked out again by [`Live::update`].
    pub(crate) fn set_steered(&mut self, steered: SteeredPools) -> Vec<PoolId> {
        let of = |pools: &SteeredPools, id: &PoolId| pools.get(id).copied().unwrap_or(Steered::PLAIN);
        let both = steered.keys().chain(self.steered.keys().filter(|id| !steered.contains_key(id)));
        let pools: Vec<PoolId> = both.filter(|id| of(&steered, id) != of(&self.steered, id)).copied().collect();
        if !pools.is_empty() {
            self.steered = Arc::new(steered);
        }
        pools
    }

    /// What is live of a pool.
    #[inline(always)]
    pub(super) fn pool(&self, id: PoolId) -> &PoolLive {
        &self.pools[id.index() / CHUNK][id.index() % CHUNK]
    }

    /// A pool's table, or the answer if it has no member of the family.
    pub(super) fn serves(&self, pool: PoolId, set: Set, lane: usize) -> Result<(PoolId, &Table), Answer> {
        self.pool(pool).table(set, lane).map(|table| (pool, &**table)).ok_or(Answer::NoData)
    }

    /// A row and the chunk that holds what is its own.
    #[inline(always)]
    pub(super) fn row(&self, class: usize, lane: usize) -> (&Row, &RowChunk) {
        let chunk = &*self.rows[class / ROWS];
        (&chunk.rows[class % ROWS][lane], chunk)
    }

    fn chunk(&self, snapshot: &Snapshot, number: usize) -> RowChunk {
        let mut own = Vec::new();
        let classes = number * ROWS..snapshot.plan.len().min((number + 1) * ROWS);
        let rows = classes.map(|class| {
            let steps: Vec<StepView<'_>> = snapshot.plan.steps(class).collect();
            Family::BOTH.map(|family| self.resolve(snapshot, class, &steps, family as usize, &mut own))
        });
        RowChunk { rows: rows.collect(), own: own.into() }
    }

    fn resolve(
        &self,
        snapshot: &Snapshot,
        class: usize,
        steps: &[StepView<'_>],
        lane: usize,
        own: &mut Vec<Own>,
    ) -> Row {
        let route = &snapshot.routes[snapshot.plan.route_of(class).index()];
        let scene = Scene {
            live: |id| self.pool(id),
            pools: &snapshot.pools,
            near: snapshot.plan.near(class),
            map: &snapshot.maps[route.map.index()],
            lane,
            writes_ties_down: snapshot.writes_ties_down,
            class,
            counted: &snapshot.counted,
        };
        let mut resolver = Resolver { scene, own, trail: &mut (), cap_s: u32::MAX };
        let leaf = resolver.resolve(steps, route.fallback);
        let cap_s = resolver.cap_s;
        let mut prefix = snapshot.plan.prefix(class);
        if chooses_pools(leaf, own) {
            prefix = std::array::from_fn(|family| prefix[family].max(route.pool_bits[family]));
        }
        let (table, count) = match leaf {
            Leaf::Pool { pool, set, count } => {
                (self.pool(pool).table(set, lane).map(|table| (pool, Arc::clone(table))), count)
            }
            Leaf::Own(index) => match &own[index as usize] {
                Own::Near { pool, table, count } => (Some((*pool, Arc::clone(table))), *count),
                Own::Split { .. } | Own::Shed { .. } => (None, 0),
            },
            _ => (None, 0),
        };
        Row { leaf, table, count, cap_s, prefix }
    }
}

/// True if a hash of the client chooses among pools that the configuration alone does not choose among.
fn chooses_pools(leaf: Leaf, own: &[Own]) -> bool {
    let Leaf::Own(index) = leaf else { return false };
    match &own[index as usize] {
        Own::Near { .. } => false,
        Own::Split { parts, .. } => parts.iter().any(|part| chooses_pools(part.leaf, own)),
        Own::Shed { .. } => true,
    }
}

/// Which chunks of rows look at a pool, and which pools a target's health counts for.
#[derive(Debug, Default)]
pub(crate) struct Dependents {
    chunks: Packed,
    /// By pool, the pools that depend on it.
    users: Packed,
    pools: Packed,
}

impl Dependents {
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        let mut chunks: Vec<(u32, u32)> = Vec::new();
        for class in 0..snapshot.plan.len() {
            let mut add = |pool: PoolId| chunks.push((pool.index() as u32, (class / ROWS) as u32));
            snapshot.plan.steps(class).flat_map(|step| step.parts).for_each(|part| add(part.pool));
            if let Fallback::Pool(pool) = snapshot.routes[snapshot.plan.route_of(class).index()].fallback {
                add(pool);
            }
        }
        let mut pools: Vec<(u32, u32)> = Vec::new();
        for (endpoint, watches) in snapshot.endpoints.iter().zip(&snapshot.watches) {
            let targets = watches.iter().flat_map(|range| range.start as usize..range.end as usize);
            pools.extend(targets.map(|at| (snapshot.watched[at].index() as u32, endpoint.pool.index() as u32)));
        }
        let users = Packed::new(users(snapshot), snapshot.pools.len());
        Self {
            chunks: Packed::new(chunks, snapshot.pools.len()),
            users,
            pools: Packed::new(pools, snapshot.targets.len()),
        }
    }

    fn chunks(&self, pool: PoolId) -> &[u32] {
        self.chunks.of(pool.index())
    }

    /// The pools whose members a target's health counts for.
    pub(crate) fn pools(&self, target: crate::id::TargetId) -> impl Iterator<Item = PoolId> + '_ {
        self.pools.of(target.index()).iter().map(|&pool| PoolId::new(pool as usize))
    }
}

/// Lists by index, packed.
#[derive(Debug, Default)]
struct Packed {
    ends: Box<[u32]>,
    items: Box<[u32]>,
}

impl Packed {
    fn new(mut pairs: Vec<(u32, u32)>, count: usize) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut ends = vec![0; count];
        for (at, &(index, _)) in pairs.iter().enumerate() {
            ends[index as usize] = at as u32 + 1;
        }
        for index in 1..count {
            ends[index] = ends[index].max(ends[index - 1]);
        }
        Self { ends: ends.into(), items: pairs.into_iter().map(|pair| pair.1).collect() }
    }

    fn of(&self, index: usize) -> &[u32] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.items[start..self.ends[index] as usize]
    }
}
