//! How a name is answered, and why: now, or as health was at a moment that the ring of events reaches back to.

use super::desk::Desk;
use super::held::Held;
use super::protocol::Answer;
use crate::events::{Happened, Kind};
use crate::health::{TargetAddress, TargetState};
use crate::id::{EndpointId, TargetId};
use crate::limits::EVENTS_KEPT;
use crate::report::{self, Question, Report};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::steer::{Dependents, seen};
use crate::writer::{Survey, Writer};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

/// What is to be explained.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Explain {
    /// The name.
    pub name: String,
    /// Who asks: an address or a network.
    pub client: String,
    /// The record type; A if not said.
    pub r#type: Option<String>,
    /// Where the query comes from; 127.0.0.1 if not said.
    pub resolver: Option<IpAddr>,
    /// As health was then, seconds since 1970; now if not said.
    pub at: Option<u64>,
}

impl Explain {
    /// As a query.
    ///
    /// # Errors
    /// What cannot be read, in words.
    pub fn question(&self) -> Result<Question, String> {
        let (address, bits) = report::client(&self.client)?;
        let rtype = self.r#type.as_deref().unwrap_or("A");
        let rtype = report::record_type(rtype).ok_or_else(|| format!("{rtype:?} is no record type"))?;
        let subnet = (address, bits.unwrap_or(if address.is_ipv4() { 32 } else { 128 }));
        let resolver = self.resolver.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Ok(Question { name: self.name.clone(), rtype, subnet, resolver })
    }
}

impl Desk {
    /// Explains.
    pub(super) fn explain(&self, asked: &Explain) -> Answer {
        let wrong = |why| Answer::Wrong { why };
        let question = match asked.question() {
            Ok(question) => question,
            Err(why) => return wrong(why),
        };
        let explained = match asked.at.map(|at| self.state_at(at)) {
            None => self.explain_now(&question),
            Some(Ok((state, notes))) => explained(&state, &question, notes),
            Some(Err(why)) => return Answer::No { why },
        };
        match explained {
            Ok(Some(mut report)) => {
                if let Some(&address) = self.addresses.first() {
                    report.listens(address, &question);
                }
                Answer::Explained(Box::new(report))
            }
            Ok(None) => {
                Answer::No { why: "the first probes of the name's pools are not in: it is not answered".into() }
            }
            Err(why) => wrong(why),
        }
    }

    /// With what the safeguards hold.
    fn explain_now(&self, question: &Question) -> Result<Option<Report>, String> {
        let held = Held::now(self.look(Writer::holds));
        let state = self.published.load_full();
        let view = |endpoint, lane| held.view(&state.snapshot, endpoint, lane);
        let mut report = Report::with_held(&state, question, view)?;
        if let Some(report) = &mut report {
            report.notes.extend(held.note(report.is_guarded()));
        }
        Ok(report)
    }

    /// The state with health as it was at a moment, and what has to be said of it.
    fn state_at(&self, at: u64) -> Result<(State, Vec<String>), String> {
        let events = self.events.after(Some(0), EVENTS_KEPT);
        reaches(&events, self.started, at)?;
        let survey = self.look(Writer::survey).ok_or("the server is about to stop")?;
        let state = self.published.load_full();
        if !std::ptr::eq(&*state.snapshot, &*survey.snapshot) {
            return Err("another configuration begins to serve just now: ask again".to_owned());
        }
        let later: Vec<&Happened> = events.iter().filter(|event| event.at > at).collect();
        let then = targets_then(&survey.snapshot, &later);
        let mut notes = notes(at, &later, then.len());
        notes.extend(guard_then(&events, at));
        Ok((with(&state, &survey, &then), notes))
    }
}

/// The explanation for a moment that has passed.
fn explained(state: &State, question: &Question, notes: Vec<String>) -> Result<Option<Report>, String> {
    let mut report = Report::new(state, question)?;
    if let Some(report) = &mut report {
        report.notes.extend(notes);
    }
    Ok(report)
}

/// What the blast guard did at a moment.
fn guard_then(events: &[Happened], at: u64) -> Option<String> {
    let last = events.iter().rfind(|event| event.kind == Kind::Guard && event.at <= at)?;
    (&*last.to == "up").then(|| format!("the blast guard was up then, since {}: what failed was held up", last.at))
}

/// Why the events do not reach back to a moment.
fn reaches(events: &[Happened], started: u64, at: u64) -> Result<(), String> {
    let oldest = events.first();
    if at < started {
        return Err(format!("the server runs since {started} (seconds since 1970): of {at} it knows nothing"));
    }
    match oldest.filter(|event| event.number > 1 && event.at > at) {
        Some(event) => Err(format!(
            "the ring of events does not reach back to {at}: the oldest of the last {EVENTS_KEPT} is of {}",
            event.at
        )),
        None => Ok(()),
    }
}

