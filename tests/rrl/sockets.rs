//! The whole server, its sockets, metrics and events.

use super::{plain, query};
use geosteer::config;
use geosteer::daemon::{Options, Server, ServerSource};
use geosteer::rrl::{Class, Fate, Rules};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(30);
const ZONE: &str = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[records]\ntext = \"www 300 A 192.0.2.1\"\n\
    [regions]\noffice = { networks = [\"203.0.113.0/24\"] }\n\
    [pools]\nnear = { check = \"none\", endpoints = [\"192.0.2.10\"] }\n\
    far = { check = \"none\", endpoints = [\"192.0.2.20\"] }\n\
    [names.app.policy]\noffice = [\"near\"]\ndefault = [\"far\"]\n";

fn start(rules: Rules) -> Server {
    let mut options = Options::for_text("example.toml", ZONE);
    options.threads = Some(2);
    options.sources.server = ServerSource::Given(Box::new(config::Server { rrl: Some(rules), ..Default::default() }));
    Server::start(options).unwrap()
}

/// A client at an address of the machine itself.
struct Client(UdpSocket);

impl Client {
    fn at(address: &str, server: &Server) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.connect(server.address()).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        Self(socket)
    }

    /// True if the reply has data.
    fn asks(&self, message: &[u8]) -> bool {
        self.0.send(message).unwrap();
        let mut reply = [0; 1_232];
        let length = self.0.recv(&mut reply).unwrap();
        assert!(length >= 12 && reply[..2] == message[..2]);
        match (reply[2] & 2 != 0, reply[7]) {
            (false, 1) => true,
            (true, 0) => false,
            other => panic!("{other:?}: {reply:02x?}"),
        }
    }
}

fn asks_over_tcp(address: SocketAddr, message: &[u8]) -> bool {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(&[&(message.len() as u16).to_be_bytes(), message].concat()).unwrap();
    let mut reply = [0; 14];
    stream.read_exact(&mut reply).unwrap();
    reply[4] & 2 == 0 && reply[9] == 1
}

#[expect(clippy::disallowed_methods, reason = "what may pass grows with the time that the test takes")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn over_sockets_a_block_gets_its_limit_and_others_lose_nothing() {
    let limit = 50;
    let rules = Rules { per_second: [limit, 0, 0, 0, 0, 0], slip: 1, ..Rules::default() };
    let server = start(rules);
    let message = plain("www.example.com", "A");
    let (one, next, other) =
        (Client::at("127.1.1.1", &server), Client::at("127.1.1.2", &server), Client::at("127.1.2.1", &server));
    let (began, mut full) = (now(), 0);
    for number in 0..4_000 {
        full += u64::from(if number % 2 == 0 { one.asks(&message) } else { next.asks(&message) });
    }
    let most = u64::from(limit) + began.elapsed().as_millis() as u64 * u64::from(limit) / 1_000 + 1;
    assert!((u64::from(limit)..=most).contains(&full), "{full} of at most {most}");
    for _ in 0..40 {
        assert!(other.asks(&message));
        assert!(asks_over_tcp(server.address(), &message));
    }
    let limited = server.totals().limited;
    assert_eq!(limited.of(Class::Response, Fate::Slipped), 4_000 - full);
    assert_eq!(limited.of(Class::Response, Fate::Dropped), 0);
    server.stop();
}

#[test]
fn over_sockets_a_resolver_that_asks_for_many_subnets_loses_nothing() {
    let rules = Rules { per_second: [5, 0, 0, 0, 0, 0], slip: 1, ..Rules::default() };
    let server = start(rules);
    let client = Client::at("127.1.3.1", &server);
    for number in 0..2_000 {
        let subnet = super::subnet(&format!("10.{}.{}.0/24", number / 256, number % 256));
        assert!(client.asks(&query("app.example.com", "A").subnet(subnet).build()), "{number}");
    }
    // What is the same for everybody is asked for once, and not for each of them.
    let of = |number| super::subnet(&format!("10.{number}.0.0/24"));
    let full = (0..200).filter(|number| client.asks(&query("www.example.com", "A").subnet(of(*number)).build()));
    assert!(full.count() < 100, "a limit of five a second");
    server.stop();
}

