//! Metrics of a real server: what is asked over sockets is counted, and strangers' names make no series.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

mod log;
use log::Log;

const PATIENCE: Duration = Duration::from_secs(30);
const BINARY: &str = env!("CARGO_BIN_EXE_geosteer");

const ZONE: &str = r#"
zone = "example.com"
ns = ["ns.example.net"]

[records]
text = "static 300 A 192.0.2.9"

[regions]
home = { networks = ["127.0.0.0/8"] }

[pools]
one = { check = "none", endpoints = [{ name = "a", address = "192.0.2.1" }] }
two = { check = "none", endpoints = [{ name = "b", address = "192.0.2.2" }] }

[policies.near]
default = ["two"]
home = ["one", "two"]

[names.www]
policy = "near"

[names."*.wild"]
policy = "near"
"#;

struct Server {
    child: Child,
    log: Log,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("zone.toml"), ZONE).unwrap();
        let file = format!(
            "zones = [\"zone.toml\"]\nstate = \"state\"\n[dns]\nlisten = [\"127.0.0.1:0\"]\nthreads = 2\n{more}"
        );
        std::fs::write(folder.path().join("geosteer.toml"), file).unwrap();
        let mut child = Command::new(BINARY)
            .arg("run")
            .arg("--config")
            .arg(folder.path().join("geosteer.toml"))
            .env_remove("GEOSTEER_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Log::of(child.stderr.take().unwrap());
        let line = log.line(&["listening", "udp="]);
        let address = line.split("udp=").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
        Self { child, log, address, folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn verb(&self, words: &[&str]) -> String {
        let mut command = Command::new(BINARY);
        let output = command.args(words).env("GEOSTEER_SOCKET", self.path().join("state/admin.sock")).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The samples of the moment by their series.
    fn scrape(&self) -> BTreeMap<String, f64> {
        let text = self.verb(&["metrics"]);
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').unwrap();
                (series.to_owned(), value.parse().unwrap())
            })
            .collect()
    }

    /// Scrapes until a series has the value.
    fn wait_for(&self, series: &str, value: f64) -> BTreeMap<String, f64> {
        let until = Instant::now() + PATIENCE;
        loop {
            let samples = self.scrape();
            if samples.get(series) == Some(&value) {
                return samples;
            }
            assert!(Instant::now() < until, "{series} is {:?}, not {value}", samples.get(series));
        }
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").arg(name).arg(self.child.id().to_string()).status().unwrap().success());
    }

    fn ask(&self, name: &str, qtype: u16) -> Vec<u8> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send_to(&query(name, qtype), self.address).unwrap();
        let mut reply = [0; 1_500];
        let length = socket.recv(&mut reply).unwrap();
        reply[..length].to_vec()
    }

    fn ask_tcp(&self, name: &str, qtype: u16) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let query = query(name, qtype);
        stream.write_all(&[&(query.len() as u16).to_be_bytes()[..], &query].concat()).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        stream.read_exact(&mut vec![0; usize::from(u16::from_be_bytes(length))]).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn query(name: &str, qtype: u16) -> Vec<u8> {
    let mut query = b"\0\x07\0\0\0\x01\0\0\0\0\0\0".to_vec();
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend_from_slice(label.as_bytes());
    }
    query.push(0);
    query.extend_from_slice(&qtype.to_be_bytes());
    query.extend_from_slice(&[0, 1]);
    query
}

const ONE: &str =
    "geosteer_answers_total{zone=\"example.com.\",policy=\"near\",region=\"home\",pool=\"one\",reason=\"chosen\"}";
const TWO: &str =
    "geosteer_answers_total{zone=\"example.com.\",policy=\"near\",region=\"home\",pool=\"two\",reason=\"next-step\"}";
const UDP_A: &str = "geosteer_dns_requests_total{transport=\"udp\",family=\"4\",type=\"A\"}";

