//! What checks do, as data. Each is executed in `probe`.

use super::LoadSource;
use crate::wire::Name;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What a check does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum CheckKind {
    /// Nothing is probed; the endpoint counts as up.
    None,
    /// A TCP connection to the port.
    Tcp {
        /// The port.
        port: u16,
        /// Where connections come from.
        source: Source,
        /// What is said first; may be empty.
        send: Box<str>,
        /// What must stand in the first bytes of the answer; empty: no answer is waited for.
        expect: Box<str>,
    },
    /// A TLS handshake.
    Tls(TlsCheck),
    /// HTTP or HTTPS.
    Http(HttpCheck),
    /// The standard health service of gRPC.
    Grpc(GrpcCheck),
    /// A DNS query.
    Dns(DnsCheck),
    /// A program.
    Exec(ExecCheck),
    /// A state that somebody writes into a file.
    Push(PushCheck),
}

impl CheckKind {
    /// The word for it in zone files.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Tcp { .. } => "tcp",
            Self::Tls(_) => "tls",
            Self::Http(HttpCheck { tls: Some(_), .. }) => "https",
            Self::Http(_) => "http",
            Self::Grpc(_) => "grpc",
            Self::Dns(_) => "dns",
            Self::Exec(_) => "exec",
            Self::Push(_) => "push",
        }
    }

    /// Where it finds a load, if it is asked for one.
    #[must_use]
    pub fn load(&self) -> Option<&LoadSource> {
        match self {
            Self::Http(http) => http.load.as_deref(),
            _ => None,
        }
    }

    /// True if the time that a probe takes says how soon the endpoint answers.
    #[must_use]
    pub const fn has_time(&self) -> bool {
        match self {
            Self::Tcp { .. } | Self::Tls(_) | Self::Http(_) | Self::Grpc(_) | Self::Dns(_) => true,
            Self::None | Self::Exec(_) | Self::Push(_) => false,
        }
    }
}

/// How TLS is spoken.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Security {
    /// Verify the certificate's chain, name and dates.
    pub verify: bool,
    /// Our own certificate, for endpoints that ask for one.
    pub identity: Option<Arc<Identity>>,
}

impl Default for Security {
    fn default() -> Self {
        Self { verify: true, identity: None }
    }
}

/// A client certificate with its key, both in DER form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The chain, our own certificate first.
    pub chain: Box<[Box<[u8]>]>,
    /// The private key.
    pub key: PrivateKey,
}

/// A private key in DER form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum PrivateKey {
    /// PKCS #1 (RSA).
    Pkcs1(Box<[u8]>),
    /// SEC 1 (elliptic curves).
    Sec1(Box<[u8]>),
    /// PKCS #8.
    Pkcs8(Box<[u8]>),
}

/// Never the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

/// Where connections come from, by family; the system decides where nothing is said.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Source {
    /// For IPv4.
    pub v4: Option<Ipv4Addr>,
    /// For IPv6.
    pub v6: Option<Ipv6Addr>,
}

impl Source {
    /// The address to bind, with any port, for a connection to `target`.
    #[must_use]
    pub fn towards(self, target: IpAddr) -> Option<SocketAddr> {
        let address = match target {
            IpAddr::V4(_) => self.v4.map(IpAddr::V4),
            IpAddr::V6(_) => self.v6.map(IpAddr::V6),
        };
        address.map(|address| SocketAddr::new(address, 0))
    }
}

/// A TLS handshake.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TlsCheck {
    /// TLS server name; the endpoint's address if none.
    pub host: Option<Box<str>>,
    /// TCP port.
    pub port: u16,
    /// How TLS is spoken.
    pub security: Security,
    /// Where connections come from.
    pub source: Source,
}

/// An HTTP or HTTPS request and what is expected of its response.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HttpCheck {
    /// HTTPS, and how; none: HTTP.
    pub tls: Option<Security>,
    /// HTTP/2 in place of HTTP/1.1.
    pub http2: bool,
    /// Host header and TLS server name; the endpoint's address if none.
    pub host: Option<Box<str>>,
    /// TCP port.
    pub port: u16,
    /// Path and query.
    pub path: Box<str>,
    /// Method.
    pub method: Box<str>,
    /// More headers, in the order written.
    pub headers: Box<[(Box<str>, Box<str>)]>,
    /// User-Agent; geosteer's own if none.
    pub user_agent: Option<Box<str>>,
    /// Where connections come from.
    pub source: Source,
    /// Status codes that pass.
    pub expect_status: Box<[RangeInclusive<u16>]>,
    /// Text that must stand within the first 64 KiB of the body.
    pub expect_body: Option<Box<str>>,
    /// Fields that the body, JSON of at most 64 KiB, must have.
    pub expect_json: Box<[JsonField]>,
    /// The load that the response tells; it never decides whether the check passes.
    pub load: Option<Box<LoadSource>>,
}

impl HttpCheck {
    /// A GET of `/` that expects a status from 200 to 299: what a check is that says nothing else.
    #[must_use]
    pub fn new(tls: Option<Security>, port: u16) -> Self {
        Self {
            tls,
            http2: false,
            host: None,
            port,
            path: "/".into(),
            method: "GET".into(),
            headers: Box::new([]),
            user_agent: None,
            source: Source::default(),
            expect_status: Box::new([200..=299]),
            expect_body: None,
            expect_json: Box::new([]),
            load: None,
        }
    }
}

/// A field of a JSON body.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct JsonField {
    /// The keys from the outside to the inside; a number is also a place in an array, counted from 0.
    pub path: Box<[Box<str>]>,
    /// What must stand there.
    pub value: JsonValue,
}

/// A plain value of JSON.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum JsonValue {
    /// A string.
    Text(Box<str>),
    /// A number: the bits of an `f64`, since numbers of JSON are no more.
    Number(u64),
    /// True or false.
    Bool(bool),
}

/// `grpc.health.v1.Health/Check`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct GrpcCheck {
    /// TLS, and how; none: plain.
    pub tls: Option<Security>,
    /// Authority and TLS server name; the endpoint's address if none.
    pub host: Option<Box<str>>,
    /// TCP port.
    pub port: u16,
    /// The service asked for; empty: the whole server.
    pub service: Box<str>,
    /// User-Agent; geosteer's own if none.
    pub user_agent: Option<Box<str>>,
    /// Where connections come from.
    pub source: Source,
}

/// A DNS query and what is expected of its reply.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DnsCheck {
    /// UDP and TCP port.
    pub port: u16,
    /// The name asked for.
    pub query: Name,
    /// The record type asked for.
    pub query_type: u16,
    /// Response codes that pass.
    pub expect_rcode: Box<[u16]>,
    /// Record data as zone text writes it; one of them must be in the answer. Empty: any answer.
    pub expect_data: Box<[Box<str>]>,
    /// Where queries come from.
    pub source: Source,
}

/// A program that says by its exit status how the endpoint is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ExecCheck {
    /// The check's name: the program is told, so it makes a difference.
    pub name: Box<str>,
    /// The program's absolute path.
    pub program: Box<str>,
    /// Its arguments.
    pub arguments: Box<[Box<str>]>,
}

/// A file with `up` or `down` that somebody keeps fresh.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PushCheck {
    /// The file's path; `{address}` stands for the endpoint's address.
    pub file: Box<str>,
    /// A file older than this is a failure, seconds.
    pub expires: u32,
}
