//! What each method promises, over many draws and many clients.

mod least;
mod smooth;
mod spread;

use super::rendezvous::name_bits;
use super::{ALONE, Asker, Balance, Candidate, Picked, Table};
use crate::address::Bits;
use crate::id::EndpointId;
use crate::worker::Draw;
use std::collections::HashMap;

/// Every method that lays out its own table.
const METHODS: [Balance; 9] = [
    Balance::Weighted,
    Balance::RoundRobin,
    Balance::WeightedRoundRobin,
    Balance::Failover,
    Balance::Hash,
    Balance::All,
    Balance::LeastResponseTime,
    Balance::LeastConnections,
    Balance::LeastLoad,
];

fn candidates(weights: &[u32]) -> Vec<Candidate> {
    let candidate = |(index, &weight): (usize, &u32)| Candidate {
        endpoint: EndpointId::new(index),
        weight,
        name: name_bits(format!("endpoint-{index}").as_bytes()),
        domain: ALONE,
        load: None,
        time_us: None,
    };
    weights.iter().enumerate().map(candidate).collect()
}

fn table(balance: Balance, answers: u8, candidates: &[Candidate], of_all: usize) -> Table {
    Table::new(balance, answers, candidates, of_all)
}

fn asker(block: u32) -> Asker {
    Asker { address: Bits::v4(block << 8), endpoint_bits: 24, pool_bits: 16, salt: 7 }
}

/// The picks of one answer.
fn pick(table: &Table, asker: &Asker, cursor: &mut u32, draw: &mut Draw) -> Vec<usize> {
    let mut picked = Picked::new();
    table.pick(*asker, cursor, draw, &mut picked);
    picked.as_slice().iter().map(|id| id.index()).collect()
}

/// The share of each endpoint among the first answers of `count` queries from different blocks.
fn shares(table: &Table, count: u32) -> HashMap<usize, f64> {
    let (mut cursor, mut draw, mut shares) = (0, Draw::new(1), HashMap::new());
    for block in 0..count {
        let first = pick(table, &asker(block), &mut cursor, &mut draw)[0];
        *shares.entry(first).or_insert(0.0) += 1.0 / f64::from(count);
    }
    shares
}

#[test]
fn weighted_shares_are_exact_within_a_percent_over_a_million_draws() {
    for weights in [&[1, 1][..], &[3, 1], &[70, 20, 10], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]] {
        let table = table(Balance::Weighted, 1, &candidates(weights), weights.len());
        let total: u32 = weights.iter().sum();
        for (endpoint, share) in shares(&table, 1_000_000) {
            let expected = f64::from(weights[endpoint]) / f64::from(total);
            assert!((share - expected).abs() < 0.01 * expected.max(0.1), "{weights:?}[{endpoint}]: {share}");
        }
    }
}

#[test]
fn several_weighted_answers_are_drawn_without_replacement_by_the_weights_that_are_left() {
    let table = table(Balance::Weighted, 2, &candidates(&[6, 3, 1]), 3);
    let (mut cursor, mut draw) = (0, Draw::new(2));
    let mut seen: HashMap<Vec<usize>, u32> = HashMap::new();
    for _ in 0..200_000 {
        *seen.entry(pick(&table, &asker(0), &mut cursor, &mut draw)).or_default() += 1;
    }
    let expected = [([0, 1], 0.6 * 0.75), ([0, 2], 0.6 * 0.25), ([1, 0], 0.3 * 6.0 / 7.0), ([1, 2], 0.3 / 7.0)];
    for (picks, share) in expected.into_iter().chain([([2, 0], 0.1 * 6.0 / 9.0), ([2, 1], 0.1 * 3.0 / 9.0)]) {
        let got = f64::from(seen[&picks.to_vec()]) / 200_000.0;
        assert!((got - share).abs() < 0.005, "{picks:?}: {got}, not {share}");
    }
    assert_eq!(seen.len(), 6, "an endpoint stands twice in an answer");
}

