//! The thread that writes lines.

use super::line::Lines;
use super::recorder::Recorder;
use super::ring::{Entry, Ring};
use super::{Filter, Output, Settings};
use crate::faults;
use crate::limits::{QUERY_LOG_BATCH, QUERY_LOG_PAUSE_MS};
use crate::priority;
use crate::publish::Published;
use crate::restart::{Part, Restarts};
use crate::snapshot::Counted;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

/// Configurations whose words lines may still need.
const KNOWN: usize = 4;

/// The running log. Dropping it writes what is left, and ends it.
#[derive(Debug)]
pub struct Log {
    settings: Settings,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    rings: Mutex<Vec<Arc<Ring>>>,
    /// The thread, to be woken when a ring fills.
    writer: Arc<OnceLock<Thread>>,
    reopen: AtomicBool,
    stop: AtomicBool,
    written: AtomicU64,
    failed: AtomicU64,
}

/// What became of entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// Lines written.
    pub written: u64,
    /// Entries for which there was no room in a ring.
    pub dropped: u64,
    /// Lines that could not be written.
    pub failed: u64,
}

impl Log {
    /// Opens the output and starts the thread.
    ///
    /// # Errors
    /// The file cannot be opened, or there are no more threads.
    pub fn start(settings: Settings, published: Arc<Published>, restarts: &Restarts) -> io::Result<Self> {
        let restarts = restarts.clone();
        let shared = Arc::<Shared>::default();
        let sink = Sink::open(&settings.output)?;
        let (of_thread, format) = (Arc::clone(&shared), settings.format);
        let output = settings.output.clone();
        let work = move || {
            priority::behind_answers();
            let known = Vec::new();
            let mut writing = Writing { shared: of_thread, published, output, sink: Some(sink), known, broken: false };
            restarts.keep(Part::QueryLog, || writing.run(format));
        };
        let thread = thread::Builder::new().name("query-log".into()).spawn(work)?;
        let _once = shared.writer.set(thread.thread().clone());
        Ok(Self { settings, shared, thread: Some(thread) })
    }

    /// What threads that answer get their recorders from.
    #[must_use]
    pub fn recorders(&self) -> Recorders {
        let Settings { sample, filter, .. } = &self.settings;
        Recorders { sample: *sample, filter: Arc::new(filter.clone()), shared: Arc::clone(&self.shared) }
    }

    /// What it was started with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Opens the file anew before the next line: what was there was moved away.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
    }
}

/// What threads that answer get their recorders from.
#[derive(Clone, Debug)]
pub struct Recorders {
    sample: f64,
    filter: Arc<Filter>,
    shared: Arc<Shared>,
}

impl Recorders {
    /// The recorder of one more thread.
    #[must_use]
    pub fn recorder(&self, seed: u64) -> Recorder {
        let ring = Arc::new(Ring::new());
        self.shared.rings.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&ring));
        Recorder::new(self.sample, Arc::clone(&self.filter), (ring, Arc::clone(&self.shared.writer)), seed)
    }

    /// What became of entries.
    #[must_use]
    pub fn told(&self) -> Told {
        Told {
            written: self.shared.written.load(Ordering::Relaxed),
            dropped: self.shared.rings().iter().map(|ring| ring.dropped()).sum(),
            failed: self.shared.failed.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there has been reported by the hook.
            let _panicked = thread.join();
        }
    }
}

impl Shared {
    fn rings(&self) -> Vec<Arc<Ring>> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Where lines go.
#[derive(Debug)]
enum Sink {
    Stderr,
    File(File),
}

impl Sink {
    fn open(output: &Output) -> io::Result<Self> {
        match output {
            Output::Stderr => Ok(Self::Stderr),
            // Who asks for what is personal data: a new file is not for everybody.
            Output::File(path) => Ok(Self::File(OpenOptions::new().append(true).create(true).mode(0o640).open(path)?)),
        }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Stderr => io::stderr().lock().write_all(lines),
            Self::File(file) => file.write_all(lines),
        }
    }
}

/// The thread's own.
struct Writing {
    shared: Arc<Shared>,
    published: Arc<Published>,
    output: Output,
    /// None after a failure, until it can be opened again.
    sink: Option<Sink>,
    /// The last configurations, the newest last.
    known: Vec<(u64, Arc<Counted>)>,
    broken: bool,
}

impl Writing {
    fn run(&mut self, format: super::Format) {
        let (mut lines, mut writer) = (String::new(), Lines::new(format));
        loop {
            faults::here(Part::QueryLog);
            let stops = self.shared.stop.load(Ordering::Acquire);
            if self.shared.reopen.swap(false, Ordering::AcqRel) {
                self.sink = None;
            }
            self.meet();
            let mut count = 0;
            for ring in self.shared.rings() {
                let known = &self.known;
                let mut put = |entry: &Entry<'_>| {
                    let counted = known.iter().find(|known| known.0 == entry.generation);
                    writer.write(entry, counted.map(|known| &*known.1), &mut lines);
                };
                let taken = (0..QUERY_LOG_BATCH).take_while(|_| ring.take(&mut put)).count();
                count += taken as u64;
            }
            if count > 0 {
                self.write(&lines, count);
                lines.clear();
            } else if stops {
                return;
            } else {
                thread::park_timeout(Duration::from_millis(QUERY_LOG_PAUSE_MS));
            }
        }
    }

    /// Learns the words of the configuration that serves.
    fn meet(&mut self) {
        let state = self.published.load();
        if self.known.last().is_none_or(|known| known.0 != state.generation) {
            if self.known.len() == KNOWN {
                self.known.remove(0);
            }
            self.known.push((state.generation, Arc::clone(&state.snapshot.counted)));
        }
    }

    fn write(&mut self, lines: &str, count: u64) {
        let sink = match self.sink.take() {
            Some(sink) => Ok(sink),
            None => Sink::open(&self.output),
        };
        let written = sink.and_then(|mut sink| sink.write(lines.as_bytes()).map(|()| sink));
        match written {
            Ok(sink) => {
                self.sink = Some(sink);
                self.shared.written.fetch_add(count, Ordering::Relaxed);
                if std::mem::take(&mut self.broken) {
                    tracing::info!("the query log is written again");
                }
            }
            Err(error) => {
                self.shared.failed.fetch_add(count, Ordering::Relaxed);
                if !std::mem::replace(&mut self.broken, true) {
                    tracing::error!("the query log cannot be written, its lines are lost and counted: {error}");
                }
            }
        }
    }
}
