//! Faults of geosteer's own: a thread is told to panic, and the server goes on: its sockets, its health, its desk.
#![cfg(debug_assertions)]

use geosteer::control::{Answer, Order, Request, Takeover, ask};
use geosteer::daemon::{Options, Server};
use geosteer::events::Kind;
use geosteer::restart::Part;
use geosteer::{clock, faults};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

mod process;
use process::query;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// One fault at a time: they are told by part, not by server.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = clock::instant();
    while !so() {
        assert!(start.elapsed() < LONG, "{what}: not within {LONG:?}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// `www` is 192.0.2.1 while somebody listens at the port, else 192.0.2.2; `static` is always the same.
fn zone(port: u16) -> String {
    format!(
        "zone = \"example.com\"\nns = [\"ns.example.net\"]\nrecords.text = \"static A 192.0.2.99\"\n\
         checks.port = {{ type = \"tcp\", port = {port}, interval = \"1s\", timeout = \"500ms\", fall = 1, rise = 1 }}\n\
         pools.near = {{ check = \"port\", endpoints = [{{ name = \"a\", address = \"127.0.0.1\" }}] }}\n\
         pools.far = {{ check = \"none\", endpoints = [\"192.0.2.2\"] }}\n\
         names.www.policy.default = [\"near\", \"far\"]\n"
    )
}

fn server(port: u16) -> Server {
    Server::start(Options::for_text("example.com.toml", &zone(port))).unwrap()
}

/// A client that asks one name.
struct Client(UdpSocket);

impl Client {
    fn of(server: &Server) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server.address()).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        Self(socket)
    }

    fn send(&self, label: &str) {
        self.0.send(&query(&format!("{label}.example.com"), 1)).unwrap();
    }

    /// The address of an answer, if one comes.
    fn heard(&self) -> Option<[u8; 4]> {
        let mut buffer = [0; 1500];
        let length = self.0.recv(&mut buffer).ok()?;
        buffer[length - 4..length].try_into().ok()
    }

    fn ask(&self, label: &str) -> Option<[u8; 4]> {
        self.send(label);
        self.heard()
    }
}

/// Tells a part to panic, does what makes it come by, and waits until it has been started again.
fn panics(server: &Server, part: Part, mut provoke: impl FnMut()) {
    let before = server.restarts(part);
    faults::arm(part, 1);
    provoke();
    until("the panic", || faults::left(part) == 0);
    until("the restart", || server.restarts(part) > before);
}

#[test]
fn a_udp_thread_that_panics_answers_what_waits_in_its_socket() {
    let _alone = alone();
    let server = server(1);
    let client = Client::of(&server);
    assert_eq!(client.ask("static"), Some([192, 0, 2, 99]));
    let rounds = std::env::var("PANICS").map_or(20, |count| count.parse().unwrap());
    let mut times = Vec::new();
    for round in 1..=rounds {
        let killed = clock::instant();
        // The one that panics is lost; those behind it are in the same socket, and are answered.
        panics(&server, Part::Udp, || client.send("static"));
        client.send("static");
        assert_eq!(client.heard(), Some([192, 0, 2, 99]), "round {round}");
        times.push(killed.elapsed());
    }
    times.sort_unstable();
    let (half, last) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{rounds} panics: from the query that kills to an answer p50 {half:?}, most {last:?}");
    assert_eq!(server.restarts(Part::Udp), rounds);
    let told = server.events().after(None, 100);
    let fault = told.iter().find(|event| event.kind == Kind::Fault).expect("an event");
    assert_eq!((&*fault.subject, &*fault.to), ("udp-0", "restarted"));
}

#[test]
fn accepting_that_panics_goes_on() {
    let _alone = alone();
    let server = server(1);
    let ask = |to: SocketAddr| {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let query = query("static.example.com", 1);
        stream.write_all(&[&(query.len() as u16).to_be_bytes(), &query[..]].concat()).unwrap();
        let mut length = [0; 2];
        // The connection whose accepting panicked is closed.
        stream.read_exact(&mut length).map(|()| u16::from_be_bytes(length))
    };
    assert!(ask(server.address()).is_ok());
    // Connections that come with one that is accepted already are taken without coming by there.
    panics(&server, Part::Tcp, || {
        while faults::left(Part::Tcp) > 0 {
            let _closed = ask(server.address());
        }
    });
    assert!(ask(server.address()).is_ok());
}

