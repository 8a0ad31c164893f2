//! Stands in for the prober until it lands: nothing is probed, every target stays Unknown.

use crate::snapshot::Snapshot;
use crate::writer::Event;
use std::io;
use std::sync::mpsc::Sender;

#[derive(Debug)]
pub(super) struct Prober;

impl Prober {
    #[expect(clippy::unnecessary_wraps, reason = "the real one can fail")]
    pub(super) fn start(_seed: u64, _events: Sender<Event>) -> io::Result<Self> {
        Ok(Self)
    }

    #[expect(clippy::unused_self, reason = "the real one has targets")]
    pub(super) fn adopt(&self, _generation: u64, _snapshot: &Snapshot) {}
}
