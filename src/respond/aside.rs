//! Questions that no zone answers: other classes, transfers, and what the server says of itself (CHAOS).

use super::Ending;
use crate::state::Identity;
use crate::wire::code::{class, extended, rcode, rtype};
use crate::wire::reply::{QUESTION, RECORD_HEADER, Section};
use crate::wire::{Query, Reply};

/// Longest string in a TXT record (RFC 1035 §3.3).
const STRING_MAX: usize = 255;

/// Names under which servers are asked who they are (RFC 4892 and BIND's older ones).
const ID: [&[u8]; 2] = [b"\x02id\x06server\x00", b"\x08hostname\x04bind\x00"];
/// Names under which they are asked for their version.
const VERSION: [&[u8]; 2] = [b"\x07version\x04bind\x00", b"\x07version\x06server\x00"];

/// Answers such a question; `None` if it is one for a zone after all (class ANY).
#[cold]
pub(super) fn answer(identity: &Identity, query: &Query<'_>, reply: &mut Reply<'_>) -> Option<Ending> {
    let transfer = matches!(query.qtype(), rtype::AXFR | rtype::IXFR);
    match query.qclass() {
        class::CH => Some(chaos(identity, query, reply)),
        class::IN | class::ANY if transfer => {
            Some(Ending::explained(rcode::REFUSED, extended::PROHIBITED, "no zone transfers"))
        }
        class::IN | class::ANY => None,
        _ => Some(Ending::explained(rcode::REFUSED, extended::NOT_AUTHORITATIVE, "")),
    }
}

/// What the server says of itself, as far as it is configured to.
fn chaos(identity: &Identity, query: &Query<'_>, reply: &mut Reply<'_>) -> Ending {
    let asked = |names: [&[u8]; 2]| names.iter().any(|name| name.eq_ignore_ascii_case(query.name().wire()));
    let text = match query.qtype() {
        rtype::TXT | rtype::ANY if asked(ID) => identity.nsid.as_deref(),
        rtype::TXT | rtype::ANY if asked(VERSION) => identity.version.as_deref(),
        _ => None,
    };
    let Some(text) = text else {
        return Ending::explained(rcode::REFUSED, extended::NOT_AUTHORITATIVE, "");
    };
    let text = &text.as_bytes()[..text.len().min(STRING_MAX)];
    let mut record = [0; RECORD_HEADER + 1 + STRING_MAX];
    record[0..2].copy_from_slice(&QUESTION.to_be_bytes());
    record[2..4].copy_from_slice(&rtype::TXT.to_be_bytes());
    record[4..6].copy_from_slice(&class::CH.to_be_bytes());
    record[10..12].copy_from_slice(&(text.len() as u16 + 1).to_be_bytes());
    record[RECORD_HEADER] = text.len() as u8;
    record[RECORD_HEADER + 1..][..text.len()].copy_from_slice(text);
    if reply.append(Section::Answer, 1, &record[..RECORD_HEADER + 1 + text.len()]).is_none() {
        reply.truncate();
    }
    Ending::plain(rcode::NOERROR)
}
