//! What `config` hands over: everything the files say, read, checked and resolved to ids, and nothing yet
//! compiled. Ids count over the whole specification; only `RegionId` counts within its zone.

use super::Target;
use crate::dnssec::{Algorithm, Signer};
use crate::geo::{Region, ScopeLimits};
use crate::health::{Check, GuardRules};
use crate::pool::{Endpoint, Pool};
use crate::steer::{BalancedName, Policy};
use crate::transfer;
use crate::update;
use crate::wire::Name;
use crate::zone::Record;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

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
    /// How it is signed.
    pub signing: Signing,
    /// Who may have it whole; nobody if none.
    pub transfer: Option<transfer::Rules>,
    /// Who may change static names by DNS; nobody if empty.
    pub update: update::Rules,
}

/// How a zone is signed.
#[derive(Clone, Debug, Default)]
pub enum Signing {
    /// It is not.
    #[default]
    Off,
    /// It shall be, and nobody has looked for its keys: what is compiled has no signatures. For everything but serving.
    Wanted(Algorithm),
    /// It shall be, and its keys are not there: it answers SERVFAIL, never without signatures.
    Locked(Algorithm),
    /// By these keys.
    On(Arc<Signer>),
}

impl Signing {
    /// What signs it, if it is signed.
    #[must_use]
    pub fn signer(&self) -> Option<&Arc<Signer>> {
        match self {
            Self::On(signer) => Some(signer),
            Self::Off | Self::Wanted(_) | Self::Locked(_) => None,
        }
    }

    /// True if its keys are missing.
    #[must_use]
    pub const fn is_locked(&self) -> bool {
        matches!(self, Self::Locked(_))
    }

    /// What a new key of it is made for, if it shall be signed.
    #[must_use]
    pub fn wanted(&self) -> Option<Algorithm> {
        match self {
            Self::Off => None,
            Self::Wanted(algorithm) | Self::Locked(algorithm) => Some(*algorithm),
            Self::On(signer) => signer.keys().first().map(|(key, _)| key.algorithm()),
        }
    }
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
