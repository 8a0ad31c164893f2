//! The domain, and what is kept of operators' work, as rows for people.

use super::protocol::{CanaryRow, EndpointRow, EventRow, GuardRow, MoveRow, OverrideRow, PoolRow, Safe, Serving};
use crate::clock;
use crate::events::Happened;
use crate::health::{Comeback, Guard, Load, Millis, TargetAddress, TargetState};
use crate::id::{EndpointId, PoolId, RouteId, TargetId};
use crate::limits::CLOSED_SLACK_S;
use crate::overrides::{Key, Meant, Names, Override, Said, Target};
use crate::pool::{Address, Endpoint, Gate, Pool, Share};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::steer::{Move, Serves, largest_ttls};
use crate::store::Operators;
use crate::writer::{Metered, Survey};
use std::net::SocketAddr;

/// Names that are listed with a move, or with a moment.
const NAMES_SHOWN: usize = 3;

/// An endpoint by its names.
pub(crate) fn key(snapshot: &Snapshot, id: EndpointId) -> Key {
    let endpoint = &snapshot.endpoints[id.index()];
    let pool = &snapshot.pools[endpoint.pool.index()];
    (zone(snapshot, pool).into(), pool.name.clone(), endpoint.name.clone())
}

fn zone(snapshot: &Snapshot, pool: &Pool) -> String {
    snapshot.settings[pool.zone.index()].apex.to_string()
}

/// The name of a user, for owners; its number if it has none.
pub(crate) fn user(uid: u32) -> String {
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("uid {uid}"))
}