#[test]
fn limits_that_are_tried_are_counted_and_told() {
    let rules = Rules { per_second: [5, 0, 0, 0, 0, 0], log_only: true, ..Rules::default() };
    let server = start(rules);
    let client = Client::at("127.1.4.1", &server);
    let message = plain("www.example.com", "A");
    for _ in 0..2_000 {
        assert!(client.asks(&message));
    }
    assert!(server.totals().limited.of(Class::Response, Fate::Spared) > 0);
    let mut news = server.events().follow();
    let told = || server.events().after(Some(0), 100).into_iter().find(|event| event.kind.word() == "limit");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let event = runtime.block_on(async {
        loop {
            if let Some(event) = told() {
                break event;
            }
            tokio::time::timeout(LONG, news.changed()).await.unwrap().unwrap();
        }
    });
    assert_eq!((&*event.subject, &*event.to), ("127.1.4.0/24 response", "would be limited"));
    server.stop();
}

/// A query with this cookie.
fn with_cookie(cookie: &[u8]) -> Vec<u8> {
    query("www.example.com", "A").option(10, cookie).build()
}

/// The whole cookie that a client is given: the last option of its reply.
fn whole_cookie(client: &Client) -> Vec<u8> {
    client.0.send(&with_cookie(&[7; 8])).unwrap();
    let mut reply = [0; 1_232];
    let length = client.0.recv(&mut reply).unwrap();
    let cookie = reply[length - 24..length].to_vec();
    assert_eq!(cookie[..8], [7; 8]);
    cookie
}

#[test]
fn over_sockets_who_shows_a_cookie_loses_nothing_beside_a_flood() {
    let server = start(Rules { per_second: [5, 0, 0, 0, 0, 0], slip: 1, ..Rules::default() });
    let (flood, honest) = (Client::at("127.1.5.1", &server), Client::at("127.1.5.2", &server));
    let message = with_cookie(&whole_cookie(&honest));
    let plain = plain("www.example.com", "A");
    let limited = (0..1_000).filter(|_| {
        assert!(honest.asks(&message));
        !flood.asks(&plain)
    });
    assert!(limited.count() > 0);
    server.stop();
}

#[test]
fn a_cookie_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let mut options = Options::for_text("example.toml", ZONE);
        options.state = Some(folder.path().to_owned());
        Server::start(options).unwrap()
    };
    let server = start();
    let cookie = whole_cookie(&Client::at("127.1.6.1", &server));
    server.stop();
    let server = start();
    assert!(Client::at("127.1.6.1", &server).asks(&with_cookie(&cookie)));
    assert_eq!(server.totals().limited.cookies, [1, 0, 0]);
    server.stop();
}

#[test]
fn a_reload_switches_limits_on_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (file, zone) = (folder.path().join("geosteer.toml"), folder.path().join("zone.toml"));
    std::fs::write(&zone, ZONE).unwrap();
    std::fs::write(&file, "").unwrap();
    let mut options = Options::for_paths(vec![zone]);
    options.sources.server = ServerSource::File(file.clone());
    options.state = Some(folder.path().join("state"));
    let server = Server::start(options).unwrap();
    let (client, message) = (Client::at("127.1.7.1", &server), plain("www.example.com", "A"));
    (0..500).for_each(|_| assert!(client.asks(&message)));
    std::fs::write(&file, "[rrl]\nresponses_per_second = 5\nslip = 1\n").unwrap();
    let reloaded = server.reload().unwrap();
    assert!(reloaded.changes.iter().any(|change| change.name == "rrl"), "{:?}", reloaded.changes);
    assert!((0..2_000).any(|_| !client.asks(&message)));
    std::fs::write(&file, "").unwrap();
    server.reload().unwrap();
    (0..500).for_each(|_| assert!(client.asks(&message)));
    server.stop();
}
