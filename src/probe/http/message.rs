//! Responses of HTTP/1.1 (RFC 9112), read as they come in: bytes in, parts of the body out. The only file that knows
//! httparse, the parser that hyper is built on.
//!
//! ```text
//! bytes ──► Head ──► status, Framing ──► parts of the body, and its end
//! ```
//!
//! Both are pure, and what they make of a response does not depend on how it is cut into pieces on the way.

use crate::limits::{PROBE_BUFFER, PROBE_HEADERS_MAX};
use httparse::{Header, Response, Status};

/// Header fields of one response.
const FIELDS: usize = 100;

/// What is not HTTP about it, in words.
pub(super) type Broken = String;

/// What the method of the request means for the response (RFC 9112, section 6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// There is no body, whatever the head says.
    Head,
    /// There is no body behind a success.
    Connect,
    /// Anything else.
    Other,
}

impl Asked {
    pub(super) fn new(method: &str) -> Self {
        match method {
            "HEAD" => Self::Head,
            "CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// A response whose head is whole.
#[derive(Debug)]
pub(super) struct Begun<'a> {
    pub(super) status: u16,
    pub(super) framing: Framing,
    /// The header that was wanted, if it is there and is text.
    pub(super) header: Option<Box<str>>,
    /// Of the bytes that came last those that belong to the body.
    pub(super) rest: &'a [u8],
}

/// The head of a response, gathered until it is whole. Interim responses (1xx) before it are passed over.
#[derive(Default, Debug)]
pub(super) struct Head {
    /// What came, if it was not whole at once; interim responses included, so that they are bounded as well.
    bytes: Vec<u8>,
    /// Where the head begins in them.
    from: usize,
}

impl Head {
    /// Takes the bytes that came next; gives the response once its head is whole, with one header if it is `wanted`.
    ///
    /// # Errors
    /// This is no HTTP, or its head is longer than [`PROBE_BUFFER`].
    pub(super) fn take<'a>(
        &mut self,
        asked: Asked,
        wanted: Option<&str>,
        came: &'a [u8],
    ) -> Result<Option<Begun<'a>>, Broken> {
        let before = self.bytes.len();
        // Nearly always the head comes in one piece: it is looked at where it lies.
        let found = if before == 0 {
            final_head(asked, wanted, came, &mut self.from)?
        } else {
            self.bytes.extend_from_slice(came);
            final_head(asked, wanted, &self.bytes, &mut self.from)?
        };
        if let Some(Whole { status, framing, header, end }) = found {
            return Ok(Some(Begun { status, framing, header, rest: &came[end.saturating_sub(before)..] }));
        }
        if before == 0 {
            self.bytes = came.to_vec();
        }
        if self.bytes.len() >= PROBE_BUFFER {
            return Err(format!("its head is longer than {} KiB", PROBE_BUFFER >> 10));
        }
        Ok(None)
    }
}

/// A whole head, and where it ends.
struct Whole {
    status: u16,
    framing: Framing,
    header: Option<Box<str>>,
    end: usize,
}

/// The first head that is not interim. `from` is moved behind interim ones.
fn final_head(asked: Asked, wanted: Option<&str>, bytes: &[u8], from: &mut usize) -> Result<Option<Whole>, Broken> {
    loop {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut head = Response::new(&mut fields);
        let length = match head.parse(&bytes[*from..]).map_err(|error| error.to_string())? {
            Status::Complete(length) => length,
            Status::Partial => return Ok(None),
        };
        let end = *from + length;
        match head.code.unwrap_or(0) {
            0..100 => return Err("invalid response status".into()),
            100 | 102..200 => *from = end,
            status => {
                let framing = Framing::new(asked, status, &head)?;
                let header = wanted.and_then(|name| text(head.headers, name));
                return Ok(Some(Whole { status, framing, header, end }));
            }
        }
    }
}

/// Where a body ends (RFC 9112, section 6.3), and how far it has come.
#[derive(Debug)]
pub(super) enum Framing {
    /// After so many more bytes.
    Length(u64),
    /// After its last chunk and the trailers.
    Chunked(Chunks),
    /// With the connection.
    Close,
}

