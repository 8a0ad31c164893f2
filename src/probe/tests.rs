//! Probes against real servers on loopback.

use super::http::HttpProbe;
use super::tls::TlsConfigs;
use super::*;
use crate::health::{CheckKind, HttpCheck, Timing, Voting};
use crate::wire::Name;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{HandshakeKind, RootCertStore, ServerConfig};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
/// Far more than anything here takes, on a busy machine as well.
const LONG: Duration = Duration::from_secs(30);

/// A server that answers every request with the same bytes and remembers what it was asked.
#[derive(Clone, Default)]
struct Seen {
    requests: Arc<Mutex<Vec<String>>>,
    handshakes: Arc<Mutex<Vec<HandshakeKind>>>,
    names: Arc<Mutex<Vec<Option<String>>>>,
}

impl Seen {
    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    async fn answer(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, response: &[u8], hang: bool) {
        let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
        while !request.windows(4).any(|window| window == b"\r\n\r\n") {
            match stream.read(&mut buffer).await {
                Ok(length) if length > 0 => request.extend_from_slice(&buffer[..length]),
                _ => return,
            }
        }
        self.requests.lock().unwrap().push(String::from_utf8(request).unwrap());
        let _ = stream.write_all(response).await;
        if hang {
            std::future::pending::<()>().await;
        }
        let _ = stream.shutdown().await;
    }
}

async fn serve(response: impl Into<Vec<u8>>, hang: bool) -> (u16, Seen) {
    let (response, seen) = (response.into(), Seen::default());
    let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let (port, kept) = (listener.local_addr().unwrap().port(), seen.clone());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (seen, response) = (seen.clone(), response.clone());
            tokio::spawn(async move { seen.answer(stream, &response, hang).await });
        }
    });
    (port, kept)
}

/// A certificate authority, and TLS settings that trust it.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        // Each authority has a name of its own, or a chain to the wrong one would be a bad signature.
        let name: String = key.public_key_raw().iter().map(|octet| format!("{octet:02x}")).take(16).collect();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), root }
    }

    fn trusted(&self) -> TlsConfigs {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        TlsConfigs::trusting(roots)
    }

    /// A server with a certificate for `name` that expires at the start of `year`, resuming sessions if asked to.
    async fn serve(&self, name: &str, year: i32) -> (u16, Seen) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        assert!(!Arc::ptr_eq(&config.session_storage, &(Arc::new(NoServerSessionStorage {}) as Arc<_>)));
        config.send_tls13_tickets = 4;
        let (acceptor, seen) = (TlsAcceptor::from(Arc::new(config)), Seen::default());
        let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
        let (port, kept) = (listener.local_addr().unwrap().port(), seen.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (seen, acceptor) = (seen.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let connection = stream.get_ref().1;
                    seen.handshakes.lock().unwrap().push(connection.handshake_kind().unwrap());
                    seen.names.lock().unwrap().push(connection.server_name().map(str::to_owned));
                    seen.answer(stream, OK.as_bytes(), false).await;
                });
            }
        });
        (port, kept)
    }
}

fn http(port: u16) -> HttpCheck {
    HttpCheck {
        tls: false,
        tls_verify: true,
        host: None,
        port,
        path: "/healthz".into(),
        method: "GET".into(),
        headers: Box::new([]),
        expect_status: Box::new([200..=299]),
        expect_body: None,
    }
}

fn https(port: u16, host: &str) -> HttpCheck {
    HttpCheck { tls: true, host: Some(host.into()), ..http(port) }
}

fn timing(timeout_ms: u32) -> Timing {
    Timing { interval_ms: 1_000, timeout_ms, fall: 2, rise: 2, forget: 10 }
}

fn job(kind: CheckKind, timeout_ms: u32) -> Job {
    let check = Arc::new(Check { name: "test".into(), kind, timing: timing(timeout_ms), voting: Voting::default() });
    Job { address: TargetAddress::Ip(LOCALHOST), check }
}

/// Runs one probe as the driver does.
async fn run(kind: CheckKind, timeout_ms: u32, tls: &mut TlsConfigs) -> Ended {
    let job = job(kind, timeout_ms);
    let client = match &job.check.kind {
        CheckKind::Http(check) => match HttpProbe::new(check, &job.address, tls) {
            Ok(client) => Some(client),
            Err(reason) => return Ended::fail(reason),
        },
        _ => None,
    };
    driver::probe(&job, client.as_ref()).await
}

async fn ask(check: HttpCheck) -> Ended {
    run(CheckKind::Http(check), 20_000, &mut TlsConfigs::new()).await
}

async fn ask_tls(check: HttpCheck, authority: &Authority) -> Ended {
    run(CheckKind::Http(check), 20_000, &mut authority.trusted()).await
}

