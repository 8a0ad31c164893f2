//! `/api/v1/zones`: the zones that are served, with their balanced names.

use super::{App, views};
use crate::id::ZoneId;
use crate::snapshot::{Snapshot, ZoneSpec};
use crate::steer::Types;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct View {
    zones: Vec<ZoneView>,
}

/// One zone.
#[derive(Serialize)]
struct ZoneView {
    zone: String,
    serial: u32,
    names: Vec<NameView>,
}

/// One balanced name.
#[derive(Serialize)]
struct NameView {
    name: String,
    policy: String,
    /// Seconds.
    ttl: u32,
    /// Types that are balanced.
    types: Vec<&'static str>,
}

/// All zones.
pub(super) async fn list(State(app): State<Arc<App>>) -> Response {
    let state = app.connected.published.load_full();
    views::json(&View { zones: zones(&state.snapshot) })
}

fn zones(snapshot: &Snapshot) -> Vec<ZoneView> {
    let view = |(index, zone): (usize, &ZoneSpec)| ZoneView {
        zone: zone.apex.to_string(),
        serial: serial(snapshot, ZoneId::new(index)),
        names: Vec::new(),
    };
    let mut zones: Vec<ZoneView> = snapshot.settings.iter().enumerate().map(view).collect();
    for name in &snapshot.names {
        let route = &snapshot.routes[name.route.index()];
        zones[name.zone.index()].names.push(NameView {
            name: name.owner.to_string(),
            policy: snapshot.policies[route.policy.index()].name.to_string(),
            ttl: name.ttl,
            types: types(&name.types(route.types)),
        });
    }
    zones
}

/// The serial of a zone's SOA record: the first of the five numbers that end its data (RFC 1035 §3.3.13).
fn serial(snapshot: &Snapshot, zone: ZoneId) -> u32 {
    let image = snapshot.zones.image(&snapshot.zones.negative(zone));
    image.last_chunk::<20>().map_or(0, |numbers| u32::from_be_bytes([numbers[0], numbers[1], numbers[2], numbers[3]]))
}

fn types(types: &Types) -> Vec<&'static str> {
    let all = [
        (types.a, "A"),
        (types.aaaa, "AAAA"),
        (types.cname, "CNAME"),
        (types.https, "HTTPS"),
        (types.svcb, "SVCB"),
        (types.srv, "SRV"),
        (types.mx, "MX"),
        (types.txt, "TXT"),
    ];
    all.into_iter().filter(|(there, _)| *there).map(|(_, word)| word).collect()
}
