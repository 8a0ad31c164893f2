//! The gates against a naive oracle: every override is asked about every pool and endpoint.

use super::{Override, Overrides, Rank, Said, Target};
use crate::pool::{Gate, Share};
use crate::snapshot::Snapshot;
use crate::steer::fixture::{World, one};
use crate::steer::{Fallback, Live, Observed};
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};

const POOLS: [&str; 3] = ["fra", "fra2", "nyc"];

/// Built once: maps take long to compile.
fn world() -> Arc<Snapshot> {
    static WORLD: OnceLock<Arc<Snapshot>> = OnceLock::new();
    Arc::clone(WORLD.get_or_init(build))
}

fn build() -> Arc<Snapshot> {
    let mut world = World::new(&[("office", &["192.0.2.0/24"])]);
    let tags: [Box<[Box<str>]>; 3] = [["eu".into()].into(), ["eu".into(), "new".into()].into(), [].into()];
    for (index, (name, tags)) in POOLS.iter().zip(tags).enumerate() {
        let pool = world.pool(name, &[&format!("10.0.{index}.1@5"), &format!("10.0.{index}.2")]);
        world.pool_mut(pool).tags = tags;
        world.pool_mut(pool).gate = [Gate::Auto, Gate::Drain, Gate::Up][index];
        world.endpoint_mut(pool, 0).tags = [Box::from("rack-a")].into();
        world.endpoint_mut(pool, 1).gate = [Gate::Down, Gate::Auto, Gate::Auto][index];
    }
    let steps = (0..3).map(|pool| one(crate::id::PoolId::new(pool))).collect();
    let policy = world.policy(vec![(None, steps, false)]);
    world.name("www.example.com", policy, Fallback::All);
    world.build()
}

fn order(target: &str, said: Said) -> Override {
    let target = Target::parse(target).unwrap();
    Override { target, said, owner: "me".into(), reason: "".into(), since: 0, until: None, ramp: None }
}

/// What the rule says, word by word: the exact beats a tag, a tag beats a glob, then the latest.
fn oracle<T>(list: &[Override], means: impl Fn(&Target) -> bool, said: impl Fn(Said) -> Option<T>) -> Option<T> {
    for rank in [Rank::Exact, Rank::Tag, Rank::Glob] {
        for one in list.iter().rev() {
            if let Some(found) = said(one.said).filter(|_| one.target.rank() == rank && means(&one.target)) {
                return Some(found);
            }
        }
    }
    None
}

fn targets() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "pool/fra",
        "pool/fra2",
        "pool/f*",
        "pool/*",
        "pool/gone",
        "tag/eu",
        "tag/new",
        "tag/rack-a",
        "tag/*",
        "endpoint/fra/10.0.0.1",
        "endpoint/fra/10.0.0.2",
        "endpoint/fra*/10*1",
        "endpoint/*/*",
        "endpoint/nyc/10.0.2.?",
    ])
}

fn said() -> impl Strategy<Value = Said> {
    let gates = prop::sample::select(vec![Gate::Auto, Gate::Up, Gate::Down, Gate::Drain]);
    let shares = (0..=100_u64).prop_map(|percent| Said::Share(Share::of(percent, 100)));
    prop_oneof![3 => gates.prop_map(Said::State), 1 => (0..20_u32).prop_map(Said::Weight), 1 => shares]
}

