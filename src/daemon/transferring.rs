//! What secondaries get of a configuration: serials that never go back, and each zone that somebody may have, laid out.

use super::Configuration;
use crate::clock;
use crate::id::ZoneId;
use crate::snapshot::{Signing, Snapshot, Spec, ZoneSpec, fingerprint};
use crate::state::State;
use crate::store::{read_serials, write_serials};
use crate::transfer::{Balanced, Edition, Offer, Standing, later, stand_ins};
use crate::wire::code::rtype;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

/// The serials that hold until now: those that are served, or those of the last run. The second value is a warning.
pub(super) fn standing(before: Option<&State>, folder: Option<&Path>) -> (Vec<Standing>, Option<String>) {
    if let Some(before) = before {
        return (before.identity.transfers.serials.clone(), None);
    }
    match folder.map_or(Ok(Vec::new()), read_serials) {
        Ok(serials) => (serials, None),
        Err(error) => (
            Vec::new(),
            Some(format!("the serials of the last run cannot be read ({error}): zones have those of their files")),
        ),
    }
}

/// Gives each zone its serial: that of its file, or a larger one if it had one; one more than before if it is another zone
/// than it was. Zones that are gone keep theirs, since they may come again. `renewed`: zones whose signatures are others, in
/// lower case.
pub(super) fn settle(spec: &mut Spec, before: &[Standing], renewed: &[Box<str>]) -> Vec<Standing> {
    let mut before: HashMap<&str, &Standing> = before.iter().map(|one| (&*one.apex, one)).collect();
    let contents: Vec<u64> = (0..spec.zones.len()).map(|index| content(spec, index)).collect();
    let mut serials = Vec::with_capacity(contents.len());
    for (zone, content) in spec.zones.iter_mut().zip(contents) {
        let apex: Box<str> = zone.apex.to_lowercase().to_string().into();
        let Some(written) = serial_of(zone) else { continue };
        let old = before.remove(&*apex);
        let kept = old.map(|old| {
            let rises = old.content != content || renewed.contains(&apex);
            if rises { old.serial.wrapping_add(1) } else { old.serial }
        });
        let serial = kept.map_or(written, |kept| later(kept, written));
        set_serial(zone, serial);
        let signatures = old.filter(|old| old.serial == serial).and_then(|old| old.signatures);
        serials.push(Standing { apex, serial, content, signatures });
    }
    serials.extend(before.into_values().cloned());
    serials
}

/// What a zone is to a secondary, whatever its serial.
fn content(spec: &Spec, index: usize) -> u64 {
    let zone = &spec.zones[index];
    let mut hasher = DefaultHasher::new();
    fingerprint(&zone.records).hash(&mut hasher);
    if let Signing::On(signer) = &zone.signing {
        let keys = signer.keys().iter().map(|(key, phase)| (key.dnskey(), *phase));
        keys.collect::<Vec<_>>().hash(&mut hasher);
    }
    let balanced = zone.transfer.as_ref().map(|rules| rules.balanced);
    balanced.hash(&mut hasher);
    if balanced == Some(Balanced::FailOpen) {
        fingerprint(&stand_ins(spec, ZoneId::new(index))).hash(&mut hasher);
    }
    hasher.finish()
}

/// Where the serial stands in the data of an SOA record: before four other numbers.
fn place(rdata: &[u8]) -> Option<std::ops::Range<usize>> {
    let at = rdata.len().checked_sub(20)?;
    Some(at..at + 4)
}

fn serial_of(zone: &ZoneSpec) -> Option<u32> {
    let soa = zone.records.iter().find(|record| record.rtype == rtype::SOA)?;
    soa.rdata[place(&soa.rdata)?].first_chunk().map(|octets| u32::from_be_bytes(*octets))
}

fn set_serial(zone: &mut ZoneSpec, serial: u32) {
    for soa in zone.records.iter_mut().filter(|record| record.rtype == rtype::SOA) {
        if let Some(place) = place(&soa.rdata) {
            soa.rdata[place].copy_from_slice(&serial.to_be_bytes());
        }
    }
}

/// The zones whose signatures are others than their secondaries have, in lower case.
pub(super) fn renewed(before: &State) -> Vec<Box<str>> {
    let zones = before.identity.transfers.offers.iter().enumerate();
    let stale = zones.filter(|(_, offer)| offer.as_ref().is_some_and(|offer| offer.edition.is_stale()));
    stale.map(|(zone, _)| before.snapshot.settings[zone].apex.to_lowercase().to_string().into()).collect()
}

/// Lays out what may be had of a configuration that is signed. What cannot be had is a warning. Gives the zones whose
/// signatures are others than secondaries had with the same serial, in lower case: so it is at a start that finds none.
pub(super) fn offer(configuration: &mut Configuration, before: Option<&State>) -> Vec<Box<str>> {
    let snapshot = Arc::clone(&configuration.snapshot);
    let wanted = |zone: ZoneId| snapshot.settings[zone.index()].transfer.is_some();
    if !(0..snapshot.settings.len()).any(|zone| wanted(ZoneId::new(zone))) {
        return Vec::new();
    }
    let started = clock::instant();
    let sets = snapshot.zones.sets_of_zones(wanted);
    let mut offers = Vec::with_capacity(sets.len());
    for (index, sets) in sets.into_iter().enumerate() {
        let zone = &snapshot.settings[index];
        let rules = zone.transfer.as_ref().filter(|_| !zone.signing.is_locked());
        let Some(rules) = rules else {
            offers.push(None);
            continue;
        };
        match Edition::new(&snapshot, ZoneId::new(index), &sets, rules.balanced) {
            Ok(edition) => offers.push(Some(Arc::new(made(rules.clone(), edition, zone, before)))),
            Err(why) => {
                configuration.warnings.push(format!("{} cannot be transferred: {why}", zone.apex));
                offers.push(None);
            }
        }
    }
    let zones = offers.iter().flatten().count();
    tracing::debug!(zones, ms = started.elapsed().as_millis(), "laid out for secondaries");
    let transfers = &mut Arc::make_mut(&mut configuration.identity).transfers;
    let others = note_signatures(&mut transfers.serials, &snapshot, &offers);
    transfers.offers = offers;
    others
}

