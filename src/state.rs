//! The published state: one immutable value that a batch of queries walks.

use crate::client::Client;
use crate::cookies::Cookies;
use crate::id::{EndpointId, NameId};
use crate::rrl::Limiter;
use crate::snapshot::Snapshot;
use crate::steer::{Live, Observed};
use crate::transfer::Transfers;
use crate::update::Updates;
use ipnet::IpNet;
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
    /// What holds for the whole server: NSID (RFC 5001), CH TXT `id.server` and `version.bind`, limits, transfers.
    pub identity: Arc<Identity>,
}

impl State {
    /// A state without a prober: every endpoint counts as up, except those that are said to have `failed`. Gates count
    /// as the files say.
    #[must_use]
    pub fn offline(snapshot: Arc<Snapshot>, failed: &[EndpointId]) -> Self {
        Self::offline_with(snapshot, |id| if failed.contains(&id) { Observed::DOWN } else { Observed::UP })
    }

    /// The same with what is said to be known of each endpoint.
    #[must_use]
    pub fn offline_with(snapshot: Arc<Snapshot>, observed: impl Fn(EndpointId) -> Observed) -> Self {
        let live = Live::new(&snapshot, observed);
        Self { snapshot, live, generation: 0, identity: Arc::default() }
    }
}

/// What the server says of itself, and how much of it.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// NSID and `id.server`.
    pub nsid: Option<Box<str>>,
    /// `version.bind`; hidden if none.
    pub version: Option<Box<str>>,
    /// Who is told how names are answered, as TXT records of `_explain.NAME`; nobody if none.
    pub explain: Option<Explain>,
    /// How many replies a block of addresses gets over UDP; without, any number.
    pub limiter: Option<Limiter>,
    /// DNS cookies; without, they are not answered.
    pub cookies: Option<Cookies>,
    /// What secondaries get, and who signs messages.
    pub transfers: Transfers,
    /// What updates have added, and where more are given.
    pub updates: Updates,
}

/// Explanations over DNS.
#[derive(Debug, Clone)]
pub struct Explain {
    /// Who may ask.
    pub networks: Vec<IpNet>,
    /// Says how a balanced name is decided for a client, each string of at most 255 octets.
    pub strings: fn(&State, NameId, &Client) -> Vec<String>,
}
