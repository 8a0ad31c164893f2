//! Bodies, slow clients and many of them: bounded here, and for nothing in DNS.

use super::web::{connect, exchange, get, read, trusted};
use super::{LONG, Running, TOKEN, ZONE};
use geosteer::limits::{ADMIN_BODY_MAX, ADMIN_CONNECTIONS, ADMIN_REQUEST_MS};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

/// `www.example.com A`.
const QUERY: &[u8] = b"\0\x07\0\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";

/// Asks so many times, one after the other; every query must be answered.
fn ask(to: SocketAddr, times: usize) {
    let (socket, mut answer) = (UdpSocket::bind("127.0.0.1:0").unwrap(), [0; 512]);
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket.connect(to).unwrap();
    for number in 0..times {
        socket.send(QUERY).unwrap();
        let length = socket.recv(&mut answer).unwrap_or_else(|error| panic!("query {number}: {error}"));
        assert_eq!((answer[3] & 15, answer[7]), (0, 1), "{length}");
    }
}

/// The head of an order, without its end.
fn post() -> String {
    format!("POST /api/v1/overrides HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n")
}

#[test]
fn a_body_of_a_megabyte_is_read_and_one_more_octet_is_not() {
    let running = Running::new(ZONE);
    let most = trusted(running.admin, "POST", "/api/v1/overrides", &" ".repeat(ADMIN_BODY_MAX));
    assert_eq!((most.status, most.code()), (400, "bad_request".to_owned()));
    // It is told so before it sends any of it.
    let more = format!("{}Content-Length: {}\r\n\r\n", post(), ADMIN_BODY_MAX + 1);
    let more = exchange(running.admin, more.as_bytes());
    assert_eq!((more.status, more.code()), (413, "too_large".to_owned()));
    let head = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    assert!(matches!(exchange(running.admin, head.as_bytes()).status, 400 | 431));
}

#[test]
fn a_gigabyte_sent_here_and_500_idle_connections_cost_no_dns_query() {
    let running = Running::new(ZONE);
    let (admin, dns) = (running.admin, running.server.address());
    let mut idle: Vec<_> = (0..500).map(|_| connect(admin)).collect();
    ask(dns, 200);
    let sender = std::thread::spawn(move || {
        let mut stream = connect(admin);
        let head = format!("{}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n", post(), 1_u64 << 30);
        stream.write_all(head.as_bytes()).unwrap();
        let part = vec![b' '; 1 << 16];
        // The server reads a megabyte of it at most, and closes.
        (0..1 << 14).take_while(|_| stream.write_all(&part).is_ok()).count()
    });
    ask(dns, 2_000);
    let parts = sender.join().unwrap();
    assert!(parts < 1_000, "{parts} of 16384 parts were taken");
    // Those that came last have the places: the others made room.
    let reply = get(admin, "/api/v1/status");
    assert_eq!(reply.status, 200);
    let gone = idle.drain(..500 - ADMIN_CONNECTIONS).filter(is_closed).count();
    assert_eq!(gone, 500 - ADMIN_CONNECTIONS);
}

fn is_closed(stream: &TcpStream) -> bool {
    let mut stream = stream;
    !matches!(stream.read(&mut [0; 1]), Ok(1..))
}

#[test]
fn whoever_is_slow_is_told_so_or_closed() {
    let running = Running::new(ZONE);
    let limit = Duration::from_millis(ADMIN_REQUEST_MS);
    let start = geosteer::clock::instant();
    let mut head = connect(running.admin);
    head.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").unwrap();
    let mut body = connect(running.admin);
    body.write_all(format!("{}Content-Length: 9\r\n\r\n{{", post()).as_bytes()).unwrap();
    let reply = read(body);
    assert_eq!((reply.status, reply.code()), (408, "timeout".to_owned()));
    assert!(start.elapsed() >= limit && start.elapsed() < limit * 3, "{:?}", start.elapsed());
    let mut rest = Vec::new();
    let _reset = head.read_to_end(&mut rest);
    assert!(start.elapsed() < limit * 3 && !rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
}
