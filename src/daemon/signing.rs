//! The keys of signed zones: read at each load, kept when their files vanish; and the thread that tells the signers
//! the time and has signatures made anew before they end.

use crate::clock;
use crate::dnssec::{Key, Signer};
use crate::limits::RENEW_LOOK_S;
use crate::priority;
use crate::publish::Published;
use crate::snapshot::{Signing, Snapshot, ZoneSpec};
use crate::state::State;
use crate::store::{keys_folder, read_keys};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Where the keys of zones come from.
#[derive(Debug)]
pub(super) struct Keyring {
    /// The state directory.
    pub(super) state: Option<PathBuf>,
    /// What serves: its keys stay if their files are gone.
    pub(super) before: Option<Arc<Snapshot>>,
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
        let keys = match self.state.as_deref().map(|state| read_keys(&keys_folder(state), &apex)) {
            None => Err("there is no state directory with its keys".to_owned()),
            Some(Err(error)) => Err(format!("its keys cannot be read: {error}")),
            Some(Ok((keys, _))) if keys.is_empty() => Err("its keys are missing".to_owned()),
            Some(Ok((keys, more))) => {
                warnings.extend(more);
                Ok(keys)
            }
        };
        match (keys, before) {
            (Ok(keys), Some(before)) if same(&keys, before.keys()) => Some(Arc::clone(before)),
            (Ok(keys), _) => Some(Arc::new(Signer::new(&zone.apex, keys, clock::unix_seconds()))),
            (Err(why), Some(before)) => {
                tracing::error!(zone = %apex, "{why}; it is signed with those that are loaded until a restart");
                warnings.push(format!("{apex} {why}; it is signed with those that are loaded until a restart"));
                Some(Arc::clone(before))
            }
            (Err(why), None) => {
                tracing::error!(zone = %apex, "{why}: it answers SERVFAIL");
                warnings.push(format!("{apex} {why}: it answers SERVFAIL; `geosteer dnssec init {apex}` makes a key"));
                None
            }
        }
    }
}

fn same(one: &[Key], other: &[Key]) -> bool {
    one.iter().map(Key::dnskey).eq(other.iter().map(Key::dnskey))
}

/// Signs what a configuration has before it serves; what was signed before stays as it is.
pub(super) fn sign_ahead(snapshot: &Snapshot) {
    let signers = snapshot.settings.iter().filter_map(|zone| zone.signing.signer());
    let zones = signers.inspect(|signer| signer.tell(clock::unix_seconds())).count();
    if zones > 0 {
        let start = clock::instant();
        let sets = snapshot.zones.sign(thread::available_parallelism().map_or(1, usize::from));
        let ms = start.elapsed().as_millis();
        tracing::info!(zones, sets, ms, "signed");
    }
}

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(super) fn start(published: Arc<Published>) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().name("signer".into()).spawn(move || keep(&published, &stopped))?;
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

fn keep(published: &Published, stopped: &Receiver<()>) {
    priority::behind_answers();
    let mut looked = 0;
    while stopped.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
        let now = clock::unix_seconds();
        let state = published.load_full();
        signers(&state).for_each(|signer| signer.tell(now));
        // A clock that was put back counts as well.
        if now.abs_diff(looked) >= RENEW_LOOK_S {
            looked = now;
            let made: usize = signers(&state).map(|signer| signer.renew()).sum();
            if made > 0 {
                tracing::info!(made, "signatures were made anew");
            }
        }
    }
}

fn signers(state: &State) -> impl Iterator<Item = &Arc<Signer>> {
    state.snapshot.settings.iter().filter_map(|zone| zone.signing.signer())
}
