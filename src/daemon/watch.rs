//! Files that are watched: when they have changed and are quiet again, they are read again. By looking every now and
//! then, not by being told: that works on every file system, over renames, mounts and symbolic links, and to wait until
//! they are quiet one has to look anyway.

use super::load::Files;
use crate::config;
use crate::health::Millis;
use crate::limits::{WATCH_AGAIN_MS, WATCH_WORK};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What tells one content of a file from another: device, inode, size, times of change of content and of the inode, the
/// latter in seconds first.
type Stamp = [i64; 7];
/// The place of the seconds.
const CHANGED: usize = 5;

/// Files with their stamps; one that is not there has none.
pub(super) type Stamps = BTreeMap<PathBuf, Option<Stamp>>;

/// What has been seen, and what is to be done about it.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    /// The files as they were when they were read last.
    read: Stamps,
    /// As they were at the last look.
    seen: Stamps,
    /// Since when they are like that.
    since: Millis,
    /// When they were read last, if that was refused: a file that was not there may be there now.
    refused: Option<Millis>,
}

impl Watcher {
    /// The files were read: as they were before that. `refused`: they do not serve.
    pub(super) fn read(&mut self, stamps: Stamps, refused: bool, now: Millis) {
        self.seen.clone_from(&stamps);
        self.read = stamps;
        self.refused = refused.then_some(now);
    }

    /// The files look like this now. True if they should be read again: they have changed, and have been quiet for
    /// `debounce`.
    pub(super) fn look(&mut self, stamps: Stamps, now: Millis, debounce: Millis) -> bool {
        if stamps != self.seen {
            self.seen = stamps;
            self.since = now;
            return false;
        }
        let changed = self.seen != self.read && now.saturating_sub(self.since) >= debounce;
        changed || self.refused.is_some_and(|at| now.saturating_sub(at) >= WATCH_AGAIN_MS)
    }
}

/// The files as they were read: those that were known as they were `before` that, and of the others those that were
/// `read` and have not changed since `started`, seconds since 1970. What is left out will be found to have changed.
pub(super) fn as_read(before: &Stamps, now: Stamps, read: &[PathBuf], started: u64) -> Stamps {
    let is_old = |stamp: &Stamp| u64::try_from(stamp[CHANGED]).is_ok_and(|changed| changed < started);
    let mut stamps = before.clone();
    for (path, stamp) in now.into_iter().filter(|(path, _)| read.contains(path)) {
        if !stamps.contains_key(&path) && stamp.as_ref().is_some_and(is_old) {
            stamps.insert(path, stamp);
        }
    }
    stamps
}

/// How long to wait between two looks: a part of the debounce, and long enough that looking is no work.
pub(super) fn pause(debounce: Millis, look: Duration) -> Duration {
    Duration::from_millis(debounce.div_ceil(2)).max(look * WATCH_WORK)
}

