//! The snapshot: zones, maps, policies, pools and targets of one configuration, immutable, cross-references
//! proved. [`Snapshot::build`] is the one way from a [`Spec`] to it.

mod spec;

pub use spec::{Ecs, Spec, ZoneSpec};

use crate::geo::{GeoMap, View};
use crate::health::{Check, TargetAddress};
use crate::id::{CheckId, MapId, TargetId};
use crate::pool::{Endpoint, Pool};
use crate::steer::{BalancedName, Policy, Route};
use crate::zone::Zones;
use std::sync::Arc;

/// One configuration, compiled.
#[derive(Debug)]
pub struct Snapshot {
    /// All owner names of all zones.
    pub zones: Zones,
    /// The specification's zones, for their settings and for people (regions, files); their records are gone.
    pub settings: Vec<ZoneSpec>,
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
    /// Policies with their fallbacks, compiled.
    pub routes: Vec<Route>,
    /// Maps, one for each distinct set of regions, groups and limits.
    pub maps: Vec<GeoMap>,
    /// Views on the maps: one for each distinct partition of the clients.
    pub views: Vec<(MapId, View)>,
    /// What is probed: each (address, check) once; checks of kind `none` have no target.
    pub targets: Vec<Target>,
    /// For each endpoint and family, the range of `watched` that holds its targets.
    pub watches: Vec<[std::ops::Range<u32>; 2]>,
    /// Targets by endpoint and family.
    pub watched: Vec<TargetId>,
    /// The databases that the maps were compiled from.
    pub databases: Arc<crate::geo::Databases>,
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

impl Snapshot {
    /// Compiles a specification against the databases.
    ///
    /// # Errors
    /// A bound of the compiler is exceeded.
    pub fn build(_spec: Spec, _databases: Arc<crate::geo::Databases>) -> Result<Self, BuildError> {
        todo!("owner: steer")
    }
}
