//! What is counted under a configuration: every count has its index, fixed when the configuration is built. A query
//! adds to an index and to nothing else, so names that strangers make up cannot make a series.
//!
//! ```text
//! requests                    for no zone and for each zone: responses, the usual   answers                            names
//! transport × family × type │ rcode, transport × family × type │ (policy, regions) × (outcomes + pools × reasons) │ names, others
//! ```
//!
//! Nearly every reply says NOERROR. Such a reply is counted once, by its zone and by the query's transport, family and
//! type, and stands for a request and for a response: see [`Counted::parts`].

use super::ZoneSpec;
use crate::client::Family;
use crate::id::{PolicyId, PoolId, ZoneId};
use crate::pool::Pool;
use crate::respond::Transport;
use crate::steer::{BalancedName, Plan, Policy, Reason, Route};
use crate::wire::code::{rcode, rtype};
use std::collections::{BTreeMap, BTreeSet};

/// How queries come in.
pub const TRANSPORTS: [&str; Transport::ALL.len()] = ["udp", "tcp", "tls", "https", "quic"];
/// The families of the addresses that they come from.
pub const FAMILIES: [&str; 2] = ["4", "6"];
/// What they ask for; the last one is every other type, and what is no query.
pub const TYPES: [&str; 11] = ["A", "AAAA", "CNAME", "TXT", "MX", "NS", "SOA", "HTTPS", "SRV", "ANY", "other"];
/// How replies end; the last one is every other code.
pub const RCODES: [&str; 8] = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "BADVERS", "other"];
/// What a row comes to that no pool serves.
const OUTCOMES: usize = 3;
/// Places of the types of one transport and family: a power of two, so that an index is quickly made.
const KIND_PLACES: usize = 16;

/// Places of what queries are: their transports, families and types.
const QUERIES: usize = TRANSPORTS.len() * FAMILIES.len() * KIND_PLACES;
/// The counts of responses begin here, behind those of requests.
const RESPONSES: usize = QUERIES;
/// Counts of a zone's responses: by RCODE, and the usual ones by what was asked.
const OF_ZONE: usize = RCODES.len() + QUERIES;
/// The place of each type below 256 among [`TYPES`], and of all others.
static KINDS: [u8; 257] = kinds();
/// The place of BADVERS among [`RCODES`].
const BADVERS: usize = 6;
/// Most octets of the regions in one label; what is longer ends with how many more there are.
const REGIONS_MAX: usize = 96;

const fn kinds() -> [u8; 257] {
    let named = [
        rtype::A,
        rtype::AAAA,
        rtype::CNAME,
        rtype::TXT,
        rtype::MX,
        rtype::NS,
        rtype::SOA,
        rtype::HTTPS,
        rtype::SRV,
        rtype::ANY,
    ];
    let mut kinds = [named.len() as u8; 257];
    let mut at = 0;
    while at < named.len() {
        kinds[named[at] as usize] = at as u8;
        at += 1;
    }
    kinds
}

/// The index of a request's count.
#[inline(always)]
pub(crate) fn request(transport: Transport, family: Family, qtype: u16) -> usize {
    // What nearly everybody asks for needs no table.
    let kind = if qtype == rtype::A { 0 } else { usize::from(KINDS[usize::from(qtype.min(256))]) };
    (transport as usize * FAMILIES.len() + family as usize) * KIND_PLACES + kind
}

/// A place among the requests that no query has: where an answer is counted that is none.
pub(crate) const NOWHERE: usize = KIND_PLACES - 1;

/// Where the responses of a zone are counted; `None`: of no zone of ours.
#[inline(always)]
pub(crate) const fn responses(zone: Option<ZoneId>) -> usize {
    let place = match zone {
        Some(zone) => zone.index() + 1,
        None => 0,
    };
    RESPONSES + place * OF_ZONE
}

/// The place among a zone's responses of those that say NOERROR to a request.
#[inline(always)]
pub(crate) const fn usual(request: usize) -> usize {
    RCODES.len() + request
}

/// The place of an RCODE among a zone's responses.
#[inline(always)]
pub(crate) const fn code(rcode: u16) -> usize {
    match rcode {
        0..=5 => rcode as usize,
        rcode::BADVERS => BADVERS,
        _ => RCODES.len() - 1,
    }
}

