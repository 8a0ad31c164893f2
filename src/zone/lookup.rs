//! What a name and a type find (RFC 1034 §4.3.2 with RFC 4592 and RFC 6672), apart from how it is written.

use super::{Flags, NO_NAME, Node, NodeId, Set, Zones};
use crate::id::{NameId, ZoneId};
use crate::wire::Span;
use crate::wire::code::rtype;

/// What was found, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// The zone that answers.
    pub zone: ZoneId,
    /// The node that answers; for a name that does not exist, its closest encloser.
    pub node: NodeId,
    /// The node is a wildcard that stands in for the name.
    pub wildcard: bool,
    /// The balanced name at the node.
    pub balanced: Option<NameId>,
    /// What to answer.
    pub outcome: Outcome,
}

/// The zone that answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holder {
    /// Its id.
    pub zone: ZoneId,
    /// It believes everybody's client subnets; if not, whose it believes stands elsewhere.
    pub believes_all: bool,
}

/// What nearly every query of an existing name finds, without a word more than the answer needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Usual<'z> {
    /// Steering decides the addresses of the asked family.
    Addresses(Holder, NameId),
    /// Static records of the asked type; they fit the question as they are.
    Records(Holder, &'z Set),
    /// Anything else: ask [`Zones::find_from`].
    Other,
}

/// What to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Steering decides the addresses of the asked family.
    Addresses(NameId),
    /// Steering decides the CNAME's target.
    Target(NameId),
    /// Steering decides the records of the asked type, which is none of the above.
    Service(NameId),
    /// Static records of the asked type.
    Records(Set),
    /// A static CNAME instead of the asked type.
    Alias(Set),
    /// The name lies below a DNAME: its set, and octets of its owner.
    Redirect(Set, usize),
    /// The name lies at or below a cut: its NS set, and octets of its owner.
    Referral(Set, usize),
    /// ANY at a name that has data.
    Any,
    /// The name exists, the type does not.
    NoData,
    /// The name does not exist.
    NoName,
}

/// Where a name was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'z> {
    /// The node's number.
    pub(crate) id: NodeId,
    node: &'z Node,
}

impl At<'_> {
    /// The zone of the name.
    #[inline(always)]
    pub(crate) const fn zone(&self) -> ZoneId {
        self.node.zone
    }
}

impl Zones {
    /// Looks a name up. `None`: it lies in no zone of ours.
    #[must_use]
    pub fn find(&self, name: Span<'_>, qtype: u16) -> Option<Found> {
        self.find_from(self.node(name), name, qtype)
    }

    /// The same, when it is known whether the name has a node of its own.
    #[must_use]
    pub fn find_from(&self, node: Option<NodeId>, name: Span<'_>, qtype: u16) -> Option<Found> {
        match node {
            Some(node) => Some(self.at(node, qtype, false)),
            None => self.find_below(name, qtype),
        }
    }

