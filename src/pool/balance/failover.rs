//! `failover`: the first live members in the order written.

use crate::pool::select::{Member, Picked};

/// Picks the first `answers` members; there is one at least.
#[inline(always)]
pub(in crate::pool) fn pick(members: &[Member], answers: usize, out: &mut Picked) {
    if answers == 1 {
        return out.only(members[0].endpoint);
    }
    for member in members.iter().take(answers) {
        out.push(member.endpoint);
    }
}
