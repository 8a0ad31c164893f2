//! Where queries are taken that do not come plainly: encrypted (`[dns] tls_listen` and its like, `[tls]`), and from front
//! ends that say who asks (`[proxy]`).

use super::Code;
use super::diagnostic::Diagnostic;
use super::keys;
use super::server::{Dns, path, socket};
use super::settings::networks;
use super::source::Span;
use super::walk::{Ctx, Fields};
use crate::limits::{ENCRYPTED_CONNECTIONS, ENCRYPTED_CONNECTIONS_CLIENT, ENCRYPTED_IDLE_MS};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// DNS over TLS.
const TLS: (&str, u16) = ("tls_listen", 853);
/// DNS over HTTPS.
const HTTPS: (&str, u16) = ("https_listen", 443);
/// DNS over QUIC.
const QUIC: (&str, u16) = ("quic_listen", 853);
/// UDP and TCP.
const PLAIN: (&str, u16) = ("listen", 53);

/// The encrypted transports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encrypted {
    /// DNS over TLS.
    pub tls: Vec<SocketAddr>,
    /// DNS over HTTPS.
    pub https: Vec<SocketAddr>,
    /// DNS over QUIC.
    pub quic: Vec<SocketAddr>,
    /// Connections in all, of TLS and HTTPS together and again of QUIC.
    pub connections: usize,
    /// Of those the ones of one client.
    pub per_client: usize,
    /// A connection without a query is closed after this long, milliseconds.
    pub idle_ms: u64,
}

impl Default for Encrypted {
    fn default() -> Self {
        Self {
            tls: Vec::new(),
            https: Vec::new(),
            quic: Vec::new(),
            connections: ENCRYPTED_CONNECTIONS,
            per_client: ENCRYPTED_CONNECTIONS_CLIENT,
            idle_ms: ENCRYPTED_IDLE_MS,
        }
    }
}

/// `[proxy]`: front ends that say who asks (PROXY protocol, version 2).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Proxy {
    /// UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// DNS over TLS, the header before the handshake.
    pub tls: Vec<SocketAddr>,
    /// DNS over HTTPS, likewise.
    pub https: Vec<SocketAddr>,
    /// The front ends.
    pub allow: Vec<IpNet>,
}

/// `[tls]`: the certificate of the encrypted transports.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tls {
    /// Certificate chain, PEM.
    pub certificate: Option<PathBuf>,
    /// Private key, PEM.
    pub key: Option<PathBuf>,
}

impl Tls {
    /// Both files, if they are named.
    #[must_use]
    pub fn files(&self) -> Option<(&Path, &Path)> {
        Some((self.certificate.as_deref()?, self.key.as_deref()?))
    }
}

/// The listening keys of `[dns]`.
pub(super) fn listens(ctx: &mut Ctx, fields: &Fields<'_>) -> Encrypted {
    let [tls, https, quic] = [TLS, HTTPS, QUIC].map(|key| addresses(ctx, fields, key));
    Encrypted { tls, https, quic, ..Encrypted::default() }
}

/// The addresses of a key, with this port if they name none.
pub(super) fn addresses(ctx: &mut Ctx, fields: &Fields<'_>, (key, port): (&str, u16)) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for item in fields.value(key).into_iter().flat_map(|node| node.items()) {
        let Some(address) = socket(ctx, item, port) else { continue };
        if addresses.contains(&address) {
            ctx.error(Code::DefinedTwice, item.span, format!("{address} is listed twice"), "again");
        }
        addresses.push(address);
    }
    addresses
}

