//! The whole API in reading order, and what every request passes before it.

use super::connections::Turn;
use super::guard::Ends;
use super::problem::Problem;
use super::{
    App, body, config, events, explain, health, metrics, openapi, overrides, page, reload, simulate, stream, views,
    zones,
};
use crate::control;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use std::sync::Arc;

type Shared = State<Arc<App>>;

/// One path with one method.
#[derive(Debug)]
pub struct Route {
    /// `GET`, `POST`, `DELETE`.
    pub method: Method,
    /// The path; `{*file}` stands for the rest of it.
    pub path: &'static str,
    handler: MethodRouter<Arc<App>>,
}

/// All routes.
#[must_use]
pub fn routes() -> Vec<Route> {
    let route = |method, path, handler| Route { method, path, handler };
    vec![
        route(Method::GET, "/", get(page::index)),
        route(Method::GET, "/assets/{*file}", get(page::asset)),
        route(Method::GET, "/healthz", get(health::healthz)),
        route(Method::GET, "/readyz", get(health::readyz)),
        route(Method::GET, "/metrics", get(metrics::text)),
        route(Method::GET, "/openapi.json", get(openapi::text)),
        route(Method::GET, "/api/v1/status", get(status)),
        route(Method::GET, "/api/v1/zones", get(zones::list)),
        route(Method::GET, "/api/v1/pools", get(pools)),
        route(Method::GET, "/api/v1/endpoints", get(endpoints)),
        route(Method::GET, "/api/v1/events", get(events::list)),
        route(Method::GET, "/api/v1/events/stream", get(stream::events)),
        route(Method::GET, "/api/v1/overrides", get(overrides::list)),
        route(Method::POST, "/api/v1/overrides", post(overrides::set)),
        route(Method::DELETE, "/api/v1/overrides", delete(overrides::lift)),
        route(Method::GET, "/api/v1/explain", get(explain::explain)),
        route(Method::GET, "/api/v1/simulate", get(simulate::simulate)),
        route(Method::POST, "/api/v1/diff", post(simulate::diff)),
        route(Method::POST, "/api/v1/reload", post(reload::reload)),
        route(Method::GET, "/api/v1/config", get(config::config)),
    ]
}

/// The routes behind the guard.
pub(super) fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for Route { path, handler, .. } in routes() {
        router = router.route(path, handler);
    }
    router
        .fallback(async || Problem::not_found("there is nothing here; /openapi.json lists what there is"))
        .method_not_allowed_fallback(other_method)
        .layer(middleware::from_fn(body::read))
        .layer(middleware::from_fn_with_state(Arc::clone(app), guarded))
        .with_state(Arc::clone(app))
}

/// Passes on what the guard lets through; every response tells browsers to be careful.
async fn guarded(State(app): Shared, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let ends = head.extensions.get::<Ends>().copied();
    let may = ends.ok_or_else(|| Problem::forbidden("who asks?")).and_then(|ends| app.guard.check(&head, ends));
    let mut response = match may {
        Ok(()) => next.run(Request::from_parts(head, body)).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in CAREFUL {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Headers of every response.
const CAREFUL: [(HeaderName, &str); 4] = [
    (CONTENT_SECURITY_POLICY, "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (X_FRAME_OPTIONS, "DENY"),
];

async fn other_method(uri: Uri) -> Problem {
    let of_path = |route: &Route| match route.path.split_once("{*") {
        Some((start, _)) => uri.path().starts_with(start),
        None => route.path == uri.path(),
    };
    Problem::method(&routes().into_iter().filter(of_path).map(|route| route.method).collect::<Vec<_>>())
}

async fn status(State(app): Shared) -> Result<Response, Problem> {
    views::told(&app, control::Request::Status).await
}

async fn pools(State(app): Shared) -> Result<Response, Problem> {
    views::told(&app, control::Request::Pools).await
}

async fn endpoints(State(app): Shared, uri: Uri) -> Result<Response, Problem> {
    let query = super::query::Query::read(uri.query(), &["pool"])?;
    let pool = query.one("pool").map(str::to_owned);
    views::told(&app, control::Request::Endpoints { pool }).await
}

/// What a long response holds so that its connection does not count as idle.
pub(super) fn turn(request: &Request) -> Option<Arc<Turn>> {
    request.extensions().get::<Arc<Turn>>().cloned()
}
