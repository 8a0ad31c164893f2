//! The blast guard with canaries: whether the prober is cut off is not guessed but asked.

use super::Scene;
use super::guard::{ALL, round, told, up, zone};
use geosteer::health::{Guard, Millis, Outcome, TargetAddress, TargetState};
use geosteer::id::TargetId;
use geosteer::writer::{Event, HeldBy};
use std::net::IpAddr;

const CANARIES: &str =
    "[guard]\ncanaries = [\"tcp://198.51.100.1:443\", \"tcp://198.51.100.2:53\", \"https://198.51.100.3/\"]\n";

/// The canaries of these numbers end one probe.
fn canaries(scene: &mut Scene, numbers: &[u8], outcome: Outcome) {
    for &number in numbers {
        let address = TargetAddress::Ip(IpAddr::from([198, 51, 100, number]));
        let target = scene.snapshot.targets.iter().position(|target| target.address == address).unwrap();
        scene.probed(TargetId::new(target), outcome);
    }
}

/// When the guard believes whatever happens.
fn end(scene: &Scene) -> Option<Millis> {
    scene.writer.guard().0.next()
}

fn scene() -> Scene {
    Scene::with_server(&zone(), CANARIES)
}

/// Rounds of failures, the canaries failing or not.
fn fail(scene: &mut Scene, rounds: usize, outcome: Outcome) {
    for _ in 0..rounds {
        canaries(scene, &[1, 2, 3], outcome);
        round(scene, &ALL, Outcome::Fail);
    }
}

/// What holds each endpoint.
fn held_by(scene: &Scene) -> Vec<HeldBy> {
    let holds = scene.writer.holds().targets;
    ALL.iter().filter_map(|&octet| Some(holds.get(&scene.target(octet))?.by)).collect()
}

fn all_up(scene: &Scene) -> bool {
    (1..=5).all(|octet| up(scene, octet))
}

#[test]
fn while_the_canaries_fail_too_nothing_goes_down_however_long_it_takes() {
    let mut scene = scene();
    fail(&mut scene, 2_000, Outcome::Fail);
    assert!(all_up(&scene), "{:?} after {} ms", scene.writer.guard(), scene.now);
    assert_eq!((scene.named(), end(&scene)), (ALL.to_vec(), None));
    assert_eq!(held_by(&scene), [HeldBy::Canaries; 5]);
    // Back: the canaries answer first, then one site after the other.
    canaries(&mut scene, &[1, 2, 3], Outcome::Pass);
    assert_eq!((scene.writer.guard().0, scene.named()), (Guard::Quiet, ALL.to_vec()));
    scene.probe(1, Outcome::Fail);
    assert!(all_up(&scene), "this probe may have begun before we were back");
    assert_eq!(held_by(&scene), [HeldBy::NextProbe; 5]);
    scene.wait(2_000);
    for octet in ALL {
        scene.probe(octet, Outcome::Pass);
        assert_eq!(scene.named(), ALL);
    }
    let told = told(&mut scene);
    assert!(matches!(told[..], [Guard::Up { until: None, .. }, Guard::Quiet]), "{told:?}");
}

#[test]
fn what_failed_during_a_cut_and_fails_after_it_is_down_at_once() {
    let mut scene = scene();
    fail(&mut scene, 10, Outcome::Fail);
    canaries(&mut scene, &[1, 2], Outcome::Pass);
    scene.wait(2_000);
    scene.probe(3, Outcome::Fail);
    assert_eq!(scene.named(), [1, 2, 4, 5]);
}

#[test]
fn while_the_canaries_answer_the_failure_of_most_sites_is_believed_at_once() {
    let mut scene = scene();
    for _ in 0..2 {
        round(&mut scene, &ALL, Outcome::Fail);
        canaries(&mut scene, &[1, 2, 3], Outcome::Pass);
    }
    scene.probe(1, Outcome::Fail);
    assert!(!up(&scene, 1), "no freeze");
    (2..=5).for_each(|octet| scene.probe(octet, Outcome::Fail));
    assert!((1..=5).all(|octet| !up(&scene, octet)));
    assert!(told(&mut scene).is_empty());
}

