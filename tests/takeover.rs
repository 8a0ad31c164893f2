//! One server takes over from another, under load: the same sockets, no query lost, one writer of the state directory.

use geosteer::clock;
use geosteer::control::{Answer, Order, Request, Takeover, ask};
use geosteer::priority;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

mod process;
use process::{Process, query, run};

/// A query that is not answered within this time is lost.
const LOST: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(60);

/// Two balanced names, one of them behind a check that passes as long as the file says so.
fn files(folder: &Path) {
    let zone = "zone = \"example.com\"\nns = [\"ns.example.net\"]\nrecords.text = \"static A 192.0.2.99\"\n\
                checks.file = { type = \"push\", file = \"up\", expires = \"1h\", interval = \"1s\", timeout = \"500ms\" }\n\
                pools.one = { check = \"file\", endpoints = [\"192.0.2.1\"] }\n\
                pools.two = { check = \"none\", endpoints = [\"192.0.2.2\"] }\n\
                names.www.policy.default = [\"one\", \"two\"]\n";
    std::fs::write(folder.join("example.com.toml"), zone).unwrap();
    std::fs::write(folder.join("up"), "up\n").unwrap();
    let server = "zones = [\"example.com.toml\"]\nstate = \"state\"\nadmin.listen = \"off\"\n\
                  dns = { listen = [\"127.0.0.1:0\"], threads = 2, tcp_idle = \"5m\" }\nprocess.user = \"root\"\n";
    std::fs::write(folder.join("geosteer.toml"), server).unwrap();
}

fn start(folder: &Path, more: &[&str]) -> Process {
    Process::start(run().arg("--config").arg(folder.join("geosteer.toml")).args(more))
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("state/admin.sock")
}

fn asked(folder: &Path, request: &Request) -> Answer {
    ask(&socket(folder), request).unwrap()
}

fn drain() -> Request {
    Request::Set(Order { target: "pool/one".into(), state: Some("drain".into()), ..Order::default() })
}

/// Before its first round of probes a server says nothing of balanced names.
fn until_answered(address: SocketAddr) {
    let (socket, start) = (UdpSocket::bind("127.0.0.1:0").unwrap(), clock::instant());
    socket.connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    while socket.send(&query("www.example.com", 1)).and_then(|_| socket.recv(&mut [0; 1500])).is_err() {
        assert!(start.elapsed() < LONG, "the first round does not end");
    }
}

/// Clients that ask for `www` over UDP without a pause, each one query at a time.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<std::thread::JoinHandle<u64>>,
}

impl Load {
    fn on(address: SocketAddr, clients: usize) -> Self {
        until_answered(address);
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let client = |_| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            std::thread::spawn(move || {
                // As if from another machine: it does not take the processor from those who hand over.
                priority::behind_answers();
                let (mut lost, mut buffer) = (0, [0; 1500]);
                while !stop.load(Ordering::Relaxed) {
                    // A new port each time: the kernel chooses another of the server's sockets.
                    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                    socket.connect(address).unwrap();
                    socket.set_read_timeout(Some(LOST)).unwrap();
                    for _ in 0..16 {
                        socket.send(&query("www.example.com", 1)).unwrap();
                        match socket.recv(&mut buffer) {
                            Ok(length) if buffer[3] & 15 == 0 && buffer[7] == 1 && length > 12 => {
                                answered.fetch_add(1, Ordering::Relaxed);
                            }
                            _ => lost += 1,
                        }
                    }
                }
                lost
            })
        };
        let clients = (0..clients).map(client).collect();
        Self { stop, answered, clients }
    }

    fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits until so many more are answered.
    fn goes_on(&self) {
        let (before, start) = (self.answered(), clock::instant());
        while self.answered() < before + 100 {
            assert!(start.elapsed() < LONG, "nothing is answered");
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// How many were answered, and how many were lost.
    fn end(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        let lost = self.clients.into_iter().map(|client| client.join().unwrap()).sum();
        (self.answered.load(Ordering::Relaxed), lost)
    }
}

#[test]
fn upgrades_under_load_lose_no_query_and_keep_what_operators_said() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    files(folder);
    let mut server = start(folder, &[]);
    let address = server.address();
    let load = Load::on(address, 2);
    load.goes_on();
    assert!(matches!(asked(folder, &drain()), Answer::Done(_)));
    let upgrades = std::env::var("UPGRADES").map_or(2, |count| count.parse().unwrap());
    for _ in 0..upgrades {
        let next = start(folder, &["--takeover"]);
        assert_eq!(next.address(), address, "the same sockets");
        assert!(server.end().success());
        server = next;
        load.goes_on();
    }
    let Answer::Status(status) = asked(folder, &Request::Status) else { panic!("no status") };
    assert_eq!((status.overrides.len(), &*status.overrides[0].target), (1, "pool/one"));
    assert_eq!(status.problem, None);
    let (answered, lost) = load.end();
    println!("{upgrades} upgrades: {answered} answered, {lost} lost");
    assert_eq!(lost, 0);
    server.signal("-TERM");
    assert!(server.end().success());
    assert!(!socket(folder).exists(), "the last one takes the file away");
}

