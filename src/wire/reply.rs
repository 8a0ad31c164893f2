//! A reply, written in place: the question as it was sent, records section by section, the OPT record last.
//! What does not fit is not written, and says so.

use super::code::{class, option, rtype};
use super::edns::{Edns, OPT_LENGTH, OPTION_HEADER};
use super::query::{HEADER, Query};
use crate::cookies::WHOLE as COOKIE;
use crate::limits::{STREAM_REPLY_MAX, UDP_REPLY_MAX, UDP_REPLY_MIN};

/// A compression pointer to the question's name (RFC 1035 §4.1.4).
pub const QUESTION: u16 = 0xc000 | HEADER as u16;
/// Octets of a record whose owner is a pointer, before its data.
pub const RECORD_HEADER: usize = 12;
/// What is echoed of a message of which nothing but its header is.
pub const HEADER_ALONE: usize = HEADER;
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

/// A signature that somebody may make anew while it is copied.
pub trait Signature {
    /// Copies it; false if what was copied is a mixture.
    fn copy(self, to: &mut [u8; 64]) -> bool;
}

/// A reply in the making. The usual answer is written by code that is all inlined, so that these words stay in
/// registers; what is unusual takes the reply by value and goes on elsewhere.
#[derive(Debug)]
pub struct Reply<'o> {
    out: &'o mut [u8],
    /// The next octet.
    at: usize,
    /// Octets kept behind the sections for the OPT record.
    kept: usize,
    /// What transport and client can take.
    taker: Taker<'o>,
    question_end: usize,
    counts: [u16; 3],
    truncated: bool,
    /// AA.
    pub authoritative: bool,
    /// The scope prefix length to answer a client subnet option with; `None`: the option is not answered.
    pub scope: Option<u8>,
}

/// What the transport and the client can take.
#[derive(Clone, Copy, Debug)]
struct Taker<'q> {
    /// The transport has no limit of its own.
    stream: bool,
    /// The query's OPT record.
    edns: Edns<'q>,
}

impl Taker<'_> {
    /// True if a message of this length may be sent.
    #[cold]
    fn takes(self, length: usize) -> bool {
        // Without EDNS the client takes 512 octets, which is what the bounds make of 0.
        length <= if self.stream { STREAM_REPLY_MAX } else { self.edns.udp_size().clamp(UDP_REPLY_MIN, UDP_REPLY_MAX) }
    }
}

impl<'o> Reply<'o> {
    /// A reply to `query` that holds the question alone. `stream`: the transport has no limit of its own.
    #[inline(always)]
    #[must_use]
    pub fn new(query: &Query<'o>, stream: bool, out: &'o mut [u8]) -> Self {
        let end = query.question_end();
        copy(&mut out[..end], &query.message()[..end]);
        let edns = &query.edns;
        Self {
            out,
            at: end,
            kept: if edns.is_present() { OPT_LENGTH + edns.subnet.octets().len() } else { 0 },
            taker: Taker { stream, edns: *edns },
            question_end: end,
            counts: [0; 3],
            truncated: false,
            authoritative: false,
            scope: None,
        }
    }

    /// True if the sections may end at `end`.
    #[inline(always)]
    fn has_room(&self, end: usize) -> bool {
        self.fits(end + self.kept)
    }

    /// True if the whole message may end at `end`. What every client takes needs no look at this one.
    #[inline(always)]
    fn fits(&self, end: usize) -> bool {
        end <= UDP_REPLY_MIN || self.taker.takes(end)
    }

    /// Copies whole records, `count` of them, laid out ready. Gives the offset of the first one, or `None` if there
    /// is no room; then nothing is written.
    #[inline(always)]
    pub fn append(&mut self, section: Section, count: u16, records: &[u8]) -> Option<usize> {
        let at = self.at;
        let end = at + records.len();
        if !self.has_room(end) {
            return None;
        }
        copy(&mut self.out[at..end], records);
        self.at = end;
        self.counts[section as usize] += count;
        Some(at)
    }

    /// Writes one record of class IN whose owner is a pointer. Gives the offset of its data.
    #[inline(always)]
    pub fn record(&mut self, section: Section, owner: u16, rtype: u16, ttl: u32, rdata: &[u8]) -> Option<usize> {
        let start = self.at + RECORD_HEADER;
        let end = start + rdata.len();
        if !self.has_room(end) {
            return None;
        }
        self.out[self.at..start].copy_from_slice(&record_header(owner, rtype, ttl, rdata.len() as u16));
        self.out[start..end].copy_from_slice(rdata);
        self.at = end;
        self.counts[section as usize] += 1;
        Some(start)
    }

