//! What a zone has, for an update: what its file says, what updates added, and what is balanced.

use super::rules::Rules;
use crate::dnssec::to_canonical;
use crate::id::ZoneId;
use crate::snapshot::Snapshot;
use crate::wire::code::rtype;
use crate::wire::{Name, Span};
use crate::zone::Record;
use std::collections::{HashMap, HashSet};

/// A zone as it is.
#[derive(Clone, Copy, Debug)]
pub struct View<'v> {
    /// The configuration that serves.
    pub snapshot: &'v Snapshot,
    /// The zone.
    pub zone: ZoneId,
    /// The records in it that updates added.
    pub served: &'v [Record],
    /// Those that they added up to now: what waits to be served too.
    pub added: &'v [Record],
}

impl View<'_> {
    /// The data of the file's records of a type at a name in lower case.
    #[must_use]
    pub fn of_file(&self, name: &Name, rtype: u16) -> Vec<Vec<u8>> {
        let zones = &self.snapshot.zones;
        let node = zones.node(Span::new(name.wire())).filter(|node| zones.zone_of(*node) == self.zone);
        let set = node.and_then(|node| zones.set(node, rtype));
        let mut rdatas = set.map_or_else(Vec::new, |set| zones.records_of(set, self.zone).1);
        // Names in data are the same in any case.
        rdatas.iter_mut().for_each(|rdata| to_canonical(rtype, rdata));
        rdatas.retain(|rdata| !self.served.iter().any(|one| is(one, name, rtype) && *one.rdata == **rdata));
        rdatas
    }

    /// The data of all records of a type at a name.
    #[must_use]
    pub fn rrset(&self, name: &Name, rtype: u16) -> Vec<Vec<u8>> {
        let mut all = self.of_file(name, rtype);
        all.extend(self.added.iter().filter(|one| is(one, name, rtype)).map(|one| one.rdata.to_vec()));
        all
    }

    /// The types that the file has at a name, balanced ones too; without what a signed zone makes itself.
    #[must_use]
    pub fn types_of_file(&self, name: &Name) -> Vec<u16> {
        let zones = &self.snapshot.zones;
        let Some(node) = zones.node(Span::new(name.wire())).filter(|node| zones.zone_of(*node) == self.zone) else {
            return Vec::new();
        };
        let (fixed, steered) = zones.types_at(node);
        let of_file = |rtype: &u16| *rtype != rtype::NSEC && !self.of_file(name, *rtype).is_empty();
        fixed.into_iter().filter(of_file).chain(steered).collect()
    }

    /// True if steering has a say at a name.
    #[must_use]
    pub fn is_balanced(&self, name: &Name) -> bool {
        let zones = &self.snapshot.zones;
        zones.node(Span::new(name.wire())).is_some_and(|node| !zones.types_at(node).1.is_empty())
    }

    /// All types at a name.
    #[must_use]
    pub fn types(&self, name: &Name) -> Vec<u16> {
        let mut types = self.types_of_file(name);
        let added = self.added.iter().filter(|one| one.owner == *name).map(|one| one.rtype);
        types.extend(added);
        types.sort_unstable();
        types.dedup();
        types
    }

    /// True if a record of a type exists, balanced ones too.
    #[must_use]
    pub fn has(&self, name: &Name, rtype: u16) -> bool {
        self.types(name).contains(&rtype)
    }

    /// True if a delegation at or above a name, or a DNAME above it, hides it.
    #[must_use]
    pub fn is_hidden(&self, name: &Name) -> bool {
        let (zones, apex) = (&self.snapshot.zones, self.snapshot.zones.name(self.snapshot.zones.apex(self.zone)));
        let has = |name: Span<'_>, rtype| zones.node(name).is_some_and(|node| zones.set(node, rtype).is_some());
        let own = Span::new(name.wire());
        let mut above =
            std::iter::successors(own.parent(), |name| name.parent()).take_while(|name| name.length() >= apex.len());
        (own.length() > apex.len() && has(own, rtype::NS))
            || above.any(|name| name.length() > apex.len() && has(name, rtype::NS) || has(name, rtype::DNAME))
    }
}

fn is(record: &Record, name: &Name, rtype: u16) -> bool {
    record.rtype == rtype && record.owner == *name
}

/// Of what updates added to a zone what can be put beside its file's records: `(records, those that cannot)`. `balanced`:
/// its balanced names, in lower case.
#[must_use]
pub fn beside(added: &[Record], file: &[Record], balanced: &HashSet<Name>, rules: &Rules) -> (Vec<Record>, usize) {
    let mut at: HashMap<Name, Vec<(u16, Vec<u8>)>> = HashMap::new();
    let owners: HashSet<Name> = added.iter().flat_map(|record| ancestors(&record.owner)).collect();
    for record in file {
        let owner = record.owner.to_lowercase();
        if owners.contains(&owner) {
            let mut rdata = record.rdata.to_vec();
            to_canonical(record.rtype, &mut rdata);
            at.entry(owner).or_default().push((record.rtype, rdata));
        }
    }
    let here = |name: &Name| at.get(name).map_or(&[][..], Vec::as_slice);
    let (mut kept, mut left) = (Vec::new(), 0);
    for record in added {
        let own = here(&record.owner);
        if own.iter().any(|(rtype, rdata)| *rtype == record.rtype && **rdata == *record.rdata) {
            continue;
        }
        let conflicts = match record.rtype {
            rtype::CNAME => !own.is_empty(),
            _ => own.iter().any(|(rtype, _)| *rtype == rtype::CNAME),
        };
        let hides = |name: &Name| here(name).iter().any(|(rtype, _)| *rtype == rtype::DNAME);
        let hidden = ancestors(&record.owner).iter().skip(1).any(hides);
        let allowed = rules.allow(record.owner.wire(), record.rtype);
        if conflicts || hidden || !allowed || balanced.contains(&record.owner) {
            left += 1;
        } else {
            kept.push(record.clone());
        }
    }
    (kept, left)
}

/// A name and all above it.
fn ancestors(name: &Name) -> Vec<Name> {
    let all = std::iter::successors(Some(Span::new(name.wire())), |name| name.parent());
    all.filter_map(|name| Name::from_wire(name.wire()).ok()).collect()
}
