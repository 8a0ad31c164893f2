//! The snapshot: zones, maps, policies, pools and targets of one configuration, immutable, cross-references
//! proved. [`Snapshot::build`] is the one way from a [`Spec`] to it.

mod build;
mod changes;
mod counted;
mod meters;
mod named;
mod sets;
mod signed;
mod spec;

pub use build::probed_addresses;
pub use changes::fingerprint;
pub use changes::{Became, Change, Thing, changes};
pub use counted::{Answered, Counted, FAMILIES, Label, RCODES, TRANSPORTS, TYPES};
pub(crate) use counted::{NOWHERE, RowsOfClasses, code, request, responses, usual};
pub use spec::{Ecs, Signing, Spec, ZoneSpec};

use meters::Meters;
use named::Named;

use crate::client::Bits;
use crate::dnssec::Seals;
use crate::geo::{GeoMap, View};
use crate::health::{Check, GuardRules, TargetAddress};
use crate::id::{CheckId, EndpointId, RouteId, TargetId, ZoneId};
use crate::pool::{Endpoint, Pool};
use crate::steer::{BalancedName, Groups, Plan, Policy, Route};
use crate::zone::Zones;
use std::sync::Arc;

/// One configuration, compiled.
#[derive(Debug)]
pub struct Snapshot {
    /// All owner names of all zones.
    pub zones: Zones,
    /// The specification's zones, for their settings and for people (regions, files); their records are gone.
    pub settings: Vec<ZoneSpec>,
    /// A zone is signed: whoever asks for signatures takes another way.
    pub(crate) signs: bool,
    /// By balanced name, what was signed of it; none if no zone is signed.
    pub(crate) seals: Vec<Seals>,
    /// By zone, the fingerprint of its static records without the SOA's serial: equal ones are the same data.
    pub records: Vec<u64>,
    /// Checks.
    pub checks: Vec<Check>,
    /// Pools.
    pub pools: Vec<Pool>,
    /// Endpoints.
    pub endpoints: Vec<Endpoint>,
    /// Policies.
    pub policies: Vec<Policy>,
    /// Balanced names, their routes set.
    pub names: Vec<BalancedName>,
    /// What a query needs of a balanced name, and nothing else: one small entry a name.
    pub(crate) facts: Vec<NameFacts>,
    /// Policies with their fallbacks, compiled.
    pub routes: Vec<Route>,
    /// The flattened rows of the routes' classes.
    pub(crate) plan: Plan,
    /// By zone, the choices by nearness that its map knows.
    pub(crate) groups: Vec<Groups>,
    /// RDATA of A records by endpoint; unspecified for one without.
    pub(crate) rdata_v4: Vec<[u8; 4]>,
    /// RDATA of AAAA records by endpoint; empty if no endpoint has one.
    pub(crate) rdata_v6: Vec<[u8; 16]>,
    /// Maps, one for each distinct set of regions, groups and limits.
    pub maps: Vec<Arc<GeoMap>>,
    /// Views on the maps: one for each distinct partition of the clients.
    pub views: Vec<(Arc<GeoMap>, View)>,
    /// What is probed: each (address, check) once; checks of kind `none` have no target.
    pub targets: Vec<Target>,
    /// For each endpoint and family, the range of `watched` that holds its targets.
    pub watches: Vec<[std::ops::Range<u32>; 2]>,
    /// Targets by endpoint and family.
    pub watched: Vec<TargetId>,
    /// Pools that balance by `hash` are few enough to write down who wins which place.
    pub(crate) writes_hashes_down: bool,
    /// The same for pools that balance by `nearest`, and their equally near members.
    pub(crate) writes_ties_down: bool,
    /// Whose probes tell loads and times.
    pub(crate) meters: Meters,
    /// When failures are held, since the prober may be the broken part.
    pub guard: GuardRules,
    /// Those of the targets that stand outside of the fleet: they vote for no endpoint.
    pub canaries: Vec<TargetId>,
    /// The databases that the maps were compiled from.
    pub databases: Arc<crate::geo::Databases>,
    /// What is counted under it.
    pub counted: Arc<Counted>,
    /// Static records that name endpoints.
    named: Named,
}

/// One address under one check.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    /// What is probed.
    pub address: TargetAddress,
    /// How.
    pub check: CheckId,
}

/// Why a specification cannot be compiled (bounds of the compiler; all else was proved before).
#[derive(Debug)]
pub struct BuildError(pub Box<str>);

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BuildError {}

/// What a query needs of a balanced name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameFacts {
    pub(crate) route: RouteId,
    /// What it needs of its route.
    pub(crate) view: u32,
    pub(crate) first: u32,
    pub(crate) endpoint_bits: [u8; 2],
    pub(crate) pool_bits: [u8; 2],
    pub(crate) ttl: u32,
    pub(crate) ttl_min: u32,
    /// The bits of the owner name in lower case: the salt of its stable choices.
    pub(crate) salt: u64,
}

impl Snapshot {
    /// Compiles a specification against the databases.
    ///
    /// # Errors
    /// A bound of the compiler is exceeded.
    pub fn build(spec: Spec, databases: Arc<crate::geo::Databases>) -> Result<Self, BuildError> {
        build::build(spec, databases)
    }

    /// True if a zone uses a client subnet that came from `resolver`.
    pub(crate) fn believes(&self, zone: ZoneId, resolver: Bits) -> bool {
        self.settings[zone.index()].ecs.believes(resolver.into())
    }

    /// True if a zone's keys are missing: it answers SERVFAIL.
    pub(crate) fn is_locked(&self, zone: ZoneId) -> bool {
        self.settings[zone.index()].signing.is_locked()
    }

    /// The targets that vote for one endpoint in one family (0 IPv4 or a host name, 1 IPv6).
    pub(crate) fn targets_of(&self, endpoint: EndpointId, lane: usize) -> &[TargetId] {
        let range = &self.watches[endpoint.index()][lane];
        &self.watched[range.start as usize..range.end as usize]
    }
}
