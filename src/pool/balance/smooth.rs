//! `weighted-round-robin`: the smooth sequence, in which every member comes as often as its weight says and as evenly
//! spread as can be: at each step every member gains its weight, the one that has most is taken and pays the total
//! back. It is laid out when health changes; each worker walks it from a random place of its own.

use crate::limits::SMOOTH_SEQUENCE;
use crate::pool::select::{Member, Picked};

/// Picks `answers` different members from where `cursor` stands in the sequence, and moves it by one.
#[inline(never)]
pub(in crate::pool) fn pick(members: &[Member], sequence: &[u16], answers: usize, cursor: &mut u32, out: &mut Picked) {
    let at = *cursor as usize % sequence.len();
    *cursor = cursor.wrapping_add(1);
    let first = usize::from(sequence[at]);
    out.only(members[first].endpoint);
    if answers > 1 {
        pick_others(members, sequence, (at, first), answers, out);
    }
}

#[cold]
fn pick_others(members: &[Member], sequence: &[u16], (at, first): (usize, usize), answers: usize, out: &mut Picked) {
    let wanted = answers.min(members.len());
    for &next in sequence[at + 1..].iter().chain(&sequence[..at]).take(4 * wanted) {
        if out.len() == wanted {
            return;
        }
        out.push_new(members[usize::from(next)].endpoint);
    }
    // A few heavy members may fill that stretch: go on in the order written behind the first.
    for member in members[first + 1..].iter().chain(&members[..first]) {
        if out.len() == wanted {
            return;
        }
        out.push_new(member.endpoint);
    }
}

/// Lays the sequence out, as indices of members; weights are at least 1.
pub(in crate::pool) fn lay_out(members: &[Member]) -> Box<[u16]> {
    let weights = reduced(members.iter().map(|member| u64::from(member.number)).collect());
    let total: i64 = weights.iter().sum();
    let mut current = vec![0; weights.len()];
    let step = |_| {
        let mut most = 0;
        for (index, weight) in weights.iter().enumerate() {
            current[index] += weight;
            if current[index] > current[most] {
                most = index;
            }
        }
        current[most] -= total;
        most as u16
    };
    (0..total).map(step).collect()
}

/// The weights without their common divisor; if their sum is still beyond the longest sequence, scaled to it, so that
/// shares are right to one place of the sequence, and nobody is left out.
fn reduced(weights: Vec<u64>) -> Vec<i64> {
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let total: u64 = weights.iter().sum::<u64>() / divisor;
    let length = (SMOOTH_SEQUENCE as u64).max(2 * weights.len() as u64);
    if total <= length {
        return weights.iter().map(|weight| (weight / divisor) as i64).collect();
    }
    // One place for everybody; the others go by weight, what rounding leaves to the largest remainders.
    let (total, rest) = (total * divisor, length - weights.len() as u64);
    let mut places: Vec<_> = weights.iter().map(|weight| 1 + (weight * rest / total) as i64).collect();
    let mut order: Vec<_> = (0..weights.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(weights[index] * rest % total));
    let left = length as i64 - places.iter().sum::<i64>();
    for &index in order.iter().take(left as usize) {
        places[index] += 1;
    }
    places
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
