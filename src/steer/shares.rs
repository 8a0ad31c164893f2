//! Shares of pools as clients see them: who moves, where to, and with which scope.

use super::fixture::{World, address, one, split};
use super::{Fallback, Live, Observed, Picks, Want, decide};
use crate::client::{Client, Family, Subnet};
use crate::id::{NameId, PoolId};
use crate::limits::SPLIT_V6;
use crate::pool::{Gate, Gates, Share};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::worker::Worker;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

const A: Want = Want::Addresses(Family::V4);
const AAAA: Want = Want::Addresses(Family::V6);

fn state(snapshot: &Arc<Snapshot>, set: impl Fn(&mut Gates)) -> State {
    let mut gates = Gates::default();
    set(&mut gates);
    let live = Live::with_gates(snapshot, Arc::new(gates), |_| Observed::UP);
    State { live, ..State::offline(Arc::clone(snapshot), &[]) }
}

/// The last octet of what a client of each /32 is answered with, and the scope.
fn answers(state: &State, name: NameId, want: Want, seed: u64) -> Vec<(u8, u8)> {
    let mut worker = Worker::new(seed);
    let blocks = (0..100_000_u128).map(|block| Ipv6Addr::from(0x2400 << 112 | block << 96));
    let mut ask = |block: Ipv6Addr| {
        let client = Client::new(IpAddr::from([9, 9, 9, 9]), Some(Subnet::new(block.into(), 56)));
        let scope = decide(state, &mut worker, name, &client, want).scope;
        let rdata = Picks::last(state, &worker, want).rdata();
        let octet = match address(&rdata[0]) {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(address) => address.octets()[15],
        };
        (octet, scope)
    };
    blocks.map(&mut ask).collect()
}

fn part(answers: &[(u8, u8)], octet: u8) -> f64 {
    answers.iter().filter(|answer| answer.0 == octet).count() as f64 * 100.0 / answers.len() as f64
}

/// Pools 1 to `count`, each of both families.
fn pools(world: &mut World, count: u8) -> Vec<PoolId> {
    (1..=count).map(|n| world.pool(&format!("p{n}"), &[&format!("10.0.0.{n}+2001:db8::{n}")])).collect()
}

#[test]
fn a_shed_moves_its_share_along_the_row_and_the_same_clients_when_it_grows() {
    let mut world = World::new(&[]);
    let pools = pools(&mut world, 3);
    let policy = world.policy(vec![(None, pools.iter().map(|&pool| one(pool)).collect(), false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let snapshot = world.build();
    let keep = |percent| state(&snapshot, |gates| gates.limit_share(pools[0], Share::of(percent, 100)));
    let (all, eighty, sixty) = (keep(100), keep(80), keep(60));
    let [all, eighty, sixty] = [all, eighty, sixty].map(|state| answers(&state, www, A, 1));
    assert!(all.iter().all(|answer| *answer == (1, 0)), "nothing is hashed where nothing is shed");
    assert!((part(&eighty, 2) - 20.0).abs() < 0.5 && (part(&sixty, 2) - 40.0).abs() < 0.5);
    assert!((part(&eighty, 1) + part(&eighty, 2) - 100.0).abs() < 1e-9, "nobody goes further than need be");
    assert!(eighty.iter().zip(&sixty).all(|(before, after)| before.0 == 1 || after.0 == 2), "who moved stays there");
    assert!(eighty.iter().all(|answer| answer.1 == SPLIT_V6));
    // On another node, with other draws, and for the other family: the same.
    assert_eq!(answers(&keep(80), www, A, 77), eighty);
    assert_eq!(answers(&keep(80), www, AAAA, 3), eighty);
    // At its end it is what a drain is.
    let drained = state(&snapshot, |gates| gates.set_pool(pools[0], Gate::Drain));
    assert_eq!(answers(&keep(0), www, A, 1), answers(&drained, www, A, 1));
}

#[test]
fn in_a_split_only_the_clients_of_the_pool_that_sheds_move_and_each_once() {
    let mut world = World::new(&[]);
    let pools = pools(&mut world, 4);
    let parts = split(&[(pools[0], 50), (pools[1], 30), (pools[2], 20)], true);
    let policy = world.policy(vec![(None, vec![parts, one(pools[3])], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let snapshot = world.build();
    let keep = |percent| {
        let state = state(&snapshot, |gates| gates.limit_share(pools[0], Share::of(percent, 100)));
        answers(&state, www, A, 1)
    };
    let drained = answers(&state(&snapshot, |gates| gates.set_pool(pools[0], Gate::Drain)), www, A, 1);
    let mut before = keep(100);
    for percent in (0..100).rev().step_by(9) {
        let now = keep(percent);
        for ((before, now), end) in before.iter().zip(&now).zip(&drained) {
            assert!(now.0 == before.0 || before.0 == 1 && now.0 == end.0, "{before:?} {now:?} {end:?}");
        }
        assert!((part(&now, 1) - percent as f64 / 2.0).abs() < 1.0);
        before = now;
    }
    assert_eq!(keep(0), drained);
}

#[test]
fn the_last_live_pool_of_a_row_keeps_its_clients() {
    let mut world = World::new(&[]);
    let pools = pools(&mut world, 2);
    let policy = world.policy(vec![(None, vec![one(pools[0]), one(pools[1])], false)]);
    let www = world.name("www.example.com", policy, Fallback::ServFail);
    let snapshot = world.build();
    for share in [0, 30] {
        let alone = state(&snapshot, |gates| {
            gates.limit_share(pools[0], Share::of(share, 100));
            gates.set_pool(pools[1], Gate::Down);
        });
        assert!(answers(&alone, www, A, 1).iter().all(|answer| *answer == (1, 0)), "{share} %");
        let both =
            state(&snapshot, |gates| pools.iter().for_each(|&pool| gates.limit_share(pool, Share::of(share, 100))));
        let both = answers(&both, www, A, 1);
        assert!((part(&both, 2) - (100 - share) as f64).abs() < 1.0, "the last of the row takes the rest: {share} %");
    }
}
