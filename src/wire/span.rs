//! A name where it stands in a buffer, and what the query path does with one: hash it and compare it without regard
//! to case (RFC 4343), eight octets at a time.

/// An uncompressed, well-formed name in wire form.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a>(&'a [u8]);

impl<'a> Span<'a> {
    /// The name that these octets are.
    #[inline]
    #[must_use]
    pub const fn new(wire: &'a [u8]) -> Self {
        Self(wire)
    }

    /// Length in wire form, octets.
    #[inline]
    #[must_use]
    pub const fn length(self) -> usize {
        self.0.len()
    }

    /// Number of labels without the root.
    #[must_use]
    pub fn labels(self) -> usize {
        std::iter::successors(self.parent(), |name| name.parent()).count()
    }

    /// The wire form.
    #[inline]
    #[must_use]
    pub const fn wire(self) -> &'a [u8] {
        self.0
    }

    /// The name without its first label; of the root, nothing.
    #[inline]
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        match usize::from(*self.0.first()?) {
            0 => None,
            length => self.0.get(1 + length..).map(Self),
        }
    }

    /// A hash of the name without regard to case. It says nothing of the name's length: look-ups compare.
    #[inline(always)]
    #[must_use]
    pub fn hash(self) -> u32 {
        let state = match self.0.last_chunk::<8>() {
            // The words of the name, and its last eight octets: together they are all of it.
            Some(last) => self.0.as_chunks::<8>().0.iter().fold(mix(SEED, *last), |state, word| mix(state, *word)),
            None => hash_short(self.0),
        };
        (state ^ (state >> 32)) as u32
    }

    /// True if the name is `lowercase`, a name in lower case, without regard to case. Length octets are below `A`:
    /// they are not folded.
    #[must_use]
    pub fn is(self, lowercase: &[u8]) -> bool {
        self.0.eq_ignore_ascii_case(lowercase)
    }

    /// True if the name is written like this and has 8 to 64 octets, as nearly all have: then its two ends overlap and
    /// are all of it. False says nothing: ask [`Span::is`].
    #[inline(always)]
    #[must_use]
    pub fn is_exactly(self, other: &[u8]) -> bool {
        let one = self.0;
        one.len() == other.len()
            && match one.len() {
                8..=16 => first_and_last::<8>(one) == first_and_last::<8>(other),
                17..=32 => first_and_last::<16>(one) == first_and_last::<16>(other),
                33..=64 => first_and_last::<32>(one) == first_and_last::<32>(other),
                _ => false,
            }
    }
}

/// The first and the last `N` octets.
#[inline(always)]
fn first_and_last<const N: usize>(octets: &[u8]) -> (Option<&[u8; N]>, Option<&[u8; N]>) {
    (octets.first_chunk(), octets.last_chunk())
}

/// The hash of a name of less than eight octets.
#[cold]
fn hash_short(wire: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..wire.len()].copy_from_slice(wire);
    mix(SEED, word)
}

/// Where every hash begins.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// The bit in which the two cases of a letter differ, in all eight octets. Other octets that differ in it alone hash
/// alike, which costs a comparison and no more.
const CASE: u64 = 0x2020_2020_2020_2020;

/// Folded multiplication: every input bit reaches every output bit.
#[inline(always)]
const fn mix(state: u64, word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word) | CASE;
    let product = ((state ^ word) as u128).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Name;

    #[test]
    fn hash_and_equality_look_at_the_name_and_not_at_its_case() {
        for text in
            [".", "a", "www.example.com", "exactly.8", "sixteen.octets.x", "A.LONGER.Name.With-Digits.123.example"]
        {
            let upper = Name::parse(&text.to_uppercase()).unwrap();
            let lower = Name::parse(&text.to_lowercase()).unwrap();
            let ours = Span::new(upper.wire());
            assert_eq!(ours.hash(), Span::new(lower.wire()).hash(), "{text}");
            assert!(ours.is(lower.wire()), "{text}");
            for at in 0..lower.wire().len() - 1 {
                for bit in 0..8 {
                    let mut other = lower.wire().to_vec();
                    other[at] ^= 1 << bit;
                    if other.eq_ignore_ascii_case(lower.wire()) {
                        continue;
                    }
                    assert!(!ours.is(&other), "{text} differs at {at}, bit {bit}");
                    let other = Span::new(&other);
                    assert!(bit == 5 || ours.hash() != other.hash(), "{text} hashes alike at {at}, bit {bit}");
                }
            }
        }
    }

    #[test]
    fn parents_lead_to_the_root() {
        let name = Name::parse("a.bc.def").unwrap();
        let names = std::iter::successors(Some(Span::new(name.wire())), |name| name.parent());
        let lengths: Vec<_> = names.map(|name| (name.length(), name.labels())).collect();
        assert_eq!(lengths, [(10, 3), (8, 2), (5, 1), (1, 0)]);
    }
}
