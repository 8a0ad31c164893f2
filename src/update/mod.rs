//! Dynamic updates (RFC 2136) of static names: by whom and of what the zone's file says. Pure: a message, what the zone
//! has and what was added before come in; what is added from now on goes out.
//!
//! ```text
//! message ─► message: sections ─► rules: may this key? ─► change: prerequisites, prescan, update ─► records to keep
//!                                                           ▲
//!                                         view: the file's records, updates' records, balanced names
//! ```
//!
//! **The file's records are the file's.** An update adds records beside them and takes away those that updates added;
//! one that would take away a record of the file is refused. So a reload has nothing to reconcile: what updates added is
//! put beside what the file says, and where that cannot stand together the file wins.

mod change;
mod desk;
mod message;
mod rules;
mod view;

pub use change::{Changed, Refusal, change};
pub use desk::{Desk, Reply, Ticket, Update};
pub use message::{Message, Rr};
pub use rules::{Grant, Pattern, Rules};
pub use view::{View, beside};

use crate::id::ZoneId;
use crate::zone::Record;

/// What a server makes of updates.
#[derive(Clone, Debug, Default)]
pub struct Updates {
    /// Where they are given; none: they are not known here.
    pub desk: Option<Desk>,
    /// By zone, the records that they added and that are served.
    pub served: Vec<Vec<Record>>,
}

impl Updates {
    /// The records in a zone that updates have added.
    #[must_use]
    pub fn served(&self, zone: ZoneId) -> &[Record] {
        self.served.get(zone.index()).map_or(&[], Vec::as_slice)
    }
}
