//! The desk: takes operators' orders one after the other, keeps them, and has the writer carry them out.
//!
//! ```text
//! order ─► read ─► what if? ─► refused, or only shown
//!                     └─► state directory ─► writer ─► published ─► closed endpoints' clocks ─► event, log
//! ```

use super::facts::Meters;
use super::protocol::{Answer, Done, Lift, Order, Request};
use super::told::Told;
use super::{gradual, health, views};
use crate::clock;
use crate::events::{Events, Kind};
use crate::limits::{EVENTS_REPLY, ORDER_MS, OVERRIDE_FOR_MAX_S, OWNER_MAX, REASON_MAX, WEIGHT_MAX};
use crate::metrics;
use crate::overrides::{Key, Meant, Names, Override, Overrides, Said, Target};
use crate::pool::{Gate, Share};
use crate::publish::Published;
use crate::restart::Restarts;
use crate::state::State;
use crate::steer::{Move, largest_ttls, moves};
use crate::store::{Operators, Remembered, Store};
use crate::writer::{Event, Look, Writer};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub enum Peer {
    /// A user of this machine, by number, over the control socket.
    User(u32),
    /// Somebody with the token, over the admin server.
    Web,
}

impl Peer {
    /// The owner of what is asked for, if none is named.
    pub(super) fn owner(&self) -> String {
        match *self {
            Self::User(uid) => views::user(uid),
            Self::Web => "admin API".to_owned(),
        }
    }
}

/// The desk and what it is connected to.
#[derive(Debug)]
pub struct Desk {
    pub(super) store: Option<Store>,
    pub(super) kept: Operators,
    pub(super) remembered: Remembered,
    pub(super) published: Arc<Published>,
    pub(super) events: Events,
    pub(super) started: u64,
    /// Where DNS is answered, as bound.
    pub(super) addresses: Vec<SocketAddr>,
    /// The last write to the state directory failed.
    pub(super) problem: Option<String>,
    /// What is counted beside the writer.
    pub(super) meters: Meters,
    writer: Sender<Event>,
    told: Receiver<Told>,
    /// Of the last overrides that went to the writer.
    number: u64,
    /// Endpoints that answers named although they are closed, since the last stock-taking.
    named: HashSet<Key>,
    /// Where the state directory is, while another server takes over.
    handed: Option<PathBuf>,
    is_handed: bool,
    saving: health::Pace,
}

/// What an order comes to.
struct Plan {
    target: Target,
    /// The overrides that it leads to.
    overrides: Overrides,
    before: Option<Override>,
    now: Option<Override>,
    force: bool,
    dry_run: bool,
    reason: String,
    owner: String,
}

impl Desk {
    /// A desk. `kept` is in force already; `told` is what the writer's thread tells.
    #[must_use]
    pub fn new(
        store: Option<Store>,
        (kept, remembered): (Operators, Remembered),
        published: Arc<Published>,
        (writer, told): (Sender<Event>, Receiver<Told>),
        events: Events,
    ) -> Self {
        let started = clock::unix_seconds();
        let mut desk = Self {
            store,
            kept,
            remembered,
            published,
            events,
            started,
            addresses: Vec::new(),
            problem: None,
            meters: Meters::default(),
            writer,
            told,
            number: 0,
            named: HashSet::new(),
            handed: None,
            is_handed: false,
            saving: health::Pace::new(clock::millis()),
        };
        desk.other_configuration();
        desk.take_stock();
        desk
    }

    /// The same, and it can tell where DNS is answered.
    #[must_use]
    pub fn listening(mut self, addresses: &[SocketAddr]) -> Self {
        self.addresses = addresses.to_vec();
        self
    }

    /// The same desk, which can say what was counted.
    #[must_use]
    pub fn with_meters(self, meters: Meters) -> Self {
        Self { meters, ..self }
    }

    /// Where it is counted that threads were started again.
    pub(super) fn restarts(&self) -> Restarts {
        self.meters.restarts()
    }

