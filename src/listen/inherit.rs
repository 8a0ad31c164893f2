//! Sockets that are passed on: by the server before us, or by the service manager. The same socket has the same queue:
//! what waits in it is answered by whoever reads next.

use socket2::{SockRef, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

/// Sockets without an owner yet.
#[derive(Debug, Default)]
pub struct Inherited {
    udp: Vec<(SocketAddr, UdpSocket)>,
    tcp: Vec<(SocketAddr, TcpListener)>,
    unix: Option<UnixListener>,
    let_go: Option<fn(SocketAddr)>,
}

impl Inherited {
    /// Sorts descriptors by what they are; what is no socket to answer at is closed.
    #[must_use]
    pub fn of(descriptors: Vec<OwnedFd>) -> Self {
        let mut all = Self::default();
        for descriptor in descriptors {
            let socket = SockRef::from(&descriptor);
            let Ok(address) = socket.local_addr() else { continue };
            match (socket.r#type(), address.as_socket()) {
                (Ok(Type::DGRAM), Some(address)) => all.udp.push((address, descriptor.into())),
                (Ok(Type::STREAM), Some(address)) => all.tcp.push((address, descriptor.into())),
                (Ok(Type::STREAM), None) if address.is_unix() => all.unix = Some(descriptor.into()),
                _ => {}
            }
        }
        all
    }

    /// The same, from one that keeps copies of its own and can be told to close those of an address: who does not, like a
    /// server that runs, keeps them open whatever we do.
    #[must_use]
    pub fn told(mut self, let_go: fn(SocketAddr)) -> Self {
        self.let_go = Some(let_go);
        self
    }

    /// Closes the sockets without an owner that stand in the way of a new one, and has who passed them on close them too.
    /// Gives the first of their addresses, and whether the new one may be tried again: they may be closed any moment now.
    pub(super) fn clear(&mut self, kind: Type, address: SocketAddr) -> Option<(SocketAddr, bool)> {
        let mut gone: Vec<_> = if kind == Type::STREAM {
            self.tcp.extract_if(.., |(of, _)| overlap(*of, address)).map(|(of, _)| of).collect()
        } else {
            self.udp.extract_if(.., |(of, _)| overlap(*of, address)).map(|(of, _)| of).collect()
        };
        // One address may have many sockets.
        gone.dedup();
        gone.iter().for_each(|&of| self.let_go.iter().for_each(|let_go| let_go(of)));
        Some((*gone.first()?, self.let_go.is_some()))
    }

    /// The UDP sockets of an address, all of them: each has a queue of its own, which somebody must read.
    pub fn take_udp(&mut self, address: SocketAddr) -> Vec<UdpSocket> {
        self.udp.extract_if(.., |(of, _)| is(*of, address)).map(|(_, socket)| socket).collect()
    }

    /// One UDP socket of an address, for who reads one only.
    pub fn take_one_udp(&mut self, address: SocketAddr) -> Option<UdpSocket> {
        let place = self.udp.iter().position(|(of, _)| is(*of, address))?;
        Some(self.udp.remove(place).1)
    }

    /// The listening socket of an address.
    pub fn take_tcp(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let place = self.tcp.iter().position(|(of, _)| is(*of, address))?;
        Some(self.tcp.remove(place).1)
    }

    /// The control socket.
    pub fn take_unix(&mut self) -> Option<UnixListener> {
        self.unix.take()
    }

    /// The addresses that nobody has taken.
    #[must_use]
    pub fn left(&self) -> Vec<SocketAddr> {
        let mut left: Vec<_> = self.udp.iter().map(|(of, _)| *of).chain(self.tcp.iter().map(|(of, _)| *of)).collect();
        left.sort_unstable();
        left.dedup();
        left
    }
}

/// True if a socket is the one that is wanted; a wanted port of 0 may be any.
fn is(socket: SocketAddr, wanted: SocketAddr) -> bool {
    socket == wanted || (wanted.port() == 0 && socket.ip() == wanted.ip())
}

/// True if two sockets of one kind cannot have both addresses.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    // `[::]` takes IPv4 too.
    let covers = |any: IpAddr, ip: IpAddr| any.is_unspecified() && (any.is_ipv6() || ip.is_ipv4());
    let (ip, of_other) = (one.ip(), other.ip());
    one.port() == other.port() && (ip == of_other || covers(ip, of_other) || covers(of_other, ip))
}

/// So many sockets at least: where there are fewer, threads share one.
///
/// # Errors
/// The system has no descriptors left.
pub(super) fn shared(mut sockets: Vec<UdpSocket>, threads: usize) -> io::Result<Vec<UdpSocket>> {
    let first = sockets.len();
    for place in first..threads {
        let copy = sockets[place % first].try_clone()?;
        sockets.push(copy);
    }
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_told_apart_and_found_by_address() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let (udp, other) = (UdpSocket::bind(any).unwrap(), UdpSocket::bind(any).unwrap());
        let tcp = TcpListener::bind(any).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let unix = UnixListener::bind(folder.path().join("s")).unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let [of_udp, of_other] = [&udp, &other].map(|socket| socket.local_addr().unwrap());
        let of_tcp = tcp.local_addr().unwrap();
        let more = udp.try_clone().unwrap();
        let all: Vec<OwnedFd> = vec![udp.into(), more.into(), other.into(), tcp.into(), unix.into(), file.into()];
        let mut all = Inherited::of(all);
        assert_eq!(all.take_udp(of_udp).len(), 2);
        assert_eq!(all.take_udp(of_udp).len(), 0);
        assert!(all.take_tcp("127.0.0.2:0".parse().unwrap()).is_none());
        assert!(all.take_tcp(any).is_some_and(|found| found.local_addr().unwrap() == of_tcp));
        assert!(all.take_unix().is_some() && all.take_unix().is_none());
        assert_eq!(all.left(), [of_other]);
    }

    #[test]
    fn wildcards_overlap_what_they_take() {
        let so = |one: &str, other: &str| {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(overlap(one, other), overlap(other, one));
            overlap(one, other)
        };
        for other in ["192.0.2.1:53", "[2001:db8::1]:53", "0.0.0.0:53", "[::]:53"] {
            assert!(so("[::]:53", other), "{other}");
        }
        assert!(so("0.0.0.0:53", "192.0.2.1:53") && so("192.0.2.1:53", "192.0.2.1:53"));
        for (one, other) in [
            ("0.0.0.0:53", "[2001:db8::1]:53"),
            ("192.0.2.1:53", "192.0.2.2:53"),
            ("[::]:53", "[::]:54"),
            ("[2001:db8::1]:53", "192.0.2.1:53"),
        ] {
            assert!(!so(one, other), "{one} {other}");
        }
    }

    #[test]
    fn no_queue_is_left_unread_and_threads_share_where_there_are_fewer() {
        let sockets = |count: usize| (0..count).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect::<Vec<_>>();
        assert_eq!(shared(sockets(3), 2).unwrap().len(), 3);
        let five = shared(sockets(2), 5).unwrap();
        let addresses: Vec<_> = five.iter().map(|socket| socket.local_addr().unwrap()).collect();
        assert_eq!((addresses.len(), addresses[0], addresses[1]), (5, addresses[2], addresses[3]));
    }
}
