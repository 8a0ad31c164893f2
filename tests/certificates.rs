//! The certificate of the encrypted transports over reloads: another one is shown at once, a bad one never.

#[path = "secure/mod.rs"]
mod secure;

use geosteer::daemon::{Options, Server, ServerSource, StartError};
use secure::served::{ZONE, addresses, query};
use secure::{Pair, ask, plain, try_secure};
use std::fs;
use std::path::Path;
use std::process::Command;

fn options(folder: &Path) -> Options {
    let mut options = Options::for_paths(vec![folder.join("zones")]);
    options.sources.server = ServerSource::File(folder.join("geosteer.toml"));
    options
}

/// A folder with a server file and a zone.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = "zones = [\"zones\"]\nstate = \"state\"\n[dns]\nlisten = \"127.0.0.1:0\"\ntls_listen = \"127.0.0.1:0\"\n\
                [tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\nidle = \"1h\"\n";
    fs::write(folder.path().join("geosteer.toml"), file).unwrap();
    fs::create_dir(folder.path().join("zones")).unwrap();
    fs::write(folder.path().join("zones/example.com.toml"), ZONE).unwrap();
    folder
}

fn shows(server: &Server, pair: &Pair) -> bool {
    try_secure(plain(server.listening()[0].address), &pair.client(&["dot"])).is_ok()
}

/// What the events say of certificates.
fn told(server: &Server) -> Vec<String> {
    let events = server.events().after(Some(0), 100);
    events.iter().filter(|event| event.kind.word() == "certificate").map(|event| event.to.to_string()).collect()
}

#[test]
fn another_certificate_is_shown_after_a_reload_and_connections_go_on() {
    let folder = folder();
    let first = Pair::within(folder.path());
    let server = Server::start(options(folder.path())).unwrap();
    let mut open = secure::secure(server.listening()[0].address, &first.client(&["dot"]));
    server.reload().unwrap();
    assert_eq!(told(&server), [""; 0], "it is the same");
    let second = Pair::within(folder.path());
    assert!(shows(&server, &first), "files are read when it is told to");
    server.reload().unwrap();
    assert!(shows(&server, &second) && !shows(&server, &first));
    assert_eq!(addresses(&ask(&mut open, &query("static.example.com", 1))), ["192.0.2.9"]);
    assert_eq!(told(&server), ["shown"]);
}

#[test]
fn a_bad_certificate_leaves_the_one_before_and_says_why_while_zones_are_reloaded() {
    let folder = folder();
    let pair = Pair::within(folder.path());
    let server = Server::start(options(folder.path())).unwrap();
    fs::write(&pair.key, "no key").unwrap();
    fs::write(folder.path().join("zones/example.com.toml"), ZONE.replace("192.0.2.9", "192.0.2.8")).unwrap();
    for _ in 0..2 {
        let reloaded = server.reload().unwrap();
        let warning = reloaded.warnings.last().unwrap();
        assert!(warning.contains("key.pem: no private key in PEM form"), "{warning}");
        assert!(warning.ends_with("the certificate from before is still shown"), "{warning}");
    }
    assert_eq!(told(&server), ["refused"], "once");
    let mut stream = secure::secure(server.listening()[0].address, &pair.client(&["dot"]));
    assert_eq!(addresses(&ask(&mut stream, &query("static.example.com", 1))), ["192.0.2.8"]);
    let mended = Pair::within(folder.path());
    assert!(server.reload().unwrap().warnings.is_empty());
    assert!(shows(&server, &mended));
    assert_eq!(told(&server), ["refused", "shown"]);
}

#[test]
fn a_server_does_not_start_with_a_certificate_that_it_cannot_show() {
    let folder = folder();
    let pair = Pair::within(folder.path());
    fs::remove_file(&pair.key).unwrap();
    let error = Server::start(options(folder.path())).unwrap_err();
    assert!(matches!(&error, StartError::Certificate(why) if why.contains("key.pem: No such file")), "{error}");
}

/// `geosteer check` of the folder's server file: its exit code and what it prints.
fn checked(folder: &Path, format: &str) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_geosteer"))
        .args(["check", "--format", format])
        .arg(folder.join("geosteer.toml"))
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn check_reads_the_certificate_that_the_server_file_names() {
    let folder = folder();
    let pair = Pair::within(folder.path());
    let (code, said) = checked(folder.path(), "human");
    assert!(code == 0 && said.contains("certificate for ns1.example.net; "), "{code} {said}");
    assert!(said.contains(" days left; its key fits\n") && said.ends_with("ok\n"), "{said}");
    let key = fs::read(&pair.key).unwrap();
    Pair::within(folder.path());
    fs::write(&pair.key, key).unwrap();
    for (format, line) in [("human", "1 error\n"), ("short", "error: "), ("json", "\"ok\": false")] {
        let (code, said) = checked(folder.path(), format);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("key.pem: the key does not fit ") && said.contains(line), "{said}");
    }
}
