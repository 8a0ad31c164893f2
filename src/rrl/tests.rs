//! Limits in virtual time.

mod properties;

use super::*;
use crate::limits::RRL_HELD;
use std::net::IpAddr;

const SECOND: u64 = 1_000_000_000;
/// Any moment: ticks have wrapped a few times.
const START: u64 = 5_000 * SECOND;
const SECRET: [u64; 4] = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0x2545_f491_4f6c_dd1d];

fn bits(text: &str) -> Bits {
    Bits::from(text.parse::<IpAddr>().unwrap())
}

/// Fifty answers a second, five names that do not exist.
fn rules() -> Rules {
    Rules { per_second: [50, 20, 10, 5, 5, 10_000], ..Rules::default() }
}

fn limiter(rules: Rules) -> Limiter {
    Limiter::new(rules, SECRET)
}

fn fate(limiter: &Limiter, now: u64, source: &str, class: Class) -> Fate {
    limiter.judge(now, &Said { class, zone: 1, source: &bits(source), subnet: None }).fate
}

/// Fates of replies that are spread evenly over seconds: sent, slipped, dropped.
fn flood(limiter: &Limiter, seconds: u64, per_second: u64, judge: impl Fn(&Limiter, u64) -> Fate) -> [u64; 3] {
    let mut counts = [0; 3];
    for number in 0..seconds * per_second {
        match judge(limiter, START + number * SECOND / per_second) {
            Fate::Sent | Fate::Spared => counts[0] += 1,
            Fate::Slipped => counts[1] += 1,
            Fate::Dropped => counts[2] += 1,
        }
    }
    counts
}

#[test]
fn a_flood_gets_its_limit_and_each_second_of_the_others_slips() {
    for slip in [1, 2, 3, 7, 10] {
        let limiter = limiter(Rules { slip, ..rules() });
        let [sent, slipped, dropped] =
            flood(&limiter, 20, 10_000, |limiter, now| fate(limiter, now, "192.0.2.1", Class::Response));
        // The room of one second, and what fills in twenty.
        assert!((20 * 50..=21 * 50 + 1).contains(&sent), "{sent}");
        assert_eq!(slipped, (slipped + dropped) / u64::from(slip), "slip {slip}");
    }
    let limiter = limiter(Rules { slip: 0, ..rules() });
    let counts = flood(&limiter, 2, 1_000, |limiter, now| fate(limiter, now, "192.0.2.1", Class::Response));
    assert_eq!(counts[1], 0);
}

#[test]
fn a_limit_of_zero_is_none() {
    let limiter = limiter(Rules { per_second: [0; 6], ..rules() });
    for class in [Class::Response, Class::NxDomain, Class::Error] {
        assert_eq!(flood(&limiter, 1, 50_000, |limiter, now| fate(limiter, now, "192.0.2.1", class))[0], 50_000);
    }
}

#[test]
fn every_limit_that_can_be_set_is_kept() {
    for limit in [1, 2, 3, 7, 100, 999, 10_000, 100_000] {
        let limiter = limiter(Rules { per_second: [limit, 0, 0, 0, 0, 0], ..rules() });
        let rate = 4 * u64::from(limit).max(10);
        let [sent, ..] = flood(&limiter, 10, rate, |limiter, now| fate(limiter, now, "192.0.2.1", Class::Response));
        let due = 11 * u64::from(limit);
        assert!(sent.abs_diff(due) <= due / 50 + 1, "{sent} at {limit}");
    }
}

#[test]
fn a_block_is_counted_as_one_and_its_neighbours_are_not_concerned() {
    let drained = |one: &str, other: &str| {
        let limiter = limiter(rules());
        flood(&limiter, 1, 10_000, |limiter, now| fate(limiter, now, one, Class::Response));
        fate(&limiter, START + SECOND - 1, other, Class::Response) != Fate::Sent
    };
    assert!(drained("192.0.2.1", "192.0.2.255"));
    assert!(!drained("192.0.2.1", "192.0.3.1"));
    assert!(drained("2001:db8:0:100::1", "2001:db8:0:1ff:ffff::"));
    assert!(!drained("2001:db8:0:100::1", "2001:db8:0:200::1"));
    // The same bits in another family.
    assert!(!drained("192.0.2.1", "c000:200::"));
}

#[test]
fn each_class_has_its_limit_and_negatives_have_it_by_zone() {
    let limiter = limiter(rules());
    let source = bits("192.0.2.1");
    for (class, limit) in Class::ALL.into_iter().zip([50, 20, 10, 5, 5]) {
        let mut sent = [0_u64; 2];
        for number in 0..20_000 {
            let zone = number as u32 % 2;
            let said = Said { class, zone, source: &source, subnet: None };
            let fate = limiter.judge(START + number * SECOND / 2_000, &said).fate;
            sent[zone as usize] += u64::from(fate == Fate::Sent);
        }
        let due = if matches!(class, Class::Response | Class::Error) { 11 * limit } else { 22 * limit };
        assert!(sent.iter().sum::<u64>().abs_diff(due) <= 2, "{class:?}: {sent:?}, not {due}");
    }
}

