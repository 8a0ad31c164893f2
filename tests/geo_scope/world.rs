//! What a random world is made of.

use crate::addresses::{address, bits, merge, number};
use geosteer::geo::{
    Continent, Coordinates, Country, Database, Group, Matcher, Region, Selector, SourceRef, Subdivision,
};
use geosteer::worker::Draw;
use maxminddb_writer::metadata::IpVersion;
use maxminddb_writer::paths::IpAddrWithMask;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const COUNTRIES: [&str; 8] = ["NL", "DE", "US", "BR", "JP", "AU", "ZA", "RU"];
const STATES: [&str; 4] = ["US-CA", "US-NY", "DE-BE", "BR-SP"];

/// A database of countries, some with states, over both families.
pub fn database(draw: &mut Draw, edges: &mut Vec<IpAddr>) -> Database {
    let mut writer = writer("Test-City");
    let mut leaves = Vec::new();
    split(draw, &mut leaves, 0, 0, 32, 0);
    split(draw, &mut leaves, 0x2001_0000 << 96, 32, 128, 0);
    split(draw, &mut leaves, 0x2a00_0000 << 96, 16, 128, 0);
    for (first, length, bits) in leaves {
        let country = pick(draw, &COUNTRIES);
        let state = STATES.iter().find(|state| state.starts_with(country) && first.count_ones() % 2 == 0);
        let mut record = json!({ "country": { "iso_code": country } });
        if let Some(state) = state {
            record["subdivisions"] = json!([{ "iso_code": state.split_once('-').map(|(_, code)| code) }]);
        }
        insert(&mut writer, first, length, bits, record);
        note(edges, ipnet::IpNet::new(address(first, bits), length).unwrap());
    }
    Database::new("countries", bytes(&writer)).unwrap()
}

/// A database of AS numbers whose networks cross those of the countries.
pub fn asn_database(draw: &mut Draw, edges: &mut Vec<IpAddr>) -> Database {
    let mut writer = writer("Test-ASN");
    let mut leaves = Vec::new();
    split(draw, &mut leaves, 0, 0, 32, 0);
    for (first, length, bits) in leaves {
        let record = json!({ "autonomous_system_number": 64_500 + draw.below(4) });
        insert(&mut writer, first, length, bits, record);
        note(edges, ipnet::IpNet::new(address(first, bits), length).unwrap());
    }
    Database::new("asns", bytes(&writer)).unwrap()
}

/// Random disjoint blocks: goes down one side often, and stops or leaves gaps now and then.
fn split(draw: &mut Draw, leaves: &mut Vec<(u128, u8, u8)>, first: u128, length: u8, bits: u8, budget: u32) {
    let deep = length >= bits - 2 || budget > 40;
    match draw.below(10) {
        0 if length > 3 => {}
        1 if length > 3 => leaves.push((first, length, bits)),
        _ if deep => leaves.push((first, length, bits)),
        _ => {
            let right = first | (1 << (bits - 1 - length));
            let narrow = draw.below(3) > 0;
            let left = draw.below(2) == 0;
            let cost = |side: bool| if narrow && side != left { 41 } else { budget + 1 };
            split(draw, leaves, first, length + 1, bits, cost(true));
            split(draw, leaves, right, length + 1, bits, cost(false));
        }
    }
}

/// Random selectors of every kind, spread over a few regions; some are left out.
pub fn regions(draw: &mut Draw, edges: &mut Vec<IpAddr>) -> Vec<Region> {
    let mut matchers: Vec<Matcher> = Vec::new();
    matchers.extend(Continent::ALL.map(Matcher::Continent));
    matchers.extend(COUNTRIES.iter().filter_map(|code| Country::parse(code)).map(Matcher::Country));
    matchers.extend(STATES.iter().map(|code| Matcher::Subdivision(Subdivision((*code).into()))));
    matchers.extend((64_500..64_503).map(Matcher::Asn));
    for _ in 0..draw.below(30) {
        let edge = edges[draw.below(edges.len() as u32) as usize];
        let base = match draw.below(6) {
            0 => IpAddr::V4(Ipv4Addr::new(10, 1, draw.below(4) as u8, 0)),
            1 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 0)),
            2 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0)),
            _ => edge,
        };
        let bits = bits(base);
        let length = (u32::from(bits / 4) + draw.below(u32::from(bits - bits / 4) + 1)) as u8;
        let network = ipnet::IpNet::new(merge(base, length.saturating_sub(2), random(draw)), length).unwrap().trunc();
        note(edges, network);
        matchers.push(Matcher::Network(network));
    }
    matchers.sort();
    matchers.dedup();
    let mut regions: Vec<Region> =
        (0..1 + draw.below(5)).map(|n| Region { name: format!("r{n}").into(), selectors: Vec::new() }).collect();
    for matcher in matchers {
        let index = draw.below(regions.len() as u32 + 1) as usize;
        if let Some(region) = regions.get_mut(index) {
            region.selectors.push(Selector { matcher, at: SourceRef("world:1:1".into()) });
        }
    }
    regions
}

/// A choice between three random places and one that is nowhere.
pub fn group(draw: &mut Draw) -> Group {
    let mut degrees = |most: u32| f64::from(draw.below(2 * most)) - f64::from(most);
    let places = (0..4).map(|n| if n == 3 { None } else { Coordinates::new(degrees(80), degrees(180)) }).collect();
    Group { places }
}

/// Notes where a network begins, and where it has ended.
pub fn note(edges: &mut Vec<IpAddr>, network: ipnet::IpNet) {
    edges.push(network.network());
    let last = number(network.broadcast());
    edges.push(network.broadcast());
    if last < u128::MAX >> (128 - bits(network.network())) {
        edges.push(address(last + 1, bits(network.network())));
    }
}

fn writer(kind: &str) -> maxminddb_writer::Database {
    let mut writer = maxminddb_writer::Database::default();
    writer.metadata.ip_version = IpVersion::V6;
    writer.metadata.database_type = kind.into();
    writer.metadata.binary_format_major_version = 2;
    writer
}

/// Writes one network; IPv4 is kept in ::/96.
fn insert(writer: &mut maxminddb_writer::Database, first: u128, length: u8, bits: u8, record: serde_json::Value) {
    let path = IpAddrWithMask::new(IpAddr::V6(first.into()), length + 128 - bits);
    let value = writer.insert_value(record).unwrap();
    writer.insert_node(path, value);
}

fn bytes(writer: &maxminddb_writer::Database) -> Vec<u8> {
    writer.write_to(Vec::new()).unwrap()
}

/// One of several.
pub fn pick<T: Copy>(draw: &mut Draw, from: &[T]) -> T {
    from[draw.below(from.len() as u32) as usize]
}

/// 128 random bits.
pub fn random(draw: &mut Draw) -> u128 {
    (u128::from(draw.next()) << 64) | u128::from(draw.next())
}
