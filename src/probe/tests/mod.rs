//! Probes against real servers on loopback.

mod dead;
mod http;
mod kinds;
mod loads;
mod prober;
mod talk;

use super::method::{Method, Shared};
use super::tls::TlsConfigs;
use super::*;
use crate::health::{CheckKind, HttpCheck, JsonField, JsonValue, Security, Source, Timing, Voting};
use crate::wire::Name;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{HandshakeKind, RootCertStore, ServerConfig};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;
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
    peers: Arc<Mutex<Vec<IpAddr>>>,
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
        // Not all that comes is text: HTTP/2 begins with its own words.
        self.requests.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
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
            let (stream, peer) = listener.accept().await.unwrap();
            let (seen, response) = (seen.clone(), response.clone());
            seen.peers.lock().unwrap().push(peer.ip());
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

    /// A certificate for `name` that expires at the start of `year`, and its key.
    fn certificate(&self, name: &str, year: i32) -> (CertificateDer<'static>, Vec<u8>) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().der().clone(), key.serialize_der())
    }

    /// A server with a certificate for `name` that expires at the start of `year`, resuming sessions if asked to.
    async fn serve(&self, name: &str, year: i32) -> (u16, Seen) {
        self.serve_as(name, year, WebPkiClientVerifier::no_client_auth()).await
    }

    /// A server that wants a certificate of this authority from its clients.
    async fn serve_clients(&self, name: &str) -> (u16, Seen) {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        self.serve_as(name, 2100, verifier).await
    }

    async fn serve_as(&self, name: &str, year: i32, clients: Arc<dyn ClientCertVerifier>) -> (u16, Seen) {
        let (certificate, key) = self.certificate(name, year);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key.into()))
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
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
    HttpCheck { path: "/healthz".into(), ..HttpCheck::new(None, port) }
}

fn https(port: u16, host: &str) -> HttpCheck {
    let tls = Some(Security::default());
    HttpCheck { path: "/healthz".into(), host: Some(host.into()), ..HttpCheck::new(tls, port) }
}

fn tcp(port: u16) -> CheckKind {
    CheckKind::Tcp { port, source: Source::default(), send: "".into(), expect: "".into() }
}

fn timing(timeout_ms: u32) -> Timing {
    Timing { interval_ms: 1_000, timeout_ms, fall: 2, rise: 2, forget: 10 }
}

fn job(kind: CheckKind, timeout_ms: u32) -> Job {
    let check = Arc::new(Check { name: "test".into(), kind, timing: timing(timeout_ms), voting: Voting::default() });
    Job { address: TargetAddress::Ip(LOCALHOST), check }
}

/// Runs one probe as the driver does.
async fn run(kind: CheckKind, timeout_ms: u32) -> Ended {
    run_with(kind, timeout_ms, TlsConfigs::new()).await
}

async fn run_with(kind: CheckKind, timeout_ms: u32, tls: TlsConfigs) -> Ended {
    run_job(&job(kind, timeout_ms), tls).await
}

async fn run_job(job: &Job, tls: TlsConfigs) -> Ended {
    match Method::new(job, &mut Shared::with(tls)) {
        Ok(method) => method.run(job).await.0,
        Err(reason) => Ended::fail(reason),
    }
}

async fn ask(check: HttpCheck) -> Ended {
    run(CheckKind::Http(check), 20_000).await
}

async fn ask_tls(check: HttpCheck, authority: &Authority) -> Ended {
    run_with(CheckKind::Http(check), 20_000, authority.trusted()).await
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
