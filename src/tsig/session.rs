//! Messages that belong together: a request that was signed, and what answers it.

use super::key::{Key, Keys};
use super::record::{Signed, find};
use crate::limits::TSIG_FUDGE_S;
use crate::wire::code::{class, rtype};
use crate::wire::query::HEADER;
use aws_lc_rs::constant_time;
use std::sync::Arc;

/// Octets that a part of a signature has at least (§5.2.2.1).
const MAC_LEAST: usize = 10;

/// What is wrong with a signature (§5.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// We do not know the key, or it is for another algorithm.
    Key,
    /// The signature is not of this key and this message.
    Signature,
    /// Its time is too far from ours.
    Time,
    /// It was cut shorter than we take it.
    Cut,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Key, Self::Signature, Self::Time, Self::Cut];

    /// Its number in the record.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Signature => 16,
            Self::Key => 17,
            Self::Time => 18,
            Self::Cut => 22,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Time => "time",
            Self::Cut => "truncation",
        }
    }
}

/// What a signed request comes to: whose it is, or why it is nobody's.
#[derive(Debug)]
pub enum Opened {
    /// It is as the key's holder sent it.
    Good(Session),
    /// It is refused. With a session the refusal is signed.
    Bad(Failure, Option<Session>),
    /// Its signature is longer than those of the key, or too short to be a part of one (§5.2.2.1): FORMERR.
    Malformed,
}

/// A conversation under one key.
#[derive(Debug)]
pub struct Session {
    key: Arc<Key>,
    /// The signature before, behind its length; empty if there was none.
    prior: Vec<u8>,
    /// The request's id.
    id: u16,
    /// A message was signed since the request: from here on times alone are signed with each (§5.3.1).
    begun: bool,
}

impl Keys {
    /// Opens a signed request. `now`: seconds since 1970. The order of the checks is that of §5.2.
    #[must_use]
    pub fn open(&self, message: &[u8], signed: &Signed<'_>, now: u64) -> Opened {
        let known = self.find(signed.key);
        let Some(key) = known.filter(|key| key.algorithm().wire().eq_ignore_ascii_case(signed.algorithm)) else {
            return Opened::Bad(Failure::Key, None);
        };
        let whole = key.algorithm().length();
        if !((whole / 2).max(MAC_LEAST)..=whole).contains(&signed.mac.len()) {
            return Opened::Malformed;
        }
        if !holds(key, &[], message, signed, false) {
            return Opened::Bad(Failure::Signature, None);
        }
        let session = Session { key: Arc::clone(key), prior: behind_length(signed.mac), id: signed.id, begun: false };
        if now.abs_diff(signed.time) > u64::from(signed.fudge) {
            return Opened::Bad(Failure::Time, Some(session));
        }
        // A part of it says that it is the key's, no more.
        if signed.mac.len() != whole {
            return Opened::Bad(Failure::Cut, Some(session));
        }
        Opened::Good(session)
    }
}

impl Session {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &Arc<Key> {
        &self.key
    }

    /// Octets that a signature adds to a message, at most.
    #[must_use]
    pub fn room(&self) -> usize {
        let algorithm = self.key.algorithm();
        self.key.name().wire().len() + 10 + algorithm.wire().len() + 16 + algorithm.length() + 6
    }

    /// Signs a request of ours, which takes the first `length` octets of `out`; gives its length then. `out` must have
    /// [`Session::room`] more.
    #[must_use]
    pub fn request(key: &Arc<Key>, out: &mut [u8], length: usize, now: u64) -> (usize, Self) {
        let id = u16::from_be_bytes([out[0], out[1]]);
        let mut session = Self { key: Arc::clone(key), prior: Vec::new(), id, begun: false };
        let length = session.sign(out, length, now);
        session.begun = false;
        (length, session)
    }

    /// Signs the next message, which takes the first `length` octets of `out`; gives its length then.
    pub fn sign(&mut self, out: &mut [u8], length: usize, now: u64) -> usize {
        let words = Words { time: now, fudge: TSIG_FUDGE_S, error: 0, other: &[] };
        self.sign_as(out, length, &words)
    }

    /// Signs the refusal of a request.
    fn sign_refusal(
        &mut self,
        out: &mut [u8],
        length: usize,
        failure: Failure,
        signed: &Signed<'_>,
        now: u64,
    ) -> usize {
        let ours = now.to_be_bytes();
        // With the client's own time, so that he can verify it, and ours beside it (§5.2.3).
        let (time, other) = if failure == Failure::Time { (signed.time, &ours[2..]) } else { (now, &[][..]) };
        let words = Words { time, fudge: TSIG_FUDGE_S, error: failure.code(), other };
        self.sign_as(out, length, &words)
    }

    fn sign_as(&mut self, out: &mut [u8], length: usize, words: &Words<'_>) -> usize {
        let (name, algorithm) = (self.key.name().wire(), self.key.algorithm().wire());
        let variables = if self.begun { words.timers() } else { words.variables(name, algorithm) };
        let tag = self.key.sign(&[&self.prior, &out[..length], &variables]);
        self.prior = behind_length(tag.as_ref());
        self.begun = true;
        append(out, length, (name, algorithm), (tag.as_ref(), self.id), words)
    }

