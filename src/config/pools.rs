//! `[pools]` and their endpoints.

use super::diagnostic::Diagnostic;
use super::keys;
use super::pool_load::{self, PoolLoad};
use super::source::Span;
use super::walk::{Ctx, Entry, Fields, Node};
use super::zone::{Zone, plain_name, section_fields};
use super::{Code, checks, depends, rules, services};
use crate::geo::Coordinates;
use crate::id::{EndpointId, PoolId};
use crate::limits::{ANSWERS, ANSWERS_ALL, ANSWERS_MAX, POOL_ENDPOINTS_MAX, WEIGHT_MAX};
use crate::pool::{ALONE, Address, Balance, Endpoint, Gate, Pool, Rules};
use crate::wire::Name;
use std::collections::HashMap;
use std::net::IpAddr;
use toml::de::DeValue;

const BALANCE: [(&str, Balance); 10] = [
    ("weighted", Balance::Weighted),
    ("round-robin", Balance::RoundRobin),
    ("weighted-round-robin", Balance::WeightedRoundRobin),
    ("failover", Balance::Failover),
    ("hash", Balance::Hash),
    ("nearest", Balance::Nearest),
    ("all", Balance::All),
    ("least-response-time", Balance::LeastResponseTime),
    ("least-connections", Balance::LeastConnections),
    ("least-load", Balance::LeastLoad),
];
const STATES: [&str; 4] = ["auto", "up", "down", "drain"];

/// Reads the pools of a zone.
pub(super) fn read<'a>(zone: &mut Zone<'a, '_>, section: &[Entry<'a>]) {
    zone.spec.pools.reserve(section.len());
    let mut depends = Vec::new();
    for &(key, node) in section {
        plain_name(zone.ctx, "a pool", key.text, key.span);
        let id = PoolId::new(zone.spec.pools.len());
        let fields = section_fields(zone.ctx, node, &keys::POOL);
        let first = EndpointId::new(zone.spec.endpoints.len());
        let count = if node.entries().is_some() { endpoints(zone, id, (key.span, node), &fields) } else { 0 };
        let balance = fields.value("balance").and_then(|node| {
            let words = BALANCE.map(|(word, _)| word);
            zone.ctx.word(node, "balance", &words, &[]).map(|index| BALANCE[index].1)
        });
        let balance = balance.unwrap_or(Balance::Weighted);
        let checks = pool_checks(zone, key.span, &fields, node);
        let PoolLoad { checks, load, aggregate, relief } = pool_load::read(zone, &fields, balance, checks);
        depends.extend(fields.value("depends_on").map(|node| (id, node)));
        let mut pool = Pool {
            name: key.text.into(),
            zone: zone.id,
            balance,
            answers: answers(zone.ctx, &fields, balance, count),
            min_healthy: min_healthy(zone.ctx, &fields, count),
            gate: gate(zone.ctx, fields.value("state")),
            location: fields.value("location").and_then(|node| location(zone.ctx, node)),
            rules: Rules { load, aggregate, relief, ..rules::read(zone, (key.span, balance), &fields, &checks) },
            checks,
            first,
            count: u16::try_from(count).unwrap_or(u16::MAX),
            tags: tags(zone.ctx, fields.value("tags")),
            domains: Box::new([]),
            spread: None,
        };
        if let Some((domains, kind)) = spread(zone, &pool, &fields) {
            (pool.domains, pool.spread) = (domains, Some(kind));
        }
        agree(zone, &mut pool, key.span, &fields);
        pool_load::far_apart(zone.ctx, balance, &fields, &zone.spec.endpoints[first.index()..]);
        zone.pools.add(key, id, zone.main);
        zone.spec.pools.push(pool);
    }
    depends::read(zone, &depends);
}

