//! What all transfers of a server share, from one configuration to the next: the time, the seats, the counts.

use crate::address::{Bits, Family};
use crate::limits::{TRANSFERS, TRANSFERS_CLIENT};
use crate::tsig::Failure;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a secondary gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The whole zone.
    Whole,
    /// What changed.
    Changes,
    /// Nothing but the SOA record: it has what there is.
    Current,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Whole, Self::Changes, Self::Current];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Changes => "changes",
            Self::Current => "current",
        }
    }
}

/// How a transfer ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Its last message was handed to the client's connection.
    Sent,
    /// The connection ended before, or it took too long.
    Broken,
}

impl Outcome {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sent, Self::Broken];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Broken => "broken",
        }
    }
}

/// What was counted.
#[derive(Debug, Default)]
pub struct Counts {
    ended: [[AtomicU64; Outcome::ALL.len()]; Kind::ALL.len()],
    octets: AtomicU64,
    refused: AtomicU64,
    /// Secondaries that heard of a change, and those that were given up.
    notified: [AtomicU64; 2],
    failures: [AtomicU64; Failure::ALL.len()],
    /// Dynamic updates by their RCODE.
    updates: [AtomicU64; 16],
}

impl Counts {
    /// Counts a transfer that has ended.
    pub fn count(&self, kind: Kind, outcome: Outcome) {
        self.ended[kind as usize][outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a transfer that is refused.
    pub fn count_refusal(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a signature that is refused.
    pub fn count_failure(&self, failure: Failure) {
        self.failures[failure as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts octets of a message.
    pub fn count_octets(&self, octets: usize) {
        self.octets.fetch_add(octets as u64, Ordering::Relaxed);
    }

    /// Counts a secondary that was told of a change: it has heard, or was given up.
    pub fn count_notified(&self, has_heard: bool) {
        self.notified[usize::from(!has_heard)].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a dynamic update that has ended.
    pub fn count_update(&self, rcode: u16) {
        self.updates[usize::from(rcode & 0xf)].fetch_add(1, Ordering::Relaxed);
    }

    /// So many updates ended with this RCODE.
    #[must_use]
    pub fn updates(&self, rcode: u16) -> u64 {
        self.updates[usize::from(rcode & 0xf)].load(Ordering::Relaxed)
    }

    /// Octets of messages.
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.octets.load(Ordering::Relaxed)
    }

    /// Transfers that were asked for and refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Secondaries that heard of a change, and those that were given up.
    #[must_use]
    pub fn notified(&self) -> [u64; 2] {
        [0, 1].map(|which| self.notified[which].load(Ordering::Relaxed))
    }

    /// So many transfers ended like this.
    #[must_use]
    pub fn ended(&self, kind: Kind, outcome: Outcome) -> u64 {
        self.ended[kind as usize][outcome as usize].load(Ordering::Relaxed)
    }

    /// So many signatures were refused for this.
    #[must_use]
    pub fn failures(&self, failure: Failure) -> u64 {
        self.failures[failure as usize].load(Ordering::Relaxed)
    }
}

/// What all transfers share.
#[derive(Debug, Default)]
pub struct Shared {
    /// Seconds since 1970, as they were told.
    now: AtomicU64,
    /// Who is served.
    seats: Mutex<Vec<Bits>>,
    /// What was counted.
    pub counts: Counts,
}

/// A place among the transfers of a moment; it is given back when this is dropped.
#[derive(Debug)]
pub struct Seat {
    shared: Arc<Shared>,
    client: Bits,
}

impl Shared {
    /// Tells the time, seconds since 1970: every second or so.
    pub fn tell(&self, now: u64) {
        self.now.store(now, Ordering::Relaxed);
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Transfers that go on.
    #[must_use]
    pub fn running(&self) -> usize {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Takes a seat for a client; none if they are taken.
    #[must_use]
    pub fn seat(self: &Arc<Self>, client: Bits) -> Option<Seat> {
        let client = network(client);
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        let of_client = seats.iter().filter(|other| **other == client).count();
        if seats.len() >= TRANSFERS || of_client >= TRANSFERS_CLIENT {
            return None;
        }
        seats.push(client);
        Some(Seat { shared: Arc::clone(self), client })
    }
}

/// Whose addresses count as one client: an IPv6 /64.
fn network(client: Bits) -> Bits {
    match client.family {
        Family::V4 => client,
        Family::V6 => Bits::v6(client.as_v6() >> 64 << 64),
    }
}

impl Seat {
    /// What all share.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.shared.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = seats.iter().position(|other| *other == self.client) {
            seats.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn client(text: &str) -> Bits {
        Bits::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn a_client_takes_no_more_than_its_part_and_a_seat_is_given_back() {
        let shared = Arc::<Shared>::default();
        let mut held: Vec<_> =
            (0..TRANSFERS_CLIENT).map(|host| shared.seat(client(&format!("2001:db8::{host}"))).unwrap()).collect();
        assert!(shared.seat(client("2001:db8::ffff")).is_none(), "one network is one client");
        held.pop();
        held.push(shared.seat(client("2001:db8::ffff")).unwrap());
        held.extend((held.len()..TRANSFERS).map(|host| shared.seat(client(&format!("192.0.2.{host}"))).unwrap()));
        assert!(shared.seat(client("198.51.100.1")).is_none(), "all seats are taken");
        drop(held);
        assert_eq!(shared.running(), 0);
        assert!(shared.seat(client("198.51.100.1")).is_some());
    }
}
