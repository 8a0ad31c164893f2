//! Taking over from the server before: the other end of [`super::handover`]. Blocking: nothing else runs yet.

use super::handover::{FAREWELL, SERVING, TAKE, WITH_SOCKETS, YOURS};
use super::protocol::{Answer, Request};
use crate::limits::{CONTROL_MS, SOCKETS_AT_ONCE, UPGRADE_START_MS};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A server that hands over.
#[derive(Debug)]
pub struct Takeover(UnixStream);

impl Takeover {
    /// Asks the server at a control socket for its sockets. None: no server listens there.
    ///
    /// # Errors
    /// It refuses, or the connection breaks.
    pub fn ask(socket: &Path) -> io::Result<Option<(Self, Vec<OwnedFd>)>> {
        let mut stream = match UnixStream::connect(socket) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            stream => stream?,
        };
        stream.set_write_timeout(Some(Duration::from_millis(CONTROL_MS)))?;
        stream.set_read_timeout(Some(Duration::from_millis(UPGRADE_START_MS)))?;
        let mut request = serde_json::to_vec(&Request::TakeOver)?;
        request.push(b'\n');
        stream.write_all(&request)?;
        let count = match serde_json::from_str(&line(&mut stream)?)? {
            Answer::Sockets { count } => count,
            Answer::Refused { why, .. } | Answer::Wrong { why } => return Err(io::Error::other(why)),
            _ => return Err(io::Error::other("it answered something else")),
        };
        let mut sockets = Vec::new();
        while sockets.len() < count {
            receive(&stream, &mut sockets)?;
        }
        Ok(Some((Self(stream), sockets)))
    }

    /// We have loaded and can serve: from here on the state directory is ours.
    ///
    /// # Errors
    /// The other one is gone, or says something else.
    pub fn take(&mut self) -> io::Result<()> {
        self.say(TAKE)?;
        self.hear(YOURS)
    }

    /// We answer: the other one may go. If it cannot hear that, it stays, and we have to go.
    ///
    /// # Errors
    /// As [`Takeover::take`].
    pub fn serving(mut self) -> io::Result<()> {
        self.say(SERVING)?;
        self.hear(FAREWELL)
    }

    fn say(&mut self, word: &str) -> io::Result<()> {
        self.0.write_all(format!("{word}\n").as_bytes())
    }

    fn hear(&mut self, word: &str) -> io::Result<()> {
        self.0.set_read_timeout(Some(Duration::from_millis(UPGRADE_START_MS)))?;
        let heard = line(&mut self.0)?;
        if heard == word { Ok(()) } else { Err(io::Error::other(format!("it did not say `{word}`"))) }
    }
}

/// What comes up to a newline, octet by octet: descriptors come right behind.
fn line(stream: &mut UnixStream) -> io::Result<String> {
    let (mut line, mut octet) = (Vec::new(), [0]);
    loop {
        stream.read_exact(&mut octet)?;
        match octet[0] {
            b'\n' => return String::from_utf8(line).map_err(io::Error::other),
            _ if line.len() > 4_096 => return Err(io::Error::from(io::ErrorKind::InvalidData)),
            octet => line.push(octet),
        }
    }
}

fn receive(stream: &UnixStream, sockets: &mut Vec<OwnedFd>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_AT_ONCE))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut octet = [0];
    let got = recvmsg(stream, &mut [IoSliceMut::new(&mut octet)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    if got.bytes != 1 || octet != [WITH_SOCKETS] {
        return Err(io::Error::other("sockets were promised, and did not come"));
    }
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(some) = message {
            sockets.extend(some);
        }
    }
    Ok(())
}
