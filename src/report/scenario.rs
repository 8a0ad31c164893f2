//! What is asked of a simulation, as it is typed: targets, weights, names.

use crate::id::NameId;
use crate::limits::WEIGHT_MAX;
use crate::overrides::{Said, Target};
use crate::pool::Gate;
use crate::simulate::Scenario;
use crate::snapshot::Snapshot;

/// A scenario: what fails, what is drained, what counts as up, and other weights (`TARGET=NUMBER`).
///
/// # Errors
/// What cannot be read, in words.
pub fn scenario([down, drain, up, weights]: [&[String]; 4]) -> Result<Scenario, String> {
    let targets = |texts: &[String]| texts.iter().map(|text| Target::parse(text)).collect::<Result<Vec<_>, _>>();
    let mut scenario = Scenario { down: targets(down)?, said: Vec::new() };
    for (texts, gate) in [(drain, Gate::Drain), (up, Gate::Up)] {
        scenario.said.extend(targets(texts)?.into_iter().map(|target| (target, Said::State(gate))));
    }
    for text in weights {
        scenario.said.push(weight(text)?);
    }
    Ok(scenario)
}

fn weight(text: &str) -> Result<(Target, Said), String> {
    let wrong = || format!("--weight is endpoint/POOL/NAME=NUMBER, not \"{text}\"");
    let (target, number) = text.rsplit_once('=').ok_or_else(wrong)?;
    let number = number.parse::<u32>().ok().filter(|number| *number <= WEIGHT_MAX).ok_or_else(wrong)?;
    let target = Target::parse(target)?;
    if target.is_of_pools() {
        return Err(format!("a pool has no weight of its own: write endpoint/POOL/NAME={number}, not \"{text}\""));
    }
    Ok((target, Said::Weight(number)))
}

/// That nothing is called so, with what may be meant.
#[must_use]
pub fn unknown(snapshot: &Snapshot, target: &Target) -> String {
    let pools = snapshot.pools.iter().map(|pool| format!("pool/{}", pool.name));
    let endpoints = snapshot
        .endpoints
        .iter()
        .map(|endpoint| format!("endpoint/{}/{}", snapshot.pools[endpoint.pool.index()].name, endpoint.name));
    let known: Vec<String> = pools.chain(endpoints).collect();
    let hint = nearest(target.as_str(), known.iter().map(String::as_str));
    format!("nothing is called {target}{hint}")
}

/// The balanced names asked for; all of them if none is.
///
/// # Errors
/// A name that is not balanced here, in words; or there is none at all.
pub fn names(snapshot: &Snapshot, wanted: &[String]) -> Result<Vec<NameId>, String> {
    if wanted.is_empty() {
        return match snapshot.names.len() {
            0 => Err("no zone read here has a balanced name".to_owned()),
            count => Ok((0..count).map(NameId::new).collect()),
        };
    }
    wanted.iter().map(|text| name(snapshot, text)).collect()
}

fn name(snapshot: &Snapshot, text: &str) -> Result<NameId, String> {
    let parsed = crate::wire::Name::parse(text).map_err(|error| format!("\"{text}\": {error}"))?;
    snapshot.zones.find_balanced(&parsed).ok_or_else(|| {
        let known: Vec<String> = snapshot.names.iter().map(|name| name.owner.to_string()).collect();
        format!("{text} is not balanced{}", nearest(text, known.iter().map(String::as_str)))
    })
}

/// `; did you mean …?` with the known name that is nearest.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let best = known.max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
    best.map_or_else(String::new, |best| format!("; did you mean \"{best}\"?"))
}
