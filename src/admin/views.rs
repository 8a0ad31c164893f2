//! Answers as JSON, and the desk's answers as those of the control socket.

use super::App;
use super::problem::Problem;
use crate::control::{Answer, Peer, Request};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A view as a response: never kept by caches.
pub(super) fn json(view: &impl Serialize) -> Response {
    let text = serde_json::to_vec(view).expect("strings and numbers are JSON");
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Asks the desk; what it refuses is a problem.
pub(super) async fn ask(app: &App, request: Request) -> Result<Answer, Problem> {
    match app.connected.desk.ask(request, Peer::Web).await? {
        answer @ (Answer::No { .. } | Answer::Wrong { .. } | Answer::Refused { .. }) => Err(Problem::of_answer(answer)),
        answer => Ok(answer),
    }
}

/// Asks the desk, and passes its answer on.
pub(super) async fn told(app: &App, request: Request) -> Result<Response, Problem> {
    ask(app, request).await.map(|answer| json(&answer))
}
