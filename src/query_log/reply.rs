//! What a line says of a reply. Our own replies are read, so what cannot be read is left out and no more said of it.

use super::{digits, put};
use crate::wire::code::{option, rtype};
use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use std::net::IpAddr;

/// Octets of a message header (RFC 1035 §4.1.1).
const HEADER: usize = 12;
/// The type of an OPT record (RFC 6891 §6.1.2).
const OPT: u16 = rtype::OPT;

/// A reply, as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Reply<'a> {
    message: &'a [u8],
    /// The name in wire form.
    name: &'a [u8],
    qtype: Option<u16>,
    rcode: u16,
    /// The first record of the answer: its type and its data.
    first: Option<(u16, &'a [u8])>,
    /// The client subnet that was used: its first address, its bits, and for how many bits the answer holds.
    pub(super) subnet: Option<(IpAddr, u8, u8)>,
}

impl<'a> Reply<'a> {
    pub(super) fn read(message: &'a [u8]) -> Self {
        let rcode = message.get(3).map_or(0, |octet| u16::from(octet & 15));
        let mut reply = Self { message, rcode, ..Self::default() };
        let _as_far_as_it_goes = reply.walk(message);
        reply
    }

    fn walk(&mut self, message: &'a [u8]) -> Option<()> {
        let count = |at: usize| number(message, at);
        let answers = count(6)?;
        let records = usize::from(answers) + usize::from(count(8)?) + usize::from(count(10)?);
        let mut at = HEADER;
        if count(4)? == 1 {
            let end = name_end(message, at)?;
            let name = message.get(at..end)?;
            let is_pointer = name.len() >= 2 && name[name.len() - 2] >= 0xC0;
            self.qtype = Some(number(message, end)?);
            self.name = if is_pointer { &[] } else { name };
            at = end + 4;
        }
        for index in 0..records {
            let fields = name_end(message, at)?;
            let rtype = number(message, fields)?;
            let data = fields + 10;
            let rdata = message.get(data..data + usize::from(number(message, fields + 8)?))?;
            if index == 0 && answers > 0 {
                self.first = Some((rtype, rdata));
            }
            if rtype == OPT {
                self.rcode |= u16::from(*message.get(fields + 4)?) << 4;
                self.subnet = subnet(rdata);
            }
            at = data + rdata.len();
        }
        Some(())
    }

    /// Writes the name with the final dot, special octets escaped as in zone files; `-` if there is none.
    pub(super) fn name(&self, out: &mut String) {
        let mut rest = self.name;
        if rest.is_empty() {
            return out.push('-');
        }
        if rest == [0] {
            return out.push('.');
        }
        while let Some((label, after)) =
            rest.split_first().and_then(|(&length, rest)| rest.split_at_checked(length.into()))
        {
            if label.is_empty() {
                return;
            }
            let is_plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
            let plain = if label.iter().all(is_plain) { std::str::from_utf8(label).ok() } else { None };
            out.push_str(plain.unwrap_or_default());
            for &octet in label.iter().filter(|_| plain.is_none()) {
                match octet {
                    b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                        out.push('\\');
                        out.push(char::from(octet));
                    }
                    0x21..=0x7e => out.push(char::from(octet)),
                    _ => put(out, format_args!("\\{octet:03}")),
                }
            }
            out.push('.');
            rest = after;
        }
    }

    /// Writes the type that is asked for; `-` if it is not known.
    pub(super) fn qtype(&self, out: &mut String) {
        match self.qtype {
            Some(rtype::A) => out.push('A'),
            Some(rtype::AAAA) => out.push_str("AAAA"),
            Some(other) => put(out, format_args!("{}", RecordType::from(other))),
            None => out.push('-'),
        }
    }

    /// Writes the response code.
    pub(super) fn rcode(&self, out: &mut String) {
        out.push_str(match self.rcode {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            6 => "YXDOMAIN",
            16 => "BADVERS",
            other => return put(out, format_args!("RCODE{other}")),
        });
    }

    /// True if there is a record in the answer.
    pub(super) fn has_answer(&self) -> bool {
        self.first.is_some()
    }

    /// Writes the data of the first record.
    pub(super) fn answer(&self, out: &mut String) {
        match self.first {
            Some((rtype::A, rdata)) => {
                if let Ok(octets) = <[u8; 4]>::try_from(rdata) {
                    digits::address(out, octets.into());
                }
            }
            Some((rtype::AAAA, rdata)) => {
                if let Ok(octets) = <[u8; 16]>::try_from(rdata) {
                    digits::address(out, octets.into());
                }
            }
            _ => {
                // Rarer ones take the whole reader.
                if let Ok(message) = Message::from_vec(self.message)
                    && let Some(record) = message.answers.first()
                {
                    put(out, format_args!("{}", record.data));
                }
            }
        }
    }
}

fn number(message: &[u8], at: usize) -> Option<u16> {
    message.get(at..at + 2).map(|octets| u16::from_be_bytes([octets[0], octets[1]]))
}

/// Where a name ends that begins at `at`.
fn name_end(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length @ 1..64 => at += 1 + usize::from(length),
            // A pointer ends a name.
            _ => return Some(at + 2),
        }
    }
}

/// The client subnet among the options of an OPT record (RFC 7871 §6); none if it says that none is to be used.
fn subnet(mut options: &[u8]) -> Option<(IpAddr, u8, u8)> {
    loop {
        let (code, length) = (number(options, 0)?, usize::from(number(options, 2)?));
        let data = options.get(4..4 + length)?;
        if code == option::SUBNET {
            let (&bits, &scope) = (data.get(2)?, data.get(3)?);
            let octets = data.get(4..)?;
            let mut whole = [0; 16];
            whole.get_mut(..octets.len())?.copy_from_slice(octets);
            let address = match number(data, 0)? {
                1 => IpAddr::from([whole[0], whole[1], whole[2], whole[3]]),
                2 => IpAddr::from(whole),
                _ => return None,
            };
            return (bits > 0).then_some((address, bits, scope));
        }
        options = &options[4 + length..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Name;

    #[test]
    fn names_are_escaped_as_everywhere_else() {
        for octets in (0..=255_u8).collect::<Vec<_>>().chunks(60) {
            let wire = [&[octets.len() as u8], octets, &[3], b"com", &[0]].concat();
            let mut out = String::new();
            Reply { name: &wire, ..Reply::default() }.name(&mut out);
            assert_eq!(out, Name::from_wire(&wire).unwrap().to_string());
        }
    }

    #[test]
    fn no_octets_can_make_it_fail() {
        let mut draw = crate::worker::Draw::new(5);
        for _ in 0..200_000 {
            let mut message: Vec<u8> = (0..draw.below(60)).map(|_| (draw.next() & draw.next()) as u8).collect();
            if draw.below(2) == 0 && message.len() > 6 {
                message[4..6].copy_from_slice(&[0, 1]);
            }
            let (reply, mut out) = (Reply::read(&message), String::new());
            [Reply::name, Reply::qtype, Reply::rcode, Reply::answer].iter().for_each(|write| write(&reply, &mut out));
        }
    }
}
