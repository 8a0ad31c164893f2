//! Loads of sites from clients to answers and back, on a virtual clock: shedding, what becomes of a lost site's
//! clients, and rows that pick by load. The writer is the real one. Clients are blocks with traffic that keep an answer
//! for its TTL; sites report the traffic that they get, an interval late.

use geosteer::client::{Client, Family, Subnet};
use geosteer::config::{Options, load_text};
use geosteer::geo::Databases;
use geosteer::health::{Load, Millis, Outcome, Sample};
use geosteer::id::{NameId, PoolId, TargetId};
use geosteer::snapshot::Snapshot;
use geosteer::state::State;
use geosteer::steer::{Picks, Want, decide};
use geosteer::store::{Remembered, Store};
use geosteer::worker::{Draw, Worker};
use geosteer::writer::{Effect, Event, Left, Writer};
use std::sync::{Arc, OnceLock};

const A: Want = Want::Addresses(Family::V4);
/// Seconds.
const TTL: u64 = 30;
const INTERVAL: u64 = 10;
/// Blocks in a region: the networks that stable choices of pools tell apart.
const BLOCKS: usize = 256;

/// Pools called `p0`, `p1`, …, with one endpoint each, and regions called `r0`, `r1`, …, each a /8 from 20.0.0.0 on.
fn zone(pools: &[String], rows: &[&str]) -> String {
    let pool = |(n, keys): (usize, &String)| {
        format!("p{n} = {{ check = \"c\", load = {{ field = \"n\" }}, endpoints = [\"192.0.2.{n}\"], {keys} }}\n")
    };
    let region = |n: usize| format!("r{n} = {{ networks = [\"{}.0.0.0/8\"] }}\n", 20 + n);
    let row = |(n, row): (usize, &&str)| format!("r{n} = {row}\n");
    let pools: String = pools.iter().enumerate().map(pool).collect();
    let regions: String = (0..rows.len()).map(region).collect();
    let rows: String = rows.iter().enumerate().map(row).collect();
    format!(
        "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[checks]\nc = {{ type = \"http\" }}\n[pools]\n{pools}\
         [regions]\n{regions}[policies.all]\n{rows}default = [\"p0\"]\n[names]\nwww = {{ policy = \"all\", ttl = {TTL} }}\n"
    )
}

fn build(text: &str) -> Arc<Snapshot> {
    static EMBEDDED: OnceLock<Arc<Databases>> = OnceLock::new();
    let databases = EMBEDDED.get_or_init(|| Arc::new(Databases::embedded().expect("the embedded database is sound")));
    let loaded = load_text("model.toml", text, &Options::default());
    let spec = loaded.unwrap_or_else(|report| panic!("{}", report.short())).spec;
    Arc::new(Snapshot::build(spec, Arc::clone(databases)).expect("it compiles"))
}

struct Block {
    region: usize,
    client: Client,
    traffic: f64,
    /// When in each TTL it asks, seconds.
    phase: u64,
    pool: usize,
}

struct Model {
    writer: Writer,
    state: State,
    /// How many states were published.
    published: usize,
    worker: Worker,
    now: u64,
    blocks: Vec<Block>,
    dead: Vec<bool>,
    /// Sites that say nothing of their load.
    silent: Vec<bool>,
    /// What sites got an interval ago, and now: each round of reports tells the first.
    loads: Vec<f64>,
    late: Vec<f64>,
    /// By pool: its loads at each round of reports.
    seen: Vec<Vec<f64>>,
    /// What was told of shedding: the pool, and the percentage that it keeps.
    told: Vec<(usize, f64)>,
}

