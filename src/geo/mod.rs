//! Where clients are. `geo` is given prefixes, databases and selectors, and gives regions and scope
//! lengths; it knows nothing of servers, files or clients.

use crate::id::{ClassId, OrderId, ProfileId, RegionId};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// A place on the globe, degrees; latitude first, as in the zone file.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Coordinates {
    /// Degrees north, −90 to 90.
    pub latitude: f64,
    /// Degrees east, −180 to 180.
    pub longitude: f64,
}

/// ISO 3166-1 alpha-2, upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Country(pub [u8; 2]);

/// AF AN AS EU NA OC SA.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Continent(pub [u8; 2]);

/// ISO 3166-2, upper case, such as `US-CA`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Subdivision(pub Box<str>);

/// Where something was written: `file:line:column`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceRef(pub Box<str>);

/// What one selector matches.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Matcher {
    /// `networks`: longest prefix first, before all others.
    Network(IpNet),
    /// `asns`.
    Asn(u32),
    /// `subdivisions`.
    Subdivision(Subdivision),
    /// `countries`.
    Country(Country),
    /// `continents`: last.
    Continent(Continent),
}

/// One selector of a region and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selector {
    /// What it matches.
    pub matcher: Matcher,
    /// Where it was written.
    pub at: SourceRef,
}

/// A named part of the world: the clients that any of its selectors matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region {
    /// The name in the zone file.
    pub name: Box<str>,
    /// Its selectors, as written.
    pub selectors: Vec<Selector>,
}

/// What the databases know of an address.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Location {
    /// Continent: the database's, else the country's by the ISO table.
    pub continent: Option<Continent>,
    /// Country.
    pub country: Option<Country>,
    /// First-level subdivision.
    pub subdivision: Option<Subdivision>,
    /// City name in English.
    pub city: Option<Box<str>>,
    /// The database's coordinates, else the country's centroid.
    pub coordinates: Option<Coordinates>,
    /// True if `coordinates` is a country's centroid.
    pub centroid: bool,
    /// Autonomous system number.
    pub asn: Option<u32>,
    /// The name of the autonomous system.
    pub organisation: Option<Box<str>>,
    /// The longest of the databases' networks that hold the address.
    pub network: Option<IpNet>,
}

/// Candidates of one choice by nearness, in the order written; a candidate without a location is last.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// One place a candidate.
    pub places: Vec<Option<Coordinates>>,
}

/// Candidates of a group, the nearest first: each tier is a set of candidates (indices into
/// `Group::places`) that share the clients. All candidates beyond the first kept follow in the order written.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Order {
    /// Nearest tier first; every candidate of the group stands in exactly one tier.
    pub tiers: Box<[Box<[u16]>]>,
}

/// Clients that no selector and no nearness order tells apart.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Profile {
    /// Every region that matches, the most specific match first.
    pub regions: Box<[RegionId]>,
    /// For each group of the map the order of nearness; `None` where the place is not known.
    pub orders: Box<[Option<OrderId>]>,
    /// A private or otherwise special block (RFC 6890): for a client subnet the resolver's address decides.
    pub special: bool,
}

/// Longest scopes, bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ScopeLimits {
    /// For IPv4.
    pub v4: u8,
    /// For IPv6.
    pub v6: u8,
}

/// What a map is compiled from.
#[derive(Clone, Copy, Debug)]
pub struct MapSpec<'a> {
    /// The zone's regions.
    pub regions: &'a [Region],
    /// Every choice by nearness that a policy of the zone can reach.
    pub groups: &'a [Group],
    /// Networks longer than this count for subnets as part of their covering block.
    pub limits: ScopeLimits,
}

/// What a look-up by client subnet gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hit {
    /// The class of the block, or of nothing if `special`.
    pub class: ClassId,
    /// SCOPE PREFIX-LENGTH: the largest block around the client inside which every client has this class.
    pub scope: u8,
    /// The block is special: the resolver's address decides, `scope` stays.
    pub special: bool,
}

// ---- contract stubs: owner geo ----

/// The databases in order: for each field the first that knows it wins.
#[derive(Debug)]
pub struct Databases {}

/// Why bytes are no usable database.
#[derive(Debug)]
pub struct GeoError(pub Box<str>);

impl Databases {
    /// The DB-IP Lite country database that is part of the binary.
    ///
    /// # Errors
    /// The embedded bytes do not decompress or do not check out (a broken build).
    pub fn embedded() -> Result<Self, GeoError> {
        todo!()
    }

    /// What is known of `address`; v4-mapped, NAT64, 6to4 and Teredo addresses as the IPv4 inside.
    #[must_use]
    pub fn locate(&self, _address: IpAddr) -> Location {
        todo!()
    }
}

/// Regions that match, the most specific first, each with the index of its matching selector. The same
/// code that [`GeoMap::compile`] folds into profiles, for explanations.
#[must_use]
pub fn matching(_regions: &[Region], _location: &Location, _address: IpAddr) -> Vec<(RegionId, usize)> {
    todo!()
}

/// Databases, operator networks and selectors, folded into one prefix table.
#[derive(Debug)]
pub struct GeoMap {}

/// One partition of a map's clients into classes: the verdict for each set of profiles.
#[derive(Debug)]
pub struct View {}

impl GeoMap {
    /// Folds the databases with the selectors and groups.
    ///
    /// # Errors
    /// More profiles than the table can hold.
    pub fn compile(_databases: &Databases, _spec: &MapSpec<'_>) -> Result<Self, GeoError> {
        todo!()
    }

    /// Every profile that some client has; `ProfileId` indexes it. Profile 0 is always the one of a place
    /// that no database knows: no regions, no orders, not special.
    #[must_use]
    pub fn profiles(&self) -> &[Profile] {
        todo!()
    }

    /// An order that a profile names.
    #[must_use]
    pub fn order(&self, _order: OrderId) -> &Order {
        todo!()
    }

    /// The view in which profile `p` has class `classes[p]`. For special profiles the class is what their
    /// address alone (as a resolver's) gets; as subnets they are special unless all profiles share one class.
    #[must_use]
    pub fn view(&self, _classes: &[ClassId]) -> View {
        todo!()
    }

    /// The class and exact scope of a client subnet: `source` ≥ 1 bits of `address` are known.
    #[must_use]
    pub fn find_subnet(&self, _view: &View, _address: IpAddr, _source: u8) -> Hit {
        todo!()
    }

    /// The class of one address at full length (a resolver's own).
    #[must_use]
    pub fn find_address(&self, _view: &View, _address: IpAddr) -> ClassId {
        todo!()
    }

    /// The profile of one address at full length.
    #[must_use]
    pub fn profile(&self, _address: IpAddr) -> ProfileId {
        todo!()
    }
}
