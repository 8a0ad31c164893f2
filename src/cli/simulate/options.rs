//! What is said on the command line of the change: targets, weights, the load.

use crate::overrides::{Said, Target};
use crate::pool::Gate;
use crate::simulate::Scenario;
use crate::snapshot::Snapshot;

/// What changes.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Change {
    /// What fails, as in an outage: pool/NAME, endpoint/POOL/NAME or tag/TAG; * and ? in names stand for any characters
    #[arg(long, value_name = "TARGET", num_args = 1..)]
    down: Vec<String>,
    /// What is drained
    #[arg(long, value_name = "TARGET", num_args = 1..)]
    drain: Vec<String>,
    /// What counts as up, whatever the file, an operator or its checks say
    #[arg(long, value_name = "TARGET", num_args = 1..)]
    up: Vec<String>,
    /// Other weights of endpoints
    #[arg(long, value_name = "TARGET=NUMBER", num_args = 1..)]
    weight: Vec<String>,
}

impl Change {
    /// As the core takes it.
    pub(super) fn scenario(&self) -> Result<Scenario, String> {
        let targets = |texts: &[String]| texts.iter().map(|text| Target::parse(text)).collect::<Result<Vec<_>, _>>();
        let mut scenario = Scenario { down: targets(&self.down)?, said: Vec::new() };
        for (texts, gate) in [(&self.drain, Gate::Drain), (&self.up, Gate::Up)] {
            scenario.said.extend(targets(texts)?.into_iter().map(|target| (target, Said::State(gate))));
        }
        for text in &self.weight {
            scenario.said.push(weight(text)?);
        }
        Ok(scenario)
    }

    /// True if it is about single endpoints, so that their shares are of interest.
    pub(super) fn is_of_endpoints(&self) -> bool {
        let mut states = self.down.iter().chain(&self.drain).chain(&self.up);
        !self.weight.is_empty() || states.any(|target| !target.starts_with("pool/"))
    }
}

fn weight(text: &str) -> Result<(Target, Said), String> {
    let wrong = || format!("--weight is endpoint/POOL/NAME=NUMBER, not \"{text}\"");
    let (target, number) = text.rsplit_once('=').ok_or_else(wrong)?;
    let number = number.parse::<u32>().ok().filter(|number| *number <= crate::limits::WEIGHT_MAX).ok_or_else(wrong)?;
    let target = Target::parse(target)?;
    if target.is_of_pools() {
        return Err(format!("a pool has no weight of its own: write endpoint/POOL/NAME={number}, not \"{text}\""));
    }
    Ok((target, Said::Weight(number)))
}

/// A load.
pub(super) fn load(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "a load is a number above 0".to_owned())
}

/// The change in words: `pool/lon down, pool/nyc drain`.
pub(super) fn words(scenario: &Scenario) -> String {
    let down = scenario.down.iter().map(|target| format!("{target} down"));
    down.chain(scenario.said.iter().map(|(target, said)| format!("{target} {}", said.text())))
        .collect::<Vec<_>>()
        .join(", ")
}

/// That nothing is called so, with what may be meant.
pub(super) fn unknown(snapshot: &Snapshot, target: &Target) -> String {
    let pools = snapshot.pools.iter().map(|pool| format!("pool/{}", pool.name));
    let endpoints = snapshot
        .endpoints
        .iter()
        .map(|endpoint| format!("endpoint/{}/{}", snapshot.pools[endpoint.pool.index()].name, endpoint.name));
    let known: Vec<String> = pools.chain(endpoints).collect();
    let hint = crate::cli::explain::nearest(target.as_str(), known.iter().map(String::as_str));
    format!("nothing is called {target}{hint}")
}
