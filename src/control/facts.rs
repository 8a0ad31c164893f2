//! What the desk tells metrics: the writer's knowledge, the counters, the system's numbers, as plain data.

use super::desk::Desk;
use super::protocol::LatencyRow;
use crate::clock;
use crate::health::{Guard, Load, TargetState};
use crate::id::{EndpointId, PoolId, TargetId};
use crate::metrics::{
    Buckets, CanaryFacts, DatabaseFacts, EndpointFacts, Facts, GuardFacts, Metrics, OverrideFacts, PoolFacts, Process,
    SignedFacts, TransferFacts,
};
use crate::overrides::Said;
use crate::pool::Pool;
use crate::probe;
use crate::respond::Transport;
use crate::restart::{Part, Restarts};
use crate::rights::Report;
use crate::snapshot::ZoneSpec;
use crate::state::State;
use crate::transfer::Offer;
use crate::writer::{Metered, Survey, Writer};
use std::sync::Arc;

/// What is counted beside the writer.
#[derive(Clone, Debug, Default)]
pub struct Meters {
    metrics: Metrics,
    probes: Arc<probe::Stats>,
    pub(super) rights: Report,
}

impl Meters {
    /// The counters of the threads that answer, and the prober's.
    #[must_use]
    pub fn new(metrics: Metrics, probes: Arc<probe::Stats>) -> Self {
        Self { metrics, probes, rights: Report::of_this_thread() }
    }

    /// The same, and what the process may.
    #[must_use]
    pub fn and_rights(self, rights: Report) -> Self {
        Self { rights, ..self }
    }

    /// Where it is counted that threads were started again.
    pub(super) fn restarts(&self) -> Restarts {
        self.metrics.restarts().clone()
    }
}

/// What there is to tell of a zone's signatures.
fn signed(zone: &ZoneSpec) -> Option<SignedFacts> {
    zone.signing.wanted()?;
    let signer = zone.signing.signer();
    Some(SignedFacts {
        zone: zone.apex.to_lowercase().to_string().into(),
        signed: signer.is_some(),
        keys_missing: signer.is_none_or(|signer| signer.keys_are_missing()),
        sets: signer.map_or(0, |signer| signer.len()),
        ends: signer.and_then(|signer| signer.ends()),
    })
}

/// What there is to tell of transfers.
fn transfers(state: &State) -> Option<TransferFacts> {
    let transfers = &state.identity.transfers;
    let zones = state.snapshot.settings.iter().zip(&transfers.offers);
    let serial = |(zone, offer): (&ZoneSpec, &Option<Arc<Offer>>)| {
        Some((zone.apex.to_lowercase().to_string().into(), offer.as_ref()?.edition.serial))
    };
    let serials: Vec<_> = zones.filter_map(serial).collect();
    let is_used = !serials.is_empty() || !transfers.keys.is_empty();
    is_used.then(|| TransferFacts { serials, shared: Arc::clone(&transfers.shared) })
}

impl Desk {
    /// Everything that metrics tell; `None`: the writer has ended, or has no time.
    pub(super) fn facts(&self) -> Option<Facts> {
        let survey = self.look(Writer::survey)?;
        let state = self.published.load_full();
        let snapshot = &*state.snapshot;
        let metrics = &self.meters.metrics;
        let unknown = survey.trackers.iter().filter(|one| one.state() == TargetState::Unknown).count();
        let databases = snapshot.databases.facts();
        Some(Facts {
            version: env!("CARGO_PKG_VERSION"),
            started: self.started,
            now: clock::unix_seconds(),
            generation: state.generation,
            zones: [snapshot.settings.len(), snapshot.names.len()],
            signed: snapshot.settings.iter().filter_map(signed).collect(),
            transfers: transfers(&state),
            sums: metrics.sums(&snapshot.counted),
            counts: state.live.counts(snapshot),
            totals: metrics.totals(),
            confined: self.meters.rights.confined(),
            restarts: Part::ALL.map(|part| (part.word(), metrics.restarts().count(part))).to_vec(),
            by_transport: Transport::ALL.map(|transport| metrics.totals_of(transport)),
            latency: Transport::ALL.map(|transport| metrics.latency(transport)),
            probes: self.meters.probes.kinds(),
            loads_missed: self.meters.probes.loads_missed(),
            pools: pools(&state),
            endpoints: endpoints(&state, &survey),
            targets: [survey.trackers.len(), unknown, survey.stale.len()],
            guard: guard(&survey),
            overrides: self.override_facts(),
            databases: databases.into_iter().map(|one| DatabaseFacts { label: one.label, built: one.built }).collect(),
            reloads: metrics.reloads().known(),
            limited_blocks: state.identity.limiter.as_ref().map(|limiter| limiter.held().rows().len()),
            certificate: metrics.certificate().known(),
            query_log: metrics.query_log(),
            state_broken: self.problem.is_some(),
            process: Process::read(),
        })
    }

