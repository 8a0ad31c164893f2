//! From health to the answer of one class of clients in one family: the rules of "row" and "nothing live", once, for
//! the live tables and for explanations.

use super::Fallback;
use super::compile::{Part, StepView};
use super::pool_live::{PoolLive, Set};
use super::reason::Reason;
use super::rows::{Leaf, Own, SplitPart};
use super::trail::{FallbackNote, PoolNote, Trail};
use crate::geo::GeoMap;
use crate::id::{OrderId, PoolId};
use crate::pool::rendezvous::name_bits;
use crate::pool::{Balance, Pool, Share, Table};
use crate::snapshot::Counted;
use std::sync::Arc;

/// What rows are resolved from.
pub(super) struct Scene<'a, F: Fn(PoolId) -> &'a PoolLive> {
    /// What is live of a pool.
    pub(super) live: F,
    /// The pools as configured.
    pub(super) pools: &'a [Pool],
    /// The orders of the pools that balance by nearness, and the map that knows them.
    pub(super) near: &'a [(PoolId, OrderId)],
    pub(super) map: &'a GeoMap,
    /// The family asked for.
    pub(super) lane: usize,
    /// It is written down which of the equally near serves whom: queries will walk this, and many.
    pub(super) writes_ties_down: bool,
    /// The class of the plan, and what is counted of its answers.
    pub(super) class: usize,
    pub(super) counted: &'a Counted,
}

/// One resolution as it goes on.
pub(super) struct Resolver<'a, 'o, F: Fn(PoolId) -> &'a PoolLive, T> {
    pub(super) scene: Scene<'a, F>,
    /// Where what is no pool's own table is put.
    pub(super) own: &'o mut Vec<Own>,
    pub(super) trail: &'o mut T,
    /// The seconds for which nothing looked at so far can change.
    pub(super) cap_s: u32,
}

