//! Walks a TOML document with positions: each helper takes a node, gives the value it should be, and
//! reports what it is instead.

use super::Code;
use super::diagnostic::{Diagnostic, Report};
use super::keys::{Table, nearest};
use super::source::{FileId, Span};
use crate::health::Check;
use crate::id::CheckId;
use std::collections::HashMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use toml::de::{DeTable, DeValue};

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    pub(super) span: Span,
    pub(super) value: &'a DeValue<'a>,
}

/// A key and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) text: &'a str,
    pub(super) span: Span,
}

/// An entry of a table.
pub(super) type Entry<'a> = (Key<'a>, Node<'a>);

/// Most keys that a [`Table`] of `keys` has.
const KEYS_MAX: usize = 40;

/// The known keys of one table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    table: &'static Table,
    found: [Option<(Span, Node<'a>)>; KEYS_MAX],
}

impl<'a> Fields<'a> {
    /// No keys at all.
    pub(super) fn none(table: &'static Table) -> Self {
        Self { table, found: [None; KEYS_MAX] }
    }

    /// The value of a key. The key is one of the table's (a wrong one is found by the first test that asks).
    pub(super) fn value(&self, key: &str) -> Option<Node<'a>> {
        self.entry(key).map(|(_, node)| node)
    }

    /// The place of a key and its value.
    pub(super) fn entry(&self, key: &str) -> Option<(Span, Node<'a>)> {
        let index = self.table.index(key);
        debug_assert!(index.is_some(), "{key} is no key of {}", self.table.what);
        self.found[index?]
    }
}

/// What all readers share: the report that they add to.
#[derive(Debug, Default)]
pub(super) struct Ctx {
    pub(super) report: Report,
    /// The checks of all zones read so far, by content.
    pub(super) checks: HashMap<Check, CheckId>,
}

/// The entries of a table, in the order written.
pub(super) fn entries<'a>(file: FileId, table: &'a DeTable<'a>) -> impl ExactSizeIterator<Item = Entry<'a>> {
    table.iter().map(move |(key, value)| {
        let text: &'a str = key.get_ref();
        let key = Key { text, span: Span::new(file, key.span()) };
        (key, Node { span: Span::new(file, value.span()), value: value.get_ref() })
    })
}

impl<'a> Node<'a> {
    /// "a string", "an integer", …
    pub(super) fn kind(self) -> &'static str {
        match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        }
    }

    /// The text of a string.
    pub(super) fn as_str(self) -> Option<&'a str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// An integer that fits.
    pub(super) fn as_i64(self) -> Option<i64> {
        let integer = self.value.as_integer()?;
        i64::from_str_radix(integer.as_str(), integer.radix()).ok()
    }

    /// The items of an array, or the node itself if it is something else.
    pub(super) fn items(self) -> impl ExactSizeIterator<Item = Self> + Clone {
        let (array, rest) = match self.value {
            DeValue::Array(array) => (Some(array), None),
            _ => (None, Some(self)),
        };
        let file = self.span.file;
        let count = array.map_or(1, |array| array.len());
        (0..count).map(move |index| match (array, rest) {
            (Some(array), _) => Self { span: Span::new(file, array[index].span()), value: array[index].get_ref() },
            (None, rest) => rest.unwrap_or(self),
        })
    }

    /// The entries of a table.
    pub(super) fn entries(self) -> Option<impl ExactSizeIterator<Item = Entry<'a>>> {
        Some(entries(self.span.file, self.value.as_table()?))
    }
}

impl Ctx {
    /// Adds an error with a label.
    pub(super) fn error(&mut self, code: Code, span: Span, message: impl Into<String>, label: impl Into<String>) {
        self.report.push(Diagnostic::new(code, span, message).label(label));
    }

