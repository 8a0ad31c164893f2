//! Floods: what others notice of them.
//!
//! `cargo bench --bench abuse [-- --limits | --random-names] [--seconds N] [--json]`
//!
//! * limits: 10,000 queries a second from one /24 at a limit of 50, beside other networks, a client of the same /24 with a
//!   cookie, and a resolver that asks 5,000 times a second for 5,000 client subnets. Addresses are those of loopback.
//! * random names: 50,000 queries a second for names that do not exist, in a plain and in a signed zone (asking for
//!   signatures), without limits and with them; what answers take meanwhile, and the server's memory.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use geosteer::control::{Answer, Request, SOCKET, ask};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::ask::Ask;
use support::load::{First, Load, Until};
use support::queries::Stream;
use support::server::{Server, Start, pinned, static_probe};
use support::table::Table;
use support::zones::{three_regions, three_regions_signed};
use support::{flag, number};

/// The limit of replies a second.
const LIMIT: u64 = 50;
const COOKIE: u16 = 10;
/// Positive answers must come within this while names are flooded, microseconds.
const PROMISED_P99: u32 = 5_000;

fn main() {
    let all = !["--limits", "--random-names"].iter().any(|part| flag(part));
    let seconds = number("--seconds", 10);
    let mut kept = true;
    if all || flag("--limits") {
        kept &= limits(seconds);
    }
    if all || flag("--random-names") {
        kept &= random_names(seconds);
    }
    assert!(kept, "a flood is felt more than promised");
}

fn start(zone: &str, tables: &str) -> Server {
    let start = Start { zone, wrapper: &pinned(), wildcard: false, probe: static_probe() };
    Server::start_with(&start, tables)
}

/// Somebody who asks at a fixed rate.
struct Flow {
    name: &'static str,
    socket: UdpSocket,
    rate: f64,
    messages: Vec<Vec<u8>>,
    sent: u64,
    left_out: u64,
    full: u64,
    slipped: u64,
}

impl Flow {
    fn new(name: &'static str, from: &str, server: SocketAddr, (rate, messages): (f64, Vec<Vec<u8>>)) -> Self {
        let socket = UdpSocket::bind((from, 0)).expect("an address of loopback");
        socket.connect(server).expect("a route to the server");
        socket.set_nonblocking(true).expect("sockets can be non-blocking");
        // As much as the system gives: replies that have no room are nobody's doing.
        let _less = socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20);
        Self { name, socket, rate, messages, sent: 0, left_out: 0, full: 0, slipped: 0 }
    }

    /// Sends what is due. What a machine that was busy elsewhere kept it from sending for long is left out: who asks at
    /// a rate does not ask for a second's worth at once.
    fn send(&mut self, elapsed: Duration) {
        let due = (self.rate * elapsed.as_secs_f64()) as u64;
        let most = (self.rate / 10.0) as u64 + 1;
        self.left_out = self.left_out.max(due.saturating_sub(self.sent + most));
        for _ in 0..due.saturating_sub(self.sent + self.left_out).min(64) {
            let message = &self.messages[self.sent as usize % self.messages.len()];
            if self.socket.send(message).is_err() {
                return;
            }
            self.sent += 1;
        }
    }

    fn receive(&mut self) {
        let mut reply = [0; 1_232];
        while let Ok(length) = self.socket.recv(&mut reply) {
            assert!(length >= 12, "a reply has a header");
            match reply[2] & 2 {
                0 if reply[7] > 0 => self.full += 1,
                _ => self.slipped += 1,
            }
        }
    }

    fn lost(&self) -> u64 {
        self.sent - self.full - self.slipped
    }
}

/// A whole cookie for a socket's address, in a query.
fn with_cookie(flow: &Flow) -> Vec<u8> {
    let ask = |cookie: &[u8]| Ask::new("www.example.com", 1).option(COOKIE, cookie).bytes();
    let mut reply = [0; 1_232];
    flow.socket.set_nonblocking(false).expect("sockets can be blocking");
    flow.socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout above zero");
    flow.socket.send(&ask(&[7; 8])).expect("a route to the server");
    let length = flow.socket.recv(&mut reply).expect("a reply");
    flow.socket.set_nonblocking(true).expect("sockets can be non-blocking");
    ask(&reply[length - 24..length])
}