impl Model {
    /// `traffic` is that of each region, in equal parts give or take a half for its blocks.
    fn new(text: &str, traffic: &[f64], seed: u64) -> Self {
        let snapshot = build(text);
        let pools = snapshot.pools.len();
        let mut writer = Writer::new(snapshot, Arc::default(), 1);
        let state = writer.publish().expect("the first state is published");
        let mut random = Draw::new(seed);
        let mut blocks = Vec::new();
        for (region, &traffic) in traffic.iter().enumerate() {
            for block in 0..BLOCKS {
                let subnet = Subnet::new([20 + region as u8, block as u8, 0, 0].into(), 24);
                let part = 0.5 + (random.next() % 1_000) as f64 / 1_000.0;
                let (traffic, phase) = (traffic / BLOCKS as f64 * part, random.next() % TTL);
                let client = Client::new([127, 0, 0, 1].into(), Some(subnet));
                blocks.push(Block { region, client, traffic, phase, pool: usize::MAX });
            }
        }
        let (dead, silent) = (vec![false; pools], vec![false; pools]);
        let (loads, late, seen) = (vec![0.0; pools], vec![0.0; pools], vec![Vec::new(); pools]);
        let mut model = Self {
            writer,
            state,
            published: 1,
            worker: Worker::new(seed),
            now: 1_000,
            blocks,
            dead,
            silent,
            loads,
            late,
            seen,
            told: Vec::new(),
        };
        model.reports();
        for block in 0..model.blocks.len() {
            model.ask(block);
        }
        model.run(10 * TTL);
        model.seen.iter_mut().for_each(Vec::clear);
        model
    }

    fn ask(&mut self, block: usize) {
        let _ = decide(&self.state, &mut self.worker, NameId::new(0), &self.blocks[block].client, A);
        let rdata = Picks::last(&self.state, &self.worker, A).rdata();
        self.blocks[block].pool = usize::from(rdata[0][3]);
    }

    fn apply(&mut self, event: Event, now: Millis) {
        let mut effects = Vec::new();
        self.writer.apply(event, now, &mut effects);
        self.told.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Shed { pool, keep, .. } => Some((pool.index(), keep.percent())),
            _ => None,
        }));
        if let Some(state) = self.writer.publish() {
            self.state = state;
            self.published += 1;
        }
    }

    /// Every site is probed, and tells what it got an interval ago.
    fn reports(&mut self) {
        for pool in 0..self.dead.len() {
            let load = if self.dead[pool] || self.silent[pool] { None } else { Load::new(self.late[pool]) };
            let outcome = if self.dead[pool] { Outcome::Fail } else { Outcome::Pass };
            let (target, sample) = (TargetId::new(pool), Sample { load, time_us: None });
            self.apply(Event::Probed { generation: 1, target, outcome, note: "".into(), sample }, self.now * 1_000);
            self.seen[pool].push(self.loads[pool]);
        }
        self.late.clone_from(&self.loads);
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += 1;
            while let Some(next) = self.writer.next().filter(|&next| next <= self.now * 1_000) {
                self.apply(Event::Time, next.max((self.now - 1) * 1_000));
            }
            for block in 0..self.blocks.len() {
                if (self.now + self.blocks[block].phase).is_multiple_of(TTL) {
                    self.ask(block);
                }
            }
            self.loads.iter_mut().for_each(|load| *load = 0.0);
            for block in &self.blocks {
                self.loads[block.pool] += block.traffic;
            }
            if self.now.is_multiple_of(INTERVAL) {
                self.reports();
            }
        }
    }

    /// Another process goes on with what this one has saved, so many seconds later by the wall clock.
    fn restart(&mut self, seconds: i64) {
        const AT: u64 = 1_700_000_000_000;
        // Who looks tells the time first.
        self.apply(Event::Time, self.now * 1_000);
        let (survey, folder) = (self.writer.survey(), tempfile::tempdir().expect("a folder"));
        let store = Store::open(folder.path()).expect("a store");
        let kept = Remembered::default().with_shares(&survey.snapshot, &survey.shares, AT);
        kept.save(&store).expect("it is saved");
        let read = Remembered::load(&store).expect("it is read");
        let shares = read.shares(&survey.snapshot, AT.saturating_add_signed(seconds * 1_000));
        let (now, nothing) = (self.now * 1_000, Left::nothing(0));
        let left = Left { now, trackers: survey.trackers, shares, ..nothing };
        self.writer = Writer::resumed(survey.snapshot, Arc::default(), 1, left, (Arc::default(), 0), now);
        self.state = self.writer.publish().expect("the first state is published");
    }

    fn keeps(&self, pool: usize) -> f64 {
        self.state.live.share(PoolId::new(pool)).percent()
    }

    /// How often a site's load turned by more than a part of `measure`.
    fn turns(&self, pool: usize, measure: f64) -> usize {
        let (mut turns, mut rising, mut extreme) = (0, None, self.seen[pool][0]);
        for &load in &self.seen[pool] {
            let along = match rising {
                Some(true) => load >= extreme,
                Some(false) => load <= extreme,
                None => false,
            };
            if along {
                extreme = load;
            } else if (load - extreme).abs() > measure {
                turns += usize::from(rising.is_some());
                (rising, extreme) = (Some(load > extreme), load);
            }
        }
        turns
    }
}

