//! A client of DNS over QUIC on a runtime of its own.

use super::{NAME, Pair, framed};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, ReadToEndError, TransportConfig, WriteError};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// A connection.
pub struct Quic {
    pub runtime: Runtime,
    pub endpoint: Endpoint,
    pub connection: Connection,
}

/// Why there is no reply.
#[derive(Debug)]
pub enum NoReply {
    Connection(ConnectionError),
    Write(WriteError),
    Read(ReadToEndError),
}

/// How a client speaks QUIC.
pub fn config(pair: &Pair, protocol: &str) -> ClientConfig {
    let tls = pair.client(&[protocol]);
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

impl Quic {
    /// Connects.
    pub fn connect(address: SocketAddr, pair: &Pair) -> Self {
        Self::try_connect(address, pair, "doq").unwrap()
    }

    /// Connects with another protocol.
    pub fn try_connect(address: SocketAddr, pair: &Pair, protocol: &str) -> Result<Self, ConnectionError> {
        Self::connect_as(address, config(pair, protocol))
    }

    /// Connects as a client that takes no octet of any reply.
    pub fn connect_deaf(address: SocketAddr, pair: &Pair) -> Self {
        let (mut config, mut transport) = (config(pair, "doq"), TransportConfig::default());
        transport.stream_receive_window(0_u8.into());
        config.transport_config(Arc::new(transport));
        Self::connect_as(address, config).unwrap()
    }

    fn connect_as(address: SocketAddr, config: ClientConfig) -> Result<Self, ConnectionError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let _within = runtime.enter();
        let endpoint = Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
        let connecting = endpoint.connect_with(config, address, NAME).unwrap();
        let connection = runtime.block_on(connecting)?;
        drop(_within);
        Ok(Self { runtime, endpoint, connection })
    }

    /// Asks on a stream of its own.
    pub fn ask(&self, message: &[u8]) -> Vec<u8> {
        let reply = self.send(&framed(message)).unwrap();
        assert_eq!(reply.len(), 2 + usize::from(u16::from_be_bytes([reply[0], reply[1]])));
        reply[2..].to_vec()
    }

    /// Sends octets on a stream of their own, and reads what comes back on it.
    pub fn send(&self, octets: &[u8]) -> Result<Vec<u8>, NoReply> {
        self.runtime.block_on(async {
            let (mut send, mut receive) = self.connection.open_bi().await.map_err(NoReply::Connection)?;
            send.write_all(octets).await.map_err(NoReply::Write)?;
            let _finished = send.finish();
            receive.read_to_end(100_000).await.map_err(NoReply::Read)
        })
    }

    /// The code with which the server closes the connection; waits for it.
    pub fn closed(&self) -> u64 {
        match self.runtime.block_on(self.connection.closed()) {
            ConnectionError::ApplicationClosed(closed) => closed.error_code.into_inner(),
            other => panic!("{other:?}"),
        }
    }
}
