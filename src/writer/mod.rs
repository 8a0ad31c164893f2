//! The one writer: outcomes and new configurations in, new states and effects out. Pure: the caller brings
//! the time and carries the effects out.

mod guarding;
mod holds;
mod known;
mod measured;
mod operators;
mod ramps;
mod relieving;
mod renewed;
mod serving;
mod staged;
mod staleness;

pub use holds::{HeldBy, Hold, Holds};
pub use known::Left;
pub use measured::{Measured, Metered};
pub use operators::{Look, Seen, Survey};

use crate::health::{Canaries, Circuit, Comeback, Guard, Load, Millis, Outcome, Sample, Sites, TargetState};
use crate::id::{EndpointId, PoolId, TargetId};
use crate::overrides::{Overrides, Said, Target};
use crate::pool::Share;
use crate::snapshot::Snapshot;
use crate::state::{Identity, State};
use known::Known;
use ramps::Ramps;
use serving::Serving;
use staged::Staged;
use std::sync::Arc;

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A probe ended.
    Probed {
        /// The configuration whose target it was (`State::generation` numbering); others are ignored.
        generation: u64,
        /// The target.
        target: TargetId,
        /// How it ended.
        outcome: Outcome,
        /// The reason in words, for people.
        note: Box<str>,
        /// What else it measured.
        sample: Sample,
    },
    /// A probe was shown another certificate than the ones before.
    Certificate {
        /// The configuration whose target it was.
        generation: u64,
        /// The target.
        target: TargetId,
        /// When it expires, seconds since 1970.
        expires: Option<i64>,
    },
    /// A new configuration was built: it replaces the current one when its new targets have outcomes.
    Stage {
        /// Its number, larger than any before.
        generation: u64,
        /// The configuration.
        snapshot: Arc<Snapshot>,
        /// Server-wide answers.
        identity: Arc<Identity>,
    },
    /// An operator believes the failures that the blast guard holds.
    Release,
    /// Nothing but time has passed.
    Time,
    /// An operator lets an endpoint come back that `manual_resume` or `failback_delay` keeps out.
    Resume {
        /// The configuration whose endpoint it is; another than the one that serves is ignored.
        generation: u64,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// The bound on first probes has passed: what is still Unknown counts as up.
    FirstRoundOver {
        /// The configuration it belongs to.
        generation: u64,
    },
    /// Operators' overrides are these from now on.
    Override {
        /// Counts up, to know the effect by.
        number: u64,
        /// All of them.
        overrides: Arc<Overrides>,
        /// The wall clock when the writer's was at 0, milliseconds since 1970: gradual overrides go by the wall's.
        epoch_ms: u64,
    },
    /// Somebody looks at what the writer knows.
    Look(Look),
}

/// What the caller has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// A target changed its state: log it.
    Changed {
        /// The target's configuration.
        generation: u64,
        /// The target.
        target: TargetId,
        /// Before.
        from: TargetState,
        /// Now.
        to: TargetState,
        /// The last probe's reason.
        note: Box<str>,
    },
    /// A target changed too often and is held down, or is so no more: log it.
    Flapping {
        /// The target's configuration.
        generation: u64,
        /// The target.
        target: TargetId,
        /// It is held down.
        held: bool,
    },
    /// The blast guard goes up, or holds no longer: log it.
    Guard {
        /// What it is now.
        guard: Guard,
        /// The sites that it counts.
        sites: Sites,
        /// What the canaries say.
        canaries: Canaries,
    },
    /// Targets have had no outcome for long, or have one again: log it. What is known of them is kept.
    Stale {
        /// The targets' configuration.
        generation: u64,
        /// Which ones.
        told: Stale,
    },
    /// An endpoint of a pool with `failback_delay`, `slow_start` or `manual_resume` takes a step on its way back: log it.
    /// That it is out is told by its checks.
    Comeback {
        /// The endpoint's configuration.
        generation: u64,
        /// The endpoint.
        endpoint: EndpointId,
        /// Whether its IPv4 and its IPv6 address takes it.
        lanes: [bool; 2],
        /// Where it was.
        from: Comeback,
        /// Where it is; never [`Comeback::Out`].
        to: Comeback,
    },
    /// A pool begins to send clients on for its load, or keeps all of them again: log it. The steps between are none.
    Shed {
        /// The pool's configuration.
        generation: u64,
        /// The pool.
        pool: PoolId,
        /// The share of its clients that it keeps now.
        keep: Share,
        /// Its load; `None`: there is no fresh report.
        load: Option<Load>,
    },
    /// A staged configuration is now the one that serves.
    Adopted {
        /// Its number.
        generation: u64,
    },
    /// Overrides are in the state that is published next, or changed nothing in it.
    Overridden {
        /// The event's number.
        number: u64,
    },
    /// A gradual override has reached its end, in the state that is published next.
    Arrived {
        /// Its target.
        target: Target,
        /// What it says.
        said: Said,
    },
}

