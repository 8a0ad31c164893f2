//! An update as it was sent (RFC 2136 §2): its zone, its prerequisites and what shall change.

use crate::limits::{LABEL_MAX, NAME_MAX, UPDATE_RECORDS};
use crate::wire::Name;
use crate::wire::code::{class, rtype};
use crate::wire::query::HEADER;
use crate::wire::rdata::{Form, form, is_strings};

/// A record of an update.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rr {
    /// The owner's name, in lower case.
    pub name: Name,
    /// RR TYPE.
    pub rtype: u16,
    /// CLASS: what is meant.
    pub class: u16,
    /// TTL, seconds.
    pub ttl: u32,
    /// The data, names not compressed.
    pub rdata: Box<[u8]>,
}

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The zone's name, in lower case.
    pub zone: Name,
    /// Where its zone section ends: what a reply echoes.
    pub zone_end: usize,
    /// What must be so.
    pub prerequisites: Vec<Rr>,
    /// What shall change.
    pub updates: Vec<Rr>,
}

impl Message {
    /// Reads one; `None`: it is malformed (FORMERR), or has more records than are read.
    #[must_use]
    pub fn read(message: &[u8]) -> Option<Self> {
        let head = message.first_chunk::<HEADER>()?;
        let [zones, prerequisites, updates, more] =
            [4, 6, 8, 10].map(|at| usize::from(u16::from_be_bytes([head[at], head[at + 1]])));
        if zones != 1 || prerequisites + updates + more > UPDATE_RECORDS {
            return None;
        }
        let (zone, end) = name(message, HEADER)?;
        let words = message.get(end..end + 4)?;
        if words != [0, rtype::SOA as u8, 0, class::IN as u8] {
            return None;
        }
        let mut at = end + 4;
        let mut section = |count: usize| {
            let mut records = Vec::with_capacity(count);
            for _ in 0..count {
                let (record, end) = record(message, at)?;
                at = end;
                records.push(record);
            }
            Some(records)
        };
        let (prerequisites, updates) = (section(prerequisites)?, section(updates)?);
        section(more)?;
        (at == message.len()).then_some(Self { zone, zone_end: end + 4, prerequisites, updates })
    }
}

/// A name where it stands, in lower case, and the offset behind it. Pointers lead backwards only, so that it ends.
fn name(message: &[u8], start: usize) -> Option<(Name, usize)> {
    let (mut wire, mut at, mut end) = (Vec::new(), start, None);
    let mut before = start;
    loop {
        let length = usize::from(*message.get(at)?);
        match length {
            0 => {
                wire.push(0);
                let name = Name::from_wire(&wire).ok()?.to_lowercase();
                return Some((name, end.unwrap_or(at + 1)));
            }
            1..=LABEL_MAX => {
                wire.extend_from_slice(message.get(at..at + 1 + length)?);
                at += 1 + length;
            }
            0xc0.. => {
                let to = (length & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
                end = end.or(Some(at + 2));
                if to >= before {
                    return None;
                }
                (at, before) = (to, to);
            }
            _ => return None,
        }
        if wire.len() > NAME_MAX {
            return None;
        }
    }
}

fn record(message: &[u8], at: usize) -> Option<(Rr, usize)> {
    let (name, owner_end) = name(message, at)?;
    let fixed = message.get(owner_end..)?.first_chunk::<10>()?;
    let [rtype, class, length] = [0, 2, 8].map(|at| u16::from_be_bytes([fixed[at], fixed[at + 1]]));
    let ttl = u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
    let (start, end) = (owner_end + 10, owner_end + 10 + usize::from(length));
    message.get(start..end)?;
    let rdata = if start == end { Vec::new() } else { data(message, rtype, start..end)? };
    Some((Rr { name, rtype, class, ttl, rdata: rdata.into() }, end))
}

/// Record data as it is kept. Types whose data we know must be well-formed; all others are taken as they are (RFC 3597).
fn data(message: &[u8], rtype: u16, range: std::ops::Range<usize>) -> Option<Vec<u8>> {
    let octets = &message[range.clone()];
    let (before, names, behind) = match form(rtype) {
        Form::Octets(length) => return (octets.len() == length).then(|| octets.to_vec()),
        Form::Strings => return is_strings(octets).then(|| octets.to_vec()),
        Form::Names { before, names, behind } => (before, names, behind),
        Form::Opaque => return Some(octets.to_vec()),
    };
    let mut out = octets.get(..before)?.to_vec();
    let mut at = range.start + before;
    for _ in 0..names {
        let (name, end) = name(message.get(..range.end)?, at)?;
        out.extend_from_slice(name.wire());
        at = end;
    }
    out.extend_from_slice(message.get(at..range.end)?);
    (range.end.checked_sub(at)? == behind).then_some(out)
}
