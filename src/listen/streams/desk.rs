//! Answering one message: the thread's worker, and the buffer that replies are made in.

use crate::clock;
use crate::limits::STREAM_REPLY_MAX;
use crate::listen::{Respond, Service, fresh_worker, tell_time, worth_a_line};
use crate::metrics::Counters;
use crate::query_log::Recorder;
use crate::respond::{Request, Transport, Verdict};
use crate::transfer::Transfer;
use crate::update::Update;
use crate::wire::padding;
use crate::worker::{Handed, Worker};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a message comes to.
#[derive(Debug)]
pub(super) enum Answer<'d> {
    /// This reply.
    Reply(&'d [u8]),
    /// A reply of many messages.
    Messages(Box<Transfer>),
    /// A reply that takes its time.
    Update(Box<Update>),
    /// No reply.
    Silence,
    /// Answering panicked.
    Panic,
}

/// Who answers: a [`Desk`], whatever its state.
pub(super) trait Answers {
    /// Answers a message.
    fn answer(&mut self, request: &Request<'_>) -> Answer<'_>;
}

/// What all connections of the thread share while a message is answered.
pub(super) struct Desk<S, F> {
    service: Service<F, S>,
    counters: [Arc<Counters>; Transport::ALL.len()],
    worker: Worker,
    recorder: Recorder,
    out: Box<[u8]>,
}

impl<S, F> Desk<S, F> {
    pub(super) fn new(
        service: Service<F, S>,
        counters: &[Arc<Counters>; Transport::ALL.len()],
        recorder: Recorder,
    ) -> Self {
        let (worker, out) = (fresh_worker(&counters[0]), vec![0; STREAM_REPLY_MAX].into());
        Self { service, counters: counters.clone(), worker, recorder, out }
    }

    #[cold]
    fn after_panic(&mut self, transport: Transport) {
        let counters = &self.counters[transport as usize];
        counters.panics.add(1);
        let count = counters.panics.value();
        if worth_a_line(count) {
            tracing::error!(
                count,
                ?transport,
                "a query made the server panic; its connection is closed, serving goes on"
            );
        }
        self.worker = fresh_worker(&self.counters[0]);
    }
}

impl<S: Send + Sync + 'static, F: Respond<S>> Answers for Desk<S, F> {
    fn answer(&mut self, request: &Request<'_>) -> Answer<'_> {
        let began = clock::instant();
        let Self { service, counters, worker, recorder, out } = self;
        let counters = &counters[request.transport as usize];
        counters.queries.add(1);
        tell_time(worker, began);
        let state = service.published.load();
        let answered = catch_unwind(AssertUnwindSafe(|| (service.respond)(&state, worker, request, out)));
        drop(state);
        counters.latency.add(1, clock::nanoseconds_since(began));
        match answered {
            Ok(Verdict::Send(length)) => {
                recorder.answered(worker, request, out, length);
                // In the clear padding hides nothing.
                let is_clear = matches!(request.transport, Transport::Udp | Transport::Stream);
                let length = if is_clear { length } else { padding::pad(request.bytes, out, length) };
                Answer::Reply(&self.out[..length])
            }
            Ok(Verdict::Hand) => match worker.take_handed() {
                Some(Handed::Transfer(transfer)) => Answer::Messages(transfer),
                Some(Handed::Update(update)) => Answer::Update(update),
                None => Answer::Silence,
            },
            Ok(Verdict::Drop) => {
                counters.silent.add(1);
                Answer::Silence
            }
            Err(_) => {
                self.after_panic(request.transport);
                Answer::Panic
            }
        }
    }
}
