//! The hash table from names to nodes: open addressing, eight octets a slot, at most half full, and a quarter where it
//! is known how many names come: few of them share a slot then.

use super::NodeId;

/// One slot; a node of `NodeId::NONE` is an empty one.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    node: NodeId,
}

const EMPTY: Slot = Slot { hash: 0, node: NodeId::NONE };

/// Slots of the smallest table.
const SMALLEST: usize = 1_024;

/// Names by hash. The names themselves stand elsewhere: the caller compares.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Slot>,
    used: usize,
}

impl Table {
    /// A table that holds `expected` names without growing.
    pub(super) fn with_room_for(expected: usize) -> Self {
        let size = (4 * expected).next_power_of_two().max(SMALLEST);
        Self { slots: vec![EMPTY; size], used: 0 }
    }

    /// The node that stands first under `hash`, if it is of that hash.
    #[inline(always)]
    pub(super) fn first(&self, hash: u32) -> Option<NodeId> {
        let slot = self.slot(hash as usize);
        // An empty slot has a node that no table has.
        (slot.hash == hash).then_some(slot.node)
    }

    /// The node under `hash` for which `is_it` holds.
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let mut at = hash as usize;
        loop {
            // Half of the table is empty: the walk ends.
            let slot = self.slot(at);
            if slot.node == NodeId::NONE {
                return None;
            }
            if slot.hash == hash && is_it(slot.node) {
                return Some(slot.node);
            }
            at += 1;
        }
    }

    /// The slot at a place that is counted round and round: the table's size is a power of two.
    #[inline(always)]
    fn slot(&self, at: usize) -> Slot {
        self.slots[at & (self.slots.len() - 1)]
    }

    /// Octets of the slots.
    pub(super) fn size(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    /// Puts in a node that is not there yet.
    pub(super) fn insert(&mut self, hash: u32, node: NodeId) {
        if (self.used + 1) * 2 > self.slots.len() {
            let grown = vec![EMPTY; self.slots.len() * 2];
            for slot in std::mem::replace(&mut self.slots, grown) {
                if slot.node != NodeId::NONE {
                    self.place(slot);
                }
            }
        }
        self.place(Slot { hash, node });
        self.used += 1;
    }

    fn place(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = slot.hash as usize & mask;
        while self.slots[at].node != NodeId::NONE {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }
}
