//! `_explain.NAME TXT`: how a balanced name is answered for the client that asks, and why. Only for networks that the
//! server file lists, and only where the name would not exist: everybody else is told so.

use super::Ending;
use crate::client::Client;
use crate::id::NameId;
use crate::limits::{EXPLAIN_STRINGS, TXT_STRING_MAX};
use crate::state::State;
use crate::wire::code::{rcode, rtype};
use crate::wire::reply::{QUESTION, Section};
use crate::wire::{Query, Reply};
use crate::zone::Outcome;
use std::net::IpAddr;

/// The label, in wire form.
const LABEL: &[u8] = b"\x08_explain";

/// Answers such a question; `None` if it is none, or not from a network that may ask. Unlike any other answer this one
/// is worked out in memory that is allocated for it.
#[cold]
pub(super) fn answer(state: &State, query: &Query<'_>, client: &Client, reply: &mut Reply<'_>) -> Option<Ending> {
    let explain = state.identity.explain.as_ref()?;
    let wire = query.name().wire();
    if query.qtype() != rtype::TXT || !wire.get(..LABEL.len())?.eq_ignore_ascii_case(LABEL) {
        return None;
    }
    let asker = IpAddr::from(client.resolver);
    if !explain.networks.iter().any(|network| network.contains(&asker)) {
        return None;
    }
    let strings = (explain.strings)(state, balanced(state, query)?, client);
    let mut rdata = Vec::new();
    for string in strings.iter().take(EXPLAIN_STRINGS) {
        let string = &string.as_bytes()[..string.len().min(TXT_STRING_MAX)];
        rdata.push(string.len() as u8);
        rdata.extend_from_slice(string);
    }
    if rdata.is_empty() {
        return None;
    }
    reply.authoritative = true;
    if reply.record(Section::Answer, QUESTION, rtype::TXT, 0, &rdata).is_none() {
        reply.truncate();
    }
    Some(Ending::plain(rcode::NOERROR))
}

/// The balanced name below the label.
fn balanced(state: &State, query: &Query<'_>) -> Option<NameId> {
    let found = state.snapshot.zones.find(query.name().parent()?, rtype::A)?;
    match found.outcome {
        Outcome::Addresses(name) | Outcome::Target(name) | Outcome::Service(name) => Some(name),
        _ => found.balanced,
    }
}
