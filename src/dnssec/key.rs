//! Keys: their material, their DNSKEY records and what a parent publishes of them (RFC 4034 §2 and §5, RFC 6605,
//! RFC 8080, RFC 7344).

use super::times::Times;
use aws_lc_rs::digest::{self, SHA256, SHA384};
use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use std::fmt;

/// PROTOCOL of a DNSKEY record: always this (RFC 4034 §2.1.2).
const PROTOCOL: u8 = 3;
/// The octet before a point of which both coordinates are given; DNSKEY records leave it out.
const UNCOMPRESSED: u8 = 4;

/// How a key signs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Algorithm {
    /// ECDSA on the curve P-256 with SHA-256 (RFC 6605).
    #[default]
    EcdsaP256Sha256,
    /// Ed25519 (RFC 8080).
    Ed25519,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::EcdsaP256Sha256, Self::Ed25519];

    /// Its number (IANA, "DNS Security Algorithm Numbers").
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::EcdsaP256Sha256 => 13,
            Self::Ed25519 => 15,
        }
    }

    /// Its name in the same registry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ECDSAP256SHA256",
            Self::Ed25519 => "ED25519",
        }
    }

    /// The algorithm of this number, if it is one that we speak.
    #[must_use]
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.number() == number)
    }

    /// The algorithm of this name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// Octets of the public key in a DNSKEY record.
    #[must_use]
    pub const fn public_length(self) -> usize {
        match self {
            Self::EcdsaP256Sha256 => 64,
            Self::Ed25519 => 32,
        }
    }
}

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// It signs the zone's records.
    Zone,
    /// The parent vouches for it: it signs the keys, and everything else too if there is no key for that.
    Entry,
}

impl Role {
    /// FLAGS of its DNSKEY record: zone key, and for the second secure entry point (RFC 4034 §2.1.1).
    #[must_use]
    pub const fn flags(self) -> u16 {
        match self {
            Self::Zone => 256,
            Self::Entry => 257,
        }
    }

    /// The role that the flags of a DNSKEY record say, if it is no other.
    #[must_use]
    pub fn of_flags(flags: u16) -> Option<Self> {
        [Self::Zone, Self::Entry].into_iter().find(|role| role.flags() == flags)
    }
}

/// How a parent's DS record is made of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Digest {
    /// SHA-256 (RFC 4509).
    Sha256,
    /// SHA-384 (RFC 6605).
    Sha384,
}

impl Digest {
    /// DIGEST TYPE.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Sha256 => 2,
            Self::Sha384 => 4,
        }
    }
}

/// Why there is no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyError {
    /// The octets are no key of this algorithm, or the two halves do not belong together.
    Unfit,
    /// The library failed.
    Library,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unfit => "the private key and the public key do not belong together",
            Self::Library => "the cryptographic library failed",
        })
    }
}

impl std::error::Error for KeyError {}

/// A key with both of its halves.
pub struct Key {
    role: Role,
    pair: Pair,
    public: Box<[u8]>,
    secret: Box<[u8]>,
    times: Times,
}

enum Pair {
    Ecdsa(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl fmt::Debug for Key {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?}, {:?}, {})", self.algorithm(), self.role, self.tag())
    }
}

impl Key {
    /// A new key, drawn from the system's randomness.
    ///
    /// # Errors
    /// The library fails.
    pub fn generate(algorithm: Algorithm, role: Role) -> Result<Self, KeyError> {
        let library = |_| KeyError::Library;
        match algorithm {
            Algorithm::EcdsaP256Sha256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(library)?;
                let public = &pair.public_key().as_ref()[1..];
                Self::new(algorithm, role, public, pair.private_key().as_be_bytes().map_err(library)?.as_ref())
            }
            Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::generate().map_err(library)?;
                let seed = pair.seed().and_then(|seed| seed.as_be_bytes()).map_err(library)?;
                Self::new(algorithm, role, pair.public_key().as_ref(), seed.as_ref())
            }
        }
    }

    /// A key of its two halves: the public one as in a DNSKEY record, the private one as a number (ECDSA) or a seed
    /// (Ed25519).
    ///
    /// # Errors
    /// They are no such key.
    pub fn new(algorithm: Algorithm, role: Role, public: &[u8], secret: &[u8]) -> Result<Self, KeyError> {
        if public.len() != algorithm.public_length() {
            return Err(KeyError::Unfit);
        }
        let pair = match algorithm {
            Algorithm::EcdsaP256Sha256 => {
                let point = [&[UNCOMPRESSED], public].concat();
                let halves = (&ECDSA_P256_SHA256_FIXED_SIGNING, secret, &point[..]);
                let pair = EcdsaKeyPair::from_private_key_and_public_key(halves.0, halves.1, halves.2);
                Pair::Ecdsa(Box::new(pair.map_err(|_| KeyError::Unfit)?))
            }
            Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(secret, public);
                Pair::Ed25519(Box::new(pair.map_err(|_| KeyError::Unfit)?))
            }
        };
        Ok(Self { role, pair, public: public.into(), secret: secret.into(), times: Times::default() })
    }

    /// How it signs.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Ecdsa(_) => Algorithm::EcdsaP256Sha256,
            Pair::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// What it is for.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The same key with other times.
    #[must_use]
    pub fn with_times(self, times: Times) -> Self {
        Self { times, ..self }
    }

    /// When it is in use.
    #[must_use]
    pub const fn times(&self) -> &Times {
        &self.times
    }

    /// The private half, for its file.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// RDATA of its DNSKEY record, and of its CDNSKEY record (RFC 7344 §3.2).
    #[must_use]
    pub fn dnskey(&self) -> Vec<u8> {
        let mut rdata = self.role.flags().to_be_bytes().to_vec();
        rdata.extend_from_slice(&[PROTOCOL, self.algorithm().number()]);
        rdata.extend_from_slice(&self.public);
        rdata
    }

    /// Its key tag.
    #[must_use]
    pub fn tag(&self) -> u16 {
        key_tag(&self.dnskey())
    }

    /// RDATA of the DS record for it at `owner`, a name in wire form; and of the CDS record (RFC 7344 §3.1).
    #[must_use]
    pub fn ds(&self, owner: &[u8], digest: Digest) -> Vec<u8> {
        ds_of(owner, &self.dnskey(), digest)
    }

    /// Signs a message.
    ///
    /// # Errors
    /// The library fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&SystemRandom::new(), message),
            Pair::Ed25519(pair) => pair.try_sign(message),
        };
        Ok(signature.map_err(|_| KeyError::Library)?.as_ref().to_vec())
    }
}

