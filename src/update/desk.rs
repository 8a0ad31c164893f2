//! Updates on their way: from whoever carries messages to the one who carries updates out, and back.

use super::message::Message;
use crate::limits::UPDATES_WAITING;
use crate::tsig::Session;
use crate::wire::code::rcode;
use crate::wire::query::HEADER;
use std::fmt;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// An update of somebody whom we know.
#[derive(Debug)]
pub struct Update {
    /// The message without its signature.
    pub bytes: Vec<u8>,
    /// Whose it is, and what signs the reply.
    pub session: Session,
    /// Where it came from.
    pub source: IpAddr,
    /// Who carries it out.
    pub desk: Desk,
}

/// Takes the reply.
pub type Reply = Box<dyn FnOnce(Vec<u8>) + Send>;

/// An update and who waits for its end.
pub struct Ticket {
    /// The update.
    pub update: Box<Update>,
    /// Takes the reply.
    pub reply: Reply,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("update", &self.update).finish_non_exhaustive()
    }
}

/// Where updates are given; copies give to the same.
#[derive(Clone, Debug)]
pub struct Desk(SyncSender<Ticket>);

impl Desk {
    /// A desk, and what its thread receives.
    #[must_use]
    pub fn new() -> (Self, Receiver<Ticket>) {
        let (sender, receiver) = sync_channel(UPDATES_WAITING);
        (Self(sender), receiver)
    }
}

impl Update {
    /// Gives it to its desk. If too many wait there, the reply says so at once. `now`: seconds since 1970.
    pub fn submit(self: Box<Self>, now: u64, reply: Reply) {
        let desk = self.desk.clone();
        match desk.0.try_send(Ticket { update: self, reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(ticket) | TrySendError::Disconnected(ticket)) => {
                let Ticket { update, reply } = ticket;
                reply(update.answer(rcode::SERVFAIL, now));
            }
        }
    }

    /// The reply with an RCODE: the message's head and its zone, signed.
    #[must_use]
    pub fn answer(mut self, rcode: u16, now: u64) -> Vec<u8> {
        /// The QR bit in the third octet; the OPCODE stays.
        const RESPONSE: u8 = 0x80;
        let end = Message::read(&self.bytes).map_or(HEADER, |message| message.zone_end);
        let mut out = self.bytes[..end].to_vec();
        out[2] = RESPONSE | out[2] & 0x78;
        out[3] = rcode as u8 & 0xf;
        out[4..HEADER].copy_from_slice(&[0, u8::from(end > HEADER), 0, 0, 0, 0, 0, 0]);
        out.resize(end + self.session.room(), 0);
        let length = self.session.sign(&mut out, end, now);
        out.truncate(length);
        out
    }
}
