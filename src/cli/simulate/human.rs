//! A simulation for people: aligned tables, with colour where a terminal shows it.

use crate::cli::explain::Paint;
use crate::cli::operate::table::table;
use crate::geo::country_by_code;
use crate::report::{countries, owner, region};
use crate::simulate::{Countries, Group, Lane, Overload, Population, Portion, Shares, Simulation};
use crate::state::State;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Rows of regions, of countries and of AS numbers that are shown.
const SHOWN: usize = 12;
/// Names of a group that are shown.
const NAMES_SHOWN: usize = 3;
/// Less than this of the clients is rounding.
const NOTHING: f64 = 1e-9;

/// The whole text. `endpoints`: with the shares of endpoints.
pub(super) fn human(
    states: [&State; 2],
    done: &Simulation,
    population: &Population,
    over: &[Overload],
    endpoints: bool,
    paint: Paint,
) -> String {
    let mut text = String::new();
    for group in &done.groups {
        let name = names_word(states, group);
        if group.lanes.is_empty() {
            let _ = writeln!(text, "{}\nno address records\n", paint.strong(&name));
        }
        for lane in different(group) {
            let both = if lane.1 { "A and AAAA" } else { lane.0.rtype };
            let who = format!("{} {}", grouped(population.total), population.unit.words());
            let _ = writeln!(text, "{}  {both}, shares of {who}\n", paint.strong(&name));
            text.push_str(&shares(&lane.0.all, endpoints, paint));
            text.push_str(&moved_tables(lane.0, paint));
        }
    }
    for over in over {
        text.push_str(&overload(over, paint));
    }
    text
}

/// The lanes that differ, and whether one stands for two.
fn different(group: &Group) -> Vec<(&Lane, bool)> {
    match &group.lanes[..] {
        [a, aaaa] if a.same(aaaa) => vec![(a, true)],
        lanes => lanes.iter().map(|lane| (lane, false)).collect(),
    }
}

