//! The control loop over the loads of pools: what each pool keeps of its clients, how much room it has for the clients
//! of sites that are gone, and its weight where a row picks by load.
//!
//! ```text
//!   reports ──▶ load of a pool ──▶ one step of its shares (pool::relief) ─┐
//!      ▲                           its room, its weight by load           ├─▶ live tables ──▶ answers
//!      │                                                                  │                     │
//!      └────────────── clients move within a TTL, reports follow ◀────────┴─────────────────────┘
//! ```
//!
//! **Time.** A pool is looked at once an interval of the check that tells its load. After it has moved it rests for a
//! TTL (the largest of the names that lead to it) and two intervals: only then is the whole of its last step in the
//! reports. So no step is taken twice for one cause, and a pool moves no more than a tenth in max(TTL, interval). A
//! report that is too old counts as none: `stale` is the time for which a share stays; then it returns to full by the
//! same steps.
//!
//! **A site is gone.** Then its clients are *guests* of the further pools of their rows, at once and by a stable hash,
//! in proportion to room = capacity − own load, as long as each of them has a capacity and a load. Own load is the one
//! from before there were guests: their load must not be taken for a lack of room, or weights would chase it. The last
//! load of the lost site, in equal parts for its rows, is first taken off the room of those pools that are the only
//! ones left to a row; so rows that have a choice leave them alone. What that reckons wrongly (nobody counts the
//! clients of a row) the reports tell: a pool above its capacity takes fewer guests, step by step.
//!
//! **Equal answers.** All follows from the reports and their times by whole numbers: nodes that see the same loads take
//! the same steps. Nodes that were started at different times agree on the room while there are no guests, and meet
//! within some steps. One that was started while there are guests cannot tell their load from a pool's own: it sees less
//! room than the others until they are gone.
//!
//! **A restart** goes on where the last run was, as long as that is younger than a report is believed and a step takes.
//! The first look waits until reports of this run are in: without them every share would begin its way back to full.

use super::known::Known;
use crate::health::{Aggregate, Load, Millis, settle};
use crate::id::PoolId;
use crate::limits::{PART_AVERAGE, ROOM_PARTS};
use crate::pool::relief::{Situation, Standing, has_room};
use crate::pool::{Relieved, Share};
use crate::snapshot::Snapshot;
use crate::steer::{Live, Rows, Steered, SteeredPools, largest_ttls};
use std::collections::{BTreeMap, HashMap};

/// The loop of one configuration.
#[derive(Debug, Default)]
pub(super) struct Relieving {
    pools: BTreeMap<PoolId, Watched>,
    rows: Rows,
    /// The largest capacity, in thousandths: what rooms are measured by.
    largest: u64,
    /// When a pool is looked at next.
    next: Option<Millis>,
    /// Pools that have begun to send clients on, or to keep all of them, since somebody asked: what they keep, and their
    /// load.
    turned: Vec<(PoolId, Share, Option<Load>)>,
}

/// A pool that is looked at.
#[derive(Clone, Debug)]
struct Watched {
    capacity: Option<Load>,
    /// The pools that it is compared with where a row picks by load.
    compared: Vec<PoolId>,
    interval: Millis,
    /// So long a step takes until it is seen as a whole.
    rest: Millis,
    /// After this time the first reports of a run are in.
    first: Millis,
    /// So long a report is believed.
    stale: Millis,
    due: Millis,
    /// What is known of it is an earlier run's: how old it was, and when it was taken up.
    old: Option<(Millis, Millis)>,
    known: Remembered,
}

/// What is known of a pool, in one configuration and the next.
#[derive(Clone, Copy, Debug)]
struct Remembered {
    standing: Standing,
    part: u32,
    /// The last load that it reported while it was live, and the same without guests, settled.
    last: Option<Load>,
    own: Option<u64>,
    /// There is a fresh load.
    fresh: bool,
    was_live: bool,
}

