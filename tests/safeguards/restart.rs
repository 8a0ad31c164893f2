//! What a restart keeps of circuits and of the way back.

use super::{Scene, comeback, flapping};
use geosteer::health::Outcome;
use geosteer::writer::Event;

#[test]
fn who_waits_for_a_person_waits_on_after_a_restart() {
    let mut scene = Scene::new(&comeback::zone("manual_resume = true"));
    scene.fall(1);
    scene.rise(1);
    scene.fall(2);
    assert_eq!(scene.named(), [3]);
    scene.restart();
    assert_eq!(scene.named(), [3], "one is up and waits, the other is down");
    // An old file: nothing is known of targets, and all the same nobody is let in.
    scene.restart_without_trackers();
    for octet in 1..=3 {
        scene.probe(octet, Outcome::Pass);
    }
    assert_eq!(scene.named(), [3]);
    let endpoint = scene.endpoint(1);
    scene.apply(Event::Resume { generation: 1, endpoint });
    assert_eq!(scene.named(), [1]);
}

#[test]
fn a_slow_start_and_a_delay_go_on_after_a_restart_where_they_were() {
    let mut scene = Scene::new(&comeback::zone("failback_delay = \"60s\", slow_start = \"90s\""));
    scene.fall(1);
    scene.rise(1);
    scene.wait(30_000);
    scene.restart();
    scene.wait(29_999);
    assert_eq!(scene.named(), [2]);
    scene.wait(1);
    assert!((100..300).contains(&scene.answers()[&1]));
    scene.wait(45_000);
    scene.restart();
    let share = scene.answers()[&1];
    assert!((500..900).contains(&share), "half of the way: {share}");
    scene.wait(45_000);
    assert!(scene.answers()[&1] > 900);
}

#[test]
fn what_flaps_is_held_down_after_a_restart_too() {
    let mut scene = Scene::new(flapping::ZONE);
    flapping::flap(&mut scene, 1);
    scene.wait(30_000);
    scene.restart();
    scene.wait(29_999);
    scene.probe(1, Outcome::Pass);
    assert_eq!(scene.named(), [2]);
    scene.wait(1);
    scene.probe(1, Outcome::Pass);
    assert_eq!(scene.named(), [1, 2]);
}

#[test]
fn a_rule_that_comes_with_a_restart_holds_for_what_is_down_already() {
    let mut scene = Scene::new(&comeback::zone("answers = 1"));
    scene.fall(1);
    scene.snapshot = super::build(&comeback::zone("answers = 1, manual_resume = true"), "");
    scene.restart();
    scene.rise(1);
    assert_eq!(scene.named(), [2], "it waits for a person");
}