/// RDATA of the DS record at `owner`, a name in wire form, for a key of which RDATA of its DNSKEY record is known.
#[must_use]
pub fn ds_of(owner: &[u8], dnskey: &[u8], digest: Digest) -> Vec<u8> {
    let mut rdata = key_tag(dnskey).to_be_bytes().to_vec();
    // Flags and protocol stand before it.
    rdata.extend_from_slice(&[dnskey.get(3).copied().unwrap_or(0), digest.number()]);
    let hashed = [&owner.to_ascii_lowercase()[..], dnskey].concat();
    let hash = match digest {
        Digest::Sha256 => digest::digest(&SHA256, &hashed),
        Digest::Sha384 => digest::digest(&SHA384, &hashed),
    };
    rdata.extend_from_slice(hash.as_ref());
    rdata
}

/// The key tag of a DNSKEY record's data (RFC 4034 appendix B).
#[must_use]
pub fn key_tag(dnskey: &[u8]) -> u16 {
    let words = dnskey.chunks(2).map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |&low| u32::from(low)));
    let sum: u32 = words.sum();
    (sum + (sum >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    fn key(algorithm: Algorithm, public: &str, secret: &str) -> Key {
        let [public, secret] = [public, secret].map(|text| BASE64_STANDARD.decode(text).unwrap());
        Key::new(algorithm, Role::Entry, &public, &secret).unwrap()
    }

    const EXAMPLE_NET: &[u8] = b"\x07example\x03net\x00";
    const EXAMPLE_COM: &[u8] = b"\x07example\x03com\x00";

    #[test]
    fn the_example_of_rfc_6605_has_its_tag_and_its_ds() {
        let key = key(
            Algorithm::EcdsaP256Sha256,
            "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==",
            "GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=",
        );
        assert_eq!(key.tag(), 55648);
        let ds = key.ds(EXAMPLE_NET, Digest::Sha256);
        assert_eq!(ds[..4], [0xd9, 0x60, 13, 2]);
        assert_eq!(hex(&ds[4..]), "b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17");
    }

    #[test]
    fn the_examples_of_rfc_8080_have_their_tags_and_their_ds() {
        let first = key(
            Algorithm::Ed25519,
            "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
            "ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=",
        );
        assert_eq!(first.tag(), 3613);
        let ds = hex(&first.ds(EXAMPLE_COM, Digest::Sha256)[4..]);
        assert_eq!(ds, "3aa5ab37efce57f737fc1627013fee07bdf241bd10f3b1964ab55c78e79a304b");
        let second = key(
            Algorithm::Ed25519,
            "zPnZ/QwEe7S8C5SPz2OfS5RR40ATk2/rYnE9xHIEijs=",
            "DSSF3o0s0f+ElWzj9E/Osxw8hLpk55chkmx0LYN5WiY=",
        );
        assert_eq!(second.tag(), 35217);
        let ds = hex(&second.ds(EXAMPLE_COM, Digest::Sha256)[4..]);
        assert_eq!(ds, "401781b934e392de492ec77ae2e15d70f6575a1c0bc59c5275c04ebe80c6614c");
    }

    #[test]
    fn halves_that_do_not_belong_together_are_no_key() {
        for algorithm in Algorithm::ALL {
            let [one, other] = [0; 2].map(|_| Key::generate(algorithm, Role::Zone).unwrap());
            let refused = Key::new(algorithm, Role::Zone, &one.public, other.secret());
            assert_eq!(refused.unwrap_err(), KeyError::Unfit);
            assert!(Key::new(algorithm, Role::Zone, &one.public, one.secret()).is_ok());
            assert!(Key::new(algorithm, Role::Zone, &one.public[1..], one.secret()).is_err());
        }
    }

    #[test]
    fn a_key_does_not_print_its_secret() {
        let key = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
        assert_eq!(format!("{key:?}"), format!("Key(Ed25519, Entry, {})", key.tag()));
    }
}
