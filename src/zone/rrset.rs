//! Static RRsets, laid out as they stand in a message whose question asks for their owner: owners point at the
//! question, names that end in the zone's apex point at the apex inside the question. So the usual answer is one
//! copy; elsewhere in a message (below a wildcard, behind a CNAME, in another section) the pointers are patched.

use super::NodeId;
use crate::id::ZoneId;
use crate::wire::code::{class, rtype};
use crate::wire::name::Name;
use crate::wire::query::HEADER;
use crate::wire::reply::{QUESTION, RECORD_HEADER};

/// An RRset: where its image stands, and what can be done with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Set {
    /// Where the image starts in `Zones::images`; behind it stand `fixups` offsets and `related` entries.
    pub(super) at: u32,
    /// Octets of the image.
    pub(super) length: u32,
    /// RR TYPE.
    pub rtype: u16,
    /// Number of records.
    pub count: u16,
    /// Pointers to the apex inside the image.
    pub(super) fixups: u16,
    /// Names in the image about which we have addresses.
    pub(super) related: u16,
}

impl Set {
    /// No records.
    pub(super) const EMPTY: Self = Self { at: 0, length: 0, rtype: 0, count: 0, fixups: 0, related: 0 };

    /// True if names in its records have addresses of ours.
    #[inline]
    #[must_use]
    pub const fn has_related(&self) -> bool {
        self.related != 0
    }
}

/// A name in an RRset's records about which we have static addresses: an exchanger, a name server, a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Related {
    /// Offset of the name in the image.
    pub name_at: usize,
    /// The node that has the addresses.
    pub node: NodeId,
    /// Without them the records are of no use: glue below the cut (RFC 9471).
    pub required: bool,
}

/// Octets of a related entry: offset, node, required.
const RELATED: usize = 7;

impl super::Zones {
    /// The records of a set as they stand in a message, pointers for its owner as the question.
    #[inline]
    #[must_use]
    pub fn image(&self, set: &Set) -> &[u8] {
        let start = set.at as usize;
        &self.images[start..start + set.length as usize]
    }

    /// Offsets in the image where a pointer to the zone's apex stands.
    pub fn fixups(&self, set: Set) -> impl Iterator<Item = usize> {
        let start = (set.at + set.length) as usize;
        let fixups = &self.images[start..start + 2 * usize::from(set.fixups)];
        fixups.chunks_exact(2).map(|octets| usize::from(u16::from_le_bytes([octets[0], octets[1]])))
    }

    /// The target of the first record of a CNAME or DNAME set of `zone`, in two parts: the second is the apex, or
    /// nothing if the first is the whole name.
    #[must_use]
    pub fn target(&self, set: Set, zone: ZoneId) -> (&[u8], &[u8]) {
        let image = self.image(&set);
        let length = usize::from(u16::from_be_bytes([image[RECORD_HEADER - 2], image[RECORD_HEADER - 1]]));
        let rdata = &image[RECORD_HEADER..RECORD_HEADER + length];
        match rdata {
            [kept @ .., _, _] if self.fixups(set).next() == Some(RECORD_HEADER + length - 2) => {
                (kept, self.name(self.zones[zone.index()].apex))
            }
            _ => (rdata, &[]),
        }
    }

    /// The names in the image about which we have addresses.
    pub fn related(&self, set: Set) -> impl Iterator<Item = Related> + Clone {
        let start = (set.at + set.length) as usize + 2 * usize::from(set.fixups);
        let related = &self.images[start..start + RELATED * usize::from(set.related)];
        related.chunks_exact(RELATED).map(|octets| Related {
            name_at: usize::from(u16::from_le_bytes([octets[0], octets[1]])),
            node: NodeId(u32::from_le_bytes([octets[2], octets[3], octets[4], octets[5]])),
            required: octets[6] != 0,
        })
    }
}

/// Lays out one RRset.
pub(super) struct Layout<'a> {
    /// `Zones::images`.
    pub(super) images: &'a mut Vec<u8>,
    /// Octets of the owner's name.
    pub(super) owner_length: usize,
    /// The zone's apex.
    pub(super) apex: &'a Name,
}

