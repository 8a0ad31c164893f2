//! Operators and the running server: overrides over the control socket, what survives kill -9, and warm restarts.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

mod process;
use process::{BINARY, query, run};

#[path = "operators/beside.rs"]
mod beside;
#[path = "operators/half_dead.rs"]
mod half_dead;
#[path = "operators/let_back.rs"]
mod let_back;
#[path = "operators/reload.rs"]
mod reload;
#[path = "operators/shares.rs"]
mod shares;
#[path = "operators/watch.rs"]
mod watch;

const LONG: Duration = Duration::from_secs(30);

const ZONE: &str = r#"
zone = "example.com"
ns = ["ns.example.net"]

[regions]
office = { networks = ["192.0.2.0/24"] }

[pools]
one = { check = "none", tags = ["site:a"], endpoints = [{ name = "a", address = "192.0.2.1" }] }
two = { check = "none", endpoints = [{ name = "b", address = "192.0.2.2" }, { name = "c", address = "192.0.2.3", weight = 0 }] }
off = { check = "none", state = "drain", endpoints = [{ name = "d", address = "192.0.2.4" }] }

[names.www]
ttl = 60
policy = { default = ["one", "two"], office = ["one", "off"] }

[names.only]
policy = { default = { pools = ["one"], geofence = true } }
"#;

/// A running `geosteer run` with a state directory, and its log.
struct Process {
    process: process::Process,
    address: SocketAddr,
    socket: PathBuf,
}

impl Process {
    fn start(folder: &Path) -> Self {
        Self::listening(Self::start_quietly(folder))
    }

    /// With the zones that the server file names.
    fn start_by_file(folder: &Path) -> Self {
        Self::listening(Self::spawn(folder, &[]))
    }

    fn listening(mut process: Self) -> Self {
        process.address = process.process.address();
        process
    }

    /// The same without a look at its log.
    fn start_quietly(folder: &Path) -> Self {
        Self::spawn(folder, &["--zones".as_ref(), folder.join("zone.toml").as_os_str()])
    }

    fn spawn(folder: &Path, zones: &[&std::ffi::OsStr]) -> Self {
        let state = folder.join("state");
        let file = Some(folder.join("geosteer.toml")).filter(|file| file.exists());
        // The authorities that it trusts, if a test has its own.
        let authorities = Some(folder.join("ca.pem")).filter(|file| file.exists());
        let mut command = run();
        command.args(["--admin", "off", "--listen", "127.0.0.1:0"]).args(zones).arg("--state").arg(&state);
        command.args(file.iter().flat_map(|file| ["--config".as_ref(), file.as_os_str()]));
        command.envs(authorities.map(|file| ("SSL_CERT_FILE", file)));
        let (process, socket) = (process::Process::start(&mut command), state.join("admin.sock"));
        Self { process, address: SocketAddr::from(([127, 0, 0, 1], 0)), socket }
    }

    /// The next line of the log that has all of these.
    fn line(&mut self, words: &[&str]) -> String {
        self.process.line(words)
    }

    fn signal(&mut self, name: &str) {
        self.process.signal(name);
    }

    fn kill(mut self) {
        self.signal("-KILL");
        self.process.end();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(BINARY).args(arguments).env("GEOSTEER_SOCKET", &self.socket).output().unwrap()
    }

    /// Runs a verb; gives its exit code, its output and its errors.
    fn verb(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.run(arguments);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let (code, out, errors) = self.verb(&[arguments, &["--json"]].concat());
        assert_eq!(code, 0, "{errors}");
        serde_json::from_str(&out).unwrap()
    }

    /// The last octet of the one address that a name of example.com is answered with.
    fn ask(&self, label: &str) -> u8 {
        let query = query(&format!("{label}.example.com"), 1);
        let (socket, mut answer) = (UdpSocket::bind("127.0.0.1:0").unwrap(), [0; 512]);
        socket.set_read_timeout(Some(LONG / 100)).unwrap();
        // A name whose pools' first probes are not in is not answered.
        let length = (0..100).find_map(|_| {
            socket.send_to(&query, self.address).unwrap();
            socket.recv(&mut answer).ok()
        });
        let length = length.expect("an answer");
        assert_eq!((answer[3] & 15, answer[7]), (0, 1), "NOERROR and one record");
        answer[length - 1]
    }
}