    /// Writes one record whose owner is some labels and behind them a pointer. Gives the offset of its owner.
    pub fn named(
        &mut self,
        section: Section,
        (labels, behind): (&[u8], u16),
        rtype: u16,
        ttl: u32,
        rdata: &[u8],
    ) -> Option<usize> {
        let (at, start) = (self.at, self.at + labels.len() + RECORD_HEADER);
        let end = start + rdata.len();
        if !self.has_room(end) {
            return None;
        }
        self.out[at..at + labels.len()].copy_from_slice(labels);
        let head = record_header(behind, rtype, ttl, rdata.len() as u16);
        self.out[at + labels.len()..start].copy_from_slice(&head);
        self.out[start..end].copy_from_slice(rdata);
        self.at = end;
        self.counts[section as usize] += 1;
        Some(at)
    }

    /// Writes an RRSIG record whose owner is some labels and behind them a pointer, from the parts of its data: up to the
    /// original TTL, expiration and inception, key tag and signer, and the signature. `None` if it has no room, or the copy
    /// of the signature is no good.
    #[inline(always)]
    pub fn signature(
        &mut self,
        section: Section,
        (labels, behind): (&[u8], u16),
        ttl: u32,
        (fixed, window, signer): (u64, u64, &[u8]),
        signature: impl Signature,
    ) -> Option<()> {
        if !self.has_room(self.at + labels.len() + signature_length(signer)) {
            return None;
        }
        self.signature_in_room(section, (labels, behind), ttl, (fixed, window, signer), signature)
    }

    /// The same where its room was asked for before.
    #[inline(always)]
    pub fn signature_in_room(
        &mut self,
        section: Section,
        (labels, behind): (&[u8], u16),
        ttl: u32,
        (fixed, window, signer): (u64, u64, &[u8]),
        signature: impl Signature,
    ) -> Option<()> {
        let length = signature_length(signer);
        let end = self.at + labels.len() + length;
        let head = record_header(behind, rtype::RRSIG, ttl, (length - RECORD_HEADER) as u16);
        let (owner, rest) = self.out[self.at..end].split_at_mut(labels.len());
        if !labels.is_empty() {
            owner.copy_from_slice(labels);
        }
        let (before, rest) = rest.split_first_chunk_mut::<{ RECORD_HEADER + 16 }>()?;
        before[..RECORD_HEADER].copy_from_slice(&head);
        before[RECORD_HEADER..RECORD_HEADER + 8].copy_from_slice(&fixed.to_be_bytes());
        before[RECORD_HEADER + 8..].copy_from_slice(&window.to_be_bytes());
        let (between, last) = rest.split_last_chunk_mut::<64>()?;
        copy(between, signer);
        if !signature.copy(last) {
            return None;
        }
        self.at = end;
        self.counts[section as usize] += 1;
        Some(())
    }

    /// The data of the records so far, if their owners are pointers.
    pub fn rdatas(&self) -> impl Iterator<Item = &[u8]> {
        let mut at = self.question_end;
        std::iter::from_fn(move || {
            let start = at + RECORD_HEADER;
            if start > self.at {
                return None;
            }
            at = start + usize::from(self.peek(start - 2));
            Some(&self.out[start..at])
        })
    }

