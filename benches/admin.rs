//! The admin server under load: what it costs those who ask DNS. A real server with 10,002 endpoints under checks.
//!
//! `cargo bench --bench admin [-- --scrape | --flood] [--rounds N] [--every MILLISECONDS] [--json]`
//!
//! * scrape: `/metrics` is read whole, once in so many milliseconds, while DNS is asked at a fixed rate. A scrape must
//!   take no longer than 100 ms.
//! * flood: bodies of a gigabyte and 500 idle connections, all the time, while DNS is asked. No query may be lost.
//!
//! Slices with and without it take turns. The last column is the ratio of quiet slices to quiet slices: what a ratio is
//! worth on this machine, at this time.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::load::{Load, Outcome, Until};
use support::queries::Stream;
use support::server::{Server, Start, static_probe};
use support::table::Table;
use support::turns::{self, Turns};
use support::zones::many_names_with;
use support::{flag, number};

/// A scrape takes no longer than this.
const PROMISED: Duration = Duration::from_millis(100);
/// Policies of the zone, three pools of two endpoints each; and its names.
const SIZE: (usize, usize) = (1_667, 10_000);
/// Queries a second.
const RATE: f64 = 5_000.0;
/// How long one slice takes.
const SLICE: Duration = Duration::from_secs(2);
/// Connections that say nothing.
const IDLE: usize = 500;
/// Octets of a body that is too large.
const BODY: u64 = 1 << 30;
/// The admin server's token.
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn main() {
    let (scrape, flood) = (flag("--scrape"), flag("--flood"));
    let rounds = number("--rounds", 10) as usize;
    let bench = Bench::start();
    let mut kept = true;
    if scrape || !flood {
        kept &= bench.scrape(rounds, Duration::from_millis(number("--every", 1_000)));
    }
    if flood || !scrape {
        kept &= bench.flood(rounds);
    }
    bench.server.stop();
    assert!(kept, "the admin server costs more than promised");
}

/// The server and what it is asked.
struct Bench {
    server: Server,
    admin: SocketAddr,
    stream: Stream,
    _files: tempfile::TempDir,
}

impl Bench {
    fn start() -> Self {
        let files = tempfile::tempdir().expect("a scratch directory");
        let (state, token) = (files.path().join("state"), files.path().join("token"));
        std::fs::write(&state, "up").expect("room for a word");
        std::fs::write(&token, TOKEN).expect("room for a token");
        let check = format!(
            "[checks.c]\ntype = \"push\"\nfile = \"{}\"\nexpires = \"1h\"\ninterval = \"10s\"\n",
            state.display()
        );
        let zone = many_names_with(SIZE.1, SIZE.0, "c", &check);
        let start = Start { zone: &zone, wrapper: &[], wildcard: false, probe: static_probe() };
        let (server, admin) = Server::start_with_admin(&start, &token);
        let stream = Stream::many_names("many", SIZE.1 as u32, 100_000);
        // Until the first probes of all are in.
        let began = Instant::now();
        while get(admin, "/readyz").is_ok_and(|reply| !reply.starts_with(b"HTTP/1.1 200")) {
            assert!(began.elapsed() < Duration::from_secs(60), "the server is ready");
            std::thread::sleep(Duration::from_millis(100));
        }
        Self { server, admin, stream, _files: files }
    }

    fn ask(&self) -> Outcome {
        Load { sockets: 2, window: 64, rate: RATE, until: Until::Time(SLICE) }.run(self.server.address, &self.stream)
    }

    /// Asks while others do something, each until it is told to stop.
    fn ask_beside(&self, others: &[&(dyn Fn(&AtomicBool) + Sync)]) -> Outcome {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for other in others {
                scope.spawn(|| other(&stop));
            }
            let outcome = self.ask();
            stop.store(true, Ordering::Relaxed);
            outcome
        })
    }

    /// True if a scrape takes no longer than promised.
    fn scrape(&self, rounds: usize, every: Duration) -> bool {
        let (times, octets) = (std::sync::Mutex::new(Vec::new()), AtomicU64::new(0));
        let scraper = |stop: &AtomicBool| {
            // Not at once: the first one is within the slice, too.
            let mut next = Instant::now() + every / 2;
            while !stop.load(Ordering::Relaxed) {
                if Instant::now() < next {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
                next += every;
                let began = Instant::now();
                let page = get(self.admin, "/metrics").expect("the admin server answers");
                times.lock().expect("nobody panics").push(began.elapsed());
                assert!(page.ends_with(b"\n") && page.len() > 1 << 20, "the whole page");
                octets.store(page.len() as u64, Ordering::Relaxed);
            }
        };
        let turns = Turns::take(&self.server, rounds, || self.ask(), || self.ask_beside(&[&scraper]));
        let mut times = times.into_inner().expect("nobody panics");
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        let columns = ["scrapes", "octets", "p50 ms", "p99 ms", "most ms", "promised ms"];
        let mut table = Table::new("/metrics of 10,002 endpoints, read whole while DNS is asked", &columns);
        let mut row = vec![times.len().to_string(), octets.into_inner().to_string()];
        row.extend([at(0.5), at(0.99), at(1.0), PROMISED].map(|time| format!("{:.1}", time.as_secs_f64() * 1e3)));
        table.row(row);
        table.print();
        costs("DNS without and with scrapes", &turns);
        at(0.5) <= PROMISED
    }

    /// True if no query was lost.
    fn flood(&self, rounds: usize) -> bool {
        let sent = AtomicU64::new(0);
        let idler = |stop: &AtomicBool| {
            let mut idle = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                // The server closes those that have been idle for longest: others take their places.
                idle.extend((idle.len()..IDLE).filter_map(|_| TcpStream::connect(self.admin).ok()));
                std::thread::sleep(Duration::from_millis(10));
                idle.drain(..idle.len() / 10);
            }
        };
        let sender = |stop: &AtomicBool| {
            while !stop.load(Ordering::Relaxed) {
                sent.fetch_add(large_body(self.admin, stop), Ordering::Relaxed);
            }
        };
        let turns = Turns::take(&self.server, rounds, || self.ask(), || self.ask_beside(&[&idler, &sender]));
        costs("DNS without and with 500 idle connections and bodies of 1 GB", &turns);
        println!("  {} MB of bodies were taken by somebody's buffers", sent.into_inner() >> 20);
        turns.lost(true) == 0 && turns.lost(false) == 0
    }
}

/// What DNS notices.
fn costs(title: &'static str, turns: &Turns) {
    let mut table = Table::new(title, &turns::COLUMNS);
    turns.rows("quiet", "busy").into_iter().for_each(|row| table.row(row));
    table.print();
}

/// A whole response.
fn get(to: SocketAddr, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(to)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut reply = Vec::with_capacity(8 << 20);
    stream.read_to_end(&mut reply)?;
    Ok(reply)
}

/// Sends a body that is too large, until the server will have no more of it. Gives the octets that were taken.
fn large_body(to: SocketAddr, stop: &AtomicBool) -> u64 {
    let (mut sent, part) = (0, [b' '; 1 << 16]);
    let Ok(mut stream) = TcpStream::connect(to) else { return 0 };
    let _closes = stream.set_write_timeout(Some(Duration::from_secs(1)));
    let head = format!(
        "POST /api/v1/overrides HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
         Transfer-Encoding: chunked\r\n\r\n{BODY:x}\r\n"
    );
    if stream.write_all(head.as_bytes()).is_err() {
        return 0;
    }
    while sent < BODY && !stop.load(Ordering::Relaxed) && stream.write_all(&part).is_ok() {
        sent += part.len() as u64;
    }
    sent
}