fn folder(zone: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("zone.toml"), zone).unwrap();
    folder
}

#[test]
fn a_drain_moves_clients_and_holds_through_kill_9_until_it_is_lifted() {
    let folder = folder(ZONE);
    let server = Process::start(folder.path());
    assert_eq!(server.ask("www"), 1);
    let done = server.json(&["drain", "pool/one", "--force", "--reason", "new disks", "--owner", "ann"]);
    assert_eq!((&done["now"], &done["closed"]), (&"drain".into(), &1.into()));
    // `only` fails open: answers name the endpoint all the same.
    assert_eq!((server.ask("www"), server.ask("only")), (2, 1));
    assert_eq!(done["safe"]["named"], true, "{done}");
    server.kill();

    let mut server = Process::start(folder.path());
    assert_eq!(server.ask("www"), 2, "the first answer after kill -9");
    // A reload keeps it, also for a pool that comes back.
    for zone in [ZONE.to_owned(), ZONE.replace("\"one\"", "\"uno\"").replace("\none =", "\nuno ="), ZONE.to_owned()] {
        std::fs::write(folder.path().join("zone.toml"), &zone).unwrap();
        server.signal("-HUP");
        server.line(&["the new configuration serves"]);
        assert_eq!(server.ask("www"), if zone == ZONE { 2 } else { 1 });
    }
    let status = server.json(&["status"]);
    let held = &status["overrides"][0];
    assert_eq!(
        [&held["target"], &held["said"], &held["owner"], &held["reason"]],
        ["pool/one", "drain", "ann", "new disks"]
    );
    let (code, out, _) = server.verb(&["undrain", "pool/one"]);
    assert_eq!(code, 0, "{out}");
    assert_eq!(server.ask("www"), 1);
    assert_eq!(server.verb(&["undrain", "pool/one"]).0, 1, "there is nothing to lift any more");
    server.kill();
    assert_eq!(Process::start(folder.path()).ask("www"), 1);
}

#[test]
fn the_last_live_pool_of_a_row_is_not_drained_without_force_and_a_dry_run_changes_nothing() {
    let folder = folder(ZONE);
    let server = Process::start(folder.path());
    let (code, _, errors) = server.verb(&["drain", "pool/one"]);
    assert_eq!(code, 4, "{errors}");
    assert!(errors.contains("no live pool would be left") && errors.contains("--force"), "{errors}");
    assert_eq!(server.ask("www"), 1);
    let (code, out, _) = server.verb(&["drain", "pool/one", "--dry-run"]);
    assert_eq!(code, 1, "it would be refused: {out}");
    assert!(out.contains("it would be refused"), "{out}");
    assert_eq!(server.ask("www"), 1);
    // The office's row goes on to `default`'s steps, and so to `two`.
    let moves: Vec<_> = out.lines().filter(|line| line.contains(".example.com")).collect();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let moves: Vec<_> = moves.into_iter().map(words).collect();
    assert!(moves.iter().any(|row| row[1..5] == ["office", "A", "one", "two"]), "{out}");
    assert!(moves.iter().any(|row| row[1..5] == ["default", "A", "one", "two"]), "{out}");
    assert!(moves.iter().any(|row| row[0] == "only" && row[3..6] == ["one", "one", "(fallback)"]), "{out}");
    // A pool that nobody's last choice is goes without a word, and can be switched off one TTL later.
    let done = server.json(&["drain", "endpoint/two/b"]);
    let safe = &done["safe"];
    assert_eq!((safe["named"].as_bool(), safe["shared"].as_array().unwrap().len()), (Some(false), 0), "{done}");
    let since = server.json(&["status"])["overrides"][0]["since"].as_u64().unwrap();
    let wait = safe["at"].as_u64().unwrap() - since;
    assert!((60..=70).contains(&wait), "the name's TTL is 60 s: {wait}");
}

