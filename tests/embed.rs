//! The same queries three ways: in-process, over our own UDP, and through a hickory server that the adapter is
//! embedded in (as `examples/embed` does it). The answers are the same.

use geosteer::daemon::{Options, Server};
use geosteer::listen::hickory::Handler;
use geosteer::publish::Published;
use geosteer::respond::{Request, Transport, Verdict, respond};
use geosteer::state::State;
use geosteer::worker::Worker;
use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
use hickory_proto::rr::{Name, RecordType};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// One endpoint a pool, so that nothing is drawn; enough static records that one answer does not fit.
const ZONE: &str = r#"
zone = "embed.example.com"
ns = ["ns1.example.net"]

[records]
text = """
mail  A     192.0.2.25
@     MX    10 mail
alias CNAME mail
many  TXT   "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
many  TXT   "11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
many  TXT   "22222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
many  TXT   "33333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333"
many  TXT   "44444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444"
many  TXT   "55555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555"
"""

[regions]
europe = { continents = ["EU"] }

[pools]
fra = { check = "none", endpoints = [{ name = "fra", address = ["192.0.2.10", "2001:db8::10"] }] }
nyc = { check = "none", endpoints = [{ name = "nyc", address = ["198.51.100.10", "2001:db8::20"] }] }

[names.www.policy]
europe = ["fra"]
default = ["nyc"]
"#;

/// Name, type, and the client subnet; no subnet and no EDNS without one.
type Asked = (&'static str, RecordType, Option<(&'static str, u8)>);

const QUERIES: [Asked; 13] = [
    ("www.embed.example.com.", RecordType::A, Some(("193.0.6.0", 24))),
    ("www.embed.example.com.", RecordType::A, Some(("128.101.101.0", 24))),
    ("wWw.EmBeD.example.COM.", RecordType::AAAA, Some(("2001:67c:2e8::", 48))),
    ("www.embed.example.com.", RecordType::A, None),
    ("www.embed.example.com.", RecordType::MX, Some(("193.0.6.0", 24))),
    ("embed.example.com.", RecordType::SOA, None),
    ("embed.example.com.", RecordType::MX, Some(("0.0.0.0", 0))),
    ("alias.embed.example.com.", RecordType::A, None),
    ("missing.embed.example.com.", RecordType::A, Some(("193.0.6.0", 24))),
    ("many.embed.example.com.", RecordType::TXT, None),
    ("many.embed.example.com.", RecordType::TXT, Some(("193.0.6.0", 24))),
    ("elsewhere.example.org.", RecordType::A, None),
    ("elsewhere.example.org.", RecordType::A, Some(("193.0.6.0", 24))),
];

fn query(id: u16, (name, rtype, subnet): Asked) -> Vec<u8> {
    let mut message = Message::query();
    message.metadata.id = id;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), rtype));
    message.edns = subnet.map(|(address, source)| {
        let mut edns = Edns::new();
        // Too small for the TXT records: the reply has to be truncated, and must keep its OPT record.
        edns.set_max_payload(512);
        edns.options_mut().insert(EdnsOption::Subnet(ClientSubnet::new(address.parse().unwrap(), source, 0)));
        edns
    });
    message.to_vec().unwrap()
}

fn in_process(state: &State, query: &[u8]) -> Message {
    let mut out = vec![0; 65_535];
    let source: std::net::SocketAddr = "127.0.0.1:5353".parse().unwrap();
    let request = Request { bytes: query, source: source.into(), transport: Transport::Udp };
    match respond(state, &mut Worker::new(1), &request, &mut out) {
        Verdict::Send(length) => Message::from_vec(&out[..length]).unwrap(),
        Verdict::Drop | Verdict::Hand => panic!("no answer to {query:02x?}"),
    }
}

fn over_udp(to: SocketAddr, query: &[u8]) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket.send_to(query, to).unwrap();
    let mut buffer = [0; 4_096];
    let length = socket.recv(&mut buffer).unwrap();
    Message::from_vec(&buffer[..length]).unwrap()
}

/// A hickory server with our handler on a port of its own, for as long as the runtime lives.
fn embed(runtime: &tokio::runtime::Runtime, published: &Arc<Published>) -> SocketAddr {
    runtime.block_on(async {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let mut server = hickory_server::Server::new(Handler::new(Arc::clone(published), 1));
        server.register_socket(socket);
        tokio::spawn(async move { server.block_until_done().await });
        address
    })
}

#[test]
fn in_process_over_udp_and_inside_a_hickory_server_the_answers_are_the_same() {
    let ours = Server::start(Options::for_text("embed.toml", ZONE)).unwrap();
    let state = State::clone(&ours.state());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let theirs = embed(&runtime, &Arc::new(Published::new(state.clone())));
    let mut truncated = 0;
    for (id, asked) in QUERIES.into_iter().enumerate() {
        let query = query(1_000 + id as u16, asked);
        let here = in_process(&state, &query);
        assert_eq!(here, over_udp(ours.address(), &query), "{asked:?}: over our UDP");
        assert_eq!(here, over_udp(theirs, &query), "{asked:?}: through the hickory server");
        assert_eq!(here.metadata.id, 1_000 + id as u16);
        assert_eq!(here.edns.is_some(), asked.2.is_some(), "{asked:?}: OPT if and only if the query has one");
        truncated += u32::from(here.metadata.truncation);
    }
    assert_eq!(truncated, 2, "the TXT answers do not fit, with and without OPT");
}

#[test]
fn a_new_state_is_served_by_the_embedded_handler_at_once() {
    let before = Server::start(Options::for_text("embed.toml", ZONE)).unwrap();
    let after = Server::start(Options::for_text("embed.toml", &ZONE.replace("192.0.2.10", "192.0.2.77"))).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let published = Arc::new(Published::new(State::clone(&before.state())));
    let address = embed(&runtime, &published);
    let asked = query(1, QUERIES[0]);
    assert_eq!(over_udp(address, &asked).answers[0].data.to_string(), "192.0.2.10");
    published.store(State::clone(&after.state()));
    assert_eq!(over_udp(address, &asked).answers[0].data.to_string(), "192.0.2.77");
}
