//! A wall clock that jumps: an hour forward, an hour back, ten years. Answers, health and orders stay as they are.
#![cfg(debug_assertions)]

use geosteer::clock;
use geosteer::control::{Answer, Order, Request, ask};
use geosteer::daemon::{Options, Server};
use geosteer::events::Kind;
use std::net::UdpSocket;
use std::time::Duration;

mod process;
use process::query;

const LONG: Duration = Duration::from_secs(60);

fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = clock::instant();
    while !so() {
        assert!(start.elapsed() < LONG, "{what}: not within {LONG:?}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn a_jump_of_the_wall_clock_moves_no_answer_ends_no_order_and_changes_no_health() {
    let folder = tempfile::tempdir().unwrap();
    let (file, state) = (folder.path().join("example.com.toml"), folder.path().join("state"));
    let zone = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n\
                checks.file = { type = \"push\", file = \"up\", expires = \"10m\", interval = \"1s\", timeout = \"500ms\", fall = 1 }\n\
                pools.one = { check = \"file\", endpoints = [\"192.0.2.1\"] }\n\
                pools.two = { check = \"file\", endpoints = [\"192.0.2.2\"] }\n\
                pools.three = { check = \"none\", endpoints = [\"192.0.2.3\"] }\n\
                names.www.policy.default = [\"one\", \"two\", \"three\"]\n";
    std::fs::write(&file, zone).unwrap();
    std::fs::write(folder.path().join("up"), "up\n").unwrap();
    let options = Options { state: Some(state.clone()), ..Options::for_paths(vec![file]) };
    let server = Server::start(options).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(server.address()).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let answer = || {
        let mut buffer = [0; 1500];
        client.send(&query("www.example.com", 1)).unwrap();
        let length = client.recv(&mut buffer).ok()?;
        Some(buffer[length - 1])
    };
    until("the first round", || answer() == Some(1));
    let order = Order { target: "pool/one".into(), state: Some("drain".into()), for_s: Some(600), ..Order::default() };
    let socket = state.join("admin.sock");
    assert!(matches!(ask(&socket, &Request::Set(order)), Ok(Answer::Done(_))));
    until("the drain", || answer() == Some(2));
    let passed = || {
        let Ok(Answer::Metrics { text }) = ask(&socket, &Request::Metrics) else { panic!("no metrics") };
        let count =
            text.lines().find_map(|line| line.strip_prefix("geosteer_probes_total{type=\"push\",outcome=\"pass\"} "));
        count.unwrap().parse::<u64>().unwrap()
    };
    const YEAR: i64 = 365 * 86_400;
    for seconds in [3_600, -3_600, -3_600, 3_600, 10 * YEAR, -10 * YEAR] {
        clock::jump(seconds);
        let before = passed();
        // The desk ends what has ended when it is asked, and probes go on.
        until("probes go on", || passed() > before + 2);
        assert_eq!(answer(), Some(2), "after a jump of {seconds} s");
        let Ok(Answer::Status(status)) = ask(&socket, &Request::Status) else { panic!("no status") };
        assert_eq!((status.overrides.len(), status.targets[1], status.stale, status.problem), (1, 0, 0, None));
    }
    let health = server.events().after(None, 100).into_iter().filter(|event| event.kind == Kind::Health);
    let changes: Vec<_> = health.filter(|event| &*event.from != "unknown").collect();
    assert!(changes.is_empty(), "{changes:?}");
}
