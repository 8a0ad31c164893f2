//! All that a zone has, for those who want the whole of it.

use super::{Flags, NodeId, Set, Zones};
use crate::id::ZoneId;
use crate::wire::Span;
use crate::wire::code::rtype;
use crate::wire::reply::RECORD_HEADER;

impl Zones {
    /// The zone whose apex this name is.
    #[must_use]
    pub fn zone_at(&self, name: Span<'_>) -> Option<ZoneId> {
        let node = &self.nodes[self.node(name)?.index()];
        node.flags.has(Flags::APEX).then_some(node.zone)
    }

    /// The static RRsets of each zone that is wanted, with their nodes: glue and what a DNAME hides too, be it of
    /// names that another of our zones holds.
    #[must_use]
    pub fn sets_of_zones(&self, wanted: impl Fn(ZoneId) -> bool) -> Vec<Vec<(NodeId, Set)>> {
        let mut all = vec![Vec::new(); self.zones.len()];
        for (index, node) in self.nodes.iter().enumerate().filter(|(_, node)| wanted(node.zone)) {
            let start = node.sets as usize;
            let sets = &self.sets[start..start + usize::from(node.set_count)];
            all[node.zone.index()].extend(sets.iter().map(|set| (NodeId(index as u32), *set)));
        }
        all
    }

    /// The zone of a node.
    #[must_use]
    pub fn zone_of(&self, node: NodeId) -> ZoneId {
        self.nodes[node.index()].zone
    }

    /// The types at a node: those of its static RRsets, and those that steering answers.
    #[must_use]
    pub fn types_at(&self, node: NodeId) -> (Vec<u16>, Vec<u16>) {
        let node = &self.nodes[node.index()];
        let start = node.sets as usize;
        let fixed = self.sets[start..start + usize::from(node.set_count)].iter().map(|set| set.rtype).collect();
        let steered = [
            (Flags::BALANCED_A, rtype::A),
            (Flags::BALANCED_AAAA, rtype::AAAA),
            (Flags::BALANCED_CNAME, rtype::CNAME),
            (Flags::BALANCED_HTTPS, rtype::HTTPS),
            (Flags::BALANCED_SVCB, rtype::SVCB),
            (Flags::BALANCED_SRV, rtype::SRV),
            (Flags::BALANCED_MX, rtype::MX),
            (Flags::BALANCED_TXT, rtype::TXT),
        ];
        let steered = steered.into_iter().filter(|(flag, _)| node.flags.has(*flag)).map(|(_, rtype)| rtype).collect();
        (fixed, steered)
    }

    /// The TTL of a zone's set, and the data of its records, names not compressed.
    #[must_use]
    pub fn records_of(&self, set: Set, zone: ZoneId) -> (u32, Vec<Vec<u8>>) {
        let (image, apex) = (self.image(&set), self.name(self.zones[zone.index()].apex));
        let mut pointers = self.fixups(set).peekable();
        let (mut at, mut ttl, mut rdatas) = (0, 0, Vec::with_capacity(usize::from(set.count)));
        while let Some(head) = image.get(at..).and_then(<[u8]>::first_chunk::<RECORD_HEADER>) {
            ttl = u32::from_be_bytes([head[6], head[7], head[8], head[9]]);
            let end = at + RECORD_HEADER + usize::from(u16::from_be_bytes([head[10], head[11]]));
            let (mut from, mut rdata) = (at + RECORD_HEADER, Vec::with_capacity(end - at));
            while let Some(pointer) = pointers.next_if(|pointer| *pointer < end) {
                rdata.extend_from_slice(&image[from..pointer]);
                rdata.extend_from_slice(apex);
                from = pointer + 2;
            }
            rdata.extend_from_slice(&image[from..end]);
            rdatas.push(rdata);
            at = end;
        }
        (ttl, rdatas)
    }
}