/// Which targets are stale: without an outcome for three effective intervals and a timeout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stale {
    /// This one.
    One(TargetId),
    /// So many that each is not told of by itself: the prober may stand still.
    Many {
        /// How many by now.
        stale: usize,
        /// Of how many targets.
        of: usize,
    },
    /// This one is no more.
    Fresh(TargetId),
    /// Most of the many are no more.
    FreshAgain {
        /// How many still are.
        stale: usize,
    },
}

/// Owner of health and of the live tables.
///
/// ```text
///            Stage                    every new target has an outcome, or FirstRoundOver
///   (none) ────────▶ staged ────────────────────────────────────────────────────────────▶ serving
///                      │ Stage: replaced, its outcomes kept                                  │ replaced
///                      ▼                                                                     ▼
/// ```
///
/// A target of a staged configuration that the serving one has as well (same address, same check) shares its tracker:
/// an outcome counts for both, whichever configuration it was told for.
#[derive(Debug)]
pub struct Writer {
    serving: Serving,
    staged: Option<Staged>,
    overrides: Arc<Overrides>,
    ramps: Ramps,
}

impl Writer {
    /// A writer whose first configuration serves at once: its balanced rows are pending until their first outcomes are
    /// in (routes whose targets all have outcomes, or that have none, are served at once). No `Adopted` is told of it.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, identity: Arc<Identity>, generation: u64) -> Self {
        let left = Left::nothing(snapshot.targets.len());
        Self::resumed(snapshot, identity, generation, left, (Arc::default(), 0), 0)
    }

    /// The same with what an earlier run has left, and overrides with the wall clock when the writer's was at 0,
    /// milliseconds since 1970. `now` is the writer's clock.
    #[must_use]
    pub fn resumed(
        snapshot: Arc<Snapshot>,
        identity: Arc<Identity>,
        generation: u64,
        mut left: Left,
        (overrides, epoch_ms): (Arc<Overrides>, u64),
        now: Millis,
    ) -> Self {
        let ramps = Ramps::new(&overrides, epoch_ms, now);
        let gates = Arc::new(overrides.gates(&snapshot, ramps.now_s()));
        let shares = std::mem::take(&mut left.shares);
        let known = Known::resumed(left, &snapshot);
        let mut serving = Serving::new(snapshot, identity, generation, known, gates);
        serving.resume_shares(&shares);
        Self { serving, staged: None, overrides, ramps }
    }

    /// Takes one event, which happened `now`, and what time has changed until then.
    pub fn apply(&mut self, event: Event, now: Millis, effects: &mut Vec<Effect>) {
        self.serving.time(now, effects);
        self.move_ramps(now, effects);
        match event {
            Event::Time => {}
            Event::Release => self.serving.release(effects),
            Event::Resume { generation, endpoint } => {
                if generation == self.serving.generation() {
                    self.serving.resume(endpoint);
                }
            }
            Event::Probed { generation, target, outcome, note, sample } => {
                self.note_seen(generation, target, &note, now);
                self.measured(generation, target, sample, now);
                self.probed(generation, target, outcome, note, effects);
            }
            Event::Certificate { generation, target, expires } => {
                self.see(generation, target).into_iter().for_each(|seen| seen.expires = expires);
            }
            Event::Stage { generation, snapshot, identity } => {
                let before = self.staged.take();
                self.staged = Some(Staged::new(snapshot, identity, generation, &self.serving, before.as_ref()));
            }
            Event::FirstRoundOver { generation } if generation == self.serving.generation() => {
                self.serving.first_round_over();
            }
            Event::FirstRoundOver { generation } => {
                if let Some(staged) = self.staged.as_mut().filter(|staged| staged.generation() == generation) {
                    staged.first_round_over();
                }
            }
            Event::Override { number, overrides, epoch_ms } => {
                self.override_with(number, (overrides, epoch_ms), now, effects);
            }
            Event::Look(look) => look.take(self),
        }
        self.serving.tell_steps(effects);
        if self.staged.as_ref().is_some_and(Staged::is_ready)
            && let Some(staged) = self.staged.take()
        {
            effects.push(Effect::Adopted { generation: staged.generation() });
            self.serving = staged.adopt(&self.serving, &self.overrides, self.ramps.now_s(), effects);
            self.serving.tell_steps(effects);
        }
    }

    fn probed(
        &mut self,
        generation: u64,
        target: TargetId,
        outcome: Outcome,
        note: Box<str>,
        effects: &mut Vec<Effect>,
    ) {
        let (mut shared, target_told) = (None, target);
        let change = if generation == self.serving.generation() {
            shared = Some(target);
            self.serving.observe(target, outcome, &note)
        } else {
            let Some(staged) = self.staged.as_mut().filter(|staged| staged.generation() == generation) else { return };
            match staged.link(target) {
                Some(link) => {
                    shared = Some(link);
                    self.serving.observe(link, outcome, &note)
                }
                None => staged.observe(target, outcome),
            }
        };
        let Some(change) = change else { return };
        if let Some(target) = shared {
            self.serving.heard(target, outcome, effects);
        }
        if let (Some(staged), Some(target), true) = (&mut self.staged, shared, change.first) {
            staged.shared_is_in(target);
        }
        if change.guard {
            self.serving.tell_guard(effects);
        }
        if let Some(held) = change.flapping {
            effects.push(Effect::Flapping { generation, target, held });
        }
        if change.from != change.to {
            self.see(generation, target_told).into_iter().for_each(|seen| seen.changes += 1);
            effects.push(Effect::Changed { generation, target, from: change.from, to: change.to, note });
        }
        if let Some(target) = shared {
            self.serving.canary_voted(target, outcome, effects);
        }
        self.serving.settle(effects);
    }

    /// The state to publish, if anything changed since the last call; at the first call always.
    pub fn publish(&mut self) -> Option<State> {
        self.serving.publish()
    }

    /// When time alone changes something: then an [`Event::Time`] is due. It may come earlier and later.
    #[must_use]
    pub fn next(&self) -> Option<Millis> {
        self.serving.next().into_iter().chain(self.ramps.next()).min()
    }

    /// The blast guard, and the sites that it counts.
    #[must_use]
    pub fn guard(&self) -> (Guard, Sites) {
        self.serving.guard()
    }

    /// The state of a target of the configuration that serves, as it counts: what the blast guard holds is up.
    #[must_use]
    pub fn target_state(&self, target: TargetId) -> TargetState {
        self.serving.target_state(target)
    }

    /// True while the flap circuit of a target of the configuration that serves holds it down.
    #[must_use]
    pub fn is_flapping(&self, target: TargetId) -> bool {
        self.serving.known().circuits.get(&target).is_some_and(Circuit::is_open)
    }

    /// How many targets of the serving configuration wait for their first outcome.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.serving.waiting()
    }
}

/// What an outcome did to a target.
#[derive(Clone, Copy, Debug)]
struct Change {
    from: TargetState,
    to: TargetState,
    /// It was the first outcome.
    first: bool,
    /// Its circuit was opened, or closed.
    flapping: Option<bool>,
    /// The blast guard is another since.
    guard: bool,
}
