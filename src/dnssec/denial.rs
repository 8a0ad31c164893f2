//! The chain of owner names that proves what does not exist (RFC 4034 §4, RFC 4035 §2.3).

use super::canonical::order;
use crate::wire::Span;
use crate::wire::code::rtype;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The names with data in canonical order, each with its types.
type Owners = BTreeMap<Vec<u8>, (Vec<u8>, BTreeSet<u16>)>;

/// Makes the NSEC record of every name in a zone that has data of its own: names in lower case with their record's
/// data, in canonical order. `have` tells every type at every name, glue and what a DNAME hides included: they are
/// left out here, as empty non-terminals are by themselves. `apex` must be among the names.
#[must_use]
pub fn chain<'n>(apex: &[u8], have: impl Iterator<Item = (&'n [u8], u16)> + Clone) -> Vec<(Vec<u8>, Vec<u8>)> {
    let apex = apex.to_ascii_lowercase();
    let of_type = |wanted: u16| {
        let owners = have.clone().filter(move |(_, rtype)| *rtype == wanted);
        owners.map(|(owner, _)| owner.to_ascii_lowercase()).collect::<HashSet<_>>()
    };
    let (mut cuts, dnames) = (of_type(rtype::NS), of_type(rtype::DNAME));
    cuts.remove(&apex);
    let mut owners = Owners::new();
    for (owner, rtype) in have {
        let owner = owner.to_ascii_lowercase();
        let is_cut = cuts.contains(&owner);
        // At a cut the parent has the authority over these alone (RFC 4035 §2.3).
        if is_cut && !matches!(rtype, rtype::NS | rtype::DS) || is_hidden(&owner, &cuts, &dnames) {
            continue;
        }
        let (_, types) = owners.entry(order(&owner).octets().to_vec()).or_insert_with(|| (owner, BTreeSet::new()));
        types.extend([rtype, rtype::NSEC, rtype::RRSIG]);
    }
    let owners: Vec<(Vec<u8>, BTreeSet<u16>)> = owners.into_values().collect();
    let nexts: Vec<Vec<u8>> = owners.iter().cycle().skip(1).take(owners.len()).map(|(name, _)| name.clone()).collect();
    let record = |((owner, types), next): ((Vec<u8>, BTreeSet<u16>), Vec<u8>)| {
        let rdata = [next, bitmap(&types)].concat();
        (owner, rdata)
    };
    owners.into_iter().zip(nexts).map(record).collect()
}

/// True if a name stands below a cut or below a DNAME.
fn is_hidden(owner: &[u8], cuts: &HashSet<Vec<u8>>, dnames: &HashSet<Vec<u8>>) -> bool {
    let above = std::iter::successors(Span::new(owner).parent(), |name| name.parent());
    above.into_iter().any(|name| cuts.contains(name.wire()) || dnames.contains(name.wire()))
}

/// The bit map of types (RFC 4034 §4.1.2).
fn bitmap(types: &BTreeSet<u16>) -> Vec<u8> {
    let mut out = Vec::new();
    let types: Vec<u16> = types.iter().copied().collect();
    for window in types.chunk_by(|a, b| a >> 8 == b >> 8) {
        let mut bits = [0_u8; 32];
        for rtype in window {
            bits[usize::from(rtype >> 3 & 31)] |= 0x80 >> (rtype & 7);
        }
        let last = window.last().map_or(0, |rtype| usize::from(rtype >> 3 & 31));
        out.extend_from_slice(&[(window[0] >> 8) as u8, last as u8 + 1]);
        out.extend_from_slice(&bits[..=last]);
    }
    out
}

/// The next name and the types that an NSEC record's data says; nothing if it is broken.
#[must_use]
pub fn types_of(rdata: &[u8]) -> Option<(&[u8], Vec<u16>)> {
    let mut at = 0;
    while *rdata.get(at)? != 0 {
        at += 1 + usize::from(rdata[at]);
    }
    let (next, mut rest) = rdata.split_at_checked(at + 1)?;
    let mut types = Vec::new();
    while let [window, length, behind @ ..] = rest {
        let (bits, behind) = behind.split_at_checked(usize::from(*length))?;
        for (index, octet) in bits.iter().enumerate() {
            let set = (0..8).filter(|bit| octet & 0x80 >> bit != 0);
            types.extend(set.map(|bit| u16::from(*window) << 8 | (8 * index + bit) as u16));
        }
        rest = behind;
    }
    Some((next, types))
}

/// The same record for a client for whom a type has no data where others have some.
#[must_use]
pub fn without(rdata: &[u8], rtype: u16) -> Option<Vec<u8>> {
    let (next, types) = types_of(rdata)?;
    let types = types.into_iter().filter(|one| *one != rtype).collect();
    Some([next, &bitmap(&types)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Name;

    fn wire(name: &str) -> Vec<u8> {
        Name::parse(name).unwrap().wire().to_vec()
    }

    fn text(name: &[u8]) -> String {
        Name::from_wire(name).unwrap().to_string()
    }

    /// The chain as "owner next types".
    fn lines(apex: &str, have: &[(&str, u16)]) -> Vec<String> {
        let have: Vec<_> = have.iter().map(|(name, rtype)| (wire(name), *rtype)).collect();
        let chain = chain(&wire(apex), have.iter().map(|(name, rtype)| (&name[..], *rtype)));
        let line = |(owner, rdata): (Vec<u8>, Vec<u8>)| {
            let (next, types) = types_of(&rdata).unwrap();
            format!("{} {} {types:?}", text(&owner), text(next))
        };
        chain.into_iter().map(line).collect()
    }

    #[test]
    fn the_bit_map_of_rfc_4034_is_made_and_read() {
        let types = BTreeSet::from([1, 15, 46, 47, 1234]);
        let octets = [vec![0, 6, 0x40, 1, 0, 0, 0, 3, 4, 27], vec![0; 26], vec![0x20]].concat();
        assert_eq!(bitmap(&types), octets);
        let rdata = [&wire("host.example.com"), &octets[..]].concat();
        let (next, read) = types_of(&rdata).unwrap();
        assert_eq!((text(next), read), ("host.example.com.".to_owned(), vec![1, 15, 46, 47, 1234]));
        assert_eq!(types_of(&without(&rdata, 1234).unwrap()).unwrap().1, [1, 15, 46, 47]);
        assert_eq!(types_of(&rdata[..rdata.len() - 1]), None);
    }

    #[test]
    fn glue_and_what_a_dname_hides_and_empty_names_are_not_in_the_chain() {
        let lines = lines(
            "example",
            &[
                ("example", 6),
                ("example", 2),
                ("deep.empty.example", 1),
                ("sub.example", 2),
                ("sub.example", 1),
                ("ns.sub.example", 1),
                ("safe.example", 2),
                ("safe.example", 43),
                ("Moved.example", 39),
                ("Moved.example", 16),
                ("x.moved.example", 1),
                ("*.wild.example", 1),
            ],
        );
        assert_eq!(
            lines,
            [
                "example. deep.empty.example. [2, 6, 46, 47]",
                "deep.empty.example. moved.example. [1, 46, 47]",
                "moved.example. safe.example. [16, 39, 46, 47]",
                "safe.example. sub.example. [2, 43, 46, 47]",
                "sub.example. *.wild.example. [2, 46, 47]",
                "*.wild.example. example. [1, 46, 47]",
            ]
        );
    }
}
