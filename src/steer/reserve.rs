//! Members that safeguards keep back: when they are taken all the same, and what a growing share makes of weights.

use super::observed::{Observed, lanes};
use crate::id::{EndpointId, PoolId};
use crate::limits::RAMP_STEPS;
use crate::pool::{Gate, Gates};
use crate::snapshot::Snapshot;

/// Lets flapping members count as up where holding them back would take the pool down, or leave a family without an
/// address. Gives true if nothing of the pool is live even so: then those
/// that wait to come back are better than none.
pub(super) fn spare(snapshot: &Snapshot, gates: &Gates, pool: PoolId, seen: &mut [Observed]) -> bool {
    let needed = usize::from(snapshot.pools[pool.index()].min_healthy.max(1));
    let enough = live(snapshot, gates, pool, seen) >= needed;
    for lane in 0..2 {
        let others = members(snapshot, gates, pool)
            .zip(&*seen)
            .any(|(member, seen)| member.has[lane] && member.live(seen, lane));
        if !enough || !others {
            for seen in seen.iter_mut() {
                seen.up[lane] |= seen.flapping[lane];
            }
        }
    }
    live(snapshot, gates, pool, seen) == 0
}

fn live(snapshot: &Snapshot, gates: &Gates, pool: PoolId, seen: &[Observed]) -> usize {
    let is_live = |(member, seen): &(Member, &Observed)| (0..2).any(|lane| member.has[lane] && member.live(seen, lane));
    members(snapshot, gates, pool).zip(seen).filter(is_live).count()
}

struct Member {
    has: [bool; 2],
    open: bool,
    trusted: bool,
}

impl Member {
    fn live(&self, seen: &Observed, lane: usize) -> bool {
        self.open && (seen.up[lane] || self.trusted)
    }
}

fn members(snapshot: &Snapshot, gates: &Gates, id: PoolId) -> impl Iterator<Item = Member> {
    let pool = &snapshot.pools[id.index()];
    let pool_gate = gates.pool(id, pool.gate);
    pool.endpoints().map(move |endpoint| {
        let data = &snapshot.endpoints[endpoint.index()];
        let gate = gates.endpoint(endpoint, data.gate);
        let (open, trusted) = (pool_gate.is_open() && gate.is_open(), pool_gate == Gate::Up || gate == Gate::Up);
        Member { has: lanes(&data.address), open, trusted }
    })
}

/// How weights are written while some of a pool grow to their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scale {
    /// As configured: nobody's grows.
    Own,
    /// Times the share: a full share is ten times the weight.
    Times,
    /// A part, rounded up: ten times all weights would not fit into a sum.
    Part,
}

/// The weights of a pool's members by family as records say them; none if nobody's grows to its own.
pub(super) fn told(snapshot: &Snapshot, gates: &Gates, pool: PoolId, seen: &[Observed]) -> Box<[[u16; 2]]> {
    let own = |id: EndpointId| gates.weight(id, snapshot.endpoints[id.index()].weight);
    // Who is out grows nowhere: others keep their numbers meanwhile.
    let grows = |member: &Member, seen: &Observed, lane| !member.trusted && member.live(seen, lane);
    let members = members(snapshot, gates, pool).zip(snapshot.pools[pool.index()].endpoints()).zip(seen);
    let members = members.map(|((member, id), seen)| {
        (own(id), [0, 1].map(|lane| if grows(&member, seen, lane) { seen.share[lane] } else { RAMP_STEPS }))
    });
    in_16_bits(&members.collect::<Vec<_>>())
}

/// Weights with their shares as numbers of 16 bits: in tenths, if a tenth of the smallest is no number otherwise, and all
/// of the largest is one.
fn in_16_bits(members: &[(u32, [u8; 2])]) -> Box<[[u16; 2]]> {
    if members.iter().all(|(_, share)| *share == [RAMP_STEPS; 2]) {
        return Box::default();
    }
    let weights = || members.iter().map(|(weight, _)| *weight).filter(|weight| *weight > 0);
    let is_small = weights().min().is_some_and(|least| least < RAMP_STEPS.into());
    let fits = weights().max().is_some_and(|most| most <= u32::from(u16::MAX / u16::from(RAMP_STEPS)));
    let scale = if is_small && fits { Scale::Times } else { Scale::Part };
    let number = |weight: u32, share: u8| scale.of(weight, share).min(u16::MAX.into()) as u16;
    members.iter().map(|&(weight, shares)| shares.map(|share| number(weight, share))).collect()
}

/// Chooses the scale of a pool.
pub(super) fn scale(snapshot: &Snapshot, gates: &Gates, pool: PoolId, seen: &[Observed]) -> Scale {
    if seen.iter().all(|seen| seen.share == [RAMP_STEPS; 2]) {
        return Scale::Own;
    }
    let own = |endpoint: EndpointId| gates.weight(endpoint, snapshot.endpoints[endpoint.index()].weight);
    let weights = snapshot.pools[pool.index()].endpoints().map(|endpoint| u64::from(own(endpoint).max(1)));
    let fits = weights.sum::<u64>() * u64::from(RAMP_STEPS) <= u64::from(u32::MAX);
    if fits { Scale::Times } else { Scale::Part }
}

impl Scale {
    /// The weight of a member with a share; 0 stays 0.
    pub(super) fn of(self, weight: u32, share: u8) -> u32 {
        match self {
            Self::Own => weight,
            Self::Times => weight * u32::from(share),
            Self::Part => (u64::from(weight) * u64::from(share)).div_ceil(RAMP_STEPS.into()) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{POOL_ENDPOINTS_MAX, WEIGHT_MAX};

    #[test]
    fn a_record_says_growing_weights_in_their_proportions_and_zero_as_zero() {
        let full = [RAMP_STEPS; 2];
        assert!(in_16_bits(&[(1, full), (100, full)]).is_empty(), "nobody's grows");
        assert_eq!(*in_16_bits(&[(100, full), (100, [3, 10]), (0, [1, 1])]), [[100, 100], [30, 100], [0, 0]]);
        assert_eq!(*in_16_bits(&[(1, full), (1, [3, 10])]), [[10, 10], [3, 10]], "in tenths");
        assert_eq!(*in_16_bits(&[(1, [1, 3]), (WEIGHT_MAX, full)]), [[1, 1], [u16::MAX; 2]], "at least 1");
    }

    #[test]
    fn weights_of_every_scale_keep_their_proportions_and_fit_into_a_sum() {
        assert_eq!((Scale::Own.of(7, 10), Scale::Times.of(7, 3), Scale::Part.of(70, 3)), (7, 21, 21));
        assert_eq!((Scale::Part.of(1, 1), Scale::Times.of(0, 10)), (1, 0));
        let most = u64::from(Scale::Part.of(WEIGHT_MAX, RAMP_STEPS)) * POOL_ENDPOINTS_MAX as u64;
        assert!(u32::try_from(most).is_ok());
    }
}
