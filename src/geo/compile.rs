//! Folds databases, the operator's networks, special blocks and tunnels into a [`GeoMap`]: sweeps all of them
//! in the order of the addresses, gives each range its profile, and hands it to the trie.

use super::databases::{Databases, GeoError};
use super::iso::country_by_code;
use super::location::{Continent, Coordinates, Country, Subdivision};
use super::map::{GeoMap, MapSpec, Profile};
use super::mmdb::{Database, Need};
use super::nearness::{Group, Order};
use super::ranges::{Layer, listed, nested, sweep};
use super::region::{Index, Place};
use super::sets::{BARRIER, Mix, SetBuilder, SetId};
use super::special;
use super::trie::{Trie, TrieBuilder};
use super::tunnel::TUNNELS;
use super::walk::Pointer;
use crate::id::{OrderId, RegionId};
use ipnet::IpNet;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most profiles of one map: a view's verdicts have 16 bits.
const PROFILES_MAX: usize = 65_000;

/// Labels of the layer of special blocks.
const ORDINARY: u32 = 0;
const SPECIAL: u32 = 1;
const TUNNEL: u32 = 2;

/// A field's value that no selector names: known, and like all others of its kind. Told apart they would only
/// make ranges that have the same profile.
const UNNAMED: u32 = 1;
const UNNAMED_COUNTRY: Country = Country(*b"--");
const UNNAMED_CONTINENT: Continent = Continent(*b"--");

/// What of a location the map tells apart. The numbers: 0 is unknown, [`UNNAMED`] known, above an index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
struct Traits {
    continent: Option<Continent>,
    country: Option<Country>,
    /// The orders of nearness at the country's middle.
    middle: u32,
    subdivision: u32,
    asn: u32,
    /// The orders of nearness at the coordinates.
    placing: u32,
}

impl Traits {
    /// Takes from `other` what is not known yet.
    fn or(self, other: Self) -> Self {
        let first = |a: u32, b: u32| if a == 0 { b } else { a };
        Self {
            continent: self.continent.or(other.continent),
            country: self.country.or(other.country),
            middle: if self.country.is_some() { self.middle } else { other.middle },
            subdivision: first(self.subdivision, other.subdivision),
            asn: first(self.asn, other.asn),
            placing: first(self.placing, other.placing),
        }
    }
}

/// Values by index, each once.
#[derive(Debug)]
struct Interned<T> {
    values: Vec<T>,
    ids: HashMap<T, u32>,
}

impl<T: Clone + Eq + std::hash::Hash> Interned<T> {
    fn new() -> Self {
        Self { values: Vec::new(), ids: HashMap::new() }
    }

    fn id(&mut self, value: T) -> u32 {
        if let Some(id) = self.ids.get(&value) {
            return *id;
        }
        let id = self.values.len() as u32;
        self.values.push(value.clone());
        self.ids.insert(value, id);
        id
    }
}

/// Compiles a map.
pub(super) fn compile(databases: &Databases, spec: &MapSpec<'_>) -> Result<GeoMap, GeoError> {
    let mut compiler = Compiler::new(databases, spec);
    let mut sets = SetBuilder::new();
    let v4 = compiler.family(&mut sets, 32, spec.limits.v4.min(32))?;
    let v6 = compiler.family(&mut sets, 128, spec.limits.v6.min(128))?;
    Ok(GeoMap::new(compiler.profiles.values, compiler.orders.values, sets.finish(), v4, v6))
}

/// What is known so far; shared by both families.
struct Compiler<'a> {
    databases: &'a [Database],
    groups: &'a [Group],
    index: Index,
    need: Need,
    facts: Facts,
    /// By database: what a pointer of its tree leads to.
    records: Vec<HashMap<Pointer, u32, Mix>>,
    /// Traits of two databases joined.
    joined: HashMap<(u32, u32), u32, Mix>,
    /// Lists of regions whose networks hold an address, the longest network first; 0 is the empty list.
    networks: Interned<Box<[RegionId]>>,
    orders: Interned<Order>,
    profiles: Interned<Profile>,
}

/// The reduced locations.
struct Facts {
    traits: Interned<Traits>,
    subdivisions: Interned<Subdivision>,
    asns: Interned<u32>,
    placings: Interned<Box<[Option<OrderId>]>>,
    /// Placings by the bits of latitude and longitude.
    by_place: HashMap<(u64, u64), u32, Mix>,
}

