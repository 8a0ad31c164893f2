//! Pools and their endpoints: what an answer can name, and how it is chosen. A pool knows neither
//! geography nor zones nor the clock: it gets live members, a key and random draws.

mod balance;
mod gates;
pub mod relief;
pub mod rendezvous;
mod select;
pub mod share;
#[cfg(test)]
mod tests;

pub use gates::Gates;
pub use relief::{Relief, Relieved, Standing};
pub use select::{ALONE, Asker, Asking, Candidate, Picked, Table};
pub use share::Share;

use crate::geo::Coordinates;
use crate::health::{Aggregate, ComebackRules};
use crate::id::{CheckId, EndpointId, PoolId, ZoneId};
use crate::wire::Name;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How a pool picks among its live members.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Balance {
    /// Random by weight, drawn per query.
    Weighted,
    /// One after the other.
    RoundRobin,
    /// One after the other, the heavier the more often, evenly spread.
    WeightedRoundRobin,
    /// The first live one in the order written.
    Failover,
    /// Weighted rendezvous over the client's block.
    Hash,
    /// The live one nearest to the client.
    Nearest,
    /// Every live one, rotated.
    All,
    /// The one whose probes are answered soonest, its connections reckoned in; those near it share by weight.
    LeastResponseTime,
    /// Of two drawn by weight the one with fewer reported connections per weight.
    LeastConnections,
    /// Of two drawn by weight the one with the lower reported utilisation.
    LeastLoad,
}

impl Balance {
    /// True if a member with more weight gets more clients.
    #[must_use]
    pub const fn knows_weights(self) -> bool {
        match self {
            Self::Weighted | Self::WeightedRoundRobin | Self::Hash => true,
            Self::LeastResponseTime | Self::LeastConnections | Self::LeastLoad => true,
            Self::RoundRobin | Self::Failover | Self::Nearest | Self::All => false,
        }
    }

    /// True if loads or times decide.
    #[must_use]
    pub const fn looks_at_numbers(self) -> bool {
        matches!(self, Self::LeastResponseTime | Self::LeastConnections | Self::LeastLoad)
    }

    /// True if it asks how long probes take.
    #[must_use]
    pub const fn looks_at_time(self) -> bool {
        matches!(self, Self::LeastResponseTime)
    }

    /// Its word in zone files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Weighted => "weighted",
            Self::RoundRobin => "round-robin",
            Self::WeightedRoundRobin => "weighted-round-robin",
            Self::Failover => "failover",
            Self::Hash => "hash",
            Self::Nearest => "nearest",
            Self::All => "all",
            Self::LeastResponseTime => "least-response-time",
            Self::LeastConnections => "least-connections",
            Self::LeastLoad => "least-load",
        }
    }
}

/// What the operator says of a pool or an endpoint; both gates must be open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Gate {
    /// Health decides.
    #[default]
    Auto,
    /// Counts as up, whatever its checks say.
    Up,
    /// Taken out.
    Down,
    /// Taken out of new answers, still probed, no alarm.
    Drain,
}

/// A pool as configured.
#[derive(Clone, Debug)]
pub struct Pool {
    /// The name in the zone file.
    pub name: Box<str>,
    /// Its zone.
    pub zone: ZoneId,
    /// How it picks.
    pub balance: Balance,
    /// Most addresses in one answer, 1 to `limits::ANSWERS_MAX`.
    pub answers: u8,
    /// Fewer live members than this, and the pool is down.
    pub min_healthy: u16,
    /// The file's `state`.
    pub gate: Gate,
    /// Where it stands.
    pub location: Option<Coordinates>,
    /// Its checks.
    pub checks: Box<[CheckId]>,
    /// The id of its first endpoint; the others follow.
    pub first: EndpointId,
    /// How many endpoints it has, at least 1.
    pub count: u16,
    /// Tags, for operators.
    pub tags: Box<[Box<str>]>,
    /// By endpoint, the failure domain that no two addresses of one answer share, [`ALONE`] for none; empty if the
    /// pool has none.
    pub domains: Box<[u16]>,
    /// The kind of tag that says which failure domain an endpoint is in, for explanations.
    pub spread: Option<Box<str>>,
    /// What the outcomes of its checks mean for its members.
    pub rules: Rules,
}

/// What the outcomes of a pool's checks mean for its members, and what else it needs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// So many of the checks that vote may fail: all but the quorum.
    pub may_fail: u8,
    /// How a member comes back after a failure.
    pub comeback: ComebackRules,
    /// How the pool's load follows from those of its members.
    pub aggregate: Aggregate,
    /// The check, one of the pool's, whose response tells the load; none: nobody asks for loads.
    pub load: Option<CheckId>,
    /// The pool is live only while these are. No circles.
    pub depends_on: Box<[PoolId]>,
    /// What the pool does when its load is large.
    pub relief: Relief,
}

impl Pool {
    /// The ids of its endpoints, in the order written.
    pub fn endpoints(&self) -> impl ExactSizeIterator<Item = EndpointId> + Clone + use<> {
        let first = self.first.index();
        (first..first + usize::from(self.count)).map(EndpointId::new)
    }
}

impl Endpoint {
    /// The value of its tag of this kind: `a` of `rack:a`; none without such a tag.
    #[must_use]
    pub fn tag(&self, kind: &str) -> Option<&str> {
        self.tags.iter().find_map(|tag| tag.strip_prefix(kind)?.strip_prefix(':'))
    }
}

/// What an endpoint's records say. An endpoint is of one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// At most one address of each family, at least one.
    Ip {
        /// For A records.
        v4: Option<Ipv4Addr>,
        /// For AAAA records.
        v6: Option<Ipv6Addr>,
    },
    /// A CNAME to this name.
    Host(Name),
}

/// An endpoint as configured.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The name in the zone file, else its address.
    pub name: Box<str>,
    /// Its pool.
    pub pool: PoolId,
    /// What answers say.
    pub address: Address,
    /// Its share; 0: only when no other is live.
    pub weight: u32,
    /// The file's `state`.
    pub gate: Gate,
    /// Probed instead of the answered address.
    pub check_address: Option<IpAddr>,
    /// Where it stands, if not where its pool does.
    pub location: Option<Coordinates>,
    /// Tags, for operators.
    pub tags: Box<[Box<str>]>,
    /// What it brings to SRV, MX and TXT records; most bring nothing.
    pub service: Option<Box<EndpointService>>,
}

/// What an endpoint brings to SRV, MX and TXT records.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EndpointService {
    /// Its name, for SRV and MX.
    pub target: Option<Name>,
    /// Its character-strings in wire form, for TXT; empty if it has none.
    pub text: Box<[u8]>,
}
