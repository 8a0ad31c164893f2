//! The explanation as data: what `--json` prints and what the human form is drawn from.

use super::ask::{Question, Reply, ask, type_word};
use super::held::HeldView;
use super::place::{LocationView, attribution};
use crate::client::{Client, Family, Subnet};
use crate::daemon::LISTEN;
use crate::geo::matching;
use crate::health::Load;
use crate::id::{EndpointId, NameId};
use crate::pool::{Address, Balance, Endpoint, Pool};
use crate::serving::ways;
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::steer::{
    EndpointNote, Explanation, FallbackNote, PoolNote, PoolTrail, ShareTrail, Step, Want, explain as explain_decision,
    service_family,
};
use crate::wire::Name;
use crate::worker::Worker;
use hickory_proto::rr::RecordType;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::net::SocketAddr;

/// Seed of the worker that draws; both the answer and its explanation draw from a worker of this seed.
const SEED: u64 = 1;

/// Words that are ours, or those of another process's.
pub type Word = Cow<'static, str>;

/// Everything that is said of one answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The name asked for.
    pub name: String,
    /// The type asked for.
    pub r#type: String,
    /// The client as a network.
    pub client: String,
    /// The address whose place decided, and whose it is.
    pub decided_by: Option<DecidedBy>,
    /// Where that address is.
    pub location: LocationView,
    /// The region whose row was taken; `default` if none.
    pub region: Option<String>,
    /// The selector that put the client into the region.
    pub selector: Option<SelectorView>,
    /// The row.
    pub row: Option<RowView>,
    /// The pool that answered.
    pub pool: Option<String>,
    /// The endpoints in the answer.
    pub endpoints: Vec<String>,
    /// Record data, as text.
    pub answers: Vec<String>,
    /// TTL, seconds.
    pub ttl: Option<u32>,
    /// How the TTL came about.
    pub ttl_why: String,
    /// Client-subnet scope, bits.
    pub scope: u8,
    /// What the scope means.
    pub scope_why: String,
    /// RCODE.
    pub rcode: String,
    /// Every pool of the row, in order, with its endpoints.
    pub trail: Vec<PoolView>,
    /// What was done if no step was live.
    pub fallback: Option<String>,
    /// What else there is to know.
    pub notes: Vec<String>,
    /// The line to type.
    pub dig: String,
    /// Who made the database.
    pub attribution: Option<Word>,
}

/// The address that decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DecidedBy {
    /// The address.
    pub address: String,
    /// `client subnet` or `resolver`.
    pub whose: Word,
}

/// The selector that matched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SelectorView {
    /// What it matches, such as `continent EU`.
    pub matches: String,
    /// file:line:column.
    pub at: String,
}

/// The row that was taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RowView {
    /// The policy.
    pub policy: String,
    /// file:line:column.
    pub at: String,
    /// It never goes on to `default`.
    pub geofence: bool,
}

/// One pool of the row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolView {
    /// The step, from 1.
    pub step: usize,
    /// The pool.
    pub pool: String,
    /// How the step chooses.
    pub pick: Word,
    /// The pool's part of the step, percent, if it is a part of several.
    pub share: Option<f64>,
    /// The step was written in the `default` row.
    pub from_default: bool,
    /// What it keeps of the clients on their way to it, percent, if not all.
    pub keeps: Option<f64>,
    /// Where the client's hash is, percent: below `keeps` it stays.
    pub hash: Option<f64>,
    /// The load that it can take.
    pub capacity: Option<f64>,
    /// Its weight among the pools that take the clients of a site that is gone, by its room.
    pub room: Option<u32>,
    /// It answered this query.
    pub picked: bool,
    /// Why it was taken or passed over.
    pub why: String,
    /// How many members are live.
    pub live: usize,
    /// How it picks among them.
    pub balance: Word,
    /// What that means, where loads or times decide.
    pub method: Option<Word>,
    /// The kind of tag that no two addresses of one answer share.
    pub spread: Option<String>,
    /// The load that its live members report.
    pub load: Option<f64>,
    /// Its members.
    pub endpoints: Vec<EndpointView>,
}

