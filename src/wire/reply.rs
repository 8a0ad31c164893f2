//! A reply, written in place: the question as it was sent, records section by section, the OPT record last.
//! What does not fit is not written, and says so.

use super::code::{class, option, rtype};
use super::edns::{Edns, OPT_LENGTH, OPTION_HEADER, Sent, SubnetOption};
use super::query::{HEADER, Query};
use crate::limits::{STREAM_REPLY_MAX, UDP_REPLY_MAX, UDP_REPLY_MIN};

/// A compression pointer to the question's name (RFC 1035 §4.1.4).
pub const QUESTION: u16 = 0xc000 | HEADER as u16;
/// Octets of a record whose owner is a pointer, before its data.
pub const RECORD_HEADER: usize = 12;
/// The highest offset that a compression pointer can name.
pub const POINTER_MAX: usize = 0x3fff;

/// The sections that records go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    /// Answer.
    Answer = 0,
    /// Authority.
    Authority = 1,
    /// Additional; the OPT record is counted by itself.
    Additional = 2,
}

/// What goes into the OPT record beside the client subnet.
#[derive(Clone, Copy, Default, Debug)]
pub struct Extras<'a> {
    /// The name server identifier, if there is one; written if it was asked for (RFC 5001).
    pub nsid: Option<&'a str>,
    /// An extended error and its text (RFC 8914).
    pub error: Option<(u16, &'static str)>,
}

/// A reply in the making.
#[derive(Debug)]
pub struct Reply<'o> {
    out: &'o mut [u8],
    /// The next octet.
    at: usize,
    /// Where sections end: room for the OPT record is kept behind it.
    limit: usize,
    /// Where the whole message ends.
    size: usize,
    question_end: usize,
    counts: [u16; 3],
    truncated: bool,
    /// AA.
    pub authoritative: bool,
    /// The scope prefix length to answer a client subnet option with; `None`: the option is not answered.
    pub scope: Option<u8>,
}

impl<'o> Reply<'o> {
    /// A reply to `query` that holds the question alone. `stream`: the transport has no limit of its own.
    #[inline(always)]
    #[must_use]
    pub fn new(query: &Query<'_>, stream: bool, out: &'o mut [u8]) -> Self {
        let end = query.question_end();
        out[..end].copy_from_slice(&query.message()[..end]);
        let (size, kept) = match &query.edns {
            None => (if stream { STREAM_REPLY_MAX } else { UDP_REPLY_MIN }, 0),
            Some(edns) => (reply_size(edns.udp_size, stream), OPT_LENGTH + subnet_length(edns)),
        };
        let size = size.min(out.len());
        Self {
            out,
            at: end,
            limit: size - kept,
            size,
            question_end: end,
            counts: [0; 3],
            truncated: false,
            authoritative: false,
            scope: None,
        }
    }

    /// Copies whole records, `count` of them, laid out ready. Gives the offset of the first one, or `None` if there
    /// is no room; then nothing is written.
    #[inline(always)]
    pub fn append(&mut self, section: Section, count: u16, records: &[u8]) -> Option<usize> {
        let at = self.at;
        let end = at + records.len();
        if end > self.limit {
            return None;
        }
        self.out[at..end].copy_from_slice(records);
        self.at = end;
        self.counts[section as usize] += count;
        Some(at)
    }

    /// Writes one record of class IN whose owner is a pointer. Gives the offset of its data.
    #[inline]
    pub fn record(&mut self, section: Section, owner: u16, rtype: u16, ttl: u32, rdata: &[u8]) -> Option<usize> {
        let start = self.at + RECORD_HEADER;
        let end = start + rdata.len();
        if end > self.limit {
            return None;
        }
        let mut head = [0; RECORD_HEADER];
        head[0..2].copy_from_slice(&owner.to_be_bytes());
        head[2..4].copy_from_slice(&rtype.to_be_bytes());
        head[4..6].copy_from_slice(&class::IN.to_be_bytes());
        head[6..10].copy_from_slice(&ttl.to_be_bytes());
        head[10..12].copy_from_slice(&(rdata.len() as u16).to_be_bytes());
        self.out[self.at..start].copy_from_slice(&head);
        self.out[start..end].copy_from_slice(rdata);
        self.at = end;
        self.counts[section as usize] += 1;
        Some(start)
    }

    /// Overwrites two octets of what was appended.
    #[inline]
    pub fn patch(&mut self, at: usize, value: u16) {
        self.out[at..at + 2].copy_from_slice(&value.to_be_bytes());
    }

