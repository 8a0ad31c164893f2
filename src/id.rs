//! Index newtypes: every table of the snapshot is walked by an id of its own type, so that a pool's
//! number can never be used as an endpoint's.

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(u32);

        impl $name {
            /// The id of the table's entry at `index`. Tables are bounded far below 2³² by `limits`.
            #[must_use]
            pub const fn new(index: usize) -> Self {
                Self(index as u32)
            }

            /// The position in the table.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

index! {
    /// A zone of the snapshot.
    ZoneId
    /// A region, counted within its own zone's list of regions.
    RegionId
    /// A check: what is probed and how.
    CheckId
    /// A target: one address under one check; it has one tracker.
    TargetId
    /// A pool of endpoints.
    PoolId
    /// An endpoint; the endpoints of one pool stand next to each other.
    EndpointId
    /// A policy: rows of pools by region.
    PolicyId
    /// A route: a policy together with the fallback that a name adds; names share routes.
    RouteId
    /// A balanced owner name.
    NameId
    /// A compiled geographic map: one for each distinct set of regions.
    MapId
    /// A class of a route: the clients that get the same decision.
    ClassId
    /// A profile of a map: the clients that no selector and no nearness order tells apart.
    ProfileId
    /// An order of nearness, deduplicated within a map.
    OrderId
}
