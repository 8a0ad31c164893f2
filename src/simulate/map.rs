//! The world before and after as a picture: every country in the colour, pattern and letter of the pool that serves most
//! of it, on light ground or on dark, as whoever looks at it likes.
//! The picture stands alone: no fonts, scripts or files beside it.

use super::looks::{PAGE_STYLE, Pools, STYLE};
use super::portion::{NO_ANSWER, Portion, Shares};
use super::{Lane, world};
use crate::geo::{Country, country_by_code};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Drawing<'a> {
    /// The headline: the name and the type.
    pub title: &'a str,
    /// What changes, in words; empty for nothing.
    pub change: &'a str,
    /// Who serves whom.
    pub lane: &'a Lane,
    /// Who made the database, if that wants to be named.
    pub credit: Option<&'a str>,
}

/// The picture's size, and how large a map in it is.
const WIDTH: f64 = 1_600.0;
const HEIGHT: f64 = 920.0;
const MAP_WIDTH: f64 = 940.0;
const MAP_HEIGHT: f64 = MAP_WIDTH * world::SIZE.1 / world::SIZE.0;
/// Countries narrower or lower than this, in units of the map, have no letter: it would cover them.
const ROOM: (f64, f64) = (190.0, 130.0);
/// How far below its middle a letter begins, in units of the map.
const DROP: f64 = 42.0;
/// Where the legend begins.
const LEGEND: f64 = 1_010.0;
/// Rows of the legend, and of the list of moves below it.
const LEGEND_ROWS: usize = 12;
const MOVES_ROWS: usize = 6;

/// The picture as a page to open in a browser.
#[must_use]
pub fn page(drawing: &Drawing<'_>) -> String {
    let title = escaped(drawing.title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"/><style>{PAGE_STYLE}</style></head>\n\
         <body>\n{}</body></html>\n",
        svg(drawing)
    )
}

/// The picture as SVG.
#[must_use]
pub fn svg(drawing: &Drawing<'_>) -> String {
    let lane = drawing.lane;
    let pools = Pools::new(lane);
    let outlines = world::outlines();
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n",
        escaped(drawing.title)
    );
    text.push_str(&definitions(&pools, &outlines));
    let _ = writeln!(text, "<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" class=\"back\"/>");
    let change = if drawing.change.is_empty() { "no change" } else { drawing.change };
    let _ = writeln!(text, "<text x=\"30\" y=\"46\" class=\"title\">{}</text>", escaped(drawing.title));
    let moved = percent(lane.all.moved);
    let _ =
        writeln!(text, "<text x=\"30\" y=\"74\" class=\"sub\">{}: {moved} of the clients move</text>", escaped(change));
    let countries = by_country(lane);
    let top = 96.0;
    text.push_str(&panel("before", 0, top, &pools, &countries, &outlines));
    text.push_str(&panel("after", 1, top + MAP_HEIGHT + 14.0, &pools, &countries, &outlines));
    text.push_str(&legend(lane, &pools));
    if let Some(credit) = drawing.credit {
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{}\" class=\"small\" text-anchor=\"end\">{}</text>",
            WIDTH - 30.0,
            HEIGHT - 14.0,
            escaped(credit)
        );
    }
    text.push_str("</svg>\n");
    text
}

/// The patterns of the pools and the outlines of the countries.
fn definitions(pools: &Pools<'_>, outlines: &str) -> String {
    let mut text = "<defs>\n".to_owned();
    text.push_str(&pools.patterns());
    for (code, path) in outlines.lines().filter_map(|line| line.split_once(' ')) {
        let _ = writeln!(text, "<path id=\"c{code}\" d=\"{path}\"/>");
    }
    let (width, height) = world::SIZE;
    let _ = writeln!(text, "<clipPath id=\"world\"><rect width=\"{width}\" height=\"{height}\"/></clipPath>");
    text + "</defs>\n"
}