/// A port of 127.0.0.1 where nobody listens: ports of listeners that are gone are handed out again only much later.
async fn closed_port() -> u16 {
    TcpListener::bind((LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port()
}

#[track_caller]
fn failed(ended: &Ended, words: &str) {
    assert_eq!(ended.outcome, Outcome::Fail, "{}", ended.note);
    assert!(ended.note.contains(words), "{:?} does not say {words:?}", ended.note);
}

#[track_caller]
fn passed(ended: &Ended) {
    assert_eq!(ended.outcome, Outcome::Pass, "{}", ended.note);
}

#[tokio::test]
async fn a_probe_asks_as_configured_and_closes_its_connection() {
    let (port, seen) = serve(OK, false).await;
    let headers = Box::new([("X-Probe".into(), "geosteer".into())]);
    passed(
        &ask(HttpCheck { host: Some("www.example.com".into()), headers, method: "HEAD".into(), ..http(port) }).await,
    );
    let requests = seen.requests();
    let request = requests[0].to_ascii_lowercase();
    assert!(request.starts_with("head /healthz http/1.1\r\n"), "{request}");
    for line in [&format!("host: www.example.com:{port}"), "x-probe: geosteer", "connection: close"] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "no {line} in {request}");
    }
    assert!(request.contains(&format!("user-agent: geosteer/{}", env!("CARGO_PKG_VERSION"))), "{request}");
}

#[tokio::test]
async fn a_status_that_is_not_expected_fails_and_a_redirect_is_not_followed() {
    let (target, seen) = serve(OK, false).await;
    let moved = format!("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{target}/\r\nContent-Length: 0\r\n\r\n");
    let (port, _) = serve(moved, false).await;
    failed(&ask(http(port)).await, "status 302");
    assert!(seen.requests().is_empty());
    passed(&ask(HttpCheck { expect_status: Box::new([302..=302]), ..http(port) }).await);
    let (port, _) = serve("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", false).await;
    failed(&ask(http(port)).await, "status 503");
}

