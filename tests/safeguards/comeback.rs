//! After a failure: slow start, a delay, an operator's word.

use super::Scene;
use geosteer::health::{Comeback, Outcome};
use geosteer::writer::{Effect, Event};

pub(super) fn zone(pool: &str) -> String {
    format!(
        "[checks]\nc = {{ type = \"tcp\", port = 80 }}\n[pools]\n\
         p = {{ check = \"c\", endpoints = [\"192.0.2.1\", \"192.0.2.2\"], {pool} }}\n\
         q = {{ check = \"c\", endpoints = [\"192.0.2.3\"] }}\n\
         [names]\nwww = {{ policy = {{ default = [\"p\", \"q\"] }}, fallback = \"servfail\" }}\n"
    )
}

#[test]
fn the_weight_of_a_recovered_endpoint_grows_to_its_own_and_no_client_moves_twice() {
    for balance in ["weighted", "hash"] {
        let mut scene = Scene::new(&zone(&format!("balance = \"{balance}\", slow_start = \"90s\"")));
        let even = scene.answers()[&1];
        assert!((900..1_100).contains(&even), "a start is no recovery: {even}");
        scene.fall(1);
        assert_eq!(scene.named(), [2]);
        scene.rise(1);
        let mut last = 0;
        for step in 1..=10_u32 {
            let share = scene.answers()[&1];
            let fair = 2_000 * step / (10 + step);
            assert!(share.abs_diff(fair) < 120 && share + 40 > last, "{balance}, step {step}: {share}, fair is {fair}");
            last = share;
            scene.wait(10_000);
        }
        assert_eq!(scene.answers()[&1], even, "{balance}: its own weight again, and the same clients");
        assert_eq!(scene.writer.next(), None, "nothing is left to wait for");
    }
}

#[test]
fn a_delayed_endpoint_takes_no_client_before_its_time_and_a_failure_starts_the_time_anew() {
    let mut scene = Scene::new(&zone("failback_delay = \"60s\""));
    scene.fall(1);
    scene.rise(1);
    scene.wait(59_999);
    assert_eq!(scene.named(), [2]);
    scene.fall(1);
    scene.rise(1);
    scene.wait(59_999);
    assert_eq!(scene.named(), [2]);
    scene.wait(1);
    assert_eq!(scene.named(), [1, 2]);
}

#[test]
fn a_recovered_pool_waits_as_its_endpoints_do_and_is_taken_before_nothing_at_all() {
    let mut scene = Scene::new(&zone("failback_delay = \"60s\""));
    (1..=2).for_each(|octet| scene.fall(octet));
    (1..=2).for_each(|octet| scene.rise(octet));
    assert_eq!(scene.named(), [3]);
    scene.fall(3);
    assert_eq!(scene.named(), [1, 2], "better than SERVFAIL");
    scene.rise(3);
    assert_eq!(scene.named(), [3]);
    scene.wait(60_000);
    assert_eq!(scene.named(), [1, 2]);
}

#[test]
fn a_stopped_endpoint_stays_out_over_a_reload_until_an_operator_resumes_it() {
    let mut scene = Scene::new(&zone("manual_resume = true"));
    scene.fall(1);
    scene.rise(1);
    scene.wait(86_400_000);
    scene.probe(1, Outcome::Pass);
    assert_eq!(scene.named(), [2]);
    scene.reload(&zone("manual_resume = true, answers = 2"));
    assert_eq!((scene.state.generation, scene.named()), (2, vec![2]));
    let endpoint = scene.endpoint(1);
    scene.apply(Event::Resume { generation: 1, endpoint });
    assert_eq!(scene.named(), [2], "an order for another configuration");
    scene.apply(Event::Resume { generation: 2, endpoint });
    assert_eq!(scene.named(), [1, 2]);
    (1..=2).for_each(|octet| scene.fall(octet));
    (1..=2).for_each(|octet| scene.rise(octet));
    assert_eq!(scene.named(), [3]);
    scene.fall(3);
    assert!(scene.named().is_empty(), "an operator's rule is not broken, even for SERVFAIL");
}

#[test]
fn a_reload_keeps_a_delay_and_a_slow_start_that_run() {
    let mut scene = Scene::new(&zone("failback_delay = \"60s\", slow_start = \"90s\""));
    scene.fall(1);
    scene.rise(1);
    scene.wait(30_000);
    scene.reload(&zone("failback_delay = \"60s\", slow_start = \"90s\", answers = 1"));
    scene.wait(29_999);
    assert_eq!(scene.named(), [2]);
    scene.wait(1);
    assert!((100..300).contains(&scene.answers()[&1]));
    scene.wait(90_000);
    assert!(scene.answers()[&1] > 900);
}

