//! The methods that look at loads and times: shares are what their definitions say.

use super::*;
use crate::health::Load;

const BY_LOAD: [Balance; 2] = [Balance::LeastConnections, Balance::LeastLoad];

/// Candidates with loads, in the unit of the report.
fn loaded(weights: &[u32], loads: &[Option<f64>]) -> Vec<Candidate> {
    let mut members = candidates(weights);
    members.iter_mut().zip(loads).for_each(|(member, load)| member.load = load.map(|load| Load::new(load).unwrap()));
    members
}

/// Candidates with times in microseconds and loads.
fn timed(weights: &[u32], times: &[Option<u32>], loads: &[Option<f64>]) -> Vec<Candidate> {
    let mut members = loaded(weights, loads);
    members.iter_mut().zip(times).for_each(|(member, time)| member.time_us = *time);
    members
}

/// What is compared: the load, divided by the weight if it is connections; the average for those that report nothing.
fn burdens(balance: Balance, weights: &[u32], loads: &[Option<f64>]) -> Vec<f64> {
    let per = |weight: u32| if balance == Balance::LeastConnections { f64::from(weight) } else { 1.0 };
    let known: Vec<f64> =
        loads.iter().zip(weights).filter_map(|(load, &weight)| Some((*load)? / per(weight))).collect();
    let average = if known.is_empty() { 0.0 } else { known.iter().sum::<f64>() / known.len() as f64 };
    loads.iter().zip(weights).map(|(load, &weight)| load.map_or(average, |load| load / per(weight))).collect()
}

/// The definition: two different members drawn by weight, the less burdened wins, of equals the first.
fn by_definition(weights: &[u32], burdens: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().copied().map(f64::from).sum();
    let mut shares = vec![0.0; weights.len()];
    for (first, &weight) in weights.iter().enumerate() {
        for second in (0..weights.len()).filter(|&second| second != first) {
            let weight = f64::from(weight);
            let both = weight / total * f64::from(weights[second]) / (total - weight);
            shares[if burdens[second] < burdens[first] - 1e-9 { second } else { first }] += both;
        }
    }
    shares
}

#[track_caller]
fn assert_shares(table: &Table, expected: &[f64]) {
    let got = shares(table, 1_000_000);
    for (member, &share) in expected.iter().enumerate() {
        let got = got.get(&member).copied().unwrap_or(0.0);
        assert!((got - share).abs() < 0.01 * share.max(0.1), "{member}: {got}, not {share} of {expected:?}");
        let told = table.share(EndpointId::new(member));
        assert!((told - share).abs() < 1e-6, "{member}: it says {told}, not {share}");
    }
}

#[test]
fn of_two_drawn_by_weight_the_less_loaded_is_picked_within_a_percent_over_a_million_draws() {
    let some = |loads: &[f64]| loads.iter().copied().map(Some).collect::<Vec<_>>();
    for (weights, loads) in [
        (vec![1, 1, 1], some(&[10.0, 20.0, 30.0])),
        (vec![3, 1, 2, 2], some(&[30.0, 10.0, 40.0, 1.0])),
        (vec![1, 10, 5, 2], some(&[0.9, 0.3, 0.3, 0.1])),
        ((1..=20).collect(), (0..20).map(|member| Some(f64::from(member * 7 % 20))).collect()),
        (vec![2, 3, 5], vec![Some(12.0), None, Some(20.0)]),
    ] {
        for balance in BY_LOAD {
            let table = table(balance, 1, &loaded(&weights, &loads), weights.len());
            assert_shares(&table, &by_definition(&weights, &burdens(balance, &weights, &loads)));
        }
    }
}

