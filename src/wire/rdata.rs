//! What the data of a record looks like, of the types whose data the server reads or writes itself (RFC 1035 §3.3,
//! RFC 2782, RFC 3596, RFC 6672); all others are opaque (RFC 3597).

use super::code::rtype;
use crate::limits::{LABEL_MAX, NAME_MAX};

/// The form of record data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// As many octets, such as an address.
    Octets(usize),
    /// Character strings, one at least.
    Strings,
    /// Names between octets.
    Names {
        /// Octets before the first name.
        before: usize,
        /// How many names.
        names: usize,
        /// Octets behind the last one.
        behind: usize,
    },
    /// Anything.
    Opaque,
}

/// The form of a type's data.
#[must_use]
pub const fn form(rtype: u16) -> Form {
    match rtype {
        rtype::A => Form::Octets(4),
        rtype::AAAA => Form::Octets(16),
        rtype::TXT => Form::Strings,
        rtype::NS | rtype::CNAME | rtype::PTR | rtype::DNAME => Form::Names { before: 0, names: 1, behind: 0 },
        rtype::MX => Form::Names { before: 2, names: 1, behind: 0 },
        rtype::SRV => Form::Names { before: 6, names: 1, behind: 0 },
        rtype::SOA => Form::Names { before: 0, names: 2, behind: 20 },
        _ => Form::Opaque,
    }
}

/// True if data that stands alone, so that no name in it may be compressed, has its type's form, and nothing behind it.
#[must_use]
pub fn is_whole(rtype: u16, data: &[u8]) -> bool {
    match form(rtype) {
        Form::Octets(length) => data.len() == length,
        Form::Strings => is_strings(data),
        Form::Names { before, names, behind } => {
            let mut rest = data.get(before..);
            for _ in 0..names {
                rest = rest.and_then(behind_name);
            }
            rest.is_some_and(|rest| rest.len() == behind)
        }
        Form::Opaque => true,
    }
}

/// True if octets are character strings, one at least (RFC 1035 §3.3.14).
#[must_use]
pub fn is_strings(mut octets: &[u8]) -> bool {
    let any = !octets.is_empty();
    while let Some((length, rest)) = octets.split_first() {
        match rest.get(usize::from(*length)..) {
            Some(behind) => octets = behind,
            None => return false,
        }
    }
    any
}

/// What stands behind a name that is written out.
fn behind_name(octets: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    loop {
        let length = usize::from(*octets.get(at)?);
        at += 1 + length;
        match length {
            0 => return octets.get(at..).filter(|_| at <= NAME_MAX),
            1..=LABEL_MAX => {}
            // A pointer leads out of the data: nobody knows where to.
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_and_not_compressed() {
        let long = [&[63; 64][..], &[63; 64], &[63; 64], &[61; 62], &[0]].concat();
        assert_eq!(long.len(), NAME_MAX);
        for (data, whole) in [
            (&b"\x00"[..], true),
            (b"\x01a\x00", true),
            (&long, true),
            (b"", false),
            (b"\x01a", false),
            (b"\x01a\x00\x00", false),
            (b"\xc0\x0c", false),
            (b"\x01a\xc0\x0c", false),
            (&[&b"\x01a"[..], &long].concat(), false),
        ] {
            assert_eq!(is_whole(rtype::CNAME, data), whole, "{data:?}");
            assert_eq!(is_whole(rtype::MX, &[&[0, 10], data].concat()), whole, "{data:?}");
            assert_eq!(is_whole(rtype::SOA, &[&[0], data, &[0; 20]].concat()), whole, "{data:?}");
        }
        assert!(!is_whole(rtype::SRV, &[0; 6]) && is_whole(rtype::SRV, &[0; 7]));
    }

    #[test]
    fn addresses_and_strings_have_their_lengths_and_others_any() {
        assert!(is_whole(rtype::A, &[0; 4]) && !is_whole(rtype::A, &[0; 3]) && !is_whole(rtype::AAAA, &[0; 4]));
        assert!(is_whole(rtype::TXT, &[0]) && !is_whole(rtype::TXT, &[]) && !is_whole(rtype::TXT, &[1]));
        assert!(is_whole(65_280, &[]) && is_whole(65_280, &[0xc0, 0x0c]));
    }
}
