//! The webhook: in order, signed, tried again while that may help, and never in anybody's way.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use geosteer::events::{Events, Kind};
use geosteer::restart::Restarts;
use geosteer::webhook::{self, SIGNATURE, Target, Webhook};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// One request: its body and its signature.
type Got = (serde_json::Value, Option<String>, Bytes);

/// A receiver that answers with these statuses in turn, then with 200.
fn receiver(statuses: &[u16]) -> (String, Receiver<Got>, tokio::runtime::Runtime) {
    type Shared = (Arc<Mutex<VecDeque<u16>>>, Sender<Got>);
    async fn take(State((statuses, sender)): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
        let signature = headers.get(SIGNATURE).map(|value| value.to_str().unwrap().to_owned());
        sender.send((serde_json::from_slice(&body).unwrap(), signature, body)).unwrap();
        StatusCode::from_u16(statuses.lock().unwrap().pop_front().unwrap_or(200)).unwrap()
    }
    let (sender, got) = channel();
    let shared: Shared = (Arc::new(Mutex::new(statuses.iter().copied().collect())), sender);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = Router::new().route("/hook", post(take)).with_state(shared);
    runtime.spawn(async move { axum::serve(listener, router).await });
    (url, got, runtime)
}

fn start(url: &str, secret: Option<&[u8]>, events: &Events) -> Webhook {
    let target = Target { url: url.into(), secret: secret.map(Into::into), pause: Duration::from_millis(1) };
    webhook::start(&target, events.clone(), &Restarts::default()).unwrap()
}

fn push(events: &Events, subject: &str) {
    events.push(Kind::Health, subject, "up", "down", "connection refused");
}

fn subjects((body, ..): &Got) -> Vec<String> {
    body["events"].as_array().unwrap().iter().map(|event| event["subject"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn events_come_in_order_and_again_after_a_failure_that_may_pass() {
    let (url, got, _runtime) = receiver(&[503, 429, 200]);
    let events = Events::default();
    push(&events, "first");
    push(&events, "second");
    let _webhook = start(&url, None, &events);
    for _ in 0..3 {
        assert_eq!(subjects(&got.recv_timeout(LONG).unwrap()), ["first", "second"]);
    }
    push(&events, "third");
    let third = got.recv_timeout(LONG).unwrap();
    assert_eq!(subjects(&third), ["third"]);
    let event = &third.0["events"][0];
    let words = ["kind", "from", "to", "reason"].map(|key| event[key].as_str().unwrap());
    assert_eq!((event["number"].as_u64(), words), (Some(3), ["health", "up", "down", "connection refused"]));
    assert_eq!(third.1, None);
}

#[test]
fn what_is_refused_for_good_is_dropped_and_the_next_goes_on() {
    let (url, got, _runtime) = receiver(&[400]);
    let events = Events::default();
    let _webhook = start(&url, None, &events);
    push(&events, "refused");
    assert_eq!(subjects(&got.recv_timeout(LONG).unwrap()), ["refused"]);
    push(&events, "next");
    assert_eq!(subjects(&got.recv_timeout(LONG).unwrap()), ["next"]);
}

#[test]
fn the_signature_is_the_hmac_of_the_body() {
    use aws_lc_rs::hmac::{HMAC_SHA256, Key, verify};
    let (url, got, _runtime) = receiver(&[]);
    let events = Events::default();
    let _webhook = start(&url, Some(b"secret"), &events);
    push(&events, "signed");
    let (_, signature, body) = got.recv_timeout(LONG).unwrap();
    let hex = signature.unwrap();
    let hex = hex.strip_prefix("sha256=").unwrap();
    let tag: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    verify(&Key::new(HMAC_SHA256, b"secret"), &body, &tag).unwrap();
    verify(&Key::new(HMAC_SHA256, b"another"), &body, &tag).unwrap_err();
}

#[test]
fn a_receiver_that_is_gone_holds_nobody_up() {
    let events = Events::default();
    push(&events, "lost");
    let webhook = start("http://127.0.0.1:1/", None, &events);
    drop(webhook);
    assert!(
        webhook::start(&Target { url: "no url".into(), secret: None, pause: LONG }, events, &Restarts::default())
            .is_err()
    );
}
