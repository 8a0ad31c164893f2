//! What would be otherwise if what is supposed happened to a running server.

use crate::health::Sites;
use crate::id::TargetId;
use crate::pool::Pool;
use crate::state::State;
use crate::steer::seen;

/// The blast guard would hold it at first: nothing is taken down here that would be up there without a word.
pub(super) fn note(state: &State) -> Option<String> {
    let snapshot = &*state.snapshot;
    let (sites, guard) = (sites(state), &snapshot.guard);
    let cut = if snapshot.canaries.is_empty() { "" } else { ", unless the canaries answer" };
    guard.would_hold(sites).then(|| {
        let Sites { up, failing } = sites;
        let seconds = guard.hold_ms / 1_000;
        format!("if {failing} of {up} sites failed at once, the blast guard would hold them up for {seconds} s at first{cut}")
    })
}

/// The sites as the guard counts them: all that are probed were up, and these are supposed to fail.
fn sites(state: &State) -> Sites {
    let mut sites = Sites::default();
    for pool in &state.snapshot.pools {
        let (up, failing) = targets(state, pool);
        sites.up += u32::from(up > 0);
        sites.failing += u32::from(failing * 2 > up);
    }
    sites
}

/// How many targets vote for a pool, and how many of these fail.
fn targets(state: &State, pool: &Pool) -> (usize, usize) {
    let mut voting: Vec<(TargetId, bool)> = Vec::new();
    for id in pool.endpoints() {
        for lane in 0..2 {
            let fails = !seen(state, id).up[lane];
            voting.extend(state.snapshot.targets_of(id, lane).iter().map(|&target| (target, fails)));
        }
    }
    voting.sort_unstable();
    voting.dedup_by_key(|voting| voting.0);
    (voting.len(), voting.iter().filter(|voting| voting.1).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Snapshot;
    use crate::steer::Observed;
    use std::sync::Arc;

    fn said(down: usize, canaries: &[&str]) -> Option<String> {
        let pool = |n: usize| format!("p{n} = {{ check = \"web\", endpoints = [\"192.0.2.{n}\"] }}\n");
        let pools: String = (1..=5).map(pool).collect();
        let text = format!(
            "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[checks]\nweb = {{ type = \"http\" }}\n[pools]\n{pools}\
             six = {{ check = \"none\", endpoints = [\"192.0.2.6\"] }}\n[names.www.policy]\ndefault = [\"p1\", \"six\"]\n"
        );
        let server = format!("[guard]\nhold = \"40s\"\ncanaries = {canaries:?}\n");
        let (server, _) = crate::config::load_server_text("geosteer.toml", &server).unwrap();
        let options = crate::config::Options { guard: server.guard, canaries: server.canaries, ..Default::default() };
        let spec = crate::config::load_text("z.toml", &text, &options).unwrap().spec;
        let snapshot = Arc::new(Snapshot::build(spec, crate::steer::fixture::databases()).unwrap());
        let is_down = |id: crate::id::EndpointId| if id.index() < down { Observed::DOWN } else { Observed::UP };
        note(&State::offline_with(snapshot, is_down))
    }

    #[test]
    fn the_guard_is_spoken_of_when_so_much_is_supposed_down_that_it_would_hold_it() {
        assert_eq!((said(0, &[]), said(2, &[])), (None, None));
        let three = said(3, &[]).expect("three of five");
        assert_eq!(three, "if 3 of 5 sites failed at once, the blast guard would hold them up for 40 s at first");
        assert!(
            said(5, &["tcp://198.51.100.1:443"]).is_some_and(|said| said.ends_with(", unless the canaries answer"))
        );
    }
}
