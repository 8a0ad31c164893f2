//! The prefix table: a binary trie over one address family whose every branch carries the set of profiles
//! below it. A look-up walks from the root and ends at the first set that its view has one verdict for; the
//! depth of that branch is the exact and minimal scope.
//!
//! Two readings share the table. A client subnet is decided at no more than `max` bits: a block of `max` bits
//! that has several profiles counts as its first address. A whole address (a resolver's own) is decided at
//! full length: where a branch is marked as hiding longer networks, its set does not bind.

use super::sets::{BARRIER, Mix, SetBuilder, SetId};
use std::collections::HashMap;

/// One branch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Branch {
    /// The profiles below, as client subnets see them.
    pub(super) set: SetId,
    /// Index of the left one of the two branches below, 0 for none; the top bit is [`HIDDEN`].
    next: u32,
}

/// Networks longer than the longest scope are below, and not in the set.
const HIDDEN: u32 = 1 << 31;

/// Depths at which a walk may start, the deepest first: if the block there is still undecided, so is everything above.
const JUMPS: [u8; 3] = [12, 8, 4];

/// An address as a walk takes it: the bit that decides next is the highest.
pub(super) trait Path: Copy {
    /// The first `bits` bits as a number, at most 12.
    fn head(self, bits: u8) -> usize;
    /// Without the first `bits` bits.
    fn skip(self, bits: u8) -> Self;
}

impl Path for u32 {
    #[inline(always)]
    fn head(self, bits: u8) -> usize {
        (self >> (32 - bits)) as usize
    }

    #[inline(always)]
    fn skip(self, bits: u8) -> Self {
        self << bits
    }
}

impl Path for u128 {
    #[inline(always)]
    fn head(self, bits: u8) -> usize {
        ((self >> 64) as u64 >> (64 - bits)) as usize
    }

    #[inline(always)]
    fn skip(self, bits: u8) -> Self {
        self << bits
    }
}

impl Branch {
    /// Index of the branches below; `None` at a leaf.
    #[inline(always)]
    const fn below(self) -> Option<usize> {
        match self.next & !HIDDEN {
            0 => None,
            next => Some(next as usize),
        }
    }

    /// The whole branch as a number.
    const fn key(self) -> u64 {
        ((self.set as u64) << 32) | self.next as u64
    }

    /// True if the set does not bind for whole addresses.
    #[inline(always)]
    const fn hides(self) -> bool {
        self.next & HIDDEN != 0
    }
}

/// The table of one family.
#[derive(Debug)]
pub(super) struct Trie {
    root: Branch,
    branches: Box<[Branch]>,
    /// For each depth of [`JUMPS`] the branch of every block of so many bits; a leaf if the block is in a leaf.
    jumps: [Box<[Branch]>; 3],
}

impl Trie {
    /// Walks down along `address` to the first branch whose set `decides`: its set and depth.
    /// `decides` must hold for every set of one profile, and hold for a subset where it holds for a set.
    #[inline(always)]
    pub(super) fn subnet(&self, address: impl Path, decides: impl Fn(SetId) -> bool) -> (SetId, u8) {
        let (mut branch, mut depth) = self.start(address, &decides);
        let mut rest = address.skip(depth);
        while !decides(branch.set)
            && let Some(below) = branch.below()
        {
            branch = self.branches[below + rest.head(1)];
            rest = rest.skip(1);
            depth += 1;
        }
        (branch.set, depth)
    }

    /// Walks down along a whole address to the first branch whose set `decides` and binds.
    #[inline(always)]
    pub(super) fn address(&self, address: impl Path, decides: impl Fn(SetId) -> bool) -> SetId {
        let (mut branch, depth) = self.start(address, &decides);
        let mut rest = address.skip(depth);
        while (branch.hides() || !decides(branch.set))
            && let Some(below) = branch.below()
        {
            branch = self.branches[below + rest.head(1)];
            rest = rest.skip(1);
        }
        branch.set
    }

    /// The deepest of the starts that is certainly on the way.
    #[inline(always)]
    fn start(&self, address: impl Path, decides: &impl Fn(SetId) -> bool) -> (Branch, u8) {
        for (bits, blocks) in JUMPS.into_iter().zip(&self.jumps) {
            let branch = blocks[address.head(bits)];
            if branch.next != 0 && !decides(branch.set) {
                return (branch, bits);
            }
        }
        (self.root, 0)
    }

    /// The branch of the whole space.
    pub(super) const fn root(&self) -> Branch {
        self.root
    }

    /// The two branches below one; none below a leaf.
    pub(super) fn below(&self, branch: Branch) -> Option<[Branch; 2]> {
        branch.below().map(|below| [self.branches[below], self.branches[below + 1]])
    }

