//! Response rate limiting: how many replies a block of addresses gets over UDP. Pure: time, secrets and rules come from
//! the outside.
//!
//! ```text
//! reply made ─► exempt? ─► its bucket: (block, class, zone or client subnet) ─► the block's bucket for all ─► sent
//!                               │ empty                                             │ empty
//!                               └──► each slip-th: TC, the others: nothing ◄────────┘
//! ```
//!
//! The address of a UDP query may be forged, and then the reply hits somebody who never asked. A limit for each block
//! bounds what he gets from here. Honest clients behind the same block come by TCP, as TC tells them to, or show a
//! cookie, and are never limited.

mod held;
mod table;
#[cfg(test)]
mod tests;

pub use held::{Held, HeldBack, HeldRow};

use crate::address::Bits;
use crate::limits::{
    RRL_ALL, RRL_ERRORS, RRL_NODATA, RRL_NXDOMAINS, RRL_PREFIX_V4, RRL_PREFIX_V6, RRL_REFERRALS, RRL_RESPONSES,
    RRL_SLIP, RRL_TABLE,
};
use ipnet::IpNet;
use std::sync::Arc;
use table::{Rate, Table, Taken, ticks};

/// What a reply is, as far as limits are concerned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Class {
    /// It has an answer.
    Response = 0,
    /// It leads to other name servers.
    Referral = 1,
    /// The name has nothing of the type.
    NoData = 2,
    /// The name does not exist.
    NxDomain = 3,
    /// An error: REFUSED, FORMERR, SERVFAIL and the like.
    Error = 4,
    /// Any: the limit for all of a block's replies together.
    All = 5,
}

impl Class {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [Self::Response, Self::Referral, Self::NoData, Self::NxDomain, Self::Error, Self::All];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Referral => "referral",
            Self::NoData => "nodata",
            Self::NxDomain => "nxdomain",
            Self::Error => "error",
            Self::All => "all",
        }
    }
}

/// What becomes of a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is sent.
    Sent,
    /// It is over the limit and sent all the same, since limits are only tried.
    Spared,
    /// It is sent without data and with TC: whoever asked comes by TCP.
    Slipped,
    /// It is not sent.
    Dropped,
}

impl Fate {
    /// Those of replies over a limit, in the order of their counts.
    pub const OVER: [Self; 3] = [Self::Dropped, Self::Slipped, Self::Spared];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Spared => "spared",
            Self::Slipped => "slipped",
            Self::Dropped => "dropped",
        }
    }
}

/// `[rrl]`: the limits in replies a second (0: none), and whom they do not concern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// By [`Class`], the last one for all together.
    pub per_second: [u32; Class::ALL.len()],
    /// Of the replies over a limit each so-manieth is sent with TC; 0: none.
    pub slip: u8,
    /// Bits of an IPv4 block, 8 to 32.
    pub ipv4_prefix: u8,
    /// Bits of an IPv6 block, 16 to 64.
    pub ipv6_prefix: u8,
    /// Who is never limited.
    pub exempt: Vec<IpNet>,
    /// Limits are counted and told, and nothing is held back.
    pub log_only: bool,
    /// Buckets in the table.
    pub table_size: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            per_second: [RRL_RESPONSES, RRL_REFERRALS, RRL_NODATA, RRL_NXDOMAINS, RRL_ERRORS, RRL_ALL],
            slip: RRL_SLIP,
            ipv4_prefix: RRL_PREFIX_V4,
            ipv6_prefix: RRL_PREFIX_V6,
            exempt: Vec::new(),
            log_only: false,
            table_size: RRL_TABLE,
        }
    }
}

/// A block of addresses that are counted as one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Block {
    /// Its first address.
    pub first: Bits,
    /// Its length, bits.
    pub bits: u8,
}

/// A reply that waits for its fate.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// What it is.
    pub class: Class,
    /// A number of its zone.
    pub zone: u32,
    /// Who asked.
    pub source: &'a Bits,
    /// The client subnet that the answer is for, if it is for one and not for everybody.
    pub subnet: Option<Bits>,
}

/// What was decided, and by what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judged {
    /// What becomes of the reply.
    pub fate: Fate,
    /// The class whose limit decided.
    pub class: Class,
    /// A bucket that was in use had to make room for another.
    pub crowded: bool,
}

/// The rules, and the buckets that they fill. Copies share the buckets.
#[derive(Clone, Debug)]
pub struct Limiter {
    rules: Arc<Rules>,
    rates: [Rate; Class::ALL.len()],
    /// The bits of a first address that count, by family.
    masks: [u64; 2],
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    table: Table,
    held: Held,
    secret: [u64; 4],
}

impl Limiter {
    /// Limits with empty buckets; nobody else must know the secret, or they could fill other people's buckets.
    #[must_use]
    pub fn new(rules: Rules, secret: [u64; 4]) -> Self {
        let shared = Shared { table: Table::new(rules.table_size), held: Held::default(), secret };
        Self::with(rules, Arc::new(shared))
    }

