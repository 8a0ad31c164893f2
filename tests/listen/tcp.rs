//! TCP.

use super::{LONG, id, message, service, until};
use geosteer::limits;
use geosteer::listen::bind;
use geosteer::listen::tcp::{self, Limits};
use geosteer::metrics::Metrics;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

struct Server {
    address: SocketAddr,
    metrics: Metrics,
    thread: Option<tcp::Thread>,
}

fn start(limits: Limits) -> Server {
    let metrics = Metrics::default();
    let bound = bind::bind(&["0.0.0.0:0".parse().unwrap()], 1).unwrap();
    let thread = tcp::start(bound.tcp, service(), &metrics, limits).unwrap();
    let address = SocketAddr::new("127.0.0.1".parse().unwrap(), bound.addresses[0].port());
    Server { address, metrics, thread: Some(thread) }
}

/// Limits that nothing here reaches by accident.
fn wide() -> Limits {
    Limits { idle: LONG * 3, message: LONG * 3, write: LONG * 3, ..Limits::with_descriptors(100_000) }
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

fn read_message(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).unwrap();
    message
}

fn ask(stream: &mut TcpStream, number: u16) {
    stream.write_all(&framed(&message(number, "hello"))).unwrap();
    let answer = read_message(stream);
    assert_eq!((id(&answer), answer.len(), answer[4]), (number, 17, 7));
}

/// True if the server closes the connection, whether politely or not.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_thousand_queries_in_one_write_are_answered_in_order() {
    let server = start(wide());
    let mut stream = connect(&server);
    let all: Vec<u8> = (0..1_000).flat_map(|number| framed(&message(number, "pipelined"))).collect();
    stream.write_all(&all).unwrap();
    for number in 0..1_000 {
        assert_eq!(id(&read_message(&mut stream)), number);
    }
}

#[test]
fn a_message_may_come_in_single_octets_and_close_behind_another() {
    let server = start(wide());
    let mut stream = connect(&server);
    let both = [framed(&message(1, "one")), framed(&message(2, "two"))].concat();
    for octet in &both {
        stream.write_all(&[*octet]).unwrap();
    }
    assert_eq!(id(&read_message(&mut stream)), 1);
    assert_eq!(id(&read_message(&mut stream)), 2);
    ask(&mut stream, 3);
}

#[test]
fn the_longest_message_is_read_and_the_largest_reply_written() {
    let server = start(wide());
    let mut stream = connect(&server);
    let longest = message(1, &"x".repeat(65_535 - 12));
    stream.write_all(&framed(&longest)).unwrap();
    assert_eq!(read_message(&mut stream).len(), 65_535);
    for number in 0..20 {
        stream.write_all(&framed(&message(number, "large"))).unwrap();
    }
    for number in 0..20 {
        let answer = read_message(&mut stream);
        assert_eq!((id(&answer), answer.len()), (number, 60_000));
    }
}

