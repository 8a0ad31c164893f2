//! The seals of one balanced name, found without a lock by what the records say: a table that is filled at first uses
//! and never changes otherwise, as long as its configuration serves.

use super::seal::Seal;
use crate::id::{EndpointId, PoolId};
use std::sync::{Arc, OnceLock};

/// Places that are looked at from the one where a mark belongs.
const NEIGHBOURS: usize = 8;
/// Places of the smallest table, and of the largest one that a name has at first.
const FIRST: [usize; 2] = [16, 1_024];
/// How many places there are for each seal that is expected, so that few share one; and by how much the second table is
/// larger than the first.
const SPARE: usize = 4;

/// What tells an RRset of a name from its others, whatever the order of its records.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mark {
    /// From the top: 16 bits of the type, 32 of the pool whose members they are, [`ANY`] if the data itself is what
    /// follows; and 16 bits of what follows, if that is a sum.
    of: u64,
    /// A bit for each member; or what the data comes to, of which there are 80 bits with those above.
    members: u64,
}

/// In place of a pool.
const ANY: u32 = 0xffff_ffff;

impl Mark {
    /// That of members of a pool, of each of which a record is made. `first`: the first of the pool's endpoints.
    #[inline(always)]
    #[must_use]
    pub fn of_members(rtype: u16, pool: PoolId, (first, count): (EndpointId, u16), picked: &[EndpointId]) -> Self {
        let pool = pool.index() as u32;
        if count > 64 {
            return Self::of_many(rtype, pool, picked);
        }
        let bit = |endpoint: &EndpointId| 1 << (endpoint.index().wrapping_sub(first.index()) & 63);
        Self::new(rtype, pool, [picked.iter().fold(0, |members, endpoint| members | bit(endpoint)), 0])
    }

    #[inline(always)]
    fn new(rtype: u16, pool: u32, [members, more]: [u64; 2]) -> Self {
        Self { of: u64::from(rtype) << 48 | u64::from(pool) << 16 | more & 0xffff, members }
    }

    /// That of members of a large pool.
    #[cold]
    fn of_many(rtype: u16, pool: u32, picked: &[EndpointId]) -> Self {
        let sums = picked.iter().fold([0; 2], |sums, endpoint| added(sums, mixed([endpoint.index() as u64, 1])));
        Self::new(rtype, pool, sums)
    }

    /// That of any records' data.
    #[must_use]
    pub fn of_any<'r>(rtype: u16, rdatas: impl Iterator<Item = &'r [u8]>) -> Self {
        let members = rdatas.fold([0; 2], |sums, rdata| {
            let parts = rdata.chunks(16).map(words);
            added(sums, parts.fold([rdata.len() as u64, 0], |so_far, [a, b]| mixed([so_far[0] ^ a, so_far[1] ^ b])))
        });
        Self::new(rtype, ANY, members)
    }

    /// Where it belongs in a table.
    #[inline(always)]
    fn place(&self) -> usize {
        // Pool and members side by side: what is above the 32nd bit of a factor does not reach the lower bits of a product.
        let all = (self.of >> 16) ^ self.members.rotate_left(20);
        (all.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
    }
}

/// Sums do not depend on the order.
fn added([a, b]: [u64; 2], [c, d]: [u64; 2]) -> [u64; 2] {
    [a.wrapping_add(c), b.wrapping_add(d)]
}

/// Up to 16 octets as two words.
fn words(octets: &[u8]) -> [u64; 2] {
    let mut whole = [0; 16];
    whole[..octets.len()].copy_from_slice(octets);
    let whole = u128::from_be_bytes(whole);
    [(whole >> 64) as u64, whole as u64]
}

