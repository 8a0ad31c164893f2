//! The core on small worlds: simulated shares against real decisions, scenarios, and the picture.

use super::map::{Drawing, page, svg};
use super::*;
use crate::client::{Client, Family, Subnet};
use crate::overrides::{Said, Target};
use crate::pool::{Balance, Gate};
use crate::steer::fixture::{World, one, split};
use crate::steer::{Fallback, Picks, Want, decide, seen};
use crate::worker::{Draw, Worker};
use std::net::IpAddr;

const WEST: &str = "53.0.0.0/8";
const EAST: &str = "30.0.0.0/7";

/// A world of two regions, a split by hash and one by draws, a spare pool, and pools of several methods.
fn world() -> (World, NameId) {
    let mut world = World::new(&[("west", &[WEST]), ("east", &[EAST])]);
    let a = world.pool("a", &["10.0.0.1@3", "10.0.0.2"]);
    let b = world.pool("b", &["10.0.1.1@5", "10.0.1.2@2", "10.0.1.3"]);
    let c = world.pool("c", &["10.0.2.1", "10.0.2.2"]);
    world.pool_mut(b).balance = Balance::Hash;
    world.pool_mut(c).balance = Balance::Failover;
    let policy = world.policy(vec![
        (Some(0), vec![split(&[(a, 70), (b, 30)], true), one(c)], false),
        (Some(1), vec![split(&[(b, 1), (c, 3)], false)], false),
        (None, vec![one(c)], false),
    ]);
    let www = world.name("www.example.com", policy, Fallback::All);
    (world, www)
}

fn clients(databases: &crate::geo::Databases) -> Population {
    let list = [(WEST, 2.0), (EAST, 1.0), ("50.0.0.0/8", 1.0)].map(|(net, weight)| (net.parse().unwrap(), weight));
    Population::of_clients([databases; 2], list)
}

/// What real decisions give: parts of `POOL/ENDPOINT` over random clients of a population.
fn drawn(state: &State, name: NameId, population: &Population, count: usize) -> Shares {
    let snapshot = &state.snapshot;
    let (mut worker, mut draw) = (Worker::new(7), Draw::new(9));
    let mut shares = Shares::default();
    for _ in 0..count {
        let mut point = draw.below(1 << 30) as f64 / f64::from(1 << 30) * population.total;
        let network = population.networks.iter().find(|network| {
            point -= network.weight;
            point < 0.0
        });
        let network = network.unwrap_or(&population.networks[0]);
        let offset = draw.next() as u32 as u128 % (network.last - network.first + 1);
        let address = std::net::Ipv4Addr::from_bits((network.first + offset) as u32);
        let client = Client::new(IpAddr::from([9, 9, 9, 9]), Some(Subnet::new(address.into(), 24)));
        let want = Want::Addresses(Family::V4);
        let _ = decide(state, &mut worker, name, &client, want);
        let picks = Picks::last(state, &worker, want);
        let endpoint = &snapshot.endpoints[picks.endpoints()[0].index()];
        let pool = &snapshot.pools[endpoint.pool.index()].name;
        shares.add(&format!("{pool}/{}", endpoint.name), 1.0 / count as f64);
    }
    shares
}

fn scenario(down: &[&str], said: &[(&str, Said)]) -> Scenario {
    let target = |text: &str| Target::parse(text).unwrap();
    Scenario {
        down: down.iter().map(|text| target(text)).collect(),
        said: said.iter().map(|(text, said)| (target(text), *said)).collect(),
    }
}

fn simulated(state: &State, scenario: &Scenario, name: NameId) -> (Lane, State, Population) {
    let after = scenario.apply(state, |id| seen(state, id));
    let population = clients(&state.snapshot.databases);
    let done = simulate([state, &after], &population, &[name], &mut |_| {});
    (done.groups[0].lanes[0].clone(), after, population)
}

#[test]
fn shares_are_what_real_decisions_come_to() {
    let (world, www) = world();
    let before = State::offline(world.build(), &[]);
    for scenario in [
        scenario(&[], &[]),
        scenario(&["pool/a"], &[]),
        scenario(&["endpoint/b/10.0.1.1"], &[("pool/c", Said::State(Gate::Drain))]),
        scenario(&[], &[("endpoint/a/10.0.0.2", Said::Weight(9))]),
    ] {
        let (lane, after, population) = simulated(&before, &scenario, www);
        for (state, expected) in [(&before, &lane.all.endpoints[0]), (&after, &lane.all.endpoints[1])] {
            let real = drawn(state, www, &population, 40_000);
            for (name, part) in expected.iter().chain(real.iter()) {
                assert!(
                    (part - expected.of(name)).abs() < 0.012 && (part - real.of(name)).abs() < 0.012,
                    "{scenario:?}: {name} {part} {real:?}"
                );
            }
        }
        let sum: f64 = lane.all.after.iter().map(|(_, part)| part).sum();
        assert!((sum - 1.0).abs() < 1e-9);
    }
}