#[test]
fn what_is_asked_is_counted_by_its_words() {
    let server = Server::start("[metrics]\nnames = true\n");
    for _ in 0..3 {
        server.ask("www.example.com", 1);
    }
    server.ask("WWW.example.com", 28);
    server.ask("static.example.com", 1);
    server.ask("none.example.com", 16);
    server.ask("www.example.org", 65);
    server.ask_tcp("www.example.com", 1);
    let tcp = "geosteer_dns_requests_total{transport=\"tcp\",family=\"4\",type=\"A\"}";
    let samples = server.wait_for(tcp, 1.0);
    for (series, value) in [
        (UDP_A, 4.0),
        ("geosteer_dns_requests_total{transport=\"udp\",family=\"4\",type=\"AAAA\"}", 1.0),
        ("geosteer_dns_requests_total{transport=\"udp\",family=\"4\",type=\"HTTPS\"}", 1.0),
        ("geosteer_dns_requests_total{transport=\"udp\",family=\"6\",type=\"A\"}", 0.0),
        ("geosteer_dns_responses_total{zone=\"example.com.\",rcode=\"NOERROR\"}", 6.0),
        ("geosteer_dns_responses_total{zone=\"example.com.\",rcode=\"NXDOMAIN\"}", 1.0),
        ("geosteer_dns_responses_total{zone=\"none\",rcode=\"REFUSED\"}", 1.0),
        (ONE, 4.0),
        ("geosteer_name_answers_total{name=\"www.example.com.\"}", 4.0),
        ("geosteer_respond_duration_seconds_count{transport=\"udp\"}", 7.0),
        ("geosteer_respond_duration_seconds_count{transport=\"tcp\"}", 1.0),
        ("geosteer_pool_up{zone=\"example.com.\",pool=\"one\"}", 1.0),
        ("geosteer_endpoint_up{zone=\"example.com.\",pool=\"two\",endpoint=\"b\"}", 1.0),
        ("geosteer_worker_panics_total", 0.0),
        ("geosteer_zones", 1.0),
        ("geosteer_names", 2.0),
    ] {
        assert_eq!(samples.get(series), Some(&value), "{series}");
    }
    assert!(server.verb(&["status"]).contains("(p99)"));
}

#[test]
fn strangers_names_make_no_series() {
    let server = Server::start("");
    let series = |samples: BTreeMap<String, f64>| samples.into_keys().collect::<BTreeSet<_>>();
    let before = server.scrape();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reply = [0; 1_500];
    let zones = ["example.com", "wild.example.com", "example.org", "static.example.com", "com"];
    for number in 0..10_000_u32 {
        // Bytes of all kinds, those that would break a label among them.
        let label = format!("{:x}\"\\\n{{}}={number}", number.wrapping_mul(2_654_435_761));
        let name = format!("{label}.{}", zones[number as usize % zones.len()]);
        socket.send_to(&query(&name, number as u16 % 70), server.address).unwrap();
        socket.recv(&mut reply).unwrap();
    }
    let after = server.scrape();
    let total = |samples: &BTreeMap<String, f64>| {
        let requests = samples.iter().filter(|(series, _)| series.starts_with("geosteer_dns_requests_total"));
        requests.map(|sample| sample.1).sum::<f64>()
    };
    assert_eq!(total(&after) - total(&before), 10_000.0);
    assert_eq!(series(before), series(after));
}

#[test]
fn counters_go_on_over_a_reload_and_say_why_a_pool_serves() {
    let server = Server::start("");
    (0..3).for_each(|_| drop(server.ask("www.example.com", 1)));
    server.wait_for(ONE, 3.0);
    let more = ZONE.replace(
        "[pools]",
        "[pools]\nthree = { check = \"none\", endpoints = [{ name = \"c\", address = \"192.0.2.3\" }] }",
    );
    std::fs::write(server.path().join("zone.toml"), more.replace("home = [\"one\"", "home = [\"one\", \"three\""))
        .unwrap();
    server.signal("-HUP");
    server.log.line(&["the new configuration serves"]);
    server.ask("www.example.com", 1);
    let samples = server.wait_for(ONE, 4.0);
    assert_eq!(samples["geosteer_reloads_total{result=\"taken\"}"], 1.0);
    assert!(samples[UDP_A] >= 4.0);

    std::fs::write(server.path().join("zone.toml"), "zone = 1").unwrap();
    server.signal("-HUP");
    let samples = server.wait_for("geosteer_reloads_total{result=\"refused\"}", 1.0);
    assert_eq!(samples["geosteer_reload_last_successful"], 0.0);

    server.verb(&["drain", "pool/one"]);
    server.verb(&["drain", "pool/three"]);
    let samples = server.scrape();
    assert_eq!((samples["geosteer_overrides"], samples.get(TWO)), (2.0, Some(&0.0)), "told before its first answer");
    assert!(samples.contains_key("geosteer_override_set_timestamp_seconds{target=\"pool/one\",kind=\"state\"}"));
    server.ask("www.example.com", 1);
    let samples = server.wait_for(TWO, 1.0);
    assert_eq!(samples[ONE], 4.0, "what was counted stays");
}

#[test]
fn a_file_for_the_textfile_collector_is_replaced_whole() {
    let server = Server::start("");
    let file = server.path().join("geosteer.prom");
    server.verb(&["metrics", "--output", file.to_str().unwrap()]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# HELP geosteer_build_info ") && text.ends_with('\n'));
    assert!(!server.path().join("geosteer.prom.tmp").exists());
}
