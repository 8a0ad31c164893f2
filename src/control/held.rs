//! What the safeguards hold, for explanations.

use crate::clock;
use crate::health::{Guard, Millis};
use crate::id::EndpointId;
use crate::report::HeldView;
use crate::snapshot::Snapshot;
use crate::writer::{HeldBy, Hold, Holds};

/// What is held, and the moment in both clocks.
pub(super) struct Held {
    holds: Option<Holds>,
    now: Millis,
    unix_ms: u64,
}

impl Held {
    /// What the writer said just now; `None` if it had no time.
    pub(super) fn now(holds: Option<Holds>) -> Self {
        Self { holds, now: clock::millis(), unix_ms: clock::unix_millis() }
    }

    /// Why an endpoint's address of a family counts as it did. Of several checks one that the guard holds says it.
    pub(super) fn view(&self, snapshot: &Snapshot, endpoint: EndpointId, lane: usize) -> Option<HeldView> {
        // Between a reload and this question another configuration may serve: then nothing is known of its targets yet.
        let holds = self.holds.as_ref().filter(|holds| std::ptr::eq(&*holds.snapshot, snapshot))?;
        let targets = snapshot.targets_of(endpoint, lane).iter();
        let hold =
            targets.filter_map(|target| holds.targets.get(target)).max_by_key(|hold| hold.by != HeldBy::Stale)?;
        let Hold { by, since, note } = hold;
        let since = since.map(|at| self.seconds(at));
        Some(HeldView { by: by.word().into(), since, why: note.to_string() })
    }

    /// What is to be said if the explanation shows something that is held up.
    pub(super) fn note(&self, is_guarded: bool) -> Option<String> {
        let Some(holds) = &self.holds else {
            return Some("the server had no time to say what its safeguards hold".to_owned());
        };
        let until = match holds.guard {
            _ if !is_guarded => return None,
            Guard::Up { until: Some(until), .. } => {
                format!("for {} s more at most", until.saturating_sub(self.now).div_ceil(1_000))
            }
            Guard::Up { until: None, .. } => "until the canaries answer".to_owned(),
            Guard::Quiet | Guard::Spent => return None,
        };
        Some(format!("the blast guard holds failures {until}; `geosteer release` believes them now"))
    }

    fn seconds(&self, at: Millis) -> u64 {
        (self.unix_ms + at).saturating_sub(self.now) / 1_000
    }
}
