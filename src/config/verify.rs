//! What must hold between the tables of a zone: types of names, cuts, name servers, and what nothing uses.

use super::Code;
use super::diagnostic::Diagnostic;
use super::records::{A, AAAA, CNAME, DNAME, NS, SOA};
use super::source::Span;
use super::zone::{Noted, Zone};
use crate::id::{PolicyId, PoolId};
use crate::pool::Address;
use crate::steer::{Fallback, Row, Step};
use crate::wire::Name;

/// The kinds of records that pools can give.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Reach {
    pub(super) v4: bool,
    pub(super) v6: bool,
    pub(super) host: bool,
}

impl Reach {
    /// What either can give.
    pub(super) fn and(self, other: Self) -> Self {
        Self { v4: self.v4 | other.v4, v6: self.v6 | other.v6, host: self.host | other.host }
    }

    fn mixed(self) -> bool {
        self.host && (self.v4 || self.v6)
    }
}

/// What a pool can give.
pub(super) fn reach_of_pool(zone: &Zone<'_, '_>, pool: PoolId) -> Reach {
    let pool = &zone.spec.pools[pool.index()];
    let first = pool.first.index();
    let members = &zone.spec.endpoints[first..first + usize::from(pool.count)];
    members.iter().fold(Reach::default(), |reach, member| match member.address {
        Address::Ip { v4, v6 } => reach.and(Reach { v4: v4.is_some(), v6: v6.is_some(), host: false }),
        Address::Host(_) => Reach { host: true, ..reach },
    })
}

/// The pools of a row's steps.
pub(super) fn pools(row: &Row) -> impl Iterator<Item = PoolId> {
    row.steps.iter().flat_map(|step| {
        let (split, nearest) = match step {
            Step::Split { parts, .. } => (&**parts, &[][..]),
            Step::Nearest(pools) | Step::LeastLoad(pools) => (&[][..], &**pools),
        };
        split.iter().map(|(pool, _)| *pool).chain(nearest.iter().copied())
    })
}

fn reach_of_row(zone: &Zone<'_, '_>, row: &Row) -> Reach {
    pools(row).fold(Reach::default(), |reach, pool| reach.and(reach_of_pool(zone, pool)))
}

/// What a policy can give; reports a mixture, and rows that cannot give what others can.
pub(super) fn reach(zone: &mut Zone<'_, '_>, policy: PolicyId) -> Reach {
    let rows = &zone.spec.policies[policy.index()].rows;
    let own: Vec<Reach> = rows.iter().map(|row| reach_of_row(zone, row)).collect();
    let all = own.iter().fold(Reach::default(), |all, row| all.and(*row));
    let default = rows.iter().zip(&own).find(|(row, _)| row.region.is_none()).map_or(Reach::default(), |(_, own)| *own);
    let mut found = Vec::new();
    let spans = &zone.rows[policy.index() - zone.first_policy];
    let name = &zone.spec.policies[policy.index()].name;
    if all.mixed() {
        let host = own.iter().position(|row| row.host).unwrap_or(0);
        let address = own.iter().position(|row| row.v4 || row.v6).unwrap_or(0);
        let message = format!("the policy {name} mixes pools of addresses and pools of hostnames");
        let one = Diagnostic::new(Code::MixedKinds, spans[host], message).label("hostnames");
        let one = if host == address { one } else { one.also(spans[address], "addresses") };
        found.push(one.note("a name is of A/AAAA type or of CNAME type, for every client the same"));
    } else if zone.ctx.report.errors() == 0 {
        // What is missing because of another mistake is no second one.
        for ((row, own), span) in rows.iter().zip(&own).zip(spans) {
            let reach = if row.geofence { *own } else { own.and(default) };
            for (family, missing) in [("IPv4", all.v4 && !reach.v4), ("IPv6", all.v6 && !reach.v6)] {
                if missing {
                    let message = format!("the clients of this row of {name} get no {family} address, others do");
                    let code = if zone.is_signed() { Code::TypeForSome } else { Code::FamilyMissing };
                    let one = Diagnostic::new(code, *span, message).label(format!("no {family} here"));
                    let one = one.help(format!("add a pool with {family} addresses to the row or to `default`"));
                    found.push(if zone.is_signed() { one.note(FOR_ALL) } else { one });
                }
            }
        }
    }
    nearest_places(zone, policy, &mut found);
    found.into_iter().for_each(|found| zone.ctx.push(found));
    all
}

/// Why a signed zone has a type for everybody or for nobody.
const FOR_ALL: &str = "in a signed zone a resolver may tell all of its clients what was proved to one (RFC 8198)";

