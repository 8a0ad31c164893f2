//! Zones: the tree of owner names, static RRsets, and the ids of balanced ones. A zone does not know who
//! asks, where they are or what is healthy.

use crate::wire::Name;

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

// ---- contract stubs: owner wire ----

/// All owner names of all zones, ready to be looked up.
#[derive(Debug)]
pub struct Zones {}

impl Zones {
    /// Builds the tree. `zones`: apex and static records of each; `balanced`: owner names, their zone and the
    /// types that exist there.
    #[must_use]
    pub fn build(_zones: &mut [crate::snapshot::ZoneSpec], _balanced: &[BalancedOwner<'_>]) -> Self {
        todo!()
    }
}

/// A balanced owner as the tree needs it.
#[derive(Clone, Copy, Debug)]
pub struct BalancedOwner<'a> {
    /// Owner name.
    pub owner: &'a Name,
    /// The zone that holds it.
    pub zone: crate::id::ZoneId,
    /// Its id, its index in the list.
    pub id: crate::id::NameId,
    /// The types that exist there.
    pub types: crate::steer::Types,
}
