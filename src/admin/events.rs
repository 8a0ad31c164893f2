//! `/api/v1/events`: what happened.

use super::problem::Problem;
use super::query::Query;
use super::{App, views};
use crate::control::Request;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use std::sync::Arc;

/// The events after a number, or the last ones.
pub(super) async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let after = Query::read(uri.query(), &["since"])?.number("since")?;
    views::told(&app, Request::Events { after }).await
}
