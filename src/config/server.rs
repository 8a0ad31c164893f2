//! The server file, `geosteer.toml`: all of it optional, paths relative to its own folder.

use super::Code;
use super::canaries::{self, Canary};
use super::cookies::{self, Cookies};
use super::diagnostic::{Diagnostic, Report};
use super::files::Files;
use super::fleet::{self, FleetServer};
use super::keys;
use super::process::{self, Process};
use super::settings::{default_ecs, ecs, networks};
use super::transports::{self, Encrypted, Proxy, Tls};
use super::tsig::{self, TsigKey};
use super::walk::{Ctx, Fields, Node, entries};
use super::watch::{self, Watch};
use super::zone::parse;
use crate::health::GuardRules;
use crate::limits::{TCP_CONNECTIONS, TCP_CONNECTIONS_CLIENT, TCP_IDLE_MS};
use crate::query_log;
use crate::rrl;
use crate::snapshot::Ecs;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the server file says, defaults filled in.
#[derive(Clone, PartialEq, Debug)]
pub struct Server {
    /// Zone files and directories of them; empty if the file names none.
    pub zones: Vec<PathBuf>,
    /// The state directory.
    pub state: Option<PathBuf>,
    /// `[dns]`.
    pub dns: Dns,
    /// `[geo] databases`, in order: for each field the first that knows it wins.
    pub databases: Vec<DatabaseRef>,
    /// `[probe]`.
    pub probe: Probe,
    /// `[admin]`.
    pub admin: Admin,
    /// `[events]`.
    pub events: Events,
    /// `[tls]`.
    pub tls: Tls,
    /// `[log]`.
    pub log: Log,
    /// `[metrics]`.
    pub metrics: Metrics,
    /// `[query_log]`; none: off.
    pub query_log: Option<query_log::Settings>,
    /// Client-subnet settings of zones without their own.
    pub ecs: Ecs,
    /// `[watch]`.
    pub watch: Watch,
    /// `[guard]`.
    pub guard: GuardRules,
    /// `[guard] canaries`.
    pub canaries: Vec<Canary>,
    /// `[process]`.
    pub process: Process,
    /// `[fleet] servers`: where an operator's orders go.
    pub fleet: Vec<FleetServer>,
    /// `[rrl]`; none: off.
    pub rrl: Option<rrl::Rules>,
    /// `[cookies]`.
    pub cookies: Cookies,
    /// `[tsig.NAME]`.
    pub tsig: Vec<TsigKey>,
}

/// `[dns]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dns {
    /// Where queries are taken, UDP and TCP; empty if the file says nothing.
    pub listen: Vec<SocketAddr>,
    /// Threads for UDP; 0: one a core.
    pub threads: usize,
    /// NSID and `id.server`.
    pub nsid: Option<Box<str>>,
    /// `version.bind`; hidden if none.
    pub version: Option<Box<str>>,
    /// Who may ask for `_explain.NAME`; nobody if empty.
    pub explain_from: Vec<IpNet>,
    /// TCP connections in all.
    pub tcp_connections: usize,
    /// TCP connections of one client.
    pub tcp_connections_per_client: usize,
    /// A TCP connection without a query is closed after this long, milliseconds.
    pub tcp_idle_ms: u64,
    /// The encrypted transports.
    pub encrypted: Encrypted,
    /// Front ends that say who asks.
    pub proxy: Proxy,
}

/// A database that locates clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DatabaseRef {
    /// The one inside of the binary.
    Embedded,
    /// An .mmdb file.
    File(PathBuf),
}

/// `[probe]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Probe {
    /// Checks of type `exec` may run programs.
    pub exec: bool,
}

/// `[admin]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Admin {
    /// Where it listens.
    pub listen: AdminListen,
    /// A file with the token.
    pub token_file: Option<PathBuf>,
    /// Names by which people call it.
    pub hosts: Vec<Box<str>>,
    /// The control socket, if not in the state directory.
    pub socket: Option<PathBuf>,
}

/// `admin.listen`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AdminListen {
    /// Nothing is said: the usual address, if it is free.
    #[default]
    Usual,
    /// Nowhere.
    Off,
    /// Here.
    At(SocketAddr),
}

/// `[events]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Events {
    /// Where events are sent.
    pub webhook: Option<Box<str>>,
    /// A file with the key of the signature.
    pub webhook_secret_file: Option<PathBuf>,
}

/// `[metrics]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Metrics {
    /// Balanced names are counted by themselves.
    pub names: bool,
}