impl<'a, F: Fn(PoolId) -> &'a PoolLive, T: Trail> Resolver<'a, '_, F, T> {
    /// What serves a row.
    pub(super) fn resolve(&mut self, steps: &[StepView<'_>], fallback: Fallback) -> Leaf {
        if let Some(leaf) = self.first_live(steps, 0, false) {
            return leaf;
        }
        for step in steps {
            let parts = self.parts_with(step, Set::Live);
            if !parts.is_empty() {
                self.trail.fallback(FallbackNote::BelowMinimum);
                return self.split(step.sticky, parts, Set::Live, Reason::BelowMinimum);
            }
        }
        match fallback {
            Fallback::NoData => {
                self.trail.fallback(FallbackNote::NoData);
                Leaf::NoData
            }
            Fallback::ServFail => {
                self.trail.fallback(FallbackNote::ServFail);
                Leaf::ServFail
            }
            Fallback::Pool(pool) => match self.open_set(pool) {
                Some(set) => {
                    self.trail.fallback(FallbackNote::Pool(pool));
                    self.leaf(pool, set, Reason::Fallback)
                }
                // It has no address of this family: the family alone goes on.
                None => self.all(steps),
            },
            Fallback::All => self.all(steps),
        }
    }

    /// The first live step from `from` on that has an address of the family. `guests`: the clients were another pool's,
    /// which is gone or sheds them.
    fn first_live(&mut self, steps: &[StepView<'_>], from: usize, mut guests: bool) -> Option<Leaf> {
        for (index, step) in steps.iter().enumerate().skip(from) {
            if self.look(index, step) {
                return Some(Leaf::Pending);
            }
            let live: Vec<Part> = self.live_parts(step);
            let served = |part: &Part| (self.scene.live)(part.pool).has(Set::Live, self.scene.lane);
            let missing = live.iter().filter(|part| !served(part)).count();
            guests |= live.is_empty();
            if missing == live.len() {
                self.note_step(index, step, &live);
                continue;
            }
            self.note_step(index, step, &live);
            if guests && let Some(leaf) = self.spread(steps, index) {
                return Some(leaf);
            }
            let sheds = live.iter().any(|part| self.keep(*part) < Share::FULL);
            let mut rest = if missing > 0 { self.first_live(steps, index + 1, guests) } else { None };
            let mut parts = Vec::with_capacity(live.len());
            for part in live {
                if (self.scene.live)(part.pool).has(Set::Live, self.scene.lane) {
                    let by_load = Part { weight: (self.scene.live)(part.pool).part, ..part };
                    let leaf = self.leaf(part.pool, Set::Live, Reason::of_step(index));
                    parts.push((if step.by_load { by_load } else { part }, leaf));
                } else if let Some(leaf) = rest {
                    parts.push((part, leaf));
                }
            }
            if !sheds {
                return Some(self.split_of(step.sticky, &parts));
            }
            rest = self.spares(index, step).or_else(|| self.first_live(steps, index + 1, true));
            // A pool of which nothing is known yet takes no clients from one that serves them.
            return Some(self.shed(step.sticky, &parts, rest.filter(|&leaf| leaf != Leaf::Pending)));
        }
        None
    }

    /// Guests among the pools from a live step on whose room is known, by their room; further than those they go only
    /// as a pool sheds. `None` if that is no choice.
    fn spread(&mut self, steps: &[StepView<'_>], from: usize) -> Option<Leaf> {
        let mut parts: Vec<(Part, Leaf)> = Vec::new();
        let mut next = from;
        while let Some(step) = steps.get(next) {
            if next > from && self.look(next, step) {
                break;
            }
            let live = self.live_parts(step);
            let served = |part: &&Part| (self.scene.live)(part.pool).has(Set::Live, self.scene.lane);
            let rooms: Vec<_> =
                live.iter().filter(served).map(|part| (part.pool, (self.scene.live)(part.pool).room)).collect();
            if rooms.iter().any(|room| room.1.is_none()) {
                break;
            }
            if next > from {
                self.note_step(next, step, &live);
            }
            for (pool, room) in rooms {
                if parts.iter().all(|part| part.0.pool != pool) {
                    let leaf = self.leaf(pool, Set::Live, Reason::of_step(next));
                    parts.push((Part { pool, weight: room.unwrap_or(0) }, leaf));
                }
            }
            next += 1;
        }
        if parts.len() < 2 {
            return None;
        }
        let sheds = parts.iter().any(|part| self.keep(part.0) < Share::FULL);
        let rest = if sheds { self.first_live(steps, next, true) } else { None };
        if let Some(rest) = rest.filter(|&leaf| leaf != Leaf::Pending) {
            return Some(self.shed(true, &parts, Some(rest)));
        }
        // Nobody further takes the rest: where all turn a client away, it stays as if none did.
        let all: Box<[SplitPart]> = parts.iter().map(|&part| self.part(part)).collect();
        let first = all[0].leaf;
        self.own.push(Own::Shed { sticky: true, parts: all.clone(), rest: first });
        let stays = Leaf::Own(self.own.len() as u32 - 1);
        Some(if sheds { self.shed(true, &parts, Some(stays)) } else { stays })
    }

    /// The share of its clients that stay with a part; one without an address of the family leads on anyway.
    fn keep(&self, part: Part) -> Share {
        let pool = (self.scene.live)(part.pool);
        if pool.has(Set::Live, self.scene.lane) { pool.keep } else { Share::FULL }
    }

    /// The live parts of weight 0 of a step whose other parts shed; they themselves shed nothing.
    fn spares(&mut self, index: usize, step: &StepView<'_>) -> Option<Leaf> {
        let idle = |part: &&Part| part.weight == 0 && (self.scene.live)(part.pool).is_live;
        let idle: Vec<Part> = step.parts.iter().filter(idle).copied().collect();
        let heavy = step.parts.iter().any(|part| part.weight > 0 && (self.scene.live)(part.pool).is_live);
        let served = |part: &Part| (self.scene.live)(part.pool).has(Set::Live, self.scene.lane);
        let idle: Vec<Part> = idle.into_iter().filter(|part| heavy && served(part)).collect();
        (!idle.is_empty()).then(|| self.split(step.sticky, idle, Set::Live, Reason::of_step(index)))
    }

    /// Parts of which some shed clients; these go to other parts of the step, and what no part keeps to `rest`. Without
    /// a `rest` they stay as if nobody shed: no pool sheds its last clients into nothing.
    fn shed(&mut self, sticky: bool, parts: &[(Part, Leaf)], rest: Option<Leaf>) -> Leaf {
        let mut kept: Vec<(Part, Leaf)> =
            parts.iter().filter(|(part, _)| self.keep(*part) > Share::NONE).copied().collect();
        let rest = match rest {
            Some(rest) if kept.is_empty() => return rest,
            Some(rest) => rest,
            None => {
                if kept.is_empty() {
                    kept = parts.to_vec();
                }
                if kept.len() == 1 {
                    return kept[0].1;
                }
                self.split_of(sticky, &kept)
            }
        };
        let parts = kept.iter().map(|&part| SplitPart { keep: self.keep(part.0), ..self.part(part) }).collect();
        self.own.push(Own::Shed { sticky, parts, rest });
        Leaf::Own(self.own.len() as u32 - 1)
    }

    /// Looks at every pool of a step; true if one of them waits for its first outcomes.
    fn look(&mut self, index: usize, step: &StepView<'_>) -> bool {
        let mut pending = false;
        for part in step.parts {
            let live = (self.scene.live)(part.pool);
            self.cap_s = self.cap_s.min(live.cap_s);
            if live.pending {
                self.trail.pool(index, part.pool, PoolNote::Pending);
                pending = true;
            }
        }
        pending
    }

    /// The parts of a step whose pools are live; those of weight 0 only if there is no other.
    fn live_parts(&self, step: &StepView<'_>) -> Vec<Part> {
        let live = step.parts.iter().filter(|part| (self.scene.live)(part.pool).is_live);
        heavy(live.copied().collect())
    }

    /// The parts of a step that have a member of the family in `set`; those of weight 0 only if there is no other.
    fn parts_with(&self, step: &StepView<'_>, set: Set) -> Vec<Part> {
        let live = |part: &Part| (self.scene.live)(part.pool);
        // Without what it depends on a pool is as down as if its members were.
        let with = step.parts.iter().filter(|part| set != Set::Live || live(part).is_met);
        heavy(with.filter(|part| live(part).has(set, self.scene.lane)).copied().collect())
    }

    /// Fail open: the members of the row's first step that no operator took out; if none is left, all of them. Of either
    /// those that pass their checks, if any does. A row whose first step has no address of the family starts at the
    /// first that has one.
    fn all(&mut self, steps: &[StepView<'_>]) -> Leaf {
        let mut start = 0;
        while start < steps.len() {
            let tiers = steps[start + 1..].iter().take_while(|step| step.tier).count();
            let first = &steps[start..=start + tiers];
            for set in Set::LAST_RESORTS {
                if set.has_closed() {
                    let closed = |part: &Part| (self.scene.live)(part.pool).closed_cap_s;
                    let cap_s = first.iter().flat_map(|step| step.parts).map(closed).min();
                    self.cap_s = self.cap_s.min(cap_s.unwrap_or(u32::MAX));
                }
                for step in first {
                    let parts = self.parts_with(step, set);
                    if !parts.is_empty() {
                        self.trail.fallback(match set {
                            Set::Live | Set::OpenPassing => FallbackNote::Passing,
                            Set::Open => FallbackNote::All,
                            Set::EveryPassing => FallbackNote::EveryPassing,
                            Set::Every => FallbackNote::Every,
                        });
                        return self.split(step.sticky, parts, set, Reason::FailOpen);
                    }
                }
            }
            start += tiers + 1;
        }
        self.trail.fallback(FallbackNote::NoAddress);
        Leaf::NoData
    }

    fn open_set(&self, pool: PoolId) -> Option<Set> {
        let live = (self.scene.live)(pool);
        [Set::Open, Set::Every].into_iter().find(|&set| live.has(set, self.scene.lane))
    }

    fn split(&mut self, sticky: bool, parts: Vec<Part>, set: Set, reason: Reason) -> Leaf {
        let parts: Vec<(Part, Leaf)> =
            parts.into_iter().map(|part| (part, self.leaf(part.pool, set, reason))).collect();
        self.split_of(sticky, &parts)
    }

    fn split_of(&mut self, sticky: bool, parts: &[(Part, Leaf)]) -> Leaf {
        if let [(_, leaf)] = parts {
            return *leaf;
        }
        let parts = parts.iter().map(|&part| self.part(part)).collect();
        self.own.push(Own::Split { sticky, parts });
        Leaf::Own(self.own.len() as u32 - 1)
    }

    fn part(&self, (part, leaf): (Part, Leaf)) -> SplitPart {
        let name = name_bits(self.scene.pools[part.pool.index()].name.as_bytes());
        SplitPart { weight: part.weight.max(1), leaf, name, keep: Share::FULL }
    }

    /// The table of a pool: its own, or one in the class's order of nearness.
    fn leaf(&mut self, pool: PoolId, set: Set, reason: Reason) -> Leaf {
        let count = self.scene.counted.answer(self.scene.class, pool, reason);
        let order = self.scene.near.iter().find(|near| near.0 == pool).map(|near| self.scene.map.order(near.1));
        let configured = &self.scene.pools[pool.index()];
        let (Balance::Nearest, Some(order)) = (configured.balance, order) else {
            return Leaf::Pool { pool, set, count };
        };
        let candidates = (self.scene.live)(pool).candidates(set, self.scene.lane);
        let first = configured.first.index();
        let tier = |tier: &[u16]| {
            let of_tier = tier.iter().map(|&at| first + usize::from(at));
            let found = |id| candidates.binary_search_by_key(&id, |candidate| candidate.endpoint.index()).ok();
            of_tier.filter_map(found).map(|at| candidates[at]).collect()
        };
        let tiers: Vec<_> = order.tiers.iter().map(|members| tier(members)).collect();
        let mut table = Table::nearest(configured.answers, &tiers);
        if self.scene.writes_ties_down {
            let others = self.own.iter().filter_map(|own| match own {
                Own::Near { pool: of, table, .. } if *of == pool => Some(&**table),
                _ => None,
            });
            table = table.written_beside(others);
        }
        self.own.push(Own::Near { pool, count, table: Arc::new(table) });
        Leaf::Own(self.own.len() as u32 - 1)
    }

    /// Tells the trail of every pool of a step.
    fn note_step(&mut self, index: usize, step: &StepView<'_>, live: &[Part]) {
        for part in step.parts {
            let pool = (self.scene.live)(part.pool);
            let needed = &self.scene.pools[part.pool.index()].rules.depends_on;
            let needed = needed.iter().copied().find(|&needed| !(self.scene.live)(needed).is_live);
            let note = if !pool.is_open {
                PoolNote::TakenOut
            } else if let Some(needed) = needed.filter(|_| !pool.is_met) {
                PoolNote::Unmet(needed)
            } else if !pool.is_live {
                PoolNote::TooFewLive
            } else if !pool.has(Set::Live, self.scene.lane) {
                PoolNote::NoAddress
            } else if !live.contains(part) {
                PoolNote::Spare
            } else {
                PoolNote::Taken
            };
            self.trail.pool(index, part.pool, note);
        }
    }
}

fn heavy(mut parts: Vec<Part>) -> Vec<Part> {
    if parts.iter().any(|part| part.weight > 0) {
        parts.retain(|part| part.weight > 0);
    }
    parts
}