/// In a signed zone what a fallback does must not take a type from some clients, or have one for some alone.
pub(super) fn signed_fallback(zone: &mut Zone<'_, '_>, (fallback, span): (Fallback, Span), types: Reach) {
    if !zone.is_signed() {
        return;
    }
    let found = match fallback {
        Fallback::NoData => {
            let message = "a signed zone cannot answer that a type has no data when only its endpoints are down";
            let one = Diagnostic::new(Code::TypeForSome, span, message).label("not in a signed zone");
            one.help("write fallback = \"all\", \"servfail\" or { pool = \"…\" }")
        }
        Fallback::Pool(pool) => {
            let more = reach_of_pool(zone, pool);
            let Some((family, _)) = [("IPv4", more.v4 && !types.v4), ("IPv6", more.v6 && !types.v6)]
                .into_iter()
                .find(|(_, only_here)| *only_here && !types.host)
            else {
                return;
            };
            let message = format!("only the fallback has {family} addresses: most of the time clients get none");
            let one = Diagnostic::new(Code::TypeForSome, span, message).label(format!("{family} only here"));
            one.help(format!("give the policy's pools {family} addresses too, or take them out of the fallback's"))
        }
        Fallback::All | Fallback::ServFail => return,
    };
    zone.ctx.push(found.note(FOR_ALL));
}

/// Nearness needs to know where the pools are.
fn nearest_places(zone: &Zone<'_, '_>, policy: PolicyId, found: &mut Vec<Diagnostic>) {
    let policy_spec = &zone.spec.policies[policy.index()];
    for (row, span) in policy_spec.rows.iter().zip(&zone.rows[policy.index() - zone.first_policy]) {
        for step in &row.steps {
            let Step::Nearest(pools) = step else { continue };
            let lost = pools.iter().map(|pool| &zone.spec.pools[pool.index()]).find(|pool| pool.location.is_none());
            if let Some(pool) = lost {
                let message = format!("the row picks the nearest pool, and {} has no location", pool.name);
                let one = Diagnostic::new(Code::NoLocation, *span, message).label(format!("{} comes last", pool.name));
                found.push(one.help(format!("give it location = [latitude, longitude] in [pools.{}]", pool.name)));
            }
        }
    }
}

/// A balanced name beside static data.
pub(super) fn name(
    zone: &mut Zone<'_, '_>,
    key: Span,
    owner: &Name,
    (policy, fallback): (PolicyId, Fallback),
    types: Reach,
) {
    let apex = owner.wire().eq_ignore_ascii_case(zone.apex.wire());
    let records = &zone.records;
    if let Some((cut, _)) = records.cut_above(owner, true).filter(|_| !apex || records.find(owner, &[DNAME]).is_some())
    {
        let what = if records.all[cut].rtype == NS { "delegation" } else { "DNAME" };
        let message = format!("{owner} stands at or below a {what}");
        let found = Diagnostic::new(Code::BelowCut, key, message).label("never asked for here");
        let found = found.also(records.spans[cut], format!("the {what}"));
        return zone.ctx.push(found);
    }
    let mut found = Vec::new();
    let at = |index: usize| zone.records.spans[index];
    if types.host {
        if apex {
            let message = "the zone's apex cannot be of CNAME type: SOA and NS stand there";
            let one = Diagnostic::new(Code::CnameAtApex, key, message).label("its pools have hostnames");
            found.push(one.help("give the apex pools with addresses"));
        } else if let Some(&other) = zone.records.at(owner).first() {
            let message = format!("{owner} is of CNAME type and has static records");
            let one = Diagnostic::new(Code::CnameAtApex, key, message).label("answers a CNAME, which stands alone");
            found.push(one.also(at(other as usize), "this record"));
        }
        host_loop(zone, key, owner, (policy, fallback), &mut found);
    } else {
        let mut own = vec![CNAME];
        own.extend(types.v4.then_some(A));
        own.extend(types.v6.then_some(AAAA));
        if let Some(other) = zone.records.find(owner, &own) {
            let message = format!("{owner} is balanced and has static records of the same type, or a CNAME");
            let one = Diagnostic::new(Code::BalancedConflict, key, message).label("balanced here");
            found.push(
                one.also(at(other), "static here").help("take one out; MX, TXT, CAA and others may stand beside it"),
            );
        }
    }
    if types.mixed() && !policy_mixed(zone, policy) {
        let message = format!("the fallback of {owner} is of another kind than its policy");
        found.push(Diagnostic::new(Code::MixedKinds, key, message).label("addresses and hostnames"));
    }
    found.into_iter().for_each(|found| zone.ctx.push(found));
}

fn policy_mixed(zone: &Zone<'_, '_>, policy: PolicyId) -> bool {
    let rows = &zone.spec.policies[policy.index()].rows;
    rows.iter().fold(Reach::default(), |all, row| all.and(reach_of_row(zone, row))).mixed()
}