/// One count, by its labels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Label<'a> {
    /// Queries: transport, family, type.
    Request(&'static str, &'static str, &'static str),
    /// Replies: zone, RCODE.
    Response(&'a str, &'static str),
    /// What balanced names were answered with.
    Answer(Answered<'a>),
    /// Decisions about a balanced name.
    Name(&'a str),
}

/// The labels of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Answered<'a> {
    /// The zone.
    pub zone: &'a str,
    /// The policy.
    pub policy: &'a str,
    /// The regions of its rows, joined by commas where the policy treats several alike.
    pub region: &'a str,
    /// The pool; empty if none serves.
    pub pool: &'a str,
    /// Why.
    pub reason: &'static str,
}

/// The clients that a policy treats alike.
#[derive(Debug)]
struct Group {
    zone: u32,
    policy: Box<str>,
    regions: Box<str>,
    /// The index of its first count.
    first: usize,
    /// In order.
    pools: Box<[(PoolId, Box<str>)]>,
}

impl Group {
    fn len(&self) -> usize {
        OUTCOMES + self.pools.len() * Reason::ALL.len()
    }
}

/// The counts of one configuration.
#[derive(Debug, Default)]
pub struct Counted {
    zones: Box<[Box<str>]>,
    groups: Box<[Group]>,
    /// By class of the plan.
    group_of: Box<[u32]>,
    /// The names that are counted by themselves.
    names: Box<[Box<str>]>,
    names_at: usize,
}

/// The policy's rows that each class of the plan stands for.
pub(crate) type RowsOfClasses = Vec<BTreeSet<u16>>;

impl Counted {
    /// Lays out the counts. `names`: so many names are counted by themselves.
    pub(super) fn new(
        (zones, pools, policies): (&[ZoneSpec], &[Pool], &[Policy]),
        (plan, routes, rows): (&Plan, &[Route], &RowsOfClasses),
        all_names: &[BalancedName],
        names: usize,
    ) -> Self {
        let labels: Vec<(PolicyId, String)> = (0..plan.len())
            .map(|class| {
                let policy = routes[plan.route_of(class).index()].policy;
                (policy, regions(&policies[policy.index()], &rows[class], zones))
            })
            .collect();
        let mut groups: BTreeMap<&(PolicyId, String), BTreeSet<PoolId>> = BTreeMap::new();
        for (class, label) in labels.iter().enumerate() {
            let fallback = routes[plan.route_of(class).index()].fallback_pool();
            groups.entry(label).or_default().extend(plan.pools(class).chain(fallback));
        }
        let place: BTreeMap<_, _> = groups.keys().enumerate().map(|(at, label)| (*label, at as u32)).collect();
        let group_of = labels.iter().map(|label| place[label]).collect();
        let mut next = RESPONSES + (zones.len() + 1) * OF_ZONE;
        let lay_out = |(label, reached): (&&(PolicyId, String), &BTreeSet<PoolId>)| {
            let policy = &policies[label.0.index()];
            let group = Group {
                zone: policy.zone.index() as u32,
                policy: policy.name.clone(),
                regions: label.1.as_str().into(),
                first: next,
                pools: reached.iter().map(|&pool| (pool, pools[pool.index()].name.clone())).collect(),
            };
            next += group.len();
            group
        };
        let groups: Box<[Group]> = groups.iter().map(lay_out).collect();
        Self {
            zones: zones.iter().map(|zone| zone.apex.to_string().into()).collect(),
            groups,
            group_of,
            names: all_names.iter().take(names).map(|name| name.owner.to_string().into()).collect(),
            names_at: next,
        }
    }

    /// How many counts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names_at + self.names.len() + 1
    }

    /// Never: requests are always counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Where names are counted, and how many by themselves.
    pub(crate) fn names(&self) -> (usize, usize) {
        (self.names_at, self.names.len())
    }

    /// The count of what a class comes to without a pool: 0 NODATA, 1 SERVFAIL, 2 no answer yet.
    pub(crate) fn outcome(&self, class: usize, outcome: usize) -> usize {
        self.group_of.get(class).map_or(0, |&group| self.groups[group as usize].first) + outcome
    }

    /// The count of the answers of a class from a pool, for a reason.
    pub(crate) fn answer(&self, class: usize, pool: PoolId, reason: Reason) -> u32 {
        let Some(group) = self.group_of.get(class).map(|&group| &self.groups[group as usize]) else { return 0 };
        let place = group.pools.binary_search_by_key(&pool, |one| one.0).unwrap_or(0);
        (group.first + OUTCOMES + place * Reason::ALL.len() + reason as usize) as u32
    }

    /// True if the count is one of answers.
    #[must_use]
    pub fn is_of_answers(&self, index: usize) -> bool {
        (RESPONSES + (self.zones.len() + 1) * OF_ZONE..self.names_at).contains(&index)
    }

    /// The labels of an index; `None`: a count that cannot be other than 0, or that nobody looks at.
    #[must_use]
    pub fn label(&self, index: usize) -> Option<Label<'_>> {
        if index < RESPONSES {
            let (rest, kind) = (index / KIND_PLACES, TYPES.get(index % KIND_PLACES)?);
            return Some(Label::Request(TRANSPORTS[rest / FAMILIES.len()], FAMILIES[rest % FAMILIES.len()], kind));
        }
        if index >= self.names_at {
            let name = self.names.get(index - self.names_at).map(|name| &**name);
            return name.or((!self.names.is_empty()).then_some("other")).map(Label::Name);
        }
        let (zone, place) = ((index - RESPONSES) / OF_ZONE, (index - RESPONSES) % OF_ZONE);
        if zone > self.zones.len() {
            return self.answered(index).map(Label::Answer);
        }
        let rcode = RCODES.get(place)?;
        match zone.checked_sub(1) {
            None => Some(Label::Response("none", rcode)),
            // A zone that is found implements the opcode and the version, and is ours.
            Some(zone) => (!matches!(place, 4..=BADVERS)).then_some(Label::Response(&self.zones[zone], rcode)),
        }
    }

    /// The counts that an index stands for beside its own: the usual replies are requests of their kind and responses of
    /// their zone.
    pub(crate) fn parts(&self, index: usize) -> impl Iterator<Item = usize> {
        let end = RESPONSES + (self.zones.len() + 1) * OF_ZONE;
        let (first, end, step) = if index < RESPONSES {
            (RESPONSES + usual(index), end, OF_ZONE)
        } else if index < end && (index - RESPONSES) % OF_ZONE == usize::from(rcode::NOERROR) {
            (index + usual(0), index + OF_ZONE, 1)
        } else {
            (0, 0, 1)
        };
        (first..end).step_by(step)
    }

    /// The labels of an answer's count.
    #[must_use]
    pub fn answered(&self, index: usize) -> Option<Answered<'_>> {
        if !self.is_of_answers(index) {
            return None;
        }
        let group = &self.groups[self.groups.partition_point(|group| group.first <= index).checked_sub(1)?];
        let (pool, reason) = match (index - group.first).checked_sub(OUTCOMES) {
            None => ("", ["no-data", "servfail", "pending"][index - group.first]),
            Some(at) => (&*group.pools[at / Reason::ALL.len()].1, Reason::ALL[at % Reason::ALL.len()].word()),
        };
        let zone = &self.zones[group.zone as usize];
        Some(Answered { zone, policy: &group.policy, region: &group.regions, pool, reason })
    }

    /// The zone of a place among the responses, as [`responses`] gives it.
    #[must_use]
    pub fn zone(&self, responses: usize) -> Option<&str> {
        let place = (responses.checked_sub(RESPONSES)? / OF_ZONE).checked_sub(1)?;
        self.zones.get(place).map(|zone| &**zone)
    }
}

