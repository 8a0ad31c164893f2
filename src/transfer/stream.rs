//! A transfer as it goes out: message after message, each as full as is good, signed if the question was.

use super::edition::Edition;
use super::records::{Record, Records};
use super::shared::{Kind, Outcome, Seat};
use super::{Offer, later};
use crate::limits::{STREAM_REPLY_MAX, TRANSFER_MESSAGE, UDP_REPLY_MAX};
use crate::tsig::Session;
use crate::wire::code::rtype;
use crate::wire::query::{HEADER, skip_name};
use crate::wire::reply::POINTER_MAX;
use crate::wire::{Name, Query};
use std::net::IpAddr;
use std::sync::Arc;

/// A transfer that goes on. Dropped before its end it counts as broken.
#[derive(Debug)]
pub struct Transfer {
    /// Id and flags of each message.
    head: [u8; 4],
    /// The question as it was asked: it stands in each message.
    question: Box<[u8]>,
    /// The question had an OPT record: the first message has one.
    opt: Option<bool>,
    apex: Box<[u8]>,
    parts: Vec<Arc<Records>>,
    /// The next record: part and place.
    next: (usize, usize),
    session: Option<Session>,
    seat: Seat,
    /// What it is.
    pub kind: Kind,
    /// The serial that the secondary gets.
    pub serial: u32,
    /// Who gets it.
    pub client: IpAddr,
    /// The zone.
    pub zone: Name,
}

/// What a transfer begins with.
#[derive(Debug)]
pub struct Begin<'q> {
    /// The question.
    pub query: Query<'q>,
    /// The serial that the client has, if it asks for changes.
    pub has: Option<u32>,
    /// Who asks.
    pub client: IpAddr,
    /// What signs the answer.
    pub session: Option<Session>,
    /// The client's place.
    pub seat: Seat,
}

impl Transfer {
    /// Begins what a client gets of an offer: changes if it asked for them and they are there.
    #[must_use]
    pub fn new(offer: &Offer, Begin { query, has, client, session, seat }: Begin<'_>) -> Self {
        let edition = &offer.edition;
        let (kind, parts) = parts(edition, offer, has);
        let message = query.message();
        let recursion = message[2] & 1;
        let zone = Name::from_wire(query.name().wire()).unwrap_or_else(|_| Name::root());
        Self {
            // QR and AA, and RD as it was.
            head: [message[0], message[1], 0x84 | recursion, 0],
            question: message[HEADER..query.question_end()].into(),
            opt: query.edns.is_present().then_some(query.edns.dnssec_ok()),
            apex: edition.apex.clone(),
            parts,
            next: (0, 0),
            session,
            seat,
            kind,
            serial: edition.serial,
            client,
            zone: zone.to_lowercase(),
        }
    }

    /// True if its last message was made.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.next.0 >= self.parts.len()
    }

    /// Writes the next message into `out` (of `STREAM_REPLY_MAX` octets); gives its length, or nothing if there is no
    /// more.
    pub fn next_message(&mut self, out: &mut [u8]) -> Option<usize> {
        if self.is_over() {
            return None;
        }
        let is_first = self.next == (0, 0);
        let opt = if is_first { self.opt } else { None };
        let room = self.session.as_ref().map_or(0, Session::room) + if opt.is_some() { 11 } else { 0 };
        let mut message = Message::begin(out, &self.head, &self.question, room);
        while let Some(record) = self.parts.get(self.next.0).and_then(|part| part.at(self.next.1)) {
            if !message.put(&record, &self.apex) {
                break;
            }
            self.next.1 += 1;
            while self.parts.get(self.next.0).is_some_and(|part| self.next.1 >= part.len()) {
                self.next = (self.next.0 + 1, 0);
            }
        }
        let mut length = message.end(opt);
        if let Some(session) = &mut self.session {
            length = session.sign(out, length, self.seat.shared().now());
        }
        self.seat.shared().counts.count_octets(length);
        Some(length)
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        let outcome = if self.is_over() { Outcome::Sent } else { Outcome::Broken };
        self.seat.shared().counts.count(self.kind, outcome);
    }
}