#[test]
fn canaries_that_are_silent_hold_as_none_would_until_they_speak() {
    let mut scene = scene();
    // Their answers from before the failures say nothing of these.
    fail(&mut scene, 1, Outcome::Pass);
    round(&mut scene, &ALL, Outcome::Fail);
    scene.probe(1, Outcome::Fail);
    assert!(all_up(&scene) && end(&scene).is_some());
    canaries(&mut scene, &[1], Outcome::Pass);
    assert!(all_up(&scene), "one of three");
    canaries(&mut scene, &[2], Outcome::Pass);
    assert!(!up(&scene, 1), "what was held is real");
    let told = told(&mut scene);
    assert!(matches!(told[..], [Guard::Up { until: Some(_), .. }, Guard::Quiet]), "{told:?}");
}

#[test]
fn canaries_alone_take_nothing_down_and_hold_a_failure_only_until_every_site_was_probed() {
    let mut scene = scene();
    canaries(&mut scene, &[1, 2, 3], Outcome::Fail);
    assert_eq!(scene.named(), ALL);
    scene.fall(1);
    scene.fall(2);
    scene.wait(11_999);
    (1..=2).for_each(|octet| scene.probe(octet, Outcome::Fail));
    assert_eq!(scene.named(), ALL, "it may be the beginning of a cut");
    scene.wait(1);
    (1..=2).for_each(|octet| scene.probe(octet, Outcome::Fail));
    assert_eq!(scene.named(), [3, 4, 5], "two of five sites: it is none");
    assert_eq!(scene.writer.guard().0, Guard::Quiet);
}

#[test]
fn two_sites_have_a_guard_with_canaries() {
    let two = "[checks]\nc = { type = \"tcp\", port = 80 }\n[pools]\n\
               p1 = { check = \"c\", endpoints = [\"192.0.2.1\"] }\np2 = { check = \"c\", endpoints = [\"192.0.2.2\"] }\n\
               [names]\nwww = { policy = { default = [\"p1\", \"p2\"] } }\n";
    for (server, expected) in [(CANARIES, TargetState::Up), ("", TargetState::Down)] {
        let mut scene = Scene::with_server(two, server);
        for _ in 0..3 {
            if !server.is_empty() {
                canaries(&mut scene, &[1, 2, 3], Outcome::Fail);
            }
            round(&mut scene, &[1, 2], Outcome::Fail);
        }
        assert_eq!(scene.state_of(1), expected);
    }
}

#[test]
fn a_reload_during_a_cut_forgets_neither_the_canaries_nor_what_is_held_and_an_operator_can_release_it() {
    let mut scene = scene();
    fail(&mut scene, 20, Outcome::Fail);
    scene.reload(&zone().replace("port = 80", "port = 80, monitoring_only = false"));
    assert_eq!(scene.state.generation, 2);
    fail(&mut scene, 20, Outcome::Fail);
    assert!(all_up(&scene) && end(&scene).is_none());
    scene.apply(Event::Release);
    assert!((1..=5).all(|octet| !up(&scene, octet)));
}

#[test]
fn what_failed_last_in_a_cut_is_not_believed_with_those_that_fail_behind_it() {
    let mut scene = scene();
    fail(&mut scene, 10, Outcome::Fail);
    canaries(&mut scene, &[1, 2, 3], Outcome::Pass);
    scene.wait(2_000);
    // This one's first probe behind the cut says nothing; the others are well.
    scene.probe(1, Outcome::Inconclusive);
    for octet in [2, 3, 4, 5, 2, 3, 4, 5] {
        scene.probe(octet, Outcome::Pass);
    }
    assert!(all_up(&scene));
    // Then most sites seem to fail, and until the canaries have spoken the guard guesses.
    scene.wait(1_000);
    for octet in [3, 4, 2, 2, 2] {
        scene.probe(octet, Outcome::Fail);
    }
    assert!(matches!(scene.writer.guard().0, Guard::Up { until: Some(_), .. }), "{:?}", scene.writer.guard());
    scene.wait(1);
    canaries(&mut scene, &[1, 2, 3], Outcome::Pass);
    assert_eq!(scene.writer.guard().0, Guard::Quiet);
    assert!(!up(&scene, 2), "it has failed since, and the canaries answered");
    assert!(up(&scene, 1), "its last failure began within the cut");
    scene.probe(1, Outcome::Fail);
    assert!(!up(&scene, 1), "it has failed once more");
}
