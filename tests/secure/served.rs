//! A whole server of a small zone, on every transport.

use super::quic::Quic;
use super::{Pair, Stream, ask, plain, secure};
use geosteer::config::{Encrypted, Proxy, Server as Settings, Tls};
use geosteer::daemon::{Options, Server, ServerSource};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// One endpoint a pool, so that nothing is drawn; one set of records that no datagram holds.
pub const ZONE: &str = r#"
zone = "example.com"
ns = ["ns1.example.net"]

[records]
text = """
static 300 A 192.0.2.9
static 60 TXT "one"
large 300 TXT "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
large 300 TXT "11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
large 300 TXT "22222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
large 300 TXT "33333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333"
large 300 TXT "44444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444"
large 300 TXT "55555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555"
"""

[regions]
europe = { continents = ["EU"] }
here   = { networks = ["127.0.0.0/8"] }

[pools]
fra = { check = "none", endpoints = ["192.0.2.10"] }
nyc = { check = "none", endpoints = ["198.51.100.10"] }
lab = { check = "none", endpoints = ["203.0.113.10"] }

[names.www]
ttl = 40
policy = { europe = ["fra"], here = ["lab"], default = ["nyc"] }
"#;

/// A running server.
pub struct Served {
    pub pair: Pair,
    pub server: Server,
}

/// Starts it; this machine is a front end.
pub fn serve() -> Served {
    serve_front_ends(vec!["127.0.0.1/32".parse().unwrap()])
}

/// Starts it with these front ends.
pub fn serve_front_ends(allow: Vec<ipnet::IpNet>) -> Served {
    let pair = Pair::new();
    let mut options = Options::for_text("zone.toml", ZONE);
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let mut file = Settings::default();
    file.dns.encrypted = Encrypted { tls: vec![any], https: vec![any], quic: vec![any], ..Encrypted::default() };
    file.dns.proxy = Proxy { listen: vec![any], tls: vec![any], https: vec![any], allow };
    file.tls = Tls { certificate: Some(pair.chain.clone()), key: Some(pair.key.clone()) };
    options.sources.server = ServerSource::Given(Box::new(file));
    let server = Server::start(options).unwrap();
    Served { pair, server }
}

impl Served {
    /// Where a transport is taken.
    pub fn address(&self, transport: &str) -> SocketAddr {
        self.find(transport, false)
    }

    /// Where it is taken from front ends.
    pub fn proxied(&self, transport: &str) -> SocketAddr {
        self.find(transport, true)
    }

    fn find(&self, transport: &str, is_proxied: bool) -> SocketAddr {
        let is = |one: &&geosteer::daemon::Listening| one.transport == transport && one.is_proxied == is_proxied;
        self.server.listening().iter().find(is).unwrap().address
    }

    /// A connection of DNS over QUIC.
    pub fn quic(&self) -> Quic {
        Quic::connect(self.address("quic"), &self.pair)
    }

    /// A connection of DNS over TLS.
    pub fn tls(&self) -> Stream {
        secure(self.address("tls"), &self.pair.client(&["dot"]))
    }

    /// A connection of HTTP/1.1.
    pub fn https(&self) -> Stream {
        secure(self.address("https"), &self.pair.client(&["http/1.1"]))
    }

    /// Asks over UDP.
    pub fn udp(&self, query: &[u8]) -> Vec<u8> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket.send_to(query, self.server.address()).unwrap();
        let mut reply = vec![0; 4_096];
        let length = socket.recv(&mut reply).unwrap();
        reply.truncate(length);
        reply
    }

    /// Asks over TCP.
    pub fn tcp(&self, query: &[u8]) -> Vec<u8> {
        ask(&mut plain(self.server.address()), query)
    }
}

/// A query of class IN without EDNS.
pub fn query(name: &str, rtype: u16) -> Vec<u8> {
    let mut query = b"\0\0\0\0\0\x01\0\0\0\0\0\0".to_vec();
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend_from_slice(label.as_bytes());
    }
    query.push(0);
    query.extend_from_slice(&rtype.to_be_bytes());
    query.extend_from_slice(&[0, 1]);
    query
}

/// The same with an OPT record that has these options.
pub fn query_with(name: &str, rtype: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut query = query(name, rtype);
    query[11] = 1;
    query.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0]);
    let octets: Vec<u8> = options
        .iter()
        .flat_map(|(code, data)| [&code.to_be_bytes()[..], &(data.len() as u16).to_be_bytes(), data].concat())
        .collect();
    query.extend_from_slice(&(octets.len() as u16).to_be_bytes());
    query.extend_from_slice(&octets);
    query
}

/// The addresses of the A records of an answer.
pub fn addresses(reply: &[u8]) -> Vec<String> {
    let message = hickory_proto::op::Message::from_vec(reply).unwrap();
    message.answers.iter().map(|record| record.data.to_string()).collect()
}
