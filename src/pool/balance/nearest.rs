//! `nearest`: the live members in the client's order of nearness. The order is worked out when the map is compiled;
//! here the first `tie` members are equally near and share the clients by a stable hash.

use crate::pool::rendezvous::{Key, mix};
use crate::pool::select::{Member, Picked};

/// Picks `answers` members: first those of the nearest tier from where the client's key points, then on in order.
#[inline(never)]
pub(in crate::pool) fn pick(members: &[Member], tie: usize, answers: usize, key: Key, out: &mut Picked) {
    let mut taken = 0;
    if tie > 1 {
        // With rendezvous, a member of the tie that dies moves only its own clients. For more than one answer the
        // others of the tie follow in order of their draws.
        let mut last = None;
        while taken < answers.min(tie) {
            let draws = members[..tie].iter().map(|m| (mix(key.bits() ^ u64::from(m.number)), m.endpoint));
            let Some(next) = draws.filter(|draw| last.is_none_or(|last| *draw > last)).min() else { break };
            out.push(next.1);
            last = Some(next);
            taken += 1;
        }
    }
    for member in members.iter().skip(taken.max(if tie > 1 { tie } else { 0 })).take(answers - taken) {
        out.push(member.endpoint);
    }
}
