//! A state that somebody writes into a file: `up` or `down`, and why. A file that is too old is a failure, for who
//! writes it may be dead.

use super::progress::{Phase, Progress};
use super::{Ended, host_text, short};
use crate::clock;
use crate::health::{Millis, PushCheck, TargetAddress};
use crate::limits::{PROBE_NOTE_PART, PUSH_FILE_MAX};
use std::fs::{self, metadata};
use std::io::{self, ErrorKind, Read};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

/// What was seen of a file: when it was written as the file says, how old it was then, and when that was. Its age goes on
/// by the clock that does not jump.
#[derive(Debug, Default)]
pub(super) struct File(Mutex<Option<(u64, u64, Millis)>>);

impl File {
    /// The age of a file that was written at `modified`, seconds; `wall` and `now` are the moment in both clocks.
    fn age(&self, modified: u64, wall: u64, now: Millis) -> u64 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at_first, first) = match *seen {
            Some((of, at_first, first)) if of == modified => (at_first, first),
            // Written since the last probe, whatever the clocks say.
            Some((_, _, last)) => (wall.saturating_sub(modified).min(now.saturating_sub(last) / 1_000), now),
            None => (wall.saturating_sub(modified), now),
        };
        *seen = Some((modified, at_first, first));
        at_first + now.saturating_sub(first) / 1_000
    }
}

/// Reads the file once.
pub(super) async fn probe(check: &PushCheck, file: &File, address: &TargetAddress, progress: &Progress) -> Ended {
    progress.enter(Phase::File);
    let address = match address {
        TargetAddress::Ip(ip) => ip.to_string(),
        TargetAddress::Host(name) => host_text(name),
    };
    if address.contains('/') {
        return Ended::inconclusive("the host name cannot stand in a path");
    }
    let path = check.file.replace("{address}", &address);
    let (wall, now) = (clock::unix_seconds(), clock::millis());
    // A disk may be slow.
    match tokio::task::spawn_blocking(move || read(&path)).await {
        Ok(Ok((text, modified))) => judge(&text, file.age(modified, wall, now), check.expires.into()),
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Ended::fail("no state was pushed: no such file"),
        Ok(Err(error)) => Ended::inconclusive(format!("the file cannot be read: {error}")),
        Err(_) => Ended::inconclusive("the prober stops"),
    }
}

/// The text and the time of its last change, seconds since 1970.
fn read(path: &str) -> io::Result<(String, u64)> {
    // Opening a pipe would wait for its writer.
    if !metadata(path)?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    let file = fs::File::open(path)?;
    let modified = file.metadata()?.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut text = Vec::new();
    file.take(PUSH_FILE_MAX as u64).read_to_end(&mut text)?;
    Ok((String::from_utf8_lossy(&text).into_owned(), modified))
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
    fn a_file_ages_by_the_clock_that_does_not_jump() {
        let file = File::default();
        assert_eq!(file.age(100, 130, 5_000), 30, "as old as the wall clock says, at first");
        assert_eq!(file.age(100, 141, 15_000), 40);
        assert_eq!(file.age(100, 3_741, 16_000), 41, "an hour forward");
        assert_eq!(file.age(100, 90, 17_000), 42, "and back");
        assert_eq!(file.age(3_700, 3_745, 20_000), 15, "written since; no older than the last sight of the one before");
        assert_eq!(file.age(3_700, 400_000_000, 21_000), 16);
        assert_eq!(file.age(400_000_000, 400_000_001, 22_000), 1);
    }

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