    /// Answers one request.
    #[must_use]
    pub fn answer(&mut self, request: Request, peer: &Peer) -> Answer {
        // Its own list must be the one in force: what has ended is gone first.
        self.tick();
        if self.is_handed && request.is_order() {
            let why = "another server is taking over: ask again in a moment".into();
            return Answer::Refused { why, moves: Vec::new() };
        }
        match request {
            Request::Set(order) => {
                self.plan_set(order, peer).map_or_else(|answer| *answer, |plan| self.carry_out(plan))
            }
            Request::Lift(lift) => {
                self.plan_lift(lift, peer).map_or_else(|answer| *answer, |plan| self.carry_out(plan))
            }
            Request::Resume(resume) => self.resume(resume, peer),
            Request::Release(release) => self.release(release, peer),
            // Waits for long; the desk goes on meanwhile.
            Request::Reload(_) | Request::TakeOver => Answer::Wrong { why: "that is not the desk's".to_owned() },
            Request::Status => Answer::Status(self.status()),
            Request::Serving => Answer::Serving(views::serving(&self.published.load_full(), &self.addresses)),
            Request::Pools => Answer::Pools { pools: views::pools(&self.kept, &self.published.load_full()) },
            Request::Endpoints { pool } => match self.look(Writer::survey) {
                Some(survey) => {
                    let state = self.published.load_full();
                    Answer::Endpoints { endpoints: views::endpoints(&self.kept, &state, &survey, pool.as_deref()) }
                }
                None => Answer::Refused { why: "the server is about to stop".into(), moves: Vec::new() },
            },
            Request::Explain(asked) => self.explain(&asked),
            Request::Metrics => match self.facts() {
                Some(facts) => Answer::Metrics { text: metrics::text(&facts) },
                None => Answer::Refused { why: "the server is about to stop".into(), moves: Vec::new() },
            },
            Request::Events { after } => {
                let events = self.events.after(after, EVENTS_REPLY).into_iter().map(Into::into).collect();
                Answer::Events { events, last: self.events.last(), started: self.started }
            }
        }
    }

    fn plan_set(&self, order: Order, peer: &Peer) -> Result<Plan, Box<Answer>> {
        let wrong = |why: String| Box::new(Answer::Wrong { why });
        let target = Target::parse(&order.target).map_err(wrong)?;
        let said = said(&order, &target).map_err(wrong)?;
        gradual::check(order.over_s, order.for_s).map_err(wrong)?;
        let owner = words(order.owner, || peer.owner(), OWNER_MAX, "the owner").map_err(wrong)?;
        let reason = words(Some(order.reason), String::new, REASON_MAX, "the reason").map_err(wrong)?;
        if order.for_s.is_some_and(|seconds| !(1..=OVERRIDE_FOR_MAX_S).contains(&seconds)) {
            return Err(wrong(format!("an override holds for 1 second to {} days", OVERRIDE_FOR_MAX_S / 86_400)));
        }
        let state = self.published.load_full();
        let meant = Names::new(&state.snapshot).meant(&target);
        gradual::suits(said, order.over_s, &meant, &target).map_err(wrong)?;
        if meant.is_empty() && !order.force {
            let near = views::nearest(&state.snapshot, &target);
            let why = format!("nothing is called {target}{near}; --force sets it all the same");
            return Err(Box::new(Answer::No { why }));
        }
        let since = clock::steady_seconds();
        let until = order.for_s.map(|seconds| since + seconds);
        let (by, why) = (owner.as_str().into(), reason.as_str().into());
        let ramp = gradual::ramp(&state, &meant, order.over_s, self.kept.overrides.of(&target, said));
        let new = Override { target: target.clone(), said, owner: by, reason: why, since, until, ramp };
        let mut overrides = self.kept.overrides.clone();
        let before = overrides.set(new.clone()).map_err(|why| Box::new(Answer::Refused { why, moves: Vec::new() }))?;
        let (force, dry_run) = (order.force, order.dry_run);
        Ok(Plan { target, overrides, before, now: Some(new), force, dry_run, reason, owner })
    }