fn pool_checks(zone: &mut Zone<'_, '_>, key: Span, fields: &Fields<'_>, node: Node<'_>) -> Box<[crate::id::CheckId]> {
    let Some(check) = fields.value("check") else {
        if node.entries().is_some() && !meant(node, "check") {
            let found = Diagnostic::new(Code::NoCheck, key, "the pool has no check").label("always counts as up");
            zone.ctx.push(found.help("write check = \"https://…/healthz\", or check = \"none\" if that is meant"));
        }
        return Box::new([]);
    };
    let mut ids = Vec::with_capacity(1);
    for item in check.items() {
        let Some(id) = checks::reference(zone, item) else { continue };
        if ids.contains(&id) {
            zone.ctx.error(Code::DefinedTwice, item.span, "the check is listed twice", "again");
        } else {
            ids.push(id);
        }
    }
    ids.into()
}

/// A key of the table is another's word for ours: that was said already.
fn meant(table: Node<'_>, ours: &str) -> bool {
    table.entries().is_some_and(|mut entries| entries.any(|(key, _)| keys::POOL.meant(key.text) == Some(ours)))
}

/// What must agree among the members of a pool.
fn agree(zone: &mut Zone<'_, '_>, pool: &mut Pool, key: Span, fields: &Fields<'_>) {
    let members = &zone.spec.endpoints[pool.first.index()..];
    let hosts = members.iter().filter(|member| matches!(member.address, Address::Host(_))).count();
    if hosts > 0 && hosts < members.len() {
        let message = format!("the pool {} mixes addresses and hostnames", pool.name);
        let found = Diagnostic::new(Code::MixedKinds, key, message).label("one kind in a pool");
        zone.ctx.push(
            found.note("addresses are answered as A and AAAA records, a hostname as a CNAME, which stands alone"),
        );
    }
    if hosts > 0 && pool.answers > 1 {
        if let Some((span, _)) = fields.entry("answers") {
            let found = Diagnostic::new(Code::ManyAnswers, span, "hostnames are answered one at a time");
            zone.ctx.push(found.label("1 is all there can be"));
        }
        pool.answers = 1;
    }
    if members.len() > 1 && members.iter().all(|member| member.weight == 0) {
        let message = format!("all endpoints of {} have weight 0", pool.name);
        let found = Diagnostic::new(Code::NoWeight, key, message).label("they share equally, as if all were 1");
        zone.ctx.push(found.note("weight 0 means: only when no other is live"));
    }
    if pool.balance == Balance::Nearest && members.iter().any(|member| member.location.is_none()) {
        let message = format!("{} picks the nearest endpoint, and some have no location", pool.name);
        let found = Diagnostic::new(Code::NoLocation, key, message).label("they come last");
        zone.ctx.push(found.help("give each endpoint location = [latitude, longitude]"));
    }
}

/// `spread`: the failure domain of each endpoint, and the kind of tag that says it.
fn spread(zone: &mut Zone<'_, '_>, pool: &Pool, fields: &Fields<'_>) -> Option<(Box<[u16]>, Box<str>)> {
    let node = fields.value("spread")?;
    let kind = zone.ctx.string(node, "spread")?;
    let members = &zone.spec.endpoints[pool.first.index()..];
    let mut numbers: HashMap<&str, u16> = HashMap::new();
    let mut number = |value| {
        let next = numbers.len() as u16;
        *numbers.entry(value).or_insert(next)
    };
    let domains: Box<[u16]> = members.iter().map(|member| member.tag(kind).map_or(ALONE, &mut number)).collect();
    let problem = if pool.answers == 1 {
        Some(("one answer is never spread", "means nothing here", "set answers to 2 or more".to_owned()))
    } else if domains.contains(&ALONE) {
        let message = "an endpoint without such a tag counts as a failure domain of its own";
        Some((message, "some endpoints have no such tag", format!("give each endpoint tags = [\"{kind}:…\"]")))
    } else {
        None
    };
    if let Some((message, label, help)) = problem {
        zone.ctx.push(Diagnostic::new(Code::NotSpread, node.span, message).label(label).help(help));
    }
    Some((domains, kind.into()))
}