/// What the verdicts were on the targets whose verdicts have changed since: the first change since says from what.
fn targets_then(snapshot: &Snapshot, later: &[&Happened]) -> HashMap<TargetId, TargetState> {
    let mut first: HashMap<&str, TargetState> = HashMap::new();
    for event in later.iter().filter(|event| event.kind == Kind::Health) {
        let state = match &*event.from {
            "up" => TargetState::Up,
            "down" => TargetState::Down,
            "unknown" => TargetState::Unknown,
            _ => continue,
        };
        first.entry(&event.subject).or_insert(state);
    }
    let mut then = HashMap::new();
    for (index, target) in snapshot.targets.iter().enumerate() {
        let check = &snapshot.checks[target.check.index()].name;
        let subject = match &target.address {
            TargetAddress::Ip(address) => format!("{address} {check}"),
            TargetAddress::Host(name) => format!("{name} {check}"),
        };
        if let Some(&state) = first.get(&*subject) {
            then.insert(TargetId::new(index), state);
        }
    }
    then
}

/// The state with these verdicts in place of those of now.
fn with(state: &State, survey: &Survey, then: &HashMap<TargetId, TargetState>) -> State {
    let snapshot = &*state.snapshot;
    let verdict =
        |target: &TargetId| then.get(target).copied().unwrap_or_else(|| survey.trackers[target.index()].state());
    let is_other =
        |id: EndpointId| (0..2).any(|lane| snapshot.targets_of(id, lane).iter().any(|id| then.contains_key(id)));
    let others = (0..snapshot.endpoints.len()).map(EndpointId::new).filter(|&id| is_other(id));
    let mut pools: Vec<_> = others.map(|id| snapshot.endpoints[id.index()].pool).collect();
    pools.dedup();
    let observed = |id: EndpointId| {
        let mut observed = seen(state, id);
        if is_other(id) {
            for lane in 0..2 {
                let targets = snapshot.targets_of(id, lane);
                observed.up[lane] = targets.iter().all(|target| verdict(target) != TargetState::Down);
            }
        }
        observed
    };
    let mut before = state.clone();
    before.live.update(snapshot, &Dependents::new(snapshot), &pools, observed);
    before
}

/// What the answer of then may have had beside health.
fn notes(at: u64, later: &[&Happened], targets: usize) -> Vec<String> {
    let mut notes = vec![format!(
        "health as of {at} (seconds since 1970): {targets} targets had another verdict; loads, times and shares are those of now"
    )];
    let count = |kind| later.iter().filter(|event| event.kind == kind).count();
    let overrides = count(Kind::Override) + count(Kind::Resume);
    if overrides > 0 {
        notes.push(format!("operators have said something {overrides} times since: overrides are those of now"));
    }
    if count(Kind::Reload) > 0 {
        notes.push("the configuration was reloaded since: it is that of now".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happened(number: u64, at: u64, subject: &str, from: &str, to: &str) -> Happened {
        let [subject, from, to, reason] = [subject, from, to, ""].map(Box::from);
        Happened { number, at, kind: Kind::Health, subject, from, to, reason }
    }

    #[test]
    fn the_guard_of_a_moment_is_that_of_the_last_event_before() {
        let guard = |number, at, to| Happened { kind: Kind::Guard, ..happened(number, at, "prober", "", to) };
        let events = [guard(1, 100, "up"), happened(2, 110, "a", "up", "down"), guard(3, 160, "released")];
        assert_eq!(guard_then(&events, 99), None);
        assert!([100, 159].map(|at| guard_then(&events, at)).iter().flatten().all(|note| note.contains("since 100")));
        assert!(guard_then(&events, 159).is_some() && guard_then(&events, 160).is_none());
    }

    #[test]
    fn a_moment_before_the_start_or_before_the_oldest_event_is_not_known() {
        let events = [happened(5, 100, "a", "up", "down"), happened(6, 200, "a", "down", "up")];
        assert!(reaches(&events, 50, 40).is_err_and(|why| why.contains("runs since 50")));
        assert!(reaches(&events, 50, 99).is_err_and(|why| why.contains("does not reach back")));
        assert_eq!(reaches(&events, 50, 100), Ok(()));
        assert_eq!(reaches(&[happened(1, 100, "a", "", "")], 50, 60), Ok(()));
        assert_eq!(reaches(&[], 50, 60), Ok(()));
    }
}