/// `[log]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Log {
    /// JSON lines in place of text.
    pub json: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            zones: Vec::new(),
            state: None,
            dns: Dns::default(),
            databases: vec![DatabaseRef::Embedded],
            probe: Probe::default(),
            admin: Admin::default(),
            events: Events::default(),
            tls: Tls::default(),
            log: Log::default(),
            metrics: Metrics::default(),
            query_log: None,
            ecs: default_ecs(),
            watch: Watch::default(),
            guard: GuardRules::default(),
            canaries: Vec::new(),
            fleet: Vec::new(),
            rrl: None,
            cookies: Cookies::default(),
            tsig: Vec::new(),
            process: Process::default(),
        }
    }
}

impl Default for Dns {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            threads: 0,
            nsid: None,
            version: None,
            explain_from: Vec::new(),
            tcp_connections: TCP_CONNECTIONS,
            tcp_connections_per_client: TCP_CONNECTIONS_CLIENT,
            tcp_idle_ms: TCP_IDLE_MS,
            encrypted: Encrypted::default(),
            proxy: Proxy::default(),
        }
    }
}

/// Reads the server file; gives its settings and warnings.
///
/// # Errors
/// Any mistake: the report holds all of them.
pub fn load_server(path: &Path) -> Result<(Server, Report), Report> {
    let mut ctx = Ctx::default();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut files = Files::new(folder);
    match files.read(&mut ctx, path) {
        Ok((file, text)) => finish(read(&mut ctx, file, &text, folder), ctx),
        Err(why) => {
            let file = ctx.report.sources.add(&path.display().to_string(), "");
            ctx.push(Diagnostic::new(Code::Unreadable, super::source::Span::new(file, 0..0), why));
            finish(Server::default(), ctx)
        }
    }
}

/// The same for a text in memory; `name` is what messages call it.
///
/// # Errors
/// As [`load_server`].
pub fn load_server_text(name: &str, text: &str) -> Result<(Server, Report), Report> {
    let mut ctx = Ctx::default();
    let path = Path::new(name);
    let text: Arc<str> = text.into();
    let folder = path.parent().unwrap_or(Path::new(""));
    let file = Files::new(folder).take(&mut ctx, path, Arc::clone(&text));
    finish(read(&mut ctx, file, &text, folder), ctx)
}

fn finish(server: Server, mut ctx: Ctx) -> Result<(Server, Report), Report> {
    ctx.report.finish();
    if ctx.report.errors() > 0 { Err(ctx.report) } else { Ok((server, ctx.report)) }
}

fn read(ctx: &mut Ctx, file: super::source::FileId, text: &str, folder: &Path) -> Server {
    let table = parse(ctx, file, text);
    let fields = ctx.fields_of(entries(file, &table), &keys::SERVER);
    let mut server = Server::default();
    if let Some(node) = fields.value("zones") {
        server.zones = paths(ctx, node, "zones", folder);
    }
    server.state = fields.value("state").and_then(|node| path(ctx, node, "state", folder));
    if let Some(fields) = fields.value("dns").and_then(|node| ctx.fields(node, &keys::DNS)) {
        server.dns = dns(ctx, &fields);
    }
    if let Some(fields) = fields.value("geo").and_then(|node| ctx.fields(node, &keys::GEO))
        && let Some(node) = fields.value("databases")
    {
        server.databases = databases(ctx, node, folder);
    }
    if let Some(fields) = fields.value("probe").and_then(|node| ctx.fields(node, &keys::PROBE))
        && let Some(node) = fields.value("exec")
    {
        server.probe.exec = ctx.boolean(node, "probe.exec").unwrap_or(false);
    }
    if let Some(fields) = fields.value("events").and_then(|node| ctx.fields(node, &keys::EVENTS)) {
        server.events = events(ctx, &fields, folder);
    }
    if let Some(fields) = fields.value("metrics").and_then(|node| ctx.fields(node, &keys::METRICS))
        && let Some(node) = fields.value("names")
    {
        server.metrics.names = ctx.boolean(node, "metrics.names").unwrap_or(false);
    }
    if let Some(node) = fields.value("query_log")
        && let Some(fields) = ctx.fields(node, &keys::QUERY_LOG)
    {
        server.query_log = super::query_log::read(ctx, &fields, node, folder);
    }
    server.ecs = ecs(ctx, fields.value("ecs"), &server.ecs);
    server.process = fields.value("process").map_or_else(Process::default, |node| process::read(ctx, node));
    server.watch = fields.value("watch").map_or(server.watch, |node| watch::read(ctx, node));
    if let Some(fields) = fields.value("guard").and_then(|node| ctx.fields(node, &keys::GUARD)) {
        server.guard = super::rules::guard(ctx, &fields);
        server.canaries = fields.value("canaries").map_or_else(Vec::new, |node| canaries::read(ctx, node));
    }
    if let Some(node) = fields.value("fleet")
        && let Some(fields) = ctx.fields(node, &keys::FLEET)
    {
        server.fleet = fleet::read(ctx, &fields, node, folder);
    }
    server.rrl = fields.value("rrl").and_then(|node| super::rrl::read(ctx, node));
    server.cookies = fields.value("cookies").map_or_else(Cookies::default, |node| cookies::read(ctx, node, folder));
    server.tsig = fields.value("tsig").map_or_else(Vec::new, |node| tsig::read(ctx, node, folder));
    server.tls = transports::read(ctx, &fields, &mut server.dns, folder);
    if let Some(fields) = fields.value("admin").and_then(|node| ctx.fields(node, &keys::ADMIN)) {
        server.admin = admin(ctx, &fields, folder);
    }
    if let Some(fields) = fields.value("log").and_then(|node| ctx.fields(node, &keys::LOG)) {
        let format = fields.value("format").and_then(|node| ctx.word(node, "format", &["text", "json"], &[]));
        server.log.json = format == Some(1);
    }
    server
}

