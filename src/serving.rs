//! Does this node answer? Its own sockets are asked for the SOA of each zone, over UDP and TCP. Never looks at the
//! health of endpoints: an anycast route that followed it would be withdrawn at every site at once.

use crate::limits::{SERVING_REPLIES, SERVING_TIMEOUT_MS, SERVING_TRIES, UDP_REPLY_MAX};
use crate::wire::Name;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name as HickoryName, RecordType};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

/// How a question travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// One datagram each way.
    Udp,
    /// One connection for all questions.
    Tcp,
}

/// What one socket answered.
#[derive(Debug)]
pub struct Found {
    /// Who was asked.
    pub address: SocketAddr,
    /// How.
    pub transport: Transport,
    /// Zones that were answered rightly.
    pub right: usize,
    /// What ended the asking before the last zone.
    pub trouble: Option<Trouble>,
}

/// Why a question has no right answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Nothing came back.
    Silent(String),
    /// Something else came back than the zone's SOA.
    Wrong(String),
}

/// What all sockets together say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Every zone is answered on every socket.
    Serves,
    /// Something answers, and not everything as it should.
    Partly,
    /// Nothing answers.
    Silent,
}

/// Asks every socket for every zone; the sockets side by side, so that a silent one takes no longer than one.
#[must_use]
pub fn ask(addresses: &[SocketAddr], zones: &[Name]) -> Vec<Found> {
    let sockets = addresses.iter().flat_map(|&address| [(address, Transport::Udp), (address, Transport::Tcp)]);
    thread::scope(|scope| {
        let asked =
            sockets.map(|(address, transport)| scope.spawn(move || socket(reachable(address), transport, zones)));
        // All are started before the first one is waited for.
        let asked = asked.collect::<Vec<_>>();
        asked.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

/// What the sockets' answers come to; no socket at all is silence.
#[must_use]
pub fn verdict(found: &[Found]) -> Verdict {
    let is_silent = |one: &Found| one.right == 0 && matches!(one.trouble, Some(Trouble::Silent(_)));
    if found.iter().all(is_silent) {
        Verdict::Silent
    } else if found.iter().all(|one| one.trouble.is_none()) {
        Verdict::Serves
    } else {
        Verdict::Partly
    }
}

/// The address by which this machine reaches a socket of its own.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

fn socket(address: SocketAddr, transport: Transport, zones: &[Name]) -> Found {
    let mut found = Found { address, transport, right: 0, trouble: None };
    found.trouble = match transport {
        Transport::Udp => zones.iter().try_for_each(|zone| count(over_udp(address, zone), &mut found.right)).err(),
        Transport::Tcp => match connect(address) {
            Err(error) => Some(Trouble::Silent(error.to_string())),
            Ok(mut stream) => {
                zones.iter().try_for_each(|zone| count(over_tcp(&mut stream, zone), &mut found.right)).err()
            }
        },
    };
    found
}

fn count(asked: Result<(), Trouble>, right: &mut usize) -> Result<(), Trouble> {
    asked.inspect(|()| *right += 1)
}

/// Asks one socket for one zone over UDP. A port of its own for each question, so that the threads of one address take
/// turns; several tries, since a flood may cost a datagram.
///
/// # Errors
/// What came instead of the zone's SOA.
pub fn over_udp(bound: SocketAddr, zone: &Name) -> Result<(), Trouble> {
    let address = reachable(bound);
    let mut trouble = Trouble::Silent("no answer".to_owned());
    for _ in 0..SERVING_TRIES {
        match over_udp_once(address, zone) {
            Err(Trouble::Silent(why)) => trouble = Trouble::Silent(why),
            said => return said,
        }
    }
    Err(trouble)
}

fn over_udp_once(address: SocketAddr, zone: &Name) -> Result<(), Trouble> {
    let query = query(zone)?;
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).map_err(silent)?;
    socket.connect(address).map_err(silent)?;
    socket.set_read_timeout(Some(Duration::from_millis(SERVING_TIMEOUT_MS))).map_err(silent)?;
    socket.send(&bytes(&query)?).map_err(silent)?;
    let mut buffer = [0; UDP_REPLY_MAX];
    for _ in 0..SERVING_REPLIES {
        let length = socket.recv(&mut buffer).map_err(silent)?;
        if let Ok(reply) = Message::from_vec(&buffer[..length])
            && reply.metadata.id == query.metadata.id
        {
            return judge(&query, &reply);
        }
    }
    Err(Trouble::Silent("answers to other questions only".to_owned()))
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let limit = Duration::from_millis(SERVING_TIMEOUT_MS);
    let stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn over_tcp(stream: &mut TcpStream, zone: &Name) -> Result<(), Trouble> {
    let query = query(zone)?;
    let bytes = bytes(&query)?;
    let length = (bytes.len() as u16).to_be_bytes();
    stream.write_all(&[&length, &bytes[..]].concat()).map_err(silent)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).map_err(silent)?;
    let mut reply = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut reply).map_err(silent)?;
    let reply = Message::from_vec(&reply).map_err(|error| Trouble::Wrong(format!("no DNS message: {error}")))?;
    judge(&query, &reply)
}

/// A question for the SOA of a zone, with an id drawn at random.
fn query(zone: &Name) -> Result<Message, Trouble> {
    let name = HickoryName::from_ascii(zone.to_string()).map_err(|error| Trouble::Wrong(format!("{zone}: {error}")))?;
    let mut query = Message::query();
    query.add_query(Query::query(name, RecordType::SOA));
    Ok(query)
}

fn bytes(query: &Message) -> Result<Vec<u8>, Trouble> {
    query.to_vec().map_err(|error| Trouble::Wrong(format!("the question: {error}")))
}

/// The one right answer: ours, with authority, without error, with the zone's SOA.
fn judge(query: &Message, reply: &Message) -> Result<(), Trouble> {
    let (head, zone) = (&reply.metadata, query.queries[0].name());
    let wrong = |what: String| Err(Trouble::Wrong(format!("{zone} SOA: {what}")));
    if head.id != query.metadata.id || head.message_type != MessageType::Response || head.op_code != OpCode::Query {
        return wrong("no answer to this question".to_owned());
    }
    if head.response_code != ResponseCode::NoError {
        return wrong(head.response_code.to_string());
    }
    if reply.queries != query.queries {
        return wrong("another question was answered".to_owned());
    }
    if !head.authoritative {
        return wrong("an answer without authority: another server?".to_owned());
    }
    let has_soa = reply.answers.iter().any(|record| record.record_type() == RecordType::SOA && record.name == *zone);
    if has_soa { Ok(()) } else { wrong("no SOA in the answer".to_owned()) }
}

fn silent(error: io::Error) -> Trouble {
    let timed_out = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
    Trouble::Silent(if timed_out { "no answer".to_owned() } else { error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(right: usize, trouble: Option<Trouble>) -> Found {
        Found { address: ([127, 0, 0, 1], 53).into(), transport: Transport::Udp, right, trouble }
    }

    #[test]
    fn one_wrong_or_missing_answer_among_right_ones_is_not_silence() {
        let silent = || Some(Trouble::Silent("no answer".into()));
        let wrong = || Some(Trouble::Wrong("REFUSED".into()));
        assert_eq!(verdict(&[found(2, None), found(2, None)]), Verdict::Serves);
        assert_eq!(verdict(&[found(0, silent()), found(0, silent())]), Verdict::Silent);
        assert_eq!(verdict(&[found(2, None), found(0, silent())]), Verdict::Partly);
        assert_eq!(verdict(&[found(0, wrong()), found(0, wrong())]), Verdict::Partly);
        assert_eq!(verdict(&[found(1, silent())]), Verdict::Partly);
        assert_eq!(verdict(&[]), Verdict::Silent);
    }

    #[test]
    fn wildcard_addresses_are_asked_over_the_loopback() {
        for (bound, asked) in
            [("0.0.0.0:53", "127.0.0.1:53"), ("[::]:5300", "[::1]:5300"), ("192.0.2.1:53", "192.0.2.1:53")]
        {
            assert_eq!(reachable(bound.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
