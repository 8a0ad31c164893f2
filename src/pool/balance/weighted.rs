//! `weighted`: P(i) = wᵢ / Σw, drawn per query; more than one answer by draws without replacement.

use crate::limits::ANSWERS_MAX;
use crate::pool::select::{Member, Picked};
use crate::worker::Draw;

/// Turns weights into running sums; gives the total. Weights are at least 1.
pub(in crate::pool) fn lay_out(members: &mut [Member]) -> u32 {
    let mut sum = 0;
    for member in members {
        sum += member.number;
        member.number = sum;
    }
    sum
}

/// Picks `answers` members (at most all) whose `number` is a running sum that ends at `total`.
#[inline(always)]
pub(in crate::pool) fn pick(members: &[Member], total: u32, answers: usize, draw: &mut Draw, out: &mut Picked) {
    if answers == 1 {
        out.only(members[find(members, draw.below(total))].endpoint);
    } else {
        pick_several(members, total, answers, draw, out);
    }
}

#[inline(never)]
fn pick_several(members: &[Member], total: u32, answers: usize, draw: &mut Draw, out: &mut Picked) {
    draw_several(members, total, answers, draw, |index| out.push(members[index].endpoint));
}

/// Draws `count` different members (at most all, and at most one more than `ANSWERS_MAX`), and hands over the index of
/// each in the order in which they are drawn.
#[inline(always)]
pub(super) fn draw_several(members: &[Member], total: u32, count: usize, draw: &mut Draw, mut take: impl FnMut(usize)) {
    // The members drawn so far in the order of the table: a later draw skips their stretches.
    let mut taken = [0_u16; ANSWERS_MAX as usize + 1];
    let mut left = total;
    for count in 0..count.min(members.len()) {
        let mut point = draw.below(left);
        let mut place = 0;
        for &index in &taken[..count] {
            let (start, weight) = stretch(members, usize::from(index));
            if point < start {
                break;
            }
            point += weight;
            place += 1;
        }
        let index = find(members, point);
        taken.copy_within(place..count, place + 1);
        taken[place] = index as u16;
        left -= stretch(members, index).1;
        take(index);
    }
}

/// The member in whose stretch `point` lies.
pub(super) fn find(members: &[Member], point: u32) -> usize {
    if members.len() <= 8 {
        members.iter().take_while(|member| member.number <= point).count()
    } else {
        members.partition_point(|member| member.number <= point)
    }
}

/// Where a member's stretch begins, and its weight.
pub(in crate::pool) fn stretch(members: &[Member], index: usize) -> (u32, u32) {
    let start = if index == 0 { 0 } else { members[index - 1].number };
    (start, members[index].number - start)
}
