//! The demo end to end: real DNS, real probes, real toys, on ports that the system chooses.

use super::*;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

/// Far more than anything here takes, on a busy machine as well.
const LONG: Duration = Duration::from_secs(30);
const LON: [u8; 4] = [192, 0, 2, 10];
const NYC: [u8; 4] = [198, 51, 100, 10];
const SYD: [u8; 4] = [203, 0, 113, 20];
const NETHERLANDS: [u8; 3] = [193, 0, 6];
const SOUTH_AFRICA: [u8; 3] = [137, 158, 1];

/// Asks for the A records of `www` with a client subnet (RFC 7871); the last four octets before the OPT record.
fn ask(dns: SocketAddr, network: [u8; 3]) -> Option<[u8; 4]> {
    let mut query = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in ["www", "gslb", "example", "com"] {
        query.push(label.len() as u8);
        query.extend_from_slice(label.as_bytes());
    }
    query.extend_from_slice(&[0, 0, 1, 0, 1]);
    let question = query.len();
    query.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0]);
    query.extend_from_slice(&network);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut answer = [0; 1232];
    // On a busy machine an answer may take longer than a resolver waits, who then asks again as well.
    let length = (0..100).find_map(|_| {
        socket.send_to(&query, dns).unwrap();
        socket.recv(&mut answer).ok()
    })?;
    // One answer: a pointer, type, class, TTL and length, then the address.
    let record = answer.get(question..length)?;
    (answer[7] == 1).then(|| record[12..16].try_into().unwrap())
}

/// Asks until the answer is that; each round waits for a reply or for the socket's time to be over.
fn ask_until(dns: SocketAddr, network: [u8; 3], wanted: [u8; 4]) {
    let started = crate::clock::instant();
    let mut last = None;
    while started.elapsed() < LONG {
        last = ask(dns, network);
        if last == Some(wanted) {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("{network:?} is answered {last:?} and not {wanted:?}");
}

fn post(toy: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(toy).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: toy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn a_site_that_fails_is_left_and_comes_back_when_it_recovers() {
    let demo = Demo::start("127.0.0.1:0".parse().unwrap(), true).unwrap();
    let (dns, lon) = (demo.dns(), demo.toys.addresses()[0]);
    ask_until(dns, NETHERLANDS, LON);
    for (network, wanted) in [
        (SOUTH_AFRICA, LON),
        ([128, 101, 101], NYC),
        ([200, 160, 2], [198, 51, 100, 20]),
        ([133, 11, 0], [203, 0, 113, 10]),
        ([129, 78, 5], SYD),
    ] {
        assert_eq!(ask(dns, network), Some(wanted), "{network:?}");
    }
    assert!(post(lon, "/fail").starts_with("HTTP/1.1 200"));
    ask_until(dns, NETHERLANDS, NYC);
    assert_eq!(ask(dns, SOUTH_AFRICA), Some(SYD));
    assert_eq!(ask(dns, [129, 78, 5]), Some(SYD));
    assert!(post(lon, "/recover").starts_with("HTTP/1.1 200"));
    ask_until(dns, NETHERLANDS, LON);
    let Demo { server, toys, .. } = demo;
    server.stop();
    drop(toys);
    assert!(TcpStream::connect(lon).is_err(), "the toys are gone");
}

#[test]
fn a_taken_port_is_named_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let why = Toys::start(&[("lon", port)]).unwrap_err();
    assert!(why.contains(&format!("127.0.0.1:{port}")) && why.contains("--any-ports"), "{why}");
}

#[test]
fn every_site_of_the_demo_has_its_port_in_the_zone_once() {
    for (name, port) in SITES {
        assert_eq!(ZONE.matches(&format!("port = {port}")).count(), 1, "{name}");
        assert!(ZONE.contains(&format!("\n{name} = {{ type = \"http\", port = {port}")), "{name}");
    }
}

#[test]
fn the_screen_shows_each_region_and_the_lines_to_paste() {
    let demo = Demo::start("127.0.0.1:0".parse().unwrap(), true).unwrap();
    let table = screen::table(&demo.server.state(), demo.dns(), &Board::default());
    let africa = table.lines().find(|line| line.trim_start().starts_with("africa")).unwrap();
    assert!(africa.contains("lon → syd") && africa.contains("192.0.2.10, 203.0.113.20"), "{table}");
    assert_eq!(table.lines().filter(|line| line.contains('→')).count(), 7, "{table}");
    let lines = screen::lines(demo.dns(), demo.toys.addresses()[0]);
    assert_eq!(lines.matches("dig @127.0.0.1").count(), 5, "{lines}");
    assert_eq!(lines.lines().filter(|line| line.contains("curl -X POST")).count(), 2, "{lines}");
}

/// What the admin server says to an order, with this token: the status line.
fn drains(admin: SocketAddr, token: &str) -> String {
    let body = r#"{"target": "pool/lon", "state": "drain", "reason": "new switches"}"#;
    let mut stream = TcpStream::connect(admin).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /api/v1/overrides HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response.lines().next().unwrap().to_owned()
}

#[test]
fn the_address_of_the_page_has_the_token_behind_it_and_that_drains() {
    let demo = Demo::start("127.0.0.1:0".parse().unwrap(), true).unwrap();
    ask_until(demo.dns(), NETHERLANDS, LON);
    let page = demo.page();
    let address = page.lines().map(str::trim).find(|line| line.starts_with("http://")).unwrap();
    let (server, token) = address.split_once("/#token=").unwrap();
    let admin = server.trim_start_matches("http://").parse().unwrap();
    assert_eq!(drains(admin, "another"), "HTTP/1.1 401 Unauthorized");
    assert_eq!(ask(demo.dns(), NETHERLANDS), Some(LON));
    assert_eq!(drains(admin, token), "HTTP/1.1 200 OK");
    ask_until(demo.dns(), NETHERLANDS, NYC);
}
