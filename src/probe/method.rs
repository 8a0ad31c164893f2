//! How a target is probed: made ready at its first probe, then run again and again.

use super::connect::Way;
use super::dns::DnsProbe;
use super::exec::{self, Places};
use super::grpc::GrpcProbe;
use super::http::HttpProbe;
use super::progress::Progress;
use super::push::{PushProbe, Readers};
use super::tls::{TlsConfigs, TlsProbe};
use super::{Ended, Job, tcp};
use crate::clock;
use crate::health::{CheckKind, Outcome};
use std::time::Duration;

/// Slices of a deadline: each shows whether our own loop lagged in it.
const DEADLINE_SLICES: u32 = 4;

/// What is made ready once for a target.
pub(super) enum Method {
    Tcp(Way),
    Tls(Box<TlsProbe>),
    Http(Box<HttpProbe>),
    Grpc(Box<GrpcProbe>),
    Dns(Box<DnsProbe>),
    Exec(Places),
    Push(PushProbe),
    /// Nothing is to be made ready.
    Bare,
}

/// What all targets share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) tls: TlsConfigs,
    pub(super) places: Places,
    readers: Readers,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self::with(TlsConfigs::new())
    }

    pub(super) fn with(tls: TlsConfigs) -> Self {
        Self { tls, places: Places::new(), readers: Readers::new() }
    }
}

impl Method {
    /// Makes ready.
    ///
    /// # Errors
    /// The check cannot be carried out; in words.
    pub(super) fn new(job: &Job, shared: &mut Shared) -> Result<Self, Box<str>> {
        let (address, tls) = (&job.address, &mut shared.tls);
        Ok(match &job.check.kind {
            CheckKind::Tcp { port, source, .. } => Self::Tcp(Way::new(address, *port, *source)),
            CheckKind::Tls(check) => Self::Tls(Box::new(TlsProbe::new(check, address, tls)?)),
            CheckKind::Http(check) => Self::Http(Box::new(HttpProbe::new(check, address, tls)?)),
            CheckKind::Grpc(check) => Self::Grpc(Box::new(GrpcProbe::new(check, address, tls)?)),
            CheckKind::Dns(check) => Self::Dns(Box::new(DnsProbe::new(check, address)?)),
            CheckKind::Exec(_) => Self::Exec(shared.places.clone()),
            CheckKind::Push(_) => Self::Push(PushProbe::new(&shared.readers)),
            CheckKind::None => Self::Bare,
        })
    }

    /// Runs one probe against its deadline; says how it ended, how long it took and how far it came.
    pub(super) async fn run(&self, job: &Job) -> (Ended, Duration, Progress) {
        // Waiting for a place is our own affair: the probe's time begins when it has one.
        let _place = match self {
            Self::Exec(places) => places.clone().take().await,
            _ => None,
        };
        let progress = Progress::new(clock::instant());
        let ended = self.in_time(job, &progress).await;
        (ended, progress.elapsed(), progress)
    }

    /// The same for the writer: how it ended, and what was measured.
    pub(super) async fn measure(&self, job: &Job) -> (Ended, Measures) {
        let (ended, took, progress) = self.run(job).await;
        let answered = answered(&job.check.kind, took, &progress);
        let passed = ended.outcome == Outcome::Pass && job.check.kind.has_time();
        let time_us = passed.then(|| u32::try_from(answered.as_micros()).unwrap_or(u32::MAX));
        (ended, Measures { time_us, took, expires: progress.expires() })
    }

    async fn in_time(&self, job: &Job, progress: &Progress) -> Ended {
        let timeout = Duration::from_millis(job.check.timing.timeout_ms.into());
        let mut work = std::pin::pin!(self.once(job, progress));
        let mut worst_lag = Duration::ZERO;
        for slice in 1..=DEADLINE_SLICES {
            let until = progress.started() + timeout * slice / DEADLINE_SLICES;
            if let Ok(ended) = tokio::time::timeout_at(until.into(), &mut work).await {
                return ended;
            }
            worst_lag = worst_lag.max(until.elapsed());
        }
        if worst_lag > timeout / (2 * DEADLINE_SLICES) {
            return Ended::inconclusive(format!("our own loop lagged by {} ms", worst_lag.as_millis()));
        }
        Ended::fail(progress.missed(timeout))
    }

    async fn once(&self, job: &Job, progress: &Progress) -> Ended {
        // What is large and rare is on the heap: a probe over plain HTTP, the commonest, needs little room.
        match (self, &job.check.kind) {
            (Self::Tcp(way), CheckKind::Tcp { send, expect, .. }) => {
                Box::pin(tcp::probe(way, send, expect, progress)).await
            }
            (Self::Tls(probe), _) => Box::pin(probe.probe(progress)).await,
            (Self::Http(probe), CheckKind::Http(check)) => probe.probe(check, progress).await,
            (Self::Grpc(probe), _) => Box::pin(probe.probe(progress)).await,
            (Self::Dns(probe), CheckKind::Dns(check)) => Box::pin(probe.probe(check, progress)).await,
            (Self::Exec(_), CheckKind::Exec(check)) => Box::pin(exec::probe(check, &job.address, progress)).await,
            (Self::Push(probe), CheckKind::Push(check)) => Box::pin(probe.probe(check, &job.address, progress)).await,
            _ => Ended::inconclusive("nothing to probe"),
        }
    }
}

/// What was measured of a probe.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measures {
    /// How soon the endpoint answered, if the probe passed, microseconds.
    pub(super) time_us: Option<u32>,
    /// How long all of it took.
    pub(super) took: Duration,
    /// When the certificate that was shown expires, seconds since 1970.
    pub(super) expires: Option<i64>,
}

/// How long it took until the endpoint answered, of a probe that passed and took so long in all.
pub(super) fn answered(kind: &CheckKind, took: Duration, progress: &Progress) -> Duration {
    match kind {
        CheckKind::Http(_) | CheckKind::Grpc(_) => progress.first_byte(),
        _ => took,
    }
}