/// Notes beside each serial what signatures it stands for now; gives the zones for which it stood for others.
fn note_signatures(serials: &mut [Standing], snapshot: &Snapshot, offers: &[Option<Arc<Offer>>]) -> Vec<Box<str>> {
    let apex = |zone: usize| Box::from(snapshot.settings[zone].apex.to_lowercase().to_string());
    let offered = offers.iter().enumerate().filter_map(|(zone, offer)| Some((apex(zone), &offer.as_ref()?.edition)));
    let offered: HashMap<Box<str>, _> = offered.collect();
    let mut others = Vec::new();
    for standing in serials {
        let Some(edition) = offered.get(&standing.apex) else { continue };
        if standing.signatures.is_some_and(|before| edition.signatures.is_some_and(|now| now != before)) {
            others.push(standing.apex.clone());
        }
        standing.signatures = edition.signatures;
    }
    others
}

/// An offer that knows how it came from the one before.
fn made(rules: crate::transfer::Rules, edition: Edition, zone: &ZoneSpec, before: Option<&State>) -> Offer {
    let old = before.and_then(|before| of_zone(before, zone));
    match old {
        // Nothing is new: what is held stays as it is.
        Some(old) if old.edition.serial == edition.serial => {
            Offer { rules, edition: Arc::clone(&old.edition), journal: old.journal.clone() }
        }
        Some(old) => Offer { rules, journal: old.journal.with(&old.edition, &edition), edition: Arc::new(edition) },
        None => Offer { rules, edition: Arc::new(edition), journal: Default::default() },
    }
}

fn of_zone<'b>(before: &'b State, zone: &ZoneSpec) -> Option<&'b Arc<Offer>> {
    let apex = zone.apex.to_lowercase();
    let found = before.snapshot.settings.iter().position(|old| old.apex.to_lowercase() == apex)?;
    before.identity.transfers.offer(ZoneId::new(found))
}

/// Keeps the serials of what is about to serve.
pub(super) fn keep(serials: &[Standing], folder: Option<&Path>) {
    if let Some(folder) = folder
        && let Err(error) = write_serials(folder, serials)
    {
        tracing::warn!(%error, "serials cannot be kept: after a restart a zone may have a smaller one, which secondaries pass over");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Options};

    fn spec(text: &str) -> Spec {
        let text = format!("zone = \"Example.com\"\nns = [\"ns.example.net\"]\n{text}");
        config::load_text("zone.toml", &text, &Options::default()).unwrap().spec
    }

    /// The serial of a zone after others of it.
    fn serial(before: &[Standing], text: &str, renewed: &[Box<str>]) -> (u32, Vec<Standing>) {
        let mut spec = spec(text);
        let serials = settle(&mut spec, before, renewed);
        assert_eq!(serial_of(&spec.zones[0]), Some(serials[0].serial));
        (serials[0].serial, serials)
    }

    #[test]
    fn a_serial_rises_with_the_zone_and_never_goes_back() {
        let with = |number: u32, record: &str| format!("soa.serial = {number}\nrecords.text = \"{record}\"");
        let (first, one) = serial(&[], &with(7, "a A 192.0.2.1"), &[]);
        assert_eq!(first, 7);
        assert_eq!(serial(&one, &with(7, "a A 192.0.2.1"), &[]).0, 7, "nothing has changed");
        assert_eq!(serial(&one, &with(7, "a A 192.0.2.2"), &[]).0, 8, "a record has changed");
        assert_eq!(serial(&one, &with(9, "a A 192.0.2.2"), &[]).0, 9, "the file says more");
        assert_eq!(serial(&one, &with(3, "a A 192.0.2.1"), &[]).0, 7, "the file has gone back");
        assert_eq!(serial(&one, &with(3, "a A 192.0.2.2"), &[]).0, 8);
        assert_eq!(serial(&one, &with(7, "a A 192.0.2.1"), &["example.com.".into()]).0, 8, "other signatures");
        let last = [Standing { serial: u32::MAX, ..one[0].clone() }];
        assert_eq!(serial(&last, &with(4_294_967_295, "a A 192.0.2.2"), &[]).0, 0, "numbers go round (RFC 1982)");
    }

    #[test]
    fn what_stands_for_balanced_names_is_part_of_the_zone_if_it_is_sent() {
        let with = |balanced: &str, address: &str| {
            format!(
                "soa.serial = 7\ntransfer = {{ from = [\"192.0.2.0/24\"], balanced = \"{balanced}\" }}\n\
                 [pools]\np = {{ check = \"none\", endpoints = [\"{address}\"] }}\n[names]\nwww.policy.default = [\"p\"]\n"
            )
        };
        for (balanced, rises) in [("fail-open", 8), ("leave-out", 7)] {
            let (_, one) = serial(&[], &with(balanced, "192.0.2.1"), &[]);
            assert_eq!(serial(&one, &with(balanced, "192.0.2.2"), &[]).0, rises, "{balanced}");
        }
    }
}
