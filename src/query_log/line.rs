//! One entry as a line.

use super::Format;
use super::ring::Entry;
use crate::snapshot::{Answered, Counted};
use crate::wire::Name;
use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use serde::Serialize;
use std::net::IpAddr;

/// Octets of a message header (RFC 1035 §4.1.1).
const HEADER: usize = 12;

/// What a line says. `geosteer simulate --query-log` reads `subnet` and `client`.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Line<'a> {
    time: String,
    client: String,
    port: u16,
    transport: &'static str,
    /// The client subnet that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    subnet: Option<String>,
    /// For how many bits of it the answer holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<u8>,
    name: String,
    r#type: String,
    rcode: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'a str>,
    #[serde(flatten)]
    decision: Option<Decision<'a>>,
    /// The data of the first record.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

/// What steering decided.
#[derive(Debug, PartialEq, Serialize)]
struct Decision<'a> {
    policy: &'a str,
    region: &'a str,
    pool: &'a str,
    reason: &'a str,
}

/// Writes an entry as a line; `counted` is what its configuration counts.
pub(super) fn write(entry: &Entry<'_>, counted: Option<&Counted>, format: Format, out: &mut String) {
    let line = Line::of(entry, counted);
    match format {
        Format::Json => out.push_str(&serde_json::to_string(&line).unwrap_or_default()),
        Format::Text => line.text(out),
    }
    out.push('\n');
}

impl<'a> Line<'a> {
    fn of(entry: &Entry<'_>, counted: Option<&'a Counted>) -> Self {
        let (name, qtype) = question(entry.reply);
        let message = Message::from_vec(entry.reply).ok();
        let header = entry.reply.get(3).map_or(0, |octet| u16::from(octet & 15));
        let answered = counted.and_then(|counted| counted.answered(entry.answer as usize));
        let (subnet, scope) = message.as_ref().and_then(subnet).unzip();
        let answer = message.as_ref().and_then(|message| message.answers.first());
        Self {
            time: time(entry.at_ms),
            client: IpAddr::from(entry.client).to_string(),
            port: entry.port,
            transport: if entry.is_stream { "tcp" } else { "udp" },
            subnet,
            scope,
            name: name.map_or_else(|| "-".to_owned(), |name| name.to_string()),
            r#type: qtype.map_or_else(|| "-".to_owned(), |qtype| RecordType::from(qtype).to_string()),
            rcode: rcode(message.as_ref().map_or(header, |message| u16::from(message.metadata.response_code))),
            zone: counted.and_then(|counted| counted.zone(entry.responses as usize)),
            decision: answered.map(|Answered { policy, region, pool, reason, .. }| Decision {
                policy,
                region,
                pool,
                reason,
            }),
            answer: answer.map(|record| record.data.to_string()),
        }
    }

    fn text(&self, out: &mut String) {
        let Self { time, client, port, transport, name, r#type, rcode, .. } = self;
        let mut add = |parts: &[&str]| parts.iter().for_each(|part| out.push_str(part));
        add(&[time, " ", transport, " ", client, "#", &port.to_string(), " ", name, " ", r#type, " ", rcode]);
        let decision = self.decision.as_ref();
        let scope = self.scope.map(|scope| scope.to_string());
        for (key, value) in [
            ("subnet", self.subnet.as_deref()),
            ("scope", scope.as_deref()),
            ("zone", self.zone),
            ("policy", decision.map(|decision| decision.policy)),
            ("region", decision.map(|decision| decision.region)),
            ("pool", decision.map(|decision| decision.pool)),
            ("reason", decision.map(|decision| decision.reason)),
            ("answer", self.answer.as_deref()),
        ] {
            if let Some(value) = value {
                add(&[" ", key, "=", value]);
            }
        }
    }
}

/// The question of a message: none if it has none that can be read.
fn question(message: &[u8]) -> (Option<Name>, Option<u16>) {
    let Some(question) = message.get(HEADER..).filter(|_| message[4..6] == [0, 1]) else { return (None, None) };
    let mut end = 0;
    while let Some(&length) = question.get(end).filter(|length| (1..64).contains(*length)) {
        end += 1 + usize::from(length);
    }
    let name = question.get(..=end).and_then(|wire| Name::from_wire(wire).ok());
    let octets = question.get(end + 1..end + 3).filter(|_| name.is_some());
    (name, octets.map(|octets| u16::from_be_bytes([octets[0], octets[1]])))
}

/// The client subnet that a reply is for, and its scope.
fn subnet(message: &Message) -> Option<(String, u8)> {
    let options = message.edns.as_ref()?.options();
    let Some(EdnsOption::Subnet(subnet)) = options.get(EdnsCode::Subnet) else { return None };
    // A subnet of no bits says that none is to be used.
    (subnet.source_prefix() > 0)
        .then(|| (format!("{}/{}", subnet.addr(), subnet.source_prefix()), subnet.scope_prefix()))
}

fn rcode(code: u16) -> String {
    let word = match code {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        16 => "BADVERS",
        _ => return format!("RCODE{code}"),
    };
    word.to_owned()
}

/// RFC 3339, in UTC with milliseconds.
fn time(at_ms: u64) -> String {
    let (days, ms) = (at_ms / 86_400_000, at_ms % 86_400_000);
    // By eras of 400 years that begin in March (Hinnant, "chrono-compatible low-level date algorithms").
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Bits;

    fn line(reply: &[u8]) -> String {
        let client = Bits::from(IpAddr::from([192, 0, 2, 1]));
        let at_ms = 951_782_400_007;
        let entry =
            Entry { at_ms, generation: 1, client, port: 5_353, is_stream: false, responses: 0, answer: 0, reply };
        let mut out = String::new();
        write(&entry, None, Format::Text, &mut out);
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
