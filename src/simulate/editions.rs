//! Two editions of a small database: who stands where in either, and who moves between them.

use super::{NameId, Population, common_names, compare};
use crate::address::Family;
use crate::geo::{Country, Database, Databases, Matcher, Region, Selector, SourceRef};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::steer::Fallback;
use crate::steer::fixture::{World, one};
use maxminddb_writer::metadata::IpVersion;
use maxminddb_writer::paths::IpAddrWithMask;
use serde_json::json;
use std::sync::Arc;

fn edition(networks: &[(&str, &str, u32)]) -> Arc<Databases> {
    let mut writer = maxminddb_writer::Database::default();
    writer.metadata.ip_version = IpVersion::V4;
    writer.metadata.database_type = "Test".into();
    writer.metadata.binary_format_major_version = 2;
    writer.metadata.build_epoch = 1_700_000_000;
    // A database is known by samples of its networks: a large one that stays is found.
    for (network, country, asn) in networks.iter().chain(&[("64.0.0.0/2", "JP", 9)]) {
        let data = writer.insert_value(json!({ "country_code": country, "asn": asn })).unwrap();
        writer.insert_node(network.parse::<IpAddrWithMask>().unwrap(), data);
    }
    Arc::new(Databases::new(vec![Database::new("test", writer.write_to(Vec::new()).unwrap()).unwrap()]))
}

fn editions() -> [Arc<Databases>; 2] {
    let old = edition(&[("20.0.0.0/24", "GB", 1), ("20.0.1.0/24", "FR", 2), ("20.0.4.0/24", "GB", 3)]);
    let new = edition(&[("20.0.0.0/25", "GB", 1), ("20.0.1.0/24", "GB", 2), ("20.0.8.0/22", "FR", 4)]);
    [old, new]
}

/// Britain is served by one pool, everybody else by another.
fn state(databases: &Arc<Databases>) -> State {
    let mut world = World::new(&[("britain", &[])]);
    let at = SourceRef("test:1:1".into());
    let matcher = Matcher::Country(Country(*b"GB"));
    world.spec.zones[0].regions = vec![Region { name: "britain".into(), selectors: vec![Selector { matcher, at }] }];
    let (lon, nyc) = (world.pool("lon", &["10.0.0.1"]), world.pool("nyc", &["10.0.0.2"]));
    let policy = world.policy(vec![(Some(0), vec![one(lon)], false), (None, vec![one(nyc)], false)]);
    let _: NameId = world.name("www.example.com", policy, Fallback::All);
    State::offline(Arc::new(Snapshot::build(world.spec.clone(), Arc::clone(databases)).unwrap()), &[])
}

#[test]
fn every_address_that_one_edition_knows_is_counted_once_with_what_both_say() {
    let [old, new] = editions();
    let people = Population::of_space([&old, &new], Family::V4).unwrap();
    let code = |country: Option<Country>| country.map_or("-".to_owned(), |country| country.to_string());
    let words = people.networks.iter().map(|network| {
        let [before, after] = people.places[network.place as usize].map(|place| code(place.country));
        format!("{:x}-{:x} {before}>{after} {}", network.first, network.last, network.weight)
    });
    assert_eq!(
        words.collect::<Vec<_>>(),
        [
            "14000000-1400007f GB>GB 128",
            "14000080-140000ff GB>- 128",
            "14000100-140001ff FR>GB 256",
            "14000400-140004ff GB>- 256",
            "14000800-14000bff ->FR 1024",
            "40000000-7fffffff JP>JP 1073741824"
        ]
    );
    assert_eq!(people.total, 1_792.0 + f64::from(1 << 30));
}

#[test]
fn who_moves_between_editions_is_known_by_country_and_by_as_number() {
    let [old, new] = editions();
    let states = [&state(&old), &state(&new)];
    let people = Population::of_space([&old, &new], Family::V4).unwrap();
    let done = compare(states, &people, &common_names(states).0, &mut |_| {});
    let lane = &done.groups[0].lanes[0];
    // Scopes end at 24 bits: half of 20.0.0.0/24 is not known any more, and stays with the other half.
    assert!((lane.all.moved * people.total - 512.0).abs() < 1e-3, "{}", lane.all.moved);
    let british = Some(Country(*b"GB"));
    assert_eq!(lane.countries[&[Some(Country(*b"FR")), british]].moved, 1.0);
    assert_eq!(lane.countries[&[british, british]].moved, 0.0);
    assert_eq!(lane.systems[&3].moves[0], ("lon".into(), "nyc".into(), 1.0));
    assert_eq!((lane.systems[&1].moved, lane.systems[&4].moved), (0.0, 0.0));
}
