//! The server and who watches it: what a service manager is told over sd_notify, and what `geosteer status --serving`
//! says of this node.

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

mod process;
use process::{BINARY, run};

const PATIENCE: Duration = Duration::from_secs(60);

/// One endpoint that nobody answers at: everything is down after one probe.
const ZONE: &str = r#"
zone = "example.com"
ns = ["ns.example.net"]
checks.dead = { type = "tcp", port = 1, interval = "1s", timeout = "1s", fall = 1 }
pools.one = { check = "dead", endpoints = ["127.0.0.1"] }
names.www.policy.default = ["one"]
"#;

/// A service manager as far as it listens.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(folder: &Path) -> Self {
        let path = folder.join("notify.sock");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, path }
    }

    /// The next message that has this line.
    fn told(&self, line: &str) -> Vec<String> {
        let (mut buffer, mut all) = ([0; 4_096], Vec::new());
        // Ten a second, at most.
        for _ in 0..600 {
            let Ok(length) = self.socket.recv(&mut buffer) else { break };
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            let lines = message.lines().map(str::to_owned).collect::<Vec<_>>();
            if lines.iter().any(|one| one == line) {
                return lines;
            }
            all.push(message);
        }
        panic!("never told {line}, but {all:?}");
    }
}

/// A server, and where it is told things.
struct Process {
    process: process::Process,
    socket: PathBuf,
}

impl Process {
    fn start(folder: &Path, around: &[(&str, &str)]) -> Self {
        let state = folder.join("state");
        let mut command = run();
        command
            .args(["--listen", "127.0.0.1:0", "--zones"])
            .arg(folder.join("example.toml"))
            .arg("--state")
            .arg(&state);
        let process = process::Process::start(command.envs(around.iter().copied()));
        Self { process, socket: state.join("admin.sock") }
    }

    fn signal(&self, name: &str) {
        self.process.signal(name);
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("example.toml"), ZONE).unwrap();
    folder
}

