//! Front ends: the PROXY protocol, version 2, over every transport that takes it.

#[path = "secure/mod.rs"]
mod secure;

use secure::served::{Served, addresses, query, serve, serve_front_ends};
use secure::{ask, framed, get, is_closed, plain, read_message, request, try_secure};
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// A header that says that a client in Europe asks.
fn europe() -> Vec<u8> {
    header(0x21, &[193, 0, 6, 1, 10, 0, 0, 1, 0x13, 0x88, 0, 53])
}

fn header(command: u8, addresses: &[u8]) -> Vec<u8> {
    let length = (addresses.len() as u16).to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, 0x11], &length, addresses].concat()
}

fn www() -> Vec<u8> {
    query("www.example.com", 1)
}

fn udp(served: &Served, datagram: &[u8], patience: Duration) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(patience)).unwrap();
    socket.send_to(datagram, served.proxied("udp")).unwrap();
    let mut reply = vec![0; 4_096];
    let length = socket.recv(&mut reply).ok()?;
    reply.truncate(length);
    Some(reply)
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn the_client_in_the_header_decides_over_every_transport() {
    let served = serve();
    for (header, expected) in [
        (europe(), "192.0.2.10"),
        // What else it tells is passed over.
        ([header(0x21, &[193, 0, 6, 1, 10, 0, 0, 1, 0x13, 0x88, 0, 53, 0xe0, 0, 3, 1, 2, 3])].concat(), "192.0.2.10"),
        // The front end itself is a client here.
        (header(0x20, &[]), "203.0.113.10"),
    ] {
        assert_eq!(addresses(&udp(&served, &[&header[..], &www()].concat(), LONG).unwrap()), [expected]);
        let mut tcp = plain(served.proxied("tcp"));
        tcp.write_all(&header).unwrap();
        assert_eq!(addresses(&ask(&mut tcp, &www())), [expected]);
        assert_eq!(addresses(&ask(&mut tcp, &www())), [expected]);
        for (transport, protocol) in [("tls", "dot"), ("https", "http/1.1")] {
            let mut stream = plain(served.proxied(transport));
            stream.write_all(&header).unwrap();
            let mut stream = try_secure(stream, &served.pair.client(&[protocol])).unwrap();
            let reply = match transport {
                "tls" => ask(&mut stream, &www()),
                _ => request(&mut stream, &get(&www())).body,
            };
            assert_eq!(addresses(&reply), [expected], "{transport}");
        }
    }
}

#[test]
fn a_header_may_come_in_single_octets_and_close_before_its_query() {
    let served = serve();
    let mut stream = plain(served.proxied("tcp"));
    for octet in [europe(), framed(&www())].concat() {
        stream.write_all(&[octet]).unwrap();
    }
    assert_eq!(addresses(&read_message(&mut stream)), ["192.0.2.10"]);
}

#[test]
fn nothing_is_answered_without_a_header() {
    let served = serve();
    for octets in [framed(&www()), b"PROXY TCP4 193.0.6.1 10.0.0.1 5000 53\r\n".to_vec(), header(0x31, &[0; 12])] {
        let mut stream = plain(served.proxied("tcp"));
        stream.write_all(&octets).unwrap();
        assert!(is_closed(&mut stream));
        // A datagram that is answered comes behind one that is not: then the latter never will be.
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        socket.send_to(&octets, served.proxied("udp")).unwrap();
        let mut marked = www();
        marked[..2].copy_from_slice(&[7, 7]);
        socket.send_to(&[europe(), marked].concat(), served.proxied("udp")).unwrap();
        let mut reply = [0; 512];
        assert!(socket.recv(&mut reply).unwrap() > 12);
        assert_eq!(reply[..2], [7, 7]);
    }
}

#[test]
fn who_is_no_front_end_is_closed_without_being_read() {
    let served = serve_front_ends(vec!["192.0.2.0/24".parse().unwrap()]);
    for transport in ["tcp", "tls", "https"] {
        let mut stream = plain(served.proxied(transport));
        let _sent = stream.write_all(&[europe(), framed(&www())].concat());
        let mut octet = [0];
        assert!(matches!(stream.read(&mut octet), Ok(0) | Err(_)), "{transport}");
    }
    assert_eq!(udp(&served, &[europe(), www()].concat(), Duration::from_millis(100)), None);
    let totals = served.server.totals();
    assert_eq!(totals.accepted, 0, "their queries are not even counted");
}

#[test]
fn the_clients_of_a_front_end_have_limits_of_their_own() {
    let served = serve();
    // Far more than one client may have: each has one.
    let mut streams: Vec<_> = (0..300_u16)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            let mut stream = plain(served.proxied("tcp"));
            stream.write_all(&header(0x21, &[193, 0, high, low, 10, 0, 0, 1, 0x13, 0x88, 0, 53])).unwrap();
            ask(&mut stream, &www());
            stream
        })
        .collect();
    for stream in &mut streams {
        ask(stream, &www());
    }
    assert_eq!(served.server.totals().evicted, 0);
}

/// The address that a datagram is answered from is the one that it went to.
#[test]
fn replies_go_back_as_they_are() {
    let served = serve();
    let reply = udp(&served, &[europe(), www()].concat(), LONG).unwrap();
    let address: SocketAddr = served.proxied("udp");
    assert!(address.port() != 0);
    assert_eq!(reply[2] & 0x80, 0x80, "a message, without a header before it");
}
