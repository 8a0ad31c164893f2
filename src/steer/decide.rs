//! The decision of one query: who is asking → class → live row → pool → members. A walk over finished tables.

use super::live::Live;
use super::rows::{Leaf, Own, Row, RowChunk, choose_kept, choose_part};
use crate::client::{Bits, Client, Family};
use crate::id::{ClassId, EndpointId, NameId, PoolId};
use crate::pool::{Address, Asker, Asking, Picked, Table};
use crate::snapshot::{NameFacts, Snapshot};
use crate::state::State;
use crate::worker::{Draw, Worker};

/// What a query asks the decision for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    /// Addresses of one family.
    Addresses(Family),
    /// The one CNAME target.
    Target,
}

impl Want {
    /// The place of its records in tables by family; a host name stands in the first.
    pub(crate) const fn lane(self) -> usize {
        match self {
            Self::Addresses(family) => family as usize,
            Self::Target => 0,
        }
    }
}

/// What a query gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The picks' record data.
    Records {
        /// TTL, seconds.
        ttl: u32,
    },
    /// NODATA by fallback, or because the row can reach no address of the family.
    NoData,
    /// SERVFAIL by fallback.
    ServFail,
    /// The pools' first probes are not in yet: no answer at all.
    Pending,
}

impl Answer {
    /// Its place among the outcomes that are counted where no pool serves.
    pub(super) const fn place(self) -> usize {
        match self {
            Self::Records { .. } | Self::NoData => 0,
            Self::ServFail => 1,
            Self::Pending => 2,
        }
    }
}

/// The decision with its scope. Aligned so that it is wider than two words: a narrower one would be packed into
/// registers where it is returned, and taken apart again.
#[repr(align(32))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// What to answer.
    pub answer: Answer,
    /// SCOPE PREFIX-LENGTH in bits of the client subnet's family; 0 if none was used.
    pub scope: u8,
    /// Who decided: the class, for counters.
    pub class: ClassId,
}

/// Whose clients an answer is for: the class of the address that decides, and the scope. Wide as [`Decision`] is.
#[repr(align(32))]
#[derive(Clone, Copy, Debug)]
pub(super) struct Located {
    pub(super) class: ClassId,
    pub(super) scope: u8,
    /// A subnet decided, not the resolver's address.
    pub(super) by_subnet: bool,
}

impl Located {
    /// The address that decides.
    #[inline(always)]
    pub(super) fn address(self, client: &Client) -> Bits {
        if self.by_subnet { client.subnet } else { client.resolver }
    }
}

/// Finds out whose clients an answer is for.
#[inline(always)]
pub(super) fn locate(snapshot: &Snapshot, view: u32, client: &Client) -> Located {
    let (map, view) = &snapshot.views[view as usize];
    let mut scope = 0;
    if client.has_subnet {
        let hit = map.find_subnet(view, client.subnet);
        if !hit.special {
            return Located { class: hit.class, scope: hit.scope, by_subnet: true };
        }
        scope = hit.scope;
    }
    // The resolver's address decides.
    Located { class: map.find_address(view, client.resolver), scope, by_subnet: false }
}

/// Takes the decision of one query. What it picked stands in the worker until its next decision.
#[inline(never)]
#[must_use]
pub fn decide(state: &State, worker: &mut Worker, name: NameId, client: &Client, want: Want) -> Decision {
    worker.follow(state);
    decide_as(state, worker, name, client, want)
}

/// The same with a worker that follows the state, written out where it is called: for the usual query.
#[inline(always)]
#[must_use]
pub(crate) fn decide_as(state: &State, worker: &mut Worker, name: NameId, client: &Client, want: Want) -> Decision {
    decide_by::<false>(state, worker, name, client, want, &mut PoolId::new(0))
}

/// The same for an answer that is signed: one of few ([`Table::pick_scheduled`]). With the pool that was picked from.
#[inline(always)]
#[must_use]
pub(crate) fn decide_signed(
    state: &State,
    worker: &mut Worker,
    name: NameId,
    client: &Client,
    want: Want,
) -> (Decision, PoolId) {
    let mut from = PoolId::new(0);
    (decide_by::<true>(state, worker, name, client, want, &mut from), from)
}