#[test]
fn who_is_exempt_is_never_limited_and_takes_nothing_from_others() {
    let limiter = limiter(Rules { exempt: vec!["192.0.2.53/32".parse().unwrap()], ..rules() });
    let counts = flood(&limiter, 2, 10_000, |limiter, now| fate(limiter, now, "192.0.2.53", Class::Error));
    assert_eq!(counts, [20_000, 0, 0]);
    assert_eq!(fate(&limiter, START, "192.0.2.54", Class::Error), Fate::Sent);
}

#[test]
fn limits_that_are_tried_hold_nothing_back_and_say_what_they_would() {
    let limiter = limiter(Rules { log_only: true, ..rules() });
    let mut spared = 0;
    for number in 0..1_000 {
        let fate = fate(&limiter, START + number, "192.0.2.1", Class::Response);
        assert!(matches!(fate, Fate::Sent | Fate::Spared));
        spared += u64::from(fate == Fate::Spared);
    }
    assert_eq!((spared, limiter.held().rows()[0].count), (950, 950));
}

#[test]
fn a_resolver_that_asks_for_many_subnets_loses_nothing() {
    let limiter = limiter(rules());
    let source = bits("192.0.2.1");
    let subnet = |number: u64| Bits::v4(0x0a00_0000 + ((number as u32 % 5_000) << 8));
    for number in 0..50_000 {
        let said = Said { class: Class::Response, zone: 1, source: &source, subnet: Some(subnet(number)) };
        assert_eq!(limiter.judge(START + number * SECOND / 5_000, &said).fate, Fate::Sent, "{number}");
    }
}

#[test]
fn one_subnet_is_limited_alone_and_forged_ones_are_together() {
    let limiter = limiter(rules());
    let source = bits("192.0.2.1");
    let judge = |now, subnet| {
        limiter.judge(now, &Said { class: Class::Response, zone: 1, source: &source, subnet: Some(subnet) })
    };
    let [sent, ..] = flood(&limiter, 10, 10_000, |_, now| judge(now, bits("10.0.0.0")).fate);
    assert!(sent.abs_diff(550) <= 1, "{sent}");
    let after = START + 10 * SECOND;
    assert_eq!(judge(after, bits("10.0.1.0")).fate, Fate::Sent);
    // What the source may have in all.
    let (mut sent, mut by_all) = (0, 0);
    for number in 0..400_000 {
        let judged = judge(after + number * SECOND / 40_000, Bits::v4((number as u32) << 8));
        sent += u64::from(judged.fate == Fate::Sent);
        by_all += u64::from(judged.fate != Fate::Sent && judged.class == Class::All);
    }
    assert!(sent.abs_diff(110_000) <= 2_000 && by_all > 280_000, "{sent} {by_all}");
}

#[test]
fn other_rules_keep_what_is_known_unless_they_want_another_table() {
    let limiter = limiter(rules());
    flood(&limiter, 1, 10_000, |limiter, now| fate(limiter, now, "192.0.2.1", Class::Response));
    let after = START + SECOND - 1;
    let tighter = limiter.under(Rules { slip: 0, ..rules() }).unwrap();
    assert_eq!(fate(&tighter, after, "192.0.2.1", Class::Response), Fate::Dropped);
    assert!(limiter.under(Rules { table_size: 1 << 12, ..rules() }).is_none());
}

#[test]
fn who_is_held_back_is_listed_until_it_is_over() {
    let limiter = limiter(rules());
    let source = bits("2001:db8:0:1ff::1");
    for number in 0..100 {
        let subnet = Some(bits("10.1.2.0"));
        let _ = limiter.judge(START + number, &Said { class: Class::Response, zone: 7, source: &source, subnet });
        let _ = limiter.judge(START + number, &Said { class: Class::NxDomain, zone: 7, source: &source, subnet: None });
    }
    let mut rows = limiter.held().rows();
    rows.sort_by_key(|row| row.count);
    let words = rows.iter().map(|row| (row.what.block.to_string(), row.what.class, row.what.zone, row.count));
    assert_eq!(
        words.collect::<Vec<_>>(),
        [
            ("2001:db8:0:100::/56".to_owned(), Class::Response, None, 50),
            ("2001:db8:0:100::/56".to_owned(), Class::NxDomain, Some(7), 95)
        ]
    );
    assert_eq!(rows[0].what.subnet.map(|subnet| subnet.to_string()), Some("10.1.2.0/24".to_owned()));
    assert_eq!(rows[0].seen, [START + 50, START + 99]);
    assert!(limiter.held().forget(START + 99).is_empty());
    assert_eq!(limiter.held().forget(START + 100).len(), 2);
    assert!(limiter.held().rows().is_empty());
}

#[test]
fn more_blocks_than_the_list_takes_are_limited_all_the_same() {
    let limiter = limiter(rules());
    for block in 0..2_000_u32 {
        let source = Bits::v4(block << 8);
        let said = Said { class: Class::Error, zone: 0, source: &source, subnet: None };
        let fates = (0..7).map(|number| limiter.judge(START + number, &said).fate).collect::<Vec<_>>();
        assert_eq!(fates[4..], [Fate::Sent, Fate::Dropped, Fate::Slipped], "{block}");
    }
    let listed = limiter.held().rows().len();
    assert!((RRL_HELD * 3 / 4..=RRL_HELD).contains(&listed), "{listed}");
    assert_eq!(limiter.held().unlisted() + limiter.held().rows().iter().map(|row| row.count).sum::<u64>(), 4_000);
}
