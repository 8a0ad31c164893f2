//! Databases of every schema that people have, and files that are none: the schema is found by looking, and
//! damaged bytes are an error or read as unknown, never a panic.

use geosteer::geo::{
    Continent, Country, Database, Databases, GeoMap, Group, MapSpec, Matcher, Region, ScopeLimits, Selector, SourceRef,
    Subdivision,
};
use geosteer::worker::Draw;
use maxminddb_writer::metadata::IpVersion;
use maxminddb_writer::paths::IpAddrWithMask;
use serde_json::{Value, json};
use std::net::IpAddr;

const LIMITS: ScopeLimits = ScopeLimits { v4: 24, v6: 56 };

/// A file with one record at `11.0.0.0/8` and `2a00::/16`, and another around it.
fn file(version: IpVersion, record: &Value) -> Vec<u8> {
    let mut writer = maxminddb_writer::Database::default();
    writer.metadata.ip_version = version;
    writer.metadata.database_type = "Test".into();
    writer.metadata.binary_format_major_version = 2;
    writer.metadata.build_epoch = 1_700_000_000;
    let data = writer.insert_value(record).unwrap();
    let networks: &[&str] =
        if matches!(version, IpVersion::V4) { &["11.0.0.0/8"] } else { &["::11.0.0.0/104", "2a00::/16"] };
    for network in networks {
        writer.insert_node(network.parse::<IpAddrWithMask>().unwrap(), data);
    }
    writer.write_to(Vec::new()).unwrap()
}

