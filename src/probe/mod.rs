//! Probes: executes checks and reports how they ended. It decides nothing: outcomes go to the one writer.
//!
//! ```text
//! adopt(targets) ──► schedule (health) ──► probe ──► Outcome and a note ──► Event::Probed ──► writer
//!                        ▲                   │
//!                        └─ when due again ──┘
//!
//! probe = method: http | grpc | tls | tcp | dns | exec | push
//!         connect → tls → exchange, with progress noted on the way: it has the time of each phase
//! ```
//!
//! The prober has a thread and a runtime of its own, so that a flood on the DNS port does not read as timeouts. A
//! probe that failed for a reason of ours (descriptors, ports or routes ran out, a deadline that fired late)
//! is `Inconclusive`: it never votes.

pub(crate) mod cert;
mod connect;
mod dns;
mod driver;
mod exec;
mod grpc;
mod host;
mod http;
mod method;
mod once;
mod progress;
mod push;
mod reason;
mod stats;
mod tcp;
mod tls;
mod validity;

pub use once::{Probed, probe_once};
pub use progress::Phase;
pub use stats::Stats;
pub(crate) use tls::NoVerification;

use crate::health::{Check, Load, Millis, Outcome, TargetAddress};
use crate::priority;
use crate::restart::{Part, Restarts};
use crate::snapshot::Snapshot;
use crate::writer::Event;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The running prober. Dropping it stops all probes.
#[derive(Debug)]
pub struct Prober {
    orders: Option<UnboundedSender<Order>>,
    stats: Arc<Stats>,
    thread: Option<JoinHandle<()>>,
}

/// One target to probe, in the order of the snapshot's targets.
#[derive(Clone, Debug)]
pub struct Job {
    /// What is probed.
    pub address: TargetAddress,
    /// How.
    pub check: Arc<Check>,
}

/// What the driver is told.
#[derive(Debug)]
struct Order {
    generation: u64,
    jobs: Vec<Job>,
    /// By job: how old the outcome of an earlier run is; may be shorter than the jobs.
    ages: Vec<Option<Millis>>,
}

/// How one probe ended.
#[derive(Debug)]
struct Ended {
    outcome: Outcome,
    /// The reason in words, for people: `200 in 3 ms`, `connection refused`.
    note: Box<str>,
    /// The load that was told; `None` if nobody asked for one, or if there is none to believe.
    load: Option<Load>,
    /// A load was asked for, and there is none to believe.
    load_missed: bool,
}

impl Prober {
    /// Starts the prober's thread. It probes nothing until targets are adopted, and reports each probe as an
    /// [`Event::Probed`]; when the receiver is gone, it stops. The seed sets the phases and the jitter.
    ///
    /// # Errors
    /// The thread or its runtime cannot be made.
    pub fn start(seed: u64, sender: Sender<Event>) -> std::io::Result<Self> {
        Self::start_kept(seed, sender, Restarts::default())
    }

    /// The same; that it was started again after a panic is counted. Its targets are then probed anew, at a capped rate.
    ///
    /// # Errors
    /// As [`Prober::start`].
    pub fn start_kept(seed: u64, sender: Sender<Event>, restarts: Restarts) -> std::io::Result<Self> {
        let (orders, mut received) = unbounded_channel();
        let stats = Arc::new(Stats::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut driver = driver::Driver::new(seed, sender, Arc::clone(&stats));
        let thread = std::thread::Builder::new().name("prober".into()).spawn(move || {
            priority::behind_answers();
            let mut panicked = false;
            restarts.keep(Part::Prober, || {
                if std::mem::replace(&mut panicked, true) {
                    driver.renew(seed);
                }
                runtime.block_on(driver.run(&mut received));
            });
            // A look-up of a host name may still block a helper thread: it is left behind.
            runtime.shutdown_background();
        })?;
        Ok(Self { orders: Some(orders), stats, thread: Some(thread) })
    }

    /// From now on probes this configuration's targets and reports under its generation. Targets with a known
    /// (address, check) keep their phase; new ones are probed at once, at a capped rate; the others are forgotten.
    pub fn adopt(&self, generation: u64, snapshot: &Snapshot) {
        self.adopt_known(generation, snapshot, &[]);
    }

    /// The same for targets of which some have an outcome of an earlier run, so many milliseconds old: those are probed
    /// when they are due.
    pub fn adopt_known(&self, generation: u64, snapshot: &Snapshot, ages: &[Option<Millis>]) {
        let checks: Vec<_> = snapshot.checks.iter().cloned().map(Arc::new).collect();
        let job = |target: &crate::snapshot::Target| Job {
            address: target.address.clone(),
            check: Arc::clone(&checks[target.check.index()]),
        };
        let jobs = snapshot.targets.iter().map(job).collect();
        self.order(Order { generation, jobs, ages: ages.to_vec() });
    }

    /// The same without a snapshot: the target of index `i` is the job of index `i`.
    pub fn adopt_jobs(&self, generation: u64, jobs: Vec<Job>) {
        self.order(Order { generation, jobs, ages: Vec::new() });
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // A driver that has stopped (its receiver of events is gone) needs no orders.
            let _ = orders.send(order);
        }
    }

    /// What it has done since its start.
    #[must_use]
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the driver has been printed by its thread.
            let _ = thread.join();
        }
    }
}

/// The name as the system's resolver takes it: without the final dot, which a hosts file would not match.
fn host_text(name: &crate::wire::Name) -> String {
    name.to_string().trim_end_matches('.').to_owned()
}

/// What an endpoint said, for a note: at most so many characters, and no control characters among them.
fn short(text: &str, most: usize) -> String {
    let plain = |sign: char| if sign.is_control() { ' ' } else { sign };
    let mut out: String = text.chars().take(most).map(plain).collect();
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}

impl Ended {
    fn pass(note: impl Into<Box<str>>) -> Self {
        Self::new(Outcome::Pass, note)
    }

    fn fail(note: impl Into<Box<str>>) -> Self {
        Self::new(Outcome::Fail, note)
    }

    fn inconclusive(note: impl Into<Box<str>>) -> Self {
        Self::new(Outcome::Inconclusive, note)
    }

    fn new(outcome: Outcome, note: impl Into<Box<str>>) -> Self {
        Self { outcome, note: note.into(), load: None, load_missed: false }
    }

    /// The load that the answer told, or why there is none. The outcome stays: a load never votes.
    fn with_load(self, load: Result<Load, String>) -> Self {
        let note = match &load {
            Ok(load) => format!("{}, load {load}", self.note),
            Err(why) => format!("{}, but no load: {why}", self.note),
        };
        Self { note: note.into(), load_missed: load.is_err(), load: load.ok(), ..self }
    }
}

#[cfg(test)]
mod tests;
