//! Padding (RFC 7830): a reply whose query asks for it is filled up to whole blocks, so that its length says little
//! about it (RFC 8467). For encrypted transports alone.

use super::code::{option, rtype};
use super::edns::OPTION_HEADER;
use super::query::{HEADER, skip_name};
use crate::limits::PADDING_BLOCK;

/// Octets of a record behind its owner, before its data.
const FIXED: usize = 10;

/// Fills the reply in the first `length` octets of `out` up to a whole number of blocks, as far as `out` reaches, if
/// the query has a padding option; gives its length then.
pub fn pad(query: &[u8], out: &mut [u8], length: usize) -> usize {
    if !asks(query) {
        return length;
    }
    let Some((start, end)) = out.get(..length).and_then(opt) else { return length };
    let padded = (length + OPTION_HEADER).next_multiple_of(PADDING_BLOCK).min(out.len());
    let data = padded - start;
    // Behind an OPT record that is not the last one nothing can be put.
    if end != length || padded < length + OPTION_HEADER || data > usize::from(u16::MAX) {
        return length;
    }
    let octets = (padded - length - OPTION_HEADER) as u16;
    out[length..padded].fill(0);
    out[length..length + 2].copy_from_slice(&option::PADDING.to_be_bytes());
    out[length + 2..length + OPTION_HEADER].copy_from_slice(&octets.to_be_bytes());
    out[start - 2..start].copy_from_slice(&(data as u16).to_be_bytes());
    padded
}

/// True if the message has a padding option.
fn asks(query: &[u8]) -> bool {
    has(query, option::PADDING)
}

/// True if the message has an option of this code in its OPT record.
#[must_use]
pub fn has(message: &[u8], code: u16) -> bool {
    let Some((start, end)) = opt(message) else { return false };
    let mut options = &message[start..end];
    while let Some(head) = options.first_chunk::<OPTION_HEADER>() {
        if u16::from_be_bytes([head[0], head[1]]) == code {
            return true;
        }
        let length = OPTION_HEADER + usize::from(u16::from_be_bytes([head[2], head[3]]));
        options = options.get(length..).unwrap_or_default();
    }
    false
}

/// Where the data of the message's OPT record begins and ends.
fn opt(message: &[u8]) -> Option<(usize, usize)> {
    let head = message.first_chunk::<HEADER>()?;
    let count = |at: usize| u32::from(u16::from_be_bytes([head[at], head[at + 1]]));
    let mut at = HEADER;
    for _ in 0..count(4) {
        at = skip_name(message, at)? + 4;
    }
    for _ in 0..count(6) + count(8) + count(10) {
        let owner_end = skip_name(message, at)?;
        let fixed = message.get(owner_end..)?.first_chunk::<FIXED>()?;
        let start = owner_end + FIXED;
        let end = start + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        if end > message.len() {
            return None;
        }
        if u16::from_be_bytes([fixed[0], fixed[1]]) == rtype::OPT {
            return Some((start, end));
        }
        at = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Name, QueryBuilder};

    /// A query of class IN, and the same with an option that has no data.
    fn query(code: Option<u16>) -> Vec<u8> {
        let mut query = QueryBuilder::new(Name::parse("www.example.com").unwrap(), rtype::A).udp_size(1232).build();
        if let Some(code) = code {
            let end = query.len();
            query[end - 2..].copy_from_slice(&4_u16.to_be_bytes());
            query.extend([code.to_be_bytes(), [0, 0]].concat());
        }
        query
    }

    /// A reply of so many octets: the query's own, with QR set, and a record that fills it up before its OPT record.
    fn reply(length: usize) -> Vec<u8> {
        let query = query(None);
        let (question, opt) = query.split_at(query.len() - 11);
        let mut reply = question.to_vec();
        (reply[2], reply[7]) = (0x80, 1);
        let data = length - query.len() - 12;
        reply.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 0, (data >> 8) as u8, data as u8]);
        reply.resize(reply.len() + data, b'x');
        reply.extend_from_slice(opt);
        assert_eq!(reply.len(), length);
        reply
    }

    #[test]
    fn a_reply_is_filled_up_to_whole_blocks_if_its_query_asks() {
        for (length, padded) in [(100, 468), (464, 468), (465, 936), (468, 936), (1_000, 1_404), (65_000, 65_052)] {
            let mut out = reply(length);
            out.resize(65_535, 0xee);
            assert_eq!(pad(&query(Some(option::PADDING)), &mut out, length), padded, "{length}");
            let (start, end) = opt(&out[..padded]).unwrap();
            assert_eq!((end, &out[start..start + 2]), (padded, &[0, 12][..]));
            assert!(out[start + 4..padded].iter().all(|octet| *octet == 0), "{length}");
            for other in [None, Some(3)] {
                assert_eq!(pad(&query(other), &mut reply(length), length), length);
            }
        }
    }

    #[test]
    fn the_largest_reply_is_filled_up_to_the_largest_message_and_no_further() {
        let asking = query(Some(option::PADDING));
        for (length, padded) in
            [(65_516, 65_520), (65_517, 65_535), (65_531, 65_535), (65_532, 65_532), (65_535, 65_535)]
        {
            let mut out = reply(length);
            out.resize(65_535, 0xee);
            assert_eq!(pad(&asking, &mut out, length), padded, "{length}");
            assert!(opt(&out[..padded]).is_some());
        }
    }

    #[test]
    fn what_has_no_option_or_is_cut_short_is_left_alone() {
        let asking = query(Some(option::PADDING));
        for end in 0..asking.len() {
            assert!(!asks(&asking[..end]));
        }
        // A reply without EDNS: the server has not understood the query's.
        let mut out = vec![0; 1_000];
        out[..12].copy_from_slice(&[0, 1, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(pad(&asking, &mut out, 12), 12);
    }
}