/// One endpoint of a pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointView {
    /// The endpoint.
    pub name: String,
    /// What answers would say.
    pub address: String,
    /// It is in the answer.
    pub picked: bool,
    /// Its part of the pool's answers, percent, where the balance method has one; of several addresses that of the first.
    pub share: Option<f64>,
    /// Why it was taken or passed over.
    pub why: Word,
    /// The load that it reports.
    pub load: Option<f64>,
    /// Its pool looks at loads, and this endpoint has told none lately: it counts as the average of the others.
    pub stale: bool,
    /// How long its probes take, smoothed, milliseconds.
    pub time_ms: Option<f64>,
    /// A safeguard keeps it as it was, although it fails or nothing is heard of it.
    pub held: Option<HeldView>,
}

impl Report {
    /// Asks, and explains what came back, where no safeguard holds anything. `None`: the server would say nothing.
    ///
    /// # Errors
    /// The name is no domain name.
    pub fn new(state: &State, question: &Question) -> Result<Option<Self>, String> {
        Self::with_held(state, question, |_, _| None)
    }

    /// The same where `held` says what keeps an endpoint's address of a family as it was; a host name's is in family 0.
    ///
    /// # Errors
    /// The name is no domain name.
    pub fn with_held(
        state: &State,
        question: &Question,
        held: impl Fn(EndpointId, usize) -> Option<HeldView>,
    ) -> Result<Option<Self>, String> {
        let name = Name::parse(&question.name).map_err(|error| format!("\"{}\": {error}", question.name))?;
        let reply = ask(state, &mut Worker::new(SEED), question).map_err(|error| error.to_string())?;
        let Some(reply) = reply else { return Ok(None) };
        let mut report = Self::of_reply(question, &name, reply);
        match state.snapshot.zones.find_balanced(&name).map(|id| {
            let (client, subnet) = client_of(state, id, question);
            (id, client, subnet, want(state, id, question.rtype, &client))
        }) {
            Some((id, client, has_subnet, Some(want))) => {
                let how = report.explain(state, id, (&client, has_subnet), want);
                report.hold(&how, |endpoint| held(endpoint, want.lane()));
            }
            Some((.., None)) => {
                report.notes.push(format!("{} is static data here: nothing is balanced", type_word(question.rtype)))
            }
            None => report.not_balanced(&state.snapshot, &name),
        }
        Ok(Some(report))
    }

    /// The server listens there: what to type asks it.
    pub fn listens(&mut self, address: SocketAddr, question: &Question) {
        self.dig = dig(ways(address).0, question);
    }

    fn of_reply(question: &Question, name: &Name, reply: Reply) -> Self {
        let (address, bits) = question.subnet;
        let scope_why = match reply.scope {
            None => "client subnets are not used here: the reply carries none",
            Some(0) => "every client gets the same decision",
            Some(_) => "the largest block around the client in which everybody gets the same decision",
        };
        Self {
            name: name.to_string(),
            r#type: type_word(question.rtype),
            client: format!("{address}/{bits}"),
            decided_by: None,
            location: LocationView::default(),
            region: None,
            selector: None,
            row: None,
            pool: None,
            endpoints: Vec::new(),
            answers: reply.answers,
            ttl: reply.ttl,
            ttl_why: "as configured".to_owned(),
            scope: reply.scope.unwrap_or(0),
            scope_why: scope_why.to_owned(),
            rcode: reply.rcode,
            trail: Vec::new(),
            fallback: None,
            notes: Vec::new(),
            dig: dig(LISTEN, question),
            attribution: None,
        }
    }

    fn explain(&mut self, state: &State, id: NameId, (client, has_subnet): (&Client, bool), want: Want) -> Explanation {
        let how = self.decided(state, id, client, want);
        if has_subnet && !how.by_subnet {
            self.notes.push("the client subnet is a special block (RFC 6890): the resolver's address decided".into());
        }
        how
    }

