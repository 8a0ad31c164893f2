//! The signatures of a zone as octets, for the next start of the server, and back.
//!
//! ```text
//! "geosteer signatures 1\n"
//! the zone's name, in wire form
//! the number of keys that sign (2 octets); for each the length of its DNSKEY record's data (2), and the data
//! for each RRset: the length of its records (4), the records in canonical form, its last use (8),
//!                 and for each key that signs it the window (8) and the signature (64)
//! 0 in place of a length (4)
//! SHA-256 of all of that (32)
//! ```
//!
//! A signature is made by all that a resolver believes it by: the records, the key and the window are in it. So what is
//! read here can be wrong in one way only, that it is not what was written: the sum at the end tells.

use super::cell::{Content, SIGNATURE};
use super::seal::Seal;
use super::sign::Kept;
use super::store::Signer;
use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use std::fmt;

const FORMAT: &[u8] = b"geosteer signatures 1\n";

/// Why none of the octets is believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unbelieved {
    /// They are not what was written, or were never written by us.
    Broken,
    /// They are another zone's.
    OtherZone,
    /// Other keys sign by now: nothing is wrong.
    OtherKeys,
}

impl fmt::Display for Unbelieved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "the file is not as it was written",
            Self::OtherZone => "they are another zone's",
            Self::OtherKeys => "they are of other keys",
        })
    }
}

impl std::error::Error for Unbelieved {}

impl Signer {
    /// Gives away the signatures that hold and are in use, in pieces; no more than `most` octets in all. Gives the number
    /// of RRsets.
    ///
    /// # Errors
    /// Those of `put`.
    pub fn remember<E>(&self, most: u64, mut put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<usize, E> {
        let (mut sum, mut left) = (Context::new(&SHA256), most);
        let mut piece = self.head();
        left = left.saturating_sub((piece.len() + 4 + SHA256_OUTPUT_LEN) as u64);
        let mut count = 0;
        for seal in self.seals() {
            let start = piece.len();
            let written = seal.to_octets(self.now(), &mut piece);
            if !written || (piece.len() - start) as u64 > left {
                piece.truncate(start);
                continue;
            }
            left -= (piece.len() - start) as u64;
            count += 1;
            if piece.len() >= PIECE {
                sum.update(&piece);
                put(&piece)?;
                piece.clear();
            }
        }
        piece.extend_from_slice(&[0; 4]);
        sum.update(&piece);
        piece.extend_from_slice(sum.finish().as_ref());
        put(&piece)?;
        Ok(count)
    }

    /// Takes back what was given away: the signatures that hold now. Gives the number of their RRsets.
    ///
    /// # Errors
    /// None is believed.
    pub fn recall(&self, octets: &[u8]) -> Result<usize, Unbelieved> {
        let (written, sum) = octets.split_last_chunk::<SHA256_OUTPUT_LEN>().ok_or(Unbelieved::Broken)?;
        let mut context = Context::new(&SHA256);
        context.update(written);
        if context.finish().as_ref() != sum {
            return Err(Unbelieved::Broken);
        }
        let (head, apex) = (self.head(), FORMAT.len() + self.apex().wire().len());
        let mut rest = match written.strip_prefix(&*head) {
            Some(rest) => rest,
            None if written.starts_with(&head[..apex]) => return Err(Unbelieved::OtherKeys),
            None if written.starts_with(FORMAT) => return Err(Unbelieved::OtherZone),
            None => return Err(Unbelieved::Broken),
        };
        let mut seals = Vec::new();
        while let Some((records, used, contents)) = self.next_of(&mut rest)? {
            seals.extend(Seal::recalled(self.core(), records, used, &contents));
        }
        let count = seals.len();
        self.take(seals);
        Ok(count)
    }

    /// What stands before the first RRset.
    fn head(&self) -> Vec<u8> {
        let keys = &self.core().keys;
        let mut head = [FORMAT, self.apex().wire(), &(keys.len() as u16).to_be_bytes()].concat();
        for key in keys {
            let dnskey = key.dnskey();
            head.extend_from_slice(&(dnskey.len() as u16).to_be_bytes());
            head.extend_from_slice(&dnskey);
        }
        head
    }

    /// The next RRset, its last use, and its signatures; nothing at the end.
    fn next_of(&self, rest: &mut &[u8]) -> Result<Option<(Kept, u64, Vec<Content>)>, Unbelieved> {
        let length = u32::from_be_bytes(taken(rest)?) as usize;
        if length == 0 {
            return if rest.is_empty() { Ok(None) } else { Err(Unbelieved::Broken) };
        }
        let (records, behind) = rest.split_at_checked(length).ok_or(Unbelieved::Broken)?;
        *rest = behind;
        let records = Kept::of(records).ok_or(Unbelieved::Broken)?;
        let used = u64::from_be_bytes(taken(rest)?);
        let hands = self.core().hands(records.rtype).iter();
        let content = |_| Ok(Content { window: u64::from_be_bytes(taken(rest)?), signature: taken(rest)? });
        let contents: Result<Vec<_>, Unbelieved> = hands.map(content).collect();
        Ok(Some((records, used, contents?)))
    }
}

/// Octets that are given away at once, about.
const PIECE: usize = 1 << 16;

/// What an RRset takes beside its records and signatures.
pub(super) const FRAME: usize = 4 + 8;
/// What a signature takes.
pub(super) const ONE: usize = 8 + SIGNATURE;

/// The next octets.
fn taken<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Unbelieved> {
    let (octets, behind) = rest.split_first_chunk::<N>().ok_or(Unbelieved::Broken)?;
    *rest = behind;
    Ok(*octets)
}

#[cfg(test)]
mod tests {
    use super::super::{Algorithm, Key, Role, RrSet, private_file, public_file, read_pair};
    use super::*;
    use crate::limits::{SIGNATURE_JITTER_S, SIGNATURE_LIFE_S, SIGNATURE_SKEW_S};
    use crate::wire::Name;

