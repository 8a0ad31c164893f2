//! Lines on their way out. Until there is a thread for it, who logs writes; then who logs appends to a buffer, and the
//! thread takes all that is in it once a beat.
//!
//! One write for many lines, and one waking a beat: ten thousand endpoints that change in a second are as many lines,
//! and a thread woken for each would take the processors from those who answer.

use crate::limits::{LOG_BEAT_MS, LOG_LAST_MS, LOG_WAITING_MAX};
use crate::priority;
use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// The way in.
#[derive(Clone, Debug)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    lost: AtomicU64,
}

struct Waiting {
    /// Where lines go, while no thread has it.
    out: Option<Box<dyn Write + Send>>,
    text: Vec<u8>,
    /// The thread writes what it took before.
    writing: bool,
    /// Somebody waits for all to be written.
    hurry: bool,
}

impl Lines {
    /// Whose lines go to `out`.
    pub(super) fn new(out: impl Write + Send + 'static) -> Self {
        let waiting = Waiting { out: Some(Box::new(out)), text: Vec::new(), writing: false, hurry: false };
        Self(Arc::new(Shared { waiting: Mutex::new(waiting), changed: Condvar::new(), lost: AtomicU64::new(0) }))
    }

    /// From now on a thread writes. If the system has none to give, who logs goes on writing.
    pub(super) fn start_thread(&self) {
        let shared = Arc::clone(&self.0);
        let _who_logs_writes = thread::Builder::new().name("log".into()).spawn(move || {
            priority::behind_answers();
            let out = shared.lock().out.take();
            out.into_iter().for_each(|out| shared.run(out));
        });
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
        if let Some(out) = &mut waiting.out {
            // Nobody is left who could be told.
            let _closed = out.write_all(line);
            return;
        }
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

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("text", &self.text.len()).finish_non_exhaustive()
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
        let lines = Lines::new(Slow(told, awaited));
        leave.send(()).unwrap();
        lines.0.append(b"early\n");
        assert_eq!(said.try_recv().unwrap(), b"early\n", "without a thread a line is written by who logs");
        lines.start_thread();
        while lines.0.lock().out.is_some() {
            thread::yield_now();
        }
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
