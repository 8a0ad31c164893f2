//! The log of a server that a test has started: lines are waited for, and never for ever.

use geosteer::clock;
use std::io::{BufRead, BufReader};
use std::process::ChildStderr;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a line is waited for. Only a line that never comes waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server writes, line by line.
pub struct Log(Receiver<String>);

impl Log {
    /// Reads from here on; the server never waits for its reader.
    pub fn of(output: ChildStderr) -> Self {
        let (lines, log) = channel();
        std::thread::spawn(move || {
            let alive = |line: Result<String, _>| line.is_ok_and(|line| lines.send(line).is_ok());
            BufReader::new(output).lines().all(alive)
        });
        Self(log)
    }

    /// The next line that has all of these; those before it are passed over.
    ///
    /// # Panics
    /// When the log ends or nothing comes for too long: with the lines that came instead.
    pub fn line(&self, words: &[&str]) -> String {
        let (until, mut all) = (clock::instant() + PATIENCE, String::new());
        while let Ok(line) = self.0.recv_timeout(until.saturating_duration_since(clock::instant())) {
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
            all.extend([line.as_str(), "\n"]);
        }
        panic!("no line with {words:?} in the log:\n{all}");
    }
}
