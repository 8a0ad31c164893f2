//! `spread`: no two addresses of one answer share a failure domain, whatever the method.

use super::*;

/// `domains` by member; `ALONE` for one without a tag.
fn spread_out(weights: &[u32], domains: &[u16]) -> Vec<Candidate> {
    let mut members = candidates(weights);
    members.iter_mut().zip(domains).for_each(|(member, &domain)| member.domain = domain);
    members
}

#[test]
fn no_answer_names_one_domain_twice_and_none_is_shorter_than_it_must_be() {
    let mut draw = Draw::new(3);
    for round in 0..400 {
        let count = 2 + draw.below(30) as usize;
        let racks = 1 + draw.below(6);
        let weights: Vec<u32> = (0..count).map(|_| draw.below(4)).collect();
        let domains: Vec<u16> =
            (0..count).map(|_| if draw.below(8) == 0 { ALONE } else { draw.below(racks) as u16 }).collect();
        let members = spread_out(&weights, &domains);
        let answers = 2 + draw.below(5) as u8;
        let mut tables: Vec<_> = METHODS.map(|balance| (balance, table(balance, answers, &members, count))).into();
        let half = members.split_at(count / 2);
        tables.push((Balance::Nearest, Table::nearest(answers, &[half.0.to_vec(), half.1.to_vec()])));
        for (balance, table) in tables {
            let usable: Vec<usize> = table.endpoints().map(|id| id.index()).collect();
            let mut distinct: Vec<_> = usable.iter().map(|&at| domain_of(&domains, at)).collect();
            distinct.sort_unstable();
            distinct.dedup();
            for block in 0..20 {
                let picks = pick(&table, &asker(block), &mut draw.below(1_000), &mut Draw::new(block.into()));
                let mut got: Vec<_> = picks.iter().map(|&at| domain_of(&domains, at)).collect();
                got.sort_unstable();
                got.dedup();
                assert_eq!(got.len(), picks.len(), "{balance:?} {round}: {picks:?} of {domains:?} share a domain");
                assert_eq!(picks.len(), distinct.len().min(answers.into()), "{balance:?} {round}: {domains:?}");
            }
        }
    }
}

/// A number of its own for a member without a tag.
fn domain_of(domains: &[u16], at: usize) -> usize {
    if domains[at] == ALONE { 1_000 + at } else { usize::from(domains[at]) }
}

#[test]
fn the_first_address_is_the_one_that_the_method_would_give_without() {
    let (weights, domains) = ([3, 1, 2, 2, 1], [0, 0, 1, 1, 2]);
    let with = spread_out(&weights, &domains);
    for balance in [Balance::RoundRobin, Balance::WeightedRoundRobin, Balance::Failover, Balance::Hash, Balance::All] {
        let (plain, spread) = (table(balance, 3, &candidates(&weights), 5), table(balance, 3, &with, 5));
        for block in 0..500 {
            let [a, b] =
                [&plain, &spread].map(|table| pick(table, &asker(block), &mut { block }, &mut Draw::new(0))[0]);
            assert_eq!(a, b, "{balance:?}");
        }
    }
    let shares = shares(&table(Balance::Weighted, 3, &with, 5), 100_000);
    assert!((shares[&0] - 3.0 / 9.0).abs() < 0.01 && (shares[&2] - 2.0 / 9.0).abs() < 0.01, "{shares:?}");
}

#[test]
fn a_second_address_is_drawn_by_weight_among_the_other_domains() {
    // After one of rack 0, the members of rack 1 and the loner share 4 : 1 : 1.
    let table = table(Balance::Weighted, 2, &spread_out(&[1_000_000, 1, 4, 1, 1], &[0, 0, 1, 1, ALONE]), 5);
    let (mut cursor, mut draw, mut seen) = (0, Draw::new(1), [0_u32; 5]);
    for _ in 0..60_000 {
        let picks = pick(&table, &asker(0), &mut cursor, &mut draw);
        seen[picks[1]] += 1;
    }
    assert_eq!(seen[1], 0);
    assert!((39_000..41_000).contains(&seen[2]) && (9_500..10_500).contains(&seen[4]), "{seen:?}");
}