impl<'a> Compiler<'a> {
    fn new(databases: &'a Databases, spec: &'a MapSpec<'_>) -> Self {
        let index = Index::new(spec.regions);
        let need = Need {
            subdivision: index.wants_subdivision(),
            asn: index.wants_asn(),
            coordinates: !spec.groups.is_empty(),
            names: false,
        };
        let mut networks = Interned::new();
        networks.id(Box::default());
        let mut profiles = Interned::new();
        let nowhere = vec![None; spec.groups.len()].into_boxed_slice();
        profiles.id(Profile { regions: Box::default(), orders: nowhere.clone(), special: false });
        let mut facts = Facts {
            traits: Interned::new(),
            subdivisions: Interned::new(),
            asns: Interned::new(),
            placings: Interned::new(),
            by_place: HashMap::default(),
        };
        facts.traits.id(Traits::default());
        facts.placings.id(nowhere);
        Self {
            databases: databases.all(),
            groups: spec.groups,
            index,
            need,
            facts,
            records: vec![HashMap::default(); databases.all().len()],
            joined: HashMap::default(),
            networks,
            orders: Interned::new(),
            profiles,
        }
    }

    /// The trie of one address family.
    fn family(&mut self, sets: &mut SetBuilder, bits: u8, max: u8) -> Result<Trie, GeoError> {
        let (networks, blocks) = (self.operator_networks(bits), special_blocks(bits));
        let databases = self.databases;
        let mut records = std::mem::take(&mut self.records);
        let mut trie = Ranges { trie: TrieBuilder::new(bits, max), open: None };
        let mut labels: HashMap<(u32, u32, u32), SetId, Mix> = HashMap::default();
        // The layers read records while the sweep asks for labels: never at the same moment.
        let this = RefCell::new(self);
        {
            let mut layers: Vec<Layer<'_>> = Vec::with_capacity(databases.len() + 2);
            for (database, known) in databases.iter().zip(&mut records) {
                let read = |database: &Database, address| this.borrow_mut().record(database, address);
                layers.push(changes(database, bits, known, read)?);
            }
            layers.extend([listed(networks), listed(blocks)]);
            sweep(bits, &mut layers, |first, last, at| {
                let (here, fixed) = at.split_at(databases.len());
                let joined = match here {
                    [] => 0,
                    [one] => *one,
                    [one, others @ ..] => this.borrow_mut().join(*one, others),
                };
                let key = (joined, fixed[0], fixed[1]);
                let set = match labels.get(&key) {
                    Some(set) => *set,
                    None => *labels.entry(key).or_insert(this.borrow_mut().label(sets, key)?),
                };
                trie.add(sets, first, last, set);
                Ok(())
            })?;
        }
        this.into_inner().records = records;
        Ok(trie.finish(sets))
    }

    /// The traits of two or more databases' records, the first that knows a field first.
    fn join(&mut self, first: u32, others: &[u32]) -> u32 {
        others.iter().fold(first, |a, b| {
            if let Some(id) = self.joined.get(&(a, *b)) {
                return *id;
            }
            let traits = self.facts.traits.values[a as usize].or(self.facts.traits.values[*b as usize]);
            let id = self.facts.traits.id(traits);
            self.joined.insert((a, *b), id);
            id
        })
    }

    /// The set of the profile of a range: (traits, operator's networks, kind of block).
    fn label(&mut self, sets: &mut SetBuilder, (traits, networks, kind): (u32, u32, u32)) -> Result<SetId, GeoError> {
        if kind == TUNNEL {
            return Ok(BARRIER);
        }
        let traits = self.facts.traits.values[traits as usize];
        let named = |number: u32| (number > UNNAMED).then(|| (number - UNNAMED - 1) as usize);
        let place = Place {
            asn: named(traits.asn).map(|index| self.facts.asns.values[index]),
            subdivision: named(traits.subdivision).map(|index| &self.facts.subdivisions.values[index]),
            country: traits.country,
            continent: traits.continent,
        };
        let regions = self.index.regions(&self.networks.values[networks as usize], &place);
        let placing = if traits.placing == 0 { traits.middle } else { traits.placing };
        let orders = self.facts.placings.values[placing as usize].clone();
        let profile = self.profiles.id(Profile { regions, orders, special: kind == SPECIAL && networks == 0 });
        if profile as usize >= PROFILES_MAX {
            let why = format!("the regions and nearness choices tell more than {PROFILES_MAX} kinds of clients apart");
            return Err(GeoError(why.into()));
        }
        Ok(sets.single(profile))
    }

    /// The reduced location of a record.
    fn record(&mut self, database: &Database, address: IpAddr) -> u32 {
        let location = database.locate(address, self.need);
        let placing = location.coordinates.map_or(0, |place| self.placing(place));
        let super::Location { continent, country, subdivision, asn, .. } = location;
        let subdivision = subdivision.map_or(0, |code| {
            self.index
                .known_subdivision(&code)
                .map_or(UNNAMED, |code| UNNAMED + 1 + self.facts.subdivisions.id(code.clone()))
        });
        let asn =
            asn.map_or(0, |asn| self.index.known_asn(asn).map_or(UNNAMED, |asn| UNNAMED + 1 + self.facts.asns.id(asn)));
        let middle = match country.and_then(country_by_code) {
            Some(country) if !self.groups.is_empty() => self.placing(country.middle),
            _ => 0,
        };
        let continent = continent.map(|code| self.index.known_continent(code).unwrap_or(UNNAMED_CONTINENT));
        let country = country.map(|code| self.index.known_country(code).unwrap_or(UNNAMED_COUNTRY));
        self.facts.traits.id(Traits { continent, country, middle, subdivision, asn, placing })
    }