    /// Branches of the table.
    pub(super) const fn len(&self) -> usize {
        self.branches.len()
    }

    /// Size in octets.
    pub(super) fn size(&self) -> usize {
        size_of_val(&*self.branches) + self.jumps.iter().map(|blocks| size_of_val(&**blocks)).sum::<usize>()
    }
}

/// Builds the table from blocks in the order of their addresses. Two finished siblings become their parent at
/// once, so nothing but the table itself is held.
#[derive(Debug)]
pub(super) struct TrieBuilder {
    bits: u8,
    max: u8,
    branches: Vec<Branch>,
    /// Every pair of branches once: equal parts of the space share their table.
    shared: HashMap<(u64, u64), u32, Mix>,
    /// Finished left siblings with their depth, the largest block first.
    stack: Vec<(u8, Subtree)>,
}

/// A finished block.
#[derive(Clone, Copy, Debug)]
struct Subtree {
    branch: Branch,
    /// The profile of the first address, as a set.
    first: SetId,
    /// A tunnel block is below: longer than `max` or not, it must stay visible.
    barrier: bool,
}

impl TrieBuilder {
    /// For addresses of `bits` bits and scopes of at most `max`.
    pub(super) fn new(bits: u8, max: u8) -> Self {
        // Index 0 says "none", so the first pair is a dummy.
        let dummy = Branch { set: BARRIER, next: 0 };
        Self {
            bits,
            max,
            branches: vec![dummy; 2],
            shared: HashMap::default(),
            stack: Vec::with_capacity(usize::from(bits) + 2),
        }
    }

    /// Adds the addresses `first..=last`, the next ones in order, all of one profile.
    pub(super) fn push(&mut self, sets: &mut SetBuilder, mut first: u128, last: u128, set: SetId) {
        loop {
            // The largest aligned block that begins at `first` and does not reach over `last`.
            let aligned = if first == 0 { 128 } else { first.trailing_zeros() };
            let length = last - first;
            let fits = if length == u128::MAX { 128 } else { 127 - (length + 1).leading_zeros() };
            let host = aligned.min(fits).min(u32::from(self.bits));
            self.add(sets, self.bits - host as u8, set);
            match first.checked_add(1_u128.checked_shl(host).unwrap_or(0)).filter(|next| *next > first) {
                Some(next) if next <= last => first = next,
                _ => break,
            }
        }
    }

    /// Adds one block and unites all siblings that it completes.
    fn add(&mut self, sets: &mut SetBuilder, mut depth: u8, set: SetId) {
        let leaf = Branch { set, next: 0 };
        let mut right = Subtree { branch: leaf, first: set, barrier: set == BARRIER };
        while let Some((left_depth, left)) = self.stack.last().copied()
            && left_depth == depth
        {
            self.stack.pop();
            depth -= 1;
            right = self.unite(sets, depth, left, right);
        }
        self.stack.push((depth, right));
    }

    /// The block at `depth` of two halves.
    fn unite(&mut self, sets: &mut SetBuilder, depth: u8, left: Subtree, right: Subtree) -> Subtree {
        if left.branch == right.branch && left.branch.next == 0 {
            return left;
        }
        let branches = &mut self.branches;
        let below = *self.shared.entry((left.branch.key(), right.branch.key())).or_insert_with(|| {
            branches.extend([left.branch, right.branch]);
            branches.len() as u32 - 2
        });
        let barrier = left.barrier || right.barrier;
        let cut = depth == self.max && !barrier;
        let set = if cut { left.first } else { sets.union(left.branch.set, right.branch.set) };
        let hidden = if cut || left.branch.hides() || right.branch.hides() { HIDDEN } else { 0 };
        Subtree { branch: Branch { set, next: below | hidden }, first: left.first, barrier }
    }

    /// The finished table; every address must have been added.
    pub(super) fn finish(mut self) -> Trie {
        debug_assert_eq!(self.stack.len(), 1, "blocks must cover the whole space");
        let root = self.stack.pop().map_or(Branch { set: BARRIER, next: 0 }, |(_, subtree)| subtree.branch);
        self.branches.shrink_to_fit();
        let mut trie = Trie { root, branches: self.branches.into(), jumps: Default::default() };
        trie.jumps = JUMPS.map(|bits| (0..1 << bits).map(|block: u32| trie.branch_at(block, bits)).collect());
        trie
    }
}

impl Trie {
    /// The branch of a block of `bits` bits; a leaf if the way there ends before.
    fn branch_at(&self, block: u32, bits: u8) -> Branch {
        let mut branch = self.root;
        for bit in (0..bits).rev() {
            match branch.below() {
                Some(below) => branch = self.branches[below + ((block >> bit) & 1) as usize],
                None => return Branch { set: branch.set, next: 0 },
            }
        }
        branch
    }
}
