//! Zones inside other zones of the same files: what the outer one must say of them.

use super::Code;
use super::diagnostic::Diagnostic;
use super::records::NS;
use super::source::Span;
use crate::snapshot::ZoneSpec;
use crate::wire;
use std::collections::{HashMap, HashSet};
use std::iter::successors;

/// Zones whose outer zone has no delegation for them: secondaries of the outer one do not know them, and if it is signed
/// its proofs say that there is no such name. `places`: where each zone stands.
pub(super) fn undelegated(zones: &[ZoneSpec], places: &[Span]) -> Vec<Diagnostic> {
    let apexes: Vec<wire::Name> = zones.iter().map(|zone| zone.apex.to_lowercase()).collect();
    let known: HashMap<&[u8], usize> = apexes.iter().enumerate().map(|(zone, apex)| (apex.wire(), zone)).collect();
    let mut delegated: HashMap<usize, HashSet<Box<[u8]>>> = HashMap::new();
    let mut found = Vec::new();
    for (inner, apex) in apexes.iter().enumerate() {
        let names = || successors(Some(wire::Span::new(apex.wire())), |name| name.parent());
        let outer = names().enumerate().skip(1).find_map(|(depth, name)| Some((depth, *known.get(name.wire())?)));
        let Some((depth, outer)) = outer else { continue };
        let cuts = delegated.entry(outer).or_insert_with(|| cuts(&zones[outer]));
        // One above it is as good: then somebody else says what is there.
        if names().take(depth).any(|name| cuts.contains(name.wire())) {
            continue;
        }
        let (inner_name, outer_name) = (&zones[inner].apex, &zones[outer].apex);
        let message = format!("the zone {outer_name} has no NS records for {inner_name}, which lies inside it");
        let one = Diagnostic::new(Code::NotDelegated, places[inner], message).label("the inner zone");
        let help =
            format!("add the NS records of {inner_name} to those of {outer_name}, and its DS if both are signed");
        found.push(one.also(places[outer], "the outer one").help(help));
    }
    found
}

/// Names below the apex that have NS records.
fn cuts(zone: &ZoneSpec) -> HashSet<Box<[u8]>> {
    let below = |owner: &wire::Name| !owner.wire().eq_ignore_ascii_case(zone.apex.wire());
    let records = zone.records.iter().filter(|record| record.rtype == NS && below(&record.owner));
    records.map(|record| record.owner.wire().to_ascii_lowercase().into()).collect()
}
