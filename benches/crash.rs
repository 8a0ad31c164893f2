//! `kill -9` at random moments, under load and while overrides are written: the time from each restart to the first
//! right answer, and what was kept.
//!
//! `cargo bench --bench crash [-- --kills N] [--json]`
//!
//! After each kill: the first answer of the balanced name must come within a second and name the endpoint that is up
//! and not the one that hangs (a probe of it takes longer than that: only the saved health knows), every override that
//! was acknowledged must be there with its last or a later word, and no file may have been unreadable.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use geosteer::control::{Answer, Order, Request, SOCKET, ask};
use geosteer::worker::Draw;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::ask::Ask;
use support::endpoints::{Endpoints, Mood};
use support::load::{Load, Until};
use support::queries::Stream;
use support::server::{Server, Start};
use support::table::Table;

const KILLS: u64 = 100;
/// Pools that overrides are written for.
const TARGETS: u64 = 20;
/// A restart must answer within this.
const PROMISED: Duration = Duration::from_secs(1);
/// The longest life between two kills.
const LIFE: Duration = Duration::from_millis(400);
/// Long enough for the first health to be saved: two seconds after the change, and the probe's own time.
const FIRST_LIFE: Duration = Duration::from_millis(5_500);

/// By target: the number of the last acknowledged order.
type Acknowledged = HashMap<String, u64>;

fn main() {
    let kills = support::number("--kills", KILLS);
    let endpoints = Endpoints::start(2);
    endpoints.set(1, Mood::Hangs);
    let zone = zone(endpoints.port);
    let query = Ask::new("www.example.com", 1);
    let probe = (query.clone(), Endpoints::address(0).octets().to_vec());
    let mut server = Server::start(&Start { zone: &zone, wrapper: &[], wildcard: false, probe: probe.clone() });
    let socket = server.directory().join("state").join(SOCKET);
    std::thread::sleep(FIRST_LIFE);
    let (mut draw, mut acknowledged, mut times) = (Draw::new(5), Acknowledged::new(), Vec::new());
    let (mut lost, mut named_dead, mut answered) = (0, 0, 0);
    let number = AtomicU64::new(0);
    for _ in 0..kills {
        let life = LIFE * draw.below(1_000) / 1_000;
        answered += one_life(&mut server, life, &socket, &number, &mut acknowledged);
        times.push(server.crash(&probe, Duration::from_secs(10)));
        named_dead += u64::from(answers(&server, &query).contains(&Endpoints::address(1).octets()));
        lost += missing(&socket, &acknowledged);
    }
    let aside = std::fs::read_dir(server.directory().join("state")).expect("the state directory").flatten();
    let unreadable = aside.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "bad")).count() as u64;
    server.stop();
    times.sort_unstable();
    let most = *times.last().expect("at least one kill");
    let mut table = Table::new("kill -9 under load and during override writes", &["what", "figure", "promised"]);
    let mut row = |what: &str, figure: String, promised: &str| {
        table.row(vec![what.to_owned(), figure, promised.to_owned()]);
    };
    row("kills", kills.to_string(), "-");
    row("orders acknowledged", number.load(Ordering::Relaxed).to_string(), "-");
    row("answers under load", answered.to_string(), "-");
    row("restart to first answer, p50 ms", times[times.len() / 2].as_millis().to_string(), "-");
    row("restart to first answer, most ms", most.as_millis().to_string(), "1000");
    row("overrides lost", lost.to_string(), "0");
    row("first answers that name a dead endpoint", named_dead.to_string(), "0");
    row("state files that could not be read", unreadable.to_string(), "0");
    table.print();
    assert!(most <= PROMISED && lost + named_dead + unreadable == 0, "a crash costs more than promised");
}

