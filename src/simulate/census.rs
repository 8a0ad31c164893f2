//! How many clients of which place have which profile: every network looked up in the maps of two configurations, as a
//! query's client subnet is, once for all names.

use super::population::{Network, Population};
use crate::address::{Bits, Family};
use crate::geo::{GeoMap, View};
use crate::id::{ClassId, ProfileId};
use crate::limits::VIEWS_SIZE;
use std::collections::HashMap;

/// Clients of one place and one profile on either side.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Cell {
    /// Their profiles before and after.
    pub(super) profiles: [ProfileId; 2],
    /// The index of where they are.
    pub(super) place: u32,
    /// How many.
    pub(super) weight: f64,
}

/// Networks between two reports of progress.
const REPORTED: usize = 1 << 15;

/// The prefix of Teredo (RFC 4380), 32 bits: its last bits alone say which IPv4 address is inside, so that it has a block
/// for every one of 2⁶⁴ addresses. It counts as its first.
const TEREDO: u128 = 0x2001_0000;

/// Counts the clients of each place and profile. Weights of equal cells are added; the order is always the same.
pub(super) fn census(maps: [&GeoMap; 2], population: &Population, progress: &mut dyn FnMut(f64)) -> Vec<Cell> {
    let same = std::ptr::eq(maps[0], maps[1]);
    let views = if same { [Some(by_profile(maps[0])), None] } else { maps.map(|map| Some(by_profile(map))) };
    let mut counts: HashMap<([ProfileId; 2], u32), f64> = HashMap::new();
    for (index, network) in population.networks.iter().enumerate() {
        if index % REPORTED == 0 {
            progress(index as f64 / population.networks.len() as f64);
        }
        count(maps, &views, network, &mut counts);
    }
    let cell = |((profiles, place), weight)| Cell { profiles, place, weight };
    let mut cells: Vec<Cell> = counts.into_iter().map(cell).collect();
    cells.sort_unstable_by_key(|cell| (cell.profiles, cell.place));
    cells
}

/// The view that tells every profile from every other: each is a class of its own.
fn by_profile(map: &GeoMap) -> View {
    let classes: Vec<ClassId> = (0..map.profiles().len()).map(ClassId::new).collect();
    let mut view = map.view(&classes);
    map.lay_out(&mut view, VIEWS_SIZE);
    view
}

/// Counts one network, block by block.
fn count(
    maps: [&GeoMap; 2],
    views: &[Option<View>; 2],
    network: &Network,
    counts: &mut HashMap<([ProfileId; 2], u32), f64>,
) {
    let size = (network.last - network.first) as f64 + 1.0;
    let mut first = network.first;
    loop {
        let find = |side: usize| views[side].as_ref().map(|view| find(maps[side], view, network.family, first));
        let (before, mut last) = find(0).unwrap_or((ProfileId::new(0), network.last));
        let after = find(1).map_or(before, |(after, end)| {
            last = last.min(end);
            after
        });
        last = last.min(network.last);
        let weight = network.weight * (((last - first) as f64 + 1.0) / size);
        *counts.entry(([before, after], network.place)).or_default() += weight;
        if last == network.last {
            return;
        }
        first = last + 1;
    }
}

/// The profile of the clients at an address, and the last address of the block that has it.
fn find(map: &GeoMap, view: &View, family: Family, first: u128) -> (ProfileId, u128) {
    let address = match family {
        Family::V4 => Bits::v4(first as u32),
        Family::V6 => Bits::v6(first),
    };
    let hit = map.find_subnet(view, address);
    let is_teredo = family == Family::V6 && first >> 96 == TEREDO;
    let host = if is_teredo { 96 } else { family.bits().saturating_sub(hit.scope) };
    let last = first | if host == 0 { 0 } else { u128::MAX >> (128 - host) };
    // Of a special block the resolver's address decides: it stands for a resolver there.
    let profile = if hit.special { map.profile(address) } else { ProfileId::new(hit.class.index()) };
    (profile, last)
}
