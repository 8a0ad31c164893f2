//! One set of members of one pool, laid out for the pool's method when health changes, and the pick of one answer
//! from it. A pick draws, hashes and copies ids; it allocates nothing and cannot fail.

mod expected;
mod scheduled;

use super::Balance;
use super::balance::round_robin::Ring;
use super::balance::spread::{self, Order, Spread};
use super::balance::{failover, hash, least, nearest, response_time, smooth, weighted};
use super::rendezvous::Key;
use crate::address::Bits;
use crate::health::Load;
use crate::id::EndpointId;
use crate::limits::{ANSWERS_ALL, ANSWERS_MAX};
use crate::worker::Draw;
use std::sync::Arc;

pub use super::balance::spread::ALONE;

/// What is told of a member when a table is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Its weight; 0: only when no other is there.
    pub weight: u32,
    /// The bits of its name (`rendezvous::name_bits`).
    pub name: u64,
    /// Its failure domain; [`ALONE`] if it shares none.
    pub domain: u16,
    /// The load that it reports, if that is fresh.
    pub load: Option<Load>,
    /// How long its probes take, smoothed, microseconds.
    pub time_us: Option<u32>,
}

/// A member in a table; what `number` counts is the method's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Member {
    pub(super) endpoint: EndpointId,
    pub(super) number: u32,
}

/// Members laid out for a method.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    members: Box<[Member]>,
    layout: Layout,
    answers: u8,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Layout {
    Weighted {
        total: u32,
    },
    /// `round-robin`, and `all` of as many as an answer takes.
    Rotated {
        ring: Ring,
    },
    Smooth {
        sequence: Box<[u16]>,
    },
    Failover,
    Hash {
        names: Box<[u64]>,
    },
    Winners {
        winners: Box<[u8; 1 << 14]>,
    },
    Slots {
        slots: Box<[u16]>,
    },
    Nearest {
        tie: u16,
    },
    /// One answer, shared by the first few, of whom it is written down who wins which place.
    Tied {
        tie: u16,
        winners: nearest::Winners,
    },
    /// One answer, drawn by shares that loads give.
    Lesser {
        total: u32,
    },
    Least {
        total: u32,
        ranks: Box<[u16]>,
    },
    Quickest {
        sharing: u16,
        total: u32,
    },
    Spread(Box<Spread>),
}

impl Table {
    /// Lays members out. `of_all` counts the members that the pool has in all, dead ones included. Members of weight
    /// 0 are left out unless there is no other; then they share equally. A pool that balances by nearness gets its
    /// order written here, and [`Table::nearest`] where the client's place is known.
    #[must_use]
    pub fn new(balance: Balance, answers: u8, candidates: &[Candidate], of_all: usize) -> Self {
        let answers = answers.clamp(1, ANSWERS_MAX);
        let idle = candidates.iter().all(|candidate| candidate.weight == 0);
        let mut used: Vec<&Candidate> = candidates.iter().filter(|one| idle || one.weight > 0).collect();
        let sharing = if balance == Balance::LeastResponseTime { response_time::lay_out(&mut used) } else { 0 };
        let member = |one: &&Candidate| Member { endpoint: one.endpoint, number: one.weight.max(1) };
        let mut members: Box<[Member]> = used.iter().map(member).collect();
        let names = || used.iter().map(|candidate| candidate.name).collect::<Box<[u64]>>();
        let ranks = || least::ranks(&used, balance == Balance::LeastConnections);
        let domains = if answers > 1 { spread::domains(used.iter().copied()) } else { None };
        if let Some(domains) = domains {
            let order = match balance {
                Balance::Weighted => Order::Weighted,
                Balance::RoundRobin | Balance::All => spread::rotated(balance == Balance::All),
                Balance::WeightedRoundRobin => Order::Smooth(smooth::lay_out(&members)),
                Balance::Hash => Order::Hash(names()),
                Balance::Failover | Balance::Nearest => Order::Written(0),
                Balance::LeastConnections | Balance::LeastLoad => Order::Least(ranks()),
                Balance::LeastResponseTime => Order::Quickest(sharing as u16),
            };
            return Self { members, layout: Layout::Spread(Box::new(Spread::new(domains, order))), answers };
        }
        let layout = match balance {
            Balance::Weighted => Layout::Weighted { total: weighted::lay_out(&mut members) },
            Balance::RoundRobin => Layout::Rotated { ring: Ring::new(&members, usize::from(answers)) },
            Balance::All => Layout::Rotated { ring: Ring::new(&members, usize::from(answers.min(ANSWERS_ALL))) },
            Balance::WeightedRoundRobin => Layout::Smooth { sequence: smooth::lay_out(&members) },
            Balance::Failover | Balance::Nearest => Layout::Failover,
            Balance::Hash if of_all <= hash::DIRECT => Layout::Hash { names: names() },
            Balance::Hash => Layout::Slots { slots: hash::lay_out(&members, &names(), of_all) },
            Balance::LeastConnections | Balance::LeastLoad if answers == 1 => {
                Layout::Lesser { total: least::lay_out(&mut members, &ranks()) }
            }
            Balance::LeastConnections | Balance::LeastLoad => {
                Layout::Least { ranks: ranks(), total: weighted::lay_out(&mut members) }
            }
            Balance::LeastResponseTime => {
                let total = weighted::lay_out(&mut members[..sharing]);
                Layout::Quickest { sharing: sharing as u16, total }
            }
        };
        Self { members, layout, answers }
    }

