//! UDP: a thread with a socket of its own; it takes what has arrived, answers each query, and sends the
//! answers: two system calls a batch. A panic costs the query that caused it, nothing else.

use crate::client::Source;
use crate::clock;
use crate::faults;
use crate::limits::UDP_BATCH;
use crate::listen::streams::FrontEnds;
use crate::listen::sys::{self, Batch, Shape};
use crate::listen::{Respond, Service, fresh_worker, seed, submit, tell_time, worth_a_line};
use crate::metrics::{Counters, Metrics};
use crate::query_log::Recorder;
use crate::respond::{Request, Transport, Verdict};
use crate::restart::Part;
use crate::wire::proxy;
use crate::worker::{Handed, Worker};
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::oneshot;

/// A bound socket and how its messages look.
#[derive(Debug)]
pub struct Socket {
    /// The socket; its read timeout bounds the time to notice a stop.
    pub socket: UdpSocket,
    /// Its shape.
    pub shape: Shape,
}

/// The running threads.
#[derive(Debug)]
pub struct Threads {
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
}

/// How threads are told to end.
#[derive(Debug, Default)]
struct Stop {
    now: AtomicBool,
    /// Another process reads the same sockets: what is in them is its.
    leave: AtomicBool,
}

/// How a datagram is opened: who asks, and what.
trait Open: Clone + Send + 'static {
    /// The query in a datagram that came from there, and who asks it; none: nothing for us.
    fn open<'a>(&self, datagram: &'a [u8], from: Source) -> Option<(&'a [u8], Source)>;
}

/// A datagram is a query, of whoever sent it.
#[derive(Clone)]
struct Plain;

impl Open for Plain {
    #[inline(always)]
    fn open<'a>(&self, datagram: &'a [u8], from: Source) -> Option<(&'a [u8], Source)> {
        Some((datagram, from))
    }
}

/// A datagram comes from one of these front ends, whose PROXY header says who asks.
#[derive(Clone)]
struct Proxied(FrontEnds);

impl Open for Proxied {
    fn open<'a>(&self, datagram: &'a [u8], from: Source) -> Option<(&'a [u8], Source)> {
        let front_end = IpAddr::from(from.address);
        if !self.0.iter().any(|network| network.contains(&front_end)) {
            return None;
        }
        let header = proxy::read(datagram).ok()?;
        Some((datagram.get(header.length..)?, header.source.map_or(from, Source::from)))
    }
}

/// Starts a thread for each socket.
///
/// # Errors
/// The system has no more threads.
pub fn start<S, F>(sockets: Vec<Socket>, service: &Service<F, S>, metrics: &Metrics) -> io::Result<Threads>
where
    F: Respond<S>,
    S: Send + Sync + 'static,
{
    start_with(sockets, service, metrics, &Plain)
}

/// The same for sockets that front ends send to: each datagram begins with a PROXY header, version 2.
///
/// # Errors
/// The system has no more threads.
pub fn start_proxied<S, F>(
    sockets: Vec<Socket>,
    front_ends: FrontEnds,
    service: &Service<F, S>,
    metrics: &Metrics,
) -> io::Result<Threads>
where
    F: Respond<S>,
    S: Send + Sync + 'static,
{
    start_with(sockets, service, metrics, &Proxied(front_ends))
}

fn start_with<S, F, O>(
    sockets: Vec<Socket>,
    service: &Service<F, S>,
    metrics: &Metrics,
    open: &O,
) -> io::Result<Threads>
where
    F: Respond<S>,
    S: Send + Sync + 'static,
    O: Open,
{
    let mut running = Threads { stop: Arc::default(), threads: Vec::with_capacity(sockets.len()) };
    for (number, socket) in sockets.into_iter().enumerate() {
        let (service, counters, stop) = (service.clone(), metrics.counters(Transport::Udp), Arc::clone(&running.stop));
        let (recorder, restarts, open) = (metrics.recorder(seed()), metrics.restarts().clone(), open.clone());
        let serve = move || {
            sys::prefer_this_thread();
            let mut answering = Answering {
                worker: fresh_worker(&counters),
                service,
                counters,
                recorder,
                open,
                later: Later::default(),
            };
            // The socket is not part of what can panic: queries wait in it.
            restarts.keep(Part::Udp, || answering.serve(&socket, &stop));
        };
        running.threads.push(thread::Builder::new().name(format!("udp-{number}")).spawn(serve)?);
    }
    Ok(running)
}

impl Threads {
    /// Lets each thread answer what its socket still holds, and end.
    pub fn stop(mut self) {
        self.end();
    }

    /// Lets each thread answer what it has taken, and end: another process answers what its socket holds.
    pub fn leave(mut self) {
        self.stop.leave.store(true, Ordering::Relaxed);
        self.end();
    }

    fn end(&mut self) {
        self.stop.now.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            // Its panics were caught and counted; one outside of `respond` has been reported by the hook.
            let _panicked = thread.join();
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.end();
    }
}

/// One thread's state.
struct Answering<S, F, O> {
    service: Service<F, S>,
    worker: Worker,
    counters: Arc<Counters>,
    recorder: Recorder,
    open: O,
    /// Replies that take their time.
    later: Later,
}

