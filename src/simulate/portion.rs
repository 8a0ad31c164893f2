//! A portion of the clients (all of them, those of a country, those of an AS number): who serves them before and after.

use super::census::Cell;
use super::flows::Served;
use crate::geo::Country;
use crate::id::{ProfileId, RouteId};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::steer::{FallbackNote, Outcome, PoolNote, region_of};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Stands for a pool where clients get no address. No pool can be called so.
pub const NO_ANSWER: &str = "no answer";

/// The country before and after; two only between editions of a database. `None`: not known.
pub type Countries = [Option<Country>; 2];

/// Parts of clients by the name of who serves them, 0 to 1.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Shares(BTreeMap<Box<str>, f64>);

/// Who serves a portion of the clients.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Portion {
    /// The portion's part of all clients, 0 to 1.
    pub part: f64,
    /// Pools before, as parts of the portion.
    pub before: Shares,
    /// Pools after.
    pub after: Shares,
    /// Endpoints (`POOL/ENDPOINT`) before and after: whose address answers begin with.
    pub endpoints: [Shares; 2],
    /// The part of the portion that moves to another pool, 0 to 1.
    pub moved: f64,
    /// From a pool to a pool, as parts of the portion, the largest first.
    pub moves: Vec<(Box<str>, Box<str>, f64)>,
    /// The region before and after, of most of the portion; `default` for none.
    pub regions: [Box<str>; 2],
    /// Why most of the portion is served so after; empty if its first pools take it.
    pub why: String,
}

impl Shares {
    pub(super) fn add(&mut self, name: &str, part: f64) {
        match self.0.get_mut(name) {
            Some(share) => *share += part,
            None => drop(self.0.insert(name.into(), part)),
        }
    }

    fn add_all(&mut self, other: &Self, times: f64) {
        other.iter().for_each(|(name, part)| self.add(name, part * times));
    }

    fn divided(mut self, by: f64) -> Self {
        self.0.values_mut().for_each(|part| *part /= by);
        self
    }

    /// In the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> + Clone {
        self.0.iter().map(|(name, part)| (&**name, *part))
    }

    /// The part of one; 0 if it serves nobody.
    #[must_use]
    pub fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    /// Who serves most; of equals the first by name.
    #[must_use]
    pub fn largest(&self) -> Option<(&str, f64)> {
        self.iter().fold(None, |most, one| if most.is_none_or(|most| one.1 > most.1) { Some(one) } else { most })
    }

    /// True if both are the same but for rounding.
    #[must_use]
    pub fn near(&self, other: &Self) -> bool {
        let same = |one: &Self, other: &Self| one.iter().all(|(name, part)| (part - other.of(name)).abs() < 1e-6);
        same(self, other) && same(other, self)
    }
}

/// A portion while it is added up, in clients.
#[derive(Default)]
pub(super) struct Tally {
    weight: f64,
    pools: [Shares; 2],
    endpoints: [Shares; 2],
    moves: BTreeMap<(Box<str>, Box<str>), f64>,
    largest: Option<(f64, [ProfileId; 2], Arc<Outcome>)>,
}

impl Tally {
    /// Takes in a cell and who serves it.
    pub(super) fn add(&mut self, cell: &Cell, served: &Served, outcomes: &[Arc<Outcome>; 2]) {
        self.weight += cell.weight;
        for side in 0..2 {
            self.pools[side].add_all(&served.pools[side], cell.weight);
            self.endpoints[side].add_all(&served.endpoints[side], cell.weight);
        }
        for (from, to, part) in &served.moves {
            *self.moves.entry((from.clone(), to.clone())).or_default() += part * cell.weight;
        }
        if self.largest.as_ref().is_none_or(|largest| cell.weight > largest.0) {
            self.largest = Some((cell.weight, cell.profiles, Arc::clone(&outcomes[1])));
        }
    }

    /// The portion; `total` are all clients.
    pub(super) fn finish(self, states: [&State; 2], routes: [RouteId; 2], total: f64) -> Portion {
        let Some((_, profiles, outcome)) = self.largest else { return Portion::default() };
        let [before, after] = self.pools.map(|shares| shares.divided(self.weight));
        let mut moves: Vec<_> =
            self.moves.into_iter().map(|((from, to), clients)| (from, to, clients / self.weight)).collect();
        moves.sort_by(|a, b| b.2.total_cmp(&a.2));
        Portion {
            part: self.weight / total,
            before,
            after,
            endpoints: self.endpoints.map(|shares| shares.divided(self.weight)),
            moved: moves.iter().map(|one| one.2).sum(),
            moves,
            regions: regions(states, routes, profiles),
            why: why(&states[1].snapshot, &outcome),
        }
    }
}

/// The regions whose rows serve clients on either side; `default` for none.
pub(super) fn regions(states: [&State; 2], routes: [RouteId; 2], profiles: [ProfileId; 2]) -> [Box<str>; 2] {
    [0, 1].map(|side| region_name(&states[side].snapshot, routes[side], profiles[side]))
}

fn region_name(snapshot: &Snapshot, route: RouteId, profile: ProfileId) -> Box<str> {
    let zone = snapshot.policies[snapshot.routes[route.index()].policy.index()].zone;
    let regions = &snapshot.settings[zone.index()].regions;
    region_of(snapshot, route, profile).map_or("default".into(), |region| regions[region.index()].name.clone())
}

/// Why pools were passed over, and what was done if no step was live.
fn why(snapshot: &Snapshot, outcome: &Outcome) -> String {
    let pool = |id: crate::id::PoolId| &snapshot.pools[id.index()].name;
    let passed = |(id, note): &(crate::id::PoolId, PoolNote)| {
        let name = pool(*id);
        match note {
            PoolNote::TakenOut => Some(format!("{name} is taken out")),
            PoolNote::TooFewLive => Some(format!("{name} has too few live endpoints")),
            PoolNote::Unmet(needed) => Some(format!("{name} needs {}, which is not live", pool(*needed))),
            PoolNote::NoAddress => Some(format!("{name} has no live address of this type")),
            PoolNote::Pending => Some(format!("{name} waits for its first probes")),
            PoolNote::Taken | PoolNote::Spare | PoolNote::NotReached => None,
        }
    };
    let mut words: Vec<String> = Vec::new();
    for note in outcome.notes.iter().filter_map(passed) {
        if !words.contains(&note) {
            words.push(note);
        }
    }
    words.extend(outcome.fallback.map(|note| match note {
        FallbackNote::BelowMinimum => {
            "no pool of the row is live: the live members of one below min_healthy".to_owned()
        }
        FallbackNote::Passing => {
            "no pool of the row is live: the members of the first step that pass their checks".to_owned()
        }
        FallbackNote::EveryPassing => {
            "every pool of the row is taken out: the members of the first step that pass their checks".to_owned()
        }
        FallbackNote::All => "no pool of the row is live: all members of the first step".to_owned(),
        FallbackNote::Every => "every pool of the row is taken out: all members of the first step".to_owned(),
        FallbackNote::Pool(id) => format!("no pool of the row is live: the fallback pool {}", pool(id)),
        FallbackNote::ServFail => "no pool of the row is live: SERVFAIL".to_owned(),
        FallbackNote::NoData => "no pool of the row is live: no data".to_owned(),
        FallbackNote::NoAddress => "no step has an address of this type".to_owned(),
    }));
    words.join("; ")
}
