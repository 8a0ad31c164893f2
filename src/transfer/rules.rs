//! Who may have a zone, and what of it.

use crate::tsig::Key;
use crate::wire::Name;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// `[transfer]` of a zone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// From where it may be asked for; empty: from anywhere, with a key.
    pub from: Box<[IpNet]>,
    /// Who may ask, by names of keys in lower case; empty: whoever asks from there.
    pub keys: Box<[Name]>,
    /// Who is told of changes.
    pub notify: Box<[Notify]>,
    /// What is sent of balanced names.
    pub balanced: Balanced,
}

/// A secondary that is told of changes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Notify {
    /// Where it listens.
    pub address: SocketAddr,
    /// The key that signs what it is told, in lower case.
    pub key: Option<Name>,
}

/// What is sent of balanced names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Balanced {
    /// Nothing: a secondary says that they do not exist.
    #[default]
    LeaveOut,
    /// What the `default` row answers when nothing is live.
    FailOpen,
}

impl Balanced {
    /// Both.
    pub const ALL: [Self; 2] = [Self::LeaveOut, Self::FailOpen];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::LeaveOut => "leave-out",
            Self::FailOpen => "fail-open",
        }
    }
}

impl Rules {
    /// True if somebody may have it: all that is written must hold, and something must be.
    #[must_use]
    pub fn allow(&self, source: IpAddr, key: Option<&Key>) -> bool {
        let source = source.to_canonical();
        let is_from = self.from.is_empty() || self.from.iter().any(|network| network.contains(&source));
        let has_key = self.keys.is_empty() || key.is_some_and(|key| self.keys.contains(key.name()));
        is_from && has_key && !(self.from.is_empty() && self.keys.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tsig::Algorithm;

    #[test]
    fn all_that_is_written_must_hold() {
        let name = |text: &str| Name::parse(text).unwrap();
        let key = |text: &str| Key::new(&name(text), Algorithm::Sha256, &[7; 32]).unwrap();
        let (one, other) = (key("One.example"), key("other.example"));
        let rules = |from: &[&str], keys: &[&str]| Rules {
            from: from.iter().map(|network| network.parse().unwrap()).collect(),
            keys: keys.iter().map(|key| name(key)).collect(),
            ..Rules::default()
        };
        let [near, far] = ["192.0.2.7", "198.51.100.7"].map(|address| address.parse::<IpAddr>().unwrap());
        let none = rules(&[], &[]);
        assert!(!none.allow(near, None) && !none.allow(near, Some(&one)));
        let from = rules(&["192.0.2.0/24"], &[]);
        assert_eq!(
            [from.allow(near, None), from.allow(near, Some(&one)), from.allow(far, Some(&one))],
            [true, true, false]
        );
        assert!(from.allow("::ffff:192.0.2.7".parse().unwrap(), None), "one address, written in two ways");
        let keys = rules(&[], &["one.example"]);
        assert_eq!(
            [keys.allow(far, Some(&one)), keys.allow(far, Some(&other)), keys.allow(far, None)],
            [true, false, false]
        );
        let both = rules(&["192.0.2.0/24"], &["one.example"]);
        assert_eq!(
            [both.allow(near, Some(&one)), both.allow(near, None), both.allow(far, Some(&one))],
            [true, false, false]
        );
    }
}
