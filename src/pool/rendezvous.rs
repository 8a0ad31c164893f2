//! Weighted rendezvous: the one way in which a client's block is mapped to one of several weighted candidates, so
//! that a candidate that goes takes only its own clients along. For endpoints (`balance = "hash"`) and for pools
//! (sticky splits, near ties).
//!
//! Each candidate draws a number u in (0, 1) from the hash of (key, candidate) and scores −log₂(u) / weight; the
//! smallest score wins, which candidate i does with probability wᵢ / Σw. Nothing here depends on a platform, a
//! standard library's hash or floating point: every node gives the same answer for ever. The mixing function is the
//! finaliser of splitmix64, the logarithm a table of 256 steps in 32-bit fixed point.

use crate::address::{Bits, Family};

/// A client's block under a salt: what is hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key(u64);

impl Key {
    /// The key of the `bits` first bits of `address`, salted; of an IPv6 address at most 64 count.
    #[inline(always)]
    #[must_use]
    pub const fn of(address: Bits, bits: u8, salt: u64) -> Self {
        let tag = match address.family {
            Family::V4 => 4,
            Family::V6 => 6,
        };
        let mask = !u64::MAX.unbounded_shr(bits as u32);
        Self(mix((address.high & mask).wrapping_add(tag) ^ salt))
    }

    /// A further, independent key.
    #[must_use]
    pub const fn other(self, number: u64) -> Self {
        Self(mix(self.0 ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// 64 well mixed bits of it.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// −log₂ of the candidate's draw, in units of 2⁻³², below 2³⁹.
    #[must_use]
    pub const fn distance(self, candidate: u64) -> u64 {
        minus_log2(mix(self.0 ^ candidate))
    }
}

/// 64 bits of a name, for salts and candidates (FNV-1a, then mixed).
#[must_use]
pub const fn name_bits(name: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < name.len() {
        hash = (hash ^ name[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    mix(hash)
}

/// The index of the winning candidate of (name bits, weight); weights are at least 1. The list is not empty.
#[must_use]
pub fn choose(key: Key, candidates: impl Iterator<Item = (u64, u32)>) -> usize {
    least(candidates.map(|(name, weight)| (key.distance(name), weight)))
}

/// The index of the candidate of (distance, weight) whose distance is the least for its weight. The list is not empty.
#[must_use]
pub fn least(candidates: impl Iterator<Item = (u64, u32)>) -> usize {
    let (mut best, mut best_distance, mut best_weight) = (0, u64::MAX, 0_u64);
    for (index, (distance, weight)) in candidates.enumerate() {
        let weight = u64::from(weight);
        // distance / weight < best / best_weight, without a division: below 2³⁹ × 2²⁰.
        if best_weight == 0 || distance * best_weight < best_distance * weight {
            (best, best_distance, best_weight) = (index, distance, weight);
        }
    }
    best
}

/// The finaliser of splitmix64: every input bit moves every output bit.
#[must_use]
pub const fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A cheaper mix for values that are mixed already but for a few bits: one multiplication, its halves folded.
#[must_use]
#[inline(always)]
pub const fn fold(value: u64) -> u64 {
    let product = value as u128 * 0x9fb2_1c65_1e98_df25;
    (product >> 64) as u64 ^ product as u64
}

/// −log₂((value + 1) / 2⁶⁴) in units of 2⁻³², by linear interpolation; the error stays below 3 × 10⁻⁶.
#[must_use]
pub const fn minus_log2(value: u64) -> u64 {
    let value = if value == u64::MAX { value } else { value + 1 };
    let zeros = value.leading_zeros();
    // The bits behind the leading one: 8 for the table, 32 between two of its entries.
    let fraction = (value << zeros) << 1;
    let index = (fraction >> 56) as usize;
    let between = (fraction >> 24) & 0xffff_ffff;
    let (low, high) = (LOG2[index], LOG2[index + 1]);
    let log = low + (((high - low) * between) >> 32);
    ((zeros as u64 + 1) << 32) - log
}

/// log₂(1 + i / 256) in units of 2⁻³².
static LOG2: [u64; 257] = {
    let mut table = [0; 257];
    let mut index = 0;
    while index < 257 {
        table[index] = log2_of(256 + index as u64);
        index += 1;
    }
    table
};

/// log₂(n / 256) in units of 2⁻³² for n in 256..=512: each squaring yields one bit.
const fn log2_of(n: u64) -> u64 {
    let mut x = (n as u128) << 54;
    let one = 1_u128 << 62;
    let mut log = 0_u64;
    if x >= 2 * one {
        return 1 << 32;
    }
    let mut bit = 32;
    while bit > 0 {
        bit -= 1;
        x = (x * x) >> 62;
        if x >= 2 * one {
            x >>= 1;
            log |= 1 << bit;
        }
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_right_to_a_few_millionths() {
        for exponent in 0..64 {
            for step in 0..1_000_u64 {
                let value = ((1_u128 << exponent) + (step as u128 * (1_u128 << exponent)) / 1_000) as u64;
                let expected = 64.0 - (value as f64 + 1.0).log2();
                let got = minus_log2(value) as f64 / f64::from(u32::MAX);
                assert!((got - expected).abs() < 1e-5, "{value}: {got} {expected}");
            }
        }
        assert_eq!(minus_log2(0), 64 << 32);
        assert!(minus_log2(u64::MAX) < 1 << 4);
    }

    #[test]
    fn the_hash_is_the_same_on_every_platform_and_for_ever() {
        assert_eq!(name_bits(b"fra1"), 0x340a_c3c8_d3f9_3dc2);
        let key = Key::of(Bits::v4(0xc000_024d), 24, name_bits(b"\x03www"));
        assert_eq!(key, Key::of(Bits::v4(0xc000_0201), 24, name_bits(b"\x03www")));
        assert_ne!(key, Key::of(Bits::v4(0xc000_0301), 24, name_bits(b"\x03www")));
        assert_eq!(key.bits(), 0xdf9_8fb7_fcdb_430d);
        assert_eq!(key.distance(name_bits(b"fra1")), 23_873_731_993);
    }
}
