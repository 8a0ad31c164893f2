//! The explanation as strings of a TXT record: what `dig TXT _explain.NAME` shows.

use super::explain::{PoolView, Report, want};
use crate::client::Client;
use crate::id::NameId;
use crate::limits::{EXPLAIN_STRINGS, TXT_STRING_MAX};
use crate::state::State;
use hickory_proto::rr::RecordType;

/// Says how a balanced name's addresses are decided for a client: at most [`EXPLAIN_STRINGS`] strings, each of at most
/// [`TXT_STRING_MAX`] octets.
#[must_use]
pub fn strings(state: &State, name: NameId, client: &Client) -> Vec<String> {
    // A name with IPv6 addresses only is explained by these.
    let types = state.snapshot.names[name.index()].types(state.snapshot.routes[name_route(state, name)].types);
    let rtype = if types.aaaa && !types.a { RecordType::AAAA } else { RecordType::A };
    let Some(want) = want(state, name, rtype, client) else { return Vec::new() };
    let mut report = Report::default();
    report.decided(state, name, client, want);
    let mut strings = lines(&report);
    let more = strings.len().saturating_sub(EXPLAIN_STRINGS);
    if more > 0 {
        strings.truncate(EXPLAIN_STRINGS - 1);
        strings.push(format!("and {} more", more + 1));
    }
    strings.iter_mut().for_each(|string| string.truncate(string.floor_char_boundary(TXT_STRING_MAX)));
    strings
}

fn name_route(state: &State, name: NameId) -> usize {
    state.snapshot.names[name.index()].route.index()
}

fn lines(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(by) = &report.decided_by {
        lines.push(format!("client {} ({}), {}", by.address, by.whose, report.location.line()));
    }
    if let Some(region) = &report.region {
        let why = report.selector.as_ref().map(|selector| format!(", by {} at {}", selector.matches, selector.at));
        lines.push(format!("region {region}{}", why.unwrap_or_default()));
    }
    if let Some(row) = &report.row {
        lines.push(format!("policy {} at {}", row.policy, row.at));
    }
    lines.extend(report.trail.iter().map(pool));
    lines.extend(report.fallback.clone());
    lines.extend(report.notes.iter().cloned());
    lines
}

fn pool(pool: &PoolView) -> String {
    let mark = if pool.picked { "answers" } else { "pool" };
    let endpoints =
        pool.endpoints.iter().map(|endpoint| format!("{} {} {}", endpoint.name, endpoint.address, endpoint.why));
    format!("{mark} {}: {}; {}", pool.pool, pool.why, endpoints.collect::<Vec<_>>().join(", "))
}
