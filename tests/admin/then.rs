//! `geosteer explain` and the running server: now, and as health was.

use super::web::{connect, get};
use super::{Running, TOKEN};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;

const BINARY: &str = env!("CARGO_BIN_EXE_geosteer");

/// The next health event of a stream that says this.
fn health(stream: &mut impl BufRead, to: &str) -> serde_json::Value {
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream ends");
        let Some(event) = line.strip_prefix("data: ") else { continue };
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        if event["kind"] == "health" && event["to"] == to {
            return event;
        }
    }
}

#[test]
fn the_command_asks_the_running_server_and_is_told_of_health_as_it_was() {
    let endpoint = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = endpoint.local_addr().unwrap().port();
    let zone = format!(
        r#"
zone = "example.com"
ns = ["ns.example.net"]
[checks.alive]
type = "tcp"
port = {port}
interval = "2s"
fall = 1
rise = 1
[pools]
near = {{ check = "alive", endpoints = [{{ name = "n", address = "192.0.2.1", check_address = "127.0.0.1" }}] }}
far = {{ check = "none", endpoints = ["192.0.2.2"] }}
[names.www.policy]
default = ["near", "far"]
"#
    );
    let running = Running::with_socket(&zone, Some(TOKEN));
    let mut stream = connect(running.admin);
    write!(stream, "GET /api/v1/events/stream?since=0 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut stream = BufReader::new(stream);
    health(&mut stream, "up");
    drop(endpoint);
    let down = health(&mut stream, "down")["at"].as_u64().unwrap();
    let explain = |arguments: &[&str]| {
        let words = ["explain", "www.example.com", "--client", "20.0.0.0/24", "--json"];
        let output =
            Command::new(BINARY).args(words).args(arguments).env("GEOSTEER_SOCKET", running.socket()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let report = serde_json::from_str(&text).unwrap_or(serde_json::Value::Null);
        (output.status.code(), report, String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(explain(&[]).1["pool"], "far", "now");
    let (_, then, errors) = explain(&["--at", &(down - 1).to_string()]);
    assert_eq!((&then["pool"], errors.as_str()), (&"near".into(), ""), "{then}");
    assert!(then["notes"][0].as_str().unwrap().contains("1 targets had another verdict"), "{}", then["notes"]);
    let http = format!("/api/v1/explain?name=www.example.com&client=20.0.0.0/24&at={}", down - 1);
    assert_eq!(get(running.admin, &http).json(), then);
    let (code, _, errors) = explain(&["--at", "1000"]);
    assert!(code == Some(1) && errors.contains("it knows nothing"), "{errors}");
    let (code, _, errors) = explain(&["--zones", "nowhere.toml"]);
    assert!(code == Some(3) && errors.contains("nowhere.toml"), "{errors}");
}

#[test]
fn without_a_server_the_files_are_explained_unless_the_server_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("zones")).unwrap();
    std::fs::write(folder.path().join("zones/z.toml"), super::ZONE).unwrap();
    let explain = |arguments: &[&str]| {
        let words = ["explain", "www.example.com", "--client", "192.0.2.1"];
        let mut command = Command::new(BINARY);
        command.args(words).args(arguments).current_dir(folder.path());
        let output = command.env("GEOSTEER_SOCKET", folder.path().join("no.sock")).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, errors) = explain(&[]);
    assert!(code == Some(0) && errors.starts_with("note: no server listens"), "{errors}");
    assert_eq!(explain(&["--zones", "zones"]), (Some(0), String::new()));
    let (code, errors) = explain(&["--live"]);
    assert!(code == Some(3) && errors.contains("no server listens"), "{errors}");
}
