//! What share of the clients that a row would send to a pool stay there.
//!
//! Each client's block has a point from 0 to 9,999 for each pool: a stable hash of the block under the pool's salt. It
//! stays with the pool if its point is below the share. So a share that falls only moves clients out, one that grows
//! only moves clients in, and every client moves once; the points of two pools have nothing to do with each other.

use super::rendezvous::Key;
use std::fmt;

/// A part of the clients, in ten-thousandths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Share(u16);

impl Share {
    /// Nobody.
    pub const NONE: Self = Self(0);
    /// Everybody.
    pub const FULL: Self = Self(Self::PARTS);
    /// How many parts everybody is.
    pub const PARTS: u16 = 10_000;
    /// One percent.
    pub const PERCENT: Self = Self(Self::PARTS / 100);

    /// So many ten-thousandths; what is more than all is all.
    #[must_use]
    pub const fn new(parts: u64) -> Self {
        if parts >= Self::PARTS as u64 { Self::FULL } else { Self(parts as u16) }
    }

    /// `part` of `whole`, rounded to the nearest; of nothing everybody.
    #[must_use]
    pub const fn of(part: u64, whole: u64) -> Self {
        if part >= whole {
            return Self::FULL;
        }
        Self::new(((part as u128 * Self::PARTS as u128 + whole as u128 / 2) / whole as u128) as u64)
    }

    /// In ten-thousandths.
    #[must_use]
    pub const fn parts(self) -> u16 {
        self.0
    }

    /// In percent.
    #[must_use]
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// The others.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(Self::PARTS - self.0)
    }

    /// So much of a number, rounded down.
    #[must_use]
    pub const fn times(self, number: u64) -> u64 {
        (number as u128 * self.0 as u128 / Self::PARTS as u128) as u64
    }

    /// A share of this share, in ten-thousandths; rounded down.
    #[must_use]
    pub const fn times_share(self, parts: u16) -> Self {
        Self::new(self.times(parts as u64))
    }

    /// On the way from `self` to `to`, at most `most` of all further.
    #[must_use]
    pub fn toward(self, to: Self, most: Self) -> Self {
        match to >= self {
            true => Self(to.0.min(self.0.saturating_add(most.0))),
            false => Self(to.0.max(self.0.saturating_sub(most.0))),
        }
    }

    /// The difference of two.
    #[must_use]
    pub const fn apart(self, other: Self) -> Self {
        Self(self.0.abs_diff(other.0))
    }

    /// True if a block with this key stays with the pool of these name bits.
    #[inline]
    #[must_use]
    pub fn keeps(self, key: Key, pool: u64) -> bool {
        self == Self::FULL || point(key, pool) < self.0
    }
}

/// The point of a block with this key for the pool of these name bits, 0 to 9,999.
#[inline]
#[must_use]
pub const fn point(key: Key, pool: u64) -> u16 {
    let bits = key.other(pool).bits() >> 32;
    ((bits * Share::PARTS as u64) >> 32) as u16
}

impl fmt::Display for Share {
    /// In percent, with as many places as it has: `80 %`, `12.5 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.percent())
    }
}

#[cfg(test)]
mod tests {
    use super::super::rendezvous::name_bits;
    use super::*;
    use crate::address::Bits;

    fn key(block: u32) -> Key {
        // The 32 first bits of an IPv6 address.
        Key::of(Bits::from(std::net::IpAddr::from(std::net::Ipv6Addr::from(u128::from(block) << 96))), 32, 7)
    }

    #[test]
    fn a_share_is_so_large_as_it_says_and_growing_it_only_moves_clients_in() {
        let (fra, ams) = (name_bits(b"fra"), name_bits(b"ams"));
        let clients = 1_000_000;
        let stays = |share: u64, pool| (0..clients).map(move |block| Share::new(share).keeps(key(block), pool));
        let mut counts = [0_u32; 4];
        for ((eighty, sixty), other) in stays(8_000, fra).zip(stays(6_000, fra)).zip(stays(8_000, ams)) {
            assert!(eighty || !sixty, "who stays at 60 % stays at 80 %");
            let both = eighty && other;
            for (count, is) in counts.iter_mut().zip([eighty, sixty, other, both]) {
                *count += u32::from(is);
            }
        }
        for (count, wanted) in counts.into_iter().zip([800_000_u32, 600_000, 800_000, 640_000]) {
            assert!(count.abs_diff(wanted) < 2_000, "{count} instead of {wanted}");
        }
    }

    #[test]
    fn everybody_stays_at_all_and_nobody_at_none() {
        assert!((0..10_000).all(|block| Share::FULL.keeps(key(block), 1) && !Share::NONE.keeps(key(block), 1)));
    }

    #[test]
    fn the_points_are_the_same_on_every_platform_and_for_ever() {
        let points = [0, 1, 0x2001_0db8].map(|block| point(key(block), name_bits(b"fra")));
        assert_eq!(points, POINTS);
    }

    const POINTS: [u16; 3] = [4_434, 2_904, 2_372];

    #[test]
    fn shares_are_parts_steps_and_percents() {
        assert_eq!((Share::of(1, 3), Share::of(5, 5), Share::of(0, 0)), (Share::new(3_333), Share::FULL, Share::FULL));
        assert_eq!((Share::new(8_000).times(50), Share::new(2_500).rest()), (40, Share::new(7_500)));
        let step = Share::new(1_000);
        assert_eq!(Share::FULL.toward(Share::NONE, step), Share::new(9_000));
        assert_eq!(Share::new(9_500).toward(Share::FULL, step), Share::FULL);
        assert_eq!(Share::new(1_250).to_string(), "12.5 %");
    }
}
