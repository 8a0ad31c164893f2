//! What the demo prints: the table of regions, and the lines to paste.

use super::board::Board;
use crate::id::{PoolId, RegionId};
use crate::pool::Address;
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::steer::Step;
use std::fmt::Write;
use std::net::SocketAddr;

/// Clients to ask as: a network of a university or registry that stays where it is, its country, what it is told.
const CLIENTS: [(&str, &str, &str); 5] = [
    ("193.0.6.0/24", "the Netherlands", "192.0.2.10"),
    ("128.101.101.0/24", "the United States", "198.51.100.10"),
    ("200.160.2.0/24", "Brazil", "198.51.100.20"),
    ("133.11.0.0/24", "Japan", "203.0.113.10"),
    ("129.78.5.0/24", "Australia", "203.0.113.20"),
];

/// Region, pools in their order, the address that its clients are told, the pools' health.
pub(super) fn table(state: &State, dns: SocketAddr, board: &Board) -> String {
    let snapshot = &state.snapshot;
    let mut rows = vec![["REGION", "POOLS, IN ORDER", "ADDRESSES", "HEALTH"].map(str::to_owned)];
    for row in snapshot.policies.first().map_or(&[][..], |policy| &policy.rows) {
        let pools: Vec<_> = row.steps.iter().flat_map(pools_of).collect();
        let each = |text: &dyn Fn(PoolId) -> String, by| pools.iter().map(|id| text(*id)).collect::<Vec<_>>().join(by);
        rows.push([
            row.region.map_or_else(|| "default".into(), |region| region_name(snapshot, region)),
            each(&|id| snapshot.pools[id.index()].name.to_string(), " → "),
            each(&|id| addresses(snapshot, id), ", "),
            each(&|id| health(snapshot, id, board), ", "),
        ]);
    }
    let mut text = format!("\ngeosteer demo: www.gslb.example.com on {dns}, over UDP and TCP\n\n");
    text.push_str(&aligned(&rows));
    text
}

/// The lines to paste into another terminal.
pub(super) fn lines(dns: SocketAddr, lon: SocketAddr) -> String {
    let mut text = String::from("\nAsk as a client of:\n");
    for (network, place, answer) in CLIENTS {
        let dig = format!("dig @{} -p {} +short +subnet={network} www.gslb.example.com", dns.ip(), dns.port());
        let _ = writeln!(text, "  {dig:<86}  # {place}: prints {answer}");
    }
    let _ = write!(
        text,
        "\nTake London out, ask again as the Netherlands (within 4 s: 198.51.100.10, New York), bring it back:\n  \
         curl -X POST http://{lon}/fail\n  \
         curl -X POST http://{lon}/recover\n"
    );
    text
}

/// The address of the page for people. The token stands behind `#`, which browsers send to nobody: no log and no
/// `Referer` has it, and the page takes it out of the address bar.
pub(super) fn page(admin: SocketAddr, token: &str) -> String {
    format!(
        "\nSee it, drain a site and bring it back, in a browser:\n  \
         http://{admin}/#token={token}\n  \
         (whoever has this address may do so, on this machine and until this demo stops)\n"
    )
}

fn pools_of(step: &Step) -> Vec<PoolId> {
    match step {
        Step::Split { parts, .. } => parts.iter().map(|part| part.0).collect(),
        Step::Nearest(pools) | Step::LeastLoad(pools) => pools.to_vec(),
    }
}

fn region_name(snapshot: &Snapshot, region: RegionId) -> String {
    let regions = snapshot.settings.first().map_or(&[][..], |zone| &zone.regions);
    regions.get(region.index()).map_or_else(String::new, |region| region.name.to_string())
}

fn addresses(snapshot: &Snapshot, pool: PoolId) -> String {
    let endpoints = snapshot.pools[pool.index()].endpoints().map(|id| &snapshot.endpoints[id.index()].address);
    let text = endpoints.map(|address| match address {
        Address::Ip { v4: Some(v4), .. } => v4.to_string(),
        Address::Ip { v6: Some(v6), .. } => v6.to_string(),
        Address::Ip { .. } => String::new(),
        Address::Host(name) => name.to_string(),
    });
    text.collect::<Vec<_>>().join(" ")
}

fn health(snapshot: &Snapshot, pool: PoolId, board: &Board) -> String {
    let checks = snapshot.pools[pool.index()].checks.iter();
    checks.map(|id| board.state(&snapshot.checks[id.index()].name)).collect::<Vec<_>>().join(" ")
}

/// Columns padded to their widest cell.
fn aligned(rows: &[[String; 4]]) -> String {
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [widest(0), widest(1), widest(2)];
    let mut text = String::new();
    for [region, pools, addresses, health] in rows {
        let line = format!("  {region:<0$}  {pools:<1$}  {addresses:<2$}  {health}\n", widths[0], widths[1], widths[2]);
        text.push_str(&line);
    }
    text
}
