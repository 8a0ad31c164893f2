//! One DNS question, over UDP or TCP, with a deadline.

use crate::limits::DOCTOR_MS;
use crate::serving;
use hickory_proto::op::{Edns, Message, MessageType, Query};
use hickory_proto::rr::{Name, RecordType};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

/// How a question is asked.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) name: &'a str,
    pub(super) rtype: RecordType,
    /// The EDNS payload size that is offered.
    pub(super) payload: u16,
    /// Whoever is asked shall ask others.
    pub(super) recursive: bool,
    /// Signatures are wanted, too.
    pub(super) signed: bool,
}

const PATIENCE: Duration = Duration::from_millis(DOCTOR_MS);

impl Question<'_> {
    fn message(&self) -> io::Result<Message> {
        let mut query = Message::query();
        query.metadata.recursion_desired = self.recursive;
        query.add_query(Query::query(Name::from_ascii(self.name).map_err(io::Error::other)?, self.rtype));
        let mut edns = Edns::new();
        edns.set_max_payload(self.payload);
        edns.set_dnssec_ok(self.signed);
        query.set_edns(edns);
        Ok(query)
    }

    /// Asks over UDP, twice if nothing comes; gives the reply and its octets.
    pub(super) fn over_udp(&self, server: SocketAddr) -> io::Result<(Message, usize)> {
        let query = self.message()?;
        let bytes = query.to_vec().map_err(io::Error::other)?;
        let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any)?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut buffer = vec![0; 65_535];
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        for _ in 0..2 {
            socket.send(&bytes)?;
            // Replies to other questions are passed over, but not without end.
            for _ in 0..8 {
                match socket.recv(&mut buffer) {
                    Ok(length) => match reply_to(&query, &buffer[..length]) {
                        Some(reply) => return Ok((reply, length)),
                        None => continue,
                    },
                    Err(error) => last = error,
                }
                break;
            }
        }
        Err(last)
    }

    /// Asks over TCP.
    pub(super) fn over_tcp(&self, server: SocketAddr) -> io::Result<Message> {
        let query = self.message()?;
        let bytes = query.to_vec().map_err(io::Error::other)?;
        let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(&[&(bytes.len() as u16).to_be_bytes(), &bytes[..]].concat())?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut reply)?;
        reply_to(&query, &reply).ok_or_else(|| io::Error::other("another question was answered"))
    }
}

fn reply_to(query: &Message, bytes: &[u8]) -> Option<Message> {
    let reply = Message::from_vec(bytes).ok()?;
    let same = reply.metadata.id == query.metadata.id && reply.queries == query.queries;
    (same && reply.metadata.message_type == MessageType::Response).then_some(reply)
}

/// The server that listens at an address, from this machine: where nothing goes to `::1`, over IPv4.
pub(super) fn reachable(listens: SocketAddr) -> SocketAddr {
    let (first, other) = serving::ways(listens);
    // Connecting sends nothing: it only looks for a way.
    let goes = UdpSocket::bind((first.ip(), 0)).and_then(|socket| socket.connect(first)).is_ok();
    if goes { first } else { other.unwrap_or(first) }
}

/// An error in few words.
pub(super) fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => format!("no answer within {} s", DOCTOR_MS / 1_000),
        _ => error.to_string(),
    }
}
