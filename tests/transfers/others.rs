//! What other name servers and tools make of it: dig and kdig, and Knot DNS as a secondary. A test that needs one that is
//! not installed says so and does nothing.

use crate::common::ZONE;
use crate::served::{LONG, SECRET, Served, serve_from};
use geosteer::clock;
use geosteer::dnssec::{Algorithm, Key, Role};
use geosteer::store::{keys_folder, write_key};
use geosteer::wire::Name;
use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub fn has(program: &str) -> bool {
    let run = Command::new(program).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if run.is_err() {
        // Past the capture of output: a test that did not run must be seen.
        let line = format!("transfers: SKIPPED, {program} is not installed\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    run.is_ok()
}

/// Balanced names, signed, for whoever holds the key.
fn zone(notify: Option<u16>) -> String {
    let told = notify.map_or(String::new(), |port| format!(", notify = [\"127.0.0.1:{port}\"]"));
    let transfer = format!("transfer = {{ keys = [\"ns2\"], balanced = \"fail-open\"{told} }}\ndnssec.enabled = true");
    let steered = "\n[pools]\nfra = { check = \"none\", endpoints = [\"192.0.2.10\", \"192.0.2.11\"] }\n[names]\nwww.policy.default = [\"fra\"]\n\"*.dyn\".policy.default = [\"fra\"]\n";
    format!("{}{steered}", ZONE.replace("transfer = { from = [\"192.0.2.0/24\"] }", &transfer))
}

fn serve(notify: Option<u16>) -> Served {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("example.com.toml"), zone(notify)).unwrap();
    let key = Key::generate(Algorithm::EcdsaP256Sha256, Role::Entry).unwrap();
    write_key(&keys_folder(&folder.path().join("state")), &Name::parse("example.com").unwrap(), &key).unwrap();
    serve_from(folder)
}

/// What a tool prints of a whole zone; the SOA record once.
fn transferred(program: &str, port: u16, key: Option<&str>) -> Vec<String> {
    let mut command = Command::new(program);
    command.args(["@127.0.0.1", "-p", &port.to_string()]);
    if let Some(key) = key {
        command.args(["-y", &format!("hmac-sha256:ns2:{key}")]);
    }
    let output = command.args(["example.com", "AXFR", "+noall", "+answer"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let records = text.lines().filter(|line| !line.starts_with(';') && !line.contains("\tTSIG\t") && !line.is_empty());
    // Tools part fields and long data in their own ways.
    let mut records: Vec<_> = records.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    records.sort();
    records.dedup();
    records
}

/// The same in an order and a case that all have.
fn folded(records: &[String]) -> Vec<String> {
    // Long data is parted by blanks, by some.
    let mut folded: Vec<_> = records.iter().map(|record| record.to_lowercase().replace(' ', "")).collect();
    folded.sort();
    folded
}

#[test]
fn dig_and_kdig_have_the_zone_with_the_key_alone() {
    let served = serve(None);
    let port = served.server.address().port();
    for program in ["dig", "kdig"].into_iter().filter(|program| has(program)) {
        let all = transferred(program, port, Some(SECRET));
        let edition = served.server.state().identity.transfers.offers[0].as_ref().unwrap().edition.clone();
        assert_eq!(all.len(), edition.len(), "{program}: {all:#?}");
        assert!(all.iter().any(|record| record.starts_with("*.dyn.example.com. 30 IN A 192.0.2.1")));
        assert_eq!(transferred(program, port, None), [""; 0], "{program}");
        assert_eq!(
            transferred(program, port, Some("YW5vdGhlciBzZWNyZXQsIGFzIGxvbmcgYXMgb3Vycw==")),
            [""; 0],
            "{program}"
        );
    }
}

/// Knot DNS as a secondary; it ends when this is dropped.
struct Knot(Child);

impl Drop for Knot {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _gone = self.0.wait();
    }
}

impl Knot {
    fn start(folder: &Path, port: u16, primary: u16) -> Self {
        let folder = folder.display();
        let text = format!(
            "server:\n    rundir: \"{folder}\"\n    listen: 127.0.0.1@{port}\ndatabase:\n    storage: \"{folder}\"\n\
             key:\n  - id: ns2\n    algorithm: hmac-sha256\n    secret: {SECRET}\n\
             remote:\n  - id: geosteer\n    address: 127.0.0.1@{primary}\n    key: ns2\n\
             acl:\n  - id: told\n    address: 127.0.0.1\n    key: ns2\n    action: [notify, transfer]\n\
             zone:\n  - domain: example.com\n    storage: \"{folder}\"\n    master: geosteer\n    acl: told\n"
        );
        let config = format!("{folder}/knot.conf");
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::create(format!("{folder}/log")).unwrap();
        let mut command = Command::new("knotd");
        command.args(["-c", &config]).stdout(log.try_clone().unwrap()).stderr(log);
        Self(command.spawn().unwrap())
    }
}

/// A port that nobody has, for TCP and UDP.
fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

#[test]
fn knot_dns_as_a_secondary_has_every_record_and_follows_each_change() {
    if !["knotd", "dig"].into_iter().all(has) {
        return;
    }
    let port = free_port();
    let served = serve(Some(port));
    let folder = tempfile::tempdir().unwrap();
    let _knot = Knot::start(folder.path(), port, served.server.address().port());
    let same = |what: &str| {
        let (until, primary) = (clock::instant() + LONG, served.server.address().port());
        loop {
            let (ours, theirs) = (transferred("dig", primary, Some(SECRET)), transferred("dig", port, Some(SECRET)));
            if !ours.is_empty() && folded(&ours) == folded(&theirs) {
                return theirs;
            }
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
            assert!(clock::instant() < until, "{what}: {ours:#?}\n{theirs:#?}\n{log}");
        }
    };
    let first = same("at the start");
    valid(&first, folder.path());
    served.change("\"192.0.2.11\"", "\"192.0.2.12\"");
    let second = same("another endpoint");
    assert!(second.iter().any(|record| record.contains("www.example.com. 30 IN A 192.0.2.12")) && first != second);
    served.change("mail   AAAA  2001:db8::25\n", "mail   AAAA  2001:db8::25\nnew TXT \"x\"\n");
    let third = same("another record");
    valid(&third, folder.path());
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("IXFR, incoming") && !log.contains("fallback"), "{log}");
}

/// Every signature holds and the chain has no gap, says BIND's verifier.
fn valid(records: &[String], folder: &Path) {
    if !has("dnssec-verify") {
        return;
    }
    let file = folder.join("verified.zone");
    std::fs::write(&file, records.join("\n") + "\n").unwrap();
    let output = Command::new("dnssec-verify").args(["-z", "-o", "example.com"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
