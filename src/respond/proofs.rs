//! What a signed zone's answers carry for those who ask for it (RFC 4035 §3.1): signatures, and NSEC records that
//! prove what does not exist. Nothing of it is on the way of a client that does not ask.

use crate::dnssec::{Rrsig, Seal};
use crate::id::ZoneId;
use crate::limits::{CHAIN_MAX, NAME_MAX};
use crate::wire::Reply;
use crate::wire::Span;
use crate::wire::code::rtype;
use crate::wire::reply::{POINTER_MAX, Section};
use crate::zone::{Found, NodeId, Outcome, Zones};

/// Most NSEC records of one answer: one for each alias of a chain, and two for its end.
const PROOFS_MAX: usize = CHAIN_MAX + 2;

/// What is answered from, and how.
#[derive(Clone, Copy)]
pub(super) struct Book<'a> {
    /// The zones.
    pub(super) zones: &'a Zones,
    /// The client asks for signatures, and there is a zone that has some.
    pub(super) signed: bool,
}

impl Book<'_> {
    /// True if answers from this zone carry signatures.
    pub(super) fn signs(self, zone: ZoneId) -> bool {
        self.signed && self.zones.is_signed(zone)
    }
}

/// Writes the signatures of an RRset whose owner is some labels and a pointer; `None` if they have no room.
pub(super) fn put_signatures(
    seal: &Seal,
    reply: &mut Reply<'_>,
    section: Section,
    owner: (&[u8], u16),
    ttl: u32,
) -> Option<()> {
    let usual = seal.only().and_then(|rrsig| put_signature(&rrsig, reply, section, owner, ttl));
    usual.or_else(|| put_all(seal, reply, section, owner, ttl))
}

/// The same where one of several, or one that is to be made, is written.
#[cold]
fn put_all(seal: &Seal, reply: &mut Reply<'_>, section: Section, owner: (&[u8], u16), ttl: u32) -> Option<()> {
    seal.each(|rrsig| put_signature(&rrsig, reply, section, owner, ttl).is_some()).then_some(())
}

/// Writes one signature; `None` if it has no room, or was made anew at this moment.
#[inline(always)]
pub(super) fn put_signature(
    rrsig: &Rrsig<'_>,
    reply: &mut Reply<'_>,
    section: Section,
    owner: (&[u8], u16),
    ttl: u32,
) -> Option<()> {
    let parts = (rrsig.fixed, rrsig.window, rrsig.signer);
    reply.signature(section, owner, ttl, parts, rrsig.held)
}

/// The NSEC records that an answer owes, each once.
pub(super) struct Proofs {
    owed: [Owed; PROOFS_MAX],
    count: usize,
}

/// One of them: its node, the zone, and where the zone's apex stands in the message.
#[derive(Clone, Copy)]
struct Owed {
    node: NodeId,
    zone: ZoneId,
    apex: u16,
}

impl Proofs {
    pub(super) const fn new() -> Self {
        Self { owed: [Owed { node: NodeId::NONE, zone: ZoneId::new(0), apex: 0 }; PROOFS_MAX], count: 0 }
    }

    /// Owes the NSEC record of a node.
    pub(super) fn add(&mut self, book: Book<'_>, node: NodeId, zone: ZoneId, apex: usize) {
        let known = self.owed[..self.count].iter().any(|owed| owed.node == node);
        if book.signs(zone) && !known && self.count < PROOFS_MAX {
            self.owed[self.count] = Owed { node, zone, apex: apex as u16 };
            self.count += 1;
        }
    }

    /// Owes the one that covers a name.
    fn cover(&mut self, book: Book<'_>, name: &[u8], zone: ZoneId, apex: usize) {
        if let Some(node) = book.zones.at_or_before(zone, name).filter(|_| book.signs(zone)) {
            self.add(book, node, zone, apex);
        }
    }

    /// What an answer from records owes: if a wildcard stood in, that the name itself does not exist.
    pub(super) fn positive(&mut self, book: Book<'_>, found: &Found, name: Span<'_>, apex: usize) {
        if found.wildcard {
            self.cover(book, name.wire(), found.zone, apex);
        }
    }

    /// What "no such name" and "no such type" owe.
    pub(super) fn negative(&mut self, book: Book<'_>, found: &Found, name: Span<'_>, apex: usize) {
        if !book.signs(found.zone) {
            return;
        }
        match (found.outcome, found.wildcard) {
            (Outcome::NoName, _) => {
                self.cover(book, name.wire(), found.zone, apex);
                self.cover_wildcard(book, found, apex);
            }
            (_, true) => {
                self.cover(book, name.wire(), found.zone, apex);
                self.at(book, found, apex);
            }
            (_, false) => self.at(book, found, apex),
        }
    }

    /// Owes the NSEC record of the node that was found, or, where nothing but names below it exists, the one before it.
    fn at(&mut self, book: Book<'_>, found: &Found, apex: usize) {
        match book.zones.nsec(found.node) {
            Some(_) => self.add(book, found.node, found.zone, apex),
            None => self.cover(book, book.zones.name(found.node), found.zone, apex),
        }
    }

    /// Owes that there is no wildcard below the closest encloser.
    fn cover_wildcard(&mut self, book: Book<'_>, found: &Found, apex: usize) {
        let encloser = book.zones.name(found.node);
        let mut wildcard = [0; 2 + NAME_MAX];
        wildcard[..2].copy_from_slice(b"\x01*");
        wildcard[2..2 + encloser.len()].copy_from_slice(encloser);
        let length = 2 + encloser.len();
        if length <= NAME_MAX {
            self.cover(book, &wildcard[..length], found.zone, apex);
        }
    }

    /// Owes the record of this node no longer: it stands in the answer.
    pub(super) fn paid(&mut self, node: NodeId) {
        if let Some(at) = self.owed[..self.count].iter().position(|owed| owed.node == node) {
            self.owed.copy_within(at + 1..self.count, at);
            self.count -= 1;
        }
    }

    /// Writes what is owed into the authority section; `None` if it has no room.
    #[inline]
    pub(super) fn write(&self, book: Book<'_>, reply: &mut Reply<'_>) -> Option<()> {
        self.owed[..self.count].iter().try_for_each(|owed| put_nsec(book, reply, *owed))
    }
}

/// Writes the NSEC record of a node and its signatures.
#[inline(never)]
fn put_nsec(book: Book<'_>, reply: &mut Reply<'_>, Owed { node, zone, apex }: Owed) -> Option<()> {
    let Some((ttl, rdata)) = book.zones.nsec(node) else { return Some(()) };
    // The apex stands in the question or in a chain of aliases, which is short.
    let owner = (book.zones.relative(node, zone), 0xc000 | apex);
    let at = reply.named(Section::Authority, owner, rtype::NSEC, ttl, rdata)?;
    let owner = if at <= POINTER_MAX { (&[][..], 0xc000 | at as u16) } else { owner };
    put_signatures(book.zones.seal(node, rtype::NSEC)?, reply, Section::Authority, owner, ttl)
}
