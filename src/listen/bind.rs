//! Addresses → sockets, before anything else is loaded: whoever cannot have port 53 hears it at once.

use crate::clock;
use crate::limits::{
    INHERITED_CLOSE_MS, TCP_BACKLOG, TCP_DEFER_SECONDS, TCP_UNREAD_MAX, UDP_RECEIVE_BUFFER, UDP_SEND_BUFFER,
    UDP_WAKE_MS,
};
use crate::listen::inherit::{self, Inherited};
use crate::listen::sys::{self, Shape};
use crate::listen::udp;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

/// Tries to find one port that is free for both UDP and TCP when the system is to choose it.
const PORT_TRIES: usize = 32;

/// The sockets of all addresses.
#[derive(Debug, Default)]
pub struct Bound {
    /// One for each (address, thread).
    pub udp: Vec<udp::Socket>,
    /// One for each address.
    pub tcp: Vec<TcpListener>,
    /// The addresses as bound, ports filled in; the same for UDP and TCP.
    pub addresses: Vec<SocketAddr>,
}

/// Why an address cannot be had.
#[derive(Debug)]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// `UDP` or `TCP`.
    pub transport: &'static str,
    /// What the system says.
    pub error: io::Error,
    /// What was passed on to us that overlaps it, if whoever passed it on still has it open.
    pub held: Option<SocketAddr>,
}