/// Two words that each depend on every bit of both (the last step of splitmix64, once over each way).
fn mixed([one, other]: [u64; 2]) -> [u64; 2] {
    let mix = |word: u64| {
        let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    let first = mix(one ^ 0x9e37_79b9_7f4a_7c15).wrapping_add(other);
    let second = mix(first ^ 0x3c6e_f372_fe94_f82a).wrapping_add(one);
    [mix(first.wrapping_add(second)), mix(second ^ first.rotate_left(32))]
}

/// A place in a table.
type Place = OnceLock<Box<(Mark, Arc<Seal>)>>;

/// The seals of a name.
#[derive(Debug, Default)]
pub struct Seals {
    /// The second one is there when the first has no place left.
    tables: [OnceLock<Box<[Place]>>; 2],
    expected: u32,
}

impl Seals {
    /// Room for about so many; nothing is allocated yet.
    #[must_use]
    pub fn expecting(expected: usize) -> Self {
        Self { tables: Default::default(), expected: expected.min(u32::MAX as usize) as u32 }
    }

    /// The seal of the RRset with this mark, if it was put here.
    #[inline(always)]
    #[must_use]
    pub fn find(&self, mark: &Mark) -> Option<&Arc<Seal>> {
        let table = self.tables[0].get()?;
        let (there, seal) = &**table.get(mark.place() & (table.len() - 1))?.get()?;
        if there == mark { Some(seal) } else { self.find_aside(mark) }
    }

    /// The same if another one stands where it belongs.
    #[cold]
    fn find_aside(&self, mark: &Mark) -> Option<&Arc<Seal>> {
        self.tables.iter().find_map(|table| find_in(table.get()?, mark))
    }

    /// Keeps a seal if there is a place for it; who finds none asks the signer again.
    pub fn keep(&self, mark: Mark, seal: &Arc<Seal>) {
        let expected = self.expected as usize;
        let first = (SPARE * expected).next_power_of_two().clamp(FIRST[0], FIRST[1]);
        let second = (SPARE * expected).next_power_of_two().max(SPARE * first);
        for (table, size) in self.tables.iter().zip([first, second]) {
            let table = table.get_or_init(|| (0..size).map(|_| OnceLock::new()).collect());
            for at in mark.place()..mark.place() + NEIGHBOURS {
                let place = &table[at & (table.len() - 1)];
                if place.get_or_init(|| Box::new((mark, Arc::clone(seal)))).0 == mark {
                    return;
                }
            }
        }
    }
}

fn find_in<'s>(table: &'s [Place], mark: &Mark) -> Option<&'s Arc<Seal>> {
    let start = mark.place();
    for at in start..start + NEIGHBOURS {
        // A table's size is a power of two; nothing stands behind an empty place.
        let (there, seal) = &**table.get(at & (table.len() - 1))?.get()?;
        if there == mark {
            return Some(seal);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{Algorithm, Key, Role, RrSet, Signer};
    use super::*;
    use crate::wire::Name;

    fn seal(signer: &Signer, number: u32) -> (Mark, Arc<Seal>) {
        let rdata = number.to_be_bytes();
        let rrset = RrSet::new(b"\x01a\x00", 1, 60, std::iter::once(&rdata[..]));
        (Mark::of_any(1, std::iter::once(&rdata[..])), signer.seal(&rrset).unwrap())
    }

    fn signer() -> Signer {
        let key = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
        Signer::new(&Name::parse("a").unwrap(), vec![key], 0)
    }

    #[test]
    fn what_is_kept_is_found_and_nothing_else() {
        let (signer, seals) = (signer(), Seals::expecting(100));
        let all: Vec<_> = (0..100).map(|number| seal(&signer, number * 77)).collect();
        assert!(seals.find(&all[0].0).is_none());
        all.iter().for_each(|(mark, seal)| seals.keep(*mark, seal));
        for (mark, seal) in &all {
            assert!(Arc::ptr_eq(seals.find(mark).unwrap(), seal));
        }
        assert!(seals.find(&seal(&signer, 1).0).is_none());
        // Once each, however often.
        all.iter().for_each(|(mark, seal)| seals.keep(*mark, seal));
        assert!(all.iter().all(|(_, seal)| Arc::strong_count(seal) == 3));
    }

    #[test]
    fn more_than_there_is_room_for_does_no_harm() {
        let (signer, seals) = (signer(), Seals::expecting(1));
        let all: Vec<_> = (0..1_000).map(|number| seal(&signer, number)).collect();
        all.iter().for_each(|(mark, seal)| seals.keep(*mark, seal));
        let found = all.iter().filter(|(mark, seal)| seals.find(mark).is_some_and(|one| Arc::ptr_eq(one, seal)));
        assert!((60..=80).contains(&found.count()));
    }

    #[test]
    fn marks_do_not_depend_on_the_order_and_tell_sets_apart() {
        let mark = |rtype: u16, pool: usize, count: u16, picked: &[usize]| {
            let picked: Vec<_> = picked.iter().map(|id| EndpointId::new(10 + id)).collect();
            Mark::of_members(rtype, PoolId::new(pool), (EndpointId::new(10), count), &picked)
        };
        for count in [64, 1_000] {
            assert_eq!(mark(1, 3, count, &[4, 60]), mark(1, 3, count, &[60, 4]));
            let all = [
                mark(1, 3, count, &[4]),
                mark(1, 3, count, &[63]),
                mark(1, 3, count, &[4, 63]),
                mark(1, 3, count, &[4, 5]),
                mark(28, 3, count, &[4, 5]),
                mark(1, 4, count, &[4, 5]),
                Mark::of_any(1, std::iter::once(&[4, 5][..])),
            ];
            assert_eq!(all.into_iter().collect::<std::collections::HashSet<_>>().len(), all.len());
        }
        let any = |rdatas: &[&[u8]]| Mark::of_any(16, rdatas.iter().copied());
        assert_eq!(any(&[b"ab", b"cd"]), any(&[b"cd", b"ab"]));
        assert_ne!(any(&[b"ab", b"cd"]), any(&[b"abc", b"d"]));
        assert_ne!(any(&[b"a"]), any(&[b"a\x00"]));
        assert_ne!(any(&[&[7; 40]]), any(&[&[7; 41]]));
    }

    #[test]
    fn sets_that_are_alike_stand_apart() {
        // The same members of pools that follow each other, and members that follow each other of one pool.
        let mark = |pool: usize, picked: usize| {
            let picked = EndpointId::new(picked);
            Mark::of_members(1, PoolId::new(pool), (EndpointId::new(0), 64), &[picked])
        };
        let pools: std::collections::HashSet<_> = (0..8).map(|pool| mark(pool, 1).place() & 31).collect();
        let members: std::collections::HashSet<_> = (0..8).map(|member| mark(1, member).place() & 31).collect();
        assert!(pools.len() >= 6 && members.len() >= 6, "{pools:?} {members:?}");
    }
}