/// Names with the same answers: the first few, and how many more.
pub(in crate::cli) fn names_word(states: [&State; 2], group: &Group) -> String {
    let name = |ids: &[crate::id::NameId; 2]| owner(states[1], ids[1]);
    let first: Vec<_> = group.names.iter().take(NAMES_SHOWN).map(name).collect();
    match group.names.len() - first.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// What each pool gets before and after, or each endpoint.
fn shares(portion: &Portion, endpoints: bool, paint: Paint) -> String {
    let mut text = compared("POOL", [&portion.before, &portion.after], paint);
    if endpoints {
        let [before, after] = &portion.endpoints;
        text.push_str(&compared("ENDPOINT", [before, after], paint));
    }
    text
}

fn compared(head: &str, [before, after]: [&Shares; 2], paint: Paint) -> String {
    let names: BTreeSet<&str> = before.iter().chain(after.iter()).map(|(name, _)| name).collect();
    let rows: Vec<(f64, Vec<String>)> = names
        .into_iter()
        .map(|name| {
            let (before, after) = (before.of(name), after.of(name));
            (after - before, vec![name.to_owned(), right(before), right(after), signed(after - before)])
        })
        .collect();
    painted(&[head, " BEFORE", "  AFTER", " CHANGE"], rows, paint)
}

/// A table whose rows are coloured by what they gain or lose.
fn painted(head: &[&str], rows: Vec<(f64, Vec<String>)>, paint: Paint) -> String {
    let (changes, rows): (Vec<f64>, Vec<Vec<String>>) = rows.into_iter().unzip();
    let mut text = String::new();
    for (index, line) in table(head, &rows).lines().enumerate() {
        let line = match index.checked_sub(1).map(|row| changes[row]) {
            None => paint.faint(line),
            Some(change) if change > NOTHING => paint.good(line),
            Some(change) if change < -NOTHING => paint.bad(line),
            Some(_) => line.to_owned(),
        };
        let _ = writeln!(text, "{line}");
    }
    text + "\n"
}

/// Who moves: by region, by country, by AS number; one line if nobody does.
pub(in crate::cli) fn moved_tables(lane: &Lane, paint: Paint) -> String {
    let moved = lane.all.moved;
    if moved <= NOTHING {
        return "nobody moves\n\n".to_owned();
    }
    let mut text = format!("{} of the clients move:\n\n", percent(moved));
    let regions: Vec<_> = lane.regions.iter().map(|(names, one)| (region(names), one)).collect();
    text.push_str(&portions("REGION", regions, SHOWN, paint));
    let all: Vec<_> = lane.countries.iter().map(|(codes, one)| (country(*codes), one)).collect();
    text.push_str(&portions("COUNTRY", all, SHOWN, paint));
    let systems: Vec<_> = lane.systems.iter().map(|(asn, one)| (format!("AS{asn}"), one)).collect();
    text.push_str(&portions("NETWORK OPERATOR", systems, SHOWN, paint));
    text
}

/// The portions that move, the largest first.
fn portions(head: &str, portions: Vec<(String, &Portion)>, most: usize, paint: Paint) -> String {
    let clients = |portion: &Portion| portion.part * portion.moved;
    let mut moved: Vec<_> = portions.into_iter().filter(|(_, portion)| clients(portion) > NOTHING).collect();
    moved.sort_by(|a, b| clients(b.1).total_cmp(&clients(a.1)).then_with(|| a.0.cmp(&b.0)));
    if moved.is_empty() {
        return String::new();
    }
    let row = |(name, portion): &(String, &Portion)| {
        let (before, after) = (served(&portion.before), served(&portion.after));
        (0.0, vec![name.clone(), right(portion.part), right(clients(portion)), before, after, portion.why.clone()])
    };
    let rows = moved.iter().take(most).map(row).collect();
    let text = painted(&[head, "CLIENTS", "  MOVES", "BEFORE", "AFTER", "WHY"], rows, paint);
    match moved.len().saturating_sub(most) {
        0 => text,
        more => {
            format!("{}… and {more} more; --json has all of them\n\n", text.trim_end_matches('\n').to_owned() + "\n")
        }
    }
}

/// `GB United Kingdom`; of two editions `GB>US`.
fn country(codes: Countries) -> String {
    let word = countries(codes);
    match codes {
        [before, Some(after)] if before == Some(after) => {
            country_by_code(after).map_or(word.clone(), |info| format!("{word} {}", info.name))
        }
        [None, None] => "not known".to_owned(),
        _ => word,
    }
}

/// `lon`, or `lon 80.0 %, nyc 20.0 %`; parts below half a percent are left out.
fn served(shares: &Shares) -> String {
    let mut all: Vec<_> = shares.iter().filter(|(_, part)| *part >= 5e-3).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    match &all[..] {
        [] => "-".to_owned(),
        [(name, _)] => (*name).to_owned(),
        _ => all.iter().map(|(name, part)| format!("{name} {}", percent(*part))).collect::<Vec<_>>().join(", "),
    }
}

fn overload(over: &Overload, paint: Paint) -> String {
    let [before, after] = over.load;
    let times = after.max(before) / over.capacity;
    let already = if before > over.capacity && after <= over.capacity { " (before)" } else { "" };
    let line = format!(
        "warning: pool {} gets {after:.0} of a capacity of {}, {before:.0} before: {:.0} % of it{already}",
        over.pool,
        over.capacity,
        times * 100.0
    );
    format!("{}\n", paint.bad(&line))
}

/// `12.3 %`; what is not nothing is never shown as 0.
pub(in crate::cli) fn percent(part: f64) -> String {
    match part * 100.0 {
        percent if percent.abs() > 1e-7 && percent.abs() < 0.05 => "<0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

/// The same in a column.
fn right(part: f64) -> String {
    format!("{:>7}", if part.abs() < NOTHING { "-".to_owned() } else { percent(part) })
}

fn signed(change: f64) -> String {
    match change {
        change if change.abs() < NOTHING => format!("{:>7}", "-"),
        change => format!("{:>7}", format!("{:+.1}", change * 100.0)),
    }
}

/// A whole number in groups of three digits.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}
