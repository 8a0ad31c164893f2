//! Pools that depend on pools.

use super::Scene;
use geosteer::health::TargetState;
use geosteer::id::PoolId;
use geosteer::overrides::{Override, Overrides, Said, Target};
use geosteer::pool::Gate;
use geosteer::steer::{FallbackNote, PoolNote, explain};
use geosteer::worker::{Draw, Worker};
use geosteer::writer::Event;
use std::sync::Arc;

/// A pool for each, called p1 and so on, with one endpoint.
fn zone(depends: &[&str], tail: &str) -> String {
    let pool = |(index, on): (usize, &&str)| {
        let number = index + 1;
        format!("p{number} = {{ check = \"c\", endpoints = [\"192.0.2.{number}\"], depends_on = [{on}] }}\n")
    };
    let pools: String = depends.iter().enumerate().map(pool).collect();
    format!("[checks]\nc = {{ type = \"tcp\", port = 80 }}\n[pools]\n{pools}[names]\n{tail}\n")
}

fn gate(scene: &mut Scene, number: u64, target: &str, gate: Gate) {
    let mut overrides = Overrides::default();
    let target = Target::parse(target).unwrap();
    let said = Said::State(gate);
    let one = Override { target, said, owner: "ann".into(), reason: "".into(), since: 0, until: None, ramp: None };
    overrides.set(one).unwrap();
    scene.apply(Event::Override { number, overrides: Arc::new(overrides), epoch_ms: 0 });
}

/// An application with a cache and a database behind the database, and another site.
fn application() -> Scene {
    Scene::new(&zone(
        &["\"p2\"", "\"p3\"", "", ""],
        "www = { policy = { default = [\"p1\", \"p4\"] }, fallback = \"servfail\" }",
    ))
}

#[test]
fn a_pool_is_live_only_while_those_are_that_it_depends_on_however_far_away() {
    let mut scene = application();
    assert_eq!(scene.named(), [1]);
    scene.fall(3);
    assert_eq!(scene.named(), [4], "the database of its cache is down");
    scene.rise(3);
    scene.fall(2);
    assert_eq!(scene.named(), [4]);
    scene.rise(2);
    assert_eq!(scene.named(), [1]);
}

#[test]
fn without_another_step_the_fallback_decides_as_if_the_pool_were_down() {
    let mut scene = application();
    scene.fall(3);
    scene.fall(4);
    assert!(scene.named().is_empty(), "SERVFAIL, although the endpoint of p1 is up");
    let all = zone(&["\"p2\"", ""], "www = { policy = { default = [\"p1\"] } }");
    let mut scene = Scene::new(&all);
    scene.fall(2);
    assert_eq!(scene.named(), [1], "fail open: better than none");
}

#[test]
fn operators_take_a_dependency_out_and_count_a_pool_as_up_without_it() {
    let mut scene = application();
    gate(&mut scene, 1, "pool/p3", Gate::Drain);
    assert_eq!(scene.named(), [4]);
    scene.fall(3);
    gate(&mut scene, 2, "pool/p2", Gate::Up);
    assert_eq!(scene.named(), [1], "p2 asks nobody");
    gate(&mut scene, 3, "pool/p1", Gate::Auto);
    assert_eq!(scene.named(), [4]);
}

#[test]
fn explain_names_the_dependency_and_a_reload_takes_it_away() {
    let mut scene = application();
    scene.fall(3);
    let client = geosteer::client::Client::new([127, 0, 0, 1].into(), None);
    let told = explain(&scene.state, &mut Worker::new(1), geosteer::id::NameId::new(0), &client, super::A);
    assert_eq!(told.pools[0].note, PoolNote::Unmet(PoolId::new(1)));
    assert_eq!(scene.state.live.needs(&scene.snapshot, PoolId::new(1)), Some("p3"));
    scene.reload(&zone(&["", "\"p3\"", "", ""], "www = { policy = { default = [\"p1\", \"p4\"] } }"));
    assert_eq!((scene.state.generation, scene.named()), (2, vec![1]));
}