proptest! {
    #[test]
    fn gates_follow_the_order_of_precedence(said in prop::collection::vec((targets(), said()), 0..12)) {
        let snapshot = world();
        let mut overrides = Overrides::default();
        for (target, said) in said {
            overrides.set(order(target, said)).unwrap();
        }
        let gates = overrides.gates(&snapshot, 0);
        let state = |said| match said { Said::State(gate) => Some(gate), _ => None };
        let weight = |said| match said { Said::Weight(weight) => Some(weight), _ => None };
        let share = |said| match said { Said::Share(share) => Some(share), _ => None };
        for (index, pool) in snapshot.pools.iter().enumerate() {
            let wanted = oracle(overrides.list(), |target| target.means_pool(pool), state).unwrap_or(pool.gate);
            prop_assert_eq!(gates.pool(crate::id::PoolId::new(index), pool.gate), wanted, "{}", &pool.name);
            let wanted = oracle(overrides.list(), |target| target.means_pool(pool), share).unwrap_or(Share::FULL);
            prop_assert_eq!(gates.share(crate::id::PoolId::new(index)), wanted, "{}", &pool.name);
            for id in pool.endpoints() {
                let endpoint = &snapshot.endpoints[id.index()];
                let means = |target: &Target| target.means_endpoint(pool, endpoint);
                let wanted = oracle(overrides.list(), means, state).unwrap_or(endpoint.gate);
                prop_assert_eq!(gates.endpoint(id, endpoint.gate), wanted, "{}", &endpoint.name);
                let wanted = oracle(overrides.list(), means, weight).unwrap_or(endpoint.weight);
                prop_assert_eq!(gates.weight(id, endpoint.weight), wanted, "{}", &endpoint.name);
            }
        }
    }

    #[test]
    fn working_out_again_only_the_pools_concerned_gives_what_working_out_all_gives(
        first in prop::collection::vec((targets(), said()), 0..6),
        second in prop::collection::vec((targets(), said()), 0..6),
    ) {
        let snapshot = world();
        let gates = |list: Vec<(&str, Said)>| {
            let mut overrides = Overrides::default();
            list.into_iter().for_each(|(target, said)| { overrides.set(order(target, said)).unwrap(); });
            Arc::new(overrides.gates(&snapshot, 0))
        };
        let (first, second) = (gates(first), gates(second));
        let mut live = Live::with_gates(&snapshot, first, |_| Observed::UP);
        let dirty = live.set_gates(&snapshot, Arc::clone(&second));
        live.update(&snapshot, &crate::steer::Dependents::new(&snapshot), &dirty, |_| Observed::UP);
        prop_assert_eq!(format!("{live:?}"), format!("{:?}", Live::with_gates(&snapshot, second, |_| Observed::UP)));
    }
}

#[test]
fn an_override_replaces_the_one_of_the_same_target_and_kind_and_ends_when_it_said() {
    let mut overrides = Overrides::default();
    let drain = Override { until: Some(100), ..order("pool/fra", Said::State(Gate::Drain)) };
    assert_eq!(overrides.set(order("pool/fra", Said::State(Gate::Up))), Ok(None));
    assert_eq!(overrides.set(drain.clone()).unwrap().unwrap().said, Said::State(Gate::Up));
    assert_eq!(overrides.set(order("pool/fra", Said::Weight(3))), Ok(None));
    assert_eq!(overrides.expire(99), []);
    assert_eq!(overrides.expire(100), [drain]);
    assert_eq!(overrides.list().len(), 1);
    assert!(overrides.remove(&Target::parse("pool/fra").unwrap(), Said::State(Gate::Auto)).is_none());
    assert!(overrides.remove(&Target::parse("pool/fra").unwrap(), Said::Weight(0)).is_some());
}

#[test]
fn there_is_a_bound_on_overrides() {
    let mut overrides = Overrides::default();
    for index in 0..crate::limits::OVERRIDES_MAX {
        overrides.set(order(&format!("pool/p{index}"), Said::State(Gate::Up))).unwrap();
    }
    assert!(overrides.set(order("pool/one-more", Said::State(Gate::Up))).is_err());
    assert!(overrides.set(order("pool/p0", Said::State(Gate::Down))).is_ok());
}

/// A gradual drain under way, of 10 seconds, half of them gone.
fn on_its_way(target: &str) -> Override {
    let ramp = Some(super::Ramp { from: Share::FULL, over_s: 10, held: None });
    Override { ramp, ..order(target, Said::State(Gate::Drain)) }
}