#[test]
fn what_is_shorter_than_a_header_ends_the_connection() {
    let server = start(wide());
    let mut stream = connect(&server);
    stream.write_all(&[0, 3, 1, 2, 3]).unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn a_client_that_closes_its_side_still_gets_its_answers() {
    let server = start(wide());
    let mut stream = connect(&server);
    stream.write_all(&[framed(&message(1, "")), framed(&message(2, ""))].concat()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!((id(&read_message(&mut stream)), id(&read_message(&mut stream))), (1, 2));
    assert!(is_closed(&mut stream));
}

#[test]
fn when_all_places_are_taken_the_longest_idle_makes_room() {
    let server = start(Limits { connections: 8, per_client: 8, ..wide() });
    let mut streams: Vec<_> = (0..8).map(|_| connect(&server)).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        ask(stream, number as u16);
    }
    // The first speaks again: now the second is the longest idle.
    ask(&mut streams[0], 100);
    ask(&mut connect(&server), 101);
    assert!(is_closed(&mut streams[1]));
    ask(&mut streams[0], 102);
    ask(&mut streams[2], 103);
    assert_eq!(server.metrics.totals().evicted, 1);
}

#[test]
fn a_client_with_too_many_connections_loses_its_own_and_not_those_of_others() {
    let server = start(Limits { per_client: 3, ..wide() });
    let mut other = {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&"127.0.0.9:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        socket.connect(&server.address.into()).unwrap();
        TcpStream::from(socket)
    };
    ask(&mut other, 1);
    let mut streams: Vec<_> = (0..10).map(|_| connect(&server)).collect();
    for stream in &mut streams {
        ask(stream, 2);
    }
    for stream in &mut streams[..7] {
        assert!(is_closed(stream));
    }
    for stream in &mut streams[7..] {
        ask(stream, 3);
    }
    ask(&mut other, 4);
}

#[test]
fn idle_and_dripping_connections_are_closed_in_time() {
    let limit = Duration::from_millis(150);
    let server = start(Limits { idle: limit, message: limit, ..wide() });
    let start = geosteer::clock::instant();
    let (mut idle, mut drip, mut late) = (connect(&server), connect(&server), connect(&server));
    ask(&mut late, 1);
    drip.write_all(&[0xff, 0xff]).unwrap();
    drip.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    // A drop now and then does not count as progress.
    until("the dripping connection is closed", || {
        let paced = drip.read(&mut [0]);
        matches!(paced, Ok(0)) || drip.write_all(&[0]).is_err()
    });
    assert!(is_closed(&mut idle) && is_closed(&mut late));
    assert!(start.elapsed() >= limit);
    assert_eq!(server.metrics.totals().timed_out, 3);
}

#[cfg(target_os = "linux")]
#[test]
fn a_client_that_says_nothing_is_left_to_the_kernel() {
    let server = start(wide());
    let _silent: Vec<_> = (0..50).map(|_| connect(&server)).collect();
    ask(&mut connect(&server), 1);
    assert_eq!(server.metrics.totals().accepted, 1);
}

#[test]
fn a_client_that_never_reads_is_read_no_further_and_then_closed() {
    let server = start(Limits { write: Duration::from_millis(300), ..wide() });
    let mut deaf = connect(&server);
    deaf.set_write_timeout(Some(LONG)).unwrap();
    let query = framed(&message(1, "large"));
    until("the deaf client is closed", || deaf.write_all(&query).is_err());
    let totals = server.metrics.totals();
    assert_eq!(totals.timed_out, 1);
    // Kernel buffers of both sides (a few MiB on loopback) and ours: not the queries that would have fitted.
    assert!(totals.queries < 1_000, "{} large replies were made for nobody", totals.queries);
}

#[test]
fn a_client_that_takes_its_replies_is_not_cut_however_many_wait_and_one_that_stops_is() {
    let limit = Duration::from_millis(600);
    let server = start(Limits { write: limit, ..wide() });
    let mut stream = connect(&server);
    let (mut asking, queries) = (stream.try_clone().unwrap(), framed(&message(1, "large")).repeat(50));
    let asks = std::thread::spawn(move || while asking.write_all(&queries).is_ok() {});
    let start = geosteer::clock::instant();
    while start.elapsed() < limit * 3 {
        assert_eq!(id(&read_message(&mut stream)), 1);
        // Slower than the server: replies wait all the time.
        std::thread::park_timeout(Duration::from_millis(1));
    }
    assert_eq!(server.metrics.totals().timed_out, 0);
    until("it is closed once it takes nothing", || server.metrics.totals().timed_out == 1);
    asks.join().unwrap();
}

#[test]
fn among_idle_dripping_and_deaf_clients_a_new_one_is_answered_at_once() {
    let server = start(Limits { per_client: 512, ..wide() });
    let _idle: Vec<_> = (0..300).map(|_| connect(&server)).collect();
    let mut drips: Vec<_> = (0..100).map(|_| connect(&server)).collect();
    for drip in &mut drips {
        drip.write_all(&[0]).unwrap();
    }
    let mut deaf = connect(&server);
    deaf.set_nonblocking(true).unwrap();
    let query = framed(&message(1, "large"));
    until("the deaf client's buffers are full", || deaf.write(&query.repeat(50)).is_err());
    let mut times: Vec<_> = (0..5)
        .map(|number| {
            let start = geosteer::clock::instant();
            ask(&mut connect(&server), number);
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    // The bound of 5 ms is measured by hand on a quiet machine; here it is that nobody waits for a time limit.
    assert!(times[4] < Duration::from_secs(2), "{times:?}");
}

#[test]
fn a_panic_ends_its_connection_and_no_other() {
    let server = start(wide());
    let (mut good, mut bad) = (connect(&server), connect(&server));
    ask(&mut good, 1);
    bad.write_all(&[framed(&message(2, "fine")), framed(&message(3, "panic"))].concat()).unwrap();
    assert_eq!(id(&read_message(&mut bad)), 2);
    assert!(is_closed(&mut bad));
    ask(&mut good, 4);
    ask(&mut connect(&server), 5);
    assert_eq!(server.metrics.totals().panics, 1);
}

#[test]
fn stopping_answers_what_was_sent_and_closes() {
    let mut server = start(wide());
    let (mut idle, mut asking) = (connect(&server), connect(&server));
    ask(&mut asking, 1);
    ask(&mut idle, 2);
    let all: Vec<u8> = (0..2_000).flat_map(|number| framed(&message(number, "pipelined"))).collect();
    asking.write_all(&all).unwrap();
    server.thread.take().unwrap().stop();
    for number in 0..2_000 {
        assert_eq!(id(&read_message(&mut asking)), number);
    }
    assert!(is_closed(&mut asking) && is_closed(&mut idle));
}

#[test]
fn few_descriptors_mean_few_connections() {
    let of = |descriptors| Limits::with_descriptors(descriptors).connections;
    assert_eq!((of(0), of(64), of(usize::MAX)), (8, 18, limits::TCP_CONNECTIONS));
}
