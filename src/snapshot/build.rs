//! From a specification to a snapshot: maps, routes, targets, record data and zones.

use super::counted::Counted;
use super::meters::{Meter, Meters};
use super::named::Named;
use super::sets::Counter;
use super::{BuildError, NameFacts, Snapshot, Spec, Target, ZoneSpec};
use crate::dnssec::Seals;
use crate::geo::{Databases, GeoMap, MapSpec, Matcher, ScopeLimits, View};
use crate::health::{Check, CheckKind, TargetAddress};
use crate::id::{CheckId, ClassId, EndpointId, MapId, NameId, TargetId};
use crate::limits::{HASHES_WRITTEN_DOWN, TIES_WRITTEN_DOWN, VIEWS_SIZE};
use crate::pool::rendezvous::name_bits;
use crate::pool::{Address, Balance, Endpoint, Pool};
use crate::steer::{BalancedName, Compiler, Groups, Policy, Route, Sources, lanes};
use crate::zone::{BalancedOwner, Zones};
use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

/// What one map is compiled from, by content: regions' matchers, places, limits.
type MapKey = (Vec<Vec<Matcher>>, Vec<Vec<Option<[u64; 2]>>>, ScopeLimits);

/// The map of each zone that has a balanced name.
type MapOf = Vec<Option<MapId>>;

/// Compiles a specification.
pub(super) fn build(spec: Spec, databases: Arc<Databases>) -> Result<Snapshot, BuildError> {
    let Spec { mut zones, checks, mut pools, mut endpoints, mut policies, mut names, guard, canaries, names_counted } =
        spec;
    let groups = groups(&zones, &names, &policies, &pools, &endpoints);
    let (maps, map_of) = maps(&zones, &names, &groups, &databases)?;
    let sources = Sources { pools: &pools, endpoints: &endpoints, policies: &policies };
    let mut compiler = Compiler::new(sources);
    for name in &mut names {
        let zone = name.zone.index();
        let Some(map) = map_of[zone] else { continue };
        let limits = zones[zone].ecs.limits;
        name.route = compiler.route(name, (map, &maps[map.index()]), &groups[zone], limits);
    }
    let (plan, routes, views, rows) = compiler.finish();
    let counted = Counted::new((&zones, &pools, &policies), (&plan, &routes, &rows), &names, names_counted);
    drop(rows);
    let views = lay_out_views(views, &maps);
    let mut owners: Vec<BalancedOwner<'_>> = (names.iter().enumerate())
        .map(|(index, name)| BalancedOwner {
            owner: &name.owner,
            zone: name.zone,
            id: NameId::new(index),
            types: name.types(routes[name.route.index()].types),
        })
        .collect();
    let records = zones.iter().map(|zone| super::changes::fingerprint(&zone.records)).collect();
    let signs = super::signed::complete(&mut zones, &mut owners);
    let tree = Zones::build(&mut zones, &owners);
    drop(owners);
    let seals = if signs { seals(&zones, &names, sources) } else { Vec::new() };
    let facts = names.iter().map(|name| facts(name, &routes[name.route.index()])).collect();
    let Watches { targets, watches, watched, meters, canaries } = watch(&checks, &pools, &endpoints, canaries);
    let (rdata_v4, rdata_v6) = rdata(&endpoints);
    let of_one_answer =
        |balance: Balance| pools.iter().filter(|pool| pool.balance == balance && pool.answers == 1).count();
    let writes_hashes_down = of_one_answer(Balance::Hash) <= HASHES_WRITTEN_DOWN;
    let writes_ties_down = of_one_answer(Balance::Nearest) <= TIES_WRITTEN_DOWN;
    shrink((&mut pools, &mut endpoints), (&mut policies, &mut names));
    Ok(Snapshot {
        zones: tree,
        signs,
        seals,
        writes_hashes_down,
        writes_ties_down,
        settings: zones,
        records,
        checks,
        pools,
        endpoints,
        policies,
        names,
        facts,
        routes,
        plan,
        groups,
        rdata_v4,
        rdata_v6,
        maps,
        views,
        targets,
        watches,
        watched,
        meters,
        guard,
        canaries,
        databases,
        counted: Arc::new(counted),
        named: Named::default(),
    })
}

