//! DNS over QUIC, as far as limits go; what it promises to clients stands in `rfc9250`.

use super::encrypted::wide;
use super::secure::Pair;
use super::secure::framed;
use super::secure::quic::Quic;
use super::{LONG, id, message, service, until};
use geosteer::limits::{BODIES_CLIENT, RESETS, STREAMS};
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
    let socket =
        bind::bind_quic(&["127.0.0.1:0".parse().unwrap()], &mut geosteer::listen::inherit::Inherited::default())
            .unwrap()
            .remove(0);
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
fn replies_that_a_client_does_not_take_are_given_up_and_end_its_connection_in_the_end() {
    let server = start(Limits { write: Duration::from_millis(50), ..wide() });
    let (deaf, other) = (Quic::connect_deaf(server.address, &server.pair), server.connect());
    let longest = framed(&[message(0, ""), vec![b'.'; 65_523]].concat());
    let streams = deaf.runtime.block_on(async {
        let mut streams = Vec::new();
        let open_until_closed = async {
            while let Ok((mut send, receive)) = deaf.connection.open_bi().await {
                let _closed = send.write_all(&longest).await;
                let _closed = send.finish();
                streams.push(receive);
            }
        };
        tokio::time::timeout(LONG, open_until_closed).await.expect("streams end, and then the connection");
        streams.len()
    });
    assert!((RESETS..2 * (RESETS + STREAMS as usize)).contains(&streams), "{streams}");
    assert_eq!(deaf.closed(), 4);
    assert!(server.totals().timed_out > RESETS as u64);
    hello(&other);
}

#[test]
fn messages_that_wait_for_their_client_to_take_replies_have_places_and_give_them_back() {
    // Of each connection four replies are written, and the other messages wait.
    let (connections, waiting) = (5, STREAMS as usize - 4);
    let too_many = (connections * waiting - BODIES_CLIENT) as u64;
    let server = start(wide());
    let other = server.connect();
    for round in 1..=2 {
        let deaf: Vec<_> = (0..connections).map(|_| Quic::connect_deaf(server.address, &server.pair)).collect();
        let mut streams = Vec::new();
        for quic in &deaf {
            quic.runtime.block_on(async {
                for _ in 0..STREAMS {
                    let (mut send, receive) = quic.connection.open_bi().await.unwrap();
                    send.write_all(&framed(&message(0, "hello"))).await.unwrap();
                    send.finish().unwrap();
                    streams.push(receive);
                }
            });
        }
        until("the oldest make room", || server.totals().evicted >= round * too_many);
        hello(&other);
        // A few more if the last round's connections are still ending; those that had kept their places would be all.
        assert!(server.totals().evicted < round * too_many + waiting as u64, "{}", server.totals().evicted);
        for quic in &deaf {
            quic.connection.close(0_u8.into(), b"");
            quic.runtime.block_on(quic.endpoint.wait_idle());
        }
    }
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
