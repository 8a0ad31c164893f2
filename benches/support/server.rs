//! The server under measurement: the built binary as a child process, its zones in a scratch directory, its
//! costs read from /proc.

#![expect(clippy::disallowed_methods, reason = "waiting for a process and measuring it takes a clock")]

use super::ask::Ask;
use geosteer::dnssec::{Algorithm, Key, Role};
use geosteer::store::{keys_folder, write_key};
use geosteer::wire::Name;
use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it answers.
    pub(crate) address: SocketAddr,
    /// From the start of the process to the first right answer.
    pub(crate) ready: Duration,
    directory: TempDir,
    /// The admin server's address, or `off`.
    admin: String,
    wrapper: Vec<String>,
}

/// How to start it.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    /// The zone's text.
    pub(crate) zone: &'a str,
    /// Put before the server's command line: `taskset`, `valgrind` and their arguments.
    pub(crate) wrapper: &'a [String],
    /// Listen on the wildcard address and not on 127.0.0.1.
    pub(crate) wildcard: bool,
    /// The query that shows that it serves, and a piece of its right answer.
    pub(crate) probe: (Ask, Vec<u8>),
}

/// The probe of every zone here: `static.example.com` has 192.0.2.1.
pub(crate) fn static_probe() -> (Ask, Vec<u8>) {
    (Ask::new("static.example.com", 1), vec![192, 0, 2, 1])
}

/// Arguments that pin a process to the last processor, if the machine has several and `taskset`.
pub(crate) fn pinned() -> Vec<String> {
    let last = std::thread::available_parallelism().map_or(1, |count| count.get()) - 1;
    if last == 0 || !has("taskset") {
        return Vec::new();
    }
    ["taskset".to_owned(), "-c".to_owned(), last.to_string()].into()
}

/// Keeps this thread off the processor of what is [`pinned`]: its client is another machine, as it were. True if the
/// machine has several processors.
pub(crate) fn apart() -> bool {
    let mut set = rustix::thread::sched_getaffinity(None).expect("a thread knows its processors");
    let count = std::thread::available_parallelism().map_or(1, |count| count.get());
    set.unset(count - 1);
    count > 1 && rustix::thread::sched_setaffinity(None, &set).is_ok()
}

/// Processors that do not go to sleep: dropped, they may again.
///
/// A virtual processor that sleeps is woken by its host when that has time, 30 µs later or 300, which hides what a
/// server does. One that is busy all day does not sleep; this is how the kernel is asked for the same on a quiet one
/// (`Documentation/power/pm_qos_interface`).
#[derive(Debug)]
pub(crate) struct Awake(Option<File>);

impl Awake {
    /// Needs rights; without them nothing changes.
    pub(crate) fn keep() -> Self {
        let ask = File::options().write(true).open("/dev/cpu_dma_latency");
        Self(ask.and_then(|mut file| file.write_all(&0_i32.to_ne_bytes()).map(|()| file)).ok())
    }

    /// What the tables say of it.
    pub(crate) fn said(&self) -> &'static str {
        if self.0.is_some() { "the processors stay awake" } else { "the processors sleep when they have nothing to do" }
    }
}

