//! The compiled map and its look-ups: region and exact scope of a client in one walk.

use super::blocks::{BLOCK_SIZE, Blocks};
use super::compile;
use super::databases::{Databases, GeoError};
use super::nearness::{Group, Order};
use super::region::Region;
use super::sets::{Set, SetId, Sets};
use super::trie::Trie;
use super::tunnel;
use crate::address::{Bits, Family};
use crate::id::{ClassId, OrderId, ProfileId, RegionId};

/// Clients that no selector and no nearness order tells apart.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Profile {
    /// Every region that matches, the most specific match first.
    pub regions: Box<[RegionId]>,
    /// For each group of the map the order of nearness; `None` where the place is not known.
    pub orders: Box<[Option<OrderId>]>,
    /// A private or otherwise special block (RFC 6890): for a client subnet the resolver's address decides.
    pub special: bool,
}

/// Longest scopes, bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ScopeLimits {
    /// For IPv4.
    pub v4: u8,
    /// For IPv6.
    pub v6: u8,
}

/// What a map is compiled from.
#[derive(Clone, Copy, Debug)]
pub struct MapSpec<'a> {
    /// The zone's regions.
    pub regions: &'a [Region],
    /// Every choice by nearness that a policy of the zone can reach.
    pub groups: &'a [Group],
    /// Networks longer than this count for subnets as part of their covering block.
    pub limits: ScopeLimits,
}

/// What a look-up by client subnet gives. Aligned so that it is wider than two words: a narrower one would be packed
/// into registers where it is returned, and taken apart again.
#[repr(align(32))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hit {
    /// The class of the block, or of nothing if `special`.
    pub class: ClassId,
    /// SCOPE PREFIX-LENGTH: the largest block around the client inside which every client has this class.
    pub scope: u8,
    /// The block is special: the resolver's address decides, `scope` stays.
    pub special: bool,
}

/// Databases, operator networks and selectors, folded into one prefix table.
#[derive(Debug)]
pub struct GeoMap {
    profiles: Box<[Profile]>,
    orders: Box<[Order]>,
    sets: Sets,
    v4: Trie,
    v6: Trie,
}

/// One partition of a map's clients into classes: the verdict for each set of profiles.
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct View {
    /// By set: a class, or one of the three below.
    verdicts: Box<[u16]>,
    /// By profile: the class of its addresses as resolvers.
    classes: Box<[u16]>,
    /// The one class that everybody has.
    everybody: Option<ClassId>,
    /// The same verdicts laid out by IPv4 address, unless that took too much room.
    v4: Option<Blocks>,
}

impl View {
    /// The class of a profile's clients.
    #[must_use]
    pub fn class_of(&self, profile: ProfileId) -> Option<ClassId> {
        self.classes.get(profile.index()).map(|&class| ClassId::new(usize::from(class)))
    }
}

/// Several classes: walk on.
const MIXED: u16 = u16::MAX;
/// Special blocks only.
const SPECIAL: u16 = u16::MAX - 1;
/// A tunnel block, unlike every other.
const BARRIER: u16 = u16::MAX - 2;

/// Size of a compiled map, for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapFacts {
    /// Kinds of clients that are told apart.
    pub profiles: usize,
    /// Distinct orders of nearness.
    pub orders: usize,
    /// Distinct sets of profiles; a view has two octets for each.
    pub sets: usize,
    /// Branches of the IPv4 trie.
    pub branches_v4: usize,
    /// Branches of the IPv6 trie.
    pub branches_v6: usize,
    /// Size of all tables, octets.
    pub size: usize,
}

impl GeoMap {
    /// Folds the databases with the selectors and groups.
    ///
    /// # Errors
    /// More profiles than the table can hold, or a damaged database.
    pub fn compile(databases: &Databases, spec: &MapSpec<'_>) -> Result<Self, GeoError> {
        compile::compile(databases, spec)
    }

    /// A map from its parts.
    pub(super) fn new(profiles: Vec<Profile>, orders: Vec<Order>, sets: Sets, v4: Trie, v6: Trie) -> Self {
        Self { profiles: profiles.into(), orders: orders.into(), sets, v4, v6 }
    }

    /// Every profile that some client has; `ProfileId` indexes it. Profile 0 is always the one of a place
    /// that no database knows: no regions, no orders, not special.
    #[must_use]
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// An order that a profile names.
    #[must_use]
    pub fn order(&self, order: OrderId) -> &Order {
        &self.orders[order.index()]
    }

    /// How large the map is.
    #[must_use]
    pub fn facts(&self) -> MapFacts {
        let sets = self.sets.len();
        MapFacts {
            profiles: self.profiles.len(),
            orders: self.orders.len(),
            sets,
            branches_v4: self.v4.len(),
            branches_v6: self.v6.len(),
            size: self.v4.size() + self.v6.size() + sets * 8,
        }
    }

