//! From records to the tree: nodes for every owner name and every empty non-terminal, what hides them, and the
//! images of their RRsets.

use super::rrset::{Layout, name_length};
use super::{BalancedOwner, Flags, Meta, NO_NAME, Node, NodeId, Record, Set, Table, Zones};
use crate::dnssec::{RrSet, Seal};
use crate::id::ZoneId;
use crate::snapshot::ZoneSpec;
use crate::wire::code::rtype;
use crate::wire::{Name, Span};
use std::collections::HashMap;
use std::sync::Arc;

impl Zones {
    /// Builds the tree. `zones`: apex and static records of each, which are taken out; `balanced`: owner names, their
    /// zone and the types that exist there.
    #[must_use]
    pub fn build(zones: &mut [ZoneSpec], balanced: &[BalancedOwner<'_>]) -> Self {
        let records: Vec<(ZoneId, Record)> = zones
            .iter_mut()
            .enumerate()
            .flat_map(|(zone, spec)| {
                std::mem::take(&mut spec.records).into_iter().map(move |record| (ZoneId::new(zone), record))
            })
            .collect();
        let mut builder = Builder::new(zones, records.len() + balanced.len());
        builder.add_apexes();
        for owner in balanced {
            builder.add_balanced(owner);
        }
        let placed = builder.place(&records);
        builder.hide();
        builder.lay_out(&records, placed);
        builder.mark_plain();
        builder.finish()
    }
}

/// A record and the node it belongs to, in the order in which images are laid out.
type Placed = (NodeId, u16, u32);

struct Builder<'a> {
    specs: &'a [ZoneSpec],
    out: Zones,
    /// The node above each node, `NONE` at an apex. Parents come before their children.
    parents: Vec<NodeId>,
    /// What a zone says of names that a zone inside it holds, glue above all: it is transferred, and never asked for here.
    aside: HashMap<(ZoneId, Box<[u8]>), NodeId>,
}

impl<'a> Builder<'a> {
    fn new(specs: &'a [ZoneSpec], expected: usize) -> Self {
        let out = Zones {
            table: Table::with_room_for(expected),
            nodes: Vec::with_capacity(expected),
            names: Vec::with_capacity(expected * 16),
            sets: Vec::with_capacity(expected),
            images: Vec::with_capacity(expected * 8),
            zones: Vec::with_capacity(specs.len()),
            seals: Vec::new(),
            minimal: Vec::new(),
            chains: Vec::new(),
            deepest: 0,
        };
        Self { specs, out, parents: Vec::with_capacity(expected), aside: HashMap::new() }
    }

    /// Puts the apexes in, shorter ones first, and for an apex inside another zone that zone's view of it.
    fn add_apexes(&mut self) {
        for spec in self.specs {
            self.out.zones.push(Meta {
                apex: NodeId::NONE,
                apex_length: spec.apex.wire().len() as u8,
                negative: Set::EMPTY,
                parent_side: NodeId::NONE,
            });
        }
        let mut order: Vec<usize> = (0..self.specs.len()).collect();
        order.sort_by_key(|&zone| self.specs[zone].apex.wire().len());
        for zone in order {
            let apex = &self.specs[zone].apex;
            let outer = self.closest_zone(apex);
            let node = self.push(apex, ZoneId::new(zone), NodeId::NONE);
            self.out.nodes[node.index()].flags.0 |= Flags::APEX;
            self.out.zones[zone].apex = node;
            if let Some(outer) = outer {
                // Found through its zone, never through the table.
                let side = Node { zone: outer, flags: Flags::default(), ..self.out.nodes[node.index()] };
                self.out.zones[zone].parent_side = NodeId(self.out.nodes.len() as u32);
                self.out.nodes.push(side);
                self.parents.push(NodeId::NONE);
            }
        }
    }

    /// The zone that holds what is above `name`, while the table has apexes alone.
    fn closest_zone(&self, name: &Name) -> Option<ZoneId> {
        let mut at = Span::new(name.wire());
        while let Some(parent) = at.parent() {
            if let Some(node) = self.out.node(parent) {
                return Some(self.out.nodes[node.index()].zone);
            }
            at = parent;
        }
        None
    }

    /// Adds a node for a name that has none, below `parent`.
    fn push(&mut self, name: &Name, zone: ZoneId, parent: NodeId) -> NodeId {
        let start = self.out.names.len();
        self.out.names.extend(name.wire().iter().map(u8::to_ascii_lowercase));
        self.push_at(start, zone, parent)
    }

