//! `/api/v1/explain`: how a name is answered for a client now, and why.

use super::problem::Problem;
use super::query::Query;
use super::{App, views};
use crate::report::{self, Question, Report};
use crate::state::State;
use axum::extract::State as Shared;
use axum::http::Uri;
use axum::response::Response;
use hickory_proto::rr::RecordType;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Explains with the state of the moment.
pub(super) async fn explain(Shared(app): Shared<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let query = Query::read(uri.query(), &["name", "client", "type", "resolver"])?;
    let question = question(&query)?;
    let state = app.connected.published.load_full();
    app.aside(move || explained(&state, &question)).await?
}

fn explained(state: &State, question: &Question) -> Result<Response, Problem> {
    match Report::new(state, question) {
        Ok(Some(report)) => Ok(views::json(&report)),
        Ok(None) => Err(Problem::unavailable("the first probes of the name's pools are not in: it is not answered")),
        Err(why) => Err(Problem::wrong(why)),
    }
}

fn question(query: &Query) -> Result<Question, Problem> {
    let (address, bits) = report::client(query.needed("client")?).map_err(Problem::wrong)?;
    let rtype = query.one("type").unwrap_or("A");
    let rtype: RecordType =
        rtype.to_ascii_uppercase().parse().map_err(|_| Problem::wrong(format!("{rtype:?} is no record type")))?;
    let resolver = query.one("resolver").map(|text| text.parse().map_err(|_| Problem::wrong("resolver is an address")));
    Ok(Question {
        name: query.needed("name")?.to_owned(),
        rtype,
        subnet: (address, bits.unwrap_or(if address.is_ipv4() { 32 } else { 128 })),
        resolver: resolver.transpose()?.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    })
}