    /// Writes addresses of the question's name into the answer section, `RECORD` octets a record; false if they have no
    /// room, or there is none for so many octets `behind` them.
    #[inline(always)]
    pub fn addresses<'r, const N: usize, const RECORD: usize>(
        &mut self,
        rtype: u16,
        ttl: u32,
        rdatas: impl ExactSizeIterator<Item = &'r [u8; N]>,
        behind: usize,
    ) -> bool {
        const { assert!(RECORD == RECORD_HEADER + N) };
        let count = rdatas.len();
        let end = self.at + RECORD * count;
        if !self.has_room(end + behind) {
            return false;
        }
        let head = record_header(QUESTION, rtype, ttl, N as u16);
        for (record, rdata) in self.out[self.at..end].as_chunks_mut::<RECORD>().0.iter_mut().zip(rdatas) {
            record[..RECORD_HEADER].copy_from_slice(&head);
            record[RECORD_HEADER..].copy_from_slice(rdata);
        }
        self.at = end;
        self.counts[Section::Answer as usize] += count as u16;
        true
    }

    /// True if a section has records.
    #[inline(always)]
    #[must_use]
    pub const fn has(&self, section: Section) -> bool {
        self.counts[section as usize] > 0
    }

    /// True if TC is set.
    #[inline(always)]
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.truncated
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

    /// Takes every record out and sets TC: the client asks again over a stream (RFC 2181 §9).
    #[cold]
    pub fn truncate(&mut self) {
        self.clear();
        self.truncated = true;
    }

    /// Takes every record out.
    #[cold]
    pub fn clear(&mut self) {
        self.at = self.question_end;
        self.counts = [0; 3];
    }

    /// Writes the header and, if the query had one, the OPT record with its options: the client subnet, an extended error
    /// and its text (RFC 8914). Gives the message's length.
    #[inline(always)]
    pub fn finish(mut self, query: &Query<'_>, rcode: u16, error: Option<(u16, &'static str)>) -> usize {
        self.write_header(query, rcode);
        if !query.edns.is_present() {
            return self.at;
        }
        let end = self.write_opt(query, rcode);
        if error.is_some() {
            return self.write_extras(end, Extras { error, ..Extras::default() });
        }
        end
    }

    /// The same with more options. A cookie that has no room leaves the reply without data and with TC.
    pub fn finish_with(mut self, query: &Query<'_>, rcode: u16, extras: Extras<'_>) -> usize {
        if extras.cookie.is_some() && !self.has_room(self.at + OPTION_HEADER + COOKIE) {
            self.truncate();
        }
        self.write_header(query, rcode);
        if !query.edns.is_present() {
            return self.at;
        }
        let end = self.write_opt(query, rcode);
        self.write_extras(end, extras)
    }

    /// Writes the header.
    #[inline(always)]
    fn write_header(&mut self, query: &Query<'_>, rcode: u16) {
        let message = query.message();
        // QR, and OPCODE and RD as they were; a query's own AA and TC mean nothing.
        // An answer to class ANY cannot be authoritative (RFC 1035 §3.2.5, §6.2).
        let authoritative = self.authoritative && query.qclass() == class::IN;
        // CD is copied (RFC 4035 §3.1.6); RA, Z and AD stay clear.
        let flags = u16::from_be_bytes([message[2], message[3]]) & 0x7910
            | 0x8000
            | u16::from(authoritative) << 10
            | u16::from(self.truncated) << 9
            | rcode & 0xf;
        self.out[2..4].copy_from_slice(&flags.to_be_bytes());
        let [answers, authority, additional] = self.counts.map(u64::from);
        let additional = additional + u64::from(query.edns.is_present());
        let counts = 1 << 48 | answers << 32 | authority << 16 | additional;
        self.out[4..HEADER].copy_from_slice(&counts.to_be_bytes());
    }

    /// Writes the OPT record with the client subnet option; their room was kept. Gives the message's length.
    #[inline(always)]
    fn write_opt(&mut self, query: &Query<'_>, rcode: u16) -> usize {
        let echo = if self.scope.is_some() { query.edns.subnet.octets() } else { &[] };
        let end = self.at + OPT_LENGTH + echo.len();
        let Some((record, option)) = self.out[self.at..end].split_first_chunk_mut::<OPT_LENGTH>() else { return end };
        write_opt_record(record, &query.edns, rcode, echo.len() as u16);
        if let Some(scope) = self.scope {
            copy(option, echo);
            if let Some(octet) = option.get_mut(OPTION_HEADER + 3) {
                *octet = scope;
            }
        }
        end
    }

    /// Writes what else the OPT record tells, as far as it fits, behind what stands up to `end`. Gives the message's
    /// length.
    #[cold]
    fn write_extras(mut self, end: usize, extras: Extras<'_>) -> usize {
        let opt = self.at;
        self.at = end;
        if let Some(cookie) = extras.cookie {
            self.option(option::COOKIE, cookie, "");
        }
        if let Some(nsid) = extras.nsid {
            self.option(option::NSID, &[], nsid);
        }
        if let Some((code, text)) = extras.error {
            self.option(option::ERROR, &code.to_be_bytes(), text);
        }
        let length = (self.at - opt - OPT_LENGTH) as u16;
        self.patch(opt + OPT_LENGTH - 2, length);
        self.at
    }

    /// Writes one option if there is room for it.
    fn option(&mut self, code: u16, head: &[u8], text: &str) {
        let length = head.len() + text.len();
        let end = self.at + OPTION_HEADER + length;
        if !self.fits(end) {
            return;
        }
        for part in [&code.to_be_bytes()[..], &(length as u16).to_be_bytes(), head, text.as_bytes()] {
            self.out[self.at..self.at + part.len()].copy_from_slice(part);
            self.at += part.len();
        }
    }
}