#[test]
fn in_a_pool_of_two_the_less_loaded_always_wins() {
    for (loads, weights, winners) in [
        ([10.0, 11.0], [1, 1], [0, 0]),
        ([11.0, 10.0], [1, 1], [1, 1]),
        // Twelve connections of a member of weight 3 are four; a utilisation is one whatever the weight.
        ([5.0, 12.0], [1, 3], [1, 0]),
        ([0.0, 0.001], [1, 1_000_000], [0, 0]),
    ] {
        for (balance, winner) in BY_LOAD.into_iter().zip(winners) {
            let members = loaded(&weights, &loads.map(Some));
            let table = table(balance, 1, &members, 2);
            let (mut cursor, mut draw) = (0, Draw::new(4));
            for block in 0..5_000 {
                assert_eq!(pick(&table, &asker(block), &mut cursor, &mut draw), [winner], "{balance:?} {loads:?}");
            }
        }
    }
}

#[test]
fn equal_loads_and_loads_that_nobody_reports_give_shares_by_weight() {
    let weights = [1, 2, 3, 4];
    let by_weight = [0.1, 0.2, 0.3, 0.4];
    for (balance, loads) in [
        (Balance::LeastConnections, [Some(5.0), Some(10.0), Some(15.0), Some(20.0)]),
        (Balance::LeastLoad, [Some(0.5); 4]),
        (Balance::LeastConnections, [None; 4]),
        (Balance::LeastLoad, [None; 4]),
        // The only one that reports is the average of the others.
        (Balance::LeastLoad, [None, Some(0.7), None, None]),
    ] {
        assert_shares(&table(balance, 1, &loaded(&weights, &loads), 4), &by_weight);
    }
}

#[test]
fn a_member_without_a_fresh_report_counts_as_the_average_of_the_others() {
    // 10, 20 and 60 have the average 30: the silent one loses to the first two, and wins over the last.
    let table = table(Balance::LeastLoad, 4, &loaded(&[1; 4], &[Some(60.0), None, Some(10.0), Some(20.0)]), 4);
    for seed in 0..100 {
        assert_eq!(pick(&table, &asker(0), &mut 0, &mut Draw::new(seed)), [2, 3, 1, 0]);
    }
}

#[test]
fn several_answers_are_different_members_from_the_least_loaded_on() {
    let weights: Vec<u32> = (1..=9).collect();
    let loads: Vec<_> = (0..9).map(|member| Some(f64::from(member * 5 % 9))).collect();
    for balance in BY_LOAD {
        let burdens = burdens(balance, &weights, &loads);
        for answers in [2, 4, 8] {
            let table = table(balance, answers, &loaded(&weights, &loads), 9);
            let (mut cursor, mut draw) = (0, Draw::new(9));
            let worst = (0..9).max_by(|&a, &b| burdens[a].total_cmp(&burdens[b])).unwrap();
            for _ in 0..20_000 {
                let picks = pick(&table, &asker(0), &mut cursor, &mut draw);
                assert_eq!(picks.len(), usize::from(answers));
                assert!(picks.windows(2).all(|pair| burdens[pair[0]] <= burdens[pair[1]]), "{picks:?}");
                assert!((1..picks.len()).all(|at| !picks[..at].contains(&picks[at])), "{picks:?}");
                assert!(!picks.contains(&worst), "one more was drawn, and the most loaded of them is answered");
            }
        }
    }
}