pub(super) fn path(ctx: &mut Ctx, node: Node<'_>, what: &str, folder: &Path) -> Option<PathBuf> {
    let text = ctx.string(node, what)?;
    if text.is_empty() {
        ctx.error(Code::BadValue, node.span, format!("{what} is empty"), "not a path");
        return None;
    }
    Some(folder.join(text))
}

fn paths(ctx: &mut Ctx, node: Node<'_>, what: &str, folder: &Path) -> Vec<PathBuf> {
    node.items().filter_map(|item| path(ctx, item, what, folder)).collect()
}

fn databases(ctx: &mut Ctx, node: Node<'_>, folder: &Path) -> Vec<DatabaseRef> {
    let mut databases = Vec::new();
    for item in node.items() {
        match item.as_str() {
            Some("embedded") => databases.push(DatabaseRef::Embedded),
            _ => databases.extend(path(ctx, item, "a database", folder).map(DatabaseRef::File)),
        }
    }
    if node.items().len() == 0 {
        let found = Diagnostic::new(Code::OutOfRange, node.span, "without a database nobody can be located");
        ctx.push(found.label("empty").help("databases = [\"embedded\"] is the one inside of the program"));
    }
    databases
}

fn dns(ctx: &mut Ctx, fields: &Fields<'_>) -> Dns {
    let listen = transports::addresses(ctx, fields, ("listen", 53));
    let mut dns = Dns { listen, encrypted: transports::listens(ctx, fields), ..Dns::default() };
    let mut number = |key: &'static str, range, usual| {
        fields.value(key).and_then(|node| ctx.integer(node, key, range)).map_or(usual, |number: u32| number as usize)
    };
    dns.threads = number("threads", 0..=1_024, dns.threads);
    dns.tcp_connections = number("tcp_connections", 1..=1_000_000, dns.tcp_connections);
    dns.tcp_connections_per_client =
        number("tcp_connections_per_client", 1..=1_000_000, dns.tcp_connections_per_client);
    if let Some(node) = fields.value("tcp_idle") {
        dns.tcp_idle_ms = ctx.millis(node, "tcp_idle", 1_000..=3_600_000).unwrap_or(dns.tcp_idle_ms);
    }
    dns.nsid = fields.value("nsid").and_then(|node| identity(ctx, node, "nsid"));
    if let Some(node) = fields.value("explain_from") {
        dns.explain_from = networks(ctx, node, "explain_from").into();
    }
    dns.version = fields.value("version").and_then(|node| identity(ctx, node, "version"));
    dns
}

fn events(ctx: &mut Ctx, fields: &Fields<'_>, folder: &Path) -> Events {
    let webhook = fields.value("webhook").and_then(|node| {
        let text = ctx.string(node, "webhook")?;
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
            let found = Diagnostic::new(Code::BadUrl, node.span, "not a URL to send events to");
            ctx.push(found.label("not a URL").help("write it like \"https://hooks.example.com/geosteer\""));
            return None;
        }
        Some(text.into())
    });
    let secret = fields.entry("webhook_secret_file");
    if let Some((span, _)) = secret.filter(|_| fields.value("webhook").is_none()) {
        ctx.error(Code::MissingKey, span, "a key, and no webhook that it is for", "no `webhook`");
    }
    let webhook_secret_file = secret.and_then(|(_, node)| path(ctx, node, "webhook_secret_file", folder));
    Events { webhook, webhook_secret_file }
}

/// NSID and `version.bind` are one character string: at most 255 octets.
fn identity(ctx: &mut Ctx, node: Node<'_>, what: &str) -> Option<Box<str>> {
    let text = ctx.string(node, what)?;
    if text.len() > 255 {
        ctx.error(Code::OutOfRange, node.span, format!("{what} has at most 255 octets"), "too long");
    }
    (!text.is_empty()).then(|| text.into())
}

