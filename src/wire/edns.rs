//! EDNS (RFC 6891): what the OPT record of a query asks for, and the client subnet in it (RFC 7871).

use super::code::option;
use crate::client::{Bits, Family, Heeded, Subnet, Wish};

/// What a query's OPT record says, if it has one. Its fixed part is read where somebody wants to know: one pointer
/// goes along instead of four words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Edns<'a> {
    /// The fixed part of the OPT record.
    fixed: Option<&'a [u8; OPT_LENGTH]>,
    /// What else is answered if it is asked for.
    pub asks: Asks,
    /// The client subnet option.
    pub subnet: SubnetOption<'a>,
}

impl<'a> Edns<'a> {
    /// That of a record that begins so, without its options.
    #[inline(always)]
    pub(super) const fn of(fixed: &'a [u8; OPT_LENGTH]) -> Self {
        Self { fixed: Some(fixed), asks: Asks(0), subnet: SubnetOption(&[]) }
    }

    /// There is an OPT record; if not, all else is zero.
    #[inline(always)]
    #[must_use]
    pub const fn is_present(&self) -> bool {
        self.fixed.is_some()
    }

    /// DNSSEC OK (RFC 3225).
    #[inline(always)]
    #[must_use]
    pub const fn dnssec_ok(&self) -> bool {
        matches!(self.fixed, Some(fixed) if fixed[7] & 0x80 != 0)
    }

    /// The version; only 0 is spoken.
    #[inline(always)]
    #[must_use]
    pub const fn version(&self) -> u8 {
        match self.fixed {
            Some(fixed) => fixed[6],
            None => 0,
        }
    }

    /// The UDP payload size that the client takes, octets, as sent.
    #[inline(always)]
    #[must_use]
    pub fn udp_size(&self) -> usize {
        self.fixed.map_or(0, |fixed| usize::from(u16::from_be_bytes([fixed[3], fixed[4]])))
    }

    /// The same with what the options say.
    #[inline(always)]
    pub(super) const fn with(self, options: Options<'a>) -> Self {
        Self { asks: options.asks, subnet: options.subnet, ..self }
    }
}

/// What is asked for in one octet, so that nearly every query is known to ask for none of it by one look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Asks(u8);

impl Asks {
    /// The name server identifier (RFC 5001).
    pub const NSID: Self = Self(1);
    /// A cookie was sent (RFC 7873).
    pub const COOKIE: Self = Self(2);

    /// True if nothing is asked for.
    #[inline(always)]
    #[must_use]
    pub const fn is_nothing(self) -> bool {
        self.0 == 0
    }

    /// True if this is asked for.
    #[inline(always)]
    #[must_use]
    pub const fn has(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }

    const fn and(self, one: Self) -> Self {
        Self(self.0 | one.0)
    }
}

/// The client subnet option of a query as it was sent, code and length included: so it is echoed. What it says is
/// read where it is used, by [`SubnetOption::read`]. Empty if none was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SubnetOption<'a>(&'a [u8]);

/// Octets of an option before its data: code and length.
pub const OPTION_HEADER: usize = 4;
/// Octets of an OPT record without options.
pub const OPT_LENGTH: usize = 11;
/// Octets of a client subnet option without its address.
const SUBNET_HEADER: usize = OPTION_HEADER + 4;

/// Octets of one with the longest address.
const SUBNET_MAX: usize = SUBNET_HEADER + 16;

/// What the options of an OPT record say.
#[derive(Clone, Copy, Default)]
pub(super) struct Options<'a> {
    pub(super) asks: Asks,
    pub(super) subnet: SubnetOption<'a>,
}

/// Reads the options that `octets` are. `None`: they do not add up to whole options.
#[inline(always)]
pub(super) fn read_options(octets: &[u8]) -> Option<Options<'_>> {
    let Some(head) = octets.first_chunk::<OPTION_HEADER>() else {
        return octets.is_empty().then(Options::default);
    };
    // Nearly always it is the one option that there is.
    match u32::from_be_bytes(*head).checked_sub(u32::from(option::SUBNET) << 16) {
        Some(length) if OPTION_HEADER + length as usize == octets.len() && octets.len() <= SUBNET_MAX => {
            Some(Options { asks: Asks(0), subnet: SubnetOption(octets) })
        }
        _ => read_each(octets),
    }
}