    fn plan_lift(&self, lift: Lift, peer: &Peer) -> Result<Plan, Box<Answer>> {
        let wrong = |why: String| Box::new(Answer::Wrong { why });
        let target = Target::parse(&lift.target).map_err(wrong)?;
        let owner = words(lift.owner, || peer.owner(), OWNER_MAX, "the owner").map_err(wrong)?;
        let reason = words(Some(lift.reason), String::new, REASON_MAX, "the reason").map_err(wrong)?;
        let mut overrides = self.kept.overrides.clone();
        let kind = match (lift.weight, lift.shed) {
            (true, _) => Said::Weight(0),
            (_, true) => Said::Share(Share::FULL),
            _ => Said::State(Gate::Auto),
        };
        gradual::check(lift.over_s, None).map_err(wrong)?;
        let Some(before) = overrides.remove(&target, kind) else {
            let what = match kind {
                Said::Weight(_) => "weight",
                Said::Share(_) => "share",
                Said::State(_) => "state",
            };
            let why = format!(
                "there is no override of the {what} of {target}; `geosteer status` lists all, \
                 `geosteer auto` overrules the file"
            );
            return Err(Box::new(Answer::No { why }));
        };
        let mut now = None;
        if let Some(over_s) = lift.over_s {
            let state = self.published.load_full();
            let meant = Names::new(&state.snapshot).meant(&target);
            gradual::of_pools(&meant, &target).map_err(wrong)?;
            let (by, why) = (owner.as_str().into(), reason.as_str().into());
            now = gradual::back(&state, &meant, overrides.of(&target, Said::Share(Share::FULL)), (&before, over_s));
            if let Some(now) = &mut now {
                (now.owner, now.reason) = (by, why);
                let full = |why| Box::new(Answer::Refused { why, moves: Vec::new() });
                overrides.set(now.clone()).map_err(full)?;
            }
        }
        let (force, dry_run) = (lift.force, lift.dry_run);
        Ok(Plan { target, overrides, before: Some(before), now, force, dry_run, reason, owner })
    }

    fn carry_out(&mut self, plan: Plan) -> Answer {
        let overrides = Arc::new(plan.overrides.clone());
        // What is gradual is judged by its end.
        let asked = plan.overrides.at_the_end_of(&plan.target);
        let worst = gradual::worst(&plan.overrides, plan.now.as_ref());
        // Two that are on their way must not empty a row together.
        let ends = [self.kept.overrides.at_their_ends(), gradual::all_at_worst(&plan.overrides, plan.now.as_ref())];
        let found = self.look(move |writer| {
            let ends = ends.map(|ends| writer.what_if(&ends).1);
            (writer.what_if(&asked), worst.map(|worst| writer.what_if(&worst).1), ends)
        });
        let Some(((before, after), worst, [ends_before, ends_after])) = found else {
            return Answer::Refused { why: "the server is about to stop".into(), moves: Vec::new() };
        };
        let moved = moves(&before, &after);
        let judged = worst.map_or_else(|| moved.clone(), |worst| moves(&before, &worst));
        let at_the_end = || refusal(&plan, &moves(&ends_before, &ends_after), &ends_before, AT_THE_END);
        let refused = refusal(&plan, &judged, &before, "").or_else(at_the_end);
        let clock = clock::steady_seconds();
        let rows = views::moves(&before, &moved);
        if let Some(why) = refused.clone().filter(|_| !plan.dry_run) {
            return Answer::Refused { why, moves: rows };
        }
        let mut done = Done {
            target: plan.target.to_string(),
            before: plan.before.as_ref().map(|one| one.text(clock)),
            now: plan.now.as_ref().map(|one| one.text(clock)),
            arrives: plan.now.as_ref().and_then(Override::ramp_end),
            until: plan.now.as_ref().and_then(|one| one.until),
            dry_run: plan.dry_run,
            refused,
            moves: rows,
            ..Done::default()
        };
        if !plan.dry_run {
            done.warnings.extend(self.put_in_force(plan.overrides, overrides));
            let (before, now) = (done.before.as_deref().unwrap_or("none"), done.now.as_deref().unwrap_or("none"));
            self.note(&plan.target, before, now, &plan.owner, &plan.reason);
        }
        let state = if plan.dry_run { Arc::new(after) } else { self.published.load_full() };
        let meant = Names::new(&state.snapshot).meant(&plan.target);
        self.say_what_is_closed(&mut done, &state, &meant, plan.now.as_ref());
        Answer::Done(done)
    }