/// A name over two endpoints, and pools for the overrides.
fn zone(port: u16) -> String {
    let (up, dead) = (Endpoints::address(0), Endpoints::address(1));
    let mut zone = format!(
        "zone = \"example.com\"\nns = [\"ns1.example.com\"]\n[records]\ntext = \"\"\"\nns1 3600 A 127.0.0.1\n\"\"\"\n\
         [checks.c]\ntype = \"http\"\nport = {port}\ninterval = \"60s\"\ntimeout = \"2s\"\n[pools]\n\
         web = {{ check = \"c\", balance = \"all\", endpoints = [\"{up}\", \"{dead}\"] }}\n"
    );
    for index in 0..TARGETS {
        writeln!(zone, "o{index} = {{ check = \"none\", endpoints = [\"192.0.2.{index}\"] }}")
            .expect("a String takes all");
    }
    zone.push_str("[names]\nwww = { policy = { default = [\"web\"] } }\n");
    for index in 0..TARGETS {
        writeln!(zone, "n{index} = {{ policy = {{ default = [\"o{index}\"] }} }}").expect("a String takes all");
    }
    zone
}

/// Load and orders for a while, then the kill in the middle of both; gives the number of answers.
fn one_life(
    server: &mut Server,
    life: Duration,
    socket: &Path,
    number: &AtomicU64,
    acknowledged: &mut Acknowledged,
) -> u64 {
    let over = AtomicBool::new(false);
    let address = server.address;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let count = number.load(Ordering::Relaxed) + 1;
                let target = format!("pool/o{}", count % TARGETS);
                if order(socket, &target, count) {
                    acknowledged.insert(target, count);
                    number.store(count, Ordering::Relaxed);
                }
            }
        });
        let load = scope.spawn(move || {
            let stream = Stream::same("www", &Ask::new("www.example.com", 1).edns());
            let until = Until::Time(life + Duration::from_millis(20));
            Load { sockets: 1, rate: 5_000.0, until, ..Load::default() }.run(address, &stream).answered
        });
        std::thread::sleep(life);
        server.kill();
        over.store(true, Ordering::Relaxed);
        writer.join().expect("it only asks");
        load.join().expect("it only asks")
    })
}

/// Sets an override with a number as its reason; true if the server said that it is done.
fn order(socket: &Path, target: &str, number: u64) -> bool {
    let state = ["drain", "up", "down", "auto"][number as usize % 4].to_owned();
    let order = Order {
        target: target.to_owned(),
        state: Some(state),
        reason: number.to_string(),
        force: true,
        ..Order::default()
    };
    match ask(socket, &Request::Set(order)) {
        Ok(Answer::Done(done)) => {
            assert!(done.warnings.iter().all(|warning| !warning.contains("restart")), "{:?}", done.warnings);
            true
        }
        // Killed meanwhile.
        Err(_) => false,
        Ok(other) => panic!("an order was not taken: {other:?}"),
    }
}

/// How many acknowledged overrides the server does not have any more.
fn missing(socket: &Path, acknowledged: &Acknowledged) -> u64 {
    let began = Instant::now();
    let status = loop {
        // The socket opens a moment after the first answer.
        match ask(socket, &Request::Status) {
            Ok(Answer::Status(status)) => break status,
            other => assert!(began.elapsed() < Duration::from_secs(5), "no status: {other:?}"),
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let held = |target: &String| {
        let row = status.overrides.iter().find(|row| row.target == *target)?;
        row.reason.parse::<u64>().ok()
    };
    acknowledged.iter().filter(|(target, number)| held(target).is_none_or(|held| held < **number)).count() as u64
}

/// The addresses of an answer.
fn answers(server: &Server, query: &Ask) -> Vec<[u8; 4]> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket on loopback");
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout above zero");
    let mut reply = [0; 1_500];
    socket.send_to(&query.bytes(), server.address).expect("a route to the server");
    let length = socket.recv(&mut reply).expect("an answer");
    // Each record: a pointer to the name, ten octets, the address; behind the question.
    let records = &reply[12 + query.question().len()..length];
    records.chunks_exact(16).map(|record| [record[12], record[13], record[14], record[15]]).collect()
}
