//! A second, plain way to the class and scope of a client: sorted runs of addresses with one content each, from
//! the database itself. It shares no table and no trie with the code under test; only the facts of a country
//! (continent, coordinates) are asked from `geosteer::geo`.

use geosteer::geo::{Coordinates, Databases};
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What decides for a run of addresses: an index of the case's contents, or one of these.
pub(crate) type Content = u16;
/// The resolver decides.
pub(crate) const SPECIAL: Content = u16::MAX;
/// Looked up as IPv4.
pub(crate) const TUNNEL: Content = u16::MAX - 1;

/// What a country code stands for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Place {
    /// ISO 3166-1.
    pub(crate) country: [u8; 2],
    /// Its continent.
    pub(crate) continent: Option<[u8; 2]>,
    /// Its centroid.
    pub(crate) coordinates: Option<Coordinates>,
}

/// The embedded database as sorted, disjoint runs of one family each.
pub(crate) struct World {
    places: Vec<Place>,
    runs: [Vec<(u128, Option<u16>)>; 2],
}

/// Sorted starts of runs, each with its content; a run ends before the next.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    starts: Vec<(u128, Content)>,
    bits: u8,
}

const SPECIAL_BLOCKS: [&str; 25] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

const TUNNELS: [&str; 4] = ["::ffff:0:0/96", "64:ff9b::/96", "2001::/32", "2002::/16"];

impl World {
    /// Reads the embedded database's file.
    pub(crate) fn read(databases: &Databases) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/geodb/dbip-country.mmdb.zst");
        let packed = std::fs::read(file).expect("the database is part of the repository");
        let bytes = zstd::decode_all(packed.as_slice()).expect("zstd");
        let reader = maxminddb::Reader::from_source(bytes).expect("an .mmdb");
        let mut world = Self { places: Vec::new(), runs: [Vec::new(), Vec::new()] };
        let (mut known, mut end) = (HashMap::new(), [0u128; 2]);
        for found in reader.networks(maxminddb::WithinOptions::default()).expect("a tree") {
            let found = found.expect("a sound tree");
            let path = [maxminddb::PathElement::Key("country_code")];
            let Some(code) = found.decode_path::<String>(&path).expect("a string") else { continue };
            let network = found.network().expect("a network");
            let network = IpNet::new(network.ip(), network.prefix()).expect("a prefix");
            let place = *known.entry(code.clone()).or_insert_with(|| world.place(&code, network.network(), databases));
            world.add(network, place, &mut end);
        }
        world.close(end);
        world
    }

    fn place(&mut self, code: &str, address: IpAddr, databases: &Databases) -> u16 {
        let location = databases.locate(address);
        let country = code.as_bytes().try_into().expect("two letters");
        let continent = location.continent.map(|continent| continent.0);
        self.places.push(Place { country, continent, coordinates: location.coordinates });
        (self.places.len() - 1) as u16
    }

    fn add(&mut self, network: IpNet, place: u16, end: &mut [u128; 2]) {
        let (family, first, last) = range(network);
        let runs = &mut self.runs[family];
        if first > end[family] || runs.is_empty() && first > 0 {
            runs.push((end[family], None));
        }
        runs.push((first, Some(place)));
        end[family] = last.wrapping_add(1);
    }

    fn close(&mut self, end: [u128; 2]) {
        for (runs, end) in self.runs.iter_mut().zip(end) {
            if end != 0 {
                runs.push((end, None));
            }
        }
    }

    /// The runs of both families: `content` says what decides for a place, `networks` are the operator's.
    pub(crate) fn runs(
        &self,
        content: &mut dyn FnMut(Option<&Place>) -> Content,
        networks: &[(IpNet, Content)],
    ) -> [Runs; 2] {
        let by_place: Vec<Content> = self.places.iter().map(|place| content(Some(place))).collect();
        let unknown = content(None);
        let family = |family: usize| {
            let content = |place: Option<u16>| place.map_or(unknown, |place| by_place[usize::from(place)]);
            let starts = self.runs[family].iter().map(|&(start, place)| (start, content(place))).collect();
            Runs { starts, bits: if family == 0 { 32 } else { 128 } }
        };
        let mut both = [family(0), family(1)];
        let blocks = SPECIAL_BLOCKS.iter().map(|block| (block, SPECIAL)).chain(TUNNELS.iter().map(|t| (t, TUNNEL)));
        for (block, content) in blocks {
            let (family, first, last) = range(block.parse().expect("a network"));
            both[family].paint(first, last, content);
        }
        let mut networks = networks.to_vec();
        networks.sort_by_key(|(network, _)| network.prefix_len());
        for (network, content) in networks {
            let (family, first, last) = range(network);
            both[family].paint(first, last, content);
        }
        both.map(Runs::merged)
    }
}

