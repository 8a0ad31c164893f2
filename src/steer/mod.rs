//! Which pool serves a client: policies, the live rows compiled from them and from health, and the
//! decision that a query takes. Knows no packet: it yields endpoints, a TTL and a scope.

mod amounts;
mod compile;
mod counts;
mod decide;
mod dependents;
mod depends;
mod explain;
#[cfg(test)]
pub(crate) mod fixture;
mod gauge;
mod live;
mod moves;
mod observed;
mod outcome;
mod pool_live;
mod reason;
mod reserve;
mod resolve;
mod rows;
mod service;
#[cfg(test)]
mod shares;
mod steered;
#[cfg(test)]
mod tests;
mod trail;

pub(crate) use compile::{Compiler, Sources};
pub use compile::{Groups, Plan, Route};
pub use decide::{Answer, Decision, Picks, Want, decide, service_family};
pub(crate) use decide::{decide_as, decide_signed};
pub(crate) use dependents::Dependents;
pub use explain::{EndpointNote, EndpointTrail, Explanation, PoolTrail, ShareTrail, explain};
pub use gauge::Gauge;
pub use live::{Live, is_live, weight};
pub use moves::{Move, Serves, largest_ttls, moves};
pub use observed::Observed;
pub(crate) use observed::lanes;
pub use outcome::{Outcome, outcome, region_of, seen};
pub use reason::Reason;
pub use service::{Binding, Services, Srv};
pub use steered::Steered;
pub(crate) use steered::{Rows, SteeredPools};
pub use trail::{FallbackNote, PoolNote};

use crate::geo::SourceRef;
use crate::id::{PolicyId, PoolId, RegionId, RouteId, ZoneId};
use crate::wire::Name;

/// A policy: a row of pools for each region that it names, and one for all others.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The name in the zone file; a policy written in place has its owner name.
    pub name: Box<str>,
    /// Its zone.
    pub zone: ZoneId,
    /// The rows by region; the last one is `default`.
    pub rows: Box<[Row]>,
}

/// Where the clients of one region go.
#[derive(Clone, Debug)]
pub struct Row {
    /// The region; `None` for `default`.
    pub region: Option<RegionId>,
    /// Steps in order of preference, `then` included, `default`'s not.
    pub steps: Box<[Step]>,
    /// Never leave these steps for those of `default`.
    pub geofence: bool,
    /// Where it was written.
    pub at: SourceRef,
}

/// One step of a row.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// One pool, or several by weight.
    Split {
        /// Pools and weights, at least one.
        parts: Box<[(PoolId, u32)]>,
        /// The same clients stay with the same part (a stable hash); else drawn per query.
        sticky: bool,
    },
    /// The pool nearest to the client, then the next nearest.
    Nearest(Box<[PoolId]>),
    /// One of them by their loads: the same clients stay with the same pool, the less loaded get more of them.
    LeastLoad(Box<[PoolId]>),
}

/// What is answered when no pool of a row is live.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Fallback {
    /// The members of the row's first step (fail open): those that pass their checks, if there are any.
    #[default]
    All,
    /// NODATA.
    NoData,
    /// SERVFAIL.
    ServFail,
    /// This pool, whatever its health.
    Pool(PoolId),
}

/// A balanced owner name.
#[derive(Clone, Debug)]
pub struct BalancedName {
    /// The owner name, in the case written; its first label is `*` for a wildcard.
    pub owner: Name,
    /// Its zone.
    pub zone: ZoneId,
    /// Its policy.
    pub policy: PolicyId,
    /// What is answered when nothing is live.
    pub fallback: Fallback,
    /// Largest TTL of its answers, seconds.
    pub ttl: u32,
    /// Smallest TTL of its answers, seconds, at most `ttl`.
    pub ttl_min: u32,
    /// What it answers beside addresses; most names nothing.
    pub services: Option<Box<Services>>,
    /// The route, set when the snapshot is built (`RouteId::new(0)` before).
    pub route: RouteId,
}

/// The balanced types that exist at a name; they never depend on the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Types {
    /// A records.
    pub a: bool,
    /// AAAA records.
    pub aaaa: bool,
    /// A CNAME, and nothing else.
    pub cname: bool,
    /// HTTPS records.
    pub https: bool,
    /// SVCB records.
    pub svcb: bool,
    /// SRV records.
    pub srv: bool,
    /// MX records.
    pub mx: bool,
    /// TXT records.
    pub txt: bool,
}

impl BalancedName {
    /// The types that exist at the name, given those of the pools that its route reaches.
    #[must_use]
    pub fn types(&self, reached: Types) -> Types {
        let Some(services) = &self.services else { return reached };
        Types {
            https: services.https.is_some(),
            svcb: services.svcb.is_some(),
            srv: services.srv.is_some(),
            mx: services.mx.is_some(),
            txt: services.txt,
            ..reached
        }
    }
}
