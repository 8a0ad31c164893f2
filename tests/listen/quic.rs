//! DNS over QUIC, as far as limits go; what it promises to clients stands in `rfc9250`.

use super::encrypted::wide;
use super::secure::Pair;
use super::secure::framed;
use super::secure::quic::Quic;
use super::{id, message, service, until};
use geosteer::limits::RESETS;
use geosteer::listen::bind;
use geosteer::listen::streams::{self, Limits, Sockets};
use geosteer::metrics::{Metrics, Totals};
use geosteer::respond::Transport;
use geosteer::restart::Part;
use std::net::SocketAddr;
use std::time::Duration;

struct Server {
    address: SocketAddr,
    pair: Pair,
    metrics: Metrics,
    _thread: streams::Thread,
}

fn start(limits: Limits) -> Server {
    let (pair, metrics) = (Pair::new(), Metrics::default());
    let socket = bind::bind_quic(&["127.0.0.1:0".parse().unwrap()]).unwrap().remove(0);
    let address = socket.local_addr().unwrap();
    let sockets = Sockets { quic: vec![socket], ..Sockets::default() };
    let thread = streams::start((Part::Quic, sockets), Some(&pair.shown()), service(), &metrics, limits).unwrap();
    Server { address, pair, metrics, _thread: thread }
}

impl Server {
    fn connect(&self) -> Quic {
        Quic::connect(self.address, &self.pair)
    }

    fn totals(&self) -> Totals {
        self.metrics.totals_of(Transport::Quic)
    }
}

fn hello(quic: &Quic) {
    assert_eq!((id(&quic.ask(&message(0, "hello"))), quic.ask(&message(0, "large")).len()), (0, 60_000));
}

#[test]
fn a_query_that_does_not_come_whole_is_given_up_and_the_connection_goes_on() {
    let server = start(Limits { message: Duration::from_millis(100), ..wide() });
    let quic = server.connect();
    let code = quic.runtime.block_on(async {
        let (mut send, mut receive) = quic.connection.open_bi().await.unwrap();
        send.write_all(&framed(&message(0, "hello"))[..5]).await.unwrap();
        receive.read_to_end(100).await
    });
    assert!(format!("{code:?}").contains("Reset(4)"), "{code:?}");
    hello(&quic);
    assert_eq!(server.totals().timed_out, 1);
}

#[test]
fn queries_that_are_taken_back_again_and_again_end_their_connection() {
    let server = start(wide());
    let (rapid, other) = (server.connect(), server.connect());
    let mut taken_back = 0;
    until("the connection is closed", || {
        taken_back += 1;
        rapid.runtime.block_on(async {
            let Ok((mut send, _receive)) = rapid.connection.open_bi().await else { return true };
            let _begun = send.write_all(&[0, 20, 0]).await;
            let _taken_back = send.reset(3_u8.into());
            false
        })
    });
    assert!(taken_back > RESETS, "{taken_back}");
    assert_eq!(rapid.closed(), 4);
    hello(&other);
}

#[test]
fn a_client_with_too_many_connections_loses_its_own_longest_idle() {
    let server = start(Limits { per_client: 2, ..wide() });
    let (first, second) = (server.connect(), server.connect());
    hello(&first);
    hello(&second);
    hello(&first);
    hello(&server.connect());
    assert_eq!(second.closed(), 0);
    hello(&first);
    assert_eq!(server.totals().evicted, 1);
}

#[test]
fn a_connection_without_a_query_is_closed_in_time_and_a_panic_ends_its_own_alone() {
    let server = start(Limits { idle: Duration::from_millis(300), ..wide() });
    let idle = server.connect();
    let _ended = idle.runtime.block_on(idle.connection.closed());
    let server = start(wide());
    let (good, bad) = (server.connect(), server.connect());
    assert!(bad.send(&framed(&message(0, "panic"))).is_err());
    assert_eq!(bad.closed(), 1);
    hello(&good);
    assert!(good.send(&framed(&message(0, "quiet"))).is_err(), "no reply: its stream is reset");
    hello(&good);
}
