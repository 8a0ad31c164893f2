//! `/api/v1/config`: which files serve. Never what is in them: some hold secrets.

use super::problem::Problem;
use super::{App, views};
use crate::geo::DatabaseFacts;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// What serves.
#[derive(Serialize)]
struct View {
    /// Its number: rises with each reload.
    generation: u64,
    files: Vec<FileView>,
    databases: Vec<DatabaseView>,
    /// Where queries are taken.
    listen: Vec<String>,
}

/// One file, as it is on the disk now.
#[derive(Serialize)]
struct FileView {
    /// Its path.
    path: String,
    /// `server`, `zone`.
    kind: &'static str,
    /// Octets; none if it is not there any more.
    size: Option<u64>,
    /// When it was written, seconds since 1970.
    modified: Option<u64>,
}

/// One database.
#[derive(Serialize)]
struct DatabaseView {
    /// Its file, or `embedded`.
    label: String,
    /// What it says that it is.
    kind: String,
    /// Octets.
    size: usize,
    /// When it was made, seconds since 1970.
    built: u64,
}

impl FileView {
    /// What there is at a path now.
    fn of(path: &Path, kind: &'static str) -> Self {
        let found = std::fs::metadata(path).ok();
        let since = |found: &std::fs::Metadata| found.modified().ok()?.duration_since(UNIX_EPOCH).ok();
        Self {
            path: path.display().to_string(),
            kind,
            size: found.as_ref().map(std::fs::Metadata::len),
            modified: found.as_ref().and_then(since).map(|since| since.as_secs()),
        }
    }
}

/// The configuration that serves.
pub(super) async fn config(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let (state, daemon) = (app.connected.published.load_full(), Arc::clone(&app.connected.daemon));
    app.aside(move || {
        let snapshot = &state.snapshot;
        let server = daemon.file().map(|path| FileView::of(path, "server"));
        let zones = snapshot.settings.iter().map(|zone| FileView::of(Path::new(&*zone.file), "zone"));
        let database = |facts: DatabaseFacts| DatabaseView {
            label: facts.label.into(),
            kind: facts.kind.into(),
            size: facts.size,
            built: facts.built,
        };
        views::json(&View {
            generation: state.generation,
            files: server.into_iter().chain(zones).collect(),
            databases: snapshot.databases.facts().into_iter().map(database).collect(),
            listen: daemon.listen().iter().map(ToString::to_string).collect(),
        })
    })
    .await
}
