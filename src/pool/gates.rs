//! Gates and weights as they hold: what the files say, unless an operator has said otherwise since.

use super::{Gate, Share};
use crate::id::{EndpointId, PoolId};
use std::collections::HashMap;

/// What operators said at run time, by pool and by endpoint; everything else holds as the files say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gates {
    pools: HashMap<PoolId, Gate>,
    endpoints: HashMap<EndpointId, Gate>,
    weights: HashMap<EndpointId, u32>,
    shares: HashMap<PoolId, Share>,
}

impl Gates {
    /// Sets a pool's gate.
    pub fn set_pool(&mut self, pool: PoolId, gate: Gate) {
        self.pools.insert(pool, gate);
    }

    /// Sets an endpoint's gate.
    pub fn set_endpoint(&mut self, endpoint: EndpointId, gate: Gate) {
        self.endpoints.insert(endpoint, gate);
    }

    /// Sets an endpoint's weight.
    pub fn set_weight(&mut self, endpoint: EndpointId, weight: u32) {
        self.weights.insert(endpoint, weight);
    }

    /// Lets a pool's gate hold as its file says.
    pub fn clear_pool(&mut self, pool: PoolId) {
        self.pools.remove(&pool);
    }

    /// Lets a pool keep a share of the clients on their way to it: the smallest that was set.
    pub fn limit_share(&mut self, pool: PoolId, share: Share) {
        let kept = self.shares.entry(pool).or_insert(Share::FULL);
        *kept = share.min(*kept);
    }

    /// True if everything holds as the files say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pools.is_empty() && self.endpoints.is_empty() && self.weights.is_empty() && self.shares.is_empty()
    }

    /// The share of the clients on their way to a pool that stay there.
    #[must_use]
    pub fn share(&self, pool: PoolId) -> Share {
        self.shares.get(&pool).copied().unwrap_or(Share::FULL)
    }

    /// The gate of a pool; `file` is what its file says.
    #[must_use]
    pub fn pool(&self, pool: PoolId, file: Gate) -> Gate {
        self.pools.get(&pool).copied().unwrap_or(file)
    }

    /// The gate of an endpoint; `file` is what its file says.
    #[must_use]
    pub fn endpoint(&self, endpoint: EndpointId, file: Gate) -> Gate {
        self.endpoints.get(&endpoint).copied().unwrap_or(file)
    }

    /// The weight of an endpoint; `file` is what its file says.
    #[must_use]
    pub fn weight(&self, endpoint: EndpointId, file: u32) -> u32 {
        self.weights.get(&endpoint).copied().unwrap_or(file)
    }

    /// The pools that `self` and `other` do not agree on; `pool_of` gives the pool of an endpoint. Each once.
    pub fn differing(&self, other: &Self, pool_of: impl Fn(EndpointId) -> PoolId) -> Vec<PoolId> {
        let mut pools: Vec<PoolId> = differing(&self.pools, &other.pools).collect();
        pools.extend(differing(&self.endpoints, &other.endpoints).map(&pool_of));
        pools.extend(differing(&self.weights, &other.weights).map(&pool_of));
        pools.extend(differing(&self.shares, &other.shares));
        pools.sort_unstable();
        pools.dedup();
        pools
    }
}

/// The keys whose values differ, those of one side alone included.
fn differing<'a, K: Copy + Eq + std::hash::Hash, V: PartialEq>(
    one: &'a HashMap<K, V>,
    other: &'a HashMap<K, V>,
) -> impl Iterator<Item = K> + 'a {
    let changed = one.iter().filter(|(key, value)| other.get(key) != Some(value)).map(|(key, _)| *key);
    changed.chain(other.keys().copied().filter(|key| !one.contains_key(key)))
}

impl Gate {
    /// Its word in files, on the command line and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Up => "up",
            Self::Down => "down",
            Self::Drain => "drain",
        }
    }

    /// The gate of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Auto, Self::Up, Self::Down, Self::Drain].into_iter().find(|gate| gate.word() == word)
    }

    /// True if answers may name what stands behind it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Auto | Self::Up)
    }
}
