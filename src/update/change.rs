//! Prerequisites, and what becomes of the zone (RFC 2136 §3.2 to §3.4).

use super::message::{Message, Rr};
use super::rules::Grant;
use super::view::View;
use crate::limits::{TTL_MAX, UPDATED_RECORDS, UPDATED_SIZE};
use crate::wire::Name;
use crate::wire::code::{class, rcode, rtype};
use crate::zone::Record;
use std::collections::BTreeMap;

/// Why an update is not carried out. Then nothing of it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The RCODE.
    pub rcode: u16,
    /// Why, in words.
    pub why: &'static str,
}

/// What an update comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// All records that updates have added to the zone, this one included.
    pub records: Vec<Record>,
    /// How many it has added.
    pub added: usize,
    /// How many it has taken away.
    pub taken: usize,
}

const fn refusal(rcode: u16, why: &'static str) -> Refusal {
    Refusal { rcode, why }
}

/// Carries an update out, on paper: nothing has changed if there is nothing to keep that was not.
///
/// # Errors
/// What keeps it from being carried out.
pub fn change<'g>(
    view: &View<'_>,
    apex: &Name,
    message: &Message,
    grants: impl Iterator<Item = &'g Grant> + Clone,
) -> Result<Changed, Refusal> {
    prerequisites(view, apex, &message.prerequisites)?;
    for update in &message.updates {
        scan(apex, update)?;
        permit(view, update, grants.clone())?;
    }
    let mut changed = Changed { records: view.added.to_vec(), added: 0, taken: 0 };
    for update in &message.updates {
        apply(view, update, &mut changed)?;
    }
    let size: usize = changed.records.iter().map(|record| record.owner.wire().len() + record.rdata.len() + 10).sum();
    if changed.records.len() > UPDATED_RECORDS || size > UPDATED_SIZE {
        return Err(refusal(rcode::REFUSED, "more records than updates may add to a zone"));
    }
    Ok(changed)
}

/// §3.2: all that must be so.
fn prerequisites(view: &View<'_>, apex: &Name, all: &[Rr]) -> Result<(), Refusal> {
    let malformed = Err(refusal(rcode::FORMERR, "a malformed prerequisite"));
    let mut sets: BTreeMap<(&Name, u16), Vec<&[u8]>> = BTreeMap::new();
    for one in all {
        if one.ttl != 0 {
            return malformed;
        }
        if !one.name.is_within(apex) {
            return Err(refusal(rcode::NOTZONE, "a prerequisite outside of the zone"));
        }
        let exists = || match one.rtype {
            rtype::ANY => !view.types(&one.name).is_empty(),
            rtype => view.has(&one.name, rtype),
        };
        let is_name = one.rtype == rtype::ANY;
        match one.class {
            class::ANY | class::NONE if !one.rdata.is_empty() => return malformed,
            class::ANY if !exists() => {
                let rcode = if is_name { rcode::NXDOMAIN } else { rcode::NXRRSET };
                return Err(refusal(rcode, "a prerequisite: it does not exist"));
            }
            class::NONE if exists() => {
                let rcode = if is_name { rcode::YXDOMAIN } else { rcode::YXRRSET };
                return Err(refusal(rcode, "a prerequisite: it exists"));
            }
            class::ANY | class::NONE => {}
            class::IN if !is_meta(one.rtype) => sets.entry((&one.name, one.rtype)).or_default().push(&one.rdata),
            _ => return malformed,
        }
    }
    for ((name, rtype), mut wanted) in sets {
        let mut found = view.rrset(name, rtype);
        found.sort();
        wanted.sort_unstable();
        wanted.dedup();
        if found.iter().map(|rdata| &rdata[..]).ne(wanted) {
            return Err(refusal(rcode::NXRRSET, "a prerequisite: the records are others"));
        }
    }
    Ok(())
}

/// §3.4.1: is it well-formed?
fn scan(apex: &Name, update: &Rr) -> Result<(), Refusal> {
    if !update.name.is_within(apex) {
        return Err(refusal(rcode::NOTZONE, "a name outside of the zone"));
    }
    let is_bare = update.ttl == 0 && update.rdata.is_empty();
    let well_formed = match update.class {
        class::IN => !is_meta(update.rtype) && !update.rdata.is_empty(),
        class::ANY => is_bare && (update.rtype == rtype::ANY || !is_meta(update.rtype)),
        class::NONE => update.ttl == 0 && !is_meta(update.rtype),
        _ => false,
    };
    if well_formed { Ok(()) } else { Err(refusal(rcode::FORMERR, "a malformed change")) }
}

