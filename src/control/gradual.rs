//! Orders about a part of a pool's clients: what they may be, and from which share they start.

use crate::clock;
use crate::limits::GRADUAL_MAX_S;
use crate::overrides::{Meant, Override, Overrides, Ramp, Said, Target};
use crate::pool::{Gate, Share};
use crate::state::State;

/// Checks the time that an order takes to reach its end, and the time after which it ends.
pub(super) fn check(over_s: Option<u64>, for_s: Option<u64>) -> Result<(), String> {
    match (over_s, for_s) {
        (Some(over), _) if !(1..=GRADUAL_MAX_S).contains(&over) => {
            Err(format!("a gradual override takes 1 second to {} days", GRADUAL_MAX_S / 86_400))
        }
        (Some(over), Some(until)) if until <= over => {
            Err("it would end by itself before it has reached its end: --for must be longer than --over".to_owned())
        }
        _ => Ok(()),
    }
}

/// Whether a target has what an order is about: a share or a weight.
pub(super) fn suits(said: Said, over_s: Option<u64>, meant: &Meant, target: &Target) -> Result<(), String> {
    match said {
        Said::Weight(_) => of_endpoints(meant, target),
        Said::Share(_) => of_pools(meant, target),
        Said::State(_) if over_s.is_some() => of_pools(meant, target),
        Said::State(_) => Ok(()),
    }
}

/// Only pools have a share: what is also about endpoints is refused.
pub(super) fn of_pools(meant: &Meant, target: &Target) -> Result<(), String> {
    if meant.endpoints.is_empty() && (target.is_of_pools() || !meant.pools.is_empty()) {
        return Ok(());
    }
    Err(format!("{target}: only pools keep a share of their clients; `geosteer weight` changes that of an endpoint"))
}

/// Only endpoints have a weight: what is about pools alone, as a tag of theirs is, is refused.
fn of_endpoints(meant: &Meant, target: &Target) -> Result<(), String> {
    if meant.endpoints.is_empty() && !meant.pools.is_empty() {
        return Err(format!("{target}: endpoints have a weight, and only pools are called that"));
    }
    Ok(())
}

/// What `percent` of the clients shed is called.
pub(super) fn shed(percent: f64) -> Result<Said, String> {
    if !(0.0..=100.0).contains(&percent) || percent == 0.0 {
        return Err("a pool sheds more than 0 % and at most 100 % of its clients".to_owned());
    }
    let shed = Share::new((percent * 100.0).round() as u64);
    // Nobody left is a drain, in every respect.
    Ok(if shed == Share::FULL { Said::State(Gate::Drain) } else { Said::Share(shed.rest()) })
}

/// The share of the pools meant that operators leave them: the largest.
fn present(state: &State, meant: &Meant) -> Share {
    let gates = state.live.gates();
    let share = |id: &crate::id::PoolId| match gates.pool(*id, state.snapshot.pools[id.index()].gate).is_open() {
        true => gates.share(*id),
        false => Share::NONE,
    };
    meant.pools.iter().map(share).max().unwrap_or(Share::FULL)
}

/// The way from what is to a new override's end; `replaced` is the one in whose place it comes. What is closed already
/// has no way to go.
pub(super) fn ramp(state: &State, meant: &Meant, over_s: Option<u64>, replaced: Option<&Override>) -> Option<Ramp> {
    let from = present(state, meant);
    let held = replaced.and_then(|one| match (one.said, one.ramp) {
        (Said::State(gate), _) if gate.is_open() => Some(gate),
        // A drain in place of a drain on its way.
        (Said::State(_), Some(ramp)) => ramp.held,
        _ => None,
    });
    over_s.filter(|_| from > Share::NONE).map(|over_s| Ramp { from, over_s, held })
}

/// The override that lets clients come back gradually when `lifted` is gone; `shed` is what the target sheds anyway.
/// `None` if there is no way to go.
pub(super) fn back(
    state: &State,
    meant: &Meant,
    shed: Option<&Override>,
    (lifted, over_s): (&Override, u64),
) -> Option<Override> {
    let since = clock::steady_seconds();
    let (end, until) = match shed.map(|shed| (shed.said, shed.until)) {
        Some((Said::Share(share), until)) => (share, until),
        // Nothing is left to say at the end.
        _ => (Share::FULL, Some(since + over_s)),
    };
    let from = present(state, meant);
    let ramp = Some(Ramp { from, over_s, held: None });
    (from < end).then(|| Override { said: Said::Share(end), since, until, ramp, ..lifted.clone() })
}

/// The overrides with the target drained, to see what an order that sheds clients could lead to at worst: where nobody
/// else is left, nothing can be shed.
pub(super) fn worst(overrides: &Overrides, now: Option<&Override>) -> Option<Overrides> {
    let now = now.filter(|now| matches!(now.said, Said::Share(share) if share < Share::FULL))?;
    let mut worst = overrides.clone();
    worst.set(Override { said: Said::State(Gate::Drain), ramp: None, ..now.clone() }).ok()?;
    Some(worst)
}

/// The same when every gradual override, also of other targets, is at its end.
pub(super) fn all_at_worst(overrides: &Overrides, now: Option<&Override>) -> Overrides {
    let ends = overrides.at_their_ends();
    worst(&ends, now).unwrap_or(ends)
}
