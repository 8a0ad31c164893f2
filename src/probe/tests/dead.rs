//! Endpoints that are half dead, and what a probe says of each; and what a hostile one can cost.

use super::*;
use crate::limits::{PROBE_BODY_MAX, PROBE_BUFFER};
use crate::probe::http::HttpProbe;
use crate::probe::progress::Progress;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::net::TcpStream;

/// Long enough for a busy machine to do what is to happen, short enough to wait for what is not.
const TIMEOUT_MS: u32 = 1_500;

/// A listener on which each connection is treated so; counts them.
async fn treat<F>(treatment: fn(TcpStream) -> F) -> (u16, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, SeqCst);
            tokio::spawn(treatment(stream));
        }
    });
    (port, count)
}

/// Packets to this port vanish: its queue of connections is full, and nobody accepts.
async fn blackhole() -> (u16, Vec<Box<dyn Send>>) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((LOCALHOST, 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut kept: Vec<Box<dyn Send>> = vec![Box::new(listener)];
    // The queue takes one or two more than it is told to.
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        kept.push(Box::new(stream));
    }
    (address.port(), kept)
}

async fn request(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    let _ = stream.read(&mut buffer).await;
}

async fn reset(mut stream: TcpStream) {
    request(&mut stream).await;
    // Closed with a time to linger of zero: a reset.
    let _ = stream.set_zero_linger();
}

async fn close(mut stream: TcpStream) {
    request(&mut stream).await;
    let _ = stream.shutdown().await;
}

async fn hang(stream: TcpStream) {
    std::future::pending::<()>().await;
    drop(stream);
}

/// A byte of the body for each time that the timer wakes.
async fn drip(mut stream: TcpStream) {
    request(&mut stream).await;
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n").await;
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    while stream.write_all(b"x").await.is_ok() {
        tick.tick().await;
    }
}

async fn overloaded(mut stream: TcpStream) {
    request(&mut stream).await;
    let _ = stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy").await;
}

async fn sorry(mut stream: TcpStream) {
    request(&mut stream).await;
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsorry").await;
}

#[tokio::test]
async fn eight_ways_to_be_half_dead_are_told_apart() {
    let authority = Authority::new();
    let (dark, _kept) = blackhole().await;
    let text = |port| HttpCheck { expect_body: Some("healthy".into()), ..http(port) };
    let ways = [
        ("blackhole", http(dark), "no connection within 1500 ms"),
        ("reset", http(treat(reset).await.0), "connection reset"),
        ("accept and close", http(treat(close).await.0), "the connection was closed without an answer"),
        ("hang after accept", http(treat(hang).await.0), "connected, but no answer within 1500 ms"),
        ("drip", http(treat(drip).await.0), "the answer began, but did not end within 1500 ms"),
        ("5xx", http(treat(overloaded).await.0), "status 503"),
        ("wrong body", text(treat(sorry).await.0), "status 200, but the expected text is not in the body"),
        ("expired", https(authority.serve("www.example.com", 2020).await.0, "www.example.com"), "certificate expired"),
    ];
    let probes = ways.map(|(way, check, words)| {
        let kind = CheckKind::Http(check);
        let tls = authority.trusted();
        (way, words, tokio::spawn(run_with(kind, TIMEOUT_MS, tls)))
    });
    let mut right = 0;
    for (way, words, probe) in probes {
        let ended = probe.await.unwrap();
        println!("{way:<17}  {:?}: {}", ended.outcome, ended.note);
        // A machine too busy to keep the time rightly says that it cannot judge.
        right += usize::from(ended.outcome == Outcome::Fail && ended.note.starts_with(words) || lagged(&ended));
    }
    println!("{right} of 8");
    assert_eq!(right, 8);
}

fn lagged(ended: &Ended) -> bool {
    ended.outcome == Outcome::Inconclusive && ended.note.contains("lagged")
}

#[tokio::test]
async fn hanging_in_the_middle_of_tls_is_named() {
    let (port, _) = treat(hang).await;
    let ended = run_with(CheckKind::Http(https(port, "www.example.com")), 400, Authority::new().trusted()).await;
    assert!(&*ended.note == "connected, but no TLS within 400 ms" || lagged(&ended), "{}", ended.note);
}

/// Writes a gigabyte as long as it is taken; gives what was.
async fn gigabyte(mut stream: impl AsyncWrite + AsyncRead + Unpin) -> usize {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
    let (chunk, mut written) = (vec![b'x'; 64 << 10], 0);
    let mut request = [0; 1024];
    let _ = stream.read(&mut request).await;
    if stream.write_all(head).await.is_err() {
        return written;
    }
    while written < 1 << 30 {
        match stream.write(&chunk).await {
            Ok(length) if length > 0 => written += length,
            _ => break,
        }
    }
    written
}

#[tokio::test]
async fn of_a_gigabyte_no_more_than_64_kib_and_one_buffer_is_taken() {
    // In memory, so that the pipe's size is known: what the server could write was read, or is in the pipe.
    const PIPE: usize = 4 << 10;
    for wanted in [None, Some("never there")] {
        let (near, far) = tokio::io::duplex(PIPE);
        let server = tokio::spawn(gigabyte(far));
        let check = HttpCheck { expect_body: wanted.map(Into::into), ..http(80) };
        let probe = HttpProbe::new(&check, &TargetAddress::Ip(LOCALHOST), &mut TlsConfigs::new()).unwrap();
        let progress = Progress::new(crate::clock::instant());
        let ended = probe.ask(&check, near, "", &progress).await;
        assert_eq!(ended.outcome == Outcome::Pass, wanted.is_none(), "{}", ended.note);
        let written = server.await.unwrap();
        println!("written {written} bytes of a gigabyte");
        assert!(written <= PROBE_BODY_MAX + PROBE_BUFFER + PIPE, "{written}");
        assert!(written >= PROBE_BODY_MAX, "{written}: as much as may be looked at was");
    }
}

#[tokio::test]
async fn a_head_without_an_end_is_not_read_for_ever() {
    let (near, mut far) = tokio::io::duplex(4 << 10);
    let server = tokio::spawn(async move {
        let (mut written, line) = (0, b"X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
        let _ = far.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while written < 1 << 24 && far.write_all(line).await.is_ok() {
            written += line.len();
        }
        written
    });
    let probe = HttpProbe::new(&http(80), &TargetAddress::Ip(LOCALHOST), &mut TlsConfigs::new()).unwrap();
    let progress = Progress::new(crate::clock::instant());
    failed(&probe.ask(&http(80), near, "", &progress).await, "no proper HTTP");
    assert!(server.await.unwrap() < 64 << 10);
}

#[tokio::test]
async fn a_redirect_costs_no_connection_elsewhere() {
    let (elsewhere, count) = treat(close).await;
    for status in [301, 302, 303, 307, 308] {
        let moved =
            format!("HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
        let (port, seen) = serve(moved, false).await;
        failed(&ask(http(port)).await, &format!("status {status}"));
        assert_eq!(seen.requests().len(), 1);
    }
    assert_eq!(count.load(SeqCst), 0);
}
