//! Who the clients are: networks, each with a weight, and the places that databases say they are at.

use crate::address::Family;
use crate::geo::{Databases, GeoError, Place};
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What one client is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// An IPv4 address.
    Addresses,
    /// An IPv6 block of 48 bits: what a site is given.
    Sites,
    /// As a list counts.
    Counted,
}

/// Clients of one place.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Network {
    /// The family of their addresses.
    pub family: Family,
    /// The first address.
    pub first: u128,
    /// The last address.
    pub last: u128,
    /// How many clients, evenly spread over the addresses.
    pub weight: f64,
    /// The index of where they are, in [`Population::places`].
    pub place: u32,
}

/// All clients.
#[derive(Clone, Debug)]
pub struct Population {
    /// Their networks.
    pub networks: Vec<Network>,
    /// How many networks there are.
    pub size: usize,
    /// Where they are, by the databases before and after.
    pub places: Vec<[Place; 2]>,
    /// All weights together.
    pub total: f64,
    /// What a weight of 1 is.
    pub unit: Unit,
}

impl Unit {
    /// In words, several of them.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Addresses => "IPv4 addresses",
            Self::Sites => "IPv6 /48 blocks",
            Self::Counted => "clients",
        }
    }
}

impl Population {
    /// Every network of a family that the databases know: IPv4 counts by its addresses, IPv6 by its blocks of 48 bits
    /// (a longer network is a part of one). `databases` are those before and after; one twice if they are the same.
    ///
    /// # Errors
    /// A damaged database.
    pub fn of_space(databases: [&Databases; 2], family: Family) -> Result<Self, GeoError> {
        let unit = if family == Family::V4 { Unit::Addresses } else { Unit::Sites };
        let size = |first: u128, last: u128| (last - first) as f64 + 1.0;
        let weight = |first, last| if family == Family::V4 { size(first, last) } else { size(first, last) / SITE };
        let mut people = Self::empty(unit);
        let mut ids = HashMap::new();
        if std::ptr::eq(databases[0], databases[1]) {
            databases[0].survey(family, |first, last, place| {
                people.add(
                    &mut ids,
                    Network { family, first, last, weight: weight(first, last), place: 0 },
                    [place; 2],
                );
            })?;
            return Ok(people);
        }
        for (first, last, places) in joined(databases, family)? {
            people.add(&mut ids, Network { family, first, last, weight: weight(first, last), place: 0 }, places);
        }
        Ok(people)
    }

    /// Networks with given weights. Networks that the databases take apart are taken apart, by the number of addresses.
    /// Several entries of one network count together.
    #[must_use]
    pub fn of_clients(databases: [&Databases; 2], clients: impl IntoIterator<Item = (IpNet, f64)>) -> Self {
        let mut people = Self::empty(Unit::Counted);
        let mut ids = HashMap::new();
        for (network, weight) in clients.into_iter().filter(|(_, weight)| *weight > 0.0) {
            let family = Family::of(network.network());
            let (mut first, end) = (number(network.network()), number(network.broadcast()));
            let size = (end - first) as f64 + 1.0;
            loop {
                let address = address(first, family);
                let found = databases.map(|databases| databases.place(address));
                // The record of a tunnel is of the other family: then the rest is one place.
                let last_of = |last: IpAddr| if Family::of(last) == family { number(last).max(first) } else { end };
                let last = last_of(found[0].1).min(last_of(found[1].1)).min(end);
                let weight = weight * (((last - first) as f64 + 1.0) / size);
                people.add(&mut ids, Network { family, first, last, weight, place: 0 }, found.map(|found| found.0));
                if last == end {
                    break;
                }
                first = last + 1;
            }
        }
        people
    }

    fn empty(unit: Unit) -> Self {
        Self { networks: Vec::new(), size: 0, places: Vec::new(), total: 0.0, unit }
    }

    fn add(&mut self, ids: &mut HashMap<[Place; 2], u32>, network: Network, places: [Place; 2]) {
        let place = *ids.entry(places).or_insert_with(|| {
            self.places.push(places);
            self.places.len() as u32 - 1
        });
        self.total += network.weight;
        self.size += 1;
        self.networks.push(Network { place, ..network });
    }
}

/// Addresses of a block of 48 bits.
const SITE: f64 = (1_u128 << 80) as f64;

type Known = (u128, u128, [Place; 2]);

/// The ranges that one of two editions knows, with what each says of them.
fn joined(databases: [&Databases; 2], family: Family) -> Result<Vec<Known>, GeoError> {
    let mut sides: [Vec<(u128, u128, Place)>; 2] = Default::default();
    for (side, databases) in sides.iter_mut().zip(databases) {
        databases.survey(family, |first, last, place| side.push((first, last, place)))?;
    }
    let mut joined = Vec::with_capacity(sides[0].len() + sides[1].len());
    let mut at = [0, 0];
    let mut from = 0;
    // The next range of a side that is not over, or what is left of it from `from` on.
    while let Some(first) = (0..2).filter_map(|side| sides[side].get(at[side])).map(|range| range.0.max(from)).min() {
        let inside = |side: usize| sides[side].get(at[side]).filter(|range| range.0 <= first);
        let end_of = |side: usize| match (inside(side), sides[side].get(at[side])) {
            (Some(range), _) => range.1,
            (None, Some(next)) => next.0 - 1,
            (None, None) => u128::MAX,
        };
        let last = end_of(0).min(end_of(1));
        joined.push((first, last, [0, 1].map(|side| inside(side).map_or_else(Place::default, |range| range.2))));
        for side in 0..2 {
            at[side] += usize::from(sides[side].get(at[side]).is_some_and(|range| range.1 == last));
        }
        match last.checked_add(1) {
            Some(next) => from = next,
            None => break,
        }
    }
    Ok(joined)
}

/// An address as a number.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// An address from its number.
fn address(number: u128, family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::from_bits(number as u32).into(),
        Family::V6 => Ipv6Addr::from_bits(number).into(),
    }
}
