//! A seeded simulation of health: a virtual clock, probes that take their time, endpoints that fail and recover,
//! configurations that are replaced meanwhile. After every event each answer and its TTL are held against a plain
//! model of the rules. A failure prints its seed and the virtual time; the same seed replays it.

use geosteer::client::{Client, Family, Subnet};
use geosteer::config::{Options, load_text};
use geosteer::geo::Databases;
use geosteer::health::{CheckKind, GuardRules, Millis, Outcome, Sample, Schedule, TargetAddress};
use geosteer::id::{NameId, PoolId, TargetId};
use geosteer::pool::{Address, Gate};
use geosteer::snapshot::Snapshot;
use geosteer::state::State;
use geosteer::steer::{Answer, Fallback, Picks, Step, Want, decide};
use geosteer::worker::{Draw, Worker};
use geosteer::writer::{Effect, Event, Writer};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

const FIRST: &str = r#"
zone = "example.com"
ns = ["ns1.example.net"]
[regions]
eu = { networks = ["20.0.0.0/8"] }
us = { networks = ["30.0.0.0/8"] }
[checks]
web  = { type = "tcp", port = 80, interval = "10s", timeout = "2s" }
fast = { type = "tcp", port = 81, interval = "2s", timeout = "1s", fall = 2, rise = 1 }
look = { type = "tcp", port = 83, interval = "5s", monitoring_only = true }
[pools]
fra = { check = ["web", "look"], endpoints = [{ address = ["192.0.2.1", "2001:db8::1"] }, { address = ["192.0.2.2", "2001:db8::2"] }] }
ams = { check = ["web", "fast"], min_healthy = 2, endpoints = ["192.0.2.3", "192.0.2.4", "192.0.2.5"] }
nyc = { check = ["fast", "web", "look"], quorum = 1, endpoints = ["192.0.2.6", { address = ["192.0.2.7"], weight = 0 }] }
dry = { check = "web", state = "drain", endpoints = ["192.0.2.8"] }
still = { check = "none", endpoints = [{ address = ["192.0.2.9", "2001:db8::9"] }] }
[policies.world]
eu = ["fra", "dry", "ams"]
us = { pools = ["nyc", "ams"], geofence = true }
default = ["ams", "nyc", "fra"]
[policies.wide]
eu = ["fra", "ams"]
default = ["nyc", "ams"]
[names]
www  = { policy = "world" }
shut = { policy = "world", fallback = "servfail" }
none = { policy = "world", fallback = "nodata" }
back = { policy = "wide", fallback = { pool = "still" }, ttl = 300 }
free = { policy = { default = ["still"] } }
"#;

/// The addresses that an answer may name, or what it is instead; and the TTL.
#[derive(PartialEq, Eq, Debug)]
enum Expected {
    Pending,
    ServFail,
    NoData,
    OneOf(BTreeSet<IpAddr>, u32),
}

/// What was seen of a target: its outcomes since it is known, newest last.
type History = HashMap<(TargetAddress, u16), Vec<Outcome>>;

/// State and results left, told from the whole history.
fn judge(history: &[Outcome], fall: usize, rise: usize, forget: usize) -> (Option<bool>, usize) {
    let votes: Vec<bool> =
        history.iter().filter(|o| **o != Outcome::Inconclusive).map(|o| *o == Outcome::Pass).collect();
    let Some(&first) = votes.first() else { return (None, 1) };
    let (mut up, mut since) = (first, 1);
    loop {
        // The votes since the last change, and the first point among them at which the state changes again.
        let here = &votes[since..];
        let bad_at = |end: usize| {
            let forgotten =
                (0..end).rev().find(|&at| at + 1 >= forget && here[at + 1 - forget..=at].iter().all(|v| *v));
            here[forgotten.map_or(0, |at| at + 1)..end].iter().filter(|vote| !**vote).count()
        };
        let good_at = |end: usize| here[..end].iter().rev().take_while(|vote| **vote).count();
        let change = (1..=here.len()).find(|&end| if up { bad_at(end) >= fall } else { good_at(end) >= rise });
        match change {
            Some(end) => (up, since) = (!up, since + end),
            None if up => return (Some(true), fall - bad_at(here.len())),
            None => return (Some(false), rise - good_at(here.len())),
        }
    }
}

struct Model<'a> {
    snapshot: &'a Snapshot,
    history: &'a History,
    round_over: bool,
}

