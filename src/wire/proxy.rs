//! The PROXY protocol, version 2: the header by which a front end says who asks. Version 1, which is text, is not
//! read: a datagram cannot carry it.

use crate::limits::PROXY_HEADER_MAX;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What every header begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Octets of a header before its addresses.
pub const FIXED: usize = 16;

/// A header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Who asks; none: the front end itself (a health check of its own), or somebody without an IP address.
    pub source: Option<SocketAddr>,
    /// Octets of the header: the query begins behind it.
    pub length: usize,
}

/// Why there is no header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is not whole: it has this many octets at least.
    Short(usize),
    /// It is none of version 2, or longer than any that is read.
    Malformed,
}

/// Reads the header at the head of `bytes`. What it tells beside the addresses is passed over.
///
/// # Errors
/// See [`Fault`].
pub fn read(bytes: &[u8]) -> Result<Header, Fault> {
    let begins = bytes.iter().zip(SIGNATURE).all(|(octet, expected)| octet == expected);
    let Some(&[.., command, family, high, low]) = bytes.first_chunk::<FIXED>().filter(|_| begins) else {
        return Err(if begins { Fault::Short(FIXED) } else { Fault::Malformed });
    };
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if command >> 4 != 2 || command & 0xf > 1 || family & 0xf > 2 || length > PROXY_HEADER_MAX {
        return Err(Fault::Malformed);
    }
    let Some(rest) = bytes.get(FIXED..length) else { return Err(Fault::Short(length)) };
    // LOCAL: whatever addresses stand there say nothing.
    let is_local = command & 0xf == 0;
    let source = match family >> 4 {
        _ if is_local => None,
        0 => None,
        1 => Some(v4(rest).ok_or(Fault::Malformed)?),
        2 => Some(v6(rest).ok_or(Fault::Malformed)?),
        // A Unix socket.
        3 if rest.len() >= 216 => None,
        _ => return Err(Fault::Malformed),
    };
    Ok(Header { source, length })
}

/// Source address, destination address, source port, destination port.
fn v4(addresses: &[u8]) -> Option<SocketAddr> {
    let &[a, b, c, d, _, _, _, _, high, low, _, _] = addresses.first_chunk()?;
    Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), u16::from_be_bytes([high, low])))
}

/// The same for IPv6; an IPv4 address in IPv6 form is one of IPv4.
fn v6(addresses: &[u8]) -> Option<SocketAddr> {
    let both = addresses.first_chunk::<36>()?;
    let address = Ipv6Addr::from(*both.first_chunk::<16>()?);
    Some(SocketAddr::new(IpAddr::V6(address).to_canonical(), u16::from_be_bytes([both[32], both[33]])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::Draw;

    /// A header with this command, family and rest.
    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        [&SIGNATURE[..], &[command, family], &(rest.len() as u16).to_be_bytes(), rest].concat()
    }

    const V4: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x13, 0x88, 0, 53];

    fn v6_addresses(source: Ipv6Addr) -> Vec<u8> {
        [&source.octets()[..], &Ipv6Addr::LOCALHOST.octets(), &[0x13, 0x88, 0, 53]].concat()
    }

    #[test]
    fn who_asks_is_read_in_both_families_whatever_stands_behind_the_addresses() {
        // A TLV of each kind: known, unknown, and one that is not whole.
        for more in [&[][..], &[4, 0, 2, 0, 0], &[0xe0, 0, 1, 9], &[5, 0xff, 0xff]] {
            for family in [0x11, 0x12, 0x10] {
                let bytes = header(0x21, family, &[&V4[..], more].concat());
                let length = bytes.len();
                let expected = Header { source: Some("192.0.2.7:5000".parse().unwrap()), length };
                assert_eq!(read(&bytes), Ok(expected));
                assert_eq!(read(&[&bytes[..], b"query"].concat()), Ok(expected));
            }
            for (source, read_as) in [("2001:db8::7", "[2001:db8::7]:5000"), ("::ffff:192.0.2.7", "192.0.2.7:5000")] {
                let rest = [&v6_addresses(source.parse().unwrap())[..], more].concat();
                let found = read(&header(0x21, 0x21, &rest)).unwrap();
                assert_eq!(found.source, Some(read_as.parse().unwrap()));
            }
        }
    }

    #[test]
    fn a_front_end_may_speak_for_itself_or_for_nobody_who_has_an_address() {
        for bytes in [
            header(0x20, 0, &[]),
            header(0x20, 0x11, &V4),
            header(0x20, 0xf2, &[1, 2, 3]),
            header(0x21, 0, &[]),
            header(0x21, 0, &[9; 40]),
            header(0x21, 0x31, &[0; 216]),
        ] {
            assert_eq!(read(&bytes), Ok(Header { source: None, length: bytes.len() }));
        }
    }

    #[test]
    fn every_beginning_of_a_header_wants_more() {
        let whole = header(0x21, 0x11, &[&V4[..], &[4, 0, 1, 0]].concat());
        for end in 0..whole.len() {
            let wanted = if end < FIXED { FIXED } else { whole.len() };
            assert_eq!(read(&whole[..end]), Err(Fault::Short(wanted)), "{end}");
        }
    }

    #[test]
    fn what_is_no_header_of_version_2_is_malformed() {
        let long = vec![0; PROXY_HEADER_MAX - FIXED + 1];
        for bytes in [
            header(0x11, 0x11, &V4),
            header(0x31, 0x11, &V4),
            header(0x22, 0x11, &V4),
            header(0x21, 0x13, &V4),
            header(0x21, 0x41, &V4),
            header(0x21, 0x11, &V4[..11]),
            header(0x21, 0x21, &[0; 35]),
            header(0x21, 0x31, &[0; 215]),
            header(0x21, 0x11, &long),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 5000 53\r\n".to_vec(),
            b"\r\n\r\n\0\r\nQUIX".to_vec(),
            vec![0; 40],
        ] {
            assert_eq!(read(&bytes), Err(Fault::Malformed), "{bytes:?}");
        }
        assert!(read(&header(0x21, 0x11, &[&V4[..], &long[..long.len() - V4.len() - 1]].concat())).is_ok());
    }

    #[test]
    fn hostile_octets_are_read_without_a_fault_and_no_header_is_longer_than_what_came() {
        let mut draw = Draw::new(5);
        let seeds =
            [header(0x21, 0x11, &V4), header(0x21, 0x21, &v6_addresses(Ipv6Addr::LOCALHOST)), header(0x20, 0, &[])];
        let mut whole = 0;
        for turn in 0..200_000 {
            let mut bytes = seeds[turn % seeds.len()].clone();
            for _ in 0..=draw.below(3) {
                let at = draw.below(bytes.len() as u32) as usize;
                bytes[at] = draw.next() as u8;
            }
            bytes.truncate(draw.below(bytes.len() as u32 + 1) as usize);
            match read(&bytes) {
                Ok(header) => {
                    whole += 1;
                    assert!((FIXED..=bytes.len()).contains(&header.length));
                }
                Err(Fault::Short(length)) => assert!(bytes.len() < length && length <= PROXY_HEADER_MAX),
                Err(Fault::Malformed) => {}
            }
        }
        assert!(whole > 100, "{whole}");
    }
}