    /// The same for a name that stands in the arena already, from `start` to a root label.
    fn push_at(&mut self, start: usize, zone: ZoneId, parent: NodeId) -> NodeId {
        let length = name_length(&self.out.names[start..]).expect("a whole name was put into the arena");
        let name = Span::new(&self.out.names[start..start + length]);
        let id = NodeId(self.out.nodes.len() as u32);
        let is_wildcard = name.wire().starts_with(b"\x01*");
        self.out.table.insert(name.hash(), id);
        self.out.deepest = self.out.deepest.max(name.labels());
        self.add_node(start, length, zone, parent);
        if is_wildcard && parent != NodeId::NONE {
            self.out.nodes[parent.index()].wildcard = id;
        }
        id
    }

    /// Adds a node that nothing leads to yet.
    fn add_node(&mut self, start: usize, length: usize, zone: ZoneId, parent: NodeId) {
        self.out.nodes.push(Node {
            name: start as u32,
            zone,
            sets: 0,
            above: NodeId::NONE,
            wildcard: NodeId::NONE,
            balanced: NO_NAME,
            set_count: 0,
            name_length: length as u8,
            flags: Flags(if self.specs[zone.index()].ecs.believes_all() { Flags::BELIEVES } else { 0 }),
        });
        self.parents.push(parent);
    }

    /// The node of an owner name in `zone`, added with the empty non-terminals above it if need be. `None`: the
    /// name lies in no zone, or in another zone of ours that is closer to it.
    fn node_of(&mut self, owner: &Name, zone: ZoneId) -> Option<NodeId> {
        let start = self.out.names.len();
        self.out.names.extend(owner.wire().iter().map(u8::to_ascii_lowercase));
        let mut missing = 0;
        let mut at = Span::new(&self.out.names[start..]);
        let (mut parent, offset) = loop {
            if let Some(node) = self.out.node(at) {
                break (node, start + owner.wire().len() - at.length());
            }
            missing += 1;
            match at.parent() {
                Some(above) => at = above,
                None => {
                    self.out.names.truncate(start);
                    return None;
                }
            }
        };
        let ours = self.out.nodes[parent.index()].zone == zone;
        if missing == 0 || !ours {
            self.out.names.truncate(start);
            return if ours { Some(parent) } else { self.parent_side_of(parent, missing, zone) };
        }
        // From the existing ancestor down, so that parents come before their children.
        let mut starts = Vec::with_capacity(missing);
        let mut position = start;
        while position < offset {
            starts.push(position);
            position += 1 + usize::from(self.out.names[position]);
        }
        for position in starts.into_iter().rev() {
            parent = self.push_at(position, zone, parent);
        }
        Some(parent)
    }

    /// The node for what `zone` says of the apex `node` of a zone inside it.
    fn parent_side_of(&self, node: NodeId, missing: usize, zone: ZoneId) -> Option<NodeId> {
        let inner = &self.out.nodes[node.index()];
        let side = self.out.zones[inner.zone.index()].parent_side;
        let fits = missing == 0
            && inner.flags.has(Flags::APEX)
            && side != NodeId::NONE
            && self.out.nodes[side.index()].zone == zone;
        fits.then_some(side)
    }

    /// The node for what `zone` says of a name that a zone inside it holds. `None`: the name is not in `zone` at all.
    fn aside_of(&mut self, owner: &Name, zone: ZoneId) -> Option<NodeId> {
        if !super::rrset::ends_in(owner.wire(), self.specs[zone.index()].apex.wire()) {
            return None;
        }
        let name: Box<[u8]> = owner.wire().to_ascii_lowercase().into();
        if let Some(&known) = self.aside.get(&(zone, name.clone())) {
            return Some(known);
        }
        let (start, id) = (self.out.names.len(), NodeId(self.out.nodes.len() as u32));
        self.out.names.extend_from_slice(&name);
        self.add_node(start, name.len(), zone, NodeId::NONE);
        self.aside.insert((zone, name), id);
        Some(id)
    }

    fn add_balanced(&mut self, owner: &BalancedOwner<'_>) {
        let Some(node) = self.node_of(owner.owner, owner.zone) else { return };
        let node = &mut self.out.nodes[node.index()];
        node.balanced = owner.id.index() as u32;
        let types = owner.types;
        for (exists, flag) in [
            (types.a, Flags::BALANCED_A),
            (types.aaaa, Flags::BALANCED_AAAA),
            (types.cname, Flags::BALANCED_CNAME),
            (types.https, Flags::BALANCED_HTTPS),
            (types.svcb, Flags::BALANCED_SVCB),
            (types.srv, Flags::BALANCED_SRV),
            (types.mx, Flags::BALANCED_MX),
            (types.txt, Flags::BALANCED_TXT),
        ] {
            node.flags.0 |= if exists { flag } else { 0 };
        }
    }

