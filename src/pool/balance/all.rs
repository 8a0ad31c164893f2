//! `all`: every member, rotated by one from answer to answer, at most `answers` of them.

use super::round_robin;
use crate::limits::ANSWERS_ALL;
use crate::pool::select::{Member, Picked};

/// Picks every member up to `answers` and `ANSWERS_ALL`.
#[inline(always)]
pub(in crate::pool) fn pick(members: &[Member], answers: usize, cursor: &mut u32, out: &mut Picked) {
    round_robin::pick(members, answers.min(usize::from(ANSWERS_ALL)), cursor, out);
}
