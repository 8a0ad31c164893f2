//! Safeguards between the probes and the answers, told as scenarios on a virtual clock: flapping, coming back, and a
//! prober that is itself cut off. The writer is the real one; probes are what the scenario says.

use geosteer::client::{Client, Family, Subnet};
use geosteer::config::{Options, load_server_text, load_text};
use geosteer::geo::Databases;
use geosteer::health::{Millis, Outcome, Sample, TargetAddress, TargetState, Tracker};
use geosteer::id::{EndpointId, NameId, TargetId};
use geosteer::snapshot::Snapshot;
use geosteer::state::State;
use geosteer::steer::{Answer, Picks, Want, decide};
use geosteer::store::{Moment, Remembered, Store, remember, restored};
use geosteer::worker::Worker;
use geosteer::writer::{Effect, Event, Left, Writer};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

#[path = "safeguards/canaries.rs"]
mod canaries;
#[path = "safeguards/clients.rs"]
mod clients;
#[path = "safeguards/comeback.rs"]
mod comeback;
#[path = "safeguards/depends.rs"]
mod depends;
#[path = "safeguards/flapping.rs"]
mod flapping;
#[path = "safeguards/guard.rs"]
mod guard;
#[path = "safeguards/loads.rs"]
mod loads;
#[path = "safeguards/restart.rs"]
mod restart;
#[path = "safeguards/seeded.rs"]
mod seeded;
#[path = "safeguards/stale.rs"]
mod stale;

const A: Want = Want::Addresses(Family::V4);

/// A writer on a virtual clock. Endpoints are named by the last octet of their address.
struct Scene {
    writer: Writer,
    snapshot: Arc<Snapshot>,
    /// The server file's text.
    server: String,
    generation: u64,
    state: State,
    /// How often a state was published.
    published: u64,
    now: Millis,
    effects: Vec<Effect>,
}

/// Each text is compiled once: the simulation reloads the same few again and again.
fn build(body: &str, server: &str) -> Arc<Snapshot> {
    static BUILT: Mutex<BTreeMap<(String, String), Arc<Snapshot>>> = Mutex::new(BTreeMap::new());
    let key = (body.to_owned(), server.to_owned());
    if let Some(built) = BUILT.lock().expect("nobody panicked there").get(&key) {
        return Arc::clone(built);
    }
    let snapshot = compile(body, server);
    BUILT.lock().expect("nobody panicked there").insert(key, Arc::clone(&snapshot));
    snapshot
}

fn compile(body: &str, server: &str) -> Arc<Snapshot> {
    static EMBEDDED: OnceLock<Arc<Databases>> = OnceLock::new();
    let databases = EMBEDDED.get_or_init(|| Arc::new(Databases::embedded().expect("the embedded database is sound")));
    let text = format!("zone = \"example.com\"\nns = [\"ns.example.net\"]\n{body}");
    let (server, _) = load_server_text("geosteer.toml", server).unwrap_or_else(|report| panic!("{}", report.short()));
    let options = Options { guard: server.guard, canaries: server.canaries, ..Options::default() };
    let loaded = load_text("scene.toml", &text, &options);
    let spec = loaded.unwrap_or_else(|report| panic!("{}", report.short())).spec;
    Arc::new(Snapshot::build(spec, Arc::clone(databases)).expect("it compiles"))
}

impl Scene {
    /// Every target of the zone has passed its first probe.
    fn new(body: &str) -> Self {
        Self::with_server(body, "")
    }

    fn with_server(body: &str, server: &str) -> Self {
        let mut scene = Self::unprobed(body, server);
        for index in 0..scene.snapshot.targets.len() {
            scene.probed(TargetId::new(index), Outcome::Pass);
        }
        scene
    }

    /// No target has been probed.
    fn unprobed(body: &str, server: &str) -> Self {
        let snapshot = build(body, server);
        let mut writer = Writer::new(Arc::clone(&snapshot), Arc::default(), 1);
        let state = writer.publish().expect("the first state is published");
        Self {
            writer,
            snapshot,
            server: server.to_owned(),
            generation: 1,
            state,
            published: 1,
            now: 10_000,
            effects: Vec::new(),
        }
    }

    fn apply(&mut self, event: Event) {
        self.writer.apply(event, self.now, &mut self.effects);
        if let Some(state) = self.writer.publish() {
            self.state = state;
            self.published += 1;
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

    /// The target of an address.
    fn target(&self, octet: u8) -> TargetId {
        let address = TargetAddress::Ip([192, 0, 2, octet].into());
        let target = self.snapshot.targets.iter().position(|target| target.address == address).expect("it is probed");
        TargetId::new(target)
    }

    /// Its state, as it counts.
    fn state_of(&self, octet: u8) -> TargetState {
        self.writer.target_state(self.target(octet))
    }

    /// Another process goes on with what this one has saved; its monotonic clock is another.
    fn restart(&mut self) {
        self.restart_at(86_400_000);
    }

    /// The same with the time on the new process's clock.
    fn restart_at(&mut self, monotonic: Millis) {
        let survey = self.writer.survey();
        let (snapshot, before) = (&self.snapshot, Moment { monotonic: self.now, unix: 1_700_000_000_000 });
        let outcomes = survey.failures.iter().map(|&failures| Some((0, failures)));
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        remember(snapshot, &survey.kept(), outcomes, &Remembered::default(), before.unix)
            .with_circuits_and_comebacks(snapshot, &survey.circuits, &survey.comebacks, before)
            .with_shares(snapshot, &survey.shares, before.unix)
            .save(&store)
            .expect("it is saved");
        let read = Remembered::load(&store).expect("it is read");
        let now = Moment { monotonic, ..before };
        let trackers = restored(&read, snapshot, now.unix);
        let trackers = trackers.into_iter().map(|known| known.map_or_else(Tracker::default, |known| known.0)).collect();
        let (circuits, comebacks) = (read.circuits(snapshot, now), read.comebacks(snapshot, now));
        let shares = read.shares(snapshot, now.unix);
        self.start(Left { now: now.monotonic, trackers, circuits, comebacks, shares });
    }

    /// The same when what was saved of targets is too old.
    fn restart_without_trackers(&mut self) {
        let (survey, nothing) = (self.writer.survey(), Left::nothing(self.snapshot.targets.len()));
        self.start(Left { now: self.now, comebacks: survey.comebacks.into_iter().collect(), ..nothing });
    }

    fn start(&mut self, left: Left) {
        self.now = left.now;
        self.writer = Writer::resumed(
            Arc::clone(&self.snapshot),
            Arc::default(),
            self.generation,
            left,
            (Arc::default(), 0),
            self.now,
        );
        self.state = self.writer.publish().expect("the first state is published");
    }

    /// Nothing of what was saved is believed.
    fn restart_cold(&mut self) {
        self.start(Left { now: self.now, ..Left::nothing(self.snapshot.targets.len()) });
    }

    /// One of the two.
    fn restart_knowing(&mut self, what_was_saved: bool) {
        if what_was_saved {
            self.restart();
        } else {
            self.restart_cold();
        }
    }

    /// The bound on first outcomes has passed.
    fn first_round_over(&mut self) {
        self.apply(Event::FirstRoundOver { generation: self.generation });
    }

    fn reload(&mut self, body: &str) {
        self.snapshot = build(body, &self.server);
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

    /// The endpoints that answers name.
    fn named(&self) -> Vec<u8> {
        self.answers().into_keys().collect()
    }
}