/// True if `program` can be started.
pub(crate) fn has(program: &str) -> bool {
    let run = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

/// The key of a signed zone.
fn make_key(state: &Path) {
    let key = Key::generate(Algorithm::EcdsaP256Sha256, Role::Entry).expect("the library makes keys");
    let zone = Name::parse("example.com").expect("a name");
    write_key(&keys_folder(state), &zone, &key).expect("room for a key");
}

impl Server {
    /// Starts the server and waits for its first right answer.
    pub(crate) fn start(start: &Start<'_>) -> Self {
        Self::start_with(start, "")
    }

    /// The same with more tables of the server file.
    pub(crate) fn start_with(start: &Start<'_>, tables: &str) -> Self {
        Self::start_as(start, tables, "off")
    }

    /// The same with an admin server, whose address is given as well. The token stands in a file.
    pub(crate) fn start_with_admin(start: &Start<'_>, token: &Path) -> (Self, SocketAddr) {
        let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let tables = format!("[admin]\ntoken_file = \"{}\"\n", token.display());
        (Self::start_as(start, &tables, &admin.to_string()), admin)
    }

    fn start_as(start: &Start<'_>, tables: &str, admin: &str) -> Self {
        let directory = tempfile::tempdir().expect("a scratch directory");
        std::fs::create_dir(directory.path().join("zones")).expect("the scratch directory is ours");
        std::fs::write(directory.path().join("zones/example.com.toml"), start.zone).expect("room for the zone");
        let port = free_port();
        let listen = if start.wildcard { "0.0.0.0" } else { "127.0.0.1" };
        let config = format!(
            "zones = [\"zones\"]\nstate = \"state\"\n[dns]\nlisten = [\"{listen}:{port}\"]\nthreads = 1\n{tables}"
        );
        std::fs::write(directory.path().join("geosteer.toml"), config).expect("room for the configuration");
        if start.zone.contains("[dnssec]") {
            make_key(&directory.path().join("state"));
        }
        let began = Instant::now();
        let child = command(start.wrapper, directory.path(), admin).spawn().expect("the server starts");
        let address = ([127, 0, 0, 1], port).into();
        let mut server = Self {
            child,
            address,
            ready: Duration::ZERO,
            directory,
            admin: admin.to_owned(),
            wrapper: start.wrapper.to_vec(),
        };
        server.wait_for(&start.probe, Duration::from_secs(300));
        server.ready = began.elapsed();
        server
    }

    /// Asks until `probe`'s answer holds what it should.
    pub(crate) fn wait_for(&mut self, probe: &(Ask, Vec<u8>), limit: Duration) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket on loopback");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout above zero");
        let (query, began) = (probe.0.bytes(), Instant::now());
        let mut reply = [0; 4096];
        while began.elapsed() < limit {
            let exit = self.child.try_wait().expect("our child");
            assert!(exit.is_none(), "the server ended: {exit:?}");
            if socket.send_to(&query, self.address).is_ok()
                && let Ok(length) = socket.recv(&mut reply)
                && reply[..length].windows(probe.1.len()).any(|piece| piece == probe.1)
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("no right answer within {limit:?}");
    }

    /// Ends the process as a power cut would, and starts it again in the same directory. Gives the time from the start
    /// to the first right answer.
    pub(crate) fn crash(&mut self, probe: &(Ask, Vec<u8>), limit: Duration) -> Duration {
        self.kill();
        let began = Instant::now();
        self.child = command(&[], self.directory.path(), &self.admin).spawn().expect("the server starts");
        self.wait_for(probe, limit);
        began.elapsed()
    }

    /// Ends it as an operator would, and starts it again in the same directory. Gives the time that it took to end, and
    /// that from the start to the first right answer.
    pub(crate) fn again(&mut self, probe: &(Ask, Vec<u8>), limit: Duration) -> [Duration; 2] {
        let ended = Instant::now();
        self.terminate();
        let (ended, began) = (ended.elapsed(), Instant::now());
        self.child = command(&self.wrapper, self.directory.path(), &self.admin).spawn().expect("the server starts");
        self.wait_for(probe, limit);
        [ended, began.elapsed()]
    }

    fn terminate(&mut self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIGTERM reaches the server");
        let status = self.child.wait().expect("our child");
        assert!(status.success(), "SIGTERM drains and exits 0, not {status}");
    }

    /// `kill -9`, and its end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("our child");
        self.child.wait().expect("our child");
    }

    /// Its scratch directory; `state` in it is the state directory.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Puts another zone in place and asks for a reload.
    pub(crate) fn reload(&self, zone: &str) {
        std::fs::write(self.directory.path().join("zones/example.com.toml"), zone).expect("room for the zone");
        let sent = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIGHUP reaches the server");
    }

    /// Ends the server as an operator would, and waits for it.
    pub(crate) fn stop(mut self) {
        self.terminate();
    }

    /// Processor time used so far, all threads that there are.
    pub(crate) fn cpu(&self) -> Duration {
        cpu_of(self.child.id())
    }

    /// A line of /proc/PID/status in megabytes: `VmRSS`, `VmHWM`.
    pub(crate) fn megabytes(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a live process");
        let line = status.lines().find(|line| line.starts_with(field)).expect("Linux says it");
        let kilobytes: f64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number");
        kilobytes / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time that a process has used so far, all threads that there are.
pub(crate) fn cpu_of(process: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("a live process");
    let nanos = tasks.flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

/// The server's command. `--server FILE` measures another build than this one.
fn command(wrapper: &[String], directory: &Path, admin: &str) -> Command {
    let server = super::option("--server").unwrap_or_else(|| env!("CARGO_BIN_EXE_geosteer").to_owned());
    let mut words = wrapper.iter().map(String::as_str).chain([server.as_str()]);
    let mut command = Command::new(words.next().expect("the binary at least"));
    command
        .env("GEOSTEER_USER", "root")
        .args(words)
        .args(["run", "--admin", admin])
        .arg("--config")
        .arg(directory.join("geosteer.toml"));
    command.current_dir(directory).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A port that was free a moment ago, for UDP and TCP.
fn free_port() -> u16 {
    loop {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket on loopback");
        let port = socket.local_addr().expect("a bound socket").port();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