fn limits(seconds: u64) -> bool {
    let server = start(&three_regions(), &format!("[rrl]\nresponses_per_second = {LIMIT}\n"));
    let plain = || vec![Ask::new("www.example.com", 1).bytes()];
    let subnet = |number: u32| {
        Ask::new("www.example.com", 1).subnet(&format!("10.{}.{}.0/24", number / 256, number % 256)).bytes()
    };
    let mut flows = vec![
        Flow::new("flood, 10,000/s", "127.9.1.1", server.address, (10_000.0, plain())),
        Flow::new("same /24, cookie", "127.9.1.2", server.address, (500.0, Vec::new())),
        Flow::new("resolver, 5,000 subnets", "127.9.2.1", server.address, (5_000.0, (0..5_000).map(subnet).collect())),
    ];
    flows[1].messages = vec![with_cookie(&flows[1])];
    for from in ["127.9.3.1", "127.9.4.1", "127.9.5.1", "127.9.6.1"] {
        flows.push(Flow::new("another /24, 45/s", from, server.address, (45.0, plain())));
    }
    let _first = First::now();
    let (began, end) = (Instant::now(), Duration::from_secs(seconds));
    while began.elapsed() < end {
        let elapsed = began.elapsed();
        flows.iter_mut().for_each(|flow| flow.send(elapsed));
        flows.iter_mut().for_each(Flow::receive);
        std::thread::sleep(Duration::from_micros(200));
    }
    std::thread::sleep(Duration::from_millis(300));
    flows.iter_mut().for_each(Flow::receive);
    let mut table = Table::new("limits: replies", &["who", "sent", "in full", "with TC", "none"]);
    for flow in &flows {
        let cells = [flow.sent, flow.full, flow.slipped, flow.lost()].map(|count| count.to_string());
        table.row(std::iter::once(flow.name.to_owned()).chain(cells).collect());
    }
    table.print();
    let [dropped, slipped] = ["dropped", "slipped"].map(|fate| over_limit(&server, fate));
    let flood = &flows[0];
    // What the kernel lost on the way back is none of the server's doing. The room of one second is had at once.
    let replies = flood.sent.saturating_sub(dropped + slipped);
    let per_second = replies.saturating_sub(LIMIT) as f64 / seconds as f64;
    let off = (per_second / LIMIT as f64 - 1.0) * 100.0;
    println!("\n  flood: {per_second:.2} replies a second at a limit of {LIMIT} ({off:+.2} %)");
    println!("  over the limit: {dropped} dropped, {slipped} slipped");
    let limited: u64 = flows[1..].iter().map(|flow| flow.slipped).sum();
    let none: u64 = flows[1..].iter().map(Flow::lost).sum();
    println!("  others: {limited} limited; {none} had no room in their sockets");
    off.abs() <= 10.0 && slipped == (dropped + slipped) / 2 && limited == 0
}

/// How many replies the server says were over a limit and had this fate.
fn over_limit(server: &Server, fate: &str) -> u64 {
    let answer = ask(&server.directory().join("state").join(SOCKET), &Request::Metrics);
    let Ok(Answer::Metrics { text }) = answer else { panic!("no metrics: {answer:?}") };
    let is_it = |line: &&str| line.starts_with("geosteer_rrl_limited_total") && line.contains(fate);
    let value = |line: &str| line.rsplit(' ').next().and_then(|word| word.parse::<u64>().ok());
    text.lines().filter(is_it).filter_map(value).sum()
}

/// Sends queries for names that do not exist until it is told to stop; gives how many a second it sent.
fn flood(server: SocketAddr, rate: f64, messages: Vec<Vec<u8>>, stop: &AtomicBool) -> f64 {
    let mut flow = Flow::new("flood", "127.9.1.1", server, (rate, messages));
    let began = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..4 {
            flow.send(began.elapsed());
        }
        flow.receive();
        std::thread::sleep(Duration::from_micros(100));
    }
    flow.sent as f64 / began.elapsed().as_secs_f64()
}

fn random_names(seconds: u64) -> bool {
    let columns = ["zone", "[rrl]", "flood/s", "answers/s", "lost", "p50 µs", "p99 µs", "MB before", "MB after"];
    let mut table = Table::new("random names: answers to others meanwhile", &columns);
    let mut kept = true;
    let [plain, signed] = [three_regions(), three_regions_signed()];
    let kinds = [("plain", &plain), ("signed", &signed)];
    let limits = [("off", ""), ("on", "[rrl]\n")];
    let all = kinds.iter().flat_map(|kind| limits.iter().map(move |limit| (kind, limit)));
    // All before the first load, so that they are as nice as this process was when it began.
    let servers: Vec<_> = all.map(|(kind, limit)| (kind.0, limit.0, start(kind.1, limit.1))).collect();
    for (zone, limits, server) in &servers {
        let kind: fn(Ask) -> Ask = if *zone == "signed" { Ask::dnssec_ok } else { Ask::edns };
        let stream = Stream::same("www", &kind(Ask::new("www.example.com", 1)));
        let load = |seconds| Load { rate: 100.0, until: Until::Time(Duration::from_secs(seconds)), ..Load::default() };
        load(1).run(server.address, &stream);
        let (before, stop) = (server.megabytes("VmRSS"), AtomicBool::new(false));
        let messages = Stream::missing_asked("missing", 100_000, kind).messages;
        let (sent, outcome) = std::thread::scope(|scope| {
            let flood = scope.spawn(|| flood(server.address, 50_000.0, messages, &stop));
            let outcome = load(seconds).run(server.address, &stream);
            stop.store(true, Ordering::Relaxed);
            (flood.join().expect("the flood does not panic"), outcome)
        });
        let (p99, after) = (outcome.percentile(0.99), server.megabytes("VmRSS"));
        table.row(vec![
            (*zone).to_owned(),
            (*limits).to_owned(),
            format!("{sent:.0}"),
            format!("{:.0}", outcome.rate()),
            outcome.lost.to_string(),
            outcome.percentile(0.5).to_string(),
            p99.to_string(),
            format!("{before:.1}"),
            format!("{after:.1}"),
        ]);
        kept &= p99 < PROMISED_P99 && after < before + 1.0;
    }
    table.print();
    kept
}
