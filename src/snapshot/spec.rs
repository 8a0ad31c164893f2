//! What `config` hands over: everything the files say, read, checked and resolved to ids, and nothing yet
//! compiled. Ids count over the whole specification; only `RegionId` counts within its zone.

use super::Target;
use crate::geo::{Region, ScopeLimits};
use crate::health::{Check, GuardRules};
use crate::pool::{Endpoint, Pool};
use crate::steer::{BalancedName, Policy};
use crate::wire::Name;
use crate::zone::Record;
use ipnet::IpNet;
use std::net::IpAddr;

/// All zones of a configuration. `config` has proved: every id points into its table, names are unique,
/// every zone has one SOA and at least one NS at its apex, every policy a `default` row.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// Zones, apexes distinct.
    pub zones: Vec<ZoneSpec>,
    /// Checks, each content once.
    pub checks: Vec<Check>,
    /// Pools of all zones.
    pub pools: Vec<Pool>,
    /// Endpoints, pool by pool.
    pub endpoints: Vec<Endpoint>,
    /// Policies of all zones.
    pub policies: Vec<Policy>,
    /// Balanced names of all zones.
    pub names: Vec<BalancedName>,
    /// When failures are held, since the prober may be the broken part.
    pub guard: GuardRules,
    /// What is probed outside of the fleet, to know who is cut off.
    pub canaries: Vec<Target>,
    /// So many balanced names, the first ones, are counted by themselves.
    pub names_counted: usize,
}

/// One zone.
#[derive(Clone, Debug)]
pub struct ZoneSpec {
    /// The apex, in the case written.
    pub apex: Name,
    /// The file it came from, as given.
    pub file: Box<str>,
    /// Static records, SOA and NS included; owner names at or below the apex.
    pub records: Vec<Record>,
    /// Its regions, in the order written.
    pub regions: Vec<Region>,
    /// What it makes of client subnets.
    pub ecs: Ecs,
}

/// Client subnet (RFC 7871) settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ecs {
    /// Client subnets are used and answered at all.
    pub enabled: bool,
    /// Resolvers whose subnet is believed; both full ranges: all.
    pub trusted: Box<[IpNet]>,
    /// Longest scopes.
    pub limits: ScopeLimits,
}

impl Ecs {
    /// True if everybody's client subnets are used.
    pub(crate) fn believes_all(&self) -> bool {
        let all = |family: fn(&IpNet) -> bool| self.trusted.iter().any(|net| family(net) && net.prefix_len() == 0);
        self.enabled && all(|net| matches!(net, IpNet::V4(_))) && all(|net| matches!(net, IpNet::V6(_)))
    }

    /// True if a client subnet that this resolver sends is used.
    #[must_use]
    pub fn believes(&self, resolver: IpAddr) -> bool {
        let resolver = resolver.to_canonical();
        self.enabled && self.trusted.iter().any(|network| network.contains(&resolver))
    }
}
