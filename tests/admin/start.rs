//! What keeps the server from starting: an address that cannot be had, and one that others reach without a token.

use super::ZONE;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The exit code and the errors of a server that does not start.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    std::fs::write(folder.join("zone.toml"), ZONE).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_geosteer"));
    command
        .args(["run", "--listen", "127.0.0.1:0", "--zones", "zone.toml"])
        .args(arguments)
        .current_dir(folder)
        .env("GEOSTEER_USER", "root");
    let output = command.stdout(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn beyond_loopback_no_token_means_that_it_refuses_to_start() {
    let folder = tempfile::tempdir().unwrap();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let (code, errors) = run(folder.path(), &["--admin", address]);
        assert!(
            code == Some(3) && errors.contains("without a token") && errors.contains("help: "),
            "{code:?} {errors}"
        );
    }
    std::fs::write(folder.path().join("geosteer.toml"), "[admin]\nlisten = \"0.0.0.0:0\"\n").unwrap();
    let (code, errors) = run(folder.path(), &["--config", "geosteer.toml", "--state", "state"]);
    assert!(code == Some(3) && errors.contains("without a token"), "{errors}");
}

#[test]
fn an_address_that_was_asked_for_must_be_free() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, errors) = run(folder.path(), &["--admin", &taken.local_addr().unwrap().to_string()]);
    assert!(code == Some(3) && errors.contains("cannot listen on") && errors.contains("help: "), "{errors}");
    assert_eq!(run(folder.path(), &["--admin", "everywhere"]).0, Some(2));
}

#[test]
fn a_token_that_is_none_or_that_others_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = format!("[admin]\nlisten = \"{}\"\ntoken_file = \"token\"\n", taken.local_addr().unwrap());
    std::fs::write(folder.path().join("geosteer.toml"), file).unwrap();
    let run = || run(folder.path(), &["--config", "geosteer.toml", "--state", "state"]);
    let (code, errors) = run();
    assert!(code == Some(3) && errors.contains("the admin token: token: "), "{errors}");
    std::fs::write(folder.path().join("token"), super::TOKEN).unwrap();
    std::fs::set_permissions(folder.path().join("token"), PermissionsExt::from_mode(0o644)).unwrap();
    assert!(run().1.contains("chmod 600"), "a warning");
    std::fs::set_permissions(folder.path().join("token"), PermissionsExt::from_mode(0o600)).unwrap();
    assert!(!run().1.contains("chmod 600"), "no warning");
}
