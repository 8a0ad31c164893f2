//! What stands for a balanced name at a secondary that knows no steering: what the `default` row answers when nothing of
//! it is live, each address that it may choose from.

use crate::id::{EndpointId, PoolId, ZoneId};
use crate::limits::TRANSFER_ADDRESSES;
use crate::pool::{Address, Endpoint, Pool};
use crate::snapshot::{Snapshot, Spec};
use crate::steer::{BalancedName, Binding, Fallback, Policy, Services, Step};
use crate::wire::code::rtype;
use crate::zone::Record;
use std::collections::HashSet;

/// SvcParamKeys of the address hints (RFC 9460 §7.3).
const HINTS: [u16; 2] = [4, 6];

/// What a configuration says of balanced names.
#[derive(Clone, Copy, Debug)]
pub struct Steering<'s> {
    names: &'s [BalancedName],
    policies: &'s [Policy],
    pools: &'s [Pool],
    endpoints: &'s [Endpoint],
}

impl<'s> From<&'s Spec> for Steering<'s> {
    fn from(spec: &'s Spec) -> Self {
        Self { names: &spec.names, policies: &spec.policies, pools: &spec.pools, endpoints: &spec.endpoints }
    }
}

impl<'s> From<&'s Snapshot> for Steering<'s> {
    fn from(spec: &'s Snapshot) -> Self {
        Self { names: &spec.names, policies: &spec.policies, pools: &spec.pools, endpoints: &spec.endpoints }
    }
}

/// The records that stand for a zone's balanced names. A name that answers nothing when nothing is live has none.
#[must_use]
pub fn stand_ins<'s>(steering: impl Into<Steering<'s>>, zone: ZoneId) -> Vec<Record> {
    let steering = steering.into();
    let names = steering.names.iter().filter(|name| name.zone == zone);
    names.flat_map(|name| steering.stand_in(name)).collect()
}

impl Steering<'_> {
    fn stand_in(&self, name: &BalancedName) -> Vec<Record> {
        let members = self.members(name);
        let record = |rtype: u16, rdata: Vec<u8>| Record {
            owner: name.owner.clone(),
            rtype,
            ttl: name.ttl,
            rdata: rdata.into(),
        };
        if let Some(host) = members.iter().find_map(|member| host(member)) {
            return vec![record(rtype::CNAME, host)];
        }
        let mut records = Vec::new();
        for (lane, rtype) in [rtype::A, rtype::AAAA].into_iter().enumerate() {
            let addresses = members.iter().filter_map(|member| address(member, lane)).take(TRANSFER_ADDRESSES);
            records.extend(addresses.map(|address| record(rtype, address)));
        }
        if let Some(services) = &name.services {
            records.extend(beside(services, &members).into_iter().map(|(rtype, rdata)| record(rtype, rdata)));
        }
        records
    }

    /// The endpoints that a name's `default` row falls back to.
    fn members(&self, name: &BalancedName) -> Vec<&Endpoint> {
        let row = self.policies[name.policy.index()].rows.last();
        let pools: Vec<PoolId> = match (name.fallback, row.and_then(|row| row.steps.first())) {
            (Fallback::NoData | Fallback::ServFail, _) | (_, None) => Vec::new(),
            (Fallback::Pool(pool), _) => vec![pool],
            (Fallback::All, Some(Step::Split { parts, .. })) => parts.iter().map(|(pool, _)| *pool).collect(),
            (Fallback::All, Some(Step::Nearest(pools) | Step::LeastLoad(pools))) => pools.to_vec(),
        };
        let all: Vec<(&Pool, &Endpoint)> = pools.iter().flat_map(|pool| self.endpoints_of(*pool)).collect();
        let is_in = |(pool, one): &(&Pool, &Endpoint)| pool.gate.is_open() && one.gate.is_open();
        let chosen = |filter: &dyn Fn(&(&Pool, &Endpoint)) -> bool| {
            let chosen: Vec<_> = all.iter().filter(|one| filter(one)).map(|(_, one)| *one).collect();
            (!chosen.is_empty()).then_some(chosen)
        };
        // As steering does: those with a share, if there are any; those that nobody took out, if there are any.
        chosen(&|one| is_in(one) && one.1.weight > 0)
            .or_else(|| chosen(&is_in))
            .or_else(|| chosen(&|_| true))
            .unwrap_or_default()
    }

    fn endpoints_of(&self, pool: PoolId) -> impl Iterator<Item = (&Pool, &Endpoint)> {
        let pool = &self.pools[pool.index()];
        pool.endpoints().map(move |id: EndpointId| (pool, &self.endpoints[id.index()]))
    }
}

fn host(endpoint: &Endpoint) -> Option<Vec<u8>> {
    match &endpoint.address {
        Address::Host(name) => Some(name.wire().to_vec()),
        Address::Ip { .. } => None,
    }
}

fn address(endpoint: &Endpoint, lane: usize) -> Option<Vec<u8>> {
    match &endpoint.address {
        Address::Ip { v4: Some(v4), .. } if lane == 0 => Some(v4.octets().to_vec()),
        Address::Ip { v6: Some(v6), .. } if lane == 1 => Some(v6.octets().to_vec()),
        _ => None,
    }
}

/// The records beside the addresses, as queries get them ([`crate::respond`]) when all of these are picked.
fn beside(services: &Services, members: &[&Endpoint]) -> Vec<(u16, Vec<u8>)> {
    let members = &members[..members.len().min(TRANSFER_ADDRESSES)];
    let mut records = Vec::new();
    for (rtype, binding) in [(rtype::HTTPS, &services.https), (rtype::SVCB, &services.svcb)] {
        records.extend(binding.as_ref().map(|binding| (rtype, bound(binding, members))));
    }
    for own in members.iter().filter_map(|member| Some((member, member.service.as_deref()?))) {
        let (member, own) = own;
        if services.txt && !own.text.is_empty() {
            records.push((rtype::TXT, own.text.to_vec()));
        }
        let Some(target) = &own.target else { continue };
        if let Some(srv) = services.srv {
            let numbers = [srv.priority, member.weight.min(u16::MAX.into()) as u16, srv.port];
            let head = numbers.into_iter().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
            records.push((rtype::SRV, [&head, target.wire()].concat()));
        }
        if let Some(preference) = services.mx {
            records.push((rtype::MX, [&preference.to_be_bytes(), target.wire()].concat()));
        }
    }
    // Endpoints that say the same have one record (RFC 2181 §5).
    let mut seen = HashSet::new();
    records.retain(|record| seen.insert(record.clone()));
    records
}

/// A binding of the owner itself with all addresses as hints.
fn bound(binding: &Binding, members: &[&Endpoint]) -> Vec<u8> {
    let mut rdata = [&binding.priority.to_be_bytes()[..], &[0], &binding.params].concat();
    for (lane, key) in HINTS.into_iter().enumerate() {
        let hints: Vec<u8> = members.iter().filter_map(|member| address(member, lane)).flatten().collect();
        if !hints.is_empty() {
            rdata.extend_from_slice(&key.to_be_bytes());
            rdata.extend_from_slice(&(hints.len() as u16).to_be_bytes());
            rdata.extend_from_slice(&hints);
        }
    }
    rdata
}