/// `; did you mean …?` with the target that is nearest to one that nothing is called.
pub(super) fn nearest(snapshot: &Snapshot, target: &Target) -> String {
    let pools = snapshot.pools.iter().map(|pool| format!("pool/{}", pool.name));
    let name =
        |endpoint: &Endpoint| format!("endpoint/{}/{}", snapshot.pools[endpoint.pool.index()].name, endpoint.name);
    let tags = snapshot.pools.iter().flat_map(|pool| &pool.tags);
    let tags =
        tags.chain(snapshot.endpoints.iter().flat_map(|endpoint| &endpoint.tags)).map(|tag| format!("tag/{tag}"));
    let all = pools.chain(snapshot.endpoints.iter().map(name)).chain(tags);
    let near = |known: &String| strsim::jaro_winkler(target.as_str(), known);
    let best = all.map(|known| (near(&known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or_else(String::new, |(_, best)| format!("; did you mean {best}?"))
}

/// What DNS is answered for, and where.
pub(super) fn serving(state: &State, addresses: &[SocketAddr]) -> Serving {
    let zones = state.snapshot.settings.iter().map(|zone| zone.apex.to_string()).collect();
    Serving { addresses: addresses.iter().map(SocketAddr::to_string).collect(), zones }
}

/// Moves in words.
pub(super) fn moves(state: &State, moved: &[Move]) -> Vec<MoveRow> {
    let snapshot = &*state.snapshot;
    moved.iter().map(|one| move_row(snapshot, one)).collect()
}

fn move_row(snapshot: &Snapshot, one: &Move) -> MoveRow {
    let route = &snapshot.routes[one.route.index()];
    let policy = &snapshot.policies[route.policy.index()];
    let regions = &snapshot.settings[policy.zone.index()].regions;
    let region = policy.rows[one.row].region.map_or("default", |region| &*regions[region.index()].name);
    let words =
        |serves: &Serves| serves.pools.iter().map(|(pool, _)| snapshot.pools[pool.index()].name.to_string()).collect();
    let percents = |serves: &Serves| serves.pools.iter().map(|(_, part)| part.percent()).collect();
    let (names, names_in_all) = names(snapshot, one.route);
    MoveRow {
        policy: policy.name.to_string(),
        region: region.to_owned(),
        r#type: match (route.types.cname, one.lane) {
            (true, _) => "CNAME",
            (false, 0) => "A",
            (false, _) => "AAAA",
        }
        .to_owned(),
        from: words(&one.before),
        from_percent: percents(&one.before),
        to: words(&one.after),
        to_percent: percents(&one.after),
        dry: one.after.is_dry,
        names,
        names_in_all,
    }
}

fn names(snapshot: &Snapshot, route: RouteId) -> (Vec<String>, usize) {
    let mut all = snapshot.names.iter().filter(|name| name.route == route);
    let first = all.by_ref().take(NAMES_SHOWN).map(|name| name.owner.to_string()).collect::<Vec<_>>();
    let count = first.len() + all.count();
    (first, count)
}

/// When endpoints that are all closed can be switched off; `None` if one is not closed.
pub(super) fn safe(kept: &Operators, state: &State, endpoints: &[EndpointId]) -> Option<Safe> {
    let snapshot = &*state.snapshot;
    let mut safe = Safe::default();
    for &id in endpoints {
        let entry = kept.closed.of(&key(snapshot, id))?;
        safe.at = safe.at.max(entry.safe);
        safe.named |= entry.named;
    }
    Some(beside(state, endpoints, safe))
}

/// The same for endpoints that will be closed at `end`, seconds since 1970.
pub(super) fn safe_after(kept: &Operators, state: &State, endpoints: &[EndpointId], end: u64) -> Option<Safe> {
    let ttls = largest_ttls(&state.snapshot);
    let largest = endpoints.iter().map(|id| ttls[id.index()]).max()?;
    let at = (end + u64::from(largest) + CLOSED_SLACK_S).max(kept.closed.horizon());
    Some(beside(state, endpoints, Safe { at, ..Safe::default() }))
}

/// With what names the endpoints beside the answers that they were taken out of.
fn beside(state: &State, endpoints: &[EndpointId], safe: Safe) -> Safe {
    let (records, records_in_all) = state.snapshot.static_names(endpoints, NAMES_SHOWN);
    Safe { shared: shared(state, endpoints), records, records_in_all, ..safe }
}

/// Open endpoints elsewhere that have the address of one of these.
fn shared(state: &State, endpoints: &[EndpointId]) -> Vec<String> {
    let snapshot = &*state.snapshot;
    let mut shared = Vec::new();
    let own: std::collections::HashSet<Vec<u8>> =
        endpoints.iter().flat_map(|id| addresses(&snapshot.endpoints[id.index()].address)).collect();
    for (index, endpoint) in snapshot.endpoints.iter().enumerate() {
        let shares = addresses(&endpoint.address).iter().any(|address| own.contains(address));
        let id = EndpointId::new(index);
        if shares && !endpoints.contains(&id) && !state.live.is_closed(snapshot, id) {
            shared.push(format!("{}/{}", snapshot.pools[endpoint.pool.index()].name, endpoint.name));
        }
    }
    shared
}

fn addresses(address: &Address) -> Vec<Vec<u8>> {
    match address {
        Address::Ip { v4, v6 } => {
            let v4 = v4.iter().map(|address| address.octets().to_vec());
            v4.chain(v6.iter().map(|address| address.octets().to_vec())).collect()
        }
        Address::Host(name) => vec![name.to_lowercase().wire().to_vec()],
    }
}

/// All overrides.
pub(super) fn overrides(kept: &Operators, state: &State) -> Vec<OverrideRow> {
    let names = Names::new(&state.snapshot);
    kept.overrides.list().iter().map(|one| override_row(kept, state, &names, one)).collect()
}

/// The blast guard.
pub(super) fn guard(survey: &Survey) -> GuardRow {
    let (guard, sites) = survey.guard;
    let (now, unix) = (clock::millis(), clock::unix_millis());
    let moment = |at: Millis| (unix + at).saturating_sub(now) / 1_000;
    let (since, until) = match guard {
        Guard::Up { since, until } => (Some(moment(since)), until.map(moment)),
        Guard::Quiet | Guard::Spent => (None, None),
    };
    let canary = |&(target, answers): &(TargetId, Option<bool>)| CanaryRow {
        url: survey.snapshot.checks[survey.snapshot.targets[target.index()].check.index()].name.to_string(),
        answers,
        note: survey.seen[target.index()].note.to_string(),
    };
    GuardRow {
        state: guard.word().to_owned(),
        since,
        until,
        sites: [sites.up, sites.failing],
        held: survey.held.len(),
        canaries: survey.canaries.iter().map(canary).collect(),
    }
}

fn override_row(kept: &Operators, state: &State, names: &Names<'_>, one: &Override) -> OverrideRow {
    let meant: Meant = names.meant(&one.target);
    let now = clock::steady_seconds();
    let closes = matches!(one.said, Said::State(gate) if !gate.is_open());
    let endpoints = || meant.all_endpoints(&state.snapshot);
    let safe = match one.ramp_end().filter(|_| one.is_on_its_way(now)) {
        Some(end) => safe_after(kept, state, &endpoints(), end),
        None => safe(kept, state, &endpoints()),
    };
    OverrideRow {
        target: one.target.to_string(),
        said: one.text(now),
        owner: one.owner.to_string(),
        reason: one.reason.to_string(),
        since: one.since,
        until: one.until,
        arrives: one.ramp_end().filter(|_| one.is_on_its_way(now)),
        keeps: one.share_at(now).map(Share::percent),
        orphan: meant.is_empty(),
        safe: safe.filter(|_| closes && !meant.is_empty()),
    }
}

/// The override of the state that holds for what `means` it.
fn by(kept: &Operators, means: impl Fn(&Target) -> bool) -> Option<String> {
    let list = kept.overrides.list().iter().enumerate();
    let states = list.filter(|(_, one)| matches!(one.said, Said::State(_)) && means(&one.target));
    states.max_by_key(|(index, one)| (one.target.rank(), *index)).map(|(_, one)| one.target.to_string())
}

/// All pools.
pub(super) fn pools(kept: &Operators, state: &State) -> Vec<PoolRow> {
    let snapshot = &*state.snapshot;
    let row = |(index, pool): (usize, &Pool)| {
        let id = PoolId::new(index);
        PoolRow {
            zone: zone(snapshot, pool),
            pool: pool.name.to_string(),
            live: state.live.is_live(id),
            keeps: state.live.share(id).percent(),
            needs: state.live.needs(snapshot, id).map(str::to_owned),
            up: state.live.live_members(id),
            endpoints: usize::from(pool.count),
            min_healthy: usize::from(pool.min_healthy),
            state: state.live.gates().pool(id, pool.gate).word().to_owned(),
            by: by(kept, |target| target.means_pool(pool)),
            load: state.live.load(snapshot, id).map(Load::value),
        }
    };
    snapshot.pools.iter().enumerate().map(row).collect()
}

/// The endpoints of all pools, or of those of a name.
pub(super) fn endpoints(kept: &Operators, state: &State, survey: &Survey, only: Option<&str>) -> Vec<EndpointRow> {
    let snapshot = &*state.snapshot;
    let pools = snapshot.pools.iter().filter(|pool| only.is_none_or(|only| only == &*pool.name));
    pools.flat_map(|pool| pool.endpoints().map(move |id| endpoint_row(kept, state, survey, pool, id))).collect()
}

fn endpoint_row(kept: &Operators, state: &State, survey: &Survey, pool: &Pool, id: EndpointId) -> EndpointRow {
    let snapshot = &*state.snapshot;
    let endpoint = &snapshot.endpoints[id.index()];
    // Between a reload and this question another configuration may serve: then nothing is known of its targets yet.
    let same = std::ptr::eq(snapshot, &*survey.snapshot);
    let targets: Vec<_> = (0..2).flat_map(|lane| snapshot.targets_of(id, lane)).filter(|_| same).collect();
    let states = || targets.iter().map(|target| survey.trackers[target.index()].state());
    let health = match () {
        () if targets.is_empty() => "unchecked",
        () if targets.iter().any(|target| survey.held.contains_key(target)) => "held",
        () if states().any(|state| state == TargetState::Down) => "down",
        () if states().any(|state| state == TargetState::Unknown) => "unknown",
        () if same && waits(survey, id) => "waits",
        () => "up",
    };
    let worst = targets.iter().max_by_key(|target| survey.trackers[target.index()].state() == TargetState::Down);
    let meter = if same { survey.metered(id) } else { Metered::default() };
    let why_none = meter.load_beside.filter(|_| meter.load.is_none());
    let note = |target: TargetId| survey.seen[target.index()].note.to_string();
    let checked = |target: &TargetId| subject(snapshot, *target);
    let gates = state.live.gates();
    let pool_gate = gates.pool(endpoint.pool, pool.gate);
    let gate = gates.endpoint(id, endpoint.gate);
    // The pool's gate is the endpoint's too.
    let (shown, of_pool) = if gate.is_open() && !pool_gate.is_open() { (pool_gate, true) } else { (gate, false) };
    EndpointRow {
        zone: zone(snapshot, pool),
        pool: pool.name.to_string(),
        endpoint: endpoint.name.to_string(),
        address: address_words(&endpoint.address),
        weight: gates.weight(id, endpoint.weight),
        live: state.live.is_endpoint_live(snapshot, id),
        health: health.to_owned(),
        stale: targets.iter().any(|target| survey.stale.contains(target)),
        state: shown.word().to_owned(),
        by: match (shown, of_pool) {
            (Gate::Auto, _) | (_, false) => by(kept, |target| target.means_endpoint(pool, endpoint)),
            (_, true) => by(kept, |target| target.means_pool(pool)),
        },
        checked: targets.iter().copied().map(checked).collect(),
        safe: safe(kept, state, &[id]).filter(|safe| !safe.is_never()).map(|safe| safe.at),
        note: [worst.copied().copied(), why_none].into_iter().flatten().map(note).collect::<Vec<_>>().join("; load: "),
        load: meter.load.map(Load::value),
        load_stale: same && meter.asked && meter.load.is_none(),
        time_ms: meter.time_us.map(|time_us| f64::from(time_us) / 1_000.0),
    }
}

/// A target as the events of its health call it.
fn subject(snapshot: &Snapshot, target: TargetId) -> String {
    let target = &snapshot.targets[target.index()];
    let check = &snapshot.checks[target.check.index()].name;
    match &target.address {
        TargetAddress::Ip(address) => format!("{address} {check}"),
        TargetAddress::Host(name) => format!("{name} {check}"),
    }
}

/// True if an endpoint is up and stays out until its delay is over, or an operator resumes it.
fn waits(survey: &Survey, id: EndpointId) -> bool {
    let waits = |family: &Comeback| matches!(family, Comeback::Stopped | Comeback::Waiting { .. });
    survey.comebacks.get(&id).is_some_and(|families| families.iter().any(waits))
}

fn address_words(address: &Address) -> String {
    match address {
        Address::Ip { v4, v6 } => {
            let (v4, v6) = (v4.map(|address| address.to_string()), v6.map(|address| address.to_string()));
            v4.into_iter().chain(v6).collect::<Vec<_>>().join(" ")
        }
        Address::Host(name) => name.to_string(),
    }
}

impl From<Happened> for EventRow {
    fn from(event: Happened) -> Self {
        Self {
            number: event.number,
            at: event.at,
            kind: event.kind.word().to_owned(),
            subject: event.subject.into(),
            from: event.from.into(),
            to: event.to.into(),
            reason: event.reason.into(),
        }
    }
}