    /// What a node answers if neither a cut nor an alias has a say: nearly always one look.
    #[inline(always)]
    #[must_use]
    pub(crate) fn usual(&self, At { node, .. }: At<'_>, qtype: u16) -> Usual<'_> {
        let holder = Holder { zone: node.zone, believes_all: node.flags.has(Flags::BELIEVES) };
        if qtype == rtype::A && node.flags.shows(Flags::BALANCED_A)
            || qtype == rtype::AAAA && node.flags.shows(Flags::BALANCED_AAAA)
        {
            return Usual::Addresses(holder, NameId::new(node.balanced as usize));
        }
        if node.flags.has(Flags::PLAIN)
            && let Some(set) = self.sets.get(node.sets as usize)
            && set.rtype == qtype
        {
            return Usual::Records(holder, set);
        }
        self.less_usual(node, qtype).map_or(Usual::Other, |set| Usual::Records(holder, set))
    }

    /// The static records of the asked type, when it takes several looks.
    #[inline(never)]
    fn less_usual(&self, node: &Node, qtype: u16) -> Option<&Set> {
        let hides = Flags::HIDDEN | Flags::BALANCED_CNAME;
        if node.flags.has(hides) || qtype == rtype::DS {
            return None;
        }
        let start = node.sets as usize;
        self.sets[start..start + usize::from(node.set_count)].iter().find(|set| set.rtype == qtype)
    }

    /// The RRset of a type at a node.
    #[inline]
    #[must_use]
    pub fn set(&self, node: NodeId, rtype: u16) -> Option<Set> {
        self.sets_of(&self.nodes[node.index()], rtype)
    }

    /// The node of exactly this name.
    #[must_use]
    pub fn node(&self, name: Span<'_>) -> Option<NodeId> {
        self.place(name).map(|at| at.id)
    }

    /// The same with the node.
    #[inline(never)]
    #[must_use]
    pub(crate) fn place(&self, name: Span<'_>) -> Option<At<'_>> {
        let hash = name.hash();
        // Usually it is there, in the case sent.
        if let Some(id) = self.table.first(hash)
            && let Some(node) = self.nodes.get(id.index())
            && self.owner(node).is_some_and(|owner| name.is_exactly(owner))
        {
            return Some(At { id, node });
        }
        self.place_under(hash, name)
    }

    /// The same, by all names of this hash and in any case.
    #[cold]
    fn place_under(&self, hash: u32, name: Span<'_>) -> Option<At<'_>> {
        let is_it = |owner: &[u8]| name.is_exactly(owner) || name.is(owner);
        let id = self.table.find(hash, |id| self.owner(&self.nodes[id.index()]).is_some_and(is_it))?;
        Some(At { id, node: &self.nodes[id.index()] })
    }

    /// The name of a node, in lower case.
    #[inline(always)]
    fn owner(&self, node: &Node) -> Option<&[u8]> {
        let start = node.name as usize;
        self.names.get(start..start + usize::from(node.name_length))
    }

    #[inline]
    fn sets_of(&self, node: &Node, rtype: u16) -> Option<Set> {
        let start = node.sets as usize;
        self.sets[start..start + usize::from(node.set_count)].iter().find(|set| set.rtype == rtype).copied()
    }

    /// The closest node above a name.
    #[cold]
    fn place_above(&self, name: Span<'_>) -> Option<At<'_>> {
        let mut ancestor = name.parent()?;
        // What is deeper than every name of ours need not be looked up.
        for _ in self.deepest..ancestor.labels() {
            ancestor = ancestor.parent()?;
        }
        loop {
            if let Some(at) = self.place(ancestor) {
                return Some(at);
            }
            ancestor = ancestor.parent()?;
        }
    }

    /// What a name that has no node of its own finds.
    #[inline(never)]
    fn find_below(&self, name: Span<'_>, qtype: u16) -> Option<Found> {
        let parent = name.parent()?;
        // Nearly all such names stand right below one of ours.
        let At { id, node } = match self.place(parent) {
            Some(at) => at,
            None => self.place_above(parent)?,
        };
        if node.above != NodeId::NONE {
            return Some(self.hidden(node.above, false));
        }
        if node.flags.has(Flags::DNAME) {
            return Some(self.hidden(id, false));
        }
        if node.wildcard != NodeId::NONE {
            return Some(self.at(node.wildcard, qtype, true));
        }
        Some(Found { zone: node.zone, node: id, wildcard: false, balanced: None, outcome: Outcome::NoName })
    }

    /// What a node answers.
    #[inline(always)]
    fn at(&self, id: NodeId, qtype: u16, wildcard: bool) -> Found {
        let node = &self.nodes[id.index()];
        if qtype == rtype::DS && node.flags.has(Flags::APEX) {
            let parent_side = self.zones[node.zone.index()].parent_side;
            if parent_side != NodeId::NONE {
                return self.at_visible_or_hidden(parent_side, qtype);
            }
        }
        if node.above != NodeId::NONE {
            return if wildcard { self.hidden(node.above, true) } else { self.at_visible_or_hidden(id, qtype) };
        }
        self.at_visible(id, qtype, wildcard)
    }

    /// What a node at or below a cut, or below a DNAME, answers: the cut itself has the DS set (RFC 4035 §3.1.4.1).
    #[cold]
    fn at_visible_or_hidden(&self, id: NodeId, qtype: u16) -> Found {
        let above = self.nodes[id.index()].above;
        let ours = above == NodeId::NONE || above == id && qtype == rtype::DS;
        if ours { self.at_visible(id, qtype, false) } else { self.hidden(above, false) }
    }

    /// What a node answers that nothing hides.
    #[inline(always)]
    fn at_visible(&self, id: NodeId, qtype: u16, wildcard: bool) -> Found {
        let node = &self.nodes[id.index()];
        let balanced = (node.balanced != NO_NAME).then(|| NameId::new(node.balanced as usize));
        let outcome = match balanced.and_then(|name| steered(node.flags, name, qtype)) {
            Some(outcome) => outcome,
            None => self.static_outcome(node, qtype),
        };
        Found { zone: node.zone, node: id, wildcard, balanced, outcome }
    }

    #[inline]
    fn static_outcome(&self, node: &Node, qtype: u16) -> Outcome {
        if let Some(set) = self.sets_of(node, qtype) {
            return Outcome::Records(set);
        }
        if node.flags.has(Flags::CNAME)
            && let Some(set) = self.sets_of(node, rtype::CNAME)
        {
            return Outcome::Alias(set);
        }
        if qtype == rtype::ANY && (node.set_count > 0 || node.balanced != NO_NAME) {
            Outcome::Any
        } else {
            Outcome::NoData
        }
    }

    /// The referral or redirection at the node that hides others.
    #[cold]
    fn hidden(&self, id: NodeId, wildcard: bool) -> Found {
        let node = &self.nodes[id.index()];
        let length = usize::from(node.name_length);
        let outcome = if node.flags.has(Flags::CUT) {
            self.sets_of(node, rtype::NS).map(|set| Outcome::Referral(set, length))
        } else {
            self.sets_of(node, rtype::DNAME).map(|set| Outcome::Redirect(set, length))
        };
        let outcome = outcome.unwrap_or(Outcome::NoData);
        Found { zone: node.zone, node: id, wildcard, balanced: None, outcome }
    }
}

/// What steering answers at a balanced name, if it answers this type.
#[inline]
fn steered(flags: Flags, name: NameId, qtype: u16) -> Option<Outcome> {
    match qtype {
        // What says that there is a CNAME stands beside it (RFC 4034 §4).
        rtype::NSEC | rtype::RRSIG if flags.has(Flags::BALANCED_CNAME) => None,
        _ if flags.has(Flags::BALANCED_CNAME) => Some(Outcome::Target(name)),
        rtype::A if flags.has(Flags::BALANCED_A) => Some(Outcome::Addresses(name)),
        rtype::AAAA if flags.has(Flags::BALANCED_AAAA) => Some(Outcome::Addresses(name)),
        rtype::HTTPS if flags.has(Flags::BALANCED_HTTPS) => Some(Outcome::Service(name)),
        rtype::SVCB if flags.has(Flags::BALANCED_SVCB) => Some(Outcome::Service(name)),
        rtype::SRV if flags.has(Flags::BALANCED_SRV) => Some(Outcome::Service(name)),
        rtype::MX if flags.has(Flags::BALANCED_MX) => Some(Outcome::Service(name)),
        rtype::TXT if flags.has(Flags::BALANCED_TXT) => Some(Outcome::Service(name)),
        _ => None,
    }
}
