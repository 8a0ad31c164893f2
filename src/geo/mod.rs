//! Where clients are. `geo` is given prefixes, databases and selectors, and gives regions and scope
//! lengths; it knows nothing of servers, files or clients.
//!
//! ```text
//! at load:  databases (mmdb, walk) ┐
//!           operator's networks    ├→ sweep → profile of each range → trie → GeoMap
//!           special, tunnel blocks ┘           (region, nearness)
//!
//! a route:  classes of profiles → GeoMap::view → verdict of each set of profiles → blocks by IPv4 address
//! a query:  first address of the subnet → GeoMap::find_subnet → class and exact scope
//! ```

mod blocks;
mod compile;
mod databases;
mod embedded;
mod iso;
mod iso_table;
mod location;
mod map;
mod mmdb;
mod nearness;
mod ranges;
mod region;
mod sets;
mod special;
mod subdivision;
mod survey;
mod trie;
mod tunnel;
mod walk;

pub use databases::{Databases, GeoError};
pub use iso::{CountryInfo, country_by_code, country_hint};
pub use location::{Continent, Coordinates, Country, Location, Subdivision};
pub use map::{GeoMap, Hit, MapFacts, MapSpec, Profile, ScopeLimits, View};
pub use mmdb::{Database, DatabaseFacts};
pub use nearness::{Group, Order};
pub use region::{Matcher, Region, Selector, SourceRef, matching};
pub use survey::Place;
