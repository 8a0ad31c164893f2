//! A large text in parts. While the parser builds its tables, it keeps all words of a text in two lists that are 25 times
//! as long as the text; of parts that are read one after the other, only the longest has such lists.

use std::borrow::Cow;
use std::collections::HashMap;

/// Texts shorter than this are one part, octets.
const LARGE: usize = 1 << 20;
/// Parts are at least such a fraction of their text.
const PARTS: usize = 8;

/// The parts of a TOML text: whole tables each, and no key of the top level in two of them. Every part but the first is
/// as long as the text up to its end, blank where the others stand: places in it are places in the text. A text that is
/// no TOML may come out in parts that are none either.
pub(super) fn parts(text: &str) -> Vec<Cow<'_, str>> {
    let whole = || vec![Cow::Borrowed(text)];
    if text.len() < LARGE {
        return whole();
    }
    let Some(heads) = heads(text) else { return whole() };
    let last: HashMap<_, _> = heads.iter().enumerate().map(|(index, head)| (head.key, index)).collect();
    let (mut parts, mut start, mut reach) = (Vec::new(), 0, 0);
    for (index, head) in heads.iter().enumerate() {
        // Nothing that came before comes again.
        if head.opens && index > reach && head.at - start >= text.len() / PARTS {
            parts.push(part(text, start, head.at));
            start = head.at;
        }
        reach = reach.max(last[head.key]);
    }
    parts.push(part(text, start, text.len()));
    parts
}

fn part(text: &str, start: usize, end: usize) -> Cow<'_, str> {
    match start {
        0 => Cow::Borrowed(&text[..end]),
        _ => Cow::Owned(" ".repeat(start) + &text[start..end]),
    }
}

/// Where a key of the top level is named.
struct Head<'a> {
    at: usize,
    key: &'a str,
    /// By the header of a table, not by a line of its own.
    opens: bool,
}

/// The headers of tables, and the keys before the first one. `None`: a key is in quotes, or the text ends in the middle.
fn heads(text: &str) -> Option<Vec<Head<'_>>> {
    let (octets, mut heads) = (text.as_bytes(), Vec::new());
    let (mut at, mut depth, mut begins, mut in_table) = (0, 0_usize, true, false);
    while let Some(&octet) = octets.get(at) {
        match octet {
            b'\n' => begins = depth == 0,
            b' ' | b'\t' | b'\r' => {}
            b'#' => {
                at += octets[at..].iter().position(|&octet| octet == b'\n')?;
                continue;
            }
            b'[' if begins => {
                heads.push(Head { at, key: key(text[at..].trim_start_matches('['))?, opens: true });
                in_table = true;
                at += octets[at..].iter().position(|&octet| octet == b'\n')?;
                continue;
            }
            _ => {
                if begins && !in_table {
                    heads.push(Head { at, key: key(&text[at..])?, opens: false });
                }
                begins = false;
                match octet {
                    b'"' | b'\'' => {
                        at = end_of_string(octets, at)?;
                        continue;
                    }
                    b'[' | b'{' => depth += 1,
                    b']' | b'}' => depth = depth.checked_sub(1)?,
                    _ => {}
                }
            }
        }
        at += 1;
    }
    (depth == 0).then_some(heads)
}

/// The first key of a dotted one; `None`: it is in quotes, or none.
fn key(text: &str) -> Option<&str> {
    let text = text.trim_start_matches([' ', '\t']);
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))?;
    (end > 0).then(|| &text[..end])
}

/// Where the string ends that begins at `at`: behind its quotes.
fn end_of_string(octets: &[u8], at: usize) -> Option<usize> {
    let (quote, escapes) = (octets[at], octets[at] == b'"');
    let long = octets[at..].starts_with(&[quote; 3]);
    let mut next = at + if long { 3 } else { 1 };
    loop {
        match *octets.get(next)? {
            b'\\' if escapes => next += 2,
            b'\n' if !long => return None,
            octet if octet == quote && !long => return Some(next + 1),
            _ if long && octets[next..].starts_with(&[quote; 3]) => {
                // Up to two more quotes belong to the string.
                let more = octets[next + 3..].iter().take(2).take_while(|&&octet| octet == quote).count();
                return Some(next + 3 + more);
            }
            _ => next += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::de::DeTable;

    /// A large text: keys of its own, and sections `(header, line, how often)`.
    fn text(sections: &[(&str, &str)]) -> String {
        let mut text = "zone = \"example.com\"\nns = [\n  \"a\",\n  \"b\", # [no.header]\n]\n".to_owned();
        for (header, line) in sections {
            text.push_str(header);
            text.push('\n');
            for number in 0..LARGE / 4 / line.len() {
                text.push_str(&line.replace('#', &number.to_string()));
            }
        }
        text
    }

    /// All entries of the top level with their places, as one text.
    fn entries<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
        let tables: Vec<_> = texts.map(|text| DeTable::parse(text).unwrap().into_inner()).collect();
        tables.iter().flatten().map(|(key, value)| format!("{key:?} {value:?}")).collect()
    }

    #[test]
    fn parts_have_the_entries_of_the_text_at_their_places() {
        let text = text(&[
            ("[pools]", "p# = { a = [1, { b = '[x]' }], c = \"\"\"\n[names]\n\"\"\"\"\" }\n"),
            ("[policies.x]", "k# = '''\n[pools]'''\n"),
            ("[[names]]", "n# = \"[\\\"\"\n"),
            ("  [ rest . of.it ]", "\"é#\" = 1\n"),
        ]);
        let parts = parts(&text);
        assert_eq!(parts.len(), 4);
        assert_eq!(entries(parts.iter().map(|part| &**part)), entries([&*text].into_iter()));
    }

    #[test]
    fn a_key_that_comes_again_stays_in_one_part_with_all_between() {
        let line = "p# = 1\n";
        let again = text(&[("[a]", line), ("[b]", line), ("[a.c]", line), ("[d]", line)]);
        let parts = parts(&again);
        assert_eq!(parts.len(), 2);
        assert!(parts[1].trim_start().starts_with("[d]"));
        assert_eq!(super::parts(&text(&[("[a]", line), ("[b]", line), ("[c]", line), ("[zone.x]", line)])).len(), 1);
    }

    #[test]
    fn what_cannot_be_parted_is_whole() {
        let line = "p# = 1\n";
        for odd in ["x = [", "x = \"\"\"", "x = 'a", "[\"b\"]", "x = 1 ]"] {
            assert_eq!(
                parts(&text(&[("[a]", line), ("[b]", line), (odd, "\n"), ("[c]", line), ("[d]", line)])).len(),
                1
            );
        }
        assert_eq!(parts("[a]\n[b]\n"), ["[a]\n[b]\n"]);
    }
}
