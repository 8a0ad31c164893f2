//! What went wrong, as every route says it: `{"error":{"code":"…","message":"…"}}`.

use super::views::json;
use crate::control::{Answer, LineError, MoveRow};
use crate::limits::{ADMIN_BODY_MAX, ADMIN_REQUEST_MS};
use axum::http::header::{ALLOW, CONNECTION, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error and its status.
#[derive(Debug)]
pub(super) struct Problem(Box<What>);

#[derive(Debug)]
struct What {
    status: StatusCode,
    code: &'static str,
    message: String,
    moves: Vec<MoveRow>,
    header: Option<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct View<'p> {
    error: Error<'p>,
}

#[derive(Serialize)]
struct Error<'p> {
    code: &'static str,
    message: &'p str,
    /// What would have changed.
    #[serde(skip_serializing_if = "<[MoveRow]>::is_empty")]
    moves: &'p [MoveRow],
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(What { status, code, message: message.into(), moves: Vec::new(), header: None }))
    }

    fn with(mut self, header: Option<(HeaderName, HeaderValue)>) -> Self {
        self.0.header = header;
        self
    }

    /// 400: the request makes no sense.
    pub(super) fn wrong(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// 401: the token is missing or another one.
    pub(super) fn unauthorized(message: &str) -> Self {
        let header = Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"geosteer\"")));
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message).with(header)
    }

    /// 403: a page of somebody else asks.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// 404: there is no such thing.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 405: the path has other methods.
    pub(super) fn method(allowed: &[Method]) -> Self {
        let allowed = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let message = format!("the methods of this path are {allowed}");
        let header = HeaderValue::try_from(allowed).ok().map(|allowed| (ALLOW, allowed));
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message).with(header)
    }

    /// 408: the request did not come in.
    pub(super) fn timeout() -> Self {
        let message = format!("a request has {} s to come in", ADMIN_REQUEST_MS / 1_000);
        Self::closing(StatusCode::REQUEST_TIMEOUT, "timeout", message)
    }

    /// 409: it is not done.
    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "refused", message)
    }

    /// 413: the body is too large.
    pub(super) fn too_large() -> Self {
        let message = format!("a body has at most {ADMIN_BODY_MAX} octets");
        Self::closing(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// 429: something of this kind is under way already.
    pub(super) fn busy(message: &str) -> Self {
        let header = Some((RETRY_AFTER, HeaderValue::from_static("2")));
        Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", message).with(header)
    }

    /// 503: the server cannot, at present.
    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }

    /// The rest of the request is not read: the connection ends.
    fn closing(status: StatusCode, code: &'static str, message: String) -> Self {
        let header = Some((CONNECTION, HeaderValue::from_static("close")));
        Self::new(status, code, message).with(header)
    }

    /// What the desk says instead of an answer.
    pub(super) fn of_answer(answer: Answer) -> Self {
        match answer {
            Answer::No { why } => Self::not_found(why),
            Answer::Wrong { why } => Self::wrong(why),
            Answer::Refused { why, moves } => {
                let mut problem = Self::refused(why);
                problem.0.moves = moves;
                problem
            }
            _ => Self::unavailable("the desk gave an answer of another kind"),
        }
    }
}

impl From<LineError> for Problem {
    fn from(error: LineError) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let What { status, code, message, moves, header } = *self.0;
        let error = Error { code, message: &message, moves: &moves };
        let mut response = (status, json(&View { error })).into_response();
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
