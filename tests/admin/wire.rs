//! What is explained is what is answered: random clients and names, over UDP and over HTTP.

use super::web::{connect, read_one};
use super::{LONG, Running};
use geosteer::report::{Question, Report};
use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, RecordType};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Regions by continent and network, pools of several endpoints, methods that draw and methods that do not.
const ZONE: &str = r#"
zone = "example.com"
ns = ["ns.example.net"]

[regions]
europe = { continents = ["EU", "AF"] }
asia = { continents = ["AS", "OC"] }
office = { networks = ["193.0.6.0/24", "20.1.0.0/16"] }

[pools]
eu = { check = "none", balance = "hash", endpoints = ["192.0.2.1", "192.0.2.2", "192.0.2.3"] }
us = { check = "none", balance = "weighted", endpoints = [{ name = "x", address = "192.0.2.11", weight = 3 }, { name = "y", address = "192.0.2.12", weight = 1 }] }
as = { check = "none", balance = "failover", endpoints = ["192.0.2.21", "192.0.2.22"] }
gone = { check = "none", state = "down", endpoints = ["192.0.2.31"] }

[names.www.policy]
default = ["us"]
europe = ["gone", "eu"]
asia = ["as", "us"]
office = ["eu", "us"]

[names.api.policy]
default = ["as"]
europe = ["eu"]

[names.sticky.policy]
default = { pools = [{ eu = 50, as = 50 }], sticky = true }
"#;

/// Pools whose method gives one client the same answer every time.
const SAME: [&str; 2] = ["eu", "as"];

/// The generator of Steele, Lea and Flood (SplitMix64): the same questions in every run.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// What came over UDP.
struct Answer {
    rcode: String,
    data: Vec<String>,
    ttl: Option<u32>,
    scope: u8,
}

fn ask(socket: &UdpSocket, name: &str, (address, bits): (IpAddr, u8)) -> Answer {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    let mut edns = Edns::new();
    edns.options_mut().insert(EdnsOption::Subnet(ClientSubnet::new(address, bits, 0)));
    message.edns = Some(edns);
    socket.send(&message.to_vec().unwrap()).unwrap();
    let mut answer = [0; 1232];
    let length = socket.recv(&mut answer).unwrap();
    let message = Message::from_vec(&answer[..length]).unwrap();
    let scope = match message.edns.as_ref().and_then(|edns| edns.option(EdnsCode::Subnet)) {
        Some(EdnsOption::Subnet(subnet)) => subnet.scope_prefix(),
        _ => panic!("no client subnet in the reply"),
    };
    let rcode = if u16::from(message.metadata.response_code) == 0 { "NOERROR" } else { "NXDOMAIN" };
    Answer {
        rcode: rcode.to_owned(),
        data: message.answers.iter().map(|record| record.data.to_string()).collect(),
        ttl: message.answers.first().map(|record| record.ttl),
        scope,
    }
}

/// A drawn client subnet: of IPv4 anywhere, of IPv6 where networks are given out.
fn client(draw: &mut Draw) -> (IpAddr, u8) {
    const GIVEN_OUT: [u64; 6] = [0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00];
    let (drawn, bits) = (draw.next(), draw.next());
    if bits & 1 == 0 {
        let bits = 8 + (bits >> 8) as u8 % 25;
        return (Ipv4Addr::from_bits((drawn as u32) & (u32::MAX << (32 - bits))).into(), bits);
    }
    let bits = 16 + (bits >> 8) as u8 % 49;
    let network = (GIVEN_OUT[(drawn >> 32) as usize % 6] << 48 | drawn >> 16) & (u64::MAX << (64 - bits));
    (Ipv6Addr::from_bits(u128::from(network) << 64).into(), bits)
}

/// Holds an answer against its explanation; true if they must be and are the same octet by octet.
fn agree(answer: &Answer, report: &Report, who: &dyn Fn() -> String) -> bool {
    assert_eq!((&answer.rcode, answer.scope), (&report.rcode, report.scope), "{}", who());
    let Some(pool) = &report.pool else {
        assert!(answer.data.is_empty(), "{}", who());
        return false;
    };
    let members = &report.trail.iter().find(|view| view.picked).expect("a pool that answered").endpoints;
    let is_member = |one: &String| members.iter().any(|member| member.address == *one);
    assert!(answer.data.iter().all(is_member), "{:?} {}", answer.data, who());
    assert_eq!((answer.data.len(), answer.ttl), (report.answers.len(), report.ttl), "{}", who());
    let same = SAME.contains(&pool.as_str());
    assert!(!same || answer.data == report.answers, "{:?} {}", answer.data, who());
    same
}

