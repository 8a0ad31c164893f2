//! A small HTTP client: a request is written as it is, what comes back is taken apart.

use super::{LONG, TOKEN};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A response.
pub struct Reply {
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The code of an error.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream
}

/// Sends octets, and reads until the server closes.
pub fn exchange(to: SocketAddr, request: &[u8]) -> Reply {
    let mut stream = connect(to);
    stream.write_all(request).unwrap();
    read(stream)
}

/// Reads one response, to the end of the connection.
pub fn read(mut stream: TcpStream) -> Reply {
    let mut text = Vec::new();
    // A server that closes before it has read all resets the connection; what came before counts.
    let _reset = stream.read_to_end(&mut text);
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// A request with headers of one's own, a line each.
pub fn send(to: SocketAddr, method: &str, target: &str, headers: &[&str], body: &str) -> Reply {
    let mut request = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|header| header.starts_with("Host:")) {
        request.push_str(&format!("Host: {to}\r\n"));
    }
    headers.iter().for_each(|header| request.push_str(&format!("{header}\r\n")));
    exchange(to, format!("{request}\r\n{body}").as_bytes())
}

pub fn get(to: SocketAddr, target: &str) -> Reply {
    send(to, "GET", target, &[], "")
}

/// The same with the token.
pub fn trusted(to: SocketAddr, method: &str, target: &str, body: &str) -> Reply {
    send(to, method, target, &[&format!("Authorization: Bearer {TOKEN}")], body)
}

/// Reads one response of a connection that goes on; gives its body.
pub fn read_one(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        head.push(octet[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}
