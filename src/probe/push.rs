//! A state that somebody writes into a file: `up` or `down`, and why. A file that is too old is a failure, for who
//! writes it may be dead.

use super::progress::{Phase, Progress};
use super::{Ended, host_text, short};
use crate::clock;
use crate::health::{PushCheck, TargetAddress};
use crate::limits::{PROBE_NOTE_PART, PUSH_FILE_MAX};
use std::fs::{File, metadata};
use std::io::{self, ErrorKind, Read};
use std::time::UNIX_EPOCH;

/// Reads the file once.
pub(super) async fn probe(check: &PushCheck, address: &TargetAddress, progress: &Progress) -> Ended {
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
    // A disk may be slow.
    match tokio::task::spawn_blocking(move || read(&path)).await {
        Ok(Ok((text, modified))) => judge(&text, now.saturating_sub(modified), check.expires.into()),
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
    let file = File::open(path)?;
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