impl Model<'_> {
    /// Live addresses of a pool by family, members live, whether it waits, seconds until it could change.
    fn pool(&self, id: PoolId) -> ([BTreeSet<IpAddr>; 2], usize, bool, u32) {
        let pool = &self.snapshot.pools[id.index()];
        let (mut live, mut count, mut pending, mut steady): ([BTreeSet<IpAddr>; 2], _, _, _) =
            (Default::default(), 0, false, u32::MAX);
        let mut weights = HashMap::new();
        for id in pool.endpoints() {
            let endpoint = &self.snapshot.endpoints[id.index()];
            let mut any = false;
            for address in addresses(&endpoint.address) {
                let mut failed = 0;
                for check in &pool.checks {
                    let check = &self.snapshot.checks[check.index()];
                    if check.voting.monitoring_only {
                        continue;
                    }
                    let CheckKind::Tcp { port, .. } = check.kind else { continue };
                    let seen = self.history.get(&(TargetAddress::Ip(address), port)).map_or(&[][..], |seen| seen);
                    let timing = &check.timing;
                    let (state, left) = judge(seen, timing.fall.into(), timing.rise.into(), timing.forget.into());
                    failed += u8::from(state == Some(false));
                    if pool.gate == Gate::Auto {
                        pending |= seen.is_empty() && !self.round_over;
                        steady = steady.min((left as u32 - 1) * timing.interval_ms / 1_000);
                    }
                }
                let up = pool.gate == Gate::Auto && failed <= pool.rules.may_fail;
                any |= up;
                if up {
                    live[usize::from(address.is_ipv6())].insert(address);
                    weights.insert(address, endpoint.weight);
                }
            }
            count += usize::from(any);
        }
        for family in &mut live {
            if family.iter().any(|address| weights[address] > 0) {
                family.retain(|address| weights[address] > 0);
            }
        }
        (live, count, pending, steady)
    }

    fn expected(&self, name: NameId, region: Option<usize>, family: Family) -> Expected {
        let name = &self.snapshot.names[name.index()];
        let rows = &self.snapshot.policies[name.policy.index()].rows;
        let own = rows.iter().find(|row| region.is_some() && row.region.map(|r| r.index()) == region);
        let default = &rows[rows.len() - 1];
        let steps = own.unwrap_or(default).steps.iter().chain(match own {
            Some(row) if !row.geofence => &default.steps[..],
            _ => &[],
        });
        let pools: Vec<PoolId> = steps
            .map(|step| match step {
                Step::Split { parts, .. } => parts[0].0,
                Step::Nearest(_) | Step::LeastLoad(_) => panic!("not in these zones"),
            })
            .collect();
        let lane = family as usize;
        let mut cap = u32::MAX;
        let ttl = |cap: u32| cap.min(name.ttl).max(name.ttl_min);
        for &id in &pools {
            let (live, count, pending, steady) = self.pool(id);
            cap = cap.min(steady);
            if pending {
                return Expected::Pending;
            }
            if count >= usize::from(self.snapshot.pools[id.index()].min_healthy) && !live[lane].is_empty() {
                return Expected::OneOf(live[lane].clone(), ttl(cap));
            }
        }
        if let Some(below) = pools.iter().map(|id| self.pool(*id).0).find(|live| !live[lane].is_empty()) {
            return Expected::OneOf(below[lane].clone(), ttl(cap));
        }
        let everything = |id: PoolId| -> BTreeSet<IpAddr> {
            let pool = &self.snapshot.pools[id.index()];
            let of = |weighty: bool| {
                let members = pool.endpoints().map(|id| &self.snapshot.endpoints[id.index()]);
                let members = members.filter(|endpoint| !weighty || endpoint.weight > 0);
                let all = members.flat_map(|endpoint| addresses(&endpoint.address));
                all.filter(|address| Family::of(*address) == family).collect::<BTreeSet<_>>()
            };
            if of(true).is_empty() { of(false) } else { of(true) }
        };
        let all = || pools.iter().map(|id| everything(*id)).find(|all| !all.is_empty());
        match name.fallback {
            Fallback::ServFail => Expected::ServFail,
            Fallback::NoData => Expected::NoData,
            Fallback::Pool(pool) => Expected::OneOf(everything(pool), ttl(cap)),
            Fallback::All => all().map_or(Expected::NoData, |all| Expected::OneOf(all, ttl(cap))),
        }
    }
}

fn addresses(address: &Address) -> impl Iterator<Item = IpAddr> + use<> {
    match address {
        Address::Ip { v4, v6 } => v4.map(IpAddr::V4).into_iter().chain(v6.map(IpAddr::V6)),
        Address::Host(_) => panic!("not in these zones"),
    }
}

/// One run: the real writer and the model side by side.
struct Run {
    seed: u64,
    now: Millis,
    random: Draw,
    writer: Writer,
    state: State,
    worker: Worker,
    history: History,
    round_over: bool,
    databases: Arc<Databases>,
    /// The configuration that is probed: the staged one if there is one.
    probed: (u64, Arc<Snapshot>),
    schedule: Schedule,
    /// Addresses that are sick at present.
    sick: BTreeSet<IpAddr>,
    /// Outcomes on their way: when, generation, target.
    under_way: Vec<(Millis, u64, TargetId, Outcome)>,
    adopted: usize,
    answers: usize,
    changes: usize,
}