impl<S, F: Respond<S>, O: Open> Answering<S, F, O> {
    fn serve(&mut self, socket: &Socket, stop: &Stop) {
        let mut batch = Batch::new(socket.shape);
        self.worker = fresh_worker(&self.counters);
        loop {
            let draining = stop.now.load(Ordering::Acquire);
            if draining && stop.leave.load(Ordering::Relaxed) {
                return;
            }
            match batch.receive(&socket.socket, !draining) {
                Ok(received) => {
                    faults::here(Part::Udp);
                    self.answer(&mut batch, received);
                    match batch.send(&socket.socket) {
                        0 => {}
                        unsent => self.counters.unsent.add(unsent as u64),
                    }
                    self.later.send(&socket.socket);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut if draining => return,
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {
                        self.later.send(&socket.socket);
                    }
                    // Errors that ICMP brought for an earlier answer, or a shortage of memory: no reason to spin.
                    _ => thread::park_timeout(Duration::from_millis(1)),
                },
            }
        }
    }

    /// Answers the queries of a batch under one state; after a panic it goes on with the next query.
    fn answer(&mut self, batch: &mut Batch, received: usize) {
        let began = clock::instant();
        let state = self.service.published.load();
        tell_time(&mut self.worker, began);
        self.counters.queries.add(received as u64);
        let (mut next, mut handed, mut places) = (0, Vec::new(), Vec::new());
        while next < received {
            let (respond, worker, counters) = (&self.service.respond, &mut self.worker, &*self.counters);
            let (recorder, open) = (&mut self.recorder, &self.open);
            let rest = AssertUnwindSafe(|| {
                answer_from((&mut next, &mut places), received, batch, (counters, open), |request, out| {
                    let verdict = respond(&state, worker, request, out);
                    match verdict {
                        Verdict::Send(length) => recorder.answered(worker, request, out, length),
                        Verdict::Hand => handed.push(worker.take_handed()),
                        Verdict::Drop => {}
                    }
                    verdict
                })
            });
            if catch_unwind(rest).is_err() {
                self.after_panic();
            }
        }
        if !handed.is_empty() {
            self.later.keep(batch, handed.into_iter().zip(places));
        }
        self.counters.latency.add(received as u64, clock::nanoseconds_since(began));
    }

    #[cold]
    fn after_panic(&mut self) {
        self.counters.panics.add(1);
        self.worker = fresh_worker(&self.counters);
        let count = self.counters.panics.value();
        if worth_a_line(count) {
            tracing::error!(count, "a UDP query made the server panic; it got no answer, serving goes on");
        }
    }
}

/// Replies that take longer than their batch: where they go, and the other ends of what is worked out elsewhere.
#[derive(Default)]
struct Later {
    /// Its places are those of `waiting`.
    batch: Option<Batch>,
    waiting: Vec<(usize, oneshot::Receiver<Vec<u8>>)>,
}

impl Later {
    /// Keeps where handed-on queries of a batch came from. If too many wait, the client asks again.
    #[cold]
    fn keep(&mut self, from: &Batch, handed: impl Iterator<Item = (Option<Handed>, usize)>) {
        for (handed, index) in handed {
            let Some(Handed::Update(update)) = handed else { continue };
            let is_free = |place: &usize| self.waiting.iter().all(|(other, _)| other != place);
            let Some(place) = (0..UDP_BATCH).find(is_free) else { continue };
            self.batch.get_or_insert_with(|| from.alike()).keep(place, from, index);
            self.waiting.push((place, submit(update)));
        }
    }

    /// Sends what has been worked out.
    #[inline]
    fn send(&mut self, socket: &UdpSocket) {
        if !self.waiting.is_empty() {
            self.send_some(socket);
        }
    }

    #[cold]
    fn send_some(&mut self, socket: &UdpSocket) {
        let Some(batch) = &mut self.batch else { return };
        self.waiting.retain_mut(|(place, reply)| match reply.try_recv() {
            Ok(reply) => {
                batch.put(*place, &reply);
                false
            }
            Err(oneshot::error::TryRecvError::Empty) => true,
            Err(oneshot::error::TryRecvError::Closed) => false,
        });
        batch.send(socket);
    }
}

/// Answers the queries from `next` on; `next` is always behind the one that is being answered. `handed`: takes the
/// places of those that are handed on.
#[inline]
fn answer_from(
    (next, handed): (&mut usize, &mut Vec<usize>),
    received: usize,
    batch: &mut Batch,
    (counters, open): (&Counters, &impl Open),
    mut respond: impl FnMut(&Request<'_>, &mut [u8]) -> Verdict,
) {
    for index in *next..received {
        *next = index + 1;
        let usable = batch.answer(index, |bytes, source, out| {
            let Some((bytes, source)) = open.open(bytes, source) else {
                counters.silent.add(1);
                return None;
            };
            match respond(&Request { bytes, source, transport: Transport::Udp }, out) {
                Verdict::Send(length) => Some(length),
                Verdict::Hand => {
                    handed.push(index);
                    None
                }
                Verdict::Drop => {
                    counters.silent.add(1);
                    None
                }
            }
        });
        if !usable {
            counters.oversize.add(1);
        }
    }
}
