//! The prober's loop: what is due is started, what has ended is reported and scheduled again.

use super::method::{Measures, Method, Shared};
use super::{Ended, Job, Order, Stats};
use crate::clock;
use crate::faults;
use crate::health::{Check, CheckKind, Millis, Sample, Schedule, TargetAddress};
use crate::id::TargetId;
use crate::limits;
use crate::restart::Part;
use crate::writer::Event;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Owner of the time table and of the clients; lives on the prober's thread.
pub(super) struct Driver {
    sender: Sender<Event>,
    stats: Arc<Stats>,
    shared: Shared,
    schedule: Schedule,
    /// The schedule's time counts from here.
    origin: Instant,
    generation: u64,
    /// Targets of this and, until they are forgotten, the last configuration; the schedule's keys are the indices.
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    known: HashMap<(TargetAddress, Arc<Check>), u32>,
    /// Counts targets, to tell a slot's former tenant from the present one.
    tenants: u64,
    under_way: usize,
    /// When the bucket of first probes is full again, microseconds.
    first_free_us: u64,
}

/// One target.
struct Slot {
    tenant: u64,
    /// Its id in the configuration of `generation`.
    target: TargetId,
    generation: u64,
    job: Job,
    /// How it is probed, made ready at its first probe.
    method: Option<Arc<Method>>,
    /// When its certificate expires, as the writer was told.
    expires: Option<i64>,
}

/// A probe has ended.
struct Report {
    key: u32,
    tenant: u64,
    ended: Ended,
    measures: Measures,
}

impl Driver {
    pub(super) fn new(seed: u64, sender: Sender<Event>, stats: Arc<Stats>) -> Self {
        Self {
            sender,
            stats,
            shared: Shared::new(),
            schedule: Schedule::new(seed),
            origin: clock::instant(),
            generation: 0,
            slots: Vec::new(),
            free: Vec::new(),
            known: HashMap::new(),
            tenants: 0,
            under_way: 0,
            first_free_us: 0,
        }
    }

