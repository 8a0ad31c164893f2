//! The toy endpoints: real HTTP servers on loopback that can be told to fail and to recover.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::runtime::Runtime;

/// The toys, on a thread of their own. Dropping them stops them.
#[derive(Debug)]
pub(super) struct Toys {
    addresses: Vec<SocketAddr>,
    runtime: Option<Runtime>,
}

impl Toys {
    /// Starts one toy for each (name, port) on 127.0.0.1; port 0 lets the system choose.
    ///
    /// # Errors
    /// A port is taken; in words.
    pub(super) fn start(sites: &[(&'static str, u16)]) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("toys")
            .enable_all()
            .build()
            .map_err(|error| format!("cannot start the toy endpoints: {error}"))?;
        let mut addresses = Vec::new();
        for &(name, port) in sites {
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let bound = runtime.block_on(serve(name, address)).map_err(|error| {
                format!(
                    "the toy endpoint of {name} cannot listen on {address}: {error}\n\
                     stop what uses that port (another demo?), or let the system choose: geosteer demo --any-ports"
                )
            })?;
            addresses.push(bound);
        }
        Ok(Self { addresses, runtime: Some(runtime) })
    }

    /// Where they listen, in the order given.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Drop for Toys {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waits for the worker, not for connections: the ports are free afterwards.
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

async fn serve(name: &'static str, address: SocketAddr) -> io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    tokio::spawn(axum::serve(listener, toy(name)).into_future());
    Ok(bound)
}

/// One toy: well until told otherwise.
fn toy(name: &'static str) -> Router {
    let well = Arc::new(AtomicBool::new(true));
    let (health, failing, recovering) = (Arc::clone(&well), Arc::clone(&well), well);
    Router::new()
        .route("/", get(move || async move { format!("{name} says hello\n") }))
        .route(
            "/healthz",
            get(move || async move {
                match health.load(Relaxed) {
                    true => (StatusCode::OK, "ok\n"),
                    false => (StatusCode::SERVICE_UNAVAILABLE, "failing\n"),
                }
            }),
        )
        .route(
            "/fail",
            post(move || async move {
                failing.store(false, Relaxed);
                format!("{name} fails its health checks from now on\n")
            }),
        )
        .route(
            "/recover",
            post(move || async move {
                recovering.store(true, Relaxed);
                format!("{name} is well again\n")
            }),
        )
}