#[test]
fn an_outage_moves_the_clients_of_its_pool_and_nobody_else() {
    let (world, www) = world();
    let before = State::offline(world.build(), &[]);
    let (lane, ..) = simulated(&before, &scenario(&["pool/a"], &[]), www);
    // West is half of the clients; 70 % of it are a's, and b takes them.
    assert!((lane.all.before.of("a") - 0.35).abs() < 1e-9 && lane.all.after.of("a") == 0.0);
    assert!((lane.all.moved - 0.35).abs() < 1e-9, "{}", lane.all.moved);
    assert_eq!(lane.all.moves.len(), 1);
    let west = &lane.regions[&["west".into(), "west".into()]];
    assert!((west.moved - 0.7).abs() < 1e-9 && west.why == "a has too few live endpoints", "{west:?}");
    assert_eq!(lane.regions[&["east".into(), "east".into()]].moved, 0.0);
    let (still, ..) = simulated(&before, &Scenario::default(), www);
    assert_eq!(still.all.moved, 0.0, "nothing changes, nobody moves");
}

#[test]
fn targets_that_nothing_is_called_are_named() {
    let (world, _) = world();
    let snapshot = world.build();
    let scenario = scenario(&["pool/a", "pool/nowhere"], &[("pool/a", Said::Weight(1))]);
    let unknown: Vec<&str> = scenario.unknown(&snapshot).iter().map(|target| target.as_str()).collect();
    assert_eq!(unknown, ["pool/nowhere", "pool/a"], "a pool has no weight of its own");
}

#[test]
fn a_configuration_compared_with_itself_moves_nobody_and_names_of_one_side_are_listed() {
    let (mut world, www) = world();
    let old = State::offline(world.build(), &[]);
    let policy = world.spec.names[www.index()].policy;
    let new_name = world.name("new.example.com", policy, Fallback::All);
    let new = State::offline(world.build(), &[]);
    let (pairs, alone) = common_names([&old, &new]);
    assert_eq!((pairs.len(), &alone), (1, &[vec![], vec![new_name]]));
    let population = clients(&old.snapshot.databases);
    let done = compare([&old, &new], &population, &pairs, &mut |_| {});
    assert_eq!(done.groups[0].lanes[0].all.moved, 0.0);
}

#[test]
fn the_whole_space_is_counted_once() {
    let (world, _) = world();
    let databases = &world.build().databases;
    let people = Population::of_space([databases; 2], Family::V4).unwrap();
    assert!(people.networks.windows(2).all(|pair| pair[0].last < pair[1].first), "in order, disjoint");
    let size: f64 = people.networks.iter().map(|network| (network.last - network.first) as f64 + 1.0).sum();
    assert!(people.total == size && size > 3e9 && size < 4.3e9, "{size}");
    let other = crate::geo::Databases::embedded().unwrap();
    let both = Population::of_space([databases, &other], Family::V4).unwrap();
    assert_eq!(both.total, people.total, "two equal editions know the same addresses");
    assert!(both.places.iter().all(|[before, after]| before == after));
}

#[test]
fn the_picture_is_well_formed_and_says_who_serves_a_country_and_why() {
    let (world, www) = world();
    let before = State::offline(world.build(), &[]);
    let (lane, ..) = simulated(&before, &scenario(&["pool/a"], &[]), www);
    let title = "<www> & \u{1}\"more\"";
    let drawing = Drawing { title, change: "pool/a down", lane: &lane, credit: None };
    for text in [svg(&drawing), page(&drawing).replace("<!doctype html>\n", "")] {
        let document = roxmltree::Document::parse(&text).expect("well-formed");
        let titles: Vec<&str> = document
            .descendants()
            .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "title")))
            .filter_map(|node| node.text())
            .collect();
        assert!(titles.contains(&"<www> & ?\"more\""), "{:?}", &titles[..1]);
        let germany: Vec<_> = titles.iter().filter(|title| title.starts_with("DE ")).collect();
        assert!(germany.len() == 2 && germany[1].contains("a has too few live endpoints"), "{germany:?}");
        assert!(text.matches("<use ").count() > 440, "every country, before and after");
    }
}

#[test]
fn what_was_counted_once_answers_other_questions_without_the_networks() {
    let (world, www) = world();
    let before = State::offline(world.build(), &[]);
    let pairs = [[www, www]];
    let mut population = clients(&before.snapshot.databases);
    let mut counts = Counts::default();
    assert!(!counts.suffice([&before, &before], &pairs));
    let _first = compare_counted([&before, &before], &population, &pairs, &mut counts, &mut |_| {});
    assert!(counts.suffice([&before, &before], &pairs) && counts.cells() > 0);
    population.networks.clear();
    for down in ["pool/a", "pool/c"] {
        let (fresh, after, _) = simulated(&before, &scenario(&[down], &[]), www);
        let again = compare_counted([&before, &after], &population, &pairs, &mut counts, &mut |_| {});
        let lane = &again.groups[0].lanes[0];
        assert!(lane.same(&fresh) && fresh.all.moved > 0.0, "{down}: {lane:?}");
    }
}
