//! Addresses → sockets, before anything else is loaded: whoever cannot have port 53 hears it at once.

use crate::limits::{TCP_BACKLOG, TCP_DEFER_SECONDS, TCP_UNREAD_MAX, UDP_RECEIVE_BUFFER, UDP_SEND_BUFFER, UDP_WAKE_MS};
use crate::listen::sys::{self, Shape};
use crate::listen::udp;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
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
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {} over {}: {}", self.address, self.transport, self.error)?;
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
    let mut bound = Bound::default();
    for_each(addresses, |address| bind_address(address, threads, &mut bound))?;
    Ok(bound)
}

/// Binds every address for TCP alone.
///
/// # Errors
/// The first address that cannot be had.
pub fn bind_tcp(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::new();
    for_each(addresses, |address| {
        listeners.push(tcp(address).map_err(|error| BindError { address, transport: "TCP", error })?);
        Ok(())
    })?;
    Ok(listeners)
}

/// Binds every address for QUIC.
///
/// # Errors
/// The first address that cannot be had.
pub fn bind_quic(addresses: &[SocketAddr]) -> Result<Vec<UdpSocket>, BindError> {
    let mut sockets = Vec::new();
    for_each(addresses, |address| {
        sockets.push(quic(address).map_err(|error| BindError { address, transport: "UDP", error })?);
        Ok(())
    })?;
    Ok(sockets)
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

fn bind_address(address: SocketAddr, threads: usize, bound: &mut Bound) -> Result<(), BindError> {
    for attempt in 1.. {
        // TCP first: without SO_REUSEPORT it fails if another server, maybe another geosteer, has the port.
        let fail = |transport| move |error| BindError { address, transport, error };
        let listener = tcp(address).map_err(fail("TCP"))?;
        let actual = listener.local_addr().map_err(fail("TCP"))?;
        let sockets: io::Result<Vec<_>> = (0..threads.max(1)).map(|_| udp(actual)).collect();
        match sockets {
            Ok(sockets) => {
                bound.udp.extend(sockets);
                bound.tcp.push(listener);
                bound.addresses.push(actual);
                return Ok(());
            }
            Err(error) if address.port() == 0 && error.kind() == io::ErrorKind::AddrInUse && attempt < PORT_TRIES => {}
            Err(error) => return Err(BindError { address, transport: "UDP", error }),
        }
    }
    Ok(())
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
    let shape = Shape { v6: address.is_ipv6(), info: address.ip().is_unspecified() };
    socket.set_reuse_port(true)?;
    sys::set_shape(&socket, shape)?;
    sys::set_buffers(&socket, UDP_RECEIVE_BUFFER as i32, UDP_SEND_BUFFER as i32);
    socket.set_read_timeout(Some(Duration::from_millis(UDP_WAKE_MS)))?;
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
