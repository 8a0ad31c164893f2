//! The blast guard with canaries: whether the prober is cut off is not guessed but asked.

use super::Scene;
use super::guard::{ALL, round, told, up, zone};
use geosteer::health::{Guard, Millis, Outcome, TargetAddress, TargetState};
use geosteer::id::TargetId;
use geosteer::writer::{Effect, Event, HeldBy};
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

/// Two sites of one endpoint each.
const TWO: &str = "[checks]\nc = { type = \"tcp\", port = 80 }\n[pools]\n\
                   p1 = { check = \"c\", endpoints = [\"192.0.2.1\"] }\np2 = { check = \"c\", endpoints = [\"192.0.2.2\"] }\n\
                   [names]\nwww = { policy = { default = [\"p1\", \"p2\"] } }\n";

#[test]
fn two_sites_have_a_guard_with_canaries() {
    for (server, expected) in [(CANARIES, TargetState::Up), ("", TargetState::Down)] {
        let mut scene = Scene::with_server(TWO, server);
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

/// The zone with another timeout of its check: its targets are new ones.
fn renewed_zone() -> String {
    zone().replace("port = 80", "port = 80, timeout = \"2500ms\"")
}

fn states(scene: &Scene) -> Vec<TargetState> {
    ALL.iter().map(|&octet| scene.state_of(octet)).collect()
}

fn changes(scene: &mut Scene) -> Vec<(TargetState, TargetState)> {
    let effects = scene.effects.drain(..);
    effects
        .filter_map(|effect| if let Effect::Changed { from, to, .. } = effect { Some((from, to)) } else { None })
        .collect()
}

#[test]
fn a_check_that_a_reload_changes_during_a_cut_takes_nothing_down_until_the_canaries_answer() {
    let mut scene = scene();
    fail(&mut scene, 10, Outcome::Fail);
    scene.effects.clear();
    scene.reload(&renewed_zone());
    for _ in 0..20 {
        round(&mut scene, &ALL, Outcome::Fail);
        canaries(&mut scene, &[1, 2, 3], Outcome::Fail);
        assert_eq!((scene.state.generation, scene.named()), (2, ALL.to_vec()));
    }
    assert_eq!(states(&scene), [TargetState::Unknown; 5], "they have no history");
    assert!(matches!(scene.writer.guard().0, Guard::Up { until: None, .. }), "the guard still sees the cut");
    assert_eq!((held_by(&scene), changes(&mut scene)), (vec![HeldBy::Canaries; 5], Vec::new()));
    canaries(&mut scene, &[1, 2, 3], Outcome::Pass);
    scene.wait(3_000);
    for octet in [1, 2, 3, 4] {
        scene.probe(octet, Outcome::Pass);
        assert_eq!(scene.named(), ALL);
    }
    scene.probe(5, Outcome::Fail);
    assert_eq!(scene.named(), [1, 2, 3, 4], "what is really dead is down when it fails once more");
    assert_eq!(changes(&mut scene).last(), Some(&(TargetState::Unknown, TargetState::Down)));
}

#[test]
fn a_start_without_a_history_in_a_cut_takes_nothing_down() {
    let mut scene = scene();
    fail(&mut scene, 10, Outcome::Fail);
    scene.restart_cold();
    scene.first_round_over();
    ALL.into_iter().for_each(|octet| scene.probe(octet, Outcome::Fail));
    assert_eq!(scene.named(), ALL, "the canaries have not spoken yet");
    scene.wait(1_000);
    canaries(&mut scene, &[1, 2, 3], Outcome::Fail);
    assert!(matches!(scene.writer.guard().0, Guard::Up { until: None, .. }), "{:?}", scene.writer.guard());
    fail(&mut scene, 100, Outcome::Fail);
    assert_eq!((scene.named(), states(&scene)), (ALL.to_vec(), vec![TargetState::Unknown; 5]));
    canaries(&mut scene, &[1, 2, 3], Outcome::Pass);
    scene.wait(2_000);
    (1..=3).for_each(|octet| scene.probe(octet, Outcome::Pass));
    (4..=5).for_each(|octet| scene.probe(octet, Outcome::Fail));
    assert_eq!(scene.named(), [1, 2, 3]);
}

#[test]
fn what_a_restart_in_a_cut_knows_of_the_last_run_stays_up_until_every_canary_has_voted() {
    let mut scene = Scene::with_server(TWO, CANARIES);
    let fail = |scene: &mut Scene, rounds: usize| {
        for _ in 0..rounds {
            canaries(scene, &[1, 2, 3], Outcome::Fail);
            round(scene, &[1, 2], Outcome::Fail);
        }
    };
    let both_up = |scene: &Scene| [1, 2].into_iter().all(|octet| up(scene, octet));
    fail(&mut scene, 10);
    scene.restart();
    scene.first_round_over();
    [1, 2].into_iter().for_each(|octet| scene.probe(octet, Outcome::Fail));
    assert!(both_up(&scene));
    canaries(&mut scene, &[1], Outcome::Fail);
    assert!(both_up(&scene), "one of three");
    scene.wait(1_000);
    fail(&mut scene, 100);
    assert!(both_up(&scene));
}

#[test]
fn a_restart_at_the_end_of_a_cut_does_not_believe_a_probe_that_began_within_it() {
    let mut scene = scene();
    fail(&mut scene, 10, Outcome::Fail);
    scene.restart();
    scene.first_round_over();
    // The first probes of two began in the cut, all others behind it: these pass, those time out.
    scene.wait(1_999);
    canaries(&mut scene, &[1, 2, 3], Outcome::Pass);
    (3..=5).for_each(|octet| scene.probe(octet, Outcome::Pass));
    (1..=2).for_each(|octet| scene.probe(octet, Outcome::Fail));
    assert!(all_up(&scene));
    assert_eq!(held_by(&scene), [HeldBy::NextProbe; 2]);
    scene.wait(2_000);
    scene.probe(1, Outcome::Pass);
    scene.probe(2, Outcome::Fail);
    assert_eq!(scene.named(), [1, 3, 4, 5], "this one began behind it");
}

#[test]
fn a_cut_too_short_for_a_guard_takes_nothing_down_behind_its_end() {
    for (waits, expected) in [(1_999, TargetState::Up), (2_000, TargetState::Down)] {
        let mut scene = scene();
        // It is long since the canaries said their first word.
        scene.wait(10_000);
        // Only this site is probed so often that it is about to go down.
        canaries(&mut scene, &[1, 2, 3], Outcome::Fail);
        (0..2).for_each(|_| scene.probe(1, Outcome::Fail));
        assert_eq!(scene.writer.guard().0, Guard::Quiet);
        canaries(&mut scene, &[1, 2, 3], Outcome::Pass);
        scene.wait(waits);
        scene.probe(1, Outcome::Fail);
        assert_eq!(scene.state_of(1), expected);
    }
}

#[test]
fn a_reload_keeps_whether_the_canaries_failed_and_an_operator_ends_the_doubt() {
    let (passed, failed) = (Outcome::Pass, Outcome::Fail);
    let cases =
        [(passed, false, TargetState::Down), (failed, false, TargetState::Up), (failed, true, TargetState::Down)];
    for (said, is_released, expected) in cases {
        let mut scene = scene();
        canaries(&mut scene, &[1, 2, 3], Outcome::Pass);
        scene.wait(10_000);
        canaries(&mut scene, &[1, 2, 3], said);
        (0..2).for_each(|_| scene.probe(1, Outcome::Fail));
        canaries(&mut scene, &[1, 2, 3], Outcome::Pass);
        scene.reload(&zone().replace("port = 80", "port = 80, monitoring_only = false"));
        if is_released {
            scene.apply(Event::Release);
        }
        scene.probe(1, Outcome::Fail);
        assert_eq!((scene.state.generation, scene.state_of(1)), (2, expected));
    }
}

#[test]
fn canaries_that_come_and_go_hold_what_is_dead_only_until_every_site_was_probed() {
    let mut scene = scene();
    scene.wait(10_000);
    let fail_once = |scene: &mut Scene| {
        canaries(scene, &[1, 2, 3], Outcome::Fail);
        canaries(scene, &[1, 2, 3], Outcome::Pass);
        scene.probe(1, Outcome::Fail);
    };
    (0..3).for_each(|_| fail_once(&mut scene));
    for second in 1..=12 {
        assert!(up(&scene, 1), "{second}");
        scene.wait(1_000);
        fail_once(&mut scene);
    }
    assert_eq!(scene.named(), [2, 3, 4, 5]);
}

#[test]
fn at_a_start_what_is_dead_is_down_once_the_canaries_answer_and_is_not_handed_out_before() {
    for is_cold in [true, false] {
        let mut scene = scene();
        (0..2).for_each(|_| scene.probe(1, Outcome::Fail));
        scene.restart_knowing(!is_cold);
        (2..=5).for_each(|octet| scene.probe(octet, Outcome::Pass));
        scene.probe(1, Outcome::Fail);
        let before = if is_cold { vec![] } else { ALL.to_vec() };
        assert_eq!(scene.named(), before, "a name waits for its own first outcomes");
        canaries(&mut scene, &[1], Outcome::Pass);
        assert_eq!(scene.named(), before);
        canaries(&mut scene, &[2], Outcome::Pass);
        if !is_cold {
            assert_eq!(scene.named(), ALL, "the probe may have begun in a cut");
            scene.wait(2_000);
            scene.probe(1, Outcome::Fail);
        }
        assert_eq!(scene.named(), [2, 3, 4, 5]);
        let from = if is_cold { TargetState::Unknown } else { TargetState::Up };
        assert_eq!(changes(&mut scene).last(), Some(&(from, TargetState::Down)));
    }
}

#[test]
fn canaries_that_cannot_vote_hold_nothing_at_a_start_for_longer_than_a_round_of_theirs() {
    for is_cold in [true, false] {
        let mut scene = scene();
        (0..2).for_each(|_| scene.probe(1, Outcome::Fail));
        scene.restart_knowing(!is_cold);
        scene.first_round_over();
        canaries(&mut scene, &[1, 2, 3], Outcome::Inconclusive);
        scene.probe(1, Outcome::Fail);
        assert_eq!(scene.named(), ALL);
        // An interval and a timeout of a second each, and a quarter of one to be on the safe side.
        scene.wait(2_249);
        assert_eq!(scene.named(), ALL);
        scene.wait(1);
        assert_eq!(scene.named(), [2, 3, 4, 5]);
    }
}

#[test]
fn at_a_start_where_all_fail_and_the_canaries_cannot_vote_no_guess_holds_anything() {
    let mut scene = scene();
    scene.restart_cold();
    canaries(&mut scene, &[1, 2, 3], Outcome::Inconclusive);
    ALL.into_iter().for_each(|octet| scene.probe(octet, Outcome::Fail));
    assert_eq!(states(&scene), [TargetState::Unknown; 5]);
    scene.wait(2_250);
    assert_eq!((states(&scene), scene.writer.guard().0), (vec![TargetState::Down; 5], Guard::Quiet));
}

#[test]
fn without_canaries_and_with_a_quiet_guard_a_first_failure_is_believed_at_once() {
    let mut scene = Scene::with_server(&zone(), "");
    scene.restart_cold();
    for octet in ALL {
        scene.probe(octet, Outcome::Fail);
        assert_eq!(scene.state_of(octet), TargetState::Down);
    }
    assert_eq!(scene.writer.guard().0, Guard::Quiet);
    // The same of a check that a reload changes.
    let mut scene = Scene::with_server(&zone(), "");
    scene.reload(&renewed_zone());
    ALL.into_iter().for_each(|octet| scene.probe(octet, Outcome::Fail));
    assert_eq!((scene.state.generation, states(&scene)), (2, vec![TargetState::Down; 5]));
    assert_eq!(changes(&mut scene)[5..], [(TargetState::Unknown, TargetState::Down); 5]);
}

#[test]
fn a_check_that_a_reload_changes_while_the_guard_holds_is_held_with_the_others_and_no_longer() {
    let mut scene = Scene::with_server(&zone(), "");
    for _ in 0..3 {
        round(&mut scene, &ALL, Outcome::Fail);
    }
    assert!(matches!(scene.writer.guard().0, Guard::Up { until: Some(_), .. }));
    let until = end(&scene).unwrap();
    scene.reload(&renewed_zone());
    ALL.into_iter().for_each(|octet| scene.probe(octet, Outcome::Fail));
    assert_eq!((scene.state.generation, states(&scene), end(&scene)), (2, vec![TargetState::Unknown; 5], Some(until)));
    scene.wait(until - scene.now);
    assert_eq!(states(&scene), [TargetState::Down; 5]);
}
