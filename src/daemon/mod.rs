//! The composition root: the one module that sees all of the outside.
//!
//! ```text
//! bind ─ load ─ Writer ─┬─ published pointer ─► udp threads, tcp thread
//!                       ├─ prober thread ──── outcomes ──►┐
//!                       └─ writer thread ◄────────────────┴── reload thread: load, compare, then Stage
//!                              ├─► reaper: drops what nobody reads any more
//!                              └─► control thread: overrides, state directory, socket
//! ```

mod cookies;
mod limiting;
mod load;
mod moved;
mod notify;
mod operators;
mod people;
mod reload;
mod rights;
mod signatures;
mod signing;
mod supervised;
mod takeover;
#[cfg(test)]
mod tests;
mod transferring;
mod transports;
mod tsig;
mod updating;
mod vanished;
mod watch;
mod writing;

pub use load::{
    Configuration, Files, LoadError, ServerSource, Sources, Zones, apexes, compiled, load, server, signings,
};
pub use rights::GiveUp;
pub use supervised::supervise;
pub use transports::Listening;

use crate::admin;
use crate::config::{AdminListen, Dns};
use crate::control::{self, Handover, NotReloaded, Reloaded, Reloads};
use crate::events::{Events, Kind};
use crate::limits::{FIRST_ROUND_SLACK_MS, WEBHOOK_PAUSE_MS};
use crate::listen::bind::{self, BindError, Bound};
use crate::listen::{Service, sys, tcp, udp};
use crate::metrics::{Metrics, Totals};
use crate::priority;
use crate::probe::Prober;
use crate::publish::Published;
use crate::query_log::{self, Log};
use crate::respond::respond;
use crate::restart::{Part, Restarts};
use crate::rights::Report;
use crate::state::State;
use crate::update::Ticket;
use crate::webhook::{self, Webhook};
use crate::writer::{Event, Writer};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
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
    /// Where the admin server listens, in place of the server file's.
    pub admin: Option<AdminListen>,
    /// The admin server's token, in place of the server file's.
    pub token: Option<admin::Token>,
    /// What is given up of the process's rights before anything is loaded; none: nothing, for a program that is more than
    /// the server. Only while the process has one thread.
    pub rights: Option<GiveUp>,
    /// Start in the place of the server that runs with the same control socket: with its sockets, and then its state
    /// directory. If none runs, as usual.
    pub takeover: bool,
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
        let (listen, admin) = (vec![SocketAddr::from(([127, 0, 0, 1], 0))], Some(AdminListen::Off));
        Self {
            listen,
            threads: Some(1),
            tcp: None,
            state: None,
            admin,
            token: None,
            rights: None,
            takeover: false,
            sources,
        }
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
    /// The admin server cannot be as it is configured; in words.
    Admin(String),
    /// The certificate of the encrypted transports cannot be used; in words.
    Certificate(String),
    /// The configuration cannot serve.
    Load(LoadError),
    /// Rights cannot be given up as they should; in words.
    Rights(String),
    /// The server that runs cannot be taken over from; in words. It goes on.
    Takeover(String),
    /// The system has no threads or descriptors left.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Load(error) => error.fmt(f),
            Self::Admin(why) | Self::Certificate(why) | Self::Rights(why) | Self::Takeover(why) => {
                write!(f, "error: {why}")
            }
            Self::System(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// What the server is connected to beside its sockets, and who was there before.
type Outside<'b> =
    ((operators::Setup, Option<webhook::Target>), Option<query_log::Settings>, (&'b takeover::Before, Arc<Handover>));

/// Threads that look after something while it runs; they end when this is dropped.
#[derive(Debug)]
struct Tending {
    /// Dynamic updates.
    _updater: updating::Updater,
    /// Who is over a limit, and cookies.
    _limiting: limiting::Thread,
    /// Secondaries.
    _teller: notify::Teller,
}

/// A running server. Dropping it stops it as [`Server::stop`] does.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    published: Arc<Published>,
    metrics: Metrics,
    happened: Events,
    serving: Arc<Serving>,
    reloads: Reloads,
    // In the order in which they end.
    admin: Option<admin::Thread>,
    transports: transports::Running,
    tcp: Option<tcp::Thread>,
    udp: Option<udp::Threads>,
    reloading: Option<JoinHandle<()>>,
    prober: Option<Arc<Prober>>,
    control: Option<control::Thread>,
    webhook: Option<Webhook>,
    tending: Option<Tending>,
    query_log: Option<Arc<Log>>,
    keeper: Option<signing::Keeper>,
    events: Option<Sender<Event>>,
    over: Arc<Handover>,
    helpers: Vec<JoinHandle<()>>,
}

impl Server {
    /// Binds, loads, and serves: static names at once, balanced ones when their pools' first probes are in.
    ///
    /// # Errors
    /// An address that cannot be had, any mistake in the configuration, a shortage of the system.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let (descriptors, started) = (sys::raise_descriptor_limit(), crate::clock::unix_seconds());
        let (file, warnings) = server(&options.sources.server).map_err(StartError::Load)?;
        log_warnings(&warnings);
        let giving = rights::Giving::new(&options, &file)?;
        let mut before = takeover::Before::ask(&options, &file)?;
        let (addresses, threads) = (options.addresses(&file.dns), options.threads(&file.dns));
        let bound = bind::bind_or_inherit(&addresses, threads, &mut before.inherited).map_err(StartError::Bind)?;
        let mut transports = transports::Setup::new(&file, threads, &mut before.inherited)?;
        let people = people::Setup::new(options.admin, options.token.clone(), &file.admin, &mut before.inherited)?;
        let over = takeover::to_pass_on(&bound, &transports, people.as_ref().map(people::Setup::listener));
        let over = over.map_err(StartError::System)?;
        // These sockets are open twice: once to be read, once to be handed over.
        let descriptors = transports::share(&file.dns, descriptors.saturating_sub(2 * over.len()));
        transports.bound(&file.dns, descriptors);
        let over = Arc::new(Handover::new(over));
        let target = webhook_of(&file.events).map_err(StartError::System)?;
        giving.iter().try_for_each(rights::Giving::give_up)?;
        let keys = operators::folder(options.state.as_deref(), &file, &options.sources.server);
        let (updates, tickets) = updating::Kept::new(keys.clone(), &over);
        let keyring = signing::Keyring { state: keys.clone(), before: None, updates: Some(Arc::clone(&updates)) };
        let configuration =
            load::load_to_serve(&file, options.sources.zones.as_ref(), &keyring).map_err(StartError::Load)?;
        log_warnings(&configuration.warnings);
        sys::give_memory_back();
        let limits = options.tcp_limits(&file.dns, descriptors);
        let (needs, state) = ((&configuration.files, &*configuration.snapshot), operators::made(&options, &file));
        let needs = rights::needs(&file, &options.sources, state.as_deref(), needs);
        let usual = || (Report::of_this_thread(), None);
        let (report, confined) = giving.map_or_else(usual, |giving| giving.confine(&needs));
        before.take()?;
        if options.rights.is_some() {
            takeover::keep(&bound, &transports, people.as_ref().map(people::Setup::listener));
        }
        let mut operators = operators::Setup::new(&options, &file, &configuration.snapshot);
        let own = operators.folder().map(Path::to_owned);
        transferring::keep(&configuration.identity.transfers.serials, own.as_deref());
        let missed = updates.own(own.clone());
        (operators.rights, operators.inherited) = (report, before.control.take());
        let keeper = cookies::Keeper::new(operators.folder(), configuration.identity.cookies.as_ref());
        let (sources, certificate) = (options.sources, transports.certificate.clone());
        let (dns, watch) = (file.dns, file.watch);
        let read = reload::Read {
            sources,
            dns,
            watch,
            confined,
            started,
            certificate,
            keys,
            own,
            updates: Arc::clone(&updates),
        };
        let source = read.sources.server.clone();
        let outside = ((operators, target), file.query_log, (&before, over));
        let mut server =
            Self::run((bound, transports), configuration, read, limits, outside).map_err(StartError::System)?;
        server.tending = Some(server.tend(keeper, (updates, tickets)).map_err(StartError::System)?);
        if missed {
            server.reloads.order("dynamic updates of the server before");
        }
        let people = people.map(|people| server.serve_people(people, source));
        server.admin = people.transpose().map_err(StartError::System)?;
        if let Err(error) = before.serving() {
            // Who goes on listens where we do.
            server.over.give_way();
            return Err(error);
        }
        Ok(server)
    }

    fn run(
        (bound, transports): (Bound, transports::Setup),
        configuration: Configuration,
        read: reload::Read,
        limits: tcp::Limits,
        ((operators, target), query_log, (before, over)): Outside<'_>,
    ) -> io::Result<Self> {
        let Configuration { snapshot, identity, files, .. } = configuration;
        let (generation, keys) = (1, (read.keys.clone(), operators.folder().map(Path::to_owned)));
        let (left, overrides) = (operators.resumed.left.clone(), operators.overrides());
        let (overrides, now) = ((overrides, crate::clock::epoch_ms()), crate::clock::millis());
        let mut writer = Writer::resumed(Arc::clone(&snapshot), identity, generation, left, overrides, now);
        let first = writer.publish().ok_or_else(|| io::Error::other("the writer has no first state"))?;
        let published = Arc::new(Published::new(first));
        let (restarts, happened) = (Restarts::default(), Events::default());
        let start = |settings| Log::start(settings, Arc::clone(&published), &restarts).map(Arc::new);
        let query_log = query_log.map(start).transpose()?;
        let metrics = Metrics::new(restarts.clone(), query_log.as_deref().map(Log::recorders));
        restarts.tell(happened.clone());
        happened.push(Kind::Start, "server", "", "serving", env!("CARGO_PKG_VERSION"));
        let ((events, received), (told, hears), (retired, reaped)) = (channel(), channel(), channel());
        let serving = Arc::<Serving>::default();
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
        let helpers = helpers(writing, reaped, &restarts)?;
        let prober = Arc::new(Prober::start_kept(seed(), events.clone(), restarts.clone())?);
        prober.adopt_known(generation, &snapshot, &operators.resumed.ages);
        let webhook = target.map(|target| webhook::start(&target, happened.clone(), &restarts)).transpose()?;
        let told = (Arc::clone(&published), happened.clone(), Arc::clone(&serving));
        let counting = (metrics.clone(), query_log.clone());
        let (reloads, reloading) = reload::start(read, files, (told, counting), events.clone(), Arc::clone(&prober))?;
        let meters = control::Meters::new(metrics.clone(), Arc::clone(prober.stats()));
        let desk = (&happened, &bound.addresses[..], (reloads.clone(), meters));
        let control = operators.start(&published, (events.clone(), hears), desk, Arc::clone(&over))?;
        before.answers_until(&serving, &snapshot);
        let service = Service { published: Arc::clone(&published), respond };
        let (udp, transports) = (udp::start(bound.udp, &service, &metrics)?, transports.start(&service, &metrics)?);
        let tcp = tcp::start(bound.tcp, service, &metrics, limits)?;
        Ok(Self {
            keeper: Some(signing::Keeper::start((&published, &happened, &reloads), keys, &over, metrics.restarts())?),
            tending: None,
            addresses: bound.addresses,
            published,
            metrics,
            happened,
            serving,
            reloads,
            admin: None,
            transports,
            tcp: Some(tcp),
            udp: Some(udp),
            reloading: Some(reloading),
            prober: Some(prober),
            control: Some(control),
            webhook,
            query_log,
            events: Some(events),
            over,
            helpers,
        })
    }

    fn tend(&self, keeper: cookies::Keeper, updates: (Arc<updating::Kept>, Receiver<Ticket>)) -> io::Result<Tending> {
        let (published, happened, restarts) = (&self.published, &self.happened, self.metrics.restarts());
        let limiting = limiting::Thread::start(Arc::clone(published), happened.clone(), keeper, restarts)?;
        let teller = notify::Teller::start(published, happened, &self.addresses, restarts)?;
        let updater = updating::Updater::start(updates, published, &self.reloads, happened, restarts)?;
        Ok(Tending { _updater: updater, _limiting: limiting, _teller: teller })
    }

    fn serve_people(&self, people: people::Setup, source: ServerSource) -> io::Result<admin::Thread> {
        let desk = self.control.as_ref().map(control::Thread::line);
        let desk = desk.ok_or_else(|| io::Error::other("there is no desk"))?;
        let (published, events) = (Arc::clone(&self.published), self.happened.clone());
        let (serving, listen) = (Arc::clone(&self.serving), self.addresses.clone());
        let daemon = Arc::new(people::Root { serving, source, listen });
        people.start(admin::Connected { desk, published, events, daemon, restarts: self.metrics.restarts().clone() })
    }

    /// Where the admin server listens, if there is one.
    #[must_use]
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(admin::Thread::address)
    }

    /// The addresses as bound, the same for UDP and TCP.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where else queries are taken: encrypted, or from front ends.
    #[must_use]
    pub fn listening(&self) -> &[Listening] {
        self.transports.listening()
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

    /// How often threads of a part were started again after a panic.
    #[must_use]
    pub fn restarts(&self, part: Part) -> u64 {
        self.metrics.restarts().count(part)
    }

    /// What was counted since the start.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.metrics.totals()
    }

    /// Reads the same sources again, all or nothing, and waits until the result serves (new targets are probed before);
    /// answers go on meanwhile. Says what changed.
    ///
    /// # Errors
    /// Any mistake: nothing has changed.
    pub fn reload(&self) -> Result<Reloaded, NotReloaded> {
        self.reloads.reload_blocking("the program".to_owned())
    }

    /// What orders the same from elsewhere.
    #[must_use]
    pub fn reloads(&self) -> &Reloads {
        &self.reloads
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
        served(&self.state())
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
        drop(self.admin.take());
        self.transports.stop();
        drop(self.tcp.take());
        self.serving.give_up();
        self.reloads.stop();
        if let Some(reloading) = self.reloading.take() {
            // A panic there has been reported by the hook.
            let _panicked = reloading.join();
        }
        drop(self.keeper.take());
        drop(self.tending.take());
        drop(self.prober.take());
        // It asks the writer once more, and saves.
        drop(self.control.take());
        // Last of what answers, so that a restart that gets the same sockets finds little waiting in them.
        drop(self.udp.take());
        drop(self.query_log.take());
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

/// The writer's thread and the reaper's; they outlive their panics.
fn helpers(writing: Writing, reaped: Receiver<Arc<State>>, restarts: &Restarts) -> io::Result<Vec<JoinHandle<()>>> {
    let (of_writer, of_reaper) = (restarts.clone(), restarts.clone());
    let reap = move || {
        priority::behind_answers();
        of_reaper.keep(Part::Reaper, || writing::reap(&reaped));
    };
    Ok(vec![
        thread::Builder::new().name("writer".into()).spawn(move || writing.run(&of_writer))?,
        thread::Builder::new().name("reaper".into()).spawn(reap)?,
    ])
}

fn served(state: &State) -> String {
    let (zones, names, generation) = (state.snapshot.settings.len(), state.snapshot.names.len(), state.generation);
    format!("serving {zones} zones, {names} balanced names (configuration {generation})")
}

/// True if both ask for the same sockets.
fn same_sockets(one: &Dns, other: &Dns) -> bool {
    let of = |dns: &Dns| Dns { nsid: None, version: None, explain_from: Vec::new(), ..dns.clone() };
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
    let secret = secret.map(|(secret, warning)| {
        warning.iter().for_each(|warning| tracing::warn!("{warning}"));
        secret
    });
    let pause = Duration::from_millis(WEBHOOK_PAUSE_MS);
    Ok(Some(webhook::Target { url, secret, pause }))
}
