//! A target that changes too often.

use super::Scene;
use geosteer::health::Outcome;
use geosteer::writer::Effect;

pub(super) const ZONE: &str = r#"
[checks]
c = { type = "tcp", port = 80, flap_limit = 4 }
[pools]
p = { check = "c", endpoints = ["192.0.2.1", "192.0.2.2"] }
q = { check = "none", endpoints = ["192.0.2.3"] }
[names]
www = { policy = { default = ["p", "q"] } }
"#;

/// Falls and rises until the circuit opens: the fifth change is a fall.
pub(super) fn flap(scene: &mut Scene, octet: u8) {
    for _ in 0..2 {
        scene.fall(octet);
        scene.rise(octet);
    }
    scene.fall(octet);
    scene.rise(octet);
}

fn told(scene: &mut Scene) -> Vec<bool> {
    let effects = scene.effects.drain(..);
    effects.filter_map(|effect| if let Effect::Flapping { held, .. } = effect { Some(held) } else { None }).collect()
}

#[test]
fn a_flapping_endpoint_is_held_down_until_one_probe_after_its_time_passes() {
    let mut scene = Scene::new(ZONE);
    flap(&mut scene, 1);
    assert_eq!((scene.named(), told(&mut scene)), (vec![2], vec![true]));
    scene.wait(59_999);
    scene.probe(1, Outcome::Pass);
    assert_eq!(scene.named(), [2]);
    scene.wait(1);
    assert_eq!(scene.named(), [2], "time alone does not close it");
    scene.probe(1, Outcome::Fail);
    scene.wait(60_000);
    scene.probe(1, Outcome::Pass);
    assert_eq!(scene.named(), [2], "the time has doubled");
    scene.wait(60_000);
    scene.probe(1, Outcome::Pass);
    assert_eq!((scene.named(), told(&mut scene)), (vec![1, 2], vec![false]));
}

#[test]
fn the_last_live_endpoint_of_a_pool_is_never_held_down() {
    let mut scene = Scene::new(ZONE);
    flap(&mut scene, 1);
    assert_eq!(scene.named(), [2]);
    scene.fall(2);
    assert_eq!(scene.named(), [1], "flapping, and alive");
    scene.rise(2);
    assert_eq!(scene.named(), [2]);
    flap(&mut scene, 2);
    assert_eq!(scene.named(), [1, 2], "one of two that flap is not chosen over the other");
    scene.fall(1);
    scene.fall(2);
    assert_eq!(scene.named(), [3]);
}

#[test]
fn what_is_held_down_is_so_after_a_reload() {
    let mut scene = Scene::new(ZONE);
    flap(&mut scene, 1);
    scene.reload(&ZONE.replace("[\"p\", \"q\"]", "[\"p\"]"));
    assert_eq!((scene.state.generation, scene.named()), (2, vec![2]));
}
