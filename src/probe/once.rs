//! One probe now, for people who ask: no schedule, no writer.

use super::method::{Method, Shared};
use super::progress::Phase;
use super::{Ended, Job};
use crate::health::{Load, Outcome};
use std::io;
use std::time::Duration;

/// How a probe went.
#[derive(Debug)]
pub struct Probed {
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in words.
    pub note: Box<str>,
    /// The load that the endpoint reported, if its check asks for one.
    pub load: Option<Load>,
    /// All of its time.
    pub took: Duration,
    /// Its phases in the order in which they began, each with its time.
    pub phases: Vec<(Phase, Duration)>,
}

/// Probes each job once, one after the other, as the prober would.
///
/// # Errors
/// The runtime cannot be made.
pub fn probe_once(jobs: &[Job]) -> io::Result<Vec<Probed>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut shared = Shared::new();
    let mut probed = Vec::with_capacity(jobs.len());
    for job in jobs {
        probed.push(match Method::new(job, &mut shared) {
            Ok(method) => runtime.block_on(one(&method, job)),
            Err(why) => Probed::unready(Ended::fail(why)),
        });
    }
    // A look-up of a host name may still block a helper thread: it is left behind.
    runtime.shutdown_background();
    Ok(probed)
}

async fn one(method: &Method, job: &Job) -> Probed {
    let (Ended { outcome, note, load, .. }, took, progress) = method.run(job).await;
    Probed { outcome, note, load, took, phases: progress.phases(took) }
}

impl Probed {
    fn unready(Ended { outcome, note, .. }: Ended) -> Self {
        Self { outcome, note, load: None, took: Duration::ZERO, phases: Vec::new() }
    }
}
