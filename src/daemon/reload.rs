//! The reload thread: reads the sources again when it is told to, or sees that watched files have changed; compares, and
//! hands the writer what is to serve. All or nothing.

use super::load::{self, Configuration, Files, LoadError, ServerSource, Sources, server};
use super::signing::Keyring;
use super::updating::Kept;
use super::vanished::vanished;
use super::watch::{Stamps, Watcher, as_read, pause, stamps};
use super::{log_warnings, rights, same_sockets, transferring, transports, writing};
use crate::certificate::Shown;
use crate::clock;
use crate::config::{Dns, Watch};
use crate::control::{Hold, NotReloaded, ReloadOrder, ReloadOutcome, ReloadReply as Reply, Reloaded, Reloads, changed};
use crate::events::{Events, Kind};
use crate::faults;
use crate::limits::FIRST_ROUND_SLACK_MS;
use crate::listen::sys;
use crate::metrics::Metrics;
use crate::priority;
use crate::probe::Prober;
use crate::publish::Published;
use crate::query_log::Log;
use crate::restart::Part;
use crate::rights::{Confined, Needs};
use crate::snapshot::{Became, Change, Snapshot, Thing, changes};
use crate::state::{Identity, State};
use crate::supervisor;
use crate::writer::Event;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use writing::Serving;

/// Who wants a reload.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// Somebody said so: a zone whose file is gone goes too.
    Order,
    /// Files have changed: one that is gone is a mistake.
    Watch,
}

/// What was read when the server started, and is read again.
pub(super) struct Read {
    pub(super) sources: Sources,
    /// What the sockets were made by: they stay as they are until a restart.
    pub(super) dns: Dns,
    /// As the server file says.
    pub(super) watch: Watch,
    /// What files it is kept to.
    pub(super) confined: Option<Arc<Confined>>,
    /// When reading began, seconds since 1970.
    pub(super) started: u64,
    /// The certificate of the encrypted transports, if there are any.
    pub(super) certificate: Option<Shown>,
    /// The state directory, for keys.
    pub(super) keys: Option<PathBuf>,
    /// The same, if it is ours to write.
    pub(super) own: Option<PathBuf>,
    /// What dynamic updates have added.
    pub(super) updates: Arc<Kept>,
}

/// What is published, what is told, and who waits for a configuration.
type Told = (Arc<Published>, Events, Arc<Serving>);
/// Where reloads are counted, and the query log, whose file is opened again.
type Counting = (Metrics, Option<Arc<Log>>);

/// Starts the thread; `files` are those of the configuration that serves, as number 1.
pub(super) fn start(
    Read { sources, dns, watch, confined, started, certificate, keys, own, updates }: Read,
    files: Files,
    ((published, happened, serving), (metrics, query_log)): (Told, Counting),
    events: Sender<Event>,
    prober: Arc<Prober>,
) -> io::Result<(Reloads, JoinHandle<()>)> {
    let (watcher, told) = (Watcher::default(), String::new());
    let generation = 1;
    let restarts = metrics.restarts().clone();
    let mut reloading = Reloading {
        sources,
        dns,
        watch,
        keys,
        own,
        updates,
        confined,
        files,
        watcher,
        told,
        generation,
        published,
        happened,
        serving,
        events,
        prober,
        metrics,
        query_log,
        certificate,
    };
    let (reloads, orders) = Reloads::new();
    let run = move || {
        priority::behind_answers();
        restarts.keep(Part::Reload, || reloading.run(&orders, started));
    };
    Ok((reloads, thread::Builder::new().name("reload".into()).spawn(run)?))
}

/// The thread's state.
struct Reloading {
    sources: Sources,
    dns: Dns,
    /// As the server file said last.
    watch: Watch,
    /// The state directory, for keys.
    keys: Option<PathBuf>,
    /// The same, if it is ours to write.
    own: Option<PathBuf>,
    updates: Arc<Kept>,
    confined: Option<Arc<Confined>>,
    /// The files of the configuration that serves.
    files: Files,
    watcher: Watcher,
    /// The mistakes that were told last; those of files that are only watched are told once.
    told: String,
    /// The number of the configuration that was loaded last.
    generation: u64,
    published: Arc<Published>,
    happened: Events,
    serving: Arc<Serving>,
    events: Sender<Event>,
    prober: Arc<Prober>,
    metrics: Metrics,
    query_log: Option<Arc<Log>>,
    certificate: Option<Shown>,
}

