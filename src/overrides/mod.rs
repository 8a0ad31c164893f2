//! Overrides: what operators said at run time of pools and endpoints, and what follows from it. Pure: the wall clock
//! is an argument (seconds since 1970), disks and sockets are elsewhere.
//!
//! ```text
//! override ──► target ──► the pools and endpoints meant          closest target, then the latest, wins
//!                                       │
//! state in the file ────────────────────┴──► gates ──► steer::Live          health decides behind an open gate
//! ```
//!
//! A target may have three overrides: one of its state, one of its weight, one of its share. Each has its own owner,
//! reason and expiry. Those of a share, and a drain, may go to their end over a time.

mod closed;
mod ramp;
mod target;
#[cfg(test)]
mod tests;

pub use closed::{Closed, Entry, Key};
pub use ramp::Ramp;
pub use target::{Rank, Target};

use crate::id::{EndpointId, PoolId};
use crate::limits::OVERRIDES_MAX;
use crate::pool::{Gate, Gates, Share};
use crate::snapshot::Snapshot;
use std::collections::HashMap;

/// What is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// This gate, whatever the file says.
    State(Gate),
    /// This weight, whatever the file says.
    Weight(u32),
    /// Pools keep this share of the clients on their way to them.
    Share(Share),
}

impl Said {
    /// In a word: `drain`, `weight 10`, `shed 20 %`.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::State(gate) => gate.word().to_owned(),
            Self::Weight(weight) => format!("weight {weight}"),
            Self::Share(share) => format!("shed {}", share.rest()),
        }
    }

    const fn same_kind(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::State(_), Self::State(_)) | (Self::Weight(_), Self::Weight(_)) | (Self::Share(_), Self::Share(_))
        )
    }
}

/// One override.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Override {
    /// What it is about.
    pub target: Target,
    /// What it says.
    pub said: Said,
    /// Who said it.
    pub owner: Box<str>,
    /// Why; may be empty.
    pub reason: Box<str>,
    /// When it was said, seconds since 1970.
    pub since: u64,
    /// When it ends by itself, seconds since 1970.
    pub until: Option<u64>,
    /// It goes to its end over a time that began at `since`; only for shares, and drains of pools.
    pub ramp: Option<Ramp>,
}

/// All overrides, the latest last: at most one of each kind for a target.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Overrides(Vec<Override>);

/// What a target is about in one configuration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Meant {
    /// Pools that it is about themselves.
    pub pools: Vec<PoolId>,
    /// Endpoints that it is about themselves.
    pub endpoints: Vec<EndpointId>,
}

