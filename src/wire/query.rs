//! A query: header, question and what follows, read in one pass and checked before anything is believed.

use super::code::{rcode, rtype};
use super::edns::{self, Asks, Edns, OPT_LENGTH, read_options};
use super::span::Span;
use crate::limits::{LABEL_MAX, NAME_MAX, PORTS_UNANSWERED};

/// Octets of a message's header.
pub const HEADER: usize = 12;
/// The QR bit in the third octet.
const RESPONSE: u8 = 0x80;
/// The four bits of the OPCODE in the third octet.
const OPCODE: u8 = 0x78;

/// A well-formed query with one question.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    message: &'a [u8],
    /// What stands in its question.
    question: Question<'a>,
    /// What its OPT record says.
    pub edns: Edns<'a>,
}

/// Why a message is no query that has an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault<'a> {
    /// It deserves no reply: a response, a fragment, or something from a port that is not answered.
    Ignore,
    /// It has no question, and asks for a cookie by that of its own (RFC 7873 §5.4).
    NoQuestion {
        /// Its OPT record.
        edns: Edns<'a>,
        /// The cookie.
        cookie: &'a [u8],
    },
    /// It gets an error.
    Reject {
        /// The error.
        rcode: u16,
        /// Octets of header and question that are echoed; [`HEADER`] if the question is not.
        echo: usize,
        /// The OPT record, as far as it was understood.
        edns: Edns<'a>,
    },
}

/// A question as read.
#[derive(Clone, Copy, Debug)]
struct Question<'a> {
    /// Where its name ends.
    name_end: usize,
    /// QTYPE and QCLASS as they were sent, read where somebody wants to know.
    words: &'a [u8; 4],
}

/// The header's four counts.
#[derive(Clone, Copy)]
struct Counts {
    question: u16,
    /// Answer and authority.
    middle: u32,
    additional: u16,
}

/// The counts of a message of one question, as they stand in its header.
const ONE_QUESTION: u64 = 1 << 48;
/// The same with one additional record.
const ONE_QUESTION_ONE_MORE: u64 = ONE_QUESTION | 1;

/// The question of a message that looks as nearly all do: a query of one question, and behind it at most one record.
/// The name can be looked up before the rest is read.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    message: &'a [u8],
    question: Question<'a>,
    counts: u64,
}

impl<'a> Asked<'a> {
    /// Reads the header and the question. `None` says nothing: ask [`Query::parse`].
    #[inline(always)]
    #[must_use]
    pub fn read(message: &'a [u8]) -> Option<Self> {
        let &[_, _, flags, _, counts @ ..] = message.first_chunk::<HEADER>()?;
        if flags & (RESPONSE | OPCODE) != 0 {
            return None;
        }
        Some(Self { message, question: read_question(message)?, counts: u64::from_be_bytes(counts) })
    }

    /// QNAME, in the case sent.
    #[inline(always)]
    #[must_use]
    pub fn name(&self) -> Span<'a> {
        Span::new(&self.message[HEADER..self.question.name_end])
    }

    /// QTYPE.
    #[inline(always)]
    #[must_use]
    pub const fn qtype(&self) -> u16 {
        self.question.qtype()
    }

    /// Reads what is behind the question: nothing, or an OPT record. `None` says nothing: ask [`Query::parse`].
    #[inline(always)]
    #[must_use]
    pub fn with_rest(self) -> Option<Query<'a>> {
        let Self { message, question, counts } = self;
        let edns = match counts {
            ONE_QUESTION if message.len() == question.end() => Edns::default(),
            ONE_QUESTION_ONE_MORE => read_opt(message, question.end())?,
            _ => return None,
        };
        (question.qtype() != rtype::OPT).then_some(Query { message, question, edns })
    }
}

