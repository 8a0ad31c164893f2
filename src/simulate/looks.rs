//! How pools look on the map: a colour that people of every colour vision tell apart, a pattern, and a letter; on light
//! and on dark ground. The page of the admin server does it in the same way (`admin/page/looks.js`).

use super::Lane;
use super::portion::NO_ANSWER;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Okabe and Ito, "Color Universal Design".
const COLOURS: [&str; 7] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"];
/// Patterns drawn over a colour, as the content of a tile of ten by ten; the first is none.
const PATTERNS: [&str; 6] = [
    "",
    "<path d=\"M-2,2l4,-4M0,10l10,-10M8,12l4,-4\"/>",
    "<circle cx=\"5\" cy=\"5\" r=\"1.7\" class=\"dot\"/>",
    "<path d=\"M0,5h10\"/>",
    "<path d=\"M-2,8l4,4M0,0l10,10M8,-2l4,4\"/>",
    "<path d=\"M5,0v10M0,5h10\"/>",
];
/// Where clients get no answer.
const UNANSWERED: (&str, &str) = ("#30343b", "<path d=\"M0,0l10,10M10,0l-10,10\"/>");
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Styles of the picture. Programs that know nothing of dark ground draw the light one.
pub(super) const STYLE: &str = "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1c2128}\
.title{font-size:30px;font-weight:700}.sub{font-size:18px;fill:#57606a}.head{font-size:17px;font-weight:700}\
.row{font-size:17px}.small{font-size:14px;fill:#57606a}.back{fill:#fff}.sea{fill:#f3f6f9}.nobody{fill:#dfe3e8}\
.land{stroke:#fff;stroke-width:6}.moved{stroke:#1c2128;stroke-width:16}\
pattern path{stroke:#fff;stroke-opacity:.65;stroke-width:1.5;fill:none}.dot{fill:#fff;fill-opacity:.8}\
.letter{font-weight:700;text-anchor:middle;fill:#fff;stroke:#1c2128;paint-order:stroke;pointer-events:none}\
.world .letter{font-size:115px;stroke-width:26px}.badge{font-size:19px;stroke-width:4px}\
@media (prefers-color-scheme:dark){text{fill:#e8edf2}.sub,.small{fill:#9aa7b4}.back{fill:#1a2027}.sea{fill:#141b23}\
.nobody{fill:#39424c}.land{stroke:#141b23}.moved{stroke:#fff}.letter{fill:#fff}}";

/// Styles of the page around it.
pub(super) const PAGE_STYLE: &str = ":root{color-scheme:light dark}body{margin:0;background:#fff}\
svg{display:block;width:100%;height:auto;max-height:100vh}.land:hover{stroke:#1c2128;stroke-width:24}\
@media (prefers-color-scheme:dark){body{background:#1a2027}.land:hover{stroke:#fff}}";

/// The pools in the order of their names, each with its looks.
pub(super) struct Pools<'a>(pub(super) Vec<&'a str>);

impl<'a> Pools<'a> {
    pub(super) fn new(lane: &'a Lane) -> Self {
        let all: BTreeSet<&str> = lane.all.before.iter().chain(lane.all.after.iter()).map(|(name, _)| name).collect();
        Self(all.into_iter().filter(|name| *name != NO_ANSWER).collect())
    }

    /// What fills the clients of a pool on the map; in the legend it is `small`.
    pub(super) fn fill(&self, pool: &str, small: bool) -> String {
        let size = if small { 'k' } else { 'p' };
        self.number(pool).map_or_else(|| format!("url(#{size}none)"), |number| format!("url(#{size}{number})"))
    }

    /// The letters that stand for a pool; `–` where there is no answer.
    pub(super) fn letter(&self, pool: &str) -> String {
        let Some(number) = self.number(pool) else { return "–".to_owned() };
        let of = |number: usize| char::from(LETTERS[number % LETTERS.len()]);
        let first = number / LETTERS.len();
        (first > 0).then(|| of(first - 1)).into_iter().chain([of(number)]).collect()
    }

    /// The patterns. A tile is larger on the map, whose units are small.
    pub(super) fn patterns(&self) -> String {
        let looks = (0..self.0.len()).map(|number| {
            let pattern = PATTERNS[(number + number / COLOURS.len()) % PATTERNS.len()];
            (number.to_string(), (COLOURS[number % COLOURS.len()], pattern))
        });
        let mut text = String::new();
        for (id, (colour, pattern)) in looks.chain([("none".to_owned(), UNANSWERED)]) {
            for (size, scale) in [('p', 8.0), ('k', 0.8)] {
                let _ = writeln!(
                    text,
                    "<pattern id=\"{size}{id}\" width=\"10\" height=\"10\" patternUnits=\"userSpaceOnUse\" \
                     patternTransform=\"scale({scale})\"><rect width=\"10\" height=\"10\" fill=\"{colour}\"/>{pattern}\
                     </pattern>"
                );
            }
        }
        text
    }

    /// The number of a pool's looks; `None` for nobody's.
    fn number(&self, pool: &str) -> Option<usize> {
        self.0.binary_search(&pool).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pool_has_letters_of_its_own() {
        let names: Vec<String> = (0..700).map(|number| format!("pool{number:03}")).collect();
        let pools = Pools(names.iter().map(String::as_str).collect());
        let letters: BTreeSet<String> = pools.0.iter().map(|name| pools.letter(name)).collect();
        assert_eq!(letters.len(), 700);
        assert_eq!(["pool000", "pool025", "pool026", NO_ANSWER].map(|name| pools.letter(name)), ["A", "Z", "AA", "–"]);
    }
}
