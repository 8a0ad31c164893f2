//! `/healthz` and `/readyz`: is the process there, and may it be sent queries.

use super::App;
use super::problem::Problem;
use axum::extract::State;
use std::sync::Arc;

/// The process is there, and this thread of it answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The first round of probes is over: balanced names are answered with what is known of their endpoints.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    match app.connected.daemon.is_ready() {
        true => Ok("ready\n"),
        false => Err(Problem::unavailable("the first round of probes is not over")),
    }
}
