//! A simulation as data: what `--json` prints, and what the admin API answers.

use crate::geo::Country;
use crate::id::NameId;
use crate::simulate::{Countries, Lane, Overload, Population, Portion, Shares, Simulation};
use crate::state::State;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that a simulation says.
#[derive(Clone, Debug, Serialize)]
pub struct SimulationView {
    /// Who was counted.
    pub clients: ClientsView,
    /// By name; `names.NAME.before.POOL` and `names.NAME.after.POOL` are shares of clients, 0 to 1.
    pub names: BTreeMap<String, NameView>,
    /// Pools that get more than their capacity.
    pub over_capacity: Vec<OverloadView>,
    /// Who made the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribution: Option<&'static str>,
}

/// Who was counted.
#[derive(Clone, Debug, Serialize)]
pub struct ClientsView {
    /// What one client is.
    pub unit: &'static str,
    /// How many there are.
    pub number: f64,
    /// In how many networks.
    pub networks: usize,
}

/// One name: its first type, and AAAA beside it where that differs.
#[derive(Clone, Debug, Serialize)]
pub struct NameView {
    #[serde(flatten)]
    lane: LaneView,
    /// The AAAA records, if their shares differ from those of the A records.
    #[serde(skip_serializing_if = "Option::is_none")]
    aaaa: Option<LaneView>,
}

/// One type of a name.
#[derive(Clone, Debug, Serialize)]
struct LaneView {
    r#type: &'static str,
    #[serde(flatten)]
    all: PortionView,
    endpoints: EndpointsView,
    regions: BTreeMap<String, PortionView>,
    countries: BTreeMap<String, PortionView>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    systems: BTreeMap<String, PortionView>,
}

/// Endpoints as `POOL/ENDPOINT`: whose address answers begin with.
#[derive(Clone, Debug, Serialize)]
struct EndpointsView {
    before: BTreeMap<String, f64>,
    after: BTreeMap<String, f64>,
}

/// A portion of the clients.
#[derive(Clone, Debug, Serialize)]
pub struct PortionView {
    /// The portion's part of all clients, 0 to 1.
    clients: f64,
    before: BTreeMap<String, f64>,
    after: BTreeMap<String, f64>,
    /// The part of the portion that moves.
    moved: f64,
    moves: Vec<MoveView>,
    /// The region of most of the portion, after.
    region: String,
    /// Why most of the portion is served so; empty if its first pools take it.
    why: String,
}

#[derive(Clone, Debug, Serialize)]
struct MoveView {
    from: String,
    to: String,
    share: f64,
}

/// A pool that gets more than it can take.
#[derive(Clone, Debug, Serialize)]
pub struct OverloadView {
    pool: String,
    capacity: f64,
    before: f64,
    after: f64,
}

impl SimulationView {
    /// The view of a simulation between two states.
    #[must_use]
    pub fn new(
        states: [&State; 2],
        done: &Simulation,
        population: &Population,
        over: &[Overload],
        attribution: Option<&'static str>,
    ) -> Self {
        let (unit, networks) = (population.unit.words(), population.size);
        let view = |one: &Overload| {
            let [before, after] = one.load.map(rounded);
            OverloadView { pool: one.pool.to_string(), capacity: one.capacity, before, after }
        };
        let overloads = over.iter().map(view).collect();
        Self {
            clients: ClientsView { unit, number: rounded(population.total), networks },
            names: names(states, done),
            over_capacity: overloads,
            attribution,
        }
    }
}

/// The names, each with its views.
fn names(states: [&State; 2], done: &Simulation) -> BTreeMap<String, NameView> {
    let mut names = BTreeMap::new();
    for group in &done.groups {
        let Some(first) = group.lanes.first() else { continue };
        let other = group.lanes.get(1).filter(|other| !other.same(first));
        let view = NameView { lane: LaneView::of(first), aaaa: other.map(LaneView::of) };
        for ids in &group.names {
            names.insert(owner(states[1], ids[1]), view.clone());
        }
    }
    names
}

/// A name as people type it: without the last dot.
#[must_use]
pub fn owner(state: &State, name: NameId) -> String {
    state.snapshot.names[name.index()].owner.to_string().trim_end_matches('.').to_owned()
}

impl LaneView {
    fn of(lane: &Lane) -> Self {
        let [before, after] = lane.all.endpoints.each_ref().map(shares);
        let portion = PortionView::of;
        Self {
            r#type: lane.rtype,
            all: portion(&lane.all),
            endpoints: EndpointsView { before, after },
            regions: lane.regions.iter().map(|(names, one)| (region(names), portion(one))).collect(),
            countries: lane.countries.iter().map(|(codes, one)| (countries(*codes), portion(one))).collect(),
            systems: lane.systems.iter().map(|(asn, one)| (format!("AS{asn}"), portion(one))).collect(),
        }
    }
}

impl PortionView {
    fn of(portion: &Portion) -> Self {
        let one = |(from, to, share): &(Box<str>, Box<str>, f64)| MoveView {
            from: from.to_string(),
            to: to.to_string(),
            share: rounded(*share),
        };
        Self {
            clients: rounded(portion.part),
            before: shares(&portion.before),
            after: shares(&portion.after),
            moved: rounded(portion.moved),
            moves: portion.moves.iter().map(one).collect(),
            region: portion.regions[1].to_string(),
            why: portion.why.clone(),
        }
    }
}

/// A country's code, `ZZ` for an unknown one; two of them where editions of a database differ: `GB>US`.
#[must_use]
pub fn countries([before, after]: Countries) -> String {
    let code = |country: Option<Country>| country.map_or_else(|| "ZZ".to_owned(), |country| country.to_string());
    if before == after { code(after) } else { format!("{}>{}", code(before), code(after)) }
}

/// A region's name; two of them where configurations differ.
#[must_use]
pub fn region([before, after]: &[Box<str>; 2]) -> String {
    if before == after { after.to_string() } else { format!("{before}>{after}") }
}

fn shares(shares: &Shares) -> BTreeMap<String, f64> {
    shares.iter().map(|(name, part)| (name.to_owned(), rounded(part))).collect()
}

/// Without the noise of sums of fractions.
fn rounded(number: f64) -> f64 {
    (number * 1e9).round() / 1e9
}
