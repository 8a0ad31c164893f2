//! The plain TCP check: a connection that is accepted passes.

use super::{Ended, reason};
use std::net::SocketAddr;
use std::time::Instant;
use tokio::net::TcpStream;

/// Connects to the first address that accepts.
pub(super) async fn probe(addresses: impl IntoIterator<Item = SocketAddr>, started: Instant) -> Ended {
    let mut last = Ended::fail("the host name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(_) => return Ended::pass(format!("connected in {} ms", started.elapsed().as_millis())),
            Err(error) => last = reason::judge_io(&error),
        }
    }
    last
}
