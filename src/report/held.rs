//! What counts as it did before, in an explanation: endpoints that a safeguard holds, and why.

use super::explain::{Report, Word};
use crate::id::EndpointId;
use crate::steer::Explanation;
use serde::{Deserialize, Serialize};

/// Why an endpoint counts as it did, although it fails or nothing is heard of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldView {
    /// `guard`: most sites fail; `canaries`: these fail too, or have not spoken yet; `next-probe`: it failed during a cut,
    /// and must fail once more; `stale`: no outcome for long.
    pub by: Word,
    /// Since when it would be down; if `stale`, its last outcome. Seconds since 1970.
    pub since: Option<u64>,
    /// The last probe's reason.
    pub why: String,
}

impl HeldView {
    /// In words; `moment` writes a time.
    #[must_use]
    pub fn words(&self, moment: impl Fn(u64) -> String) -> String {
        let since = self.since.map(|at| format!(" since {}", moment(at))).unwrap_or_default();
        let why = if self.why.is_empty() { String::new() } else { format!(" ({})", self.why) };
        match &*self.by {
            "stale" => format!("no outcome{since}{why}: its last state is kept"),
            "canaries" => format!("fails{why}, held up{since}: the canaries fail too"),
            "next-probe" => format!("failed during a cut{why}, held up{since} until it fails once more"),
            _ => format!("fails{why}, held up{since} by the blast guard"),
        }
    }
}

impl Report {
    /// Says of each endpoint of the trail if, and why, it is held.
    pub(super) fn hold(&mut self, how: &Explanation, held: impl Fn(EndpointId) -> Option<HeldView>) {
        for (view, trail) in self.trail.iter_mut().zip(&how.pools) {
            for (view, trail) in view.endpoints.iter_mut().zip(&trail.endpoints) {
                view.held = held(trail.endpoint);
            }
        }
    }

    /// True if the blast guard holds an endpoint of the trail.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        let held = self.trail.iter().flat_map(|pool| &pool.endpoints).filter_map(|endpoint| endpoint.held.as_ref());
        held.into_iter().any(|held| held.by != "stale")
    }
}