    fn say_what_is_closed(&self, done: &mut Done, state: &State, meant: &Meant, now: Option<&Override>) {
        let endpoints = meant.all_endpoints(&state.snapshot);
        done.endpoints = endpoints.len();
        done.closed = endpoints.iter().filter(|&&id| state.live.is_closed(&state.snapshot, id)).count();
        let closes = matches!(now.map(|now| now.said), Some(Said::State(gate)) if !gate.is_open());
        if let (true, false, Some(end)) = (closes, done.dry_run, now.and_then(Override::ramp_end)) {
            done.safe = views::safe_after(&self.kept, state, &endpoints, end);
            return;
        }
        if closes && !done.dry_run && done.closed > 0 && done.closed == done.endpoints {
            done.safe = views::safe(&self.kept, state, &endpoints);
        }
        if closes && done.closed < done.endpoints {
            let open = done.endpoints - done.closed;
            done.warnings.push(format!("{open} of {} endpoints stay open: a closer override holds", done.endpoints));
        }
    }

    /// Keeps overrides, and has the writer publish what follows. Gives what went wrong.
    fn put_in_force(&mut self, overrides: Overrides, shared: Arc<Overrides>) -> Vec<String> {
        // On the disk first: what was answered "done" must hold after a crash.
        self.kept.overrides = overrides;
        self.save();
        let mut warnings = Vec::new();
        if !self.confirmed(shared) {
            warnings.push("the server has not confirmed it in time: ask again with `geosteer status`".to_owned());
        }
        self.take_stock();
        warnings.extend(self.problem.clone());
        if self.store.is_none() {
            warnings.push("there is no state directory: a restart forgets this".to_owned());
        }
        warnings
    }

    /// Sends overrides to the writer and waits until they, and all that was sent before, are published.
    fn confirmed(&mut self, overrides: Arc<Overrides>) -> bool {
        self.number += 1;
        let number = self.number;
        let epoch_ms = clock::epoch_ms();
        self.writer.send(Event::Override { number, overrides, epoch_ms }).is_ok() && self.wait_for(number)
    }

    /// Waits until all that was sent to the writer is published; false if that takes too long.
    pub(super) fn confirm(&mut self) -> bool {
        self.confirmed(Arc::new(self.kept.overrides.clone()))
    }

    /// Sends an event to the writer.
    pub(super) fn tell(&self, event: Event) {
        // Whether it took it shows when it is asked to confirm.
        let _ended = self.writer.send(event);
    }

    fn note(&self, target: &Target, before: &str, now: &str, owner: &str, reason: &str) {
        let why = if reason.is_empty() { owner.to_owned() } else { format!("{owner}: {reason}") };
        self.events.push(Kind::Override, target.as_str(), before, now, &why);
        tracing::info!(%target, from = before, to = now, owner, reason, "override");
    }

    /// Every second: hears what it was told, ends overrides whose time is over, saves health when that is due.
    pub fn tick(&mut self) {
        while let Ok(told) = self.told.try_recv() {
            self.hear(told);
        }
        if !self.is_handed && self.handed.is_some() {
            // It was not to be had when we wanted it back.
            self.take_back();
        }
        let now = clock::steady_seconds();
        let mut overrides = self.kept.overrides.clone();
        let ended = overrides.expire(now);
        if !ended.is_empty() {
            let shared = Arc::new(overrides.clone());
            for warning in self.put_in_force(overrides, shared) {
                tracing::warn!("{warning}");
            }
            for one in ended {
                self.note(&one.target, &one.text(now), "none", &one.owner, "its time is over");
            }
        } else if !self.named.is_empty() || self.kept.closed.entries().any(|(_, entry)| entry.named) {
            self.take_stock();
        }
        if self.saving.is_due(clock::millis()) {
            self.save_health();
        }
    }

