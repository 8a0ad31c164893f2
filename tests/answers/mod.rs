//! Zones from a few lines of text, a server made of them, and its answers decoded by hickory-proto: what the tests
//! by RFC section share.
#![allow(dead_code, unused_imports, reason = "each test binary uses some of it")]
#![allow(clippy::unwrap_used, reason = "tests")]

use geosteer::client::Subnet;
use geosteer::geo::ScopeLimits;
use geosteer::respond::{Request, Transport, Verdict, respond};
use geosteer::snapshot::{Ecs, Signing, Spec, ZoneSpec};
use geosteer::state::State;
use geosteer::wire::{Name, QueryBuilder};
use geosteer::worker::Worker;
use geosteer::zone::Record;
use hickory_proto::op::Message;
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use std::net::SocketAddr;

mod state;
#[allow(unused_imports, reason = "each test binary uses some of it")]
pub use state::{balanced_state, balanced_state_of, state_of};

/// The numbers of the types that the texts use.
pub fn rtype(text: &str) -> u16 {
    match text {
        "A" => 1,
        "NS" => 2,
        "CNAME" => 5,
        "SOA" => 6,
        "PTR" => 12,
        "HINFO" => 13,
        "MX" => 15,
        "TXT" => 16,
        "AAAA" => 28,
        "SRV" => 33,
        "DNAME" => 39,
        "OPT" => 41,
        "DS" => 43,
        "RRSIG" => 46,
        "HTTPS" => 65,
        "IXFR" => 251,
        "AXFR" => 252,
        "ANY" => 255,
        "CAA" => 257,
        _ => text.strip_prefix("TYPE").unwrap().parse().unwrap(),
    }
}

/// A name, relative to `origin` unless it ends in a dot.
pub fn name(text: &str, origin: &Name) -> Name {
    match text {
        "@" => origin.clone(),
        text if text.ends_with('.') => Name::parse(text).unwrap(),
        text => Name::parse(text).unwrap().join(origin).unwrap(),
    }
}

/// Record data in wire form; types without a rule of their own are written in hex.
fn rdata(rtype: u16, words: &[&str], origin: &Name) -> Box<[u8]> {
    let target = |text: &str| name(text, origin).wire().to_vec();
    let number = |text: &str| text.parse::<u16>().unwrap().to_be_bytes();
    let wire = match rtype {
        1 => words[0].parse::<std::net::Ipv4Addr>().unwrap().octets().to_vec(),
        28 => words[0].parse::<std::net::Ipv6Addr>().unwrap().octets().to_vec(),
        2 | 5 | 12 | 39 => target(words[0]),
        6 => {
            let mut wire = [target(words[0]), target(words[1])].concat();
            wire.extend(words[2..].iter().flat_map(|word| word.parse::<u32>().unwrap().to_be_bytes()));
            wire
        }
        15 => [number(words[0]).to_vec(), target(words[1])].concat(),
        16 => words.iter().flat_map(|word| std::iter::once(word.len() as u8).chain(word.bytes())).collect(),
        33 => {
            let mut wire: Vec<u8> = words[..3].iter().flat_map(|word| number(word)).collect();
            wire.extend(target(words[3]));
            wire
        }
        _ => (0..words[0].len() / 2).map(|i| u8::from_str_radix(&words[0][2 * i..2 * i + 2], 16).unwrap()).collect(),
    };
    wire.into()
}

/// A zone of lines `owner ttl type data…`; SOA and NS are added if the text has no SOA.
pub fn zone(apex: &str, text: &str) -> ZoneSpec {
    let apex = Name::parse(apex).unwrap();
    let usual = "@ 3600 SOA ns1 hostmaster 1 3600 600 604800 30\n@ 3600 NS ns1\n@ 3600 NS ns.other.test.\nns1 3600 A 192.0.2.53";
    let text = if text.contains(" SOA ") { text.to_owned() } else { format!("{usual}\n{text}") };
    let records = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| !words.is_empty())
        .map(|words| {
            let rtype = rtype(words[2]);
            Record {
                owner: name(words[0], &apex),
                rtype,
                ttl: words[1].parse().unwrap(),
                rdata: rdata(rtype, &words[3..], &apex),
            }
        })
        .collect();
    ZoneSpec {
        apex,
        file: "test".into(),
        records,
        regions: Vec::new(),
        ecs: ecs(&["0.0.0.0/0", "::/0"]),
        signing: Signing::Off,
        transfer: None,
        update: geosteer::update::Rules::default(),
    }
}

/// Client subnets believed from these networks.
pub fn ecs(trusted: &[&str]) -> Ecs {
    Ecs {
        enabled: true,
        trusted: trusted.iter().map(|network| network.parse().unwrap()).collect(),
        limits: ScopeLimits { v4: 24, v6: 56 },
    }
}

/// A server of static zones alone.
pub fn server(zones: Vec<ZoneSpec>) -> Server {
    Server::new(state_of(Spec { zones, ..Spec::default() }))
}

/// A server of one static zone `example.com`.
pub fn example(text: &str) -> Server {
    server(vec![zone("example.com", text)])
}

/// A state and a worker, asked in-process.
pub struct Server {
    pub state: State,
    worker: Worker,
    /// Where queries come from.
    pub source: SocketAddr,
}

impl Server {
    pub fn new(state: State) -> Self {
        Self { state, worker: Worker::new(1), source: "198.51.100.99:4242".parse().unwrap() }
    }

