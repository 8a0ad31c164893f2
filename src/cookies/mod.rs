//! DNS cookies (RFC 7873) of the form that other servers make too (RFC 9018): whoever shows one that we made has received
//! a reply of ours at his address, and is who he says. Pure: secrets and time come from the outside.
//!
//! ```text
//! client cookie │ version reserved  time │ SipHash-2-4(client cookie, version, reserved, time, address)
//!      8        │    1       3        4  │                         8                                     octets
//! ```

#[cfg(test)]
mod tests;

use crate::address::{Bits, Family};
use siphasher::sip::SipHasher24;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Octets of a client cookie (RFC 7873 §4).
pub const CLIENT: usize = 8;
/// Octets of a cookie of ours: the client's, and the server cookie (RFC 9018 §4).
pub const WHOLE: usize = CLIENT + 16;
/// Secrets that hold at a time: the one that makes cookies, the one before, and one that others may already use.
pub const SECRETS: usize = 3;

/// The version of the form (RFC 9018 §4.1).
const VERSION: u8 = 1;
/// A cookie holds for so long, seconds (RFC 9018 §4.3).
const HOLDS: u32 = 3_600;
/// One that is older than this is replaced, seconds.
const FRESH: u32 = 1_800;
/// Clocks of servers that share a secret may differ by this, seconds.
const AHEAD: u32 = 300;

/// The secret of a server, or of several that answer at one address.
pub type Secret = [u8; 16];

/// What makes cookies and knows them again. Copies share secrets and time.
#[derive(Clone, Debug)]
pub struct Cookies {
    /// Whoever shows a client cookie alone is asked to come again with a whole one.
    pub require: bool,
    /// The secrets are this server's own, and its own to replace.
    pub is_own: bool,
    shared: Arc<Shared>,
}

/// Words that one thread writes and those that answer read. A secret that is read while it is written is none: the
/// cookie that it makes will not be known again, and its client gets another.
#[derive(Debug, Default)]
struct Shared {
    /// Seconds since 1970, as they wrap.
    now: AtomicU32,
    secrets: [[AtomicU64; 2]; SECRETS],
    /// How many of them hold.
    count: AtomicU32,
}

/// A cookie that was shown, and what to answer it with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Whose cookie it is.
    pub standing: Standing,
    /// The cookie for the reply.
    pub reply: [u8; WHOLE],
}

/// What a cookie shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It was made here for this client, and holds.
    Known,
    /// It is a client cookie alone.
    New,
    /// It has a server cookie that does not hold, or that was not made here.
    Unknown,
}

impl Standing {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Known, Self::New, Self::Unknown];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::New => "new",
            Self::Unknown => "unknown",
        }
    }
}

impl Cookies {
    /// Cookies of these secrets, of which the first makes new ones; at most [`SECRETS`] of them hold. `now`: seconds
    /// since 1970.
    #[must_use]
    pub fn new(secrets: &[Secret], require: bool, now: u64) -> Self {
        let cookies = Self { require, is_own: false, shared: Arc::default() };
        cookies.set(secrets);
        cookies.tick(now);
        cookies
    }

    /// The same secrets under another policy.
    #[must_use]
    pub fn under(&self, require: bool) -> Self {
        Self { require, ..self.clone() }
    }

    /// The same, whose secrets are the server's own.
    #[must_use]
    pub fn own(self) -> Self {
        Self { is_own: true, ..self }
    }

    /// Tells the time, seconds since 1970: every second or so.
    pub fn tick(&self, now: u64) {
        self.shared.now.store(now as u32, Ordering::Relaxed);
    }

    /// Replaces the secrets. Only one thread does.
    pub fn set(&self, secrets: &[Secret]) {
        for (place, secret) in self.shared.secrets.iter().zip(secrets) {
            let (halves, _) = secret.as_chunks();
            for (word, half) in place.iter().zip(halves) {
                word.store(u64::from_le_bytes(*half), Ordering::Relaxed);
            }
        }
        self.shared.count.store(secrets.len().min(SECRETS) as u32, Ordering::Relaxed);
    }

    /// The secrets that hold, the one that makes cookies first.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        self.holding().collect()
    }

    fn holding(&self) -> impl Iterator<Item = Secret> + '_ {
        let count = self.shared.count.load(Ordering::Relaxed) as usize;
        self.shared.secrets.iter().take(count).map(|halves| {
            let [low, high] = [&halves[0], &halves[1]].map(|half| half.load(Ordering::Relaxed));
            (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
        })
    }

    /// Reads the data of a client's option: 8 octets, or 16 to 40. `None`: it is no cookie.
    #[must_use]
    pub fn show(&self, data: &[u8], client: &Bits) -> Option<Shown> {
        let (own, server) = data.split_first_chunk::<CLIENT>()?;
        let (now, mut holding) = (self.shared.now.load(Ordering::Relaxed), self.holding());
        let secret = holding.next()?;
        let standing = match server {
            [] => Standing::New,
            _ => match self.made_by((own, server), client, now, (&secret, &mut holding)) {
                // The same one again, while it is fresh and of the newest secret.
                Some(true) => return Some(Shown { standing: Standing::Known, reply: *data.first_chunk()? }),
                Some(false) => Standing::Known,
                None => Standing::Unknown,
            },
        };
        let mut head = [0; 8];
        head[0] = VERSION;
        head[4..].copy_from_slice(&now.to_be_bytes());
        let hash = hash(&secret, own, &head, client);
        let mut reply = [0; WHOLE];
        for (to, from) in reply.chunks_exact_mut(8).zip([*own, head, hash]) {
            to.copy_from_slice(&from);
        }
        Some(Shown { standing, reply })
    }

    /// True if a server cookie is a fresh one of the first secret, false if it holds all the same; `None` if it does not.
    fn made_by(
        &self,
        (own, server): (&[u8; CLIENT], &[u8]),
        client: &Bits,
        now: u32,
        (first, others): (&Secret, &mut impl Iterator<Item = Secret>),
    ) -> Option<bool> {
        let ([head, shown], []) = server.as_chunks::<8>() else { return None };
        let &[version, _, _, _, a, b, c, d] = head;
        let made = u32::from_be_bytes([a, b, c, d]);
        let (age, ahead) = (now.wrapping_sub(made), made.wrapping_sub(now));
        if version != VERSION || age > HOLDS && ahead > AHEAD {
            return None;
        }
        let is_of = |secret: &Secret| is_same(&hash(secret, own, head, client), shown);
        if is_of(first) {
            return Some(age <= FRESH);
        }
        others.any(|secret| is_of(&secret)).then_some(false)
    }
}

/// The hash of a server cookie (RFC 9018 §4.4).
fn hash(secret: &Secret, own: &[u8; CLIENT], head: &[u8; 8], client: &Bits) -> [u8; 8] {
    let mut input = [0; CLIENT + 8 + 16];
    input[..8].copy_from_slice(own);
    input[8..16].copy_from_slice(head);
    let length = match client.family {
        Family::V4 => {
            input[16..20].copy_from_slice(&client.as_v4().to_be_bytes());
            20
        }
        Family::V6 => {
            input[16..].copy_from_slice(&client.as_v6().to_be_bytes());
            32
        }
    };
    SipHasher24::new_with_key(secret).hash(&input[..length]).to_le_bytes()
}

/// Compares in a time that does not depend on where they differ.
fn is_same(one: &[u8; 8], other: &[u8; 8]) -> bool {
    u64::from_le_bytes(*one) ^ u64::from_le_bytes(*other) == 0
}
