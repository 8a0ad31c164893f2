//! Walks the search tree of a MaxMind DB from the first address to the last. Only the tree: what a pointer
//! points to, `mmdb` knows. Bytes may be hostile: every read is checked, and the work is bounded.

/// The search tree of a MaxMind DB: nodes of two records of 24, 28 or 32 bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree<'a> {
    bytes: &'a [u8],
    nodes: u32,
    record_size: u16,
    v6: bool,
}

/// What stands at the end of a path: 0 for nothing, else a pointer into the data section.
pub(super) type Pointer = u32;

/// Why a tree cannot be walked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Broken {
    /// The tree is larger than the file.
    Truncated,
    /// Paths longer than an address, or more of them than a tree of this size has.
    Cycle,
    /// A pointer behind the data section.
    Pointer,
}

impl Broken {
    /// For people.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Truncated => "the search tree ends early: the file is truncated",
            Self::Cycle => "the search tree has a cycle",
            Self::Pointer => "the search tree points behind the data section",
        }
    }
}

impl<'a> Tree<'a> {
    /// The tree at the start of `file`.
    pub(super) fn new(file: &'a [u8], nodes: u32, record_size: u16, v6: bool) -> Result<Self, Broken> {
        let length = (nodes as usize).checked_mul(usize::from(record_size) / 4).ok_or(Broken::Truncated)?;
        let bytes = file.get(..length).ok_or(Broken::Truncated)?;
        Ok(Self { bytes, nodes, record_size, v6 })
    }

    /// One record of a node; a node that does not exist reads as one without data.
    #[inline(always)]
    fn record(&self, node: u32, right: bool) -> u32 {
        let (node, right) = (node as usize, usize::from(right));
        let word = |at: usize| match self.bytes.get(at..at + 4) {
            Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
            _ => 0,
        };
        match (self.record_size, right) {
            (24, _) => (word(node * 6 + right * 2) >> ((1 - right) * 8)) & 0x00ff_ffff,
            (28, 0) => {
                let word = word(node * 7);
                (word >> 8) | ((word << 20) & 0x0f00_0000)
            }
            (28, _) => word(node * 7 + 3) & 0x0fff_ffff,
            _ => word(node * 8 + right * 4),
        }
    }

    /// Proves that every record of every node is a node or points into a data section of `data` octets.
    pub(super) fn check(&self, data: usize) -> Result<(), Broken> {
        let end = u64::from(self.nodes) + 16 + data as u64;
        let valid = |record: u32| {
            record <= self.nodes || (u64::from(record) >= u64::from(self.nodes) + 16 && u64::from(record) < end)
        };
        let good = (0..self.nodes).all(|node| valid(self.record(node, false)) && valid(self.record(node, true)));
        if good { Ok(()) } else { Err(Broken::Pointer) }
    }

    /// The record at which IPv4 begins, and a node count or more if the tree ends before.
    fn v4_start(&self) -> u32 {
        let mut node = 0;
        if self.v6 {
            for _ in 0..96 {
                if node >= self.nodes {
                    break;
                }
                node = self.record(node, false);
            }
        }
        node
    }

    /// All IPv4 addresses in order.
    pub(super) fn walk_v4(self) -> Walk<'a> {
        Walk::new(self, self.v4_start(), 32, None)
    }

    /// All IPv6 addresses in order; IPv4's part and its aliases read as nothing.
    pub(super) fn walk_v6(self) -> Walk<'a> {
        let start = self.v4_start();
        if self.v6 { Walk::new(self, 0, 128, Some(start)) } else { Walk::new(self, self.nodes, 128, None) }
    }

    /// A path to the end, right where `turn` says so: the address and its pointer.
    pub(super) fn descend(&self, mut turn: impl FnMut() -> bool) -> (u128, Pointer) {
        let bits = if self.v6 { 128 } else { 32 };
        let (mut node, mut address) = (0, 0);
        for depth in 0..bits {
            if node >= self.nodes {
                break;
            }
            let right = turn();
            address |= u128::from(right) << (bits - 1 - depth);
            node = self.record(node, right);
        }
        (address, node.saturating_sub(self.nodes))
    }
}

/// The networks of a tree in the order of their addresses, without gaps: those without data too.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    tree: Tree<'a>,
    /// Bits of an address.
    bits: u8,
    /// A node that reads as nothing.
    skip: Option<u32>,
    /// Right-hand records still to come: (record, first address, depth).
    stack: Vec<(u32, u128, u8)>,
    /// Nodes that may still be entered: bounds the work on a tree that reuses nodes.
    left: u64,
}

impl<'a> Walk<'a> {
    fn new(tree: Tree<'a>, start: u32, bits: u8, skip: Option<u32>) -> Self {
        let mut stack = Vec::with_capacity(usize::from(bits) + 1);
        stack.push((start, 0, 0));
        let skip = skip.filter(|node| *node < tree.nodes && *node != 0);
        Self { tree, bits, skip, stack, left: u64::from(tree.nodes) * 2 + 65_536 }
    }
}

impl Iterator for Walk<'_> {
    /// The first address of a network, and what stands there.
    type Item = Result<(u128, Pointer), Broken>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (mut record, first, mut depth) = self.stack.pop()?;
        while record < self.tree.nodes {
            if self.skip == Some(record) {
                return Some(Ok((first, 0)));
            }
            if depth >= self.bits || self.left == 0 {
                self.stack.clear();
                return Some(Err(Broken::Cycle));
            }
            self.left -= 1;
            depth += 1;
            let right = first | (1 << (self.bits - depth));
            self.stack.push((self.tree.record(record, true), right, depth));
            record = self.tree.record(record, false);
        }
        Some(Ok((first, record - self.tree.nodes)))
    }
}
