//! Reading a small file, with and without waiting for a disk.

use crate::limits::PUSH_FILE_MAX;
use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroU64;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

/// What stood in a file.
#[derive(Debug)]
pub(super) struct Pushed {
    pub(super) text: String,
    /// When the file was last changed, seconds since 1970.
    pub(super) modified: u64,
    device: u64,
}

/// A disk of this machine, or its memory: what the kernel holds of it is read without waiting for anybody. A file
/// system on the network may ask its server even for what it holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Disk(NonZeroU64);

impl Disk {
    pub(super) fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    pub(super) fn number(self) -> u64 {
        self.0.get()
    }
}

/// Reads the file, however long its disk takes, and says which disk it is on, if that is one of this machine.
pub(super) fn read(path: &str) -> io::Result<(Pushed, Option<Disk>)> {
    // Opening a pipe would wait for its writer.
    let file = File::options().read(true).custom_flags(without_waiting()).open(path)?;
    // A file is put in place whole: one read gets all of it.
    let pushed = take(&file, |text| (&file).read(text))?;
    let disk = if system::is_local(&file) { Disk::new(pushed.device) } else { None };
    Ok((pushed, disk))
}

fn without_waiting() -> i32 {
    rustix::fs::OFlags::NONBLOCK.bits().cast_signed()
}

fn take(file: &File, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<Pushed> {
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    let mut text = [0; PUSH_FILE_MAX];
    let length = read(&mut text)?;
    let text = String::from_utf8_lossy(&text[..length]).into_owned();
    Ok(Pushed { text, modified: about.mtime().try_into().unwrap_or(0), device: about.dev() })
}

pub(super) use system::read_from_memory;

#[cfg(target_os = "linux")]
mod system {
    use super::{Disk, Pushed, take};
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstatfs, openat2};
    use rustix::io::{ReadWriteFlags, preadv2};
    use std::fs::File;
    use std::io::IoSliceMut;

    /// File systems that ask nobody else (`statfs(2)`): ext2 to ext4, XFS, Btrfs, tmpfs, overlayfs, F2FS, ramfs.
    const LOCAL: [i128; 7] = [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0xF2F5_2010, 0x8584_58F6];

    pub(super) fn is_local(file: &File) -> bool {
        fstatfs(file).is_ok_and(|about| LOCAL.contains(&(i128::from(about.f_type) & 0xFFFF_FFFF)))
    }

    /// Reads the file if the kernel holds its path and its text in memory, and if it is still on that disk; else none.
    pub(in super::super) fn read_from_memory(path: &str, disk: Disk) -> Option<Pushed> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        // Whatever the matter is: a thread finds it out.
        let file = File::from(openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok()?);
        let read = |text: &mut [u8]| Ok(preadv2(&file, &mut [IoSliceMut::new(text)], 0, ReadWriteFlags::NOWAIT)?);
        take(&file, read).ok().filter(|pushed| pushed.device == disk.number())
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Disk, Pushed};
    use std::fs::File;

    pub(super) fn is_local(_: &File) -> bool {
        false
    }

    pub(in super::super) fn read_from_memory(_: &str, _: Disk) -> Option<Pushed> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_just_written_is_read_without_waiting_and_alike() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        std::fs::write(&path, "up fine").unwrap();
        let path = path.to_str().unwrap();
        let (slowly, disk) = read(path).unwrap();
        assert_eq!(slowly.text, "up fine");
        // Where the scratch directory is on another kind of file system there is nothing to compare.
        let Some(disk) = disk else { return };
        let at_once = read_from_memory(path, disk).unwrap();
        assert_eq!((at_once.text, at_once.modified), (slowly.text, slowly.modified));
        let another = Disk::new(disk.number() + 1).unwrap();
        assert!(read_from_memory(path, another).is_none(), "what is mounted there has changed");
    }

    #[test]
    fn what_is_no_plain_file_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let error = read(directory.path().to_str().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "not a plain file");
    }
}