/// `state`.
fn gate(ctx: &mut Ctx, node: Option<Node<'_>>) -> Gate {
    let Some(node) = node else { return Gate::Auto };
    match ctx.word(node, "state", &STATES, &[]) {
        Some(1) => Gate::Up,
        Some(2) => Gate::Down,
        Some(3) => Gate::Drain,
        _ => Gate::Auto,
    }
}

fn tags(ctx: &mut Ctx, node: Option<Node<'_>>) -> Box<[Box<str>]> {
    let Some(node) = node else { return Box::new([]) };
    ctx.strings(node, "a tag").into_iter().map(|(_, tag)| tag.into()).collect()
}

fn answers(ctx: &mut Ctx, fields: &Fields<'_>, balance: Balance, count: usize) -> u8 {
    let (usual, most) = if balance == Balance::All { (ANSWERS_ALL, ANSWERS_ALL) } else { (ANSWERS, ANSWERS_MAX) };
    let Some(node) = fields.value("answers") else { return usual };
    let answers = ctx.integer(node, "answers", 1..=most).unwrap_or(usual);
    if usize::from(answers) > count && count > 0 && balance != Balance::All {
        let message = format!("{answers} answers are more than the pool has endpoints");
        let found = Diagnostic::new(Code::ManyAnswers, node.span, message);
        ctx.push(found.label(format!("the pool has only {count}")));
    }
    answers
}

/// A number, or a share of the pool's size, rounded up.
fn min_healthy(ctx: &mut Ctx, fields: &Fields<'_>, count: usize) -> u16 {
    let Some(node) = fields.value("min_healthy") else { return 1 };
    let wanted = match node.value {
        DeValue::String(text) => {
            let percent = text.strip_suffix('%').and_then(|digits| digits.trim().parse::<usize>().ok());
            percent.filter(|percent| (1..=100).contains(percent)).map(|percent| (count * percent).div_ceil(100))
        }
        _ => node.as_i64().and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0),
    };
    let Some(wanted) = wanted else {
        let found =
            Diagnostic::new(Code::BadValue, node.span, "min_healthy is a number from 1, or a share such as \"50%\"");
        ctx.push(found.label("neither"));
        return 1;
    };
    if wanted > count && count > 0 {
        let message = format!("min_healthy is {wanted}, more than the pool has endpoints");
        let found = Diagnostic::new(Code::TooFewEndpoints, node.span, message).label("it would never be up");
        ctx.push(found.help(format!("at most {count}, its size")));
    }
    u16::try_from(wanted.max(1)).unwrap_or(u16::MAX)
}

/// `[latitude, longitude]`.
fn location(ctx: &mut Ctx, node: Node<'_>) -> Option<Coordinates> {
    let number = |node: Node<'_>| match node.value {
        DeValue::Float(float) => float.as_str().parse::<f64>().ok(),
        _ => node.as_i64().map(|number| number as f64),
    };
    let pair: Vec<_> = match node.value {
        DeValue::Array(_) => node.items().take(3).map(number).collect(),
        _ => Vec::new(),
    };
    if let [Some(latitude), Some(longitude)] = pair[..]
        && (-90.0..=90.0).contains(&latitude)
        && (-180.0..=180.0).contains(&longitude)
    {
        return Some(Coordinates { latitude, longitude });
    }
    let found = Diagnostic::new(Code::BadLocation, node.span, "not a place").label("not [latitude, longitude]");
    let swapped =
        matches!(pair[..], [Some(a), Some(b)] if (-90.0..=90.0).contains(&b) && (-180.0..=180.0).contains(&a));
    ctx.push(match swapped {
        true => found.help("latitude (north) comes first, then longitude (east)"),
        false => found.help("degrees north from -90 to 90, degrees east from -180 to 180: [50.11, 8.68]"),
    });
    None
}

