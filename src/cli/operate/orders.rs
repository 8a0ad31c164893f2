//! `geosteer drain`, `undrain`, `shed`, `up`, `down`, `auto`, `weight`.

use super::table::{moment, span, table};
use super::{Where, fleet, print_json, strange};
use crate::clock;
use crate::control::{Answer, Done, Lift, MoveRow, Order, Safe, user};
use crate::error::Exit;
use crate::fleet::Change;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;

/// What is said with every order.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Plain {
    /// pool/NAME, endpoint/POOL/NAME or tag/TAG; * and ? in names stand for any characters
    target: String,
    /// Why, for whoever looks at it later
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// Who wants it [default: your user name]
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Do it even if a row is left without a live pool, or nothing is called so
    #[arg(long)]
    force: bool,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Only on the server of this machine, not on all of the server file's `[fleet]`
    #[arg(long)]
    here: bool,
    #[command(flatten)]
    server: Where,
}

/// An order that may end by itself.
#[derive(Clone, Debug, clap::Args)]
pub struct Forced {
    #[command(flatten)]
    plain: Plain,
    /// Ends by itself after this long: 90, 30m, 2h, 1d
    #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
    until: Option<u64>,
}

/// A drain.
#[derive(Clone, Debug, clap::Args)]
pub struct Drain {
    #[command(flatten)]
    forced: Forced,
    /// Of pools: move their clients little by little, over so long: 90, 30m, 2h
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    over: Option<u64>,
}

/// The end of a state.
#[derive(Clone, Debug, clap::Args)]
pub struct Undrain {
    #[command(flatten)]
    plain: Plain,
    /// Of pools: let their clients come back little by little, over so long: 90, 30m, 2h
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    over: Option<u64>,
}

/// What a pool sheds.
#[derive(Clone, Debug, clap::Args)]
pub struct Shed {
    #[command(flatten)]
    drain: Drain,
    /// The part of the pool's clients that goes on along their rows, like 20%; 100% is a drain, 0% ends it
    #[arg(value_parser = percent)]
    part: f64,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
    number.filter(|number| (0.0..=100.0).contains(number)).ok_or_else(|| "a part is like 20% or 2.5%".to_owned())
}

/// A weight.
#[derive(Clone, Debug, clap::Args)]
pub struct Weigh {
    #[command(flatten)]
    forced: Forced,
    /// 0 to 1000000, 0: only when no other is live; or `auto`: what the file says
    #[arg(value_parser = weight)]
    weight: Weight,
}

#[derive(Clone, Copy, Debug)]
enum Weight {
    File,
    Number(u32),
}

fn weight(text: &str) -> Result<Weight, String> {
    match text {
        "auto" => Ok(Weight::File),
        _ => text.parse().map(Weight::Number).map_err(|_| "a weight is a number, or auto".to_owned()),
    }
}

/// Seconds, or a number with s, m, h, d, w.
fn seconds(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err("a time is a number of seconds, or a number with s, m, h, d or w".to_owned()),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    number.filter(|&seconds| seconds > 0).ok_or_else(|| "a time is like 90, 30m, 2h or 1d".to_owned())
}

/// Sets a state.
#[must_use]
pub fn forced(args: Forced, state: &str) -> Exit {
    let order = Order { state: Some(state.to_owned()), ..order(&args) };
    send(&args.plain, Change::Set(order))
}

/// Drains.
#[must_use]
pub fn drain(args: Drain) -> Exit {
    let order = Order { state: Some("drain".to_owned()), over_s: args.over, ..order(&args.forced) };
    send(&args.forced.plain, Change::Set(order))
}

/// Sheds a part of the clients, or ends that.
#[must_use]
pub fn shed(args: Shed) -> Exit {
    let Shed { drain: Drain { forced, over }, part } = args;
    if part == 0.0 {
        let lift = Lift { shed: true, over_s: over, ..lift_order(&forced.plain) };
        return send(&forced.plain, Change::Lift(lift));
    }
    let order = Order { shed: Some(part), over_s: over, ..order(&forced) };
    send(&forced.plain, Change::Set(order))
}

