//! Who may change what.

use crate::tsig::Key;
use crate::wire::{Name, Span};
use ipnet::IpNet;
use std::net::IpAddr;

/// `update` of a zone: any grant is enough.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules(pub Box<[Grant]>);

/// What some keys may change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Grant {
    /// Names of the keys, in lower case.
    pub keys: Box<[Name]>,
    /// From where; empty: from anywhere.
    pub from: Box<[IpNet]>,
    /// Which names.
    pub names: Box<[Pattern]>,
    /// Which types.
    pub types: Box<[u16]>,
}

/// Names, in lower case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pattern {
    /// This one.
    Exact(Name),
    /// All below this one.
    Below(Name),
    /// These labels, and anything behind them: the labels in wire form, without the root.
    Beginning(Box<[u8]>),
}

impl Pattern {
    /// True if it is a name, in any case.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        match self {
            Self::Exact(one) => Span::new(name).is(one.wire()),
            Self::Below(above) => {
                let ancestors = std::iter::successors(Span::new(name).parent(), |name| name.parent());
                ancestors.into_iter().any(|ancestor| ancestor.is(above.wire()))
            }
            Self::Beginning(labels) => name.get(..labels.len()).is_some_and(|head| head.eq_ignore_ascii_case(labels)),
        }
    }
}

impl Rules {
    /// What somebody may change.
    pub fn of<'r>(&'r self, source: IpAddr, key: &'r Key) -> impl Iterator<Item = &'r Grant> + Clone {
        let source = source.to_canonical();
        let is_from = move |grant: &Grant| grant.from.is_empty() || grant.from.iter().any(|one| one.contains(&source));
        self.0.iter().filter(move |grant| grant.keys.contains(key.name()) && is_from(grant))
    }

    /// True if somebody may change this at all: what is not is no longer served.
    #[must_use]
    pub fn allow(&self, name: &[u8], rtype: u16) -> bool {
        self.0.iter().any(|grant| grant.allows(name, rtype))
    }
}

impl Grant {
    /// True if a type at a name may be changed.
    #[must_use]
    pub fn allows(&self, name: &[u8], rtype: u16) -> bool {
        self.types.contains(&rtype) && self.names_it(name)
    }

    /// True if a name may be changed.
    #[must_use]
    pub fn names_it(&self, name: &[u8]) -> bool {
        self.names.iter().any(|pattern| pattern.has(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_one_name_all_below_one_or_a_beginning() {
        let name = |text: &str| Name::parse(text).unwrap();
        let all = [
            "_acme-challenge.example.com",
            "_ACME-challenge.www.example.com",
            "k8s.example.com",
            "a.b.K8S.example.com",
        ];
        let has = |pattern: Pattern| all.map(|one| pattern.has(name(one).wire()));
        assert_eq!(has(Pattern::Exact(name("_acme-challenge.example.com"))), [true, false, false, false]);
        assert_eq!(has(Pattern::Below(name("k8s.example.com"))), [false, false, false, true]);
        assert_eq!(has(Pattern::Beginning(b"\x0f_acme-challenge"[..].into())), [true, true, false, false]);
    }
}
