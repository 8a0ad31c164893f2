//! Pools that get more than they can take.

use super::Simulation;
use crate::state::State;
use std::collections::BTreeMap;

/// A pool that is over its capacity, before or after.
#[derive(Clone, PartialEq, Debug)]
pub struct Overload {
    /// The pool.
    pub pool: Box<str>,
    /// What it can take: `capacity` of the file.
    pub capacity: f64,
    /// What it gets before and after, in the same unit.
    pub load: [f64; 2],
}

/// The pools that are over their capacity, if all clients together bring `load`. Names bring equal parts of it, and of a
/// name its first type alone counts: clients that ask for A and AAAA are the same clients.
#[must_use]
pub fn overloads(states: [&State; 2], simulation: &Simulation, load: f64) -> Vec<Overload> {
    let names: usize = simulation.groups.iter().map(|group| group.names.len()).sum();
    let mut loads: BTreeMap<(usize, &str), [f64; 2]> = BTreeMap::new();
    for group in &simulation.groups {
        let Some(lane) = group.lanes.first() else { continue };
        for names_of in &group.names {
            let zone = states[1].snapshot.names[names_of[1].index()].zone.index();
            for (side, shares) in [&lane.all.before, &lane.all.after].into_iter().enumerate() {
                for (pool, part) in shares.iter() {
                    loads.entry((zone, pool)).or_default()[side] += part * load / names as f64;
                }
            }
        }
    }
    let over = |((zone, name), load): ((usize, &str), [f64; 2])| {
        let mut pools = states[1].snapshot.pools.iter();
        let pool = pools.find(|pool| pool.zone.index() == zone && &*pool.name == name)?;
        let capacity = pool.rules.relief.capacity?.value();
        load.iter().any(|load| *load > capacity).then(|| Overload { pool: pool.name.clone(), capacity, load })
    };
    loads.into_iter().filter_map(over).collect()
}