/// Reads `endpoints`; gives how many there are.
fn endpoints(zone: &mut Zone<'_, '_>, pool: PoolId, (key, table): (Span, Node<'_>), fields: &Fields<'_>) -> usize {
    let Some(node) = fields.value("endpoints") else {
        if !meant(table, "endpoints") {
            let found = Diagnostic::new(Code::MissingKey, key, "the pool has no endpoints").label("no `endpoints`");
            zone.ctx.push(found.help("add endpoints = [\"192.0.2.10\"]"));
        }
        return 0;
    };
    let first = zone.spec.endpoints.len();
    let items = node.items();
    let listed = items.len();
    if listed == 0 {
        zone.ctx.error(Code::TooFewEndpoints, node.span, "the pool has no endpoints", "at least one is needed");
    }
    if listed > POOL_ENDPOINTS_MAX {
        let message = format!("a pool has at most {POOL_ENDPOINTS_MAX} endpoints, not {listed}");
        zone.ctx.error(Code::OutOfRange, node.span, message, "too many");
        return 0;
    }
    let mut spans = Vec::with_capacity(listed);
    for item in items {
        if let Some(endpoint) = endpoint(zone.ctx, pool, item) {
            zone.spec.endpoints.push(endpoint);
            spans.push(item.span);
        }
    }
    twice(zone.ctx, &zone.spec.endpoints[first..], &spans);
    zone.spec.endpoints.len() - first
}

/// No address, hostname or name stands twice in a pool.
fn twice(ctx: &mut Ctx, members: &[Endpoint], spans: &[Span]) {
    if members.len() < 2 {
        return;
    }
    let mut seen: HashMap<Box<[u8]>, usize> = HashMap::with_capacity(members.len() * 2);
    for (index, member) in members.iter().enumerate() {
        let mut same = |key: Box<[u8]>| seen.insert(key, index).filter(|&first| first != index);
        let tagged = |tag: u8, bytes: &[u8]| [&[tag], bytes].concat().into_boxed_slice();
        let (other, what) = match &member.address {
            Address::Ip { v4, v6 } => {
                let first = v4.and_then(|v4| same(tagged(4, &v4.octets())).map(|other| (other, v4.to_string())));
                let second = v6.and_then(|v6| same(tagged(6, &v6.octets())).map(|other| (other, v6.to_string())));
                first.or(second)
            }
            Address::Host(name) => same(tagged(0, name.to_lowercase().wire())).map(|other| (other, name.to_string())),
        }
        .or_else(|| same(tagged(1, member.name.as_bytes())).map(|other| (other, member.name.to_string())))
        .map_or((None, String::new()), |(other, what)| (Some(other), what));
        if let Some(other) = other {
            let found =
                Diagnostic::new(Code::EndpointTwice, spans[index], format!("{what} is listed twice in the pool"));
            ctx.push(
                found.label("again").also(spans[other], "first here").help("to give it more clients, raise its weight"),
            );
        }
    }
}

fn endpoint(ctx: &mut Ctx, pool: PoolId, node: Node<'_>) -> Option<Endpoint> {
    if node.as_str().is_some() {
        let (mut v4, mut v6) = (None, None);
        return match address(ctx, node)? {
            IpAddr::V4(address) => {
                v4 = Some(address);
                Some(plain(pool, address.to_string(), Address::Ip { v4, v6 }))
            }
            IpAddr::V6(address) => {
                v6 = Some(address);
                Some(plain(pool, address.to_string(), Address::Ip { v4, v6 }))
            }
        };
    }
    if node.value.as_table().is_none() {
        ctx.wrong_type(node, "an endpoint", "an address or a table");
        return None;
    }
    let fields = ctx.fields(node, &keys::ENDPOINT)?;
    let target = target(ctx, node, &fields);
    let service = services::of_endpoint(ctx, &fields);
    let weight = fields.value("weight").and_then(|node| ctx.integer(node, "weight", 0..=WEIGHT_MAX)).unwrap_or(1);
    let gate = gate(ctx, fields.value("state"));
    let check_address = fields.value("check_address").and_then(|node| address(ctx, node));
    let location = fields.value("location").and_then(|node| location(ctx, node));
    let tags = tags(ctx, fields.value("tags"));
    let name = fields.value("name").and_then(|node| {
        let name = ctx.string(node, "name")?;
        plain_name(ctx, "an endpoint", name, node.span).then_some(name)
    });
    let target = target?;
    let own = match &target {
        Address::Ip { v4: Some(v4), .. } => v4.to_string(),
        Address::Ip { v6, .. } => v6.map_or_else(String::new, |v6| v6.to_string()),
        Address::Host(host) => host.to_string().trim_end_matches('.').to_owned(),
    };
    let plain = plain(pool, name.map_or(own, str::to_owned), target);
    Some(Endpoint { weight, gate, check_address, location, tags, service, ..plain })
}

fn plain(pool: PoolId, name: String, address: Address) -> Endpoint {
    Endpoint {
        name: name.into(),
        pool,
        address,
        weight: 1,
        gate: Gate::Auto,
        check_address: None,
        location: None,
        tags: Box::new([]),
        service: None,
    }
}

/// What an endpoint's records say: addresses, or a hostname.
fn target(ctx: &mut Ctx, node: Node<'_>, fields: &Fields<'_>) -> Option<Address> {
    match (fields.entry("address"), fields.entry("hostname")) {
        (Some((first, _)), Some((second, _))) => {
            let found = Diagnostic::new(Code::MixedKinds, second, "an endpoint has addresses or a hostname, not both");
            ctx.push(found.label("this or").also(first, "that"));
            None
        }
        (Some((_, node)), None) => addresses(ctx, node),
        (None, Some((_, node))) => {
            let text = ctx.string(node, "hostname")?;
            match Name::parse(text) {
                Ok(name) if text.parse::<IpAddr>().is_err() && name.wire().len() > 1 => Some(Address::Host(name)),
                _ => {
                    let found = Diagnostic::new(Code::BadName, node.span, format!("\"{text}\" is no host name"));
                    ctx.push(found.label("not a host name").help("an address belongs into `address`"));
                    None
                }
            }
        }
        (None, None) => {
            let found = Diagnostic::new(Code::NoAddress, node.span, "the endpoint has no address");
            ctx.push(
                found.label("no `address`").help("add address = \"192.0.2.10\", or hostname = \"lb.example.net\""),
            );
            None
        }
    }
}

/// One address of each family at most.
fn addresses(ctx: &mut Ctx, node: Node<'_>) -> Option<Address> {
    let (mut v4, mut v6) = (None, None);
    for item in node.items() {
        let twice = match address(ctx, item)? {
            IpAddr::V4(address) => v4.replace(address).is_some(),
            IpAddr::V6(address) => v6.replace(address).is_some(),
        };
        if twice {
            let found =
                Diagnostic::new(Code::BadValue, item.span, "an endpoint has one address of each family at most");
            ctx.push(found.label("a second one").help("write another endpoint for it"));
        }
    }
    if v4.is_none() && v6.is_none() {
        ctx.error(Code::NoAddress, node.span, "the endpoint has no address", "empty");
        return None;
    }
    Some(Address::Ip { v4, v6 })
}

fn address(ctx: &mut Ctx, node: Node<'_>) -> Option<IpAddr> {
    let text = ctx.string(node, "an address")?;
    let address = text.parse::<IpAddr>().ok();
    if address.is_none() {
        let found = Diagnostic::new(Code::NotAnAddress, node.span, format!("\"{text}\" is no address"));
        let found = found.label("not an IPv4 or IPv6 address");
        ctx.push(if text.parse::<std::net::SocketAddr>().is_ok() {
            found.help("leave the port out: DNS answers have none; the port to probe belongs to the check")
        } else if text.contains('/') && text.split('/').next().is_some_and(|part| part.parse::<IpAddr>().is_ok()) {
            found.help("one address, without a prefix length")
        } else if text.bytes().any(|byte| byte.is_ascii_alphabetic())
            && !text.contains(':')
            && Name::parse(text).is_ok()
        {
            found.help(format!("for a CNAME write {{ hostname = \"{text}\" }}"))
        } else {
            found.help("write it like \"192.0.2.10\" or \"2001:db8::10\"")
        });
    }
    address
}
