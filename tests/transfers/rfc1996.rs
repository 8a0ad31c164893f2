//! RFC 1996: a secondary is told that its zone has changed.

use crate::common::{SECRET, ZONE, decode};
use geosteer::clock;
use geosteer::config::TsigKey;
use geosteer::daemon::{Options, Server, ServerSource, Sources, Zones};
use geosteer::tsig::{Algorithm, Key, Keys, Opened, find};
use geosteer::wire::Name;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A zone file whose secondary listens at `to`, and a server of it.
struct Served {
    folder: tempfile::TempDir,
    server: Server,
    secondary: UdpSocket,
}

fn zone(folder: &Path) -> PathBuf {
    folder.join("example.com.toml")
}

fn serve(transfer: &str) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let secondary = UdpSocket::bind("127.0.0.1:0").unwrap();
    secondary.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let to = secondary.local_addr().unwrap();
    let text = ZONE.replace("transfer = { from = [\"192.0.2.0/24\"] }", &transfer.replace("TO", &to.to_string()));
    std::fs::write(zone(folder.path()), text).unwrap();
    let secret_file = folder.path().join("ns2.key");
    std::fs::write(&secret_file, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=").unwrap();
    let tsig = vec![TsigKey { name: Name::parse("ns2").unwrap(), algorithm: Algorithm::Sha256, secret_file }];
    let file = geosteer::config::Server { tsig, ..Default::default() };
    let sources =
        Sources { server: ServerSource::Given(Box::new(file)), zones: Some(Zones::Paths(vec![zone(folder.path())])) };
    let server = Server::start(Options { sources, ..Options::for_text("", "") }).unwrap();
    Served { folder, server, secondary }
}

impl Served {
    /// The next message that the secondary is sent, within a time that only a fault takes.
    fn told(&self) -> (Vec<u8>, SocketAddr) {
        let until = clock::instant() + Duration::from_secs(60);
        let mut room = [0; 1_500];
        loop {
            match self.secondary.recv_from(&mut room) {
                Ok((length, from)) => return (room[..length].to_vec(), from),
                Err(_) => assert!(clock::instant() < until, "nothing came"),
            }
        }
    }

    /// Answers a message.
    fn hear(&self, (message, from): &(Vec<u8>, SocketAddr)) {
        let mut reply = message[..12].to_vec();
        reply[2] |= 0x80;
        reply[4..12].fill(0);
        self.secondary.send_to(&reply, from).unwrap();
    }

    fn heard(&self) -> [u64; 2] {
        self.server.state().identity.transfers.shared.counts.notified()
    }

    fn wait_for(&self, counts: [u64; 2]) {
        let until = clock::instant() + Duration::from_secs(60);
        while self.heard() != counts {
            assert!(clock::instant() < until, "{:?}", self.heard());
            std::thread::yield_now();
        }
    }
}

#[test]
fn section_3_a_secondary_is_told_at_the_start_and_of_each_change_and_answers() {
    let served = serve("transfer = { from = [\"127.0.0.0/8\"], notify = [\"TO\"] }");
    let first = served.told();
    let message = decode(&first.0);
    assert_eq!((first.0[2], first.0[3]), (0x24, 0), "NOTIFY, AA");
    assert_eq!(message.queries[0].to_string(), "example.com. IN SOA");
    assert!(message.answers[0].to_string().contains(" 7 3600 600 604800 "), "{}", message.answers[0]);
    served.hear(&first);
    served.wait_for([1, 0]);
    // A reload without a change is no news; one with a change is.
    served.server.reload().unwrap();
    let text = std::fs::read_to_string(zone(served.folder.path())).unwrap();
    std::fs::write(zone(served.folder.path()), text.replace("192.0.2.53", "192.0.2.55")).unwrap();
    served.server.reload().unwrap();
    let second = served.told();
    assert!(decode(&second.0).answers[0].to_string().contains(" 8 3600 600 604800 "));
    served.hear(&second);
    served.wait_for([2, 0]);
}

#[test]
fn section_3_6_who_does_not_answer_is_told_again() {
    let served = serve("transfer = { from = [\"127.0.0.0/8\"], notify = [\"TO\"] }");
    let (first, second) = (served.told(), served.told());
    assert_eq!(first.0[12..], second.0[12..], "the same again");
    assert_ne!(first.1, second.1, "from another port, with another id");
    // An answer to a try that is over does not count; nor does one that is none.
    served.hear(&first);
    let mut other = second.clone();
    other.0[0] ^= 1;
    served.hear(&other);
    let third = served.told();
    assert_eq!(served.heard(), [0, 0]);
    served.hear(&third);
    served.wait_for([1, 0]);
}

#[test]
fn a_key_signs_what_is_told_and_an_answer_without_it_does_not_count() {
    let served = serve("transfer = { keys = [\"ns2\"], notify = [\"TO\"] }");
    let keys = Keys::from_iter([Key::new(&Name::parse("ns2").unwrap(), Algorithm::Sha256, SECRET).unwrap()]);
    let now = clock::unix_seconds;
    let first = served.told();
    let signed = find(&first.0).unwrap().expect("a signature");
    assert!(matches!(keys.open(&first.0, &signed, now()), Opened::Good(_)));
    served.hear(&first);
    let second = served.told();
    assert_eq!(served.heard(), [0, 0]);
    let signed = find(&second.0).unwrap().unwrap();
    let Opened::Good(mut session) = keys.open(&second.0, &signed, now()) else { panic!() };
    let mut reply = second.0[..12].to_vec();
    reply[2] |= 0x80;
    reply[4..12].fill(0);
    reply.resize(500, 0);
    let length = session.sign(&mut reply, 12, now());
    served.secondary.send_to(&reply[..length], second.1).unwrap();
    served.wait_for([1, 0]);
}