/// An address with a port, or an address alone.
pub(super) fn socket(ctx: &mut Ctx, node: Node<'_>, port: u16) -> Option<SocketAddr> {
    let text = ctx.string(node, "an address to listen on")?;
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = text.parse().ok().or_else(|| Some(SocketAddr::new(bare.parse().ok()?, port)));
    if address.is_none() {
        let found = Diagnostic::new(Code::NotAnAddress, node.span, format!("\"{text}\" is no address to listen on"));
        ctx.push(found.label("not an address and port").help("write it like \"0.0.0.0:53\" or \"[::]:53\""));
    }
    address
}

/// A name by which browsers call the server: without scheme and port.
fn host(ctx: &mut Ctx, node: Node<'_>) -> Option<Box<str>> {
    let text = ctx.string(node, "a host")?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.is_empty() || !text.chars().all(is_part) {
        let found = Diagnostic::new(Code::BadValue, node.span, format!("\"{text}\" is no host name"));
        ctx.push(found.label("not a name").help("write it without scheme and port, like \"geosteer.example.net\""));
        return None;
    }
    Some(text.into())
}

fn admin(ctx: &mut Ctx, fields: &Fields<'_>, folder: &Path) -> Admin {
    let listen = fields.value("listen").map_or(AdminListen::Usual, |node| match node.as_str() {
        Some("off") => AdminListen::Off,
        _ => socket(ctx, node, 8053).map_or(AdminListen::Off, AdminListen::At),
    });
    let hosts = fields.value("hosts").map(|node| node.items().filter_map(|item| host(ctx, item)).collect());
    let mut file = |key| fields.value(key).and_then(|node| path(ctx, node, key, folder));
    let (token_file, socket) = (file("token_file"), file("socket"));
    Admin { listen, token_file, hosts: hosts.unwrap_or_default(), socket }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_server_file_is_read_and_what_nothing_uses_is_said() {
        let text = r#"
            zones = ["zones"]
            state = "/var/lib/geosteer"
            [dns]
            listen = ["0.0.0.0:53", "[::]:53", "127.0.0.1"]
            threads = 2
            tls_listen = []
            nsid = "ams-1"
            tcp_idle = "5s"
            [geo]
            databases = ["embedded", "city.mmdb"]
            [admin]
            listen = "127.0.0.1:8053"
            [tls]
            certificate = "a.pem"
            [log]
            format = "json"
            [ecs]
            max_scope_v4 = 20
        "#;
        let (server, warnings) = load_server_text("etc/geosteer.toml", text).unwrap();
        assert_eq!(server.zones, [PathBuf::from("etc/zones")]);
        assert_eq!(server.state, Some(PathBuf::from("/var/lib/geosteer")));
        assert_eq!(server.dns.listen.len(), 3);
        assert_eq!(server.dns.tcp_idle_ms, 5_000);
        assert_eq!(server.databases[1], DatabaseRef::File("etc/city.mmdb".into()));
        assert_eq!(server.ecs.limits.v4, 20);
        assert!(server.log.json);
        let said: Vec<_> = warnings.found().iter().map(|found| found.message.as_str()).collect();
        assert_eq!(said, ["nothing uses [tls]: no encrypted transport is on"]);
    }

    #[test]
    fn mistakes_of_the_server_file_are_shown_with_their_places() {
        let text = "zone = [\"a\"]\n[dns]\nlisten = [\"local:53\"]\nquic_listen = [\"[::]:853\"]\n[guard]\nx = 1\nshare = 0\nhold = \"2h\"\ncanaries = [\"192.0.2.1\"]\n";
        let report = load_server_text("geosteer.toml", text).unwrap_err();
        assert_eq!(
            report.short(),
            "geosteer.toml:1:1: error[E003]: the server file has no key `zone`\n\
             geosteer.toml:3:11: error[E041]: \"local:53\" is no address to listen on\n\
             geosteer.toml:4:1: error[E006]: `quic_listen` needs a certificate and its key\n\
             geosteer.toml:6:1: error[E003]: [guard] has no key `x`\n\
             geosteer.toml:7:9: error[E007]: share must be from 1 to 100\n\
             geosteer.toml:8:8: error[E007]: hold must be from 1 s to 1 h\n\
             geosteer.toml:9:13: error[E045]: \"192.0.2.1\" is no canary: it must begin with http://, https:// or tcp://\n"
        );
    }

    #[test]
    fn an_empty_server_file_means_the_defaults() {
        assert_eq!(load_server_text("geosteer.toml", "").unwrap().0, Server::default());
    }
}
