//! Loads and times from probes to answers: who is picked, what goes stale, and what changes nothing.

use super::Scene;
use geosteer::health::{Load, Outcome, Sample, TargetAddress};
use geosteer::id::{PoolId, TargetId};
use geosteer::writer::Event;

fn zone(pool: &str) -> String {
    format!(
        "[checks]\nc = {{ type = \"http\" }}\n[pools]\n\
         p = {{ check = \"c\", endpoints = [\"192.0.2.1\", \"192.0.2.2\", \"192.0.2.3\"], {pool} }}\n\
         [names]\nwww = {{ policy = {{ default = [\"p\"] }}, fallback = \"servfail\" }}\n"
    )
}

const CONNECTIONS: &str = "balance = \"least-connections\", load = { field = \"n\" }";

impl Scene {
    /// The target of an address whose check has the path.
    fn target_of(&self, octet: u8, path: &str) -> TargetId {
        let address = TargetAddress::Ip([192, 0, 2, octet].into());
        let is = |target: &&geosteer::snapshot::Target| {
            let check = &self.snapshot.checks[target.check.index()];
            let asks = matches!(&check.kind, geosteer::health::CheckKind::Http(http) if *http.path == *path);
            target.address == address && asks
        };
        TargetId::new(self.snapshot.targets.iter().position(|target| is(&target)).expect("it is probed"))
    }

    /// A probe of the check passes and measures; true if a state was published for it.
    fn measures(&mut self, octet: u8, path: &str, sample: Sample) -> bool {
        let (generation, target) = (self.generation, self.target_of(octet, path));
        let event = Event::Probed { generation, target, outcome: Outcome::Pass, note: "told".into(), sample };
        self.writer.apply(event, self.now, &mut self.effects);
        self.writer.publish().map(|state| self.state = state).is_some()
    }

    /// The endpoints that so many answers name.
    fn named_of(&self, count: u32) -> Vec<u8> {
        self.answers_of(count).into_keys().collect()
    }

    fn reports(&mut self, octet: u8, load: f64) -> bool {
        self.measures(octet, "/", Sample { load: Load::new(load), time_us: None })
    }

    fn takes(&mut self, octet: u8, time_us: u32) -> bool {
        self.measures(octet, "/", Sample { load: None, time_us: Some(time_us) })
    }

    /// The pool's load, and what the tables know of an endpoint.
    fn known(&self, octet: u8) -> (Option<f64>, Option<f64>) {
        let live = &self.state.live;
        let of_pool = live.load(&self.snapshot, PoolId::new(0)).map(Load::value);
        (of_pool, live.gauge(&self.snapshot, self.endpoint(octet)).and_then(|gauge| gauge.load).map(Load::value))
    }
}

#[test]
fn the_most_loaded_gets_no_clients_until_its_report_says_otherwise() {
    for balance in ["least-connections", "least-load"] {
        let mut scene = Scene::new(&zone(&format!("balance = \"{balance}\", load = {{ field = \"n\" }}")));
        assert_eq!(scene.named_of(200), [1, 2, 3], "nobody has reported");
        for (octet, load) in [(1, 10.0), (2, 20.0), (3, 30.0)] {
            assert!(scene.reports(octet, load));
        }
        assert_eq!(scene.named_of(200), [1, 2]);
        assert_eq!(scene.known(3), (Some(60.0), Some(30.0)));
        assert!(scene.reports(3, 1.0));
        assert_eq!(scene.named_of(200), [1, 3]);
        scene.fall(1);
        assert_eq!(scene.named_of(200), [3], "of two the less loaded");
        assert_eq!(scene.known(1), (Some(21.0), Some(10.0)), "the pool's load is that of its live members");
    }
}

#[test]
fn a_report_is_believed_for_three_intervals_and_the_pool_is_worked_out_again_when_it_is_stale() {
    let mut scene = Scene::new(&zone(CONNECTIONS));
    scene.reports(1, 10.0);
    scene.reports(2, 20.0);
    scene.reports(3, 60.0);
    assert_eq!(scene.writer.next(), Some(scene.now + 30_001));
    scene.wait(20_000);
    scene.reports(1, 10.0);
    scene.reports(2, 20.0);
    scene.wait(10_000);
    assert_eq!(scene.known(3).1, Some(60.0));
    assert_eq!(scene.named_of(200), [1, 2]);
    scene.wait(1);
    // Its report was the largest; without one it counts as the average, 15: before the second, behind the first.
    assert_eq!(scene.known(3), (Some(30.0), None));
    assert_eq!(scene.named_of(200), [1, 3]);
    scene.wait(20_001);
    assert_eq!((scene.known(1), scene.named_of(200)), ((None, None), vec![1, 2, 3]));
    assert_eq!(scene.writer.next(), None, "nothing is left to wait for");
    let mut short =
        Scene::new(&zone("balance = \"least-load\", load = { field = \"n\", stale = \"15s\", aggregate = \"mean\" }"));
    short.reports(1, 0.2);
    short.reports(2, 0.6);
    assert_eq!(short.known(1), (Some(0.4), Some(0.2)));
    short.wait(15_000);
    assert_eq!(short.known(1).1, Some(0.2));
    short.wait(1);
    assert_eq!(short.known(1), (None, None));
}

