//! The rules of "From health to answer", one by one.

use super::fixture::{World, address, nearest, one, resolver, split, subnet};
use super::{Answer, Decision, EndpointNote, Fallback, FallbackNote, Picks, PoolNote, Want, decide, explain};
use crate::client::{Client, Family, Subnet};
use crate::health::{Timing, Tracker};
use crate::id::{EndpointId, NameId};
use crate::limits::SPLIT_V4;
use crate::pool::{Address, Balance, Gate};
use crate::state::State;
use crate::wire::Name;
use crate::worker::Worker;
use std::collections::HashSet;

const A: Want = Want::Addresses(Family::V4);
const AAAA: Want = Want::Addresses(Family::V6);
const REGIONS: &[(&str, &[&str])] = &[("eu", &["20.0.0.0/8", "2a00::/16"]), ("us", &["30.0.0.0/8"])];
const EU: &str = "20.1.2.0/24";
const US: &str = "30.1.2.0/24";
const ELSEWHERE: &str = "40.1.2.0/24";

/// A decision with what it picked.
fn decided<'s>(
    state: &'s State,
    worker: &'s mut Worker,
    name: NameId,
    client: &Client,
    want: Want,
) -> (Decision, Picks<'s>) {
    let decision = decide(state, worker, name, client, want);
    (decision, Picks::last(state, worker, want))
}

/// Every address that a client can be given.
fn all_of(state: &State, name: NameId, client: &Client, want: Want) -> Vec<String> {
    let mut worker = Worker::new(3);
    let mut seen = HashSet::new();
    for _ in 0..200 {
        let (decision, picks) = decided(state, &mut worker, name, client, want);
        if let Answer::Records { .. } = decision.answer {
            let rdata = picks.rdata();
            assert!(!rdata.is_empty(), "records, and none of them");
            seen.extend(rdata.iter().map(|rdata| address(rdata).to_string()));
        }
    }
    let mut seen: Vec<_> = seen.into_iter().collect();
    seen.sort();
    seen
}

fn answer(state: &State, name: NameId, client: &Client, want: Want) -> Answer {
    decide(state, &mut Worker::new(1), name, client, want).answer
}

fn scope(state: &State, name: NameId, client: &Client) -> u8 {
    decide(state, &mut Worker::new(1), name, client, A).scope
}