    /// Asks for a name and a type over UDP without EDNS.
    pub fn ask(&mut self, qname: &str, qtype: &str) -> Reply {
        self.udp(&query(qname, qtype).build())
    }

    /// The same with EDNS.
    pub fn ask_edns(&mut self, qname: &str, qtype: &str) -> Reply {
        self.udp(&query(qname, qtype).udp_size(1232).build())
    }

    /// The same with a client subnet.
    pub fn ask_subnet(&mut self, qname: &str, qtype: &str, subnet: &str) -> Reply {
        self.udp(&query(qname, qtype).subnet(self::subnet(subnet)).build())
    }

    /// Asks over a stream.
    pub fn ask_stream(&mut self, qname: &str, qtype: &str) -> Reply {
        let message = query(qname, qtype).build();
        Reply::decode(self.raw(&message, Transport::Stream).unwrap())
    }

    /// Sends a message over UDP.
    pub fn udp(&mut self, message: &[u8]) -> Reply {
        Reply::decode(self.raw(message, Transport::Udp).unwrap())
    }

    /// Sends a message and gives the octets of the answer.
    pub fn raw(&mut self, message: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let mut out = vec![0xee; if transport == Transport::Udp { 1232 } else { 65_535 }];
        let request = Request { bytes: message, source: self.source.into(), transport };
        match respond(&self.state, &mut self.worker, &request, &mut out) {
            Verdict::Send(length) => {
                out.truncate(length);
                Some(out)
            }
            Verdict::Drop | Verdict::Hand => None,
        }
    }
}

/// A query with id 4711 and RD.
pub fn query(qname: &str, qtype: &str) -> QueryBuilder {
    QueryBuilder::new(Name::parse(qname).unwrap(), rtype(qtype)).id(4711).recursion_desired()
}

/// `address/length`.
pub fn subnet(text: &str) -> Subnet {
    let (address, source) = text.split_once('/').unwrap();
    Subnet::new(address.parse().unwrap(), source.parse().unwrap())
}

/// A record as text; the library does not know DNAME.
fn show(record: &hickory_proto::rr::Record) -> String {
    match &record.data {
        RData::Unknown { code, rdata } if u16::from(*code) == 39 => {
            let target = Name::from_wire(&rdata.anything).unwrap();
            format!("{} {} IN DNAME {target}", record.name, record.ttl)
        }
        _ => record.to_string(),
    }
}

/// An answer, decoded.
pub struct Reply {
    pub bytes: Vec<u8>,
    pub message: Message,
}

impl Reply {
    /// Decodes by the library; what it cannot decode fails the test.
    pub fn decode(bytes: Vec<u8>) -> Self {
        let message = Message::from_vec(&bytes).unwrap_or_else(|error| panic!("{error}: {bytes:02x?}"));
        Self { bytes, message }
    }

    pub fn rcode(&self) -> u16 {
        self.message.metadata.response_code.into()
    }

    pub fn is_authoritative(&self) -> bool {
        self.message.metadata.authoritative
    }

    pub fn is_truncated(&self) -> bool {
        self.message.metadata.truncation
    }

    /// `owner ttl class type data` of each record.
    pub fn answer(&self) -> Vec<String> {
        self.message.answers.iter().map(show).collect()
    }

    pub fn authority(&self) -> Vec<String> {
        self.message.authorities.iter().map(show).collect()
    }

    pub fn additional(&self) -> Vec<String> {
        self.message.additionals.iter().map(show).collect()
    }

    /// The SCOPE PREFIX-LENGTH, if the option was answered.
    pub fn scope(&self) -> Option<u8> {
        match self.message.edns.as_ref()?.option(EdnsCode::Subnet)? {
            EdnsOption::Subnet(subnet) => Some(subnet.scope_prefix()),
            _ => None,
        }
    }

    /// The data of an EDNS option that the library does not know.
    pub fn option(&self, code: u16) -> Option<Vec<u8>> {
        match self.message.edns.as_ref()?.option(EdnsCode::Unknown(code))? {
            EdnsOption::Unknown(_, data) => Some(data.clone()),
            _ => None,
        }
    }

    /// The extended error's code.
    pub fn extended_error(&self) -> Option<u16> {
        self.option(15).map(|data| u16::from_be_bytes([data[0], data[1]]))
    }

    /// Asserts a negative answer: the SOA with the negative TTL alone, authoritative.
    #[track_caller]
    pub fn assert_negative(&self, rcode: u16, soa: &str) {
        assert_eq!(self.rcode(), rcode);
        assert!(self.is_authoritative());
        assert_eq!(self.answer(), Vec::<String>::new());
        assert_eq!(self.authority(), [soa]);
        assert_eq!(self.additional(), Vec::<String>::new());
    }
}

/// The SOA of `example.com` as negative answers carry it.
pub const SOA: &str = "example.com. 30 IN SOA ns1.example.com. hostmaster.example.com. 1 3600 600 604800 30";
/// NOERROR.
pub const NOERROR: u16 = 0;
/// FORMERR.
pub const FORMERR: u16 = 1;
/// NXDOMAIN.
pub const NXDOMAIN: u16 = 3;
/// NOTIMP.
pub const NOTIMP: u16 = 4;
/// REFUSED.
pub const REFUSED: u16 = 5;
