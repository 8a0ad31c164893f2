//! Live rows: where the clients of one class are led, as queries walk it.

use super::pool_live::Set;
use crate::id::PoolId;
use crate::pool::rendezvous::choose;
use crate::pool::{Asker, Share, Table};
use crate::worker::Draw;
use std::sync::Arc;

/// Rows in one chunk: what one change copies. In an uproar nearly every change is in another chunk.
pub(super) const ROWS: usize = 16;

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
    /// A step serves it: it needed no way out of having none that is live.
    pub(super) is_live: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RowChunk {
    pub(super) rows: Box<[[Row; 2]]>,
    pub(super) own: Box<[Own]>,
}

/// True if a hash of the client chooses among pools that the configuration alone does not choose among.
pub(super) fn chooses_pools(leaf: Leaf, own: &[Own]) -> bool {
    let Leaf::Own(index) = leaf else { return false };
    match &own[index as usize] {
        Own::Near { .. } => false,
        Own::Split { parts, .. } => parts.iter().any(|part| chooses_pools(part.leaf, own)),
        Own::Shed { .. } => true,
    }
}
