//! What holds for any traffic.

use super::super::table::ticks;
use super::*;
use crate::worker::Draw;
use std::sync::Barrier;
use std::thread;

/// Replies that were sent in some traffic of random gaps, bursts and pauses: their times.
fn sent(limiter: &Limiter, draw: &mut Draw, limit: u32) -> Vec<u64> {
    let (mut now, mut times) = (START + draw.next() % (1 << 40), Vec::new());
    let mean = SECOND / u64::from(limit);
    for _ in 0..4_000 {
        now += match draw.below(20) {
            0..12 => u64::from(draw.below(mean as u32)),
            12..19 => 0,
            _ => u64::from(draw.below(100)) * mean,
        };
        if fate(limiter, now, "192.0.2.1", Class::Response) == Fate::Sent {
            times.push(now);
        }
    }
    times
}

#[test]
fn no_time_sees_more_than_its_limit_and_a_second_of_room() {
    let mut draw = Draw::new(11);
    for limit in [1, 3, 50, 200, 1_000] {
        let limiter = limiter(Rules { per_second: [limit, 0, 0, 0, 0, 0], ..rules() });
        let times = sent(&limiter, &mut draw, limit);
        assert!(times.len() > limit as usize);
        for (at, start) in times.iter().enumerate() {
            for (more, end) in times[at..].iter().enumerate() {
                let allowed = u64::from(limit) + (end - start) * u64::from(limit) / SECOND + 1;
                assert!(more as u64 <= allowed, "{} replies within {} ns at {limit}", more + 1, end - start);
            }
        }
    }
}

#[test]
fn who_stays_below_the_limit_is_never_limited() {
    let limiter = limiter(rules());
    let mut draw = Draw::new(12);
    let mut now = START;
    for _ in 0..200_000 {
        // 45 a second at most, and a flood from next door in between.
        now += SECOND / 45 + u64::from(draw.below(2_000_000));
        assert_eq!(fate(&limiter, now, "192.0.2.1", Class::Response), Fate::Sent);
        for _ in 0..5 {
            let _ = fate(&limiter, now, "192.0.3.1", Class::Response);
        }
    }
}

/// So many forged blocks a second take buckets in a table of so many, beside one honest block below its limit and one
/// that floods. Gives the honest one's losses, the flood's replies, and the buckets in use at the end.
fn crowd(forged_per_second: u64, table_size: usize, seconds: u64) -> (u64, u64, usize) {
    let limiter = limiter(Rules { table_size, ..rules() });
    let (mut draw, mut lost, mut flooded) = (Draw::new(13), 0, 0);
    for number in 0..seconds * forged_per_second {
        let now = START + number * SECOND / forged_per_second;
        let source = Bits::v4((draw.next() as u32 | 0x8000_0000) & !0xff);
        let _ = limiter.judge(now, &Said { class: Class::Response, zone: 1, source: &source, subnet: None });
        if number % (forged_per_second / 40) == 0 {
            lost += u64::from(fate(&limiter, now, "10.0.0.1", Class::Response) != Fate::Sent);
        }
        if number % (forged_per_second / 5_000) == 0 {
            flooded += u64::from(fate(&limiter, now, "10.0.1.1", Class::Response) == Fate::Sent);
        }
    }
    (lost, flooded, limiter.buckets(START + seconds * SECOND).1)
}

#[test]
fn a_million_forged_blocks_a_second_neither_hurt_the_honest_nor_free_the_flood() {
    let (lost, flooded, busy) = crowd(1_000_000, crate::limits::RRL_TABLE, 4);
    assert_eq!(lost, 0);
    assert!((200..=275).contains(&flooded), "{flooded}");
    assert!(busy < crate::limits::RRL_TABLE / 4, "{busy}");
}

#[test]
fn a_table_that_is_far_too_small_never_holds_the_honest_back() {
    let (lost, flooded, busy) = crowd(1_000_000, 1_024, 2);
    assert_eq!(lost, 0);
    // Its bucket is the last to give way.
    assert!(flooded < 600, "{flooded}");
    assert!(busy <= 1_024);
}

#[test]
fn blocks_that_fall_together_are_rarer_than_one_in_a_million() {
    let limiter = limiter(Rules { table_size: 1 << 14, ..rules() });
    // Four of five places hold a block that is over its limit.
    for block in 0..13_000_u32 {
        let source = Bits::v4(0x8000_0000 | block << 8);
        for _ in 0..60 {
            let _ = limiter.judge(START, &Said { class: Class::Response, zone: 1, source: &source, subnet: None });
        }
    }
    let wrongly = (0..2_000_000_u32).filter(|&block| {
        let source = Bits::v4(block << 8 & 0x7fff_ff00);
        let subnet = Some(Bits::v4(block << 8));
        let said = Said { class: Class::Response, zone: 1, source: &source, subnet };
        limiter.judge(START, &said).fate != Fate::Sent
    });
    let wrongly = wrongly.count();
    assert!(wrongly <= 2, "{wrongly} of two million");
}

#[test]
fn the_same_moment_after_the_ticks_have_wrapped_finds_nothing_old() {
    let limiter = limiter(rules());
    let wrap = 1 << 39;
    for number in 0..100 {
        let _ = fate(&limiter, START + number, "192.0.2.1", Class::Response);
    }
    assert_ne!(fate(&limiter, START + 100, "192.0.2.1", Class::Response), Fate::Sent);
    assert_eq!(ticks(START + wrap), ticks(START));
    limiter.sweep(START + 60 * SECOND);
    assert_eq!(limiter.buckets(START).1, 0);
    assert_eq!(fate(&limiter, START + wrap, "192.0.2.1", Class::Response), Fate::Sent);
}

#[test]
fn threads_that_share_a_bucket_give_no_more_than_one_would() {
    let limiter = limiter(Rules { slip: 3, ..rules() });
    let begin = Barrier::new(4);
    let count = |limiter: &Limiter| {
        begin.wait();
        let fates = (0..150_000).map(|_| fate(limiter, START, "192.0.2.1", Class::Response));
        fates.fold([0; 3], |[sent, slipped, dropped], fate| match fate {
            Fate::Sent | Fate::Spared => [sent + 1, slipped, dropped],
            Fate::Slipped => [sent, slipped + 1, dropped],
            Fate::Dropped => [sent, slipped, dropped + 1],
        })
    };
    let totals = thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(|| count(&limiter)));
        threads.map(|thread| thread.join().unwrap())
    });
    let [sent, slipped, dropped] = totals.into_iter().fold([0; 3], |sum, one| [0, 1, 2].map(|at| sum[at] + one[at]));
    // One more token is there when the bucket is exactly full.
    assert!((50..=51).contains(&sent), "{sent}");
    assert_eq!(slipped, (slipped + dropped) / 3);
    assert_eq!(sent + slipped + dropped, 600_000);
}
