//! The keys of signed zones: read at each load, kept when their files vanish; and the thread that tells the signers
//! the time and has signatures made anew before they end.

use super::signatures::{self, Saving};
use super::transferring;
use super::updating::Kept;
use crate::clock;
use crate::control::{Handover, Reloads};
use crate::dnssec::{Key, Phase, Role, Seal, Signer};
use crate::events::{Events, Kind};
use crate::faults;
use crate::limits::{RENEW_LOOK_S, SERIAL_RENEWED_S};
use crate::priority;
use crate::publish::Published;
use crate::restart::{Part, Restarts};
use crate::snapshot::{Signing, Snapshot, ZoneSpec};
use crate::state::State;
use crate::store::{ZoneKeys, keys_folder, read_keys};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What is said of a zone that has no keys at all.
const MISSING: &str = "its keys are missing";

/// What signs a zone by the files of its keys.
struct Found {
    /// With the loaded keys whose files are gone.
    signer: Signer,
    /// What is not as it should be with the files, a line each.
    warnings: Vec<String>,
    /// That files of loaded keys are gone, in words.
    missing: Option<String>,
}

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
        let (signer, missing) = match (self.read(zone, before.map(|before| &**before)), before) {
            (Ok(found), Some(before)) => {
                warnings.extend(found.warnings);
                let is_like = found.signer.is_like(before);
                let new = || Arc::new(found.signer.following(before));
                (if is_like { Arc::clone(before) } else { new() }, found.missing)
            }
            (Ok(Found { signer, warnings: more, .. }), None) => {
                warnings.extend(more);
                warnings.extend(self.state.as_deref().and_then(|state| signatures::recall(state, &signer)));
                (Arc::new(signer), None)
            }
            (Err(why), Some(before)) => (Arc::clone(before), Some(why)),
            (Err(why), None) => {
                let help = match why == MISSING {
                    true => format!(
                        "; `geosteer dnssec import` brings keys back, `geosteer dnssec init {apex}` makes the first one"
                    ),
                    false => String::new(),
                };
                warnings.push(format!("{apex} {why}: it answers SERVFAIL{help}"));
                return None;
            }
        };
        signer.tell_missing(missing.is_some());
        let told = |why| format!("{apex} {why}; it is signed with those that are loaded until a restart");
        warnings.extend(missing.map(told));
        Some(signer)
    }

    /// What signs a zone by the files as they are. `before`: what signs it now; a key of it without files stays.
    fn read(&self, zone: &ZoneSpec, before: Option<&Signer>) -> Result<Found, String> {
        let (state, now) =
            (self.state.as_deref().ok_or("has no state directory with its keys")?, clock::unix_seconds());
        let ZoneKeys { keys, warnings, unread, stops } = read_keys(&keys_folder(state), &zone.apex.to_lowercase(), now)
            .map_err(|error| format!("has keys that cannot be read: {error}"))?;
        if keys.iter().all(|key| key.times().phase(now) == Phase::Removed) {
            return Err(MISSING.to_owned());
        }
        let mut keys: Vec<_> = keys.into_iter().map(Arc::new).collect();
        let lost = lost(&keys, before, now);
        let missing = (!lost.is_empty()).then(|| {
            let tags: Vec<_> = lost.iter().map(|key| key.tag().to_string()).collect();
            format!("the files of its keys ({}) are missing or cannot be read", tags.join(", "))
        });
        keys.extend(lost);
        // As their files are sorted: that some are gone is no other order.
        keys.sort_by_key(|key| (key.algorithm().number(), key.tag()));
        let signer = Signer::of(&zone.apex, keys, now).with(unread, stops);
        if !signer.keys().iter().any(|(key, _)| key.role() == Role::Entry) {
            // Whatever the others sign, nobody who comes from the parent would believe it.
            return Err("its key that the parent vouches for (flags 257) is missing".to_owned());
        }
        if signer.is_idle() {
            return Err("none of its keys signs as yet".to_owned());
        }
        Ok(Found { signer, warnings, missing })
    }
}

