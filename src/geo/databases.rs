//! All databases together: for each field the first that knows it wins.

use super::embedded;
use super::iso::country_by_code;
use super::location::Location;
use super::mmdb::{Database, DatabaseFacts, Need};
use super::tunnel;
use std::fmt;
use std::net::IpAddr;

/// The databases in order: for each field the first that knows it wins.
#[derive(Debug)]
pub struct Databases {
    all: Vec<Database>,
}

/// Why bytes are no usable database, or a map cannot be compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GeoError(pub Box<str>);

impl fmt::Display for GeoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for GeoError {}

impl Databases {
    /// Databases in order of preference; with none at all every client is of unknown place.
    #[must_use]
    pub const fn new(all: Vec<Database>) -> Self {
        Self { all }
    }

    /// The DB-IP Lite country database that is part of the binary.
    ///
    /// # Errors
    /// The embedded bytes do not decompress or do not check out (a broken build).
    pub fn embedded() -> Result<Self, GeoError> {
        Ok(Self::new(vec![embedded::database()?]))
    }

    /// What each database is, in order.
    #[must_use]
    pub fn facts(&self) -> Vec<DatabaseFacts> {
        self.all.iter().map(Database::facts).collect()
    }

    /// What is known of `address`; v4-mapped, NAT64, 6to4 and Teredo addresses as the IPv4 inside.
    #[must_use]
    pub fn locate(&self, address: IpAddr) -> Location {
        let address = tunnel::resolve(address);
        let mut location = Location::default();
        for database in &self.all {
            location.complete(database.locate(address, Need::ALL));
        }
        location.place_by_country();
        location
    }

    /// The databases.
    pub(super) fn all(&self) -> &[Database] {
        &self.all
    }
}

impl Location {
    /// Takes from `other` what is not known yet; of the networks the longer.
    pub(super) fn complete(&mut self, other: Self) {
        self.continent = self.continent.or(other.continent);
        self.country = self.country.or(other.country);
        self.subdivision = self.subdivision.take().or(other.subdivision);
        self.city = self.city.take().or(other.city);
        self.coordinates = self.coordinates.or(other.coordinates);
        self.asn = self.asn.or(other.asn);
        self.organisation = self.organisation.take().or(other.organisation);
        let length = |network: Option<ipnet::IpNet>| network.map(|network| network.prefix_len());
        if length(other.network) > length(self.network) {
            self.network = other.network;
        }
    }

    /// Without coordinates: those of the country's middle.
    pub(super) fn place_by_country(&mut self) {
        if self.coordinates.is_none() {
            self.coordinates = self.country.and_then(country_by_code).map(|country| country.middle);
            self.centroid = self.coordinates.is_some();
        }
    }
}
