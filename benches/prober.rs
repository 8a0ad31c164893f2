//! What the prober costs, and how evenly and punctually it probes: 10,000 endpoints over 127.0.0.0/8 on a 10 s
//! interval over plain HTTP, then 2,000 over HTTPS with a fresh handshake each.
//!
//! `cargo bench --bench prober`. The endpoints are one process of its own (this program again), bound to the
//! wildcard address, so that every address of 127.0.0.0/8 answers. Linux only.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

use geosteer::health::{Check, CheckKind, HttpCheck, Outcome, Security, TargetAddress, Timing, Voting};
use geosteer::probe::{Job, Prober};
use geosteer::writer::Event;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const INTERVAL: Duration = Duration::from_secs(10);

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("answer") => answer(false),
        Some("answer-tls") => answer(true),
        _ => {
            measure("plain HTTP", "answer", 10_000);
            measure("HTTPS, fresh handshakes", "answer-tls", 2_000);
        }
    }
}

/// Probes `count` endpoints for a first round and three intervals, and prints the figures.
fn measure(what: &str, mode: &str, count: usize) {
    let (mut responder, port) = responder(mode);
    let check = Arc::new(check(port, mode == "answer-tls"));
    let jobs = (0..count).map(|index| {
        let address = Ipv4Addr::new(127, 1 + (index >> 16) as u8, (index >> 8) as u8, index as u8);
        Job { address: TargetAddress::Ip(IpAddr::V4(address)), check: Arc::clone(&check) }
    });
    let before_kib = resident_kib();
    let (sender, events) = channel();
    let prober = Prober::start(1, sender).expect("the prober starts");
    let started = Instant::now();
    prober.adopt_jobs(1, jobs.collect());
    let first = collect(&events, Instant::now() + INTERVAL, Some(count));
    let first_round = started.elapsed();
    // The second round, half an interval after the first, is on the grid; measure from the third on.
    collect(&events, started + INTERVAL * 2, None);
    let _before = prober.stats().take_late_max_us();
    let (late, cpu, from) = (prober.stats().late_total_us(), cpu_ns(), Instant::now());
    let span = INTERVAL * 3;
    let ends = collect(&events, from + span, None);
    let (cpu, probes) = (cpu_ns() - cpu, ends.len() as u64);
    let late_mean = (prober.stats().late_total_us() - late) / probes.max(1);
    let slots = evenness(&ends, from, span);
    let [failed, unjudged] = [Outcome::Fail, Outcome::Inconclusive].map(|outcome| prober.stats().ended(outcome));
    println!("{what}: {count} endpoints, interval {INTERVAL:?}");
    println!("  first round          {} probes in {first_round:.2?}", first.len());
    println!("  probes               {probes} in {span:?}; failed since the start {failed}, not judged {unjudged}");
    println!("  CPU of the prober    {:.1} % of one core", cpu as f64 / span.as_nanos() as f64 * 100.0);
    println!("  CPU a probe          {:.0} µs", cpu as f64 / 1_000.0 / probes.max(1) as f64);
    println!("  late                 mean {late_mean} µs, most {} µs", prober.stats().take_late_max_us());
    println!("  probes a second      {} to {} (mean {})", slots.0, slots.1, probes / span.as_secs());
    println!("  memory               {} KiB an endpoint", (resident_kib() - before_kib) / count as u64);
    drop(prober);
    let _ = responder.kill();
    let _ = responder.wait();
}

fn check(port: u16, tls: bool) -> Check {
    let security = tls.then_some(Security { verify: false, identity: None });
    let plain = HttpCheck::new(security, port);
    let http = HttpCheck { host: Some("www.example.com".into()), path: "/healthz".into(), ..plain };
    let timing = Timing { interval_ms: INTERVAL.as_millis() as u32, timeout_ms: 2_000, fall: 3, rise: 2, forget: 10 };
    Check { name: "bench".into(), kind: CheckKind::Http(http), timing, voting: Voting::default() }
}

/// When probes ended, until then or until that many have.
fn collect(events: &Receiver<Event>, until: Instant, most: Option<usize>) -> Vec<Instant> {
    let mut ends = Vec::new();
    while most.is_none_or(|most| ends.len() < most) {
        let left = until.saturating_duration_since(Instant::now());
        if events.recv_timeout(left).is_err() {
            break;
        }
        ends.push(Instant::now());
    }
    ends
}

/// The fewest and the most probes that ended in one second.
fn evenness(ends: &[Instant], from: Instant, span: Duration) -> (u32, u32) {
    let mut slots = vec![0; span.as_secs() as usize];
    for end in ends {
        if let Some(slot) = slots.get_mut(end.duration_since(from).as_secs() as usize) {
            *slot += 1;
        }
    }
    (slots.iter().min().copied().unwrap_or(0), slots.iter().max().copied().unwrap_or(0))
}

/// Nanoseconds that threads named `prober` have run.
fn cpu_ns() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("a Linux system");
    let of = |task: std::fs::DirEntry| -> Option<u64> {
        let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
        let times = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        (name.trim() == "prober").then(|| times.split(' ').next()?.parse().ok())?
    };
    tasks.flatten().filter_map(of).sum()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Starts the endpoints and reads their port.
fn responder(mode: &str) -> (Child, u16) {
    let program = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(program).arg(mode).stdout(Stdio::piped()).spawn().expect("it can be started again");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("its port");
    (child, line.trim().parse().expect("a port"))
}

/// The endpoints: one `200` for every connection.
fn answer(tls: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(([0, 0, 0, 0], 0).into()).expect("a free port");
        let listener = socket.listen(4_096).expect("a listener");
        println!("{}", listener.local_addr().expect("an address").port());
        let acceptor = tls.then(acceptor);
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                match acceptor {
                    None => reply(stream).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            reply(stream).await;
                        }
                    }
                }
            });
        }
    });
}

async fn reply(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut request = [0; 2_048];
    if stream.read(&mut request).await.is_ok() {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n").await;
        let _ = stream.shutdown().await;
    }
}

fn acceptor() -> tokio_rustls::TlsAcceptor {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(["www.example.com".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate").der().clone();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .expect("key and certificate fit");
    Arc::new(config).into()
}
