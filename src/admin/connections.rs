//! Connections: so many at a time, and when all places are taken the one that has been idle for longest makes room. The
//! only file that knows hyper's server.

use super::guard::Ends;
use crate::clock;
use crate::faults;
use crate::limits::{
    ADMIN_CONNECTION_MS, ADMIN_CONNECTIONS, ADMIN_HEAD_MAX, ADMIN_HEADERS_MAX, ADMIN_REQUEST_MS, DRAIN_MS,
};
use crate::restart::Part;
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// Accepts and serves until the server stops; then requests in flight have a moment to finish.
pub(super) async fn run(listener: &TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let (places, stopped) = (Arc::new(Places::default()), stop.clone());
    loop {
        faults::here(Part::Admin);
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Descriptors ran out, most likely: those that are there go on.
            let _pause = timeout(Duration::from_millis(DRAIN_MS / 10), stop.wait_for(|stopped| *stopped)).await;
            continue;
        };
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => break,
            place = places.take() => {
                tokio::spawn(serve(stream, router.clone(), place, stopped.clone()));
            }
        }
    }
    let _still_there = timeout(Duration::from_millis(DRAIN_MS), places.empty()).await;
}

async fn serve(stream: TcpStream, router: Router, place: Taken, mut stop: watch::Receiver<bool>) {
    let Ok(ends) = ends(&stream) else { return };
    let seat = Arc::clone(&place.0);
    let service = TowerToHyperService::new(router);
    let answer = service_fn(|mut request: hyper::Request<Incoming>| {
        let turn = Turn::new(&seat);
        request.extensions_mut().insert(ends);
        request.extensions_mut().insert(Arc::clone(&turn));
        let answer = service.call(request);
        async move {
            let answer = answer.await;
            drop(turn);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(ADMIN_REQUEST_MS))
        .max_buf_size(ADMIN_HEAD_MAX)
        .max_headers(ADMIN_HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    // Whoever leaves its answer unread, and a stream whose client is gone, must end some day.
    tokio::select! {
        in_time = timeout(Duration::from_millis(ADMIN_CONNECTION_MS), &mut connection) => if in_time.is_ok() { return },
        () = seat.close.notified() => return,
        _ = stop.wait_for(|stopped| *stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _late = timeout(Duration::from_millis(DRAIN_MS), connection).await;
}

fn ends(stream: &TcpStream) -> io::Result<Ends> {
    stream.set_nodelay(true)?;
    Ok(Ends { peer: stream.peer_addr()?.ip().to_canonical(), local: stream.local_addr()?.ip().to_canonical() })
}

/// The connections that there are.
#[derive(Debug, Default)]
struct Places {
    seats: Mutex<Vec<Arc<Seat>>>,
    /// A seat became idle or free.
    changed: Arc<Notify>,
}

/// One connection.
#[derive(Debug)]
struct Seat {
    /// Requests that are being answered, and since when there are none.
    use_of: Mutex<(usize, Instant)>,
    /// It has to make room.
    close: Notify,
    changed: Arc<Notify>,
}

/// A seat that is taken; dropping it frees it.
struct Taken(Arc<Seat>, Arc<Places>);

impl Places {
    fn seats(&self) -> MutexGuard<'_, Vec<Arc<Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat, as soon as there is one: the longest idle connection is told to go.
    async fn take(self: &Arc<Self>) -> Taken {
        loop {
            let changed = self.changed.notified();
            {
                let mut seats = self.seats();
                if seats.len() < ADMIN_CONNECTIONS {
                    let use_of = Mutex::new((0, clock::instant()));
                    let seat = Arc::new(Seat { use_of, close: Notify::new(), changed: Arc::clone(&self.changed) });
                    seats.push(Arc::clone(&seat));
                    return Taken(seat, Arc::clone(self));
                }
                let idle = seats.iter().filter_map(|seat| Some((seat.idle_since()?, seat)));
                if let Some((_, seat)) = idle.min_by_key(|(since, _)| *since) {
                    seat.close.notify_one();
                }
            }
            changed.await;
        }
    }

    /// Waits until nobody is left.
    async fn empty(&self) {
        loop {
            let changed = self.changed.notified();
            if self.seats().is_empty() {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.1.seats().retain(|seat| !Arc::ptr_eq(seat, &self.0));
        self.1.changed.notify_one();
    }
}

impl Seat {
    fn idle_since(&self) -> Option<Instant> {
        let (used, since) = *self.use_of.lock().unwrap_or_else(PoisonError::into_inner);
        (used == 0).then_some(since)
    }
}

/// A request that is being answered: its connection does not count as idle while any part of it is there. A stream holds
/// it as long as it goes on.
#[derive(Debug)]
pub(super) struct Turn(Arc<Seat>);

impl Turn {
    fn new(seat: &Arc<Seat>) -> Arc<Self> {
        seat.use_of.lock().unwrap_or_else(PoisonError::into_inner).0 += 1;
        Arc::new(Self(Arc::clone(seat)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut use_of = self.0.use_of.lock().unwrap_or_else(PoisonError::into_inner);
        *use_of = (use_of.0 - 1, clock::instant());
        drop(use_of);
        self.0.changed.notify_one();
    }
}
