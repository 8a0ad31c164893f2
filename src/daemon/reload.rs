//! The reload thread: reads the sources again, compares, and hands the writer what is to serve. All or nothing.

use super::load::{self, Configuration, LoadError, Sources, server};
use super::vanished::vanished;
use super::{log_warnings, same_sockets, writing};
use crate::config::Dns;
use crate::control::{NotReloaded, ReloadOrder, ReloadOutcome, Reloaded, changed};
use crate::events::{Events, Kind};
use crate::limits::FIRST_ROUND_SLACK_MS;
use crate::listen::sys;
use crate::priority;
use crate::probe::Prober;
use crate::publish::Published;
use crate::snapshot::{Became, Change, Snapshot, Thing, changes};
use crate::state::{Identity, State};
use crate::writer::Event;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;
use writing::Serving;

/// What is read again, and who is told.
pub(super) struct Reloading {
    pub(super) sources: Sources,
    /// What the sockets were made by: they stay as they are until a restart.
    pub(super) dns: Dns,
    /// The number of the configuration that was loaded last.
    pub(super) generation: u64,
    pub(super) published: Arc<Published>,
    pub(super) happened: Events,
    pub(super) serving: Arc<Serving>,
    pub(super) events: Sender<Event>,
    pub(super) prober: Arc<Prober>,
}

impl Reloading {
    /// Carries orders out until it is told to stop, or nobody is left to order.
    pub(super) fn run(mut self, orders: &Receiver<ReloadOrder>) {
        priority::behind_answers();
        while let Ok(first) = orders.recv() {
            // All that wait see the files as they are now: one reload is theirs.
            let (mut reasons, mut replies) = (Vec::new(), Vec::new());
            let (mut stop, mut strict) = (false, true);
            for order in std::iter::once(first).chain(orders.try_iter()) {
                match order {
                    ReloadOrder::Reload { why, keeps_zones, reply } => {
                        strict &= keeps_zones;
                        if !reasons.contains(&why) {
                            reasons.push(why);
                        }
                        replies.push(reply);
                    }
                    ReloadOrder::Stop => stop = true,
                }
            }
            if stop {
                return;
            }
            let outcome = Arc::new(self.reload(&reasons.join("; "), strict));
            replies.into_iter().for_each(|reply| reply(Arc::clone(&outcome)));
        }
    }

    fn reload(&mut self, why: &str, strict: bool) -> ReloadOutcome {
        tracing::info!(why, "reloading");
        // A fault of ours must not end this thread: the next reload may be what mends it.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.try_reload(why, strict).map_err(NotReloaded::from)));
        let outcome = outcome.unwrap_or_else(|_| Err(NotReloaded::because("a fault of geosteer: its log says more")));
        if let Err(not) = &outcome {
            sys::give_memory_back();
            not.lines.iter().for_each(|line| tracing::error!("{line}"));
            tracing::error!("nothing was reloaded: the configuration and the databases from before serve on");
            // The first error: warnings may stand before it.
            let mistake = not.lines.iter().find(|line| line.contains(": error[")).or(not.lines.first());
            let mistake = mistake.map_or("", String::as_str);
            self.happened.push(Kind::Reload, "configuration", "", "refused", &format!("{why}: {mistake}"));
        }
        outcome
    }

    fn try_reload(&mut self, why: &str, strict: bool) -> Result<Reloaded, LoadError> {
        let before = self.published.load_full();
        let (file, mut warnings) = server(&self.sources.server)?;
        let databases = Arc::clone(&before.snapshot.databases);
        let mut configuration = load::load_again(&file, self.sources.zones.as_ref(), Some(databases))?;
        warnings.append(&mut configuration.warnings);
        let Configuration { snapshot, identity, .. } = configuration;
        let folders = load::zone_paths(&file, self.sources.zones.as_ref());
        let [old, new] =
            [&before.snapshot, &snapshot].map(|one| one.settings.iter().map(|zone| &*zone.file).collect::<Vec<_>>());
        if let Some(why) = vanished(&folders, &old, &new, strict) {
            return Err(LoadError::Vanished(why.into()));
        }
        if !same_sockets(&self.dns, &file.dns) {
            warnings.push("new addresses, threads or TCP limits in [dns] need a restart; the old ones stay".to_owned());
        }
        log_warnings(&warnings);
        let found = differences(&before, &snapshot, &identity);
        drop(before);
        let (rows, summary) = changed(&found);
        let generation = self.generation + 1;
        self.generation = generation;
        let serves = self.put_in_force((snapshot, identity), format!("{why}: {summary}"));
        if !serves {
            tracing::error!(generation, "the new configuration is loaded but does not serve yet");
        }
        Ok(Reloaded { generation, serves, summary, changes: rows, changes_in_all: found.len(), warnings })
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
    found
}