    /// What the decision for a client comes to, without an answer that was given.
    pub(super) fn decided(&mut self, state: &State, id: NameId, client: &Client, want: Want) -> Explanation {
        let snapshot = &*state.snapshot;
        let zone = &snapshot.settings[snapshot.names[id.index()].zone.index()];
        let how = explain_decision(state, &mut Worker::new(SEED), id, client, want);
        let location = snapshot.databases.locate(how.address);
        self.location = LocationView::of(&location);
        self.attribution = attribution(&snapshot.databases).map(Into::into);
        let whose = if how.by_subnet { "client subnet" } else { "resolver" };
        self.decided_by = Some(DecidedBy { address: how.address.to_string(), whose: whose.into() });
        let matched = matching(&zone.regions, &location, how.address);
        self.selector = how.region.and_then(|region| {
            let (_, selector) = matched.iter().find(|(matched, _)| *matched == region)?;
            let selector = &zone.regions[region.index()].selectors[*selector];
            Some(SelectorView { matches: selector.matcher.to_string(), at: selector.at.0.to_string() })
        });
        self.region = Some(how.region.map_or("default", |region| &zone.regions[region.index()].name).to_owned());
        for (region, _) in matched.iter().take_while(|(region, _)| Some(*region) != how.region) {
            let name = &zone.regions[region.index()].name;
            self.notes.push(format!("region {name} matches too, more closely, but the policy has no row for it"));
        }
        self.row(snapshot, &how);
        self.trail = how.pools.iter().map(|trail| pool_view(snapshot, &how, trail)).collect();
        self.pool = self.trail.iter().find(|pool| pool.picked).map(|pool| pool.pool.clone());
        self.endpoints = how.picks.iter().map(|id| snapshot.endpoints[id.index()].name.to_string()).collect();
        self.fallback = how.fallback.map(|note| fallback_words(snapshot, note));
        self.ttl_why = ttl_words(&how);
        if how.by_subnet && how.hashed_bits > how.map_scope {
            self.scope_why = format!("a stable choice of this row hashes {} bits of the client", how.hashed_bits);
        }
        how
    }

    fn row(&mut self, snapshot: &Snapshot, how: &Explanation) {
        let policy = &snapshot.policies[how.policy.index()];
        let row = &policy.rows[how.row];
        let at = row.at.0.to_string();
        self.row = Some(RowView { policy: policy.name.to_string(), at, geofence: row.geofence });
    }

    /// Names that could have been meant.
    fn not_balanced(&mut self, snapshot: &Snapshot, name: &Name) {
        let text = name.to_string();
        let mut near: Vec<(f64, String)> = snapshot
            .names
            .iter()
            .map(|known| known.owner.to_string())
            .map(|known| (strsim::jaro_winkler(&text, &known), known))
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let near = near.into_iter().take(3).map(|(_, known)| known).collect::<Vec<_>>();
        self.notes.push(match near.is_empty() {
            true => format!("{text} is not balanced, and no zone read here has a balanced name"),
            false => format!("{text} is not balanced; the nearest balanced names are {}", near.join(", ")),
        });
    }
}

/// The client that a question stands for, as the name's zone heeds subnets, and whether one was heeded.
fn client_of(state: &State, id: NameId, question: &Question) -> (Client, bool) {
    let snapshot = &state.snapshot;
    let zone = &snapshot.settings[snapshot.names[id.index()].zone.index()];
    let (address, source) = question.subnet;
    let trusted = zone.ecs.trusted.iter().any(|network| network.contains(&question.resolver));
    let subnet = (source > 0 && zone.ecs.enabled && trusted).then(|| Subnet::new(address, source));
    (Client::new(question.resolver, subnet), subnet.is_some())
}

/// The question as a line for dig.
fn dig(server: SocketAddr, question: &Question) -> String {
    let (client, bits) = question.subnet;
    let (address, port) = (server.ip(), server.port());
    format!("dig @{address} -p {port} +subnet={client}/{bits} {} {}", question.name, type_word(question.rtype))
}

/// What steering is asked for; `None` for types that it does not decide.
pub(super) fn want(state: &State, id: NameId, rtype: RecordType, client: &Client) -> Option<Want> {
    let snapshot = &state.snapshot;
    let name = &snapshot.names[id.index()];
    let types = name.types(snapshot.routes[name.route.index()].types);
    if types.cname {
        return Some(Want::Target);
    }
    // Records of services follow the addresses.
    let services = Want::Addresses(service_family(state, id, client));
    match rtype {
        RecordType::A => Some(Want::Addresses(Family::V4)),
        RecordType::AAAA => Some(Want::Addresses(Family::V6)),
        RecordType::HTTPS if types.https => Some(services),
        RecordType::SVCB if types.svcb => Some(services),
        RecordType::SRV if types.srv => Some(services),
        RecordType::MX if types.mx => Some(services),
        RecordType::TXT if types.txt => Some(services),
        _ => None,
    }
}

