//! DNS over HTTPS, as far as limits go; what it promises to clients stands in `rfc8484`.

use super::encrypted::{start, wide};
use super::secure::http2::{Http2, get, post, post_of};
use super::secure::{self, is_closed, read_response};
use super::{id, message, until};
use geosteer::limits::{BODIES_CLIENT, RESETS, STREAMS};
use geosteer::listen::streams::Limits;
use geosteer::respond::Transport;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// A body that begins and never ends.
struct Endless(Option<Bytes>);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.take().map_or(Poll::Pending, |octets| Poll::Ready(Some(Ok(Frame::data(octets)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn endless() -> hyper::Request<Endless> {
    post_of(Endless(Some(Bytes::from_static(b"begun"))))
}

#[test]
fn many_requests_of_one_connection_are_answered_whatever_their_order() {
    let server = start(wide());
    let mut client = Http2::connect(server.https, &server.pair);
    for number in 0..200 {
        let request = if number % 2 == 0 { get(&message(number, "")) } else { post(&message(number, "")) };
        let response = client.ask(request).unwrap();
        assert_eq!((response.status, id(&response.body)), (200, number));
    }
    let all: Vec<_> = (0..200).map(|number| client.sender.send_request(get(&message(number, "large")))).collect();
    for response in all {
        let whole = async { response.await.unwrap().into_body().collect().await.unwrap().to_bytes().len() };
        assert_eq!(client.runtime.block_on(whole), 60_000);
    }
}

#[test]
fn a_body_that_does_not_come_is_given_up_and_the_connection_goes_on() {
    let server = start(Limits { message: Duration::from_millis(100), ..wide() });
    let mut client = Http2::connect(server.https, &server.pair);
    let waiting: Vec<_> = (0..STREAMS).map(|_| client.sender.send_request(endless())).collect();
    for response in waiting {
        assert_eq!(client.runtime.block_on(response).unwrap().status(), 408);
    }
    let response = client.ask(post_of(Endless(None)));
    assert_eq!(response.unwrap().status, 408);
}

#[test]
fn slow_bodies_of_one_client_do_not_keep_another_request_waiting() {
    let server = start(wide());
    let slow: Vec<_> = (0..8)
        .map(|_| {
            let mut client = Http2::connect(server.https, &server.pair);
            let waiting: Vec<_> = (0..STREAMS).map(|_| client.sender.send_request(endless())).collect();
            (client, waiting)
        })
        .collect();
    // 256 bodies of one client: half of them had to make room for the others.
    until("bodies were given up", || server.metrics.totals_of(Transport::Https).evicted >= 128);
    let response = Http2::connect(server.https, &server.pair).ask(post(&message(1, "")));
    assert_eq!(response.unwrap().status, 200);
    drop(slow);
}

#[test]
fn requests_that_are_taken_back_again_and_again_end_their_connection() {
    let server = start(wide());
    let mut rapid: Http2<Endless> = Http2::connect(server.https, &server.pair);
    let mut taken_back = 0;
    until("the connection is closed", || {
        taken_back += 1;
        let runtime = &rapid.runtime;
        let request = rapid.sender.send_request(endless());
        // Sent, begun by the server, and dropped.
        let _begun = runtime.block_on(async { tokio::time::timeout(Duration::from_millis(2), request).await });
        runtime.block_on(rapid.sender.ready()).is_err()
    });
    assert!(taken_back > RESETS, "{taken_back}");
    let mut other = Http2::connect(server.https, &server.pair);
    assert_eq!(other.ask(get(&message(1, ""))).unwrap().status, 200);
}

#[test]
fn what_is_too_large_is_refused_whether_its_length_is_said_before_or_not() {
    let server = start(wide());
    let mut client = Http2::connect(server.https, &server.pair);
    let exactly = message(1, &"x".repeat(65_535 - 12));
    assert_eq!(client.ask(post(&exactly)).unwrap().body.len(), 65_535);
    assert_eq!(client.ask(post(&[&exactly[..], &[0]].concat())).unwrap().status, 413);
    let chunk = "x".repeat(0x4000);
    let chunked = format!(
        "POST /dns-query HTTP/1.1\r\nhost: x\r\ncontent-type: application/dns-message\r\ntransfer-encoding: chunked\r\n\r\n{}",
        format!("4000\r\n{chunk}\r\n").repeat(4)
    );
    let mut stream = secure::secure(server.https, &server.pair.client(&["http/1.1"]));
    assert_eq!(secure::request(&mut stream, chunked.as_bytes()).status, 413);
}

#[test]
fn heads_are_bounded_and_a_dripping_one_is_closed_in_time() {
    let server = start(Limits { idle: Duration::from_millis(200), ..wide() });
    let connect = || secure::secure(server.https, &server.pair.client(&["http/1.1"]));
    let mut large = connect();
    let head = format!("GET /dns-query HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    // It may be closed before all of it is written.
    let _written = large.write_all(head.as_bytes());
    let mut many = connect();
    let head = format!("GET /dns-query HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(100));
    many.write_all(head.as_bytes()).unwrap();
    assert_eq!(read_response(&mut many).status, 431);
    let mut drip = connect();
    until("the dripping head is closed", || drip.write_all(b"G").and_then(|()| drip.flush()).is_err());
    let mut idle = connect();
    assert!(is_closed(&mut idle));
}

#[test]
fn a_client_that_takes_no_replies_gets_no_more_of_them_and_is_closed_in_time() {
    let limit = Duration::from_millis(200);
    let server = start(Limits { message: limit, write: limit, ..wide() });
    let mut deaf: Http2<Full<Bytes>> = Http2::connect_with(server.https, &server.pair, 1_000);
    let replies: Vec<_> = (0..20).map(|number| deaf.sender.send_request(get(&message(number, "large")))).collect();
    until("it is closed", || server.metrics.totals_of(Transport::Https).timed_out == 1);
    let totals = server.metrics.totals_of(Transport::Https);
    assert!(totals.queries < 5, "{} large replies were made for nobody", totals.queries);
    drop(replies);
}

#[test]
fn requests_that_wait_for_their_client_to_take_replies_have_places_and_give_them_back() {
    // Three replies of this length are as many octets as a connection may leave unread.
    let (connections, waiting) = (5, STREAMS as usize - 3);
    let too_many = (connections * waiting - BODIES_CLIENT) as u64;
    let server = start(wide());
    let evicted = || server.metrics.totals_of(Transport::Https).evicted;
    for _ in 0..2 {
        let before = evicted();
        let connect = |_| Http2::<Full<Bytes>>::connect_with(server.https, &server.pair, 1_000);
        let mut deaf: Vec<_> = (0..connections).map(connect).collect();
        let ask = |http: &mut Http2| {
            let requests = (0..STREAMS as u16).map(|number| http.sender.send_request(post(&message(number, "large"))));
            requests.collect::<Vec<_>>()
        };
        let replies: Vec<_> = deaf.iter_mut().map(ask).collect();
        until("the oldest make room", || evicted() >= before + too_many);
        let mut other = Http2::connect(server.https, &server.pair);
        // Many, so that whoever still comes has had his turn.
        for _ in 0..100 {
            assert_eq!(other.ask(get(&message(0, "hello"))).unwrap().status, 200);
        }
        // A slow thread waits for bodies too, and puts out more than these. Where places were kept it would be all that wait.
        assert!(evicted() - before < (connections * waiting) as u64, "{} {before}", evicted());
        drop((replies, deaf));
    }
}