/// True if a configuration probes this address at this port.
fn has(snapshot: &Snapshot, (address, port): &(TargetAddress, u16)) -> bool {
    snapshot.targets.iter().any(|target| {
        let kind = &snapshot.checks[target.check.index()].kind;
        target.address == *address && matches!(kind, CheckKind::Tcp { port: of, .. } if of == port)
    })
}

fn build(text: &str, databases: &Arc<Databases>) -> Arc<Snapshot> {
    let guard = GuardRules { share: 100, ..GuardRules::default() };
    let loaded = load_text("simulated.toml", text, &Options { guard, ..Options::default() });
    let spec = loaded.unwrap_or_else(|report| panic!("{report:?}")).spec;
    Arc::new(Snapshot::build(spec, Arc::clone(databases)).expect("it compiles"))
}

impl Run {
    fn new(seed: u64, databases: &Arc<Databases>) -> Self {
        let snapshot = build(FIRST, databases);
        let mut writer = Writer::new(Arc::clone(&snapshot), Arc::default(), 1);
        let state = writer.publish().expect("the first state is published");
        let mut run = Self {
            seed,
            now: 1_000,
            random: Draw::new(seed),
            writer,
            state,
            worker: Worker::new(seed),
            history: History::new(),
            round_over: false,
            databases: Arc::clone(databases),
            probed: (1, snapshot),
            schedule: Schedule::new(seed),
            sick: BTreeSet::new(),
            under_way: Vec::new(),
            adopted: 0,
            answers: 0,
            changes: 0,
        };
        run.schedule_all();
        run.compare();
        run
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.random.below(bound)
    }

    fn schedule_all(&mut self) {
        self.schedule = Schedule::new(self.seed ^ self.probed.0);
        let snapshot = Arc::clone(&self.probed.1);
        for (index, target) in snapshot.targets.iter().enumerate() {
            let first = self.now + Millis::from(self.below(500));
            self.schedule.add(TargetId::new(index), &snapshot.checks[target.check.index()].timing, first);
        }
    }

    /// Goes on to the next thing that happens.
    fn step(&mut self) {
        let landing = self.under_way.iter().map(|outcome| outcome.0).min();
        let due = self.schedule.next_due();
        let next = [landing, due].into_iter().flatten().min().expect("something always happens");
        self.now = self.now.max(next);
        if landing == Some(next) {
            let at = self.under_way.iter().position(|outcome| outcome.0 == next).expect("it was the earliest");
            let (_, generation, target, outcome) = self.under_way.swap_remove(at);
            self.land(generation, target, outcome);
        } else {
            let mut targets = Vec::new();
            self.schedule.take_due(self.now, &mut targets);
            for target in targets {
                self.probe(target);
            }
        }
        match self.below(400) {
            0..=9 => self.toggle(),
            10 => self.stage(),
            11 => self.round_over(),
            _ => {}
        }
    }

    fn probe(&mut self, target: TargetId) {
        let TargetAddress::Ip(address) = self.probed.1.targets[target.index()].address else { return };
        let outcome = match self.below(50) {
            0 => Outcome::Inconclusive,
            1 => Outcome::Fail,
            _ if self.sick.contains(&address) => Outcome::Fail,
            _ => Outcome::Pass,
        };
        let took = Millis::from(self.below(1_500));
        self.under_way.push((self.now + took, self.probed.0, target, outcome));
    }

    fn land(&mut self, generation: u64, target: TargetId, outcome: Outcome) {
        if generation == self.probed.0 {
            self.schedule.done(target, outcome, self.now);
        }
        // An outcome that was under way when a configuration was staged still counts while the one before serves.
        let of = [&self.probed.1, &self.state.snapshot][usize::from(generation != self.probed.0)];
        if generation == self.probed.0 || generation == self.state.generation {
            let target = &of.targets[target.index()];
            let CheckKind::Tcp { port, .. } = of.checks[target.check.index()].kind else { return };
            self.history.entry((target.address.clone(), port)).or_default().push(outcome);
        }
        self.apply(Event::Probed { generation, target, outcome, note: "simulated".into(), sample: Sample::default() });
    }

    fn toggle(&mut self) {
        let address = IpAddr::from([192, 0, 2, 1 + self.below(8) as u8]);
        if !self.sick.remove(&address) {
            self.sick.insert(address);
        }
    }

