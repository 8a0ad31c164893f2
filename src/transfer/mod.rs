//! Zone transfers: a zone's static part for secondaries that are plain name servers (RFC 5936, 1995). Pure: who asks, and
//! what serves, come in; messages go out, one after the other, as the client takes them.
//!
//! ```text
//! configuration ─► balanced: what stands for a balanced name ─┐
//!      its zones ─► edition: every record, signed, in order ──┴─► journal: what changed since the one before
//!                                                                   │
//! question ─► rules: may he? ─► seats: is there room? ─► stream ◄───┘ ─► message … message
//! ```
//!
//! An edition belongs to its configuration, and what serves is one pointer: a transfer that has begun goes on with the
//! edition that it began with, whatever is reloaded meanwhile.

mod balanced;
mod edition;
mod journal;
mod records;
mod rules;
mod shared;
mod stream;

pub use balanced::stand_ins;
pub use edition::{Edition, EditionError};
pub use journal::{Change, Journal};
pub use records::Records;
pub use rules::{Balanced, Notify, Rules};
pub use shared::{Counts, Kind, Outcome, Seat, Shared};
pub use stream::{Begin, Transfer, serial_asked_from};

use crate::id::ZoneId;
use crate::tsig::Keys;
use std::sync::Arc;

/// What a server offers to secondaries.
#[derive(Clone, Debug, Default)]
pub struct Transfers {
    /// Who shares a secret with us.
    pub keys: Keys,
    /// By zone; nothing for one that nobody may have.
    pub offers: Vec<Option<Arc<Offer>>>,
    /// The time, who is served, what was counted: the same from one configuration to the next.
    pub shared: Arc<Shared>,
    /// By zone, its serial and what it stands for.
    pub serials: Vec<Standing>,
}

/// A zone's serial, and the content that it stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The zone's apex, in lower case.
    pub apex: Box<str>,
    /// The serial.
    pub serial: u32,
    /// The fingerprint of the content.
    pub content: u64,
    /// That of the signatures which secondaries had with it, if it was signed and laid out.
    pub signatures: Option<u64>,
}

/// A zone for those who may have it.
#[derive(Debug)]
pub struct Offer {
    /// Who may, and who is told of changes.
    pub rules: Rules,
    /// The zone.
    pub edition: Arc<Edition>,
    /// How it came from earlier ones.
    pub journal: Journal,
}

impl Transfers {
    /// Nothing offered yet, with what goes on from one configuration to the next. `now`: seconds since 1970.
    #[must_use]
    pub fn following(before: Option<&Self>, now: u64) -> Self {
        let shared = before.map(|before| Arc::clone(&before.shared)).unwrap_or_default();
        shared.tell(now);
        Self { shared, ..Self::default() }
    }

    /// What is offered of a zone.
    #[must_use]
    pub fn offer(&self, zone: ZoneId) -> Option<&Arc<Offer>> {
        self.offers.get(zone.index())?.as_ref()
    }
}

/// The larger of two serials (RFC 1982); the first if that is not defined.
#[must_use]
pub const fn later(one: u32, other: u32) -> u32 {
    if is_later(other, one) { other } else { one }
}

/// True if a serial comes after another (RFC 1982 §3.2).
#[must_use]
pub const fn is_later(one: u32, other: u32) -> bool {
    let ahead = one.wrapping_sub(other);
    ahead != 0 && ahead < 1 << 31
}
