//! What is said over the control socket: one JSON object each way. Times are seconds since 1970.

use super::explain::Explain;
use super::reload::{NotReloaded, Reload, Reloaded};
use crate::report::Report;
use serde::{Deserialize, Serialize};

/// What a client wants.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub enum Request {
    /// Set an override.
    Set(Order),
    /// Remove one.
    Lift(Lift),
    /// Let endpoints come back.
    Resume(Resume),
    /// Believe what the blast guard holds.
    Release(Release),
    /// Read the files again.
    Reload(Reload),
    /// Hand everything over to the one who asks.
    TakeOver,
    /// How the server is.
    Status,
    /// Where DNS is answered, and for which zones.
    Serving,
    /// All pools.
    Pools,
    /// Endpoints.
    Endpoints {
        /// Of the pools of this name only.
        pool: Option<String>,
    },
    /// How a name is answered, and why.
    Explain(Explain),
    /// What was counted, as Prometheus reads it.
    Metrics,
    /// What happened.
    Events {
        /// After the event of this number; without it the last ones.
        after: Option<u64>,
    },
}

impl Request {
    /// True if it changes something that is kept.
    pub(super) const fn is_order(&self) -> bool {
        matches!(self, Self::Set(_) | Self::Lift(_) | Self::Resume(_) | Self::Release(_))
    }
}

/// An override to set: a state, a weight, or what is shed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Order {
    /// `pool/NAME`, `endpoint/POOL/NAME`, `tag/TAG`; `*` and `?` in names.
    pub target: String,
    /// `up`, `down`, `drain`, `auto`.
    pub state: Option<String>,
    /// A weight.
    pub weight: Option<u32>,
    /// What pools shed of the clients on their way to them, percent.
    pub shed: Option<f64>,
    /// Seconds over which it goes to its end: only of pools, to drain or to shed.
    pub over_s: Option<u64>,
    /// Seconds after which it ends by itself.
    pub for_s: Option<u64>,
    /// Who wants it; the peer's user if not said.
    pub owner: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Even if a row is left without a live pool, or nothing is called so.
    #[serde(default)]
    pub force: bool,
    /// Say what would change, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// An override to remove.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Lift {
    /// The target as it was written when it was set.
    pub target: String,
    /// Its weight, not its state.
    #[serde(default)]
    pub weight: bool,
    /// What it sheds, not its state.
    #[serde(default)]
    pub shed: bool,
    /// Seconds over which the clients come back.
    #[serde(default)]
    pub over_s: Option<u64>,
    /// Who wants it; the peer's user if not said.
    pub owner: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Even if a row is left without a live pool.
    #[serde(default)]
    pub force: bool,
    /// Say what would change, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Endpoints that wait, to be let back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Resume {
    /// `endpoint/POOL/NAME`, `pool/NAME`, `tag/TAG`; `*` and `?` in names.
    pub targets: Vec<String>,
    /// Who wants it; the peer's user if not said.
    pub owner: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Failures that are held, to be believed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Release {
    /// Who wants it; the peer's user if not said.
    pub owner: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// What the server answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// An override was set or removed, or would be.
    Done(Done),
    /// Endpoints were let back.
    Resumed {
        /// Which ones.
        endpoints: Vec<ResumedRow>,
        /// Answers follow it already.
        confirmed: bool,
    },
    /// The blast guard was released.
    Released {
        /// How many targets it held.
        targets: usize,
        /// Answers follow it already.
        confirmed: bool,
    },
    /// What was read again is in force.
    Reloaded(Reloaded),
    /// It cannot serve, and nothing has changed.
    NotReloaded(NotReloaded),
    /// So many sockets follow, as descriptors.
    Sockets {
        /// How many.
        count: usize,
    },
    /// How the server is.
    Status(Status),
    /// Where DNS is answered.
    Serving(Serving),
    /// Pools.
    Pools {
        /// One a row.
        pools: Vec<PoolRow>,
    },
    /// Endpoints.
    Endpoints {
        /// One a row.
        endpoints: Vec<EndpointRow>,
    },
    /// What was counted.
    Metrics {
        /// Prometheus' text format.
        text: String,
    },
    /// Events.
    Events {
        /// In the order of their numbers.
        events: Vec<EventRow>,
        /// The number of the last event that there is.
        last: u64,
        /// When this run of the server started.
        started: u64,
    },
    /// An explanation.
    Explained(Box<Report>),
    /// There is no such thing.
    No {
        /// Why.
        why: String,
    },
    /// It is not done.
    Refused {
        /// Why.
        why: String,
        /// What would have changed.
        moves: Vec<MoveRow>,
    },
    /// The request makes no sense.
    Wrong {
        /// Why.
        why: String,
    },
}

