//! Lines on their way out. Who logs appends to a buffer; a thread takes all that is in it once a beat.
//!
//! One write for many lines, and one waking a beat: ten thousand endpoints that change in a second are as many lines,
//! and a thread woken for each would take the processors from those who answer.

use crate::limits::{LOG_BEAT_MS, LOG_LAST_MS, LOG_WAITING_MAX};
use crate::priority;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// The way in.
#[derive(Clone, Debug)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    text: Vec<u8>,
    /// The thread writes what it took before.
    writing: bool,
    /// Somebody waits for all to be written.
    hurry: bool,
}

impl Lines {
    /// Starts the thread that writes to `out`. Without one (the system has none to give) lines wait in vain and are
    /// lost: no reason not to answer.
    pub(super) fn start(out: impl Write + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let lines = Self(Arc::clone(&shared));
        let _nobody_writes = thread::Builder::new().name("log".into()).spawn(move || {
            priority::behind_answers();
            shared.run(out);
        });
        lines
    }

    /// Lines that found no room.
    pub(super) fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Returns when everything is written, or after a while if nobody takes it.
    pub(super) fn write_what_waits(&self) {
        let mut waiting = self.0.lock();
        waiting.hurry = true;
        self.0.changed.notify_all();
        let limit = Duration::from_millis(LOG_LAST_MS);
        let busy = |waiting: &mut Waiting| waiting.writing || !waiting.text.is_empty();
        let _in_time = self.0.changed.wait_timeout_while(waiting, limit, busy);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.text.len() + line.len() > LOG_WAITING_MAX {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let first = waiting.text.is_empty();
        waiting.text.extend_from_slice(line);
        drop(waiting);
        if first {
            self.changed.notify_all();
        }
    }

    fn run(&self, mut out: impl Write) {
        let mut text = Vec::new();
        loop {
            let idle = |waiting: &mut Waiting| waiting.text.is_empty();
            let mut waiting = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut waiting.text, &mut text);
            waiting.writing = true;
            drop(waiting);
            // Nobody is left who could be told.
            let _closed = out.write_all(&text).and_then(|()| out.flush());
            text.clear();
            let mut waiting = self.lock();
            waiting.writing = false;
            self.changed.notify_all();
            let beat = Duration::from_millis(LOG_BEAT_MS);
            drop(self.changed.wait_timeout_while(waiting, beat, |waiting| !waiting.hurry));
        }
    }
}

impl<'lines> MakeWriter<'lines> for &'static Lines {
    type Writer = Line<'lines>;

    fn make_writer(&'lines self) -> Self::Writer {
        Line(&self.0)
    }
}

/// One line's way in; it is written in one piece.
pub(super) struct Line<'lines>(&'lines Shared);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.append(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Tells what is written, and waits for leave after each write.
    struct Slow(Sender<Vec<u8>>, Receiver<()>);

    impl Write for Slow {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let _gone = self.0.send(text.to_vec());
            let _gone = self.1.recv();
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_wait_while_their_reader_does_nothing_and_what_finds_no_room_is_counted() {
        let ((told, said), (leave, awaited)) = (channel(), channel());
        let lines = Lines::start(Slow(told, awaited));
        lines.0.append(b"first\n");
        assert_eq!(said.recv().unwrap(), b"first\n", "a line that comes alone is written at once");
        let line = [b'x'; 1 << 20];
        (0..6).for_each(|_| lines.0.append(&line));
        assert_eq!(lines.lost(), 2);
        drop(leave);
        assert_eq!(said.recv().unwrap().len(), 4 << 20, "all that waited is written in one piece");
        lines.write_what_waits();
        lines.0.append(b"last\n");
        lines.write_what_waits();
        assert_eq!(said.recv().unwrap(), b"last\n");
    }
}
