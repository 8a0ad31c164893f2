//! What the server gives up: seen from outside, in /proc, of every thread of a process of its own.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

mod process;
use process::{BINARY, Process, query, run};

/// A user that exists nowhere.
const USER: u32 = 54_242;

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A zone whose pool is up as long as a program says so.
fn files(folder: &Path, more: &str) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["zones", "bin"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    let program = folder.join("bin/probe");
    fs::write(&program, "#!/bin/sh\n/bin/true && exec /usr/bin/env true\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let zone = format!(
        "zone = \"example.com\"\nns = [\"ns.example.net\"]\n\
         checks.runs = {{ type = \"exec\", command = [\"{}\"], interval = \"1s\", timeout = \"900ms\", rise = 1 }}\n\
         pools.one = {{ check = \"runs\", endpoints = [\"192.0.2.1\"] }}\nnames.www.policy.default = [\"one\"]\n",
        program.display()
    );
    fs::write(folder.join("zones/example.com.toml"), zone).unwrap();
    fs::write(folder.join("geosteer.toml"), server_file("\"zones\"", more)).unwrap();
}

fn server_file(zones: &str, more: &str) -> String {
    format!(
        "zones = [{zones}]\nstate = \"state\"\ndns.listen = [\"127.0.0.1:0\"]\nadmin.listen = \"off\"\nprobe.exec = true\n{more}"
    )
}

fn start(folder: &Path) -> Process {
    let mut command = run();
    command.env_remove("GEOSTEER_USER").arg("--config").arg(folder.join("geosteer.toml"));
    Process::start(&mut command)
}

/// A folder with a zone that lies far from the others, and how the server file names both.
fn elsewhere() -> (tempfile::TempDir, String) {
    // Not below /tmp, where programs of checks may write; this may have been built there.
    let places = [env!("CARGO_TARGET_TMPDIR"), "/var/lib", "/opt"];
    let mut outside = places.iter().filter(|place| !place.starts_with("/tmp") && !place.starts_with("/var/tmp"));
    let folder = outside.find_map(|place| tempfile::tempdir_in(place).ok()).expect("root may write elsewhere");
    fs::write(folder.path().join("other.toml"), "zone = \"other.example\"\nns = [\"ns.example.net\"]\n").unwrap();
    let both = format!("\"zones\", \"{}\"", folder.path().display());
    (folder, both)
}

/// The value of a key in the status of each thread of a process.
fn of_threads(id: u32, key: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{id}/task")).unwrap();
    // A thread may end while we look.
    let texts = threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).ok());
    let values = texts.map(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    values.collect()
}

fn all_are(id: u32, key: &str, value: &str) {
    let found = of_threads(id, key);
    assert!(found.len() > 5 && found.iter().all(|one| one == value), "{key} {value}, but {found:?}");
}