    /// The orders of nearness at a place.
    fn placing(&mut self, place: Coordinates) -> u32 {
        let key = (place.latitude.to_bits(), place.longitude.to_bits());
        if let Some(placing) = self.facts.by_place.get(&key) {
            return *placing;
        }
        let orders: Box<[Option<OrderId>]> =
            self.groups.iter().map(|group| Some(OrderId::new(self.orders.id(group.order(place)) as usize))).collect();
        let placing = self.facts.placings.id(orders);
        self.facts.by_place.insert(key, placing);
        placing
    }

    /// The layer of the operator's networks of one family.
    fn operator_networks(&mut self, bits: u8) -> Vec<(u128, u32)> {
        let blocks = self.index.networks.iter().filter_map(|(network, region)| match network {
            IpNet::V4(v4) if bits == 32 => Some((u128::from(u32::from(v4.network())), v4.prefix_len(), *region)),
            IpNet::V6(v6) if bits == 128 => Some((u128::from(v6.network()), v6.prefix_len(), *region)),
            _ => None,
        });
        let networks = &mut self.networks;
        nested(bits, blocks.collect(), |around: &[RegionId]| {
            let mut regions: Vec<RegionId> = Vec::with_capacity(around.len());
            for region in around.iter().rev() {
                if !regions.contains(region) {
                    regions.push(*region);
                }
            }
            networks.id(regions.into())
        })
    }
}

/// Joins neighbours of one profile to one range before the trie sees them.
struct Ranges {
    trie: TrieBuilder,
    /// The last range: it may go on.
    open: Option<(u128, u128, SetId)>,
}

impl Ranges {
    fn add(&mut self, sets: &mut SetBuilder, first: u128, last: u128, set: SetId) {
        match &mut self.open {
            Some((_, end, before)) if *before == set => *end = last,
            open => {
                if let Some((first, last, set)) = open.replace((first, last, set)) {
                    self.trie.push(sets, first, last, set);
                }
            }
        }
    }

    fn finish(mut self, sets: &mut SetBuilder) -> Trie {
        if let Some((first, last, set)) = self.open {
            self.trie.push(sets, first, last, set);
        }
        self.trie.finish()
    }
}

/// The layer of one database: the places where what is known changes. `known` keeps what each pointer leads to.
pub(super) fn changes<'a>(
    database: &'a Database,
    bits: u8,
    known: &'a mut HashMap<Pointer, u32, Mix>,
    mut read: impl FnMut(&Database, IpAddr) -> u32 + 'a,
) -> Result<Layer<'a>, GeoError> {
    let mut walk = if bits == 32 { database.walk_v4()? } else { database.walk_v6()? };
    let mut before = (Pointer::MAX, u32::MAX);
    Ok(Box::new(move || {
        for step in &mut walk {
            let (first, pointer) = step.map_err(|broken| database.error(broken))?;
            if pointer == before.0 {
                continue;
            }
            let label = match known.get(&pointer) {
                _ if pointer == 0 => 0,
                Some(label) => *label,
                None => {
                    let label = read(database, address_of(first, bits));
                    known.insert(pointer, label);
                    label
                }
            };
            let same = label == before.1;
            before = (pointer, label);
            if !same {
                return Ok(Some((first, label)));
            }
        }
        Ok(None)
    }))
}

/// An address of one family from its number.
fn address_of(number: u128, bits: u8) -> IpAddr {
    if bits == 32 { IpAddr::V4(Ipv4Addr::from(number as u32)) } else { IpAddr::V6(Ipv6Addr::from(number)) }
}

/// The layer of special blocks and tunnels of one family.
fn special_blocks(bits: u8) -> Vec<(u128, u32)> {
    let blocks = if bits == 32 {
        special::V4.iter().map(|(first, length)| (u128::from(*first), *length, SPECIAL)).collect()
    } else {
        let tunnels = TUNNELS.iter().map(|tunnel| (tunnel.first, tunnel.length, TUNNEL));
        special::V6.iter().map(|(first, length)| (*first, *length, SPECIAL)).chain(tunnels).collect()
    };
    nested(bits, blocks, |around: &[u32]| around.last().copied().unwrap_or(ORDINARY))
}