/// Types that no record has.
const fn is_meta(rtype: u16) -> bool {
    matches!(rtype, 0 | rtype::OPT | 128..=255)
}

/// §3.3: may it be?
fn permit<'g>(view: &View<'_>, update: &Rr, mut grants: impl Iterator<Item = &'g Grant>) -> Result<(), Refusal> {
    let name = update.name.wire();
    let allowed = grants.any(|grant| match update.rtype {
        rtype::ANY => {
            let here = view.added.iter().filter(|one| one.owner == update.name);
            grant.names_it(name) && here.into_iter().all(|one| grant.types.contains(&one.rtype))
        }
        rtype => grant.allows(name, rtype),
    });
    if !allowed {
        return Err(refusal(rcode::REFUSED, "the key may not change this"));
    }
    if view.is_balanced(&update.name) {
        return Err(refusal(rcode::REFUSED, "a balanced name is steered, not updated"));
    }
    if view.is_hidden(&update.name) {
        return Err(refusal(rcode::REFUSED, "a delegation or a DNAME stands there or above"));
    }
    Ok(())
}

/// §3.4.2: one change.
fn apply(view: &View<'_>, update: &Rr, changed: &mut Changed) -> Result<(), Refusal> {
    let of_file = refusal(rcode::REFUSED, "a record of the zone's file");
    let name = &update.name;
    let before = changed.records.len();
    let of_name = |record: &Record| record.owner == *name;
    match (update.class, update.rtype) {
        (class::IN, rtype) => return add(view, update, rtype, changed),
        (class::ANY, rtype::ANY) => {
            if !view.types_of_file(name).is_empty() {
                return Err(of_file);
            }
            changed.records.retain(|record| !of_name(record));
        }
        (class::ANY, rtype) => {
            if !view.of_file(name, rtype).is_empty() {
                return Err(of_file);
            }
            changed.records.retain(|record| !(of_name(record) && record.rtype == rtype));
        }
        (_, rtype) => {
            if view.of_file(name, rtype).iter().any(|rdata| **rdata == *update.rdata) {
                return Err(of_file);
            }
            let is_it = |record: &Record| of_name(record) && record.rtype == rtype && record.rdata == update.rdata;
            changed.records.retain(|record| !is_it(record));
        }
    }
    changed.taken += before - changed.records.len();
    Ok(())
}

/// §3.4.2.2: adds a record, or takes its TTL. What cannot stand beside what is there is passed over, as the document says.
fn add(view: &View<'_>, update: &Rr, rtype: u16, changed: &mut Changed) -> Result<(), Refusal> {
    let (name, ttl) = (&update.name, update.ttl.min(TTL_MAX));
    let of_file = view.types_of_file(name);
    if view.of_file(name, rtype).iter().any(|rdata| **rdata == *update.rdata) {
        return Ok(());
    }
    let others = |wanted: fn(u16) -> bool| {
        of_file.iter().any(|rtype| wanted(*rtype))
            || changed.records.iter().any(|one| one.owner == *name && wanted(one.rtype))
    };
    let is_cname = rtype == rtype::CNAME;
    if is_cname && others(|rtype| rtype != rtype::CNAME) || !is_cname && others(|rtype| rtype == rtype::CNAME) {
        return Ok(());
    }
    if is_cname {
        if of_file.contains(&rtype::CNAME) {
            return Err(refusal(rcode::REFUSED, "a record of the zone's file"));
        }
        // There is one CNAME: the new one takes the old one's place.
        let before = changed.records.len();
        changed.records.retain(|one| !(one.owner == *name && one.rtype == rtype && one.rdata != update.rdata));
        changed.taken += before - changed.records.len();
    }
    // One TTL for the set (RFC 2181 §5.2).
    for one in changed.records.iter_mut().filter(|one| one.owner == *name && one.rtype == rtype && one.ttl != ttl) {
        one.ttl = ttl;
        changed.added += usize::from(one.rdata == update.rdata);
    }
    if !changed.records.iter().any(|one| one.owner == *name && one.rtype == rtype && one.rdata == update.rdata) {
        changed.records.push(Record { owner: name.clone(), rtype, ttl, rdata: update.rdata.clone() });
        changed.added += 1;
    }
    Ok(())
}
