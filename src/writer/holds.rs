//! What counts as it did before: targets that the blast guard holds up, and those of which nothing is heard any more.

use super::Writer;
use crate::health::{Guard, Millis};
use crate::id::TargetId;
use crate::snapshot::Snapshot;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All such targets of the configuration that serves.
#[derive(Clone, Debug)]
pub struct Holds {
    /// The configuration.
    pub snapshot: Arc<Snapshot>,
    /// The blast guard.
    pub guard: Guard,
    /// What is held.
    pub targets: BTreeMap<TargetId, Hold>,
}

/// Why a target counts as it did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// What keeps it so.
    pub by: HeldBy,
    /// Since when it would be down; if it is stale, its last outcome, if there was one in this run.
    pub since: Option<Millis>,
    /// The last probe's reason.
    pub note: Box<str>,
}

/// What keeps a target as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeldBy {
    /// It fails, and so do most sites.
    Guard,
    /// It fails, and so do the canaries, or these have not spoken yet.
    Canaries,
    /// It failed while the prober may have been cut off, and has not failed since.
    NextProbe,
    /// It has had no outcome for long.
    Stale,
}

impl HeldBy {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Guard => "guard",
            Self::Canaries => "canaries",
            Self::NextProbe => "next-probe",
            Self::Stale => "stale",
        }
    }
}

impl Writer {
    /// What is held, and why.
    #[must_use]
    pub fn holds(&self) -> Holds {
        let known = self.serving.known();
        let guard = known.guarding.guard;
        let by = match guard {
            Guard::Up { until: Some(_), .. } => HeldBy::Guard,
            Guard::Up { until: None, .. } => HeldBy::Canaries,
            Guard::Quiet | Guard::Spent => HeldBy::NextProbe,
        };
        let stale = known.staleness.stale().iter().map(|&target| {
            let seen = &self.serving.seen()[target.index()];
            (target, Hold { by: HeldBy::Stale, since: seen.at, note: seen.note.clone() })
        });
        let mut targets: BTreeMap<_, _> = stale.collect();
        targets.extend(
            known
                .guarding
                .held
                .iter()
                .map(|(&target, held)| (target, Hold { by, since: Some(held.since), note: held.note.clone() })),
        );
        Holds { snapshot: Arc::clone(&self.serving.state().snapshot), guard, targets }
    }
}