impl Framing {
    fn new(asked: Asked, status: u16, head: &Response<'_, '_>) -> Result<Self, Broken> {
        let bodiless = match status {
            101 | 204 | 304 => true,
            200..300 => asked != Asked::Other,
            _ => asked == Asked::Head,
        };
        if bodiless {
            return Ok(Self::Length(0));
        }
        if let Some(coding) = values(head.headers, "transfer-encoding").last() {
            return match head.version {
                Some(0) => Err("a transfer coding in HTTP/1.0".into()),
                _ if coding.eq_ignore_ascii_case(b"chunked") => Ok(Self::Chunked(Chunks::default())),
                _ => Ok(Self::Close),
            };
        }
        let mut lengths = values(head.headers, "content-length").map(number);
        let Some(first) = lengths.next() else { return Ok(Self::Close) };
        match first.filter(|_| lengths.all(|length| length == first)) {
            Some(length) => Ok(Self::Length(length)),
            None => Err("invalid content-length".into()),
        }
    }

    /// Takes the bytes that came next, and gives those that are of the body to `part`.
    ///
    /// # Errors
    /// The chunks are none.
    pub(super) fn take(&mut self, came: &[u8], mut part: impl FnMut(&[u8])) -> Result<(), Broken> {
        match self {
            Self::Length(left) => {
                let own = usize::try_from(*left).map_or(came.len(), |left| left.min(came.len()));
                *left -= own as u64;
                part(&came[..own]);
                Ok(())
            }
            Self::Chunked(chunks) => chunks.take(came, part),
            Self::Close => {
                part(came);
                Ok(())
            }
        }
    }

    /// The body has ended; `closed` says whether the connection has.
    pub(super) fn ended(&self, closed: bool) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.at == At::End,
            Self::Close => closed,
        }
    }
}

/// The text of the first field of this name.
fn text(fields: &[Header<'_>], name: &str) -> Option<Box<str>> {
    let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(field.value).ok().map(Into::into)
}

/// The values of all fields of this name, lists taken apart.
fn values<'a>(fields: &'a [Header<'a>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let named = fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    named.flat_map(|field| field.value.split(|octet| *octet == b',')).map(<[u8]>::trim_ascii)
}

fn number(digits: &[u8]) -> Option<u64> {
    let value = |value: u64, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, value) }
}

/// The chunked coding (RFC 9112, section 7.1). Chunk extensions and trailers are passed over.
#[derive(Debug)]
pub(super) struct Chunks {
    at: At,
    /// Bytes of this chunk that are still to come; while its size is read: the size so far.
    left: u64,
    /// Bytes that extensions and trailers may still take.
    room: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// Before the first digit of a size.
    Size,
    /// Behind a digit of it.
    Digits,
    /// In an extension or the white space before it.
    Extension,
    /// Before the line feed of the line of the size.
    SizeEnd,
    Data,
    /// Behind the data: before the carriage return, and before the line feed.
    DataEnd,
    DataLine,
    /// At the begin of a line of the trailers, in it, and before its line feed.
    Trailer,
    TrailerText,
    TrailerEnd,
    /// Before the last line feed of all.
    Last,
    End,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { at: At::Size, left: 0, room: PROBE_HEADERS_MAX }
    }
}

impl Chunks {
    fn take(&mut self, mut came: &[u8], mut part: impl FnMut(&[u8])) -> Result<(), Broken> {
        while let Some((&octet, rest)) = came.split_first() {
            match self.at {
                At::End => return Ok(()),
                At::Data => {
                    let own = usize::try_from(self.left).map_or(came.len(), |left| left.min(came.len()));
                    part(&came[..own]);
                    (self.left, came) = (self.left - own as u64, &came[own..]);
                    if self.left == 0 {
                        self.at = At::DataEnd;
                    }
                }
                _ => {
                    self.at = self.step(octet)?;
                    came = rest;
                }
            }
        }
        Ok(())
    }