    /// The server stops: saves what there is to save.
    pub fn finish(&mut self) {
        self.tick();
        self.save_health();
    }

    /// Saves, and lets go of the state directory: from here on it is another server's, and orders are refused.
    pub(super) fn hand_over(&mut self) {
        self.finish();
        self.handed = self.store.take().map(|store| store.folder().to_owned());
        self.is_handed = true;
    }

    /// The other server did not come that far: the next tick takes the directory back, if nobody has done so.
    pub(super) const fn want_back(&mut self) {
        self.is_handed = false;
    }

    /// The other server did not come that far: the directory is ours again. Gives what is wrong with it.
    pub(super) fn take_back(&mut self) -> Option<String> {
        self.is_handed = false;
        let folder = self.handed.take()?;
        match Store::open(&folder) {
            Ok(store) => {
                self.store = Some(store);
                // The other one may have written.
                self.save();
                self.save_health();
                self.problem.clone()
            }
            Err(error) => {
                self.problem = Some(format!("{} cannot be had again: {error}", folder.display()));
                self.handed = Some(folder);
                self.problem.clone()
            }
        }
    }

    fn wait_for(&mut self, number: u64) -> bool {
        let until = clock::instant() + Duration::from_millis(ORDER_MS);
        loop {
            let left = until.saturating_duration_since(clock::instant());
            let Ok(told) = self.told.recv_timeout(left) else { return false };
            let done = told == Told::Overridden { number };
            self.hear(told);
            if done {
                return true;
            }
        }
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Overridden { .. } => {}
            Told::Arrived { target, said } => self.arrived(&target, said),
            Told::Adopted => {
                self.other_configuration();
                self.take_stock();
            }
            Told::Changed => self.saving.change(),
            Told::Named(keys) => self.named.extend(keys),
        }
    }

    /// A gradual override is at its end: from now on what it closed is closed.
    fn arrived(&mut self, target: &Target, said: Said) {
        self.take_stock();
        // One that ends with its way says so itself.
        if let Some(one) = self.kept.overrides.of(target, said).filter(|one| one.until != one.ramp_end()) {
            let (before, now) = (one.text(one.since), one.text(u64::MAX));
            let owner = one.owner.clone();
            self.note(target, &before, &now, &owner, "it is at its end");
        }
    }

    fn other_configuration(&mut self) {
        let state = self.published.load_full();
        let largest = state.snapshot.names.iter().map(|name| name.ttl).max().unwrap_or(0);
        self.kept.closed.other_configuration(largest, clock::steady_seconds());
    }

    /// Looks which endpoints are closed in the state that is published, and keeps since when.
    fn take_stock(&mut self) {
        let state = self.published.load_full();
        let snapshot = &*state.snapshot;
        let named = std::mem::take(&mut self.named);
        let now_named: HashSet<_> = state.live.named_though_closed(snapshot).into_iter().collect();
        let ttls = largest_ttls(snapshot);
        let ids = (0..snapshot.endpoints.len()).map(crate::id::EndpointId::new);
        let closed = ids.filter(|&id| state.live.is_closed(snapshot, id)).map(|id| {
            let key = views::key(snapshot, id);
            let is_named = now_named.contains(&id) || named.contains(&key);
            (key, ttls[id.index()], is_named)
        });
        if self.kept.closed.published(closed, clock::steady_seconds()) {
            self.save();
        }
    }

    /// What `look` finds in the writer; `None`: it has ended, or has no time.
    pub(super) fn look<T: Send + 'static>(&self, look: impl FnOnce(&Writer) -> T + Send + 'static) -> Option<T> {
        let (found, receiver) = channel();
        let look = Look::new(move |writer| {
            // Whoever asked may not wait any more.
            let _nobody_waits = found.send(look(writer));
        });
        self.writer.send(Event::Look(look)).ok()?;
        receiver.recv_timeout(Duration::from_millis(ORDER_MS)).ok()
    }

    fn save(&mut self) {
        let Some(store) = &self.store else { return };
        let problem =
            self.kept.save(store).err().map(|error| {
                format!("{} cannot be written, a restart forgets this: {error}", store.folder().display())
            });
        self.found(problem);
    }

    /// What is wrong with the state directory, or that nothing is: an event and a line of the log when that changes.
    fn found(&mut self, problem: Option<String>) {
        match (&self.problem, &problem) {
            (before, Some(why)) if before.as_ref() != Some(why) => {
                tracing::error!("{why}");
                if before.is_none() {
                    self.events.push(Kind::State, "state directory", "", "broken", why);
                }
            }
            (Some(_), None) => {
                tracing::info!("the state directory is written again");
                self.events.push(Kind::State, "state directory", "broken", "written", "it is written again");
            }
            _ => {}
        }
        self.problem = problem;
    }

    pub(super) fn save_health(&mut self) {
        let began = clock::millis();
        self.saving.begin(began);
        if self.store.is_none() || self.published.load().snapshot.targets.is_empty() {
            return;
        }
        let Some(survey) = self.look(Writer::survey) else { return };
        let Some(store) = &self.store else { return };
        let saved = health::save(store, &survey, &mut self.remembered);
        self.saving.end(&survey.snapshot, clock::millis() - began);
        match saved {
            Err(error) => {
                let folder = store.folder().display();
                let why =
                    format!("{folder} cannot be written, health is not saved and a restart will probe first: {error}");
                self.found(Some(why));
            }
            // There is room again: what could not be kept is kept now.
            Ok(()) if self.problem.is_some() => self.save(),
            Ok(()) => {}
        }
    }
}

