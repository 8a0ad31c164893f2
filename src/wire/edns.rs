//! EDNS (RFC 6891): what the OPT record of a query asks for, and the client subnet in it (RFC 7871).

use super::code::option;
use crate::client::{Family, Subnet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a query's OPT record says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Edns {
    /// The UDP payload size that the client takes, octets, as sent.
    pub udp_size: u16,
    /// The version; only 0 is spoken.
    pub version: u8,
    /// DNSSEC OK (RFC 3225).
    pub dnssec_ok: bool,
    /// The name server identifier is asked for (RFC 5001).
    pub nsid: bool,
    /// The client subnet option.
    pub subnet: SubnetOption,
}

/// The client subnet option of a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SubnetOption {
    /// None was sent.
    #[default]
    Absent,
    /// One that RFC 7871 §7.1.2 and §7.2.1 forbid: FORMERR where client subnets are in use.
    Malformed,
    /// A good one.
    Sent(Sent),
}

/// A well-formed client subnet option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sent {
    /// Offset of the option (its code) in the message: it is echoed as it was sent.
    pub at: u16,
    /// Octets of the option, code and length included.
    pub length: u8,
    /// The subnet; `None` if the client asks for no use of one (source 0).
    pub subnet: Option<Subnet>,
}

/// Octets of an option before its data: code and length.
pub const OPTION_HEADER: usize = 4;
/// Octets of an OPT record without options.
pub const OPT_LENGTH: usize = 11;

/// Reads the options in `message[at..end]`. `None`: they do not add up to whole options.
pub(super) fn read_options(message: &[u8], mut at: usize, end: usize, edns: &mut Edns) -> Option<()> {
    while at < end {
        let head: [u8; 4] = message.get(at..at + OPTION_HEADER)?.try_into().ok()?;
        let length = OPTION_HEADER + usize::from(u16::from_be_bytes([head[2], head[3]]));
        if at + length > end {
            return None;
        }
        match u16::from_be_bytes([head[0], head[1]]) {
            option::SUBNET if edns.subnet == SubnetOption::Absent => edns.subnet = read_subnet(message, at, length),
            option::SUBNET => edns.subnet = SubnetOption::Malformed,
            option::NSID => edns.nsid = true,
            _ => {}
        }
        at += length;
    }
    Some(())
}

/// Reads the client subnet option at `message[at..at + length]`.
fn read_subnet(message: &[u8], at: usize, length: usize) -> SubnetOption {
    let end = at + length;
    let Some(&[family_high, family, source, scope]) = message.get(at + OPTION_HEADER..at + 8).filter(|_| length >= 8)
    else {
        return SubnetOption::Malformed;
    };
    let bits = u32::from(source);
    if length - 8 != usize::from(source.div_ceil(8)) || scope != 0 {
        return SubnetOption::Malformed;
    }
    let address = match (u16::from_be_bytes([family_high, family]), bits) {
        (0..=2, 0) => return SubnetOption::Sent(Sent { at: at as u16, length: length as u8, subnet: None }),
        (1, 1..=32) => read_v4(message, end, bits),
        (2, 1..=128) => read_v6(message, end, bits),
        _ => None,
    };
    match address {
        Some(address) => {
            let subnet = Some(Subnet { address, source });
            SubnetOption::Sent(Sent { at: at as u16, length: length as u8, subnet })
        }
        None => SubnetOption::Malformed,
    }
}

/// The IPv4 address whose first `bits` bits end at `end`; `None` if bits behind them are set. What stands before
/// the address is read with it and shifted out.
fn read_v4(message: &[u8], end: usize, bits: u32) -> Option<IpAddr> {
    let word = u32::from_be_bytes(message.get(end.checked_sub(4)?..end)?.try_into().ok()?);
    let address = word << (32 - bits.next_multiple_of(8));
    let rest = u32::MAX.checked_shr(bits).unwrap_or(0);
    (address & rest == 0).then(|| IpAddr::V4(Ipv4Addr::from_bits(address)))
}

/// The same for IPv6.
fn read_v6(message: &[u8], end: usize, bits: u32) -> Option<IpAddr> {
    let word = u128::from_be_bytes(message.get(end.checked_sub(16)?..end)?.try_into().ok()?);
    let address = word << (128 - bits.next_multiple_of(8));
    let rest = u128::MAX.checked_shr(bits).unwrap_or(0);
    (address & rest == 0).then(|| IpAddr::V6(Ipv6Addr::from_bits(address)))
}

/// The option that a query with this subnet carries, code and length included: for tests and explanations.
#[must_use]
pub fn subnet_option(family: Family, address: IpAddr, source: u8) -> Vec<u8> {
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let mut kept = octets[..usize::from(source.div_ceil(8))].to_vec();
    if let Some(last) = kept.last_mut().filter(|_| !source.is_multiple_of(8)) {
        *last &= 0xff << (8 - source % 8);
    }
    let mut out = option::SUBNET.to_be_bytes().to_vec();
    out.extend_from_slice(&(4 + kept.len() as u16).to_be_bytes());
    out.extend_from_slice(&[0, family as u8 + 1, source, 0]);
    out.extend_from_slice(&kept);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8]) -> SubnetOption {
        let mut message = vec![0xaa; 36];
        message.extend_from_slice(&[0, 8, 0, octets.len() as u8]);
        message.extend_from_slice(octets);
        let mut edns = Edns::default();
        read_options(&message, 36, message.len(), &mut edns).unwrap();
        edns.subnet
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
            let SubnetOption::Sent(sent) = read(octets) else { panic!("{octets:?}") };
            assert_eq!(sent.subnet, Some(Subnet { address: address.parse().unwrap(), source }));
            assert_eq!((sent.at, usize::from(sent.length)), (36, octets.len() + 4));
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(&subnet_option(Family::of(address), address, source)[4..], octets);
        }
    }

    #[test]
    fn source_zero_is_a_wish_for_no_subnet_in_every_family() {
        for family in 0..=2 {
            assert!(matches!(read(&[0, family, 0, 0]), SubnetOption::Sent(Sent { subnet: None, .. })));
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
        ] {
            assert_eq!(read(octets), SubnetOption::Malformed, "{octets:?}");
        }
    }
}