/// The keys of a signer that have no files any more, though nothing says that they are out of use.
fn lost(there: &[Arc<Key>], before: Option<&Signer>, now: u64) -> Vec<Arc<Key>> {
    let loaded = before.map_or(&[][..], Signer::keys).iter().map(|(key, _)| key);
    let is_lost = |key: &&Arc<Key>| {
        key.times().phase(now) != Phase::Removed && !there.iter().any(|one| one.dnskey() == key.dnskey())
    };
    loaded.filter(is_lost).map(Arc::clone).collect()
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
            let signs = zone.signing.signer();
            let (apex, read) = (zone.apex.to_lowercase().to_string(), keyring.read(zone, signs.map(|one| &**one)));
            let missing = read.as_ref().map_or_else(|why| Some(why.clone()), |found| found.missing.clone());
            if let Some(signer) = signs {
                signer.tell_missing(missing.is_some());
                let unbelieved = signer.unbelieved().filter(|_| !self.told.contains_key(&apex));
                if let Some(why) = unbelieved {
                    self.happened.push(Kind::Keys, &apex, "", "signatures made anew", why);
                }
            }
            let differs = match (&read, signs) {
                (Ok(found), Some(signer)) => !found.signer.is_like(signer),
                (Ok(_), None) => true,
                (Err(_), _) => false,
            };
            if differs {
                self.reloads.order(&format!("the keys of {apex} have changed"));
            }
            let (standing, why) = match (missing, signs) {
                (None, Some(_)) => ("signed", String::new()),
                (None, None) => ("keys found", String::new()),
                (Some(why), Some(_)) => ("signed, keys missing", why),
                (Some(why), None) => ("SERVFAIL", why),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Options, load_text};
    use crate::control::ReloadOrder;
    use crate::dnssec::{Algorithm, Times};
    use crate::geo::Databases;
    use crate::store::write_key;
    use std::path::Path;

    /// A server that signs example.com with the keys of a state directory, as far as its keeper is concerned.
    struct Kept {
        state: tempfile::TempDir,
        keeping: Keeping,
        orders: Receiver<ReloadOrder>,
    }

    fn zone(signing: Signing) -> ZoneSpec {
        let text = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[dnssec]\nenabled = true\n";
        let mut spec = load_text("zone.toml", text, &Options::default()).unwrap().spec;
        ZoneSpec { signing, ..spec.zones.remove(0) }
    }

    fn add(state: &Path, role: Role, times: Times) -> (u16, [PathBuf; 2]) {
        let key = Key::generate(Algorithm::Ed25519, role).unwrap().with_times(times);
        let stem = write_key(&keys_folder(state), &zone(Signing::Off).apex, &key).unwrap();
        (key.tag(), ["key", "private"].map(|extension| PathBuf::from(format!("{}.{extension}", stem.display()))))
    }

    impl Kept {
        fn new(state: tempfile::TempDir) -> Self {
            let (reloads, orders) = Reloads::new();
            let published = Arc::new(Published::new(state_of(zone(Signing::Wanted(Algorithm::Ed25519)))));
            let keeping = Keeping {
                published,
                happened: Events::default(),
                reloads,
                state: Some(state.path().to_owned()),
                saving: Saving::new(None, Arc::default()),
                looked: 0,
                risen: 0,
                told: BTreeMap::new(),
            };
            let mut kept = Self { state, keeping, orders };
            kept.reload(None);
            kept
        }

        /// What a reload makes of the files: the tags of the keys, and the warnings.
        fn reload(&mut self, before: Option<Arc<Snapshot>>) -> (Vec<u16>, Vec<String>) {
            let keyring = Keyring { state: Some(self.state.path().to_owned()), before, updates: None };
            let mut zones = [zone(Signing::Wanted(Algorithm::Ed25519))];
            let warnings = keyring.open(&mut zones);
            let [zone] = zones;
            let keys = zone.signing.signer().map_or(&[][..], |signer| signer.keys());
            let mut tags: Vec<_> = keys.iter().map(|(key, _)| key.tag()).collect();
            tags.sort_unstable();
            self.keeping.published = Arc::new(Published::new(state_of(zone)));
            (tags, warnings)
        }

        fn again(&mut self) -> (Vec<u16>, Vec<String>) {
            let before = Arc::clone(&self.keeping.published.load_full().snapshot);
            self.reload(Some(before))
        }

        /// Looks; gives how the zone stands, whether a reload is ordered, and whether the metric says that keys are missing.
        fn look(&mut self) -> (&'static str, bool, bool) {
            let state = self.keeping.published.load_full();
            self.keeping.look(&state);
            let missing = signers(&state).next().is_some_and(|signer| signer.keys_are_missing());
            (self.keeping.told["example.com."], self.orders.try_recv().is_ok(), missing)
        }
    }

    fn state_of(zone: ZoneSpec) -> State {
        let mut spec = load_text("z", "zone = \"z\"\nns = [\"ns.example.net\"]\n", &Options::default()).unwrap().spec;
        spec.zones = vec![zone];
        State::offline(Arc::new(Snapshot::build(spec, Arc::new(Databases::new(Vec::new()))).unwrap()), &[])
    }

    #[test]
    fn a_key_that_loses_its_files_beside_others_stays_and_is_told() {
        let now = clock::unix_seconds();
        let retired = Times { activated: Some(1), retired: Some(now), ..Times::default() };
        for (role, times) in [(Role::Zone, Times::default()), (Role::Entry, Times::default()), (Role::Zone, retired)] {
            let state = tempfile::tempdir().unwrap();
            let (lost, files) = add(state.path(), role, times);
            let others = [Role::Zone, Role::Entry].map(|role| add(state.path(), role, Times::default()).0);
            let mut all = vec![lost, others[0], others[1]];
            all.sort_unstable();
            let mut kept = Kept::new(state);
            assert_eq!(kept.look(), ("signed", false, false));
            let texts = files.each_ref().map(|file| std::fs::read(file).unwrap());
            files.iter().for_each(|file| std::fs::remove_file(file).unwrap());
            assert_eq!(kept.look(), ("signed, keys missing", false, true), "{role:?}");
            let events = kept.keeping.happened.after(Some(0), usize::MAX);
            assert!(events.iter().any(|event| event.reason.contains(&lost.to_string())), "{events:?}");
            let (tags, warnings) = kept.again();
            assert_eq!(tags, all, "{role:?}");
            assert!(warnings.iter().any(|line| line.contains(&format!("({lost}) are missing"))), "{warnings:?}");
            let (new, _) = add(kept.state.path(), Role::Zone, Times::default());
            assert_eq!(kept.look(), ("signed, keys missing", true, true));
            all.push(new);
            all.sort_unstable();
            assert_eq!(kept.again().0, all, "one that comes meanwhile is taken");
            assert_eq!(kept.look(), ("signed, keys missing", false, true));
            files.iter().zip(texts).for_each(|(file, text)| std::fs::write(file, text).unwrap());
            assert_eq!(kept.look(), ("signed", false, false));
        }
    }

    #[test]
    fn the_files_of_a_key_that_is_out_of_use_may_go() {
        let state = tempfile::tempdir().unwrap();
        let removed = Times { activated: Some(1), removed: Some(clock::unix_seconds()), ..Times::default() };
        let (_, files) = add(state.path(), Role::Entry, removed);
        let (left, _) = add(state.path(), Role::Entry, Times::default());
        let mut kept = Kept::new(state);
        files.iter().for_each(|file| std::fs::remove_file(file).unwrap());
        assert_eq!(kept.look(), ("signed", false, false));
        assert_eq!(kept.again(), (vec![left], Vec::new()));
    }

    #[test]
    fn a_zone_that_starts_without_the_key_that_the_parent_vouches_for_is_locked() {
        let state = tempfile::tempdir().unwrap();
        add(state.path(), Role::Zone, Times::default());
        let mut kept = Kept::new(state);
        assert_eq!(kept.look(), ("SERVFAIL", false, false));
        add(kept.state.path(), Role::Entry, Times::default());
        assert_eq!(kept.look(), ("keys found", true, false));
        assert_eq!(kept.again().0.len(), 2);
    }
}
