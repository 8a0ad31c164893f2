//! Special-purpose blocks (RFC 6890 and IANA's registries): no place on the globe is behind them. A client
//! subnet inside one says nothing, so the resolver's address decides.

/// IPv4 blocks as (first address, prefix length).
pub(super) const V4: &[(u32, u8)] = &[
    (0x0000_0000, 8),  // this network (RFC 791)
    (0x0a00_0000, 8),  // private (RFC 1918)
    (0x6440_0000, 10), // shared address space of carriers (RFC 6598)
    (0x7f00_0000, 8),  // loopback (RFC 1122)
    (0xa9fe_0000, 16), // link-local (RFC 3927)
    (0xac10_0000, 12), // private (RFC 1918)
    (0xc000_0000, 24), // IETF protocol assignments (RFC 6890)
    (0xc000_0200, 24), // documentation (RFC 5737)
    (0xc0a8_0000, 16), // private (RFC 1918)
    (0xc612_0000, 15), // benchmarking (RFC 2544)
    (0xc633_6400, 24), // documentation (RFC 5737)
    (0xcb00_7100, 24), // documentation (RFC 5737)
    (0xe000_0000, 4),  // multicast (RFC 5771)
    (0xf000_0000, 4),  // reserved (RFC 1112), broadcast
];

/// IPv6 blocks as (first address, prefix length); the blocks of `tunnel` are looked up as IPv4 before.
pub(super) const V6: &[(u128, u8)] = &[
    (0, 96),                      // unspecified, loopback, v4-compatible (RFC 4291)
    (0x0064_ff9b_0001 << 80, 48), // local NAT64 (RFC 8215)
    (0x0100 << 112, 64),          // discard-only (RFC 6666)
    (0x2001 << 112, 23),          // IETF protocol assignments (RFC 2928)
    (0x2001_0db8 << 96, 32),      // documentation (RFC 3849)
    (0x3fff << 112, 20),          // documentation (RFC 9637)
    (0x5f00 << 112, 16),          // segment routing identifiers (RFC 9602)
    (0xfc00 << 112, 7),           // unique local (RFC 4193)
    (0xfe80 << 112, 10),          // link-local (RFC 4291)
    (0xfec0 << 112, 10),          // site-local, deprecated (RFC 3879)
    (0xff00 << 112, 8),           // multicast (RFC 4291)
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_sorted_disjoint_and_have_no_host_bits() {
        for pair in V4.windows(2) {
            assert!(pair[0].0 | (u32::MAX >> pair[0].1) < pair[1].0);
        }
        for pair in V6.windows(2) {
            assert!(pair[0].0 | (u128::MAX >> pair[0].1) < pair[1].0);
        }
        assert!(V4.iter().all(|(first, length)| first & (u32::MAX >> length) == 0));
        assert!(V6.iter().all(|(first, length)| first & (u128::MAX >> length) == 0));
    }
}