    /// Where this octet leads to from anywhere but the data.
    fn step(&mut self, octet: u8) -> Result<At, Broken> {
        Ok(match (self.at, octet) {
            (At::Size | At::Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(octet).to_digit(16).unwrap_or(0);
                let size = self.left.checked_mul(16).ok_or("a chunk is too large")?;
                self.left = size + u64::from(digit);
                At::Digits
            }
            (At::Digits | At::Extension, b'\r') => At::SizeEnd,
            (At::Digits, b';' | b' ' | b'\t') => At::Extension,
            (At::Size | At::Digits, _) => return Err("invalid chunk size".into()),
            (At::Extension, b'\n') => return Err("invalid chunk extension".into()),
            (At::Extension, _) => self.spend(At::Extension)?,
            (At::SizeEnd, b'\n') if self.left == 0 => At::Trailer,
            (At::SizeEnd, b'\n') => At::Data,
            (At::DataEnd, b'\r') => At::DataLine,
            (At::DataLine, b'\n') => At::Size,
            (At::Trailer, b'\r') => At::Last,
            (At::TrailerText, b'\r') => At::TrailerEnd,
            (At::Trailer | At::TrailerText, _) => self.spend(At::TrailerText)?,
            (At::TrailerEnd, b'\n') => At::Trailer,
            (At::Last, b'\n') => At::End,
            _ => return Err("invalid end of a chunk".into()),
        })
    }

    fn spend(&mut self, at: At) -> Result<At, Broken> {
        self.room = self.room.checked_sub(1).ok_or("its chunk extensions and trailers are too long")?;
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a response comes to: its status, its body, and whether that has ended once the connection is closed.
    type Read = Result<Option<(u16, Vec<u8>, bool)>, Broken>;

    fn read<'a>(asked: Asked, pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
        let (mut head, mut body, mut got) = (Head::default(), None, Vec::new());
        for piece in pieces {
            let rest = match &body {
                Some(_) => piece,
                None => match head.take(asked, None, piece)? {
                    None => continue,
                    Some(Begun { status, framing, rest, .. }) => {
                        body = Some((status, framing));
                        rest
                    }
                },
            };
            if let Some((_, framing)) = &mut body {
                framing.take(rest, |part| got.extend_from_slice(part))?;
            }
        }
        Ok(body.map(|(status, framing)| (status, got, framing.ended(true))))
    }

    fn whole(asked: Asked, response: &str) -> Read {
        read(asked, [response.as_bytes()])
    }

    /// The same in one piece, octet by octet, and cut in two at every place.
    fn cut(asked: Asked, response: &str) -> Read {
        let bytes = response.as_bytes();
        let at_once = read(asked, [bytes]);
        assert_eq!(read(asked, bytes.chunks(1)), at_once, "octet by octet: {response:?}");
        for place in 1..bytes.len() {
            assert_eq!(read(asked, [&bytes[..place], &bytes[place..]]), at_once, "cut at {place}: {response:?}");
        }
        at_once
    }

