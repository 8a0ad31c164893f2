//! Before the first query: the PROXY header of a front end, the ClientHello, and the rest of the TLS handshake. All together
//! have one time limit.

use super::pace::Paced;
use super::{Hub, Place, Speaks, TableOf, https, message};
use crate::listen::table::Client;
use crate::respond::Transport;
use crate::wire::proxy::{self, Fault};
use rustls::server::Acceptor;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// A connection whose first query may come.
enum Greeted {
    Clear(Paced<TcpStream>),
    Secure(Box<TlsStream<Paced<TcpStream>>>),
}

impl Hub {
    /// Greets a connection and serves it.
    pub(super) async fn greet(
        self: Rc<Self>,
        stream: std::net::TcpStream,
        peer: SocketAddr,
        (speaks, is_proxied): (Speaks, bool),
        place: Place,
    ) {
        let Ok(stream) = TcpStream::from_std(stream) else { return };
        let stopped = self.stop.notified();
        let greeted = async {
            let mut stream = Paced::new(stream);
            let peer = if is_proxied { proxied(&mut stream, peer).await? } else { peer };
            let (stream, place) = self.secured(stream, Client::of(peer.ip()), speaks, place).await?;
            Ok::<_, io::Error>((stream, peer, place))
        };
        let counters = self.counters(speaks.transport());
        let (stream, peer, place) = tokio::select! {
            biased;
            greeted = timeout(self.limits.handshake, greeted) => match greeted {
                Ok(Ok(greeted)) => greeted,
                Ok(Err(_)) => return counters.failed.add(1),
                Err(_) => return counters.timed_out.add(1),
            },
            () = stopped => return,
        };
        let place = self.settle(place, Client::of(peer.ip()), speaks.transport());
        match stream {
            Greeted::Clear(stream) => message::serve(stream, peer, Transport::Stream, place).await,
            Greeted::Secure(stream) if speaks == Speaks::Https => https::serve(*stream, peer, place).await,
            Greeted::Secure(mut stream) => {
                message::serve(&mut *stream, peer, Transport::Tls, place).await;
                // A proper end, so that the client knows that nothing was cut off. Who does not take it needs none.
                let _end = timeout(self.limits.drain, stream.shutdown()).await;
            }
        }
    }

    /// To the table of open connections, at the cost of the longest idle if need be.
    pub(super) fn settle(self: &Rc<Self>, place: Place, client: Client, transport: Transport) -> Place {
        let limits = (self.limits.connections, self.limits.per_client);
        self.move_on(place, |hub| &hub.open, (client, limits), transport)
    }

    /// From one table to another.
    fn move_on(
        self: &Rc<Self>,
        place: Place,
        table: TableOf,
        (client, limits): (Client, (usize, usize)),
        transport: Transport,
    ) -> Place {
        let task = (place.table)(self).borrow_mut().take_task(place.id);
        drop(place);
        let (place, evicted) = Place::take(self, table, client, limits);
        self.counters(transport).evicted.add(u64::from(evicted));
        if let Some(task) = task {
            place.set_task(task);
        }
        place
    }

    /// Waits for the ClientHello, and only then keeps what a session needs and works anything out.
    async fn secured(
        self: &Rc<Self>,
        mut stream: Paced<TcpStream>,
        client: Client,
        speaks: Speaks,
        place: Place,
    ) -> io::Result<(Greeted, Place)> {
        let config = match speaks {
            Speaks::Dns => {
                stream.greeted();
                return Ok((Greeted::Clear(stream), place));
            }
            Speaks::Tls => self.tls.as_ref(),
            Speaks::Https => self.https.as_ref(),
        };
        let config = config.ok_or_else(|| io::Error::other("there is no certificate"))?;
        let mut begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        begun.io.greeted();
        let limits = (self.limits.handshakes, self.limits.handshakes_per_client);
        let place = self.move_on(place, |hub| &hub.shaking, (client, limits), speaks.transport());
        let stream = begun.into_stream(Arc::clone(config)).await?;
        Ok((Greeted::Secure(Box::new(stream)), place))
    }
}

/// Reads the header, and not an octet more: who asks.
async fn proxied(stream: &mut Paced<TcpStream>, front_end: SocketAddr) -> io::Result<SocketAddr> {
    let mut header = Vec::new();
    loop {
        match proxy::read(&header) {
            Ok(header) => return Ok(header.source.unwrap_or(front_end)),
            Err(Fault::Short(length)) => {
                let have = header.len();
                header.resize(length, 0);
                stream.read_exact(&mut header[have..]).await?;
            }
            Err(Fault::Malformed) => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}