    /// Stages a variant: pools come and go, a port changes, an address is replaced.
    fn stage(&mut self) {
        let mut text = FIRST.to_owned();
        if self.below(2) == 0 {
            text = text.replace("port = 81", "port = 82");
        }
        if self.below(2) == 0 {
            text = text.replace("default = [\"ams\", \"nyc\", \"fra\"]", "default = [\"nyc\", \"fra\"]");
        }
        if self.below(2) == 0 {
            text = text.replace("\"192.0.2.5\"]", "\"192.0.2.5\", \"192.0.2.15\"]");
        }
        let snapshot = build(&text, &self.databases);
        self.probed = (self.probed.0 + 1, Arc::clone(&snapshot));
        // What is not probed any more is forgotten.
        let serving = Arc::clone(&self.state.snapshot);
        self.history.retain(|key, _| has(&snapshot, key) || has(&serving, key));
        self.schedule_all();
        self.apply(Event::Stage { generation: self.probed.0, snapshot, identity: Arc::default() });
    }

    fn round_over(&mut self) {
        if self.state.generation == self.probed.0 {
            self.round_over = true;
        }
        self.apply(Event::FirstRoundOver { generation: self.probed.0 });
    }

    fn apply(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.writer.apply(event, self.now, &mut effects);
        if let Some(state) = self.writer.publish() {
            self.state = state;
        }
        for effect in effects {
            match effect {
                Effect::Adopted { generation } => {
                    assert_eq!(generation, self.probed.0, "seed {}", self.seed);
                    assert_eq!(self.state.generation, generation);
                    self.adopted += 1;
                    self.round_over = true;
                    let snapshot = Arc::clone(&self.state.snapshot);
                    self.history.retain(|key, _| has(&snapshot, key));
                }
                Effect::Overridden { .. } | Effect::Arrived { .. } => {}
                // The model knows no flap limit, no guard, no rules of ways back and no loads: they are off here.
                Effect::Flapping { .. } | Effect::Guard { .. } | Effect::Stale { .. } => panic!("{effect:?}"),
                Effect::Comeback { .. } | Effect::Shed { .. } => panic!("{effect:?}"),
                Effect::Changed { from, to, .. } => {
                    assert_ne!(from, to);
                    self.changes += 1;
                }
            }
        }
        self.compare();
    }

    /// Holds every name, region and family against the model.
    fn compare(&mut self) {
        let snapshot = Arc::clone(&self.state.snapshot);
        let model = Model { snapshot: &snapshot, history: &self.history, round_over: self.round_over };
        for index in 0..snapshot.names.len() {
            for (region, address) in [(Some(0), [20, 1, 2, 0]), (Some(1), [30, 1, 2, 0]), (None, [40, 1, 2, 0])] {
                for family in Family::BOTH {
                    let subnet = Subnet::new(address.into(), 24);
                    let client = Client::new([127, 0, 0, 1].into(), Some(subnet));
                    let name = NameId::new(index);
                    let want = Want::Addresses(family);
                    let decision = decide(&self.state, &mut self.worker, name, &client, want);
                    let picks = Picks::last(&self.state, &self.worker, want).rdata();
                    let expected = model.expected(name, region, family);
                    let right = match (&expected, decision.answer) {
                        (Expected::Pending, Answer::Pending)
                        | (Expected::ServFail, Answer::ServFail)
                        | (Expected::NoData, Answer::NoData) => true,
                        (Expected::OneOf(allowed, ttl), Answer::Records { ttl: given }) if picks.len() == 1 => {
                            allowed.contains(&address_of(&picks[0])) && *ttl == given
                        }
                        _ => false,
                    };
                    assert!(
                        right,
                        "seed {}, {} ms: {} in region {region:?}, {family:?}: {:?} ({:?}), expected {expected:?}",
                        self.seed, self.now, snapshot.names[index].owner, decision.answer, picks,
                    );
                    self.answers += 1;
                }
            }
        }
    }
}

fn address_of(rdata: &[u8]) -> IpAddr {
    match <[u8; 4]>::try_from(rdata) {
        Ok(v4) => v4.into(),
        Err(_) => <[u8; 16]>::try_from(rdata).expect("four or sixteen octets").into(),
    }
}

#[test]
fn every_answer_follows_from_health_whatever_happens() {
    let databases = Arc::new(Databases::embedded().expect("the embedded database is sound"));
    let (mut adopted, mut answers, mut changes) = (0, 0, 0);
    for seed in 0..8 {
        let mut run = Run::new(seed, &databases);
        for _ in 0..1_200 {
            run.step();
        }
        adopted += run.adopted;
        answers += run.answers;
        changes += run.changes;
    }
    println!("{answers} answers, {changes} changes of health, {adopted} configurations adopted");
    assert!(adopted > 8 && changes > 150, "the simulation hardly simulates: {adopted}, {changes}");
}
