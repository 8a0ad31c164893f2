//! The writer's thread: events in; states published and effects logged. It is the only one that stores into the
//! published pointer.

use crate::clock;
use crate::control::Told;
use crate::control::key;
use crate::events::{Events, Kind};
use crate::faults;
use crate::health::{Canaries, Guard, Millis, Sites, TargetAddress, TargetState};
use crate::id::{EndpointId, TargetId};
use crate::limits::{FIRST_ROUND_SLACK_MS, PUBLISH_MS};
use crate::listen::sys;
use crate::priority;
use crate::publish::Published;
use crate::restart::{Part, Restarts};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::writer::{Effect, Event, Stale, Writer};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The number of the configuration that serves, to be waited for.
#[derive(Debug, Default)]
pub(super) struct Serving {
    generation: Mutex<u64>,
    changed: Condvar,
    first_round_over: AtomicBool,
    /// Why the configurations that do not serve yet were loaded, by number.
    reasons: Mutex<Vec<(u64, String)>>,
}

impl Serving {
    fn set(&self, generation: u64) {
        *self.generation.lock().unwrap_or_else(PoisonError::into_inner) = generation;
        self.changed.notify_all();
    }

    /// The first round of probes of the first configuration is over: it serves, and who waits for that goes on.
    fn first_round_over(&self) {
        if !self.first_round_over.swap(true, Ordering::AcqRel) {
            let mut serving = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
            *serving = (*serving).max(1);
            drop(serving);
            self.changed.notify_all();
        }
    }

    /// True if every target was probed once since the start, or had the time for it.
    pub(super) fn is_first_round_over(&self) -> bool {
        self.first_round_over.load(Ordering::Acquire)
    }

    /// Notes why a configuration was loaded, for the event that it serves.
    pub(super) fn because(&self, generation: u64, reason: String) {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner).push((generation, reason));
    }

    /// Takes what was noted of a configuration; forgets those before it, which will never serve.
    fn reason(&self, generation: u64) -> String {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        let found = reasons.extract_if(.., |(number, _)| *number <= generation).last();
        found.filter(|(number, _)| *number == generation).map(|(_, reason)| reason).unwrap_or_default()
    }

    /// Ends all waiting, now and later.
    pub(super) fn give_up(&self) {
        self.set(u64::MAX);
    }

    /// Waits until `generation` or a later one serves; false if that takes longer than `limit`.
    pub(super) fn wait(&self, generation: u64, limit: Duration) -> bool {
        let serving = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(serving, limit, |serving| *serving < generation);
        *waited.unwrap_or_else(PoisonError::into_inner).0 >= generation
    }
}

/// The writer and what it is connected to.
pub(super) struct Writing {
    pub(super) writer: Writer,
    pub(super) events: Receiver<Event>,
    pub(super) published: Arc<Published>,
    pub(super) serving: Arc<Serving>,
    pub(super) retired: Sender<Arc<State>>,
    /// When the first rounds of which configurations are over.
    pub(super) rounds: Vec<(Millis, u64)>,
    /// Configurations whose targets effects may name, the newest last.
    pub(super) known: Vec<(u64, Arc<Snapshot>)>,
    pub(super) happened: Events,
    pub(super) tells: Tells,
}

/// What the control thread is told.
pub(super) struct Tells {
    told: Sender<Told>,
    /// A configuration, and whether something is taken out in its files.
    closed_in_files: (u64, bool),
    /// The endpoints that the last published state names although they are closed.
    named: Vec<EndpointId>,
}

impl Tells {
    pub(super) fn new(told: Sender<Told>, first: &State) -> Self {
        Self { told, closed_in_files: (first.generation, is_closed_in_files(&first.snapshot)), named: Vec::new() }
    }

    fn tell(&self, what: Told) {
        // It ends before the writer does.
        let _ended = self.told.send(what);
    }

    /// Tells which closed endpoints a state names all the same, when these become others; usually nothing is closed.
    /// That they are named no more is seen by the other side.
    fn named(&mut self, state: &State) {
        if self.closed_in_files.0 != state.generation {
            // Ids are those of another configuration.
            self.named.clear();
            self.closed_in_files = (state.generation, is_closed_in_files(&state.snapshot));
        }
        if state.live.gates().is_empty() && !self.closed_in_files.1 {
            self.named.clear();
            return;
        }
        let named = state.live.named_though_closed(&state.snapshot);
        if named != self.named && !named.is_empty() {
            self.tell(Told::Named(named.iter().map(|&id| key(&state.snapshot, id)).collect()));
        }
        self.named = named;
    }
}

fn is_closed_in_files(snapshot: &Snapshot) -> bool {
    snapshot.pools.iter().any(|pool| !pool.gate.is_open())
        || snapshot.endpoints.iter().any(|endpoint| !endpoint.gate.is_open())
}