fn geosteer(folder: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new(BINARY).args(arguments).arg("--socket").arg(folder.join("state/admin.sock")).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn root_becomes_another_user_with_one_capability_and_keeps_to_its_files() {
    if !is_root() {
        eprintln!("skipped: only root can become somebody else");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    files(folder, &format!("[process]\nuser = \"{USER}\"\ngroup = \"{}\"\n", USER + 1));
    let mut server = start(folder);
    let runs = server.line(&["runs as"]);
    let address = server.address();
    let pass = "geosteer_probes_total{type=\"exec\",outcome=\"pass\"} ";
    let start = geosteer::clock::instant();
    while !geosteer(folder, &["metrics"]).lines().any(|line| line.strip_prefix(pass).is_some_and(|count| count != "0"))
    {
        assert!(start.elapsed() < Duration::from_secs(60), "no program of a check has passed");
    }
    let id = server.id();
    let four = |id: u32| [id; 4].map(|id| id.to_string()).join(" ");
    all_are(id, "Uid:", &four(USER));
    all_are(id, "Gid:", &four(USER + 1));
    all_are(id, "Groups:", &(USER + 1).to_string());
    for (key, value) in [("CapPrm:", 0x400), ("CapEff:", 0x400), ("CapBnd:", 0x400), ("CapInh:", 0), ("CapAmb:", 0)] {
        all_are(id, key, &format!("{value:016x}"));
    }
    all_are(id, "NoNewPrivs:", "1");
    for name in ["", "lock", "admin.sock"] {
        assert_eq!(fs::metadata(folder.join("state").join(name)).unwrap().uid(), USER, "{name}");
    }
    let status = geosteer(folder, &["status"]);
    println!("{runs}\n{status}");
    assert!(status.contains("runs as        uid 54242, capability NET_BIND_SERVICE, no new privileges"), "{status}");
    let answer = {
        let (socket, mut buffer) = (UdpSocket::bind("127.0.0.1:0").unwrap(), [0; 512]);
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        socket.send_to(&query("www.example.com", 1), address).unwrap();
        let length = socket.recv(&mut buffer).unwrap();
        buffer[length - 4..length].to_vec()
    };
    assert_eq!(answer, [192, 0, 2, 1]);
    let metrics = geosteer(folder, &["metrics"]);
    for by in ["user", "capabilities", "no-new-privileges"] {
        assert!(metrics.contains(&format!("geosteer_process_confined{{by=\"{by}\"}} 1")), "{by}\n{metrics}");
    }
    server.signal("-TERM");
    assert!(server.end().success());
    // Its overrides and health lie there, and the next run may use them.
    assert!(folder.join("state/health.json").exists());
}

#[test]
fn a_secret_that_the_user_may_not_read_keeps_it_down_and_the_reason_says_who_that_is() {
    if !is_root() {
        eprintln!("skipped: only root can become somebody else");
        return;
    }
    for section in ["tsig.ns2", "cookies"] {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        let group = USER + 1;
        let process = format!("[process]\nuser = \"{USER}\"\ngroup = \"{group}\"\n");
        files(folder, &format!("{process}[{section}]\nsecret_file = \"a.secret\"\n"));
        let secret = folder.join("a.secret");
        // As good for one as for the other.
        fs::write(&secret, "000102030405060708090a0b0c0d0e0f\n").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let mut server = start(folder);
        let reason = format!("the secret is read as user {USER}, who must be able to");
        server.line(&["a.secret: Permission denied", &reason]);
        assert!(!server.end().success());
        std::os::unix::fs::chown(&secret, Some(USER), None).unwrap();
        let server = start(folder);
        server.address();
        assert!(geosteer(folder, &["reload"]).contains("configuration 2 serves"), "{section}");
    }
}

#[test]
fn a_reload_that_needs_files_elsewhere_is_refused_and_says_what_to_do() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    files(folder, "process.user = \"root\"\n");
    let server = start(folder);
    let runs = server.line(&["runs as"]);
    server.address();
    let id = server.id();
    all_are(id, "NoNewPrivs:", "1");
    if !runs.contains("landlock") {
        eprintln!("skipped: this kernel has no Landlock");
        return;
    }
    // Where it looks already, new files are no news.
    fs::write(folder.join("zones/new.toml"), "zone = \"new.example\"\nns = [\"ns.example.net\"]\n").unwrap();
    assert!(geosteer(folder, &["reload"]).contains("configuration 2 serves"));
    let (_elsewhere, both) = elsewhere();
    fs::write(folder.join("geosteer.toml"), server_file(&both, "process.user = \"root\"\n")).unwrap();
    let said = geosteer(folder, &["reload"]);
    assert!(said.contains(": the configuration that the server started with needed nothing there"), "{said}");
    assert!(said.contains("geosteer run --takeover"), "{said}");
    assert!(geosteer(folder, &["status"]).contains("configuration  2, 2 zones"), "the old one serves on");
}

#[test]
fn landlock_can_be_turned_off() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    files(folder, "process = { user = \"root\", landlock = false }\n");
    let server = start(folder);
    let runs = server.line(&["runs as"]);
    assert!(runs.contains("files not restricted"), "{runs}");
    server.address();
    let (_elsewhere, both) = elsewhere();
    fs::write(folder.join("geosteer.toml"), server_file(&both, "")).unwrap();
    assert!(geosteer(folder, &["reload"]).contains("configuration 2 serves"));
}

#[test]
fn root_is_not_stayed_unless_it_is_said() {
    if !is_root() {
        eprintln!("skipped: we are not root");
        return;
    }
    if fs::read_to_string("/etc/passwd").is_ok_and(|text| text.contains("\ngeosteer:")) {
        eprintln!("skipped: this machine has the user that is usual");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    files(scratch.path(), "");
    let mut command = run();
    command.env_remove("GEOSTEER_USER").arg("--config").arg(scratch.path().join("geosteer.toml"));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("it would run as root") && said.contains("useradd --system"), "{said}");
    let output = command.arg("--user").arg("no-such-user").output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("there is no user \"no-such-user\""));
}
