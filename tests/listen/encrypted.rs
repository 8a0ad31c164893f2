//! DNS over TLS and over HTTPS: what every client may take, and how connections end.

use super::secure::{self, Pair, Stream, ask, framed, is_closed, plain, read_message, try_secure};
use super::{LONG, id, message, service, until};
use geosteer::listen::bind;
use geosteer::listen::streams::{self, Door, Limits, Sockets, Speaks};
use geosteer::metrics::{Metrics, Totals};
use geosteer::respond::Transport;
use geosteer::restart::Part;
use rustls::ClientConfig;
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Server {
    pub(super) tls: SocketAddr,
    pub(super) https: SocketAddr,
    pub(super) pair: Pair,
    pub(super) metrics: Metrics,
    pub(super) thread: Option<streams::Thread>,
    dot: Arc<ClientConfig>,
    doh: Arc<ClientConfig>,
}

pub(super) fn start(limits: Limits) -> Server {
    let (pair, metrics) = (Pair::new(), Metrics::default());
    let mut addresses = Vec::new();
    let doors = [Speaks::Tls, Speaks::Https].map(|speaks| {
        let listener =
            bind::bind_tcp(&["127.0.0.1:0".parse().unwrap()], &mut geosteer::listen::inherit::Inherited::default())
                .unwrap()
                .remove(0);
        addresses.push(listener.local_addr().unwrap());
        Door { listener, speaks, front_ends: None }
    });
    let sockets = Sockets { doors: doors.into(), ..Sockets::default() };
    let thread = streams::start((Part::Streams, sockets), Some(&pair.shown()), service(), &metrics, limits).unwrap();
    let (dot, doh) = (pair.client(&["dot"]), pair.client(&["http/1.1"]));
    Server { tls: addresses[0], https: addresses[1], pair, metrics, thread: Some(thread), dot, doh }
}

/// Limits that nothing here reaches by accident.
pub(super) fn wide() -> Limits {
    let limits = Limits::with_descriptors(100_000);
    Limits { idle: LONG * 3, message: LONG * 3, write: LONG * 3, handshake: LONG * 3, ..limits }
}

impl Server {
    fn tls(&self) -> Stream {
        secure::secure(self.tls, &self.dot)
    }

    fn https(&self) -> Stream {
        secure::secure(self.https, &self.doh)
    }

    fn totals(&self, transport: Transport) -> Totals {
        self.metrics.totals_of(transport)
    }
}

fn hello(stream: &mut (impl Read + Write), number: u16) {
    let answer = ask(stream, &message(number, "hello"));
    assert_eq!((id(&answer), answer.len(), answer[4]), (number, 17, 7));
}

#[test]
fn a_thousand_queries_sent_ahead_are_answered_in_order() {
    let server = start(wide());
    let mut stream = server.tls();
    let all: Vec<u8> = (0..1_000).flat_map(|number| framed(&message(number, "pipelined"))).collect();
    stream.write_all(&all).unwrap();
    for number in 0..1_000 {
        assert_eq!(id(&read_message(&mut stream)), number);
    }
    assert_eq!(server.totals(Transport::Tls).queries, 1_000);
}

#[test]
fn a_message_may_come_in_single_octets_and_the_longest_one_is_read() {
    let server = start(wide());
    let mut stream = server.tls();
    for octet in framed(&message(1, "one")) {
        stream.write_all(&[octet]).unwrap();
    }
    assert_eq!(id(&read_message(&mut stream)), 1);
    assert_eq!(ask(&mut stream, &message(2, &"x".repeat(65_535 - 12))).len(), 65_535);
    assert_eq!(ask(&mut stream, &message(3, "large")).len(), 60_000);
}