#[test]
fn an_answer_is_cached_no_longer_than_a_dependency_is_steady() {
    let steady = zone(&["\"p2\"", ""], "www = { policy = { default = [\"p1\"] }, ttl = 300, ttl_min = 1 }");
    let mut scene = Scene::new(&steady);
    let ttl = |scene: &Scene| {
        let client = geosteer::client::Client::new([127, 0, 0, 1].into(), None);
        let name = geosteer::id::NameId::new(0);
        match geosteer::steer::decide(&scene.state, &mut Worker::new(1), name, &client, super::A).answer {
            geosteer::steer::Answer::Records { ttl } => ttl,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ttl(&scene), 20);
    scene.probe(2, geosteer::health::Outcome::Fail);
    assert_eq!(ttl(&scene), 10, "two more failures of p2 would change the answer");
}

#[test]
fn whatever_changes_in_whatever_order_liveness_is_that_of_the_whole_way_down() {
    let depends = ["\"p3\", \"p2\"", "\"p4\"", "\"p4\", \"p6\"", "\"p7\"", "\"p1\"", "", "\"p8\"", ""];
    let needs: [&[usize]; 8] = [&[3, 2], &[4], &[4, 6], &[7], &[1], &[], &[8], &[]];
    let mut scene = Scene::new(&zone(&depends, "www = { policy = { default = [\"p5\"] } }"));
    let mut random = Draw::new(7);
    let mut changes = 0;
    for _ in 0..2_000 {
        let octet = 1 + random.below(8) as u8;
        let is_down = scene.state_of(octet) == TargetState::Down;
        let before = scene.state.clone();
        if is_down {
            scene.rise(octet)
        } else {
            scene.fall(octet)
        }
        let up = |number: usize| scene.state_of(number as u8) != TargetState::Down;
        let live = |number: usize| {
            let (mut todo, mut all) = (vec![number], true);
            while let Some(number) = todo.pop() {
                all &= up(number);
                todo.extend(needs[number - 1]);
            }
            all
        };
        for number in 1..=8 {
            let id = PoolId::new(number - 1);
            assert_eq!(scene.state.live.is_live(id), live(number), "p{number} after {octet} changed");
            changes += usize::from(before.live.is_live(id) != scene.state.live.is_live(id));
        }
    }
    assert!(changes > 1_000, "{changes}");
}

/// A pool of two, and what it is or what it needs.
fn pair(pool: &str, names: &str) -> Scene {
    Scene::new(&format!(
        "[checks]\nc = {{ type = \"tcp\", port = 80 }}\n[pools]\n\
         app = {{ check = \"c\", endpoints = [\"192.0.2.1\", \"192.0.2.2\"]{pool} }}\n\
         db = {{ check = \"c\", endpoints = [\"192.0.2.3\"] }}\n[names]\n{names}\n"
    ))
}

#[test]
fn failing_open_names_nobody_who_is_down_while_another_of_the_step_passes_its_checks() {
    let client = geosteer::client::Client::new([127, 0, 0, 1].into(), None);
    let note = |scene: &Scene| {
        explain(&scene.state, &mut Worker::new(1), geosteer::id::NameId::new(0), &client, super::A).fallback
    };
    // Useless without its database.
    let mut scene = pair(", depends_on = \"db\"", "www = { policy = { default = [\"app\"] } }");
    [2, 3].into_iter().for_each(|octet| scene.fall(octet));
    assert_eq!((scene.named(), note(&scene)), (vec![1], Some(FallbackNote::Passing)));
    scene.fall(1);
    assert_eq!((scene.named(), note(&scene)), (vec![1, 2], Some(FallbackNote::All)), "all are dead");
    // Taken out, and nobody else is there.
    let mut scene = pair("", "www = { policy = { default = [\"app\", \"db\"] } }");
    gate(&mut scene, 1, "pool/app", Gate::Drain);
    [2, 3].into_iter().for_each(|octet| scene.fall(octet));
    assert_eq!((scene.named(), note(&scene)), (vec![1], Some(FallbackNote::EveryPassing)));
    let named = scene.state.live.named_though_closed(&scene.snapshot);
    assert!(named.contains(&scene.endpoint(1)), "answers name it although it is out");
    scene.fall(1);
    assert_eq!((scene.named(), note(&scene)), (vec![1, 2], Some(FallbackNote::Every)));
    scene.rise(2);
    assert_eq!(scene.named(), [2]);
    // Up, and not let back by an operator yet.
    let mut scene = pair(", manual_resume = true", "www = { policy = { default = [\"app\"] } }");
    (1..=2).for_each(|octet| scene.fall(octet));
    scene.rise(2);
    assert_eq!((scene.named(), note(&scene)), (vec![2], Some(FallbackNote::Passing)));
}

#[test]
fn who_is_out_and_named_all_the_same_is_cached_no_longer_than_its_health_is_steady() {
    let mut scene = pair("", "www = { policy = { default = [\"app\"] }, ttl = 300, ttl_min = 1 }");
    gate(&mut scene, 1, "pool/app", Gate::Drain);
    scene.fall(2);
    let client = geosteer::client::Client::new([127, 0, 0, 1].into(), None);
    let ttl = |scene: &Scene| {
        let name = geosteer::id::NameId::new(0);
        geosteer::steer::decide(&scene.state, &mut Worker::new(1), name, &client, super::A).answer
    };
    let before = ttl(&scene);
    (0..2).for_each(|_| scene.probe(1, geosteer::health::Outcome::Fail));
    let after = ttl(&scene);
    let seconds = |answer| match answer {
        geosteer::steer::Answer::Records { ttl } => ttl,
        other => panic!("{other:?}"),
    };
    assert!(seconds(after) < seconds(before) && seconds(before) < 300, "{before:?}, {after:?}");
}
