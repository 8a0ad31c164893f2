//! The composition root: the one module that sees all of the outside.
//!
//! ```text
//! bind ─ load ─ Writer ─┬─ published pointer ─► udp threads, tcp thread
//!                       ├─ prober thread ──── outcomes ──►┐
//!                       └─ writer thread ◄────────────────┴── reload: load on the caller's thread, then Stage
//!                              ├─► reaper: drops what nobody reads any more
//!                              └─► control thread: overrides, state directory, socket
//! ```

mod load;
mod operators;
mod supervised;
#[cfg(test)]
mod tests;
mod writing;

pub use load::{Configuration, LoadError, ServerSource, Sources, Zones, compiled, load, server};
pub use supervised::supervise;

use crate::config::Dns;
use crate::control;
use crate::events::{Events, Kind};
use crate::limits::{FIRST_ROUND_SLACK_MS, WEBHOOK_PAUSE_MS};
use crate::listen::bind::{self, BindError, Bound};
use crate::listen::{Service, sys, tcp, udp};
use crate::metrics::{Metrics, Totals};
use crate::probe::Prober;
use crate::publish::Published;
use crate::respond::respond;
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::supervisor;
use crate::webhook::{self, Webhook};
use crate::writer::{Event, Writer};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use writing::{Serving, Writing};

/// Where it listens unless told otherwise: a port that needs no rights, on an address that nobody else reaches.
pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5300);

/// How to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// Addresses for UDP and TCP in place of the server file's; port 0 lets the system choose one port for both.
    pub listen: Vec<SocketAddr>,
    /// UDP threads for each address in place of the server file's number; 0: one a core.
    pub threads: Option<usize>,
    /// What a TCP client may take, in place of what the server file says.
    pub tcp: Option<tcp::Limits>,
    /// The state directory in place of the server file's.
    pub state: Option<PathBuf>,
    /// What is served.
    pub sources: Sources,
}

impl Options {
    /// Serves one zone from memory on a port of 127.0.0.1 that the system chooses, with the embedded database and
    /// one UDP thread.
    #[must_use]
    pub fn for_text(name: &str, text: &str) -> Self {
        Self::local(Zones::Text { name: name.into(), text: text.into() })
    }

    /// The same for files and directories.
    #[must_use]
    pub fn for_paths(paths: Vec<PathBuf>) -> Self {
        Self::local(Zones::Paths(paths))
    }

