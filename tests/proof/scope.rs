//! Scopes and regions against a second, plain implementation: for random clients over maps with operator networks
//! longer than /24, private blocks, hash, splits and nearness, the answer is the right one, every client inside
//! the announced scope gets it too, and no larger block around the client has that property.
//!
//! `GEOSTEER_FULL=1` asks a million clients a map and family.

use crate::common::ask::Ask;
use crate::common::oracle::{Content, Place, Runs, SPECIAL, TUNNEL, World, address, distance, number};
use crate::common::{full, source};
use geosteer::geo::Coordinates;
use geosteer::state::State;
use geosteer::worker::Worker;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::OnceLock;

/// One map and what is expected of it.
struct Case {
    zone: String,
    /// Addresses that may be answered, by content.
    answers: Vec<BTreeSet<String>>,
    /// Least scope by content, IPv4 and IPv6: the blocks that a hash of the client keys on.
    least: Vec<[u8; 2]>,
    /// Runs at full length, IPv4 and IPv6.
    runs: [Runs; 2],
}

const LIMITS: [u8; 2] = [24, 56];

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World::read(&crate::common::state::databases()))
}

impl Case {
    fn check(&self) {
        let state = crate::common::state::state(&self.zone);
        for family in [0, 1] {
            self.check_family(&state, family);
        }
    }

    fn check_family(&self, state: &State, family: usize) {
        let limit = LIMITS[family];
        let cut = self.runs[family].cut(limit);
        let resolver = self.runs[0].find(number(source().ip())).0;
        let mut draw = Worker::new(family as u64 + 1).draw;
        let mut worker = Worker::new(99);
        for turn in 0..full(20_000, 1_000_000) {
            let client = self.client(&cut, family, turn, &mut draw);
            let length = if turn % 4 == 0 { 1 + draw.below(u32::from(cut.bits())) as u8 } else { limit };
            let client = mask(family, client, length.min(limit));
            let (content, run) = cut.find(client);
            if near_tunnel(&cut, client) {
                continue;
            }
            let decides = if content == SPECIAL { resolver } else { content };
            let least = if decides < TUNNEL { self.least[usize::from(decides)][family] } else { 0 };
            let expected = if cut.single() { least } else { run.max(least) };
            let asked = address(family, mask(family, client, length));
            let (answers, scope) = ask(state, &mut worker, asked, length);
            let what = format!("{asked}/{length}, content {content}");
            assert_eq!(scope, expected, "scope for {what}");
            assert!(answers.is_subset(&self.answers[usize::from(decides)]), "{what}: {answers:?}");
            let inside = client & !behind(family, scope) | random(&mut draw) & behind(family, scope);
            let neighbour = address(family, mask(family, inside, limit));
            assert_eq!(ask(state, &mut worker, neighbour, limit), (answers, scope), "{neighbour} lies within {what}");
        }
    }

    /// Half of the clients from anywhere, half from where the content changes.
    fn client(&self, cut: &Runs, family: usize, turn: u64, draw: &mut geosteer::worker::Draw) -> u128 {
        let block = 1u128 << (cut.bits() - LIMITS[family]);
        match (turn % 2, family) {
            (0, _) => cut.near_border(draw.next(), block),
            (_, 0) => random(draw) & u128::from(u32::MAX),
            _ => 0x2 << 124 | random(draw) >> 4,
        }
    }
}

/// IPv4-bearing blocks are looked up elsewhere; their own tests stand with `geo`.
fn near_tunnel(cut: &Runs, client: u128) -> bool {
    cut.bits() == 128 && (cut.find(client).0 == TUNNEL || client >> 72 == 0 || client >> 72 == 0x0064_ff9b << 24)
}

fn behind(family: usize, length: u8) -> u128 {
    let all = if family == 0 { u128::from(u32::MAX) } else { u128::MAX };
    all.checked_shr(u32::from(length)).unwrap_or(0)
}

fn mask(family: usize, client: u128, length: u8) -> u128 {
    client & !behind(family, length)
}

fn random(draw: &mut geosteer::worker::Draw) -> u128 {
    u128::from(draw.next()) << 64 | u128::from(draw.next())
}

fn ask(state: &State, worker: &mut Worker, client: IpAddr, length: u8) -> (BTreeSet<String>, u8) {
    let reply = crate::common::ask_in_process(
        state,
        worker,
        &Ask::new("www.example.com", 1).subnet(&format!("{client}/{length}")),
    );
    let scope = reply.scope.expect("a subnet was sent, so one is answered");
    (reply.answers.into_iter().map(|entry| entry.data).collect(), scope)
}

fn set(addresses: &[&str]) -> BTreeSet<String> {
    addresses.iter().map(|&address| address.to_owned()).collect()
}

fn continent(place: Option<&Place>) -> &[u8] {
    place.and_then(|place| place.continent.as_ref()).map_or(&[], |continent| continent.as_slice())
}

const HEAD: &str = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n";

