//! `/api/v1/explain`: how a name is answered for a client now, and why.

use super::problem::Problem;
use super::query::Query;
use super::{App, views};
use crate::control::{Answer, Explain, Request};
use crate::report::{Question, Report};
use crate::state::State;
use axum::extract::State as Shared;
use axum::http::Uri;
use axum::response::Response;
use std::sync::Arc;

/// Explains with the state of the moment, or with the health of another one.
pub(super) async fn explain(Shared(app): Shared<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let asked = asked(&Query::read(uri.query(), &["name", "client", "type", "resolver", "at"])?)?;
    let question = asked.question().map_err(Problem::wrong)?;
    if asked.at.is_some() {
        // The desk knows what happened since.
        return match views::ask(&app, Request::Explain(asked)).await? {
            Answer::Explained(report) => Ok(views::json(&report)),
            other => Err(Problem::of_answer(other)),
        };
    }
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