impl<'a> Query<'a> {
    /// Reads any message; it came from this port.
    ///
    /// # Errors
    /// What is to be ignored, and what gets FORMERR, NOTIMP (opcodes other than QUERY) or BADVERS.
    pub fn parse(message: &'a [u8], port: u16) -> Result<Self, Fault<'a>> {
        if message.len() < HEADER || message[2] & RESPONSE != 0 || PORTS_UNANSWERED.contains(&port) {
            return Err(Fault::Ignore);
        }
        let counts = Counts {
            question: u16::from_be_bytes([message[4], message[5]]),
            middle: u32::from(u16::from_be_bytes([message[6], message[7]]))
                + u32::from(u16::from_be_bytes([message[8], message[9]])),
            additional: u16::from_be_bytes([message[10], message[11]]),
        };
        let question = if counts.question == 1 { read_question(message) } else { None };
        let Some(question) = question else {
            return Err(reject_without_question(message, counts));
        };
        let mut edns = Edns::default();
        let rest = read_records(message, question.end(), counts, &mut edns);
        let rcode = if message[2] & OPCODE != 0 {
            rcode::NOTIMP
        } else if rest.is_none() || question.qtype() == rtype::OPT {
            rcode::FORMERR
        } else if edns.version() != 0 {
            rcode::BADVERS
        } else {
            return Ok(Self { message, question, edns });
        };
        Err(Fault::Reject { rcode, echo: question.end(), edns })
    }

    /// The message.
    #[inline]
    #[must_use]
    pub const fn message(&self) -> &'a [u8] {
        self.message
    }

    /// QNAME, in the case sent.
    #[inline]
    #[must_use]
    pub fn name(&self) -> Span<'a> {
        Span::new(&self.message[HEADER..self.question.name_end])
    }

    /// QTYPE.
    #[inline]
    #[must_use]
    pub const fn qtype(&self) -> u16 {
        self.question.qtype()
    }

    /// QCLASS.
    #[inline]
    #[must_use]
    pub const fn qclass(&self) -> u16 {
        self.question.qclass()
    }

    /// The data of its cookie, if it has one: 8 octets, or 16 to 40.
    #[must_use]
    pub fn cookie(&self) -> Option<&'a [u8]> {
        find_cookie(self.message, self.question.end())
    }

    /// Octets of header and question.
    #[inline]
    #[must_use]
    pub const fn question_end(&self) -> usize {
        self.question.end()
    }
}

impl Question<'_> {
    #[inline(always)]
    const fn qtype(self) -> u16 {
        u16::from_be_bytes([self.words[0], self.words[1]])
    }

    #[inline(always)]
    const fn qclass(self) -> u16 {
        u16::from_be_bytes([self.words[2], self.words[3]])
    }

    /// Where the question ends.
    #[inline]
    const fn end(self) -> usize {
        self.name_end + 4
    }
}

/// The error of a message whose question cannot be read or is not the only one. It may still say in which
/// dialect the error is to be told: without a question the OPT record can be found, behind a bad one it cannot.
#[cold]
fn reject_without_question(message: &[u8], counts: Counts) -> Fault<'_> {
    let opcode = message[2] & OPCODE;
    let rcode = if opcode == 0 { rcode::FORMERR } else { rcode::NOTIMP };
    let mut edns = Edns::default();
    if counts.question == 0 && read_records(message, HEADER, counts, &mut edns).is_none() {
        edns = Edns::default();
    }
    if opcode == 0
        && counts.question == 0
        && edns.version() == 0
        && edns.asks.has(Asks::COOKIE)
        && let Some(cookie) = find_cookie(message, HEADER)
    {
        return Fault::NoQuestion { edns, cookie };
    }
    Fault::Reject { rcode, echo: HEADER, edns }
}

/// Reads the question behind the header. `None`: cut short, compressed, or a name that is too long.
#[inline(always)]
fn read_question(message: &[u8]) -> Option<Question<'_>> {
    let window = &message[..message.len().min(HEADER + NAME_MAX)];
    let mut at = HEADER;
    loop {
        let length = usize::from(*window.get(at)?);
        at += 1 + length;
        // One look for the two ways out: the root, and what is no label.
        if length.wrapping_sub(1) >= LABEL_MAX {
            if length == 0 {
                break;
            }
            return None;
        }
    }
    Some(Question { name_end: at, words: message.get(at..)?.first_chunk()? })
}

/// Octets of a record behind its owner, before its data.
const FIXED: usize = 10;

/// Reads the OPT record of version 0 that stands at `at` and ends the message. `None`: it is another one, or not
/// well-formed.
#[inline(always)]
fn read_opt(message: &[u8], at: usize) -> Option<Edns<'_>> {
    let (head, options) = message.get(at..)?.split_first_chunk::<OPT_LENGTH>()?;
    let &[owner, type_high, type_low, _, _, _, version, _, _, length_high, length_low] = head;
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    if owner | version != 0 || u16::from_be_bytes([type_high, type_low]) != rtype::OPT || length != options.len() {
        return None;
    }
    Some(Edns::of(head).with(read_options(options)?))
}