    /// True if a message is the next one of the other side: the answer to our request.
    #[must_use]
    pub fn verify(&mut self, message: &[u8], now: u64) -> bool {
        let Ok(Some(signed)) = find(message) else { return false };
        let is_ours = self.key.name().wire().eq_ignore_ascii_case(signed.key)
            && self.key.algorithm().wire().eq_ignore_ascii_case(signed.algorithm)
            && signed.mac.len() == self.key.algorithm().length()
            && now.abs_diff(signed.time) <= u64::from(signed.fudge);
        if !is_ours || signed.error != 0 || !holds(&self.key, &self.prior, message, &signed, self.begun) {
            return false;
        }
        self.prior = behind_length(signed.mac);
        self.begun = true;
        true
    }
}

/// Ends the refusal of a request, which takes the first `length` octets of `out`, with a TSIG record that says why:
/// signed if that helps, else with an empty signature (§5.2.1, §5.2.2). `None`: it has no room.
#[must_use]
pub fn refuse(
    out: &mut [u8],
    length: usize,
    (failure, session): (Failure, Option<Session>),
    signed: &Signed<'_>,
    now: u64,
) -> Option<usize> {
    if let Some(mut session) = session {
        return (out.len() >= length + session.room()).then(|| session.sign_refusal(out, length, failure, signed, now));
    }
    let words = Words { time: signed.time, fudge: signed.fudge, error: failure.code(), other: &[] };
    let room = signed.key.len() + signed.algorithm.len() + 26;
    (out.len() >= length + room).then(|| append(out, length, (signed.key, signed.algorithm), (&[], signed.id), &words))
}

/// What a TSIG record says beside names and signature.
struct Words<'w> {
    time: u64,
    fudge: u16,
    error: u16,
    other: &'w [u8],
}

impl Words<'_> {
    /// What is signed with a message (§4.3.3).
    fn variables(&self, name: &[u8], algorithm: &[u8]) -> Vec<u8> {
        let mut out = name.to_ascii_lowercase();
        out.extend_from_slice(&class::ANY.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend(algorithm.iter().map(u8::to_ascii_lowercase));
        out.extend_from_slice(&self.timers());
        out.extend_from_slice(&self.error.to_be_bytes());
        out.extend_from_slice(&(self.other.len() as u16).to_be_bytes());
        out.extend_from_slice(self.other);
        out
    }

    /// What is signed with the second message of several, and those behind it (§4.3.3.1).
    fn timers(&self) -> Vec<u8> {
        [&self.time.to_be_bytes()[2..], &self.fudge.to_be_bytes()].concat()
    }
}

/// True if a record's signature, or as much as there is of it, is the key's.
fn holds(key: &Key, prior: &[u8], message: &[u8], signed: &Signed<'_>, timers: bool) -> bool {
    let words = Words { time: signed.time, fudge: signed.fudge, error: signed.error, other: signed.other };
    let variables = if timers { words.timers() } else { words.variables(signed.key, signed.algorithm) };
    // As the message was before its record came to it.
    let Some(head) = message.first_chunk::<HEADER>() else { return false };
    let mut head = *head;
    head[..2].copy_from_slice(&signed.id.to_be_bytes());
    let additional = u16::from_be_bytes([head[10], head[11]]).wrapping_sub(1);
    head[10..].copy_from_slice(&additional.to_be_bytes());
    let tag = key.sign(&[prior, &head, &message[HEADER..signed.start], &variables]);
    let part = tag.as_ref().get(..signed.mac.len());
    part.is_some_and(|part| constant_time::verify_slices_are_equal(part, signed.mac).is_ok())
}

fn behind_length(mac: &[u8]) -> Vec<u8> {
    [&(mac.len() as u16).to_be_bytes()[..], mac].concat()
}

/// Appends a TSIG record and counts it; gives the message's length.
fn append(
    out: &mut [u8],
    length: usize,
    (name, algorithm): (&[u8], &[u8]),
    (mac, id): (&[u8], u16),
    words: &Words<'_>,
) -> usize {
    let rdata = algorithm.len() + 16 + mac.len() + words.other.len();
    let parts: [&[u8]; 13] = [
        name,
        &rtype::TSIG.to_be_bytes(),
        &class::ANY.to_be_bytes(),
        &[0; 4],
        &(rdata as u16).to_be_bytes(),
        algorithm,
        &words.timers(),
        &(mac.len() as u16).to_be_bytes(),
        mac,
        &id.to_be_bytes(),
        &words.error.to_be_bytes(),
        &(words.other.len() as u16).to_be_bytes(),
        words.other,
    ];
    let mut at = length;
    for part in parts {
        out[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    let additional = u16::from_be_bytes([out[10], out[11]]) + 1;
    out[10..HEADER].copy_from_slice(&additional.to_be_bytes());
    at
}
