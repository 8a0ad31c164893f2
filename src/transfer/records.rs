//! Records as a transfer has them: in wire form, names not compressed, owners in lower case; in order, none twice.

use crate::wire::code::class;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Records, one behind the other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Records {
    octets: Vec<u8>,
    /// Where each one ends.
    ends: Vec<u32>,
}

/// Octets of a record between its owner and its data.
const FIXED: usize = 10;

/// One record in its parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'r> {
    /// The owner's name.
    pub owner: &'r [u8],
    /// Type, class, TTL and the length of the data.
    pub fixed: &'r [u8],
    /// The data.
    pub rdata: &'r [u8],
}

impl Record<'_> {
    /// RR TYPE.
    #[must_use]
    pub fn rtype(&self) -> u16 {
        u16::from_be_bytes([self.fixed[0], self.fixed[1]])
    }

    /// TTL, seconds.
    #[must_use]
    pub fn ttl(&self) -> u32 {
        u32::from_be_bytes([self.fixed[4], self.fixed[5], self.fixed[6], self.fixed[7]])
    }
}

impl Records {
    /// Lays records out and puts them in order.
    #[must_use]
    pub fn in_order(mut all: Vec<Box<[u8]>>) -> Self {
        all.sort_unstable();
        all.dedup();
        let mut records = Self::default();
        records.octets.reserve_exact(all.iter().map(|one| one.len()).sum());
        records.ends.reserve_exact(all.len());
        all.iter().for_each(|one| records.push(one));
        records
    }

    fn push(&mut self, record: &[u8]) {
        self.octets.extend_from_slice(record);
        self.ends.push(self.octets.len() as u32);
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Octets that they take.
    #[must_use]
    pub fn size(&self) -> usize {
        self.octets.len()
    }

    /// One of them as it was laid out.
    fn octets_of(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        self.octets.get(start..end)
    }

    /// One of them in its parts.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<Record<'_>> {
        let octets = self.octets_of(index)?;
        let mut end = 0;
        while *octets.get(end)? != 0 {
            end += 1 + usize::from(octets[end]);
        }
        let (owner, rest) = octets.split_at_checked(end + 1)?;
        let (fixed, rdata) = rest.split_at_checked(FIXED)?;
        Some(Record { owner, fixed, rdata })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.len()).filter_map(|index| self.at(index))
    }

    /// What is in these and not in others, and the other way round.
    #[must_use]
    pub fn differences(&self, other: &Self) -> (Self, Self) {
        let (mut gone, mut new) = (Self::default(), Self::default());
        let (mut here, mut there) = (0, 0);
        loop {
            let order = match (self.octets_of(here), other.octets_of(there)) {
                (None, None) => return (gone, new),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(one), Some(other)) => one.cmp(other),
            };
            match order {
                Ordering::Less => gone.extend(self.octets_of(here)),
                Ordering::Greater => new.extend(other.octets_of(there)),
                Ordering::Equal => {}
            }
            here += usize::from(order != Ordering::Greater);
            there += usize::from(order != Ordering::Less);
        }
    }

    fn extend(&mut self, record: Option<&[u8]>) {
        record.into_iter().for_each(|record| self.push(record));
    }

    /// The types at each owner.
    #[must_use]
    pub fn types(&self) -> BTreeSet<(&[u8], u16)> {
        self.iter().map(|record| (record.owner, record.rtype())).collect()
    }
}

/// Lays one record out. The owner's case is folded.
#[must_use]
pub(super) fn laid_out(owner: &[u8], rtype: u16, ttl: u32, rdata: &[u8]) -> Box<[u8]> {
    let mut out = Vec::with_capacity(owner.len() + FIXED + rdata.len());
    out.extend(owner.iter().map(u8::to_ascii_lowercase));
    out.extend_from_slice(&rtype.to_be_bytes());
    out.extend_from_slice(&class::IN.to_be_bytes());
    out.extend_from_slice(&ttl.to_be_bytes());
    out.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
    out.extend_from_slice(rdata);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(all: &[(&[u8], u16, u8)]) -> Records {
        Records::in_order(all.iter().map(|(owner, rtype, octet)| laid_out(owner, *rtype, 60, &[*octet; 4])).collect())
    }

    #[test]
    fn records_are_in_order_and_none_is_there_twice() {
        let all = records(&[(b"\x01b\x00", 1, 2), (b"\x01A\x00", 1, 1), (b"\x01b\x00", 1, 2), (b"\x00", 2, 9)]);
        let found: Vec<_> = all.iter().map(|one| (one.owner.to_vec(), one.rtype(), one.ttl(), one.rdata[0])).collect();
        assert_eq!(
            found,
            [(b"\x00".to_vec(), 2, 60, 9), (b"\x01a\x00".to_vec(), 1, 60, 1), (b"\x01b\x00".to_vec(), 1, 60, 2)]
        );
    }

    #[test]
    fn differences_are_what_is_gone_and_what_is_new() {
        let one = records(&[(b"\x01a\x00", 1, 1), (b"\x01b\x00", 1, 2), (b"\x01d\x00", 1, 4)]);
        let other = records(&[(b"\x01b\x00", 1, 2), (b"\x01c\x00", 1, 3), (b"\x01d\x00", 1, 5)]);
        let owners = |records: &Records| records.iter().map(|one| (one.owner[1], one.rdata[0])).collect::<Vec<_>>();
        let (gone, new) = one.differences(&other);
        assert_eq!((owners(&gone), owners(&new)), (vec![(b'a', 1), (b'd', 4)], vec![(b'c', 3), (b'd', 5)]));
        assert_eq!(one.differences(&one), (Records::default(), Records::default()));
        assert_eq!(one.differences(&Records::default()), (one.clone(), Records::default()));
    }
}
