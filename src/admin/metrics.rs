//! `/metrics`: what was counted, as Prometheus reads it.

use super::problem::Problem;
use super::{App, views};
use crate::control::{Answer, Request};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// The text format, version 0.0.4.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics.
pub(super) async fn text(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    match views::ask(&app, Request::Metrics).await? {
        Answer::Metrics { text } => Ok(([(CONTENT_TYPE, FORMAT)], text).into_response()),
        other => Err(Problem::of_answer(other)),
    }
}