impl Meant {
    /// True if nothing is called so.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pools.is_empty() && self.endpoints.is_empty()
    }

    /// The endpoints that it takes along: those it is about, and all of the pools it is about. Each once.
    #[must_use]
    pub fn all_endpoints(&self, snapshot: &Snapshot) -> Vec<EndpointId> {
        let mut all: Vec<_> = self.pools.iter().flat_map(|pool| snapshot.pools[pool.index()].endpoints()).collect();
        all.extend(&self.endpoints);
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Overrides {
    /// In the order in which they were said.
    #[must_use]
    pub fn list(&self) -> &[Override] {
        &self.0
    }

    /// Puts one in place of the one of the same target and kind, which is given back.
    ///
    /// # Errors
    /// In words: there are too many already.
    pub fn set(&mut self, new: Override) -> Result<Option<Override>, String> {
        let before = self.position(&new.target, new.said).map(|at| self.0.remove(at));
        if before.is_none() && self.0.len() >= OVERRIDES_MAX {
            return Err(format!("there are {OVERRIDES_MAX} overrides already: remove one first"));
        }
        self.0.push(new);
        Ok(before)
    }

    /// The one of a target that is of the same kind as `said`.
    #[must_use]
    pub fn of(&self, target: &Target, said: Said) -> Option<&Override> {
        self.position(target, said).map(|at| &self.0[at])
    }

    /// Removes the one of a target that is of the same kind as `said`.
    pub fn remove(&mut self, target: &Target, said: Said) -> Option<Override> {
        self.position(target, said).map(|at| self.0.remove(at))
    }

    /// Removes those that have ended by `now`, and gives them.
    pub fn expire(&mut self, now: u64) -> Vec<Override> {
        self.0.extract_if(.., |one| one.until.is_some_and(|until| until <= now)).collect()
    }

    fn position(&self, target: &Target, said: Said) -> Option<usize> {
        self.0.iter().position(|one| one.target == *target && one.said.same_kind(said))
    }

    /// The gates that follow for a configuration at `now`, seconds since 1970.
    #[must_use]
    pub fn gates(&self, snapshot: &Snapshot, now: u64) -> Gates {
        let mut gates = Gates::default();
        if self.0.is_empty() {
            return gates;
        }
        let names = Names::new(snapshot);
        // What is said later in this order overwrites: the closest, and among equals the latest, come last.
        let mut order: Vec<&Override> = self.0.iter().collect();
        order.sort_by_key(|one| one.target.rank());
        // By pool: what its state, and what its share, leaves it.
        let mut shares: [HashMap<PoolId, Share>; 2] = Default::default();
        for one in order {
            let meant = names.meant(&one.target);
            match one.said {
                Said::State(_) if one.is_on_its_way(now) => {
                    let share = one.share_at(now).unwrap_or(Share::FULL);
                    for &pool in &meant.pools {
                        let before = before(&gates, one, pool, snapshot.pools[pool.index()].gate);
                        // Of the pools of a pattern or a tag, those that were closed before stay closed. One that is
                        // ordered by its name had clients: it goes on from there, whatever its file says.
                        if one.target.exact_pool().is_none() && !before.is_open() {
                            continue;
                        }
                        gates.set_pool(pool, if before == Gate::Up { Gate::Up } else { Gate::Auto });
                        shares[0].insert(pool, share);
                    }
                }
                Said::Share(_) => {
                    let share = one.share_at(now).unwrap_or(Share::FULL);
                    shares[1].extend(meant.pools.iter().map(|&pool| (pool, share)));
                }
                Said::State(gate) => {
                    for &pool in &meant.pools {
                        gates.set_pool(pool, gate);
                        shares[0].remove(&pool);
                    }
                    meant.endpoints.iter().for_each(|&endpoint| gates.set_endpoint(endpoint, gate));
                }
                Said::Weight(weight) => {
                    meant.endpoints.iter().for_each(|&endpoint| gates.set_weight(endpoint, weight));
                }
            }
        }
        let limited = shares.into_iter().flatten().filter(|(_, share)| *share < Share::FULL);
        limited.for_each(|(pool, share)| gates.limit_share(pool, share));
        gates
    }
}

/// The gate of a pool without a drain that is on its way there; `gates` say what all that is less close says.
fn before(gates: &Gates, drain: &Override, pool: PoolId, file: Gate) -> Gate {
    // Beside a tag or a pattern others of its kind may say something: then that holds.
    let alone = drain.target.exact_pool().is_some() || gates.pool(pool, Gate::Auto) == Gate::Auto;
    let held = drain.ramp.and_then(|ramp| ramp.held).filter(|_| alone);
    held.unwrap_or_else(|| gates.pool(pool, file))
}

/// What pools are called.
#[derive(Debug)]
pub struct Names<'a> {
    snapshot: &'a Snapshot,
    pools: HashMap<&'a str, Vec<PoolId>>,
}

impl<'a> Names<'a> {
    /// The names of a configuration.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let mut pools: HashMap<&str, Vec<PoolId>> = HashMap::with_capacity(snapshot.pools.len());
        for (index, pool) in snapshot.pools.iter().enumerate() {
            pools.entry(&pool.name).or_default().push(PoolId::new(index));
        }
        Self { snapshot, pools }
    }

    /// What a target is about.
    #[must_use]
    pub fn meant(&self, target: &Target) -> Meant {
        let mut meant = Meant::default();
        match target.exact_pool() {
            Some(name) => self.pools.get(name).into_iter().flatten().for_each(|&id| self.look(target, id, &mut meant)),
            None => (0..self.snapshot.pools.len()).for_each(|id| self.look(target, PoolId::new(id), &mut meant)),
        }
        meant
    }

    fn look(&self, target: &Target, id: PoolId, meant: &mut Meant) {
        let pool = &self.snapshot.pools[id.index()];
        if target.means_pool(pool) {
            meant.pools.push(id);
        }
        if !target.is_of_pools() {
            let is_meant = |id: &EndpointId| target.means_endpoint(pool, &self.snapshot.endpoints[id.index()]);
            meant.endpoints.extend(pool.endpoints().filter(is_meant));
        }
    }
}
