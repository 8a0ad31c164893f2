//! Who is chosen: weights are kept, the dead are never named while another lives, and a death moves only the
//! clients of the dead.

use crate::common::ask::Ask;
use crate::common::state::{state, state_with};
use crate::common::{ask_in_process, full};
use geosteer::state::State;
use geosteer::worker::Worker;
use std::collections::BTreeMap;

const HEAD: &str = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[checks]\nc = { type = \"tcp\", port = 80 }\n";

/// Methods that pick among members, `all` aside.
const METHODS: [&str; 8] = [
    "weighted",
    "round-robin",
    "failover",
    "hash",
    "nearest",
    "least-connections",
    "least-load",
    "least-response-time",
];

fn pool(balance: &str) -> String {
    format!(
        r#"{HEAD}
[pools.p]
balance  = "{balance}"
check    = "c"
location = [50.0, 8.0]
endpoints = [
  {{ name = "a", address = ["192.0.2.1", "2001:db8::1"], weight = 1 }},
  {{ name = "b", address = ["192.0.2.2", "2001:db8::2"], weight = 2 }},
  {{ name = "c", address = ["192.0.2.3", "2001:db8::3"], weight = 3 }},
  {{ name = "d", address = ["192.0.2.4", "2001:db8::4"], weight = 4 }},
]
[names.www.policy]
default = ["p"]
"#
    )
}

/// A client by number: its own /24, spread over the public space.
fn client(number: u64) -> String {
    let number = 0x0b00_0000 + number * 40_009 % 0x5000_0000;
    format!("{}/24", std::net::Ipv4Addr::from_bits(number as u32 & !255))
}

/// The one address that each of `count` clients gets.
fn chosen(state: &State, count: u64, rtype: u16) -> Vec<String> {
    let mut worker = Worker::new(5);
    let one = |number| {
        let ask = Ask::new("www.example.com", rtype).subnet(&client(number));
        let data = ask_in_process(state, &mut worker, &ask).data();
        assert_eq!(data.len(), 1, "one address an answer");
        data.into_iter().next().expect("one")
    };
    (0..count).map(one).collect()
}

fn shares(chosen: &[String]) -> BTreeMap<&str, f64> {
    let mut shares = BTreeMap::new();
    for address in chosen {
        *shares.entry(address.as_str()).or_default() += 1.0 / chosen.len() as f64;
    }
    shares
}

/// Six standard deviations of a share drawn `count` times: a test that fails once in 10⁸ runs.
fn tolerance(share: f64, count: u64) -> f64 {
    6.0 * (share * (1.0 - share) / count as f64).sqrt()
}

#[test]
fn weights_are_kept_by_weighted_and_by_hash() {
    let count = full(40_000, 1_000_000);
    for balance in ["weighted", "hash"] {
        let chosen = chosen(&state(&pool(balance)), count, 1);
        let shares = shares(&chosen);
        for weight in 1..=4 {
            let expected = f64::from(weight) / 10.0;
            let share = shares[format!("192.0.2.{weight}").as_str()];
            assert!((share - expected).abs() < tolerance(expected, count), "{balance}: {share} for {expected}");
        }
    }
}

#[test]
fn round_robin_gives_each_the_same_share() {
    let chosen = chosen(&state(&pool("round-robin")), 4_000, 1);
    let shares = shares(&chosen);
    assert!(shares.len() == 4 && shares.values().all(|share| (share - 0.25).abs() < 0.001), "{shares:?}");
}

#[test]
fn a_dead_endpoint_is_never_chosen_while_another_lives() {
    for balance in METHODS.into_iter().chain(["all"]) {
        for down in [vec!["a"], vec!["a", "c"], vec!["b", "c", "d"]] {
            let targets: Vec<String> = down.iter().map(|name| format!("endpoint/p/{name}")).collect();
            let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
            let state = state_with(&pool(balance), &targets);
            let mut worker = Worker::new(3);
            for number in 0..full(500, 50_000) {
                for (rtype, net) in [(1, "192.0.2."), (28, "2001:db8::")] {
                    let ask = Ask::new("www.example.com", rtype).subnet(&client(number));
                    let data = ask_in_process(&state, &mut worker, &ask).data();
                    let dead = |name: &&str| format!("{net}{}", name.as_bytes()[0] - b'a' + 1);
                    assert!(
                        !data.is_empty() && !down.iter().map(dead).any(|dead| data.contains(&dead)),
                        "{balance}: {data:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn only_the_dead_endpoints_clients_move() {
    let count = full(5_000, 200_000);
    let before = chosen(&state(&pool("hash")), count, 1);
    for (name, dead) in [("a", "192.0.2.1"), ("d", "192.0.2.4")] {
        let after = chosen(&state_with(&pool("hash"), &[&format!("endpoint/p/{name}")]), count, 1);
        for (number, (before, after)) in before.iter().zip(&after).enumerate() {
            assert!(after != dead && (before == dead || before == after), "client {number}: {before} then {after}");
        }
    }
}

#[test]
fn the_same_client_gets_the_same_site_for_a_and_aaaa_by_hash() {
    let state = state(&pool("hash"));
    let (v4, v6) = (chosen(&state, 2_000, 1), chosen(&state, 2_000, 28));
    for (v4, v6) in v4.iter().zip(&v6) {
        assert_eq!(v4.rsplit('.').next(), v6.rsplit(':').next());
    }
}

fn split(weights: &str, sticky: bool) -> String {
    let row = if sticky { format!("[{{ {weights} }}]") } else { format!("[{{ {weights}, sticky = false }}]") };
    format!(
        "{HEAD}[pools]\none = {{ check = \"none\", endpoints = [\"192.0.2.1\"] }}\n\
         two = {{ check = \"none\", endpoints = [\"192.0.2.2\"] }}\n[names.www.policy]\ndefault = {row}\n"
    )
}

#[test]
fn a_sticky_split_keeps_its_shares_over_blocks_and_the_choice_within_one() {
    let state = state(&split("one = 95, two = 5", true));
    let mut worker = Worker::new(1);
    let mut of = |a: u64, b: u64, c: u64| {
        let ask = Ask::new("www.example.com", 1).subnet(&format!("{}.{b}.{c}.0/24", 11 + a));
        ask_in_process(&state, &mut worker, &ask).data().remove(0)
    };
    let (mut small, mut count) = (0, 0);
    for a in 0..60 {
        for b in 0..256 {
            let first = of(a, b, 0);
            assert_eq!(of(a, b, 200), first, "a /16 stays together");
            small += u64::from(first == "192.0.2.2");
            count += 1;
        }
    }
    let share = small as f64 / count as f64;
    assert!((share - 0.05).abs() < tolerance(0.05, count), "{share}");
}

#[test]
fn growing_a_splits_small_part_moves_only_clients_towards_it() {
    let (before, after) = (state(&split("one = 95, two = 5", true)), state(&split("one = 90, two = 10", true)));
    for (number, (before, after)) in chosen(&before, 4_000, 1).iter().zip(&chosen(&after, 4_000, 1)).enumerate() {
        assert!(before == after || after == "192.0.2.2", "client {number}: {before} then {after}");
    }
}

#[test]
fn a_split_that_is_not_sticky_draws_for_every_query() {
    let state = state(&split("one = 70, two = 30", false));
    let mut worker = Worker::new(8);
    let count = 20_000;
    let ask = Ask::new("www.example.com", 1).subnet("193.0.6.0/24");
    let mut second = 0;
    for _ in 0..count {
        second += u64::from(ask_in_process(&state, &mut worker, &ask).data()[0] == "192.0.2.2");
    }
    let share = second as f64 / count as f64;
    assert!((share - 0.3).abs() < tolerance(0.3, count), "{share}");
}
