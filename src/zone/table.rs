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
/// Slots up to which a table grows so that no name stands behind another one (256 KiB).
const LARGEST_PARTED: usize = 32_768;
/// How often it doubles for that.
const PARTED_DOUBLINGS: usize = 4;

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
            self.double();
        }
        self.place(Slot { hash, node });
        self.used += 1;
    }

    /// Doubles a small table a few times while a name does not stand in the first slot of its hash: those that do are
    /// found at one look.
    pub(super) fn part(&mut self) {
        for _ in 0..PARTED_DOUBLINGS {
            if self.slots.len() >= LARGEST_PARTED || self.is_parted() {
                return;
            }
            self.double();
        }
    }

    /// True if every name stands in the first slot of its hash.
    fn is_parted(&self) -> bool {
        let mask = self.slots.len() - 1;
        let stands = |(at, slot): (usize, &Slot)| slot.node == NodeId::NONE || slot.hash as usize & mask == at;
        self.slots.iter().enumerate().all(stands)
    }

    fn double(&mut self) {
        let grown = vec![EMPTY; self.slots.len() * 2];
        for slot in std::mem::replace(&mut self.slots, grown) {
            if slot.node != NodeId::NONE {
                self.place(slot);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn table(expected: usize, hashes: &[u32]) -> Table {
        let mut table = Table::with_room_for(expected);
        hashes.iter().enumerate().for_each(|(index, &hash)| table.insert(hash, NodeId(index as u32)));
        table.part();
        table
    }

    #[test]
    fn names_that_share_a_slot_are_parted_in_a_small_table_only() {
        // Alike in 10 bits, not in 12.
        let hashes = [0x0000_0344, 0x0000_0744, 0x0000_0345, 0x0000_0f44];
        let small = table(hashes.len(), &hashes);
        for (index, &hash) in hashes.iter().enumerate() {
            assert_eq!(small.first(hash), Some(NodeId(index as u32)));
            assert_eq!(small.find(hash, |_| true), Some(NodeId(index as u32)));
        }
        assert_eq!(small.slots.len(), 4 * SMALLEST);
        assert_eq!(table(hashes.len(), &hashes[2..]).slots.len(), SMALLEST, "nothing is to be parted");
        let large = table(LARGEST_PARTED / 4, &[7, 7 + LARGEST_PARTED as u32]);
        assert_eq!(large.slots.len(), LARGEST_PARTED);
    }

    #[test]
    fn names_that_no_table_parts_are_found_one_behind_the_other() {
        let table = table(2, &[5, 5]);
        assert_eq!(table.slots.len(), SMALLEST << PARTED_DOUBLINGS);
        assert_eq!(table.find(5, |node| node == NodeId(1)), Some(NodeId(1)));
    }
}