/// `[tls]` and `[proxy]`, and what holds between them and `[dns]`.
pub(super) fn read(ctx: &mut Ctx, fields: &Fields<'_>, dns: &mut Dns, folder: &Path) -> Tls {
    if let Some(fields) = fields.value("proxy").and_then(|node| ctx.fields(node, &keys::PROXY)) {
        dns.proxy = proxy(ctx, &fields);
    }
    let tls = fields.value("tls").and_then(|node| ctx.fields(node, &keys::TLS));
    let certificate = tls.as_ref().map_or_else(Tls::default, |fields| certificate(ctx, fields, folder));
    if let Some(fields) = &tls {
        limits(ctx, fields, &mut dns.encrypted);
    }
    let of = |table: &str, key| fields.value(table)?.entries()?.find(|(found, _)| found.text == key);
    let listens = [("dns", TLS.0), ("dns", HTTPS.0), ("dns", QUIC.0), ("proxy", TLS.0), ("proxy", HTTPS.0)];
    let mut listening = listens.into_iter().filter_map(|(table, key)| of(table, key));
    let first = listening.find(|(_, node)| node.items().len() > 0).map(|(key, _)| (key.span, key.text));
    match (first, fields.entry("tls")) {
        (Some((span, key)), _) if certificate.files().is_none() => lacks_certificate(ctx, span, key),
        (None, Some((span, _))) => {
            let found = Diagnostic::new(Code::NotUsed, span, "nothing uses [tls]: no encrypted transport is on");
            ctx.push(found.label("without effect").help("[dns] tls_listen, https_listen or quic_listen uses it"));
        }
        _ => {}
    }
    once(ctx, fields, dns);
    certificate
}

fn lacks_certificate(ctx: &mut Ctx, span: Span, key: &str) {
    let found = Diagnostic::new(Code::MissingKey, span, format!("`{key}` needs a certificate and its key"));
    let help = "[tls] certificate = \"chain.pem\" and key = \"key.pem\" name them";
    ctx.push(found.label("no certificate for it").help(help));
}

fn certificate(ctx: &mut Ctx, fields: &Fields<'_>, folder: &Path) -> Tls {
    let mut file = |key| fields.value(key).and_then(|node| path(ctx, node, key, folder));
    Tls { certificate: file("certificate"), key: file("key") }
}

fn limits(ctx: &mut Ctx, fields: &Fields<'_>, encrypted: &mut Encrypted) {
    let mut number = |key: &'static str, usual| {
        let said = fields.value(key).and_then(|node| ctx.integer(node, key, 1..=1_000_000_u32));
        said.map_or(usual, |number| number as usize)
    };
    encrypted.connections = number("connections", encrypted.connections);
    encrypted.per_client = number("connections_per_client", encrypted.per_client);
    if let Some(node) = fields.value("idle") {
        encrypted.idle_ms = ctx.millis(node, "idle", 1_000..=3_600_000).unwrap_or(encrypted.idle_ms);
    }
}

fn proxy(ctx: &mut Ctx, fields: &Fields<'_>) -> Proxy {
    let [listen, tls, https] = [PLAIN, TLS, HTTPS].map(|key| addresses(ctx, fields, key));
    let allow = fields.value("allow").map_or_else(Vec::new, |node| networks(ctx, node, "a front end").into());
    let listens = [PLAIN, TLS, HTTPS].into_iter().filter_map(|(key, _)| fields.entry(key));
    if let Some((span, _)) = { listens }.find(|(_, node)| node.items().len() > 0)
        && allow.is_empty()
    {
        let found = Diagnostic::new(Code::MissingKey, span, "[proxy] listens, and nobody may come");
        ctx.push(found.label("no `allow`").help("allow = [\"10.0.0.0/28\"] names the front ends"));
    }
    Proxy { listen, tls, https, allow }
}