#[test]
fn overrides_have_an_order_an_end_and_a_weight_and_orphans_are_shown() {
    let folder = folder(ZONE);
    let mut server = Process::start(folder.path());
    assert_eq!(server.verb(&["up", "pool/one"]).0, 0);
    let said = server.json(&["pools"])["pools"].as_array().unwrap()[0]["state"].clone();
    assert_eq!(said, "up", "what changes no answer is shown too");
    assert_eq!(server.verb(&["undrain", "pool/one"]).0, 0);
    assert_eq!(server.verb(&["down", "tag/site:a", "--force"]).0, 0);
    assert_eq!(server.ask("www"), 2);
    assert_eq!(server.verb(&["up", "pool/one"]).0, 0, "the exact target beats the tag");
    assert_eq!(server.ask("www"), 1);
    assert_eq!(server.verb(&["drain", "pool/o*", "--force"]).0, 0, "the tag beats the pattern");
    assert_eq!(server.ask("www"), 1);
    assert_eq!(server.verb(&["undrain", "pool/one", "--force"]).0, 0);
    assert_eq!(server.ask("www"), 2);
    assert_eq!(server.verb(&["weight", "endpoint/two/b", "0"]).0, 0);
    assert_eq!(server.verb(&["weight", "endpoint/two/c", "5"]).0, 0);
    assert_eq!(server.ask("www"), 3);
    assert_eq!(server.verb(&["weight", "endpoint/two/c", "auto"]).0, 0);
    assert_eq!(server.verb(&["weight", "pool/two", "3"]).0, 2);
    assert_eq!(server.verb(&["weight", "tag/site:a", "3"]).0, 2, "a tag of pools alone has no weight");
    assert_eq!(server.verb(&["drain", "pool/onn"]).0, 1);
    assert!(server.verb(&["drain", "pool/onn"]).2.contains("did you mean pool/one?"));
    assert_eq!(server.verb(&["drain", "nonsense"]).0, 2);
    assert_eq!(server.verb(&["drain", "pool/later", "--force"]).0, 0);
    assert!(server.verb(&["status"]).1.contains("nothing is called so"));
    // It ends by itself; the log says when.
    assert_eq!(server.verb(&["drain", "pool/two", "--for", "1", "--force"]).0, 0);
    server.line(&["override", "pool/two", "its time is over"]);
    let events = server.json(&["events"]);
    let rows: Vec<_> = events["events"].as_array().unwrap().iter().map(|event| event["subject"].to_string()).collect();
    assert!(rows.len() >= 9 && rows.last().unwrap().contains("pool/two"), "{rows:?}");
    let last = events["last"].as_u64().unwrap();
    assert_eq!(server.json(&["events", "--after", &last.to_string()])["events"], serde_json::json!([]));
}

#[test]
fn a_state_directory_that_cannot_be_had_is_a_warning_and_answers_go_on() {
    let folder = folder(ZONE);
    std::fs::write(folder.path().join("state"), "a file").unwrap();
    let mut process = Process::spawn(folder.path(), &["--zones".as_ref(), folder.path().join("zone.toml").as_os_str()]);
    process.line(&["WARN", "cannot be used", "in memory only"]);
    process.line(&["listening", "udp="]);
    // Two servers never share a directory: the second has none.
    let one = self::folder(ZONE);
    let first = Process::start(one.path());
    let mut second = Process::start_quietly(one.path());
    second.line(&["WARN", "another server uses it", "in memory only"]);
    assert_eq!(first.verb(&["status"]).0, 0);
}

