//! `https`, `svcb`, `srv`, `mx` and `txt` of a balanced name, and what endpoints bring to them.

use super::Code;
use super::diagnostic::Diagnostic;
use super::keys;
use super::source::Span;
use super::verify::pools;
use super::walk::{Ctx, Fields, Node};
use super::zone::Zone;
use crate::id::{PolicyId, PoolId};
use crate::limits::{SERVICE_PARAMS_MAX, TEXT_MAX};
use crate::pool::{Address, Endpoint, EndpointService};
use crate::steer::{Binding, Fallback, Services, Srv};
use crate::wire::Name;
use crate::wire::code::rtype;

/// SvcParamKeys (RFC 9460 §14.3.2).
const ALPN: u16 = 1;
const PORT: u16 = 3;

/// Reads what a name answers beside addresses.
pub(super) fn read(ctx: &mut Ctx, fields: &Fields<'_>) -> Option<Box<Services>> {
    let services = Services {
        https: fields.value("https").and_then(|node| binding(ctx, node)),
        svcb: fields.value("svcb").and_then(|node| binding(ctx, node)),
        srv: fields.value("srv").and_then(|node| srv(ctx, node)),
        mx: fields.value("mx").and_then(|node| mx(ctx, node)),
        txt: fields.value("txt").and_then(|node| ctx.boolean(node, "txt")).unwrap_or(false),
    };
    (services != Services::default()).then(|| Box::new(services))
}

fn binding(ctx: &mut Ctx, node: Node<'_>) -> Option<Binding> {
    let fields = ctx.fields(node, &keys::BINDING)?;
    let number = |ctx: &mut Ctx, key: &str| fields.value(key).and_then(|node| ctx.integer(node, key, 1..=u16::MAX));
    let priority = number(ctx, "priority").unwrap_or(1);
    let port = number(ctx, "port");
    let mut protocols = Vec::new();
    if let Some(node) = fields.value("alpn") {
        for (span, text) in ctx.strings(node, "a protocol") {
            if text.is_empty() || text.len() > 255 || !text.is_ascii() {
                ctx.error(Code::BadValue, span, "an ALPN protocol has 1 to 255 ASCII characters", "such as \"h2\"");
                continue;
            }
            protocols.push(text.len() as u8);
            protocols.extend_from_slice(text.as_bytes());
        }
    }
    let mut params = Vec::new();
    let mut param = |key: u16, value: &[u8]| {
        params.extend_from_slice(&key.to_be_bytes());
        params.extend_from_slice(&(value.len() as u16).to_be_bytes());
        params.extend_from_slice(value);
    };
    if !protocols.is_empty() {
        param(ALPN, &protocols);
    }
    if let Some(port) = port {
        param(PORT, &port.to_be_bytes());
    }
    if params.len() > SERVICE_PARAMS_MAX {
        let message = format!("the parameters take more than {SERVICE_PARAMS_MAX} octets");
        ctx.error(Code::OutOfRange, node.span, message, "too many protocols");
        return None;
    }
    Some(Binding { priority, params: params.into() })
}

fn srv(ctx: &mut Ctx, node: Node<'_>) -> Option<Srv> {
    let fields = ctx.fields(node, &keys::SRV)?;
    let Some(port) = fields.value("port") else {
        ctx.error(Code::MissingKey, node.span, "an SRV record needs a port", "no `port`");
        return None;
    };
    let priority = fields.value("priority").and_then(|node| ctx.integer(node, "priority", 0..=u16::MAX));
    Some(Srv { port: ctx.integer(port, "port", 1..=u16::MAX)?, priority: priority.unwrap_or(0) })
}

fn mx(ctx: &mut Ctx, node: Node<'_>) -> Option<u16> {
    let fields = ctx.fields(node, &keys::MX)?;
    let preference = fields.value("preference").and_then(|node| ctx.integer(node, "preference", 0..=u16::MAX));
    Some(preference.unwrap_or(10))
}

/// Reads `target` and `text` of an endpoint.
pub(super) fn of_endpoint(ctx: &mut Ctx, fields: &Fields<'_>) -> Option<Box<EndpointService>> {
    let target = fields.value("target").and_then(|node| target(ctx, node));
    let text = fields.value("text").map_or_else(Default::default, |node| text(ctx, node));
    (target.is_some() || !text.is_empty()).then(|| Box::new(EndpointService { target, text }))
}

