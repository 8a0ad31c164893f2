//! The admin server: who may ask, what it costs, and that its answers are those of the server.

mod api;
mod decisions;
mod limits;
mod openapi;
mod start;
mod stream;
mod then;
mod web;
mod wire;

use geosteer::config::{self, Admin, AdminListen, Dns};
use geosteer::daemon::{Options, Server, ServerSource};
use std::net::SocketAddr;
use std::time::Duration;

/// Only what never happens is waited for so long.
const LONG: Duration = Duration::from_secs(120);

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

const ZONE: &str = r#"
zone = "example.com"
ns = ["ns.example.net"]

[regions]
office = { networks = ["192.0.2.0/24"] }

[pools]
one = { check = "none", endpoints = [{ name = "a", address = "192.0.2.1" }] }
two = { check = "none", endpoints = [{ name = "b", address = "192.0.2.2" }] }

[names.www]
ttl = 60
policy = { default = ["one", "two"], office = ["two", "one"] }

[names.only]
policy = { default = { pools = ["one"], geofence = true } }
"#;

/// A server with an admin server on a port that the system chooses.
struct Running {
    server: Server,
    admin: SocketAddr,
    folder: tempfile::TempDir,
}

impl Running {
    /// With a token.
    fn new(zone: &str) -> Self {
        Self::with(zone, Some(TOKEN))
    }

    /// With a token, and explanations over DNS for some networks.
    fn explaining(zone: &str, from: &[&str]) -> Self {
        let explain_from = from.iter().map(|network| network.parse().unwrap()).collect();
        Self::start(zone, Some(TOKEN), Dns { explain_from, ..Dns::default() }, false)
    }

    fn with(zone: &str, token: Option<&str>) -> Self {
        Self::start(zone, token, Dns::default(), false)
    }

    /// With a state directory, so that it has a control socket.
    fn with_socket(zone: &str, token: Option<&str>) -> Self {
        Self::start(zone, token, Dns::default(), true)
    }

    /// With a token, and a zone that can be rewritten and reloaded.
    fn from_file(zone: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("example.toml");
        std::fs::write(&file, zone).unwrap();
        Self::started(Options::for_paths(vec![file]), folder, Some(TOKEN), Dns::default())
    }

    fn rewrite(&self, zone: &str) {
        std::fs::write(self.folder.path().join("example.toml"), zone).unwrap();
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("admin.sock")
    }

    fn start(zone: &str, token: Option<&str>, dns: Dns, state: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::for_text("example.toml", zone);
        options.state = state.then(|| folder.path().to_owned());
        Self::started(options, folder, token, dns)
    }

    fn started(mut options: Options, folder: tempfile::TempDir, token: Option<&str>, dns: Dns) -> Self {
        let token_file = token.map(|token| {
            let file = folder.path().join("token");
            std::fs::write(&file, token).unwrap();
            file
        });
        let admin = Admin { token_file, ..Admin::default() };
        options.admin = Some(AdminListen::At(SocketAddr::from(([127, 0, 0, 1], 0))));
        options.sources.server =
            ServerSource::Given(Box::new(config::Server { admin, dns, ..config::Server::default() }));
        let server = Server::start(options).unwrap();
        let admin = server.admin().expect("it listens");
        Self { server, admin, folder }
    }
}
