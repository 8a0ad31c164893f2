//! Addresses as tables and keys take them: bits from the left, in two words, so that they travel in registers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The two address families that a client, an endpoint's address and an answer can have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// IPv4, A records.
    V4 = 0,
    /// IPv6, AAAA records.
    V6 = 1,
}

impl Family {
    /// Both families, in the order in which tables hold them.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Bits of its addresses.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// An address, or the first one of a block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Bits {
    /// Its first 64 bits; of an IPv4 address the upper half of them.
    pub high: u64,
    /// The others, of an IPv6 address.
    pub low: u64,
    /// Its family.
    pub family: Family,
}

impl Bits {
    /// Of an IPv4 address.
    #[inline]
    #[must_use]
    pub const fn v4(address: u32) -> Self {
        Self { high: (address as u64) << 32, low: 0, family: Family::V4 }
    }

    /// Of an IPv6 address.
    #[inline]
    #[must_use]
    pub const fn v6(address: u128) -> Self {
        Self { high: (address >> 64) as u64, low: address as u64, family: Family::V6 }
    }

    /// As a number, of an IPv4 address.
    #[inline]
    #[must_use]
    pub const fn as_v4(self) -> u32 {
        (self.high >> 32) as u32
    }

    /// As a number, of an IPv6 address.
    #[inline]
    #[must_use]
    pub const fn as_v6(self) -> u128 {
        (self.high as u128) << 64 | self.low as u128
    }

    /// The first address of the block of so many bits around it.
    #[inline]
    #[must_use]
    pub const fn first_of(self, bits: u8) -> Self {
        let keep = !u128::MAX.unbounded_shr(bits as u32);
        Self { high: self.high & (keep >> 64) as u64, low: self.low & keep as u64, family: self.family }
    }
}

impl From<IpAddr> for Bits {
    #[inline]
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::v4(address.to_bits()),
            IpAddr::V6(address) => Self::v6(address.to_bits()),
        }
    }
}

impl From<Bits> for IpAddr {
    fn from(bits: Bits) -> Self {
        match bits.family {
            Family::V4 => Self::V4(Ipv4Addr::from_bits(bits.as_v4())),
            Family::V6 => Self::V6(Ipv6Addr::from_bits(bits.as_v6())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_bits_and_back() {
        for text in ["192.0.2.77", "0.0.0.0", "255.255.255.255", "2001:db8::1:2", "::", "ffff::ffff"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(IpAddr::from(Bits::from(address)), address);
            assert_eq!(Bits::from(address).family, Family::of(address));
        }
    }

    #[test]
    fn a_block_begins_with_its_first_address() {
        for (text, bits, first) in [
            ("192.0.2.77", 24, "192.0.2.0"),
            ("192.0.2.77", 32, "192.0.2.77"),
            ("192.0.2.77", 0, "0.0.0.0"),
            ("2001:db8::1:2", 56, "2001:db8::"),
            ("2001:db8::1:2", 127, "2001:db8::1:2"),
            ("2001:db8::1:2", 128, "2001:db8::1:2"),
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(IpAddr::from(Bits::from(address).first_of(bits)), first.parse::<IpAddr>().unwrap());
        }
    }
}