    fn override_facts(&self) -> Vec<OverrideFacts> {
        let list = self.kept.overrides.list().iter();
        let facts = list.map(|one| OverrideFacts {
            target: one.target.as_str().into(),
            kind: match one.said {
                Said::State(_) => "state",
                Said::Weight(_) => "weight",
                Said::Share(_) => "share",
            },
            since: one.since,
            until: one.until,
        });
        facts.collect()
    }

    /// How long answers take, over all transports.
    pub(super) fn latency(&self) -> Option<LatencyRow> {
        let mut all = Buckets::default();
        for transport in Transport::ALL {
            all.add(&self.meters.metrics.latency(transport));
        }
        let part = |part: f64| all.quantile(part).map(|ns| ns as f64 / 1e3);
        Some(LatencyRow { p50_us: part(0.5)?, p95_us: part(0.95)?, p99_us: part(0.99)? })
    }
}

fn zone(state: &State, pool: &Pool) -> Box<str> {
    state.snapshot.settings[pool.zone.index()].apex.to_string().into()
}

fn pools(state: &State) -> Vec<PoolFacts> {
    let facts = |(index, pool): (usize, &Pool)| {
        let id = PoolId::new(index);
        PoolFacts {
            zone: zone(state, pool),
            pool: pool.name.clone(),
            up: state.live.is_live(id),
            live: state.live.live_members(id),
            endpoints: usize::from(pool.count),
            share: state.live.share(id).percent() / 100.0,
            load: state.live.load(&state.snapshot, id).map(Load::value),
        }
    };
    state.snapshot.pools.iter().enumerate().map(facts).collect()
}

fn endpoints(state: &State, survey: &Survey) -> Vec<EndpointFacts> {
    // When the writer's clock was at 0, milliseconds since 1970.
    let epoch = clock::unix_millis().saturating_sub(clock::millis());
    (0..state.snapshot.endpoints.len()).map(|id| endpoint(state, survey, epoch, EndpointId::new(id))).collect()
}

fn endpoint(state: &State, survey: &Survey, epoch: u64, id: EndpointId) -> EndpointFacts {
    let snapshot = &*state.snapshot;
    let endpoint = &snapshot.endpoints[id.index()];
    // Between a reload and this question another configuration may serve: then nothing is known of its targets yet.
    let same = std::ptr::eq(snapshot, &*survey.snapshot);
    let targets = || (0..2).flat_map(|lane| snapshot.targets_of(id, lane)).filter(|_| same);
    let seen = || targets().map(|target| &survey.seen[target.index()]);
    let up = |target: &TargetId| {
        survey.trackers[target.index()].state() == TargetState::Up || survey.held.contains_key(target)
    };
    let meter = if same { survey.metered(id) } else { Metered::default() };
    let probed = seen().filter_map(|seen| seen.at).max();
    EndpointFacts {
        pool: endpoint.pool,
        endpoint: endpoint.name.clone(),
        up: targets().all(up) && same,
        live: state.live.is_endpoint_live(snapshot, id),
        weight: state.live.gates().weight(id, endpoint.weight),
        changes: seen().map(|seen| seen.changes).sum(),
        probed: probed.map(|at| (epoch + at) as f64 / 1e3),
        expires: seen().filter_map(|seen| seen.expires).min(),
        load: meter.load.map(Load::value),
        load_stale: same && meter.asked && meter.load.is_none(),
    }
}

fn guard(survey: &Survey) -> GuardFacts {
    let (guard, sites): (Guard, _) = survey.guard;
    let canary = |&(target, answers): &(TargetId, Option<bool>)| {
        let check = survey.snapshot.targets[target.index()].check;
        CanaryFacts { url: survey.snapshot.checks[check.index()].name.clone(), answers }
    };
    GuardFacts {
        state: guard.word(),
        sites: [sites.up, sites.failing],
        held: survey.held.len(),
        canaries: survey.canaries.iter().map(canary).collect(),
    }
}
