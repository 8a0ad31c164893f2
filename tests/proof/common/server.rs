//! A state behind real sockets on a port of the system's choice: the listeners that the daemon uses, without
//! files and probes.

use super::secure::quic::Quic;
use super::secure::{self, Pair};
use geosteer::listen::streams::{self, Door, Sockets, Speaks};
use geosteer::listen::{Service, bind, tcp, udp};
use geosteer::metrics::Metrics;
use geosteer::publish::Published;
use geosteer::respond::{Request, Verdict, respond};
use geosteer::restart::Part;
use geosteer::state::State;
use geosteer::worker::Worker;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// How long an answer may take; a test that waits so long has failed.
const LONG: Duration = Duration::from_secs(20);

/// Running listeners; they end when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where they answer.
    pub(crate) address: SocketAddr,
    /// The state that they answer from.
    pub(crate) published: Arc<Published>,
    udp: Option<udp::Threads>,
    tcp: Option<tcp::Thread>,
    pair: Pair,
    /// DNS over TLS, and over HTTPS.
    encrypted: [SocketAddr; 2],
    /// DNS over QUIC.
    quic: SocketAddr,
    streams: Option<streams::Thread>,
    client: UdpSocket,
}

type Entry = fn(&State, &mut Worker, &Request<'_>, &mut [u8]) -> Verdict;

/// Serves the state on 127.0.0.1.
pub(crate) fn serve(state: State) -> Server {
    let entry: Entry = respond;
    let service = Service { published: Arc::new(Published::new(state)), respond: entry };
    let metrics = Metrics::default();
    let bound = bind::bind(&[([127, 0, 0, 1], 0).into()], 1).expect("a port on loopback");
    let limits = tcp::Limits::with_descriptors(1024);
    let address = bound.addresses[0];
    let client = UdpSocket::bind("127.0.0.1:0").expect("a port on loopback");
    client.connect(address).expect("a route over loopback");
    client.set_read_timeout(Some(LONG)).expect("a timeout above zero");
    let (pair, mut doors) = (Pair::new(), Vec::new());
    let encrypted = [Speaks::Tls, Speaks::Https].map(|speaks| {
        let listener = bind::bind_tcp(&[([127, 0, 0, 1], 0).into()]).expect("a port on loopback").remove(0);
        let address = listener.local_addr().expect("an address");
        doors.push(Door { listener, speaks, front_ends: None });
        address
    });
    let socket = bind::bind_quic(&[([127, 0, 0, 1], 0).into()]).expect("a port on loopback").remove(0);
    let quic = socket.local_addr().expect("an address");
    let (shown, sockets) = (pair.shown(), Sockets { doors, quic: vec![socket] });
    let streams = streams::Limits::with_descriptors(1024);
    let streams = streams::start((Part::Streams, sockets), Some(&shown), service.clone(), &metrics, streams);
    Server {
        address,
        pair,
        encrypted,
        quic,
        streams: Some(streams.expect("a thread")),
        published: Arc::clone(&service.published),
        udp: Some(udp::start(bound.udp, &service, &metrics).expect("a thread")),
        tcp: Some(tcp::start(bound.tcp, service, &metrics, limits).expect("a thread")),
        client,
    }
}

impl Server {
    /// Asks over UDP.
    pub(crate) fn udp(&self, query: &[u8]) -> Vec<u8> {
        let mut reply = vec![0; 4096];
        self.client.send(query).expect("loopback takes it");
        let length = self.client.recv(&mut reply).expect("an answer over UDP");
        reply.truncate(length);
        reply
    }

    /// Asks over a TCP connection of its own.
    pub(crate) fn tcp(&self, query: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(LONG)).expect("a timeout above zero");
        let length = u16::try_from(query.len()).expect("queries are small").to_be_bytes();
        stream.write_all(&[&length, query].concat()).expect("the server reads");
        let mut length = [0; 2];
        stream.read_exact(&mut length).expect("an answer over TCP");
        let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut reply).expect("all of the answer");
        reply
    }
}

impl Server {
    /// Asks over a connection of DNS over TLS.
    pub(crate) fn tls(&self, query: &[u8]) -> Vec<u8> {
        secure::ask(&mut secure::secure(self.encrypted[0], &self.pair.client(&["dot"])), query)
    }

    /// Asks over a connection of DNS over QUIC.
    pub(crate) fn quic(&self, query: &[u8]) -> Vec<u8> {
        Quic::connect(self.quic, &self.pair).ask(query)
    }

    /// Asks over a connection of HTTPS: by GET, then by POST.
    pub(crate) fn https(&self, query: &[u8]) -> [Vec<u8>; 2] {
        let mut stream = secure::secure(self.encrypted[1], &self.pair.client(&["http/1.1"]));
        [secure::get(query), secure::post(query)].map(|request| {
            let response = secure::request(&mut stream, &request);
            assert_eq!(response.status, 200);
            response.body
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(streams) = self.streams.take() {
            streams.stop();
        }
        if let Some(udp) = self.udp.take() {
            udp.stop();
        }
        if let Some(tcp) = self.tcp.take() {
            tcp.stop();
        }
    }
}
