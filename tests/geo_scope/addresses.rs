//! Arithmetic on addresses, written for the oracle alone.

use std::net::{IpAddr, Ipv4Addr};

/// Bits of an address.
pub fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address as a number.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// The address of a number.
pub fn address(number: u128, bits: u8) -> IpAddr {
    if bits == 32 { IpAddr::V4((number as u32).into()) } else { IpAddr::V6(number.into()) }
}

/// The first `keep` bits of `head`, then those of `tail`.
pub fn merge(head: IpAddr, keep: u8, tail: u128) -> IpAddr {
    let bits = bits(head);
    let rest = if keep >= bits { 0 } else { u128::MAX >> (128 - bits + keep) };
    address((number(head) & !rest) | (tail & rest), bits)
}

/// The first address of the block of `length` bits.
pub fn mask(address: IpAddr, length: u8) -> IpAddr {
    merge(address, length, 0)
}

/// The address with one bit changed.
pub fn flip(at: IpAddr, bit: u8) -> IpAddr {
    let bits = bits(at);
    address(number(at) ^ (1 << (bits - 1 - bit)), bits)
}

/// The IPv4 address inside, and the bit at which it begins.
pub fn tunnel(address: IpAddr) -> Option<(Ipv4Addr, u8)> {
    let IpAddr::V6(v6) = address else { return None };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let pair = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => Some((pair(g, h), 96)),
        (0x2002, ..) => Some((pair(b, c), 16)),
        (0x2001, 0, ..) => Some((pair(!g, !h), 96)),
        _ => None,
    }
}

/// The address in the tunnel block of `outer` that carries `inner`.
pub fn wrap(outer: IpAddr, inner: IpAddr) -> Option<IpAddr> {
    let (carried, offset) = tunnel(outer)?;
    let IpAddr::V4(inner) = inner else { return None };
    let change = u128::from(u32::from(carried) ^ u32::from(inner));
    Some(address(number(outer) ^ (change << (96 - offset)), 128))
}