#[tokio::test]
async fn the_expected_text_counts_within_the_first_64_kib_only() {
    let body = |before: usize| {
        let body = format!("{}needle{}", "x".repeat(before), "y".repeat(1 << 20));
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let check = |port| HttpCheck { expect_body: Some("needle".into()), ..http(port) };
    let (port, _) = serve(body(crate::limits::PROBE_BODY_MAX - 6), false).await;
    passed(&ask(check(port)).await);
    let (port, _) = serve(body(crate::limits::PROBE_BODY_MAX - 5), false).await;
    failed(&ask(check(port)).await, "expected text");
}

#[tokio::test]
async fn a_body_that_does_not_end_in_time_fails() {
    let (port, _) = serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nslow", true).await;
    let ended = run(CheckKind::Http(http(port)), 400, &mut TlsConfigs::new()).await;
    // On a machine that is too busy to keep 400 ms the probe rightly says that it cannot judge.
    assert!(
        ended.outcome != Outcome::Pass
            && (ended.note.contains("no answer within 400 ms") || ended.note.contains("lagged"))
    );
    let (port, _) = serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", false).await;
    assert_eq!(ask(http(port)).await.outcome, Outcome::Fail);
}

#[tokio::test]
async fn a_refused_connection_fails_at_once() {
    let port = closed_port().await;
    failed(&ask(http(port)).await, "connection refused");
    let ended = run(CheckKind::Tcp { port }, 20_000, &mut TlsConfigs::new()).await;
    failed(&ended, "connection refused");
    let (port, _) = serve(OK, false).await;
    passed(&run(CheckKind::Tcp { port }, 20_000, &mut TlsConfigs::new()).await);
}

#[tokio::test]
async fn the_connection_goes_to_the_endpoint_and_the_name_is_only_host_and_server_name() {
    let authority = Authority::new();
    let (port, seen) = authority.serve("www.example.com", 2100).await;
    let ended = ask_tls(https(port, "www.example.com"), &authority).await;
    passed(&ended);
    assert!(ended.note.contains("certificate expires in"), "{}", ended.note);
    assert_eq!(seen.names.lock().unwrap()[..], [Some("www.example.com".to_owned())]);
    assert!(seen.requests()[0].to_ascii_lowercase().contains(&format!("host: www.example.com:{port}\r\n")));
}

#[tokio::test]
async fn a_host_that_is_an_address_is_verified_and_named_but_not_connected_to() {
    let authority = Authority::new();
    let (port, seen) = authority.serve("192.0.2.1", 2100).await;
    passed(&ask_tls(https(port, "192.0.2.1"), &authority).await);
    assert!(seen.requests()[0].to_ascii_lowercase().contains(&format!("host: 192.0.2.1:{port}\r\n")));
    failed(&ask_tls(https(port, "192.0.2.2"), &authority).await, "another name");
}

#[tokio::test]
async fn certificates_are_judged_in_plain_words() {
    let authority = Authority::new();
    let (port, _) = authority.serve("www.example.com", 2020).await;
    failed(&ask_tls(https(port, "www.example.com"), &authority).await, "certificate expired");
    let unverified = HttpCheck { tls_verify: false, ..https(port, "other.example.com") };
    passed(&ask_tls(unverified, &authority).await);
    let (port, _) = authority.serve("www.example.com", 2100).await;
    failed(&ask_tls(https(port, "api.example.com"), &authority).await, "certificate is for another name");
    failed(&ask_tls(https(port, "www.example.com"), &Authority::new()).await, "unknown issuer");
    let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 mail.example.com ESMTP\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    failed(&ask_tls(https(port, "www.example.com"), &authority).await, "no TLS spoken there");
}

#[tokio::test]
async fn no_probe_resumes_a_tls_session() {
    let authority = Authority::new();
    let (port, seen) = authority.serve("www.example.com", 2100).await;
    let (mut tls, check) = (authority.trusted(), https(port, "www.example.com"));
    let client = HttpProbe::new(&check, &TargetAddress::Ip(LOCALHOST), &mut tls).unwrap();
    for _ in 0..3 {
        passed(&client.probe(&check, crate::clock::instant()).await);
    }
    let kinds = seen.handshakes.lock().unwrap().clone();
    assert_eq!(kinds.len(), 3, "one connection a probe");
    assert!(kinds.iter().all(|kind| matches!(kind, HandshakeKind::Full)), "{kinds:?}");
}

#[tokio::test]
async fn a_host_name_is_resolved_before_its_probe() {
    let (port, seen) = serve(OK, false).await;
    let address = TargetAddress::Host(Name::parse("localhost").unwrap());
    let check = http(port);
    let client = HttpProbe::new(&check, &address, &mut TlsConfigs::new()).unwrap();
    passed(&client.probe(&check, crate::clock::instant()).await);
    assert!(seen.requests()[0].to_ascii_lowercase().contains(&format!("host: localhost:{port}\r\n")));
}

#[tokio::test]
async fn an_early_end_of_our_descriptors_is_inconclusive() {
    let error = std::io::Error::from_raw_os_error(24); // EMFILE
    assert_eq!(reason::judge(&error, "").outcome, Outcome::Inconclusive);
}

/// Waits for the next outcome of the prober.
fn next(events: &Receiver<Event>) -> (u64, usize, Outcome) {
    match events.recv_timeout(LONG).expect("an outcome in time") {
        Event::Probed { generation, target, outcome, .. } => (generation, target.index(), outcome),
        other => panic!("{other:?}"),
    }
}

/// A plain listener whose backlog accepts connections without anybody's help.
fn open_port() -> (std::net::TcpListener, u16) {
    let listener = std::net::TcpListener::bind((LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn the_prober_runs_every_check_once_at_once_and_then_again() {
    let (_kept, open) = open_port();
    let (sender, events) = channel();
    let prober = Prober::start(1, sender).unwrap();
    let tcp = |port| job(CheckKind::Tcp { port }, 1_000);
    prober.adopt_jobs(5, vec![tcp(open), job(CheckKind::None, 1_000)]);
    assert_eq!(next(&events), (5, 0, Outcome::Pass));
    assert_eq!(next(&events), (5, 0, Outcome::Pass));
    drop(prober);
    assert!(events.recv_timeout(LONG).is_err(), "the sender is gone with the prober");
}

#[test]
fn what_a_new_configuration_shares_with_the_old_keeps_its_phase_and_the_rest_is_probed_at_once() {
    let ((_a, first), (_b, second)) = (open_port(), open_port());
    let (sender, events) = channel();
    let prober = Prober::start(1, sender).unwrap();
    let slow = |port| {
        let timing = Timing { interval_ms: 3_600_000, ..timing(20_000) };
        let check = Check { name: "slow".into(), kind: CheckKind::Tcp { port }, timing, voting: Voting::default() };
        Job { address: TargetAddress::Ip(LOCALHOST), check: Arc::new(check) }
    };
    prober.adopt_jobs(1, vec![slow(first)]);
    assert_eq!(next(&events), (1, 0, Outcome::Pass));
    // The known target has another place now; only the new one is probed.
    prober.adopt_jobs(2, vec![slow(second), slow(first)]);
    assert_eq!(next(&events), (2, 0, Outcome::Pass));
    // Once forgotten, it is new again.
    prober.adopt_jobs(3, vec![slow(second)]);
    prober.adopt_jobs(4, vec![slow(second), slow(first)]);
    assert_eq!(next(&events), (4, 1, Outcome::Pass));
    assert!(events.try_recv().is_err(), "nothing else was probed");
    assert_eq!(prober.stats().ended(Outcome::Pass), 3);
}
