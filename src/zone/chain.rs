//! What a signed zone has beside its records: the signatures of its RRsets, and its names in canonical order.

use super::{NodeId, Zones};
use crate::dnssec::{Seal, order};
use crate::id::ZoneId;
use crate::wire::code::rtype;
use crate::wire::reply::RECORD_HEADER;
use std::sync::{Arc, OnceLock};

/// The names of a zone that have an NSEC record, in canonical order. Empty for a zone that is not signed.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// The names' order keys, one behind the other.
    keys: Vec<u8>,
    /// Where each one ends.
    ends: Vec<u32>,
    nodes: Vec<NodeId>,
}

impl Chain {
    fn new(mut links: Vec<(Vec<u8>, NodeId)>) -> Self {
        links.sort_unstable();
        let mut chain = Self::default();
        for (key, node) in links {
            chain.keys.extend_from_slice(&key);
            chain.ends.push(chain.keys.len() as u32);
            chain.nodes.push(node);
        }
        chain
    }

    fn key(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.keys[start..self.ends[index] as usize]
    }

    /// The last name that does not stand behind this one; the apex stands before all of them.
    fn at_or_before(&self, name: &[u8]) -> Option<NodeId> {
        let wanted = order(name);
        let (mut low, mut high) = (0, self.nodes.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle) <= wanted.octets() { low = middle + 1 } else { high = middle }
        }
        self.nodes.get(low.checked_sub(1)?).copied()
    }
}

impl Zones {
    /// True if the zone is signed.
    #[must_use]
    pub fn is_signed(&self, zone: ZoneId) -> bool {
        self.chains.get(zone.index()).is_some_and(|chain| !chain.nodes.is_empty())
    }

    /// The seal of a node's RRset; nothing if the zone is not signed, or not the authority over the set.
    #[must_use]
    pub fn seal(&self, node: NodeId, rtype: u16) -> Option<&Seal> {
        self.held_seal(node, rtype).map(|seal| &**seal)
    }

    /// The same, to be held.
    #[must_use]
    pub fn held_seal(&self, node: NodeId, rtype: u16) -> Option<&Arc<Seal>> {
        let node = &self.nodes[node.index()];
        let start = node.sets as usize;
        let seals = self.seals.get(start..start + usize::from(node.set_count))?;
        let at = self.sets[start..].iter().take(seals.len()).position(|set| set.rtype == rtype)?;
        seals[at].as_ref()
    }

    /// Where the seal of a node's minimal answer to ANY is kept; nothing if no zone is signed.
    pub(crate) fn minimal(&self, node: NodeId) -> Option<&OnceLock<Arc<Seal>>> {
        self.minimal.get(node.index())
    }

    /// The node whose NSEC record is that of `name` or covers it.
    #[must_use]
    pub fn at_or_before(&self, zone: ZoneId, name: &[u8]) -> Option<NodeId> {
        self.chains.get(zone.index())?.at_or_before(name)
    }

    /// TTL and data of a node's NSEC record, if it has one.
    #[must_use]
    pub fn nsec(&self, node: NodeId) -> Option<(u32, &[u8])> {
        let set = self.set(node, rtype::NSEC)?;
        let (head, rdata) = self.image(&set).split_first_chunk::<RECORD_HEADER>()?;
        Some((u32::from_be_bytes([head[6], head[7], head[8], head[9]]), rdata))
    }

    /// The zone's apex.
    #[must_use]
    pub fn apex(&self, zone: ZoneId) -> NodeId {
        self.zones[zone.index()].apex
    }

    /// The name of a node up to the zone's apex.
    #[must_use]
    pub fn relative(&self, node: NodeId, zone: ZoneId) -> &[u8] {
        let name = self.name(node);
        &name[..name.len().saturating_sub(self.apex_length(zone))]
    }

    /// Puts the names with NSEC records in order, zone by zone.
    pub(super) fn link(&mut self) {
        if self.seals.is_empty() {
            return;
        }
        self.seals.resize_with(self.sets.len(), || None);
        self.minimal.resize_with(self.nodes.len(), OnceLock::new);
        let mut links: Vec<Vec<(Vec<u8>, NodeId)>> = vec![Vec::new(); self.zones.len()];
        for index in 0..self.nodes.len() {
            let id = NodeId(index as u32);
            if self.set(id, rtype::NSEC).is_some() && self.seal(id, rtype::NSEC).is_some() {
                links[self.nodes[index].zone.index()].push((order(self.name(id)).octets().to_vec(), id));
            }
        }
        self.chains = links.into_iter().map(Chain::new).collect();
    }

    /// Notes the seal of the set that comes next; zones without signatures have none.
    pub(super) fn put_seal(&mut self, seal: Option<Arc<Seal>>) {
        if seal.is_some() || !self.seals.is_empty() {
            self.seals.resize_with(self.sets.len(), || None);
            self.seals.push(seal);
        }
    }

    /// True if a zone has the authority over a set that stands at a node of it.
    pub(super) fn has_authority(&self, id: NodeId, rtype: u16) -> bool {
        let above = self.nodes[id.index()].above;
        above == NodeId::NONE || above == id && matches!(rtype, rtype::DS | rtype::NSEC)
    }
}