/// What a client gets that has this serial, in the order of RFC 1995 §4 or RFC 5936 §2.2.
fn parts(edition: &Edition, offer: &Offer, has: Option<u32>) -> (Kind, Vec<Arc<Records>>) {
    let soa = || Arc::clone(&edition.soa);
    let whole = || (Kind::Whole, filled(vec![soa(), Arc::clone(&edition.rest), soa()]));
    let Some(has) = has else { return whole() };
    if later(has, edition.serial) == has {
        return (Kind::Current, vec![soa()]);
    }
    // No longer than the zone itself would be.
    let Some(changes) = offer.journal.since(has, edition.size()) else { return whole() };
    let mut parts = vec![soa()];
    for change in changes {
        parts.extend([&change.old, &change.gone, &change.new, &change.came].map(Arc::clone));
    }
    parts.push(soa());
    (Kind::Changes, filled(parts))
}

/// Without parts that have no records.
fn filled(parts: Vec<Arc<Records>>) -> Vec<Arc<Records>> {
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

/// One message in the making.
struct Message<'o> {
    out: &'o mut [u8],
    at: usize,
    /// Octets that are kept behind the records.
    room: usize,
    count: u16,
    /// Where the question's name stands.
    question_end: usize,
    /// Where the last owner stands, and its name.
    last: Option<(usize, Box<[u8]>)>,
}

impl<'o> Message<'o> {
    fn begin(out: &'o mut [u8], head: &[u8; 4], question: &[u8], room: usize) -> Self {
        let question_end = HEADER + question.len();
        out[..4].copy_from_slice(head);
        out[4..HEADER].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
        out[HEADER..question_end].copy_from_slice(question);
        Self { out, at: question_end, room, count: 0, question_end, last: None }
    }

    /// Writes a record; false if the message is full. A message takes one at least.
    fn put(&mut self, record: &Record<'_>, apex: &[u8]) -> bool {
        let again = self.last.as_ref().filter(|(_, owner)| **owner == *record.owner).map(|(at, _)| *at);
        let relative = &record.owner[..record.owner.len() - apex.len()];
        let (labels, pointer) = match again {
            Some(at) => (&[][..], at),
            None => (relative, HEADER),
        };
        let end = self.at + labels.len() + 2 + record.fixed.len() + record.rdata.len();
        let most = if self.count == 0 { STREAM_REPLY_MAX } else { TRANSFER_MESSAGE };
        if end + self.room > most {
            return false;
        }
        if again.is_none() && self.at <= POINTER_MAX {
            // The apex itself is a pointer to the question.
            let at = if labels.is_empty() { HEADER } else { self.at };
            self.last = Some((at, record.owner.into()));
        }
        for part in [labels, &(0xc000 | pointer as u16).to_be_bytes(), record.fixed, record.rdata] {
            self.out[self.at..self.at + part.len()].copy_from_slice(part);
            self.at += part.len();
        }
        self.count += 1;
        true
    }

    /// Ends it, with an OPT record if that is wanted; gives its length.
    fn end(mut self, opt: Option<bool>) -> usize {
        debug_assert!(self.at > self.question_end, "a message without a record");
        self.out[6..8].copy_from_slice(&self.count.to_be_bytes());
        if let Some(dnssec_ok) = opt {
            let size = (UDP_REPLY_MAX as u16).to_be_bytes();
            let record = [0, 0, rtype::OPT as u8, size[0], size[1], 0, 0, u8::from(dnssec_ok) << 7, 0, 0, 0];
            self.out[self.at..self.at + record.len()].copy_from_slice(&record);
            self.at += record.len();
            self.out[11] = 1;
        }
        self.at
    }
}

/// The serial in the SOA record of a question for changes (RFC 1995 §3); nothing if there is none. `at`: where the
/// question ends.
#[must_use]
pub fn serial_asked_from(message: &[u8], at: usize) -> Option<u32> {
    let [answers, authority] = [6, 8].map(|at| u16::from_be_bytes([message[at], message[at + 1]]));
    if (answers, authority) != (0, 1) {
        return None;
    }
    let owner_end = skip_name(message, at)?;
    let fixed = message.get(owner_end..)?.first_chunk::<10>()?;
    if u16::from_be_bytes([fixed[0], fixed[1]]) != rtype::SOA {
        return None;
    }
    let data = owner_end + 10;
    let names_end = skip_name(message, skip_name(message, data)?)?;
    let end = data + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
    let numbers = message.get(names_end..end)?;
    (numbers.len() == 20).then(|| numbers.first_chunk().map(|serial| u32::from_be_bytes(*serial)))?
}
