//! Health in uproar: what it costs those who ask.
//!
//! `cargo bench --bench churn [-- --publish | --instructions | --latency [--rounds N]] [--json]`
//!
//! * publish: one health change among 30,000 pools and 100,000 names, applied and published by the writer; and 10,000
//!   at once.
//! * instructions: a query's, by callgrind, before, amid and after 10,000 endpoints changing, published every hundred.
//! * latency: a real server with 10,000 endpoints probed every second, all of which change in every second, with the
//!   blast guard and without it; against the same server in peace, by turns (`support/turns.rs`).

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use geosteer::config::{Options, load_text};
use geosteer::control::{Answer, Request, SOCKET, ask};
use geosteer::geo::Databases;
use geosteer::health::{GuardRules, Outcome, Sample};
use geosteer::id::TargetId;
use geosteer::limits::UDP_REPLY_MAX;
use geosteer::publish::Published;
use geosteer::respond::{Request as Query, Transport, Verdict, respond};
use geosteer::snapshot::Snapshot;
use geosteer::state::{Identity, State};
use geosteer::worker::{Draw, Worker};
use geosteer::writer::{Event, Writer};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::load::{Load, Outcome as Run, Until};
use support::queries::Stream;
use support::server::{Awake, Server, Start, apart, has, pinned, static_probe};
use support::table::Table;
use support::turns::{self, Turns};
use support::zones::{NAMES, POLICIES, many_names_with};
use support::{callgrind, flag, number};

/// One change must be published within this.
const PROMISED: Duration = Duration::from_millis(5);
/// Policies of the zone with 10,002 endpoints, and its names.
const SMALLER: (usize, usize) = (1_667, 10_000);
/// Queries of one measurement of instructions.
const QUERIES: usize = 20_000;
/// Queries a second while latency is measured.
const RATE: f64 = 5_000.0;
/// Rounds of peace and uproar, two seconds each.
const ROUNDS: u64 = 10;

fn main() {
    if let Some(part) = support::option("--inner") {
        return inner(&part);
    }
    let all = !["--publish", "--instructions", "--latency"].iter().any(|part| flag(part));
    let mut kept = true;
    if all || flag("--publish") {
        kept &= publish();
    }
    if all || flag("--instructions") {
        kept &= instructions();
    }
    if all || flag("--latency") {
        latency();
    }
    assert!(kept, "a health change costs more than promised");
}

/// The writer over a zone whose endpoints are all probed and up.
struct Bench {
    writer: Writer,
    targets: usize,
}

impl Bench {
    fn new((policies, names): (usize, usize), guard: GuardRules) -> Self {
        let table = "[checks.c]\ntype = \"tcp\"\nport = 80\nfall = 1\nrise = 1\n";
        let zone = many_names_with(names, policies, "c", table);
        let loaded = load_text("bench.toml", &zone, &Options { guard, ..Options::default() });
        let spec = loaded.unwrap_or_else(|report| panic!("{}", report.human(false))).spec;
        let databases = Arc::new(Databases::embedded().expect("a sound build"));
        let snapshot = Arc::new(Snapshot::build(spec, databases).expect("the zone compiles"));
        let targets = snapshot.targets.len();
        let mut bench = Self { writer: Writer::new(snapshot, Arc::new(Identity::default()), 1), targets };
        bench.all(Outcome::Pass);
        bench
    }

    fn apply(&mut self, target: usize, outcome: Outcome) {
        let (target, note, sample) = (TargetId::new(target), "bench".into(), Sample::default());
        self.writer.apply(Event::Probed { generation: 1, target, outcome, note, sample }, 0, &mut Vec::new());
    }

    fn all(&mut self, outcome: Outcome) {
        (0..self.targets).for_each(|target| self.apply(target, outcome));
    }
}

