//! A state that somebody writes into a file: `up` or `down`, and why. A file that is too old is a failure, for who
//! writes it may be dead.

mod file;

use super::progress::{Phase, Progress};
use super::{Ended, host_text, short};
use crate::clock;
use crate::health::{PushCheck, TargetAddress};
use crate::limits::{PROBE_NOTE_PART, PUSH_READER_PATIENCE_MS, PUSH_READERS};
use file::{Disk, Pushed};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The threads that read files. A few that are busy cost those who answer far less than many that are woken in turn;
/// but where a disk hangs, they hang with it, and others take their place.
#[derive(Clone, Debug)]
pub(super) struct Readers(Arc<Semaphore>);

impl Readers {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(PUSH_READERS)))
    }

    /// One of the few; none if all of them are at work for long, and another must do it.
    async fn one(&self) -> Option<OwnedSemaphorePermit> {
        let patience = Duration::from_millis(PUSH_READER_PATIENCE_MS);
        timeout(patience, Arc::clone(&self.0).acquire_owned()).await.ok()?.ok()
    }
}

/// What is kept of a target from one probe to the next.
#[derive(Debug)]
pub(super) struct PushProbe {
    readers: Readers,
    /// The disk on which its file was last, where reading from memory cannot wait; 0 before, and for all others.
    disk: AtomicU64,
}

impl PushProbe {
    pub(super) fn new(readers: &Readers) -> Self {
        Self { readers: readers.clone(), disk: AtomicU64::new(0) }
    }

    /// Reads the file once.
    pub(super) async fn probe(&self, check: &PushCheck, address: &TargetAddress, progress: &Progress) -> Ended {
        progress.enter(Phase::File);
        let address = match address {
            TargetAddress::Ip(ip) => ip.to_string(),
            TargetAddress::Host(name) => host_text(name),
        };
        if address.contains('/') {
            return Ended::inconclusive("the host name cannot stand in a path");
        }
        let path = check.file.replace("{address}", &address);
        let now = clock::unix_seconds();
        match self.read(path).await {
            Some(Ok(pushed)) => judge(&pushed.text, now.saturating_sub(pushed.modified), check.expires.into()),
            Some(Err(error)) if error.kind() == ErrorKind::NotFound => Ended::fail("no state was pushed: no such file"),
            Some(Err(error)) => Ended::inconclusive(format!("the file cannot be read: {error}")),
            None => Ended::inconclusive("the prober stops"),
        }
    }

    /// What is in memory is read at once; for all else a thread waits, since a disk may be slow.
    async fn read(&self, path: String) -> Option<io::Result<Pushed>> {
        let disk = self.disk.load(Ordering::Relaxed);
        if let Some(pushed) = Disk::new(disk).and_then(|disk| file::read_from_memory(&path, disk)) {
            return Some(Ok(pushed));
        }
        let reader = self.readers.one().await;
        let work = move || {
            let read = file::read(&path);
            drop(reader);
            read
        };
        let read = tokio::task::spawn_blocking(work).await.ok()?;
        let disk = read.as_ref().ok().and_then(|(_, disk)| *disk);
        self.disk.store(disk.map_or(0, Disk::number), Ordering::Relaxed);
        Some(read.map(|(pushed, _)| pushed))
    }
}

fn judge(text: &str, age: u64, expires: u64) -> Ended {
    let line = text.lines().next().unwrap_or("").trim();
    let (state, why) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let why = if why.trim().is_empty() { String::new() } else { format!(": {}", short(why.trim(), PROBE_NOTE_PART)) };
    if age > expires {
        return Ended::fail(format!("the pushed state is {age} s old, and expires after {expires} s"));
    }
    match state {
        "up" => Ended::pass(format!("pushed up {age} s ago{why}")),
        "down" => Ended::fail(format!("pushed down {age} s ago{why}")),
        _ => Ended::fail("the file says neither up nor down"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Outcome;

    #[test]
    fn only_a_fresh_up_passes() {
        for (text, age, outcome, note) in [
            ("up\n", 3, Outcome::Pass, "pushed up 3 s ago"),
            ("up  load 0.3 \nmore", 60, Outcome::Pass, "pushed up 60 s ago: load 0.3"),
            ("up", 61, Outcome::Fail, "the pushed state is 61 s old, and expires after 60 s"),
            ("down deploy\n", 0, Outcome::Fail, "pushed down 0 s ago: deploy"),
            ("", 0, Outcome::Fail, "the file says neither up nor down"),
            ("UP", 0, Outcome::Fail, "the file says neither up nor down"),
        ] {
            let ended = judge(text, age, 60);
            assert_eq!((ended.outcome, &*ended.note), (outcome, note));
        }
    }
}
