//! Regions: what their selectors match, and which region is the most specific match of a client.

use super::location::{Continent, Country, Location, Subdivision};
use super::tunnel;
use crate::id::RegionId;
use ipnet::IpNet;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::IpAddr;

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

/// Regions that match, the most specific first, each with the index of its matching selector. `location` is
/// what the databases know of `address`. Gives the same regions that [`GeoMap::compile`](super::GeoMap::compile)
/// folds into the profile of the address, for explanations.
#[must_use]
pub fn matching(regions: &[Region], location: &Location, address: IpAddr) -> Vec<(RegionId, usize)> {
    let address = tunnel::resolve(address);
    let mut found: Vec<(Specificity, RegionId, usize)> = Vec::new();
    for (index, region) in regions.iter().enumerate() {
        let best = region
            .selectors
            .iter()
            .enumerate()
            .filter_map(|(selector, s)| s.matcher.specificity(location, address).map(|how| (how, selector)))
            .min();
        if let Some((how, selector)) = best {
            found.push((how, RegionId::new(index), selector));
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(_, region, selector)| (region, selector)).collect()
}

/// How specific a match is; the smallest is the most specific.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    /// By network, with the number of bits that are *not* in the prefix (of 128).
    Network(u8),
    Asn,
    Subdivision,
    Country,
    Continent,
}

impl Matcher {
    /// How specifically this matches; `None` if it does not.
    fn specificity(&self, location: &Location, address: IpAddr) -> Option<Specificity> {
        match self {
            Self::Network(network) => {
                network.contains(&address).then(|| Specificity::Network(128 - network.prefix_len()))
            }
            Self::Asn(asn) => (location.asn == Some(*asn)).then_some(Specificity::Asn),
            Self::Subdivision(code) => {
                (location.subdivision.as_ref() == Some(code)).then_some(Specificity::Subdivision)
            }
            Self::Country(code) => (location.country == Some(*code)).then_some(Specificity::Country),
            Self::Continent(code) => (location.continent == Some(*code)).then_some(Specificity::Continent),
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => write!(f, "network {network}"),
            Self::Asn(asn) => write!(f, "AS{asn}"),
            Self::Subdivision(code) => write!(f, "subdivision {code}"),
            Self::Country(code) => write!(f, "country {code}"),
            Self::Continent(code) => write!(f, "continent {code}"),
        }
    }
}

/// The selectors by what they match, so that compiling a map asks each place once and not each selector.
#[derive(Debug, Default)]
pub(super) struct Index {
    asns: HashMap<u32, Vec<RegionId>>,
    subdivisions: HashMap<Subdivision, Vec<RegionId>>,
    countries: HashMap<Country, Vec<RegionId>>,
    continents: HashMap<Continent, Vec<RegionId>>,
    /// The operator's networks with their regions, as written.
    pub(super) networks: Vec<(IpNet, RegionId)>,
}

impl Index {
    /// Sorts the selectors of all regions by kind.
    pub(super) fn new(regions: &[Region]) -> Self {
        let mut index = Self::default();
        for (number, region) in regions.iter().enumerate() {
            let id = RegionId::new(number);
            for selector in &region.selectors {
                match &selector.matcher {
                    Matcher::Network(network) => index.networks.push((network.trunc(), id)),
                    Matcher::Asn(asn) => push(&mut index.asns, *asn, id),
                    Matcher::Subdivision(code) => push(&mut index.subdivisions, code.clone(), id),
                    Matcher::Country(code) => push(&mut index.countries, *code, id),
                    Matcher::Continent(code) => push(&mut index.continents, *code, id),
                }
            }
        }
        index
    }

    /// True if some selector asks for AS numbers.
    pub(super) fn wants_asn(&self) -> bool {
        !self.asns.is_empty()
    }

    /// True if some selector asks for subdivisions.
    pub(super) fn wants_subdivision(&self) -> bool {
        !self.subdivisions.is_empty()
    }

    /// The AS number if a selector names it; all others are alike.
    pub(super) fn known_asn(&self, asn: u32) -> Option<u32> {
        self.asns.contains_key(&asn).then_some(asn)
    }

    /// The country if a selector names it; all others are alike.
    pub(super) fn known_country(&self, code: Country) -> Option<Country> {
        self.countries.contains_key(&code).then_some(code)
    }

    /// The continent if a selector names it; all others are alike.
    pub(super) fn known_continent(&self, code: Continent) -> Option<Continent> {
        self.continents.contains_key(&code).then_some(code)
    }

    /// The subdivision if a selector names it; all others are alike.
    pub(super) fn known_subdivision<'a>(&self, code: &'a Subdivision) -> Option<&'a Subdivision> {
        self.subdivisions.contains_key(code).then_some(code)
    }

    /// Regions that match, the most specific first: those of `networks` (longest prefix first), then those
    /// of the place.
    pub(super) fn regions(&self, networks: &[RegionId], place: &Place<'_>) -> Box<[RegionId]> {
        let mut all = Vec::new();
        let of_place = [
            place.asn.and_then(|asn| self.asns.get(&asn)),
            place.subdivision.and_then(|code| self.subdivisions.get(code)),
            place.country.and_then(|code| self.countries.get(&code)),
            place.continent.and_then(|code| self.continents.get(&code)),
        ];
        for id in networks.iter().chain(of_place.into_iter().flatten().flatten()) {
            if !all.contains(id) {
                all.push(*id);
            }
        }
        all.into()
    }
}

/// The part of a location that selectors look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) asn: Option<u32>,
    pub(super) subdivision: Option<&'a Subdivision>,
    pub(super) country: Option<Country>,
    pub(super) continent: Option<Continent>,
}

/// Adds a region to those of a key, once.
fn push<K: Eq + Hash>(map: &mut HashMap<K, Vec<RegionId>>, key: K, id: RegionId) {
    let regions = map.entry(key).or_default();
    if !regions.contains(&id) {
        regions.push(id);
    }
}