/// The same, option by option.
#[cold]
fn read_each(mut octets: &[u8]) -> Option<Options<'_>> {
    let mut options = Options::default();
    while let Some((code, one)) = next_option(&mut octets)? {
        match code {
            option::SUBNET => options.subnet = options.subnet.or_one_more(one),
            option::NSID => options.asks = options.asks.and(Asks::NSID),
            // Of several cookies the first one counts (RFC 7873 §5.2), and one of no form is a mistake (§5.2.2).
            option::COOKIE if !options.asks.has(Asks::COOKIE) => {
                if !matches!(one.len() - OPTION_HEADER, 8 | 16..=40) {
                    return None;
                }
                options.asks = options.asks.and(Asks::COOKIE);
            }
            _ => {}
        }
    }
    Some(options)
}

/// Takes an option off the head of some: its code, and its octets with code and length. `Some(None)`: there are no
/// more; `None`: it is cut short.
#[expect(clippy::option_option, reason = "an end is no mistake")]
fn next_option<'a>(octets: &mut &'a [u8]) -> Option<Option<(u16, &'a [u8])>> {
    if octets.is_empty() {
        return Some(None);
    }
    let head = octets.first_chunk::<OPTION_HEADER>()?;
    let length = OPTION_HEADER + usize::from(u16::from_be_bytes([head[2], head[3]]));
    let (one, rest) = octets.split_at_checked(length)?;
    let code = u16::from_be_bytes([head[0], head[1]]);
    *octets = rest;
    Some(Some((code, one)))
}

/// The data of the first cookie among the options that `octets` are.
pub(super) fn cookie(mut octets: &[u8]) -> Option<&[u8]> {
    while let Some((code, one)) = next_option(&mut octets)? {
        if code == option::COOKIE {
            return Some(&one[OPTION_HEADER..]);
        }
    }
    None
}

impl<'a> SubnetOption<'a> {
    /// True if one was sent, be it malformed.
    #[inline(always)]
    #[must_use]
    pub const fn is_sent(self) -> bool {
        !self.0.is_empty()
    }

    /// The octets to echo.
    #[inline(always)]
    #[must_use]
    pub const fn octets(self) -> &'a [u8] {
        self.0
    }

    /// This one; a second one makes both of them malformed, and so does a length that no address has.
    const fn or_one_more(self, octets: &'a [u8]) -> Self {
        const MALFORMED: &[u8] = &[0];
        Self(if self.is_sent() || octets.len() > SUBNET_MAX { MALFORMED } else { octets })
    }

    /// What it asks for.
    #[inline(always)]
    #[must_use]
    pub fn read(self) -> Heeded {
        const MALFORMED: Heeded = Heeded::none(Wish::Malformed);
        let octets = self.0;
        let Some(&[_, _, _, _, words @ ..]) = octets.first_chunk::<SUBNET_HEADER>() else { return MALFORMED };
        // FAMILY, SOURCE PREFIX-LENGTH, SCOPE PREFIX-LENGTH.
        let words = u32::from_be_bytes(words);
        let (family, source, scope) = (words >> 16, words >> 8 & 0xff, words & 0xff);
        if scope != 0 || octets.len() != SUBNET_HEADER + ((source as usize + 7) >> 3) {
            return MALFORMED;
        }
        // Family 1 with 1 to 32 bits, in one comparison.
        if (words >> 8).wrapping_sub(0x101) < 32 {
            return read_v4(octets, source);
        }
        match (family, source) {
            (0..=2, 0) => Heeded::none(Wish::Unused),
            (2, 1..=128) => read_v6(octets, source),
            _ => MALFORMED,
        }
    }
}

/// The IPv4 address whose first `bits` bits end the option; malformed if bits behind them are set. What stands before
/// the address is read with it and shifted out.
#[inline(always)]
fn read_v4(octets: &[u8], bits: u32) -> Heeded {
    let Some(word) = octets.last_chunk() else { return Heeded::none(Wish::Malformed) };
    // The octets that are not sent: 3, 2, 1 or none.
    let address = u32::from_be_bytes(*word) << ((32 - bits) & 0x18);
    // What is behind the bits; for 32 bits nothing.
    let rest = (u64::from(address) << bits) as u32;
    Heeded { wish: if rest == 0 { Wish::Used } else { Wish::Malformed }, address: Bits::v4(address) }
}

