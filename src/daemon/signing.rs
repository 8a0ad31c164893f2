//! The keys of signed zones: read at each load, kept when their files vanish; and the thread that tells the signers
//! the time and has signatures made anew before they end.

use super::signatures::{self, Saving};
use super::transferring;
use super::updating::Kept;
use crate::clock;
use crate::control::{Handover, Reloads};
use crate::dnssec::{Seal, Signer};
use crate::events::{Events, Kind};
use crate::faults;
use crate::limits::{RENEW_LOOK_S, SERIAL_RENEWED_S};
use crate::priority;
use crate::publish::Published;
use crate::restart::{Part, Restarts};
use crate::snapshot::{Signing, Snapshot, ZoneSpec};
use crate::state::State;
use crate::store::{keys_folder, read_keys};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What is said of a zone that has no keys at all.
const MISSING: &str = "its keys are missing";

/// What zones have beside their files: keys, and what updates have added.
#[derive(Debug)]
pub(super) struct Keyring {
    /// The state directory.
    pub(super) state: Option<PathBuf>,
    /// What serves: its keys stay if their files are gone.
    pub(super) before: Option<Arc<Snapshot>>,
    /// What dynamic updates have added; nothing where nothing is served.
    pub(super) updates: Option<Arc<Kept>>,
}

impl Keyring {
    /// Gives each zone that shall be signed its keys; one without them is locked. Gives what is not as it should be, a
    /// line each.
    pub(super) fn open(&self, zones: &mut [ZoneSpec]) -> Vec<String> {
        let mut warnings = Vec::new();
        for zone in zones {
            if let Signing::Wanted(algorithm) = zone.signing {
                let signer = self.signer(zone, &mut warnings);
                zone.signing = signer.map_or(Signing::Locked(algorithm), Signing::On);
            }
        }
        warnings
    }

    fn signer(&self, zone: &ZoneSpec, warnings: &mut Vec<String>) -> Option<Arc<Signer>> {
        let apex = zone.apex.to_lowercase();
        let settings = self.before.iter().flat_map(|before| &before.settings);
        let before = settings.filter(|old| old.apex.to_lowercase() == apex).find_map(|old| old.signing.signer());
        let new = match self.read(zone) {
            Ok((new, more)) => {
                warnings.extend(more);
                Ok(new)
            }
            Err(why) => Err(why),
        };
        match (new, before) {
            (Ok(new), Some(before)) if new.is_like(before) => Some(Arc::clone(before)),
            (Ok(new), Some(before)) => Some(Arc::new(new.following(before))),
            (Ok(new), None) => {
                warnings.extend(self.state.as_deref().and_then(|state| signatures::recall(state, &new)));
                Some(Arc::new(new))
            }
            (Err(why), Some(before)) => {
                warnings.push(format!("{apex} {why}; it is signed with those that are loaded until a restart"));
                Some(Arc::clone(before))
            }
            (Err(why), None) => {
                let help = format!("; `geosteer dnssec init {apex}` makes a key");
                let help = if why == MISSING { help } else { String::new() };
                warnings.push(format!("{apex} {why}: it answers SERVFAIL{help}"));
                None
            }
        }
    }

    /// What signs a zone by the files as they are, and what is not as it should be with them.
    fn read(&self, zone: &ZoneSpec) -> Result<(Signer, Vec<String>), String> {
        let state = self.state.as_deref().ok_or("has no state directory with its keys")?;
        let now = clock::unix_seconds();
        let found = read_keys(&keys_folder(state), &zone.apex.to_lowercase(), now)
            .map_err(|error| format!("has keys that cannot be read: {error}"))?;
        let signer = Signer::new(&zone.apex, found.keys, now).with(found.unread, found.stops);
        match (signer.keys().is_empty(), signer.is_idle()) {
            (true, _) => Err(MISSING.to_owned()),
            (false, true) => Err("none of its keys signs as yet".to_owned()),
            _ => Ok((signer, found.warnings)),
        }
    }
}

/// Signs what a configuration has before it serves; what was signed before stays as it is.
pub(super) fn sign_ahead(snapshot: &Snapshot) {
    let zones = signers_of(snapshot).inspect(|signer| signer.tell(clock::unix_seconds())).count();
    if zones > 0 {
        let start = clock::instant();
        let seals: Vec<_> = signers_of(snapshot).flat_map(|signer| signer.seals()).collect();
        let sets = sign(&seals, thread::available_parallelism().map_or(1, usize::from));
        let ms = start.elapsed().as_millis();
        tracing::info!(zones, sets, ms, "signed");
    }
}

/// Signs what is not signed yet, on so many threads. Gives how many RRsets are signed.
fn sign(seals: &[Arc<Seal>], threads: usize) -> usize {
    let signed = |part: &[Arc<Seal>]| part.iter().filter(|seal| seal.prepare()).count();
    thread::scope(|scope| {
        let parts = seals.chunks(seals.len().div_ceil(threads.max(1)).max(1));
        let running: Vec<_> = parts.map(|part| scope.spawn(move || signed(part))).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    })
}

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread knows, and whom it tells.
struct Keeping {
    published: Arc<Published>,
    happened: Events,
    reloads: Reloads,
    /// The state directory.
    state: Option<PathBuf>,
    saving: Saving,
    /// When keys and signatures were looked at last, and when serials rose for new signatures, seconds.
    looked: u64,
    risen: u64,
    /// What was said last of each zone.
    told: BTreeMap<String, &'static str>,
}

