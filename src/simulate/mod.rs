//! What share of the clients each pool gets, before and after a change: of health, of overrides, of the configuration or
//! of the databases. Pure: the states, and who the clients are, are arguments.
//!
//! ```text
//! databases or a list ─► population: networks, each with a weight and a place
//!                             │
//! two states ─► their maps ───┴─► census: how many clients of which place have which profile on either side
//!                                    │
//! two states ─► live rows of a class ┴─► portions: who serves them, who moves, where from, where to, why
//! ```
//!
//! Each network is looked up as a query's client subnet is, in blocks of the scope of the look-up; what serves a class is
//! read off the live rows that queries walk. Nothing is drawn: shares are what they come to over all clients.

mod census;
mod counts;
#[cfg(test)]
mod editions;
mod flows;
mod looks;
pub mod map;
mod overload;
mod population;
mod portion;
mod scenario;
#[cfg(test)]
mod tests;
mod world;

pub use counts::Counts;
pub use overload::{Overload, overloads};
pub use population::{Network, Population, Unit};
pub use portion::{Countries, NO_ANSWER, Portion, Shares};
pub use scenario::Scenario;
pub(crate) use world::outlines;

use crate::id::{ClassId, NameId, ProfileId, RouteId};
use crate::state::State;
use crate::steer::{Outcome, outcome};
use census::Cell;
use portion::Tally;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What two states do with the clients of some names.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// Names that have the same answers on both sides, together.
    pub groups: Vec<Group>,
    /// All clients, in the population's unit.
    pub clients: f64,
}

/// Names with the same answers.
#[derive(Clone, Debug)]
pub struct Group {
    /// Each name by its number before and after.
    pub names: Vec<[NameId; 2]>,
    /// One entry for each type of address records that the names have: A, AAAA or CNAME.
    pub lanes: Vec<Lane>,
}

/// What becomes of the queries for one type.
#[derive(Clone, Debug)]
pub struct Lane {
    /// `A`, `AAAA` or `CNAME`.
    pub rtype: &'static str,
    /// Of all clients.
    pub all: Portion,
    /// Of the clients of each country.
    pub countries: BTreeMap<Countries, Portion>,
    /// Of the clients of each region, by its name before and after.
    pub regions: BTreeMap<[Box<str>; 2], Portion>,
    /// Of the clients of each AS number that a database knows.
    pub systems: BTreeMap<u32, Portion>,
}

impl Lane {
    /// True if both have the same shares on both sides, everywhere.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        let alike = |one: &Portion, other: &Portion| one.before.near(&other.before) && one.after.near(&other.after);
        alike(&self.all, &other.all)
            && self.countries.len() == other.countries.len()
            && self.countries.iter().zip(&other.countries).all(|(one, other)| one.0 == other.0 && alike(one.1, other.1))
    }
}

/// What a change does to names of one configuration; `after` is one of [`Scenario::apply`].
#[must_use]
pub fn simulate(
    [before, after]: [&State; 2],
    population: &Population,
    names: &[NameId],
    progress: &mut dyn FnMut(f64),
) -> Simulation {
    let pairs: Vec<_> = names.iter().map(|&name| [name, name]).collect();
    compare([before, after], population, &pairs, progress)
}

/// What becomes of names between two states, of one configuration or of two; a name is given by its number in either.
/// `progress` is told the part that is done, 0 to 1.
#[must_use]
pub fn compare(
    states: [&State; 2],
    population: &Population,
    names: &[[NameId; 2]],
    progress: &mut dyn FnMut(f64),
) -> Simulation {
    compare_counted(states, population, names, &mut Counts::default(), progress)
}

/// The same with what was counted before, which takes in what is counted now: of a population without its networks, if
/// the counts [`suffice`](Counts::suffice).
#[must_use]
pub fn compare_counted(
    states: [&State; 2],
    population: &Population,
    names: &[[NameId; 2]],
    counts: &mut Counts,
    progress: &mut dyn FnMut(f64),
) -> Simulation {
    counts.add(states, population, names, progress);
    let mut by_routes: BTreeMap<[RouteId; 2], Vec<[NameId; 2]>> = BTreeMap::new();
    for &pair in names {
        let route = |side: usize| states[side].snapshot.names[pair[side].index()].route;
        by_routes.entry([route(0), route(1)]).or_default().push(pair);
    }
    let groups = by_routes.into_iter().map(|(routes, names)| {
        let cells = counts.of([0, 1].map(|side| states[side].snapshot.routes[routes[side].index()].map));
        Group { lanes: lanes(states, routes, population, cells), names }
    });
    let mut groups: Vec<Group> = groups.collect();
    groups.sort_by_key(|group| group.names[0]);
    progress(1.0);
    Simulation { groups, clients: population.total }
}

