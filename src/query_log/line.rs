//! One entry as a line. It is written by hand: a log of every query is to cost little, also off the query path.

use super::reply::Reply;
use super::ring::Entry;
use super::{Format, digits, put};
use crate::snapshot::{Counted, TRANSPORTS};
use std::fmt::Write as _;
use std::net::IpAddr;

/// Writes entries as lines.
#[derive(Debug)]
pub(super) struct Lines {
    format: Format,
    /// The second of the last line, and how it is written: most lines share theirs with the one before.
    second: u64,
    moment: String,
}

/// A line in the making.
struct Line<'o> {
    out: &'o mut String,
    format: Format,
}

impl Lines {
    pub(super) fn new(format: Format) -> Self {
        Self { format, second: 0, moment: moment(0) }
    }

    /// Writes an entry; `counted` is what its configuration counts. `geosteer simulate --query-log` reads `subnet` and
    /// `client` of it.
    pub(super) fn write(&mut self, entry: &Entry<'_>, counted: Option<&Counted>, out: &mut String) {
        let second = entry.at_ms / 1_000;
        if second != self.second {
            (self.second, self.moment) = (second, moment(second));
        }
        let mut line = Line { out, format: self.format };
        line.head(&self.moment, entry);
        let reply = Reply::read(entry.reply);
        line.question(&reply);
        if let Some((address, bits, scope)) = reply.subnet {
            line.raw("subnet", |out| {
                digits::address(out, address);
                out.push('/');
                digits::number(out, bits.into());
            });
            line.number("scope", scope.into());
        }
        if let Some(zone) = counted.and_then(|counted| counted.zone(entry.responses as usize)) {
            line.word("zone", zone);
        }
        if let Some(of) = counted.and_then(|counted| counted.answered(entry.answer as usize)) {
            let parts = [("policy", of.policy), ("region", of.region), ("pool", of.pool), ("reason", of.reason)];
            parts.into_iter().for_each(|(key, value)| line.word(key, value));
        }
        if reply.has_answer() {
            line.words("answer", |out| reply.answer(out));
        }
        if self.format == Format::Json {
            out.push('}');
        }
        out.push('\n');
    }
}

impl Line<'_> {
    /// What every line begins with: of a text without keys.
    fn head(&mut self, moment: &str, entry: &Entry<'_>) {
        let transport = TRANSPORTS.get(usize::from(entry.transport)).copied().unwrap_or_default();
        let ms = entry.at_ms % 1_000;
        let digits = [100, 10, 1].map(|unit| char::from(b'0' + (ms / unit % 10) as u8));
        let client = IpAddr::from(entry.client);
        if self.format == Format::Text {
            let out = &mut *self.out;
            out.push_str(moment);
            out.push('.');
            out.extend(digits);
            out.push_str("Z ");
            out.push_str(transport);
            out.push(' ');
            digits::address(out, client);
            out.push('#');
            digits::number(out, entry.port.into());
            return;
        }
        self.out.push_str("{\"time\":\"");
        self.out.push_str(moment);
        self.out.push('.');
        self.out.extend(digits);
        self.out.push_str("Z\"");
        self.raw("client", |out| digits::address(out, client));
        self.number("port", entry.port.into());
        self.word("transport", transport);
    }

    /// Name, type and code: of a text without keys too.
    fn question(&mut self, reply: &Reply<'_>) {
        if self.format == Format::Json {
            self.words("name", |out| reply.name(out));
            self.raw("type", |out| reply.qtype(out));
            self.raw("rcode", |out| reply.rcode(out));
            return;
        }
        for write in [Reply::name, Reply::qtype, Reply::rcode] {
            self.out.push(' ');
            write(reply, self.out);
        }
    }

    fn key(&mut self, key: &str) {
        let (before, after) = if self.format == Format::Json { (",\"", "\":") } else { (" ", "=") };
        self.out.push_str(before);
        self.out.push_str(key);
        self.out.push_str(after);
    }

    fn number(&mut self, key: &str, number: u64) {
        self.key(key);
        digits::number(self.out, number);
    }

    /// A value that is written by `write` and needs no escapes.
    fn raw(&mut self, key: &str, write: impl FnOnce(&mut String)) {
        self.key(key);
        let quote = if self.format == Format::Json { "\"" } else { "" };
        self.out.push_str(quote);
        write(self.out);
        self.out.push_str(quote);
    }

    fn word(&mut self, key: &str, word: &str) {
        self.words(key, |out| out.push_str(word));
    }

    /// A value that is written by `write` and may need escapes.
    fn words(&mut self, key: &str, write: impl FnOnce(&mut String)) {
        self.key(key);
        if self.format == Format::Text {
            return write(self.out);
        }
        self.out.push('"');
        let start = self.out.len();
        write(self.out);
        if self.out.as_bytes()[start..].iter().any(|octet| matches!(octet, b'\\' | b'"' | 0..0x20 | 0x7f)) {
            let plain = self.out.split_off(start);
            put(self.out, format_args!("{}", Escaped(&plain)));
        }
        self.out.push('"');
    }
}

/// A text as JSON has it between quotes.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '\\' | '"' => write!(f, "\\{letter}")?,
                _ if letter.is_control() => write!(f, "\\u{:04x}", u32::from(letter))?,
                _ => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

/// A second as RFC 3339 has it, in UTC, without what follows the seconds.
fn moment(second: u64) -> String {
    let ([year, month, day], [hour, minute, second]) = crate::clock::calendar(second);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Bits;

    fn line(reply: &[u8]) -> String {
        let client = Bits::from(IpAddr::from([192, 0, 2, 1]));
        let at_ms = 951_782_400_007;
        let entry = Entry { at_ms, generation: 1, client, port: 5_353, transport: 0, responses: 0, answer: 0, reply };
        let mut out = String::new();
        Lines::new(Format::Text).write(&entry, None, &mut out);
        out
    }

    #[test]
    fn a_line_says_what_the_reply_says() {
        let mut reply = b"\0\x07\x84\0\0\x01\0\x01\0\0\0\x01\x03wWw\x02\x22\x0a\x03com\0\0\x01\0\x01".to_vec();
        reply.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\xc0\0\x02\x09");
        reply.extend_from_slice(b"\0\0\x29\x04\xd0\0\0\0\0\0\x0b\0\x08\0\x07\0\x01\x18\x10\xcb\0\x71");
        let text = "2000-02-29T00:00:00.007Z udp 192.0.2.1#5353 wWw.\\\"\\010.com. A NOERROR subnet=203.0.113.0/24 scope=16 \
                    answer=192.0.2.9\n";
        assert_eq!(line(&reply), text);
    }

    #[test]
    fn what_cannot_be_read_is_no_reason_to_say_nothing() {
        for reply in [&b""[..], b"\0\x07\x80\x01", b"\0\x07\x80\x01\0\x01\0\0\0\0\0\0\xc0\x0c", &[255; 40]] {
            let line = line(reply);
            assert!(
                line.starts_with("2000-02-29T00:00:00.007Z udp 192.0.2.1#5353 - - ") && line.ends_with('\n'),
                "{line}"
            );
        }
    }
}
