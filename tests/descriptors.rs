//! Few descriptors and many sockets: what listening takes, twice because of a takeover, is not promised to clients.

use geosteer::control::{Answer, Request, ask};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

mod process;
use process::{BINARY, Process, query};

/// Descriptors that the server may have.
const DESCRIPTORS: u32 = 160;

fn files(folder: &Path) {
    let zone = "zone = \"example.com\"\nns = [\"ns.example.net\"]\nrecords.text = \"static A 192.0.2.99\"\n";
    std::fs::write(folder.join("example.com.toml"), zone).unwrap();
    // 40 sockets of UDP and one of TCP.
    let server = "zones = [\"example.com.toml\"]\nstate = \"state\"\nadmin.listen = \"off\"\n\
                  dns = { listen = [\"127.0.0.1:0\"], threads = 40 }\nprocess.user = \"root\"\n";
    std::fs::write(folder.join("geosteer.toml"), server).unwrap();
}

fn metrics(folder: &Path) -> String {
    match ask(&folder.join("state/admin.sock"), &Request::Metrics) {
        Ok(Answer::Metrics { text }) => text,
        other => panic!("{other:?}"),
    }
}

/// A client over TCP that asks and stays.
fn client(to: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let query = query("static.example.com", 1);
    stream.write_all(&[&(query.len() as u16).to_be_bytes(), &query[..]].concat()).unwrap();
    stream.read_exact(&mut [0; 2]).unwrap();
    stream
}

#[test]
fn clients_over_tcp_never_take_the_last_descriptors() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    files(folder);
    let script = format!("ulimit -n {DESCRIPTORS} && exec \"$0\" run --config \"$1\"");
    let mut command = Command::new("bash");
    command.args(["-c", &script, BINARY]).arg(folder.join("geosteer.toml"));
    let server = Process::start(&mut command);
    let address = server.address();
    let _clients: Vec<_> = (0..200).map(|_| client(address)).collect();
    let text = metrics(folder);
    assert!(text.contains("geosteer_tcp_starved_total 0"), "{text}");
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap().count();
    assert!(open < DESCRIPTORS as usize, "{open} are open");
}
