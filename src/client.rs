//! Who is asking: the resolver's address, and the client subnet that it may have sent (RFC 7871).

pub use crate::address::{Bits, Family};
use std::net::{IpAddr, SocketAddr};

/// A client subnet as it was sent and believed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Subnet {
    /// The subnet's first address: no bit is set behind `source` bits.
    address: Bits,
    /// SOURCE PREFIX-LENGTH, bits, at least 1.
    source: u8,
}

impl Subnet {
    /// The block of `source` bits around `address`; a length that no block of the family has becomes the nearest one.
    #[must_use]
    pub fn new(address: IpAddr, source: u8) -> Self {
        let address = Bits::from(address);
        let source = source.clamp(1, address.family.bits());
        Self { address: address.first_of(source), source }
    }

    /// The subnet's first address.
    #[inline]
    #[must_use]
    pub const fn address(self) -> Bits {
        self.address
    }

    /// SOURCE PREFIX-LENGTH, bits, at least 1.
    #[inline]
    #[must_use]
    pub const fn source(self) -> u8 {
        self.source
    }
}

/// Where a query came from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Source {
    /// The address; a v4-mapped one is the IPv4 address that it maps.
    pub address: Bits,
    /// The port.
    pub port: u16,
}

impl From<SocketAddr> for Source {
    #[inline]
    fn from(source: SocketAddr) -> Self {
        Self { address: Bits::from(source.ip().to_canonical()), port: source.port() }
    }
}

/// Who is asking, as far as the decision is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Client {
    /// The address that the query came from.
    pub(crate) resolver: Bits,
    /// The first address of the client subnet if there is one, else that of nothing. Not an `Option`: the words travel in
    /// registers.
    pub(crate) subnet: Bits,
    /// A client subnet was sent, is usable and believed.
    pub(crate) has_subnet: bool,
}

impl Client {
    /// Who is asking: `sent` is the client subnet, if one was sent, is usable (source > 0) and is believed.
    #[must_use]
    pub fn new(resolver: IpAddr, sent: Option<Subnet>) -> Self {
        let resolver = Bits::from(resolver.to_canonical());
        Self { resolver, subnet: sent.map_or(Bits::v4(0), Subnet::address), has_subnet: sent.is_some() }
    }

    /// The same from its words.
    #[inline(always)]
    pub(crate) const fn of(resolver: Bits, heeded: &Heeded) -> Self {
        Self { resolver, subnet: heeded.address, has_subnet: matches!(heeded.wish, Wish::Used) }
    }

    /// The client subnet's first address.
    #[must_use]
    pub const fn subnet(&self) -> Option<&Bits> {
        if self.has_subnet { Some(&self.subnet) } else { None }
    }
}

/// What the client subnet option of a query asks for. Flat for the same reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heeded {
    /// What is asked for.
    pub wish: Wish,
    /// The subnet's first address, if it is to be used.
    pub address: Bits,
}

/// What a client subnet option asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Nothing: there is no option, or it is not heeded.
    Nothing,
    /// That no subnet is used (source 0).
    Unused,
    /// That this subnet is used.
    Used,
    /// Nothing that makes sense: FORMERR where client subnets are in use (RFC 7871 §7.1.2, §7.2.1).
    Malformed,
}

impl Heeded {
    /// No subnet, for this reason.
    #[inline(always)]
    #[must_use]
    pub const fn none(wish: Wish) -> Self {
        Self { wish, address: Bits::v4(0) }
    }
}
