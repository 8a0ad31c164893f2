//! geosteer inside a hickory server: the zones of a folder, answered by a [`Handler`] that hickory-server calls for
//! every request. No probes run here: every endpoint counts as up.
//!
//! ```text
//! cargo run --example embed -- examples/cdn 127.0.0.1:5301
//! dig @127.0.0.1 -p 5301 +subnet=193.0.6.0/24 www.cdn.example.com
//! ```

use geosteer::config::{self, Options};
use geosteer::geo::Databases;
use geosteer::listen::hickory::Handler;
use geosteer::publish::Published;
use geosteer::snapshot::Snapshot;
use geosteer::state::State;
use hickory_server::Server;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UdpSocket};

/// How long an idle TCP connection is kept.
const IDLE: Duration = Duration::from_secs(10);
/// Replies that hickory-server keeps for one TCP client.
const REPLIES: usize = 32;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let zones = PathBuf::from(args.next().unwrap_or_else(|| "examples/cdn".to_owned()));
    let listen = args.next().unwrap_or_else(|| "127.0.0.1:5301".to_owned());

    // Zones and the embedded country database, compiled into one snapshot.
    let loaded = config::load(&[zones], &Options::default()).map_err(|report| report.human(false))?;
    let snapshot = Snapshot::build(loaded.spec, Arc::new(Databases::embedded()?))?;
    // The pointer to the state: store a newer state here at any time, and the next answer follows it.
    let published = Arc::new(Published::new(State::offline(Arc::new(snapshot), &[])));

    let mut server = Server::new(Handler::new(published, 1));
    server.register_socket(UdpSocket::bind(&listen).await?);
    server.register_listener(TcpListener::bind(&listen).await?, IDLE, REPLIES);
    println!("listening on {listen}");
    Ok(server.block_until_done().await?)
}
