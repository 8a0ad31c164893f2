//! The words for a place: coordinates, codes, and what the databases know of an address.

use ipnet::IpNet;
use std::fmt;

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

impl Country {
    /// Reads two letters of any case; `None` for anything else and for the codes that databases write where
    /// they know nothing (`ZZ`, `XX`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code = two_letters(text)?;
        (code != *b"ZZ" && code != *b"XX").then_some(Self(code))
    }
}

impl Continent {
    /// The seven continents by their code.
    pub const ALL: [Self; 7] =
        [Self(*b"AF"), Self(*b"AN"), Self(*b"AS"), Self(*b"EU"), Self(*b"NA"), Self(*b"OC"), Self(*b"SA")];

    /// Reads a continent's code of any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        two_letters(text).map(Self).filter(|continent| Self::ALL.contains(continent))
    }

    /// The English name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match &self.0 {
            b"AF" => "Africa",
            b"AN" => "Antarctica",
            b"AS" => "Asia",
            b"EU" => "Europe",
            b"NA" => "North America",
            b"OC" => "Oceania",
            b"SA" => "South America",
            _ => "unknown",
        }
    }
}

impl Coordinates {
    /// A place, if both numbers are degrees of the globe.
    #[must_use]
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let valid = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        valid.then_some(Self { latitude, longitude })
    }
}

/// Two ASCII letters as upper case.
fn two_letters(text: &str) -> Option<[u8; 2]> {
    match text.as_bytes() {
        [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
            Some([a.to_ascii_uppercase(), b.to_ascii_uppercase()])
        }
        _ => None,
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or("??"))
    }
}

impl fmt::Display for Continent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or("??"))
    }
}

impl fmt::Display for Subdivision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}, {:.2}", self.latitude, self.longitude)
    }
}
