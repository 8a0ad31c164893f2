//! Clients of the encrypted transports, and a certificate for their servers.

#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, reason = "tests")]

pub mod http2;
pub mod quic;
pub mod served;

use geosteer::certificate::{self, Shown};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything takes; a test that waits so long has failed.
const LONG: Duration = Duration::from_secs(20);

/// Whom the certificate is for.
pub const NAME: &str = "ns1.example.net";

/// A certificate with its key, as files.
#[derive(Debug)]
pub struct Pair {
    pub chain: PathBuf,
    pub key: PathBuf,
    pub der: CertificateDer<'static>,
    _folder: Option<tempfile::TempDir>,
}

impl Pair {
    /// A new one in a folder of its own.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { _folder: None, ..Self::within(folder.path()) }.keeping(folder)
    }

    fn keeping(self, folder: tempfile::TempDir) -> Self {
        Self { _folder: Some(folder), ..self }
    }

    /// A new one in this folder, in the place of one that is there.
    pub fn within(folder: &Path) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new([NAME.to_owned()]).unwrap().self_signed(&key).unwrap();
        let pair = Self {
            chain: folder.join("chain.pem"),
            key: folder.join("key.pem"),
            der: certificate.der().clone(),
            _folder: None,
        };
        std::fs::write(&pair.chain, certificate.pem()).unwrap();
        std::fs::write(&pair.key, key.serialize_pem()).unwrap();
        std::fs::set_permissions(&pair.key, std::fs::Permissions::from_mode(0o600)).unwrap();
        pair
    }

    /// As a server takes it.
    pub fn shown(&self) -> Shown {
        Shown::new(certificate::read(&self.chain, &self.key).unwrap().0)
    }

    /// A client that trusts this certificate alone, and speaks these protocols.
    pub fn client(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// TLS on a blocking socket.
pub type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Connects in the clear.
pub fn plain(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// The handshake on a connection that is there.
///
/// # Errors
/// It fails.
pub fn try_secure(stream: TcpStream, config: &Arc<ClientConfig>) -> io::Result<Stream> {
    let name = ServerName::try_from(NAME).unwrap();
    let mut stream = StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Connects and shakes hands.
pub fn secure(address: SocketAddr, config: &Arc<ClientConfig>) -> Stream {
    try_secure(plain(address), config).unwrap()
}

/// A message behind its length.
pub fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

/// Reads a message behind its length.
pub fn read_message(stream: &mut impl Read) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).unwrap();
    message
}

/// Asks over DNS over TLS, or TCP, on a connection that is there.
pub fn ask(stream: &mut (impl Read + Write), message: &[u8]) -> Vec<u8> {
    stream.write_all(&framed(message)).unwrap();
    read_message(stream)
}

/// A response of HTTP.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(one, _)| one == name).map_or("", |(_, value)| value)
    }
}

/// A GET of a message over HTTP/1.1.
pub fn get(message: &[u8]) -> Vec<u8> {
    format!(
        "GET /dns-query?dns={} HTTP/1.1\r\nhost: {NAME}\r\naccept: application/dns-message\r\n\r\n",
        base64url(message)
    )
    .into_bytes()
}

/// A POST of a message over HTTP/1.1.
pub fn post(message: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /dns-query HTTP/1.1\r\nhost: {NAME}\r\ncontent-type: application/dns-message\r\ncontent-length: {}\r\n\r\n",
        message.len()
    );
    [head.as_bytes(), message].concat()
}

/// Sends a request over HTTP/1.1 and reads its response.
pub fn request(stream: &mut (impl Read + Write), request: &[u8]) -> Response {
    stream.write_all(request).unwrap();
    read_response(stream)
}

/// Reads a response of HTTP/1.1 that says how long it is.
pub fn read_response(stream: &mut impl Read) -> Response {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        head.push(octet[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers =
        lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let mut response = Response { status, headers: headers.collect(), body: Vec::new() };
    response.body = vec![0; response.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut response.body).unwrap();
    response
}

/// Base64url without padding (RFC 4648 §5).
pub fn base64url(octets: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(octets)
}

/// True if the peer closes the connection, whether politely or not.
pub fn is_closed(stream: &mut impl Read) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof),
    }
}