fn open(record: &Value) -> Database {
    Database::new("test.mmdb", file(IpVersion::V6, record)).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_fields_of_every_schema_are_found_by_looking() {
    let maxmind = json!({
        "city": { "names": { "de": "Kalifornien", "en": "Los Angeles" } },
        "continent": { "code": "NA", "names": { "en": "North America" } },
        "country": { "iso_code": "US", "names": { "en": "United States" } },
        "location": { "latitude": 34.05, "longitude": -118.24 },
        "subdivisions": [{ "iso_code": "CA", "names": { "en": "California" } }],
    });
    let dbip = json!({
        "city": { "names": { "en": "Los Angeles" } },
        "continent": { "code": "NA" },
        "country": { "iso_code": "US" },
        "location": { "latitude": 34.05, "longitude": -118.24 },
        "subdivisions": [{ "names": { "en": "California" } }],
    });
    let ipinfo = json!({
        "city": "Los Angeles", "continent": "NA", "country": "US", "lat": "34.05", "lng": "-118.24", "region": "California",
    });
    let ip_location_db = json!({
        "city": "Los Angeles", "country_code": "US", "latitude": "34.05", "longitude": "-118.24", "state1": "California",
    });
    for record in [maxmind, dbip, ipinfo, ip_location_db] {
        let databases = Databases::new(vec![open(&record)]);
        for client in ["11.2.3.4", "2a00::1", "::ffff:11.2.3.4", "2002:b02:304::1", "64:ff9b::11.2.3.4"] {
            let location = databases.locate(ip(client));
            assert_eq!(location.country, Country::parse("US"), "{record}");
            assert_eq!(location.continent, Continent::parse("NA"), "{record}");
            assert_eq!(location.subdivision, Some(Subdivision("US-CA".into())), "{record}");
            assert_eq!(location.city.as_deref(), Some("Los Angeles"), "{record}");
            let place = location.coordinates.unwrap();
            assert!(
                (place.latitude - 34.05).abs() < 1e-3 && (place.longitude + 118.24).abs() < 1e-3 && !location.centroid
            );
        }
        assert_eq!(databases.locate(ip("12.0.0.1")).country, None);
        assert_eq!(databases.locate(ip("::11.2.3.4")).country, None, "an IPv6 address is not read from IPv4's part");
    }
}

#[test]
fn as_numbers_are_read_from_numbers_and_from_text() {
    let maxmind = json!({ "autonomous_system_number": 64_500, "autonomous_system_organization": "Example" });
    let ipinfo = json!({ "asn": "AS64500", "as_name": "Example", "country": "United States", "country_code": "US" });
    for record in [maxmind, ipinfo] {
        let location = Databases::new(vec![open(&record)]).locate(ip("11.0.0.1"));
        assert_eq!((location.asn, location.organisation.as_deref()), (Some(64_500), Some("Example")), "{record}");
    }
}

#[test]
fn of_several_databases_the_first_that_knows_a_field_wins() {
    let country = open(&json!({ "country_code": "NL" }));
    let city = open(&json!({ "country_code": "DE", "latitude": "50.1", "longitude": "8.7", "city": "Frankfurt" }));
    let asn = open(&json!({ "asn": 64_500 }));
    let location = Databases::new(vec![country, city, asn]).locate(ip("11.0.0.1"));
    assert_eq!(location.country, Country::parse("NL"));
    assert_eq!(location.coordinates.map(|place| place.latitude), Some(50.1));
    assert_eq!((location.asn, location.centroid), (Some(64_500), false));
    assert_eq!(location.network, Some("11.0.0.0/8".parse().unwrap()));
}

#[test]
fn a_country_without_coordinates_stands_at_its_middle() {
    let location = Databases::new(vec![open(&json!({ "country_code": "JP" }))]).locate(ip("11.0.0.1"));
    assert!(location.centroid && location.coordinates.is_some());
    assert_eq!(location.continent, Continent::parse("AS"));
}

#[test]
fn facts_say_what_a_database_is() {
    let facts = open(&json!({ "country_code": "JP" })).facts();
    assert_eq!((&*facts.label, &*facts.kind, facts.built, facts.ip_version), ("test.mmdb", "Test", 1_700_000_000, 6));
    assert_eq!(facts.fields, ["country"]);
}

#[test]
fn a_file_for_ipv4_alone_knows_nothing_of_ipv6() {
    let database = Database::new("v4.mmdb", file(IpVersion::V4, &json!({ "country_code": "BR" }))).unwrap();
    let databases = Databases::new(vec![database]);
    assert_eq!(databases.locate(ip("11.0.0.1")).country, Country::parse("BR"));
    assert_eq!(databases.locate(ip("2a00::1")).country, None);
    compile(&databases).unwrap();
}

#[test]
fn a_file_that_says_nothing_of_places_is_refused() {
    for record in [json!({ "colour": "blue" }), json!("text"), json!({})] {
        let error = Database::new("odd.mmdb", file(IpVersion::V6, &record)).unwrap_err();
        assert!(error.to_string().starts_with("odd.mmdb: "), "{error}");
    }
}

#[test]
fn the_embedded_database_knows_the_networks_of_the_examples() {
    let databases = Databases::embedded().unwrap();
    let known = [
        ("193.0.6.1", "NL"),
        ("128.101.101.1", "US"),
        ("200.160.2.1", "BR"),
        ("133.11.0.1", "JP"),
        ("129.78.5.1", "AU"),
        ("137.158.1.1", "ZA"),
        ("2001:67c:2e8::1", "NL"),
    ];
    for (client, country) in known {
        assert_eq!(databases.locate(ip(client)).country, Country::parse(country), "{client}");
    }
    assert_eq!(databases.locate(ip("10.0.0.1")).country, None);
    let facts = compile(&databases).unwrap().facts();
    assert!(facts.size < 16 << 20, "a map of continents is small: {facts:?}");
}

#[test]
fn truncated_and_damaged_files_are_errors_or_unknown_and_never_a_panic() {
    let whole = file(IpVersion::V6, &json!({ "country_code": "BR", "latitude": "1.5", "longitude": "2.5", "asn": 5 }));
    for length in 0..whole.len() {
        assert!(Database::new("cut.mmdb", whole[..length].to_vec()).is_err(), "cut at {length} of {}", whole.len());
    }
    let rounds = std::env::var("GEOSTEER_ORACLE").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let mut draw = Draw::new(1);
    let mut opened = 0;
    for _ in 0..rounds {
        let mut bytes = whole.clone();
        for _ in 0..1 + draw.below(4) {
            let at = draw.below(bytes.len() as u32) as usize;
            bytes[at] = draw.next() as u8;
        }
        if let Ok(database) = Database::new("bad.mmdb", bytes) {
            opened += 1;
            let databases = Databases::new(vec![database]);
            for client in ["11.0.0.1", "255.0.0.1", "2a00::1", "::1", "ffff::1"] {
                let _ = databases.locate(ip(client));
            }
            if opened % 16 == 0 {
                let _ = compile(&databases);
            }
        }
    }
    assert!(opened > 0, "some damage is harmless");
}

#[test]
fn a_tree_that_leads_back_into_itself_is_an_error() {
    let mut bytes = file(IpVersion::V6, &json!({ "country_code": "BR" }));
    // The first node of three octets a record: both records lead to node 0.
    bytes[..6].fill(0);
    let outcome = Database::new("loop.mmdb", bytes).map(|database| compile(&Databases::new(vec![database])));
    assert!(!matches!(outcome, Ok(Ok(_))));
}

#[test]
fn random_bytes_are_no_database() {
    let mut draw = Draw::new(2);
    for length in [0, 1, 100, 5_000] {
        let mut bytes: Vec<u8> = (0..length).map(|_| draw.next() as u8).collect();
        assert!(Database::new("noise", bytes.clone()).is_err());
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        assert!(Database::new("noise", bytes).is_err());
    }
}

fn compile(databases: &Databases) -> Result<GeoMap, geosteer::geo::GeoError> {
    let matchers = [
        Matcher::Country(Country(*b"BR")),
        Matcher::Continent(Continent(*b"EU")),
        Matcher::Asn(5),
        Matcher::Subdivision(Subdivision("US-CA".into())),
    ];
    let selectors = matchers.map(|matcher| Selector { matcher, at: SourceRef("t:1:1".into()) }).into();
    let regions = [Region { name: "some".into(), selectors }];
    let groups = [Group { places: vec![None] }];
    GeoMap::compile(databases, &MapSpec { regions: &regions, groups: &groups, limits: LIMITS })
}
