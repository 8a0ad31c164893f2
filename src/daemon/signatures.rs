//! Signatures outlive a restart: they are read from the state directory when a zone's keys are, and written once in a
//! while and at the end.

use crate::control::Handover;
use crate::dnssec::{Signer, Unbelieved};
use crate::limits::{SIGNATURES_FILE_MAX, SIGNATURES_SAVE_S, SIGNATURES_SAVE_SHARE};
use crate::store::{read_signatures, sweep_signatures, write_signatures};
use crate::wire::Name;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Takes the signatures of the last run back. Gives what is wrong with them, if something is: they are then made anew,
/// and that is all.
pub(super) fn recall(state: &Path, signer: &Signer) -> Option<String> {
    let zone = signer.apex();
    let why = match read_signatures(state, zone) {
        Ok(None) => return None,
        Ok(Some(octets)) => match signer.recall(&octets) {
            Ok(sets) => {
                tracing::info!(%zone, sets, "signatures of the last run hold on");
                return None;
            }
            Err(Unbelieved::OtherKeys) => {
                tracing::info!(%zone, "the signatures of the last run are of other keys: they are made anew");
                return None;
            }
            Err(why) => why.to_string(),
        },
        Err(error) => error.to_string(),
    };
    signer.tell_unbelieved(&why);
    Some(format!("the signatures of {zone} from the last run are not believed and are made anew: {why}"))
}

/// Writes them.
#[derive(Debug)]
pub(super) struct Saving {
    /// The state directory, if it is ours.
    state: Option<PathBuf>,
    /// Who takes over has the directory.
    over: Arc<Handover>,
    /// By zone, how many had been made when they were written last, and when that was.
    saved: HashMap<Name, (u64, u64)>,
    /// The last try failed, and that was said.
    broken: bool,
}

impl Saving {
    pub(super) fn new(state: Option<PathBuf>, over: Arc<Handover>) -> Self {
        Self { state, over, saved: HashMap::new(), broken: false }
    }

    /// Writes those of the zones for which it is time; all that have new ones if it is the end. `now`: seconds since 1970.
    pub(super) fn save<'s>(&mut self, signers: impl Iterator<Item = &'s Arc<Signer>>, now: u64, is_end: bool) {
        let Some(state) = self.state.clone().filter(|_| !self.over.is_under_way()) else { return };
        let signers: Vec<_> = signers.collect();
        self.saved.retain(|zone, _| signers.iter().any(|signer| signer.apex() == zone));
        let mut result = Ok(());
        for signer in &signers {
            let made = signer.made();
            let (before, at) = *self.saved.entry(signer.apex().clone()).or_insert((0, now));
            let (new, known) = (made.saturating_sub(before), signer.len() as u64);
            // A clock that was put back makes it time as well.
            let is_due = is_end || now.abs_diff(at) >= SIGNATURES_SAVE_S || new * SIGNATURES_SAVE_SHARE > known;
            if made != before && is_due {
                match write(&state, signer) {
                    Ok(()) => drop(self.saved.insert(signer.apex().clone(), (made, now))),
                    Err(error) => result = Err(error),
                }
            }
        }
        let zones: Vec<_> = signers.iter().map(|signer| signer.apex().clone()).collect();
        self.say(result.and_then(|()| sweep_signatures(&state, &zones, now)));
    }

    /// Says that they cannot be written, once.
    fn say(&mut self, result: io::Result<()>) {
        if let Err(error) = &result
            && !self.broken
        {
            tracing::warn!("signatures cannot be kept: {error}; a restart has to make them anew");
        }
        self.broken = result.is_err();
    }
}

fn write(state: &Path, signer: &Signer) -> io::Result<()> {
    let zone = signer.apex();
    let sets =
        write_signatures(state, zone, |file| signer.remember(SIGNATURES_FILE_MAX, |piece| file.write_all(piece)))?;
    tracing::debug!(%zone, sets, "signatures are kept");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dnssec::{Algorithm, Key, Role, RrSet};

    const NOW: u64 = 1_800_000_000;

    fn signer() -> Arc<Signer> {
        let key = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
        Arc::new(Signer::new(&Name::parse("example.com").unwrap(), vec![key], NOW))
    }

    fn make(signer: &Signer, numbers: std::ops::Range<u8>) {
        for number in numbers {
            let address = [192, 0, 2, number];
            let rrset = RrSet::new(b"\x01a\x07example\x03com\x00", 1, 60, std::iter::once(&address[..]));
            assert!(signer.seal(&rrset).unwrap().prepare());
        }
    }

    /// How many a server that starts now would find.
    fn found(state: &Path, signer: &Signer) -> Option<usize> {
        let octets = read_signatures(state, signer.apex()).unwrap()?;
        signer.recall(&octets).ok()
    }

    #[test]
    fn signatures_are_written_when_many_are_new_or_some_have_waited_or_at_the_end() {
        let (state, signer) = (tempfile::tempdir().unwrap(), signer());
        let mut saving = Saving::new(Some(state.path().to_owned()), Arc::default());
        let mut save = |now: u64, is_end: bool| {
            saving.save(std::iter::once(&signer), now, is_end);
            found(state.path(), &signer)
        };
        assert_eq!(save(NOW, true), None, "nothing was made");
        make(&signer, 0..100);
        assert_eq!(save(NOW, false), Some(100));
        make(&signer, 100..110);
        assert_eq!(save(NOW + SIGNATURES_SAVE_S - 1, false), Some(100), "they are few, and new");
        assert_eq!(save(NOW + SIGNATURES_SAVE_S, false), Some(110));
        make(&signer, 110..111);
        assert_eq!(save(NOW + SIGNATURES_SAVE_S, true), Some(111));
    }

    #[test]
    fn a_directory_that_is_not_ours_is_left_alone() {
        let (state, signer) = (tempfile::tempdir().unwrap(), signer());
        make(&signer, 0..9);
        let over = Arc::new(Handover::default());
        over.give_way();
        Saving::new(Some(state.path().to_owned()), over).save(std::iter::once(&signer), NOW, true);
        Saving::new(None, Arc::default()).save(std::iter::once(&signer), NOW, true);
        assert_eq!(found(state.path(), &signer), None);
    }

    #[test]
    fn a_full_disk_does_no_harm() {
        let (state, signer) = (tempfile::tempdir().unwrap(), signer());
        std::fs::create_dir(state.path().join("signatures")).unwrap();
        let new = state.path().join("signatures/example.com.signatures.new");
        // The device that is always full stands where the new file is written.
        std::os::unix::fs::symlink("/dev/full", &new).unwrap();
        make(&signer, 0..9);
        let mut saving = Saving::new(Some(state.path().to_owned()), Arc::default());
        saving.save(std::iter::once(&signer), NOW, false);
        assert_eq!((saving.broken, found(state.path(), &signer)), (true, None));
        // What was there is gone: now there is room.
        saving.save(std::iter::once(&signer), NOW + 60, false);
        assert_eq!((saving.broken, found(state.path(), &signer)), (false, Some(9)));
    }
}
