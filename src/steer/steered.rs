//! What the loads of pools mean for rows: what the live tables are told of each pool, and which pools take whose
//! clients. Off the query path.

use super::live::Live;
use crate::id::PoolId;
use crate::pool::Share;
use crate::snapshot::Snapshot;
use std::collections::HashMap;

/// What the live tables are told of a pool that looks at its load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Steered {
    /// The share of the clients on their way to it that stay.
    pub keep: Share,
    /// Its weight among the pools that take the clients of a site that is gone, at most `limits::ROOM_PARTS`, by the
    /// room that it has; `None`: no capacity or no load is known, and it takes them as the row says.
    pub room: Option<u32>,
    /// Its weight where a row picks by load, `limits::PART_AVERAGE` in the middle.
    pub part: u32,
}

impl Steered {
    /// A pool of which nothing is known.
    pub const PLAIN: Self = Self { keep: Share::FULL, room: None, part: crate::limits::PART_AVERAGE };
}

/// By pool; every other is [`Steered::PLAIN`].
pub(crate) type SteeredPools = HashMap<PoolId, Steered>;

/// The distinct rows in which a pool stands that looks at its load: of each the pools of its steps.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    rows: Vec<Vec<Vec<PoolId>>>,
    /// The steps that pick by load.
    by_load: Vec<Vec<PoolId>>,
}

impl Rows {
    pub(crate) fn new(snapshot: &Snapshot, looks: impl Fn(PoolId) -> bool) -> Self {
        let (mut rows, mut by_load) = (Vec::new(), Vec::new());
        for class in 0..snapshot.plan.len() {
            let pools = |step: super::compile::StepView<'_>| step.parts.iter().map(|part| part.pool).collect();
            let row: Vec<Vec<PoolId>> = snapshot.plan.steps(class).map(pools).collect();
            if row.iter().flatten().any(|&pool| looks(pool)) {
                by_load.extend(snapshot.plan.steps(class).filter(|step| step.by_load).map(pools));
                rows.push(row);
            }
        }
        by_load.sort_unstable();
        by_load.dedup();
        rows.sort_unstable();
        rows.dedup();
        Self { rows, by_load }
    }

    /// The pools that share a step with `pool` in which a row picks by load, itself included; each once.
    pub(crate) fn compared(&self, pool: PoolId) -> Vec<PoolId> {
        let mut pools: Vec<PoolId> =
            self.by_load.iter().filter(|step| step.contains(&pool)).flatten().copied().collect();
        pools.sort_unstable();
        pools.dedup();
        pools
    }

    /// True if a row of `pool` has another live pool, at its step or further, of which `room` holds.
    pub(crate) fn others(&self, live: &Live, pool: PoolId, room: impl Fn(PoolId) -> bool) -> bool {
        let further = |row: &Vec<Vec<PoolId>>| {
            let at = row.iter().position(|step| step.contains(&pool));
            at.is_some_and(|at| {
                row[at..].iter().flatten().any(|&other| other != pool && live.is_live(other) && room(other))
            })
        };
        self.rows.iter().any(further)
    }

    /// For each row whose clients are guests elsewhere, since its first pools are gone or shed: the pools of its first
    /// step if they are gone, and those that take the guests by their room.
    pub(crate) fn guests<'a>(
        &'a self,
        live: &'a Live,
        has_room: impl Fn(PoolId) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a [PoolId], Vec<PoolId>)> + 'a {
        self.rows.iter().filter_map(move |row| {
            let serves = |step: &Vec<PoolId>| step.iter().any(|&pool| live.is_live(pool));
            let sheds =
                |step: &Vec<PoolId>| step.iter().any(|&pool| live.is_live(pool) && live.share(pool) < Share::FULL);
            let lost = if serves(row.first()?) { &[][..] } else { &row[0][..] };
            let from = row.iter().position(serves)?;
            let from = match lost.is_empty() {
                true => row.iter().position(|step| serves(step) && !sheds(step))?,
                false => from,
            };
            if from == 0 {
                return None;
            }
            let mut takes = Vec::new();
            for step in &row[from..] {
                let of_step = || step.iter().copied().filter(|&pool| live.is_live(pool));
                if of_step().any(|pool| !has_room(pool)) {
                    break;
                }
                takes.extend(of_step().filter(|pool| !takes.contains(pool)).collect::<Vec<_>>());
            }
            Some((lost, takes))
        })
    }

    /// In how many rows a pool stands in the first step.
    pub(crate) fn first_in(&self, pool: PoolId) -> usize {
        self.rows.iter().filter(|row| row.first().is_some_and(|step| step.contains(&pool))).count()
    }
}
