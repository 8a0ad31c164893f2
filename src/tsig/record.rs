//! The TSIG record of a message (RFC 8945 §4.2): the last one of all, or none.

use crate::limits::LABEL_MAX;
use crate::wire::code::{class, rtype};
use crate::wire::query::{HEADER, skip_name};

/// A TSIG record where there must be none, or one that cannot be read: FORMERR (§5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Misplaced;

/// A TSIG record as it was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signed<'m> {
    /// Where it begins: what stands before is signed.
    pub start: usize,
    /// The key's name in wire form.
    pub key: &'m [u8],
    /// The algorithm's name in wire form.
    pub algorithm: &'m [u8],
    /// When it was signed, seconds since 1970.
    pub time: u64,
    /// By how many seconds clocks may differ.
    pub fudge: u16,
    /// The signature.
    pub mac: &'m [u8],
    /// The message's id when it was signed.
    pub id: u16,
    /// An error of the other side.
    pub error: u16,
    /// What more it has to say of that.
    pub other: &'m [u8],
}

/// Finds the TSIG record; `Ok(None)`: there is none, or the message is so broken that others will say so.
///
/// # Errors
/// It does not stand at the end, there are two, or it is malformed.
pub fn find(message: &[u8]) -> Result<Option<Signed<'_>>, Misplaced> {
    let Some(&[_, _, _, _, counts @ ..]) = message.first_chunk::<HEADER>() else { return Ok(None) };
    let [questions, answers, authority, additional] =
        [0, 2, 4, 6].map(|at| u32::from(u16::from_be_bytes([counts[at], counts[at + 1]])));
    let mut at = HEADER;
    for _ in 0..questions {
        let Some(end) = skip_name(message, at) else { return Ok(None) };
        at = end + 4;
    }
    let records = answers + authority + additional;
    for number in 1..=records {
        let Some(one) = record(message, at) else { return Ok(None) };
        if one.rtype == rtype::TSIG {
            let is_last = number == records && additional > 0 && one.end == message.len();
            let found = if is_last { read(message, at, &one) } else { None };
            return found.map(Some).ok_or(Misplaced);
        }
        at = one.end;
    }
    Ok(None)
}

/// A record's place.
struct Place {
    rtype: u16,
    class: u16,
    owner_end: usize,
    data: usize,
    end: usize,
}

fn record(message: &[u8], at: usize) -> Option<Place> {
    let owner_end = skip_name(message, at)?;
    let fixed = message.get(owner_end..)?.first_chunk::<10>()?;
    let (data, length) = (owner_end + 10, usize::from(u16::from_be_bytes([fixed[8], fixed[9]])));
    let [rtype, class] = [0, 2].map(|at| u16::from_be_bytes([fixed[at], fixed[at + 1]]));
    (data + length <= message.len()).then_some(Place { rtype, class, owner_end, data, end: data + length })
}

/// Reads the record that stands at `start`. Its names are not compressed (§4.2).
fn read<'m>(message: &'m [u8], start: usize, place: &Place) -> Option<Signed<'m>> {
    let key = &message[start..place.owner_end];
    let rdata = &message[place.data..place.end];
    let (algorithm, rest) = rdata.split_at_checked(skip_name(rdata, 0)?)?;
    let (fixed, rest) = rest.split_first_chunk::<10>()?;
    let (mac, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([fixed[8], fixed[9]])))?;
    let (tail, other) = rest.split_first_chunk::<6>()?;
    let [id, error, length] = [0, 2, 4].map(|at| u16::from_be_bytes([tail[at], tail[at + 1]]));
    if place.class != class::ANY || !is_whole(key) || !is_whole(algorithm) || other.len() != usize::from(length) {
        return None;
    }
    let time = u64::from_be_bytes([0, 0, fixed[0], fixed[1], fixed[2], fixed[3], fixed[4], fixed[5]]);
    let fudge = u16::from_be_bytes([fixed[6], fixed[7]]);
    Some(Signed { start, key, algorithm, time, fudge, mac, id, error, other })
}

/// True if these octets are one whole name.
fn is_whole(name: &[u8]) -> bool {
    let mut at = 0;
    loop {
        match name.get(at) {
            Some(0) => return at + 1 == name.len(),
            Some(&length) if usize::from(length) <= LABEL_MAX => at += 1 + usize::from(length),
            _ => return false,
        }
    }
}
