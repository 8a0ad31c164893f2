//! One RRset and one key make one signature (RFC 4034 §3). The times are given.

use super::canonical::to_canonical;
use super::key::{Key, KeyError};
use crate::wire::Span;
use crate::wire::code::class;
use std::ops::Range;

/// Octets of an RRSIG record's data before the signer's name.
const FIXED: usize = 18;

/// When a signature holds, seconds since 1970 modulo 2³² (RFC 4034 §3.1.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Not before.
    pub inception: u32,
    /// Not after.
    pub expiration: u32,
}

/// An RRset of class IN in canonical form and order, as it is signed: its records one behind the other, none twice.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct RrSet {
    records: Vec<u8>,
    /// Where data was put in order; kept, so that no room is asked for twice.
    aside: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl RrSet {
    /// An RRset; `owner`, with the `*` of a wildcard, and the data in any case and order, names not compressed. `ttl`,
    /// seconds: a reply may carry a smaller one.
    #[must_use]
    pub fn new<'r>(owner: &[u8], rtype: u16, ttl: u32, rdatas: impl Iterator<Item = &'r [u8]>) -> Self {
        let mut rrset = Self::default();
        rrset.set(owner, rtype, ttl, rdatas);
        rrset
    }

    /// Takes another RRset's place. Allocates no more than the largest one so far did.
    pub fn set<'r>(&mut self, owner: &[u8], rtype: u16, ttl: u32, rdatas: impl Iterator<Item = &'r [u8]>) {
        self.records.clear();
        self.aside.clear();
        self.ranges.clear();
        for rdata in rdatas {
            let start = self.aside.len();
            self.aside.extend_from_slice(rdata);
            to_canonical(rtype, &mut self.aside[start..]);
            self.ranges.push(start..self.aside.len());
        }
        let aside = &self.aside;
        self.ranges.sort_unstable_by(|a, b| aside[a.clone()].cmp(&aside[b.clone()]));
        self.ranges.dedup_by(|a, b| aside[a.clone()] == aside[b.clone()]);
        for range in &self.ranges {
            self.records.extend(owner.iter().map(u8::to_ascii_lowercase));
            self.records.extend_from_slice(&rtype.to_be_bytes());
            self.records.extend_from_slice(&class::IN.to_be_bytes());
            self.records.extend_from_slice(&ttl.to_be_bytes());
            self.records.extend_from_slice(&(range.len() as u16).to_be_bytes());
            self.records.extend_from_slice(&aside[range.clone()]);
        }
    }

    /// Its records in canonical form: they tell it from every other one.
    #[must_use]
    pub fn records(&self) -> &[u8] {
        &self.records
    }

    /// The same without room for others; nothing if there is no record.
    pub(super) fn kept(&self) -> Option<Kept> {
        Kept::of(&self.records)
    }
}

/// An RRset to be signed.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) records: Box<[u8]>,
    pub(super) rtype: u16,
    pub(super) ttl: u32,
    pub(super) labels: u8,
}

impl Kept {
    /// That of records in canonical form; nothing if there is none.
    pub(super) fn of(records: &[u8]) -> Option<Self> {
        let mut end = 0;
        while *records.get(end)? != 0 {
            end += 1 + usize::from(records[end]);
        }
        let (owner, behind) = records.split_at_checked(end + 1)?;
        let head = behind.first_chunk::<8>()?;
        let rtype = u16::from_be_bytes([head[0], head[1]]);
        let ttl = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        // Neither the root nor a leading `*` (RFC 4034 §3.1.3).
        let labels = Span::new(owner).labels() as u8 - u8::from(owner.starts_with(b"\x01*"));
        Some(Self { records: records.into(), rtype, ttl, labels })
    }
}

/// RDATA of the RRSIG record that `key` of the zone at `apex`, a name in wire form, makes of an RRset.
///
/// # Errors
/// The library fails, or there is no record to sign.
pub fn rrsig(rrset: &RrSet, apex: &[u8], key: &Key, window: Window) -> Result<Vec<u8>, KeyError> {
    sign(&rrset.kept().ok_or(KeyError::Unfit)?, apex, key, window)
}

/// The same for a set that is kept (RFC 4034 §3.1.8.1).
pub(super) fn sign(rrset: &Kept, apex: &[u8], key: &Key, window: Window) -> Result<Vec<u8>, KeyError> {
    let mut signed = Vec::with_capacity(FIXED + apex.len() + 64 + rrset.records.len());
    signed.extend_from_slice(&rrset.rtype.to_be_bytes());
    signed.extend_from_slice(&[key.algorithm().number(), rrset.labels]);
    for word in [rrset.ttl, window.expiration, window.inception] {
        signed.extend_from_slice(&word.to_be_bytes());
    }
    signed.extend_from_slice(&key.tag().to_be_bytes());
    signed.extend(apex.iter().map(u8::to_ascii_lowercase));
    let head = signed.len();
    signed.extend_from_slice(&rrset.records);
    let signature = key.sign(&signed)?;
    signed.truncate(head);
    signed.extend_from_slice(&signature);
    Ok(signed)
}