#[test]
fn the_row_of_the_region_is_taken_and_default_for_all_others() {
    let mut world = World::new(REGIONS);
    let (fra, nyc, sin) =
        (world.pool("fra", &["1.1.1.1"]), world.pool("nyc", &["2.2.2.2"]), world.pool("sin", &["3.3.3.3"]));
    let policy = world.policy(vec![
        (Some(0), vec![one(fra)], false),
        (Some(1), vec![one(nyc)], false),
        (None, vec![one(sin)], false),
    ]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let state = State::offline(world.build(), &[]);
    for (client, expected) in [(EU, "1.1.1.1"), (US, "2.2.2.2"), (ELSEWHERE, "3.3.3.3"), ("2a00:1::/32", "1.1.1.1")] {
        assert_eq!(all_of(&state, www, &subnet(client), A), [expected], "{client}");
    }
    assert_eq!(all_of(&state, www, &resolver("20.9.9.9"), A), ["1.1.1.1"]);
    assert_eq!(scope(&state, www, &resolver("20.9.9.9")), 0);
    assert_eq!(scope(&state, www, &subnet(EU)), 8);
}

#[test]
fn rows_of_equal_content_are_one_class_with_scope_0() {
    let mut world = World::new(REGIONS);
    let (fra, nyc) = (world.pool("fra", &["1.1.1.1"]), world.pool("nyc", &["2.2.2.2"]));
    let policy = world.policy(vec![
        (Some(0), vec![one(fra), one(nyc)], false),
        (Some(1), vec![split(&[(fra, 7)], false)], false),
        (None, vec![one(fra), one(nyc)], false),
    ]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let snapshot = world.build();
    // The American row differs by the weight of its only part, which decides nothing, and by nothing else.
    let state = State::offline(snapshot.clone(), &[]);
    assert_eq!(snapshot.routes[0].classes(), 1);
    assert_eq!(scope(&state, www, &subnet(EU)), 0);
}

#[test]
fn a_dead_pool_is_passed_over_for_the_next_and_then_for_those_of_default() {
    let mut world = World::new(REGIONS);
    let (fra, ams, nyc) =
        (world.pool("fra", &["1.1.1.1"]), world.pool("ams", &["1.1.1.2"]), world.pool("nyc", &["2.2.2.2"]));
    let policy = world.policy(vec![(Some(0), vec![one(fra), one(ams)], false), (None, vec![one(nyc)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let snapshot = world.build();
    let (dead_fra, dead_ams) = (world.endpoint(fra, 0), world.endpoint(ams, 0));
    let down = |failed: &[EndpointId]| all_of(&State::offline(snapshot.clone(), failed), www, &subnet(EU), A);
    assert_eq!(down(&[]), ["1.1.1.1"]);
    assert_eq!(down(&[dead_fra]), ["1.1.1.2"]);
    assert_eq!(down(&[dead_fra, dead_ams]), ["2.2.2.2"]);
    assert_eq!(down(&[dead_fra, dead_ams, world.endpoint(nyc, 0)]), ["1.1.1.1"], "fails open to the first step");
}

#[test]
fn a_geofenced_row_never_leaves_its_steps() {
    let mut world = World::new(REGIONS);
    let (fra, nyc) = (world.pool("fra", &["1.1.1.1"]), world.pool("nyc", &["2.2.2.2"]));
    let policy = world.policy(vec![(Some(0), vec![one(fra)], true), (None, vec![one(nyc)], false)]);
    let open = world.name("open.example.com", policy, Fallback::All);
    let shut = world.name("shut.example.com", policy, Fallback::ServFail);
    let state = State::offline(world.build(), &[world.endpoint(fra, 0)]);
    assert_eq!(all_of(&state, open, &subnet(EU), A), ["1.1.1.1"]);
    assert_eq!(answer(&state, shut, &subnet(EU), A), Answer::ServFail);
    assert_eq!(all_of(&state, shut, &subnet(US), A), ["2.2.2.2"]);
}

#[test]
fn a_down_endpoint_is_never_chosen_while_another_lives() {
    for balance in
        [Balance::Weighted, Balance::RoundRobin, Balance::Failover, Balance::Hash, Balance::Nearest, Balance::All]
    {
        let mut world = World::new(REGIONS);
        let pool = world.pool("pool", &["1.1.1.1", "1.1.1.2", "1.1.1.3"]);
        world.place(pool, 50.0, 8.0);
        world.pool_mut(pool).balance = balance;
        world.pool_mut(pool).answers = 2;
        let policy = world.policy(vec![(None, vec![one(pool)], false)]);
        let www = world.name("www.example.com", policy, Fallback::All);
        let snapshot = world.build();
        for alive in 0..3 {
            let dead: Vec<_> = (0..3).filter(|i| *i != alive).map(|index| world.endpoint(pool, index)).collect();
            let state = State::offline(snapshot.clone(), &dead);
            let expected = format!("1.1.1.{}", alive + 1);
            for client in 0..64 {
                let client = subnet(&format!("20.{client}.7.0/24"));
                assert_eq!(all_of(&state, www, &client, A), [&*expected], "{balance:?}");
            }
        }
    }
}

#[test]
fn a_pool_below_min_healthy_is_down_until_nothing_else_is_live() {
    let mut world = World::new(REGIONS);
    let (fra, nyc) = (world.pool("fra", &["1.1.1.1", "1.1.1.2"]), world.pool("nyc", &["2.2.2.2"]));
    world.pool_mut(fra).min_healthy = 2;
    let policy = world.policy(vec![(None, vec![one(fra), one(nyc)], false)]);
    let www = world.name("www.example.com", policy, Fallback::ServFail);
    let snapshot = world.build();
    let (one_down, nyc_down) = (world.endpoint(fra, 0), world.endpoint(nyc, 0));
    let state = State::offline(snapshot.clone(), &[one_down]);
    assert_eq!(all_of(&state, www, &subnet(EU), A), ["2.2.2.2"]);
    let state = State::offline(snapshot.clone(), &[one_down, nyc_down]);
    assert_eq!(all_of(&state, www, &subnet(EU), A), ["1.1.1.2"], "its live member comes before the fallback");
    let state = State::offline(snapshot, &[one_down, nyc_down, world.endpoint(fra, 1)]);
    assert_eq!(answer(&state, www, &subnet(EU), A), Answer::ServFail);
}

#[test]
fn each_fallback_answers_in_its_own_way() {
    let mut world = World::new(REGIONS);
    let (fra, sorry) = (world.pool("fra", &["1.1.1.1", "1.1.1.2"]), world.pool("sorry", &["9.9.9.9"]));
    let policy = world.policy(vec![(None, vec![one(fra)], false)]);
    let all = world.name("all.example.com", policy, Fallback::All);
    let none = world.name("none.example.com", policy, Fallback::NoData);
    let fail = world.name("fail.example.com", policy, Fallback::ServFail);
    let pool = world.name("pool.example.com", policy, Fallback::Pool(sorry));
    let dead = [world.endpoint(fra, 0), world.endpoint(fra, 1), world.endpoint(sorry, 0)];
    let state = State::offline(world.build(), &dead);
    assert_eq!(all_of(&state, all, &subnet(EU), A), ["1.1.1.1", "1.1.1.2"]);
    assert_eq!(answer(&state, none, &subnet(EU), A), Answer::NoData);
    assert_eq!(answer(&state, fail, &subnet(EU), A), Answer::ServFail);
    assert_eq!(all_of(&state, pool, &subnet(EU), A), ["9.9.9.9"], "its health is not looked at");
}

#[test]
fn failing_open_leaves_out_what_an_operator_took_out_unless_nothing_is_left() {
    for gate in [Gate::Down, Gate::Drain] {
        let mut world = World::new(REGIONS);
        let pool = world.pool("pool", &["1.1.1.1", "1.1.1.2"]);
        world.endpoint_mut(pool, 0).gate = gate;
        let policy = world.policy(vec![(None, vec![one(pool)], false)]);
        let www = world.name("www.example.com", policy, Fallback::All);
        let both = [world.endpoint(pool, 0), world.endpoint(pool, 1)];
        let state = State::offline(world.build(), &[]);
        assert_eq!(all_of(&state, www, &subnet(EU), A), ["1.1.1.2"], "taken out of new answers");
        let state = State::offline(world.build(), &both);
        assert_eq!(all_of(&state, www, &subnet(EU), A), ["1.1.1.2"], "fail open without it");
        world.endpoint_mut(pool, 1).gate = gate;
        let state = State::offline(world.build(), &both);
        assert_eq!(all_of(&state, www, &subnet(EU), A), ["1.1.1.1", "1.1.1.2"], "all of them");
    }
}

#[test]
fn a_gate_held_up_counts_as_up_and_a_drained_pool_is_passed_over() {
    let mut world = World::new(REGIONS);
    let (fra, nyc) = (world.pool("fra", &["1.1.1.1"]), world.pool("nyc", &["2.2.2.2"]));
    let policy = world.policy(vec![(None, vec![one(fra), one(nyc)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let dead = [world.endpoint(fra, 0)];
    world.pool_mut(fra).gate = Gate::Up;
    assert_eq!(all_of(&State::offline(world.build(), &dead), www, &subnet(EU), A), ["1.1.1.1"]);
    world.pool_mut(fra).gate = Gate::Auto;
    world.endpoint_mut(fra, 0).gate = Gate::Up;
    assert_eq!(all_of(&State::offline(world.build(), &dead), www, &subnet(EU), A), ["1.1.1.1"]);
    world.pool_mut(fra).gate = Gate::Drain;
    assert_eq!(
        all_of(&State::offline(world.build(), &[]), www, &subnet(EU), A),
        ["2.2.2.2"],
        "both gates must be open"
    );
}

#[test]
fn a_family_that_the_chosen_pool_lacks_goes_on_alone() {
    let mut world = World::new(REGIONS);
    let fra = world.pool("fra", &["1.1.1.1"]);
    let nyc = world.pool("nyc", &["2.2.2.2+2::2"]);
    let policy = world.policy(vec![(None, vec![one(fra), one(nyc)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let snapshot = world.build();
    assert_eq!((snapshot.routes[0].types.a, snapshot.routes[0].types.aaaa), (true, true));
    let state = State::offline(snapshot.clone(), &[]);
    assert_eq!(all_of(&state, www, &subnet(EU), A), ["1.1.1.1"]);
    assert_eq!(all_of(&state, www, &subnet(EU), AAAA), ["2::2"]);
    let state = State::offline(snapshot, &[world.endpoint(fra, 0), world.endpoint(nyc, 0)]);
    assert_eq!(all_of(&state, www, &subnet(EU), AAAA), ["2::2"], "fails open to the first step that has the family");
}

#[test]
fn in_a_split_the_family_of_the_part_without_it_goes_on_to_the_next_step() {
    let mut world = World::new(REGIONS);
    let (old, new) = (world.pool("old", &["1.1.1.1"]), world.pool("new", &["2.2.2.2+2::2"]));
    let next = world.pool("next", &["3.3.3.3+3::3"]);
    let policy = world.policy(vec![(None, vec![split(&[(old, 50), (new, 50)], true), one(next)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let state = State::offline(world.build(), &[]);
    let mut seen = HashSet::new();
    for block in 0..=255 {
        let client = subnet(&format!("20.{block}.0.0/24"));
        let (v4, v6) = (all_of(&state, www, &client, A), all_of(&state, www, &client, AAAA));
        assert_eq!(v6[0], if v4[0] == "1.1.1.1" { "3::3" } else { "2::2" });
        seen.insert(v6);
    }
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_sticky_split_keeps_shares_clients_and_families_together() {
    let mut world = World::new(REGIONS);
    let (main, canary) = (world.pool("main", &["1.1.1.1+1::1"]), world.pool("canary", &["2.2.2.2+2::2"]));
    let weights = |canary_share| split(&[(main, 100 - canary_share), (canary, canary_share)], true);
    let five = world.policy(vec![(None, vec![weights(5)], false)]);
    let ten = world.policy(vec![(None, vec![weights(10)], false)]);
    let beta = world.name("beta.example.com", five, Fallback::All);
    let mut wider = World { spec: world.spec.clone() };
    wider.spec.names[0].policy = ten;
    let (state, after) = (State::offline(world.build(), &[]), State::offline(wider.build(), &[]));
    let first = |state: &State, client: &Client, want| {
        let mut worker = Worker::new(1);
        let (decision, picks) = decided(state, &mut worker, beta, client, want);
        assert_eq!(decision.scope, SPLIT_V4);
        picks.rdata()[0].last() == Some(&2)
    };
    let (mut share, mut share_after) = (0, 0);
    for block in 0..=65_535_u32 {
        let client = subnet(&format!("{}.{}.7.0/24", block >> 8, block & 255));
        if matches!(block >> 8, 0 | 10 | 127 | 100 | 169 | 172 | 192 | 198 | 203 | 224..) {
            continue;
        }
        let canary = first(&state, &client, A);
        assert_eq!(canary, first(&state, &client, AAAA), "A and AAAA of one client differ");
        let canary_after = first(&after, &client, A);
        assert!(!canary || canary_after, "a client left the canary when its share rose");
        share += u32::from(canary);
        share_after += u32::from(canary_after);
    }
    let (share, share_after) = (f64::from(share) / 560.0, f64::from(share_after) / 560.0);
    assert!((4.5..5.5).contains(&share) && (9.3..10.7).contains(&share_after), "{share} % and {share_after} %");
}

#[test]
fn when_a_part_of_a_split_dies_only_its_clients_move() {
    let mut world = World::new(REGIONS);
    let pools = [world.pool("a", &["1.1.1.1"]), world.pool("b", &["1.1.1.2"]), world.pool("c", &["1.1.1.3"])];
    let policy = world.policy(vec![(None, vec![split(&pools.map(|pool| (pool, 10)), true)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let snapshot = world.build();
    let before = State::offline(snapshot.clone(), &[]);
    let after = State::offline(snapshot, &[world.endpoint(pools[1], 0)]);
    for block in 0..=255 {
        let client = subnet(&format!("20.{block}.0.0/24"));
        let (old, new) = (all_of(&before, www, &client, A), all_of(&after, www, &client, A));
        assert_eq!(old.len(), 1);
        assert!(new == old || old == ["1.1.1.2"], "{old:?} → {new:?}");
        assert_ne!(new, ["1.1.1.2"]);
    }
}

#[test]
fn a_split_that_is_not_sticky_draws_per_query_and_hashes_nothing() {
    let mut world = World::new(REGIONS);
    let (a, b) = (world.pool("a", &["1.1.1.1"]), world.pool("b", &["1.1.1.2"]));
    let policy = world.policy(vec![(None, vec![split(&[(a, 30), (b, 70)], false)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let state = State::offline(world.build(), &[]);
    assert_eq!(scope(&state, www, &subnet(EU)), 0);
    let mut worker = Worker::new(9);
    let count = (0..100_000)
        .filter(|_| *decided(&state, &mut worker, www, &subnet(EU), A).1.rdata()[0] == [1, 1, 1, 1])
        .count();
    assert!((29_000..31_000).contains(&count), "{count}");
}

#[test]
fn a_row_that_hashes_has_at_least_the_hash_prefix_as_scope_and_the_others_have_not() {
    let mut world = World::new(REGIONS);
    let (fra, nyc) = (world.pool("fra", &["1.1.1.1", "1.1.1.2"]), world.pool("nyc", &["2.2.2.2"]));
    world.pool_mut(fra).balance = Balance::Hash;
    let policy = world.policy(vec![(Some(0), vec![one(fra)], false), (None, vec![one(nyc)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let state = State::offline(world.build(), &[]);
    assert_eq!(scope(&state, www, &subnet(EU)), 24);
    assert_eq!(scope(&state, www, &subnet("20.1.0.0/16")), 24, "longer than the source");
    assert_eq!(scope(&state, www, &subnet("2a00:1:2:3::/64")), 56);
    assert!(scope(&state, www, &subnet(US)) < 24);
    for host in 0..32 {
        let client = resolver(&format!("20.1.2.{host}"));
        assert_eq!(all_of(&state, www, &client, A).len(), 1);
        assert_eq!(all_of(&state, www, &client, A), all_of(&state, www, &subnet("20.1.2.0/24"), A));
    }
    let dead = State::offline(world.build(), &[world.endpoint(fra, 0)]);
    assert_eq!(scope(&dead, www, &subnet(EU)), 24, "health never changes a scope");
}

#[test]
fn the_nearest_pool_serves_then_the_next_nearest() {
    let mut world = World::new(&[("nl", &["20.0.0.0/8"])]);
    let pools = [world.pool("tyo", &["1.1.1.1"]), world.pool("ams", &["1.1.1.2"]), world.pool("nyc", &["1.1.1.3"])];
    for (pool, (latitude, longitude)) in pools.into_iter().zip([(35.7, 139.7), (52.3, 4.8), (40.7, -74.0)]) {
        world.place(pool, latitude, longitude);
    }
    let policy = world.policy(vec![(None, vec![nearest(&pools)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let snapshot = world.build();
    // RIPE NCC in the Netherlands, and the University of Tokyo.
    let (dutch, japanese) = (subnet("193.0.6.0/24"), subnet("133.11.0.0/24"));
    let state = State::offline(snapshot.clone(), &[]);
    assert_eq!(all_of(&state, www, &dutch, A), ["1.1.1.2"]);
    assert_eq!(all_of(&state, www, &japanese, A), ["1.1.1.1"]);
    let state = State::offline(snapshot.clone(), &[world.endpoint(pools[1], 0)]);
    assert_eq!(all_of(&state, www, &dutch, A), ["1.1.1.3"], "New York is nearer to Amsterdam than Tokyo");
    let all = pools.map(|pool| world.endpoint(pool, 0));
    let state = State::offline(snapshot, &all);
    assert_eq!(all_of(&state, www, &dutch, A), ["1.1.1.2"], "fails open to the nearest");
}

#[test]
fn equally_near_pools_share_the_clients_by_a_stable_hash() {
    let mut world = World::new(REGIONS);
    let pools = [world.pool("a", &["1.1.1.1+1::1"]), world.pool("b", &["1.1.1.2+1::2"])];
    world.place(pools[0], 52.3, 4.8);
    world.place(pools[1], 52.4, 4.9);
    let policy = world.policy(vec![(None, vec![nearest(&pools)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let snapshot = world.build();
    let state = State::offline(snapshot.clone(), &[]);
    let mut first = 0;
    for block in 0..256 {
        // All of 133.0.0.0/8 that the database knows is in Asia and Oceania: far from both.
        let client = subnet(&format!("133.{block}.0.0/24"));
        let v4 = all_of(&state, www, &client, A);
        assert_eq!(v4.len(), 1);
        assert_eq!(v4[0].replace("1.1.1.", "1::"), all_of(&state, www, &client, AAAA)[0]);
        first += u32::from(v4 == ["1.1.1.1"]);
    }
    assert!((90..=166).contains(&first), "{first} of 256");
    assert!(scope(&state, www, &subnet("133.11.0.0/24")) >= SPLIT_V4);
}

#[test]
fn nearness_chooses_among_the_endpoints_of_a_pool() {
    let mut world = World::new(REGIONS);
    let pool = world.pool("any", &["1.1.1.1", "1.1.1.2", "1.1.1.3"]);
    world.pool_mut(pool).balance = Balance::Nearest;
    world.pool_mut(pool).answers = 2;
    for (index, (latitude, longitude)) in [(35.7, 139.7), (52.3, 4.8), (40.7, -74.0)].into_iter().enumerate() {
        world.endpoint_mut(pool, index).location = Some(crate::geo::Coordinates { latitude, longitude });
    }
    let policy = world.policy(vec![(None, vec![one(pool)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let snapshot = world.build();
    let picks = |failed: &[EndpointId]| {
        let state = State::offline(snapshot.clone(), failed);
        let mut worker = Worker::new(1);
        let (_, picks) = decided(&state, &mut worker, www, &subnet("193.0.6.0/24"), A);
        picks.endpoints().iter().map(|id| id.index()).collect::<Vec<_>>()
    };
    assert_eq!(picks(&[]), [1, 2]);
    assert_eq!(picks(&[world.endpoint(pool, 1)]), [2, 0]);
    let all: Vec<_> = (0..3).map(|index| world.endpoint(pool, index)).collect();
    assert_eq!(picks(&all), [1, 2], "fails open in the order of nearness");
}

#[test]
fn the_ttl_is_the_time_until_an_answer_could_change_within_its_bounds() {
    // As a writer would see them: an endpoint that was probed once, and one that failed twice.
    let timing = Timing { interval_ms: 10_000, timeout_ms: 2_000, fall: 3, rise: 2, forget: 10 };
    let steady = |outcomes: &[crate::health::Outcome]| {
        let mut tracker = Tracker::default();
        for &outcome in outcomes {
            tracker.observe(outcome, &timing);
        }
        super::Observed { steady_s: tracker.steady_s(&timing), ..super::Observed::UP }
    };
    use crate::health::Outcome::{Fail, Pass};
    let mut world = World::new(REGIONS);
    let (fra, nyc) = (world.pool("fra", &["1.1.1.1"]), world.pool("nyc", &["2.2.2.2"]));
    let policy = world.policy(vec![(None, vec![one(fra), one(nyc)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    world.spec.names[www.index()].ttl_min = 5;
    let mut state = State::offline(world.build(), &[]);
    let mut ttl_with = |of: [super::Observed; 2]| {
        state.live = super::Live::new(&state.snapshot, |id| of[id.index()]);
        match answer(&state, www, &subnet(EU), A) {
            Answer::Records { ttl, .. } => ttl,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ttl_with([super::Observed::UP; 2]), 30, "not probed: no cap");
    assert_eq!(ttl_with([steady(&[Pass]), steady(&[Pass])]), 20);
    assert_eq!(ttl_with([steady(&[Pass, Fail]), steady(&[Pass])]), 10);
    assert_eq!(ttl_with([steady(&[Pass, Fail, Fail]), steady(&[Pass])]), 5, "not below ttl_min");
    assert_eq!(ttl_with([steady(&[Pass]), steady(&[Pass, Fail, Fail])]), 20, "lower steps are not looked at");
    let down = super::Observed { up: [false; 2], passes: [false; 2], ..steady(&[Fail]) };
    assert_eq!(ttl_with([down, steady(&[Pass])]), 10, "higher steps are");
}

#[test]
fn hostnames_are_one_cname_target() {
    let mut world = World::new(REGIONS);
    let pool = world.pool("lb", &["1.1.1.1", "1.1.1.2"]);
    for index in 0..2 {
        let target = Name::parse(&format!("lb{index}.example.net")).unwrap();
        world.endpoint_mut(pool, index).address = Address::Host(target);
    }
    world.pool_mut(pool).answers = 2;
    let policy = world.policy(vec![(None, vec![one(pool)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let snapshot = world.build();
    assert!(snapshot.routes[0].types.cname && !snapshot.routes[0].types.a);
    let state = State::offline(snapshot, &[world.endpoint(pool, 0)]);
    let mut worker = Worker::new(1);
    let (decision, picks) = decided(&state, &mut worker, www, &subnet(EU), Want::Target);
    assert!(matches!(decision.answer, Answer::Records { .. }), "{decision:?}");
    assert_eq!(*picks.rdata(), [Box::from(Name::parse("lb1.example.net").unwrap().wire())]);
}

#[test]
fn a_private_subnet_leaves_the_decision_to_the_resolver() {
    let mut world = World::new(REGIONS);
    let (fra, nyc) = (world.pool("fra", &["1.1.1.1"]), world.pool("nyc", &["2.2.2.2"]));
    let policy = world.policy(vec![(Some(0), vec![one(fra)], false), (None, vec![one(nyc)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let state = State::offline(world.build(), &[]);
    let private = Subnet::new("192.168.7.0".parse().unwrap(), 24);
    let client = Client::new("20.0.0.53".parse().unwrap(), Some(private));
    assert_eq!(all_of(&state, www, &client, A), ["1.1.1.1"]);
    assert_eq!(scope(&state, www, &client), 16);
}

#[test]
fn an_explanation_names_row_pools_endpoints_and_reasons() {
    let mut world = World::new(REGIONS);
    let fra = world.pool("fra", &["1.1.1.1", "1.1.1.2"]);
    let (ams, nyc, sin) = (
        world.pool("ams", &["2.2.2.2"]),
        world.pool("nyc", &["3.3.3.3@0", "3.3.3.4"]),
        world.pool("sin", &["4.4.4.4"]),
    );
    world.pool_mut(ams).gate = Gate::Drain;
    let policy =
        world.policy(vec![(Some(0), vec![one(fra), one(ams), one(nyc)], false), (None, vec![one(sin)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let dead = [world.endpoint(fra, 0), world.endpoint(fra, 1)];
    let state = State::offline(world.build(), &dead);
    let told = explain(&state, &mut Worker::new(1), www, &subnet(EU), A);
    assert_eq!((told.row, told.region.map(|id| id.index()), told.by_subnet), (0, Some(0), true));
    let notes: Vec<_> = told.pools.iter().map(|pool| (pool.pool, pool.row, pool.step, pool.note)).collect();
    assert_eq!(
        notes,
        [
            (fra, 0, 0, PoolNote::TooFewLive),
            (ams, 0, 1, PoolNote::TakenOut),
            (nyc, 0, 2, PoolNote::Taken),
            (sin, 1, 0, PoolNote::NotReached),
        ]
    );
    let of = |pool: usize| told.pools[pool].endpoints.iter().map(|endpoint| endpoint.note).collect::<Vec<_>>();
    assert_eq!(of(0), [EndpointNote::Failed; 2]);
    assert_eq!(of(1), [EndpointNote::Drained]);
    assert_eq!(of(2), [EndpointNote::Spare, EndpointNote::Picked]);
    assert_eq!(told.rdata, [Box::from([3, 3, 3, 4])]);
    let all: Vec<_> = (0..world.spec.endpoints.len()).map(EndpointId::new).collect();
    let state = State::offline(world.build(), &all);
    let told = explain(&state, &mut Worker::new(1), www, &subnet(EU), A);
    assert_eq!(told.fallback, Some(FallbackNote::All));
    assert!(told.pools[0].picked);
}

#[test]
fn a_resolver_without_subnet_still_gets_its_stable_choice() {
    let mut world = World::new(REGIONS);
    let (a, b) = (world.pool("a", &["1.1.1.1"]), world.pool("b", &["1.1.1.2"]));
    let policy = world.policy(vec![(None, vec![split(&[(a, 1), (b, 1)], true)], false)]);
    let www = world.name("www.example.com", policy, Fallback::All);
    let state = State::offline(world.build(), &[]);
    assert_eq!(all_of(&state, www, &resolver("20.0.0.1"), A), all_of(&state, www, &resolver("20.0.200.1"), A));
    let decision = decide(&state, &mut Worker::new(1), www, &resolver("20.0.0.1"), A);
    assert_eq!(decision.scope, 0);
}
