//! `geosteer status`, `pools`, `endpoints`, `events`.

use super::orders::{THIS_SERVER, safe_text};
use super::serving::StatusArgs;
use super::table::{moment, plain, span, table};
use super::{Where, print_json, strange};
use crate::clock;
use crate::control::{
    Answer, CanaryRow, EndpointRow, EventRow, GuardRow, LatencyRow, LimitedRow, LimitsRow, OverrideRow, PoolRow,
    Request, Status,
};
use crate::error::Exit;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

/// `events --follow` asks this often.
const FOLLOW: Duration = Duration::from_secs(1);

/// Arguments of `geosteer pools`.
#[derive(Clone, Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    server: Where,
}

/// Arguments of `geosteer endpoints`.
#[derive(Clone, Debug, clap::Args)]
pub struct EndpointsArgs {
    /// Of this pool only
    pool: Option<String>,
    #[command(flatten)]
    server: Where,
}

/// Arguments of `geosteer events`.
#[derive(Clone, Debug, clap::Args)]
pub struct EventsArgs {
    /// Go on with what happens, until interrupted; JSON is then one object a line
    #[arg(long)]
    follow: bool,
    /// Only what came after the event of this number
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    #[command(flatten)]
    server: Where,
}

/// Asks, and prints what `text` makes of the answer.
fn show(server: &Where, request: &Request, text: impl Fn(&Answer) -> Option<String>) -> Exit {
    let answer = match server.ask(request) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    match text(&answer) {
        Some(_) if server.json => print_json(&answer),
        Some(text) => print!("{text}"),
        None => return strange(),
    }
    Exit::Ok
}

/// How the server is, or whether it answers.
#[must_use]
pub fn status(args: StatusArgs) -> Exit {
    if args.serving {
        return super::serving::serving(&args.server);
    }
    show(&args.server, &Request::Status, |answer| match answer {
        Answer::Status(status) => Some(status_text(status, clock::unix_seconds())),
        _ => None,
    })
}

/// All pools.
#[must_use]
pub fn pools(args: ListArgs) -> Exit {
    show(&args.server, &Request::Pools, |answer| match answer {
        Answer::Pools { pools } => Some(pools_text(pools)),
        _ => None,
    })
}

/// Endpoints; none of a pool is a "no".
#[must_use]
pub fn endpoints(args: EndpointsArgs) -> Exit {
    let mut none = false;
    let pool = args.pool.clone();
    let exit = match args.server.ask(&Request::Endpoints { pool }) {
        Ok(answer) => match &answer {
            Answer::Endpoints { endpoints } => {
                none = endpoints.is_empty();
                match args.server.json {
                    true => print_json(&answer),
                    false => print!("{}", endpoints_text(endpoints, clock::unix_seconds())),
                }
                Exit::Ok
            }
            _ => strange(),
        },
        Err(exit) => exit,
    };
    match (&args.pool, none) {
        (Some(pool), true) => {
            eprintln!("error: no pool is called \"{pool}\"");
            Exit::No
        }
        _ => exit,
    }
}