    /// Probes until the orders or the receiver of events end.
    pub(super) async fn run(&mut self, orders: &mut UnboundedReceiver<Order>) {
        let (reporter, mut reports) = unbounded_channel();
        loop {
            faults::here(Part::Prober);
            self.start_due(&reporter);
            let due = self.schedule.next_due().filter(|_| self.under_way < limits::PROBES_AT_ONCE);
            let wake = due.map(|due| (self.origin + Duration::from_millis(due)).into());
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(order) => self.adopt(order),
                    None => return,
                },
                Some(report) = reports.recv() => {
                    // Ends are taken by the step, as starts are: who receives them wakes once for all of a step.
                    tokio::time::sleep_until(self.next_step()).await;
                    if self.take(report).is_err() {
                        return;
                    }
                    while let Ok(report) = reports.try_recv() {
                        if self.take(report).is_err() {
                            return;
                        }
                    }
                }
                () = sleep_until(wake) => {}
            }
        }
    }

    /// After a panic nothing is believed but which targets there are: they are probed as new ones. Probes under way
    /// report to nobody.
    pub(super) fn renew(&mut self, seed: u64) {
        let fresh = Self::new(seed, self.sender.clone(), Arc::clone(&self.stats));
        let mut before = std::mem::replace(self, fresh);
        (self.generation, self.tenants) = (before.generation, before.tenants);
        let now = self.now();
        for mut slot in before.slots.drain(..).flatten() {
            self.tenants += 1;
            (slot.tenant, slot.method) = (self.tenants, None);
            let (identity, timing) = ((slot.job.address.clone(), Arc::clone(&slot.job.check)), slot.job.check.timing);
            let key = self.settle(slot);
            self.known.insert(identity, key);
            let first = self.first_start(now);
            self.schedule.add(TargetId::new(key as usize), &timing, first);
        }
    }

    fn adopt(&mut self, order: Order) {
        let now = self.now();
        self.generation = order.generation;
        for (index, job) in order.jobs.into_iter().enumerate() {
            if matches!(job.check.kind, CheckKind::None) {
                continue;
            }
            let target = TargetId::new(index);
            let identity = (job.address.clone(), Arc::clone(&job.check));
            if let Some(&key) = self.known.get(&identity) {
                if let Some(slot) = &mut self.slots[key as usize] {
                    (slot.target, slot.generation) = (target, order.generation);
                }
                continue;
            }
            self.tenants += 1;
            let timing = job.check.timing;
            let slot =
                Slot { tenant: self.tenants, target, generation: order.generation, job, method: None, expires: None };
            let key = self.settle(slot);
            self.known.insert(identity, key);
            let key = TargetId::new(key as usize);
            match order.ages.get(index).copied().flatten() {
                Some(age) => self.schedule.add_known(key, &timing, now, age),
                None => {
                    let first = self.first_start(now);
                    self.schedule.add(key, &timing, first);
                }
            }
        }
        self.forget_others();
    }

    /// Puts a target into a free slot.
    fn settle(&mut self, slot: Slot) -> u32 {
        if let Some(key) = self.free.pop() {
            self.slots[key as usize] = Some(slot);
            return key;
        }
        self.slots.push(Some(slot));
        (self.slots.len() - 1) as u32
    }

    /// Forgets the targets that the present configuration does not have.
    fn forget_others(&mut self) {
        let generation = self.generation;
        let Self { slots, free, known, schedule, .. } = self;
        known.retain(|_, key| {
            let slot = &mut slots[*key as usize];
            let stays = slot.as_ref().is_some_and(|slot| slot.generation == generation);
            if !stays {
                *slot = None;
                schedule.remove(TargetId::new(*key as usize));
                free.push(*key);
            }
            stays
        });
        self.shared.tls.forget_unused();
    }

    /// When the next first probe may start: a bucket of [`limits::FIRST_PROBES_AT_ONCE`] that refills at
    /// [`limits::FIRST_PROBES_PER_SECOND`].
    fn first_start(&mut self, now: Millis) -> Millis {
        let gap_us = 1_000_000 / limits::FIRST_PROBES_PER_SECOND;
        let bucket_us = gap_us * limits::FIRST_PROBES_AT_ONCE;
        let now_us = now * 1_000;
        // A full bucket stands for a `first_free_us` of now; an empty one for now and the bucket.
        let free_us = self.first_free_us.max(now_us);
        self.first_free_us = free_us + gap_us;
        free_us.saturating_sub(bucket_us).max(now_us) / 1_000
    }

    fn start_due(&mut self, reporter: &UnboundedSender<Report>) {
        let now = self.now();
        let mut targets = Vec::new();
        while self.under_way < limits::PROBES_AT_ONCE {
            let Some(due) = self.schedule.next_due().filter(|due| *due <= now) else { return };
            self.schedule.take_due(due, &mut targets);
            for target in targets.drain(..) {
                let late = self.origin.elapsed().saturating_sub(Duration::from_millis(due));
                self.stats.started(late.as_micros() as u64);
                self.start(target.index() as u32, reporter.clone());
            }
        }
    }

    fn start(&mut self, key: u32, reporter: UnboundedSender<Report>) {
        let Some(slot) = self.slots[key as usize].as_mut() else { return };
        self.under_way += 1;
        let tenant = slot.tenant;
        let (job, method) = (slot.job.clone(), slot.method(&mut self.shared));
        let promise = Promise { reporter, key, tenant, ended: None };
        tokio::spawn(async move {
            let mut promise = promise;
            promise.ended = Some(match method {
                Ok(method) => method.measure(&job).await,
                // What cannot even be set up says nothing of the endpoint.
                Err(reason) => (Ended::inconclusive(reason), Measures::default()),
            });
        });
    }

    /// Reports an ended probe and schedules its target again.
    ///
    /// # Errors
    /// Nobody listens any more.
    fn take(&mut self, report: Report) -> Result<(), ()> {
        self.under_way -= 1;
        let now = self.now();
        let Report { key, tenant, ended: Ended { outcome, note, load, load_missed }, measures } = report;
        let Measures { time_us, took, expires } = measures;
        let Some(slot) = self.slots[key as usize].as_mut().filter(|slot| slot.tenant == tenant) else { return Ok(()) };
        self.stats.count(&slot.job.check.kind, outcome, took);
        if load_missed {
            self.stats.load_was_missed();
        }
        self.schedule.done(TargetId::new(key as usize), outcome, now);
        if expires.is_some() && expires != slot.expires {
            slot.expires = expires;
            let (generation, target) = (slot.generation, slot.target);
            self.sender.send(Event::Certificate { generation, target, expires }).map_err(drop)?;
        }
        let event = Event::Probed {
            generation: slot.generation,
            target: slot.target,
            outcome,
            note,
            sample: Sample { time_us, load },
        };
        self.sender.send(event).map_err(drop)
    }

    /// When the next step of [`limits::PROBE_STEP_MS`] begins.
    fn next_step(&self) -> tokio::time::Instant {
        let next = (self.now() / limits::PROBE_STEP_MS + 1) * limits::PROBE_STEP_MS;
        (self.origin + Duration::from_millis(next)).into()
    }

    fn now(&self) -> Millis {
        self.origin.elapsed().as_millis() as u64
    }
}

impl Slot {
    fn method(&mut self, shared: &mut Shared) -> Result<Arc<Method>, Box<str>> {
        if let Some(method) = &self.method {
            return Ok(Arc::clone(method));
        }
        let method = Arc::new(Method::new(&self.job, shared)?);
        Ok(Arc::clone(self.method.insert(method)))
    }
}

/// A probe under way: it reports its end, come what may, else its target would never be probed again.
struct Promise {
    reporter: UnboundedSender<Report>,
    key: u32,
    tenant: u64,
    ended: Option<(Ended, Measures)>,
}

impl Drop for Promise {
    fn drop(&mut self) {
        let fault = || (Ended::inconclusive("a fault of geosteer: its log says more"), Measures::default());
        let (ended, measures) = self.ended.take().unwrap_or_else(fault);
        // The loop may have stopped.
        let _ = self.reporter.send(Report { key: self.key, tenant: self.tenant, ended, measures });
    }
}

/// Sleeps until then, or for ever.
async fn sleep_until(wake: Option<tokio::time::Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