/// No two listeners want the same socket.
fn once(ctx: &mut Ctx, fields: &Fields<'_>, dns: &Dns) {
    let (encrypted, proxy) = (&dns.encrypted, &dns.proxy);
    let tcp = [
        ("dns", PLAIN.0, &dns.listen),
        ("dns", TLS.0, &encrypted.tls),
        ("dns", HTTPS.0, &encrypted.https),
        ("proxy", PLAIN.0, &proxy.listen),
        ("proxy", TLS.0, &proxy.tls),
        ("proxy", HTTPS.0, &proxy.https),
    ];
    let udp = [tcp[0], ("dns", QUIC.0, &encrypted.quic), tcp[3]];
    for listens in [&tcp[..], &udp[..]] {
        for (at, (table, key, addresses)) in listens.iter().enumerate() {
            let before = |address: &&SocketAddr| {
                let taken = listens[..at].iter().find(|(_, _, others)| others.contains(address));
                taken.filter(|_| address.port() != 0).map(|(table, key, _)| (**address, *table, *key))
            };
            let Some((address, whose, by)) = addresses.iter().find_map(|address| before(&address)) else { continue };
            let Some((_, node)) =
                fields.value(table).and_then(|node| node.entries()?.find(|(one, _)| one.text == *key))
            else {
                continue;
            };
            let message = format!("{address} is taken by [{whose}] {by}");
            ctx.error(Code::DefinedTwice, node.span, message, "the same address and port again");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load_server_text;

    fn said(text: &str) -> String {
        match load_server_text("x.toml", text) {
            Ok((_, warnings)) => warnings.short(),
            Err(report) => report.short(),
        }
    }

    const TLS: &str = "[tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n";

    #[test]
    fn encrypted_transports_are_read_with_their_usual_ports_and_limits() {
        let text = "[dns]\ntls_listen = \"192.0.2.1\"\nhttps_listen = [\"[::1]\", \"[::1]:8443\"]\n\
                    quic_listen = \"192.0.2.1\"\n[tls]\ncertificate = \"chain.pem\"\nkey = \"/etc/key.pem\"\n\
                    connections = 10\nconnections_per_client = 2\nidle = \"5s\"\n";
        let (server, warnings) = load_server_text("etc/x.toml", text).unwrap();
        assert!(warnings.is_empty());
        let encrypted = &server.dns.encrypted;
        assert_eq!(encrypted.tls, ["192.0.2.1:853".parse().unwrap()]);
        assert_eq!(encrypted.https, ["[::1]:443".parse().unwrap(), "[::1]:8443".parse().unwrap()]);
        assert_eq!(encrypted.quic, encrypted.tls, "TLS is TCP, and QUIC is UDP");
        assert_eq!((encrypted.connections, encrypted.per_client, encrypted.idle_ms), (10, 2, 5_000));
        let files = server.tls.files().map(|(certificate, key)| (certificate.to_owned(), key.to_owned()));
        assert_eq!(files, Some(("etc/chain.pem".into(), "/etc/key.pem".into())));
    }

    #[test]
    fn a_listener_without_a_certificate_and_a_certificate_without_a_listener_are_said() {
        let missing = "error[E006]: `tls_listen` needs a certificate and its key\n";
        assert_eq!(said("[dns]\ntls_listen = \"127.0.0.1\""), format!("x.toml:2:1: {missing}"));
        let half = "[dns]\ntls_listen = \"127.0.0.1\"\n[tls]\ncertificate = \"a\"";
        assert_eq!(said(half), format!("x.toml:2:1: {missing}"));
        assert_eq!(said("[proxy]\nallow = \"::1\"\ntls_listen = \"::1\""), format!("x.toml:3:1: {missing}"));
        let unused = "x.toml:1:2: warning[W061]: nothing uses [tls]: no encrypted transport is on\n";
        assert_eq!(said(TLS), unused);
        assert_eq!(said(&format!("{TLS}[dns]\ntls_listen = []\n")), unused);
    }

    #[test]
    fn front_ends_are_named_before_anybody_listens_to_them() {
        let nobody = "x.toml:2:1: error[E006]: [proxy] listens, and nobody may come\n";
        assert_eq!(said("[proxy]\nlisten = \"127.0.0.1:5353\""), nobody);
        assert_eq!(said("[proxy]\nlisten = \"127.0.0.1:5353\"\nallow = [\"127.0.0.1\"]"), "");
    }

    #[test]
    fn two_listeners_cannot_have_one_socket() {
        let text =
            format!("{TLS}[dns]\nlisten = \"127.0.0.1\"\ntls_listen = \"127.0.0.1:443\"\nhttps_listen = \"127.0.0.1\"");
        assert_eq!(said(&text), "x.toml:7:16: error[E009]: 127.0.0.1:443 is taken by [dns] tls_listen\n");
        let text = format!("{TLS}[dns]\nlisten = \"127.0.0.1\"\nquic_listen = \"127.0.0.1:53\"");
        assert_eq!(said(&text), "x.toml:6:15: error[E009]: 127.0.0.1:53 is taken by [dns] listen\n");
        assert_eq!(said(&format!("{TLS}[dns]\ntls_listen = \"127.0.0.1:0\"\nhttps_listen = \"127.0.0.1:0\"")), "");
    }
}
