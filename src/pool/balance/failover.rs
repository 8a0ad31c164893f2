//! `failover`: the first live members in the order written.

use crate::pool::select::{Member, Picked};

/// Picks the first `answers` members.
#[inline(always)]
pub(in crate::pool) fn pick(members: &[Member], answers: usize, out: &mut Picked) {
    for member in members.iter().take(answers) {
        out.push(member.endpoint);
    }
}
