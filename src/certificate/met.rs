//! The certificate that a running server shows, whatever it is: looked at, not believed.

use crate::probe::NoVerification;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// The certificate (DER) that is shown at an address to clients of one of these protocols (ALPN).
///
/// # Errors
/// Nobody answers there within the time, or does not speak TLS.
pub fn shown_at(server: SocketAddr, protocols: &[&[u8]], patience: Duration) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
    let mut config =
        builder.dangerous().with_custom_certificate_verifier(Arc::new(NoVerification(provider))).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let mut client =
        ClientConnection::new(Arc::new(config), ServerName::from(server.ip())).map_err(io::Error::other)?;
    while client.is_handshaking() {
        client.complete_io(&mut stream)?;
    }
    let shown = client.peer_certificates().and_then(|chain| chain.first());
    shown.map(|certificate| certificate.to_vec()).ok_or_else(|| io::Error::other("no certificate was shown"))
}
