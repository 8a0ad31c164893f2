//! What can be sent to the admin server. Whoever has no token says whatever he likes and changes nothing; whoever has it
//! gets an answer to whatever he asks.

use super::states::ZONE;
use geosteer::admin::Token;
use geosteer::config::AdminListen;
use geosteer::daemon::{Options, Server};
use geosteer::events::Kind;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

const READS: [&str; 7] = ["explain", "simulate", "events", "endpoints", "status", "zones", "config"];

/// A connection to a server whose token nobody knows, or, by the first octet, a body or a query to one whose token is known.
pub fn admin(octets: &[u8]) {
    let Some((&kind, rest)) = octets.split_first() else { return };
    let posted =
        |path| [format!("{}Content-Length: {}\r\n\r\n", known("POST", path), rest.len()).as_bytes(), rest].concat();
    match kind {
        b'o' => answered(&posted("overrides")),
        b'd' => answered(&posted("diff")),
        b'q' if !rest.is_empty() => {
            let path = READS[usize::from(rest[0]) % READS.len()];
            let query: String =
                rest[1..].iter().filter(|octet| octet.is_ascii_graphic()).map(|&octet| octet as char).collect();
            answered(format!("{}\r\n", known("GET", &format!("{path}?{query}"))).as_bytes());
        }
        _ => nothing_changes(rest),
    }
}

/// The head of a request that may do everything.
fn known(method: &str, path: &str) -> String {
    let host = server(true).admin().expect("it listens");
    let authority = "Authorization: Bearer 0123456789abcdef0123456789abcdef";
    format!("{method} /api/v1/{path} HTTP/1.1\r\nHost: {host}\r\n{authority}\r\nConnection: close\r\n")
}

fn answered(request: &[u8]) {
    let reply = exchange(server(true), request, |_| Ok(()));
    let status = reply.strip_prefix(b"HTTP/1.1 ").map(|rest| &rest[..3]);
    let show = || (String::from_utf8_lossy(request), String::from_utf8_lossy(&reply));
    assert!(status.is_some_and(|status| status != b"500"), "{:?}", show());
}

fn nothing_changes(octets: &[u8]) {
    let server = server(false);
    // Whatever it was, nothing more comes.
    let reply = exchange(server, octets, |stream| stream.shutdown(Shutdown::Write));
    assert!(reply.is_empty() || reply.starts_with(b"HTTP/1."), "{:?}", String::from_utf8_lossy(&reply));
    let orders = [Kind::Override, Kind::Resume, Kind::Fault];
    let told = server.events().after(None, 1_000);
    assert!(!told.iter().any(|event| orders.contains(&event.kind)), "{told:?}");
    assert_eq!(server.state().generation, 1, "a reload without the token");
}

/// Sends it, and reads until the server closes.
fn exchange(server: &Server, octets: &[u8], then: impl FnOnce(&TcpStream) -> io::Result<()>) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.admin().expect("it listens")).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout above zero");
    // A server that closes before it has read all resets the connection; what came before counts.
    let _reset = stream.write_all(octets).and_then(|()| then(&stream));
    let mut reply = Vec::new();
    match stream.read_to_end(&mut reply) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("the connection stays open"),
        _ => reply,
    }
}

/// The server whose token is known, or the one whose is not.
fn server(is_known: bool) -> &'static Server {
    static SERVERS: [OnceLock<Server>; 2] = [const { OnceLock::new() }; 2];
    SERVERS[usize::from(is_known)].get_or_init(|| {
        let mut options = Options::for_text("fuzz.toml", ZONE);
        options.admin = Some(AdminListen::At(([127, 0, 0, 1], 0).into()));
        let token =
            if is_known { "0123456789abcdef0123456789abcdef".to_owned() } else { Token::random().expect("numbers") };
        options.token = Some(Token::new(token.as_bytes()));
        Server::start(options).expect("it starts")
    })
}
