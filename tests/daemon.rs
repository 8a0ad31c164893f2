//! The whole server: as a process with signals, and in-process under load.

use geosteer::config::{self, DatabaseRef};
use geosteer::daemon::{Options, Server, ServerSource};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

mod process;
use process::{Process, query, run};

const LONG: Duration = Duration::from_secs(30);

fn zone(address: &str) -> String {
    format!(
        r#"zone = "example.com"
ns = ["ns.example.net"]

[records]
text = """
static A 192.0.2.99
"""

[pools]
one = {{ check = "none", endpoints = ["{address}"] }}

[names.www.policy]
default = ["one"]
"#
    )
}

/// A query for A records of a name below example.com.
fn label_query(label: &str) -> Vec<u8> {
    query(&format!("{label}.example.com"), 1)
}

/// The address of an answer with one A record at its end.
fn address(answer: &[u8]) -> [u8; 4] {
    assert_eq!((answer[3] & 15, answer[7]), (0, 1), "NOERROR and one record: {answer:02x?}");
    answer[answer.len() - 4..].try_into().unwrap()
}

fn ask_udp(to: SocketAddr, label: &str) -> [u8; 4] {
    let (socket, mut buffer) = (UdpSocket::bind("127.0.0.1:0").unwrap(), [0; 1500]);
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket.send_to(&label_query(label), to).unwrap();
    let length = socket.recv(&mut buffer).unwrap();
    address(&buffer[..length])
}

fn ask_tcp(to: SocketAddr, label: &str) -> [u8; 4] {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let query = label_query(label);
    stream.write_all(&[&(query.len() as u16).to_be_bytes(), &query[..]].concat()).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).unwrap();
    address(&answer)
}

/// A server of these zones.
fn start(zones: &Path) -> Process {
    Process::start(run().args(["--admin", "off", "--listen", "127.0.0.1:0", "--zones"]).arg(zones))
}

#[test]
fn a_process_serves_reloads_all_or_nothing_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("example.toml");
    std::fs::write(&file, zone("192.0.2.1")).unwrap();
    let mut process = start(folder.path());
    let at = process.address();
    assert_eq!((ask_udp(at, "www"), ask_tcp(at, "www")), ([192, 0, 2, 1], [192, 0, 2, 1]));
    assert_eq!(ask_udp(at, "static"), [192, 0, 2, 99]);
    if cfg!(target_os = "linux") {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
        let places = status.lines().find_map(|line| line.strip_prefix("FDSize:")).unwrap().trim();
        assert!(places.parse::<usize>().unwrap() >= 512, "a burst of TCP clients would wait while the table grows");
    }

    std::fs::write(&file, zone("192.0.2.2")).unwrap();
    process.signal("-HUP");
    process.line(&["the new configuration serves"]);
    assert_eq!((ask_udp(at, "www"), ask_tcp(at, "www")), ([192, 0, 2, 2], [192, 0, 2, 2]));

    std::fs::write(&file, zone("192.0.2.3").replace("default =", "defualt =")).unwrap();
    process.signal("-HUP");
    process.line(&["example.toml:13:1", "error["]);
    process.line(&["nothing was reloaded"]);
    assert_eq!(ask_udp(at, "www"), [192, 0, 2, 2]);

    process.signal("-TERM");
    process.line(&["stopped"]);
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn what_cannot_be_served_is_said_and_ends_with_3() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.toml"), zone("192.0.2.300")).unwrap();
    let mut process = start(folder.path());
    process.line(&["bad.toml:10:"]);
    assert_eq!(process.end().code(), Some(3));
}

/// Asks in a closed loop until told to stop; every answer must come and be one of the addresses.
fn blast(to: SocketAddr, stop: &AtomicBool, right: &[[u8; 4]]) -> u32 {
    let (socket, mut buffer) = (UdpSocket::bind("127.0.0.1:0").unwrap(), [0; 1500]);
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket.connect(to).unwrap();
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..16 {
            socket.send(&label_query("www")).unwrap();
        }
        for _ in 0..16 {
            let length = socket.recv(&mut buffer).expect("no answer is lost");
            assert!(right.contains(&address(&buffer[..length])));
            count += 1;
        }
    }
    count
}

/// Runs `change` while two clients ask.
fn under_load(server: &Server, right: &[[u8; 4]], change: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients = [(); 2].map(|()| scope.spawn(|| blast(server.address(), &stop, right)));
        change();
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            assert!(client.join().unwrap() > 0);
        }
    });
}

#[test]
fn reloads_under_load_lose_nothing_and_give_no_wrong_answer() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("example.toml");
    std::fs::write(&file, zone("192.0.2.1")).unwrap();
    let server = Server::start(Options::for_paths(vec![folder.path().to_owned()])).unwrap();
    under_load(&server, &[[192, 0, 2, 1], [192, 0, 2, 2]], || {
        for round in 0..20 {
            let last = 1 + (round + 1) % 2;
            std::fs::write(&file, zone(&format!("192.0.2.{last}"))).unwrap();
            assert_eq!(server.reload().unwrap().generation, round + 2);
            assert_eq!(ask_udp(server.address(), "www"), [192, 0, 2, last as u8]);
            if round == 10 {
                std::fs::write(&file, "zone = ").unwrap();
                assert!(server.reload().unwrap_err().lines[0].contains("example.toml:1:"));
                assert_eq!(ask_udp(server.address(), "www"), [192, 0, 2, last as u8]);
            }
        }
    });
    assert_eq!(server.totals().panics, 0);
    server.stop();
}

#[test]
fn a_database_that_breaks_while_it_is_in_use_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("country.mmdb");
    let packed = std::fs::File::open("geodb/dbip-country.mmdb.zst").unwrap();
    let bytes = zstd::stream::decode_all(packed).unwrap();
    std::fs::write(&file, &bytes).unwrap();
    let mut options = Options::for_text("example.toml", &zone("192.0.2.1"));
    let databases = vec![DatabaseRef::File(file.clone())];
    options.sources.server = ServerSource::Given(Box::new(config::Server { databases, ..config::Server::default() }));
    let server = Server::start(options).unwrap();
    under_load(&server, &[[192, 0, 2, 1]], || {
        let halved = bytes[..bytes.len() / 2].to_vec();
        for broken in [Vec::new(), vec![0x5a; 100_000], halved] {
            std::fs::write(&file, broken).unwrap();
            assert_eq!(ask_udp(server.address(), "www"), [192, 0, 2, 1]);
            let lines = server.reload().unwrap_err().lines;
            assert!(lines[0].contains("country.mmdb"), "{lines:?}");
            assert_eq!(server.state().generation, 1);
        }
        std::fs::write(&file, &bytes).unwrap();
        assert_eq!(server.reload().unwrap().generation, 2);
    });
}

#[test]
fn a_failed_start_leaves_no_socket_behind() {
    let mut options = Options::for_text("example.toml", &zone("192.0.2.1"));
    let server = Server::start(options.clone()).unwrap();
    options.listen = vec![server.address()];
    assert!(Server::start(options.clone()).unwrap_err().to_string().contains("another server has it"));
    server.stop();
    let server = Server::start(options).unwrap();
    assert_eq!(ask_udp(server.address(), "www"), [192, 0, 2, 1]);
}