    const NOW: u64 = 1_800_000_000;
    const ROOM: u64 = 1 << 20;

    /// The same key each time it is read. ECDSA signatures differ each time they are made.
    struct Files(Vec<(String, String)>);

    impl Files {
        fn of(roles: &[Role]) -> Self {
            let pair = |role: &Role| {
                let key = Key::generate(Algorithm::EcdsaP256Sha256, *role).unwrap();
                (public_file(&zone(), &key), private_file(&key))
            };
            Self(roles.iter().map(pair).collect())
        }

        fn signer(&self, now: u64) -> Signer {
            let keys = self.0.iter().map(|(public, private)| read_pair(public, private).unwrap().1).collect();
            Signer::new(&zone(), keys, now)
        }
    }

    fn zone() -> Name {
        Name::parse("example").unwrap()
    }

    fn rrset(octet: u8) -> RrSet {
        let address = [octet, 0, 0, 1];
        RrSet::new(b"\x01a\x07example\x00", 1, 60, std::iter::once(&address[..]))
    }

    fn rdatas(signer: &Signer, octet: u8) -> Vec<Vec<u8>> {
        let mut rdatas = Vec::new();
        signer.seal(&rrset(octet)).unwrap().each(|rrsig| {
            rdatas.extend(rrsig.to_vec());
            true
        });
        rdatas
    }

    fn octets(signer: &Signer, most: u64) -> (usize, Vec<u8>) {
        let mut octets = Vec::new();
        let count = signer.remember(most, |piece| {
            octets.extend_from_slice(piece);
            Ok::<(), ()>(())
        });
        (count.unwrap(), octets)
    }

