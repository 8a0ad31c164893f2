//! Who is asking: the resolver's address, and the client subnet that it may have sent (RFC 7871).

use std::net::IpAddr;

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
}

/// A client subnet as it was sent and believed: `address` with no bit set behind `source` bits,
/// `source` ≥ 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Subnet {
    /// The subnet's first address.
    pub address: IpAddr,
    /// SOURCE PREFIX-LENGTH, bits.
    pub source: u8,
}

/// Who is asking, as far as the decision is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Client {
    /// The address that the query came from.
    pub resolver: IpAddr,
    /// The client subnet, if one was sent, is usable (source > 0) and is believed.
    pub subnet: Option<Subnet>,
}

impl Client {
    /// Who is asking: `sent` counts if it is believed.
    #[inline]
    #[must_use]
    pub fn new(resolver: IpAddr, sent: Option<Subnet>) -> Self {
        Self { resolver: resolver.to_canonical(), subnet: sent }
    }
}
