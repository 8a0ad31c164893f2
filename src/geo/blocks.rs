//! What one view says of every IPv4 client subnet, laid out by address alone: a table of the first twelve bits, and
//! below it blocks of sixteen for four bits more. One look usually ends at a verdict; each further one takes a cache
//! line. It says what the walk down the trie would say, and stands beside it because nearly every query asks this.

use super::trie::{Branch, Trie};

/// Bits that the first table takes.
const HEAD: u8 = 12;
/// Bits that each block takes.
const STEP: u8 = 4;

/// Octets of a block.
pub(super) const BLOCK_SIZE: usize = size_of::<Entry>() << STEP;

/// An entry: a verdict and its scope, or the number of a block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Entry(u32);

/// Marks the number of a block.
const BLOCK: u32 = 1 << 31;

impl Entry {
    const fn leaf(verdict: u16, scope: u8) -> Self {
        Self((scope as u32) << 16 | verdict as u32)
    }
}

/// The table.
#[derive(PartialEq, Eq, Hash, Debug)]
pub(super) struct Blocks {
    head: Box<[Entry; 1 << HEAD]>,
    blocks: Vec<[Entry; 1 << STEP]>,
}

impl Blocks {
    /// Lays the table out. `verdict` is that of a branch's set, `mixed` the one that says "walk on". `None`: it would
    /// take more than `most` blocks.
    pub(super) fn new(trie: &Trie, verdict: impl Fn(Branch) -> u16, mixed: u16, most: usize) -> Option<Self> {
        let mut layout = Layout { trie, verdict, mixed, blocks: Vec::new(), most };
        let mut head = vec![Entry::leaf(mixed, 0); 1 << HEAD];
        layout.fill(trie.root(), 0, &mut head)?;
        let mut blocks = layout.blocks;
        blocks.shrink_to_fit();
        Some(Self { head: head.into_boxed_slice().try_into().ok()?, blocks })
    }

    /// The verdict on a subnet, given its first address, and the scope.
    #[inline(always)]
    pub(super) fn find(&self, address: u32) -> (u16, u8) {
        let mut entry = self.head[(address >> (32 - HEAD)) as usize].0;
        let mut rest = address << HEAD;
        while entry & BLOCK != 0 {
            entry = self.blocks[(entry & !BLOCK) as usize][(rest >> (32 - STEP)) as usize].0;
            rest <<= STEP;
        }
        (entry as u16, (entry >> 16) as u8)
    }

    /// Size in octets.
    pub(super) fn size(&self) -> usize {
        size_of_val(&*self.head) + size_of_val(&*self.blocks)
    }
}

struct Layout<'t, V> {
    trie: &'t Trie,
    verdict: V,
    mixed: u16,
    blocks: Vec<[Entry; 1 << STEP]>,
    most: usize,
}

impl<V: Fn(Branch) -> u16> Layout<'_, V> {
    /// Fills the entries of the block that a branch at `depth` stands for; a power of two of them.
    fn fill(&mut self, branch: Branch, depth: u8, entries: &mut [Entry]) -> Option<()> {
        let verdict = (self.verdict)(branch);
        let below = if verdict == self.mixed { self.trie.below(branch) } else { None };
        match (below, entries) {
            (None, entries) => entries.fill(Entry::leaf(verdict, depth)),
            (Some(_), [entry]) => *entry = self.block(branch, depth)?,
            (Some([left, right]), entries) => {
                let (first, second) = entries.split_at_mut(entries.len() / 2);
                self.fill(left, depth + 1, first)?;
                self.fill(right, depth + 1, second)?;
            }
        }
        Some(())
    }

    /// Puts a block below a branch.
    fn block(&mut self, branch: Branch, depth: u8) -> Option<Entry> {
        let number = self.blocks.len();
        if number == self.most {
            return None;
        }
        let mut block = [Entry::leaf(self.mixed, depth); 1 << STEP];
        self.blocks.push(block);
        self.fill(branch, depth, &mut block)?;
        self.blocks[number] = block;
        Some(Entry(BLOCK | number as u32))
    }
}
