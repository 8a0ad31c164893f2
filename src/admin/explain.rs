//! `/api/v1/explain`: how a name is answered for a client now or then, and why.

use super::problem::Problem;
use super::query::Query;
use super::{App, views};
use crate::control::{Answer, Explain, Peer, Request};
use axum::extract::State as Shared;
use axum::http::Uri;
use axum::response::Response;
use std::sync::Arc;

/// Explains with the state of the moment, or with the health of another one, as the control socket does.
pub(super) async fn explain(Shared(app): Shared<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let asked = asked(&Query::read(uri.query(), &["name", "client", "type", "resolver", "at"])?)?;
    let is_now = asked.at.is_none();
    // The desk knows what the safeguards hold, and what happened.
    match app.connected.desk.ask(Request::Explain(asked), Peer::Web).await? {
        Answer::Explained(report) => Ok(views::json(&report)),
        // The name's first probes are not in: that passes.
        Answer::No { why } if is_now => Err(Problem::unavailable(why)),
        other => Err(Problem::of_answer(other)),
    }
}

fn asked(query: &Query) -> Result<Explain, Problem> {
    let resolver = query.one("resolver").map(|text| text.parse().map_err(|_| Problem::wrong("resolver is an address")));
    Ok(Explain {
        name: query.needed("name")?.to_owned(),
        client: query.needed("client")?.to_owned(),
        r#type: query.one("type").map(str::to_owned),
        resolver: resolver.transpose()?,
        at: query.number("at")?,
    })
}
