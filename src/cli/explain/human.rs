//! The explanation for people: aligned, with colour where a terminal shows it.

use crate::cli::operate::table::{moment, plain};
use crate::report::{EndpointView, PoolView, Report};
use std::fmt::Write as _;

/// Writes with colour or without.
#[derive(Clone, Copy, Debug)]
pub struct Paint(pub bool);

impl Paint {
    /// With colour if stdout is a terminal, and `NO_COLOR` does not speak against it.
    pub(in crate::cli) fn of_stdout() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self(std::io::IsTerminal::is_terminal(&std::io::stdout()) && !plain)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(in crate::cli) fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(in crate::cli) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(in crate::cli) fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(in crate::cli) fn faint(self, text: &str) -> String {
        self.with("2", text)
    }
}

/// The whole text, with the final newline.
#[must_use]
pub fn human(report: &Report, paint: Paint) -> String {
    let mut text = String::new();
    let title = format!("{} {} for {}", report.name, report.r#type, report.client);
    let _ = writeln!(text, "{}\n", paint.strong(&title));
    let mut row = |key: &str, value: &str| {
        let _ = writeln!(text, "{} {value}", paint.strong(&format!("{key:<9}")));
    };
    if let Some(decided) = &report.decided_by {
        row("client", &format!("{}, the {}'s address, decided", decided.address, decided.whose));
        row("location", &place(report));
    }
    if let Some(region) = &report.region {
        let why = match &report.selector {
            Some(selector) => format!("{region}, by {} at {}", selector.matches, selector.at),
            None if region == "default" => "default: no region with a row matches".to_owned(),
            None => region.clone(),
        };
        row("region", &why);
    }
    if let Some(of) = &report.row {
        let fence = if of.geofence { ", geofenced: never goes on to default" } else { "" };
        row("row", &format!("policy {}, {}{fence}", of.policy, of.at));
    }
    if !report.trail.is_empty() {
        let _ = writeln!(text, "{}", paint.strong("pools"));
        report.trail.iter().for_each(|pool| trail(&mut text, pool, paint));
    }
    tail(&mut text, report, paint);
    text
}

/// The lines below the pools.
fn tail(text: &mut String, report: &Report, paint: Paint) {
    let mut row = |key: &str, value: &str| {
        let _ = writeln!(text, "{} {value}", paint.strong(&format!("{key:<9}")));
    };
    if let Some(fallback) = &report.fallback {
        row("fallback", &paint.bad(fallback));
    }
    let answers = if report.answers.is_empty() { "nothing".to_owned() } else { report.answers.join("  ") };
    let rcode = if report.rcode == "NOERROR" { paint.good(&report.rcode) } else { paint.bad(&report.rcode) };
    row("answer", &format!("{}  {rcode}", paint.strong(&answers)));
    if let Some(ttl) = report.ttl {
        row("ttl", &format!("{ttl} s  {}", paint.faint(&report.ttl_why)));
    }
    row("scope", &format!("/{}  {}", report.scope, paint.faint(&report.scope_why)));
    report.notes.iter().for_each(|note| row("note", note));
    row("dig", &report.dig);
    if let Some(line) = &report.attribution {
        let _ = writeln!(text, "\n{}", paint.faint(line));
    }
}

fn place(report: &Report) -> String {
    let place = &report.location;
    let mut line = place.line();
    if let Some([north, east]) = place.coordinates {
        let from =
            if place.coordinates_from.as_deref() == Some("country") { ", the middle of the country" } else { "" };
        let _ = write!(line, " ({north:.2}, {east:.2}{from})");
    }
    if let Some(network) = &place.network {
        let _ = write!(line, ", in {network}");
    }
    line
}

/// One pool with its endpoints.
fn trail(text: &mut String, pool: &PoolView, paint: Paint) {
    let mark = if pool.picked { paint.good("→") } else { " ".to_owned() };
    let of = if pool.pick == "split, per query" { "queries" } else { "clients" };
    let share = pool.share.map_or_else(String::new, |share| format!(", {share} % of the {of}"));
    let from = if pool.from_default { ", from default" } else { "" };
    let pick = if pool.pick == "order" { String::new() } else { format!(" ({})", pool.pick) };
    let head = format!("{} {:<12}", pool.step, pool.pool);
    let why = if pool.picked { paint.good(&pool.why) } else { pool.why.clone() };
    let _ = writeln!(text, "  {mark} {}{pick} {why}{share}{from}", paint.strong(&head));
    if let Some(method) = &pool.method {
        let load = pool.load.map_or_else(String::new, |load| format!("; the pool's load is {load}"));
        let _ = writeln!(text, "        {}", paint.faint(&format!("{}: {method}{load}", pool.balance)));
    }
    let width = |of: fn(&EndpointView) -> &str| {
        pool.endpoints.iter().map(|endpoint| of(endpoint).chars().count()).max().unwrap_or(0)
    };
    let (names, addresses) = (width(|endpoint| &endpoint.name), width(|endpoint| &endpoint.address));
    for endpoint in &pool.endpoints {
        let mark = if endpoint.picked { paint.good("→") } else { " ".to_owned() };
        let of = if pool.spread.is_some() { " of the first addresses" } else { "" };
        let share = endpoint.share.map_or_else(String::new, |share| format!(", {share} %{of} ({})", pool.balance));
        let load = endpoint.load.map(|load| format!(", load {load}"));
        let load = load.or_else(|| endpoint.stale.then(|| ", no fresh load".to_owned())).unwrap_or_default();
        let time = endpoint.time_ms.map_or_else(String::new, |time| format!(", {time} ms"));
        let why = match &*endpoint.why {
            why @ "down" => paint.bad(why),
            why if endpoint.picked => paint.good(why),
            why => why.to_owned(),
        };
        let (name, address) = (&endpoint.name, &endpoint.address);
        let named = if name == address { String::new() } else { format!("{name:<names$}  ") };
        let held = endpoint.held.as_ref().map(|held| format!("; {}", plain(&held.words(moment)))).unwrap_or_default();
        let _ = writeln!(text, "      {mark} {named}{address:<addresses$}  {why}{share}{load}{time}{held}");
    }
}