impl Reloading {
    /// Carries orders out until it is told to stop, or nobody is left to order.
    fn run(&mut self, orders: &Receiver<ReloadOrder>, started: u64) {
        self.note_as_read(&Stamps::new(), started, false);
        let mut wait = pause(self.watch.debounce_ms, Duration::ZERO);
        loop {
            faults::here(Part::Reload);
            let first = match self.watch.enabled {
                true => orders.recv_timeout(wait),
                false => orders.recv().map_err(RecvTimeoutError::from),
            };
            match first {
                Ok(ReloadOrder::Reload { why, reply }) => {
                    if !self.carry_out((why, reply), orders) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => wait = self.look(),
                Ok(ReloadOrder::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Carries an order out, and all that wait behind it: they see the files as they are now. False: it is told to stop.
    fn carry_out(&mut self, first: (String, Reply), orders: &Receiver<ReloadOrder>) -> bool {
        let (mut reasons, mut replies) = (vec![first.0], vec![first.1]);
        for order in orders.try_iter() {
            let ReloadOrder::Reload { why, reply } = order else { return false };
            if !reasons.contains(&why) {
                reasons.push(why);
            }
            replies.push(reply);
        }
        let outcome = Arc::new(self.reload(&reasons.join("; "), By::Order));
        replies.into_iter().for_each(|reply| reply(Arc::clone(&outcome)));
        true
    }

    /// Looks at the watched files, and reads them again if it is time. Gives how long to wait until the next look.
    fn look(&mut self) -> Duration {
        let start = clock::instant();
        if self.updates.over.is_under_way() {
            // Files that change now are the next server's, or are found to have changed when it has not come that far.
            return pause(self.watch.debounce_ms, Duration::ZERO);
        }
        let stamps = stamps(&self.watched());
        let wait = pause(self.watch.debounce_ms, start.elapsed());
        if self.watcher.look(stamps, clock::millis(), self.watch.debounce_ms) {
            // Mistakes have been told, and nobody waits.
            let _told = self.reload("watched files", By::Watch);
        }
        wait
    }

    /// Notes how the files were when they were read, which began at `started`.
    fn note_as_read(&mut self, before: &Stamps, started: u64, refused: bool) {
        let files = self.watched();
        let stamps = as_read(before, stamps(&files), &files.read, started);
        self.watcher.read(stamps, refused, clock::millis());
    }

    /// The files that are watched: the server file too.
    fn watched(&self) -> Files {
        let mut files = self.files.clone();
        if let ServerSource::File(path) = &self.sources.server {
            files.read.push(path.clone());
        }
        files
    }

    fn reload(&mut self, why: &str, by: By) -> ReloadOutcome {
        match by {
            By::Order => tracing::info!(why, "reloading"),
            By::Watch => tracing::debug!(why, "reloading"),
        }
        let (started, before) = (clock::unix_seconds(), self.watch.enabled.then(|| stamps(&self.watched())));
        let told = supervisor::reloading();
        // A fault of ours must not end this thread: the next reload may be what mends it.
        let over = Arc::clone(&self.updates.over);
        let outcome = catch_unwind(AssertUnwindSafe(|| match over.hold() {
            Some(hold) => self.try_reload(why, by, hold).map_err(NotReloaded::from),
            // It has read the serials: one that rises now would go back with it.
            None => Err(NotReloaded::because("another server takes over: ask it again in a moment")),
        }));
        let outcome = outcome.unwrap_or_else(|_| Err(NotReloaded::because("a fault of geosteer: its log says more")));
        self.metrics.reloads().count(outcome.is_ok(), clock::unix_seconds());
        match &outcome {
            Ok(_) => {
                self.told.clear();
                told.done(super::served(&self.published.load_full()));
            }
            Err(not) => self.refused(not, why, by),
        }
        if self.watch.enabled {
            self.note_as_read(&before.unwrap_or_default(), started, outcome.is_err());
        }
        outcome
    }

    /// Says that nothing has changed, and why.
    fn refused(&mut self, not: &NotReloaded, why: &str, by: By) {
        sys::give_memory_back();
        let is_old = by == By::Watch && self.told == not.text;
        self.told.clone_from(&not.text);
        if is_old {
            return;
        }
        not.lines.iter().for_each(|line| tracing::error!("{line}"));
        tracing::error!("nothing was reloaded: the configuration and the databases from before serve on");
        // The first error: warnings may stand before it.
        let mistake = not.lines.iter().find(|line| line.contains(": error[")).or(not.lines.first());
        let mistake = mistake.map_or("", String::as_str);
        self.happened.push(Kind::Reload, "configuration", "", "refused", &format!("{why}: {mistake}"));
    }

    /// `hold`: no other server reads serials before those of what is to serve are kept.
    fn try_reload(&mut self, why: &str, by: By, hold: Hold<'_>) -> Result<Reloaded, LoadError> {
        self.query_log.iter().for_each(|log| log.reopen());
        let before = self.published.load_full();
        let (file, mut warnings) = server(&self.sources.server)?;
        self.can_have(&rights::of_server_file(&file, &self.sources, None))?;
        // By itself: a certificate that cannot be used is no reason to serve old zones, nor the other way round.
        let reread = |shown| transports::read_again(shown, &file.tls, &self.metrics, &self.happened);
        let of_certificate = self.certificate.as_ref().map_or_else(Vec::new, reread);
        log_warnings(&of_certificate);
        let keyring = Keyring {
            state: self.keys.clone(),
            before: Some(Arc::clone(&before.snapshot)),
            updates: Some(Arc::clone(&self.updates)),
        };
        let mut configuration = load::load_again(&file, self.sources.zones.as_ref(), &before, &keyring)?;
        drop(keyring);
        warnings.append(&mut configuration.warnings);
        let Configuration { snapshot, identity, files, .. } = configuration;
        self.can_have(&rights::needs(&file, &self.sources, None, (&files, &snapshot)))?;
        let folders = load::zone_paths(&file, self.sources.zones.as_ref());
        let [old, new] =
            [&before.snapshot, &snapshot].map(|one| one.settings.iter().map(|zone| &*zone.file).collect::<Vec<_>>());
        if let Some(why) = vanished(&folders, &old, &new, by == By::Watch) {
            return Err(LoadError::Vanished(why.into()));
        }
        if !same_sockets(&self.dns, &file.dns) {
            warnings.push("new addresses, threads or limits of connections in [dns], [tls] or [proxy] need a restart; the old ones stay".to_owned());
        }
        if self.query_log.as_ref().map(|log| log.settings()) != file.query_log.as_ref() {
            warnings.push("another [query_log] needs a restart; the old one stays".to_owned());
        }
        log_warnings(&warnings);
        warnings.extend(of_certificate);
        (self.files, self.watch) = (files, file.watch);
        let found = differences(&before, &snapshot, &identity);
        drop(before);
        let (rows, summary) = changed(&found);
        let generation = self.generation + 1;
        self.generation = generation;
        transferring::keep(&identity.transfers.serials, self.own.as_deref());
        drop(hold);
        let serves = self.put_in_force((snapshot, identity), format!("{why}: {summary}"));
        if !serves {
            tracing::error!(generation, "the new configuration is loaded but does not serve yet");
        }
        Ok(Reloaded { generation, serves, summary, changes: rows, changes_in_all: found.len(), warnings })
    }

    /// What the kernel keeps from us cannot be had by a reload: that is said in words that lead on.
    fn can_have(&self, needs: &Needs) -> Result<(), LoadError> {
        let Some(missing) = self.confined.as_ref().and_then(|confined| confined.lacks(needs)) else { return Ok(()) };
        Err(LoadError::Confined(
            format!(
                "{}: the configuration that the server started with needed nothing there, and Landlock keeps it to that \
                 until it is started again: `geosteer run --takeover` does it without losing a query; or `[process] landlock = \
                 false`",
                missing.display()
            )
            .into(),
        ))
    }

    /// Hands over what is to serve, and waits until it does; false if that takes too long.
    fn put_in_force(&self, (snapshot, identity): (Arc<Snapshot>, Arc<Identity>), reason: String) -> bool {
        let generation = self.generation;
        let limit = Duration::from_millis(writing::first_round(&snapshot) + 40 * FIRST_ROUND_SLACK_MS);
        self.serving.because(generation, reason);
        // The writer outlives this thread. It hears of the configuration before the first outcome.
        let _alive = self.events.send(Event::Stage { generation, snapshot: Arc::clone(&snapshot), identity });
        self.prober.adopt(generation, &snapshot);
        drop(snapshot);
        self.serving.wait(generation, limit)
    }
}

fn differences(before: &State, snapshot: &Snapshot, identity: &Identity) -> Vec<Change> {
    let mut found = changes(&before.snapshot, snapshot);
    let mut setting = |name: &str| {
        found.push(Change { thing: Thing::Setting, became: Became::Changed, name: name.to_owned() });
    };
    if before.identity.nsid != identity.nsid {
        setting("nsid");
    }
    if before.identity.version != identity.version {
        setting("version");
    }
    let rules = |identity: &Identity| identity.limiter.as_ref().map(|limiter| limiter.rules().clone());
    if rules(&before.identity) != rules(identity) {
        setting("rrl");
    }
    let keys = |identity: &Identity| {
        identity.transfers.keys.iter().map(|key| (key.name().clone(), key.algorithm())).collect::<Vec<_>>()
    };
    if keys(&before.identity) != keys(identity) {
        setting("tsig");
    }
    let cookies = |identity: &Identity| identity.cookies.as_ref().map(|one| (one.require, one.secrets()));
    if cookies(&before.identity) != cookies(identity) {
        setting("cookies");
    }
    found
}
