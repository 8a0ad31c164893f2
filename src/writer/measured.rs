//! What probes measure for balancing: the loads and times of the targets that somebody looks at. Tables are told both
//! in steps, so that a number that jitters publishes nothing; a report that is too old is forgotten when its time has
//! come.

use super::{Survey, Writer};
use crate::health::{Load, Millis, Reported, Sample, Smoothed, settle};
use crate::id::{EndpointId, TargetId};
use crate::snapshot::Snapshot;
use crate::steer::Observed;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// The numbers of one configuration's targets.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    loads: HashMap<TargetId, Told>,
    times: HashMap<TargetId, Time>,
    /// When a report may be too old: one entry for each target in `loads`.
    timers: BinaryHeap<Reverse<(Millis, TargetId)>>,
}

/// A load as reported, and as tables are told it.
#[derive(Clone, Copy, Debug)]
struct Told {
    reported: Reported,
    told: u64,
    /// It is believed until then.
    until: Millis,
}

/// A time as measured, and as tables are told it.
#[derive(Clone, Copy, Debug)]
struct Time {
    smoothed: Smoothed,
    told: u64,
}

impl Measured {
    /// The last load that a target reported, if it is fresh.
    #[must_use]
    pub fn load(&self, target: TargetId) -> Option<Reported> {
        self.loads.get(&target).map(|told| told.reported)
    }

    /// How long a target's probes take, smoothed, microseconds.
    #[must_use]
    pub fn time_us(&self, target: TargetId) -> Option<u32> {
        self.times.get(&target).map(|time| time.smoothed.us())
    }

    /// Takes what a probe of a target measured that ended `now`; true if tables are to be told.
    pub(super) fn take(&mut self, snapshot: &Snapshot, target: TargetId, sample: Sample, now: Millis) -> bool {
        let Some(metered) = snapshot.meters.of_target(target) else { return false };
        let check = &snapshot.checks[snapshot.targets[target.index()].check.index()];
        let load = sample.load.filter(|_| metered.load).zip(check.kind.load());
        let by_load = load.is_some_and(|(load, source)| {
            self.report(target, Reported { load, at: now }, now + Millis::from(source.stale_ms))
        });
        let by_time = sample.time_us.filter(|_| metered.time).is_some_and(|time_us| self.timed(target, time_us));
        by_load || by_time
    }

    fn report(&mut self, target: TargetId, reported: Reported, until: Millis) -> bool {
        let before = self.loads.get(&target).map(|told| told.told);
        let told = settle(before, reported.load.thousandths());
        if before.is_none() {
            self.timers.push(Reverse((until + 1, target)));
        }
        self.loads.insert(target, Told { reported, told, until });
        before != Some(told)
    }

    fn timed(&mut self, target: TargetId, time_us: u32) -> bool {
        let before = self.times.get(&target).copied();
        let mut smoothed = before.map_or_else(|| Smoothed::new(time_us), |before| before.smoothed);
        if before.is_some() {
            smoothed.take(time_us);
        }
        let told = settle(before.map(|before| before.told), smoothed.us().into());
        self.times.insert(target, Time { smoothed, told });
        before.is_none_or(|before| before.told != told)
    }

    /// The last load of an endpoint as it was reported, if that is fresh.
    pub(super) fn of_endpoint(&self, snapshot: &Snapshot, endpoint: EndpointId) -> Option<Load> {
        let meters = snapshot.meters.of_endpoint(endpoint)?;
        meters.iter().find_map(|meter| self.load(meter.load?)).map(|reported| reported.load)
    }

    /// When a report may be too old next.
    pub(super) fn next(&self) -> Option<Millis> {
        self.timers.peek().map(|&Reverse((at, _))| at)
    }

    /// Forgets the next report that is too old; gives whose it was.
    pub(super) fn take_stale(&mut self, now: Millis) -> Option<TargetId> {
        while self.next().is_some_and(|at| at <= now) {
            let Reverse((_, target)) = self.timers.pop()?;
            let Some(told) = self.loads.get(&target) else { continue };
            if told.until < now {
                self.loads.remove(&target);
                return Some(target);
            }
            // There was a newer report since.
            self.timers.push(Reverse((told.until + 1, target)));
        }
        None
    }

    /// Takes over what another configuration knows of the same target.
    pub(super) fn inherit(&mut self, target: TargetId, before: &Self, old: TargetId) {
        if let Some(told) = before.loads.get(&old) {
            self.timers.push(Reverse((told.until + 1, target)));
            self.loads.insert(target, *told);
        }
        self.times.extend(before.times.get(&old).map(|time| (target, *time)));
    }

    /// Adds an endpoint's load and times to what the live tables are told of it.
    pub(super) fn tell(&self, snapshot: &Snapshot, endpoint: EndpointId, observed: &mut Observed) {
        let Some(meters) = snapshot.meters.of_endpoint(endpoint) else { return };
        let load = |target: TargetId| self.loads.get(&target).map(|told| Load::from_thousandths(told.told));
        let time = |target: TargetId| Some(u32::try_from(self.times.get(&target)?.told).unwrap_or(u32::MAX));
        // One process behind both addresses tells one load: the first that is known is it.
        observed.load = meters.iter().find_map(|meter| meter.load.and_then(load));
        observed.time_us = meters.map(|meter| meter.time.and_then(time));
    }
}

/// What is known of an endpoint's load and time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Metered {
    /// Its pool looks at loads.
    pub asked: bool,
    /// Its load as reported last, if that is fresh.
    pub load: Option<Load>,
    /// How long its probes take, smoothed, microseconds: of the first of its addresses of which that is known.
    pub time_us: Option<u32>,
    /// The target that is asked for the load alone, beside the checks.
    pub load_beside: Option<TargetId>,
}

impl Survey {
    /// What is known of an endpoint's load and time.
    #[must_use]
    pub fn metered(&self, endpoint: EndpointId) -> Metered {
        let Some(meters) = self.snapshot.meters.of_endpoint(endpoint) else { return Metered::default() };
        let asked: Vec<TargetId> = meters.iter().filter_map(|meter| meter.load).collect();
        let votes = |target: &TargetId| (0..2).any(|lane| self.snapshot.targets_of(endpoint, lane).contains(target));
        let load = asked.iter().find_map(|&target| self.measured.load(target)).map(|reported| reported.load);
        let time_us = meters.iter().find_map(|meter| self.measured.time_us(meter.time?));
        let load_beside = asked.iter().find(|target| !votes(target)).copied();
        Metered { asked: !asked.is_empty(), load, time_us, load_beside }
    }
}

impl Writer {
    /// Takes what a probe measured.
    pub(super) fn measured(&mut self, generation: u64, target: TargetId, sample: Sample, now: Millis) {
        if sample == Sample::default() {
            return;
        }
        if generation == self.serving.generation() {
            return self.serving.measured(target, sample);
        }
        let Some(staged) = self.staged.as_mut().filter(|staged| staged.generation() == generation) else { return };
        match staged.link(target) {
            Some(link) => self.serving.measured(link, sample),
            None => staged.measured(target, sample, now),
        }
    }
}
