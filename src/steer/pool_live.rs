//! One pool, laid out: the tables of its members that answers are picked from, and what rows need to know of it.

use super::gauge::{Gauge, gauges};
use super::observed::{Observed, lanes};
use super::reserve::{scale, spare, told};
use super::steered::{Steered, SteeredPools};
use crate::id::{EndpointId, PoolId};
use crate::limits::RAMP_STEPS;
use crate::pool::rendezvous::name_bits;
use crate::pool::{ALONE, Candidate, Gate, Gates, Pool, Share, Table};
use crate::snapshot::Snapshot;
use std::sync::Arc;

/// Which members of a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Set {
    /// Those that are live.
    Live,
    /// Those that pass their checks, and that no operator took out.
    OpenPassing,
    /// Those that pass their checks.
    EveryPassing,
    /// Those that no operator took out.
    Open,
    /// All.
    Every,
}

/// How many there are.
const SETS: usize = 5;

impl Set {
    /// Whom to name where nobody is live, the first that has a member: the dead only where all are dead, and what an
    /// operator took out only where nothing else is.
    pub(super) const LAST_RESORTS: [Self; 4] = [Self::OpenPassing, Self::Open, Self::EveryPassing, Self::Every];

    /// True if it has members that an operator took out.
    pub(super) const fn has_closed(self) -> bool {
        matches!(self, Self::EveryPassing | Self::Every)
    }
}

/// No table: the set has no member of the family.
const NONE: u8 = u8::MAX;

/// One pool, laid out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PoolLive {
    /// The distinct tables.
    tables: Box<[Arc<Table>]>,
    /// The table of each set and family.
    index: [[u8; 2]; SETS],
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
    /// The same of the members that an operator took out.
    pub(super) closed_cap_s: u32,
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
    /// The members' weights by family as records say them; none if nobody's grows.
    told: Box<[[u16; 2]]>,
    /// Members for orders of nearness; none for every other method.
    near: Option<Box<Sets>>,
}

/// The members of each set, by family.
type Sets = [[Vec<Candidate>; 2]; SETS];

impl PoolLive {
    pub(super) fn new(
        snapshot: &Snapshot,
        (gates, steered): (&Gates, &SteeredPools),
        id: PoolId,
        observed: impl Fn(EndpointId) -> Observed,
    ) -> Self {
        let steered = steered.get(&id).copied().unwrap_or(Steered::PLAIN);
        let pool = &snapshot.pools[id.index()];
        let pool_gate = gates.pool(id, pool.gate);
        let is_open = pool_gate.is_open();
        let mut sets = Sets::default();
        let (mut live, mut cap_s, mut closed_cap_s, mut pending) = (0, u32::MAX, u32::MAX, false);
        let mut up = vec![0_u8; usize::from(pool.count).div_ceil(4)];
        let mut all_seen: Vec<Observed> = pool.endpoints().map(observed).collect();
        let gauges = gauges(pool, &all_seen);
        let last_resort = spare(snapshot, gates, id, &mut all_seen);
        let scale = scale(snapshot, gates, id, &all_seen);
        for ((place, endpoint), seen) in pool.endpoints().enumerate().zip(&all_seen) {
            let data = &snapshot.endpoints[endpoint.index()];
            let gate = gates.endpoint(endpoint, data.gate);
            let open = is_open && gate.is_open();
            let trusted = pool_gate == Gate::Up || gate == Gate::Up;
            if open && !trusted {
                cap_s = cap_s.min(seen.steady_s);
                pending |= seen.pending;
            }
            closed_cap_s = closed_cap_s.min(if open { u32::MAX } else { seen.steady_s });
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
                    // The word that an open pool is up is not about a member that is out.
                    let passes = seen.passes[lane] || gate == Gate::Up || open && trusted;
                    let is_up = open && (seen.up[lane] || trusted || last_resort && seen.waits[lane]);
                    let members = [is_up, open && passes, passes, open, true];
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
            closed_cap_s,
            keep: gates.share(id).min(steered.keep),
            room: steered.room,
            part: steered.part,
            first: pool.first,
            up: up.into(),
            gauges,
            told: told(snapshot, gates, id, &all_seen),
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

    /// The weight of a member that grows to its own, as records say it.
    pub(super) fn told(&self, endpoint: EndpointId, lane: usize) -> Option<u16> {
        Some(self.told.get(endpoint.index() - self.first.index())?[lane])
    }

    /// The members of a set of a pool that balances by nearness.
    pub(super) fn candidates(&self, set: Set, lane: usize) -> &[Candidate] {
        self.near.as_ref().map_or(&[], |near| &near[set as usize][lane])
    }
}

/// The distinct tables of a pool's sets by family, and which of them each set has.
fn tables(pool: &Pool, sets: &Sets, write_down: bool) -> (Vec<Arc<Table>>, [[u8; 2]; SETS]) {
    let mut tables = Vec::new();
    let mut index = [[NONE; 2]; SETS];
    let mut known: Vec<(&[Candidate], u8)> = Vec::new();
    for set in 0..SETS {
        for lane in 0..2 {
            let members = &*sets[set][lane];
            if members.is_empty() {
                continue;
            }
            if let Some((_, table)) = known.iter().find(|(before, _)| *before == members) {
                index[set][lane] = *table;
                continue;
            }
            known.push((members, tables.len() as u8));
            index[set][lane] = tables.len() as u8;
            let of_all = usize::from(pool.count);
            let table = Table::new(pool.balance, pool.answers, members, of_all);
            let written = set == Set::Live as usize && write_down;
            tables.push(Arc::new(if written { table.written_down() } else { table }));
        }
    }
    (tables, index)
}
