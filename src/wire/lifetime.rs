//! How long a reply may be kept: what HTTP is told of it (RFC 8484 §5.1).

use super::code::rtype;
use super::query::{HEADER, skip_name};

/// Octets of a record behind its owner, before its data.
const FIXED: usize = 10;

/// Seconds for which the reply may be kept: the smallest TTL of its answers; without answers that of its SOA record
/// (RFC 2308 §5); 0 if it has neither.
#[must_use]
pub fn lifetime(reply: &[u8]) -> u32 {
    smallest(reply).unwrap_or(0)
}

fn smallest(reply: &[u8]) -> Option<u32> {
    let head = reply.first_chunk::<HEADER>()?;
    let count = |at: usize| u32::from(u16::from_be_bytes([head[at], head[at + 1]]));
    let mut at = HEADER;
    for _ in 0..count(4) {
        at = skip_name(reply, at)? + 4;
    }
    let (answers, authority) = (count(6), count(8));
    let mut found: Option<u32> = None;
    for number in 0..answers + authority {
        let owner_end = skip_name(reply, at)?;
        let fixed = reply.get(owner_end..)?.first_chunk::<FIXED>()?;
        at = owner_end + FIXED + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        let is_soa = u16::from_be_bytes([fixed[0], fixed[1]]) == rtype::SOA;
        if number < answers || (answers == 0 && is_soa) {
            let ttl = u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
            found = Some(found.map_or(ttl, |found| found.min(ttl)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply to a question for the root, with records (type, TTL) in the answer and in the authority section.
    fn reply(answers: &[(u16, u32)], authority: &[(u16, u32)]) -> Vec<u8> {
        let mut reply = vec![0, 0, 0x84, 0, 0, 1, 0, answers.len() as u8, 0, authority.len() as u8, 0, 0];
        reply.extend([0, 0, 1, 0, 1]);
        for (rtype, ttl) in answers.iter().chain(authority) {
            reply.extend([0xc0, 12]);
            reply.extend(rtype.to_be_bytes());
            reply.extend([0, 1]);
            reply.extend(ttl.to_be_bytes());
            reply.extend([0, 4, 192, 0, 2, 1]);
        }
        reply
    }

    #[test]
    fn the_smallest_ttl_of_the_answers_counts_and_without_answers_the_soa() {
        assert_eq!(lifetime(&reply(&[(1, 300), (1, 20), (5, 60)], &[(2, 5)])), 20);
        assert_eq!(lifetime(&reply(&[], &[(2, 5), (6, 30)])), 30);
        assert_eq!(lifetime(&reply(&[], &[(2, 5)])), 0, "a referral is kept by nobody who asks over HTTP");
        assert_eq!(lifetime(&reply(&[], &[])), 0);
        let whole = reply(&[(1, 300), (1, 20)], &[]);
        for end in 0..whole.len() {
            assert!(matches!(lifetime(&whole[..end]), 0 | 20 | 300));
        }
    }
}
