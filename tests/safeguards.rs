//! Safeguards between the probes and the answers, told as scenarios on a virtual clock: flapping, coming back, and a
//! prober that is itself cut off. The writer is the real one; probes are what the scenario says.

use geosteer::client::{Client, Family, Subnet};
use geosteer::config::{Options, load_text};
use geosteer::geo::Databases;
use geosteer::health::{Millis, Outcome, Sample, TargetAddress};
use geosteer::id::{EndpointId, NameId, TargetId};
use geosteer::snapshot::Snapshot;
use geosteer::state::State;
use geosteer::steer::{Answer, Picks, Want, decide};
use geosteer::worker::Worker;
use geosteer::writer::{Effect, Event, Writer};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

#[path = "safeguards/comeback.rs"]
mod comeback;
#[path = "safeguards/flapping.rs"]
mod flapping;
#[path = "safeguards/guard.rs"]
mod guard;
#[path = "safeguards/loads.rs"]
mod loads;
#[path = "safeguards/seeded.rs"]
mod seeded;

const A: Want = Want::Addresses(Family::V4);

/// A writer on a virtual clock. Endpoints are named by the last octet of their address.
struct Scene {
    writer: Writer,
    snapshot: Arc<Snapshot>,
    generation: u64,
    state: State,
    now: Millis,
    effects: Vec<Effect>,
}

fn build(body: &str) -> Arc<Snapshot> {
    static EMBEDDED: OnceLock<Arc<Databases>> = OnceLock::new();
    let databases = EMBEDDED.get_or_init(|| Arc::new(Databases::embedded().expect("the embedded database is sound")));
    let text = format!("zone = \"example.com\"\nns = [\"ns.example.net\"]\n{body}");
    let loaded = load_text("scene.toml", &text, &Options::default());
    let spec = loaded.unwrap_or_else(|report| panic!("{}", report.short())).spec;
    Arc::new(Snapshot::build(spec, Arc::clone(databases)).expect("it compiles"))
}

impl Scene {
    /// Every target of the zone has passed its first probe.
    fn new(body: &str) -> Self {
        let snapshot = build(body);
        let mut writer = Writer::new(Arc::clone(&snapshot), Arc::default(), 1);
        let state = writer.publish().expect("the first state is published");
        let mut scene = Self { writer, snapshot, generation: 1, state, now: 10_000, effects: Vec::new() };
        for index in 0..scene.snapshot.targets.len() {
            scene.probed(TargetId::new(index), Outcome::Pass);
        }
        scene
    }

    fn apply(&mut self, event: Event) {
        self.writer.apply(event, self.now, &mut self.effects);
        if let Some(state) = self.writer.publish() {
            self.state = state;
        }
    }

    fn probed(&mut self, target: TargetId, outcome: Outcome) {
        self.apply(Event::Probed {
            generation: self.generation,
            target,
            outcome,
            note: "told".into(),
            sample: Sample::default(),
        });
    }

    /// All targets of an address end one probe.
    fn probe(&mut self, octet: u8, outcome: Outcome) {
        let address = TargetAddress::Ip([192, 0, 2, octet].into());
        let targets = self.snapshot.targets.iter().enumerate().filter(|(_, target)| target.address == address);
        for target in targets.map(|(index, _)| TargetId::new(index)).collect::<Vec<_>>() {
            self.probed(target, outcome);
        }
    }

    fn fall(&mut self, octet: u8) {
        (0..3).for_each(|_| self.probe(octet, Outcome::Fail));
    }

    fn rise(&mut self, octet: u8) {
        (0..2).for_each(|_| self.probe(octet, Outcome::Pass));
    }

    /// Lets time pass; whatever falls due meanwhile happens at its time.
    fn wait(&mut self, millis: Millis) {
        let end = self.now + millis;
        while let Some(next) = self.writer.next().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.apply(Event::Time);
        }
        self.now = end;
        self.apply(Event::Time);
    }

    fn endpoint(&self, octet: u8) -> EndpointId {
        let name = format!("192.0.2.{octet}");
        EndpointId::new(
            self.snapshot.endpoints.iter().position(|endpoint| *endpoint.name == *name).expect("it is there"),
        )
    }

    fn reload(&mut self, body: &str) {
        self.snapshot = build(body);
        self.generation += 1;
        let (generation, snapshot) = (self.generation, Arc::clone(&self.snapshot));
        self.apply(Event::Stage { generation, snapshot, identity: Arc::default() });
    }

    /// How many of 2,000 answers for the first name each endpoint is in, by the last octet; empty: no records.
    fn answers(&self) -> BTreeMap<u8, u32> {
        self.answers_of(2_000)
    }

    /// The same of so many.
    fn answers_of(&self, count: u32) -> BTreeMap<u8, u32> {
        let mut worker = Worker::new(7);
        let mut counts = BTreeMap::new();
        for number in 0..count {
            let [_, _, high, low] = number.to_be_bytes();
            let client = Client::new([127, 0, 0, 1].into(), Some(Subnet::new([20, high, low, 0].into(), 24)));
            let decision = decide(&self.state, &mut worker, NameId::new(0), &client, A);
            if let Answer::Records { .. } = decision.answer {
                for rdata in Picks::last(&self.state, &worker, A).rdata() {
                    *counts.entry(rdata[3]).or_default() += 1;
                }
            }
        }
        counts
    }

    /// The endpoints that so many answers name.
    fn named_of(&self, count: u32) -> Vec<u8> {
        self.answers_of(count).into_keys().collect()
    }

    /// The endpoints that answers name.
    fn named(&self) -> Vec<u8> {
        self.answers().into_keys().collect()
    }
}
