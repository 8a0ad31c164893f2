//! `/api/v1/reload`: reads the files again, waits until they serve, and says what changed.

use super::problem::Problem;
use super::{App, views};
use crate::control::{Answer, Reload, Request};
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

/// Reloads; the body may say who wants it and why.
pub(super) async fn reload(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Problem> {
    let reload: Reload = match body.trim_ascii() {
        [] => Reload::default(),
        said => {
            serde_json::from_slice(said).map_err(|error| Problem::wrong(format!("the body is no reload: {error}")))?
        }
    };
    match views::ask(&app, Request::Reload(reload)).await? {
        answer @ Answer::Reloaded(_) => Ok(views::json(&answer)),
        Answer::NotReloaded(not) => Err(Problem::refused(not.lines.join("\n"))),
        other => Err(Problem::of_answer(other)),
    }
}
