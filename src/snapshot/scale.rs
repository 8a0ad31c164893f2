//! A measurement, run by hand: `cargo test --release --lib scale -- --ignored --nocapture`.

use super::Snapshot;
use crate::health::Timing;
use crate::id::NameId;
use crate::state::State;
use crate::steer::fixture::{World, databases, one, subnet};
use crate::steer::{Dependents, Fallback, Observed, Want, decide};
use crate::worker::Worker;

fn rss_mb() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("VmRSS 0 kB");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<usize>().ok()).unwrap_or(0) / 1024
}

/// CPU time of this thread, ms: the machine may be busy with other things.
struct Instant(f64);

impl Instant {
    fn now() -> Self {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let on_cpu = text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok());
        Self(on_cpu.unwrap_or(0.0) / 1e6)
    }

    fn elapsed(&self) -> f64 {
        Self::now().0 - self.0
    }
}

#[test]
#[ignore = "a measurement"]
fn a_hundred_thousand_names() {
    let mut world = World::new(&[("eu", &["20.0.0.0/8"]), ("us", &["30.0.0.0/8"])]);
    let check = world.check(80, Timing { interval_ms: 10_000, timeout_ms: 2_000, fall: 3, rise: 2, forget: 10 });
    for policy in 0..10_000_u32 {
        let pools = [0, 1, 2].map(|pool| {
            let address =
                |k: u32| std::net::Ipv4Addr::from_bits((10 << 24) + ((policy * 3 + pool) << 1) + k).to_string();
            let id = world.pool(&format!("p{policy}-{pool}"), &[&address(0), &address(1)]);
            world.pool_mut(id).checks = [check].into();
            id
        });
        let steps = |first: usize| (0..3).map(|n| one(pools[(first + n) % 3])).collect();
        world.policy(vec![(Some(0), steps(0), false), (Some(1), steps(1), false), (None, steps(2), false)]);
    }
    for name in 0..100_000 {
        world.name(&format!("n{name}.example.com"), crate::id::PolicyId::new(name % 10_000), Fallback::All);
    }
    databases();
    println!("spec: {} MB", rss_mb());
    let spec = std::mem::take(&mut world.spec);
    let start = Instant::now();
    let snapshot = std::sync::Arc::new(Snapshot::build(spec, databases()).unwrap());
    println!("build: {:.3} ms, {} MB", start.elapsed(), rss_mb());
    let start = Instant::now();
    let dependents = Dependents::new(&snapshot);
    println!("dependents: {:.3} ms", start.elapsed());
    let start = Instant::now();
    let state = State::offline(snapshot.clone(), &[]);
    println!(
        "live: {:.3} ms, {} MB; {} routes, {} classes",
        start.elapsed(),
        rss_mb(),
        snapshot.routes.len(),
        snapshot.plan.len()
    );
    let mut live = state.live.clone();
    let start = Instant::now();
    let pools = [crate::id::PoolId::new(77)];
    let changed = live.update(&snapshot, &dependents, &pools, |_| Observed::DOWN);
    println!("one pool down: {:.3} ms, {changed}", start.elapsed());
    let start = Instant::now();
    let all: Vec<_> = (0..snapshot.pools.len()).map(crate::id::PoolId::new).collect();
    live.update(&snapshot, &dependents, &all, |_| Observed::DOWN);
    println!("all pools down: {:.3} ms", start.elapsed());
    drop(live);
    let mut worker = Worker::new(1);
    let clients: Vec<_> = (0..256).map(|n| subnet(&format!("{}.{n}.3.0/24", 20 + n % 20))).collect();
    let start = Instant::now();
    let mut sum = 0;
    for query in 0..2_000_000_usize {
        let name = NameId::new(query.wrapping_mul(7_919) % 100_000);
        let want = Want::Addresses(crate::client::Family::V4);
        let (_, picks) = decide(&state, &mut worker, name, &clients[query % 256], want);
        sum += usize::from(picks.rdata(0)[3]);
    }
    println!("decide: {:.0} ns a query ({sum}), {} MB", start.elapsed() / 2.0, rss_mb());
}