impl BindError {
    fn new(address: SocketAddr, kind: Type, error: io::Error) -> Self {
        let transport = if kind == Type::STREAM { "TCP" } else { "UDP" };
        Self { address, transport, error, held: None }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {} over {}: {}", self.address, self.transport, self.error)?;
        if let Some(held) = self.held {
            return write!(
                f,
                " ({held} was passed on to us and is still open elsewhere: where an address takes the place of one that \
                 overlaps it, stop the server that runs, then start this one)"
            );
        }
        match self.error.kind() {
            io::ErrorKind::PermissionDenied if self.address.port() < 1024 => {
                f.write_str(" (ports below 1024 need root or the capability CAP_NET_BIND_SERVICE)")
            }
            io::ErrorKind::AddrInUse => f.write_str(" (another server has it)"),
            io::ErrorKind::AddrNotAvailable => f.write_str(" (no interface of this machine has the address)"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for BindError {}

/// Binds every address for UDP, `threads` times, and for TCP. Port 0: the system chooses one port for both.
/// `[::]` takes IPv4 too; beside it, `0.0.0.0` of the same port is the same socket.
///
/// # Errors
/// The first address that cannot be had.
pub fn bind(addresses: &[SocketAddr], threads: usize) -> Result<Bound, BindError> {
    bind_or_inherit(addresses, threads, &mut Inherited::default())
}

/// The same, with the sockets that are passed on to us in the place of new ones.
///
/// # Errors
/// As [`bind`].
pub fn bind_or_inherit(
    addresses: &[SocketAddr],
    threads: usize,
    inherited: &mut Inherited,
) -> Result<Bound, BindError> {
    let mut bound = Bound::default();
    for_each(addresses, |address| bind_address(address, threads, inherited, &mut bound))?;
    Ok(bound)
}

/// Binds every address for TCP alone; sockets that are passed on to us come first.
///
/// # Errors
/// The first address that cannot be had.
pub fn bind_tcp(addresses: &[SocketAddr], inherited: &mut Inherited) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::new();
    for_each(addresses, |address| {
        listeners.push(listener(address, inherited, || tcp(address))?);
        Ok(())
    })?;
    Ok(listeners)
}

/// Binds every address for QUIC; sockets that are passed on to us come first.
///
/// # Errors
/// The first address that cannot be had.
pub fn bind_quic(addresses: &[SocketAddr], inherited: &mut Inherited) -> Result<Vec<UdpSocket>, BindError> {
    let mut sockets = Vec::new();
    for_each(addresses, |address| {
        let passed = inherited.take_one_udp(address);
        sockets.push(passed.map_or_else(|| freed(address, Type::DGRAM, inherited, || quic(address)), Ok)?);
        Ok(())
    })?;
    Ok(sockets)
}

/// Listens at an address over TCP: with the socket that is passed on to us, or with a new one.
///
/// # Errors
/// The address cannot be had.
pub fn listener(
    address: SocketAddr,
    inherited: &mut Inherited,
    new: impl Fn() -> io::Result<TcpListener>,
) -> Result<TcpListener, BindError> {
    let Some(passed) = inherited.take_tcp(address) else { return freed(address, Type::STREAM, inherited, new) };
    passed.set_nonblocking(true).map_err(|error| BindError::new(address, Type::STREAM, error))?;
    Ok(passed)
}

/// Binds a new socket. What stands in its way may be a socket of the last run, at an address that overlaps this one and
/// that nobody wants any more: that one is let go of, here and by the service manager, which takes a moment.
fn freed<T>(
    address: SocketAddr,
    kind: Type,
    inherited: &mut Inherited,
    new: impl Fn() -> io::Result<T>,
) -> Result<T, BindError> {
    let is_taken =
        |result: &io::Result<T>| result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse);
    let mut result = new();
    let in_the_way = if is_taken(&result) { inherited.clear(kind, address) } else { None };
    if let Some((_, true)) = in_the_way {
        let until = clock::instant() + Duration::from_millis(INHERITED_CLOSE_MS);
        while is_taken(&result) && clock::instant() < until {
            std::thread::park_timeout(Duration::from_millis(2));
            result = new();
        }
    }
    let held = in_the_way.map(|(held, _)| held);
    result.map_err(|error| BindError { held, ..BindError::new(address, kind, error) })
}

/// Does something with every address once. `[::]` stands for `0.0.0.0` too where both are listed, as long as the machine
/// speaks IPv6.
fn for_each(
    addresses: &[SocketAddr],
    mut bind: impl FnMut(SocketAddr) -> Result<(), BindError>,
) -> Result<(), BindError> {
    for (index, &address) in addresses.iter().enumerate() {
        let repeated = addresses[..index].contains(&address) && address.port() != 0;
        if repeated || dual(addresses, address).is_some_and(|dual| dual != address) {
            continue;
        }
        let result = bind(address);
        match (result, dual(addresses, address)) {
            // A machine without IPv6: what was to be served by the dual-stack socket still can be.
            (Err(error), Some(_)) if sys::lacks_family(&error.error) => {
                tracing::warn!("{error}; serving IPv4 only");
                let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
                bind(v4)?;
            }
            (result, _) => result?,
        }
    }
    Ok(())
}

/// The dual-stack address that serves `address` too: if both wildcards of its port are listed.
fn dual(addresses: &[SocketAddr], address: SocketAddr) -> Option<SocketAddr> {
    let [v4, v6] = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)]
        .map(|wildcard| SocketAddr::new(wildcard, address.port()));
    (address.ip().is_unspecified() && addresses.contains(&v4) && addresses.contains(&v6)).then_some(v6)
}

fn is_wildcard_v6(address: &SocketAddr) -> bool {
    address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
}

/// What a UDP socket of ours has beside its address.
fn made_ready(socket: SockRef<'_>, shape: Shape) -> io::Result<()> {
    sys::set_shape(&*socket, shape)?;
    sys::set_buffers(&*socket, UDP_RECEIVE_BUFFER as i32, UDP_SEND_BUFFER as i32);
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(Duration::from_millis(UDP_WAKE_MS)))
}

fn shape(address: SocketAddr) -> Shape {
    Shape { v6: address.is_ipv6(), info: address.ip().is_unspecified() }
}

/// Takes the sockets of an address that are passed on, and binds those that are not: what has been for TCP alone may be for
/// UDP too by now.
fn bind_address(
    address: SocketAddr,
    threads: usize,
    inherited: &mut Inherited,
    bound: &mut Bound,
) -> Result<(), BindError> {
    for attempt in 1.. {
        // TCP first: without SO_REUSEPORT it fails if another server, maybe another geosteer, has the port.
        let listener = listener(address, inherited, || tcp(address))?;
        let actual = listener.local_addr().map_err(|error| BindError::new(address, Type::STREAM, error))?;
        match udp_of(actual, threads, inherited) {
            Ok(sockets) => {
                bound.udp.extend(sockets);
                bound.tcp.push(listener);
                bound.addresses.push(actual);
                return Ok(());
            }
            Err(BindError { error, .. })
                if address.port() == 0 && error.kind() == io::ErrorKind::AddrInUse && attempt < PORT_TRIES => {}
            Err(error) => return Err(BindError { address, ..error }),
        }
    }
    Ok(())
}