    /// Lays members out by nearness: `tiers` in the client's order, nearest first, empty ones skipped. Members of
    /// weight 0 are left out unless there is no other.
    #[must_use]
    pub fn nearest(answers: u8, tiers: &[Vec<Candidate>]) -> Self {
        let answers = answers.clamp(1, ANSWERS_MAX);
        let idle = tiers.iter().flatten().all(|candidate| candidate.weight == 0);
        let mut tie = 0;
        let mut used: Vec<&Candidate> = Vec::new();
        for tier in tiers {
            used.extend(tier.iter().filter(|candidate| idle || candidate.weight > 0));
            if tie == 0 {
                tie = used.len() as u16;
            }
        }
        let members = used.iter().map(|c| Member { endpoint: c.endpoint, number: c.name as u32 }).collect();
        let domains = if answers > 1 { spread::domains(used.iter().copied()) } else { None };
        let layout = match domains {
            Some(domains) => Layout::Spread(Box::new(Spread::new(domains, Order::Written(tie)))),
            None => Layout::Nearest { tie },
        };
        Self { members, layout, answers }
    }

    /// Writes down what a stable choice would find out per query, with the same results; every other method stays as it
    /// is.
    #[must_use]
    pub fn written_down(mut self) -> Self {
        if let (Layout::Hash { names }, 1) = (&self.layout, self.answers) {
            self.layout = Layout::Winners { winners: hash::winners(&self.members, names) };
        }
        self
    }

    /// The same for a choice among the equally near; where one of `others` chooses among the same it is shared.
    #[must_use]
    pub fn written_beside<'t>(mut self, others: impl Iterator<Item = &'t Self>) -> Self {
        let (Layout::Nearest { tie: tie @ 2.. }, 1) = (&self.layout, self.answers) else { return self };
        let tie = *tie;
        let tied = &self.members[..usize::from(tie)];
        let shared = others.filter(|other| other.members.starts_with(tied)).find_map(|other| match &other.layout {
            Layout::Tied { tie: of_it, winners } if *of_it == tie => Some(Arc::clone(winners)),
            _ => None,
        });
        if let Some(winners) = shared.or_else(|| nearest::winners(tied)) {
            self.layout = Layout::Tied { tie, winners };
        }
        self
    }

    /// True if there is nothing to pick.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members that can be picked, in the order of the table.
    pub fn endpoints(&self) -> impl Iterator<Item = EndpointId> + '_ {
        self.members.iter().map(|member| member.endpoint)
    }

    /// A member's part of the first addresses of answers, 0 to 1, of the methods that look at loads and times; 0 of every
    /// other. For explanations.
    #[must_use]
    pub fn share(&self, endpoint: EndpointId) -> f64 {
        let Some(index) = self.members.iter().position(|member| member.endpoint == endpoint) else { return 0.0 };
        match &self.layout {
            Layout::Lesser { total } => f64::from(weighted::stretch(&self.members, index).1) / f64::from(*total),
            Layout::Quickest { sharing, total } if index < usize::from(*sharing) => {
                f64::from(weighted::stretch(&self.members, index).1) / f64::from(*total)
            }
            _ => 0.0,
        }
    }

    /// Picks the members of one answer. `who` says for whom, if the method wants to know; `cursor` is where the calling
    /// thread stands in this pool.
    #[inline(always)]
    pub fn pick(&self, who: impl Asking, cursor: &mut u32, draw: &mut Draw, out: &mut Picked) {
        let (members, answers) = (&*self.members, usize::from(self.answers));
        if members.is_empty() {
            return;
        }
        match &self.layout {
            Layout::Weighted { total } | Layout::Lesser { total } => {
                weighted::pick(members, *total, answers, draw, out)
            }
            Layout::Rotated { ring } => ring.pick(members.len(), cursor, out),
            Layout::Smooth { sequence } => smooth::pick(members, sequence, answers, cursor, out),
            Layout::Failover => failover::pick(members, answers, out),
            Layout::Nearest { tie } if *tie <= 1 && answers == 1 => out.only(members[0].endpoint),
            Layout::Least { total, ranks } => least::pick(members, ranks, *total, answers, draw, out),
            Layout::Quickest { sharing, total } => {
                response_time::pick(members, (usize::from(*sharing), *total), answers, draw, out);
            }
            _ => self.pick_for(who.asker(), (cursor, draw), out),
        }
    }

    /// The same by a method that wants to know for whom: in one place, so that nobody else pays for the asking.
    #[inline(always)]
    fn pick_for(&self, asker: Asker, (cursor, draw): (&mut u32, &mut Draw), out: &mut Picked) {
        let (members, answers) = (&*self.members, usize::from(self.answers));
        match &self.layout {
            Layout::Hash { names } => hash::pick(members, names, answers, asker.endpoint_key(), out),
            Layout::Winners { winners } => hash::pick_winner(members, winners, asker.endpoint_key(), out),
            Layout::Slots { slots } => hash::pick_slots(members, slots, answers, asker.endpoint_key(), out),
            Layout::Nearest { tie } => nearest::pick(members, usize::from(*tie), answers, asker.near_key(), out),
            Layout::Tied { winners, .. } => nearest::pick_winner(members, winners, asker.near_key(), out),
            // A copy, so that the words of all others need not stand in memory.
            Layout::Spread(spread) => spread.pick(members, answers, &asker.clone(), (cursor, draw), out),
            _ => {}
        }
    }
}

