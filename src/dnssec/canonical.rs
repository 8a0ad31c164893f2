//! Canonical form and order (RFC 4034 §6, with the corrections of RFC 6840 §5.1).

use crate::limits::NAME_MAX;

/// Octets that an order key can have: each octet of a name as two, and an end for each label.
const ORDER_MAX: usize = 2 * NAME_MAX + NAME_MAX / 2;

/// A name as octets that sort as canonical order has names: labels from the right, each ended by 0, and the octets 0
/// and 1 inside of them as two.
#[derive(Clone, Copy)]
pub struct Order {
    octets: [u8; ORDER_MAX],
    length: usize,
}

impl Order {
    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    fn push(&mut self, octet: u8) {
        self.octets[self.length] = octet;
        self.length += 1;
    }
}

/// The place of a name in canonical order (RFC 4034 §6.1). `name`: an uncompressed name of at most 255 octets.
#[must_use]
pub fn order(name: &[u8]) -> Order {
    let mut starts = [0_u8; NAME_MAX / 2 + 1];
    let (mut count, mut at) = (0, 0);
    while let Some(&length) = name.get(at)
        && length != 0
    {
        starts[count] = at as u8;
        count += 1;
        at += 1 + usize::from(length);
    }
    let mut order = Order { octets: [0; ORDER_MAX], length: 0 };
    for &start in starts[..count].iter().rev() {
        let start = usize::from(start);
        for octet in &name[start + 1..=start + usize::from(name[start])] {
            match octet.to_ascii_lowercase() {
                small @ 0..=1 => {
                    order.push(1);
                    order.push(1 + small);
                }
                octet => order.push(octet),
            }
        }
        order.push(0);
    }
    order
}

/// Brings a record's data into canonical form: the names in it in lower case, where RFC 4034 §6.2 and RFC 6840 §5.1
/// have it so. `rdata` holds whole names, not compressed; what is broken stays as it is.
pub fn to_canonical(rtype: u16, rdata: &mut [u8]) {
    let Some((mut at, names)) = names_in(rtype, rdata) else { return };
    for _ in 0..names {
        let Some(end) = name_end(rdata, at) else { break };
        rdata[at..end].make_ascii_lowercase();
        at = end;
    }
}

/// Where the names in a record's data begin, and how many there are side by side.
fn names_in(rtype: u16, rdata: &[u8]) -> Option<(usize, usize)> {
    Some(match rtype {
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, NXT, DNAME
        2..=5 | 7..=9 | 12 | 30 | 39 => (0, 1),
        // SOA, MINFO, RP
        6 | 14 | 17 => (0, 2),
        // MX, AFSDB, RT, KX
        15 | 18 | 21 | 36 => (2, 1),
        // PX
        26 => (2, 2),
        // SRV
        33 => (6, 1),
        // NAPTR: order, preference, and three strings
        35 => ((0..3).try_fold(4, |at, _| Some(at + 1 + usize::from(*rdata.get(at)?)))?, 1),
        // SIG, RRSIG: the signer behind the fixed part
        24 | 46 => (18, 1),
        // A6: the prefix's length, the rest of the address, and a name if there is a prefix
        38 => (17_usize.checked_sub(usize::from(*rdata.first()?) / 8)?, 1),
        _ => return None,
    })
}

/// Where the name that starts at `at` ends.
fn name_end(octets: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*octets.get(at)?);
        at += 1 + length;
        match length {
            0 => return Some(at),
            1..=63 if at <= octets.len() => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Name;

    #[test]
    fn names_sort_as_in_the_example_of_rfc_4034() {
        let sorted = [
            "example",
            "a.example",
            "yljkjljk.a.example",
            "Z.a.example",
            "zABC.a.EXAMPLE",
            "z.example",
            "\\001.z.example",
            "*.z.example",
            "\\200.z.example",
        ];
        let keys = sorted.map(|name| order(Name::parse(name).unwrap().wire()).octets().to_vec());
        assert!(keys.is_sorted(), "{keys:?}");
        let zero = |name: &str| order(Name::parse(name).unwrap().wire()).octets().to_vec();
        // A zero octet sorts before every other one, and behind the end of the label.
        assert!(zero("a.example") < zero("\\000.a.example"));
        assert!(zero("a.example") < zero("a\\000.example"));
        assert!(zero("b.a.example") < zero("a\\000.example"));
        assert!(zero("a\\000.example") < zero("a\\001.example"));
        assert_eq!(zero("A.Example"), zero("a.eXAMPLE"));
    }

    #[test]
    fn the_longest_name_has_room() {
        let longest = [[1, 0].repeat(127), vec![0]].concat();
        assert_eq!(longest.len(), NAME_MAX);
        assert_eq!(order(&longest).octets().len(), 3 * 127);
        let wide =
            [vec![63], vec![0; 63], vec![63], vec![0; 63], vec![63], vec![0; 63], vec![61], vec![1; 61], vec![0]];
        assert_eq!(order(&wide.concat()).octets().len(), 2 * 250 + 4);
    }

    #[test]
    fn names_are_in_lower_case_in_the_types_that_say_so_and_in_no_other() {
        for (rtype, rdata, canonical) in [
            (2, &b"\x02Ns\x00"[..], &b"\x02ns\x00"[..]),
            (6, b"\x01A\x00\x01B\x00AAAA", b"\x01a\x00\x01b\x00AAAA"),
            (15, b"AA\x02Mx\x00", b"AA\x02mx\x00"),
            (33, b"AABBCC\x01X\x00", b"AABBCC\x01x\x00"),
            (35, b"AABB\x01U\x02XY\x00\x01N\x00", b"AABB\x01U\x02XY\x00\x01n\x00"),
            (16, b"\x02Ab", b"\x02Ab"),
            (38, b"\x40AAAAAAAA\x01P\x00", b"\x40AAAAAAAA\x01p\x00"),
            (46, b"AAAAAAAAAAAAAAAAAA\x01S\x00SIG", b"AAAAAAAAAAAAAAAAAA\x01s\x00SIG"),
            // NSEC and HINFO were taken off the list by RFC 6840; SVCB is younger than it.
            (47, b"\x01N\x00", b"\x01N\x00"),
            (13, b"\x01C\x01O", b"\x01C\x01O"),
            (64, b"\x00\x01\x01T\x00", b"\x00\x01\x01T\x00"),
            // Broken data stays as it is.
            (2, b"\x09Short", b"\x09Short"),
        ] {
            let mut octets = rdata.to_vec();
            to_canonical(rtype, &mut octets);
            assert_eq!(octets, canonical, "type {rtype}");
        }
    }
}