#[test]
fn the_quickest_and_those_within_a_tenth_of_it_share_by_weight() {
    let none = [None; 5];
    let times = [Some(1_100), Some(1_000), Some(1_101), Some(900_000), Some(1_050)];
    let table_of = |times: &[Option<u32>], loads: &[Option<f64>]| {
        table(Balance::LeastResponseTime, 1, &timed(&[1, 2, 9, 9, 1], times, loads), 5)
    };
    assert_shares(&table_of(&times, &none), &[0.25, 0.5, 0.0, 0.0, 0.25]);
    // Ten connections double the time: 1,000 µs with ten is 2,000, 1,900 µs with none is within a tenth of that.
    let times = [Some(1_000), Some(1_900), Some(1_000), Some(2_091), Some(2_500)];
    let loads = [Some(10.0), Some(0.0), Some(20.0), Some(0.0), Some(0.0)];
    assert_shares(&table_of(&times, &loads), &[1.0 / 3.0, 2.0 / 3.0, 0.0, 0.0, 0.0]);
    assert_shares(&table_of(&[None; 5], &loads), &[1.0 / 22.0, 2.0 / 22.0, 9.0 / 22.0, 9.0 / 22.0, 1.0 / 22.0]);
    // Without a time of its own a member counts as the average, 1,000 here; 0 is the quickest there is.
    let times = [Some(950), None, Some(1_000), Some(1_050), None];
    assert_shares(&table_of(&times, &none), &[1.0 / 13.0, 2.0 / 13.0, 9.0 / 13.0, 0.0, 1.0 / 13.0]);
    assert_shares(&table_of(&[Some(0), Some(5), Some(5), Some(5), Some(5)], &none), &[1.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn further_answers_follow_from_the_quickest_on() {
    let times = [Some(5_000), Some(1_000), Some(3_000), Some(1_050), Some(2_000)];
    let table = table(Balance::LeastResponseTime, 4, &timed(&[1; 5], &times, &[None; 5]), 5);
    let (mut cursor, mut draw, mut swapped) = (0, Draw::new(3), 0);
    for _ in 0..1_000 {
        let picks = pick(&table, &asker(0), &mut cursor, &mut draw);
        assert_eq!(picks[2..], [4, 2]);
        assert_eq!(picks[0] + picks[1], 4);
        swapped += u32::from(picks[0] == 3);
    }
    assert!((400..600).contains(&swapped), "{swapped}");
}

#[test]
fn two_nodes_that_know_the_same_loads_answer_the_same_to_the_same_draws() {
    let weights = [3, 1, 4, 1, 5];
    let loads = [Some(3.0), Some(1.0), None, Some(1.0), Some(5.0)];
    let times = [Some(300), Some(310), Some(900), None, Some(320)];
    for balance in [Balance::LeastConnections, Balance::LeastLoad, Balance::LeastResponseTime] {
        for answers in [1, 3] {
            let node = || table(balance, answers, &timed(&weights, &times, &loads), 5);
            let (one, other) = (node(), node());
            assert_eq!(one, other);
            let (mut draw, mut same) = (Draw::new(11), Draw::new(11));
            for block in 0..10_000 {
                // Where a node's cursor stands makes no difference.
                let [a, b] = [(&one, &mut draw, 0), (&other, &mut same, 77)]
                    .map(|(table, draw, mut cursor)| pick(table, &asker(block), &mut cursor, draw));
                assert_eq!(a, b);
            }
        }
    }
}

#[test]
fn spread_answers_come_from_different_domains_and_from_the_least_loaded_on() {
    let loads = [Some(1.0), Some(2.0), Some(3.0), Some(4.0), Some(5.0), Some(6.0)];
    let mut members = timed(&[1; 6], &[Some(100), Some(101), Some(300), Some(200), Some(400), Some(500)], &loads);
    members.iter_mut().zip([0, 0, 0, 1, 1, 2]).for_each(|(member, domain)| member.domain = domain);
    for balance in BY_LOAD {
        let table = table(balance, 2, &members, 6);
        for seed in 0..2_000 {
            let picks = pick(&table, &asker(0), &mut 0, &mut Draw::new(seed));
            // Three domains give three draws; the most loaded of them is left out, and that is the one of domain 2.
            assert!(picks[0] < 3 && (3..5).contains(&picks[1]), "{picks:?}");
        }
    }
    let quickest = table(Balance::LeastResponseTime, 3, &members, 6);
    for seed in 0..200 {
        let picks = pick(&quickest, &asker(0), &mut 0, &mut Draw::new(seed));
        // Loads 1 and 2 make 110 and 121.2 of 100 and 101: not within a tenth.
        assert_eq!(picks, [0, 3, 5]);
    }
}