fn between(random: &mut Draw, least: u64, most: u64) -> f64 {
    (least + random.next() % (most - least)) as f64
}

/// Those that once swung, and some; with `GEOSTEER_FULL` many, with `GEOSTEER_SEED` that one.
fn seeds() -> Vec<u64> {
    let number = |text: String| text.parse().expect("a number");
    match std::env::var("GEOSTEER_SEED").map(number) {
        Ok(seed) => vec![seed],
        Err(_) if std::env::var_os("GEOSTEER_FULL").is_some() => (0..400).collect(),
        Err(_) => (0..22).chain([257, 344]).collect(),
    }
}

const ROWS: [&[usize]; 4] = [&[0, 1, 2], &[1, 2, 3], &[2, 0], &[3, 1, 0, 2]];

#[test]
fn no_survivor_is_above_its_capacity_while_another_of_the_row_has_room_and_nothing_swings() {
    let rows = ROWS.map(|row| format!("{:?}", row.iter().map(|pool| format!("p{pool}")).collect::<Vec<_>>()));
    let rows = rows.each_ref().map(String::as_str);
    for seed in seeds() {
        let mut random = Draw::new(seed);
        let traffic: Vec<f64> = ROWS.iter().map(|_| between(&mut random, 300, 900)).collect();
        let capacity: Vec<f64> =
            traffic.iter().map(|traffic| traffic * between(&mut random, 112, 190) / 100.0).collect();
        let pools: Vec<String> = capacity.iter().map(|capacity| format!("capacity = {capacity}")).collect();
        let mut model = Model::new(&zone(&pools, &rows), &traffic, seed);
        assert!((0..4).all(|pool| model.keeps(pool) == 100.0), "seed {seed}: all is well at first");
        let lost = (random.next() % 4) as usize;
        let own: Vec<(usize, usize)> =
            model.blocks.iter().enumerate().map(|(at, block)| (at, block.pool)).filter(|one| one.1 != lost).collect();
        model.dead[lost] = true;
        while model.state.live.is_live(PoolId::new(lost)) {
            model.run(1);
        }
        for &(block, pool) in &own {
            model.ask(block);
            assert_eq!(model.blocks[block].pool, pool, "seed {seed}: survivors keep their clients");
        }
        model.run(3_600);
        for row in ROWS {
            for (at, &pool) in row.iter().enumerate().filter(|&(_, &pool)| pool != lost) {
                let over = model.loads[pool] > capacity[pool] * 1.01;
                let served = model.blocks.iter().any(|block| ROWS[block.region] == row && block.pool == pool);
                let roomy = |other: &&usize| {
                    **other != lost && **other != pool && model.loads[**other] < capacity[**other] * 0.88
                };
                let room = row[at..].iter().find(roomy);
                assert!(
                    !(over && served && room.is_some()),
                    "seed {seed}: lost {lost}, {pool} is full and {room:?} has room: {:?} of {capacity:?}",
                    model.loads
                );
            }
        }
        for pool in (0..4).filter(|&pool| pool != lost) {
            let turns = model.turns(pool, capacity[pool] * 0.05);
            assert!(turns <= 4, "seed {seed}: {pool} turned {turns} times: {:?}", model.seen[pool]);
        }
        model.dead[lost] = false;
        model.run(3_600);
        for block in &model.blocks {
            assert_eq!(block.pool, ROWS[block.region][0], "seed {seed}: all are back where they were");
        }
    }
}