/// The choices by nearness, zone by zone.
fn groups(
    zones: &[ZoneSpec],
    names: &[BalancedName],
    policies: &[Policy],
    pools: &[Pool],
    endpoints: &[Endpoint],
) -> Vec<Groups> {
    let mut groups = vec![Groups::default(); zones.len()];
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if seen.insert((name.policy, name.fallback)) {
            let policy = &policies[name.policy.index()];
            groups[name.zone.index()].collect(policy, name.fallback, pools, endpoints);
        }
    }
    groups
}

/// One map for each distinct content, and the map of each zone that has a balanced name.
fn maps(
    zones: &[ZoneSpec],
    names: &[BalancedName],
    groups: &[Groups],
    databases: &Databases,
) -> Result<(Vec<Arc<GeoMap>>, MapOf), BuildError> {
    let mut balanced = vec![false; zones.len()];
    for name in names {
        balanced[name.zone.index()] = true;
    }
    let mut maps = Vec::new();
    let mut by_content: HashMap<MapKey, MapId> = HashMap::new();
    let mut map_of = vec![None; zones.len()];
    for (index, zone) in zones.iter().enumerate().filter(|(index, _)| balanced[*index]) {
        let limits = zone.ecs.limits;
        let matchers = |region: &crate::geo::Region| region.selectors.iter().map(|s| s.matcher.clone()).collect();
        let regions = zone.regions.iter().map(matchers).collect();
        let key = (regions, groups[index].content(), limits);
        let id = match by_content.get(&key) {
            Some(&id) => id,
            None => {
                let spec = MapSpec { regions: &zone.regions, groups: &groups[index].groups, limits };
                let map = GeoMap::compile(databases, &spec).map_err(|error| {
                    BuildError(format!("{}: the map cannot be compiled: {}", zone.file, error.0).into())
                })?;
                maps.push(Arc::new(map));
                let id = MapId::new(maps.len() - 1);
                by_content.insert(key, id);
                id
            }
        };
        map_of[index] = Some(id);
    }
    Ok((maps, map_of))
}

/// The views, each laid out by address as long as there is room for that.
fn lay_out_views(views: Vec<(MapId, Vec<ClassId>)>, maps: &[Arc<GeoMap>]) -> Vec<(Arc<GeoMap>, View)> {
    let mut room = VIEWS_SIZE;
    let lay_out = |(id, classes): (MapId, Vec<ClassId>)| {
        let map = &maps[id.index()];
        let mut view = map.view(&classes);
        room = map.lay_out(&mut view, room);
        (Arc::clone(map), view)
    };
    views.into_iter().map(lay_out).collect()
}

/// Gives room back that tables do not need.
fn shrink(
    (pools, endpoints): (&mut Vec<Pool>, &mut Vec<Endpoint>),
    (policies, names): (&mut Vec<Policy>, &mut Vec<BalancedName>),
) {
    pools.shrink_to_fit();
    endpoints.shrink_to_fit();
    policies.shrink_to_fit();
    names.shrink_to_fit();
}

/// Room for what is signed of each balanced name.
fn seals(zones: &[ZoneSpec], names: &[BalancedName], sources: Sources<'_>) -> Vec<Seals> {
    let mut counter = Counter::new(sources.pools, sources.endpoints, sources.policies);
    let room = |name: &BalancedName| {
        if zones[name.zone.index()].signing.signer().is_none() {
            return Seals::default();
        }
        Seals::expecting(counter.of(name))
    };
    names.iter().map(room).collect()
}

fn facts(name: &BalancedName, route: &Route) -> NameFacts {
    NameFacts {
        route: name.route,
        view: route.view,
        first: route.first,
        endpoint_bits: route.endpoint_bits,
        pool_bits: route.pool_bits,
        ttl: name.ttl,
        ttl_min: name.ttl_min.min(name.ttl),
        salt: name_bits(name.owner.to_lowercase().wire()),
    }
}

/// Record data by endpoint, one table a family.
fn rdata(endpoints: &[Endpoint]) -> (Vec<[u8; 4]>, Vec<[u8; 16]>) {
    let v4 = |endpoint: &Endpoint| match endpoint.address {
        Address::Ip { v4: Some(v4), .. } => v4.octets(),
        _ => [0; 4],
    };
    let v6 = |endpoint: &Endpoint| match endpoint.address {
        Address::Ip { v6: Some(v6), .. } => v6.octets(),
        _ => [0; 16],
    };
    let any_v6 = endpoints.iter().any(|endpoint| lanes(&endpoint.address)[1]);
    let v6 = if any_v6 { endpoints.iter().map(v6).collect() } else { Vec::new() };
    (endpoints.iter().map(v4).collect(), v6)
}

