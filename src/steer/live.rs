//! What is live: for each pool its members laid out, for each class of each route what serves it. Worked out when
//! health changes, walked by queries, and copied on write in chunks, so that a change touches only what it changes.

use super::compile::StepView;
use super::decide::Answer;
use super::dependents::{Dependents, Packed};
use super::depends::{Waves, users};
use super::observed::Observed;
use super::pool_live::{PoolLive, Set};
use super::resolve::{Resolver, Scene};
use super::rows::{Leaf, Own, ROWS, Row, RowChunk, chooses_pools};
use super::steered::{Steered, SteeredPools};
use super::trail::{FallbackNote, Trail};
use crate::client::Family;
use crate::id::{EndpointId, PoolId};
use crate::pool::{Gates, Table};
use crate::snapshot::Snapshot;
use std::sync::Arc;

/// Pools in one chunk: what one change copies. A pool is a pointer here.
const CHUNK: usize = 64;

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
                stale.extend_from_slice(dependents.classes(id));
                waves.changed(dependents.users.of(id.index()));
            }
        }
        stale.sort_unstable();
        stale.dedup();
        for classes in stale.chunk_by(|one, next| *one as usize / ROWS == *next as usize / ROWS) {
            let chunk = classes[0] as usize / ROWS;
            if let Some(new) = self.chunk_again(snapshot, chunk, classes) {
                Arc::make_mut(&mut self.rows)[chunk] = Arc::new(new);
            }
        }
        changed
    }

    /// A chunk some of whose classes may be led elsewhere now; nothing if none is.
    fn chunk_again(&self, snapshot: &Snapshot, number: usize, classes: &[u32]) -> Option<RowChunk> {
        let old = &*self.rows[number];
        if !old.own.is_empty() {
            // Rows share what is the chunk's own, by its places.
            return Some(self.chunk(snapshot, number)).filter(|new| new != old);
        }
        let (mut own, mut rows) = (Vec::new(), None);
        for class in classes.iter().map(|&class| class as usize) {
            let (new, place) = (self.rows_of(snapshot, class, &mut own), class % ROWS);
            if new != old.rows[place] {
                rows.get_or_insert_with(|| old.rows.clone())[place] = new;
            }
        }
        rows.map(|rows| RowChunk { rows, own: own.into() })
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
        let rows = classes.map(|class| self.rows_of(snapshot, class, &mut own)).collect();
        RowChunk { rows, own: own.into() }
    }

    /// The rows of a class, one a family.
    fn rows_of(&self, snapshot: &Snapshot, class: usize, own: &mut Vec<Own>) -> [Row; 2] {
        let steps: Vec<StepView<'_>> = snapshot.plan.steps(class).collect();
        Family::BOTH.map(|family| self.resolve(snapshot, class, &steps, family as usize, own))
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
        let mut last_resort = LastResort(false);
        let mut resolver = Resolver { scene, own, trail: &mut last_resort, cap_s: u32::MAX };
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
        Row { leaf, table, count, cap_s, prefix, is_live: !last_resort.0 }
    }
}

/// Takes down alone whether no step was live.
struct LastResort(bool);

impl Trail for LastResort {
    fn fallback(&mut self, _note: FallbackNote) {
        self.0 = true;
    }
}

/// True if the address of an endpoint's family can be handed out: its gates are open, and nothing says it is down.
#[must_use]
pub fn is_live(state: &crate::state::State, endpoint: EndpointId, family: Family) -> bool {
    let pool = state.snapshot.endpoints[endpoint.index()].pool;
    state.live.pool(pool).is_up(endpoint, family as usize)
}

/// The weight that records say of an endpoint whose address of a family is answered: the one that holds now, as far as
/// 16 bits hold it. While a member of its pool grows to its weight, those of the pool may be in tenths.
#[must_use]
pub fn weight(state: &crate::state::State, endpoint: EndpointId, family: Family) -> u16 {
    let data = &state.snapshot.endpoints[endpoint.index()];
    let own = || state.live.gates().weight(endpoint, data.weight).min(u16::MAX.into()) as u16;
    state.live.pool(data.pool).told(endpoint, family as usize).unwrap_or_else(own)
}

#[cfg(test)]
mod tests {
    use super::super::Fallback;
    use super::super::fixture::{World, nearest, one, split};
    use super::*;
    use crate::worker::Draw;

    /// More classes than a chunk has rows; of some chunks rows have something of their own, of others none.
    fn world() -> World {
        const REGIONS: [(&str, &[&str]); 3] = [("a", &["20.0.0.0/8"]), ("b", &["30.0.0.0/8"]), ("c", &["40.0.0.0/8"])];
        let mut world = World::new(&REGIONS);
        let pools: Vec<PoolId> = (0..48)
            .map(|id| world.pool(&format!("p{id}"), &[&format!("1.1.{id}.1"), &format!("1.1.{id}.2")]))
            .collect();
        world.pool_mut(pools[5]).rules.depends_on = [pools[6]].into();
        for (index, pools) in pools.chunks(4).enumerate() {
            let &[one_of, next, third, last] = pools else { unreachable!("a multiple of four") };
            let first = match index {
                4 => split(&[(one_of, 1), (next, 2)], true),
                8 => nearest(pools),
                _ => one(one_of),
            };
            let rows = vec![
                (Some(0), vec![first, one(next)], false),
                (Some(1), vec![one(next), one(third)], false),
                (Some(2), vec![one(third), one(next), one(one_of)], true),
                (None, vec![one(third)], false),
            ];
            let policy = world.policy(rows);
            let fallback = if index % 2 == 0 { Fallback::Pool(last) } else { Fallback::All };
            world.name(&format!("n{index}.example.com"), policy, fallback);
        }
        world
    }

    #[test]
    fn what_is_worked_out_by_and_by_is_what_is_worked_out_at_once() {
        let snapshot = world().build();
        let dependents = Dependents::new(&snapshot);
        let mut known = vec![Observed::UP; snapshot.endpoints.len()];
        let (mut draw, mut changes) = (Draw::new(7), 0);
        let mut live = Live::new(&snapshot, |id| known[id.index()]);
        assert!(live.rows.len() > 2 && live.rows.iter().any(|chunk| chunk.own.is_empty()));
        assert!(live.rows.iter().any(|chunk| !chunk.own.is_empty()));
        for _ in 0..1_000 {
            let touched: Vec<usize> = (0..=draw.below(6)).map(|_| draw.below(known.len() as u32) as usize).collect();
            for &endpoint in &touched {
                known[endpoint] = if draw.below(2) == 0 { Observed::UP } else { Observed::DOWN };
            }
            let pools: Vec<PoolId> = touched.iter().map(|&endpoint| snapshot.endpoints[endpoint].pool).collect();
            changes += usize::from(live.update(&snapshot, &dependents, &pools, |id| known[id.index()]));
            let at_once = Live::new(&snapshot, |id| known[id.index()]);
            assert!(live.rows == at_once.rows && live.pools == at_once.pools);
        }
        assert!(changes > 800);
    }
}