fn udp_of(address: SocketAddr, threads: usize, inherited: &mut Inherited) -> Result<Vec<udp::Socket>, BindError> {
    let passed = inherited.take_udp(address);
    if passed.is_empty() {
        return (0..threads.max(1)).map(|_| freed(address, Type::DGRAM, inherited, || udp(address))).collect();
    }
    let shape = shape(address);
    let ready = |socket: UdpSocket| made_ready(SockRef::from(&socket), shape).map(|()| udp::Socket { socket, shape });
    let sockets = inherit::shared(passed, threads).and_then(|all| all.into_iter().map(ready).collect());
    sockets.map_err(|error| BindError::new(address, Type::DGRAM, error))
}

fn socket(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(!is_wildcard_v6(&address))?;
    }
    Ok(socket)
}

fn udp(address: SocketAddr) -> io::Result<udp::Socket> {
    let socket = socket(address, Type::DGRAM, Protocol::UDP)?;
    let shape = shape(address);
    socket.set_reuse_port(true)?;
    made_ready(SockRef::from(&socket), shape)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(udp::Socket { socket: socket.into(), shape })
}

/// One socket: its connections are told apart by what they carry, so they cannot be spread over several. Another server
/// that has the port is found out, as there is no SO_REUSEPORT.
fn quic(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket(address, Type::DGRAM, Protocol::UDP)?;
    sys::set_buffers(&socket, UDP_RECEIVE_BUFFER as i32, UDP_SEND_BUFFER as i32);
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket.into())
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    // Accepted connections inherit these.
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(TCP_UNREAD_MAX)?;
    socket.set_nonblocking(true)?;
    sys::defer_accept(&socket, TCP_DEFER_SECONDS);
    socket.bind(&SockAddr::from(address))?;
    socket.listen(TCP_BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsFd, OwnedFd};

    fn copy(socket: &impl AsFd) -> OwnedFd {
        socket.as_fd().try_clone_to_owned().unwrap()
    }

    #[test]
    fn half_of_a_pair_that_is_passed_on_is_kept_and_the_other_half_is_bound() {
        let any = [SocketAddr::from(([127, 0, 0, 1], 0))];
        for keeps_tcp in [true, false] {
            let mut first = bind(&any, 1).unwrap();
            let of_first = first.addresses.clone();
            let half = if keeps_tcp { copy(&first.tcp[0]) } else { copy(&first.udp[0].socket) };
            // Somebody, like a service manager, has it open all the time.
            let _kept = half.try_clone().unwrap();
            first.tcp.clear();
            first.udp.clear();
            let mut inherited = Inherited::of(vec![half]);
            let second = bind_or_inherit(&of_first, 2, &mut inherited).unwrap();
            assert_eq!((second.addresses, second.tcp.len(), second.udp.len()), (of_first, 1, 2), "TCP: {keeps_tcp}");
            assert_eq!(inherited.left(), []);
        }
    }

    #[test]
    fn what_is_in_the_way_and_is_kept_open_elsewhere_is_named() {
        let first = bind(&[SocketAddr::from(([127, 0, 0, 1], 0))], 1).unwrap();
        let wider = SocketAddr::from((Ipv4Addr::UNSPECIFIED, first.addresses[0].port()));
        let mut inherited = Inherited::of(vec![copy(&first.tcp[0]), copy(&first.udp[0].socket)]);
        let error = bind_or_inherit(&[wider], 1, &mut inherited).unwrap_err();
        assert_eq!(error.held, Some(first.addresses[0]));
        assert!(error.to_string().contains("stop the server that runs, then start this one"), "{error}");
        let error = bind(&[wider], 1).unwrap_err();
        assert!(error.to_string().contains("another server has it"), "{error}");
    }
}
