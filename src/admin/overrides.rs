//! `/api/v1/overrides`: what operators said; to be set and removed as over the control socket.

use super::problem::Problem;
use super::query::Query;
use super::{App, views};
use crate::control::{Answer, Lift, Order, OverrideRow, Request};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct View {
    overrides: Vec<OverrideRow>,
}

/// All overrides.
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    match views::ask(&app, Request::Status).await? {
        Answer::Status(status) => Ok(views::json(&View { overrides: status.overrides })),
        other => Err(Problem::of_answer(other)),
    }
}

/// Sets one: the body is an [`Order`].
pub(super) async fn set(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Problem> {
    let order: Order =
        serde_json::from_slice(&body).map_err(|error| Problem::wrong(format!("the body is no order: {error}")))?;
    views::told(&app, Request::Set(order)).await
}

/// Removes one: the query is a [`Lift`].
pub(super) async fn lift(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let known = ["target", "weight", "shed", "over_s", "owner", "reason", "force", "dry_run"];
    let query = Query::read(uri.query(), &known)?;
    let lift = Lift {
        target: query.needed("target")?.to_owned(),
        weight: query.flag("weight")?,
        shed: query.flag("shed")?,
        over_s: query.number("over_s")?,
        owner: query.one("owner").map(str::to_owned),
        reason: query.one("reason").unwrap_or_default().to_owned(),
        force: query.flag("force")?,
        dry_run: query.flag("dry_run")?,
    };
    views::told(&app, Request::Lift(lift)).await
}
