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
    /// SERVFAIL came back: what a zone answers whose keys are missing.
    Failed(String),
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
        let asked = sockets.map(|(address, transport)| scope.spawn(move || socket(ways(address), transport, zones)));
        // All are started before the first one is waited for.
        let asked = asked.collect::<Vec<_>>();
        asked.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

/// What the sockets' answers come to; no socket at all is silence.
#[must_use]
pub fn verdict(found: &[Found]) -> Verdict {
    if found.iter().all(is_silent) {
        Verdict::Silent
    } else if found.iter().all(|one| one.trouble.is_none()) {
        Verdict::Serves
    } else {
        Verdict::Partly
    }
}

fn is_silent(found: &Found) -> bool {
    found.right == 0 && matches!(found.trouble, Some(Trouble::Silent(_)))
}

/// How this machine reaches a socket of its own. The second way is for when the first is silent: a socket at `[::]` serves
/// IPv4 too, also where IPv6 is switched off or kept from the loopback, so that nothing reaches `::1`.
#[must_use]
pub fn ways(bound: SocketAddr) -> (SocketAddr, Option<SocketAddr>) {
    let at = |ip: IpAddr| SocketAddr::new(ip, bound.port());
    match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (at(Ipv4Addr::LOCALHOST.into()), None),
        IpAddr::V6(ip) if ip.is_unspecified() => (at(Ipv6Addr::LOCALHOST.into()), Some(at(Ipv4Addr::LOCALHOST.into()))),
        _ => (bound, None),
    }
}

/// What is heard by one of the ways.
fn by<T>(
    (first, other): (SocketAddr, Option<SocketAddr>),
    ask: impl Fn(SocketAddr) -> T,
    is_silent: impl Fn(&T) -> bool,
) -> T {
    let said = ask(first);
    match other {
        Some(other) if is_silent(&said) => ask(other),
        _ => said,
    }
}

fn socket(ways: (SocketAddr, Option<SocketAddr>), transport: Transport, zones: &[Name]) -> Found {
    by(ways, |address| socket_at(address, transport, zones), is_silent)
}

fn socket_at(address: SocketAddr, transport: Transport, zones: &[Name]) -> Found {
    let mut found = Found { address, transport, right: 0, trouble: None };
    found.trouble = match transport {
        Transport::Udp => zones.iter().try_for_each(|zone| count(over_udp_at(address, zone), &mut found.right)).err(),
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

/// Asks one socket for one zone over UDP.
///
/// # Errors
/// What came instead of the zone's SOA.
pub fn over_udp(bound: SocketAddr, zone: &Name) -> Result<(), Trouble> {
    by(ways(bound), |address| over_udp_at(address, zone), |said| matches!(said, Err(Trouble::Silent(_))))
}

/// A port of its own for each question, so that the threads of one address take turns; several tries, since a flood may
/// cost a datagram.
fn over_udp_at(address: SocketAddr, zone: &Name) -> Result<(), Trouble> {
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
    match head.response_code {
        ResponseCode::NoError => {}
        ResponseCode::ServFail if reply.queries == query.queries => {
            return Err(Trouble::Failed(format!("{zone} SOA: {}", head.response_code)));
        }
        code => return wrong(code.to_string()),
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
    use crate::daemon::{Options, Server};
    use socket2::{Domain, Socket, Type};

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
    fn wildcard_addresses_are_asked_over_the_loopback_and_the_dual_one_over_both() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(ways(at("0.0.0.0:53")), (at("127.0.0.1:53"), None));
        assert_eq!(ways(at("[::]:5300")), (at("[::1]:5300"), Some(at("127.0.0.1:5300"))));
        assert_eq!(ways(at("192.0.2.1:53")), (at("192.0.2.1:53"), None));
        assert_eq!(ways(at("[2001:db8::1]:53")), (at("[2001:db8::1]:53"), None));
    }

    #[test]
    fn where_the_first_way_is_dead_the_other_one_counts_over_udp_and_tcp() {
        let zone = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n";
        let server = Server::start(Options::for_text("example.com.toml", zone)).unwrap();
        let zones = [Name::parse("example.com").unwrap()];
        // Ports that are taken and refuse: one that hears somebody else only, one that is not listened at.
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect(server.address()).unwrap();
        let tcp = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        tcp.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let dead = [udp.local_addr().unwrap(), tcp.local_addr().unwrap().as_socket().unwrap()];
        for (transport, dead) in [Transport::Udp, Transport::Tcp].into_iter().zip(dead) {
            assert!(is_silent(&socket((dead, None), transport, &zones)), "{transport:?}");
            let found = socket((dead, Some(server.address())), transport, &zones);
            assert_eq!((found.address, found.right, found.trouble), (server.address(), 1, None), "{transport:?}");
        }
    }
}
