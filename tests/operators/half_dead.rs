//! Eight ways to be half-dead, named by a running server in `events` and in `endpoints`; and what hostile endpoints cost.

use super::{Process, folder};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// A listener on which each connection is treated so, on a thread of its own; its port.
fn treat(treatment: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, treatment) = (listener.local_addr().unwrap().port(), Arc::new(treatment));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let treatment = Arc::clone(&treatment);
            std::thread::spawn(move || treatment(stream));
        }
    });
    port
}

/// Packets to this port vanish: its queue of connections is full, and nobody accepts.
fn blackhole() -> (u16, Vec<Box<dyn Send>>) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(1).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut kept: Vec<Box<dyn Send>> = vec![Box::new(socket)];
    // The queue takes one or two more than it is told to.
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        kept.push(Box::new(stream));
    }
    (address.port(), kept)
}

fn request(stream: &mut impl Read) {
    let _any = stream.read(&mut [0; 4_096]);
}

fn answer(text: &'static str) -> impl Fn(TcpStream) + Send + Sync {
    move |mut stream| {
        request(&mut stream);
        let _gone = stream.write_all(text.as_bytes());
    }
}

fn reset(stream: TcpStream) {
    let mut stream = stream;
    request(&mut stream);
    // Closed with a time to linger of zero: a reset.
    let _gone = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
}

/// Holds the connection until the other side ends it.
fn hang(mut stream: TcpStream) {
    while stream.read(&mut [0; 64]).is_ok_and(|length| length > 0) {}
}

/// A byte of the body each time that nothing comes for a while.
fn drip(mut stream: TcpStream) {
    request(&mut stream);
    let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
    let _short = stream.set_read_timeout(Some(Duration::from_millis(20)));
    loop {
        match stream.read(&mut [0; 1]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            _ => return,
        }
        if stream.write_all(b"x").is_err() {
            return;
        }
    }
}

/// A TLS endpoint whose certificate has expired, and the authority in PEM form.
fn expired() -> (u16, String) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let mut params = CertificateParams::new(["www.example.com".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (rcgen::date_time_ymd(2000, 1, 1), rcgen::date_time_ymd(2020, 1, 1));
    let key = KeyPair::generate().unwrap();
    let chain: Vec<CertificateDer<'static>> = vec![params.signed_by(&key, &issuer).unwrap().der().clone()];
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key.into()).unwrap());
    let port = treat(move |mut stream| {
        let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        let _refused = tls.complete_io(&mut stream);
    });
    (port, root.pem())
}

/// One pool for each, called by its way to be half-dead, with a check of the same name.
fn zone(checks: &[(&str, String)]) -> String {
    let check =
        |(name, check): &(&str, String)| format!("{name} = {{ {check}, interval = \"1s\", timeout = \"900ms\" }}\n");
    let pool = |(index, (name, _)): (usize, &(&str, String))| {
        format!(
            "{name} = {{ check = \"{name}\", endpoints = [{{ name = \"x\", address = \"192.0.2.{}\", check_address = \"127.0.0.1\" }}] }}\n",
            index + 1
        )
    };
    let (checks_text, pools): (String, String) =
        (checks.iter().map(check).collect(), checks.iter().enumerate().map(pool).collect());
    let all: Vec<_> = checks.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    format!(
        "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[checks]\n{checks_text}[pools]\n{pools}\
         [names]\nwww = {{ policy = {{ default = [{}] }} }}\n",
        all.join(", ")
    )
}

#[test]
fn eight_ways_to_be_half_dead_are_named_right_in_events_and_endpoints() {
    let (dark, _kept) = blackhole();
    let (old, root) = expired();
    let http = |port: u16| format!("type = \"http\", port = {port}");
    let busy = answer("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy");
    let sorry = answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsorry");
    let ways = [
        ("blackhole", http(dark), "no connection within 900 ms"),
        ("reset", http(treat(reset)), "connection reset"),
        ("close", http(treat(|mut stream| request(&mut stream))), "the connection was closed without an answer"),
        ("hang", http(treat(hang)), "connected, but no answer within 900 ms"),
        ("drip", http(treat(drip)), "the answer began, but did not end within 900 ms"),
        ("overload", http(treat(busy)), "status 503"),
        (
            "wrong",
            format!("{}, expect_body = \"healthy\"", http(treat(sorry))),
            "status 200, but the expected text is not in the body",
        ),
        ("expired", format!("type = \"https\", port = {old}, host = \"www.example.com\""), "certificate expired"),
    ];
    let checks: Vec<_> = ways.iter().map(|(name, check, _)| (*name, check.clone())).collect();
    let folder = folder(&zone(&checks));
    std::fs::write(folder.path().join("ca.pem"), root).unwrap();
    let mut server = Process::start_quietly(folder.path());
    (0..8).for_each(|_| drop(server.line(&["health changed", "to=\"down\""])));
    let events = server.json(&["events"]);
    let endpoints = |name| server.json(&["endpoints", name])["endpoints"][0].clone();
    let mut right = 0;
    for (name, _, words) in ways {
        let subject = format!("127.0.0.1 {name}");
        let event = events["events"].as_array().unwrap().iter().find(|event| event["subject"] == subject.as_str());
        let reason = event.map_or("", |event| event["reason"].as_str().unwrap());
        // A machine too busy to keep the time rightly says that it cannot judge; the next probe does.
        let shown =
            (0..50).map(|_| endpoints(name)).find(|row| !row["note"].as_str().unwrap().contains("lagged")).unwrap();
        let note = shown["note"].as_str().unwrap();
        println!("{name:<10} event: {reason:<60} endpoint: {note}");
        right += usize::from(reason.starts_with(words) && note.starts_with(words) && shown["health"] == "down");
    }
    println!("{right} of 8");
    assert_eq!(right, 8);
}

#[test]
fn a_gigabyte_and_a_redirect_cost_a_running_server_next_to_nothing() {
    let elsewhere = Arc::<AtomicUsize>::default();
    let (tells, written) = std::sync::mpsc::channel();
    let counted = Arc::clone(&elsewhere);
    let other = treat(move |_| {
        counted.fetch_add(1, SeqCst);
    });
    let moved: &'static str = Box::leak(
        format!("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other}/\r\nContent-Length: 0\r\n\r\n")
            .into_boxed_str(),
    );
    let huge = treat(move |mut stream| {
        // What waits in the kernel is not read; it is kept small here.
        let _small = socket2::SockRef::from(&stream).set_send_buffer_size(4_096);
        request(&mut stream);
        let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
        let mut sent = 0;
        while sent < 1 << 30 && stream.write_all(&[b'x'; 4_096]).is_ok() {
            sent += 4_096;
        }
        let _nobody_hears = tells.send(sent);
    });
    let http = |port: u16| format!("type = \"http\", port = {port}");
    let folder = folder(&zone(&[("redirect", http(treat(answer(moved)))), ("huge", http(huge))]));
    let mut server = Process::start_quietly(folder.path());
    server.line(&["health changed", "127.0.0.1", "redirect", "to=\"down\"", "status 302"]);
    let sent = written.recv_timeout(super::LONG).unwrap();
    let row = (0..1_000)
        .map(|_| server.json(&["endpoints", "huge"])["endpoints"][0].clone())
        .find(|row| row["health"] != "unknown");
    assert_eq!(row.unwrap()["health"], "up");
    println!("{sent} bytes left the endpoint's hands");
    assert!(sent < 8 << 20, "its own buffer and ours in the kernel aside, 64 KiB are read");
    assert_eq!(elsewhere.load(SeqCst), 0);
}