/// Who can say whose clients an answer is for, and is asked by the methods that want to know.
pub trait Asking {
    /// Whose.
    fn asker(self) -> Asker;
}

impl Asking for Asker {
    #[inline(always)]
    fn asker(self) -> Asker {
        self
    }
}

/// Whose clients an answer is for: what the stable choices hash. Each use has its own salt.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// The address that decides: the client subnet's first, or the resolver's.
    pub address: Bits,
    /// Bits of it that choose an endpoint.
    pub endpoint_bits: u8,
    /// Bits of it that choose a pool, or among the equally near.
    pub pool_bits: u8,
    /// The bits of the owner name.
    pub salt: u64,
}

impl Asker {
    /// The key that `hash` uses.
    #[must_use]
    #[inline(always)]
    pub fn endpoint_key(&self) -> Key {
        Key::of(self.address, self.endpoint_bits, self.salt)
    }

    /// The key that chooses among equally near endpoints.
    #[must_use]
    #[inline(always)]
    pub fn near_key(&self) -> Key {
        Key::of(self.address, self.pool_bits, self.salt ^ 0x6e65_6172)
    }

    /// The key that chooses among the pools of a split.
    #[must_use]
    pub fn split_key(&self) -> Key {
        Key::of(self.address, self.pool_bits, self.salt ^ 0x0073_706c_6974)
    }

    /// The key that says whether a client stays with a pool that takes a share of its clients.
    #[must_use]
    pub fn share_key(&self) -> Key {
        Key::of(self.address, self.pool_bits, self.salt ^ 0x0073_6861_7265)
    }
}

/// The members picked for one answer, in its order.
#[derive(Clone, Copy, Debug)]
pub struct Picked {
    ids: [EndpointId; ANSWERS_MAX as usize],
    count: usize,
}

impl Picked {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { ids: [EndpointId::new(0); ANSWERS_MAX as usize], count: 0 }
    }

    /// Forgets all.
    #[inline]
    pub(crate) const fn clear(&mut self) {
        self.count = 0;
    }

    /// Takes the first `count` of these instead of what was there.
    #[inline(always)]
    pub(super) fn copy<const N: usize>(&mut self, from: &[EndpointId; N], count: usize) {
        if let Some(to) = self.ids.first_chunk_mut::<N>() {
            *to = *from;
            self.count = count.min(N);
        }
    }

    /// The same for more; what does not fit is left out.
    #[cold]
    pub(super) fn copy_long(&mut self, from: &[EndpointId]) {
        self.clear();
        from.iter().for_each(|&endpoint| self.push(endpoint));
    }

    /// Takes this one instead of what was there.
    #[inline(always)]
    pub(super) const fn only(&mut self, endpoint: EndpointId) {
        self.ids[0] = endpoint;
        self.count = 1;
    }

    /// Puts one more at the end; what does not fit is left out.
    #[inline(always)]
    pub(super) fn push(&mut self, endpoint: EndpointId) {
        if let Some(place) = self.ids.get_mut(self.count) {
            *place = endpoint;
            self.count += 1;
        }
    }

    /// The same, unless it is there already.
    pub(super) fn push_new(&mut self, endpoint: EndpointId) {
        if !self.as_slice().contains(&endpoint) {
            self.push(endpoint);
        }
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// True if nothing was picked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The endpoints.
    #[must_use]
    pub fn as_slice(&self) -> &[EndpointId] {
        &self.ids[..self.count]
    }
}

impl Default for Picked {
    fn default() -> Self {
        Self::new()
    }
}
