//! Orders that go to their end over a time, and shares.

use crate::limits::GRADUAL_MAX_S;
use crate::overrides::{Override, Overrides, Ramp, Said, Target};
use crate::pool::{Gate, Share};

/// What an order of a share says: the share that pools keep. A pool that keeps none is drained.
pub(super) fn share(parts: u16, target: &Target) -> Result<Said, String> {
    if !target.is_of_pools() {
        return Err(format!("{target}: only pools shed clients; for an endpoint there is its weight"));
    }
    match parts {
        0 => Ok(Said::State(Gate::Drain)),
        1..=Share::PARTS => Ok(Said::Share(Share::new(parts.into()))),
        _ => Err("a share is at most 100 %".to_owned()),
    }
}

/// The override that an order takes the place of, if it is of another kind: a gradual order goes on from a share or a
/// drain alike.
pub(super) fn goes_on_from(all: &Overrides, said: Said, target: &Target, over_s: Option<u64>) -> Option<Override> {
    let kinds = [Said::State(Gate::Drain), Said::Share(Share::FULL)];
    let drained = |one: &&Override| !matches!(one.said, Said::State(gate) if gate != Gate::Drain);
    let kinds = if over_s.is_some() { &kinds[..] } else { &[] };
    std::iter::once(&said).chain(kinds).find_map(|&kind| all.of(target, kind).filter(drained)).cloned()
}

/// The way of an order that is gradual, from the target's share at `now`, seconds since 1970. Takes away the target's
/// overrides that it goes on from; `None` if the order holds at once.
pub(super) fn ramp(
    over_s: Option<u64>,
    said: Said,
    all: &mut Overrides,
    target: &Target,
    now: u64,
) -> Result<Option<Ramp>, String> {
    let back = said == Said::Share(Share::FULL);
    let Some(over_s) = over_s else {
        return if back { Err("a share is less than 100 %".to_owned()) } else { Ok(None) };
    };
    if !target.is_of_pools() {
        return Err(format!("{target}: only pools go to their end over a time; for an endpoint there is its weight"));
    }
    if !matches!(said, Said::Share(_) | Said::State(Gate::Drain)) {
        return Err("only a drain, its end and a share go to their end over a time".to_owned());
    }
    if !(1..=GRADUAL_MAX_S).contains(&over_s) {
        return Err(format!("a gradual order takes 1 second to {} days", GRADUAL_MAX_S / 86_400));
    }
    let state = all.of(target, Said::State(Gate::Drain)).filter(|one| one.said == Said::State(Gate::Drain));
    let drained = state.map(|one| one.share_at(now).unwrap_or(Share::NONE));
    let shed = all.of(target, Said::Share(Share::FULL)).and_then(|one| one.share_at(now));
    if back && drained.is_none() && shed.is_none() {
        return Err(format!("{target} is neither drained nor sheds clients: there is nothing to undo"));
    }
    let from = drained.into_iter().chain(shed).min().unwrap_or(Share::FULL);
    // One order says it from here on: two would add up.
    if drained.is_some() {
        all.remove(target, Said::State(Gate::Drain));
    }
    if shed.is_some() {
        all.remove(target, Said::Share(Share::FULL));
    }
    Ok(Some(Ramp { from, over_s }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Target {
        Target::parse("pool/fra").unwrap()
    }

    fn with(said: Said, ramp: Option<Ramp>) -> Overrides {
        let mut all = Overrides::default();
        let one = Override { target: pool(), said, owner: "me".into(), reason: "".into(), since: 0, until: None, ramp };
        all.set(one).unwrap();
        all
    }

    #[test]
    fn the_way_back_begins_where_the_way_there_is() {
        let drain = Said::State(Gate::Drain);
        let full = Said::Share(Share::FULL);
        let half = Some(Ramp { from: Share::FULL, over_s: 100 });
        for (all, from) in [
            (with(drain, None), Share::NONE),
            (with(drain, half), Share::new(5_000)),
            (with(Said::Share(Share::new(8_000)), None), Share::new(8_000)),
        ] {
            let mut all = all;
            let ramp = ramp(Some(60), full, &mut all, &pool(), 50).unwrap();
            assert_eq!(ramp, Some(Ramp { from, over_s: 60 }));
            assert!(all.list().is_empty());
        }
        assert!(ramp(Some(60), full, &mut Overrides::default(), &pool(), 50).is_err());
    }

    #[test]
    fn endpoints_and_times_that_make_no_sense_are_refused() {
        let endpoint = Target::parse("endpoint/fra/a").unwrap();
        assert!(share(8_000, &endpoint).is_err());
        assert_eq!(share(0, &pool()), Ok(Said::State(Gate::Drain)));
        let none = &mut Overrides::default();
        for (over_s, said, target) in [
            (Some(0), Said::State(Gate::Drain), pool()),
            (Some(GRADUAL_MAX_S + 1), Said::State(Gate::Drain), pool()),
            (Some(60), Said::State(Gate::Up), pool()),
            (Some(60), Said::State(Gate::Drain), endpoint),
            (None, Said::Share(Share::FULL), pool()),
        ] {
            assert!(ramp(over_s, said, none, &target, 0).is_err(), "{over_s:?} {said:?} {target}");
        }
    }
}