/// The pairs of names that two states both have, and the names that the first, and the second, has alone.
#[must_use]
pub fn common_names(states: [&State; 2]) -> (Vec<[NameId; 2]>, [Vec<NameId>; 2]) {
    let numbers = |side: usize| {
        let names = states[side].snapshot.names.iter().enumerate();
        names.map(|(index, name)| (name.owner.to_lowercase().wire().to_vec(), NameId::new(index))).collect::<Vec<_>>()
    };
    let (before, after) = (numbers(0), numbers(1));
    let known: HashMap<&[u8], NameId> = after.iter().map(|(owner, id)| (&owner[..], *id)).collect();
    let mut pairs = Vec::new();
    let mut gone = Vec::new();
    for (owner, id) in &before {
        match known.get(&owner[..]) {
            Some(&other) => pairs.push([*id, other]),
            None => gone.push(*id),
        }
    }
    let paired: std::collections::HashSet<NameId> = pairs.iter().map(|pair| pair[1]).collect();
    let come = after.into_iter().map(|(_, id)| id).filter(|id| !paired.contains(id)).collect();
    (pairs, [gone, come])
}

/// The types that the routes answer on both sides, and what becomes of each. A type that one side alone has is left out:
/// its clients ask for something that is not there.
fn lanes(states: [&State; 2], routes: [RouteId; 2], population: &Population, cells: &[Cell]) -> Vec<Lane> {
    let types = [0, 1].map(|side| states[side].snapshot.routes[routes[side].index()].types);
    let both = |has: fn(&crate::steer::Types) -> bool| types.iter().all(has);
    let all = [("A", 0, both(|types| types.a)), ("AAAA", 1, both(|types| types.aaaa)), ("CNAME", 0, both(|t| t.cname))];
    let there = all.into_iter().filter(|(_, _, there)| *there);
    there.map(|(rtype, lane, _)| tally(states, routes, (rtype, lane), population, cells)).collect()
}

/// Adds up what becomes of one type's queries.
fn tally(
    states: [&State; 2],
    routes: [RouteId; 2],
    (rtype, lane): (&'static str, usize),
    population: &Population,
    cells: &[Cell],
) -> Lane {
    let mut outcomes: [HashMap<ClassId, Arc<Outcome>>; 2] = Default::default();
    let mut outcome_of = |side: usize, profile: ProfileId| {
        let snapshot = &states[side].snapshot;
        let route = &snapshot.routes[routes[side].index()];
        let class = snapshot.views[route.view as usize].1.class_of(profile).unwrap_or(ClassId::new(0));
        let known = outcomes[side].entry(class);
        Arc::clone(known.or_insert_with(|| Arc::new(outcome(states[side], routes[side], class, lane))))
    };
    let mut all = Tally::default();
    let mut countries: BTreeMap<Countries, Tally> = BTreeMap::new();
    let mut regions: BTreeMap<[Box<str>; 2], Tally> = BTreeMap::new();
    let mut systems: BTreeMap<u32, Tally> = BTreeMap::new();
    for cell in cells {
        let both = [0, 1].map(|side| outcome_of(side, cell.profiles[side]));
        let served = flows::Served::new([0, 1].map(|side| &*states[side].snapshot), [&both[0], &both[1]]);
        let places = &population.places[cell.place as usize];
        all.add(cell, &served, &both);
        countries.entry(places.map(|place| place.country)).or_default().add(cell, &served, &both);
        regions.entry(portion::regions(states, routes, cell.profiles)).or_default().add(cell, &served, &both);
        if let Some(asn) = places[1].asn.or(places[0].asn) {
            systems.entry(asn).or_default().add(cell, &served, &both);
        }
    }
    let total = population.total;
    let finish = |tally: Tally| tally.finish(states, routes, total);
    Lane {
        rtype,
        all: finish(all),
        countries: countries.into_iter().map(|(key, tally)| (key, finish(tally))).collect(),
        regions: regions.into_iter().map(|(key, tally)| (key, finish(tally))).collect(),
        systems: systems.into_iter().map(|(key, tally)| (key, finish(tally))).collect(),
    }
}