impl Layout<'_> {
    /// Appends the image of an RRset and what belongs to it. `find_related` gives the node with a name's addresses.
    pub(super) fn write<'r>(
        &mut self,
        rtype: u16,
        ttl: u32,
        rdatas: impl Iterator<Item = &'r [u8]>,
        find_related: impl Fn(&[u8]) -> Option<(NodeId, bool)>,
    ) -> Set {
        let start = self.images.len();
        let mut count = 0;
        let mut fixups = Vec::new();
        let mut related: Vec<(u16, NodeId, bool)> = Vec::new();
        for rdata in rdatas {
            count += 1;
            self.images.extend_from_slice(&QUESTION.to_be_bytes());
            self.images.extend_from_slice(&rtype.to_be_bytes());
            self.images.extend_from_slice(&class::IN.to_be_bytes());
            self.images.extend_from_slice(&ttl.to_be_bytes());
            let length_at = self.images.len();
            self.images.extend_from_slice(&[0, 0]);
            if let Some((offset, target)) = related_name(rtype, rdata) {
                let name_at = u16::try_from(length_at + 2 + offset - start).ok();
                match (name_at, find_related(target)) {
                    (Some(name_at), Some((node, required))) if related.iter().all(|known| known.1 != node) => {
                        related.push((name_at, node, required));
                    }
                    _ => {}
                }
            }
            self.write_rdata(start, rtype, rdata, &mut fixups);
            let length = (self.images.len() - length_at - 2) as u16;
            self.images[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        }
        let length = (self.images.len() - start) as u32;
        let set =
            Set { at: start as u32, length, rtype, count, fixups: fixups.len() as u16, related: related.len() as u16 };
        self.images.extend(fixups.iter().flat_map(|fixup| fixup.to_le_bytes()));
        // Required ones first: the others may be dropped from where the room ends.
        for wanted in [true, false] {
            for (name_at, node, _) in related.iter().filter(|(.., required)| *required == wanted) {
                self.images.extend_from_slice(&name_at.to_le_bytes());
                self.images.extend_from_slice(&node.0.to_le_bytes());
                self.images.push(u8::from(wanted));
            }
        }
        set
    }

    /// Appends one record's data, the names in it compressed where RFC 3597 §4 allows it.
    fn write_rdata(&mut self, start: usize, rtype: u16, rdata: &[u8], fixups: &mut Vec<u16>) {
        let (before, names) = match rtype {
            rtype::NS | rtype::CNAME | rtype::PTR => (0, 1),
            rtype::MX => (2, 1),
            rtype::SOA => (0, 2),
            _ => (rdata.len(), 0),
        };
        let (head, mut rest) = rdata.split_at(before.min(rdata.len()));
        self.images.extend_from_slice(head);
        for _ in 0..names {
            let Some(length) = name_length(rest) else { break };
            let (name, behind) = rest.split_at(length);
            self.write_name(start, name, fixups);
            rest = behind;
        }
        self.images.extend_from_slice(rest);
    }

    /// Appends a name, its end replaced by a pointer to the apex in the question if it lies in the zone.
    fn write_name(&mut self, start: usize, name: &[u8], fixups: &mut Vec<u16>) {
        let apex = self.apex.wire();
        let kept = name.len().saturating_sub(apex.len());
        let offset = u16::try_from(self.images.len() + kept - start).ok();
        let (Some(offset), true) = (offset, apex.len() > 2 && ends_in(name, apex)) else {
            self.images.extend_from_slice(name);
            return;
        };
        self.images.extend_from_slice(&name[..kept]);
        let pointer = 0xc000 | (HEADER + self.owner_length - apex.len()) as u16;
        self.images.extend_from_slice(&pointer.to_be_bytes());
        fixups.push(offset);
    }
}

/// The name in a record's data whose addresses belong into the additional section, and its offset.
fn related_name(rtype: u16, rdata: &[u8]) -> Option<(usize, &[u8])> {
    let offset = match rtype {
        rtype::NS => 0,
        rtype::MX => 2,
        rtype::SRV => 6,
        _ => return None,
    };
    let name = rdata.get(offset..)?;
    Some((offset, &name[..name_length(name)?]))
}

/// Octets of the uncompressed name at the start of `wire`.
pub(super) fn name_length(wire: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from(*wire.get(at)?);
        at += 1 + length;
        match length {
            0 => return Some(at),
            1..=63 => {}
            _ => return None,
        }
    }
}

/// True if `name` is `apex` or stands below it, whatever the case.
pub(super) fn ends_in(name: &[u8], apex: &[u8]) -> bool {
    let mut rest = name;
    while rest.len() > apex.len() {
        match rest.split_first() {
            Some((&length, behind)) if length > 0 && usize::from(length) < behind.len() => {
                rest = &behind[usize::from(length)..];
            }
            _ => return false,
        }
    }
    rest.eq_ignore_ascii_case(apex)
}