/// Reads the records behind the question and keeps the OPT record's words. `None`: cut short, octets left over,
/// two OPT records, or one that is out of place.
fn read_records<'a>(message: &'a [u8], mut at: usize, counts: Counts, edns: &mut Edns<'a>) -> Option<()> {
    for number in 0..counts.middle + u32::from(counts.additional) {
        let owner_end = skip_name(message, at)?;
        let fixed = message.get(owner_end..)?.first_chunk::<FIXED>()?;
        let data = owner_end + FIXED;
        let end = data + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        if u16::from_be_bytes([fixed[0], fixed[1]]) == rtype::OPT {
            if number < counts.middle || edns.is_present() || message[at] != 0 || end > message.len() {
                return None;
            }
            *edns = Edns::of(message[at..].first_chunk()?);
            // What another version's options mean is not ours to judge.
            if edns.version() == 0 {
                *edns = edns.with(read_options(&message[data..end])?);
            }
        }
        at = end;
    }
    (at == message.len()).then_some(())
}

/// The data of the cookie in the OPT record of a message that was read before; its records begin at `at`.
fn find_cookie(message: &[u8], mut at: usize) -> Option<&[u8]> {
    loop {
        let owner_end = skip_name(message, at)?;
        let fixed = message.get(owner_end..)?.first_chunk::<FIXED>()?;
        let data = owner_end + FIXED;
        let end = data + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        if u16::from_be_bytes([fixed[0], fixed[1]]) == rtype::OPT {
            return edns::cookie(message.get(data..end)?);
        }
        at = end;
    }
}

/// The offset behind the name at `at`, which may end in a compression pointer.
pub(crate) fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    let start = at;
    loop {
        let length = usize::from(*message.get(at)?);
        match length {
            0 => return Some(at + 1),
            1..=LABEL_MAX => at += 1 + length,
            0xc0..=0xff => return Some(at + 2),
            _ => return None,
        }
        if at - start >= NAME_MAX {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Subnet;
    use crate::wire::{Name, QueryBuilder};
    use crate::worker::Draw;

    /// What the short way reads of a message, if it reads it.
    fn short(message: &[u8]) -> Option<String> {
        Asked::read(message).and_then(Asked::with_rest).map(|query| format!("{query:?}"))
    }

    /// What the long way reads.
    fn long(message: &[u8]) -> Option<String> {
        Query::parse(message, 53).ok().map(|query| format!("{query:?}"))
    }

    fn messages() -> Vec<Vec<u8>> {
        let name = Name::parse("www.example.com").unwrap();
        let plain = || QueryBuilder::new(name.clone(), rtype::A).recursion_desired();
        let subnet = |text: &str, bits| Subnet::new(text.parse().unwrap(), bits);
        vec![
            plain().build(),
            plain().udp_size(1232).build(),
            plain().dnssec_ok().build(),
            plain().subnet(subnet("192.0.2.0", 24)).build(),
            plain().subnet(subnet("2001:db8::", 56)).build(),
            plain().subnet(subnet("192.0.2.0", 24)).nsid().build(),
            plain().nsid().build(),
        ]
    }

    #[test]
    fn the_short_way_reads_what_nearly_all_messages_are() {
        for message in messages() {
            assert!(short(&message).is_some());
        }
    }

    #[test]
    fn the_short_way_reads_nothing_that_the_long_way_reads_otherwise() {
        let mut draw = Draw::new(7);
        let (mut read, mut refused) = (0, 0);
        for _ in 0..20_000 {
            for mut message in messages() {
                for _ in 0..=draw.below(2) {
                    let at = draw.below(message.len() as u32) as usize;
                    message[at] = if draw.below(2) == 0 { draw.below(4) as u8 } else { draw.next() as u8 };
                }
                let cut = if draw.below(8) == 0 { draw.below(message.len() as u32) as usize } else { message.len() };
                let message = &message[..cut];
                match short(message) {
                    None => refused += 1,
                    some => {
                        read += 1;
                        assert_eq!(some, long(message), "{message:02x?}");
                    }
                }
            }
        }
        assert!(read > 20_000 && refused > 20_000, "{read} {refused}");
    }
}
