//! `depends_on` of pools: read when all pools of the zone are known, and free of circles.

use super::Code;
use super::diagnostic::Diagnostic;
use super::source::Span;
use super::walk::Node;
use super::zone::Zone;
use crate::id::PoolId;
use crate::limits::DEPENDS_MAX;
use std::collections::HashMap;

/// A pool, and what its `depends_on` says.
pub(super) type Entry<'a> = (PoolId, Node<'a>);

/// Resolves the names.
pub(super) fn read(zone: &mut Zone<'_, '_>, entries: &[Entry<'_>]) {
    for &(id, node) in entries {
        let mut depends_on: Vec<PoolId> = Vec::new();
        for (span, name) in zone.ctx.strings(node, "depends_on") {
            let Some(needed) = zone.pools.find(name) else {
                let found = zone.pools.unknown(Code::UnknownPool, span, "pool", name);
                zone.ctx.push(found);
                continue;
            };
            if depends_on.contains(&needed) {
                zone.ctx.error(Code::DefinedTwice, span, format!("the pool {name} is listed twice"), "again");
            } else {
                depends_on.push(needed);
            }
        }
        if depends_on.len() > DEPENDS_MAX {
            let message = format!("a pool depends on at most {DEPENDS_MAX} pools, not {}", depends_on.len());
            zone.ctx.error(Code::OutOfRange, node.span, message, "too many");
        }
        zone.spec.pools[id.index()].rules.depends_on = depends_on.into();
    }
    circles(zone, entries);
}

/// Says each circle once, at the pool of it that is written first.
fn circles(zone: &mut Zone<'_, '_>, entries: &[Entry<'_>]) {
    let spans: HashMap<PoolId, Span> = entries.iter().map(|&(id, node)| (id, node.span)).collect();
    // Pools from which no circle is reached that was not said.
    let mut done = vec![false; zone.spec.pools.len()];
    for &(start, _) in entries {
        // The way from the start, each pool with the number of its dependencies that were followed.
        let mut way: Vec<(PoolId, usize)> = vec![(start, 0)];
        while let Some((pool, followed)) = way.last_mut() {
            let pool_now = *pool;
            let next = zone.spec.pools[pool_now.index()].rules.depends_on.get(*followed).copied();
            *followed += 1;
            match next.filter(|_| !done[pool_now.index()]) {
                None => {
                    done[pool_now.index()] = true;
                    way.pop();
                }
                Some(next) => match way.iter().position(|(on_way, _)| *on_way == next) {
                    Some(from) => say(zone, &way[from..], &spans),
                    None if done[next.index()] => {}
                    None => way.push((next, 0)),
                },
            }
        }
    }
}

fn say(zone: &mut Zone<'_, '_>, circle: &[(PoolId, usize)], spans: &HashMap<PoolId, Span>) {
    let name = |id: PoolId| zone.spec.pools[id.index()].name.to_string();
    let Some((first, &span)) = circle.first().and_then(|(id, _)| Some((*id, spans.get(id)?))) else { return };
    let (message, help) = match circle {
        [_] => (format!("the pool {} depends on itself", name(first)), "leave it out"),
        _ => {
            let names: Vec<_> = circle.iter().map(|(id, _)| name(*id)).chain([name(first)]).collect();
            (format!("these pools depend on each other: {}", names.join(" → ")), "take one of them out of the circle")
        }
    };
    zone.ctx.push(Diagnostic::new(Code::DependsLoop, span, message).label("in a circle").help(help));
}