#[test]
fn a_lost_site_s_clients_go_to_those_with_room_and_first_those_that_have_no_choice() {
    let pools = [1_000, 1_000, 1_000].map(|capacity| format!("capacity = {capacity}"));
    let rows = ["[\"p0\", \"p1\", \"p2\"]", "[\"p1\"]", "[\"p2\"]"];
    let mut model = Model::new(&zone(&pools, &rows), &[400.0, 300.0, 700.0], 1);
    model.dead[0] = true;
    model.run(INTERVAL * 3 + TTL + 1);
    let part = |model: &Model, pool: usize| {
        let of_it: f64 =
            model.blocks.iter().filter(|block| block.region == 0 && block.pool == pool).map(|b| b.traffic).sum();
        of_it / model.blocks.iter().filter(|block| block.region == 0).map(|block| block.traffic).sum::<f64>()
    };
    assert!((part(&model, 1) - 0.7).abs() < 0.08, "{}", part(&model, 1));
    // Two rows lose their site, and one of them has no choice.
    let rows = ["[\"p0\", \"p1\", \"p2\"]", "[\"p0\", \"p1\"]", "[\"p2\"]"];
    let geofenced = rows.map(|row| format!("{{ pools = {row}, geofence = true }}"));
    let rows = geofenced.each_ref().map(String::as_str);
    let pools = [2_000, 1_000, 1_000].map(|capacity| format!("capacity = {capacity}"));
    let mut model = Model::new(&zone(&pools, &rows), &[600.0, 800.0, 200.0], 1);
    model.dead[0] = true;
    model.run(INTERVAL * 3 + TTL + 1);
    assert!(model.loads[1] < 1_150.0 && part(&model, 1) < 0.4, "{:?}", model.loads);
}

#[test]
fn pools_without_a_capacity_take_a_lost_site_s_clients_in_the_order_of_the_row() {
    let pools = ["capacity = 900".to_owned(), "capacity = 500".to_owned(), String::new()];
    let row = ["[\"p0\", \"p2\", \"p1\"]"];
    let mut model = Model::new(&zone(&pools, &row), &[800.0], 1);
    model.dead[0] = true;
    model.run(600);
    assert!(model.loads[2] > 700.0 && model.loads[1] == 0.0, "{:?}", model.loads);
}

#[test]
fn a_pool_sheds_along_its_line_slowly_and_never_the_last_of_a_row() {
    let pools = ["shed_from = 700, shed_at = 1_000".to_owned(), String::new()];
    let mut model = Model::new(&zone(&pools, &["[\"p0\", \"p1\"]"]), &[1_000.0], 3);
    let before = model.keeps(0);
    model.run(1_200);
    let line = (1_000.0 - model.loads[0]) / 300.0 * 100.0;
    assert!(before >= 60.0 && (line - model.keeps(0)).abs() < 10.0, "{before}: {} and {line}", model.keeps(0));
    assert!(model.turns(0, 30.0) <= 1 && model.loads[1] > 100.0, "{:?}", model.seen[0]);
    let kept = model.keeps(0);
    model.silent[0] = true;
    model.run(30);
    assert_eq!(model.keeps(0), kept, "a report is believed for a while");
    model.run(INTERVAL * 2);
    assert!(model.keeps(0) > kept && model.keeps(0) <= kept + 10.0, "then it goes back by steps");
    model.run(400);
    assert_eq!((model.keeps(0), model.loads[1]), (100.0, 0.0));
    let mut alone = Model::new(&zone(&pools, &["{ pools = [\"p0\"], geofence = true }"]), &[1_500.0], 3);
    alone.run(1_200);
    assert_eq!(alone.loads[1], 0.0, "nothing else serves the row");
}

/// A model whose first pool has shed its clients for long.
fn shedding() -> (Model, f64) {
    let pools = ["shed_from = 500, shed_at = 1_000".to_owned(), String::new()];
    let mut model = Model::new(&zone(&pools, &["[\"p0\", \"p1\"]"]), &[1_000.0], 3);
    model.run(1_800);
    let kept = model.keeps(0);
    assert!(kept < 80.0, "{kept}");
    (model, kept)
}

#[test]
fn a_restart_keeps_shares_while_they_are_young_and_reports_go_on() {
    let (mut model, kept) = shedding();
    for _ in 0..5 {
        model.restart(2);
        assert_eq!(model.keeps(0), kept, "in the first answer");
        model.run(15);
        assert_eq!(model.keeps(0), kept);
    }
    model.run(600);
    assert_eq!(model.keeps(0), kept, "the same reports");
    // A report is believed for three intervals, and a step takes a TTL and two of them.
    let (limit, old) = ((3 * INTERVAL + TTL + 2 * INTERVAL) as i64, 100.0);
    for (seconds, share) in [(limit, kept), (limit + 1, old), (-86_400, old)] {
        let (mut model, _) = shedding();
        model.restart(seconds);
        assert_eq!(model.keeps(0), share, "{seconds} s later");
    }
}

