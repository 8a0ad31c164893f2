//! The program's log: lines on stderr, as text or JSON. Once it serves, a thread of its own writes them ([`lines`]), so
//! that whoever reads them, or has stopped to, makes nobody wait: neither health nor answers.

mod lines;

use lines::Lines;
use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing_subscriber::EnvFilter;

/// The lines of the process, as its log is.
static LINES: OnceLock<Lines> = OnceLock::new();

/// The log is on. Dropped at the program's end: what waits is written then.
#[must_use = "what waits is written when it is dropped"]
#[derive(Debug)]
pub struct Log(());

/// Starts it: `GEOSTEER_LOG` says how much is told (as `info`, or `geosteer=debug`). Panics become log lines too, the
/// more rarely the more of them there are: strangers must not fill the disk.
pub fn start(json: bool) -> Log {
    let filter = EnvFilter::try_from_env("GEOSTEER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = LINES.get_or_init(|| Lines::new(io::stderr()));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines).with_target(false);
    // A second log in one process (tests) is not an error: the first one stays.
    let _already = if json { log.json().try_init() } else { log.with_ansi(io::stderr().is_terminal()).try_init() };
    std::panic::set_hook(Box::new(|panic| {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            let thread = std::thread::current();
            tracing::error!(count, thread = thread.name().unwrap_or("?"), "{panic}");
        }
    }));
    Log(())
}

impl Log {
    /// From now on a thread writes the lines: to be called when the process has given up its rights, for the thread
    /// keeps those that it begins with.
    pub fn in_a_thread(&self) {
        LINES.get().into_iter().for_each(Lines::start_thread);
    }
}

/// Lines that found no room since the start; `None` if the log is not on.
#[must_use]
pub fn lost() -> Option<u64> {
    LINES.get().map(Lines::lost)
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(lines) = LINES.get() {
            lines.write_what_waits();
        }
    }
}
