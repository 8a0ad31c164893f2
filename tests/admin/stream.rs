//! Events as a stream.

use super::web::{connect, send, trusted};
use super::{Running, ZONE};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

/// An open stream of events.
struct Open(BufReader<TcpStream>);

impl Open {
    fn new(to: SocketAddr, target: &str, header: &str) -> Self {
        let mut stream = connect(to);
        write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n").unwrap();
        Self(BufReader::new(stream))
    }

    /// The next line that begins so; `None` when the stream ends.
    fn line(&mut self, start: &str) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if line.starts_with(start) {
                return Some(line.trim_end().to_owned());
            }
        }
    }
}

fn drain(to: SocketAddr, state: &str) {
    let order = format!(r#"{{"target":"pool/two","state":"{state}"}}"#);
    assert_eq!(trusted(to, "POST", "/api/v1/overrides", &order).status, 200);
}

#[test]
fn events_come_as_they_happen_and_a_client_goes_on_after_the_last_that_it_saw() {
    let running = Running::new(ZONE);
    let to = running.admin;
    let mut stream = Open::new(to, "/api/v1/events/stream", "");
    assert_eq!(stream.line("content-type").unwrap(), "content-type: text/event-stream");
    stream.line("retry:").unwrap();
    drain(to, "drain");
    let id = stream.line("id: ").unwrap();
    let data = stream.line("data: ").unwrap();
    let event: serde_json::Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((id, event["subject"].as_str()), (format!("id: {}", event["number"]), Some("pool/two")));
    drain(to, "down");
    let next = format!("id: {}", event["number"].as_u64().unwrap() + 1);
    assert_eq!(stream.line("id: ").unwrap(), next);
    let mut again = Open::new(to, "/api/v1/events/stream", &format!("Last-Event-ID: {}\r\n", event["number"]));
    assert_eq!(again.line("id: ").unwrap(), next);
    let mut whole = Open::new(to, "/api/v1/events/stream?since=0", "");
    assert_eq!(whole.line("id: ").unwrap(), "id: 1");
    // The number of another run, which had more events.
    let mut other = Open::new(to, "/api/v1/events/stream", "Last-Event-ID: 900\r\n");
    assert_eq!(other.line("id: ").unwrap(), "id: 1");
}

#[test]
fn streams_are_few_and_end_with_the_server() {
    let running = Running::new(ZONE);
    let mut streams = Vec::new();
    for _ in 0..geosteer::limits::ADMIN_STREAMS {
        let mut stream = Open::new(running.admin, "/api/v1/events/stream", "");
        stream.line("retry:").unwrap();
        streams.push(stream);
    }
    let more = send(running.admin, "GET", "/api/v1/events/stream", &[], "");
    assert_eq!((more.status, more.code()), (429, "busy".to_owned()));
    running.server.stop();
    streams.iter_mut().for_each(|stream| assert_eq!(stream.line("never"), None));
}
