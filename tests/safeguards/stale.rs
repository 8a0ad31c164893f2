//! Targets without an outcome: shown, told of in bounds, and their last state is kept.

use super::Scene;
use geosteer::health::{Outcome, TargetAddress, TargetState};
use geosteer::id::TargetId;
use geosteer::snapshot::Target;
use geosteer::writer::{Effect, HeldBy, Hold, Stale};

fn zone(count: u8) -> String {
    let endpoints: Vec<_> = (1..=count).map(|octet| format!("\"192.0.2.{octet}\"")).collect();
    format!(
        "[checks]\nc = {{ type = \"tcp\", port = 80 }}\n[pools]\np = {{ check = \"c\", endpoints = [{}] }}\n\
         [names]\nwww = {{ policy = {{ default = [\"p\"] }} }}\n",
        endpoints.join(", ")
    )
}

fn told(scene: &mut Scene) -> Vec<Stale> {
    let effects = scene.effects.drain(..);
    effects.filter_map(|effect| if let Effect::Stale { told, .. } = effect { Some(told) } else { None }).collect()
}

#[test]
fn a_target_is_stale_after_three_intervals_and_a_timeout_and_keeps_its_state() {
    let mut scene = Scene::new(&zone(2));
    scene.fall(1);
    for _ in 0..4 {
        scene.wait(8_000);
        scene.probe(2, Outcome::Pass);
    }
    assert!(told(&mut scene).is_empty(), "32 s are not more than 3 × 10 s + 2 s");
    scene.wait(1_000);
    assert_eq!(told(&mut scene), [Stale::One(TargetId::new(0))]);
    assert_eq!((scene.state_of(1), scene.named()), (TargetState::Down, vec![2]));
    assert_eq!(scene.writer.survey().stale.into_iter().collect::<Vec<_>>(), [TargetId::new(0)]);
    let holds = scene.writer.holds().targets;
    let hold = Hold { by: HeldBy::Stale, since: Some(10_000), note: "told".into() };
    assert_eq!(holds.into_iter().collect::<Vec<_>>(), [(TargetId::new(0), hold)]);
    scene.probe(1, Outcome::Fail);
    assert_eq!(told(&mut scene), [Stale::Fresh(TargetId::new(0))]);
    scene.wait(20_000);
    scene.probe(2, Outcome::Pass);
    scene.wait(12_000);
    assert!(told(&mut scene).is_empty());
    scene.wait(1_000);
    assert_eq!(told(&mut scene), [Stale::One(TargetId::new(0))], "again, and only the one that was not probed");
}

#[test]
fn a_target_whose_probes_cannot_be_judged_is_stale_like_one_that_is_not_probed() {
    let mut scene = Scene::new(&zone(2));
    let unjudged = |scene: &mut Scene, seconds: u64| {
        for _ in 0..seconds {
            scene.wait(1_000);
            scene.probe(1, Outcome::Inconclusive);
            scene.probe(2, Outcome::Pass);
        }
    };
    unjudged(&mut scene, 32);
    assert!(told(&mut scene).is_empty(), "32 s are not more than 3 × 10 s + 2 s");
    unjudged(&mut scene, 300);
    assert_eq!(told(&mut scene), [Stale::One(TargetId::new(0))]);
    assert_eq!((scene.state_of(1), scene.named()), (TargetState::Up, vec![1, 2]), "its last state is kept");
    assert_eq!(scene.writer.survey().stale.into_iter().collect::<Vec<_>>(), [TargetId::new(0)]);
    scene.probe(1, Outcome::Pass);
    assert_eq!(told(&mut scene), [Stale::Fresh(TargetId::new(0))]);
}

#[test]
fn a_family_that_cannot_be_probed_from_here_is_unknown_and_an_alarm() {
    let zone = "[checks]\nc = { type = \"tcp\", port = 80 }\n[pools]\n\
                p = { check = \"c\", endpoints = [{ address = [\"192.0.2.1\", \"2001:db8::1\"] }] }\n\
                [names]\nwww = { policy = { default = [\"p\"] } }\n";
    let mut scene = Scene::unprobed(zone, "");
    let of = |v4: bool| move |target: &Target| matches!(target.address, TargetAddress::Ip(ip) if ip.is_ipv4() == v4);
    let [v4, v6] = [true, false].map(|v4| TargetId::new(scene.snapshot.targets.iter().position(of(v4)).unwrap()));
    for _ in 0..34 {
        scene.probed(v4, Outcome::Fail);
        scene.probed(v6, Outcome::Inconclusive);
        scene.wait(1_000);
    }
    assert_eq!([v4, v6].map(|target| scene.writer.target_state(target)), [TargetState::Down, TargetState::Unknown]);
    assert_eq!(told(&mut scene), [Stale::One(v6)]);
}

#[test]
fn the_long_dead_are_stale_by_the_interval_at_which_they_are_probed() {
    let mut scene = Scene::new(&zone(2));
    // 3 that take it down, and 50 more: six times the interval.
    for _ in 0..53 {
        scene.wait(10_000);
        scene.probe(1, Outcome::Fail);
        scene.probe(2, Outcome::Pass);
    }
    for _ in 0..18 {
        scene.wait(10_000);
        scene.probe(2, Outcome::Pass);
    }
    assert!(told(&mut scene).is_empty());
    scene.wait(3_000);
    assert_eq!(told(&mut scene), [Stale::One(TargetId::new(0))]);
}

#[test]
fn a_prober_that_stands_still_is_told_of_once_also_over_a_reload() {
    let mut scene = Scene::new(&zone(200));
    scene.wait(600_000);
    let all = told(&mut scene);
    assert!(matches!(all[..], [Stale::Many { stale: 200, of: 200 }]), "{all:?}");
    scene.reload(&zone(199));
    scene.wait(600_000);
    assert_eq!((scene.state.generation, told(&mut scene)), (2, Vec::new()));
    for octet in 1..=199 {
        scene.probe(octet, Outcome::Pass);
    }
    assert_eq!(
        told(&mut scene),
        [Stale::FreshAgain { stale: 4 }]
            .into_iter()
            .chain((195..199).map(|at| Stale::Fresh(TargetId::new(at))))
            .collect::<Vec<_>>()
    );
}