    /// Gives every record its node; sorted by node and type, then as written.
    fn place(&mut self, records: &[(ZoneId, Record)]) -> Vec<Placed> {
        let mut placed = Vec::with_capacity(records.len());
        let mut last: Option<(usize, NodeId)> = None;
        for (index, (zone, record)) in records.iter().enumerate() {
            // Records of one owner mostly follow each other.
            let again =
                last.filter(|&(before, _)| records[before].0 == *zone && records[before].1.owner == record.owner);
            let node = again.map(|(_, node)| node).or_else(|| self.node_of(&record.owner, *zone));
            let Some(node) = node.or_else(|| self.aside_of(&record.owner, *zone)) else { continue };
            last = Some((index, node));
            let flags = &mut self.out.nodes[node.index()].flags;
            flags.0 |= match record.rtype {
                rtype::A | rtype::AAAA => Flags::ADDRESS,
                rtype::NS if !flags.has(Flags::APEX) => Flags::CUT,
                rtype::CNAME => Flags::CNAME,
                rtype::DNAME => Flags::DNAME,
                _ => 0,
            };
            placed.push((node, record.rtype, index as u32));
        }
        placed.sort_unstable();
        placed
    }

    /// Tells every node what hides it: the topmost cut at or above it, or DNAME above it.
    fn hide(&mut self) {
        for zone in 0..self.out.zones.len() {
            let side = self.out.zones[zone].parent_side;
            if side != NodeId::NONE {
                self.parents[side.index()] = self.node_above(side);
            }
        }
        for node in 0..self.out.nodes.len() {
            self.hide_one(NodeId(node as u32));
        }
        // A parent side may stand before the nodes above it: once more, now that those know.
        for zone in 0..self.out.zones.len() {
            let side = self.out.zones[zone].parent_side;
            if side != NodeId::NONE {
                self.hide_one(side);
            }
        }
        // What stands aside hangs below a parent side, or below something that stands aside too: shorter names first.
        let mut aside: Vec<NodeId> = self.aside.values().copied().collect();
        aside.sort_by_key(|&id| (self.out.nodes[id.index()].name_length, id));
        for id in aside {
            self.parents[id.index()] = self.above_aside(id);
            self.hide_one(id);
        }
    }

    /// The closest node of its zone above one that stands aside; it exists, since the zone's apex does.
    fn above_aside(&self, id: NodeId) -> NodeId {
        let zone = self.out.nodes[id.index()].zone;
        let is_ours = |node: NodeId| node != NodeId::NONE && self.out.nodes[node.index()].zone == zone;
        let mut at = Span::new(self.out.name(id));
        while let Some(parent) = at.parent() {
            if let Some(&aside) = self.aside.get(&(zone, parent.wire().into())) {
                return aside;
            }
            if let Some(found) = self.out.node(parent) {
                let node = &self.out.nodes[found.index()];
                let side = self.out.zones[node.zone.index()].parent_side;
                if is_ours(found) {
                    return found;
                }
                if node.flags.has(Flags::APEX) && is_ours(side) {
                    return side;
                }
            }
            at = parent;
        }
        NodeId::NONE
    }

    fn hide_one(&mut self, id: NodeId) {
        let parent = self.parents[id.index()];
        let mut above = NodeId::NONE;
        if parent != NodeId::NONE {
            let node = &self.out.nodes[parent.index()];
            above = if node.above == NodeId::NONE && node.flags.has(Flags::DNAME) { parent } else { node.above };
        }
        if above == NodeId::NONE && self.out.nodes[id.index()].flags.has(Flags::CUT) {
            above = id;
        }
        let node = &mut self.out.nodes[id.index()];
        node.above = above;
        node.flags.0 |= if above == NodeId::NONE { 0 } else { Flags::HIDDEN };
    }

    /// The closest node above a parent side; it exists, since the apex of the outer zone does.
    fn node_above(&self, side: NodeId) -> NodeId {
        let mut at = Span::new(self.out.name(side));
        while let Some(parent) = at.parent() {
            if let Some(found) = self.out.node(parent) {
                return found;
            }
            at = parent;
        }
        NodeId::NONE
    }

