//! The body of a request: read whole before its route sees it, bounded in size and time.

use super::problem::Problem;
use crate::limits::{ADMIN_BODY_MAX, ADMIN_REQUEST_MS};
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use std::time::Duration;
use tokio::time::timeout;

/// Reads the body and goes on with it.
pub(super) async fn read(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    // What says itself that it is too large is not waited for.
    if body.size_hint().lower() > ADMIN_BODY_MAX as u64 {
        return Problem::too_large().into_response();
    }
    let reading = Limited::new(body, ADMIN_BODY_MAX).collect();
    match timeout(Duration::from_millis(ADMIN_REQUEST_MS), reading).await {
        Ok(Ok(read)) => next.run(Request::from_parts(head, Body::from(read.to_bytes()))).await,
        Ok(Err(error)) if error.is::<LengthLimitError>() => Problem::too_large().into_response(),
        Ok(Err(_)) => Problem::wrong("the body cannot be read").into_response(),
        Err(_) => Problem::timeout().into_response(),
    }
}
