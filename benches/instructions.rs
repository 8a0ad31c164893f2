//! User-space instructions a query, counted by callgrind: repeatable on noisy machines.
//!
//! `cargo bench --bench instructions [-- --engine | --server] [--queries N] [--tables TOML] [--json]`
//!
//! The engine's figure is `respond` alone, called in a loop. The server's figure is everything between two system
//! calls, as the slope between a short and a long load on the built binary, so that its start cancels out; `--tables` adds to its
//! server file, as a query log. Replies are limited in the rows with rrl (limits that nobody reaches) and in no other.

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/proof/common/state.rs"]
mod state;
mod support;

use geosteer::cookies::Cookies;
use geosteer::dnssec::{Algorithm, Key, Role, Signer};
use geosteer::health;
use geosteer::limits::{RRL_MAX, UDP_REPLY_MAX};
use geosteer::respond::{Request, Transport, Verdict, respond};
use geosteer::rrl::{Class, Limiter, Rules};
use geosteer::snapshot::{Signing, Snapshot};
use geosteer::state::{Identity, State};
use geosteer::steer::Observed;
use geosteer::worker::Worker;
use std::hint::black_box;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use support::ask::Ask;
use support::callgrind;
use support::load::{Load, Until};
use support::queries::Stream;
use support::server::{Server, Start, has, static_probe};
use support::table::Table;
use support::zones::{self, METHODS, NAMES, POLICIES};

/// Queries of one measurement unless `--queries` says otherwise.
const QUERIES: u64 = 20_000;

/// The stream whose cookie is one of the server's.
const OWN_COOKIE: &str = "a cookie of ours: static";

fn main() {
    if let Some(zone) = support::option("--inner") {
        return inner(&zone);
    }
    if !has("valgrind") {
        println!("instructions: valgrind is not installed, nothing is counted");
        return;
    }
    let (engine, server) = (support::flag("--engine"), support::flag("--server"));
    if engine || !server {
        let mut table = Table::new("instructions a query: respond alone", &["queries", "instructions"]);
        for zone in ["small", "rrl", "cookies", "methods", "equally near", "100k", "signed"] {
            for (stream, count) in streams(zone).iter().zip(engine_counts(zone)) {
                table.row(vec![stream.name.clone(), count.to_string()]);
            }
        }
        table.print();
    }
    if server || !engine {
        let mut table = Table::new("instructions a query: the whole server", &["queries", "instructions"]);
        for zone in ["small", "rrl", "cookies", "signed"] {
            for stream in streams(zone) {
                table.row(vec![stream.name.clone(), server_slope(zone, &stream).to_string()]);
            }
        }
        table.print();
    }
}

fn queries() -> u64 {
    support::number("--queries", QUERIES)
}

fn zone_text(zone: &str) -> String {
    match zone {
        "small" | "rrl" | "cookies" => zones::three_regions(),
        "signed" => zones::three_regions_signed(),
        "methods" => zones::methods(),
        "equally near" => zones::equally_near(),
        "100k" => zones::many_names(NAMES, POLICIES),
        _ => panic!("no zone is called {zone}"),
    }
}

/// What is asked of each zone.
fn streams(zone: &str) -> Vec<Stream> {
    match zone {
        "small" => vec![
            Stream::same("static", &Ask::new("static.example.com", 1).edns()),
            Stream::same("geo, resolver's address", &Ask::new("www.example.com", 1).edns()),
            Stream::subnets("geo + subnet", "www.example.com", 100_000),
            Stream::missing("NXDOMAIN", 50_000),
        ],
        "rrl" => vec![
            Stream::same("rrl on: static", &Ask::new("static.example.com", 1).edns()),
            Stream::subnets("rrl on: geo + subnet", "www.example.com", 100_000),
            Stream::missing("rrl on: NXDOMAIN", 50_000),
        ],
        "cookies" => vec![
            Stream::same("a client cookie alone: static", &with_cookie(&[7; 8])),
            Stream::same(OWN_COOKIE, &with_cookie(&[7; 8])),
        ],
        "signed" => vec![
            Stream::same("signed: static", &Ask::new("static.example.com", 1).dnssec_ok()),
            Stream::signed_subnets("signed: geo + subnet", "www.example.com", 100_000),
            Stream::subnets("signed zone, nobody asks for signatures: geo + subnet", "www.example.com", 100_000),
        ],
        "methods" => {
            let stream =
                |(method, name): &(&str, &str)| Stream::subnets(method, &format!("{name}.example.com"), 100_000);
            METHODS.iter().map(stream).collect()
        }
        "equally near" => vec![Stream::subnets("nearest, all four equally near", "nearest.example.com", 100_000)],
        _ => vec![Stream::many_names("100,000 names + subnet", NAMES as u32, 100_000)],
    }
}

fn with_cookie(cookie: &[u8]) -> Ask {
    Ask::new("static.example.com", 1).option(10, cookie)
}