#[test]
fn scopes_are_exact_and_minimal_with_operator_networks_inside_and_around_special_blocks() {
    let networks = [
        ("203.0.113.128/25", 2),
        ("198.51.100.0/26", 0),
        ("10.20.0.0/16", 2),
        ("10.20.30.0/24", 1),
        ("193.0.6.0/23", 2),
        ("193.0.7.64/27", 1),
        ("8.8.8.8/32", 2),
        ("2001:db8:1:2::/64", 2),
        ("2001:67c:2e8::/48", 2),
        ("2a00::/16", 1),
        ("2a00:1450:4001::/56", 0),
    ];
    let listed = |content| {
        let own = networks.iter().filter(|(_, owner)| *owner == content).map(|(network, _)| format!("{network:?}"));
        own.collect::<Vec<_>>().join(", ")
    };
    let zone = format!(
        r#"{HEAD}
[regions]
europe = {{ continents = ["EU"], countries = ["TR", "IL"], networks = [{}] }}
africa = {{ continents = ["AF"] }}
asia   = {{ continents = ["AS", "OC"], networks = [{}] }}
office = {{ networks = [{}] }}
[pools]
eu = {{ check = "none", endpoints = ["192.0.2.1"] }}
ap = {{ check = "none", endpoints = ["192.0.2.2"] }}
of = {{ check = "none", endpoints = ["192.0.2.3"] }}
us = {{ check = "none", endpoints = ["192.0.2.4"] }}
[names.www.policy]
europe  = ["eu", "us"]
africa  = ["eu", "us"]
asia    = ["ap", "us"]
office  = ["of", "us"]
default = ["us"]
"#,
        listed(0),
        listed(1),
        listed(2)
    );
    let mut content = |place: Option<&Place>| match continent(place) {
        _ if place.is_some_and(|place| matches!(&place.country, b"TR" | b"IL")) => 0,
        b"EU" | b"AF" => 0,
        b"AS" | b"OC" => 1,
        _ => 3,
    };
    let networks: Vec<_> = networks.iter().map(|(network, content)| (network.parse().unwrap(), *content)).collect();
    let answers = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map(|address| set(&[address])).into();
    Case { zone, answers, least: vec![[0, 0]; 4], runs: world().runs(&mut content, &networks) }.check();
}

#[test]
fn a_hash_and_a_sticky_split_keep_the_scope_at_least_as_long_as_the_block_they_key_on() {
    let zone = format!(
        r#"{HEAD}
[regions]
europe = {{ continents = ["EU"] }}
asia   = {{ continents = ["AS"] }}
[pools]
eu = {{ check = "none", balance = "hash", endpoints = ["192.0.2.1", "192.0.2.2", "192.0.2.3"] }}
ap = {{ check = "none", endpoints = ["192.0.2.11"] }}
jp = {{ check = "none", endpoints = ["192.0.2.12"] }}
us = {{ check = "none", endpoints = ["192.0.2.21"] }}
[names.www.policy]
europe  = {{ pools = ["eu"], geofence = true }}
asia    = [{{ ap = 70, jp = 30 }}]
default = ["us"]
"#
    );
    let mut content = |place: Option<&Place>| match continent(place) {
        b"EU" => 0,
        b"AS" => 1,
        _ => 2,
    };
    let answers =
        vec![set(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]), set(&["192.0.2.11", "192.0.2.12"]), set(&["192.0.2.21"])];
    let least = vec![[24, 56], [16, 32], [0, 0]];
    Case { zone, answers, least, runs: world().runs(&mut content, &[]) }.check();
}

#[test]
fn one_row_for_everybody_has_scope_0() {
    let zone = format!(
        "{HEAD}[pools]\nus = {{ check = \"none\", endpoints = [\"192.0.2.1\"] }}\n[names.www.policy]\ndefault = [\"us\"]\n"
    );
    let runs = world().runs(&mut |_| 0, &[]);
    Case { zone, answers: vec![set(&["192.0.2.1"])], least: vec![[0, 0]], runs }.check();
}

#[test]
fn nearness_decides_by_the_distance_from_the_clients_country() {
    let places =
        [("fra", 50.1, 8.7), ("iad", 39.0, -77.5), ("nrt", 35.8, 140.4), ("gru", -23.4, -46.5), ("syd", -33.9, 151.2)];
    let pools: Vec<String> = places
        .iter()
        .enumerate()
        .map(|(index, (name, north, east))| {
            format!(
                "{name} = {{ location = [{north:.1}, {east:.1}], check = \"none\", endpoints = [\"192.0.2.{index}\"] }}"
            )
        })
        .collect();
    let zone = format!(
        "{HEAD}[pools]\n{}\n[names.www.policy]\ndefault = {{ pools = [\"fra\", \"iad\", \"nrt\", \"gru\", \"syd\"], pick = \"nearest\" }}\n",
        pools.join("\n")
    );
    let mut orders: Vec<Vec<Vec<usize>>> = Vec::new();
    let mut content = |place: Option<&Place>| -> Content {
        let order = nearest(place.and_then(|place| place.coordinates), &places);
        let known = orders.iter().position(|known| *known == order);
        known.unwrap_or_else(|| {
            orders.push(order);
            orders.len() - 1
        }) as Content
    };
    let runs = world().runs(&mut content, &[]);
    let answers = orders.iter().map(|order| order[0].iter().map(|index| format!("192.0.2.{index}")).collect());
    let tie = |order: &Vec<Vec<usize>>| if order.iter().any(|tier| tier.len() > 1) { [16, 32] } else { [0, 0] };
    let least = orders.iter().map(tie).collect();
    Case { zone, answers: answers.collect(), least, runs }.check();
}

/// Tiers of 5 % until three are placed, the others in the order written. Not known where: the order written.
fn nearest(from: Option<Coordinates>, places: &[(&str, f64, f64)]) -> Vec<Vec<usize>> {
    let mut left: Vec<usize> = (0..places.len()).collect();
    let mut tiers = Vec::new();
    if let Some(from) = from {
        let away = |&index: &usize| {
            let (_, latitude, longitude) = places[index];
            distance(from, Coordinates { latitude, longitude })
        };
        while places.len() - left.len() < 3 {
            let closest = left.iter().map(away).fold(f64::INFINITY, f64::min);
            let (tier, rest) = left.into_iter().partition(|index| away(index) <= closest * 1.05);
            tiers.push(tier);
            left = rest;
        }
    }
    tiers.extend(left.into_iter().map(|index| vec![index]));
    tiers
}
