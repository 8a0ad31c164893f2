//! `round-robin`: one after the other. Each worker walks from its own random offset, so that no state is shared; more
//! than one answer are neighbours, and the next query begins one further.

use crate::pool::select::{Member, Picked};

/// Picks `answers` members from where `cursor` stands, and moves it by one.
#[inline(always)]
pub(in crate::pool) fn pick(members: &[Member], answers: usize, cursor: &mut u32, out: &mut Picked) {
    let mut at = *cursor as usize % members.len();
    *cursor = cursor.wrapping_add(1);
    out.fill(answers.min(members.len()), || {
        let endpoint = members[at].endpoint;
        at = if at + 1 == members.len() { 0 } else { at + 1 };
        endpoint
    });
}
