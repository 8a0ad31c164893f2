//! Settings that a zone and the server share: client subnets, and how a zone is signed.

use super::Code;
use super::diagnostic::Diagnostic;
use super::keys;
use super::walk::{Ctx, Fields, Node};
use crate::dnssec::Algorithm;
use crate::geo::ScopeLimits;
use crate::limits::{SCOPE_V4, SCOPE_V6};
use crate::snapshot::{Ecs, Signing};
use ipnet::IpNet;

/// Client subnets are believed from everyone and answered up to /24 and /56.
#[must_use]
pub fn default_ecs() -> Ecs {
    let all = ["0.0.0.0/0", "::/0"].iter().filter_map(|all| all.parse().ok()).collect();
    Ecs { enabled: true, trusted: all, limits: ScopeLimits { v4: SCOPE_V4, v6: SCOPE_V6 } }
}

/// `[ecs]`; what it leaves out is `base`'s.
pub(super) fn ecs(ctx: &mut Ctx, node: Option<Node<'_>>, base: &Ecs) -> Ecs {
    let mut ecs = base.clone();
    let Some(fields) = node.and_then(|node| ctx.fields(node, &keys::ECS)) else { return ecs };
    if let Some(node) = fields.value("enabled") {
        ecs.enabled = ctx.boolean(node, "ecs.enabled").unwrap_or(ecs.enabled);
    }
    if let Some(node) = fields.value("trusted") {
        ecs.trusted = networks(ctx, node, "a trusted resolver");
    }
    if let Some(node) = fields.value("max_scope_v4") {
        ecs.limits.v4 = ctx.integer(node, "max_scope_v4", 1..=32).unwrap_or(ecs.limits.v4);
    }
    if let Some(node) = fields.value("max_scope_v6") {
        ecs.limits.v6 = ctx.integer(node, "max_scope_v6", 1..=128).unwrap_or(ecs.limits.v6);
    }
    ecs
}

/// Networks, or one alone.
pub(super) fn networks(ctx: &mut Ctx, node: Node<'_>, what: &str) -> Box<[IpNet]> {
    let mut networks = Vec::new();
    for (span, text) in ctx.strings(node, what) {
        match network(text) {
            Ok(network) => networks.push(network),
            Err(help) => {
                let found = Diagnostic::new(Code::NotANetwork, span, format!("\"{text}\" is no network"));
                ctx.push(found.label("not a network").help(help));
            }
        }
    }
    networks.into()
}

/// A network in CIDR form without bits behind its prefix, or one address.
///
/// # Errors
/// What to write instead.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<std::net::IpAddr>() {
        return Ok(IpNet::from(address));
    }
    match text.parse::<IpNet>() {
        Ok(network) if network.trunc() == network => Ok(network),
        Ok(network) => Err(format!("bits behind the prefix must be 0: did you mean \"{}\"?", network.trunc())),
        Err(_) => Err("write it like \"203.0.113.0/24\" or \"2001:db8::/32\"".to_owned()),
    }
}

/// `[dnssec]`.
pub(super) fn dnssec(ctx: &mut Ctx, fields: &Fields<'_>) -> Signing {
    let Some(fields) = fields.value("dnssec").and_then(|node| ctx.fields(node, &keys::DNSSEC)) else {
        return Signing::Off;
    };
    let enabled = fields.value("enabled").and_then(|node| ctx.boolean(node, "dnssec.enabled")).unwrap_or(false);
    let algorithm = fields.value("algorithm").and_then(|node| algorithm(ctx, node)).unwrap_or_default();
    if enabled { Signing::Wanted(algorithm) } else { Signing::Off }
}

/// How new keys sign.
fn algorithm(ctx: &mut Ctx, node: Node<'_>) -> Option<Algorithm> {
    let names = Algorithm::ALL.map(Algorithm::name);
    ctx.word(node, "algorithm", &names, &[]).map(|index| Algorithm::ALL[index])
}
