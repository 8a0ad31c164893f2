//! `nearest`: the live members in the client's order of nearness. The order is worked out when the map is compiled;
//! here the first `tie` members are equally near and share the clients by a stable hash.

use crate::pool::rendezvous::{Key, fold};
use crate::pool::select::{Member, Picked};

/// Picks `answers` members: first those of the nearest tier from where the client's key points, then on in order.
#[inline(always)]
pub(in crate::pool) fn pick(members: &[Member], tie: usize, answers: usize, key: Key, out: &mut Picked) {
    if answers > 1 {
        pick_several(members, tie, answers, key, out);
    } else if tie > 1 {
        let draws = members[..tie].iter().map(|member| (draw(member, key), member.endpoint));
        draws.min_by_key(|draw| draw.0).into_iter().for_each(|(_, endpoint)| out.push(endpoint));
    } else {
        out.push(members[0].endpoint);
    }
}

/// What a member of a tie draws: with rendezvous, one that dies moves only its own clients.
#[inline(always)]
fn draw(member: &Member, key: Key) -> u64 {
    fold(key.bits() ^ u64::from(member.number))
}

/// The same for more than one answer: the others of the tie follow in order of their draws.
#[inline(never)]
fn pick_several(members: &[Member], tie: usize, answers: usize, key: Key, out: &mut Picked) {
    let tied = if tie > 1 { tie } else { 0 };
    let mut taken = 0;
    let mut last = None;
    while taken < answers.min(tied) {
        let draws = members[..tied].iter().map(|member| (draw(member, key), member.endpoint));
        let Some(next) = draws.filter(|draw| last.is_none_or(|last| *draw > last)).min() else { break };
        out.push(next.1);
        last = Some(next);
        taken += 1;
    }
    for member in members.iter().skip(taken.max(tied)).take(answers - taken) {
        out.push(member.endpoint);
    }
}
