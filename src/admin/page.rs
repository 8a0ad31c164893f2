//! `/` and `/assets/`: the page for people, embedded in the binary.

use super::problem::Problem;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

/// The files: a name below `/assets/`, its type, its content.
const ASSETS: &[(&str, &str, &[u8])] = &[];

/// The page.
pub(super) async fn index() -> Response {
    file("text/html; charset=utf-8", include_bytes!("page/index.html"))
}

/// One file of it.
pub(super) async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = ASSETS.iter().find(|(known, ..)| *known == name);
    found.map(|(_, kind, content)| file(kind, content)).ok_or_else(|| Problem::not_found("the page has no such file"))
}

/// Asked for again at every visit: another version of the server may have another one.
fn file(kind: &'static str, content: &'static [u8]) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], content).into_response()
}
