//! UDP.

use super::{LONG, id, message, service};
use geosteer::listen::sys::{Batch, Shape};
use geosteer::listen::{bind, udp};
use geosteer::metrics::Metrics;
use std::net::{IpAddr, SocketAddr, UdpSocket};

struct Server {
    address: SocketAddr,
    metrics: Metrics,
    _threads: udp::Threads,
}

fn start(listen: &str, threads: usize) -> Server {
    let metrics = Metrics::default();
    let bound = bind::bind(&[listen.parse().unwrap()], threads).unwrap();
    let threads = udp::start(bound.udp, &service(), &metrics).unwrap();
    Server { address: bound.addresses[0], metrics, _threads: threads }
}

fn client(local: &str) -> UdpSocket {
    let socket = UdpSocket::bind(local).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket
}

/// Asks `to` and gives who answered.
fn ask(to: SocketAddr, local: &str) -> SocketAddr {
    let (socket, mut buffer) = (client(local), [0; 2048]);
    socket.send_to(&message(9, "hello"), to).unwrap();
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!((id(&buffer), length, buffer[4]), (9, 17, 7));
    from
}

#[test]
fn the_answer_leaves_from_the_address_that_was_asked() {
    for (listen, local, asked) in [
        ("127.0.0.2:0", "127.0.0.1:0", "127.0.0.2"),
        ("0.0.0.0:0", "127.0.0.1:0", "127.0.0.2"),
        ("0.0.0.0:0", "127.0.0.1:0", "127.9.8.7"),
        ("[::]:0", "127.0.0.1:0", "127.0.0.2"),
        ("[::]:0", "[::1]:0", "::1"),
        ("[::1]:0", "[::1]:0", "::1"),
    ] {
        let server = start(listen, 2);
        let asked = SocketAddr::new(asked.parse::<IpAddr>().unwrap(), server.address.port());
        assert_eq!(ask(asked, local), asked, "{listen}");
    }
}

#[test]
fn queries_that_get_no_answer_leave_no_gap_and_shift_nobody() {
    let server = client("127.0.0.1:0");
    let clients: Vec<_> = (0..5).map(|_| client("127.0.0.1:0")).collect();
    let mut batch = Batch::new(Shape { v6: false, info: false });
    // Twice: what a batch left behind must not reach the next one.
    for (round, silent) in [[0, 2], [1, 4]].into_iter().enumerate() {
        for (number, client) in clients.iter().enumerate() {
            client.send_to(&[round as u8, number as u8], server.local_addr().unwrap()).unwrap();
        }
        assert_eq!(batch.receive(&server, true).unwrap(), clients.len());
        for index in 0..clients.len() {
            assert!(batch.answer(index, |query, _, room| {
                room[..2].copy_from_slice(query);
                room[2] = b'!';
                (!silent.contains(&usize::from(query[1]))).then_some(3)
            }));
        }
        assert_eq!(batch.send(&server), 0);
        for (number, client) in clients.iter().enumerate().filter(|(number, _)| !silent.contains(number)) {
            let mut reply = [0; 8];
            let length = client.recv(&mut reply).unwrap();
            assert_eq!(reply[..length], [round as u8, number as u8, b'!']);
        }
        for silent in silent {
            clients[silent].set_nonblocking(true).unwrap();
            assert!(clients[silent].recv(&mut [0; 8]).is_err(), "client {silent} is told nothing");
            clients[silent].set_nonblocking(false).unwrap();
        }
    }
}

#[test]
fn both_wildcards_of_a_port_are_one_socket() {
    // A port that was free a moment ago may be somebody else's by now.
    let (bound, wildcard) = (0..100)
        .find_map(|_| {
            let port = start("127.0.0.1:0", 1).address.port();
            let both = ["0.0.0.0", "::"].map(|address| SocketAddr::new(address.parse().unwrap(), port));
            Some((bind::bind(&both, 3).ok()?, both[1]))
        })
        .unwrap();
    assert_eq!((bound.udp.len(), bound.tcp.len(), bound.addresses), (3, 1, vec![wildcard]));
}

#[test]
fn a_port_that_another_server_has_is_refused() {
    let server = bind::bind(&["127.0.0.1:0".parse().unwrap()], 1).unwrap();
    let error = bind::bind(&server.addresses, 1).unwrap_err();
    assert!(error.to_string().contains("another server has it"), "{error}");
}

#[test]
fn each_of_many_queries_gets_its_own_answer() {
    let server = start("127.0.0.1:0", 2);
    let socket = client("127.0.0.1:0");
    let (mut buffer, mut seen) = ([0; 2048], vec![false; 5_000]);
    for round in 0..50 {
        for query in 0..100 {
            socket.send_to(&message(round * 100 + query, ""), server.address).unwrap();
        }
        for _ in 0..100 {
            let length = socket.recv(&mut buffer).unwrap();
            assert_eq!(length, 12);
            assert!(!std::mem::replace(&mut seen[usize::from(id(&buffer))], true));
        }
    }
    assert!(seen.into_iter().all(|seen| seen));
    assert_eq!(server.metrics.totals().replies, 5_000);
}

#[test]
fn a_panic_costs_the_query_that_caused_it_and_no_other() {
    let server = start("127.0.0.1:0", 1);
    let (socket, mut buffer) = (client("127.0.0.1:0"), [0; 2048]);
    for round in 0..20 {
        for (query, words) in ["", "panic", "quiet", "panic", "", ""].into_iter().enumerate() {
            socket.send_to(&message(round * 10 + query as u16, words), server.address).unwrap();
        }
        for query in [0, 4, 5] {
            socket.recv(&mut buffer).unwrap();
            assert_eq!(id(&buffer), round * 10 + query);
        }
    }
    let totals = server.metrics.totals();
    assert_eq!((totals.panics, totals.silent, totals.replies, totals.queries), (40, 20, 60, 120));
}

#[test]
fn a_datagram_longer_than_any_query_is_left_alone() {
    let server = start("0.0.0.0:0", 1);
    let to = SocketAddr::new("127.0.0.1".parse().unwrap(), server.address.port());
    let (socket, mut buffer) = (client("127.0.0.1:0"), [0; 4096]);
    socket.send_to(&message(1, &"x".repeat(2_500)), to).unwrap();
    socket.send_to(&message(2, "short"), to).unwrap();
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!((id(&buffer), length, server.metrics.totals().oversize), (2, 17, 1));
}

#[test]
fn stopping_answers_what_has_arrived() {
    let metrics = Metrics::default();
    let bound = bind::bind(&["127.0.0.1:0".parse().unwrap()], 1).unwrap();
    let (socket, mut buffer) = (client("127.0.0.1:0"), [0; 2048]);
    for query in 0..200 {
        socket.send_to(&message(query, ""), bound.addresses[0]).unwrap();
    }
    udp::start(bound.udp, &service(), &metrics).unwrap().stop();
    for _ in 0..200 {
        socket.recv(&mut buffer).unwrap();
    }
}
