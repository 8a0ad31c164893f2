//! The query log: off unless asked for, sampled, filtered, and off the query path.
//!
//! ```text
//! answer sent ─► Recorder: is it this one's turn? ─► Filter ─► Ring (one a thread; full: dropped and counted)
//!                                                                │
//!                                     file or stderr ◄─ line ◄─ writer thread, behind those that answer
//! ```
//!
//! A query that is not sampled costs a countdown. One that is costs a copy of its reply: all that a line says stands in
//! the reply, so nothing is formatted before the writer's thread has it.

mod digits;
mod filter;
mod line;
mod recorder;
mod reply;
mod ring;
mod writer;

pub use filter::Filter;
pub use recorder::Recorder;
pub use writer::{Log, Recorders, Told};

use std::path::PathBuf;

/// Where lines go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Standard error, between the lines of the log.
    Stderr,
    /// A file; it is appended to, and opened anew at each reload.
    File(PathBuf),
}

/// How a line looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One object.
    Json,
}

/// `[query_log]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Where lines go.
    pub output: Output,
    /// How they look.
    pub format: Format,
    /// The part of the queries that is looked at, above 0 to 1.
    pub sample: f64,
    /// Which of those are written.
    pub filter: Filter,
}

/// Writes to a string, which takes everything.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _never = std::fmt::Write::write_fmt(out, text);
}
