//! The way to an endpoint: its own address and the check's port, from the check's source address.

use super::progress::{Phase, Progress};
use super::{Ended, host_text, reason};
use crate::health::{Source, TargetAddress};
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

/// Where a probe goes and comes from.
#[derive(Clone, Debug)]
pub(super) struct Way {
    address: TargetAddress,
    port: u16,
    source: Source,
}

impl Way {
    pub(super) fn new(address: &TargetAddress, port: u16, source: Source) -> Self {
        Self { address: address.clone(), port, source }
    }

    /// A TCP connection to the first address that accepts.
    ///
    /// # Errors
    /// The probe has ended.
    pub(super) async fn tcp(&self, progress: &Progress) -> Result<TcpStream, Ended> {
        if let TargetAddress::Ip(ip) = &self.address {
            progress.enter(Phase::Connect);
            let connected = self.connect(SocketAddr::new(*ip, self.port)).await;
            return connected.map_err(|error| reason::judge_io(&error));
        }
        let addresses = self.addresses(progress).await?;
        progress.enter(Phase::Connect);
        let mut last = Ended::fail("the host name has no address");
        for address in addresses {
            match self.connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = reason::judge_io(&error),
            }
        }
        Err(last)
    }

    /// A UDP socket that talks to the first address only.
    ///
    /// # Errors
    /// The probe has ended.
    pub(super) async fn udp(&self, progress: &Progress) -> Result<(UdpSocket, SocketAddr), Ended> {
        let addresses = self.addresses(progress).await?;
        let Some(&address) = addresses.first() else { return Err(Ended::fail("the host name has no address")) };
        let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
        let bind = async {
            let socket = UdpSocket::bind(self.source.towards(address.ip()).unwrap_or(any)).await?;
            socket.connect(address).await?;
            Ok::<_, io::Error>(socket)
        };
        bind.await.map(|socket| (socket, address)).map_err(|error| reason::judge_io(&error))
    }

    /// A connection to this very address.
    pub(super) async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let Some(source) = self.source.towards(address.ip()) else { return TcpStream::connect(address).await };
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind(source)?;
        socket.connect(address).await
    }

    async fn addresses(&self, progress: &Progress) -> Result<Vec<SocketAddr>, Ended> {
        match &self.address {
            TargetAddress::Ip(ip) => Ok(vec![SocketAddr::new(*ip, self.port)]),
            TargetAddress::Host(name) => {
                progress.enter(Phase::Resolve);
                match tokio::net::lookup_host((host_text(name), self.port)).await {
                    Ok(found) => Ok(found.collect()),
                    Err(error) => Err(Ended::fail(format!("the host name cannot be resolved: {error}"))),
                }
            }
        }
    }
}