    #[test]
    fn a_signer_goes_on_with_the_signatures_of_the_one_before() {
        for roles in [&[Role::Entry][..], &[Role::Zone, Role::Entry], &[Role::Entry, Role::Entry]] {
            let files = Files::of(roles);
            let first = files.signer(NOW);
            let before: Vec<_> = (0..200).map(|octet| rdatas(&first, octet)).collect();
            // Known, and never signed.
            first.seal(&rrset(250)).unwrap();
            let (count, octets) = octets(&first, ROOM);
            assert_eq!(count, 200);
            let second = files.signer(NOW + 60);
            assert_eq!((second.recall(&octets), second.len(), second.made()), (Ok(200), 200, 0));
            let after: Vec<_> = (0..200).map(|octet| rdatas(&second, octet)).collect();
            assert_eq!((after == before, second.made()), (true, 0), "{roles:?}");
            // They are made anew at their time, as if nothing had happened.
            second.tell(NOW + SIGNATURE_LIFE_S / 2 - SIGNATURE_JITTER_S - 1);
            assert_eq!(second.renew(), 0);
            second.tell(NOW + SIGNATURE_LIFE_S / 2);
            assert_eq!(second.renew(), 200);
        }
    }

    #[test]
    fn what_does_not_hold_and_what_nobody_uses_is_left_out() {
        let files = Files::of(&[Role::Entry]);
        let first = files.signer(NOW);
        rdatas(&first, 1);
        let octets_of = |signer: &Signer| octets(signer, ROOM);
        let (_, octets) = octets_of(&first);
        let at = |now: u64| files.signer(now).recall(&octets);
        assert_eq!(at(NOW - SIGNATURE_SKEW_S - 1), Ok(0), "of the future");
        assert_eq!(at(NOW - SIGNATURE_SKEW_S), Ok(1));
        assert_eq!(at(NOW + SIGNATURE_LIFE_S - 1), Ok(1));
        assert_eq!(at(NOW + SIGNATURE_LIFE_S), Ok(0), "over");
        // A restart is no use: what nobody has asked for since is forgotten at its time.
        let second = files.signer(NOW + 60);
        second.recall(&octets).unwrap();
        second.tell(NOW + SIGNATURE_LIFE_S / 2);
        assert_eq!(second.renew(), 1);
        assert_eq!(octets_of(&second).0, 1);
        second.tell(NOW + SIGNATURE_LIFE_S + 1);
        assert_eq!(octets_of(&second).0, 0);
        second.renew();
        assert!(second.is_empty());
    }

    #[test]
    fn octets_that_are_not_whole_and_those_of_others_are_not_believed() {
        let files = Files::of(&[Role::Entry]);
        let first = files.signer(NOW);
        (0..3).for_each(|octet| drop(rdatas(&first, octet)));
        let (_, octets) = octets(&first, ROOM);
        for at in 0..octets.len() {
            let mut broken = octets.clone();
            broken[at] ^= 1;
            assert_eq!(files.signer(NOW).recall(&broken), Err(Unbelieved::Broken), "octet {at}");
            assert_eq!(files.signer(NOW).recall(&octets[..at]), Err(Unbelieved::Broken), "cut at {at}");
        }
        let other = Files::of(&[Role::Entry]).signer(NOW);
        assert_eq!((other.recall(&octets), other.len()), (Err(Unbelieved::OtherKeys), 0));
        let key = read_pair(&files.0[0].0, &files.0[0].1).unwrap().1;
        let elsewhere = Signer::new(&Name::parse("example.net").unwrap(), vec![key], NOW);
        assert_eq!(elsewhere.recall(&octets), Err(Unbelieved::OtherZone));
        let (_, none) = self::octets(&files.signer(NOW), ROOM);
        assert_eq!(files.signer(NOW).recall(&none), Ok(0));
    }

    #[test]
    fn what_has_no_room_is_left_out_and_the_rest_is_whole() {
        let files = Files::of(&[Role::Entry]);
        let first = files.signer(NOW);
        (0..100).for_each(|octet| drop(rdatas(&first, octet)));
        let (_, all) = octets(&first, ROOM);
        for most in [0, 200, 1_000, all.len() as u64 - 1, all.len() as u64] {
            let (count, octets) = octets(&first, most);
            assert!(octets.len() as u64 <= most.max(200), "{most}: {}", octets.len());
            assert_eq!((files.signer(NOW).recall(&octets), count == 100), (Ok(count), most == all.len() as u64));
        }
    }
}