impl Relieving {
    /// The loop over the pools that have something to do with their loads; none: it never does anything.
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let relieved = |pool: PoolId| {
            let rules = &snapshot.pools[pool.index()].rules;
            rules.load.is_some() && (rules.relief.capacity.is_some() || rules.relief.shed.is_some())
        };
        let by_load = snapshot.policies.iter().flat_map(|policy| &policy.rows).flat_map(|row| &row.steps);
        let mut picked: Vec<PoolId> = by_load
            .filter_map(|step| if let crate::steer::Step::LeastLoad(pools) = step { Some(pools) } else { None })
            .flat_map(|pools| pools.iter().copied())
            .filter(|pool| snapshot.pools[pool.index()].rules.load.is_some())
            .collect();
        picked.sort_unstable();
        picked.dedup();
        let all: Vec<PoolId> = (0..snapshot.pools.len())
            .map(PoolId::new)
            .filter(|&pool| relieved(pool) || picked.binary_search(&pool).is_ok())
            .collect();
        if all.is_empty() {
            return Self::default();
        }
        let rows = Rows::new(snapshot, |pool| all.binary_search(&pool).is_ok());
        let ttls = largest_ttls(snapshot);
        let watched = |&id: &PoolId| {
            let pool = &snapshot.pools[id.index()];
            let check = pool.rules.load.map(|check| &snapshot.checks[check.index()]);
            let interval = Millis::from(check.map_or(1_000, |check| check.timing.interval_ms));
            let first = interval + Millis::from(check.map_or(0, |check| check.timing.timeout_ms));
            let stale = check.and_then(|check| check.kind.load()).map_or(0, |source| source.stale_ms.into());
            let ttl = Millis::from(ttls[pool.first.index()]) * 1_000;
            let compared = rows.compared(id);
            let capacity = pool.rules.relief.capacity;
            let (rest, known) = (ttl + 2 * interval, Remembered::NOTHING);
            (id, Watched { capacity, compared, interval, rest, first, stale, due: 0, old: None, known })
        };
        let pools: BTreeMap<_, _> = all.iter().map(watched).collect();
        let largest = pools.values().filter_map(|one| one.capacity).max().map_or(1, Load::thousandths);
        Self { pools, rows, largest, next: Some(0), turned: Vec::new() }
    }

    /// When a pool is looked at next.
    pub(super) const fn next(&self) -> Option<Millis> {
        self.next
    }

    /// Looks at the pools whose time has come; what the live tables are to be told, if there were any.
    pub(super) fn look(&mut self, snapshot: &Snapshot, live: &Live, known: &Known) -> Option<SteeredPools> {
        self.next.filter(|&next| next <= known.now)?;
        let due: Vec<PoolId> = self.pools.iter().filter(|(_, one)| one.due <= known.now).map(|(&id, _)| id).collect();
        let loads: HashMap<PoolId, Option<Load>> =
            self.pools.keys().map(|&id| (id, load(snapshot, live, known, id))).collect();
        let guests: Vec<Vec<PoolId>> =
            self.rows.guests(live, |pool| self.knows_room(pool)).map(|(_, takes)| takes).collect();
        for id in due {
            let load = loads[&id];
            let has_guests = guests.iter().flatten().any(|&pool| pool == id);
            let roomy = |other: PoolId| match self.pools.get(&other) {
                Some(Watched { capacity: Some(capacity), .. }) => {
                    loads[&other].is_none_or(|load| has_room(*capacity, load))
                }
                _ => true,
            };
            let can_go = |takes: &Vec<PoolId>| takes.iter().any(|&pool| pool != id && roomy(pool));
            // One share holds for the guests of all rows. If those of one row have nowhere to go, a smaller share sends
            // them to pools that are full and send their own clients back: both would walk on for many steps.
            let mut takes_part = guests.iter().filter(|takes| takes.contains(&id)).peekable();
            let guests_can_go = takes_part.peek().is_some() && takes_part.all(can_go);
            let others_have_room = self.rows.others(live, id, roomy);
            let part = self.part(id, &loads);
            let Some(one) = self.pools.get_mut(&id) else { continue };
            let before = (one.known.standing, one.known.part);
            // A pool that is gone keeps what it had: its clients come back to the share that they left.
            if live.is_live(id) {
                let own = Load::from_thousandths(one.known.own.unwrap_or(0));
                let situation = Situation { load, own, has_guests, guests_can_go, others_have_room };
                let relief = &snapshot.pools[id.index()].rules.relief;
                one.known.standing = one.known.standing.step(relief, situation);
                one.known.part = part;
                let keep = one.known.standing.keep;
                if (before.0.keep == Share::FULL) != (keep == Share::FULL) {
                    self.turned.push((id, keep, load));
                }
                one.known.last = load.or(one.known.last);
                if let Some(load) = load.filter(|_| !has_guests || one.known.own.is_none()) {
                    one.known.own = Some(settle(one.known.own, load.thousandths()));
                }
            }
            one.known.fresh = load.is_some();
            one.old = None;
            let moved = before != (one.known.standing, one.known.part);
            one.due = known.now + if moved { one.rest } else { one.interval };
        }
        self.next = self.pools.values().map(|one| one.due).min();
        Some(self.tell(live))
    }

    /// What the live tables are to be told if a pool went or came since the last call.
    pub(super) fn liveness(&mut self, live: &Live) -> Option<SteeredPools> {
        let mut changed = false;
        for (&id, one) in &mut self.pools {
            changed |= std::mem::replace(&mut one.known.was_live, live.is_live(id)) != live.is_live(id);
        }
        changed.then(|| self.tell(live))
    }

    /// What the live tables are to be told.
    fn tell(&self, live: &Live) -> SteeredPools {
        let mut placed: HashMap<PoolId, u64> = HashMap::new();
        for (lost, takes) in self.rows.guests(live, |pool| self.knows_room(pool)) {
            if let [only] = takes[..] {
                *placed.entry(only).or_default() += lost.iter().map(|&pool| self.of_one_row(pool)).sum::<u64>();
            }
        }
        let steered = |(&id, one): (&PoolId, &Watched)| {
            let room = one.capacity.filter(|_| self.knows_room(id)).map(|capacity| {
                let taken = one.known.own.unwrap_or(0) + placed.get(&id).copied().unwrap_or(0);
                let room = one.known.standing.guests.times(capacity.thousandths().saturating_sub(taken));
                (u128::from(room) * u128::from(ROOM_PARTS) / u128::from(self.largest)) as u32
            });
            (id, Steered { keep: one.known.standing.keep, room, part: one.known.part })
        };
        self.pools.iter().map(steered).filter(|(_, steered)| *steered != Steered::PLAIN).collect()
    }

    fn knows_room(&self, pool: PoolId) -> bool {
        self.pools.get(&pool).is_some_and(|one| one.capacity.is_some() && one.known.own.is_some() && one.known.fresh)
    }

    /// What the clients of one of its rows bring, as far as anybody knows.
    fn of_one_row(&self, pool: PoolId) -> u64 {
        let last = self.pools.get(&pool).and_then(|one| one.known.last).map_or(0, Load::thousandths);
        last / self.rows.first_in(pool).max(1) as u64
    }

    /// The weight of a pool where a row picks by load: it grows if the pool is less used than those beside it, its
    /// load measured by its capacity, and falls if it is more; a tenth of the difference is none.
    fn part(&self, id: PoolId, loads: &HashMap<PoolId, Option<Load>>) -> u32 {
        let one = &self.pools[&id];
        let used = |pool: &PoolId| {
            let load = (*loads.get(pool)?)?.thousandths();
            // The least that counts as used keeps an idle pool's weight within bounds.
            let measure = self.pools.get(pool)?.capacity.map_or(1_000, Load::thousandths).max(1);
            Some((u128::from(load) * 1_000_000 / u128::from(measure)).max(1))
        };
        let all: Vec<u128> = one.compared.iter().filter_map(used).collect();
        let (least, most) = (PART_AVERAGE / 10, PART_AVERAGE * 10);
        let now = u128::from(one.known.part);
        let wanted = match used(&id) {
            None => u128::from(PART_AVERAGE),
            Some(_) if all.len() < 2 => now,
            Some(used) => {
                let mean = all.iter().sum::<u128>() / all.len() as u128;
                if mean.abs_diff(used) * 10 <= mean { now } else { now * mean / used }
            }
        };
        // At most a tenth, and one so that the smallest weight moves as well.
        let step = now / 10 + 1;
        let next = wanted.clamp(now.saturating_sub(step), now + step);
        (next as u32).clamp(least, most)
    }

    /// Takes over what a configuration before knew of the pools of the same names.
    pub(super) fn inherit(&mut self, snapshot: &Snapshot, before: &Self, old: &Snapshot) {
        let name = |snapshot: &Snapshot, id: PoolId| {
            let pool = &snapshot.pools[id.index()];
            (snapshot.settings[pool.zone.index()].apex.wire().to_vec(), pool.name.clone())
        };
        let known: HashMap<_, _> = before.pools.iter().map(|(&id, one)| (name(old, id), one)).collect();
        for (&id, one) in &mut self.pools {
            if let Some(before) = known.get(&name(snapshot, id)) {
                one.known = before.known;
                (one.due, one.old) = (before.due, before.old);
            }
        }
    }

    /// The pools that have begun to send clients on, or to keep all of them, since the last call.
    pub(super) fn take_turned(&mut self) -> Vec<(PoolId, Share, Option<Load>)> {
        std::mem::take(&mut self.turned)
    }

    /// What is to be kept over a restart.
    pub(super) fn kept(&self, now: Millis) -> Vec<(PoolId, Relieved)> {
        let kept = |(&id, one): (&PoolId, &Watched)| {
            let Remembered { standing, part, last, own, fresh, .. } = one.known;
            let (own, rests) = (own.map(Load::from_thousandths), one.due.saturating_sub(now));
            // A server that starts again and again before its first look makes nothing younger.
            let age = one.old.map_or(0, |(age, at)| age.saturating_add(now.saturating_sub(at)));
            (id, Relieved { standing, part, last, own, fresh, rests, age })
        };
        self.pools.iter().map(kept).collect()
    }

    /// Takes up what was kept, if it is not too old.
    pub(super) fn resume(&mut self, left: &[(PoolId, Relieved)], now: Millis) {
        for &(id, left) in left {
            let Some(one) = self.pools.get_mut(&id).filter(|one| left.age <= one.stale + one.rest) else { continue };
            let Relieved { standing, part, last, own, fresh, rests, .. } = left.bounded();
            one.known = Remembered { standing, part, last, own: own.map(Load::thousandths), fresh, was_live: false };
            one.due = now + rests.min(one.rest).max(one.first);
            one.old = Some((left.age, now));
        }
    }

    /// What the live tables are told when a configuration begins to serve.
    pub(super) fn first(&self, live: &Live) -> SteeredPools {
        self.tell(live)
    }
}

impl Remembered {
    const NOTHING: Self =
        Self { standing: Standing::FULL, part: PART_AVERAGE, last: None, own: None, fresh: false, was_live: false };
}

/// The load of a pool by the fresh reports of its live members as they came; those without one count as the others.
fn load(snapshot: &Snapshot, live: &Live, known: &Known, id: PoolId) -> Option<Load> {
    let pool = &snapshot.pools[id.index()];
    let members = pool.endpoints().filter(|&endpoint| live.is_endpoint_live(snapshot, endpoint));
    let (mut count, mut reports, mut sum) = (0_u64, 0_u64, 0_u128);
    for endpoint in members {
        count += 1;
        if let Some(load) = known.measured.of_endpoint(snapshot, endpoint) {
            reports += 1;
            sum += u128::from(load.thousandths());
        }
    }
    let times = if pool.rules.aggregate == Aggregate::Sum { count } else { 1 };
    let load = (sum * u128::from(times)).checked_div(u128::from(reports))?;
    Some(Load::from_thousandths(u64::try_from(load).unwrap_or(u64::MAX)))
}