#[test]
fn what_the_verbs_show_stands_in_columns() {
    let folder = folder(ZONE);
    let server = Process::start(folder.path());
    let (_, pools, _) = server.verb(&["pools"]);
    assert_eq!(
        pools,
        "ZONE          POOL  CLIENTS  UP   MIN  LOAD  STATE  SAID BY\n\
         example.com.  one   live     1/1  1    -     auto   file\n\
         example.com.  two   live     2/2  1    -     auto   file\n\
         example.com.  off   -        0/1  1    -     drain  file\n"
    );
    let (_, endpoints, _) = server.verb(&["endpoints", "two"]);
    assert!(
        endpoints
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("two   b         192.0.2.2  1       live     unchecked  -     -     auto")
    );
    assert_eq!(server.verb(&["endpoints", "nothing"]).0, 1);
    let none = Command::new(BINARY).args(["status", "--socket", "/nowhere/admin.sock"]).output().unwrap();
    assert_eq!(none.status.code(), Some(3));
}

/// Answers every HTTP request with a load, until the test ends.
fn load_server(body: &'static str) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4_096];
            let _length = stream.read(&mut request).unwrap();
            let _gone = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    port
}

#[test]
fn endpoints_and_pools_show_the_loads_and_the_times_that_probes_have_seen() {
    let port = load_server(r#"{"connections": 42}"#);
    let zone = format!(
        "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[checks]\nweb = {{ type = \"http\", port = {port} }}\n[pools]\n\
         a = {{ check = \"web\", balance = \"least-response-time\", load = {{ path = \"/l\", field = \"connections\" }}, endpoints = [\"127.0.0.1\"] }}\n\
         b = {{ check = \"web\", balance = \"least-load\", load = {{ field = \"cpu\" }}, endpoints = [\"127.0.0.1\"] }}\n\
         [names.www.policy]\ndefault = [\"a\", \"b\"]\n"
    );
    let folder = folder(&zone);
    let server = Process::start(folder.path());
    let endpoint = |pool: &str| {
        let (_, said, _) = server.verb(&["endpoints", pool, "--json"]);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        said["endpoints"][0].clone()
    };
    let until = geosteer::clock::instant() + LONG;
    while endpoint("a")["load"].is_null() || endpoint("b")["note"] == "" {
        assert!(geosteer::clock::instant() < until, "{} {}", endpoint("a"), endpoint("b"));
    }
    let (by_time, by_load) = (endpoint("a"), endpoint("b"));
    assert_eq!((&by_time["load"], &by_time["load_stale"]), (&42.0.into(), &false.into()));
    assert!(by_time["time_ms"].as_f64().is_some_and(|time| time > 0.0), "{by_time}");
    assert_eq!((&by_load["load"], &by_load["load_stale"]), (&serde_json::Value::Null, &true.into()));
    assert!(by_load["note"].as_str().unwrap().contains("no load: the body has no field cpu"), "{by_load}");
    assert!(by_load["time_ms"].is_null(), "nobody looks at it");
    let (_, table, _) = server.verb(&["endpoints", "b"]);
    assert!(table.contains("  stale  -  "), "{table}");
    // What is seen of an endpoint reaches its pool's mean a moment later.
    let shown = |pools: String| pools.lines().nth(1).is_some_and(|line| line.contains("  42 "));
    (0..1_000).find(|_| shown(server.verb(&["pools"]).1)).expect("the pool's mean load");
}

#[test]
fn nonsense_on_the_control_socket_harms_nothing_and_is_bounded() {
    let folder = folder(ZONE);
    let server = Process::start(folder.path());
    let talk = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(&server.socket).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        // Who sends too much is cut off while it sends.
        let _cut_off = stream.write_all(bytes);
        let mut reply = String::new();
        let _reset = stream.read_to_string(&mut reply);
        reply
    };
    assert!(talk(b"hello\n").contains("\"answer\":\"wrong\""));
    assert!(talk(b"{\"verb\":\"set\",\"target\":\"pool/one\"}\n").contains("\"answer\":\"wrong\""));
    assert!(
        talk(b"{\"verb\":\"set\",\"target\":\"pool/one\",\"state\":\"up\",\"reason\":\"a\\nb\"}\n")
            .contains("one line")
    );
    // Too long: read no further, whatever comes behind.
    assert_eq!(talk(&[&vec![b' '; 1 << 20], &b"{\"verb\":\"status\"}\n"[..]].concat()), "");
    // Many who connect and say nothing do not keep anybody out for longer than their time.
    let silent: Vec<_> = (0..64).map(|_| UnixStream::connect(&server.socket).unwrap()).collect();
    drop(silent);
    assert_eq!(server.ask("www"), 1);
    let (code, _, errors) = server.verb(&["status"]);
    assert_eq!(code, 0, "{errors}");
}

