//! The side of the threads that answer: whose turn it is, and the copy.

use super::filter::Filter;
use super::ring::{Entry, Ring};
use crate::clock;
use crate::respond::Request;
use crate::worker::{Draw, Worker};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// What one thread that answers keeps for the log.
#[derive(Debug)]
pub struct Recorder {
    /// Queries until the next one that is sampled.
    left: u64,
    log: Option<Sampling>,
}

#[derive(Debug)]
struct Sampling {
    sample: f64,
    filter: Arc<Filter>,
    ring: Arc<Ring>,
    draw: Draw,
    /// The thread that empties the ring.
    writer: Arc<OnceLock<Thread>>,
}

impl Recorder {
    /// One that records nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self { left: u64::MAX, log: None }
    }

    pub(super) fn new(
        sample: f64,
        filter: Arc<Filter>,
        (ring, writer): (Arc<Ring>, Arc<OnceLock<Thread>>),
        seed: u64,
    ) -> Self {
        let mut sampling = Sampling { sample, filter, ring, draw: Draw::new(seed), writer };
        Self { left: sampling.gap(), log: Some(sampling) }
    }

    /// A query was answered by the first `length` octets of `out`.
    #[inline(always)]
    pub fn answered(&mut self, worker: &Worker, request: &Request<'_>, out: &[u8], length: usize) {
        self.left -= 1;
        if self.left == 0 {
            self.record(worker, request, out.get(..length).unwrap_or_default());
        }
    }

    #[cold]
    fn record(&mut self, worker: &Worker, request: &Request<'_>, reply: &[u8]) {
        let Some(log) = &mut self.log else {
            self.left = u64::MAX;
            return;
        };
        self.left = log.gap();
        if !log.filter.wants(worker, request, reply) {
            return;
        }
        let trace = worker.trace();
        let is_filling = log.ring.put(&Entry {
            at_ms: clock::unix_millis(),
            generation: worker.generation,
            client: request.source.address,
            port: request.source.port,
            transport: request.transport as u8,
            responses: trace.responses.into(),
            answer: trace.answer.into(),
            reply,
        });
        if is_filling && let Some(writer) = log.writer.get() {
            writer.unpark();
        }
    }
}

impl Sampling {
    /// How many queries further the next one stands, so that each is sampled with the same chance whatever comes in
    /// turns: the gaps of a coin that falls so with that chance.
    fn gap(&mut self) -> u64 {
        if self.sample >= 1.0 {
            return 1;
        }
        // 53 bits, above 0 and at most 1.
        let point = ((self.draw.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        1 + (point.ln() / (-self.sample).ln_1p()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_as_long_as_the_sample_says_on_average() {
        for sample in [1.0, 0.5, 0.01] {
            let mut sampling = Sampling {
                sample,
                filter: Arc::default(),
                ring: Arc::new(Ring::new()),
                draw: Draw::new(7),
                writer: Arc::default(),
            };
            let total: u64 = (0..100_000).map(|_| sampling.gap()).sum();
            let mean = total as f64 / 100_000.0;
            assert!((mean * sample - 1.0).abs() < 0.02, "{mean} at {sample}");
        }
    }
}
