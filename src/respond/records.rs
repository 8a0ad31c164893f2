//! Answers from static data: records, chains of CNAME and DNAME, referrals, and the ways to say no
//! (RFC 1034 §4.3.2, RFC 2308, RFC 4592, RFC 6672, RFC 8482, RFC 9471).

use super::Ending;
use super::proofs::{Book, Proofs, put_signatures};
use crate::id::ZoneId;
use crate::limits::{CHAIN_MAX, NAME_MAX, TTL_STATIC};
use crate::wire::code::{rcode, rtype};
use crate::wire::query::HEADER;
use crate::wire::reply::{POINTER_MAX, QUESTION, RECORD_HEADER, Section};
use crate::wire::{Query, Reply, Span};
use crate::zone::{Found, NodeId, Outcome, Set, Zones};

/// The minimal answer to ANY: CPU "RFC8482", no operating system.
pub(super) const HINFO: &[u8] = b"\x07RFC8482\x00";

/// A name that stands in the reply: the question, then each target of a chain.
#[derive(Clone, Copy)]
struct Place {
    /// Its offset in the message.
    at: usize,
    /// Its length uncompressed.
    length: usize,
    /// The zone that it was found in.
    zone: ZoneId,
    /// Where in the message that zone's apex stands.
    apex: usize,
}

impl Place {
    fn question(zones: &Zones, query: &Query<'_>, zone: ZoneId) -> Self {
        let length = query.name().length();
        Self { at: HEADER, length, zone, apex: HEADER + length - zones.apex_length(zone) }
    }

    /// A pointer to the last `length` octets of the name, or to the whole of it.
    fn suffix(self, reply: &Reply<'_>, length: usize) -> u16 {
        pointer(position(reply, self.at, self.length - length))
    }
}

/// Where that stands which follows the first `octets` of the name at `at`: a name that ends in a pointer goes on there.
fn position(reply: &Reply<'_>, mut at: usize, mut octets: usize) -> usize {
    while octets > 0 {
        let head = reply.peek(at);
        if head >= 0xc000 {
            at = usize::from(head & 0x3fff);
        } else {
            let label = 1 + usize::from(head >> 8);
            at += label;
            octets = octets.saturating_sub(label);
        }
    }
    at
}

/// A compression pointer. Chains are short, so offsets are far below the bound where this is used for owners.
const fn pointer(at: usize) -> u16 {
    0xc000 | at as u16
}

/// Writes the answer for what was found.
pub(super) fn answer(book: Book<'_>, query: &Query<'_>, found: &Found, reply: &mut Reply<'_>) -> Ending {
    let place = Place::question(book.zones, query, found.zone);
    let mut proofs = Proofs::new();
    match found.outcome {
        Outcome::Alias(_) | Outcome::Redirect(..) => chase(book, query, *found, place, reply),
        _ => conclude(book, *found, (place, query.name()), false, &mut proofs, reply),
    }
}

/// Writes NODATA for the question.
#[cold]
pub(super) fn no_data(book: Book<'_>, query: &Query<'_>, found: Found, reply: &mut Reply<'_>) -> Ending {
    let found = Found { outcome: Outcome::NoData, ..found };
    let place = Place::question(book.zones, query, found.zone);
    conclude(book, found, (place, query.name()), false, &mut Proofs::new(), reply)
}

