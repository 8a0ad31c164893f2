//! TLS configurations of HTTPS probes: one for each distinct way of verifying, shared by all clients, and
//! none resumes a session (a resumed session would hide a certificate that has expired since).

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// The configurations, made when first asked for.
#[derive(Debug)]
pub(super) struct TlsConfigs {
    provider: Arc<CryptoProvider>,
    /// Trusted authorities; the system's, read at the first verified probe, unless given.
    roots: Option<Result<Arc<RootCertStore>, Box<str>>>,
    made: HashMap<Verification, ClientConfig>,
}

/// How an endpoint's certificate is verified.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Verification {
    /// Not at all.
    Off,
    /// Chain, and the name of the URL.
    UrlName,
    /// Chain, and this address, whatever stands in the URL.
    Address(IpAddr),
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

    /// The configuration for this verification. A copy shares everything that is large.
    ///
    /// # Errors
    /// This host has no trusted authorities; in words.
    pub(super) fn config(&mut self, verification: Verification) -> Result<ClientConfig, Box<str>> {
        if let Some(config) = self.made.get(&verification) {
            return Ok(config.clone());
        }
        let verifier: Arc<dyn ServerCertVerifier> = match verification {
            Verification::Off => Arc::new(NoVerification(Arc::clone(&self.provider))),
            Verification::UrlName => self.chain()?,
            Verification::Address(address) => {
                Arc::new(FixedName { chain: self.chain()?, name: ServerName::IpAddress(address.into()) })
            }
        };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        self.made.insert(verification, config.clone());
        Ok(config)
    }

    fn chain(&mut self) -> Result<Arc<WebPkiServerVerifier>, Box<str>> {
        let roots = self.roots.get_or_insert_with(system_roots).clone()?;
        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider))
            .build()
            .map_err(|error| format!("no trusted certificate authorities: {error}").into())
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
        tracing::warn!("{reason}: https checks will fail");
        return Err(reason.into());
    }
    Ok(Arc::new(roots))
}

/// Takes any certificate: `tls_verify = false`.
#[derive(Debug)]
struct NoVerification(Arc<CryptoProvider>);

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

/// Verifies against a name of its own: for a check whose host is an address other than the one connected to.
#[derive(Debug)]
struct FixedName {
    chain: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for FixedName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.chain.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
