//! Zones: the tree of owner names, static RRsets, and the ids of balanced ones. A zone does not know who
//! asks, where they are or what is healthy.
//!
//! The tree is flat: one hash table from owner names, empty non-terminals included, to nodes in one array. A
//! node says at once what the path from the apex would have said: the cut or DNAME that hides it, the wildcard
//! below it. So a name that exists costs one look-up, and only one that does not is walked label by label.

mod build;
mod chain;
mod lookup;
mod rrset;
mod table;
mod whole;

pub(crate) use lookup::At;
pub use lookup::{Found, Holder, Outcome, Usual};
pub use rrset::{Related, Set};

use crate::dnssec::Seal;
use crate::id::{NameId, ZoneId};
use crate::wire::Name;
use chain::Chain;
use std::sync::{Arc, OnceLock};
use table::Table;

/// One static record as read from a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Owner name, in the case written.
    pub owner: Name,
    /// RR TYPE.
    pub rtype: u16,
    /// TTL, seconds.
    pub ttl: u32,
    /// RDATA in wire form, its names not compressed and in the case written.
    pub rdata: Box<[u8]>,
}

/// A balanced owner as the tree needs it.
#[derive(Clone, Copy, Debug)]
pub struct BalancedOwner<'a> {
    /// Owner name.
    pub owner: &'a Name,
    /// The zone that holds it.
    pub zone: ZoneId,
    /// Its id, its index in the list.
    pub id: NameId,
    /// The types that exist there.
    pub types: crate::steer::Types,
}

/// All owner names of all zones, ready to be looked up.
#[derive(Debug)]
pub struct Zones {
    table: Table,
    nodes: Vec<Node>,
    /// Owner names in lower case. An empty non-terminal's name is the end of a name below it.
    names: Vec<u8>,
    /// RRsets, those of one node side by side.
    sets: Vec<Set>,
    /// What the RRsets' records look like in a message.
    images: Vec<u8>,
    zones: Vec<Meta>,
    /// By set, what signs it; empty if no zone is signed.
    seals: Vec<Option<Arc<Seal>>>,
    /// By node, what signs its minimal answer to ANY; empty if no zone is signed.
    minimal: Vec<OnceLock<Arc<Seal>>>,
    /// By zone, its names in order; empty if no zone is signed.
    chains: Vec<Chain>,
    /// Labels of the deepest node: nothing longer is worth a look-up.
    deepest: usize,
}

/// A node's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NodeId(u32);

impl NodeId {
    /// That of no node.
    pub(crate) const NONE: Self = Self(u32::MAX);

    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One owner name of one zone.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// Where the name starts in `Zones::names`.
    name: u32,
    zone: ZoneId,
    /// The first of its RRsets.
    sets: u32,
    /// The topmost cut at or above this node, or DNAME above it, that hides it from authoritative answers.
    above: NodeId,
    /// The node of `*` below it.
    wildcard: NodeId,
    /// The balanced name here, or `NO_NAME`.
    balanced: u32,
    set_count: u16,
    flags: Flags,
    name_length: u8,
}

/// No balanced name.
const NO_NAME: u32 = u32::MAX;

/// What is at a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Flags(u16);

impl Flags {
    /// The apex of its zone.
    const APEX: u16 = 1;
    /// A delegation: NS, and not the apex.
    const CUT: u16 = 2;
    /// A DNAME.
    const DNAME: u16 = 4;
    /// A static CNAME.
    const CNAME: u16 = 8;
    /// Static A or AAAA records.
    const ADDRESS: u16 = 16;
    /// Balanced A records.
    const BALANCED_A: u16 = 32;
    /// Balanced AAAA records.
    const BALANCED_AAAA: u16 = 64;
    /// A balanced CNAME.
    const BALANCED_CNAME: u16 = 128;
    /// Steered service records, by type.
    const BALANCED_HTTPS: u16 = 1024;
    const BALANCED_SVCB: u16 = 2048;
    const BALANCED_SRV: u16 = 4096;
    const BALANCED_MX: u16 = 8192;
    const BALANCED_TXT: u16 = 16_384;
    /// Its zone believes everybody's client subnets.
    const BELIEVES: u16 = 512;
    /// Something above hides the node, or it is a cut itself: `Node::above` says what.
    const HIDDEN: u16 = 256;
    /// It has records, nothing hides them, and no type of its addresses is balanced: an RRset that is here is the answer.
    const PLAIN: u16 = 32_768;

    /// Has at least one of these.
    const fn has(self, flags: u16) -> bool {
        self.0 & flags != 0
    }

    /// Has this one, and nothing hides it.
    const fn shows(self, flag: u16) -> bool {
        self.0 & (flag | Self::HIDDEN) == flag
    }
}

/// What is known of a zone.
#[derive(Clone, Copy, Debug)]
struct Meta {
    /// The node of its apex.
    apex: NodeId,
    /// Octets of the apex's name.
    apex_length: u8,
    /// The SOA record as negative answers carry it (RFC 2308 §5).
    negative: Set,
    /// What the zone above says of this zone's apex, if we hold that zone as well: it answers DS.
    parent_side: NodeId,
}

impl Zones {
    /// Octets of the zone's apex in wire form.
    #[inline]
    #[must_use]
    pub fn apex_length(&self, zone: ZoneId) -> usize {
        usize::from(self.zones[zone.index()].apex_length)
    }

    /// The zone's SOA record, its TTL that of negative answers.
    #[must_use]
    pub fn negative(&self, zone: ZoneId) -> Set {
        self.zones[zone.index()].negative
    }

    /// False for a zone that was emptied, since its keys are missing: it cannot even say no.
    #[must_use]
    pub fn has_soa(&self, zone: ZoneId) -> bool {
        self.zones[zone.index()].negative.count > 0
    }

    /// The number of owner names, empty non-terminals included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Octets that the tree takes in memory, names included.
    #[must_use]
    pub fn size(&self) -> usize {
        self.table.size()
            + self.nodes.capacity() * size_of::<Node>()
            + self.names.capacity()
            + self.sets.capacity() * size_of::<Set>()
            + self.images.capacity()
            + self.seals.capacity() * size_of::<Option<Arc<Seal>>>()
            + self.minimal.capacity() * size_of::<OnceLock<Arc<Seal>>>()
    }

    /// True if there is no zone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The balanced name that answers for `name`, be it by a wildcard.
    #[must_use]
    pub fn find_balanced(&self, name: &Name) -> Option<NameId> {
        self.find(crate::wire::Span::new(name.wire()), crate::wire::code::rtype::ANY)?.balanced
    }

    /// The name of a node, in lower case.
    pub(crate) fn name(&self, node: NodeId) -> &[u8] {
        let node = &self.nodes[node.index()];
        let start = node.name as usize;
        &self.names[start..start + usize::from(node.name_length)]
    }
}