    /// The same buckets under other rules; `None` if those ask for another table.
    #[must_use]
    pub fn under(&self, rules: Rules) -> Option<Self> {
        let is_same = rules.table_size == self.rules.table_size;
        is_same.then(|| Self::with(rules, Arc::clone(&self.shared)))
    }

    fn with(rules: Rules, shared: Arc<Shared>) -> Self {
        let rates = rules.per_second.map(Rate::per_second);
        let masks = [rules.ipv4_prefix, rules.ipv6_prefix].map(|bits| !u64::MAX.unbounded_shr(bits.into()));
        Self { rules: Arc::new(rules), rates, masks, shared }
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whose replies are held back.
    #[must_use]
    pub fn held(&self) -> &Held {
        &self.shared.held
    }

    /// Buckets that there is room for, and those in use at `now`, nanoseconds.
    #[must_use]
    pub fn buckets(&self, now: u64) -> (usize, usize) {
        (self.shared.table.len(), self.shared.table.busy(ticks(now)))
    }

    /// Forgets buckets that are full. To be called every few minutes: ticks wrap after nine.
    pub fn sweep(&self, now: u64) {
        self.shared.table.sweep(ticks(now));
    }

    /// Decides a reply's fate at `now`, nanoseconds on a clock that never goes back.
    #[inline]
    #[must_use]
    pub fn judge(&self, now: u64, said: &Said<'_>) -> Judged {
        let Shared { table, secret, .. } = &*self.shared;
        let source = said.source;
        if !self.rules.exempt.is_empty() && self.is_exempt(source) {
            return Judged { fate: Fate::Sent, class: said.class, crowded: false };
        }
        let (tick, slip) = (ticks(now), u32::from(self.rules.slip));
        let block =
            fold(source.high & self.masks[source.family as usize] ^ secret[0], secret[1] ^ source.family as u64);
        let key = match (said.class, &said.subnet) {
            (Class::Response, None) => fold(block, secret[2]),
            (Class::Response, Some(subnet)) => {
                let first = subnet.high & self.masks[subnet.family as usize];
                fold(block ^ first, secret[3] ^ subnet.family as u64)
            }
            (Class::Error, _) => fold(block ^ Class::Error as u64, secret[2]),
            (class, _) => fold(block ^ u64::from(said.zone) << 8 ^ class as u64, secret[2]),
        };
        let own = table.take(key, tick, self.rates[said.class as usize], slip);
        let (taken, class) = match own {
            Taken::Nothing { .. } => (own, said.class),
            _ => (table.take(block, tick, self.rates[Class::All as usize], slip), Class::All),
        };
        let crowded = own == Taken::TokenOfAnother || taken == Taken::TokenOfAnother;
        match taken {
            Taken::Nothing { slips } => {
                let key = if class == Class::All { block } else { key };
                self.over(now, said, (key, class), slips)
            }
            _ => Judged { fate: Fate::Sent, class: said.class, crowded },
        }
    }

    /// A reply over a limit.
    #[inline(never)]
    fn over(&self, now: u64, said: &Said<'_>, (key, class): (u64, Class), slips: bool) -> Judged {
        self.shared.held.note(key, now, || self.held_back(said, class));
        let fate = match () {
            () if self.rules.log_only => Fate::Spared,
            () if slips => Fate::Slipped,
            () => Fate::Dropped,
        };
        Judged { fate, class, crowded: false }
    }

    fn held_back(&self, said: &Said<'_>, class: Class) -> HeldBack {
        let is_subnet = class == Class::Response;
        let zone = matches!(class, Class::Referral | Class::NoData | Class::NxDomain).then_some(said.zone);
        let subnet = said.subnet.filter(|_| is_subnet).map(|subnet| self.block(subnet));
        HeldBack { class, block: self.block(*said.source), subnet, zone }
    }

    /// The block that an address is counted with.
    #[must_use]
    pub fn block(&self, address: Bits) -> Block {
        let bits = [self.rules.ipv4_prefix, self.rules.ipv6_prefix][address.family as usize];
        Block { first: address.first_of(bits), bits }
    }

    #[inline(never)]
    fn is_exempt(&self, source: &Bits) -> bool {
        let address = std::net::IpAddr::from(*source);
        self.rules.exempt.iter().any(|network| network.contains(&address))
    }
}

/// Mixes two words: both halves of their product (as wyhash and its kin do). With secret words nobody can tell which
/// blocks fall together.
#[inline(always)]
const fn fold(one: u64, other: u64) -> u64 {
    let product = one as u128 * other as u128;
    (product >> 64) as u64 ^ product as u64
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", std::net::IpAddr::from(self.first), self.bits)
    }
}
