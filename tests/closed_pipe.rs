//! A reader that stops reading (`geosteer explain … | head -1`) is no accident: the verb ends without a word.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

const ZONE: &str = r#"
zone = "example.com"
ns = ["ns.example.net"]
[pools]
one = { check = "none", endpoints = ["192.0.2.1"] }
[names]
www = { policy = { default = ["one"] } }
"#;

#[test]
fn verbs_end_quietly_when_nobody_reads_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let zone = folder.path().join("zone.toml");
    std::fs::write(&zone, ZONE).unwrap();
    let zone = zone.to_str().unwrap();
    for arguments in [
        &["explain", "www.example.com", "--client", "192.0.2.0/24", "--zones", zone][..],
        &["explain", "www.example.com", "--client", "192.0.2.0/24", "--zones", zone, "--json"],
        &["check", zone],
        &["geo", "lookup", "193.0.6.139"],
        &["--help"],
    ] {
        let (read, write) = std::io::pipe().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_geosteer"));
        child.args(arguments).stdout(write).stderr(Stdio::piped());
        // Nobody reads when it writes, however fast it is.
        drop(read);
        let mut running = child.spawn().unwrap();
        drop(child);
        let mut said = String::new();
        running.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = running.wait().unwrap();
        assert!(said.is_empty(), "{arguments:?} said {said:?}");
        // 13 is SIGPIPE; clap itself ends with 0.
        assert!(status.signal() == Some(13) || status.success(), "{arguments:?}: {status}");
    }
}
