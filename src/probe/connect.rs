//! The way to an endpoint: its own address and the check's port, from the check's source address.

use super::progress::{Phase, Progress};
use super::{Ended, host_text, reason};
use crate::health::{Outcome, Source, TargetAddress};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// What the address of a host name has for itself before the next one is asked as well (RFC 8305, section 8).
const HEAD_START: Duration = Duration::from_millis(250);

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
        self.first_of(addresses).await
    }

    /// A connection to the first of these that accepts. Each is asked when the one before has refused or had its head
    /// start (RFC 8305, section 5): an address that says nothing does not use up the time of the others.
    async fn first_of(&self, addresses: Vec<SocketAddr>) -> Result<TcpStream, Ended> {
        let (mut waiting, mut asked, mut failed) = (addresses.into_iter(), JoinSet::new(), None);
        loop {
            if let Some(address) = waiting.next() {
                let way = self.clone();
                asked.spawn(async move { way.connect(address).await });
            }
            let next = asked.join_next();
            let joined = match waiting.len() {
                0 => next.await,
                _ => match tokio::time::timeout(HEAD_START, next).await {
                    Ok(joined) => joined,
                    Err(_late) => continue,
                },
            };
            let ended = match joined {
                Some(Ok(Ok(stream))) => return Ok(stream),
                Some(Ok(Err(error))) => reason::judge_io(&error),
                Some(Err(_)) => Ended::inconclusive("a fault of geosteer: its log says more"),
                None => return Err(failed.unwrap_or_else(|| Ended::fail("the host name has no address"))),
            };
            // That an address failed says more than that we cannot ask another one.
            if failed.as_ref().is_none_or(|before: &Ended| before.outcome != Outcome::Fail) {
                failed = Some(ended);
            }
        }
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
                    // An error of the system's own, in place of the resolver's words: descriptors, memory.
                    Err(error) if error.raw_os_error().is_some() => Err(reason::judge_io(&error)),
                    Err(error) => Err(Ended::fail(format!("the host name cannot be resolved: {error}"))),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// A port that is taken and does not listen: it refuses, whoever asks for free ports meanwhile.
    fn refusing() -> (TcpSocket, SocketAddr) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let address = socket.local_addr().expect("it is bound");
        (socket, address)
    }

    fn way() -> Way {
        // Not an address of any host: to IPv6 there is no way from here.
        let source = Source { v4: None, v6: Some("2001:db8::1".parse::<Ipv6Addr>().expect("an address")) };
        Way::new(&TargetAddress::Ip(Ipv4Addr::LOCALHOST.into()), 1, source)
    }

    #[tokio::test]
    async fn an_address_that_refuses_outweighs_one_that_cannot_be_asked_from_here() {
        let (_kept, refuses) = refusing();
        let unreachable: SocketAddr = (Ipv6Addr::LOCALHOST, 1).into();
        for addresses in [vec![refuses, unreachable], vec![unreachable, refuses]] {
            let ended = way().first_of(addresses).await.expect_err("nobody listens");
            assert_eq!((ended.outcome, &*ended.note), (Outcome::Fail, "connection refused"));
        }
        let ended = way().first_of(vec![unreachable]).await.expect_err("no way there");
        assert_eq!(ended.outcome, Outcome::Inconclusive, "{}", ended.note);
        assert_eq!(way().first_of(Vec::new()).await.expect_err("none").outcome, Outcome::Fail);
    }

    #[tokio::test]
    async fn an_address_that_says_nothing_leaves_time_for_the_next_one() {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let full = socket.listen(1).expect("it listens");
        let dark = full.local_addr().expect("it is bound");
        let mut queued = Vec::new();
        while let Ok(Ok(stream)) = tokio::time::timeout(HEAD_START, TcpStream::connect(dark)).await {
            queued.push(stream);
        }
        let live = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = live.local_addr().expect("it is bound");
        let way = way();
        let found = tokio::time::timeout(HEAD_START * 20, way.first_of(vec![dark, address])).await;
        let stream = found.expect("it does not wait for the first one").expect("the second one accepts");
        assert_eq!(stream.peer_addr().expect("it is connected"), address);
    }
}