/// `from` is set where it is `SIGNED` only: the usual query keeps no pool that nobody asks for.
#[inline(always)]
fn decide_by<const SIGNED: bool>(
    state: &State,
    worker: &mut Worker,
    name: NameId,
    client: &Client,
    want: Want,
    from: &mut PoolId,
) -> Decision {
    let snapshot = &*state.snapshot;
    let facts = &snapshot.facts[name.index()];
    let located = locate(snapshot, facts.view, client);
    let lane = want.lane();
    let (row, chunk) = state.live.row(facts.first as usize + located.class.index(), lane);
    let scope = if located.by_subnet {
        // The stable choices hash so many bits of the subnet: no scope may be shorter.
        located.scope.max(row.prefix[client.subnet.family as usize])
    } else {
        located.scope
    };
    // Made where it is used, so that it need not stand in memory.
    let who = || Who { facts, address: located.address(client) };
    worker.picked.clear();
    let answer = match &row.table {
        Some((pool, table)) => {
            if SIGNED {
                *from = *pool;
            }
            serve::<SIGNED>(worker, (name, lane), (*pool, table, row.count), who());
            Answer::Records { ttl: ttl(row, facts) }
        }
        None => {
            let class = facts.first as usize + located.class.index();
            decide_further::<SIGNED>(state, worker, (name, lane), (class, row, chunk), who(), from)
        }
    };
    Decision { answer, scope, class: located.class }
}

/// The family of the addresses that the endpoints of a client's service records are picked by: IPv4 if the name has any,
/// unless no IPv4 address of the client's row is live and an IPv6 one is. Where the row has no IPv4 address at all, what
/// it does about IPv6 holds, dead or alive.
#[must_use]
pub fn service_family(state: &State, name: NameId, client: &Client) -> Family {
    let snapshot = &*state.snapshot;
    let types = snapshot.routes[snapshot.names[name.index()].route.index()].types;
    if !types.a || !types.aaaa {
        return if types.a { Family::V4 } else { Family::V6 };
    }
    let facts = &snapshot.facts[name.index()];
    let class = facts.first as usize + locate(snapshot, facts.view, client).class.index();
    let [v4, v6] = Family::BOTH.map(|family| state.live.row(class, family as usize).0);
    if !v4.is_live && (v6.is_live || v4.leaf == Leaf::NoData) { Family::V6 } else { Family::V4 }
}

/// The TTL of what a row answers, seconds.
#[inline(always)]
fn ttl(row: &Row, facts: &NameFacts) -> u32 {
    row.cap_s.min(facts.ttl).max(facts.ttl_min)
}

/// Picks from the table that serves.
#[inline(always)]
fn serve<const SIGNED: bool>(
    worker: &mut Worker,
    (name, lane): (NameId, usize),
    (pool, table, count): (PoolId, &Table, u32),
    who: Who<'_>,
) {
    worker.decided(name, count);
    let (cursor, draw, picked) = worker.rotation(pool, lane);
    if SIGNED && table.varies() {
        table.pick_scheduled(&who.asker(), draw, picked);
    } else {
        table.pick(who, cursor, draw, picked);
    }
}

/// The decision where no table alone serves a row: its clients are split, or get no records.
#[inline(never)]
fn decide_further<const SIGNED: bool>(
    state: &State,
    worker: &mut Worker,
    (name, lane): (NameId, usize),
    (class, row, chunk): (usize, &Row, &RowChunk),
    who: Who<'_>,
    from: &mut PoolId,
) -> Answer {
    match served_by(&state.live, (row.leaf, chunk), lane, &who.asker(), &mut worker.draw) {
        Ok((pool, table, count)) => {
            *from = pool;
            serve::<SIGNED>(worker, (name, lane), (pool, table, count), who);
            Answer::Records { ttl: ttl(row, who.facts) }
        }
        Err(answer) => {
            worker.decided(name, state.snapshot.counted.outcome(class, answer.place()) as u32);
            answer
        }
    }
}

