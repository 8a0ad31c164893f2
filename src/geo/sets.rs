//! Sets of profiles: what is below a node of the trie. A set is known by the two smaller sets it was first
//! united from, so the verdict of every set in a view follows in one pass over the table.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Index of a set.
pub(super) type SetId = u32;

/// The set of a tunnel block: unlike every other, so that nothing merges with it.
pub(super) const BARRIER: SetId = 0;

/// Marks an entry as a single profile.
const SINGLE: u32 = u32::MAX;

/// Up to this many profiles a set is recognised by its content; above by how it was united.
const LISTED_MAX: usize = 16;

/// What a set is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Set {
    /// A tunnel block.
    Barrier,
    /// One profile.
    Single(u32),
    /// The union of two sets with smaller ids.
    Union(SetId, SetId),
}

/// All sets of a map, for look-ups.
#[derive(Debug)]
pub(super) struct Sets(Box<[(u32, u32)]>);

impl Sets {
    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// What a set is; one that does not exist is a barrier.
    pub(super) fn entry(&self, set: SetId) -> Set {
        match self.0.get(set as usize) {
            None | Some((SINGLE, SINGLE)) => Set::Barrier,
            Some((profile, SINGLE)) => Set::Single(*profile),
            Some((a, b)) => Set::Union(*a, *b),
        }
    }

    /// All in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = Set> {
        (0..self.0.len() as u32).map(|set| self.entry(set))
    }
}

/// Makes sets while a map is compiled, each content once.
#[derive(Debug)]
pub(super) struct SetBuilder {
    entries: Vec<(u32, u32)>,
    /// The content of each set that is small enough.
    lists: Vec<Box<[u32]>>,
    singles: HashMap<u32, SetId, Mix>,
    unions: HashMap<(SetId, SetId), SetId, Mix>,
    by_content: HashMap<Box<[u32]>, SetId, Mix>,
}

impl SetBuilder {
    /// With nothing but the barrier.
    pub(super) fn new() -> Self {
        Self {
            entries: vec![(SINGLE, SINGLE)],
            lists: vec![Box::default()],
            singles: HashMap::default(),
            unions: HashMap::default(),
            by_content: HashMap::default(),
        }
    }

    /// The set of one profile.
    pub(super) fn single(&mut self, profile: u32) -> SetId {
        if let Some(set) = self.singles.get(&profile) {
            return *set;
        }
        let set = self.add((profile, SINGLE), Box::from([profile]));
        self.singles.insert(profile, set);
        set
    }

    /// The union of two sets. One with a barrier in it is known by how it was united, not by its content.
    pub(super) fn union(&mut self, a: SetId, b: SetId) -> SetId {
        if a == b {
            return a;
        }
        let key = (a.min(b), a.max(b));
        if let Some(set) = self.unions.get(&key) {
            return *set;
        }
        let content = self.content(a, b);
        let set = match self.by_content.get(&content) {
            Some(set) if !content.is_empty() => *set,
            _ => {
                let set = self.add(key, content.clone());
                if !content.is_empty() {
                    self.by_content.insert(content, set);
                }
                set
            }
        };
        self.unions.insert(key, set);
        set
    }

    /// The merged lists of two sets; empty if one has none or the result is too long.
    fn content(&self, a: SetId, b: SetId) -> Box<[u32]> {
        let (a, b) = (&self.lists[a as usize], &self.lists[b as usize]);
        if a.is_empty() || b.is_empty() {
            return Box::default();
        }
        let mut all: Vec<u32> = a.iter().chain(b).copied().collect();
        all.sort_unstable();
        all.dedup();
        if all.len() > LISTED_MAX { Box::default() } else { all.into() }
    }

    fn add(&mut self, entry: (u32, u32), list: Box<[u32]>) -> SetId {
        let set = self.entries.len() as SetId;
        self.entries.push(entry);
        self.lists.push(list);
        set
    }

    /// The finished table.
    pub(super) fn finish(self) -> Sets {
        Sets(self.entries.into())
    }
}

/// A hasher for small integers: keys are our own ids, so nobody can choose them to collide.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct IdHasher(u64);

/// Builds [`IdHasher`]s.
pub(super) type Mix = BuildHasherDefault<IdHasher>;

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(23) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_made_once_however_it_was_united() {
        let mut sets = SetBuilder::new();
        let [a, b, c] = [5, 6, 7].map(|profile| sets.single(profile));
        let ab = sets.union(a, b);
        let bc = sets.union(c, b);
        assert_eq!(sets.union(ab, c), sets.union(a, bc));
        assert_eq!(sets.union(b, a), ab);
        assert_ne!(sets.union(ab, BARRIER), ab);
        assert_eq!(sets.single(6), b);
        assert_eq!(sets.finish().entry(ab), Set::Union(a, b));
    }
}
