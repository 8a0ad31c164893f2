//! `geosteer dnssec rollover`: from one key to the next, step by step, each when it is safe.

use super::{At, Not, found, known, looking, name};
use crate::clock;
use crate::dnssec::{Key, Memories, Phase, Role, Rollover, Step, Times, beginning, rollovers};
use crate::limits::{DS_TTL_S, ZONE_TTL_S};
use crate::store::{ZoneKeys, put_key, read_updates};
use crate::wire::Name;
use clap::ValueEnum;
use std::fmt::Write as _;
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(super) struct Rolling {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make the next key, and take the first step
    Start(Start),
    /// Say what each key does, what comes next, and when that is safe
    Status(Of),
    /// Take the next step if it is safe
    Next(Next),
    /// Take the next key back, as long as it does not sign
    Cancel(Of),
    /// Take a key out of use at once, at the end of a change of the algorithm
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct Of {
    /// The zone
    #[arg(value_name = "ZONE", value_parser = name)]
    zone: Name,
    /// The TTL of the DS records at the parent, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = DS_TTL_S)]
    ds_ttl: u64,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
struct Start {
    #[command(flatten)]
    of: Of,
    /// Which key: the one that the parent vouches for, or the one that signs records [default: the latter, if there are two]
    #[arg(long, value_enum, value_name = "ROLE")]
    role: Option<Which>,
}

#[derive(Debug, clap::Args)]
struct Next {
    #[command(flatten)]
    of: Of,
    /// Take it even if resolvers may still remember what was, or the server and the parent have not followed: answers
    /// would be found bogus
    #[arg(long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
struct Remove {
    #[command(flatten)]
    of: Of,
    /// The key's tag, as `rollover status` has it
    #[arg(value_name = "TAG")]
    tag: u16,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    /// The key that the parent vouches for
    Entry,
    /// The key that signs records
    Zone,
}

pub(super) fn run(rolling: &Rolling) -> Result<String, Not> {
    match &rolling.verb {
        Verb::Start(args) => start(args).map_err(Not::from),
        Verb::Status(of) => status(of).map_err(Not::from),
        Verb::Next(args) => next(args),
        Verb::Cancel(of) => cancel(of).map_err(Not::from),
        Verb::Remove(args) => remove(args).map_err(Not::from),
    }
}

fn start(args: &Start) -> Result<String, String> {
    let (of, now) = (&args.of, clock::unix_seconds());
    let folder = of.at.keys()?;
    let keys = known(&folder, &of.zone)?;
    let active = |role: Role| keys.iter().find(move |key| key.role() == role && is_in(key, Phase::Active, now));
    let role = match args.role {
        Some(Which::Entry) => Role::Entry,
        Some(Which::Zone) => Role::Zone,
        None if active(Role::Zone).is_some() => Role::Zone,
        None => Role::Entry,
    };
    let old = active(role).ok_or_else(|| format!("{} has no such key that signs", of.zone))?;
    if rollovers(&keys, now).iter().any(|rollover| rollover.new.role() == role) {
        return Err(format!(
            "a rollover of this key of {} runs already: `rollover status` says how far it is",
            of.zone
        ));
    }
    let times = Times { created: Some(now), ..Times::default() }.become_now(beginning(role), now);
    let new = Key::generate(old.algorithm(), role).map_err(|error| error.to_string())?.with_times(times);
    put(&folder, &of.zone, &new)?;
    status(of)
}

fn next(args: &Next) -> Result<String, Not> {
    let (of, now) = (&args.of, clock::unix_seconds());
    let folder = of.at.keys()?;
    let there = found(&folder, &of.zone)?;
    let memories = memories(of)?;
    let rollovers = rollovers(&there.keys, now);
    // The first that is ready; with --force the first of all.
    let ready = rollovers.iter().find(|rollover| rollover.safe_at(memories, now) <= now);
    let Some(rollover) = ready.or(rollovers.first().filter(|_| args.force)) else {
        let soonest = rollovers.iter().min_by_key(|rollover| rollover.safe_at(memories, now));
        let soonest = soonest.ok_or_else(|| format!("no rollover of {} runs: `rollover start` begins one", of.zone))?;
        let safe = at(soonest.safe_at(memories, now), now);
        return Err(format!("{} is not safe before {safe}", of_step(soonest)).into());
    };
    if !args.force {
        looking::before(&of.at, &of.zone, &there, rollover, now)?;
    }
    let (old, new) = rollover.phases();
    // The key that comes first: should the second write fail, two keys sign, neither is missed, and `Step::Retire` is next.
    for (key, phase) in [(rollover.new, new), (rollover.old, old)] {
        if let Some(phase) = phase {
            put_times(&folder, &of.zone, key, key.times().become_now(phase, now))?;
        }
    }
    Ok(status(of)?)
}

fn cancel(of: &Of) -> Result<String, String> {
    let (folder, now) = (of.at.keys()?, clock::unix_seconds());
    let keys = known(&folder, &of.zone)?;
    let rollovers = rollovers(&keys, now);
    let rollover = rollovers.iter().find(|rollover| matches!(rollover.next, Step::Publish | Step::Activate));
    let new = rollover.ok_or("there is no next key that does not sign yet: start another rollover instead")?.new;
    put_times(&folder, &of.zone, new, new.times().become_now(Phase::Removed, now))?;
    status(of)
}

fn remove(args: &Remove) -> Result<String, String> {
    let (of, now) = (&args.of, clock::unix_seconds());
    let folder = of.at.keys()?;
    let keys = known(&folder, &of.zone)?;
    let [key] = keys.iter().filter(|key| key.tag() == args.tag).collect::<Vec<_>>()[..] else {
        return Err(format!("{} has no key {}, or several: `rollover status` lists them", of.zone, args.tag));
    };
    let mut others = keys.iter().filter(|other| other.dnskey() != key.dnskey());
    if !others.any(|other| other.role() == Role::Entry && is_in(other, Phase::Active, now)) {
        return Err(format!("{} would have no key that the parent vouches for and that signs", of.zone));
    }
    put_times(&folder, &of.zone, key, key.times().become_now(Phase::Removed, now))?;
    status(of)
}

fn status(of: &Of) -> Result<String, String> {
    let now = clock::unix_seconds();
    let (ZoneKeys { keys, stops, .. }, memories) = (found(&of.at.keys()?, &of.zone)?, memories(of)?);
    let mut text = String::new();
    for key in &keys {
        let role = if key.role() == Role::Entry { "entry" } else { "zone" };
        let since = key.times().since(now).map(|since| format!(" since {}", date(since))).unwrap_or_default();
        let (tag, algorithm) = (key.tag(), key.algorithm().name());
        let _ = writeln!(text, "key {tag:>5}  {algorithm}  {role:<5}  {}{since}", key.times().phase(now).word());
    }
    if stops {
        text += "the parent is told to drop its DS records (`dnssec stop`; --undo takes it back)\n";
    }
    let rollovers = rollovers(&keys, now);
    if rollovers.is_empty() {
        text += "no rollover runs\n";
    }
    for rollover in rollovers {
        let _ = writeln!(text, "next: {}", of_step(&rollover));
        let _ = writeln!(text, "  safe from {}", at(rollover.safe_at(memories, now), now));
        let _ = writeln!(text, "  {}", before(&rollover));
    }
    Ok(text)
}

/// What the next step does.
fn of_step(rollover: &Rollover<'_>) -> String {
    let (old, new) = (rollover.old.tag(), rollover.new.tag());
    match rollover.next {
        Step::Publish => format!("the zone gets key {new}"),
        Step::Activate => format!("key {new} signs, and key {old} no longer"),
        Step::Retire => format!("key {old} signs no longer, since key {new} does"),
        Step::Remove => format!("the zone loses key {old}"),
    }
}

/// What must be so before.
fn before(rollover: &Rollover<'_>) -> &'static str {
    match rollover.next {
        Step::Publish => {
            "if the parent has had the DS records of both keys since now at the latest (`geosteer dnssec ds`)"
        }
        Step::Activate => {
            "if all name servers have had the keys as they are since now (`dnssec export`, `dnssec import`)"
        }
        Step::Retire => "the step before it was cut off: both keys sign until this is done",
        Step::Remove if rollover.old.role() == Role::Entry => {
            "if all name servers have had the keys as they are since now; then let the parent drop the old key's DS record"
        }
        Step::Remove => "if all name servers have had the keys as they are since now",
    }
}

fn is_in(key: &Key, phase: Phase, now: u64) -> bool {
    key.times().phase(now) == phase
}

fn put(folder: &Path, zone: &Name, key: &Key) -> Result<(), String> {
    put_key(folder, zone, key).map(drop).map_err(|error| format!("{}: {error}", folder.display()))
}

fn put_times(folder: &Path, zone: &Name, key: &Key, times: Times) -> Result<(), String> {
    let key = Key::new(key.algorithm(), key.role(), &key.dnskey()[4..], key.secret());
    put(folder, zone, &key.map_err(|error| error.to_string())?.with_times(times))
}

/// The largest TTL is that of the zone file's records, if the server file leads to it, and of those that updates have
/// added. What was taken back since is not known any more.
fn memories(of: &Of) -> Result<Memories, String> {
    let file = of.at.zone(&of.zone)?.map_or(ZONE_TTL_S, |(_, ttl)| u64::from(ttl));
    let state = of.at.folder()?;
    let updated = read_updates(&state).map_err(|why| format!("updates in {}: {why}", state.display()))?;
    let added = updated.get(&*of.zone.to_lowercase().to_string()).into_iter().flatten();
    Ok(Memories { ds: of.ds_ttl, zone: added.map(|record| u64::from(record.ttl)).max().unwrap_or(0).max(file) })
}

fn at(time: u64, now: u64) -> String {
    let left = time.saturating_sub(now);
    match left {
        0 => "now".to_owned(),
        _ => format!("{} (in {} h {} min)", date(time), left / 3_600, left.div_ceil(60) % 60),
    }
}

fn date(at: u64) -> String {
    let ([year, month, day], [hour, minute, second]) = clock::calendar(at);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}