/// Milliseconds after which the first round of probes of a configuration counts as over.
pub(super) fn first_round(snapshot: &Snapshot) -> Millis {
    let probed = snapshot.targets.iter().map(|target| snapshot.checks[target.check.index()].timing.timeout_ms);
    probed.max().map_or(0, |longest| Millis::from(longest) + FIRST_ROUND_SLACK_MS)
}

impl Writing {
    /// Runs until every sender of events is gone. After a panic the writer is made anew from what it knew.
    pub(super) fn run(mut self, restarts: &Restarts) {
        priority::behind_answers();
        let mut panicked = false;
        restarts.keep(Part::Writer, || {
            if std::mem::replace(&mut panicked, true) {
                self.renew();
            }
            self.work();
        });
    }

    fn renew(&mut self) {
        let (epoch_ms, now) = (clock::epoch_ms(), clock::millis());
        let renewed = catch_unwind(AssertUnwindSafe(|| self.writer.renewed(epoch_ms, now)));
        // What it knew may be what it stumbles over.
        self.writer = renewed.unwrap_or_else(|_| self.writer.forgetful(epoch_ms, now));
    }

    fn work(&mut self) {
        let mut effects = Vec::new();
        let mut last_published = 0;
        // True while something was applied and not published yet.
        let mut fresh = true;
        loop {
            faults::here(Part::Writer);
            let now = clock::millis();
            if fresh {
                // Nobody has to wake this thread for each event that comes until it publishes again.
                if let Some(rest @ 1..) = (last_published + PUBLISH_MS).checked_sub(now) {
                    thread::park_timeout(Duration::from_millis(rest));
                }
                self.apply_what_waits(&mut effects);
                self.publish(&mut effects);
                (fresh, last_published) = (false, clock::millis());
                continue;
            }
            let wake = self.rounds.iter().map(|round| round.0).chain(self.writer.next()).fold(Millis::MAX, Millis::min);
            let wait = Duration::from_millis(wake.saturating_sub(now).min(3_600_000));
            match self.events.recv_timeout(wait) {
                Ok(event) => {
                    self.apply(event, &mut effects);
                    self.apply_what_waits(&mut effects);
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.end_rounds(&mut effects);
                    self.apply(Event::Time, &mut effects);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            fresh = true;
        }
    }

    /// A burst is applied as one, but never so long that health waits for it to end.
    fn apply_what_waits(&mut self, effects: &mut Vec<Effect>) {
        for _ in 0..4_096 {
            let Ok(event) = self.events.try_recv() else { break };
            self.apply(event, effects);
        }
    }

    fn apply(&mut self, event: Event, effects: &mut Vec<Effect>) {
        let now = clock::millis();
        if let Event::Stage { generation, snapshot, .. } = &event {
            self.rounds.push((now + first_round(snapshot), *generation));
            self.known.push((*generation, Arc::clone(snapshot)));
        }
        self.writer.apply(event, now, effects);
    }

    fn end_rounds(&mut self, effects: &mut Vec<Effect>) {
        let now = clock::millis();
        let over: Vec<_> = self.rounds.extract_if(.., |round| round.0 <= now).map(|round| round.1).collect();
        for &generation in &over {
            self.apply(Event::FirstRoundOver { generation }, effects);
        }
    }

    /// Stores the new state, then says what happened: the log never delays an answer.
    fn publish(&mut self, effects: &mut Vec<Effect>) {
        let retired = self.writer.publish().map(|state| self.published.store(state));
        if retired.is_some() {
            self.tells.named(&self.published.load());
        }
        if self.rounds.is_empty() || self.writer.waiting() == 0 {
            self.serving.first_round_over();
        }
        if effects.iter().any(|effect| matches!(effect, Effect::Changed { .. })) {
            self.tells.tell(Told::Changed);
        }
        for effect in effects.drain(..) {
            match effect {
                Effect::Changed { generation, target, from, to, note } => {
                    self.log_change(generation, target, from, to, &note);
                }
                Effect::Overridden { number } => self.tells.tell(Told::Overridden { number }),
                Effect::Arrived { target, said } => self.tells.tell(Told::Arrived { target, said }),
                Effect::Guard { guard, sites, canaries } => self.log_guard(guard, sites, canaries),
                Effect::Stale { generation, told } => self.log_stale(generation, told),
                Effect::Flapping { generation, target, held } => self.log_flapping(generation, target, held),
                Effect::Comeback { generation, endpoint, lanes, from, to } => {
                    self.log_comeback((generation, endpoint), lanes, (from, to));
                }
                Effect::Shed { generation, pool, keep, load } => self.log_shed((generation, pool), keep, load),
                Effect::Adopted { generation } => {
                    self.known.retain(|known| known.0 >= generation);
                    let reason = self.serving.reason(generation);
                    tracing::info!(generation, reason, "the new configuration serves");
                    self.happened.push(Kind::Reload, "configuration", "", &format!("{generation} serves"), &reason);
                    self.tells.tell(Told::Adopted);
                    self.serving.set(generation);
                }
            }
        }
        // Last, so that the reaper is the one who drops a configuration, and not this thread.
        if let Some(retired) = retired {
            let _no_reaper_at_the_end = self.retired.send(retired);
        }
    }

    /// What is probed and the name of the check.
    fn names(&self, generation: u64, id: TargetId) -> Option<(&dyn std::fmt::Display, &str)> {
        let (_, snapshot) = self.known.iter().find(|known| known.0 == generation)?;
        let target = &snapshot.targets[id.index()];
        let address: &dyn std::fmt::Display = match &target.address {
            TargetAddress::Ip(address) => address,
            TargetAddress::Host(name) => name,
        };
        let canary: Option<&dyn std::fmt::Display> = snapshot.canaries.contains(&id).then_some(&"canary");
        Some((canary.unwrap_or(address), &snapshot.checks[target.check.index()].name))
    }

    fn log_guard(&self, guard: Guard, Sites { up, failing }: Sites, canaries: Canaries) {
        let (to, why) = match (guard, canaries) {
            (Guard::Up { .. }, Canaries::Fail) => {
                ("up", "most sites fail, and the canaries too: nothing goes down until these answer")
            }
            (Guard::Up { .. }, _) => ("up", "most sites fail at once: nothing goes down for now"),
            (Guard::Quiet, Canaries::Pass) => ("quiet", "the canaries answer: failures are believed"),
            (Guard::Quiet, _) => ("quiet", "fewer sites fail: failures are believed again"),
            (Guard::Spent, _) => ("spent", "most sites still fail: that is believed now"),
        };
        match guard {
            Guard::Quiet => tracing::info!(sites = up, failing, "{why}"),
            Guard::Up { .. } | Guard::Spent => tracing::warn!(sites = up, failing, "{why}"),
        }
        self.happened.push(Kind::Guard, "prober", "", to, &format!("{why} ({failing} of {up} sites)"));
    }

    fn log_stale(&self, generation: u64, told: Stale) {
        let (target, to, why) = match told {
            Stale::One(target) => {
                (Some(target), "stale", "no outcome that can be judged for long: the last state is kept".to_owned())
            }
            Stale::Fresh(target) => (Some(target), "fresh", "outcomes come in again".to_owned()),
            Stale::Many { stale, of } => {
                let why = format!(
                    "{stale} of {of} targets have had no outcome for long, and more may follow: does the prober stand \
                     still? The last states are kept"
                );
                (None, "stale", why)
            }
            Stale::FreshAgain { stale } => (None, "fresh", format!("outcomes come in again; {stale} targets lack one")),
        };
        let subject = match target.map(|target| self.names(generation, target)) {
            Some(Some((address, check))) => format!("{address} {check}"),
            Some(None) => return,
            None => "prober".to_owned(),
        };
        self.happened.push(Kind::Stale, &subject, "", to, &why);
        match to {
            "stale" => tracing::warn!(of = subject, "stale: {why}"),
            _ => tracing::info!(of = subject, "fresh: {why}"),
        }
    }

    fn log_flapping(&self, generation: u64, target: TargetId, held: bool) {
        let Some((address, check)) = self.names(generation, target) else { return };
        let (to, why) = match held {
            true => ("held", "changes too often: held down"),
            false => ("free", "changed too often: held down no longer"),
        };
        self.happened.push(Kind::Health, &format!("{address} {check}"), "", to, why);
        if held {
            tracing::warn!(%address, %check, "{why}");
        } else {
            tracing::info!(%address, %check, "{why}");
        }
    }

    fn log_change(&self, generation: u64, target: TargetId, from: TargetState, to: TargetState, note: &str) {
        let Some((address, check)) = self.names(generation, target) else { return };
        let word = |state| match state {
            TargetState::Unknown => "unknown",
            TargetState::Up => "up",
            TargetState::Down => "down",
        };
        let (from, to) = (word(from), word(to));
        self.happened.push(Kind::Health, &format!("{address} {check}"), from, to, note);
        if to == "down" {
            tracing::warn!(%address, %check, from, to, note, "health changed");
        } else {
            tracing::info!(%address, %check, from, to, note, "health changed");
        }
    }
}

/// Drops retired states when no reader holds them any more, off the threads that answer, and gives the memory of
/// retired configurations back to the system. Runs until its sender is gone.
pub(super) fn reap(retired: &Receiver<Arc<State>>) {
    for state in retired {
        faults::here(Part::Reaper);
        while Arc::strong_count(&state) > 1 {
            // A batch ends within microseconds; nobody tells us when.
            thread::park_timeout(Duration::from_millis(1));
        }
        let last_of_configuration = Arc::strong_count(&state.snapshot) == 1;
        drop(state);
        if last_of_configuration {
            sys::give_memory_back();
        }
    }
}
