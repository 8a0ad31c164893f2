//! How many of a row's clients each pool gets, in numbers: for people. Off the query path.

use super::pool_live::Set;
use super::rows::{Leaf, Own, RowChunk, SplitPart};
use crate::id::PoolId;
use crate::pool::{Share, Table};

/// Parts of one choice whose combinations are counted out; beyond, clients that two pools turn away are not told from
/// those that one does.
const COUNTED: usize = 10;

/// What leads to a pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount<'c> {
    /// The pool.
    pub(super) pool: PoolId,
    /// Which of its members.
    pub(super) members: Members<'c>,
    /// The part of the clients, 0 to 1.
    pub(super) part: f64,
}

/// Which members of a pool.
#[derive(Clone, Copy, Debug)]
pub(super) enum Members<'c> {
    /// Those of a set.
    Of(Set),
    /// Those of a table by nearness, whatever set it was made from.
    Near(&'c Table),
}

/// Every pool that a leaf leads to, with its part of the clients; a pool may come more than once.
pub(super) fn amounts(leaf: Leaf, chunk: &RowChunk) -> Vec<Amount<'_>> {
    let mut found = Vec::new();
    follow(leaf, chunk, 1.0, &mut found);
    found
}

fn follow<'c>(leaf: Leaf, chunk: &'c RowChunk, part: f64, found: &mut Vec<Amount<'c>>) {
    match leaf {
        Leaf::Pending | Leaf::NoData | Leaf::ServFail => {}
        Leaf::Pool { pool, set, .. } => found.push(Amount { pool, members: Members::Of(set), part }),
        Leaf::Own(index) => match &chunk.own[index as usize] {
            Own::Near { pool, table, .. } => found.push(Amount { pool: *pool, members: Members::Near(table), part }),
            Own::Split { parts, .. } => {
                let total: f64 = parts.iter().map(|one| f64::from(one.weight)).sum();
                parts.iter().for_each(|one| follow(one.leaf, chunk, part * f64::from(one.weight) / total, found));
            }
            Own::Shed { parts, rest, .. } => {
                let (kept, gone) = kept(parts);
                for (one, kept) in parts.iter().zip(kept) {
                    follow(one.leaf, chunk, part * kept, found);
                }
                if gone > 0.0 {
                    follow(*rest, chunk, part * gone, found);
                }
            }
        },
    }
}

/// For each part what it gets of the clients, and what no part keeps: over all combinations of parts that a client may
/// stay with, the chance of the combination times the part's weight in it.
fn kept(parts: &[SplitPart]) -> (Vec<f64>, f64) {
    let keep = |at: usize| f64::from(parts[at].keep.parts()) / f64::from(Share::PARTS);
    let partial: Vec<usize> = (0..parts.len()).filter(|&at| parts[at].keep < Share::FULL).collect();
    let mut kept = vec![0.0; parts.len()];
    if partial.len() > COUNTED {
        let total: f64 = parts.iter().map(|part| f64::from(part.weight)).sum();
        kept = (0..parts.len()).map(|at| keep(at) * f64::from(parts[at].weight) / total).collect();
        let gone = 1.0 - kept.iter().sum::<f64>();
        return (kept, gone);
    }
    let mut gone = 0.0;
    for stays in 0..1_usize << partial.len() {
        let is_out = |at: usize| partial.iter().position(|&one| one == at).is_some_and(|bit| stays >> bit & 1 == 0);
        let chance: f64 = partial.iter().map(|&at| if is_out(at) { 1.0 - keep(at) } else { keep(at) }).product();
        let of = |at: usize| if is_out(at) { 0.0 } else { f64::from(parts[at].weight) };
        let total: f64 = (0..parts.len()).map(of).sum();
        if total == 0.0 {
            gone += chance;
            continue;
        }
        kept.iter_mut().enumerate().for_each(|(at, kept)| *kept += chance * of(at) / total);
    }
    (kept, gone)
}
