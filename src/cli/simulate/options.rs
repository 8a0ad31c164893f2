//! What is said on the command line of the change: targets, weights, the load.

use crate::report;
use crate::simulate::Scenario;

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
        report::scenario([&self.down, &self.drain, &self.up, &self.weight])
    }

    /// True if it is about single endpoints, so that their shares are of interest.
    pub(super) fn is_of_endpoints(&self) -> bool {
        let mut states = self.down.iter().chain(&self.drain).chain(&self.up);
        !self.weight.is_empty() || states.any(|target| !target.starts_with("pool/"))
    }
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