/// The same for IPv6.
#[inline(always)]
fn read_v6(octets: &[u8], bits: u32) -> Heeded {
    let address = word_v6(octets);
    let rest = address.unbounded_shl(bits);
    Heeded { wish: if rest == 0 { Wish::Used } else { Wish::Malformed }, address: Bits::v6(address) }
}

/// The address of an option with at most sixteen octets of it, those that were not sent as zeros.
#[cold]
fn word_v6(octets: &[u8]) -> u128 {
    let mut address = [0; 16];
    for (into, from) in address.iter_mut().zip(&octets[SUBNET_HEADER..]) {
        *into = *from;
    }
    u128::from_be_bytes(address)
}

/// The option that a query with this subnet carries, code and length included: for tests and explanations.
#[must_use]
pub fn subnet_option(subnet: Subnet) -> Vec<u8> {
    let (address, source) = (subnet.address(), subnet.source());
    let octets = match address.family {
        Family::V4 => address.as_v4().to_be_bytes().to_vec(),
        Family::V6 => address.as_v6().to_be_bytes().to_vec(),
    };
    let kept = &octets[..usize::from(source.div_ceil(8))];
    let mut out = option::SUBNET.to_be_bytes().to_vec();
    out.extend_from_slice(&(4 + kept.len() as u16).to_be_bytes());
    out.extend_from_slice(&[0, address.family as u8 + 1, source, 0]);
    out.extend_from_slice(kept);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8]) -> Heeded {
        let mut option = vec![0, 8, 0, octets.len() as u8];
        option.extend_from_slice(octets);
        read_options(&option).unwrap().subnet.read()
    }

    #[test]
    fn a_subnet_is_read_with_its_missing_octets_as_zero() {
        for (octets, address, source) in [
            (&[0, 1, 24, 0, 192, 0, 2][..], "192.0.2.0", 24),
            (&[0, 1, 32, 0, 192, 0, 2, 7], "192.0.2.7", 32),
            (&[0, 1, 1, 0, 128], "128.0.0.0", 1),
            (&[0, 1, 9, 0, 10, 128], "10.128.0.0", 9),
            (&[0, 2, 32, 0, 0x20, 1, 0xd, 0xb8], "2001:db8::", 32),
            (&[0, 2, 128, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "2001:db8::1", 128),
        ] {
            let subnet = Subnet::new(address.parse().unwrap(), source);
            assert_eq!(read(octets), Heeded { wish: Wish::Used, address: subnet.address() }, "{octets:?}");
            assert_eq!(&subnet_option(subnet)[4..], octets);
        }
    }

    #[test]
    fn source_zero_is_a_wish_for_no_subnet_in_every_family() {
        for family in 0..=2 {
            assert_eq!(read(&[0, family, 0, 0]).wish, Wish::Unused);
        }
    }

    #[test]
    fn what_rfc_7871_forbids_is_malformed() {
        for octets in [
            &[][..],
            &[0, 1, 24],
            &[0, 1, 24, 0, 192, 0],
            &[0, 1, 24, 0, 192, 0, 2, 0],
            &[0, 1, 23, 0, 192, 0, 3],
            &[0, 1, 24, 24, 192, 0, 2],
            &[0, 1, 0, 0, 0],
            &[0, 1, 33, 0, 192, 0, 2, 1, 0],
            &[0, 2, 129, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0, 3, 8, 0, 1],
            &[0, 3, 0, 0],
            &[1, 1, 24, 0, 192, 0, 2],
            &[0, 0, 8, 0, 1],
            &[0; 40],
        ] {
            assert_eq!(read(octets).wish, Wish::Malformed, "{octets:?}");
        }
    }

    #[test]
    fn two_subnets_are_malformed_both() {
        let octets = [0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2].repeat(2);
        let options = read_options(&octets).unwrap();
        assert!(options.subnet.is_sent());
        assert_eq!(options.subnet.read().wish, Wish::Malformed);
    }
}
