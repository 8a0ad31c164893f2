//! The blast guard: a prober that is cut off changes no answer within its bound, and a real failure is seen after it.

use super::Scene;
use geosteer::health::{Guard, Outcome, TargetState};
use geosteer::writer::{Effect, Event, HeldBy, Hold};

/// Five sites of one endpoint each; the first name hands out all of them while they are up.
pub(super) fn zone() -> String {
    let pool = |octet: u8| format!("p{octet} = {{ check = \"c\", endpoints = [\"192.0.2.{octet}\"] }}\n");
    let pools: String = (1..=5).map(pool).collect();
    format!(
        "[checks]\nc = {{ type = \"tcp\", port = 80 }}\n[pools]\n{pools}\
         all = {{ check = \"c\", balance = \"all\", endpoints = [\"192.0.2.1\", \"192.0.2.2\", \"192.0.2.3\", \
         \"192.0.2.4\", \"192.0.2.5\"] }}\n\
         [names]\nwww = {{ policy = {{ default = [\"all\", \"p1\", \"p2\", \"p3\", \"p4\", \"p5\"] }} }}\n"
    )
}

/// One round of probes of these endpoints, 10 s long.
pub(super) fn round(scene: &mut Scene, octets: &[u8], outcome: Outcome) {
    for &octet in octets {
        scene.probe(octet, outcome);
    }
    scene.wait(10_000);
}

pub(super) fn told(scene: &mut Scene) -> Vec<Guard> {
    let effects = scene.effects.drain(..);
    effects.filter_map(|effect| if let Effect::Guard { guard, .. } = effect { Some(guard) } else { None }).collect()
}

pub(super) const ALL: [u8; 5] = [1, 2, 3, 4, 5];

#[test]
fn a_cut_that_ends_within_the_bound_changes_no_answer() {
    let mut scene = Scene::new(&zone());
    for _ in 0..7 {
        round(&mut scene, &ALL, Outcome::Fail);
        assert_eq!(scene.named(), ALL);
    }
    for octet in ALL {
        scene.probe(octet, Outcome::Pass);
        assert_eq!(scene.named(), ALL, "what has not been probed since is not believed to fail");
    }
    round(&mut scene, &ALL, Outcome::Pass);
    assert_eq!(scene.named(), ALL);
    let told = told(&mut scene);
    assert!(matches!(told[..], [Guard::Up { .. }, Guard::Quiet]), "{told:?}");
}

#[test]
fn what_still_fails_after_the_bound_is_believed_and_not_before() {
    let mut scene = Scene::new(&zone());
    round(&mut scene, &ALL, Outcome::Fail);
    round(&mut scene, &ALL, Outcome::Fail);
    ALL.into_iter().for_each(|octet| scene.probe(octet, Outcome::Fail));
    let since = scene.now;
    scene.wait(59_999);
    assert!(scene.writer.guard().0 != Guard::Quiet && (1..=5).all(|octet| up(&scene, octet)));
    let hold = Hold { by: HeldBy::Guard, since: Some(since), note: "told".into() };
    assert!(ALL.into_iter().all(|octet| scene.writer.holds().targets.get(&scene.target(octet)) == Some(&hold)));
    scene.wait(1);
    let mut holds = scene.writer.holds().targets.into_values();
    assert!(holds.all(|hold| hold.by == HeldBy::Stale), "nobody was probed meanwhile");
    assert_eq!(scene.writer.guard().0, Guard::Quiet, "no site is up that could fail");
    assert!((1..=5).all(|octet| !up(&scene, octet)));
}

#[test]
fn a_real_failure_during_the_freeze_is_seen_after_it() {
    let mut scene = Scene::new(&zone());
    for _ in 0..4 {
        round(&mut scene, &ALL, Outcome::Fail);
    }
    round(&mut scene, &[1, 2, 3, 4], Outcome::Pass);
    assert_eq!(scene.named(), ALL);
    scene.probe(5, Outcome::Fail);
    assert_eq!(scene.named(), [1, 2, 3, 4]);
}

#[test]
fn the_failure_of_a_minority_is_believed_at_once() {
    let mut scene = Scene::new(&zone());
    (1..=2).for_each(|octet| scene.fall(octet));
    assert_eq!(scene.named(), [3, 4, 5]);
    assert!(told(&mut scene).is_empty());
}

#[test]
fn an_operator_can_release_what_is_held() {
    let mut scene = Scene::new(&zone());
    for _ in 0..3 {
        round(&mut scene, &ALL, Outcome::Fail);
    }
    assert!((1..=5).all(|octet| up(&scene, octet)));
    scene.apply(Event::Release);
    assert!((1..=5).all(|octet| !up(&scene, octet)));
}

#[test]
fn a_reload_during_a_cut_holds_on() {
    let mut scene = Scene::new(&zone());
    for _ in 0..4 {
        round(&mut scene, &ALL, Outcome::Fail);
    }
    scene.reload(&zone().replace("\"p5\"]", "\"p5\"], ttl = 60").replace(", ttl = 60 }", " }, ttl = 60"));
    assert_eq!((scene.state.generation, scene.named()), (2, ALL.to_vec()));
    round(&mut scene, &ALL, Outcome::Fail);
    assert_eq!(scene.named(), ALL);
    scene.wait(60_000);
    assert!((1..=5).all(|octet| !up(&scene, octet)), "and no longer than its bound");
}

/// True if an endpoint counts as up.
pub(super) fn up(scene: &Scene, octet: u8) -> bool {
    scene.state_of(octet) == TargetState::Up
}
