//! A disk that is full: answers and orders go on, what was kept stays whole, and an alarm is raised until there is room.

use geosteer::clock;
use geosteer::control::{Answer, Order, Request, ask};
use geosteer::daemon::{Options, Server};
use geosteer::events::Kind;
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

mod process;
use process::query;

const LONG: Duration = Duration::from_secs(60);

/// A directory on which nothing more can be written, until it is freed.
enum Full {
    /// A file system of its own, filled up.
    Disk(PathBuf),
    /// Directories where new files would be written: for who may not mount.
    Blocked(PathBuf),
}

impl Full {
    /// Prepares it while it has room.
    fn prepare(folder: &Path) -> Self {
        fs::create_dir(folder).unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=256k,mode=700", "none"];
        let mounted = Command::new("mount").args(mount).arg(folder).output();
        match mounted.is_ok_and(|output| output.status.success()) {
            true => Self::Disk(folder.to_owned()),
            false => Self::Blocked(folder.to_owned()),
        }
    }

    fn fill(&self) {
        match self {
            Self::Disk(folder) => {
                // As much as there is room for: the last write fails.
                let _full = fs::write(folder.join("filler"), vec![7; 1 << 20]);
            }
            Self::Blocked(folder) => {
                for name in ["overrides.json.new", "health.json.new"] {
                    fs::create_dir(folder.join(name)).unwrap();
                }
            }
        }
    }

    fn free(&self) {
        match self {
            Self::Disk(folder) => fs::remove_file(folder.join("filler")).unwrap(),
            Self::Blocked(folder) => {
                for name in ["overrides.json.new", "health.json.new"] {
                    fs::remove_dir(folder.join(name)).unwrap();
                }
            }
        }
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        if let Self::Disk(folder) = self {
            let _status = Command::new("umount").arg("-l").arg(folder).status();
        }
    }
}

fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = clock::instant();
    while !so() {
        assert!(start.elapsed() < LONG, "{what}: not within {LONG:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn order(target: &str, state: &str) -> Request {
    Request::Set(Order { target: target.into(), state: Some(state.into()), ..Order::default() })
}

#[test]
fn a_full_disk_moves_no_answer_keeps_what_was_kept_and_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let state = scratch.path().join("state");
    let disk = Full::prepare(&state);
    let zone = scratch.path().join("example.com.toml");
    let text = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n\
                pools.one = { check = \"none\", endpoints = [\"192.0.2.1\"] }\n\
                pools.two = { check = \"none\", endpoints = [\"192.0.2.2\"] }\n\
                pools.three = { check = \"none\", endpoints = [\"192.0.2.3\"] }\n\
                names.www.policy.default = [\"one\", \"two\", \"three\"]\n";
    fs::write(&zone, text).unwrap();
    let server = Server::start(Options { state: Some(state.clone()), ..Options::for_paths(vec![zone]) }).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(server.address()).unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    let answer = || {
        let mut buffer = [0; 1500];
        client.send(&query("www.example.com", 1)).unwrap();
        let length = client.recv(&mut buffer).unwrap();
        buffer[length - 1]
    };
    let tell = |request: &Request| match ask(&state.join("admin.sock"), request).unwrap() {
        Answer::Done(done) => done,
        other => panic!("{other:?}"),
    };
    let metric = || match ask(&state.join("admin.sock"), &Request::Metrics).unwrap() {
        Answer::Metrics { text } => text.lines().any(|line| line == "geosteer_state_directory_broken 1"),
        other => panic!("{other:?}"),
    };
    assert_eq!(tell(&order("pool/one", "drain")).warnings, Vec::<String>::new());
    assert_eq!(answer(), 2);
    let kept = fs::read(state.join("overrides.json")).unwrap();
    disk.fill();
    let warned = tell(&order("pool/two", "drain")).warnings;
    assert!(warned.iter().any(|warning| warning.contains("a restart forgets this")), "{warned:?}");
    assert_eq!(answer(), 3, "the order holds all the same");
    assert!(metric(), "the alarm");
    assert_eq!(fs::read(state.join("overrides.json")).unwrap(), kept, "the old file is whole");
    let told = |to: &str| server.events().after(None, 100).iter().any(|one| one.kind == Kind::State && &*one.to == to);
    assert!(told("broken"));
    disk.free();
    until("it is written again", || {
        let _warnings = tell(&order("pool/two", "drain"));
        !metric()
    });
    assert!(told("written"));
    assert!(fs::read_to_string(state.join("overrides.json")).unwrap().contains("pool/two"));
    server.stop();
}
