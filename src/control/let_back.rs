//! What an operator says to safeguards: an endpoint that waits may come back (`resume`), failures that the blast guard
//! holds are believed (`release`).

use super::desk::{Desk, Peer, words};
use super::protocol::{Answer, Release, Resume, ResumedRow};
use super::views;
use crate::events::Kind;
use crate::health::{Comeback, Guard};
use crate::id::EndpointId;
use crate::limits::{OWNER_MAX, REASON_MAX, RESUME_TARGETS_MAX};
use crate::overrides::{Names, Target};
use crate::snapshot::Snapshot;
use crate::writer::{Event, Survey, Writer};
use std::collections::BTreeSet;

impl Desk {
    /// Lets endpoints come back.
    pub(super) fn resume(&mut self, resume: Resume, peer: &Peer) -> Answer {
        match self.try_resume(resume, peer) {
            Ok(answer) => answer,
            Err(answer) => *answer,
        }
    }

    fn try_resume(&mut self, resume: Resume, peer: &Peer) -> Result<Answer, Box<Answer>> {
        let wrong = |why: String| Box::new(Answer::Wrong { why });
        if !(1..=RESUME_TARGETS_MAX).contains(&resume.targets.len()) {
            return Err(wrong(format!("1 to {RESUME_TARGETS_MAX} targets are resumed at a time")));
        }
        let targets: Vec<_> =
            resume.targets.iter().map(|text| Target::parse(text)).collect::<Result<_, _>>().map_err(wrong)?;
        let why = who_and_why(resume.owner, resume.reason, peer).map_err(wrong)?;
        let survey = self.survey()?;
        let snapshot = &*survey.snapshot;
        let names = Names::new(snapshot);
        let mut resumed = Vec::new();
        let mut of_target = Vec::new();
        let mut seen = BTreeSet::new();
        for target in &targets {
            let meant = names.meant(target);
            if meant.is_empty() {
                let near = views::nearest(snapshot, target);
                return Err(Box::new(Answer::No { why: format!("nothing is called {target}{near}") }));
            }
            let waiting = meant.all_endpoints(snapshot).into_iter().filter(|&id| seen.insert(id));
            let waiting: Vec<_> = waiting.filter_map(|id| Some((id, waits(&survey, id)?))).collect();
            of_target.push((target, waiting.len()));
            resumed.extend(waiting);
        }
        if resumed.is_empty() {
            let why = "no endpoint of these waits: `manual_resume` and `failback_delay` keep nothing out here";
            return Err(Box::new(Answer::No { why: why.to_owned() }));
        }
        for &(endpoint, _) in &resumed {
            self.tell(Event::Resume { generation: survey.generation, endpoint });
        }
        let confirmed = self.confirm();
        for (target, count) in of_target.into_iter().filter(|(_, count)| *count > 0) {
            let to = if count == 1 { "resumed".to_owned() } else { format!("{count} endpoints resumed") };
            self.events.push(Kind::Resume, target.as_str(), "waiting", &to, &why);
            tracing::info!(%target, endpoints = count, why, "resumed");
        }
        // On the disk now: who was let back must not wait again after a crash.
        self.save_health();
        let row = |&(id, when): &(EndpointId, &str)| {
            let (zone, pool, endpoint) = views::key(snapshot, id);
            ResumedRow { zone: zone.into(), pool: pool.into(), endpoint: endpoint.into(), when: when.to_owned() }
        };
        Ok(Answer::Resumed { endpoints: resumed.iter().map(row).collect(), confirmed })
    }

    /// Believes what the blast guard holds.
    pub(super) fn release(&mut self, release: Release, peer: &Peer) -> Answer {
        match self.try_release(release, peer) {
            Ok(answer) => answer,
            Err(answer) => *answer,
        }
    }

    fn try_release(&mut self, release: Release, peer: &Peer) -> Result<Answer, Box<Answer>> {
        let why = who_and_why(release.owner, release.reason, peer).map_err(|why| Box::new(Answer::Wrong { why }))?;
        let before = self.survey()?;
        let guard = before.guard.0;
        if !matches!(guard, Guard::Up { .. }) && before.held.is_empty() {
            return Err(Box::new(Answer::No { why: "the blast guard holds nothing".to_owned() }));
        }
        self.tell(Event::Release);
        let confirmed = self.confirm();
        self.events.push(Kind::Guard, "prober", guard.word(), "released", &why);
        tracing::warn!(why, held = before.held.len(), "the blast guard is released by an operator");
        Ok(Answer::Released { targets: before.held.len(), confirmed })
    }

    fn survey(&self) -> Result<Survey, Box<Answer>> {
        let stops = || Box::new(Answer::Refused { why: "the server is about to stop".into(), moves: Vec::new() });
        self.look(Writer::survey).ok_or_else(stops)
    }
}

/// What becomes of an endpoint that waits, if an operator lets it come back; `None`: it does not wait.
fn waits(survey: &Survey, id: EndpointId) -> Option<&'static str> {
    let families = survey.comebacks.get(&id)?;
    let waits = |family: &Comeback| matches!(family, Comeback::Stopped | Comeback::Waiting { .. });
    if families.iter().any(waits) {
        return Some("now");
    }
    let rules = rules_of(&survey.snapshot, id);
    let will_wait = families.contains(&Comeback::Out { resumed: false });
    (will_wait && (rules.manual_resume || rules.failback_delay_ms > 0)).then_some("as soon as it is up")
}

fn rules_of(snapshot: &Snapshot, id: EndpointId) -> &crate::health::ComebackRules {
    &snapshot.pools[snapshot.endpoints[id.index()].pool.index()].rules.comeback
}

fn who_and_why(owner: Option<String>, reason: String, peer: &Peer) -> Result<String, String> {
    let owner = words(owner, || peer.owner(), OWNER_MAX, "the owner")?;
    let reason = words(Some(reason), String::new, REASON_MAX, "the reason")?;
    Ok(if reason.is_empty() { owner } else { format!("{owner}: {reason}") })
}