struct Watches {
    targets: Vec<Target>,
    watches: Vec<[Range<u32>; 2]>,
    watched: Vec<TargetId>,
    meters: Meters,
    canaries: Vec<TargetId>,
}

/// What is probed, each (address, check) once, and for whom. Checks are compared by what they do: two of equal
/// content and different names are one target.
fn watch(checks: &[Check], pools: &[Pool], endpoints: &[Endpoint], canaries: Vec<Target>) -> Watches {
    let canonical = canonical(checks);
    let mut by_content: HashMap<Target, TargetId> = HashMap::new();
    let mut targets = Vec::new();
    let mut watched = Vec::new();
    let mut watches = Vec::with_capacity(endpoints.len());
    let mut meters = Meters::default();
    for (index, endpoint) in endpoints.iter().enumerate() {
        let has = lanes(&endpoint.address);
        let pool = &pools[endpoint.pool.index()];
        let mut meter = [Meter::default(); 2];
        let mut range_of = |lane: usize| {
            let start = watched.len() as u32;
            let probed = pool.checks.iter().map(|check| (&checks[check.index()], *check));
            for (check, check_id) in probed.filter(|(check, _)| has[lane] && check.kind != CheckKind::None) {
                let target = Target { address: probed_address(endpoint, lane), check: canonical[check_id.index()] };
                let id = *by_content.entry(target).or_insert_with_key(|target| {
                    targets.push(target.clone());
                    TargetId::new(targets.len() - 1)
                });
                if pool.rules.load == Some(check_id) {
                    meter[lane].load = Some(id);
                }
                // The first of the checks that has a time; a request for the load alone is the last of them.
                if pool.balance.looks_at_time() && check.kind.has_time() && meter[lane].time.is_none() {
                    meter[lane].time = Some(id);
                }
                // A check of equal content may vote for another pool: it is one target all the same.
                if !check.voting.monitoring_only {
                    watched.push(id);
                }
            }
            start..watched.len() as u32
        };
        watches.push([range_of(0), range_of(1)]);
        meters.add(EndpointId::new(index), endpoint.pool, meter);
    }
    let outside = |canary: Target| {
        let target = Target { check: canonical[canary.check.index()], ..canary };
        *by_content.entry(target).or_insert_with_key(|target| {
            targets.push(target.clone());
            TargetId::new(targets.len() - 1)
        })
    };
    let canaries = canaries.into_iter().map(outside).collect();
    Watches { targets, watches, watched, meters, canaries }
}

/// For each check the first one that does the same.
fn canonical(checks: &[Check]) -> Vec<CheckId> {
    let mut first = HashMap::new();
    let ids = checks.iter().enumerate();
    ids.map(|(index, check)| *first.entry(check.content()).or_insert(CheckId::new(index))).collect()
}

/// What is probed for an endpoint: one of each family that it has, each once.
#[must_use]
pub fn probed_addresses(endpoint: &Endpoint) -> Vec<TargetAddress> {
    let has = lanes(&endpoint.address);
    let mut probed: Vec<_> = (0..2).filter(|&lane| has[lane]).map(|lane| probed_address(endpoint, lane)).collect();
    probed.dedup();
    probed
}

/// What is probed for an endpoint's address of one family.
fn probed_address(endpoint: &Endpoint, lane: usize) -> TargetAddress {
    match (&endpoint.address, endpoint.check_address) {
        (_, Some(address)) => TargetAddress::Ip(address),
        (Address::Host(name), None) => TargetAddress::Host(name.to_lowercase()),
        (Address::Ip { v4: Some(v4), .. }, None) if lane == 0 => TargetAddress::Ip(IpAddr::V4(*v4)),
        (Address::Ip { v6: Some(v6), .. }, None) => TargetAddress::Ip(IpAddr::V6(*v6)),
        (Address::Ip { v4, .. }, None) => TargetAddress::Ip(v4.map_or(IpAddr::from([0; 4]), IpAddr::V4)),
    }
}