/// Sets a weight, or removes its override.
#[must_use]
pub fn weigh(args: Weigh) -> Exit {
    match args.weight {
        Weight::File => {
            let lift = Lift { weight: true, ..lift_order(&args.forced.plain) };
            send(&args.forced.plain, Change::Lift(lift))
        }
        Weight::Number(weight) => {
            let order = Order { weight: Some(weight), ..order(&args.forced) };
            send(&args.forced.plain, Change::Set(order))
        }
    }
}

/// Removes the override of a state.
#[must_use]
pub fn undrain(args: Undrain) -> Exit {
    let lift = Lift { over_s: args.over, ..lift_order(&args.plain) };
    send(&args.plain, Change::Lift(lift))
}

fn lift_order(args: &Plain) -> Lift {
    let Plain { target, reason, owner, force, dry_run, .. } = args.clone();
    Lift { target, owner, reason, force, dry_run, ..Lift::default() }
}

fn order(args: &Forced) -> Order {
    let Plain { target, reason, owner, force, dry_run, .. } = args.plain.clone();
    Order { target, for_s: args.until, owner, reason, force, dry_run, ..Order::default() }
}

fn send(args: &Plain, change: Change) -> Exit {
    let members = if args.here { Ok(Vec::new()) } else { args.server.fleet() };
    let members = match members {
        Ok(members) => members,
        Err(exit) => return exit,
    };
    if !members.is_empty() {
        let how = fleet::How { force: args.force, dry_run: args.dry_run, json: args.server.json };
        return fleet::send(&members, &by_me(change), how);
    }
    let answer = match args.server.ask(&change.into()) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let Answer::Done(done) = &answer else { return strange() };
    if args.server.json {
        print_json(&answer);
    } else {
        print!("{}", done_text(done, clock::unix_seconds()));
    }
    done.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    if done.refused.is_some() { Exit::No } else { Exit::Ok }
}

/// Over the control socket the kernel says who asks; elsewhere it must be said.
fn by_me(mut change: Change) -> Change {
    let owner = match &mut change {
        Change::Set(order) => &mut order.owner,
        Change::Lift(lift) => &mut lift.owner,
    };
    if owner.is_none() {
        *owner = std::fs::metadata("/proc/self").ok().map(|process| user(process.uid()));
    }
    change
}

/// What became of an order, for people.
fn done_text(done: &Done, now: u64) -> String {
    let mut text = String::new();
    let would = if done.dry_run { "would be: " } else { "" };
    let _ = writeln!(text, "{would}{}: {} → {}", done.target, override_text(&done.before), now_text(done));
    if let Some(why) = &done.refused {
        let _ = writeln!(text, "it would be refused: {why}");
    }
    if done.moves.is_empty() {
        let _ = writeln!(text, "no client goes elsewhere");
    } else {
        text.push_str(&moves_text(&done.moves));
    }
    if let Some(arrives) = done.arrives.filter(|_| !done.dry_run) {
        let _ = writeln!(text, "little by little until {}; above is its end", moment(arrives));
    }
    if let Some(safe) = &done.safe {
        text.push_str(&safe_text(safe, now, THIS_SERVER));
    }
    text
}

/// What an override says, or that there is none.
pub(super) fn override_text(said: &Option<String>) -> String {
    said.clone().unwrap_or_else(|| "no override".to_owned())
}

/// What holds now, and until when.
pub(super) fn now_text(done: &Done) -> String {
    let until = done.until.map_or_else(String::new, |until| format!(", until {}", moment(until)));
    format!("{}{until}", override_text(&done.now))
}