/// The portions by the country after; where editions of a database differ, the largest of them.
fn by_country(lane: &Lane) -> BTreeMap<Country, &Portion> {
    let mut all: BTreeMap<Country, &Portion> = BTreeMap::new();
    for (codes, portion) in &lane.countries {
        let Some(country) = codes[1].or(codes[0]) else { continue };
        let kept = all.entry(country).or_insert(portion);
        if portion.part > kept.part {
            *kept = portion;
        }
    }
    all
}

/// One map with its word.
fn panel(
    word: &str,
    side: usize,
    top: f64,
    pools: &Pools<'_>,
    countries: &BTreeMap<Country, &Portion>,
    outlines: &str,
) -> String {
    let scale = MAP_WIDTH / world::SIZE.0;
    let mut text = format!(
        "<g transform=\"translate(30 {top:.1})\">\n<rect width=\"{MAP_WIDTH}\" height=\"{MAP_HEIGHT}\" rx=\"10\" \
         class=\"sea\"/>\n<g transform=\"scale({scale})\" class=\"world\" clip-path=\"url(#world)\">\n"
    );
    let (mut moved, mut letters) = (String::new(), String::new());
    for (code, path) in outlines.lines().filter_map(|line| line.split_once(' ')) {
        let portion = Country::parse(code).and_then(|country| countries.get(&country));
        let shares = portion.map(|portion| if side == 0 { &portion.before } else { &portion.after });
        let pool = shares.and_then(Shares::largest).map(|(pool, _)| pool);
        let fill = pool.map_or_else(String::new, |pool| format!(" fill=\"{}\"", pools.fill(pool, false)));
        let title = title(code, portion.copied(), side);
        let moves = side == 1 && portion.is_some_and(|portion| portion.moved >= 0.5);
        // Outlines of those that move are drawn last, so that no neighbour covers them.
        let (into, class) = if moves { (&mut moved, "land moved") } else { (&mut text, "land") };
        let nobody = if pool.is_none() { " nobody" } else { "" };
        let _ = writeln!(
            into,
            "<use href=\"#c{code}\" class=\"{class}{nobody}\"{fill}><title>{}</title></use>",
            escaped(&title)
        );
        if let Some((pool, (x, y))) = pool.zip(world::middle(path, ROOM)) {
            let letter = pools.letter(pool);
            let _ = writeln!(letters, "<text class=\"letter\" x=\"{x:.0}\" y=\"{:.0}\">{letter}</text>", y + DROP);
        }
    }
    text.push_str(&moved);
    text.push_str(&letters);
    let _ = writeln!(text, "</g>\n<text x=\"16\" y=\"{:.1}\" class=\"head\">{word}</text>\n</g>", MAP_HEIGHT - 16.0);
    text
}

/// What is said of a country when the pointer is over it.
fn title(code: &str, portion: Option<&Portion>, side: usize) -> String {
    let name = Country::parse(code).and_then(country_by_code).map_or("", |info| info.name);
    let Some(portion) = portion else { return format!("{code} {name}: no clients known") };
    let shares = if side == 0 { &portion.before } else { &portion.after };
    let mut all: Vec<_> = shares.iter().collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    let words: Vec<_> = all.iter().map(|(pool, part)| format!("{pool} {}", percent(*part))).collect();
    let mut text = format!("{code} {name}, {} of the clients\n{}", percent(portion.part), words.join(", "));
    let _ = write!(text, "\nregion {}", portion.regions[side]);
    if side == 1 && !portion.why.is_empty() {
        let _ = write!(text, ": {}", portion.why);
    }
    text
}