fn pool_view(snapshot: &Snapshot, how: &Explanation, trail: &PoolTrail) -> PoolView {
    let pool = &snapshot.pools[trail.pool.index()];
    let policy = &snapshot.policies[how.policy.index()];
    let pick = match policy.rows[trail.row].steps.get(trail.step) {
        Some(Step::Nearest(_)) => "nearest",
        Some(Step::LeastLoad(_)) => "least-load",
        Some(Step::Split { parts, sticky: true }) if parts.len() > 1 => "split, sticky",
        Some(Step::Split { parts, .. }) if parts.len() > 1 => "split, per query",
        _ => "order",
    };
    let why = match trail.note {
        PoolNote::Taken if trail.picked => "taken".to_owned(),
        PoolNote::Taken => "taken for other clients of this row".to_owned(),
        PoolNote::Spare => "live, but weight 0: used when no other part is live".to_owned(),
        PoolNote::TakenOut => "passed over: drained or taken down".to_owned(),
        PoolNote::TooFewLive => format!("passed over: {} live, needs {}", trail.live, pool.min_healthy),
        PoolNote::Unmet(needed) => {
            format!("passed over: depends on {}, which is not live", snapshot.pools[needed.index()].name)
        }
        PoolNote::NoAddress => "passed over: no live address of this type".to_owned(),
        PoolNote::Pending => "waits for its first probes".to_owned(),
        PoolNote::NotReached if trail.picked => "taken as fallback".to_owned(),
        PoolNote::NotReached => "not reached".to_owned(),
    };
    let why = match trail.share {
        Some(share) if trail.note == PoolNote::Taken => format!("{why}, {}", share_words(share)),
        _ => why,
    };
    let capacity = pool.rules.relief.capacity;
    let why = match capacity.zip(trail.load) {
        Some((capacity, load)) => format!("{why}; load {load} of {capacity}"),
        None => why,
    };
    let why = match trail.room {
        Some(room) if trail.step > 0 || trail.row != how.row => {
            format!("{why}, weight for a lost site's clients {room}")
        }
        _ => why,
    };
    let total = weight_taken(how, trail);
    let split = (pick.starts_with("split") || pick == "least-load") && trail.note == PoolNote::Taken && total > 0;
    PoolView {
        step: trail.step + 1,
        pool: pool.name.to_string(),
        pick: pick.into(),
        share: split.then(|| percent(trail.weight, total)),
        from_default: how.region.is_some() && trail.row != how.row,
        keeps: trail.share.map(|share| share.keep.percent()),
        hash: trail.share.map(|share| f64::from(share.point) / 100.0),
        capacity: capacity.map(Load::value),
        room: trail.room,
        picked: trail.picked,
        why,
        live: trail.live,
        balance: pool.balance.word().into(),
        method: method_words(pool.balance).map(Into::into),
        spread: pool.spread.as_deref().filter(|_| pool.answers > 1).map(str::to_owned),
        load: trail.load.map(Load::value),
        endpoints: endpoint_views(snapshot, trail),
    }
}

/// A pool that sheds clients, and on which side this one is.
fn share_words(share: ShareTrail) -> String {
    let ShareTrail { keep, point } = share;
    let (point, side) = (f64::from(point) / 100.0, if share.stays() { "stays" } else { "goes on" });
    format!("keeps {keep} of its clients: this one's hash is at {point} %, so it {side}")
}

/// The weights of the parts of a trail's step that were taken.
fn weight_taken(how: &Explanation, trail: &PoolTrail) -> u64 {
    let same = |other: &&PoolTrail| (other.row, other.step) == (trail.row, trail.step) && other.note == PoolNote::Taken;
    how.pools.iter().filter(same).map(|part| u64::from(part.weight)).sum()
}

fn percent(weight: u32, total: u64) -> f64 {
    (f64::from(weight) * 1000.0 / total as f64).round() / 10.0
}