    #[test]
    fn a_body_ends_where_its_head_says_however_it_comes_in() {
        use Asked::{Connect, Head, Other};
        for (asked, response, status, body, ended) in [
            (Other, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\nmore", 200, "ok\n", true),
            (Other, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok\n", 200, "ok\n", false),
            (Other, "HTTP/1.1 200\r\ncontent-length:3\r\nContent-Length: 3 , 3\r\n\r\nok\n", 200, "ok\n", true),
            (Other, "HTTP/1.0 200 OK\r\n\r\nuntil it closes", 200, "until it closes", true),
            (Other, "\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n3\r\n", 200, "3\r\n", true),
            (Other, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\r\nok\r\n0\r\n\r\n", 200, "ok", true),
            (Other, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", 200, "ok", false),
            (
                Other,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\ntransfer-encoding: br, Chunked\r\n\r\n\
                 1 ;a=\"b\"\r\na\r\n00A;x\r\n0123456789\r\n0\r\nGrade: A\r\nX: y\r\n\r\nmore",
                200,
                "a0123456789",
                true,
            ),
            (Other, "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", 204, "", true),
            (Other, "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304, "", true),
            (Other, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nxxx", 101, "", true),
            (
                Other,
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\
                 HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy",
                503,
                "busy",
                true,
            ),
            (Head, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 200, "", true),
            (Head, "HTTP/1.1 404 None\r\nContent-Length: 3\r\n\r\n", 404, "", true),
            (Connect, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", true),
            (Connect, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", 403, "no", true),
        ] {
            assert_eq!(cut(asked, response), Ok(Some((status, body.as_bytes().to_vec(), ended))), "{response:?}");
        }
    }

    #[test]
    fn what_is_no_http_is_refused_in_words() {
        let head = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
        let chunked = |body: &str| format!("{}{body}", head("Transfer-Encoding: chunked"));
        let long = "x".repeat(PROBE_HEADERS_MAX + 1);
        for (response, words) in [
            ("220 mail.example.com ESMTP\r\n".into(), "invalid HTTP version"),
            ("HTTP/2.0 200 OK\r\n\r\n".into(), "invalid HTTP version"),
            ("HTTP/1.1 099 Low\r\n\r\n".into(), "invalid response status"),
            (head("no colon"), "invalid header name"),
            (head("Content-Length: 3\r\nContent-Length: 4"), "invalid content-length"),
            (head("Content-Length: +3"), "invalid content-length"),
            (head("Content-Length: 99999999999999999999"), "invalid content-length"),
            (head("Content-Length:"), "invalid content-length"),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".into(), "a transfer coding in HTTP/1.0"),
            (head(&vec!["A: b"; FIELDS + 1].join("\r\n")), "too many headers"),
            (chunked("x\r\n"), "invalid chunk size"),
            (chunked(";x\r\n"), "invalid chunk size"),
            (chunked("3\nabc"), "invalid chunk size"),
            (chunked("10000000000000000\r\n"), "a chunk is too large"),
            (chunked("2\r\nokay"), "invalid end of a chunk"),
            (chunked("2\r\nok\n"), "invalid end of a chunk"),
            (chunked("2;a\nok"), "invalid chunk extension"),
            (chunked(&format!("2;{long}")), "too long"),
            (chunked(&format!("0\r\nX: {long}")), "too long"),
        ] {
            let why = whole(Asked::Other, &response).expect_err(&response);
            assert!(why.contains(words), "{response:?}: {why:?} does not say {words:?}");
            assert_eq!(read(Asked::Other, response.as_bytes().chunks(1)), Err(why), "octet by octet: {response:?}");
        }
    }

    #[test]
    fn a_head_that_does_not_end_is_bounded_interim_responses_included() {
        let line = format!("X-Long: {}\r\n", "a".repeat(500));
        let endless = std::iter::once("HTTP/1.1 200 OK\r\n").chain(std::iter::repeat_n(&*line, 99));
        assert!(read(Asked::Other, endless.map(str::as_bytes)).is_err_and(|why| why.contains("longer than 16 KiB")));
        let interim = std::iter::repeat_n("HTTP/1.1 100 Continue\r\n\r\n", 10_000).map(str::as_bytes);
        assert!(read(Asked::Other, interim).is_err_and(|why| why.contains("longer than 16 KiB")));
    }

    proptest! {
        #[test]
        fn no_response_is_read_otherwise_when_it_comes_in_pieces(
            parts in proptest::collection::vec(proptest::sample::select(vec![
                "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "Content-Length: 5\r\n", "X: y\r\n",
                "Transfer-Encoding: chunked\r\n", "\r\n", "5\r\nhello\r\n", "0\r\n", "0\r\n\r\n", ";", "\r", "\n", "a", "ff", " ",
            ]), 0..12),
            places in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let text = format!("HTTP/1.1 200 OK\r\n{}", parts.concat());
            let mut places: Vec<_> = places.iter().map(|place| place.index(text.len())).collect();
            places.sort_unstable();
            let (mut rest, mut pieces, mut done) = (text.as_bytes(), Vec::new(), 0);
            for place in places {
                let (piece, after) = rest.split_at(place - done);
                (rest, done) = (after, place);
                pieces.push(piece);
            }
            pieces.push(rest);
            pieces.retain(|piece| !piece.is_empty());
            prop_assert_eq!(read(Asked::Other, pieces), read(Asked::Other, [text.as_bytes()]));
        }
    }
}
