//! `round-robin`: one after the other. Each worker walks from its own random offset, so that no state is shared; more
//! than one answer are neighbours, and the next query begins one further.

use crate::id::EndpointId;
use crate::limits::ANSWERS_MAX;
use crate::pool::select::{Member, Picked};

/// Ids that one answer copies at once: as many as nearly every answer has.
pub(in crate::pool) const BLOCK: usize = 8;
/// The same for an answer of more.
const LARGE_BLOCK: usize = ANSWERS_MAX as usize;

/// The members in a row that goes on behind the last one with the first, so that the neighbours of each, as many as an
/// answer copies, stand behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::pool) struct Ring {
    ids: Box<[EndpointId]>,
    answers: u8,
}

impl Ring {
    /// Lays the row out; an answer has `answers` members, at most all.
    pub(in crate::pool) fn new(members: &[Member], answers: usize) -> Self {
        let answers = answers.min(members.len());
        let block = if answers > BLOCK { LARGE_BLOCK } else { BLOCK };
        let room = if members.is_empty() { 0 } else { members.len() + block - 1 };
        let ids = members.iter().map(|member| member.endpoint).cycle().take(room).collect();
        Self { ids, answers: answers as u8 }
    }

    /// Picks the members from where `cursor` stands, and moves it by one. `count`: how many members there are, at least 1.
    #[inline(always)]
    pub(in crate::pool) fn pick(&self, count: usize, cursor: &mut u32, out: &mut Picked) {
        let from = &self.ids[*cursor as usize % count..];
        *cursor = cursor.wrapping_add(1);
        let answers = usize::from(self.answers);
        match from.first_chunk::<BLOCK>() {
            Some(block) if answers <= BLOCK => out.copy(block, answers),
            _ => out.copy_long(&from[..answers]),
        }
    }
}
