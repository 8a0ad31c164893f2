//! `hash`: the same client block gets the same member while it lives; when one dies only its clients move.
//!
//! Up to [`DIRECT`] members: a client's key points at one of 2¹⁴ places, and for each place the members hold a weighted
//! rendezvous (see `rendezvous`). A member draws each of 2¹⁴ numbers at exactly one place, in an order of its own, so
//! that shares are closer to the weights than independent draws would bring them: to about a quarter of a percent. Who
//! wins a place follows from the members' names and weights alone: it is written down when health changes, unless a
//! configuration has very many such pools; then it is found out per query, with the same result.
//!
//! Above, a table of slots is laid out when health changes: every member throws darts at random slots, its throws a
//! Poisson process whose rate is its weight, and the first dart to hit a slot owns it. A slot's owner is member i with
//! probability wᵢ / Σw, and because a member's darts depend on nothing but its name, one that goes leaves only its own
//! slots to others: the same property, in work that does not grow with the number of members.

use crate::pool::rendezvous::{Key, least, minus_log2, mix};
use crate::pool::select::{Member, Picked};

/// Most members whose draws are compared per query.
pub(in crate::pool) const DIRECT: usize = 16;

/// Picks `answers` members by comparing their draws; `names` are the members' name bits, `number` their weights.
#[inline(never)]
pub(in crate::pool) fn pick(members: &[Member], names: &[u64], answers: usize, key: Key, out: &mut Picked) {
    let place = place(key);
    if answers == 1 {
        out.push(members[winner(members, names, place)].endpoint);
        return;
    }
    let mut scores = [(0_u64, 1_u64, 0_u8); DIRECT];
    let count = members.len().min(DIRECT);
    for (index, score) in scores[..count].iter_mut().enumerate() {
        *score = (distance(place, names[index]), u64::from(members[index].number), index as u8);
    }
    scores[..count].sort_unstable_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)).then(a.2.cmp(&b.2)));
    for score in &scores[..answers.min(count)] {
        out.push(members[usize::from(score.2)].endpoint);
    }
}

/// The bits of a place.
const PLACE_BITS: u32 = 14;

/// The place that a key points at.
#[inline(always)]
const fn place(key: Key) -> usize {
    (key.bits() >> (64 - PLACE_BITS)) as usize
}

/// The member that wins a place.
fn winner(members: &[Member], names: &[u64], place: usize) -> usize {
    least(members.iter().zip(names).map(|(member, &name)| (distance(place, name), member.number)))
}

/// −log₂ of what a member draws for a key.
pub(in crate::pool) const fn distance_of(key: Key, name: u64) -> u64 {
    distance(place(key), name)
}

/// −log₂ of what a member draws at a place.
const fn distance(place: usize, name: u64) -> u64 {
    // The middle of its share of the numbers from 0 to 1.
    minus_log2(drawn::<PLACE_BITS>(place, name) << (64 - PLACE_BITS) | 1 << (63 - PLACE_BITS))
}

/// What a member draws at one of 2^`BITS` places, a number below that: each number at one place only, in an order that
/// its name gives. The order is a permutation: every step can be undone.
pub(super) const fn drawn<const BITS: u32>(place: usize, name: u64) -> u64 {
    let mask = (1 << BITS) - 1;
    let mut number = (place as u64 ^ name) & mask;
    let (mut key, mut round) = (name, 0);
    while round < 3 {
        key >>= BITS;
        number = number.wrapping_mul(key << 1 | 1) & mask;
        number ^= number >> (BITS / 2);
        round += 1;
    }
    (number + mix(name)) & mask
}

/// The winners of all places.
pub(in crate::pool) fn winners(members: &[Member], names: &[u64]) -> Box<[u8; 1 << PLACE_BITS]> {
    let mut winners = Box::new([0; 1 << PLACE_BITS]);
    winners.iter_mut().enumerate().for_each(|(place, won)| *won = winner(members, names, place) as u8);
    winners
}

/// Picks the member that has won the key's place.
#[inline(always)]
pub(in crate::pool) fn pick_winner(members: &[Member], winners: &[u8; 1 << PLACE_BITS], key: Key, out: &mut Picked) {
    out.only(members[usize::from(winners[place(key)])].endpoint);
}

/// Picks `answers` different members by the table.
#[inline(never)]
pub(in crate::pool) fn pick_slots(members: &[Member], slots: &[u16], answers: usize, key: Key, out: &mut Picked) {
    // The table's size is a power of two.
    let slot = |key: Key| usize::from(slots[(key.bits() >> 32) as usize & (slots.len() - 1)]);
    let first = slot(key);
    out.push(members[first].endpoint);
    let mut number = 0;
    let wanted = answers.min(members.len());
    while out.len() < wanted && number < 8 * wanted as u64 {
        number += 1;
        out.push_new(members[slot(key.other(number))].endpoint);
    }
    // A few heavy members may have won all these throws: go on in the order written behind the first.
    let mut at = first;
    while out.len() < wanted {
        at = if at + 1 == members.len() { 0 } else { at + 1 };
        out.push_new(members[at].endpoint);
    }
}

/// The number of slots for a pool of so many members: 512 a member, within 2¹² and 2¹⁶.
fn slot_count(members: usize) -> usize {
    (members * 512).next_power_of_two().clamp(1 << 12, 1 << 16)
}

/// Lays the table out. `of_all` is the number of members the pool has in all, dead ones included: the table's size
/// must not depend on health.
pub(in crate::pool) fn lay_out(members: &[Member], names: &[u64], of_all: usize) -> Box<[u16]> {
    const EMPTY: (u64, u16) = (u64::MAX, u16::MAX);
    let mut slots = vec![EMPTY; slot_count(of_all)];
    let mask = slots.len() as u64 - 1;
    // For each member the time of its next dart, in units in which one of weight 1 throws about every 2³² × 1.44.
    let mut next: Vec<(u64, u64)> = Vec::with_capacity(members.len());
    for (member, &name) in members.iter().zip(names) {
        next.push((wait(name, 0, member.number), 0));
    }
    let total: u64 = members.iter().map(|member| u64::from(member.number)).sum();
    // In one round about as many darts are thrown as there are slots.
    let round = (((slots.len() as u128) << 33) / u128::from(total.max(1))) as u64;
    let (mut until, mut empty) = (round, slots.len());
    while empty > 0 {
        for (index, (time, thrown)) in next.iter_mut().enumerate() {
            while *time <= until {
                let slot = &mut slots[(mix(names[index] ^ mix(*thrown)) >> 20 & mask) as usize];
                empty -= usize::from(slot.1 == u16::MAX);
                *slot = (*slot).min((*time, index as u16));
                *thrown += 1;
                *time = time.saturating_add(wait(names[index], *thrown, members[index].number));
            }
        }
        until = until.saturating_add(round);
    }
    slots.into_iter().map(|(_, index)| index).collect()
}

/// The time between two darts: exponential with the member's weight as its rate.
fn wait(name: u64, number: u64, weight: u32) -> u64 {
    // 11 further bits keep the quotient of the heaviest member exact to a thousandth.
    (minus_log2(mix(!name ^ mix(number))) << 11) / u64::from(weight) + 1
}
