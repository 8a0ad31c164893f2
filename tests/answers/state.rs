//! From a specification to a state without databases, clocks and probes: everybody is of unknown place.

use geosteer::geo::{Databases, Matcher, Region, Selector, SourceRef};
use geosteer::id::{EndpointId, PolicyId, PoolId, RegionId, RouteId, ZoneId};
use geosteer::pool::{Address, Balance, Endpoint, Gate, Pool, Rules};
use geosteer::snapshot::{Snapshot, Spec, ZoneSpec};
use geosteer::state::State;
use geosteer::steer::{BalancedName, Fallback, Policy, Row, Step};
use std::net::IpAddr;
use std::sync::Arc;

/// The state of a specification in which everything that is not in `failed` is up.
pub fn state_with(spec: Spec, failed: &[EndpointId]) -> State {
    let snapshot = Snapshot::build(spec, Arc::new(Databases::new(Vec::new()))).unwrap();
    State::offline(Arc::new(snapshot), failed)
}

/// The same with everything up.
pub fn state_of(spec: Spec) -> State {
    state_with(spec, &[])
}

fn at() -> SourceRef {
    SourceRef("test:1:1".into())
}

/// Adds a pool; its endpoints are addresses, or names that end in a dot.
fn add_pool(spec: &mut Spec, name: &str, balance: Balance, endpoints: &[&str]) -> PoolId {
    let id = PoolId::new(spec.pools.len());
    spec.pools.push(Pool {
        name: name.into(),
        zone: ZoneId::new(0),
        balance,
        answers: 8,
        min_healthy: 1,
        gate: Gate::Auto,
        location: None,
        checks: Box::default(),
        first: EndpointId::new(spec.endpoints.len()),
        count: endpoints.len() as u16,
        tags: Box::default(),
        domains: Box::new([]),
        spread: None,
        rules: Rules::default(),
    });
    for text in endpoints {
        let address = match text.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => Address::Ip { v4: Some(address), v6: None },
            Ok(IpAddr::V6(address)) => Address::Ip { v4: None, v6: Some(address) },
            Err(_) => Address::Host(geosteer::wire::Name::parse(text).unwrap()),
        };
        spec.endpoints.push(Endpoint {
            name: (*text).into(),
            pool: id,
            address,
            weight: 1,
            gate: Gate::Auto,
            check_address: None,
            location: None,
            tags: Box::default(),
            service: None,
        });
    }
    id
}

/// Adds a balanced name of its own policy: one pool for the region `office`, one for everybody else.
fn add_name(spec: &mut Spec, owner: &str, office: PoolId, default: PoolId, fallback: Fallback) {
    let row = |region, pool| Row {
        region,
        steps: Box::new([Step::Split { parts: Box::new([(pool, 1)]), sticky: true }]),
        geofence: true,
        at: at(),
    };
    let policy = PolicyId::new(spec.policies.len());
    spec.policies.push(Policy {
        name: owner.into(),
        zone: ZoneId::new(0),
        rows: Box::new([row(Some(RegionId::new(0)), office), row(None, default)]),
    });
    let owner = super::name(owner, &spec.zones[0].apex);
    let zone = ZoneId::new(0);
    spec.names.push(BalancedName {
        owner,
        zone,
        policy,
        fallback,
        ttl: 30,
        ttl_min: 15,
        services: None,
        route: RouteId::new(0),
    });
}

/// `example.com` with balanced names beside what `text` says. Clients of 203.0.113.0/24 and 2001:db8:ffff::/48 are
/// in the region `office`. Endpoints that are written in `failed` are down.
///
/// * `www`: A and AAAA; the office gets 192.0.2.10 and 2001:db8::10, others 192.0.2.20 and 2001:db8::20
/// * `four`: A alone, the same; NODATA when nothing is up; `dead`: the same, SERVFAIL
/// * `*.img`: A alone, the same
/// * `cdn`: CNAME `office.cdn.test.` or `world.cdn.test.`
/// * `same`: A 192.0.2.10 for everybody
/// * `many`: eight addresses
pub fn balanced_state(text: &str, failed: &[&str]) -> State {
    balanced_state_of(super::zone("example.com", text), failed)
}

/// The same in a zone that is made already.
pub fn balanced_state_of(zone: ZoneSpec, failed: &[&str]) -> State {
    let mut spec = Spec { zones: vec![zone], ..Spec::default() };
    let networks = ["203.0.113.0/24", "2001:db8:ffff::/48"];
    spec.zones[0].regions.push(Region {
        name: "office".into(),
        selectors: networks.map(|net| Selector { matcher: Matcher::Network(net.parse().unwrap()), at: at() }).to_vec(),
    });
    let weighted = Balance::Weighted;
    let office = add_pool(&mut spec, "office", weighted, &["192.0.2.10", "2001:db8::10"]);
    let world = add_pool(&mut spec, "world", weighted, &["192.0.2.20", "2001:db8::20"]);
    let office4 = add_pool(&mut spec, "office4", weighted, &["192.0.2.10"]);
    let world4 = add_pool(&mut spec, "world4", weighted, &["192.0.2.20"]);
    let office_host = add_pool(&mut spec, "office-host", weighted, &["office.cdn.test."]);
    let world_host = add_pool(&mut spec, "world-host", weighted, &["world.cdn.test."]);
    let addresses: Vec<String> = (1..=8).map(|i| format!("192.0.2.{i}")).collect();
    let many = add_pool(&mut spec, "many", Balance::All, &addresses.iter().map(String::as_str).collect::<Vec<_>>());
    add_name(&mut spec, "www", office, world, Fallback::All);
    add_name(&mut spec, "four", office4, world4, Fallback::NoData);
    add_name(&mut spec, "dead", office4, world4, Fallback::ServFail);
    add_name(&mut spec, "*.img", office4, world4, Fallback::All);
    add_name(&mut spec, "cdn", office_host, world_host, Fallback::All);
    add_name(&mut spec, "same", office4, office4, Fallback::All);
    add_name(&mut spec, "many", many, many, Fallback::All);
    let failed: Vec<EndpointId> = (spec.endpoints.iter().enumerate())
        .filter(|(_, endpoint)| failed.contains(&&*endpoint.name))
        .map(|(index, _)| EndpointId::new(index))
        .collect();
    state_with(spec, &failed)
}
