//! The published state: one immutable value that a batch of queries walks.

use crate::snapshot::Snapshot;
use crate::steer::Live;
use std::sync::Arc;

/// Everything an answer depends on.
#[derive(Debug, Clone)]
pub struct State {
    /// The configuration, compiled.
    pub snapshot: Arc<Snapshot>,
    /// What is live, by route.
    pub live: Live,
    /// Rises with each configuration; worker tables are of one generation.
    pub generation: u64,
    /// Server-wide answers: NSID (RFC 5001), CH TXT `id.server` and `version.bind`.
    pub identity: Arc<Identity>,
}

/// What the server says of itself.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// NSID and `id.server`.
    pub nsid: Option<Box<str>>,
    /// `version.bind`; hidden if none.
    pub version: Option<Box<str>>,
}
