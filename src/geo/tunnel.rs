//! IPv6 addresses that carry an IPv4 address: v4-mapped (RFC 4291), NAT64 with the well-known prefix
//! (RFC 6052), 6to4 (RFC 3056) and Teredo (RFC 4380). Where such a client is, its IPv4 address says.

use std::net::{IpAddr, Ipv4Addr};

/// One kind of block whose addresses carry an IPv4 address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tunnel {
    /// The block's first address.
    pub(super) first: u128,
    /// The block's prefix length.
    pub(super) length: u8,
    /// The bit at which the IPv4 address begins.
    pub(super) offset: u8,
    /// The IPv4 address stands inverted (Teredo hides it from address translators).
    inverted: bool,
}

/// All of them. They are barriers of the IPv6 trie: no neighbour's scope covers one.
pub(super) const TUNNELS: [Tunnel; 4] = [
    Tunnel { first: 0xffff_0000_0000, length: 96, offset: 96, inverted: false },
    Tunnel { first: 0x0064_ff9b << 96, length: 96, offset: 96, inverted: false },
    Tunnel { first: 0x2001_0000 << 96, length: 32, offset: 96, inverted: true },
    Tunnel { first: 0x2002 << 112, length: 16, offset: 16, inverted: false },
];

/// The IPv4 address inside, and where it begins: a scope of `n` bits of it is one of `offset + n` bits.
#[inline]
pub(super) fn inside(address: u128) -> Option<(u32, u8)> {
    // All others in one comparison: the blocks begin with 0000, 0064, 2001:0 and 2002.
    if !matches!((address >> 112) as u16, 0 | 0x64 | 0x2001 | 0x2002) {
        return None;
    }
    let tunnel = TUNNELS.iter().find(|tunnel| (address ^ tunnel.first) >> (128 - tunnel.length) == 0)?;
    let inner = (address >> (96 - tunnel.offset)) as u32;
    Some((if tunnel.inverted { !inner } else { inner }, tunnel.offset))
}

/// The address that is looked up: the IPv4 address inside, else the address itself.
pub(super) fn resolve(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => inside(v6.into()).map_or(address, |(inner, _)| IpAddr::V4(Ipv4Addr::from(inner))),
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_gives_the_ipv4_address_inside() {
        let cases = [
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("64:ff9b::192.0.2.1", "192.0.2.1"),
            ("2002:c000:201::5", "192.0.2.1"),
            ("2001:0:5:5::3fff:fdfe", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::1", "::1"),
            ("64:ff9b:1::1", "64:ff9b:1::1"),
            ("192.0.2.7", "192.0.2.7"),
        ];
        for (outer, inner) in cases {
            let (outer, inner): (IpAddr, IpAddr) = (outer.parse().unwrap(), inner.parse().unwrap());
            assert_eq!(resolve(outer), inner, "{outer}");
        }
    }
}