/// True if one change is published in the promised time.
fn publish() -> bool {
    let columns = ["what", "pools", "p50 ms", "p99 ms", "most ms"];
    let mut table = Table::new("a health change, applied and published by the writer", &columns);
    let (mut kept, mut draw) = (true, Draw::new(3));
    let figure = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1e3);
    for (how, guard) in
        [("guard off", GuardRules { share: 100, ..GuardRules::default() }), ("guard on", GuardRules::default())]
    {
        let mut bench = Bench::new((POLICIES, NAMES), guard);
        let published = Published::new(bench.writer.publish().expect("a first state"));
        let mut times: Vec<Duration> = (0..1_000)
            .map(|_| {
                let target = draw.below(bench.targets as u32) as usize;
                let began = Instant::now();
                bench.apply(target, Outcome::Fail);
                let retired = bench.writer.publish().map(|state| published.store(state));
                let took = began.elapsed();
                // That is another thread's work.
                drop(retired);
                took
            })
            .collect();
        times.sort_unstable();
        let [half, most] = [0.5, 0.99].map(|share| times[(times.len() as f64 * share) as usize]);
        kept &= most <= PROMISED;
        let worst = times[times.len() - 1];
        table.row(vec![format!("one, {how}"), (3 * POLICIES).to_string(), figure(half), figure(most), figure(worst)]);
        let began = Instant::now();
        (0..10_000).for_each(|target| bench.apply(target, Outcome::Fail));
        let retired = bench.writer.publish().map(|state| published.store(state));
        let took = figure(began.elapsed());
        drop(retired);
        table.row(vec![format!("10,000 at once, {how}"), (3 * POLICIES).to_string(), took.clone(), took.clone(), took]);
    }
    let mut times = uproar(&mut draw);
    times.sort_unstable();
    let [half, most, worst] = [0.5, 0.99, 1.0].map(|share| times[((times.len() - 1) as f64 * share) as usize]);
    let row = ["a hundred of 10,002", "5001"].into_iter().map(str::to_owned);
    table.row(row.chain([half, most, worst].map(figure)).collect());
    table.print();
    kept
}

/// All endpoints of the smaller zone change, in no order, and each hundred is published: what each publication takes.
fn uproar(draw: &mut Draw) -> Vec<Duration> {
    let mut bench = Bench::new(SMALLER, GuardRules { share: 100, ..GuardRules::default() });
    let published = Published::new(bench.writer.publish().expect("a first state"));
    let mut order: Vec<usize> = (0..bench.targets).collect();
    (1..order.len()).for_each(|last| order.swap(last, draw.below(last as u32 + 1) as usize));
    let mut times = Vec::new();
    for outcome in [Outcome::Fail, Outcome::Pass] {
        for hundred in order.chunks(100) {
            let began = Instant::now();
            hundred.iter().for_each(|&target| bench.apply(target, outcome));
            let retired = bench.writer.publish().map(|state| published.store(state));
            times.push(began.elapsed());
            drop(retired);
        }
    }
    times
}

const PARTS: [&str; 3] = ["in peace", "all endpoints just went down", "all are just up again"];

/// True if a query costs what it costs in peace, within a tenth.
fn instructions() -> bool {
    if !has("valgrind") {
        println!("churn: valgrind is not installed, no instructions are counted");
        return true;
    }
    let counts = PARTS.map(|part| callgrind::count(&["--inner", part]));
    let mut table = Table::new("instructions a query, 10,002 endpoints", &["when", "instructions", "of peace %"]);
    let mut kept = true;
    for (part, &count) in PARTS.iter().zip(&counts) {
        let share = count as f64 / counts[0] as f64;
        kept &= (0.9..=1.1).contains(&share);
        let each = count / QUERIES as u64;
        table.row(vec![(*part).to_owned(), each.to_string(), format!("{:.1}", share * 100.0)]);
    }
    table.print();
    kept
}

/// What runs under callgrind: everything up to a part, of which only that part is measured.
fn inner(part: &str) {
    let mut bench = Bench::new(SMALLER, GuardRules { share: 100, ..GuardRules::default() });
    let stream = Stream::many_names("many", SMALLER.1 as u32, QUERIES);
    let mut state = bench.writer.publish().expect("a first state");
    let outcomes = [Outcome::Fail, Outcome::Pass];
    for outcome in outcomes.into_iter().take(PARTS.iter().position(|name| *name == part).expect("a part")) {
        for target in 0..bench.targets {
            bench.apply(target, outcome);
            if target % 100 == 99 || target + 1 == bench.targets {
                state = bench.writer.publish().expect("endpoints have changed");
            }
        }
    }
    measured(&state, &mut Worker::new(1), &stream);
}

