//! The state directory: what must outlive a restart. Small files of JSON, each with the number of its format, keys and
//! signatures; each is written to a file beside it, synced, and put in place by one rename, so that a file is always
//! whole: the old one or the new one. A write that fails leaves the old one.
//!
//! One server at a time: the directory is locked while it is in use.

mod cookies;
mod health;
mod keys;
mod operators;
mod serials;
mod shares;
mod signatures;
mod updates;

pub use cookies::{CookieSecrets, secret};
pub use health::{Moment, Remembered, remember, restored};
pub use keys::{ZoneKeys, export_key, keys_folder, put_key, read_key, read_keys, set_stops, write_key};
pub use operators::Operators;
pub use serials::{read_serials, write_serials};
pub use signatures::{read_signatures, sweep_signatures, write_signatures};
pub use updates::{Unread, Updated, read_updates, set_updates_aside, write_updates};

use crate::limits::STATE_FILE_MAX;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An open state directory.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl Store {
    /// Opens a state directory; makes it if it is missing.
    ///
    /// # Errors
    /// It cannot be made or written to, or another server uses it.
    pub fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(io::ErrorKind::ResourceBusy, "another server uses it")),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The directory.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts a file in place, whole.
    ///
    /// # Errors
    /// Of the system; the file is then as it was before.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        put(&self.folder, name, bytes)
    }

    /// A file's bytes; `None` if there is none.
    ///
    /// # Errors
    /// Of the system, or it is larger than any file of ours.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(STATE_FILE_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > STATE_FILE_MAX {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(Some(bytes))
    }

    /// Moves a file that cannot be read out of the way: it is kept as `NAME.bad`.
    ///
    /// # Errors
    /// Of the system.
    pub fn set_aside(&self, name: &str) -> io::Result<()> {
        fs::rename(self.folder.join(name), self.folder.join(format!("{name}.bad")))
    }
}

/// Puts a file in place in a folder that is ours, whole.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    replace(folder, name, |file| file.write_all(bytes))
}

/// The same for what `fill` writes.
fn replace<T>(folder: &Path, name: &str, fill: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    let beside = folder.join(format!("{name}.new"));
    let written = (|| {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
        let filled = fill(&mut file)?;
        file.sync_all()?;
        fs::rename(&beside, folder.join(name))?;
        // The rename itself is kept by syncing the directory.
        File::open(folder)?.sync_all()?;
        Ok(filled)
    })();
    if written.is_err() {
        // What was written of it is of no use, and may be what filled the disk.
        let _was_not_there = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_failed_write_keeps_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("made/below")).unwrap();
        assert_eq!(store.read("a.json").unwrap(), None);
        store.write("a.json", b"one").unwrap();
        store.write("a.json", b"two").unwrap();
        assert_eq!(store.read("a.json").unwrap().unwrap(), b"two");
        // A folder where the new file would be written: the write fails, as on a full disk.
        fs::create_dir(store.folder().join("a.json.new")).unwrap();
        assert!(store.write("a.json", b"three").is_err());
        assert_eq!(store.read("a.json").unwrap().unwrap(), b"two");
    }

    #[test]
    fn a_write_that_was_cut_off_by_a_crash_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.write("a.json", b"one").unwrap();
        fs::write(store.folder().join("a.json.new"), b"tw").unwrap();
        assert_eq!(store.read("a.json").unwrap().unwrap(), b"one");
        store.write("a.json", b"three").unwrap();
        assert_eq!(store.read("a.json").unwrap().unwrap(), b"three");
    }

    #[test]
    fn a_full_disk_keeps_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.write("a.json", b"one").unwrap();
        // The device that is always full stands where the new file is written.
        std::os::unix::fs::symlink("/dev/full", store.folder().join("a.json.new")).unwrap();
        assert!(store.write("a.json", b"two").is_err());
        assert_eq!(store.read("a.json").unwrap().unwrap(), b"one");
        store.write("a.json", b"three").unwrap();
        assert_eq!(store.read("a.json").unwrap().unwrap(), b"three");
    }

    #[test]
    fn one_server_at_a_time_uses_a_directory() {
        let folder = tempfile::tempdir().unwrap();
        let first = Store::open(folder.path()).unwrap();
        assert_eq!(Store::open(folder.path()).unwrap_err().to_string(), "another server uses it");
        drop(first);
        Store::open(folder.path()).unwrap();
    }
}
