//! Query streams, repeatable from a seed.

use super::ask::Ask;
use geosteer::worker::{Draw, Worker};
use std::net::{IpAddr, Ipv4Addr};

/// A named list of queries; a load walks it round and round.
#[derive(Debug)]
pub(crate) struct Stream {
    /// What it is called in tables.
    pub(crate) name: String,
    /// Messages; the load sets their ids.
    pub(crate) messages: Vec<Vec<u8>>,
}

impl Stream {
    /// One message, again and again.
    pub(crate) fn same(name: &str, ask: &Ask) -> Self {
        Self { name: name.to_owned(), messages: vec![ask.bytes()] }
    }

    /// `count` queries for `owner` with random public /24 subnets.
    pub(crate) fn subnets(name: &str, owner: &str, count: usize) -> Self {
        Self::each(name, count, Ask::edns, |_| owner.to_owned())
    }

    /// The same from a resolver that asks for signatures.
    pub(crate) fn signed_subnets(name: &str, owner: &str, count: usize) -> Self {
        Self::each(name, count, Ask::dnssec_ok, |_| owner.to_owned())
    }

    /// `count` queries for random names of the large zone, with random public /24 subnets.
    pub(crate) fn many_names(name: &str, names: u32, count: usize) -> Self {
        Self::each(name, count, Ask::edns, |draw| format!("n{}.example.com", draw.below(names)))
    }

    /// `count` queries for names that do not exist.
    pub(crate) fn missing(name: &str, count: usize) -> Self {
        Self::missing_asked(name, count, Ask::edns)
    }

    /// The same, asked in another way.
    pub(crate) fn missing_asked(name: &str, count: usize, kind: fn(Ask) -> Ask) -> Self {
        let mut draw = Worker::new(6).draw;
        let ask = |_| kind(Ask::new(&format!("x{:x}.example.com", draw.next() >> 24), 1)).bytes();
        Self { name: name.to_owned(), messages: (0..count).map(ask).collect() }
    }

    fn each(name: &str, count: usize, kind: fn(Ask) -> Ask, mut owner: impl FnMut(&mut Draw) -> String) -> Self {
        let mut draw = Worker::new(7).draw;
        let ask = |_| {
            let mut ask = kind(Ask::new(&owner(&mut draw), 1));
            ask.edns.get_or_insert_default().subnet = Some((IpAddr::V4(public(&mut draw)), 24));
            ask.bytes()
        };
        Self { name: name.to_owned(), messages: (0..count).map(ask).collect() }
    }
}

/// A random address that the world routes, near enough.
fn public(draw: &mut Draw) -> Ipv4Addr {
    loop {
        let address = Ipv4Addr::from_bits((draw.next() >> 32) as u32);
        let [a, b, ..] = address.octets();
        let special =
            address.is_private() || address.is_loopback() || address.is_link_local() || address.is_documentation();
        if a != 0 && a < 224 && !special && !(a == 100 && b & 0xc0 == 64) {
            return address;
        }
    }
}