    /// Two octets of what was appended.
    #[must_use]
    pub fn peek(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.out[at], self.out[at + 1]])
    }

    /// The next record's offset.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// True once [`Reply::truncate`] was called.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Takes every record out and sets TC: the client asks again over a stream (RFC 2181 §9).
    #[cold]
    pub fn truncate(&mut self) {
        self.at = self.question_end;
        self.counts = [0; 3];
        self.truncated = true;
    }

    /// Writes the header and, if the query had one, the OPT record. Gives the message's length.
    #[inline(always)]
    pub fn finish(&mut self, query: &Query<'_>, rcode: u16, extras: Extras<'_>) -> usize {
        let additional = self.counts[Section::Additional as usize] + u16::from(query.edns.is_some());
        let message = query.message();
        let mut head = [0; HEADER - 2];
        // QR, and OPCODE and RD as they were; a query's own AA and TC mean nothing.
        // An answer to class ANY cannot be authoritative (RFC 1035 §3.2.5, §6.2).
        let authoritative = self.authoritative && query.qclass == class::IN;
        head[0] = 0x80 | (message[2] & 0x79) | u8::from(authoritative) << 2 | u8::from(self.truncated) << 1;
        // CD is copied (RFC 4035 §3.1.6); RA, Z and AD stay clear.
        head[1] = (message[3] & 0x10) | (rcode & 0xf) as u8;
        head[3] = 1;
        head[4..6].copy_from_slice(&self.counts[0].to_be_bytes());
        head[6..8].copy_from_slice(&self.counts[1].to_be_bytes());
        head[8..10].copy_from_slice(&additional.to_be_bytes());
        self.out[2..HEADER].copy_from_slice(&head);
        if let Some(edns) = &query.edns {
            self.write_opt(message, edns, rcode, extras);
        }
        self.at
    }

    /// Writes the OPT record. Its own room was kept; NSID and the extended error are written if they fit as well.
    #[inline]
    fn write_opt(&mut self, message: &[u8], edns: &Edns, rcode: u16, extras: Extras<'_>) {
        let start = self.at;
        self.out[start..start + OPT_LENGTH].copy_from_slice(&opt_record(edns, rcode));
        self.at += OPT_LENGTH;
        if let (SubnetOption::Sent(Sent { at, length, .. }), Some(scope)) = (edns.subnet, self.scope) {
            let (at, length) = (usize::from(at), usize::from(length));
            self.out[self.at..self.at + length].copy_from_slice(&message[at..at + length]);
            self.out[self.at + OPTION_HEADER + 3] = scope;
            self.at += length;
        }
        if edns.nsid
            && let Some(nsid) = extras.nsid
        {
            self.option(option::NSID, &[], nsid);
        }
        if let Some((code, text)) = extras.error {
            self.option(option::ERROR, &code.to_be_bytes(), text);
        }
        let length = (self.at - start - OPT_LENGTH) as u16;
        self.patch(start + OPT_LENGTH - 2, length);
    }

    /// Writes one option if there is room for it.
    #[cold]
    fn option(&mut self, code: u16, head: &[u8], text: &str) {
        let length = head.len() + text.len();
        if self.at + OPTION_HEADER + length > self.size {
            return;
        }
        for part in [&code.to_be_bytes()[..], &(length as u16).to_be_bytes(), head, text.as_bytes()] {
            self.out[self.at..self.at + part.len()].copy_from_slice(part);
            self.at += part.len();
        }
    }
}

/// The reply to a message that is no query: its header, at most its question, and an error.
#[cold]
pub fn reject(message: &[u8], rcode: u16, echo: usize, edns: Option<Edns>, out: &mut [u8]) -> usize {
    out[..echo].copy_from_slice(&message[..echo]);
    out[2] = 0x80 | (message[2] & 0x79);
    out[3] = (message[3] & 0x10) | (rcode & 0xf) as u8;
    out[4..HEADER].copy_from_slice(&[0, u8::from(echo > HEADER), 0, 0, 0, 0, 0, u8::from(edns.is_some())]);
    let Some(edns) = edns else { return echo };
    let end = echo + OPT_LENGTH;
    out[echo..end].copy_from_slice(&opt_record(&edns, rcode));
    end
}

/// The most octets a reply may have for a client that takes `asked` of them over UDP.
fn reply_size(asked: u16, stream: bool) -> usize {
    if stream { STREAM_REPLY_MAX } else { usize::from(asked).clamp(UDP_REPLY_MIN, UDP_REPLY_MAX) }
}

/// Octets that the client subnet option takes in the reply.
fn subnet_length(edns: &Edns) -> usize {
    match edns.subnet {
        SubnetOption::Sent(sent) => usize::from(sent.length),
        SubnetOption::Absent | SubnetOption::Malformed => 0,
    }
}

/// An OPT record without options: our size, the upper bits of the RCODE, version 0, DO as it was (RFC 3225 §3).
fn opt_record(edns: &Edns, rcode: u16) -> [u8; OPT_LENGTH] {
    let [type_high, type_low] = rtype::OPT.to_be_bytes();
    let [size_high, size_low] = (UDP_REPLY_MAX as u16).to_be_bytes();
    let flags = u8::from(edns.dnssec_ok) << 7;
    [0, type_high, type_low, size_high, size_low, (rcode >> 4) as u8, 0, flags, 0, 0, 0]
}