#[test]
fn a_gradual_drain_opens_nothing_that_is_closed_and_closes_nothing_at_once() {
    let snapshot = world();
    let [fra, fra2, nyc] = [0, 1, 2].map(crate::id::PoolId::new);
    let gates = |orders: &[Override]| {
        let mut overrides = Overrides::default();
        for one in orders {
            overrides.set(one.clone()).unwrap();
        }
        overrides.gates(&snapshot, 5)
    };
    let open = |gates: &crate::pool::Gates, pool| {
        gates.pool(pool, snapshot.pools[crate::id::PoolId::index(pool)].gate).is_open()
    };
    // What is closed, by an order or by its file, stays closed under a pattern; the others go on their way.
    let found = gates(&[order("pool/f*", Said::State(Gate::Drain)), on_its_way("pool/*")]);
    assert_eq!([fra, fra2, nyc].map(|pool| open(&found, pool)), [false, false, true]);
    assert_eq!(found.share(nyc), Share::new(5_000));
    // Its file drains it, and it was let in: an order by its name begins with the clients that it has.
    let found = gates(&[order("pool/fra2", Said::State(Gate::Up)), on_its_way("pool/fra2")]);
    assert_eq!((open(&found, fra2), found.share(fra2)), (true, Share::new(5_000)));
}

#[test]
fn a_gradual_drain_of_what_an_operator_counts_as_up_keeps_its_clients_on_the_way_whatever_its_checks_say() {
    let snapshot = world();
    let [fra, fra2, nyc] = [0, 1, 2].map(crate::id::PoolId::new);
    let file = |pool: crate::id::PoolId| snapshot.pools[pool.index()].gate;
    let with_held = |target, held| {
        let drain = on_its_way(target);
        Override { ramp: drain.ramp.map(|ramp| super::Ramp { held, ..ramp }), ..drain }
    };
    let gates = |orders: &[Override], now| {
        let mut overrides = Overrides::default();
        for one in orders {
            overrides.set(one.clone()).unwrap();
        }
        overrides.gates(&snapshot, now)
    };
    // Its file says up, or another order does.
    for target in ["pool/nyc", "pool/*"] {
        let found = gates(&[on_its_way(target)], 5);
        assert_eq!((found.pool(nyc, file(nyc)), found.share(nyc)), (Gate::Up, Share::new(5_000)), "{target}");
        assert_eq!(gates(&[on_its_way(target)], 10).pool(nyc, file(nyc)), Gate::Drain, "{target}: it is at its end");
    }
    let found = gates(&[order("tag/eu", Said::State(Gate::Up)), on_its_way("pool/fra")], 5);
    assert_eq!(found.pool(fra, file(fra)), Gate::Up);
    // What the override said in whose place the drain came.
    let found = gates(&[with_held("pool/fra", Some(Gate::Up))], 5);
    assert_eq!((found.pool(fra, file(fra)), found.share(fra)), (Gate::Up, Share::new(5_000)));
    let found = gates(&[with_held("pool/nyc", Some(Gate::Auto))], 5);
    assert_eq!(found.pool(nyc, file(nyc)), Gate::Auto, "health was trusted, whatever the file says");
    // A tag let in what its file drains; what others have closed meanwhile stays closed.
    let drain = with_held("tag/new", Some(Gate::Up));
    assert_eq!(gates(std::slice::from_ref(&drain), 5).pool(fra2, file(fra2)), Gate::Up);
    let found = gates(&[order("pool/f*", Said::State(Gate::Down)), drain], 5);
    assert_eq!(found.pool(fra2, file(fra2)), Gate::Down);
    // Who is counted as up serves, although its checks fail.
    for (held, serves) in [(Some(Gate::Up), true), (None, false)] {
        let found = gates(&[with_held("pool/fra", held)], 5);
        let live = Live::with_gates(&snapshot, Arc::new(found), |_| Observed::DOWN);
        assert_eq!(live.is_live(fra), serves, "{held:?}");
    }
}