    /// Writes the images, RRset by RRset.
    fn lay_out(&mut self, records: &[(ZoneId, Record)], placed: Vec<Placed>) {
        for set in placed.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (id, rtype, _) = set[0];
            let members: Vec<&Record> = set.iter().map(|&(.., index)| &records[index as usize].1).collect();
            // RFC 2181 §5.2: one TTL for the set.
            let ttl = members.iter().map(|record| record.ttl).min().unwrap_or(0);
            let mut rdatas: Vec<&[u8]> = Vec::with_capacity(members.len());
            for record in &members {
                // RFC 2181 §5: no record twice.
                if !rdatas.contains(&&record.rdata[..]) {
                    rdatas.push(&record.rdata);
                }
            }
            let laid_out = self.image(id, rtype, ttl, &rdatas);
            if rtype == rtype::SOA && self.out.nodes[id.index()].flags.has(Flags::APEX) {
                let minimum = rdatas[0].last_chunk::<4>().map_or(0, |octets| u32::from_be_bytes(*octets));
                let negative = self.image(id, rtype, ttl.min(minimum), &rdatas[..1]);
                let zone = self.out.nodes[id.index()].zone;
                self.out.zones[zone.index()].negative = negative;
            }
            let seal = self.seal(id, rtype, ttl, &rdatas);
            self.out.put_seal(seal);
            let node = &mut self.out.nodes[id.index()];
            if node.set_count == 0 {
                node.sets = self.out.sets.len() as u32;
            }
            node.set_count += 1;
            self.out.sets.push(laid_out);
        }
    }

    /// What signs an RRset, if its zone is signed and has the authority over it.
    fn seal(&self, id: NodeId, rtype: u16, ttl: u32, rdatas: &[&[u8]]) -> Option<Arc<Seal>> {
        let signer = self.specs[self.out.nodes[id.index()].zone.index()].signing.signer()?;
        if !self.out.has_authority(id, rtype) {
            return None;
        }
        signer.seal(&RrSet::new(self.out.name(id), rtype, ttl, rdatas.iter().copied()))
    }

    /// Tells the nodes whose RRsets are the answer wherever they are asked for.
    fn mark_plain(&mut self) {
        let unusual = Flags::HIDDEN | Flags::BALANCED_A | Flags::BALANCED_AAAA | Flags::BALANCED_CNAME;
        for node in &mut self.out.nodes {
            let sets = &self.out.sets[node.sets as usize..][..usize::from(node.set_count)];
            // What DS records say is the parent side's (RFC 4035 §3.1.4.1).
            if !sets.is_empty() && !node.flags.has(unusual) && sets.iter().all(|set| set.rtype != rtype::DS) {
                node.flags.0 |= Flags::PLAIN;
            }
        }
    }

    /// Writes the image of one RRset.
    fn image(&mut self, id: NodeId, rtype: u16, ttl: u32, rdatas: &[&[u8]]) -> Set {
        let node = self.out.nodes[id.index()];
        let mut images = std::mem::take(&mut self.out.images);
        let mut layout = Layout {
            images: &mut images,
            owner_length: usize::from(node.name_length),
            apex: &self.specs[node.zone.index()].apex,
        };
        let set = layout.write(rtype, ttl, rdatas.iter().copied(), |target| self.related_node(id, target));
        self.out.images = images;
        set
    }

    /// The node with the static addresses of `target`, a name in the records of `id`, and whether the records are of
    /// no use without them.
    fn related_node(&self, id: NodeId, target: &[u8]) -> Option<(NodeId, bool)> {
        let found = self.out.node(Span::new(target))?;
        let (owner, node) = (&self.out.nodes[id.index()], &self.out.nodes[found.index()]);
        if !node.flags.has(Flags::ADDRESS) {
            return None;
        }
        if owner.flags.has(Flags::CUT) {
            // Glue: ours to give if it is of this zone; needed if it lies in the delegated one.
            let needed = super::rrset::ends_in(target, self.out.name(id));
            return (needed || node.zone == owner.zone || node.above == NodeId::NONE).then_some((found, needed));
        }
        (node.above == NodeId::NONE).then_some((found, false))
    }

    fn finish(mut self) -> Zones {
        self.out.table.part();
        self.out.nodes.shrink_to_fit();
        self.out.names.shrink_to_fit();
        self.out.sets.shrink_to_fit();
        self.out.images.shrink_to_fit();
        self.out.link();
        self.out
    }
}