/// Writes an answer that leads no further. `followed`: aliases stand before it, with what `proofs` owes them.
fn conclude(
    book: Book<'_>,
    found: Found,
    (place, name): (Place, Span<'_>),
    followed: bool,
    proofs: &mut Proofs,
    reply: &mut Reply<'_>,
) -> Ending {
    reply.authoritative = true;
    if put_conclusion(book, found, (place, name), followed, proofs, reply).is_none() {
        reply.truncate();
    }
    Ending::plain(if matches!(found.outcome, Outcome::NoName) { rcode::NXDOMAIN } else { rcode::NOERROR })
}

/// The same; `None` if it has no room.
fn put_conclusion(
    book: Book<'_>,
    found: Found,
    (place, name): (Place, Span<'_>),
    followed: bool,
    proofs: &mut Proofs,
    reply: &mut Reply<'_>,
) -> Option<()> {
    let owner = pointer(place.at);
    let mut related = None;
    match found.outcome {
        Outcome::Records(set) => {
            let at = put(book, reply, Section::Answer, (found.node, set), owner, place.apex)?;
            related = Some((set, at));
            proofs.positive(book, &found, name, place.apex);
        }
        Outcome::Referral(set, length) => {
            reply.authoritative = followed;
            let owner = if found.wildcard { owner } else { place.suffix(reply, length) };
            let at = put(book, reply, Section::Authority, (found.node, set), owner, place.apex)?;
            related = Some((set, at));
            match book.zones.set(found.node, rtype::DS).filter(|_| book.signs(found.zone)) {
                Some(set) => drop(put(book, reply, Section::Authority, (found.node, set), owner, place.apex)?),
                None => proofs.add(book, found.node, found.zone, place.apex),
            }
        }
        Outcome::Any => drop(reply.record(Section::Answer, owner, rtype::HINFO, TTL_STATIC, HINFO)?),
        Outcome::NoData | Outcome::NoName => {
            put_soa(book, found.zone, place.apex, reply)?;
            proofs.negative(book, &found, name, place.apex);
        }
        // Balanced data behind an alias: the resolver asks for it by its own name. Aliases are not concluded.
        Outcome::Addresses(_)
        | Outcome::Target(_)
        | Outcome::Service(_)
        | Outcome::Alias(_)
        | Outcome::Redirect(..) => {}
    }
    proofs.write(book, reply)?;
    if let Some((set, at)) = related {
        add_related(book, reply, set, at);
    }
    Some(())
}

/// Writes the SOA record of a negative answer; the zone's apex stands at `apex`.
pub(super) fn put_soa(book: Book<'_>, zone: ZoneId, apex: usize, reply: &mut Reply<'_>) -> Option<()> {
    let set = (book.zones.apex(zone), book.zones.negative(zone));
    put(book, reply, Section::Authority, set, pointer(apex), apex).map(drop)
}

/// Follows CNAMEs and DNAMEs through our zones.
#[cold]
fn chase(book: Book<'_>, query: &Query<'_>, mut found: Found, mut place: Place, reply: &mut Reply<'_>) -> Ending {
    let zones = book.zones;
    reply.authoritative = true;
    let mut name = NameBuffer::new(query.name().wire());
    let mut proofs = Proofs::new();
    let mut trail = Trail::new();
    for _ in 0..CHAIN_MAX {
        let written = match found.outcome {
            Outcome::Alias(set) => {
                proofs.positive(book, &found, Span::new(name.wire()), place.apex);
                trail.followed(found.node, place, 0);
                follow_alias(book, reply, (found.node, set), place, &mut name)
            }
            Outcome::Redirect(set, length) => {
                // A DNAME that many names of the chain stand below is one record (RFC 2181 §5).
                let at = match trail.redirect(found.node) {
                    Some(at) => Some(at),
                    None => {
                        let owner = place.suffix(reply, length);
                        put(book, reply, Section::Answer, (found.node, set), owner, place.apex)
                    }
                };
                let Some(at) = at else {
                    reply.truncate();
                    return Ending::plain(rcode::NOERROR);
                };
                trail.followed(found.node, place, at);
                match follow_redirect(book, reply, (set, at), length, place, &mut name) {
                    Ok(written) => written,
                    Err(TooLong) => return Ending::plain(rcode::YXDOMAIN),
                }
            }
            _ => {
                let current = name;
                return conclude(book, found, (place, Span::new(current.wire())), true, &mut proofs, reply);
            }
        };
        let Some(at) = written else {
            reply.truncate();
            return Ending::plain(rcode::NOERROR);
        };
        // What is asked for is the alias itself, or the rest is not ours to tell: of a zone whose keys are missing we
        // say nothing, as of one that we do not hold.
        let next = if query.qtype() == rtype::ANY { None } else { zones.find(Span::new(name.wire()), query.qtype()) };
        let Some(next) = next.filter(|next| zones.has_soa(next.zone)) else { break };
        if trail.leads_back(reply, name.wire()) {
            break;
        }
        let length = name.wire().len();
        let apex = if next.zone == place.zone {
            place.apex
        } else {
            position(reply, at, length - zones.apex_length(next.zone))
        };
        place = Place { at, length, zone: next.zone, apex };
        found = next;
    }
    if proofs.write(book, reply).is_none() {
        reply.truncate();
    }
    Ending::plain(rcode::NOERROR)
}

/// Writes a CNAME and takes its target as the next name. Gives the target's offset in the message.
fn follow_alias(
    book: Book<'_>,
    reply: &mut Reply<'_>,
    (node, set): (NodeId, Set),
    place: Place,
    name: &mut NameBuffer,
) -> Option<usize> {
    let at = put(book, reply, Section::Answer, (node, set), pointer(place.at), place.apex)?;
    let (kept, apex) = book.zones.target(set, place.zone);
    name.set(kept, apex).then_some(at + RECORD_HEADER)
}

/// A name that a DNAME makes has more than 255 octets.
struct TooLong;

/// Writes the CNAME that a DNAME makes of the name (RFC 6672 §3.1), and takes that one's target as the next name. The
/// DNAME itself stands at `at`. Gives the target's offset in the message.
fn follow_redirect(
    book: Book<'_>,
    reply: &mut Reply<'_>,
    (set, at): (Set, usize),
    owner_length: usize,
    place: Place,
    name: &mut NameBuffer,
) -> Result<Option<usize>, TooLong> {
    let (target, _) = book.zones.target(set, place.zone);
    let old = *name;
    if !name.set(&old.wire()[..old.wire().len() - owner_length], target) {
        return Err(TooLong);
    }
    let ttl = u32::from(reply.peek(at + 6)) << 16 | u32::from(reply.peek(at + 8));
    Ok(reply.record(Section::Answer, pointer(place.at), rtype::CNAME, ttl, name.wire()))
}

/// Copies a set and turns its pointers: `owner` in place of the question, `apex` to where the apex stands here. Its
/// signatures stand behind it, if they are asked for.
#[inline]
fn put(
    book: Book<'_>,
    reply: &mut Reply<'_>,
    section: Section,
    (node, set): (NodeId, Set),
    owner: u16,
    apex: usize,
) -> Option<usize> {
    let start = reply.append(section, set.count, book.zones.image(&set))?;
    if owner != QUESTION {
        let mut at = start;
        for _ in 0..set.count {
            reply.patch(at, owner);
            at += RECORD_HEADER + usize::from(reply.peek(at + RECORD_HEADER - 2));
        }
    }
    for fixup in book.zones.fixups(set) {
        reply.patch(start + fixup, pointer(apex));
    }
    if book.signed {
        let ttl = u32::from(reply.peek(start + 6)) << 16 | u32::from(reply.peek(start + 8));
        let seal = book.zones.seal(node, set.rtype);
        seal.map_or(Some(()), |seal| put_signatures(seal, reply, section, (&[], owner), ttl))?;
    }
    Some(start)
}

/// Writes the addresses of the names in a set that stands at `start`. Those without which the set is of no use
/// come first and truncate the reply if they do not fit (RFC 9471); the others are left out.
#[cold]
fn add_related(book: Book<'_>, reply: &mut Reply<'_>, set: Set, start: usize) {
    for related in book.zones.related(set) {
        let name_at = start + related.name_at;
        for rtype in [rtype::A, rtype::AAAA] {
            let Some(addresses) = book.zones.set(related.node, rtype) else { continue };
            let addresses = (related.node, addresses);
            let written = name_at <= POINTER_MAX
                && put(book, reply, Section::Additional, addresses, pointer(name_at), 0).is_some();
            if !written && related.required {
                return reply.truncate();
            }
        }
    }
}

/// The names that a chain has led through.
struct Trail {
    steps: [Step; CHAIN_MAX],
    count: usize,
}

/// One of them.
#[derive(Clone, Copy)]
struct Step {
    /// The node that it was found at.
    node: NodeId,
    /// Its offset in the message.
    at: usize,
    /// Its length uncompressed.
    length: usize,
    /// Where the DNAME stands in the message that leads on from it; 0 if it has a CNAME of its own.
    redirect: usize,
}

impl Trail {
    const fn new() -> Self {
        Self { steps: [Step { node: NodeId::NONE, at: 0, length: 0, redirect: 0 }; CHAIN_MAX], count: 0 }
    }

    fn followed(&mut self, node: NodeId, place: Place, redirect: usize) {
        if let Some(step) = self.steps.get_mut(self.count) {
            *step = Step { node, at: place.at, length: place.length, redirect };
            self.count += 1;
        }
    }

    /// Where a DNAME stands in the message already.
    fn redirect(&self, node: NodeId) -> Option<usize> {
        let here = |step: &&Step| step.redirect != 0 && step.node == node;
        self.steps[..self.count].iter().find(here).map(|step| step.redirect)
    }

    /// True if the chain has led through this name before. The node does not tell: many names are found at a wildcard,
    /// or below a DNAME.
    fn leads_back(&self, reply: &Reply<'_>, name: &[u8]) -> bool {
        self.steps[..self.count].iter().any(|step| step.length == name.len() && is_at(reply, step.at, name))
    }
}

/// True if the name at `at` in the message is this one, which is as long uncompressed.
fn is_at(reply: &Reply<'_>, mut at: usize, name: &[u8]) -> bool {
    let mut rest = name;
    while let [length, behind @ ..] = rest
        && *length > 0
    {
        let label = usize::from(*length);
        let mut head = reply.peek(at);
        while head >= 0xc000 {
            at = usize::from(head & 0x3fff);
            head = reply.peek(at);
        }
        let octet = |place: usize| (reply.peek(at + place) >> 8) as u8;
        if octet(0) != *length || !(0..label).all(|place| octet(1 + place).eq_ignore_ascii_case(&behind[place])) {
            return false;
        }
        at += 1 + label;
        rest = &behind[label..];
    }
    true
}

/// The current name of a chain.
#[derive(Clone, Copy)]
struct NameBuffer {
    bytes: [u8; NAME_MAX],
    length: usize,
}

impl NameBuffer {
    fn new(wire: &[u8]) -> Self {
        let mut name = Self { bytes: [0; NAME_MAX], length: 0 };
        name.set(wire, &[]);
        name
    }

    /// Takes `head` with `tail` behind it; false if that is too long for a name.
    fn set(&mut self, head: &[u8], tail: &[u8]) -> bool {
        let length = head.len() + tail.len();
        if length > self.bytes.len() {
            return false;
        }
        self.bytes[..head.len()].copy_from_slice(head);
        self.bytes[head.len()..length].copy_from_slice(tail);
        self.length = length;
        true
    }

    fn wire(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