/// `geosteer status --serving`: its exit code and its output.
fn serving(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(BINARY).args(["status", "--serving"]).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[test]
fn the_service_manager_is_told_of_start_life_reload_and_end() {
    let folder = folder();
    let manager = Manager::new(folder.path());
    let path = manager.path.to_str().unwrap();
    let mut process = Process::start(folder.path(), &[("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "200000")]);
    let ready = manager.told("READY=1");
    assert!(ready.contains(&"STATUS=serving 1 zones, 1 balanced names (configuration 1)".to_owned()), "{ready:?}");
    manager.told("WATCHDOG=1");

    process.signal("-HUP");
    let reloading = manager.told("RELOADING=1");
    assert!(reloading.iter().any(|line| line.starts_with("MONOTONIC_USEC=")), "{reloading:?}");
    let ready = manager.told("READY=1");
    assert!(ready.iter().any(|line| line.ends_with("(configuration 2)")), "{ready:?}");

    std::fs::write(folder.path().join("example.toml"), "no = 1").unwrap();
    process.signal("-HUP");
    manager.told("RELOADING=1");
    let ready = manager.told("READY=1");
    assert!(ready.iter().any(|line| line.starts_with("STATUS=the last reload was refused")), "{ready:?}");
    manager.told("WATCHDOG=1");

    process.signal("-TERM");
    manager.told("STOPPING=1");
    assert!(process.process.end().success());
}

#[test]
fn a_signed_zone_without_its_keys_keeps_no_server_from_being_ready_and_alive() {
    let folder = folder();
    let signed = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[dnssec]\nenabled = true\n";
    std::fs::write(folder.path().join("example.toml"), signed).unwrap();
    let manager = Manager::new(folder.path());
    let path = manager.path.to_str().unwrap();
    let process = Process::start(folder.path(), &[("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "200000")]);
    process.process.line(&["keys are missing"]);
    manager.told("READY=1");
    for _ in 0..3 {
        manager.told("WATCHDOG=1");
    }
    let (code, said) = serving(&["--socket", process.socket.to_str().unwrap()]);
    assert_eq!((code, said.matches("Server Failure").count()), (1, 2), "who asks for every zone hears of it\n{said}");
}

#[test]
fn a_node_serves_although_all_endpoints_are_down_and_is_silent_when_it_is_stopped() {
    let folder = folder();
    let mut process = Process::start(folder.path(), &[]);
    process.process.line(&["health changed", "to=\"down\""]);
    let socket = process.socket.to_str().unwrap().to_owned();
    let (code, said) = serving(&["--socket", &socket]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(said.matches("1 of 1").count(), 2, "UDP and TCP\n{said}");

    // What stands in the files does not count: an operator may be at work on them.
    std::fs::write(folder.path().join("example.toml"), "no = 1").unwrap();
    assert_eq!(serving(&["--socket", &socket]).0, 0);

    let address = said.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    std::fs::write(folder.path().join("example.toml"), ZONE).unwrap();
    let file = folder.path().join("geosteer.toml");
    std::fs::write(&file, format!("zones = [\"example.toml\"]\nstate = \"none\"\ndns.listen = [\"{address}\"]\n"))
        .unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(serving(&["--config", file]).0, 0, "without a control socket the files say where it is");
    process.signal("-TERM");
    assert!(process.process.end().success());
    let (code, said) = serving(&["--config", file]);
    assert_eq!(code, 3, "{said}");
    assert_eq!(said.matches("0 of 1").count(), 2, "{said}");
}

/// Answers over UDP with the query's own bytes and another fourth octet, until it is asked no more.
fn liar(flags: [u8; 2]) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            buffer[2..4].copy_from_slice(&flags);
            let _gone = socket.send_to(&buffer[..length], from);
        }
    });
    address
}

#[test]
fn a_node_that_answers_wrongly_is_not_serving_and_not_silent() {
    let folder = folder();
    let file = folder.path().join("geosteer.toml");
    // REFUSED with authority, and no error without an SOA.
    for (flags, word) in [([0x84, 5], "Refused"), ([0x84, 0], "no SOA")] {
        let address = liar(flags);
        std::fs::write(&file, format!("zones = [\"example.toml\"]\nstate = \"none\"\ndns.listen = [\"{address}\"]\n"))
            .unwrap();
        let (code, said) = serving(&["--config", file.to_str().unwrap()]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn a_node_whose_tcp_alone_is_gone_is_not_serving() {
    let folder = folder();
    let process = Process::start(folder.path(), &[]);
    process.process.line(&["health changed", "to=\"down\""]);
    let (_, said) = serving(&["--socket", process.socket.to_str().unwrap()]);
    let address = said.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    // A listener that is never served stands for a server whose TCP does nothing.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = folder.path().join("geosteer.toml");
    let both = format!("\"{address}\", \"{}\"", dead.local_addr().unwrap());
    std::fs::write(&file, format!("zones = [\"example.toml\"]\nstate = \"none\"\ndns.listen = [{both}]\n")).unwrap();
    let (code, said) = serving(&["--config", file.to_str().unwrap()]);
    assert_eq!((code, said.matches("1 of 1").count(), said.matches("0 of 1").count()), (1, 2, 2), "{said}");
}

/// What a message of a service manager's socket brought: its words and its descriptors.
fn kept(manager: &Manager) -> (String, Vec<OwnedFd>) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut words = [0; 4_096];
    let got =
        recvmsg(&manager.socket, &mut [IoSliceMut::new(&mut words)], &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
    let mut sockets = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(some) = message {
            sockets.extend(some);
        }
    }
    (String::from_utf8(words[..got.bytes].to_vec()).unwrap(), sockets)
}

/// A server file that listens here, with one thread.
fn listening(folder: &Path, address: &str) -> PathBuf {
    let file = folder.join("geosteer.toml");
    let text = format!(
        "zones = [\"example.toml\"]\nstate = \"state\"\nadmin.listen = \"off\"\n\
         dns = {{ listen = [\"{address}\"], threads = 1 }}\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// Runs a server and ends it. Gives where it answered, and the name and the descriptor of what it wanted kept: one UDP
/// socket and one listener.
fn run_once(manager: &Manager, file: &Path) -> (SocketAddr, Vec<(String, OwnedFd)>) {
    let mut server =
        process::Process::start(run().arg("--config").arg(file).env("NOTIFY_SOCKET", manager.path.to_str().unwrap()));
    let address = server.address();
    let store = [0; 2].map(|_| {
        let (words, mut some) = kept(manager);
        assert_eq!(some.len(), 1, "{words}");
        (words, some.remove(0))
    });
    server.signal("-TERM");
    assert!(server.end().success());
    (address, store.into())
}

/// Starts a server with two sockets, as a service manager does: a shell gives them their numbers.
fn started_with(store: &[(String, OwnedFd)], file: &Path, notify: Option<&Path>) -> process::Process {
    let high = |(_, socket): &(String, OwnedFd)| rustix::io::fcntl_dupfd_cloexec(socket, 100).unwrap();
    let numbered: Vec<_> = store.iter().map(high).collect();
    for socket in &numbered {
        rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::empty()).unwrap();
    }
    let [one, other] = [0, 1].map(|place: usize| numbered[place].as_raw_fd());
    let script = format!(
        "exec 3<&{one} 4<&{other} {one}<&- {other}<&-; LISTEN_FDS=2 LISTEN_PID=$$ exec \"$0\" run --config \"$1\""
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script, BINARY]).arg(file).env("GEOSTEER_USER", "root").env_remove("NOTIFY_SOCKET");
    process::Process::start(command.envs(notify.map(|path| ("NOTIFY_SOCKET", path))))
}

#[test]
fn sockets_that_the_service_manager_keeps_hold_what_comes_between_two_runs() {
    let folder = folder();
    let manager = Manager::new(folder.path());
    let file = listening(folder.path(), "127.0.0.1:0");
    let (address, store) = run_once(&manager, &file);
    let name = format!("FDSTORE=1\nFDNAME=geosteer-{address}\nFDPOLL=0\n").replace("1:", "1.");
    assert!(store.iter().all(|(words, _)| *words == name), "{store:?}");

    // Nobody reads now.
    let clients: Vec<_> = (0..50).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for client in &clients {
        client.send_to(&process::query("example.com", 6), address).unwrap();
    }
    let second = started_with(&store, &file, None);
    assert_eq!(second.address(), address);
    for client in clients {
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.recv(&mut [0; 512]).expect("an answer to what waited");
    }
}

/// Does what a service manager does until it is told that the server is ready.
fn until_ready(manager: &Manager, store: &mut Vec<(String, OwnedFd)>) {
    loop {
        let (words, sockets) = kept(manager);
        let name = words.lines().find(|line| line.starts_with("FDNAME=")).map(str::to_owned);
        if words.contains("FDSTOREREMOVE=1") {
            let name = name.unwrap();
            store.retain(|(words, _)| !words.lines().any(|line| line == name));
        }
        store.extend(sockets.into_iter().map(|socket| (words.clone(), socket)));
        if words.contains("READY=1") {
            return;
        }
    }
}

#[test]
fn a_restart_with_an_address_that_overlaps_the_one_before_starts_and_answers() {
    for (before, after) in [("127.0.0.1", "0.0.0.0"), ("0.0.0.0", "127.0.0.1")] {
        let folder = folder();
        let manager = Manager::new(folder.path());
        let (address, mut store) = run_once(&manager, &listening(folder.path(), &format!("{before}:0")));
        // What it said of its start and its end is no news any more.
        drop(std::fs::remove_file(&manager.path));
        let manager = Manager::new(folder.path());
        let other = format!("{after}:{}", address.port());
        let file = listening(folder.path(), &other);
        let second = started_with(&store, &file, Some(&manager.path));
        until_ready(&manager, &mut store);
        assert_eq!(second.address().to_string(), other);
        let name = format!("FDNAME=geosteer-{}", other.replace(':', "."));
        let are_new = store.iter().all(|(words, _)| words.lines().any(|line| line == name));
        assert!(store.len() == 2 && are_new, "{store:?}");
        let socket = folder.path().join("state/admin.sock");
        let (code, said) = serving(&["--socket", socket.to_str().unwrap()]);
        assert_eq!(code, 0, "{before} → {after}\n{said}");
    }
}

#[test]
fn a_socket_that_is_wanted_for_something_else_is_kept_and_its_namesake_is_not() {
    let folder = folder();
    let manager = Manager::new(folder.path());
    let (address, mut store) = run_once(&manager, &listening(folder.path(), "127.0.0.1:0"));
    drop(std::fs::remove_file(&manager.path));
    let manager = Manager::new(folder.path());
    // DNS goes elsewhere, and the admin server listens where its TCP was.
    let other = format!("127.0.0.2:{}", address.port());
    let file = listening(folder.path(), &other);
    let text = std::fs::read_to_string(&file).unwrap().replace("\"off\"", &format!("\"{address}\""));
    std::fs::write(&file, text).unwrap();
    let second = started_with(&store, &file, Some(&manager.path));
    until_ready(&manager, &mut store);
    assert_eq!(second.address().to_string(), other);
    let of = |address: &str| {
        let name = format!("FDNAME=geosteer-{}", address.replace(':', "."));
        store.iter().filter(|(words, _)| words.lines().any(|line| line == name)).count()
    };
    assert_eq!((of(&other), of(&address.to_string()), store.len()), (2, 1, 3), "{store:?}");
}
