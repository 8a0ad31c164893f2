//! A server on sockets, its zone in a file: what the tests that need one share, and transfers over TCP and TLS.

use crate::answers::query;
use crate::common::{ZONE, decode, question};
use crate::secure::{self, framed, plain, read_message};
use geosteer::clock;
use geosteer::config::{Encrypted, Server as Settings, Tls, TsigKey};
use geosteer::daemon::{Options, Server, ServerSource, Sources, Zones};
use geosteer::listen::tcp::Limits;
use geosteer::transfer::{Kind, Outcome};
use geosteer::tsig::Algorithm;
use geosteer::wire::Name;
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The secret of the key `ns2`, as its file has it.
pub const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// A time that only a fault takes.
pub const LONG: Duration = Duration::from_secs(60);

/// A running server.
pub struct Served {
    pub folder: tempfile::TempDir,
    pub server: Server,
    pair: secure::Pair,
}

/// Serves a zone, with a key and over TLS too.
pub fn serve(zone: &str) -> Served {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(file(folder.path()), zone).unwrap();
    serve_from(folder)
}

fn file(folder: &Path) -> PathBuf {
    folder.join("example.com.toml")
}

/// The same in a folder that has the zone.
pub fn serve_from(folder: tempfile::TempDir) -> Served {
    let secret_file = folder.path().join("ns2.key");
    std::fs::write(&secret_file, SECRET).unwrap();
    let pair = secure::Pair::new();
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let tsig = vec![TsigKey { name: Name::parse("ns2").unwrap(), algorithm: Algorithm::Sha256, secret_file }];
    let tls = Tls { certificate: Some(pair.chain.clone()), key: Some(pair.key.clone()) };
    let mut settings = Settings { tsig, tls, ..Settings::default() };
    settings.dns.encrypted = Encrypted { tls: vec![any], ..Encrypted::default() };
    let zones = Zones::Paths(vec![file(folder.path())]);
    let sources = Sources { server: ServerSource::Given(Box::new(settings)), zones: Some(zones) };
    let state = Some(folder.path().join("state"));
    // Whoever does not read is waited for longer than a busy machine takes.
    let tcp = Some(Limits { write: 2 * LONG, message: 2 * LONG, idle: 2 * LONG, ..Limits::with_descriptors(1_024) });
    let server = Server::start(Options { sources, state, tcp, ..Options::for_text("", "") }).unwrap();
    Served { folder, server, pair }
}

impl Served {
    /// Changes the zone's file, and has it read.
    pub fn change(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(file(self.folder.path())).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(file(self.folder.path()), text.replace(from, to)).unwrap();
        self.server.reload().unwrap();
    }

    fn ended(&self, kind: Kind, outcome: Outcome) -> u64 {
        self.server.state().identity.transfers.shared.counts.ended(kind, outcome)
    }

    fn running(&self) -> usize {
        self.server.state().identity.transfers.shared.running()
    }

    fn tls(&self) -> secure::Stream {
        secure::secure(self.server.listening()[0].address, &self.pair.client(&["dot"]))
    }
}

/// Waits until something is so.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = clock::instant() + LONG;
    while !is_so() {
        assert!(clock::instant() < until, "{what}");
        std::thread::yield_now();
    }
}

/// A zone of many hosts that this machine may have.
fn large(hosts: usize) -> String {
    let lines: String = (0..hosts).map(|host| format!("host{host} A 192.0.2.{}\n", host % 250)).collect();
    ZONE.replace("192.0.2.0/24", "127.0.0.0/8").replace("ns1    A", &format!("{lines}ns1    A"))
}

/// A connection whose system keeps little of what is not read.
fn narrow(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(65_536).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Reads a transfer to its second SOA record; gives the number of records.
fn read_transfer(stream: &mut impl Read) -> usize {
    let (mut records, mut ends) = (0, 0);
    while ends < 2 {
        let message = decode(&read_message(stream));
        records += message.answers.len();
        ends += message.answers.iter().filter(|record| u16::from(record.record_type()) == 6).count();
    }
    records
}

#[test]
fn a_connection_carries_transfers_and_other_queries_in_their_order() {
    let served = serve(&large(5_000));
    let (axfr, a) = (question("example.com", "AXFR").build(), query("host7.example.com", "A").build());
    fn ask(stream: &mut (impl Read + Write), messages: &[&Vec<u8>]) {
        stream.write_all(&messages.iter().flat_map(|message| framed(message)).collect::<Vec<_>>()).unwrap();
        for message in messages {
            if message[message.len() - 3] == 252 {
                assert_eq!(read_transfer(stream), 5_000 + 12 + 2);
            } else {
                assert_eq!(decode(&read_message(stream)).answers.len(), 1);
            }
        }
    }
    ask(&mut plain(served.server.address()), &[&a, &axfr, &a, &axfr, &axfr, &a]);
    ask(&mut served.tls(), &[&a, &axfr, &a, &axfr, &axfr, &a]);
    wait_until("counted", || served.ended(Kind::Whole, Outcome::Sent) == 6 && served.running() == 0);
    assert_eq!(served.ended(Kind::Whole, Outcome::Broken), 0);
}

#[test]
fn a_client_that_does_not_read_holds_its_seat_no_longer_than_its_connection_and_others_are_answered() {
    // More than sockets take.
    let served = serve(&large(60_000));
    let axfr = framed(&question("example.com", "AXFR").build());
    let mut lazy: Vec<_> = (0..4).map(|_| narrow(served.server.address())).collect();
    lazy.iter_mut().for_each(|stream| stream.write_all(&axfr).unwrap());
    wait_until("four begin", || served.running() == 4);
    // A fifth of this client has no place, and queries are answered all the same.
    let mut fifth = plain(served.server.address());
    fifth.write_all(&axfr).unwrap();
    assert_eq!(u16::from(decode(&read_message(&mut fifth)).metadata.response_code), 5);
    let a = query("host7.example.com", "A").build();
    assert_eq!(decode(&secure::ask(&mut fifth, &a)).answers.len(), 1);
    assert_eq!(decode(&secure::ask(&mut served.tls(), &a)).answers.len(), 1);
    // A reload meanwhile: who has begun gets the zone that he began with.
    served.change("host7 A 192.0.2.7\n", "");
    assert_eq!(read_transfer(&mut lazy[0]), 60_000 + 12 + 2);
    drop(lazy);
    wait_until("seats are free", || served.running() == 0);
    assert_eq!(served.ended(Kind::Whole, Outcome::Broken), 3);
    assert_eq!(
        read_transfer(&mut {
            fifth.write_all(&axfr).unwrap();
            fifth
        }),
        59_999 + 12 + 2
    );
}

#[test]
fn a_serial_outlives_a_restart_and_rises_with_what_changed_meanwhile() {
    let serial = |served: &Served| served.server.state().identity.transfers.offers[0].as_ref().unwrap().edition.serial;
    let served = serve(&large(1));
    assert_eq!(serial(&served), 7);
    served.change("192.0.2.53", "192.0.2.55");
    assert_eq!(serial(&served), 8);
    let Served { folder, server, .. } = served;
    server.stop();
    let served = serve_from(folder);
    assert_eq!(serial(&served), 8, "nothing has changed since");
    let Served { folder, server, .. } = served;
    server.stop();
    let text = std::fs::read_to_string(file(folder.path())).unwrap();
    std::fs::write(file(folder.path()), text.replace("192.0.2.55", "192.0.2.56")).unwrap();
    assert_eq!(serial(&serve_from(folder)), 9);
}