#[test]
fn a_writer_and_a_prober_that_panic_know_what_they_knew_and_learn_on() {
    let _alone = alone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = server(listener.local_addr().unwrap().port());
    let client = Client::of(&server);
    until("the first round", || client.ask("www") == Some([127, 0, 0, 1]));
    for part in [Part::Writer, Part::Prober] {
        panics(&server, part, || {});
        assert_eq!(client.ask("www"), Some([127, 0, 0, 1]), "{part:?}: what was known");
    }
    let port = listener.local_addr().unwrap();
    drop(listener);
    until("it is down", || client.ask("www") == Some([192, 0, 2, 2]));
    for part in [Part::Prober, Part::Writer] {
        panics(&server, part, || {});
        assert_eq!(client.ask("www"), Some([192, 0, 2, 2]), "{part:?}: what was known");
    }
    let _listener = TcpListener::bind(port).unwrap();
    until("it is up again", || client.ask("www") == Some([127, 0, 0, 1]));
}

#[test]
fn a_desk_and_a_reload_thread_that_panic_do_what_is_asked_next() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("example.com.toml");
    std::fs::write(&file, zone(1)).unwrap();
    let state = folder.path().join("state");
    let options = Options { state: Some(state.clone()), ..Options::for_paths(vec![file]) };
    let server = Server::start(options).unwrap();
    let status = || match ask(&state.join("admin.sock"), &Request::Status) {
        Ok(Answer::Status(status)) => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(status().generation, 1);
    // The desk looks up every second by itself.
    panics(&server, Part::Control, || {});
    assert_eq!(status().generation, 1);
    faults::arm(Part::Reload, 1);
    until("a reload that counts", || server.reload().is_ok_and(|done| done.serves) && faults::left(Part::Reload) == 0);
    until("the restart", || server.restarts(Part::Reload) == 1);
    let generation = server.reload().unwrap().generation;
    assert_eq!(status().generation, generation);
    match ask(&state.join("admin.sock"), &Request::Metrics) {
        Ok(Answer::Metrics { text }) => {
            assert!(text.contains("geosteer_thread_restarts_total{thread=\"control\"} 1"), "{text}");
            assert!(text.contains("geosteer_thread_restarts_total{thread=\"udp\"} 0"), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_threads_behind_keys_limits_updates_and_secondaries_outlive_their_panics() {
    let _alone = alone();
    let server = server(1);
    let client = Client::of(&server);
    for part in [Part::Signer, Part::Limits, Part::Update, Part::Notify] {
        // Twice: who comes by again has been started again. Each looks up by itself, the slowest once a second.
        for round in 1..=2 {
            panics(&server, part, || {});
            assert_eq!(server.restarts(part), round, "{part:?}");
        }
        assert_eq!(client.ask("static"), Some([192, 0, 2, 99]), "{part:?}");
    }
    let told = server.events().after(None, 100);
    let names: Vec<_> = told.iter().filter(|event| event.kind == Kind::Fault).map(|event| &*event.subject).collect();
    assert_eq!(names, ["signer", "signer", "limits", "limits", "update", "update", "notify", "notify"]);
    server.stop();
}

#[test]
fn a_desk_that_panics_while_another_server_takes_over_gets_its_directory_back_and_lets_the_next_one_take_over() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let (file, state) = (folder.path().join("example.com.toml"), folder.path().join("state"));
    std::fs::write(&file, zone(1)).unwrap();
    let options = Options { state: Some(state.clone()), ..Options::for_paths(vec![file]) };
    let server = Server::start(options).unwrap();
    let socket = state.join("admin.sock");
    let (mut takeover, _sockets) = Takeover::ask(&socket).unwrap().expect("a server");
    takeover.take().unwrap();
    panics(&server, Part::Control, || {});
    let drain = Request::Set(Order { target: "pool/near".into(), state: Some("drain".into()), ..Order::default() });
    until("an order that is taken", || matches!(ask(&socket, &drain), Ok(Answer::Done(_))));
    assert!(std::fs::read_to_string(state.join("overrides.json")).unwrap().contains("pool/near"));
    assert!(Takeover::ask(&socket).unwrap().is_some(), "the next one is heard");
}
