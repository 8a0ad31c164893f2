//! Which of the sampled queries are written. Looked at before the ring, so that what nobody wants fills no ring.

use crate::respond::Request;
use crate::wire::Name;
use crate::worker::Worker;
use ipnet::IpNet;

/// Octets of a message header (RFC 1035 §4.1.1).
const HEADER: usize = 12;

/// What a query must have; of each list one is enough, and an empty list asks for nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Apexes of zones that answer, as text with the final dot, in lower case.
    pub zones: Vec<Box<str>>,
    /// Names at or above the name that is asked for.
    pub names: Vec<Name>,
    /// Networks that queries come from.
    pub clients: Vec<IpNet>,
    /// RCODEs of the reply's header.
    pub rcodes: Vec<u8>,
    /// Types.
    pub types: Vec<u16>,
}

impl Filter {
    /// True if a query that was just answered is to be written.
    pub(super) fn wants(&self, worker: &Worker, request: &Request<'_>, reply: &[u8]) -> bool {
        let none = |is_empty: bool, is: &dyn Fn() -> bool| is_empty || is();
        none(self.rcodes.is_empty(), &|| reply.get(3).is_some_and(|octet| self.rcodes.contains(&(octet & 15))))
            && none(self.zones.is_empty(), &|| {
                let zone = worker.tally().counted().zone(worker.trace().responses as usize);
                zone.is_some_and(|zone| self.zones.iter().any(|wanted| wanted.eq_ignore_ascii_case(zone)))
            })
            && none(self.clients.is_empty(), &|| {
                let client = std::net::IpAddr::from(request.source.address);
                self.clients.iter().any(|network| network.contains(&client))
            })
            && none(self.types.is_empty() && self.names.is_empty(), &|| self.asks(request.bytes))
    }

    /// The same of the question alone.
    fn asks(&self, message: &[u8]) -> bool {
        let Some(question) = message.get(HEADER..) else { return false };
        let mut at = 0;
        let mut is_named = self.names.is_empty();
        loop {
            let is_suffix = |name: &Name| {
                question[at..].get(..name.wire().len()).is_some_and(|part| part.eq_ignore_ascii_case(name.wire()))
            };
            is_named |= self.names.iter().any(is_suffix);
            match question.get(at) {
                Some(0) => break,
                // Longer ones are pointers, which no question of a client has.
                Some(&length) if length < 64 && at + usize::from(length) < question.len() => {
                    at += 1 + usize::from(length);
                }
                _ => return false,
            }
        }
        let qtype = question.get(at + 1..at + 3).map(|octets| u16::from_be_bytes([octets[0], octets[1]]));
        is_named && (self.types.is_empty() || qtype.is_some_and(|qtype| self.types.contains(&qtype)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(filter: &Filter, name: &str, qtype: u16) -> bool {
        let mut message = vec![0; HEADER];
        message.extend_from_slice(Name::parse(name).unwrap().wire());
        message.extend_from_slice(&qtype.to_be_bytes());
        message.extend_from_slice(&[0, 1]);
        filter.asks(&message)
    }

    #[test]
    fn a_suffix_ends_at_a_label_and_case_does_not_matter() {
        let filter = Filter { names: vec![Name::parse("Example.com").unwrap()], ..Filter::default() };
        assert!(asks(&filter, "www.EXAMPLE.com", 1) && asks(&filter, "example.com", 28));
        assert!(!asks(&filter, "wwwexample.com", 1) && !asks(&filter, "example.com.org", 1) && !asks(&filter, ".", 1));
    }

    #[test]
    fn a_type_is_looked_for_behind_the_name() {
        let filter = Filter { types: vec![1, 28], ..Filter::default() };
        assert!(asks(&filter, "www.example.com", 28) && !asks(&filter, "www.example.com", 16));
        assert!(!filter.asks(&[0; 5]) && !filter.asks(&[0; 13]) && !filter.asks(&[63; 20]));
    }
}
