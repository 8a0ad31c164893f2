//! Small configurations for tests, built by hand: the regions are networks, so that no database matters.

use super::{BalancedName, Fallback, Policy, Row, Step};
use crate::client::{Client, Subnet};
use crate::geo::{Coordinates, Databases, Matcher, Region, ScopeLimits, Selector, SourceRef};

use crate::id::{EndpointId, NameId, PolicyId, PoolId, RegionId, RouteId, ZoneId};
use crate::limits::{SCOPE_V4, SCOPE_V6};
use crate::pool::{Address, Balance, Endpoint, Gate, Pool, Rules};
use crate::snapshot::{Ecs, Snapshot, Spec, ZoneSpec};
use crate::wire::Name;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, OnceLock};

/// A configuration under construction, with one zone.
pub(crate) struct World {
    pub(crate) spec: Spec,
}

fn here() -> SourceRef {
    SourceRef("test:1:1".into())
}

pub(crate) fn databases() -> Arc<Databases> {
    static EMBEDDED: OnceLock<Arc<Databases>> = OnceLock::new();
    EMBEDDED.get_or_init(|| Arc::new(Databases::embedded().expect("the embedded database is sound"))).clone()
}

/// A pool by name or a number of its own, in steps.
pub(crate) fn one(pool: PoolId) -> Step {
    Step::Split { parts: [(pool, 1)].into(), sticky: true }
}

pub(crate) fn split(parts: &[(PoolId, u32)], sticky: bool) -> Step {
    Step::Split { parts: parts.into(), sticky }
}

pub(crate) fn nearest(pools: &[PoolId]) -> Step {
    Step::Nearest(pools.into())
}

impl World {
    /// One zone; `regions` are named by their networks.
    pub(crate) fn new(regions: &[(&str, &[&str])]) -> Self {
        let selector =
            |network: &&str| Selector { matcher: Matcher::Network(network.parse().expect("a network")), at: here() };
        let region = |(name, networks): &(&str, &[&str])| Region {
            name: (*name).into(),
            selectors: networks.iter().map(selector).collect(),
        };
        let zone = ZoneSpec {
            apex: Name::parse("example.com").expect("a name"),
            file: "test".into(),
            records: Vec::new(),
            regions: regions.iter().map(region).collect(),
            ecs: Ecs { enabled: true, trusted: Box::new([]), limits: ScopeLimits { v4: SCOPE_V4, v6: SCOPE_V6 } },
            signing: crate::snapshot::Signing::Off,
            transfer: None,
            update: crate::update::Rules::default(),
        };
        Self { spec: Spec { zones: vec![zone], ..Spec::default() } }
    }

    /// A pool of endpoints; each is written `v4`, `v6` or `v4+v6`, and `@weight` behind it.
    pub(crate) fn pool(&mut self, name: &str, endpoints: &[&str]) -> PoolId {
        let id = PoolId::new(self.spec.pools.len());
        let first = EndpointId::new(self.spec.endpoints.len());
        for text in endpoints {
            let (addresses, weight) = text.split_once('@').unwrap_or((text, "1"));
            let mut v4 = None;
            let mut v6 = None;
            for address in addresses.split('+') {
                match address.parse().expect("an address") {
                    IpAddr::V4(address) => v4 = Some(address),
                    IpAddr::V6(address) => v6 = Some(address),
                }
            }
            self.spec.endpoints.push(Endpoint {
                name: addresses.into(),
                pool: id,
                address: Address::Ip { v4, v6 },
                weight: weight.parse().expect("a weight"),
                gate: Gate::Auto,
                check_address: None,
                location: None,
                tags: Box::new([]),
                service: None,
            });
        }
        self.spec.pools.push(Pool {
            name: name.into(),
            zone: ZoneId::new(0),
            balance: Balance::Weighted,
            answers: 1,
            min_healthy: 1,
            gate: Gate::Auto,
            location: None,
            checks: Box::new([]),
            first,
            count: endpoints.len() as u16,
            tags: Box::new([]),
            domains: Box::new([]),
            spread: None,
            rules: Rules::default(),
        });
        id
    }

    pub(crate) fn pool_mut(&mut self, pool: PoolId) -> &mut Pool {
        &mut self.spec.pools[pool.index()]
    }

    pub(crate) fn endpoint_mut(&mut self, pool: PoolId, index: usize) -> &mut Endpoint {
        let first = self.spec.pools[pool.index()].first.index();
        &mut self.spec.endpoints[first + index]
    }

    pub(crate) fn place(&mut self, pool: PoolId, latitude: f64, longitude: f64) {
        self.pool_mut(pool).location = Some(Coordinates { latitude, longitude });
    }

    /// A policy: rows by region index, `None` for `default`, which comes last; the flag is the geofence.
    pub(crate) fn policy(&mut self, rows: Vec<(Option<usize>, Vec<Step>, bool)>) -> PolicyId {
        let row = |(region, steps, geofence): (Option<usize>, Vec<Step>, bool)| Row {
            region: region.map(RegionId::new),
            steps: steps.into(),
            geofence,
            at: here(),
        };
        let rows: Box<[Row]> = rows.into_iter().map(row).collect();
        assert!(rows.last().is_some_and(|row| row.region.is_none()), "default is last");
        self.spec.policies.push(Policy { name: "policy".into(), zone: ZoneId::new(0), rows });
        PolicyId::new(self.spec.policies.len() - 1)
    }

    pub(crate) fn name(&mut self, owner: &str, policy: PolicyId, fallback: Fallback) -> NameId {
        self.spec.names.push(BalancedName {
            owner: Name::parse(owner).expect("a name"),
            zone: ZoneId::new(0),
            policy,
            fallback,
            ttl: 30,
            ttl_min: 15,
            services: None,
            route: RouteId::new(0),
        });
        NameId::new(self.spec.names.len() - 1)
    }

    pub(crate) fn build(&self) -> Arc<Snapshot> {
        Arc::new(Snapshot::build(self.spec.clone(), databases()).expect("a sound configuration"))
    }

    /// The endpoint of a pool, by its place in it.
    pub(crate) fn endpoint(&self, pool: PoolId, index: usize) -> EndpointId {
        EndpointId::new(self.spec.pools[pool.index()].first.index() + index)
    }
}

/// A client known by its subnet, `address/bits`.
pub(crate) fn subnet(text: &str) -> Client {
    let (address, source) = text.split_once('/').expect("address/bits");
    let subnet = Subnet::new(address.parse().expect("an address"), source.parse().expect("bits"));
    Client::new(IpAddr::from([198, 51, 100, 53]), Some(subnet))
}

/// A client known by its resolver's address alone.
pub(crate) fn resolver(address: &str) -> Client {
    Client::new(address.parse().expect("an address"), None)
}

/// An answer's addresses.
pub(crate) fn address(rdata: &[u8]) -> IpAddr {
    match rdata.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(rdata).expect("four octets")).into(),
        _ => Ipv6Addr::from(<[u8; 16]>::try_from(rdata).expect("sixteen octets")).into(),
    }
}