/// What an OPT record tells beside the client subnet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras<'a> {
    /// The cookie, the client's part first (RFC 7873).
    pub cookie: Option<&'a [u8; COOKIE]>,
    /// The name server identifier (RFC 5001).
    pub nsid: Option<&'a str>,
    /// An extended error and its text (RFC 8914).
    pub error: Option<(u16, &'static str)>,
}

/// The reply to a message that is no query: its header, at most its question, and an error.
#[cold]
pub fn reject(message: &[u8], rcode: u16, echo: usize, edns: Edns<'_>, out: &mut [u8]) -> usize {
    out[..echo].copy_from_slice(&message[..echo]);
    out[2] = 0x80 | (message[2] & 0x79);
    out[3] = (message[3] & 0x10) | (rcode & 0xf) as u8;
    out[4..HEADER].copy_from_slice(&[0, u8::from(echo > HEADER), 0, 0, 0, 0, 0, u8::from(edns.is_present())]);
    if !edns.is_present() {
        return echo;
    }
    let end = echo + OPT_LENGTH;
    if let Some(record) = out[echo..end].first_chunk_mut() {
        write_opt_record(record, &edns, rcode, 0);
    }
    end
}

/// The reply to a message without a question that asks for a cookie: a header, and an OPT record with it.
#[cold]
pub fn cookie_alone(message: &[u8], rcode: u16, edns: Edns<'_>, cookie: &[u8; COOKIE], out: &mut [u8]) -> usize {
    let end = reject(message, rcode, HEADER, edns, out);
    let parts = [&option::COOKIE.to_be_bytes()[..], &(COOKIE as u16).to_be_bytes(), cookie];
    let mut at = end;
    for part in parts {
        out[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    out[end - 2..end].copy_from_slice(&((at - end) as u16).to_be_bytes());
    at
}

/// Octets of an RRSIG record behind its owner's labels, with the key tag and the signer's name as given.
#[inline(always)]
#[must_use]
pub const fn signature_length(signer: &[u8]) -> usize {
    RECORD_HEADER + 16 + signer.len() + 64
}

/// A record of class IN up to its data.
#[inline(always)]
fn record_header(owner: u16, rtype: u16, ttl: u32, length: u16) -> [u8; RECORD_HEADER] {
    let mut head = [0; RECORD_HEADER];
    head[0..2].copy_from_slice(&owner.to_be_bytes());
    head[2..4].copy_from_slice(&rtype.to_be_bytes());
    head[4..6].copy_from_slice(&class::IN.to_be_bytes());
    head[6..10].copy_from_slice(&ttl.to_be_bytes());
    head[10..12].copy_from_slice(&length.to_be_bytes());
    head
}

/// Writes an OPT record up to its options, of so many octets: our size, the upper bits of the RCODE, version 0, DO as it
/// was (RFC 3225 §3). In two words that share an octet.
#[inline(always)]
fn write_opt_record(out: &mut [u8; OPT_LENGTH], edns: &Edns<'_>, rcode: u16, options: u16) {
    let flags = u16::from(edns.dnssec_ok()) << 15;
    let head = u64::from(rtype::OPT) << 40
        | (UDP_REPLY_MAX as u64) << 24
        | u64::from(rcode >> 4) << 16
        | u64::from(flags >> 8);
    let tail = u32::from(flags) << 16 | u32::from(options);
    out[..8].copy_from_slice(&head.to_be_bytes());
    out[7..].copy_from_slice(&tail.to_be_bytes());
}

/// Copies octets. What is copied here is short: two halves that overlap take less than finding out how to copy best.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8]) {
    match from.len() {
        8..=16 => copy_ends::<8>(to, from),
        17..=32 => copy_ends::<16>(to, from),
        33..=64 => copy_ends::<32>(to, from),
        _ => to.copy_from_slice(from),
    }
}

/// Copies the first and the last `N` octets.
#[inline(always)]
fn copy_ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk::<N>()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<N>(), from.last_chunk::<N>()) {
        *to = *from;
    }
}