#[inline(never)]
fn measured(state: &State, worker: &mut Worker, stream: &Stream) {
    let mut out = [0; UDP_REPLY_MAX];
    for message in &stream.messages {
        let source = std::net::SocketAddr::from(([198, 51, 100, 53], 5353)).into();
        let query = Query { bytes: message, source, transport: Transport::Udp };
        let verdict = respond(state, worker, black_box(&query), black_box(&mut out));
        assert!(matches!(verdict, Verdict::Send(_)), "every query here has an answer");
    }
}

/// Prints what those who ask notice.
fn latency() {
    let columns: Vec<_> = ["guard"].into_iter().chain(turns::COLUMNS).chain(["changed a second"]).collect();
    let awake = Awake::keep();
    let title = format!("10,002 endpoints, probed every second; medians of slices of two seconds; {}", awake.said());
    let mut table = Table::new(title, &columns);
    let rounds = number("--rounds", ROUNDS) as usize;
    // A processor for the whole server, and another one for those who ask. Where both share two, a query is answered
    // on the processor that asks or on one that must be woken first, as the other threads happen to lie: that takes
    // longer than all else that is measured here, and is no server's doing.
    let wrapper = pinned();
    apart();
    for (guard, tables) in [("off", "[guard]\nshare = 100\n"), ("on", "[guard]\nhold = \"1s\"\n")] {
        let pushed = tempfile::tempdir().expect("a scratch directory");
        let file = pushed.path().join("state");
        push(&file, "up");
        let check = format!(
            "[checks.c]\ntype = \"push\"\nfile = \"{}\"\nexpires = \"1h\"\ninterval = \"1s\"\nfall = 1\nrise = 1\n",
            file.display()
        );
        let zone = many_names_with(SMALLER.1, SMALLER.0, "c", &check);
        let server = Server::start_with(
            &Start { zone: &zone, wrapper: &wrapper, wildcard: false, probe: static_probe() },
            tables,
        );
        let socket = server.directory().join("state").join(SOCKET);
        let stream = Stream::many_names("many", SMALLER.1 as u32, 100_000);
        // The first probes, as many at a time as may be, and two rounds on the grid.
        std::thread::sleep(Duration::from_secs(8));
        let mut changed = Vec::new();
        let uproar = || {
            // Down in the first second, up in the second one: each takes one interval.
            push(&file, "down");
            let down = run(&server, &stream, 1);
            changed.push(closed(&socket));
            push(&file, "up");
            down.and(run(&server, &stream, 1))
        };
        let peace = || {
            // What is still to come of the uproar before.
            std::thread::sleep(Duration::from_secs(1));
            run(&server, &stream, 2)
        };
        let turns = Turns::take(&server, rounds, peace, uproar);
        server.stop();
        changed.sort_unstable();
        let changed = [0, changed[changed.len() / 2]];
        for (row, changed) in turns.rows("in peace", "in uproar").into_iter().zip(changed) {
            table.row([guard.to_owned()].into_iter().chain(row).chain([changed.to_string()]).collect());
        }
    }
    table.print();
}

fn run(server: &Server, stream: &Stream, seconds: u64) -> Run {
    let until = Until::Time(Duration::from_secs(seconds));
    Load { sockets: 2, window: 64, rate: RATE, until }.run(server.address, stream)
}

/// Writes the state of all endpoints, whole.
fn push(file: &Path, state: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, state).expect("room for a word");
    std::fs::rename(&new, file).expect("the folder is ours");
}

/// How many endpoints take no clients.
fn closed(socket: &Path) -> usize {
    match ask(socket, &Request::Status) {
        Ok(Answer::Status(status)) => status.endpoints[0] - status.endpoints[1],
        other => panic!("no status: {other:?}"),
    }
}