#[test]
fn a_load_that_jitters_publishes_nothing_and_one_that_moves_does() {
    let mut scene = Scene::new(&zone(CONNECTIONS));
    assert!(scene.reports(1, 1_000.0));
    for round in 0..50 {
        assert!(!scene.reports(1, 1_000.0 + f64::from(round % 7) * 5.0), "{round}");
    }
    assert!(scene.reports(1, 1_060.0));
    assert!(!scene.reports(1, 1_030.0), "what is told stays until three quarters of a step are gone");
    assert_eq!(scene.known(1).1, Some(1_050.0));
}

#[test]
fn nothing_is_kept_for_a_pool_that_looks_at_neither() {
    let mut scene = Scene::new(&zone("balance = \"weighted\""));
    assert!(!scene.measures(1, "/", Sample { load: Load::new(7.0), time_us: Some(900) }));
    assert_eq!((scene.known(1), scene.writer.next()), ((None, None), None));
    let mut by_load = Scene::new(&zone(CONNECTIONS));
    assert!(!by_load.takes(1, 900), "it looks at no time");
    assert_eq!(by_load.writer.survey().measured.time_us(by_load.target_of(1, "/")), None);
    let mut by_time = Scene::new(&zone("balance = \"least-response-time\""));
    assert!(!by_time.reports(1, 7.0), "it looks at no load");
    assert_eq!(by_time.writer.survey().measured.load(by_time.target_of(1, "/")), None);
    by_time.takes(1, 900);
    assert_eq!(by_time.writer.survey().measured.time_us(by_time.target_of(1, "/")), Some(900));
}

#[test]
fn a_load_of_its_own_path_never_votes() {
    let mut scene = Scene::new(&zone("balance = \"least-connections\", load = { path = \"/load\", field = \"n\" }"));
    for (octet, load) in [(1, 3.0), (2, 2.0), (3, 1.0)] {
        assert!(scene.measures(octet, "/load", Sample { load: Load::new(load), time_us: Some(5) }));
    }
    assert_eq!(scene.named_of(200), [2, 3]);
    let target = scene.target_of(3, "/load");
    (0..5).for_each(|_| scene.probed(target, Outcome::Fail));
    assert_eq!(scene.named_of(200), [2, 3], "it is up all the same");
    let target = scene.target_of(3, "/");
    (0..5).for_each(|_| scene.probed(target, Outcome::Fail));
    assert_eq!(scene.named_of(200), [2]);
}

#[test]
fn the_quickest_is_picked_by_its_smoothed_time_and_its_connections() {
    let mut scene = Scene::new(&zone("balance = \"least-response-time\", load = { field = \"n\" }"));
    assert_eq!(scene.named_of(200), [1, 2, 3], "no data: by weight");
    for (octet, time) in [(1, 10_000), (2, 20_000), (3, 40_000)] {
        assert!(scene.takes(octet, time));
    }
    assert_eq!(scene.named_of(200), [1]);
    // One slow answer of ten times the time counts a tenth: 19 ms, near to the second's 20.
    scene.takes(1, 100_000);
    assert_eq!(scene.named_of(200), [1, 2]);
    // Thirty connections make four times of it, and the second's report is the average of the one that there is.
    scene.reports(1, 30.0);
    scene.reports(2, 0.0);
    assert_eq!(scene.named_of(200), [2]);
}

#[test]
fn a_reload_keeps_loads_and_times_of_what_it_shares_with_the_configuration_before() {
    let body = zone("balance = \"least-response-time\", load = { field = \"n\" }");
    let mut scene = Scene::new(&body);
    for (octet, time) in [(1, 10_000), (2, 10_000), (3, 10_000)] {
        scene.takes(octet, time);
        scene.reports(octet, f64::from(octet) * 10.0);
    }
    assert_eq!(scene.named_of(200), [1]);
    scene.reload(&body.replace("\"192.0.2.3\"", "\"192.0.2.4\""));
    // The new one's first probe measures while the configuration still waits for it.
    assert!(scene.measures(4, "/", Sample { load: Load::new(0.0), time_us: Some(2_000) }));
    assert_eq!(scene.known(1).1, Some(10.0));
    assert_eq!(scene.named_of(200), [4]);
    scene.fall(4);
    assert_eq!(scene.named_of(200), [1]);
    scene.wait(30_001);
    assert_eq!(scene.known(1), (None, None), "what was taken over goes stale in its time");
    assert_eq!(scene.named_of(200), [1, 2], "by time alone");
}