#[test]
fn what_is_shorter_than_a_header_ends_the_connection() {
    let server = start(wide());
    let mut stream = server.tls();
    stream.write_all(&[0, 3, 1, 2, 3]).unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn an_end_is_said_so_that_the_client_knows_that_nothing_is_missing() {
    let server = start(wide());
    let mut stream = server.tls();
    hello(&mut stream, 1);
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    let mut rest = Vec::new();
    // An end without close_notify would be an error.
    assert_eq!(stream.read_to_end(&mut rest).unwrap(), 0);
}

#[test]
fn who_is_no_tls_client_or_offers_other_protocols_fails_and_harms_nobody() {
    let server = start(wide());
    let mut good = server.tls();
    for octets in [&b"GET / HTTP/1.1\r\n\r\n"[..], &framed(&message(1, "dns in the clear")), &[22, 3, 1, 0xff, 0xff]] {
        let mut stream = plain(server.tls);
        stream.write_all(octets).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(is_closed(&mut stream));
    }
    assert!(try_secure(plain(server.tls), &server.pair.client(&["h2"])).is_err());
    hello(&mut secure::secure(server.tls, &server.pair.client(&[])), 1);
    hello(&mut good, 2);
    until("four handshakes have failed", || server.totals(Transport::Tls).failed == 4);
}

#[test]
fn half_open_handshakes_make_room_for_each_other_and_not_at_the_cost_of_who_is_known() {
    let server = start(Limits { greetings: 8, greetings_per_client: 8, ..wide() });
    let mut known = server.tls();
    hello(&mut known, 1);
    let mut half_open: Vec<_> = (0..50).map(|_| plain(server.tls)).collect();
    for stream in &mut half_open {
        stream.write_all(&[22, 3]).unwrap();
    }
    until("all but eight had to go", || server.totals(Transport::Tls).evicted == 42);
    hello(&mut server.tls(), 2);
    hello(&mut known, 3);
    assert!(is_closed(&mut half_open[0]));
}

/// Connects from another address of this machine.
fn plain_from(last: u8, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, last], 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

#[test]
fn who_has_said_hello_keeps_its_place_however_many_say_nothing() {
    let server = start(Limits { greetings: 8, greetings_per_client: 8, ..wide() });
    let name = rustls::pki_types::ServerName::try_from(secure::NAME).unwrap();
    let (mut client, mut stream) =
        (rustls::ClientConnection::new(Arc::clone(&server.dot), name).unwrap(), plain(server.tls));
    client.write_tls(&mut stream).unwrap();
    // What the server says to the ClientHello: from now on it waits for the rest of the handshake.
    client.read_tls(&mut stream).unwrap();
    let mut half_open: Vec<_> = (0..50).map(|_| plain(server.tls)).collect();
    for stream in &mut half_open {
        stream.write_all(&[22, 3]).unwrap();
    }
    until("all but eight had to go", || server.totals(Transport::Tls).evicted == 42);
    client.process_new_packets().unwrap();
    hello(&mut rustls::StreamOwned::new(client, stream), 1);
}

#[test]
fn who_opens_one_connection_is_not_put_out_by_who_opens_many() {
    let server = start(Limits { greetings: 8, greetings_per_client: 8, ..wide() });
    let mut slow = plain_from(9, server.tls);
    slow.write_all(&[22]).unwrap();
    until("it has come", || server.totals(Transport::Tls).accepted == 1);
    let mut half_open: Vec<_> = (0..50).map(|number| plain_from(1 + number % 2, server.tls)).collect();
    for stream in &mut half_open {
        stream.write_all(&[22, 3]).unwrap();
    }
    until("all but eight had to go", || server.totals(Transport::Tls).evicted == 43);
    slow.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    assert_eq!(slow.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "it is open");
    assert!(is_closed(&mut half_open[0]));
}

#[test]
fn a_handshake_that_drips_an_idle_client_and_a_dripping_message_are_closed_in_time() {
    let limit = Duration::from_millis(150);
    let server = start(Limits { handshake: limit, idle: limit, message: limit, ..wide() });
    let begun = geosteer::clock::instant();
    let (mut drip, mut idle, mut half) = (plain(server.tls), server.tls(), server.tls());
    half.write_all(&[0xff]).unwrap();
    drip.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    drip.write_all(&[22]).unwrap();
    until("the dripping handshake is closed", || {
        let paced = drip.read(&mut [0]);
        matches!(paced, Ok(0)) || drip.write_all(&[3]).is_err()
    });
    assert!(is_closed(&mut idle) && is_closed(&mut half));
    assert!(begun.elapsed() >= limit);
    until("three were closed by time", || {
        server.totals(Transport::Tls).timed_out + server.totals(Transport::Tls).failed == 3
    });
}

#[test]
fn a_client_with_too_many_connections_loses_its_own_longest_idle() {
    let server = start(Limits { per_client: 2, ..wide() });
    let (mut first, mut second) = (server.tls(), server.tls());
    hello(&mut first, 1);
    hello(&mut second, 2);
    hello(&mut first, 3);
    let mut third = server.https();
    assert_eq!(secure::request(&mut third, &secure::get(&message(4, ""))).status, 200);
    assert!(is_closed(&mut second));
    hello(&mut first, 5);
}

#[test]
fn a_client_that_never_reads_is_read_no_further_and_then_closed() {
    let server = start(Limits { write: Duration::from_millis(300), ..wide() });
    let mut deaf = server.tls();
    let query = framed(&message(1, "large"));
    until("the deaf client is closed", || deaf.write_all(&query).is_err());
    let totals = server.totals(Transport::Tls);
    assert_eq!(totals.timed_out, 1);
    assert!(totals.queries < 1_000, "{} large replies were made for nobody", totals.queries);
}

#[test]
fn a_panic_ends_its_connection_and_no_other() {
    let server = start(wide());
    let (mut good, mut bad) = (server.tls(), server.tls());
    hello(&mut good, 1);
    bad.write_all(&[framed(&message(2, "fine")), framed(&message(3, "panic"))].concat()).unwrap();
    assert_eq!(id(&read_message(&mut bad)), 2);
    assert!(is_closed(&mut bad));
    hello(&mut good, 4);
    assert_eq!(secure::request(&mut server.https(), &secure::get(&message(5, "panic"))).status, 500);
    assert_eq!(server.metrics.totals().panics, 2);
}

#[test]
fn stopping_answers_what_was_sent_and_closes() {
    let mut server = start(wide());
    let (mut idle, mut asking, mut http) = (server.tls(), server.tls(), server.https());
    hello(&mut asking, 1);
    hello(&mut idle, 2);
    assert_eq!(secure::request(&mut http, &secure::get(&message(3, ""))).status, 200);
    let all: Vec<u8> = (0..2_000).flat_map(|number| framed(&message(number, "pipelined"))).collect();
    asking.write_all(&all).unwrap();
    server.thread.take().unwrap().stop();
    for number in 0..2_000 {
        assert_eq!(id(&read_message(&mut asking)), number);
    }
    assert!(is_closed(&mut asking) && is_closed(&mut idle) && is_closed(&mut http));
}

#[test]
fn few_descriptors_mean_few_connections() {
    let of = |descriptors| Limits::with_descriptors(descriptors);
    assert_eq!((of(0).connections, of(0).greetings, of(0).handshakes), (8, 8, 8));
    let of = of(1_024);
    assert!(of.connections + of.greetings + of.handshakes <= 1_024 - geosteer::limits::DESCRIPTORS_RESERVED);
}