#[test]
fn a_server_that_cannot_start_leaves_the_one_that_runs_as_it_is() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    files(folder);
    let server = start(folder, &[]);
    let load = Load::on(server.address(), 2);
    load.goes_on();
    let zone = folder.join("example.com.toml");
    let good = std::fs::read_to_string(&zone).unwrap();
    std::fs::write(&zone, "no = 1").unwrap();
    assert!(!start(folder, &["--takeover"]).end().success());
    server.line(&["has not taken over, this one serves on", "ended before it said `take`"]);
    std::fs::write(&zone, good).unwrap();
    assert!(matches!(asked(folder, &drain()), Answer::Done(_)));
    load.goes_on();
    assert_eq!(load.end().1, 0);
}

#[test]
fn an_address_that_overlaps_one_of_the_server_before_is_refused_and_the_way_is_said() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    files(folder);
    let server = start(folder, &[]);
    let address = server.address();
    let wider = format!("0.0.0.0:{}", address.port());
    let mut next = start(folder, &["--takeover", "--listen", &wider]);
    next.line(&[&format!("cannot listen on {wider} over TCP"), &format!("({address} was passed on to us"), "stop the"]);
    assert!(!next.end().success());
    server.line(&["has not taken over, this one serves on"]);
    until_answered(address);
}

#[test]
fn a_server_that_dies_with_the_state_directory_in_its_hands_gives_it_back() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    files(folder);
    let server = start(folder, &[]);
    server.address();
    let (mut takeover, sockets) = Takeover::ask(&socket(folder)).unwrap().expect("a server");
    // Two threads, one TCP listener, the control socket.
    assert_eq!(sockets.len(), 4);
    let busy = Takeover::ask(&socket(folder)).unwrap_err();
    assert!(busy.to_string().contains("taking over already"), "{busy}");
    takeover.take().unwrap();
    match asked(folder, &drain()) {
        Answer::Refused { why, .. } => assert!(why.contains("ask again in a moment"), "{why}"),
        other => panic!("{other:?}"),
    }
    drop((takeover, sockets));
    server.line(&["has not taken over, this one serves on", "ended before it said `serving`"]);
    let Answer::Done(done) = asked(folder, &drain()) else { panic!("not done") };
    assert_eq!(done.warnings, Vec::<String>::new(), "it is kept");
    let kept = std::fs::read_to_string(folder.join("state/overrides.json")).unwrap();
    assert!(kept.contains("pool/one"), "{kept}");
}

#[test]
fn tcp_clients_of_the_server_before_are_served_until_they_end() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    files(folder);
    let mut server = start(folder, &[]);
    let address = server.address();
    let ask = |stream: &mut TcpStream| {
        stream.set_read_timeout(Some(LONG)).unwrap();
        let query = query("static.example.com", 1);
        stream.write_all(&[&(query.len() as u16).to_be_bytes(), &query[..]].concat()).unwrap();
        let mut answer = vec![0; 2];
        stream.read_exact(&mut answer).unwrap();
        answer = vec![0; usize::from(u16::from_be_bytes([answer[0], answer[1]]))];
        stream.read_exact(&mut answer).unwrap();
        answer[answer.len() - 4..].to_vec()
    };
    let mut old = TcpStream::connect(address).unwrap();
    assert_eq!(ask(&mut old), [192, 0, 2, 99]);
    let next = start(folder, &["--takeover"]);
    next.address();
    server.line(&["another server has taken over"]);
    assert_eq!(ask(&mut old), [192, 0, 2, 99], "on the connection from before");
    assert_eq!(ask(&mut TcpStream::connect(address).unwrap()), [192, 0, 2, 99]);
    drop(old);
    assert!(server.end().success());
}

#[test]
fn without_a_server_before_it_starts_as_usual() {
    let scratch = tempfile::tempdir().unwrap();
    files(scratch.path());
    let server = start(scratch.path(), &["--takeover"]);
    server.line(&["no server runs at"]);
    server.address();
}
