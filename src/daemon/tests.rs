//! What needs the inside of the server: outcomes that no prober reported.

use super::{Options, Server};
use crate::clock;
use crate::health::{Outcome, Sample};
use crate::id::TargetId;
use crate::writer::Event;
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);

/// Asks for www.example.com A until the last octet of the answer is `last`; gives the time that took.
fn time_until(server: &Server, last: u8) -> Duration {
    let start = clock::instant();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let query = b"\0\x07\0\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";
    let mut answer = [0; 512];
    loop {
        socket.send_to(query, server.address()).unwrap();
        // No answer: the first probes are not in yet.
        if let Ok(length) = socket.recv(&mut answer)
            && answer[length - 1] == last
        {
            return start.elapsed();
        }
        assert!(start.elapsed() < LONG, "the answer never becomes {last}: {answer:?}");
    }
}

#[test]
fn a_change_of_health_reaches_answers_within_50_ms() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let zone = format!(
        r#"
        zone = "example.com"
        ns = ["ns.example.net"]
        [checks.alive]
        type = "tcp"
        port = {port}
        interval = "1h"
        fall = 2
        rise = 2
        [pools]
        near = {{ check = "alive", endpoints = [{{ name = "n", address = "192.0.2.1", check_address = "127.0.0.1" }}] }}
        far  = {{ check = "none", endpoints = ["192.0.2.2"] }}
        [names.www.policy]
        default = ["near", "far"]
        "#
    );
    let server = Server::start(Options::for_text("example.toml", &zone)).unwrap();
    time_until(&server, 1);
    let report = |outcome| {
        for _ in 0..2 {
            let target = TargetId::new(0);
            let event = Event::Probed {
                generation: 1,
                target,
                outcome,
                note: "told by a test".into(),
                sample: Sample::default(),
            };
            server.events.as_ref().unwrap().send(event).unwrap();
        }
    };
    // The fastest of some: a busy machine may stop any single one for longer.
    let times = (0..10).map(|_| {
        report(Outcome::Fail);
        let down = time_until(&server, 2);
        report(Outcome::Pass);
        down.max(time_until(&server, 1))
    });
    let fastest = times.min().unwrap();
    assert!(fastest < Duration::from_millis(50), "{fastest:?}");
}

#[test]
fn the_first_round_is_over_when_every_target_was_probed_and_at_once_where_none_is() {
    for check in ["none", "tcp://:1"] {
        let zone = format!(
            "zone = \"example.com\"\nns = [\"ns.example.net\"]\n\
             pools.one = {{ check = \"{check}\", endpoints = [\"127.0.0.1\"] }}\nnames.www.policy.default = [\"one\"]\n"
        );
        let server = Server::start(Options::for_text("example.toml", &zone)).unwrap();
        assert!(server.wait_for_first_round(), "{check}");
    }
}