#[test]
fn a_warm_restart_answers_at_once_and_probes_at_the_usual_rate() {
    let up = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = up.local_addr().unwrap().port();
    // Nothing listens at 127.0.0.2.
    let zone = format!(
        r#"
zone = "example.com"
ns = ["ns.example.net"]
[checks.alive]
type = "tcp"
port = {port}
interval = "1h"
timeout = "20s"
[pools]
dead = {{ check = "alive", endpoints = [{{ name = "a", address = "192.0.2.1", check_address = "127.0.0.2" }}] }}
good = {{ check = "alive", endpoints = [{{ name = "b", address = "192.0.2.2", check_address = "127.0.0.1" }}] }}
[names.www.policy]
default = ["dead", "good"]
"#
    );
    let folder = folder(&zone);
    let mut server = Process::start(folder.path());
    // Answered when both have an outcome, which may be before the first line that is read here.
    assert_eq!(server.ask("www"), 2);
    server.signal("-TERM");
    server.line(&["stopped"]);
    up.accept().unwrap();
    drop(server);

    // A probe would be seen here as a connection.
    up.set_nonblocking(true).unwrap();
    let server = Process::start(folder.path());
    assert_eq!(server.ask("www"), 2, "a down endpoint is known as down without a probe");
    assert!(up.accept().is_err(), "the restart probed at once");
    let endpoints = server.json(&["endpoints", "dead"]);
    assert_eq!(endpoints["endpoints"][0]["health"], "down");
    server.kill();
}

/// A zone in which 256 blocks of clients can be told apart, and who gets what.
const SHARED: &str = r#"
zone = "example.com"
ns = ["ns.example.net"]
[ecs]
trusted = ["127.0.0.0/8"]
[pools]
one = { check = "none", endpoints = [{ name = "a", address = "192.0.2.1" }] }
two = { check = "none", tags = ["site:b"], endpoints = [{ name = "b", address = "192.0.2.2" }] }
end = { check = "none", endpoints = [{ name = "c", address = "192.0.2.3", tags = ["site:b"] }] }
[names.www]
ttl = 60
policy = { default = ["one", "two"] }
"#;