fn target(ctx: &mut Ctx, node: Node<'_>) -> Option<Name> {
    let text = ctx.string(node, "target")?;
    let name = Name::parse(text).ok().filter(|name| text.parse::<std::net::IpAddr>().is_err() && name.wire().len() > 1);
    if name.is_none() {
        let found = Diagnostic::new(Code::BadName, node.span, format!("\"{}\" is no host name", text.escape_debug()));
        ctx.push(found.label("not a host name").help("SRV and MX records name a host that has addresses of its own"));
    }
    name
}

fn text(ctx: &mut Ctx, node: Node<'_>) -> Box<[u8]> {
    let mut wire = Vec::new();
    for (span, text) in ctx.strings(node, "text") {
        match u8::try_from(text.len()) {
            Ok(length) => {
                wire.push(length);
                wire.extend_from_slice(text.as_bytes());
            }
            Err(_) => ctx.error(Code::OutOfRange, span, "a string of a TXT record has at most 255 octets", "too long"),
        }
    }
    if wire.len() > TEXT_MAX {
        ctx.error(Code::OutOfRange, node.span, format!("`text` takes more than {TEXT_MAX} octets"), "too long");
        wire.clear();
    }
    wire.into()
}

/// Services of a name against what its pools can bring, and against static records.
pub(super) fn verify(
    zone: &mut Zone<'_, '_>,
    key: Span,
    owner: &Name,
    (policy, fallback): (PolicyId, Fallback),
    services: &Services,
) {
    let kinds = [
        (services.https.is_some(), rtype::HTTPS, "https"),
        (services.svcb.is_some(), rtype::SVCB, "svcb"),
        (services.srv.is_some(), rtype::SRV, "srv"),
        (services.mx.is_some(), rtype::MX, "mx"),
        (services.txt, rtype::TXT, "txt"),
    ];
    let mut found = Vec::new();
    for (_, rtype, word) in kinds.iter().filter(|kind| kind.0) {
        if let Some(other) = zone.records.find(owner, &[*rtype]) {
            let message = format!("{owner} has `{word}` and static records of the same type");
            let one = Diagnostic::new(Code::BalancedConflict, key, message).label("balanced here");
            found.push(one.also(zone.records.spans[other], "static here").help("take one out"));
        }
        let lacks = reached(zone, policy, fallback).find(|endpoint| !brings(endpoint, *rtype));
        if let Some(endpoint) = lacks {
            let pool = &zone.spec.pools[endpoint.pool.index()].name;
            let what = if *rtype == rtype::TXT { "text" } else { "target" };
            let message = match endpoint.address {
                Address::Host(_) => format!("{owner} is of CNAME type and cannot have `{word}`: a CNAME stands alone"),
                Address::Ip { .. } => {
                    format!("{owner} has `{word}`, and the endpoint {} of {pool} has no `{what}`", endpoint.name)
                }
            };
            let one = Diagnostic::new(Code::NoTarget, key, message).label(format!("`{word}` here"));
            let help = format!("give each endpoint that the name can reach {what} = \"…\"");
            found.push(if matches!(endpoint.address, Address::Ip { .. }) { one.help(help) } else { one });
        }
    }
    found.into_iter().for_each(|found| zone.ctx.push(found));
}

fn brings(endpoint: &Endpoint, rtype: u16) -> bool {
    let own = endpoint.service.as_deref();
    matches!(endpoint.address, Address::Ip { .. })
        && match rtype {
            rtype::SRV | rtype::MX => own.is_some_and(|own| own.target.is_some()),
            rtype::TXT => own.is_some_and(|own| !own.text.is_empty()),
            _ => true,
        }
}

/// Every endpoint that a name can reach.
fn reached<'z>(
    zone: &'z Zone<'_, '_>,
    policy: PolicyId,
    fallback: Fallback,
) -> impl Iterator<Item = &'z Endpoint> + 'z {
    let fallback: Option<PoolId> = if let Fallback::Pool(pool) = fallback { Some(pool) } else { None };
    let pools = zone.spec.policies[policy.index()].rows.iter().flat_map(pools).chain(fallback);
    pools.flat_map(|pool| {
        let pool = &zone.spec.pools[pool.index()];
        pool.endpoints().map(|endpoint| &zone.spec.endpoints[endpoint.index()])
    })
}