    /// Adds any diagnostic.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.report.push(diagnostic);
    }

    /// A value of the wrong type.
    pub(super) fn wrong_type(&mut self, node: Node<'_>, what: &str, wanted: &str) {
        let message = format!("{what} must be {wanted}, not {}", node.kind());
        self.error(Code::WrongType, node.span, message, format!("this is {}", node.kind()));
    }

    /// The known keys of a table; everything else in it is reported.
    pub(super) fn fields<'a>(&mut self, node: Node<'a>, table: &'static Table) -> Option<Fields<'a>> {
        let Some(entries) = node.entries() else {
            self.wrong_type(node, table.what, "a table");
            return None;
        };
        Some(self.fields_of(entries, table))
    }

    /// The same for entries that stand in several places.
    pub(super) fn fields_of<'a>(
        &mut self,
        entries: impl Iterator<Item = Entry<'a>>,
        table: &'static Table,
    ) -> Fields<'a> {
        let mut fields = Fields::none(table);
        for (key, node) in entries {
            match table.index(key.text) {
                Some(index) => fields.found[index] = Some((key.span, node)),
                None => self.unknown_key(key, table),
            }
        }
        fields
    }

    /// A key that is not read.
    pub(super) fn unknown_key(&mut self, key: Key<'_>, table: &'static Table) {
        if table.later.contains(&key.text) {
            return self.later(key.span, &format!("`{}` of {}", key.text, table.what));
        }
        let found = Diagnostic::new(Code::UnknownKey, key.span, format!("{} has no key `{}`", table.what, key.text))
            .label("not a key of this table");
        self.push(match table.meant(&key.text.to_ascii_lowercase()) {
            Some(meant) => found.help(format!("did you mean `{meant}`?")),
            None => found.help(format!("it has: {}", table.keys.join(", "))),
        });
    }

    /// Something that a later version brings.
    pub(super) fn later(&mut self, span: Span, what: &str) {
        self.error(Code::NotInThisVersion, span, format!("{what} is not in this version"), "not in this version");
    }

    /// A string.
    pub(super) fn string<'a>(&mut self, node: Node<'a>, what: &str) -> Option<&'a str> {
        let text = node.as_str();
        if text.is_none() {
            self.wrong_type(node, what, "a string");
        }
        text
    }

    /// Strings: an array of them, or one alone.
    pub(super) fn strings<'a>(&mut self, node: Node<'a>, what: &str) -> Vec<(Span, &'a str)> {
        node.items().filter_map(|item| Some((item.span, self.string(item, what)?))).collect()
    }

    /// True or false.
    pub(super) fn boolean(&mut self, node: Node<'_>, what: &str) -> Option<bool> {
        let value = node.value.as_bool();
        if value.is_none() {
            self.wrong_type(node, what, "true or false");
        }
        value
    }

    /// An integer within limits.
    pub(super) fn integer<T>(&mut self, node: Node<'_>, what: &str, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        let DeValue::Integer(_) = node.value else {
            self.wrong_type(node, what, "an integer");
            return None;
        };
        let value = node.as_i64().and_then(|value| T::try_from(value).ok()).filter(|value| range.contains(value));
        if value.is_none() {
            let message = format!("{what} must be from {} to {}", range.start(), range.end());
            self.error(Code::OutOfRange, node.span, message, "out of range");
        }
        value
    }

    /// One of some words; gives its index. `later` are words of a later version.
    pub(super) fn word(&mut self, node: Node<'_>, what: &str, words: &[&str], later: &[&str]) -> Option<usize> {
        let text = self.string(node, what)?;
        let index = words.iter().position(|word| *word == text);
        if index.is_none() && later.contains(&text) {
            self.later(node.span, &format!("{what} \"{text}\""));
        } else if index.is_none() {
            let message = format!("{what} cannot be \"{text}\"");
            let found = Diagnostic::new(Code::BadValue, node.span, message).label("not one of the words");
            let all = words.join("\", \"");
            self.push(match nearest(&text.to_ascii_lowercase().replace('_', "-"), words.iter().copied()) {
                Some(near) => found.help(format!("did you mean \"{near}\"?")).note(format!("it is one of \"{all}\"")),
                None => found.help(format!("it is one of \"{all}\"")),
            });
        }
        index
    }

    /// A time in milliseconds: whole seconds, or a string with units.
    pub(super) fn millis(&mut self, node: Node<'_>, what: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = match node.value {
            DeValue::Integer(_) => node.as_i64().and_then(|seconds| u64::try_from(seconds).ok()?.checked_mul(1_000)),
            DeValue::String(text) => parse_millis(text),
            _ => None,
        };
        let Some(value) = value else {
            let message = format!("{what} is no time");
            let found = Diagnostic::new(Code::BadTime, node.span, message).label("not a time");
            self.push(
                found.help("write whole seconds (30), or a number with a unit: \"30s\" \"5m\" \"1h\" \"1d\" \"1w\""),
            );
            return None;
        };
        if !range.contains(&value) {
            let message = format!("{what} must be from {} to {}", time(*range.start()), time(*range.end()));
            self.error(Code::OutOfRange, node.span, message, format!("this is {}", time(value)));
            return None;
        }
        Some(value)
    }

    /// A time in whole seconds.
    pub(super) fn seconds(&mut self, node: Node<'_>, what: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let millis = u64::from(*range.start()) * 1_000..=u64::from(*range.end()) * 1_000;
        let value = self.millis(node, what, millis)?;
        if value % 1_000 != 0 {
            self.error(Code::BadTime, node.span, format!("{what} is counted in whole seconds"), "not whole seconds");
            return None;
        }
        u32::try_from(value / 1_000).ok()
    }
}

/// Reads "30", "30s", "1h30m", "500ms", …; gives milliseconds.
pub(super) fn parse_millis(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let value: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = match rest[..letters].to_ascii_lowercase().as_str() {
            "" if rest.is_empty() => 1_000,
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        total = total.checked_add(value.checked_mul(unit)?)?;
        rest = &rest[letters..];
    }
    Some(total)
}

/// A time in words: `1500` → `1.5 s`, `90000` → `90 s`, `7200000` → `2 h`.
pub(super) fn time(millis: u64) -> String {
    const UNITS: [(u64, &str); 5] =
        [(604_800_000, "w"), (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    for (unit, name) in UNITS {
        if millis >= unit && millis.is_multiple_of(unit) && (millis / unit > 1 || unit == 1_000 || unit >= 3_600_000) {
            return format!("{} {name}", millis / unit);
        }
    }
    match millis % 1_000 {
        0 => format!("{} s", millis / 1_000),
        _ if millis < 1_000 => format!("{millis} ms"),
        rest => format!("{}.{} s", millis / 1_000, format!("{rest:03}").trim_end_matches('0')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_unit_and_written_for_people() {
        for (text, millis) in
            [("30", 30_000), ("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("1W", 604_800_000)]
        {
            assert_eq!(parse_millis(text), Some(millis), "{text}");
        }
        for text in ["", "s", "1x", "-1", "1 s", "1.5s", "99999999999999999999", "999999999999999999w"] {
            assert_eq!(parse_millis(text), None, "{text}");
        }
        assert_eq!(time(90_000), "90 s");
        assert_eq!(time(1_500), "1.5 s");
        assert_eq!(time(250), "250 ms");
        assert_eq!(time(604_800_000), "1 w");
        assert_eq!(time(60_000), "60 s");
        assert_eq!(time(600_000), "10 m");
    }
}
