//! What there is to tell, as plain data: gathered by the control desk, written by [`super::text`].

use super::{Buckets, CertificateFacts, Process, Reloaded, Sums, Totals};
use crate::id::PoolId;
use crate::query_log;
use crate::snapshot::TRANSPORTS;
use crate::transfer::Shared;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Everything that one scrape tells.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The program's version.
    pub version: &'static str,
    /// When the server started, seconds since 1970.
    pub started: u64,
    /// Now, seconds since 1970.
    pub now: u64,
    /// The configuration's number.
    pub generation: u64,
    /// Zones, and balanced names.
    pub zones: [usize; 2],
    /// Those that are signed, or should be.
    pub signed: Vec<SignedFacts>,
    /// What secondaries get; nothing if nobody may have anything, and nobody signs.
    pub transfers: Option<TransferFacts>,
    /// What queries came to.
    pub sums: Sums,
    /// The counts that answers add to as things are: told even while they are 0.
    pub counts: BTreeSet<usize>,
    /// What the threads counted.
    pub totals: Totals,
    /// By what the process is kept from more, and whether that is in force.
    pub confined: [(&'static str, bool); 4],
    /// How often the threads of each part were started again.
    pub restarts: Vec<(&'static str, u64)>,
    /// The same by transport.
    pub by_transport: [Totals; TRANSPORTS.len()],
    /// How long answers took, by transport.
    pub latency: [Buckets; TRANSPORTS.len()],
    /// Probes, by the kind of check.
    pub probes: Vec<ProbeFacts>,
    /// Probes that were asked for a load and told none.
    pub loads_missed: u64,
    /// Pools, in the order of their ids.
    pub pools: Vec<PoolFacts>,
    /// Endpoints.
    pub endpoints: Vec<EndpointFacts>,
    /// Targets, those without a verdict, and those without an outcome for long.
    pub targets: [usize; 3],
    /// The blast guard.
    pub guard: GuardFacts,
    /// Overrides in force.
    pub overrides: Vec<OverrideFacts>,
    /// Databases.
    pub databases: Vec<DatabaseFacts>,
    /// Reloads.
    pub reloads: Reloaded,
    /// Blocks of addresses that are over a limit, if replies are limited.
    pub limited_blocks: Option<usize>,
    /// The certificate of the encrypted transports, if there are any.
    pub certificate: Option<CertificateFacts>,
    /// What became of the query log's entries, if there is one.
    pub query_log: Option<query_log::Told>,
    /// The state directory cannot be written.
    pub state_broken: bool,
    /// This process.
    pub process: Process,
}

/// What secondaries get.
#[derive(Clone, Debug)]
pub struct TransferFacts {
    /// Zones that somebody may have, and their serials.
    pub serials: Vec<(Box<str>, u32)>,
    /// What was counted.
    pub shared: Arc<Shared>,
}

/// One zone that is signed, or should be.
#[derive(Clone, Debug)]
pub struct SignedFacts {
    /// The zone.
    pub zone: Box<str>,
    /// It has keys.
    pub signed: bool,
    /// Their files cannot be read.
    pub keys_missing: bool,
    /// RRsets whose signatures are kept.
    pub sets: usize,
    /// When the first signature in use expires, seconds since 1970.
    pub ends: Option<u64>,
}

/// The probes of one kind of check.
#[derive(Clone, Debug)]
pub struct ProbeFacts {
    /// The kind's word.
    pub kind: &'static str,
    /// Those that passed, that failed, and that say nothing.
    pub ended: [u64; 3],
    /// How long they took.
    pub took: Buckets,
}

/// One pool.
#[derive(Clone, Debug)]
pub struct PoolFacts {
    /// The zone.
    pub zone: Box<str>,
    /// The pool.
    pub pool: Box<str>,
    /// It takes clients.
    pub up: bool,
    /// Live endpoints.
    pub live: usize,
    /// All endpoints.
    pub endpoints: usize,
    /// The share of the clients on their way to it that stay, 0 to 1.
    pub share: f64,
    /// The load that its live endpoints report.
    pub load: Option<f64>,
}

/// One endpoint.
#[derive(Clone, Debug)]
pub struct EndpointFacts {
    /// The pool: its place in [`Facts::pools`].
    pub pool: PoolId,
    /// The endpoint.
    pub endpoint: Box<str>,
    /// Its checks say that it is up.
    pub up: bool,
    /// It takes clients, as far as its pool does.
    pub live: bool,
    /// The weight that holds.
    pub weight: u32,
    /// How often its checks changed their verdict.
    pub changes: u64,
    /// When its last probe ended, seconds since 1970.
    pub probed: Option<f64>,
    /// When the first of its certificates expires, seconds since 1970.
    pub expires: Option<i64>,
    /// The load that it reported.
    pub load: Option<f64>,
    /// Its pool looks at loads, and it has told none lately.
    pub load_stale: bool,
}

/// The blast guard.
#[derive(Clone, Debug, Default)]
pub struct GuardFacts {
    /// Its state's word.
    pub state: &'static str,
    /// Sites that are up, and how many of them fail.
    pub sites: [u32; 2],
    /// Targets whose failures it holds.
    pub held: usize,
    /// The canaries.
    pub canaries: Vec<CanaryFacts>,
}

/// One canary.
#[derive(Clone, Debug)]
pub struct CanaryFacts {
    /// Its URL.
    pub url: Box<str>,
    /// It answered its last probe.
    pub answers: Option<bool>,
}

/// One override.
#[derive(Clone, Debug)]
pub struct OverrideFacts {
    /// Its target.
    pub target: Box<str>,
    /// What it says: `state`, `weight` or `share`.
    pub kind: &'static str,
    /// When it was set, seconds since 1970.
    pub since: u64,
    /// When it ends by itself, seconds since 1970.
    pub until: Option<u64>,
}

/// One database.
#[derive(Clone, Debug)]
pub struct DatabaseFacts {
    /// Its file, or `embedded`.
    pub label: Box<str>,
    /// When it was built, seconds since 1970.
    pub built: u64,
}
