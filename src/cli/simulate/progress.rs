//! Progress of long work, on a terminal's last line; nothing anywhere else.

use std::cell::Cell;
use std::io::{IsTerminal, Write};

/// Says how far the work is.
pub(in crate::cli) struct Progress {
    shown: bool,
    percent: Cell<u8>,
}

impl Progress {
    /// On stderr if that is a terminal, and stdout is not read by a program that mixes both.
    pub(in crate::cli) fn new() -> Self {
        Self { shown: std::io::stderr().is_terminal(), percent: Cell::new(u8::MAX) }
    }

    /// What is done now.
    pub(in crate::cli) fn say(&self, what: &str) {
        if self.shown {
            eprint!("\r\x1b[K{what} …");
            let _ = std::io::stderr().flush();
        }
    }

    /// The part that is done, 0 to 1.
    pub(in crate::cli) fn part(&self, part: f64) {
        let percent = (part * 100.0) as u8;
        if self.percent.replace(percent) != percent {
            self.say(&format!("asking for every network: {percent} %"));
        }
    }

    /// Clears the line.
    pub(in crate::cli) fn clear(&self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}