/// What happened; with `--follow` until the output ends or the server is gone.
#[must_use]
pub fn events(args: EventsArgs) -> Exit {
    let mut after = args.after;
    let mut run = None;
    let mut out = std::io::stdout();
    loop {
        let answer = match args.server.ask(&Request::Events { after }) {
            Ok(answer) => answer,
            Err(exit) => return exit,
        };
        let Answer::Events { events, last, started } = &answer else { return strange() };
        if !args.follow {
            match args.server.json {
                true => print_json(&answer),
                false => print!("{}", events_text(events)),
            }
            return Exit::Ok;
        }
        // Another run of the server counts from 1 again.
        if run.replace(*started).is_some_and(|before| before != *started) || after.is_some_and(|after| after > *last) {
            after = Some(0);
            continue;
        }
        after = events.last().map(|event| event.number).or(after).or(Some(*last));
        for event in events {
            let line = match args.server.json {
                true => serde_json::to_string(event).expect("strings and numbers are JSON"),
                false => event_text(event),
            };
            if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                return Exit::Ok;
            }
        }
        if events.is_empty() {
            wait();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing tells us of the next event: the server is asked every second")]
fn wait() {
    std::thread::sleep(FOLLOW);
}

fn status_text(status: &Status, now: u64) -> String {
    let mut text = String::new();
    let mut row = |key: &str, value: &str| {
        let _ = writeln!(text, "{key:<14} {value}");
    };
    row("version", &status.version);
    row("started", &format!("{}, {} ago", moment(status.started), span(now.saturating_sub(status.started))));
    row("configuration", &format!("{}, {} zones, {} balanced names", status.generation, status.zones, status.names));
    row("pools", &format!("{} of {} live", status.pools[1], status.pools[0]));
    row("endpoints", &format!("{} of {} live", status.endpoints[1], status.endpoints[0]));
    row("checks", &format!("{} targets, {} without a verdict", status.targets[0], status.targets[1]));
    if status.stale > 0 {
        row("stale", &format!("{} targets have had no outcome for long: their last state is kept", status.stale));
    }
    if let Some(LatencyRow { p50_us, p95_us, p99_us }) = status.latency {
        row("answers in", &format!("{p50_us:.1} µs (p50), {p95_us:.1} µs (p95), {p99_us:.1} µs (p99)"));
    }
    guard_text(&status.guard, now).into_iter().for_each(|(key, value)| row(key, &value));
    status.limits.iter().flat_map(limits_text).for_each(|(key, value)| row(key, &value));
    if !status.rights.is_empty() {
        row("runs as", &status.rights);
    }
    row("state", status.state.as_deref().unwrap_or("none: a restart forgets overrides"));
    if let Some(problem) = &status.problem {
        row("problem", problem);
    }
    if status.overrides.is_empty() {
        row("overrides", "none");
        return text;
    }
    let cell = |one: &OverrideRow| {
        let until = one.until.map_or_else(|| "-".to_owned(), |until| format!("in {}", span(until.saturating_sub(now))));
        let note = match &one.safe {
            _ if one.orphan => "nothing is called so".to_owned(),
            Some(safe) => safe_text(safe, now, THIS_SERVER).trim_end().to_owned(),
            None => String::new(),
        };
        let (target, owner) = (one.target.clone(), one.owner.clone());
        let said = match (one.arrives, one.keeps) {
            (Some(_), Some(keeps)) => format!("{}: keeps {keeps} %", one.said),
            _ => one.said.clone(),
        };
        vec![target, said, owner, moment(one.since), until, one.reason.clone(), note]
    };
    let rows = status.overrides.iter().map(cell).collect::<Vec<_>>();
    let head = ["OVERRIDE OF", "SAYS", "OWNER", "SINCE", "ENDS", "REASON", "NOTE"];
    format!("{text}\n{}", table(&head, &rows))
}

/// The rows of the blast guard. `now` is in seconds since 1970.
fn guard_text(guard: &GuardRow, now: u64) -> Vec<(&'static str, String)> {
    let [up, failing] = guard.sites;
    let held = guard.held;
    let text = match (guard.state.as_str(), guard.until) {
        ("up", Some(until)) => {
            let left = span(until.saturating_sub(now));
            format!("up: {failing} of {up} sites fail, {held} targets are held for {left} more; `geosteer release`")
        }
        ("up", None) => format!(
            "up: {failing} of {up} sites fail and the canaries too, {held} targets are held until these answer; `geosteer release`"
        ),
        ("spent", _) => format!("spent: {failing} of {up} sites fail, and that is believed"),
        (word, _) if held > 0 => format!("{word}; {held} targets are held until their next probe"),
        (word, _) => word.to_owned(),
    };
    let canary = |canary: &CanaryRow| {
        let says = match canary.answers {
            None => "not probed yet".to_owned(),
            Some(true) => format!("answers: {}", canary.note),
            Some(false) => format!("FAILS: {}", canary.note),
        };
        ("canary", format!("{}  {}", canary.url, plain(&says)))
    };
    std::iter::once(("guard", text)).chain(guard.canaries.iter().map(canary)).collect()
}

/// The rows of response rate limiting.
fn limits_text(limits: &LimitsRow) -> Vec<(&'static str, String)> {
    let ([buckets, busy], count) = (limits.buckets, limits.limited_in_all);
    let tried = if limits.log_only { ", log_only: nothing is held back" } else { "" };
    let text = match count {
        0 => format!("nobody is over a limit; {busy} of {buckets} buckets in use{tried}"),
        _ => format!("{count} over a limit; {busy} of {buckets} buckets in use{tried}"),
    };
    let limited = |row: &LimitedRow| {
        let LimitedRow { of, replies, seconds } = row;
        ("limited", format!("{}: {replies} replies too many in {seconds} s", plain(of)))
    };
    let more = count.saturating_sub(limits.limited.len());
    let more = (more > 0).then(|| ("limited", format!("and {more} more")));
    std::iter::once(("limits", text)).chain(limits.limited.iter().map(limited)).chain(more).collect()
}

fn pools_text(pools: &[PoolRow]) -> String {
    let row = |pool: &PoolRow| {
        let live = match &pool.needs {
            _ if pool.live && pool.keeps < 100.0 => format!("{} %", pool.keeps),
            _ if pool.live => "live".to_owned(),
            Some(needed) => format!("needs {needed}"),
            None => "-".to_owned(),
        };
        vec![
            pool.zone.clone(),
            pool.pool.clone(),
            live,
            format!("{}/{}", pool.up, pool.endpoints),
            pool.min_healthy.to_string(),
            pool.load.map_or_else(|| "-".to_owned(), |load| load.to_string()),
            pool.state.clone(),
            pool.by.clone().unwrap_or_else(|| "file".to_owned()),
        ]
    };
    let head = ["ZONE", "POOL", "CLIENTS", "UP", "MIN", "LOAD", "STATE", "SAID BY"];
    table(&head, &pools.iter().map(row).collect::<Vec<_>>())
}

fn endpoints_text(endpoints: &[EndpointRow], now: u64) -> String {
    let row = |endpoint: &EndpointRow| {
        let live = if endpoint.live { "live" } else { "-" };
        let safe = endpoint.safe.map_or_else(
            || "-".to_owned(),
            |safe| match safe.saturating_sub(now) {
                0 => "yes".to_owned(),
                left => format!("in {}", span(left)),
            },
        );
        vec![
            endpoint.pool.clone(),
            endpoint.endpoint.clone(),
            endpoint.address.clone(),
            endpoint.weight.to_string(),
            live.to_owned(),
            if endpoint.stale { format!("{}, stale", endpoint.health) } else { endpoint.health.clone() },
            match endpoint.load {
                Some(load) => load.to_string(),
                None if endpoint.load_stale => "stale".to_owned(),
                None => "-".to_owned(),
            },
            endpoint.time_ms.map_or_else(|| "-".to_owned(), |time| format!("{time:.1} ms")),
            endpoint.state.clone(),
            endpoint.by.clone().unwrap_or_else(|| "file".to_owned()),
            safe,
            endpoint.note.clone(),
        ]
    };
    let head = [
        "POOL",
        "ENDPOINT",
        "ADDRESS",
        "WEIGHT",
        "CLIENTS",
        "HEALTH",
        "LOAD",
        "TIME",
        "STATE",
        "SAID BY",
        "SWITCH OFF",
        "LAST PROBE",
    ];
    table(&head, &endpoints.iter().map(row).collect::<Vec<_>>())
}

fn change(event: &EventRow) -> String {
    match event.from.is_empty() {
        true => event.to.clone(),
        false => format!("{} → {}", event.from, event.to),
    }
}

fn events_text(events: &[EventRow]) -> String {
    let row = |event: &EventRow| {
        let (number, at) = (event.number.to_string(), moment(event.at));
        vec![number, at, event.kind.clone(), event.subject.clone(), change(event), event.reason.clone()]
    };
    table(&["NUMBER", "TIME", "KIND", "OF", "CHANGE", "REASON"], &events.iter().map(row).collect::<Vec<_>>())
}

fn event_text(event: &EventRow) -> String {
    let (at, change) = (moment(event.at), change(event));
    plain(&format!("{}  {at}  {:<8}  {}  {change}  {}", event.number, event.kind, event.subject, event.reason))
}