impl Runs {
    fn paint(&mut self, first: u128, last: u128, content: Content) {
        let from = self.starts.partition_point(|&(start, _)| start < first);
        let to = self.starts.partition_point(|&(start, _)| start <= last);
        let after = (last < self.top()).then(|| (last + 1, self.starts[to - 1].1));
        let next_starts_there = self.starts.get(to).is_some_and(|&(start, _)| start == last.wrapping_add(1));
        let tail = after.filter(|_| !next_starts_there);
        self.starts.splice(from..to, [(first, content)].into_iter().chain(tail));
    }

    fn merged(mut self) -> Self {
        self.starts.dedup_by_key(|&mut (_, content)| content);
        self
    }

    /// Bits of an address of the family.
    pub(crate) fn bits(&self) -> u8 {
        self.bits
    }

    fn top(&self) -> u128 {
        u128::MAX >> (128 - self.bits)
    }

    /// What subnets see: a block of `limit` bits counts as its first address.
    pub(crate) fn cut(&self, limit: u8) -> Self {
        let block = 1u128 << (self.bits - limit);
        let mut starts: Vec<(u128, Content)> = Vec::with_capacity(self.starts.len());
        for &(start, content) in &self.starts {
            let Some(start) = start.checked_next_multiple_of(block).filter(|&start| start <= self.top()) else { break };
            starts.retain_last(start);
            starts.push((start, content));
        }
        Self { starts, bits: self.bits }.merged()
    }

    /// True if one content decides everywhere, special blocks aside.
    pub(crate) fn single(&self) -> bool {
        let mut plain = self.starts.iter().map(|&(_, content)| content).filter(|&content| content < TUNNEL);
        plain.next().is_none_or(|first| plain.all(|content| content == first))
    }

    /// Content of an address, and the length of the largest block around it that has it everywhere.
    pub(crate) fn find(&self, address: u128) -> (Content, u8) {
        let run = self.starts.partition_point(|&(start, _)| start <= address) - 1;
        let (first, content) = self.starts[run];
        let last = self.starts.get(run + 1).map_or(self.top(), |&(next, _)| next - 1);
        let fits = |&length: &u8| {
            let behind = self.top().checked_shr(u32::from(length)).unwrap_or(0);
            address & !behind >= first && address | behind <= last
        };
        (content, (0..=self.bits).find(fits).expect("an address alone fits into its run"))
    }

    /// A client near the border of some run: where mistakes live. `draw` is random.
    pub(crate) fn near_border(&self, draw: u64, block: u128) -> u128 {
        let (start, _) = self.starts[(draw >> 8) as usize % self.starts.len()];
        let steps = u128::from(draw & 3);
        let near =
            if draw & 4 == 0 { start.saturating_add(steps * block) } else { start.saturating_sub(steps * block + 1) };
        near.min(self.top())
    }
}

trait RetainLast {
    fn retain_last(&mut self, start: u128);
}

impl RetainLast for Vec<(u128, Content)> {
    /// Drops the last run if the next one begins at the same place.
    fn retain_last(&mut self, start: u128) {
        if self.last().is_some_and(|&(last, _)| last == start) {
            self.pop();
        }
    }
}

/// Family (0 IPv4, 1 IPv6), first and last address of a network.
fn range(network: IpNet) -> (usize, u128, u128) {
    (usize::from(network.network().is_ipv6()), number(network.network()), number(network.broadcast()))
}

/// An address as a number.
pub(crate) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// A number as an address of the family.
pub(crate) fn address(family: usize, number: u128) -> IpAddr {
    if family == 0 { Ipv4Addr::from_bits(number as u32).into() } else { Ipv6Addr::from_bits(number).into() }
}

/// Great-circle distance in radians (haversine).
pub(crate) fn distance(a: Coordinates, b: Coordinates) -> f64 {
    let (north, south) = (a.latitude.to_radians(), b.latitude.to_radians());
    let (across, along) = ((south - north) / 2.0, (b.longitude - a.longitude).to_radians() / 2.0);
    let h = across.sin().powi(2) + north.cos() * south.cos() * along.sin().powi(2);
    2.0 * h.sqrt().min(1.0).asin()
}