/// Whose clients are asked for, until a method wants to know.
#[derive(Clone, Copy)]
struct Who<'s> {
    facts: &'s NameFacts,
    /// The address that decides.
    address: Bits,
}

impl Asking for Who<'_> {
    #[inline(always)]
    fn asker(self) -> Asker {
        let Self { facts, address } = self;
        let family = address.family as usize;
        let (endpoint_bits, pool_bits) = (facts.endpoint_bits[family], facts.pool_bits[family]);
        Asker { address, endpoint_bits, pool_bits, salt: facts.salt }
    }
}

/// The pool and its table that serve a leaf, splits followed; or the answer if there is none.
#[inline(always)]
fn served_by<'s>(
    live: &'s Live,
    (mut leaf, chunk): (Leaf, &'s RowChunk),
    lane: usize,
    asker: &Asker,
    draw: &mut Draw,
) -> Result<(PoolId, &'s Table, u32), Answer> {
    loop {
        match leaf {
            Leaf::Pending => return Err(Answer::Pending),
            Leaf::NoData => return Err(Answer::NoData),
            Leaf::ServFail => return Err(Answer::ServFail),
            Leaf::Pool { pool, set, count } => {
                return live.serves(pool, set, lane).map(|(pool, table)| (pool, table, count));
            }
            Leaf::Own(index) => match &chunk.own[index as usize] {
                Own::Near { pool, table, count } => return Ok((*pool, table, *count)),
                Own::Split { sticky, parts } => {
                    leaf = choose_part(parts.iter(), *sticky, asker, draw).ok_or(Answer::NoData)?;
                }
                Own::Shed { sticky, parts, rest } => leaf = choose_kept(parts, *sticky, asker, draw).unwrap_or(*rest),
            },
        }
    }
}

/// The chosen members of one answer.
#[derive(Debug, Clone, Copy)]
pub struct Picks<'s> {
    snapshot: &'s Snapshot,
    want: Want,
    picked: &'s Picked,
}

impl<'s> Picks<'s> {
    /// What the last decision of `worker` picked.
    #[inline(always)]
    #[must_use]
    pub fn last(state: &'s State, worker: &'s Worker, want: Want) -> Self {
        Self { snapshot: &state.snapshot, want, picked: &worker.picked }
    }

    /// RDATA of the A records.
    #[inline(always)]
    pub fn v4(&self) -> impl ExactSizeIterator<Item = &'s [u8; 4]> {
        let rdata = &*self.snapshot.rdata_v4;
        self.picked.as_slice().iter().map(|endpoint| &rdata[endpoint.index()])
    }

    /// RDATA of the AAAA records.
    #[inline(always)]
    pub fn v6(&self) -> impl ExactSizeIterator<Item = &'s [u8; 16]> {
        let rdata = &*self.snapshot.rdata_v6;
        self.picked.as_slice().iter().map(|endpoint| &rdata[endpoint.index()])
    }

    /// RDATA of the CNAME record: an uncompressed name.
    #[must_use]
    pub fn target(&self) -> Option<&'s [u8]> {
        match &self.snapshot.endpoints[self.picked.as_slice().first()?.index()].address {
            Address::Host(name) => Some(name.wire()),
            Address::Ip { .. } => None,
        }
    }

    /// Wire RDATA of the picks, in the order of the answer: for explanations.
    #[must_use]
    pub fn rdata(&self) -> Vec<Box<[u8]>> {
        match self.want {
            Want::Addresses(Family::V4) => self.v4().map(|address| Box::from(&address[..])).collect(),
            Want::Addresses(Family::V6) => self.v6().map(|address| Box::from(&address[..])).collect(),
            Want::Target => self.target().into_iter().map(Box::from).collect(),
        }
    }

    /// The endpoints picked.
    #[must_use]
    pub fn endpoints(&self) -> &'s [EndpointId] {
        self.picked.as_slice()
    }
}