/// What became of an order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    /// The target.
    pub target: String,
    /// The override that it had before.
    pub before: Option<String>,
    /// The override that it has now.
    pub now: Option<String>,
    /// When that ends by itself.
    pub until: Option<u64>,
    /// When that has reached its end, if it is gradual.
    #[serde(default)]
    pub arrives: Option<u64>,
    /// Nothing was changed.
    pub dry_run: bool,
    /// It would be refused.
    pub refused: Option<String>,
    /// How many endpoints it is about, those of its pools included.
    pub endpoints: usize,
    /// How many of them are behind closed gates now.
    pub closed: usize,
    /// Whose clients go elsewhere now.
    pub moves: Vec<MoveRow>,
    /// When its endpoints can be switched off, if they are all closed.
    pub safe: Option<Safe>,
    /// What is not as it should be.
    pub warnings: Vec<String>,
}

/// One endpoint that was let back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumedRow {
    /// The zone.
    pub zone: String,
    /// The pool.
    pub pool: String,
    /// The endpoint.
    pub endpoint: String,
    /// `now`, or `as soon as it is up`.
    pub when: String,
}

/// The blast guard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardRow {
    /// `quiet`, `up`: failures are held, `spent`: they are believed until fewer fail.
    pub state: String,
    /// Since when they are held.
    pub since: Option<u64>,
    /// When they are believed at the latest; none while the canaries fail.
    pub until: Option<u64>,
    /// Sites that are up, and how many of them fail.
    pub sites: [u32; 2],
    /// Targets that would be down.
    pub held: usize,
    /// The canaries.
    pub canaries: Vec<CanaryRow>,
}

/// Response rate limiting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsRow {
    /// Limits are only tried: nothing is held back.
    pub log_only: bool,
    /// Buckets that there are, and those in use.
    pub buckets: [usize; 2],
    /// What is limited now, the most first; not all if there are many.
    pub limited: Vec<LimitedRow>,
    /// How many there are.
    pub limited_in_all: usize,
}

/// Replies that are limited together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitedRow {
    /// The block of addresses that asks, the class of the replies, and of which zone or for which client subnet they are.
    pub of: String,
    /// How many were over the limit.
    pub replies: u64,
    /// Within so many seconds.
    pub seconds: u64,
}

/// One canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryRow {
    /// Its URL.
    pub url: String,
    /// It answered its last probe; none: not probed yet.
    pub answers: Option<bool>,
    /// How that probe ended.
    pub note: String,
}

/// When endpoints can be switched off.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Safe {
    /// Clients that honour TTLs are gone by then.
    pub at: u64,
    /// Answers name some of them all the same: nothing else is left.
    pub named: bool,
    /// Open endpoints elsewhere that have the same address, as `POOL/ENDPOINT`.
    pub shared: Vec<String>,
    /// Names whose static records say the same address, at most a few.
    #[serde(default)]
    pub records: Vec<String>,
    /// How many such names there are.
    #[serde(default)]
    pub records_in_all: usize,
}

impl Safe {
    /// True if no moment is known from which it is safe.
    #[must_use]
    pub fn is_never(&self) -> bool {
        self.named || !self.shared.is_empty() || !self.records.is_empty()
    }
}

/// Clients that go elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MoveRow {
    /// The policy.
    pub policy: String,
    /// The region; `default` for all others.
    pub region: String,
    /// The record type.
    pub r#type: String,
    /// Pools before.
    pub from: Vec<String>,
    /// Their parts of the row's clients, percent.
    #[serde(default)]
    pub from_percent: Vec<f64>,
    /// Pools after.
    pub to: Vec<String>,
    /// Their parts of the row's clients, percent.
    #[serde(default)]
    pub to_percent: Vec<f64>,
    /// No pool of the row is live after: the fallback answers.
    pub dry: bool,
    /// The names, at most a few.
    pub names: Vec<String>,
    /// How many names there are.
    pub names_in_all: usize,
}