/// A CNAME to itself.
fn host_loop(
    zone: &Zone<'_, '_>,
    key: Span,
    owner: &Name,
    (policy, fallback): (PolicyId, Fallback),
    found: &mut Vec<Diagnostic>,
) {
    let fallback = if let Fallback::Pool(pool) = fallback { Some(pool) } else { None };
    for pool in zone.spec.policies[policy.index()].rows.iter().flat_map(pools).chain(fallback) {
        let pool = &zone.spec.pools[pool.index()];
        let first = pool.first.index();
        let itself = zone.spec.endpoints[first..first + usize::from(pool.count)].iter().any(
            |member| matches!(&member.address, Address::Host(host) if host.wire().eq_ignore_ascii_case(owner.wire())),
        );
        if itself {
            let message = format!("an endpoint of {} has the hostname {owner}, the name itself", pool.name);
            found.push(Diagnostic::new(Code::CnameLoop, key, message).label("a CNAME to itself"));
            return;
        }
    }
}

/// A fallback pool must be of the fence of every geofenced row.
pub(super) fn fence(zone: &mut Zone<'_, '_>, policy: PolicyId, pool: PoolId, span: Span) {
    let spans = &zone.rows[policy.index() - zone.first_policy];
    let rows = zone.spec.policies[policy.index()].rows.iter().zip(spans);
    let outside = rows.filter(|(row, _)| row.geofence).find(|(row, _)| !pools(row).any(|inside| inside == pool));
    if let Some((_, row)) = outside {
        let message = format!("the fallback pool {} is not of the fence", zone.spec.pools[pool.index()].name);
        let found = Diagnostic::new(Code::BadFallback, span, message).label("outside of the fence");
        zone.ctx.push(found.also(*row, "this row is geofenced").help("take a pool of the row, or \"servfail\""));
    }
}

/// What holds for the zone as a whole.
pub(super) fn zone(zone: &mut Zone<'_, '_>) {
    name_servers(zone);
    if zone.ctx.report.errors() > 0 {
        // What a mistake keeps from being used is no second mistake.
        return;
    }
    let bare = zone.records.all.iter().all(|record| record.rtype == NS || record.rtype == SOA);
    if bare && zone.spec.names.last().is_none_or(|name| name.zone != zone.id) {
        let found = Diagnostic::new(Code::NoNames, zone.apex_span, "the zone has no names and no records");
        zone.ctx.push(found.label("nothing to ask for").help("add [names], or static data to [records]"));
    }
    let unused = |notes: &[Noted<'_>]| {
        notes.iter().filter(|note| !note.used).map(|note| (note.span, note.name.to_owned())).collect::<Vec<_>>()
    };
    let lists = [
        (
            Code::RegionUnused,
            unused(&zone.regions.notes),
            "no policy has a row for the region",
            "its clients go elsewhere",
        ),
        (Code::CheckUnused, unused(&zone.checks.notes), "no pool has the check", "never run"),
        (Code::PoolUnused, unused(&zone.pools.notes), "no policy and no fallback names the pool", "never answered"),
        (Code::PolicyUnused, unused(&zone.policies.notes), "no name has the policy", "never used"),
    ];
    for (code, all, message, label) in lists {
        for (span, name) in all {
            zone.ctx.push(Diagnostic::new(code, span, format!("{message} {name}")).label(label));
        }
    }
}

/// A name server inside of the zone needs an address there.
fn name_servers(zone: &mut Zone<'_, '_>) {
    let mut found = Vec::new();
    let apex = zone.apex.clone();
    for &index in zone.records.at(&apex) {
        let record = &zone.records.all[index as usize];
        let Ok(target) = Name::from_wire(&record.rdata) else { continue };
        if record.rtype != NS || !target.is_within(&apex) || zone.records.cut_above(&target, true).is_some() {
            continue;
        }
        let balanced = || zone.spec.names.iter().any(|name| name.owner.wire().eq_ignore_ascii_case(target.wire()));
        if zone.records.find(&target, &[A, AAAA]).is_none() && !balanced() {
            let label = &target.to_string()[..target.to_string().len() - apex.to_string().len()];
            let label = if label.is_empty() { "@" } else { label.trim_end_matches('.') };
            let message = format!("the name server {target} is inside of the zone and has no address");
            let one = Diagnostic::new(Code::NsWithoutAddress, zone.records.spans[index as usize], message);
            found
                .push(one.label("no A or AAAA record").help(format!("add to records.text: {label} 3600 A 192.0.2.53")));
        }
    }
    found.into_iter().for_each(|found| zone.ctx.push(found));
}
