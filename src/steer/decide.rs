//! The decision of one query: who is asking → class → live row → pool → members. A walk over finished tables.

use super::compile::Route;
use super::live::{Leaf, Own, choose_part};
use crate::client::{Client, Family};
use crate::id::{ClassId, EndpointId, NameId};
use crate::pool::{Address, Asker, Picked};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::worker::Worker;
use std::net::IpAddr;

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
    pub(super) const fn lane(self) -> usize {
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
        /// How many.
        count: usize,
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

/// The decision with its scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// What to answer.
    pub answer: Answer,
    /// SCOPE PREFIX-LENGTH in bits of the client subnet's family; 0 if none was used.
    pub scope: u8,
    /// Who decided: the class, for counters.
    pub class: ClassId,
}

/// The class of a client, the address that decided it, and the scope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Located {
    pub(super) class: ClassId,
    pub(super) address: IpAddr,
    pub(super) scope: u8,
    /// A subnet decided, not the resolver's address.
    pub(super) by_subnet: bool,
}

/// Finds out whose clients an answer is for.
#[inline]
pub(super) fn locate(snapshot: &Snapshot, route: &Route, client: &Client) -> Located {
    let (map, view) = &snapshot.views[route.view as usize];
    let map = &snapshot.maps[map.index()];
    let mut scope = 0;
    if let Some(subnet) = client.subnet {
        if route.classes == 1 {
            return Located { class: ClassId::new(0), address: subnet.address, scope, by_subnet: true };
        }
        let hit = map.find_subnet(view, subnet.address, subnet.source);
        if !hit.special {
            return Located { class: hit.class, address: subnet.address, scope: hit.scope, by_subnet: true };
        }
        scope = hit.scope;
    }
    let class = if route.classes == 1 { ClassId::new(0) } else { map.find_address(view, client.resolver) };
    Located { class, address: client.resolver, scope, by_subnet: false }
}

/// Takes the decision of one query. The picks stand in the worker until its next decision.
#[inline]
#[must_use]
pub fn decide<'s>(
    state: &'s State,
    worker: &'s mut Worker,
    name: NameId,
    client: &Client,
    want: Want,
) -> (Decision, Picks<'s>) {
    worker.follow(state);
    let snapshot = &*state.snapshot;
    let facts = &snapshot.facts[name.index()];
    let route = &snapshot.routes[facts.route.index()];
    let located = locate(snapshot, route, client);
    let lane = want.lane();
    let (row, chunk) = state.live.row(route.first as usize + located.class.index(), lane);
    let family = Family::of(located.address) as usize;
    // The stable choices hash so many bits of the subnet: no scope may be shorter.
    let scope = if located.by_subnet { located.scope.max(row.prefix[family]) } else { located.scope };
    let asker = Asker {
        address: located.address,
        endpoint_bits: route.endpoint_bits[family],
        pool_bits: route.pool_bits[family],
        salt: facts.salt,
    };
    worker.picked.clear();
    let mut leaf = row.leaf;
    let answer = loop {
        let (pool, table) = match leaf {
            Leaf::Pending => break Answer::Pending,
            Leaf::NoData => break Answer::NoData,
            Leaf::ServFail => break Answer::ServFail,
            Leaf::Pool { pool, set } => match state.live.pool(pool).table(set, lane) {
                Some(table) => (pool, table),
                None => break Answer::NoData,
            },
            Leaf::Own(index) => match &chunk.own[index as usize] {
                Own::Near { pool, table } => (*pool, table),
                Own::Split { sticky, parts } => {
                    let key = sticky.then(|| asker.split_key());
                    leaf = choose_part(parts, key, &mut worker.draw);
                    continue;
                }
            },
        };
        let (cursor, draw, picked) = worker.rotation(pool, lane);
        table.pick(&asker, cursor, draw, picked);
        let ttl = row.cap_s.min(facts.ttl).max(facts.ttl_min);
        let count = if want == Want::Target { picked.len().min(1) } else { picked.len() };
        break Answer::Records { count, ttl };
    };
    (Decision { answer, scope, class: located.class }, Picks { snapshot, want, picked: &worker.picked })
}

/// The chosen members of one answer.
#[derive(Debug, Clone, Copy)]
pub struct Picks<'s> {
    snapshot: &'s Snapshot,
    want: Want,
    picked: &'s Picked,
}

impl<'s> Picks<'s> {
    /// Wire RDATA of the `index`th pick: 4 octets, 16 octets, or an uncompressed name.
    ///
    /// # Panics
    /// `index` is not below the decision's `count`.
    #[inline]
    #[must_use]
    pub fn rdata(&self, index: usize) -> &'s [u8] {
        let endpoint = self.picked.as_slice()[index].index();
        match self.want {
            Want::Addresses(Family::V4) => &self.snapshot.rdata_v4[endpoint],
            Want::Addresses(Family::V6) => &self.snapshot.rdata_v6[endpoint],
            Want::Target => match &self.snapshot.endpoints[endpoint].address {
                Address::Host(name) => name.wire(),
                Address::Ip { .. } => &[0],
            },
        }
    }

    /// The endpoints picked.
    #[must_use]
    pub fn endpoints(&self) -> &'s [EndpointId] {
        self.picked.as_slice()
    }
}