/// The pools with their shares, and the largest moves.
fn legend(lane: &Lane, pools: &Pools<'_>) -> String {
    let (left, bar, width) = (LEGEND, LEGEND + 190.0, 290.0);
    let mut text = format!(
        "<text x=\"{left}\" y=\"124\" class=\"head\">pool</text>\n\
         <text x=\"{bar}\" y=\"124\" class=\"head\">share of clients</text>\n\
         <text x=\"{}\" y=\"124\" class=\"small\" text-anchor=\"end\">above: before, below: after</text>\n",
        WIDTH - 30.0
    );
    let mut names: Vec<&str> = pools.0.clone();
    let unanswered = lane.all.before.of(NO_ANSWER) + lane.all.after.of(NO_ANSWER) > 0.0;
    names.sort_by(|a, b| largest(lane, b).total_cmp(&largest(lane, a)).then_with(|| a.cmp(b)));
    let left_out = names.len().saturating_sub(LEGEND_ROWS);
    names.truncate(LEGEND_ROWS);
    names.extend(unanswered.then_some(NO_ANSWER));
    let mut y = 144.0;
    for name in names {
        let fill = pools.fill(name, true);
        let _ = writeln!(text, "<rect x=\"{left}\" y=\"{y}\" width=\"34\" height=\"34\" rx=\"5\" fill=\"{fill}\"/>");
        let (x, low, letter) = (left + 17.0, y + 24.0, pools.letter(name));
        let _ = writeln!(text, "<text x=\"{x}\" y=\"{low}\" class=\"letter badge\">{letter}</text>");
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{}\" class=\"row\">{}</text>",
            left + 46.0,
            y + 23.0,
            escaped(&shortened(name))
        );
        for (shares, row) in [(&lane.all.before, 0.0), (&lane.all.after, 18.0)] {
            let part = shares.of(name);
            let opacity = if row == 0.0 { " fill-opacity=\".45\"" } else { "" };
            let length = (part * width).max(if part > 0.0 { 1.0 } else { 0.0 });
            let _ = writeln!(
                text,
                "<rect x=\"{bar}\" y=\"{}\" width=\"{length:.1}\" height=\"15\" rx=\"2\" fill=\"{fill}\"{opacity}/>\
                 <text x=\"{:.1}\" y=\"{}\" class=\"small\">{}</text>",
                y + row,
                bar + length + 8.0,
                y + row + 12.5,
                percent(part)
            );
        }
        y += 46.0;
    }
    if left_out > 0 {
        let _ =
            writeln!(text, "<text x=\"{left}\" y=\"{}\" class=\"small\">and {left_out} more pools</text>", y + 14.0);
        y += 22.0;
    }
    text.push_str(&moves(lane, left, y + 30.0));
    text
}

/// Who moves where, the largest first.
fn moves(lane: &Lane, left: f64, mut y: f64) -> String {
    let mut text = String::new();
    for (index, (from, to, part)) in lane.all.moves.iter().take(MOVES_ROWS).enumerate() {
        if index == 0 {
            let _ = writeln!(text, "<text x=\"{left}\" y=\"{y}\" class=\"head\">who moves</text>");
        }
        y += 26.0;
        let words = format!("{} → {}: {} of the clients", shortened(from), shortened(to), percent(*part));
        let _ = writeln!(text, "<text x=\"{left}\" y=\"{y}\" class=\"row\">{}</text>", escaped(&words));
    }
    if lane.all.moved > 0.0 {
        y += 30.0;
        let _ = writeln!(
            text,
            "<text x=\"{left}\" y=\"{y}\" class=\"small\">thick outlines below: most of the country moves</text>"
        );
    }
    text
}

fn largest(lane: &Lane, pool: &str) -> f64 {
    lane.all.before.of(pool).max(lane.all.after.of(pool))
}

/// A name that fits into the legend.
fn shortened(name: &str) -> String {
    if name.chars().count() <= 16 { name.to_owned() } else { name.chars().take(15).chain(['…']).collect() }
}

/// `12.3 %`; what is not nothing is never shown as 0.
fn percent(part: f64) -> String {
    match part * 100.0 {
        percent if percent > 1e-7 && percent < 0.05 => "<0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

/// Text within XML; what XML cannot hold becomes a question mark.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            c => out.push(c),
        }
    }
    out
}
