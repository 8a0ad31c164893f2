//! `geosteer drain`, `undrain`, `up`, `down`, `auto`, `weight`.

use super::table::{moment, span, table};
use super::{Where, print_json, strange};
use crate::clock;
use crate::control::{Answer, Done, Lift, MoveRow, Order, Request, Safe};
use crate::error::Exit;
use std::fmt::Write as _;

/// What is said with every order.
#[derive(Clone, Debug, clap::Args)]
pub struct Plain {
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

/// A drain, at once or over a time.
#[derive(Clone, Debug, clap::Args)]
pub struct Gradual {
    #[command(flatten)]
    forced: Forced,
    /// Takes this long, in a hundred steps; of pools only: 90, 30m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    over: Option<u64>,
}

/// The end of a drain, at once or over a time.
#[derive(Clone, Debug, clap::Args)]
pub struct Back {
    #[command(flatten)]
    plain: Plain,
    /// Takes this long, in a hundred steps; of pools only: 90, 30m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    over: Option<u64>,
}

/// A share of clients to send elsewhere.
#[derive(Clone, Debug, clap::Args)]
pub struct Shed {
    #[command(flatten)]
    gradual: Gradual,
    /// 0% to 100%, up to two places; 100%: a drain, 0%: no longer
    #[arg(value_parser = share)]
    share: u16,
}

/// All clients, in ten-thousandths.
const WHOLE: u16 = 10_000;

/// A share in ten-thousandths, from per cent.
fn share(text: &str) -> Result<u16, String> {
    let wrong = || "a share is like 20% or 2.5%, at most 100%".to_owned();
    let number = text.strip_suffix('%').unwrap_or(text);
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 2 {
        return Err(wrong());
    }
    let parts = format!("{whole}{part:0<2}").parse::<u16>().map_err(|_| wrong())?;
    if parts <= WHOLE { Ok(parts) } else { Err(wrong()) }
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
    send(&args.plain, &Request::Set(order))
}

/// Sets a weight, or removes its override.
#[must_use]
pub fn weigh(args: Weigh) -> Exit {
    match args.weight {
        Weight::File => lift(args.forced.plain, true, false),
        Weight::Number(weight) => {
            let order = Order { weight: Some(weight), ..order(&args.forced) };
            send(&args.forced.plain, &Request::Set(order))
        }
    }
}

/// Drains, at once or over a time.
#[must_use]
pub fn drain(args: Gradual) -> Exit {
    let order = Order { state: Some("drain".to_owned()), over_s: args.over, ..order(&args.forced) };
    send(&args.forced.plain, &Request::Set(order))
}

/// Undoes a drain, at once or over a time.
#[must_use]
pub fn undrain(args: Back) -> Exit {
    if args.over.is_none() {
        return lift(args.plain, false, false);
    }
    let forced = Forced { plain: args.plain, until: None };
    let order = Order { share: Some(WHOLE), over_s: args.over, ..order(&forced) };
    send(&forced.plain, &Request::Set(order))
}

/// Has pools shed a share of their clients; none: removes that override.
#[must_use]
pub fn shed(args: Shed) -> Exit {
    let Gradual { forced, over } = args.gradual;
    match (args.share, over) {
        (0, None) => lift(forced.plain, false, true),
        (share, over_s) => {
            let order = Order { share: Some(WHOLE - share), over_s, ..order(&forced) };
            send(&forced.plain, &Request::Set(order))
        }
    }
}

/// Removes an override.
fn lift(args: Plain, weight: bool, share: bool) -> Exit {
    let Plain { target, reason, owner, force, dry_run, .. } = args.clone();
    send(&args, &Request::Lift(Lift { target, weight, share, owner, reason, force, dry_run }))
}

fn order(args: &Forced) -> Order {
    let Plain { target, reason, owner, force, dry_run, .. } = args.plain.clone();
    Order {
        target,
        state: None,
        weight: None,
        share: None,
        over_s: None,
        for_s: args.until,
        owner,
        reason,
        force,
        dry_run,
    }
}

fn send(args: &Plain, request: &Request) -> Exit {
    let answer = match args.server.ask(request) {
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

/// What became of an order, for people.
fn done_text(done: &Done, now: u64) -> String {
    let mut text = String::new();
    let word = |said: &Option<String>| said.clone().unwrap_or_else(|| "no override".to_owned());
    let would = if done.dry_run { "would be: " } else { "" };
    let until = done.until.map_or_else(String::new, |until| format!(", until {}", moment(until)));
    let _ = writeln!(text, "{would}{}: {} → {}{until}", done.target, word(&done.before), word(&done.now));
    if let Some(why) = &done.refused {
        let _ = writeln!(text, "it would be refused: {why}");
    }
    if done.moves.is_empty() {
        let _ = writeln!(text, "no client goes elsewhere");
    } else {
        text.push_str(&moves_text(&done.moves));
    }
    if let Some(safe) = &done.safe {
        text.push_str(&safe_text(safe, now));
    }
    text
}

/// Whose clients go where.
pub(super) fn moves_text(moves: &[MoveRow]) -> String {
    // Of clients of whom only a part moves, the parts are said.
    let several = |row: &MoveRow| row.from.len() > 1 || row.to.len() > 1;
    let partial = |row: &MoveRow| several(row) && row.from.iter().any(|pool| row.to.contains(pool));
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

/// When it can be switched off. `now` is in seconds since 1970.
pub(super) fn safe_text(safe: &Safe, now: u64) -> String {
    if safe.named {
        return "not safe to switch off: nothing else is left, so answers name it all the same\n".to_owned();
    }
    if !safe.shared.is_empty() {
        let others = safe.shared.join(", ");
        return format!("not safe to switch off: the same address is answered for {others}\n");
    }
    match safe.at.saturating_sub(now) {
        0 => format!("safe to switch off since {} (this server only)\n", moment(safe.at)),
        left => format!("safe to switch off at {}, in {} (this server only)\n", moment(safe.at), span(left)),
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
        let safe = Some(Safe { at: 1_032, named: false, shared: Vec::new() });
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
