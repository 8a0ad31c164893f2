//! A server as a process of its own: started, told, asked, and ended with its test.

#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod log;

use log::Log;
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};

pub const BINARY: &str = env!("CARGO_BIN_EXE_geosteer");

/// `geosteer run`, to be given more arguments.
pub fn run() -> Command {
    let mut command = Command::new(BINARY);
    // Tests run as root in some places, and their files are then root's.
    command.arg("run").env_remove("GEOSTEER_LOG").env("GEOSTEER_USER", "root");
    command
}

/// A running server.
pub struct Process {
    child: Child,
    log: Log,
}

impl Process {
    /// Starts it; its log is read from its beginning.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::of(child.stderr.take().unwrap());
        Self { child, log }
    }

    /// The next line of the log that has all of these.
    pub fn line(&self, words: &[&str]) -> String {
        self.log.line(words)
    }

    /// Where it answers; waits until the log says so.
    pub fn address(&self) -> SocketAddr {
        let line = self.line(&["listening", "udp="]);
        line.split("udp=").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Sends it a signal: `-HUP`.
    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").arg(name).arg(self.id().to_string()).status().unwrap().success());
    }

    /// Waits until it has ended.
    pub fn end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Its number among the processes.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A query of class IN without EDNS.
pub fn query(name: &str, rtype: u16) -> Vec<u8> {
    let mut query = b"\0\x07\0\0\0\x01\0\0\0\0\0\0".to_vec();
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend_from_slice(label.as_bytes());
    }
    query.push(0);
    query.extend_from_slice(&rtype.to_be_bytes());
    query.extend_from_slice(&[0, 1]);
    query
}
