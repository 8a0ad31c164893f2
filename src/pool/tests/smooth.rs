//! `weighted-round-robin`: the sequence is what its definition says.

use super::*;
use crate::limits::SMOOTH_SEQUENCE;

/// The definition, with nothing reduced: at each step the one that has most after gaining its weight.
fn by_definition(weights: &[u32], steps: usize) -> Vec<usize> {
    let total: i64 = weights.iter().map(|&weight| i64::from(weight)).sum();
    let mut current = vec![0_i64; weights.len()];
    let step = |_| {
        for (current, &weight) in current.iter_mut().zip(weights) {
            *current += i64::from(weight);
        }
        let most = (0..weights.len()).rev().max_by_key(|&index| current[index]).unwrap();
        current[most] -= total;
        most
    };
    (0..steps).map(step).collect()
}

fn walk(table: &Table, steps: usize) -> Vec<usize> {
    let (mut cursor, mut draw) = (0, Draw::new(1));
    (0..steps).map(|_| pick(table, &asker(0), &mut cursor, &mut draw)[0]).collect()
}

#[test]
fn the_sequence_is_the_smooth_one() {
    let table = |weights: &[u32]| table(Balance::WeightedRoundRobin, 1, &candidates(weights), weights.len());
    assert_eq!(walk(&table(&[5, 1, 1]), 7), [0, 0, 1, 0, 2, 0, 0], "the example that everybody knows");
    for weights in [&[1][..], &[1, 1], &[3, 1], &[30, 10], &[7, 5, 3, 1], &[100, 900], &[1; 40], &[2, 4, 6, 1000]] {
        let steps = 2 * weights.iter().sum::<u32>() as usize;
        assert_eq!(walk(&table(weights), steps), by_definition(weights, steps), "{weights:?}");
    }
}

#[test]
fn shares_are_the_weights_and_weights_too_fine_for_the_sequence_are_rounded_to_it() {
    for weights in [vec![3, 1], vec![999, 1], vec![333_333, 1_000_000, 7], vec![1_000_000, 1], (1..=900).collect()] {
        let table = table(Balance::WeightedRoundRobin, 1, &candidates(&weights), weights.len());
        let total: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        let shares = shares(&table, 1_000_000);
        assert_eq!(shares.len(), weights.len(), "one was left out");
        for (endpoint, share) in shares {
            let expected = f64::from(weights[endpoint]) / total as f64;
            let place = 1.0 / SMOOTH_SEQUENCE as f64;
            assert!((share - expected).abs() <= place + 1e-5, "{}: {share}, not {expected}", weights.len());
        }
    }
}

#[test]
fn between_two_answers_of_one_member_no_other_waits_longer_than_its_share_says() {
    let weights = [8, 5, 3];
    let steps = walk(&table(Balance::WeightedRoundRobin, 1, &candidates(&weights), 3), 1_600);
    for (member, weight) in weights.iter().enumerate() {
        let places: Vec<_> = (0..steps.len()).filter(|&at| steps[at] == member).collect();
        let longest = places.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(longest <= (16_usize).div_ceil(*weight as usize) + 1, "{member} waits {longest}");
    }
}
