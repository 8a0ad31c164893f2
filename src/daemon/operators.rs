//! What operators left behind is read before the first answer, and their desk is set up.

use super::{Options, ServerSource};
use crate::clock;
use crate::config;
use crate::control::{self, Desk, Meters, Reloads, Resumed, SOCKET, STATE, Told};
use crate::events::Events;
use crate::overrides::Overrides;
use crate::publish::Published;
use crate::rights::Report;
use crate::snapshot::Snapshot;
use crate::store::{Operators, Store};
use crate::writer::Event;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

/// What the last run left, and where the desk will work.
pub(super) struct Setup {
    store: Option<Store>,
    socket: Option<PathBuf>,
    kept: Operators,
    pub(super) resumed: Resumed,
    /// What the process may.
    pub(super) rights: Report,
}

/// The state directory: as told, as the file says, or the usual one of a server that has a file.
pub(super) fn folder(told: Option<&Path>, file: &config::Server, source: &ServerSource) -> Option<PathBuf> {
    let usual = || matches!(source, ServerSource::File(_)).then(|| PathBuf::from(STATE));
    told.map(Path::to_owned).or_else(|| file.state.clone()).or_else(usual)
}

impl Setup {
    /// Opens the state directory and reads it. What cannot be read or opened is a warning: a server that answers
    /// without its overrides is better than none.
    pub(super) fn new(options: &Options, file: &config::Server, snapshot: &Snapshot) -> Self {
        let folder = folder(options.state.as_deref(), file, &options.sources.server);
        let store = folder.as_deref().and_then(|folder| match Store::open(folder) {
            Ok(store) => Some(store),
            Err(error) => {
                let folder = folder.display();
                tracing::warn!("the state directory {folder} cannot be used: {error}; overrides live in memory only");
                None
            }
        });
        let beside = store.as_ref().map(|store| store.folder().join(SOCKET));
        let kept = store.as_ref().map_or_else(Operators::default, read);
        let resumed = control::resume(store.as_ref(), snapshot);
        let socket = file.admin.socket.clone().or(beside);
        Self { store, socket, kept, resumed, rights: Report::of_this_thread() }
    }

    /// The state directory, if it can be used.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.store.as_ref().map(Store::folder)
    }

    pub(super) fn overrides(&self) -> Arc<Overrides> {
        Arc::new(self.kept.overrides.clone())
    }

    pub(super) fn start(
        self,
        published: &Arc<Published>,
        writer: (Sender<Event>, Receiver<Told>),
        (events, addresses, (reloads, meters)): (&Events, &[SocketAddr], (Reloads, Meters)),
    ) -> io::Result<control::Thread> {
        let overrides = self.kept.overrides.list();
        if !overrides.is_empty() {
            tracing::info!(overrides = overrides.len(), "overrides of the last run hold on");
        }
        let known = self.resumed.ages.iter().flatten().count();
        if known > 0 {
            tracing::info!(targets = known, "health of the last run is fresh and holds on");
        }
        let kept = (self.kept, self.resumed.remembered);
        let desk = Desk::new(self.store, kept, Arc::clone(published), writer, events.clone());
        let desk = desk.with_meters(meters.and_rights(self.rights)).listening(addresses);
        control::start(desk, self.socket, reloads)
    }
}

/// The overrides of the last run, without those that have ended meanwhile.
fn read(store: &Store) -> Operators {
    let now = clock::unix_seconds();
    let mut kept = match Operators::load(store, now) {
        Ok(kept) => kept.unwrap_or_default(),
        Err(error) => {
            let aside = match Operators::set_aside(store) {
                Ok(()) => "it is kept as overrides.json.bad",
                Err(_) => "it stays where it is",
            };
            tracing::error!("the overrides of the last run cannot be read and do not hold: {error}; {aside}");
            Operators::default()
        }
    };
    for ended in kept.overrides.expire(now) {
        tracing::info!(target = %ended.target, from = ended.text(now), to = "none", "override: its time is over");
    }
    kept
}