/// The regions of a class in words.
fn regions(policy: &Policy, rows: &BTreeSet<u16>, zones: &[ZoneSpec]) -> String {
    let regions = &zones[policy.zone.index()].regions;
    let word =
        |row: u16| policy.rows[usize::from(row)].region.map_or("default", |region| &*regions[region.index()].name);
    let mut text = String::new();
    for (at, word) in rows.iter().map(|&row| word(row)).enumerate() {
        if text.len() + word.len() > REGIONS_MAX && at > 0 {
            text.push_str(&format!(",+{}", rows.len() - at));
            break;
        }
        if at > 0 {
            text.push(',');
        }
        text.push_str(word);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_transport_and_family_has_a_count_of_its_own() {
        let counted = Counted { names_at: usize::MAX, ..Counted::default() };
        let label = |index| counted.label(index).unwrap();
        assert_eq!(label(request(Transport::Udp, Family::V4, rtype::A)), Label::Request("udp", "4", "A"));
        assert_eq!(label(request(Transport::Stream, Family::V6, rtype::HTTPS)), Label::Request("tcp", "6", "HTTPS"));
        for (transport, word) in Transport::ALL.into_iter().zip(TRANSPORTS) {
            assert_eq!(label(request(transport, Family::V4, rtype::NS)), Label::Request(word, "4", "NS"));
        }
        for qtype in [0, rtype::DS, 256, u16::MAX] {
            assert_eq!(label(request(Transport::Udp, Family::V6, qtype)), Label::Request("udp", "6", "other"));
        }
    }

    #[test]
    fn a_usual_reply_is_one_request_of_its_kind_and_one_response_of_its_zone() {
        let zones: Box<[Box<str>]> = ["a.", "b."].map(Box::from).into();
        let names_at = RESPONSES + 3 * OF_ZONE;
        let counted = Counted { zones, names_at, ..Counted::default() };
        let asked = request(Transport::Stream, Family::V6, rtype::SOA);
        let in_zones = [None, Some(ZoneId::new(0)), Some(ZoneId::new(1))];
        for (zone, word) in in_zones.into_iter().zip(["none", "a.", "b."]) {
            let place = responses(zone) + usual(asked);
            let stands_for: Vec<_> =
                (0..names_at).filter(|&index| counted.parts(index).any(|part| part == place)).collect();
            assert_eq!(stands_for, [asked, responses(zone)]);
            assert_eq!(counted.label(place), None);
            let words = stands_for.iter().map(|&index| counted.label(index).unwrap());
            assert!(words.eq([Label::Request("tcp", "6", "SOA"), Label::Response(word, "NOERROR")]));
        }
    }

    #[test]
    fn each_rcode_has_its_count() {
        let counted = Counted { names_at: usize::MAX, ..Counted::default() };
        for (rcode, word) in [(0, "NOERROR"), (5, "REFUSED"), (rcode::BADVERS, "BADVERS"), (6, "other"), (23, "other")]
        {
            assert_eq!(counted.label(responses(None) + code(rcode)), Some(Label::Response("none", word)));
        }
    }
}