/// When two gradual orders leave a row without a live pool.
const AT_THE_END: &str = " when all gradual overrides are at their ends";

/// Why an order is refused: a row would be left without a live pool; `when` says at which time, if it is not at once.
fn refusal(plan: &Plan, moved: &[Move], before: &State, when: &str) -> Option<String> {
    let dry = moved.iter().find(|one| one.after.is_dry && !one.before.is_dry).filter(|_| !plan.force)?;
    let row = views::moves(before, std::slice::from_ref(dry)).pop()?;
    let (policy, region) = (row.policy, row.region);
    Some(format!("no live pool would be left for {region} of policy {policy}{when}; --force does it all the same"))
}

fn said(order: &Order, target: &Target) -> Result<Said, String> {
    if let (None, None, Some(percent)) = (&order.state, order.weight, order.shed) {
        return gradual::shed(percent);
    }
    if order.over_s.is_some() && order.state.as_deref() != Some(Gate::Drain.word()) {
        return Err("only `drain`, `undrain` and `shed` can be gradual".to_owned());
    }
    match (&order.state, order.weight) {
        _ if order.shed.is_some() => Err("an override has a state, a weight, or something to shed".to_owned()),
        (Some(word), None) => Gate::of_word(word)
            .map(Said::State)
            .ok_or_else(|| format!("a state is up, down, drain or auto, not {word:?}")),
        (None, Some(_)) if target.is_of_pools() => {
            Err(format!("{target}: endpoints have a weight; a pool's share stands in the policy's row"))
        }
        (None, Some(weight)) if weight <= WEIGHT_MAX => Ok(Said::Weight(weight)),
        (None, Some(_)) => Err(format!("a weight is 0 to {WEIGHT_MAX}")),
        _ => Err("an override has a state, a weight, or something to shed".to_owned()),
    }
}

/// Words of an operator: short, and on one line.
pub(super) fn words(
    said: Option<String>,
    usual: impl Fn() -> String,
    most: usize,
    what: &str,
) -> Result<String, String> {
    let said = said.unwrap_or_else(usual);
    if said.len() > most {
        return Err(format!("{what} has at most {most} octets"));
    }
    if said.chars().any(char::is_control) {
        return Err(format!("{what} is one line without control characters"));
    }
    Ok(said)
}
