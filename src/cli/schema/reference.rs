//! What the reference says of a key: its default and its meaning.

use crate::config::keys::Table;
use serde_json::Value;

/// The reference; a test holds it against the keys that are read.
pub(super) const TEXT: &str = include_str!("../../../docs/zone-toml.md");

/// The default, if it is a value and not words, and the meaning of a key.
pub(super) fn of(table: &Table, key: &str) -> Option<(Option<Value>, String)> {
    let row = section(table.path)?.lines().find(|line| line.starts_with(&format!("| `{key}` |")))?;
    let cells: Vec<_> = row.split('|').map(str::trim).collect();
    let (default, meaning) = (cells.get(2)?, cells.get(3)?);
    Some((value(default), meaning.replace(['`', '*'], "")))
}

/// The part of the reference below the heading of a table.
fn section(path: &str) -> Option<&'static str> {
    let ending = format!("`{path}`");
    let mut sections = TEXT.split("\n### ").skip(1);
    sections.find(|section| section.lines().next().is_some_and(|heading| heading.ends_with(&ending)))
}

/// The value of a cell that is one piece of TOML.
fn value(cell: &str) -> Option<Value> {
    let text = cell.strip_prefix('`')?.strip_suffix('`').filter(|text| !text.contains('`'))?;
    let mut table: toml::Table = toml::from_str(&format!("x = {text}")).ok()?;
    serde_json::to_value(table.remove("x")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;
    use serde_json::json;

    #[test]
    fn a_default_is_a_value_or_nothing() {
        assert_eq!(value("`[\"200-299\"]`"), Some(json!(["200-299"])));
        assert_eq!((value("none"), value("`admin.sock` in `state`")), (None, None));
        assert_eq!(of(&keys::ZONE, "format").map(|found| found.0), Some(Some(json!(1))));
        assert!(of(&keys::ZONE, "nonsense").is_none());
    }
}
