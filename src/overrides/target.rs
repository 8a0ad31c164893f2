//! What an override is about: `pool/NAME`, `endpoint/POOL/NAME` or `tag/TAG`, with `*` and `?` in names.

use crate::limits::TARGET_MAX;
use crate::pool::{Endpoint, Pool};
use std::fmt;

/// How closely a target names what it is about: the closest wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rank {
    /// A pattern.
    Glob,
    /// A tag.
    Tag,
    /// One name, written out.
    Exact,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind<'a> {
    Pool(&'a str),
    Endpoint(&'a str, &'a str),
    Tag(&'a str),
}

/// A target: kept as its text, so that it holds for whatever is called so, now or after a reload. Pools of several
/// zones that have the same name are all meant.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Target(Box<str>);

impl Target {
    /// Reads a target.
    ///
    /// # Errors
    /// In words: it is not written as one.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > TARGET_MAX {
            return Err(format!("a target has at most {TARGET_MAX} octets"));
        }
        let plain = |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control());
        match kind(text) {
            Some(Kind::Pool(name) | Kind::Tag(name)) if plain(name) => Ok(Self(text.into())),
            Some(Kind::Endpoint(pool, name)) if plain(pool) && plain(name) => Ok(Self(text.into())),
            _ => Err(format!("a target is pool/NAME, endpoint/POOL/NAME or tag/TAG, not \"{}\"", text.escape_debug())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How closely it names what it is about.
    #[must_use]
    pub fn rank(&self) -> Rank {
        match self.kind() {
            _ if self.0.contains(['*', '?']) => Rank::Glob,
            Kind::Tag(_) => Rank::Tag,
            _ => Rank::Exact,
        }
    }

    /// True if it is about this pool itself.
    #[must_use]
    pub fn means_pool(&self, pool: &Pool) -> bool {
        match self.kind() {
            Kind::Pool(name) => fits(name, &pool.name),
            Kind::Tag(tag) => pool.tags.iter().any(|own| fits(tag, own)),
            Kind::Endpoint(..) => false,
        }
    }

    /// True if it is about this endpoint itself; `pool` is the one that the endpoint is in.
    #[must_use]
    pub fn means_endpoint(&self, pool: &Pool, endpoint: &Endpoint) -> bool {
        match self.kind() {
            Kind::Endpoint(of, name) => fits(of, &pool.name) && fits(name, &endpoint.name),
            Kind::Tag(tag) => endpoint.tags.iter().any(|own| fits(tag, own)),
            Kind::Pool(_) => false,
        }
    }

    /// True if it can only be about pools: these have no weight of their own.
    #[must_use]
    pub fn is_of_pools(&self) -> bool {
        matches!(self.kind(), Kind::Pool(_))
    }

    /// The pool that is named without a pattern.
    pub(super) fn exact_pool(&self) -> Option<&str> {
        match self.kind() {
            Kind::Pool(pool) | Kind::Endpoint(pool, _) if !pool.contains(['*', '?']) => Some(pool),
            _ => None,
        }
    }

    fn kind(&self) -> Kind<'_> {
        kind(&self.0).unwrap_or(Kind::Tag(""))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn kind(text: &str) -> Option<Kind<'_>> {
    let (kind, rest) = text.split_once('/')?;
    match kind {
        "pool" if !rest.contains('/') => Some(Kind::Pool(rest)),
        "endpoint" => rest.split_once('/').filter(|(_, name)| !name.contains('/')).map(|(p, n)| Kind::Endpoint(p, n)),
        // A tag is free text: it may have a slash of its own.
        "tag" => Some(Kind::Tag(rest)),
        _ => None,
    }
}

/// True if a text fits a pattern: `*` stands for any characters, `?` for one. In time |pattern| × |text| at most.
fn fits(mut pattern: &str, mut text: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return pattern == text;
    }
    // What stands behind the last star, and the text from where that was tried last.
    let mut star: Option<(&str, &str)> = None;
    loop {
        let (wanted, here) = (pattern.chars().next(), text.chars().next());
        match (wanted, here) {
            (Some('*'), _) => {
                pattern = &pattern[1..];
                star = Some((pattern, text));
            }
            (Some(wanted), Some(here)) if wanted == '?' || wanted == here => {
                (pattern, text) = (&pattern[wanted.len_utf8()..], &text[here.len_utf8()..]);
            }
            (None, None) => return true,
            _ => {
                let Some((behind, tried)) = star else { return false };
                let Some(skipped) = tried.chars().next() else { return false };
                let rest = &tried[skipped.len_utf8()..];
                star = Some((behind, rest));
                (pattern, text) = (behind, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_one_of_three_kinds_and_has_a_rank() {
        let rank = |text: &str| Target::parse(text).map(|target| target.rank());
        assert_eq!(rank("pool/fra"), Ok(Rank::Exact));
        assert_eq!(rank("endpoint/fra/2001:db8::1"), Ok(Rank::Exact));
        assert_eq!(rank("tag/site:eu/central"), Ok(Rank::Tag));
        assert_eq!(rank("tag/rack:?"), Ok(Rank::Glob));
        assert_eq!(rank("endpoint/*/web"), Ok(Rank::Glob));
        for wrong in ["fra", "pool/", "pool/a/b", "endpoint/a", "endpoint//b", "endpoint/a/b/c", "pool/a b", "tag/a\n"]
        {
            assert!(rank(wrong).is_err(), "{wrong:?}");
        }
        assert!(rank(&format!("pool/{}", "a".repeat(TARGET_MAX))).is_err());
    }

    #[test]
    fn a_pattern_fits_by_stars_and_question_marks() {
        for (pattern, text, right) in [
            ("fra", "fra", true),
            ("fra", "fra1", false),
            ("fra*", "fra", true),
            ("*a", "fra", true),
            ("f?a", "fra", true),
            ("f?", "fra", false),
            ("f?a*", "fßa", true),
            ("*é", "caféé", true),
            ("*b*c", "abcbc", true),
            ("*b*d", "abcbc", false),
            ("", "a", false),
            ("**", "", true),
        ] {
            assert_eq!(fits(pattern, text), right, "{pattern} {text}");
        }
    }
}
