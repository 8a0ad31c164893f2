//! Shared secrets, by name.

use crate::limits::TSIG_SECRET_MIN;
use crate::wire::{Name, Span};
use aws_lc_rs::hmac;
use std::fmt;
use std::sync::Arc;

/// How messages are signed. Weaker ones (HMAC-MD5, SHA-1) are not spoken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Algorithm {
    /// HMAC with SHA-256, which everybody has.
    #[default]
    Sha256,
    /// With SHA-384.
    Sha384,
    /// With SHA-512.
    Sha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sha256 => "hmac-sha256",
            Self::Sha384 => "hmac-sha384",
            Self::Sha512 => "hmac-sha512",
        }
    }

    /// Its name in wire form.
    pub(super) const fn wire(self) -> &'static [u8] {
        match self {
            Self::Sha256 => b"\x0bhmac-sha256\x00",
            Self::Sha384 => b"\x0bhmac-sha384\x00",
            Self::Sha512 => b"\x0bhmac-sha512\x00",
        }
    }

    /// Octets of a signature.
    pub(super) const fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// A secret that we share with somebody.
pub struct Key {
    name: Name,
    algorithm: Algorithm,
    hmac: hmac::Key,
}

impl fmt::Debug for Key {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &self.name).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Why octets are no secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyError;

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a secret has at least {TSIG_SECRET_MIN} octets")
    }
}

impl std::error::Error for KeyError {}

impl Key {
    /// A key.
    ///
    /// # Errors
    /// The secret is too short.
    pub fn new(name: &Name, algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < TSIG_SECRET_MIN {
            return Err(KeyError);
        }
        Ok(Self { name: name.to_lowercase(), algorithm, hmac: hmac::Key::new(algorithm.hmac(), secret) })
    }

    /// Its name, in lower case.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// How it signs.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The signature of some octets.
    pub(super) fn sign(&self, parts: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.hmac);
        parts.iter().for_each(|part| context.update(part));
        context.sign()
    }
}

/// The keys of a server.
#[derive(Clone, Debug, Default)]
pub struct Keys(Arc<[Arc<Key>]>);

impl FromIterator<Key> for Keys {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        Self(keys.into_iter().map(Arc::new).collect())
    }
}

impl Keys {
    /// The key of a name in any case.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<&Arc<Key>> {
        self.0.iter().find(|key| Span::new(name).is(key.name.wire()))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.0.iter()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