/// How the server is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// When it started.
    pub started: u64,
    /// The configuration's number: rises with each reload.
    pub generation: u64,
    /// Zones.
    pub zones: usize,
    /// Balanced names.
    pub names: usize,
    /// Pools, and how many of them take clients.
    pub pools: [usize; 2],
    /// Endpoints, and how many of them take clients.
    pub endpoints: [usize; 2],
    /// Targets, and how many of them have no verdict.
    pub targets: [usize; 2],
    /// How many targets have had no outcome for long.
    #[serde(default)]
    pub stale: usize,
    /// The blast guard.
    #[serde(default)]
    pub guard: GuardRow,
    /// Response rate limiting; none: off.
    #[serde(default)]
    pub limits: Option<LimitsRow>,
    /// How long answers take; none before the first.
    #[serde(default)]
    pub latency: Option<LatencyRow>,
    /// As whom it runs, and what it may.
    #[serde(default)]
    pub rights: String,
    /// The state directory.
    pub state: Option<String>,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// All overrides.
    pub overrides: Vec<OverrideRow>,
}

/// Where DNS is answered, and for which zones.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Serving {
    /// The sockets as bound, each for UDP and TCP.
    pub addresses: Vec<String>,
    /// The zones.
    pub zones: Vec<String>,
}

/// How long answers take, microseconds: so many percent take no longer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyRow {
    /// 50 percent.
    pub p50_us: f64,
    /// 95 percent.
    pub p95_us: f64,
    /// 99 percent.
    pub p99_us: f64,
}

/// One override.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OverrideRow {
    /// The target.
    pub target: String,
    /// What it says: a state, or `weight N`.
    pub said: String,
    /// Who said it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When.
    pub since: u64,
    /// When it ends by itself.
    pub until: Option<u64>,
    /// When it has reached its end, if it is on its way.
    #[serde(default)]
    pub arrives: Option<u64>,
    /// The share of their clients that it leaves its pools now, percent, if it says one.
    #[serde(default)]
    pub keeps: Option<f64>,
    /// Nothing is called so at present.
    pub orphan: bool,
    /// When its endpoints can be switched off, if it closes them.
    pub safe: Option<Safe>,
}

/// One pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PoolRow {
    /// The zone.
    pub zone: String,
    /// The pool.
    pub pool: String,
    /// It takes clients.
    pub live: bool,
    /// The share of the clients on their way to it that stay, percent.
    #[serde(default = "all")]
    pub keeps: f64,
    /// The pool that it depends on and that is not live.
    #[serde(default)]
    pub needs: Option<String>,
    /// How many of its endpoints are live.
    pub up: usize,
    /// How many endpoints it has.
    pub endpoints: usize,
    /// Fewer live ones than this, and it is down.
    pub min_healthy: usize,
    /// What operators say: `auto`, `up`, `down`, `drain`.
    pub state: String,
    /// The target of the override that says so; none: the file.
    pub by: Option<String>,
    /// The load that its live endpoints report, if it looks at loads and any is known.
    #[serde(default)]
    pub load: Option<f64>,
}

fn all() -> f64 {
    100.0
}

/// One endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndpointRow {
    /// The zone.
    pub zone: String,
    /// The pool.
    pub pool: String,
    /// The endpoint.
    pub endpoint: String,
    /// What answers say.
    pub address: String,
    /// The weight that holds.
    pub weight: u32,
    /// It takes clients, as far as its pool does.
    pub live: bool,
    /// What its checks say: `up`, `down`, `unknown`, `unchecked`; `held`: down, but for the blast guard; `waits`: up, and out
    /// until its delay is over or an operator resumes it.
    pub health: String,
    /// What its checks say is old: one has had no outcome for long.
    #[serde(default)]
    pub stale: bool,
    /// What operators say: `auto`, `up`, `down`, `drain`.
    pub state: String,
    /// The target of the override that says so; none: the file.
    pub by: Option<String>,
    /// When it can be switched off.
    pub safe: Option<u64>,
    /// What is probed of it, as events call it: `ADDRESS CHECK`.
    #[serde(default)]
    pub checked: Vec<String>,
    /// How its last probe ended.
    pub note: String,
    /// The load that it reported last, if its pool looks at loads and that is fresh.
    #[serde(default)]
    pub load: Option<f64>,
    /// Its pool looks at loads, and this endpoint has told none lately.
    #[serde(default)]
    pub load_stale: bool,
    /// How long its probes take, smoothed, milliseconds; of pools that look at times.
    #[serde(default)]
    pub time_ms: Option<f64>,
}

/// One event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventRow {
    /// Its number.
    pub number: u64,
    /// When.
    pub at: u64,
    /// What kind.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// The state before.
    pub from: String,
    /// The state since.
    pub to: String,
    /// Why.
    pub reason: String,
}