impl Keeper {
    /// Starts it. `state`: the state directory with the keys, and the same if it is ours to write to.
    pub(super) fn start(
        (published, happened, reloads): (&Arc<Published>, &Events, &Reloads),
        (state, ours): (Option<PathBuf>, Option<PathBuf>),
        over: &Arc<Handover>,
        restarts: &Restarts,
    ) -> io::Result<Self> {
        let (published, happened) = (Arc::clone(published), happened.clone());
        let saving = Saving::new(ours, Arc::clone(over));
        let (reloads, restarts) = (reloads.clone(), restarts.clone());
        let (looked, risen, told) = (0, 0, BTreeMap::new());
        let mut keeping = Keeping { published, happened, reloads, state, saving, looked, risen, told };
        let (stop, stopped) = channel();
        let run = move || {
            priority::behind_answers();
            restarts.keep(Part::Signer, || keeping.run(&stopped));
            keeping.save_all();
        };
        let thread = thread::Builder::new().name("signer".into()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the hook.
            let _panicked = thread.join();
        }
    }
}

impl Keeping {
    fn run(&mut self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
            faults::here(Part::Signer);
            let now = clock::unix_seconds();
            let state = self.published.load_full();
            signers(&state).for_each(|signer| signer.tell(now));
            state.identity.transfers.shared.tell(now);
            // A clock that was put back counts as well.
            if now.abs_diff(self.looked) >= RENEW_LOOK_S {
                self.looked = now;
                self.look(&state);
                let made: usize = signers(&state).map(|signer| signer.renew()).sum();
                if made > 0 {
                    tracing::info!(made, "signatures were made anew");
                }
                if now.abs_diff(self.risen) >= SERIAL_RENEWED_S && !transferring::renewed(&state).is_empty() {
                    self.risen = now;
                    self.reloads.order("signatures were made anew: the serials of zones for secondaries rise");
                }
                self.saving.save(signers(&state), now, false);
            }
        }
    }

    fn save_all(&mut self) {
        self.saving.save(signers(&self.published.load_full()), clock::unix_seconds(), true);
    }

    /// Looks at the files of the keys of all zones that shall be signed: says what has become of them, and has them read
    /// again if they are others, or do other things by now.
    fn look(&mut self, state: &State) {
        let keyring = Keyring { state: self.state.clone(), before: None, updates: None };
        let mut seen = BTreeMap::new();
        for zone in state.snapshot.settings.iter().filter(|zone| zone.signing.wanted().is_some()) {
            let (apex, read) = (zone.apex.to_lowercase().to_string(), keyring.read(zone));
            if let Some(signer) = zone.signing.signer() {
                signer.tell_missing(read.is_err());
                let unbelieved = signer.unbelieved().filter(|_| !self.told.contains_key(&apex));
                if let Some(why) = unbelieved {
                    self.happened.push(Kind::Keys, &apex, "", "signatures made anew", why);
                }
            }
            let differs = match (&read, zone.signing.signer()) {
                (Ok((new, _)), Some(signer)) => !new.is_like(signer),
                (Ok(_), None) => true,
                (Err(_), _) => false,
            };
            if differs {
                self.reloads.order(&format!("the keys of {apex} have changed"));
            }
            let (standing, why) = match (&read, zone.signing.signer()) {
                (Ok(_), Some(_)) => ("signed", String::new()),
                (Ok(_), None) => ("keys found", String::new()),
                (Err(why), Some(_)) => ("signed, keys missing", why.clone()),
                (Err(why), None) => ("SERVFAIL", why.clone()),
            };
            let before = self.told.get(&apex).copied();
            if before != Some(standing) {
                self.say(&apex, before, standing, &why);
            }
            seen.insert(apex, standing);
        }
        self.told = seen;
    }

    /// Says what has become of a zone's keys. That all is well is no news at first.
    fn say(&self, apex: &str, before: Option<&'static str>, standing: &'static str, why: &str) {
        match (before, standing) {
            (None, "signed") => return,
            (_, "signed" | "keys found") => tracing::info!(zone = apex, "its keys are there: {standing}"),
            (_, "SERVFAIL") => tracing::error!(zone = apex, "{apex} {why}: it answers SERVFAIL"),
            _ => tracing::error!(
                zone = apex,
                "{apex} {why}: a restart would not find them; it is signed with what is loaded"
            ),
        }
        self.happened.push(Kind::Keys, apex, before.unwrap_or_default(), standing, why);
    }
}

fn signers(state: &State) -> impl Iterator<Item = &Arc<Signer>> {
    signers_of(&state.snapshot)
}

fn signers_of(snapshot: &Snapshot) -> impl Iterator<Item = &Arc<Signer>> {
    snapshot.settings.iter().filter_map(|zone| zone.signing.signer())
}