#[test]
fn more_answers_than_members_give_every_member_once() {
    for balance in METHODS {
        for count in [1, 3, 16, 17, 40] {
            let table = table(balance, 16, &candidates(&vec![5; count]), count);
            let most = if balance == Balance::All { 8 } else { 16 };
            for block in 0..50 {
                let mut picks = pick(&table, &asker(block), &mut 3, &mut Draw::new(block.into()));
                assert_eq!(picks.len(), count.min(most), "{balance:?}");
                picks.sort_unstable();
                picks.dedup();
                assert_eq!(picks.len(), count.min(most), "{balance:?}: twice in one answer");
            }
        }
    }
}

#[test]
fn round_robin_takes_one_after_the_other_from_any_start() {
    let table = table(Balance::RoundRobin, 2, &candidates(&[1, 9, 1]), 3);
    let (mut cursor, mut draw) = (u32::MAX - 2, Draw::new(1));
    let picks: Vec<_> = (0..3).map(|_| pick(&table, &asker(0), &mut cursor, &mut draw)).collect();
    assert_eq!(picks, [[1, 2], [2, 0], [0, 1]]);
}

#[test]
fn all_gives_at_most_eight_rotated() {
    let table = table(Balance::All, 8, &candidates(&[1; 10]), 10);
    let (mut cursor, mut draw) = (0, Draw::new(1));
    assert_eq!(pick(&table, &asker(0), &mut cursor, &mut draw), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(pick(&table, &asker(0), &mut cursor, &mut draw), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn failover_gives_the_first_in_the_order_written() {
    let members = candidates(&[1, 1, 1]);
    let (mut cursor, mut draw) = (0, Draw::new(1));
    let pick_of = |members: &[Candidate], cursor: &mut u32, draw: &mut Draw| {
        pick(&table(Balance::Failover, 1, members, 3), &asker(0), cursor, draw)
    };
    assert_eq!(pick_of(&members, &mut cursor, &mut draw), [0]);
    assert_eq!(pick_of(&members[1..], &mut cursor, &mut draw), [1]);
}

#[test]
fn weight_0_is_used_only_when_no_other_lives() {
    for balance in METHODS {
        let with = table(balance, 3, &candidates(&[0, 2, 0]), 3);
        assert_eq!(with.endpoints().map(|id| id.index()).collect::<Vec<_>>(), [1], "{balance:?}");
        let only = table(balance, 1, &candidates(&[0, 0]), 3);
        assert_eq!(shares(&only, 1_000).len(), if balance == Balance::Failover { 1 } else { 2 }, "{balance:?}");
    }
    let members = candidates(&[0, 2, 0]);
    let near = Table::nearest(3, &[vec![members[0]], vec![members[1], members[2]]]);
    assert_eq!(near.endpoints().map(|id| id.index()).collect::<Vec<_>>(), [1]);
}

#[test]
fn hash_shares_follow_the_weights() {
    for weights in [vec![1, 1, 2], vec![1; 16], vec![3; 17], (1..=40).collect::<Vec<u32>>()] {
        let table = table(Balance::Hash, 1, &candidates(&weights), weights.len());
        let total: u32 = weights.iter().sum();
        for (endpoint, share) in shares(&table, 200_000) {
            let expected = f64::from(weights[endpoint]) / f64::from(total);
            assert!((share - expected).abs() < 0.012, "{} members, {endpoint}: {share} {expected}", weights.len());
        }
    }
}

#[test]
fn when_an_endpoint_dies_only_its_own_clients_move() {
    for count in [2, 5, 16, 17, 100] {
        for answers in [1, 3] {
            let members = candidates(&(0..count).map(|n| 1 + n % 3).collect::<Vec<u32>>());
            let before = table(Balance::Hash, answers, &members, members.len());
            for dead in [0, members.len() - 1] {
                let mut rest = members.clone();
                rest.remove(dead);
                let after = table(Balance::Hash, answers, &rest, members.len());
                let (mut draw, mut moved) = (Draw::new(0), 0);
                for block in 0..20_000 {
                    let old = pick(&before, &asker(block), &mut 0, &mut draw);
                    let new = pick(&after, &asker(block), &mut 0, &mut draw);
                    assert!(!new.contains(&dead));
                    if old[0] == dead {
                        moved += 1;
                    } else if answers == 1 || !old.contains(&dead) {
                        assert_eq!(old, new, "{count} members: a client of a living endpoint moved");
                    }
                }
                assert!(moved > 0, "{count} members, {dead}: nobody was its client");
            }
        }
    }
}

#[test]
fn a_weight_change_of_five_points_moves_five_points_of_the_clients() {
    for spread in [2_usize, 20] {
        // One member's share rises from 50 to 55 points; the others share the rest equally.
        let others = spread - 1;
        let weights = |first: u32, rest: u32| -> Vec<u32> {
            std::iter::once(first * others as u32).chain(std::iter::repeat_n(rest, others)).collect()
        };
        let before = table(Balance::Hash, 1, &candidates(&weights(50, 50)), spread);
        let after = table(Balance::Hash, 1, &candidates(&weights(55, 45)), spread);
        let (mut draw, mut moved, mut wrong) = (Draw::new(0), 0, 0);
        for block in 0..100_000 {
            let old = pick(&before, &asker(block), &mut 0, &mut draw)[0];
            let new = pick(&after, &asker(block), &mut 0, &mut draw)[0];
            moved += u32::from(old != new);
            wrong += u32::from(old != new && new != 0);
        }
        let share = f64::from(moved) / 1_000.0;
        assert!((4.5..=5.5).contains(&share), "{spread} members: {share} % moved");
        assert_eq!(wrong, 0, "a client moved to a member whose weight did not rise");
    }
}

#[test]
fn a_client_stays_with_its_endpoint_for_all_addresses_of_its_block_and_owners_differ() {
    let table = table(Balance::Hash, 1, &candidates(&[1; 8]), 8);
    let mut differ = 0;
    for block in 0..1_000_u32 {
        let of = |host: u32, salt: u64| {
            let asker = Asker { address: Bits::v4(block << 8 | host), salt, ..asker(0) };
            pick(&table, &asker, &mut 0, &mut Draw::new(0))
        };
        assert_eq!(of(1, 1), of(254, 1));
        differ += u32::from(of(1, 1) != of(1, 2));
    }
    assert!((800..950).contains(&differ), "{differ} of 1000: the salt does not reshuffle");
}

#[test]
fn equally_near_members_share_by_a_stable_hash_and_the_others_follow_in_order() {
    let members = candidates(&[1; 4]);
    let near = Table::nearest(3, &[vec![members[2], members[0]], vec![members[3]], vec![members[1]]]);
    let first = shares(&near, 1 << 20);
    assert_eq!(first.len(), 2);
    assert!((first[&0] - 0.5).abs() < 0.02 && (first[&2] - 0.5).abs() < 0.02, "{first:?}");
    for block in 0..2_000 {
        let picks = pick(&near, &asker(block), &mut 0, &mut Draw::new(u64::from(block)));
        assert_eq!(picks, pick(&near, &asker(block), &mut 1, &mut Draw::new(5)));
        assert_eq!((picks[0] + picks[1], picks[2]), (2, 3));
    }
    let one = Table::nearest(1, &[vec![], vec![members[3]], vec![members[1]]]);
    assert_eq!(pick(&one, &asker(0), &mut 0, &mut Draw::new(0)), [3]);
}

#[test]
fn equally_near_members_that_are_written_down_are_those_that_would_be_found_out() {
    for count in [2, 4, 16] {
        let members = candidates(&vec![1; count]);
        let found = Table::nearest(1, &[members.clone(), candidates(&[1; 20])[count..].to_vec()]);
        let written = found.clone().written_beside(std::iter::empty());
        assert_ne!(found, written);
        let ask = |table, block: u32| pick(table, &asker(block << 8), &mut 0, &mut Draw::new(0))[0];
        for block in 0..20_000 {
            assert_eq!(ask(&found, block), ask(&written, block), "{count} {block}");
        }
        let shared = Table::nearest(1, std::slice::from_ref(&members)).written_beside([&found, &written].into_iter());
        assert!((0..2_000).all(|block| ask(&shared, block) == ask(&written, block)));
    }
    let other = Table::nearest(1, &[candidates(&[1; 3])]).written_beside(std::iter::empty());
    let beside = Table::nearest(1, &[candidates(&[1; 2])]).written_beside([&other].into_iter());
    let ask = |block: u32| pick(&beside, &asker(block << 8), &mut 0, &mut Draw::new(0))[0];
    assert!((0..2_000).all(|block| ask(block) < 2), "a choice among three is no choice among two");
}

#[test]
fn when_one_of_the_equally_near_dies_only_its_own_clients_move_and_shares_stay_equal() {
    for count in [2, 4, 9, 17] {
        let members = candidates(&vec![1; count]);
        let table = |members: &[Candidate]| Table::nearest(1, &[members.to_vec()]).written_beside(std::iter::empty());
        let before = table(&members);
        let dead = count / 2;
        let mut rest = members.clone();
        rest.remove(dead);
        let after = table(&rest);
        let (mut draw, mut of) = (Draw::new(0), vec![0.0; count]);
        for block in 0..40_000_u32 {
            let asker = asker(block << 8);
            let old = pick(&before, &asker, &mut 0, &mut draw)[0];
            let new = pick(&after, &asker, &mut 0, &mut draw)[0];
            assert!(new != dead && (old == dead || old == new), "{count}: a client of a living endpoint moved");
            of[old] += count as f64 / 40_000.0;
        }
        assert!(of.iter().all(|part| (0.88..1.12).contains(part)), "{count}: {of:?}");
    }
}

#[test]
fn rotations_of_any_number_of_answers_are_neighbours_and_begin_one_further() {
    for count in [1, 2, 7, 8, 9, 16, 40] {
        for (balance, most) in [(Balance::RoundRobin, 16), (Balance::All, 8)] {
            for answers in [1, 2, 8, 9, 16] {
                let table = table(balance, answers as u8, &candidates(&vec![1; count]), count);
                let (mut cursor, mut draw) = (3, Draw::new(1));
                for step in 3..3 + 2 * count {
                    let picks = pick(&table, &asker(0), &mut cursor, &mut draw);
                    let expected: Vec<_> = (0..answers.min(most).min(count)).map(|at| (step + at) % count).collect();
                    assert_eq!(picks, expected, "{balance:?} of {count}, {answers} answers");
                }
            }
        }
    }
}

/// Which of 4, 16 and 20 members answers sixteen networks; of more than 16 a table is laid out when health changes.
const HASHED: [(usize, [usize; 16]); 3] = [
    (4, [2, 3, 2, 2, 2, 2, 2, 2, 0, 0, 2, 0, 1, 2, 2, 2]),
    (16, [2, 9, 10, 14, 8, 8, 4, 6, 14, 13, 2, 14, 4, 10, 14, 5]),
    (20, [17, 11, 9, 7, 5, 1, 5, 5, 14, 3, 14, 14, 7, 17, 8, 12]),
];

/// Nodes of different versions must not send one client to different endpoints: these numbers never change.
#[test]
fn the_answers_of_a_hash_are_the_same_on_every_platform_and_for_ever() {
    for (count, expected) in HASHED {
        let weights: Vec<u32> = (0..count).map(|place| 1 + place as u32 % 3).collect();
        let found = table(Balance::Hash, 1, &candidates(&weights), count);
        let written = found.clone().written_down();
        for table in [&found, &written] {
            let answers = (0..16).map(|block| pick(table, &asker(block), &mut 0, &mut Draw::new(0))[0]);
            assert_eq!(answers.collect::<Vec<_>>(), expected, "{count} members");
        }
    }
}

#[test]
fn a_hash_that_is_written_down_gives_what_would_be_found_out() {
    for weights in [&[1, 1][..], &[1, 2, 3, 4], &[1, 99], &[5; 16], &[7]] {
        let found = table(Balance::Hash, 1, &candidates(weights), weights.len());
        let written = found.clone().written_down();
        assert_ne!(found, written);
        for block in 0..50_000 {
            let ask = |table| pick(table, &asker(block), &mut 0, &mut Draw::new(0));
            assert_eq!(ask(&found), ask(&written), "{weights:?} {block}");
        }
    }
}
