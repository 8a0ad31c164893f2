//! An endpoint dies: how long until the first answer without it. A real server, real probes, real queries.
//!
//! `cargo bench --bench failover [-- --endpoints N] [--json]`
//!
//! Every endpoint is the only one of its pool and dies at a moment of its own; its name is asked every few milliseconds
//! until the answer is the spare pool's. Interval 1 s, fall 3, timeout 0.5 s; the promise is `fall × interval +
//! timeout + 0.1 s`. Endpoints die in two ways: the next connection is closed, or it is taken and nothing comes.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use geosteer::worker::Draw;
use std::net::UdpSocket;
use std::time::{Duration, Instant};
use support::ask::Ask;
use support::endpoints::{Endpoints, Mood};
use support::server::{Server, Start, static_probe};
use support::table::Table;

const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_millis(500);
const FALL: u32 = 3;
/// What the promise adds to the probes' own times.
const GRACE: Duration = Duration::from_millis(100);
/// Endpoints of one way to die.
const ENDPOINTS: u64 = 300;
/// In which they die.
const SPAN: Duration = Duration::from_secs(12);
/// Between two rounds of questions: how exactly a time is known.
const ROUND: Duration = Duration::from_millis(5);

fn main() {
    let count = support::number("--endpoints", ENDPOINTS) as usize;
    let promised = INTERVAL * FALL + TIMEOUT + GRACE;
    let columns = ["how it dies", "endpoints", "p50 s", "p99 s", "most s", "promised s", "kept"];
    let mut table = Table::new("an endpoint dies: until the first answer without it", &columns);
    let mut kept = true;
    for (how, mood) in [("connections are closed", Mood::Closes), ("connections hang", Mood::Hangs)] {
        let mut times = measure(count, mood);
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        let fine = at(0.99) <= promised;
        kept &= fine;
        let seconds = |time: Duration| format!("{:.3}", time.as_secs_f64());
        let figures = [at(0.5), at(0.99), at(1.0), promised].map(seconds);
        let [half, most, worst, promised] = figures;
        let kept = if fine { "yes" } else { "NO" }.to_owned();
        table.row(vec![how.to_owned(), times.len().to_string(), half, most, worst, promised, kept]);
    }
    table.print();
    assert!(kept, "an endpoint stays in the answers longer than promised");
}

/// Lets all endpoints die, each at a moment of its own; gives the time that each stayed in the answers.
fn measure(count: usize, mood: Mood) -> Vec<Duration> {
    let endpoints = Endpoints::start(count);
    let zone = zone(count, endpoints.port);
    // All of them fail within a few seconds, and that is meant.
    let server = Server::start_with(
        &Start { zone: &zone, wrapper: &[], wildcard: false, probe: static_probe() },
        "[guard]\nshare = 100\n",
    );
    let mut asking = Asking::new(&server, count);
    let began = Instant::now();
    let mut all_in = false;
    while !all_in {
        all_in = asking.round(&vec![true; count]).iter().all(|seen| *seen == Some(true));
        assert!(began.elapsed() < Duration::from_secs(20), "all endpoints are up");
    }
    // Past the first round, on the grid of the prober.
    std::thread::sleep(INTERVAL * 2);
    let mut draw = Draw::new(11);
    let deaths: Vec<Duration> = (0..count).map(|_| SPAN * draw.below(1_000) / 1_000).collect();
    let (mut died, mut took) = (vec![None; count], vec![None; count]);
    let began = Instant::now();
    while took.iter().any(Option::is_none) {
        for index in 0..count {
            if died[index].is_none() && began.elapsed() >= deaths[index] {
                endpoints.set(index, mood);
                died[index] = Some(Instant::now());
            }
        }
        let open: Vec<bool> = (0..count).map(|index| died[index].is_some() && took[index].is_none()).collect();
        let round = Instant::now();
        for (index, seen) in asking.round(&open).into_iter().enumerate() {
            if seen == Some(false) {
                took[index] = died[index].map(|died| died.elapsed());
            }
        }
        assert!(began.elapsed() < SPAN + Duration::from_secs(30), "all of them are left in the end");
        std::thread::sleep(ROUND.saturating_sub(round.elapsed()));
    }
    server.stop();
    took.into_iter().flatten().collect()
}

/// A pool and a name for each endpoint, and a spare that nothing probes.
fn zone(count: usize, port: u16) -> String {
    use std::fmt::Write as _;
    let mut zone = format!(
        "zone = \"example.com\"\nns = [\"ns1.example.com\"]\n[records]\ntext = \"\"\"\nns1 3600 A 127.0.0.1\n\
         static 60 A 192.0.2.1\n\"\"\"\n[checks.c]\ntype = \"http\"\nport = {port}\ninterval = \"{}s\"\n\
         timeout = \"{}ms\"\nfall = {FALL}\n[pools]\nspare = {{ check = \"none\", endpoints = [\"192.0.2.99\"] }}\n",
        INTERVAL.as_secs(),
        TIMEOUT.as_millis(),
    );
    for index in 0..count {
        let address = Endpoints::address(index);
        writeln!(zone, "p{index} = {{ check = \"c\", endpoints = [\"{address}\"] }}").expect("a String takes all");
    }
    zone.push_str("[names]\n");
    for index in 0..count {
        writeln!(zone, "n{index} = {{ policy = {{ default = [\"p{index}\", \"spare\"] }} }}")
            .expect("a String takes all");
    }
    zone
}

/// Asks many names at once.
struct Asking {
    socket: UdpSocket,
    queries: Vec<Vec<u8>>,
}

impl Asking {
    fn new(server: &Server, count: usize) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket on loopback");
        socket.connect(server.address).expect("a route to the server");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout above zero");
        let query = |index| Ask::new(&format!("n{index}.example.com"), 1).id(index as u16).bytes();
        Self { socket, queries: (0..count).map(query).collect() }
    }

    /// Asks those that are wanted; for each that is answered: is the endpoint in the answer?
    fn round(&mut self, wanted: &[bool]) -> Vec<Option<bool>> {
        let mut seen = vec![None; wanted.len()];
        let mut open = 0;
        for (query, _) in self.queries.iter().zip(wanted).filter(|(_, wanted)| **wanted) {
            open += usize::from(self.socket.send(query).is_ok());
        }
        let mut reply = [0; 1_500];
        while open > 0 {
            let Ok(length) = self.socket.recv(&mut reply) else { break };
            open -= 1;
            let index = usize::from(u16::from_be_bytes([reply[0], reply[1]]));
            seen[index] = Some(reply[length - 4..length] == Endpoints::address(index).octets());
        }
        seen
    }
}
