//! A server whose metrics and query log are looked at.

#![allow(dead_code, reason = "each test uses its part")]

use crate::process::{BINARY, Process, query, run};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub const PATIENCE: Duration = Duration::from_secs(30);

pub const ZONE: &str = r#"
zone = "example.com"
ns = ["ns.example.net"]

[records]
text = "static 300 A 192.0.2.9"

[regions]
home = { networks = ["127.0.0.0/8"] }

[pools]
one = { check = "none", endpoints = [{ name = "a", address = "192.0.2.1" }] }
two = { check = "none", endpoints = [{ name = "b", address = "192.0.2.2" }] }

[policies.near]
default = ["two"]
home = ["one", "two"]

[names.www]
policy = "near"

[names."*.wild"]
policy = "near"
"#;

/// A running server of [`ZONE`].
pub struct Server {
    process: Process,
    pub address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts it with more in its server file.
    pub fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("zone.toml"), ZONE).unwrap();
        let file = format!(
            "zones = [\"zone.toml\"]\nstate = \"state\"\n[dns]\nlisten = [\"127.0.0.1:0\"]\nthreads = 2\n{more}"
        );
        std::fs::write(folder.path().join("geosteer.toml"), file).unwrap();
        let process = Process::start(run().arg("--config").arg(folder.path().join("geosteer.toml")));
        let address = process.address();
        Self { process, address, folder }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a verb against it.
    pub fn verb(&self, words: &[&str]) -> String {
        let mut command = Command::new(BINARY);
        let output = command.args(words).env("GEOSTEER_SOCKET", self.path().join("state/admin.sock")).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The samples of the moment by their series.
    pub fn scrape(&self) -> BTreeMap<String, f64> {
        let text = self.verb(&["metrics"]);
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').unwrap();
                (series.to_owned(), value.parse().unwrap())
            })
            .collect()
    }

    /// Scrapes until a series has the value.
    pub fn wait_for(&self, series: &str, value: f64) -> BTreeMap<String, f64> {
        let until = geosteer::clock::instant() + PATIENCE;
        loop {
            let samples = self.scrape();
            if samples.get(series) == Some(&value) {
                return samples;
            }
            assert!(geosteer::clock::instant() < until, "{series} is {:?}, not {value}", samples.get(series));
        }
    }

    /// The next line of its log that has all of these.
    pub fn line(&self, words: &[&str]) -> String {
        self.process.line(words)
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Asks over UDP.
    pub fn ask(&self, name: &str, qtype: u16) -> Vec<u8> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send_to(&query(name, qtype), self.address).unwrap();
        let mut reply = [0; 1_500];
        let length = socket.recv(&mut reply).unwrap();
        reply[..length].to_vec()
    }

    /// Asks over TCP.
    pub fn ask_tcp(&self, name: &str, qtype: u16) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let query = query(name, qtype);
        stream.write_all(&[&(query.len() as u16).to_be_bytes()[..], &query].concat()).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        stream.read_exact(&mut vec![0; usize::from(u16::from_be_bytes(length))]).unwrap();
    }
}