fn endpoint_views(snapshot: &Snapshot, trail: &PoolTrail) -> Vec<EndpointView> {
    let pool = &snapshot.pools[trail.pool.index()];
    let weight = |id: EndpointId| snapshot.endpoints[id.index()].weight;
    let live = |note: EndpointNote| matches!(note, EndpointNote::Picked | EndpointNote::Live | EndpointNote::Shares(_));
    let total = trail.endpoints.iter().filter(|e| live(e.note)).map(|e| u64::from(weight(e.endpoint))).sum::<u64>();
    let count = trail.endpoints.iter().filter(|e| live(e.note)).count() as u64;
    let view = |endpoint: &crate::steer::EndpointTrail| {
        let share = match pool.balance {
            Balance::Weighted | Balance::WeightedRoundRobin | Balance::Hash if total > 0 => {
                Some(percent(weight(endpoint.endpoint), total))
            }
            Balance::RoundRobin if count > 0 => Some(percent(1, count)),
            _ => endpoint.share.map(|share| (share * 1000.0).round() / 10.0),
        };
        let data = &snapshot.endpoints[endpoint.endpoint.index()];
        EndpointView {
            name: data.name.to_string(),
            address: address_words(&data.address),
            picked: endpoint.note == EndpointNote::Picked,
            // Where all of them are answered nobody draws.
            share: share.filter(|_| live(endpoint.note) && count > u64::from(pool.answers)),
            why: match endpoint.note {
                EndpointNote::Picked => "in the answer".into(),
                EndpointNote::Live => "live, not picked".into(),
                EndpointNote::Shares(other) => {
                    format!("live, not picked: {}", shares_words(snapshot, pool, data, other)).into()
                }
                EndpointNote::Spare => "live, weight 0: used when no other is".into(),
                EndpointNote::Failed => "down".into(),
                EndpointNote::NoAddress => "no address of this type".into(),
                EndpointNote::Drained => "drained by an operator".into(),
                EndpointNote::TakenDown => "taken down by an operator".into(),
            },
            load: endpoint.gauge.and_then(|gauge| gauge.0).map(Load::value),
            stale: pool.rules.load.is_some() && endpoint.gauge.is_some_and(|gauge| gauge.0.is_none()),
            time_ms: endpoint.gauge.and_then(|gauge| gauge.1).map(|time_us| f64::from(time_us) / 1_000.0),
            held: None,
        }
    };
    trail.endpoints.iter().map(view).collect()
}

/// With whom an endpoint shares what, such as `shares rack:a with a1`.
fn shares_words(snapshot: &Snapshot, pool: &Pool, endpoint: &Endpoint, other: EndpointId) -> String {
    let kind = pool.spread.as_deref().unwrap_or_default();
    let value = endpoint.tag(kind).unwrap_or_default();
    format!("shares {kind}:{value} with {}", snapshot.endpoints[other.index()].name)
}

fn address_words(address: &Address) -> String {
    match address {
        Address::Ip { v4, v6 } => {
            let both = [v4.map(|v4| v4.to_string()), v6.map(|v6| v6.to_string())];
            both.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
        Address::Host(name) => name.to_string(),
    }
}

/// How the methods that look at loads and times pick.
const fn method_words(balance: Balance) -> Option<&'static str> {
    match balance {
        Balance::LeastConnections => Some("of two drawn by weight the one with fewer connections per weight"),
        Balance::LeastLoad => Some("of two drawn by weight the one with the lower utilisation"),
        Balance::LeastResponseTime => Some("lowest probe time × (1 + 0.1 × connections); within 10 % by weight"),
        _ => None,
    }
}

fn fallback_words(snapshot: &Snapshot, note: FallbackNote) -> String {
    match note {
        FallbackNote::BelowMinimum => "no step is live: live members of a pool below its min_healthy".to_owned(),
        FallbackNote::Passing => {
            "no step is live: the endpoints of the first step that pass their checks (fail open)".to_owned()
        }
        FallbackNote::All => "no step is live: all endpoints of the first step (fail open)".to_owned(),
        FallbackNote::EveryPassing => {
            "no step is live, all is taken out: the endpoints of the first step that pass their checks".to_owned()
        }
        FallbackNote::Every => "no step is live, all is taken out: every endpoint of the first step".to_owned(),
        FallbackNote::Pool(pool) => {
            format!("no step is live: fallback pool {}, whatever its health", snapshot.pools[pool.index()].name)
        }
        FallbackNote::ServFail => "no step is live: SERVFAIL".to_owned(),
        FallbackNote::NoData => "no step is live: no data".to_owned(),
        FallbackNote::NoAddress => "no step has an address of this type".to_owned(),
    }
}

fn ttl_words(how: &Explanation) -> String {
    match how.steady_s {
        Some(steady) if steady < how.ttl && steady <= how.ttl_min => {
            format!("health could change in {steady} s; not below ttl_min {} s", how.ttl_min)
        }
        Some(steady) if steady < how.ttl => format!("health could change in {steady} s; ttl is {} s", how.ttl),
        Some(_) => format!("the name's ttl; health cannot change within {} s", how.ttl),
        None => "the name's ttl; no probes run here".to_owned(),
    }
}