    /// The view in which profile `p` has class `classes[p]`. For special profiles the class is what their
    /// address alone (as a resolver's) gets; as subnets they are special unless all profiles share one class.
    ///
    /// # Panics
    /// If there is not one class for each profile: the caller's tables do not belong to this map.
    #[must_use]
    pub fn view(&self, classes: &[ClassId]) -> View {
        assert_eq!(classes.len(), self.profiles.len(), "one class for each profile");
        let small = |class: &ClassId| u16::try_from(class.index()).unwrap_or(MIXED).min(BARRIER - 1);
        let small: Box<[u16]> = classes.iter().map(small).collect();
        let mut verdicts: Vec<u16> = Vec::with_capacity(self.sets.len());
        for set in self.sets.iter() {
            verdicts.push(match set {
                Set::Barrier => BARRIER,
                Set::Single(profile) if self.profiles[profile as usize].special => SPECIAL,
                Set::Single(profile) => small[profile as usize],
                Set::Union(a, b) if verdicts[a as usize] == verdicts[b as usize] => verdicts[a as usize],
                Set::Union(..) => MIXED,
            });
        }
        let everybody = classes.first().copied().filter(|first| classes.iter().all(|class| class == first));
        View { verdicts: verdicts.into(), classes: small, everybody, v4: None }
    }

    /// Lays a view's verdicts out by IPv4 address, if that takes at most `room` octets. Gives what is left of them.
    pub fn lay_out(&self, view: &mut View, room: usize) -> usize {
        if view.everybody.is_some() {
            return room;
        }
        let blocks = Blocks::new(&self.v4, |branch| view.verdict(branch.set), MIXED, room / BLOCK_SIZE);
        view.v4 = blocks.filter(|blocks| blocks.size() <= room);
        room - view.v4.as_ref().map_or(0, Blocks::size)
    }

    /// The class and exact scope of a client subnet, given its first address: how many bits of it are known makes no
    /// difference, since the scope may be longer than them.
    #[inline(always)]
    #[must_use]
    pub fn find_subnet(&self, view: &View, address: Bits) -> Hit {
        let (verdict, scope) = match (&view.v4, address.family) {
            (Some(blocks), Family::V4) => blocks.find(address.as_v4()),
            _ => match view.everybody {
                Some(class) => return Hit { class, scope: 0, special: false },
                // In pieces: the usual address need not stand in memory for this one.
                None => self.walk_subnet(view, address.family, (address.high, address.low)),
            },
        };
        let special = verdict >= BARRIER;
        Hit { class: ClassId::new(if special { 0 } else { usize::from(verdict) }), scope, special }
    }

    /// The verdict on a subnet, and the depth at which it is reached.
    #[cold]
    fn walk_subnet(&self, view: &View, family: Family, (high, low): (u64, u64)) -> (u16, u8) {
        let address = Bits { high, low, family };
        let decides = |set: SetId| view.verdict(set) != MIXED;
        let (set, scope) = match address.family {
            Family::V4 => self.v4.subnet(address.as_v4(), decides),
            Family::V6 => match tunnel::inside(address.as_v6()) {
                Some((inner, offset)) => {
                    let (set, scope) = self.v4.subnet(inner, decides);
                    (set, offset + scope)
                }
                None => self.v6.subnet(address.as_v6(), decides),
            },
        };
        (view.verdict(set), scope)
    }

    /// The class of one address at full length (a resolver's own).
    #[must_use]
    pub fn find_address(&self, view: &View, address: Bits) -> ClassId {
        if let Some(class) = view.everybody {
            return class;
        }
        let set = self.walk(address, |set| view.verdict(set) < BARRIER);
        let class = match view.verdict(set) {
            class if class < BARRIER => class,
            _ => view.classes.get(self.single(set).index()).copied().unwrap_or_default(),
        };
        ClassId::new(usize::from(class))
    }

    /// The profile of one address at full length.
    #[must_use]
    pub fn profile(&self, address: Bits) -> ProfileId {
        self.single(self.walk(address, |set| matches!(self.sets.entry(set), Set::Single(_))))
    }

    /// Walks along a whole address.
    #[inline]
    fn walk(&self, address: Bits, decides: impl Fn(SetId) -> bool) -> SetId {
        match address.family {
            Family::V4 => self.v4.address(address.as_v4(), decides),
            Family::V6 => match tunnel::inside(address.as_v6()) {
                Some((inner, _)) => self.v4.address(inner, decides),
                None => self.v6.address(address.as_v6(), decides),
            },
        }
    }

    /// The profile of a set of one.
    fn single(&self, set: SetId) -> ProfileId {
        match self.sets.entry(set) {
            Set::Single(profile) => ProfileId::new(profile as usize),
            _ => ProfileId::new(0),
        }
    }
}

impl View {
    /// The verdict for a set.
    #[inline(always)]
    fn verdict(&self, set: SetId) -> u16 {
        // A view of another map: say "mixed", and let the walk end at a leaf.
        self.verdicts.get(set as usize).copied().unwrap_or(MIXED)
    }
}