/// Whose clients go where.
pub(super) fn moves_text(moves: &[MoveRow]) -> String {
    // Of clients of whom only a part moves, the parts are said.
    let partial = |row: &MoveRow| {
        (&row.from, &row.from_percent) != (&row.to, &row.to_percent)
            && row.from.iter().any(|pool| row.to.contains(pool))
    };
    let pools = |pools: &[String], percents: &[f64], partial: bool| match pools.is_empty() {
        true => "nothing".to_owned(),
        false if !partial || percents.len() != pools.len() => pools.join(" + "),
        false => {
            let parts = pools.iter().zip(percents).map(|(pool, percent)| format!("{pool} {percent:.1} %"));
            parts.collect::<Vec<_>>().join(" + ")
        }
    };
    let names = |row: &MoveRow| match row.names_in_all.saturating_sub(row.names.len()) {
        0 => row.names.join(" "),
        more => format!("{} and {more} more", row.names.join(" ")),
    };
    let row = |row: &MoveRow| {
        let from = pools(&row.from, &row.from_percent, partial(row));
        let to = pools(&row.to, &row.to_percent, partial(row));
        let to = if row.dry { format!("{to} (fallback)") } else { to };
        vec![row.policy.clone(), row.region.clone(), row.r#type.clone(), from, to, names(row)]
    };
    table(&["POLICY", "REGION", "TYPE", "FROM", "TO", "NAMES"], &moves.iter().map(row).collect::<Vec<_>>())
}

/// Other name servers of the zone have moments of their own.
pub(super) const THIS_SERVER: &str = "this server only";

/// When it can be switched off, by the word of whom. `now` is in seconds since 1970.
pub(super) fn safe_text(safe: &Safe, now: u64, whose: &str) -> String {
    if safe.named {
        return "not safe to switch off: nothing else is left, so answers name it all the same\n".to_owned();
    }
    if !safe.shared.is_empty() {
        let others = safe.shared.join(", ");
        return format!("not safe to switch off: the same address is answered for {others}\n");
    }
    if !safe.records.is_empty() {
        let names = safe.records.join(", ");
        return match safe.records_in_all.saturating_sub(safe.records.len()) {
            0 if safe.records.len() == 1 => format!("not safe to switch off: static record {names} names it\n"),
            0 => format!("not safe to switch off: static records {names} name it\n"),
            more => format!("not safe to switch off: static records {names} and {more} more name it\n"),
        };
    }
    match safe.at.saturating_sub(now) {
        0 => format!("safe to switch off since {} ({whose})\n", moment(safe.at)),
        left => format!("safe to switch off at {}, in {} ({whose})\n", moment(safe.at), span(left)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_numbers_with_a_unit() {
        assert_eq!([seconds("90"), seconds("30m"), seconds("2h")], [Ok(90), Ok(1_800), Ok(7_200)]);
        for wrong in ["", "m", "0", "-1", "1y", "1.5h", "99999999999999999999"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn static_records_that_name_what_is_out_are_told_and_not_all_of_many() {
        let text = |records: &[&str], records_in_all| {
            let records = records.iter().map(|name| (*name).to_owned()).collect();
            safe_text(&Safe { at: 5, records, records_in_all, ..Safe::default() }, 9, THIS_SERVER)
        };
        assert_eq!(text(&["a."], 1), "not safe to switch off: static record a. names it\n");
        assert_eq!(text(&["a.", "b."], 2), "not safe to switch off: static records a., b. name it\n");
        assert_eq!(text(&["a.", "b."], 9), "not safe to switch off: static records a., b. and 7 more name it\n");
    }

    #[test]
    fn an_order_is_shown_with_its_moves_and_the_moment_from_which_it_is_safe() {
        let row = MoveRow {
            policy: "world".into(),
            region: "europe".into(),
            r#type: "A".into(),
            from: vec!["fra".into()],
            to: vec!["ams".into(), "nyc".into()],
            dry: false,
            names: vec!["www.example.com.".into()],
            names_in_all: 3,
            ..MoveRow::default()
        };
        let safe = Some(Safe { at: 1_032, ..Safe::default() });
        let now = Some("drain".to_owned());
        let done = Done { target: "pool/fra".into(), now, moves: vec![row], safe, ..Done::default() };
        assert_eq!(
            done_text(&done, 1_000),
            "pool/fra: no override → drain\n\
             POLICY  REGION  TYPE  FROM  TO         NAMES\n\
             world   europe  A     fra   ams + nyc  www.example.com. and 2 more\n\
             safe to switch off at 1970-01-01 00:17:12 UTC, in 32s (this server only)\n"
        );
    }
}
