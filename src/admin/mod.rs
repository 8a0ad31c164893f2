//! The admin server: how people and machines see the running server over HTTP, and steer it.
//!
//! ```text
//! connection ──► guard ──────────► body ─────► route ──► one file a resource
//! (its own       Host, Origin,     ≤ 1 MB      (the whole API     │
//!  budget)       token             in 5 s      in reading order)  ├─► desk (control thread): what is, why, orders
//!                                                                 └─► published state: simulate
//! ```
//!
//! It has one thread with a runtime of its own, behind the threads that answer, and a budget of its own in connections,
//! bytes and time: whatever happens here costs DNS nothing. It changes nothing itself: orders go to the desk, as those
//! over the control socket do. JSON and embedded files are all that it writes, so that a name from the wire is only ever
//! a string in JSON.

mod body;
mod config;
mod connections;
mod events;
mod explain;
mod guard;
mod health;
mod metrics;
mod openapi;
mod overrides;
mod page;
mod problem;
mod query;
mod reload;
mod routes;
mod simulate;
mod stream;
mod token;
mod turns;
mod views;
mod zones;

pub use guard::Guard;
pub use routes::{Route, routes};
pub use token::{Token, read_token};

use crate::control::Line;
use crate::events::Events;
use crate::limits::{ADMIN_STREAMS, DRAIN_MS};
use crate::priority;
use crate::publish::Published;
use crate::restart::{Part, Restarts};
use crate::snapshot::Snapshot;
use problem::Problem;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// Where it listens unless told otherwise: an address that nobody else reaches.
pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8053);

/// What the composition root knows and does for it.
pub trait Daemon: fmt::Debug + Send + Sync {
    /// The first round of probes is over.
    fn is_ready(&self) -> bool;
    /// Compiles one zone's text with the server's settings, against the databases of `like`.
    ///
    /// # Errors
    /// Its mistakes, a line each.
    fn compile(&self, zone: &str, like: &Snapshot) -> Result<Arc<Snapshot>, Vec<String>>;
    /// The server file.
    fn file(&self) -> Option<&Path>;
    /// Where queries are taken.
    fn listen(&self) -> &[SocketAddr];
}

/// What it is connected to.
#[derive(Debug)]
pub struct Connected {
    /// The desk.
    pub desk: Line,
    /// What is live.
    pub published: Arc<Published>,
    /// What happened.
    pub events: Events,
    /// The composition root.
    pub daemon: Arc<dyn Daemon>,
    /// Where it is counted that threads were started again.
    pub restarts: Restarts,
}

/// What every request is answered from.
#[derive(Debug)]
struct App {
    connected: Connected,
    guard: Guard,
    /// Who may work something out.
    turns: turns::Turns,
    /// What simulations of one configuration have in common.
    counted: Mutex<Option<simulate::Counted>>,
    /// Places of event streams.
    streams: Arc<Semaphore>,
    /// True when the server stops.
    stop: watch::Receiver<bool>,
}

impl App {
    /// Works something out on a helper thread, which is behind the threads that answer, too.
    async fn aside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| Problem::unavailable("it could not be worked out; the log says why"))
    }
}

/// The running admin server. Dropping it ends its streams, lets requests in flight finish, and closes the rest.
#[derive(Debug)]
pub struct Thread {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Starts it on a socket that is bound already.
///
/// # Errors
/// The system has no thread or descriptors left.
pub fn start(listener: TcpListener, guard: Guard, connected: Connected) -> io::Result<Thread> {
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Explanations and the like, and what they cost, are few: requests wait here.
        .max_blocking_threads(2)
        .on_thread_start(priority::behind_answers)
        .build()?;
    let listener = {
        let _within = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let (stop, stopped) = watch::channel(false);
    let restarts = connected.restarts.clone();
    let streams = Arc::new(Semaphore::new(ADMIN_STREAMS));
    let (turns, counted) = (turns::Turns::default(), Mutex::default());
    let app = Arc::new(App { connected, guard, turns, counted, streams, stop: stopped.clone() });
    let run = move || {
        priority::behind_answers();
        restarts.keep(Part::Admin, || {
            runtime.block_on(connections::run(&listener, routes::router(&app), stopped.clone()));
        });
        // What is worked out on a helper thread is for nobody any more: it is left behind after a moment.
        runtime.shutdown_timeout(Duration::from_millis(DRAIN_MS));
    };
    let thread = std::thread::Builder::new().name("admin".into()).spawn(run)?;
    tracing::info!(url = %format_args!("http://{address}/"), "admin server");
    Ok(Thread { address, stop, thread: Some(thread) })
}

impl Thread {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the hook.
            let _panicked = thread.join();
        }
    }
}
