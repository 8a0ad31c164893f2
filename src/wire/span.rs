//! A name where it stands in a buffer, and the three things the query path does with one: fold its case,
//! hash it, compare it; eight octets at a time, from the right to the left.
//!
//! From the right, because then the ragged end of the eight-octet words is the left one, where something
//! always stands before the name (a message's header, an arena's padding) and may be read and masked away.

/// Octets that must stand before a name in its buffer.
pub const PADDING: usize = 8;

/// An uncompressed, well-formed name inside a buffer, at least [`PADDING`] octets from its start.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    buffer: &'a [u8],
    start: usize,
    end: usize,
    labels: usize,
}

impl<'a> Span<'a> {
    /// The name in `buffer[start..end]`, which has `labels` labels without the root.
    #[must_use]
    pub fn new(buffer: &'a [u8], start: usize, end: usize, labels: usize) -> Self {
        debug_assert!(start >= PADDING && end <= buffer.len() && start < end);
        Self { buffer, start, end, labels }
    }

    /// Length in wire form, octets.
    #[must_use]
    pub const fn length(self) -> usize {
        self.end - self.start
    }

    /// Number of labels without the root.
    #[must_use]
    pub const fn labels(self) -> usize {
        self.labels
    }

    /// The wire form.
    #[must_use]
    pub fn wire(self) -> &'a [u8] {
        &self.buffer[self.start..self.end]
    }

    /// The name without its first label; of the root, nothing.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        let labels = self.labels.checked_sub(1)?;
        let start = self.start + 1 + usize::from(self.buffer[self.start]);
        Some(Self { start, labels, ..self })
    }

    /// A hash of the name without regard to case.
    #[inline(always)]
    #[must_use]
    pub fn hash(self) -> u32 {
        let mut state = 0x9e37_79b9_7f4a_7c15;
        let (window, rest) = self.window();
        for word in window[PADDING + rest..].as_rchunks::<8>().1.iter().rev() {
            state = mix(state, fold_case(u64::from_le_bytes(*word)));
        }
        if rest > 0 {
            state = mix(state, fold_case(ragged(window, rest)));
        }
        (state ^ (state >> 32)) as u32
    }

    /// True if the name equals `arena[start..]` without regard to case; what stands there is in lower case,
    /// has the same length, and stands at least [`PADDING`] octets from the start.
    #[inline(always)]
    #[must_use]
    pub fn equals_lowercase(self, arena: &[u8], start: usize) -> bool {
        let (ours, rest) = self.window();
        let Some(theirs) = arena.get(start - PADDING..start + self.length()) else { return false };
        let (our_words, their_words) =
            (ours[PADDING + rest..].as_rchunks::<8>().1, theirs[PADDING + rest..].as_rchunks::<8>().1);
        for (our_word, their_word) in our_words.iter().zip(their_words) {
            let (our_word, their_word) = (u64::from_le_bytes(*our_word), u64::from_le_bytes(*their_word));
            if our_word != their_word && fold_case(our_word) != their_word {
                return false;
            }
        }
        rest == 0 || fold_case(ragged(ours, rest)) == ragged(theirs, rest)
    }

    /// The name with the padding before it, and the octets at its start that fill no word.
    #[inline]
    fn window(self) -> (&'a [u8], usize) {
        (&self.buffer[self.start - PADDING..self.end], self.length() % 8)
    }
}

/// The first `rest` octets (1 to 7) of the name in a window, as the upper octets of a word shifted down.
#[inline]
fn ragged(window: &[u8], rest: usize) -> u64 {
    match window.get(rest..).and_then(<[u8]>::first_chunk::<8>) {
        Some(word) => u64::from_le_bytes(*word) >> (64 - 8 * rest as u32),
        // A window is at least the padding and those octets.
        None => 0,
    }
}

/// ASCII upper case to lower case in all eight octets (RFC 4343). Length octets are below `A`.
const fn fold_case(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = word & (0x7f * EACH);
    let above_z = low + (0x7f - b'Z' as u64) * EACH;
    let from_a = low + (0x80 - b'A' as u64) * EACH;
    let upper = (from_a ^ above_z) & !word & (0x80 * EACH);
    word | (upper >> 2)
}

/// Folded multiplication: every input bit reaches every output bit.
const fn mix(state: u64, word: u64) -> u64 {
    let product = ((state ^ word) as u128).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Name;

    /// The name behind `front` octets of noise.
    fn buffer(front: usize, text: &str) -> (Vec<u8>, usize) {
        let name = Name::parse(text).unwrap();
        let mut bytes: Vec<u8> = (0..front).map(|i| (i * 37) as u8).collect();
        bytes.extend_from_slice(name.wire());
        (bytes, name.labels().count())
    }

    fn span(bytes: &[u8], front: usize, labels: usize) -> Span<'_> {
        Span::new(bytes, front, bytes.len(), labels)
    }

    #[test]
    fn hash_and_equality_look_at_the_name_alone_and_not_at_its_case() {
        for text in
            [".", "a", "www.example.com", "exactly.8", "sixteen.octets.x", "A.LONGER.Name.With-Digits.123.example"]
        {
            let (upper, labels) = buffer(12, &text.to_uppercase());
            let (lower, _) = buffer(29, &text.to_lowercase());
            let ours = span(&upper, 12, labels);
            assert_eq!(ours.hash(), span(&lower, 29, labels).hash(), "{text}");
            assert!(ours.equals_lowercase(&lower, 29), "{text}");
            for at in 29..lower.len() - 1 {
                let mut other = lower.clone();
                other[at] ^= 1;
                assert!(!ours.equals_lowercase(&other, 29), "{text} differs at {at}");
            }
        }
    }

    #[test]
    fn case_is_folded_for_ascii_letters_alone() {
        for byte in 0..=255u8 {
            let folded = fold_case(u64::from_le_bytes([byte; 8])).to_le_bytes();
            assert_eq!(folded, [byte.to_ascii_lowercase(); 8]);
        }
    }

    #[test]
    fn parents_lead_to_the_root() {
        let (bytes, labels) = buffer(8, "a.bc.def");
        let mut at = Some(span(&bytes, 8, labels));
        let mut lengths = Vec::new();
        while let Some(name) = at {
            lengths.push((name.length(), name.labels()));
            at = name.parent();
        }
        assert_eq!(lengths, [(10, 3), (8, 2), (5, 1), (1, 0)]);
    }
}