#[test]
fn shares_that_no_report_confirms_after_a_restart_are_held_by_nothing() {
    let (mut model, kept) = shedding();
    model.silent[0] = true;
    model.restart(1);
    model.run(INTERVAL + 1);
    assert_eq!(model.keeps(0), kept, "the first reports may still come");
    model.run(TTL + 2 * INTERVAL);
    assert!(model.keeps(0) > kept && model.keeps(0) <= kept + 10.0, "{}", model.keeps(0));
    model.run(600);
    assert_eq!(model.keeps(0), 100.0);
    // One that starts again and again never comes to a look.
    let (mut model, kept) = shedding();
    model.silent[0] = true;
    for restart in 0..12 {
        model.restart(1);
        assert_eq!(model.keeps(0), if restart < 8 { kept } else { 100.0 }, "{restart}");
        model.run(9);
    }
}

#[test]
fn that_a_pool_begins_to_shed_is_told_once_and_that_it_keeps_all_again_too() {
    let (mut model, _) = shedding();
    assert_eq!(model.told.len(), 1, "{:?}", model.told);
    assert!(model.told[0].0 == 0 && model.told[0].1 < 100.0, "{:?}", model.told);
    model.silent[0] = true;
    model.run(900);
    assert_eq!(model.told[1..], [(0, 100.0)]);
}

#[test]
fn a_row_that_picks_by_load_uses_its_pools_alike_and_comes_to_rest() {
    let pools = [1_000, 500, 1_500].map(|capacity| format!("capacity = {capacity}"));
    let row = ["{ pools = [\"p0\", \"p1\", \"p2\"], pick = \"least-load\" }"];
    let mut model = Model::new(&zone(&pools, &row), &[1_500.0], 5);
    model.run(3_600);
    let used: Vec<f64> = model.loads.iter().zip([1_000.0, 500.0, 1_500.0]).map(|(load, of)| load / of).collect();
    let mean = used.iter().sum::<f64>() / 3.0;
    assert!(used.iter().all(|used| (used - mean).abs() < 0.15 * mean), "{used:?}");
    assert!((0..3).all(|pool| model.turns(pool, 50.0) <= 1), "{:?}", model.seen);
    let pools: Vec<usize> = model.blocks.iter().map(|block| block.pool).collect();
    model.run(1_200);
    assert!(model.blocks.iter().map(|block| block.pool).eq(pools), "a client stays where it is");
    model.silent[1] = true;
    let before = model.loads.clone();
    model.run(600);
    assert!(model.loads[1] > 0.5 * before[1], "one without reports counts as average: {:?}", model.loads);
    model.dead[0] = true;
    model.run(120);
    assert_eq!(model.loads[0], 0.0);
}

#[test]
fn equal_reports_change_nothing_once_all_have_seen_the_whole_of_the_last_step() {
    let pools = [700, 600, 900].map(|capacity| format!("capacity = {capacity}, shed_from = 500, shed_at = 1_000"));
    let mut model = Model::new(&zone(&pools, &["[\"p0\", \"p1\", \"p2\"]", "[\"p1\", \"p2\"]"]), &[600.0, 500.0], 9);
    for lost in [false, true] {
        model.dead[0] = lost;
        model.run(1_800);
        let (published, loads) = (model.published, model.loads.clone());
        let shares: Vec<f64> = (0..3).map(|pool| model.keeps(pool)).collect();
        model.run(3_600);
        assert_eq!(model.published, published, "360 rounds of the same reports");
        assert_eq!((0..3).map(|pool| model.keeps(pool)).collect::<Vec<_>>(), shares);
        assert_eq!(model.loads, loads, "no client moves");
    }
}

#[test]
fn equal_reports_give_equal_answers_and_without_keys_time_changes_nothing() {
    let pools = [700, 600, 900].map(|capacity| format!("capacity = {capacity}"));
    let run = || {
        let mut model =
            Model::new(&zone(&pools, &["[\"p0\", \"p1\", \"p2\"]", "[\"p1\", \"p2\"]"]), &[600.0, 500.0], 9);
        model.dead[0] = true;
        model.run(900);
        model.blocks.iter().map(|block| block.pool).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
    let plain = Model::new(&zone(&[String::new()], &["[\"p0\"]"]), &[600.0], 9);
    // Only the end of a report is waited for, which comes a millisecond after three intervals.
    assert_eq!(plain.writer.next().map(|next| next % 1_000), Some(1));
}
