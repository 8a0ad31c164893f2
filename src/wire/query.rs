//! A query: header, question and what follows, read in one pass and checked before anything is believed.

use super::code::{rcode, rtype};
use super::edns::{Edns, read_options};
use super::span::Span;
use crate::limits::{LABEL_MAX, NAME_MAX};
use std::net::SocketAddr;

/// Octets of a message's header.
pub const HEADER: usize = 12;
/// The four bits of the OPCODE in the third octet.
const OPCODE: u8 = 0x78;

/// A well-formed query with one question.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    message: &'a [u8],
    /// Where the question's name ends.
    name_end: u16,
    labels: u8,
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// What its OPT record says, if it has one.
    pub edns: Option<Edns>,
}

/// Why a message is no query that has an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It deserves no reply: a response, a fragment, or something from port 0.
    Ignore,
    /// It gets an error.
    Reject {
        /// The error.
        rcode: u16,
        /// Octets of header and question that are echoed; [`HEADER`] if the question is not.
        echo: usize,
        /// The OPT record, if one was understood.
        edns: Option<Edns>,
    },
}

/// A question as read.
struct Question {
    name_end: usize,
    labels: u8,
    qtype: u16,
    qclass: u16,
}

/// The header's four counts.
#[derive(Clone, Copy)]
struct Counts {
    question: u16,
    /// Answer and authority.
    middle: u32,
    additional: u16,
}

impl<'a> Query<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// What is to be ignored, and what gets FORMERR, NOTIMP (opcodes other than QUERY) or BADVERS.
    #[inline(always)]
    pub fn parse(message: &'a [u8], source: &SocketAddr) -> Result<Self, Fault> {
        if message.len() < HEADER || message[2] & 0x80 != 0 || source.port() == 0 {
            return Err(Fault::Ignore);
        }
        let counts = Counts {
            question: u16::from_be_bytes([message[4], message[5]]),
            middle: u32::from(u16::from_be_bytes([message[6], message[7]]))
                + u32::from(u16::from_be_bytes([message[8], message[9]])),
            additional: u16::from_be_bytes([message[10], message[11]]),
        };
        let question = if counts.question == 1 { read_question(message) } else { None };
        let Some(Question { name_end, labels, qtype, qclass }) = question else {
            return Err(reject_without_question(message, counts));
        };
        let end = name_end + 4;
        let mut edns = None;
        let rest = if counts.middle == 0 && counts.additional == 0 {
            (end == message.len()).then_some(())
        } else {
            read_records(message, end, counts, &mut edns)
        };
        let rcode = if message[2] & OPCODE != 0 {
            rcode::NOTIMP
        } else if rest.is_none() || qtype == rtype::OPT {
            rcode::FORMERR
        } else if edns.is_some_and(|edns| edns.version != 0) {
            rcode::BADVERS
        } else {
            return Ok(Self { message, name_end: name_end as u16, labels, qtype, qclass, edns });
        };
        Err(Fault::Reject { rcode, echo: end, edns })
    }

    /// The message.
    #[must_use]
    pub const fn message(&self) -> &'a [u8] {
        self.message
    }

    /// QNAME, in the case sent.
    #[inline]
    #[must_use]
    pub fn name(&self) -> Span<'a> {
        Span::new(self.message, HEADER, usize::from(self.name_end), usize::from(self.labels))
    }

    /// Octets of header and question.
    #[must_use]
    pub const fn question_end(&self) -> usize {
        self.name_end as usize + 4
    }
}

/// The error of a message whose question cannot be read or is not the only one. It may still say in which
/// dialect the error is to be told: without a question the OPT record can be found, behind a bad one it cannot.
#[cold]
fn reject_without_question(message: &[u8], counts: Counts) -> Fault {
    let opcode = message[2] & OPCODE;
    let rcode = if opcode == 0 { rcode::FORMERR } else { rcode::NOTIMP };
    let mut edns = None;
    if counts.question == 0 && read_records(message, HEADER, counts, &mut edns).is_none() {
        edns = None;
    }
    Fault::Reject { rcode, echo: HEADER, edns }
}

/// Reads the question behind the header. `None`: cut short, compressed, or a name that is too long.
#[inline]
fn read_question(message: &[u8]) -> Option<Question> {
    let window = &message[..message.len().min(HEADER + NAME_MAX)];
    let mut at = HEADER;
    let mut labels = 0;
    loop {
        let length = usize::from(*window.get(at)?);
        at += 1 + length;
        if length == 0 {
            break;
        }
        if length > LABEL_MAX {
            return None;
        }
        labels += 1;
    }
    let fixed: [u8; 4] = message.get(at..at + 4)?.try_into().ok()?;
    let [type_high, type_low, class_high, class_low] = fixed;
    Some(Question {
        name_end: at,
        labels,
        qtype: u16::from_be_bytes([type_high, type_low]),
        qclass: u16::from_be_bytes([class_high, class_low]),
    })
}

/// Reads the records behind the question and keeps the OPT record's words. `None`: cut short, octets left over,
/// two OPT records, or one that is out of place.
fn read_records(message: &[u8], mut at: usize, counts: Counts, edns: &mut Option<Edns>) -> Option<()> {
    for _ in 0..counts.middle {
        let owner_end = skip_name(message, at)?;
        let head: &[u8; 10] = message.get(owner_end..owner_end + 10)?.try_into().ok()?;
        if u16::from_be_bytes([head[0], head[1]]) == rtype::OPT {
            return None;
        }
        at = owner_end + 10 + usize::from(u16::from_be_bytes([head[8], head[9]]));
    }
    for _ in 0..counts.additional {
        let owner_end = skip_name(message, at)?;
        let head: &[u8; 10] = message.get(owner_end..owner_end + 10)?.try_into().ok()?;
        let end = owner_end + 10 + usize::from(u16::from_be_bytes([head[8], head[9]]));
        if u16::from_be_bytes([head[0], head[1]]) == rtype::OPT {
            if edns.is_some() || message[at] != 0 || end > message.len() {
                return None;
            }
            let read = edns.insert(Edns {
                udp_size: u16::from_be_bytes([head[2], head[3]]),
                version: head[5],
                dnssec_ok: head[6] & 0x80 != 0,
                ..Edns::default()
            });
            // What another version's options mean is not ours to judge.
            if read.version == 0 {
                read_options(message, owner_end + 10, end, read)?;
            }
        }
        at = end;
    }
    (at == message.len()).then_some(())
}

/// The offset behind the name at `at`, which may end in a compression pointer.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
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