#[test]
fn a_shed_and_a_gradual_drain_are_kept_shown_dry_run_and_refused_like_other_overrides() {
    let folder = folder(SHARED);
    let server = Process::start(folder.path());
    let (code, out, _) = server.verb(&["shed", "pool/one", "20%", "--dry-run"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("one 80.0 % + two 20.0 %"), "{out}");
    assert_eq!(server.json(&["pools"])["pools"][0]["keeps"], 100.0);
    let done = server.json(&["shed", "pool/one", "20%"]);
    assert_eq!((&done["now"], &done["safe"]), (&"shed 20 %".into(), &serde_json::Value::Null), "{done}");
    assert_eq!(server.json(&["pools"])["pools"][0]["keeps"], 80.0);
    assert!(server.verb(&["pools"]).1.contains("80 %"));
    // Where nobody else is left nothing can be shed, and 100 % is a drain.
    let (code, _, errors) = server.verb(&["shed", "pool/one,two", "20%"]);
    assert_eq!(code, 1, "nothing is called so: {errors}");
    assert_eq!(server.json(&["drain", "pool/two"])["now"], "drain");
    let (code, _, errors) = server.verb(&["shed", "pool/one", "30%"]);
    assert_eq!(code, 4, "{errors}");
    assert!(errors.contains("no live pool would be left"), "{errors}");
    assert_eq!(server.verb(&["shed", "pool/one", "100%"]).0, 4);
    assert_eq!(server.verb(&["undrain", "pool/two"]).0, 0);
    for wrong in [
        &["shed", "endpoint/one/a", "20%"][..],
        &["shed", "tag/site:b", "20%"],
        &["drain", "endpoint/one/a", "--over", "1m"],
        &["drain", "pool/one", "--over", "2m", "--for", "1m"],
        &["shed", "pool/one", "101%"],
    ] {
        assert_eq!(server.verb(wrong).0, 2, "{wrong:?}");
    }
    // From the share that it has, and safe one TTL after the end.
    let done = server.json(&["drain", "pool/one", "--over", "30m", "--reason", "move"]);
    assert_eq!(done["now"], "drain over 30m");
    let (safe, arrives) = (done["safe"]["at"].as_u64().unwrap(), done["arrives"].as_u64().unwrap());
    assert!((60..=70).contains(&(safe - arrives)), "the name's TTL is 60 s: {done}");
    let status = server.json(&["status"]);
    let row = status["overrides"].as_array().unwrap().iter().find(|row| row["said"] == "drain over 30m").unwrap();
    assert!(row["keeps"].as_f64().unwrap() <= 80.0 && row["safe"]["at"] == safe, "{row}");
    server.kill();
    // The disk has it all, and it goes on where the clock says.
    let server = Process::start(folder.path());
    assert_eq!(server.json(&["status"])["overrides"].as_array().unwrap().len(), 2);
    assert_eq!(server.json(&["undrain", "pool/one"])["before"], "drain over 30m");
    assert_eq!(server.json(&["pools"])["pools"][0]["keeps"], 80.0);
    assert_eq!(server.json(&["shed", "pool/one", "0%"])["before"], "shed 20 %");
    assert_eq!(server.json(&["pools"])["pools"][0]["keeps"], 100.0);
    assert_eq!(server.verb(&["shed", "pool/one", "0%"]).0, 1, "there is nothing to lift any more");
}

#[test]
fn a_gradual_drain_ends_closed_with_an_event_and_comes_back_gradually() {
    let folder = folder(SHARED);
    let mut server = Process::start(folder.path());
    assert_eq!(server.verb(&["drain", "pool/one", "--over", "2s"]).0, 0);
    server.line(&["override", "drain over 2s", "it is at its end"]);
    assert_eq!(server.ask("www"), 2);
    assert_eq!(server.json(&["pools"])["pools"][0]["state"], "drain");
    let safe = &server.json(&["status"])["overrides"][0]["safe"];
    assert_eq!(safe["named"], false, "{safe}");
    let done = server.json(&["undrain", "pool/one", "--over", "2s"]);
    assert_eq!((&done["before"], &done["now"]), (&"drain".into(), &"shed 0 % over 2s".into()), "{done}");
    server.line(&["override", "its time is over"]);
    assert_eq!(server.ask("www"), 1);
    let pools = server.json(&["pools"]);
    assert_eq!((&pools["pools"][0]["keeps"], &pools["pools"][0]["state"]), (&100.0.into(), &"auto".into()));
}

#[test]
fn two_gradual_drains_that_would_empty_a_row_together_are_refused_like_two_drains() {
    let folder = folder(SHARED);
    let server = Process::start(folder.path());
    assert_eq!(server.verb(&["drain", "pool/one", "--over", "30m"]).0, 0);
    for second in [&["drain", "pool/two", "--over", "1h"][..], &["drain", "pool/two"], &["shed", "pool/two", "30%"]] {
        let (code, _, errors) = server.verb(second);
        assert_eq!(code, 4, "{second:?}: {errors}");
        assert!(errors.contains("when all gradual overrides are at their ends; --force"), "{errors}");
    }
    assert_eq!(server.verb(&["drain", "pool/two", "--over", "1h", "--force"]).0, 0);
    // Who forced it is not asked again with every other order.
    assert_eq!(server.verb(&["drain", "pool/end"]).0, 0);
    assert_eq!(server.verb(&["undrain", "pool/one"]).0, 0);
    server.kill();
}
