//! TLS of probes: one configuration for each distinct way of speaking it, shared by all endpoints, and none
//! resumes a session (a resumed session would hide a certificate that has expired since).

use super::connect::Way;
use super::host::Named;
use super::progress::{Phase, Progress};
use super::validity::ByEitherClock;
use super::{Ended, cert, reason};
use crate::clock;
use crate::health::{Identity, PrivateKey, Security, TargetAddress, TlsCheck};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The configurations, made when first asked for.
#[derive(Debug)]
pub(super) struct TlsConfigs {
    provider: Arc<CryptoProvider>,
    /// Trusted authorities; the system's, read at the first verified probe, unless given.
    roots: Option<Result<Arc<RootCertStore>, Box<str>>>,
    made: HashMap<(Security, Alpn), Arc<ClientConfig>>,
}

/// The protocol that is offered inside of TLS.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Alpn {
    /// None.
    None,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

impl TlsConfigs {
    pub(super) fn new() -> Self {
        Self { provider: Arc::new(aws_lc_rs::default_provider()), roots: None, made: HashMap::new() }
    }

    /// Trusts these authorities instead of the system's.
    #[cfg(test)]
    pub(super) fn trusting(roots: RootCertStore) -> Self {
        Self { roots: Some(Ok(Arc::new(roots))), ..Self::new() }
    }

    /// Forgets the configurations that no endpoint uses any more, and that the system's authorities could not be read:
    /// they may be there by now.
    pub(super) fn forget_unused(&mut self) {
        self.roots.take_if(|roots| roots.is_err());
        self.made.retain(|_, config| Arc::strong_count(config) > 1);
    }

    fn config(&mut self, security: &Security, alpn: Alpn) -> Result<Arc<ClientConfig>, Box<str>> {
        let wanted = (security.clone(), alpn);
        if let Some(config) = self.made.get(&wanted) {
            return Ok(Arc::clone(config));
        }
        let verifier: Arc<dyn ServerCertVerifier> = match security.verify {
            true => Arc::new(ByEitherClock(self.chain()?)),
            false => Arc::new(NoVerification(Arc::clone(&self.provider))),
        };
        let cannot = |error: Error| format!("TLS cannot be set up: {error}");
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(cannot)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &security.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = own(identity);
                builder.with_client_auth_cert(chain, key).map_err(cannot)?
            }
        };
        config.alpn_protocols = match alpn {
            Alpn::None => Vec::new(),
            Alpn::Http1 => vec![b"http/1.1".to_vec()],
            Alpn::Http2 => vec![b"h2".to_vec()],
        };
        config.resumption = Resumption::disabled();
        Ok(Arc::clone(self.made.entry(wanted).or_insert(Arc::new(config))))
    }

    fn chain(&mut self) -> Result<Arc<WebPkiServerVerifier>, Box<str>> {
        let roots = self.roots.get_or_insert_with(system_roots).clone()?;
        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider))
            .build()
            .map_err(|error| format!("no trusted certificate authorities: {error}").into())
    }
}

/// Our own certificate and key as rustls takes them.
fn own(identity: &Identity) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = identity.chain.iter().map(|der| CertificateDer::from(der.to_vec())).collect();
    let key = match &identity.key {
        PrivateKey::Pkcs1(der) => PrivateKeyDer::Pkcs1(der.to_vec().into()),
        PrivateKey::Sec1(der) => PrivateKeyDer::Sec1(der.to_vec().into()),
        PrivateKey::Pkcs8(der) => PrivateKeyDer::Pkcs8(der.to_vec().into()),
    };
    (chain, key)
}

/// TLS to one endpoint.
#[derive(Clone)]
pub(super) struct Secure {
    connector: TlsConnector,
    name: ServerName<'static>,
    alpn: Alpn,
}

impl Secure {
    /// Prepares it.
    ///
    /// # Errors
    /// TLS cannot be set up, or the name is none; in words.
    pub(super) fn new(
        security: &Security,
        named: &Named,
        alpn: Alpn,
        configs: &mut TlsConfigs,
    ) -> Result<Self, Box<str>> {
        let connector = TlsConnector::from(configs.config(security, alpn)?);
        Ok(Self { connector, name: named.server()?, alpn })
    }

    /// The handshake; gives the stream and what to add to a note: when the certificate expires.
    ///
    /// # Errors
    /// The probe has ended.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        progress: &Progress,
    ) -> Result<(TlsStream<TcpStream>, String), Ended> {
        progress.enter(Phase::Tls);
        let stream = match self.connector.connect(self.name.clone(), stream).await {
            Ok(stream) => stream,
            Err(error) => return Err(reason::judge(&error, "TLS")),
        };
        let connection = stream.get_ref().1;
        if self.alpn == Alpn::Http2 && connection.alpn_protocol() != Some(b"h2") {
            return Err(Ended::fail("HTTP/2 is not spoken there"));
        }
        let certificate = connection.peer_certificates().and_then(|chain| chain.first());
        let expires = certificate.and_then(|certificate| cert::not_after(certificate));
        expires.into_iter().for_each(|at| progress.shown(at));
        let left = expires.map(days_left);
        let left = left.map(|days| format!("; certificate expires in {days} days")).unwrap_or_default();
        Ok((stream, left))
    }
}

/// Days until a certificate expires, negative if it has.
fn days_left(expires: i64) -> i64 {
    let now = i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX);
    expires.saturating_sub(now).div_euclid(86_400)
}

/// The `tls` check: the handshake passes.
pub(super) struct TlsProbe {
    way: Way,
    secure: Secure,
}

impl TlsProbe {
    /// Prepares it.
    ///
    /// # Errors
    /// The check cannot be carried out; in words.
    pub(super) fn new(check: &TlsCheck, address: &TargetAddress, configs: &mut TlsConfigs) -> Result<Self, Box<str>> {
        let named = Named::new(check.host.as_deref(), address, check.port, check.port);
        let secure = Secure::new(&check.security, &named, Alpn::None, configs)?;
        Ok(Self { way: Way::new(address, check.port, check.source), secure })
    }

    pub(super) async fn probe(&self, progress: &Progress) -> Ended {
        let stream = match self.way.tcp(progress).await {
            Ok(stream) => stream,
            Err(ended) => return ended,
        };
        match self.secure.handshake(stream, progress).await {
            Ok((mut stream, left)) => {
                // A proper end, so that the endpoint has nothing to log. If it cannot be sent, nothing is lost.
                let _ = stream.shutdown().await;
                let version = match stream.get_ref().1.protocol_version() {
                    Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
                    _ => "TLS 1.2",
                };
                Ended::pass(format!("{version} in {} ms{left}", progress.millis()))
            }
            Err(ended) => ended,
        }
    }
}

fn system_roots() -> Result<Arc<RootCertStore>, Box<str>> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    for error in &found.errors {
        tracing::warn!(%error, "a trusted certificate authority of this system cannot be read");
    }
    if roots.is_empty() {
        let reason =
            "this system has no trusted certificate authorities (install ca-certificates, or set SSL_CERT_FILE)";
        tracing::warn!("{reason}: checks that verify certificates will fail");
        return Err(reason.into());
    }
    Ok(Arc::new(roots))
}

/// Takes any certificate: `tls_verify = false`, and where one is only looked at.
#[derive(Debug)]
pub(crate) struct NoVerification(pub(crate) Arc<CryptoProvider>);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
