//! `nearest`: the live members in the client's order of nearness. The order is worked out when the map is compiled;
//! here the first `tie` members are equally near and share the clients by a stable hash.
//!
//! A client's key points at one of 2¹² places, and for each place the equally near hold a rendezvous as those of `hash`
//! do: one that dies moves only its own clients. Who wins which place can be written down.

use super::hash::drawn;
use crate::pool::rendezvous::{Key, fold};
use crate::pool::select::{Member, Picked};
use std::sync::Arc;

/// The bits of a place.
const PLACE_BITS: u32 = 12;
/// Most equally near members for whom it is written down who wins which place.
const WRITTEN: usize = 16;

/// Who of the equally near wins each place.
pub(in crate::pool) type Winners = Arc<[u8; 1 << PLACE_BITS]>;

/// Picks the one that has won the key's place.
#[inline(always)]
pub(in crate::pool) fn pick_winner(members: &[Member], winners: &Winners, key: Key, out: &mut Picked) {
    out.only(members[usize::from(winners[place(key)])].endpoint);
}

/// Finds out who wins which place, if they are few enough.
pub(in crate::pool) fn winners(tied: &[Member]) -> Option<Winners> {
    if tied.len() > WRITTEN {
        return None;
    }
    let mut winners = [0; 1 << PLACE_BITS];
    for (place, won) in winners.iter_mut().enumerate() {
        let least = (0..tied.len()).min_by_key(|&index| drawn_at(&tied[index], place));
        *won = least.unwrap_or(0) as u8;
    }
    Some(Arc::new(winners))
}

/// The place that a key points at.
#[inline(always)]
const fn place(key: Key) -> usize {
    (key.bits() >> (64 - PLACE_BITS)) as usize
}

/// What a member of a tie draws: with rendezvous, one that dies moves only its own clients.
pub(super) fn draw(member: &Member, key: Key) -> u64 {
    drawn_at(member, place(key))
}

fn drawn_at(member: &Member, place: usize) -> u64 {
    drawn::<PLACE_BITS>(place, fold(u64::from(member.number)))
}

/// Picks the one of the nearest tier that draws the least, and for more than one answer the others of the tie in order
/// of their draws; then on in order.
#[inline(never)]
pub(in crate::pool) fn pick(members: &[Member], tie: usize, answers: usize, key: Key, out: &mut Picked) {
    let tied = if tie > 1 { tie } else { 0 };
    let mut taken = 0;
    let mut last = None;
    while taken < answers.min(tied) {
        let draws = members[..tied].iter().enumerate().map(|(index, member)| (draw(member, key), index));
        let Some(next) = draws.filter(|draw| last.is_none_or(|last| *draw > last)).min() else { break };
        out.push(members[next.1].endpoint);
        last = Some(next);
        taken += 1;
    }
    for member in members.iter().skip(taken.max(tied)).take(answers - taken) {
        out.push(member.endpoint);
    }
}
