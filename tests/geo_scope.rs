//! The scope is exact and minimal: compiled maps against an oracle that knows no trie. Random worlds (a small
//! database, regions with networks longer than the longest scope, private blocks, nearness) are asked as random
//! clients; every answer is compared with a decision made from `matching` and `locate` alone, and every scope
//! with what clients inside and just outside of it get.
//!
//! `GEOSTEER_ORACLE=1000000` asks as that many clients; the default is what a test run can afford.

#[path = "geo_scope/addresses.rs"]
mod addresses;
#[path = "geo_scope/world.rs"]
mod world;

use addresses::{address, bits, flip, mask, merge, number, tunnel, wrap};
use geosteer::address::Bits;
use geosteer::geo::{Databases, GeoMap, Group, MapSpec, Matcher, Region, ScopeLimits, View, matching};
use geosteer::id::ClassId;
use geosteer::worker::Draw;
use ipnet::IpNet;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use world::{asn_database, database, group, note, pick, random, regions};

/// Clients asked in each world.
const CLIENTS: usize = 500;
/// Most clients asked inside one scope.
const INSIDE_MAX: usize = 24;
/// What a client in a special block gets as a subnet: the resolver decides.
const SPECIAL: usize = usize::MAX;

/// Blocks in which no client is (RFC 6890 and IANA's registries).
const SPECIAL_BLOCKS: [&str; 24] = [
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
    "224.0.0.0/3",
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

/// Blocks whose addresses carry an IPv4 address.
const TUNNELS: [&str; 4] = ["::ffff:0:0/96", "64:ff9b::/96", "2001::/32", "2002::/16"];

/// One random world, compiled.
struct World {
    databases: Databases,
    regions: Vec<Region>,
    groups: Vec<Group>,
    limits: ScopeLimits,
    map: GeoMap,
    view: View,
    /// The same, its verdicts laid out by IPv4 address.
    laid_out: View,
    classes: Vec<ClassId>,
    /// First addresses at which anything may change.
    edges: Vec<IpAddr>,
    /// Special-purpose blocks.
    blocks: Vec<IpNet>,
    /// Classes found so far.
    known: RefCell<HashMap<IpAddr, ClassId>>,
}

#[test]
fn every_scope_is_exact_and_minimal() {
    let clients: usize = std::env::var("GEOSTEER_ORACLE").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let mut seen = Seen::default();
    for seed in 0..clients.div_ceil(CLIENTS) as u64 {
        let mut draw = Draw::new(seed);
        let world = World::random(&mut draw);
        for _ in 0..CLIENTS {
            world.ask(&mut draw, &mut seen, seed);
        }
    }
    println!("{seen:?}");
    // The worlds must contain what they are for.
    assert!(seen.special > 100 && seen.tunnel > 100 && seen.beyond_source > 100 && seen.truncated > 20, "{seen:?}");
}

/// What kinds of clients were met.
#[derive(Default, Debug)]
struct Seen {
    special: u32,
    tunnel: u32,
    beyond_source: u32,
    truncated: u32,
}

impl World {
    fn random(draw: &mut Draw) -> Self {
        let (v4, v6) = (pick(draw, &[16, 20, 24, 28]), pick(draw, &[40, 48, 56, 64]));
        let limits = ScopeLimits { v4, v6 };
        let mut edges = Vec::new();
        let databases = Databases::new(vec![database(draw, &mut edges), asn_database(draw, &mut edges)]);
        let regions = regions(draw, &mut edges);
        let groups = (0..draw.below(3)).map(|_| group(draw)).collect::<Vec<_>>();
        let spec = MapSpec { regions: &regions, groups: &groups, limits };
        let map = GeoMap::compile(&databases, &spec).unwrap();
        let kinds = 1 + draw.below(5);
        let classes: Vec<ClassId> = map.profiles().iter().map(|_| ClassId::new(draw.below(kinds) as usize)).collect();
        let (view, mut laid_out) = (map.view(&classes), map.view(&classes));
        let room = map.lay_out(&mut laid_out, 1 << 30);
        assert_eq!(map.lay_out(&mut map.view(&classes), 0), 0, "no room, none taken");
        assert!(
            room < 1 << 30 || classes.iter().all(|class| *class == classes[0]),
            "a view that tells clients apart is laid out"
        );
        let blocks: Vec<IpNet> = SPECIAL_BLOCKS.iter().map(|block| block.parse().unwrap()).collect();
        for block in blocks.iter().copied().chain(TUNNELS.iter().map(|block| block.parse().unwrap())) {
            note(&mut edges, block);
        }
        // A change inside a block of the longest scope shows from the next such block on.
        let next = |edge: &IpAddr| {
            let (bits, max) = (bits(*edge), if edge.is_ipv4() { v4 } else { v6 });
            let last = number(mask(*edge, max)) | (u128::MAX >> (128 - bits + max));
            (last < u128::MAX >> (128 - bits)).then(|| address(last + 1, bits))
        };
        edges.extend(edges.iter().filter_map(next).collect::<Vec<_>>());
        Self {
            databases,
            regions,
            groups,
            limits,
            map,
            view,
            laid_out,
            classes,
            edges,
            blocks,
            known: RefCell::default(),
        }
    }

    /// Asks as one client, and as others inside and outside of the scope that it gets.
    fn ask(&self, draw: &mut Draw, seen: &mut Seen, seed: u64) {
        let address = self.client(draw);
        let bits = bits(address);
        assert_eq!(self.map.find_address(&self.view, address.into()), self.class(address), "{seed} {address}");
        let source = 1 + draw.below(u32::from(bits)) as u8;
        let first = Bits::from(address).first_of(source);
        let hit = self.map.find_subnet(&self.view, first);
        assert_eq!(hit, self.map.find_subnet(&self.laid_out, first), "{seed}: {address}/{source} by address");
        let expected = self.decide(address, source);
        let got = if hit.special { SPECIAL } else { hit.class.index() };
        assert_eq!(got, expected, "world {seed}: {address}/{source} in {:?}", self.limits);
        seen.special += u32::from(hit.special);
        seen.tunnel += u32::from(tunnel(address).is_some());
        seen.beyond_source += u32::from(hit.scope > source);
        seen.truncated += u32::from(!hit.special && self.class(mask(address, source)).index() != expected);
        if self.everybody() {
            assert_eq!(hit.scope, 0, "one class for everybody has scope 0");
            return;
        }
        let block = mask(mask(address, source), hit.scope);
        let what = format!("world {seed}: {address}/{source} got {got} with scope {} of {:?}", hit.scope, self.limits);
        let mut inside = self.clients_in(draw, block, hit.scope);
        while inside.len() > INSIDE_MAX {
            inside.swap_remove(draw.below(inside.len() as u32) as usize);
        }
        for other in inside {
            let more = hit.scope.max(source);
            let longer = more + draw.below(u32::from(bits - more) + 1) as u8;
            let theirs = self.decide(other, longer);
            assert_eq!(theirs, got, "{what}, but {other}/{longer}, inside, gets {theirs}");
        }
        if hit.scope > 0 {
            let sibling = flip(block, hit.scope - 1);
            let mut others = self.clients_in(draw, sibling, hit.scope);
            let barrier = others.iter().any(|other| tunnel(*other).is_some() != tunnel(block).is_some());
            // What lasts over the whole of it has no edge inside; Teredo's blocks begin at their last address.
            others.extend([sibling, merge(sibling, hit.scope, u128::MAX)]);
            let different = others.iter().any(|other| self.decide(*other, bits) != got);
            assert!(barrier || different, "{what}: everybody in the block one bit shorter gets the same");
        }
    }

    /// An address near something: an edge with some bits behind it changed, or any.
    fn client(&self, draw: &mut Draw) -> IpAddr {
        let edge = self.edges[draw.below(self.edges.len() as u32) as usize];
        let all = u32::from(bits(edge));
        let keep = draw.below(all + 1) as u8;
        let address = merge(edge, keep, random(draw));
        if draw.below(8) == 0 && address.is_ipv4() {
            let IpAddr::V4(inner) = address else { return address };
            let inner = u128::from(u32::from(inner));
            let outer = match draw.below(4) {
                0 => 0xffff_0000_0000 | inner,
                1 => (0x0064_ff9b << 96) | inner,
                2 => (0x2002 << 112) | (inner << 80),
                _ => (0x2001 << 112) | (inner ^ 0xffff_ffff),
            };
            return IpAddr::V6(outer.into());
        }
        address
    }

    /// Addresses inside a block: all edges there, and some at random.
    fn clients_in(&self, draw: &mut Draw, block: IpAddr, length: u8) -> Vec<IpAddr> {
        let inside =
            |address: &&IpAddr| bits(**address) == bits(block) && mask(**address, length) == mask(block, length);
        let mut found: Vec<IpAddr> = self.edges.iter().filter(inside).copied().collect();
        found.extend((0..6).map(|_| merge(block, length, random(draw))));
        // Inside a tunnel block the edges are those of IPv4.
        if let Some((_, offset)) = tunnel(block)
            && length >= offset
        {
            let inner: Vec<IpAddr> = self.edges.iter().filter(|edge| edge.is_ipv4()).copied().collect();
            let outer = inner.into_iter().filter_map(|inner| wrap(block, inner));
            found.extend(outer.filter(|address| mask(*address, length) == mask(block, length)));
        }
        found
    }

    /// The decision for a subnet, by the book: at min(source, longest scope) bits, by the first address.
    fn decide(&self, address: IpAddr, source: u8) -> usize {
        if self.everybody() {
            return self.classes[0].index();
        }
        let address = mask(address, source);
        let decisive = match (tunnel(address), address) {
            (Some((inner, _)), _) => mask(IpAddr::V4(inner), self.limits.v4),
            (None, IpAddr::V4(_)) => mask(address, self.limits.v4),
            // A block of the longest scope that has a tunnel block inside is told apart at full length.
            (None, IpAddr::V6(_)) if self.beside_tunnel(address) => address,
            (None, IpAddr::V6(_)) => mask(address, self.limits.v6),
        };
        if self.special(decisive) { SPECIAL } else { self.class(decisive).index() }
    }

    /// In the smallest block that may be a scope together with a tunnel block.
    fn beside_tunnel(&self, address: IpAddr) -> bool {
        let max = self.limits.v6;
        ["::ffff:0:0", "64:ff9b::"].iter().any(|first| mask(first.parse().unwrap(), max) == mask(address, max))
    }

    fn everybody(&self) -> bool {
        self.classes.iter().all(|class| *class == self.classes[0])
    }

    /// The class of one address.
    fn class(&self, address: IpAddr) -> ClassId {
        *self.known.borrow_mut().entry(address).or_insert_with(|| self.class_by_the_book(address))
    }

    /// The class of one address, by its regions and orders.
    fn class_by_the_book(&self, address: IpAddr) -> ClassId {
        let location = self.databases.locate(address);
        let regions: Vec<_> = matching(&self.regions, &location, address).into_iter().map(|(id, _)| id).collect();
        let place = |group: &Group| location.coordinates.map(|place| group.order(place));
        let orders: Vec<_> = self.groups.iter().map(place).collect();
        let special = self.special(address);
        let found: Vec<usize> = (0..self.map.profiles().len())
            .filter(|index| {
                let profile = &self.map.profiles()[*index];
                let of_profile = profile.orders.iter().map(|order| order.map(|id| self.map.order(id)));
                *profile.regions == *regions
                    && profile.special == special
                    && of_profile.eq(orders.iter().map(Option::as_ref))
            })
            .collect();
        assert_eq!(found.len(), 1, "one profile is that of {address}: {regions:?} {orders:?} {special} {location:?}");
        assert_eq!(self.map.profile(address.into()).index(), found[0], "{address}");
        self.classes[found[0]]
    }

    /// In a special block, and in no network of the operator's.
    fn special(&self, address: IpAddr) -> bool {
        let address = tunnel(address).map_or(address, |(inner, _)| IpAddr::V4(inner));
        let listed = self.regions.iter().flat_map(|region| &region.selectors).any(|selector| match &selector.matcher {
            Matcher::Network(network) => network.contains(&address),
            _ => false,
        });
        !listed && self.blocks.iter().any(|block| block.contains(&address))
    }
}