#[test]
fn a_rule_that_comes_with_a_reload_holds_for_what_is_down_already() {
    let mut scene = Scene::new(&zone("answers = 1"));
    scene.fall(1);
    scene.reload(&zone("answers = 1, manual_resume = true"));
    scene.rise(1);
    assert_eq!(scene.named(), [2], "it waits for a person");
    let endpoint = scene.endpoint(1);
    scene.apply(Event::Resume { generation: 2, endpoint });
    assert_eq!(scene.named(), [1, 2]);
    // Another endpoint is on its way back all the while: that makes no difference.
    scene.fall(1);
    scene.rise(1);
    scene.fall(3);
    scene.reload(&zone("answers = 1, failback_delay = \"60s\"").replace("q = {", "q = { manual_resume = true,"));
    scene.rise(3);
    (1..=2).for_each(|octet| scene.fall(octet));
    assert!(scene.named().is_empty(), "the third waits for a person");
}

#[test]
fn an_endpoint_whose_first_probe_failed_in_a_reload_comes_back_by_the_rules() {
    for (rule, shares) in [("manual_resume = true", 0..1), ("slow_start = \"90s\"", 100..300)] {
        let mut scene = Scene::new(&zone(rule));
        scene.reload(&zone(rule).replace("\"192.0.2.2\"", "\"192.0.2.4\""));
        // The configuration waits for this.
        scene.probe(4, Outcome::Fail);
        assert_eq!((scene.state.generation, scene.named()), (2, vec![1]));
        scene.rise(4);
        let share = scene.answers().get(&4).copied().unwrap_or(0);
        assert!(shares.contains(&share), "{rule}: {share}");
    }
}

/// The steps on ways back that people were told of: the generation, the endpoint's octet, and where it is.
fn told(scene: &mut Scene) -> Vec<(u64, u8, &'static str)> {
    let word = |comeback| match comeback {
        Comeback::Full => "full",
        Comeback::Out { .. } => "out",
        Comeback::Stopped => "stopped",
        Comeback::Waiting { .. } => "waiting",
        Comeback::Ramping { .. } => "ramping",
    };
    let octets =
        (1..=3).filter(|octet| scene.snapshot.endpoints.iter().any(|one| one.name.ends_with(&format!(".{octet}"))));
    let octets: Vec<_> = octets.map(|octet| (scene.endpoint(octet), octet)).collect();
    let told = scene.effects.drain(..).filter_map(|effect| match effect {
        Effect::Comeback { generation, endpoint, lanes, from, to } => {
            assert!(lanes == [true, false] && word(from) != word(to), "{from:?} {to:?}");
            let (_, octet) = octets.iter().find(|one| one.0 == endpoint).expect("an endpoint");
            Some((generation, *octet, word(to)))
        }
        _ => None,
    });
    told.collect()
}

#[test]
fn each_step_of_the_way_back_is_told_once_and_no_endpoint_without_rules_is() {
    let mut scene = Scene::new(&zone("failback_delay = \"60s\", slow_start = \"90s\""));
    for octet in [1, 3] {
        scene.fall(octet);
        scene.rise(octet);
        scene.wait(3_000);
    }
    assert_eq!(told(&mut scene), [(1, 1, "waiting")]);
    scene.wait(54_000);
    assert_eq!(told(&mut scene), [(1, 1, "ramping")]);
    scene.wait(89_999);
    assert_eq!(told(&mut scene), [], "its weight grew in ten steps");
    scene.wait(1);
    assert_eq!(told(&mut scene), [(1, 1, "full")]);
    scene.wait(600_000);
    assert_eq!(told(&mut scene), []);
    scene.reload(&zone("manual_resume = true"));
    scene.fall(1);
    scene.rise(1);
    assert_eq!(told(&mut scene), [(2, 1, "stopped")]);
    let endpoint = scene.endpoint(1);
    scene.apply(Event::Resume { generation: 2, endpoint });
    assert_eq!(told(&mut scene), [(2, 1, "full")], "there is no slow start");
    scene.apply(Event::Resume { generation: 2, endpoint });
    // One that is let in before it is up takes one step.
    scene.fall(1);
    scene.apply(Event::Resume { generation: 2, endpoint });
    assert_eq!(told(&mut scene), []);
    scene.rise(1);
    assert_eq!(told(&mut scene), [(2, 1, "full")]);
}
