//! Reading and writing without waiting, by a connection that the runtime knows or does not know yet.

use std::io::{self, Read, Write};
use tokio::net::TcpStream;

/// A non-blocking stream of octets.
pub(super) trait Stream {
    /// Reads what is there; `WouldBlock` if nothing is, 0 when the client has closed its side.
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize>;
    /// Writes what the kernel takes; `WouldBlock` if that is nothing.
    fn try_write(&self, octets: &[u8]) -> io::Result<usize>;
}

impl Stream for TcpStream {
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        Self::try_read(self, into)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        Self::try_write(self, octets)
    }
}

impl Stream for std::net::TcpStream {
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut stream = self;
        stream.read(into)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        let mut stream = self;
        stream.write(octets)
    }
}
