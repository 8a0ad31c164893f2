//! Who serves the clients of one cell on either side, and how many of them must move for that, where from and where to.

use super::portion::{NO_ANSWER, Shares};
use crate::snapshot::Snapshot;
use crate::steer::Outcome;

/// What serves on either side: pools by name, endpoints by `POOL/ENDPOINT`.
pub(super) struct Served {
    pub(super) pools: [Shares; 2],
    pub(super) endpoints: [Shares; 2],
    /// From a pool to a pool, with the part of the clients.
    pub(super) moves: Vec<(Box<str>, Box<str>, f64)>,
}

/// Less than this of a cell is rounding.
const NOTHING: f64 = 1e-9;

impl Served {
    pub(super) fn new(snapshots: [&Snapshot; 2], outcomes: [&Outcome; 2]) -> Self {
        let mut pools: [Shares; 2] = Default::default();
        let mut endpoints: [Shares; 2] = Default::default();
        for side in 0..2 {
            let mut answered = 0.0;
            for &(id, part) in &outcomes[side].endpoints {
                let endpoint = &snapshots[side].endpoints[id.index()];
                let pool = &snapshots[side].pools[endpoint.pool.index()].name;
                pools[side].add(pool, part);
                endpoints[side].add(&format!("{pool}/{}", endpoint.name), part);
                answered += part;
            }
            if answered < 1.0 - NOTHING {
                pools[side].add(NO_ANSWER, 1.0 - answered);
            }
        }
        let moves = moves(&pools[0], &pools[1]);
        Self { pools, endpoints, moves }
    }
}

/// The fewest clients that have to move: what a pool loses goes to those that gain, by what each gains. Stable choices
/// move no more than that.
fn moves(before: &Shares, after: &Shares) -> Vec<(Box<str>, Box<str>, f64)> {
    let less = |one: &Shares, other: &Shares| -> Vec<(Box<str>, f64)> {
        let changed = one.iter().map(|(pool, part)| (pool.into(), part - other.of(pool)));
        changed.filter(|(_, part)| *part > NOTHING).collect()
    };
    let (lost, gained) = (less(before, after), less(after, before));
    let all: f64 = gained.iter().map(|gained| gained.1).sum();
    let to = |(from, lost): &(Box<str>, f64)| {
        let one = |(to, gained): &(Box<str>, f64)| (from.clone(), to.clone(), lost * gained / all);
        gained.iter().map(one).collect::<Vec<_>>()
    };
    lost.iter().flat_map(to).collect()
}