/// 2,000 clients; 100,000 with `GEOSTEER_FULL=1`.
#[test]
fn explanations_agree_with_the_wire() {
    let running = Running::new(ZONE);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(running.server.address()).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let rounds = if std::env::var_os("GEOSTEER_FULL").is_some() { 100_000 } else { 2_000 };
    let (state, mut draw, mut compared, mut pools) = (running.server.state(), Draw(11), 0, BTreeMap::new());
    let mut http = connect(running.admin);
    for round in 0..rounds {
        let label = ["www", "api", "sticky", "none"][(draw.next() >> 40) as usize % 4];
        let name = format!("{label}.example.com");
        let subnet = client(&mut draw);
        let answer = ask(&socket, &name, subnet);
        // Each fiftieth over HTTP, the others by the same code in this process.
        let report: Report = if round % 50 == 0 {
            let (address, bits) = subnet;
            write!(http, "GET /api/v1/explain?name={name}&client={address}/{bits} HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .unwrap();
            serde_json::from_str(&read_one(&mut http)).unwrap()
        } else {
            let resolver = IpAddr::V4(Ipv4Addr::LOCALHOST);
            Report::new(&state, &Question { name: name.clone(), rtype: RecordType::A, subnet, resolver })
                .unwrap()
                .unwrap()
        };
        let who = || format!("{name} for {subnet:?}: {report:?}");
        compared += usize::from(agree(&answer, &report, &who));
        *pools.entry((subnet.0.is_ipv6(), report.pool.clone())).or_insert(0) += 1;
    }
    println!("{rounds} explained, {compared} compared octet by octet; by family and pool: {pools:?}");
    assert!(compared > rounds / 4, "{compared} answers were compared octet by octet");
    // Both families have seen every pool that can answer, and a name that is not there.
    assert_eq!(pools.len(), 8, "{pools:?}");
}

/// `_explain.www.example.com TXT` from 127.0.0.1 for a client subnet.
fn explained(running: &Running, name: &str) -> (String, Vec<String>, u32) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(running.server.address()).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::TXT));
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    edns.options_mut().insert(EdnsOption::Subnet(ClientSubnet::new([193, 0, 6, 0].into(), 24, 0)));
    message.edns = Some(edns);
    socket.send(&message.to_vec().unwrap()).unwrap();
    let mut answer = [0; 1500];
    let length = socket.recv(&mut answer).unwrap();
    let message = Message::from_vec(&answer[..length]).unwrap();
    let text = |record: &hickory_proto::rr::Record| match &record.data {
        hickory_proto::rr::RData::TXT(txt) => {
            txt.txt_data.iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect()
        }
        other => panic!("{other}"),
    };
    let strings = message.answers.first().map_or_else(Vec::new, text);
    (message.metadata.response_code.to_string(), strings, message.answers.first().map_or(0, |record| record.ttl))
}

#[test]
fn an_answer_is_explained_over_dns_to_those_who_may_ask() {
    let may = Running::explaining(ZONE, &["127.0.0.0/8"]);
    let (code, strings, ttl) = explained(&may, "_EXPLAIN.www.example.com");
    assert_eq!((code.as_str(), ttl), ("No Error", 0), "{strings:?}");
    for start in ["client 193.0.6.0 (client subnet)", "region office, by ", "policy ", "answers eu: taken"] {
        assert!(strings.iter().any(|string| string.starts_with(start)), "{start} not in {strings:?}");
    }
    assert_eq!(explained(&may, "_explain.none.example.com").0, "Non-Existent Domain");
    assert_eq!(explained(&may, "x_explain.www.example.com").0, "Non-Existent Domain");
    for other in [Running::explaining(ZONE, &["192.0.2.0/24"]), Running::new(ZONE)] {
        let (code, strings, _) = explained(&other, "_explain.www.example.com");
        assert_eq!((code.as_str(), strings.len()), ("Non-Existent Domain", 0));
    }
}