/// The stamps of files, and of the zone files and tests that lie in directories now.
pub(super) fn stamps(files: &Files) -> Stamps {
    let mut paths: BTreeSet<PathBuf> = files.read.iter().cloned().collect();
    for folder in files.zones.iter().filter(|path| path.is_dir()) {
        let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        paths.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml")));
    }
    paths.extend(files.zones.iter().filter(|path| !path.is_dir()).cloned());
    paths.extend(config::routing_test_files(&files.zones));
    paths.into_iter().map(|path| (path.clone(), stamp(&path))).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let about = std::fs::metadata(path).ok()?;
    let (device, inode) = (about.dev() as i64, about.ino() as i64);
    let (content, node) = ((about.mtime(), about.mtime_nsec()), (about.ctime(), about.ctime_nsec()));
    Some([device, inode, about.size() as i64, content.0, content.1, node.0, node.1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps_of(size: i64) -> Stamps {
        Stamps::from([(PathBuf::from("a.toml"), (size > 0).then_some([1, 2, size, 0, 0, 0, 0]))])
    }

    #[test]
    fn files_are_read_again_when_they_changed_and_are_quiet() {
        let mut watcher = Watcher::default();
        watcher.read(stamps_of(1), false, 0);
        assert!(!watcher.look(stamps_of(1), 10_000, 500), "nothing has changed");
        assert!(!watcher.look(stamps_of(2), 10_100, 500));
        assert!(!watcher.look(stamps_of(3), 10_500, 500), "still being written");
        assert!(!watcher.look(stamps_of(3), 10_900, 500), "not quiet for long enough");
        assert!(watcher.look(stamps_of(3), 11_000, 500));
        watcher.read(stamps_of(3), false, 11_000);
        assert!(!watcher.look(stamps_of(3), 90_000, 500));
        // Gone and back as it was: nothing to read.
        assert!(!watcher.look(stamps_of(0), 90_100, 500));
        assert!(!watcher.look(stamps_of(3), 90_200, 500));
        assert!(!watcher.look(stamps_of(3), 99_000, 500));
    }

    #[test]
    fn what_was_refused_is_tried_again_when_it_changes_and_every_now_and_then() {
        let mut watcher = Watcher::default();
        watcher.read(stamps_of(1), true, 1_000);
        assert!(!watcher.look(stamps_of(1), 1_000 + WATCH_AGAIN_MS - 1, 500));
        assert!(watcher.look(stamps_of(1), 1_000 + WATCH_AGAIN_MS, 500));
        watcher.read(stamps_of(1), false, 1_000 + WATCH_AGAIN_MS);
        assert!(!watcher.look(stamps_of(1), 1_000_000, 500), "it serves now");
    }

    #[test]
    fn a_file_that_came_or_changed_while_others_were_read_is_found_to_have_changed() {
        let path = |name: &str| PathBuf::from(name);
        let stamp = |size, changed| Some([1, 2, size, 0, 0, changed, 0]);
        let before = Stamps::from([(path("a.toml"), stamp(1, 50))]);
        let mut now = Stamps::from([(path("a.toml"), stamp(2, 100)), (path("b.toml"), stamp(1, 100))]);
        now.extend([(path("old.zone"), stamp(1, 99)), (path("new.zone"), stamp(1, 100)), (path("gone.zone"), None)]);
        let read = ["a.toml", "old.zone", "new.zone", "gone.zone"].map(path);
        let stamps = as_read(&before, now, &read, 100);
        assert_eq!(stamps, Stamps::from([(path("a.toml"), stamp(1, 50)), (path("old.zone"), stamp(1, 99))]));
    }

    #[test]
    fn looking_takes_a_small_part_of_the_time_only() {
        assert_eq!(pause(500, Duration::from_millis(1)), Duration::from_millis(250));
        assert_eq!(pause(500, Duration::from_millis(100)), Duration::from_millis(100) * WATCH_WORK);
    }

    #[test]
    fn a_new_a_changed_and_a_vanished_file_of_a_directory_are_seen_and_others_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("a.toml"), "a").expect("written");
        let files = Files { read: vec![file("a.toml"), file("a.zone")], zones: vec![folder.path().to_owned()] };
        let first = stamps(&files);
        assert_eq!(first.len(), 2);
        std::fs::write(file(".a.toml.swp"), "x").expect("written");
        assert_eq!(stamps(&files), first);
        std::fs::write(file("b.toml"), "b").expect("written");
        let second = stamps(&files);
        assert_ne!(second, first);
        // Replaced by a rename, as editors do, with the same size.
        std::fs::write(file("new"), "c").expect("written");
        std::fs::rename(file("new"), file("b.toml")).expect("renamed");
        assert_ne!(stamps(&files), second);
        std::fs::remove_file(file("b.toml")).expect("removed");
        assert_eq!(stamps(&files), first);
        std::fs::write(file("a.zone"), "").expect("written");
        assert_ne!(stamps(&files), first);
    }
}