    fn local(zones: Zones) -> Self {
        let sources = Sources { server: ServerSource::Given(Box::default()), zones: Some(zones) };
        Self { listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))], threads: Some(1), tcp: None, state: None, sources }
    }

    /// The addresses to bind.
    fn addresses(&self, dns: &Dns) -> Vec<SocketAddr> {
        match (&self.listen[..], &dns.listen[..]) {
            ([], []) => vec![LISTEN],
            ([], file) => file.to_vec(),
            (told, _) => told.to_vec(),
        }
    }

    fn threads(&self, dns: &Dns) -> usize {
        match self.threads.unwrap_or(dns.threads) {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    fn tcp_limits(&self, dns: &Dns, descriptors: usize) -> tcp::Limits {
        self.tcp.unwrap_or_else(|| {
            let limits = tcp::Limits::with_descriptors(descriptors);
            let connections = limits.connections.min(dns.tcp_connections);
            let per_client = dns.tcp_connections_per_client.min(connections);
            tcp::Limits { connections, per_client, idle: Duration::from_millis(dns.tcp_idle_ms), ..limits }
        })
    }
}

/// Why it does not serve.
#[derive(Debug)]
pub enum StartError {
    /// An address cannot be had.
    Bind(BindError),
    /// The configuration cannot serve.
    Load(LoadError),
    /// The system has no threads or descriptors left.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Load(error) => error.fmt(f),
            Self::System(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A running server. Dropping it stops it as [`Server::stop`] does.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    published: Arc<Published>,
    metrics: Metrics,
    happened: Events,
    serving: Arc<Serving>,
    /// What was loaded last and its number; held while a reload runs, so that they come one after the other.
    loaded: Mutex<Loaded>,
    // In the order in which they end.
    tcp: Option<tcp::Thread>,
    udp: Option<udp::Threads>,
    prober: Option<Prober>,
    control: Option<control::Thread>,
    webhook: Option<Webhook>,
    events: Option<Sender<Event>>,
    helpers: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Loaded {
    sources: Sources,
    /// What the sockets were made by: they stay as they are until a restart.
    dns: Dns,
    generation: u64,
}

impl Server {
    /// Binds, loads, and serves: static names at once, balanced ones when their pools' first probes are in.
    ///
    /// # Errors
    /// An address that cannot be had, any mistake in the configuration, a shortage of the system.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let descriptors = sys::raise_descriptor_limit();
        let (file, warnings) = server(&options.sources.server).map_err(StartError::Load)?;
        log_warnings(&warnings);
        let bound = bind::bind(&options.addresses(&file.dns), options.threads(&file.dns)).map_err(StartError::Bind)?;
        let configuration = load(&file, options.sources.zones.as_ref()).map_err(StartError::Load)?;
        log_warnings(&configuration.warnings);
        sys::give_memory_back();
        let limits = options.tcp_limits(&file.dns, descriptors);
        let target = webhook_of(&file.events).map_err(StartError::System)?;
        let operators = operators::Setup::new(&options, &file, &configuration.snapshot);
        let loaded = Loaded { sources: options.sources, dns: file.dns, generation: 1 };
        Self::run(bound, configuration, loaded, limits, (operators, target)).map_err(StartError::System)
    }

    fn run(
        bound: Bound,
        configuration: Configuration,
        loaded: Loaded,
        limits: tcp::Limits,
        (operators, target): (operators::Setup, Option<webhook::Target>),
    ) -> io::Result<Self> {
        let Configuration { snapshot, identity, .. } = configuration;
        let generation = loaded.generation;
        let (left, overrides) = (operators.resumed.left.clone(), operators.overrides());
        let (overrides, now) = ((overrides, crate::clock::epoch_ms()), crate::clock::millis());
        let mut writer = Writer::resumed(Arc::clone(&snapshot), identity, generation, left, overrides, now);
        let first = writer.publish().ok_or_else(|| io::Error::other("the writer has no first state"))?;
        let published = Arc::new(Published::new(first));
        let (metrics, serving, happened) = (Metrics::default(), Arc::<Serving>::default(), Events::default());
        happened.push(Kind::Start, "server", "", "serving", env!("CARGO_PKG_VERSION"));
        let (events, received) = channel();
        let (told, hears) = channel();
        let (retired, reaped) = channel();
        let writing = Writing {
            writer,
            events: received,
            published: Arc::clone(&published),
            serving: Arc::clone(&serving),
            retired,
            rounds: vec![(crate::clock::millis() + writing::first_round(&snapshot), generation)],
            known: vec![(generation, Arc::clone(&snapshot))],
            happened: happened.clone(),
            tells: writing::Tells::new(told, &published.load()),
        };
        let helpers = vec![
            thread::Builder::new().name("writer".into()).spawn(|| writing.run())?,
            thread::Builder::new().name("reaper".into()).spawn(move || writing::reap(&reaped))?,
        ];
        let prober = Prober::start(seed(), events.clone())?;
        prober.adopt_known(generation, &snapshot, &operators.resumed.ages);
        let webhook = target.map(|target| webhook::start(&target, happened.clone())).transpose()?;
        let control = operators.start(&published, (events.clone(), hears), &happened, &bound.addresses)?;
        let service = Service { published: Arc::clone(&published), respond };
        let udp = udp::start(bound.udp, &service, &metrics)?;
        let tcp = tcp::start(bound.tcp, service, &metrics, limits)?;
        Ok(Self {
            addresses: bound.addresses,
            published,
            metrics,
            happened,
            serving,
            loaded: Mutex::new(loaded),
            tcp: Some(tcp),
            udp: Some(udp),
            prober: Some(prober),
            control: Some(control),
            webhook,
            events: Some(events),
            helpers,
        })
    }

    /// The addresses as bound, the same for UDP and TCP.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The first address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// The state of the moment.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.published.load_full()
    }

    /// What happened since the start.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.happened
    }

    /// What was counted since the start.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.metrics.totals()
    }

    /// Reads the same sources again, all or nothing, and waits until the result serves (new targets are probed before);
    /// answers go on meanwhile. Gives the number of the new configuration.
    ///
    /// # Errors
    /// Any mistake: nothing has changed.
    pub fn reload(&self) -> Result<u64, LoadError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let told = supervisor::reloading();
        let read = server(&loaded.sources.server).and_then(|(file, mut warnings)| {
            let before = Arc::clone(&self.state().snapshot.databases);
            let mut configuration = load::load_again(&file, loaded.sources.zones.as_ref(), Some(before))?;
            warnings.append(&mut configuration.warnings);
            log_warnings(&warnings);
            Ok((file, configuration))
        });
        if let Err(error) = &read {
            sys::give_memory_back();
            let why = error.lines().into_iter().next().unwrap_or_default();
            self.happened.push(Kind::Reload, "configuration", "", "refused", &why);
        }
        let (file, Configuration { snapshot, identity, .. }) = read?;
        if !same_sockets(&loaded.dns, &file.dns) {
            tracing::warn!("new addresses, threads or TCP limits in [dns] need a restart; the old ones stay");
        }
        let generation = loaded.generation + 1;
        loaded.generation = generation;
        let limit = Duration::from_millis(writing::first_round(&snapshot) + 40 * FIRST_ROUND_SLACK_MS);
        let stage = Event::Stage { generation, snapshot: Arc::clone(&snapshot), identity };
        if let (Some(events), Some(prober)) = (&self.events, &self.prober) {
            // The writer outlives the server's own sender. It hears of the configuration before the first outcome.
            let _alive = events.send(stage);
            prober.adopt(generation, &snapshot);
        }
        let status = served(&snapshot, generation);
        drop(snapshot);
        if !self.serving.wait(generation, limit) {
            tracing::error!(generation, "the new configuration is loaded but does not serve yet");
        }
        told.done(status);
        Ok(generation)
    }

    /// Waits until the first round of probes after the start is over: from then on balanced names are answered. False
    /// if that takes too long.
    #[must_use]
    pub fn wait_for_first_round(&self) -> bool {
        let round = writing::first_round(&self.state().snapshot);
        self.serving.wait(1, Duration::from_millis(round + 40 * FIRST_ROUND_SLACK_MS))
    }

    /// What is served, in one line for the service manager.
    #[must_use]
    pub fn served(&self) -> String {
        let state = self.state();
        served(&state.snapshot, state.generation)
    }

    /// Lets a [`Server::reload`] that waits for first probes return: the server is about to stop.
    pub fn wait_no_longer(&self) {
        self.serving.give_up();
    }

    /// Takes no more queries, answers those in flight, and ends all threads.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.tcp.take());
        drop(self.udp.take());
        drop(self.prober.take());
        // It asks the writer once more, and saves.
        drop(self.control.take());
        drop(self.webhook.take());
        drop(self.events.take());
        for helper in self.helpers.drain(..) {
            // A panic there has been reported by the hook.
            let _panicked = helper.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn served(snapshot: &Snapshot, generation: u64) -> String {
    let (zones, names) = (snapshot.settings.len(), snapshot.names.len());
    format!("serving {zones} zones, {names} balanced names (configuration {generation})")
}

/// True if both ask for the same sockets.
fn same_sockets(one: &Dns, other: &Dns) -> bool {
    let of = |dns: &Dns| Dns { nsid: None, version: None, ..dns.clone() };
    of(one) == of(other)
}

fn log_warnings(warnings: &[String]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

/// The prober's phases differ from server to server, so that many servers do not probe at the same instant.
#[expect(clippy::disallowed_methods, reason = "the seed of the prober comes from the kernel, once")]
fn seed() -> u64 {
    getrandom::u64().unwrap_or_else(|_| crate::clock::unix_seconds())
}

/// Where events are sent, with the key from its file.
fn webhook_of(events: &crate::config::Events) -> io::Result<Option<webhook::Target>> {
    let Some(url) = events.webhook.clone() else { return Ok(None) };
    let secret = events.webhook_secret_file.as_deref().map(webhook::read_secret).transpose()?;
    let pause = Duration::from_millis(WEBHOOK_PAUSE_MS);
    Ok(Some(webhook::Target { url, secret, pause }))
}
