//! How many RRsets a balanced name can be answered with, whoever asks: what a signed zone signs at most at a time, and
//! what `check` tells.

use super::Spec;
use crate::id::{PolicyId, PoolId, ZoneId};
use crate::limits::{RAMP_STEPS, SIGNED_SETS};
use crate::pool::{Endpoint, Pool};
use crate::steer::{BalancedName, Fallback, Policy, Step, Types, lanes};
use std::collections::{BTreeSet, HashMap};

/// Counts the sets of one name after the other; names of one policy cost one look.
pub(super) struct Counter<'s> {
    pools: &'s [Pool],
    endpoints: &'s [Endpoint],
    policies: &'s [Policy],
    by_policy: HashMap<(PolicyId, Fallback), [Sets; 2]>,
}

/// Of one family.
#[derive(Clone, Copy, Default)]
struct Sets {
    all: usize,
    /// The same where each step of a slow start makes others: records say the weight of then.
    weighed: usize,
}

impl<'s> Counter<'s> {
    pub(super) fn new(pools: &'s [Pool], endpoints: &'s [Endpoint], policies: &'s [Policy]) -> Self {
        Self { pools, endpoints, policies, by_policy: HashMap::new() }
    }

    /// The sets of a name.
    pub(super) fn of(&mut self, name: &BalancedName) -> usize {
        let [v4, v6] = self.by_family(name);
        let types = name.types(Types::default());
        let services = [types.https, types.svcb, types.mx, types.txt];
        let services = services.into_iter().filter(|exists| *exists).count();
        // Endpoints of service records are picked by IPv4 if the name has any.
        let picked = if v4.all > 0 { v4 } else { v6 };
        v4.all + v6.all + services * picked.all + usize::from(types.srv) * picked.weighed
    }

    fn by_family(&mut self, name: &BalancedName) -> [Sets; 2] {
        let key = (name.policy, name.fallback);
        if let Some(known) = self.by_policy.get(&key) {
            return *known;
        }
        let mut reached = BTreeSet::new();
        for step in self.policies[name.policy.index()].rows.iter().flat_map(|row| &row.steps) {
            match step {
                Step::Split { parts, .. } => reached.extend(parts.iter().map(|(pool, _)| *pool)),
                Step::Nearest(pools) | Step::LeastLoad(pools) => reached.extend(pools.iter().copied()),
            }
        }
        reached.extend(if let Fallback::Pool(pool) = name.fallback { Some(pool) } else { None });
        let counts = [0, 1].map(|lane| {
            let of_pools = reached.iter().map(|pool| self.of_pool(*pool, lane));
            of_pools
                .fold(Sets::default(), |sum, one| Sets { all: sum.all + one.all, weighed: sum.weighed + one.weighed })
        });
        self.by_policy.insert(key, counts);
        counts
    }

    fn of_pool(&self, pool: PoolId, lane: usize) -> Sets {
        let pool = &self.pools[pool.index()];
        let has = |id: &crate::id::EndpointId| lanes(&self.endpoints[id.index()].address)[lane];
        let members = pool.endpoints().filter(has).count();
        let all = match usize::from(pool.answers).min(members) {
            0 | 1 => members,
            answers => combinations(members, answers).min(SIGNED_SETS as usize),
        };
        let grows = pool.rules.comeback.slow_start_ms > 0;
        Sets { all, weighed: if grows { all * usize::from(RAMP_STEPS) } else { all } }
    }
}

/// In how many ways so many are taken from so many; large numbers end at the top.
fn combinations(of: usize, taken: usize) -> usize {
    (0..taken).fold(1_usize, |ways, step| ways.saturating_mul(of - step) / (step + 1))
}

impl Spec {
    /// How many RRsets the balanced names of a zone can be answered with at a time, and in the steps of a slow start.
    #[must_use]
    pub fn sets_of(&self, zone: ZoneId) -> usize {
        let mut counter = Counter::new(&self.pools, &self.endpoints, &self.policies);
        self.names.iter().filter(|name| name.zone == zone).map(|name| counter.of(name)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::combinations;

    #[test]
    fn ways_are_counted_up_to_the_top() {
        let ways = [(6, 2), (12, 4), (5, 5), (5, 1), (64, 3)].map(|(of, taken)| combinations(of, taken));
        assert_eq!(ways, [15, 495, 1, 5, 41_664]);
        assert!(combinations(1_000, 16) > 1_000_000);
    }
}