/// The stream's messages; a cookie of the server's own is asked for first.
fn messages(stream: &Stream, ask: impl FnOnce(&[u8]) -> Vec<u8>) -> Stream {
    if stream.name != OWN_COOKIE {
        return Stream { name: stream.name.clone(), messages: stream.messages.clone() };
    }
    let reply = ask(&stream.messages[0]);
    Stream::same(OWN_COOKIE, &with_cookie(&reply[reply.len() - 24..]))
}

/// Limits that are counted, and that nobody here reaches.
const LIMITS: &str =
    "[rrl]\nresponses_per_second = 1000000\nnxdomains_per_second = 1000000\nall_per_second = 1000000\n";

/// What the server answers with besides its zone.
fn identity(zone: &str) -> Identity {
    let rules = Rules { per_second: [RRL_MAX; Class::ALL.len()], ..Rules::default() };
    Identity {
        limiter: (zone == "rrl").then(|| Limiter::new(rules, [1, 2, 3, 4])),
        cookies: (zone == "cookies").then(|| Cookies::new(&[[7; 16]], false, 1_800_000_000)),
        ..Identity::default()
    }
}

/// Runs this program under callgrind, once for each stream.
fn engine_counts(zone: &str) -> Vec<u64> {
    (0..streams(zone).len()).map(|stream| engine_count(zone, stream) / queries()).collect()
}

fn engine_count(zone: &str, stream: usize) -> u64 {
    callgrind::count(&["--inner", zone, "--stream", &stream.to_string(), "--queries", &queries().to_string()])
}

/// The part that runs under callgrind: one stream. The first query's allocations drown in the number.
fn inner(zone: &str) {
    let state = State { identity: Arc::new(identity(zone)), ..state_with_numbers(&zone_text(zone)) };
    let (stream, mut worker) = (&streams(zone)[support::number("--stream", 0) as usize], Worker::new(1));
    let stream = messages(stream, |message| {
        let mut out = [0; UDP_REPLY_MAX];
        let length = one(&state, &mut worker, message, &mut out);
        out[..length].to_vec()
    });
    measured(&state, &mut worker, &stream, queries());
}

/// Every endpoint is up, and has told a load and a time.
fn state_with_numbers(zone: &str) -> State {
    let mut spec = state::spec(zone);
    for zone in spec.zones.iter_mut().filter(|zone| zone.signing.wanted().is_some()) {
        let key = Key::generate(Algorithm::EcdsaP256Sha256, Role::Entry).expect("the library makes keys");
        zone.signing = Signing::On(Arc::new(Signer::new(&zone.apex, vec![key], 1_800_000_000)));
    }
    let snapshot = Snapshot::build(spec, state::databases()).expect("the zone compiles");
    State::offline_with(Arc::new(snapshot), |id| {
        let number = 1 + id.index() as u32 * 7 % 10;
        let time_us = [Some(10_000 + 300 * number); 2];
        Observed { load: health::Load::new(f64::from(number)), time_us, ..Observed::UP }
    })
}

#[inline(never)]
fn measured(state: &State, worker: &mut Worker, stream: &Stream, count: u64) {
    let mut out = [0; UDP_REPLY_MAX];
    for message in stream.messages.iter().cycle().take(count as usize) {
        one(state, worker, message, &mut out);
    }
}

#[inline(always)]
fn one(state: &State, worker: &mut Worker, message: &[u8], out: &mut [u8]) -> usize {
    let request = Request {
        bytes: message,
        source: std::net::SocketAddr::from(([198, 51, 100, 53], 5353)).into(),
        transport: Transport::Udp,
    };
    match respond(state, worker, black_box(&request), black_box(out)) {
        Verdict::Send(length) => length,
        _ => panic!("every query here has an answer"),
    }
}

/// Instructions a query of the server's process.
fn server_slope(zone: &str, stream: &Stream) -> u64 {
    let (short, long) = (queries() / 4, queries());
    let [(few, less), (many, more)] = [short, long].map(|count| server_count(zone, stream, count));
    (more - less) / (many - few)
}

fn asked(server: SocketAddr, message: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket on loopback");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout above zero");
    socket.send_to(message, server).expect("a route to the server");
    let mut reply = vec![0; UDP_REPLY_MAX];
    let length = socket.recv(&mut reply).expect("a reply");
    reply.truncate(length);
    reply
}

/// Answers and instructions of one life of the server.
fn server_count(zone: &str, stream: &Stream, count: u64) -> (u64, u64) {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let out = directory.path().join("counts");
    let wrapper =
        ["valgrind".to_owned(), "--tool=callgrind".to_owned(), format!("--callgrind-out-file={}", out.display())];
    let limits = if zone == "rrl" { LIMITS } else { "" };
    let zone = zone_text(zone);
    let start = Start { zone: &zone, wrapper: &wrapper, wildcard: false, probe: static_probe() };
    let server = Server::start_with(&start, &(limits.to_owned() + &support::option("--tables").unwrap_or_default()));
    let stream = &messages(stream, |message| asked(server.address, message));
    let load = Load { sockets: 4, window: 16, until: Until::Answers(count), ..Load::default() };
    let run = load.run(server.address, stream);
    server.stop();
    (run.answered, callgrind::total(&out))
}
