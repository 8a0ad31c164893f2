//! Clients of the pools' names, and where they are sent.

use super::A;
use geosteer::client::{Client, Subnet};
use geosteer::id::NameId;
use geosteer::snapshot::Snapshot;
use geosteer::state::State;
use geosteer::steer::{Picks, decide};
use geosteer::worker::Worker;

/// So many clients are looked at.
pub(super) const CLIENTS: usize = 64;

/// For each client the last octet of the address that it is given.
pub(super) type Placed = Vec<u8>;

/// A name for each pool, and the clients.
pub(super) struct Names {
    ids: Vec<NameId>,
    clients: Vec<Client>,
    worker: Worker,
}

impl Names {
    /// The names `n0`, `n1` and so on.
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let id = |pool: usize| {
            let label = format!("n{pool}.example.com.");
            NameId::new(snapshot.names.iter().position(|name| name.owner.to_string() == label).expect("a name"))
        };
        let client = |number: usize| {
            let network = Subnet::new([20, 0, number as u8, 0].into(), 24);
            Client::new([127, 0, 0, 1].into(), Some(network))
        };
        let ids = (0..snapshot.pools.len()).map(id).collect();
        Self { ids, clients: (0..CLIENTS).map(client).collect(), worker: Worker::new(7) }
    }

    /// Where the clients of a pool's name are sent.
    pub(super) fn place(&mut self, state: &State, pool: usize) -> Placed {
        let Self { ids, clients, worker } = self;
        let place = |client: &Client| {
            let _decision = decide(state, worker, ids[pool], client, A);
            // One answer for each: its last octet.
            Picks::last(state, worker, A).v4().next().map_or(0, |address| address[3])
        };
        clients.iter().map(place).collect()
    }
}
