//! `geosteer dnssec`: keys of signed zones, and what the parent shall publish of them.

mod looking;
mod rollover;

use crate::config::Server;
use crate::control::STATE;
use crate::daemon::{self, ServerSource};
use crate::dnssec::{Algorithm, Digest, Key, Phase, Role, Times};
use crate::error::Exit;
use crate::snapshot::Signing;
use crate::store::{ZoneKeys, export_key, keys_folder, put_key, read_key, read_keys, set_stops, write_key};
use crate::wire::Name;
use clap::ValueEnum;
use rollover::Rolling;
use std::path::{Path, PathBuf};

/// Arguments of `geosteer dnssec`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make a zone's key, if it has none
    Init(Init),
    /// Print the DS record for the zone's parent, in master-file form
    Ds(Ds),
    /// Copy a zone's keys into a folder, as BIND key files
    Export(Export),
    /// Take keys over from BIND key files
    Import(Import),
    /// Go from one key to the next
    Rollover(Rolling),
    /// Have the parent told to drop its DS records: the first step to a zone that is not signed
    Stop(Stop),
}

/// Where the keys are.
#[derive(Debug, clap::Args)]
struct At {
    /// The server file, for its `state`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The state directory; instead of the server file's [default: /var/lib/geosteer]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Init {
    /// The zone
    #[arg(value_name = "ZONE", value_parser = name)]
    zone: Name,
    /// How the key signs; instead of what the zone file says
    #[arg(long, value_enum, ignore_case = true, value_name = "ALGORITHM")]
    algorithm: Option<Choice>,
    /// Make two keys: one that the parent vouches for, which signs the other one, which signs the records
    #[arg(long)]
    split: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
struct Ds {
    /// The zone
    #[arg(value_name = "ZONE", value_parser = name)]
    zone: Name,
    /// With a digest of SHA-384 instead of SHA-256
    #[arg(long)]
    sha384: bool,
    /// Print the DNSKEY records, for registrars that want the keys themselves, and as a trust anchor
    #[arg(long)]
    dnskey: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
struct Export {
    /// The zone
    #[arg(value_name = "ZONE", value_parser = name)]
    zone: Name,
    /// Where the files are written; made if it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
struct Import {
    /// Key files: K*.key or K*.private, the other one beside it
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
struct Stop {
    /// The zone
    #[arg(value_name = "ZONE", value_parser = name)]
    zone: Name,
    /// Take it back: the parent is told of the keys again
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Choice {
    #[value(name = "ECDSAP256SHA256")]
    EcdsaP256Sha256,
    #[value(name = "ED25519")]
    Ed25519,
}

fn name(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|error| error.to_string())
}

/// Why something is not done.
struct Not {
    exit: Exit,
    why: String,
}

impl From<String> for Not {
    /// It could not be done.
    fn from(why: String) -> Self {
        Self { exit: Exit::Failed, why }
    }
}

/// Runs the verb.
#[must_use]
pub fn run(args: Args) -> Exit {
    let done = match args.verb {
        Verb::Init(args) => init(&args).map_err(Not::from),
        Verb::Ds(args) => ds(&args).map_err(Not::from),
        Verb::Export(args) => export(&args).map_err(Not::from),
        Verb::Import(args) => import(&args).map_err(Not::from),
        Verb::Rollover(args) => rollover::run(&args),
        Verb::Stop(args) => stop(&args).map_err(Not::from),
    };
    match done {
        Ok(text) => {
            print!("{text}");
            Exit::Ok
        }
        Err(Not { exit, why }) => {
            eprintln!("error: {why}");
            exit
        }
    }
}

impl At {
    fn server(&self) -> Result<Server, String> {
        let source = self.config.clone().map_or_else(|| ServerSource::Given(Box::default()), ServerSource::File);
        daemon::server(&source).map(|(server, _)| server).map_err(|error| error.to_string())
    }

    /// What the zone's file says, if the server file leads to it: how it is signed, and its largest TTL.
    fn zone(&self, zone: &Name) -> Result<Option<(Signing, u32)>, String> {
        if self.config.is_none() {
            return Ok(None);
        }
        let zones = daemon::signings(&self.server()?).map_err(|report| report.short())?;
        let said = zones.into_iter().find(|(apex, ..)| apex.to_lowercase() == zone.to_lowercase());
        Ok(said.map(|(_, signing, ttl)| (signing, ttl)))
    }

    fn folder(&self) -> Result<PathBuf, String> {
        match &self.state {
            Some(state) => Ok(state.clone()),
            None => Ok(self.server()?.state.unwrap_or_else(|| PathBuf::from(STATE))),
        }
    }

    fn keys(&self) -> Result<PathBuf, String> {
        self.folder().map(|state| keys_folder(&state))
    }
}

/// The zone's keys; none is a mistake.
fn known(folder: &Path, zone: &Name) -> Result<Vec<Key>, String> {
    found(folder, zone).map(|found| found.keys)
}

/// What the folder has of the zone, all of it: who does not see every key may take a wrong step.
fn found(folder: &Path, zone: &Name) -> Result<ZoneKeys, String> {
    let found = read_keys(folder, zone, crate::clock::unix_seconds()).map_err(|error| error.to_string())?;
    found.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    if let Some(file) = found.unread.first() {
        return Err(format!("{file} in {} cannot be read", folder.display()));
    }
    if found.keys.is_empty() {
        return Err(format!("{zone} has no keys in {}: `geosteer dnssec init {zone}` makes one", folder.display()));
    }
    Ok(found)
}

fn init(args: &Init) -> Result<String, String> {
    let folder = args.at.keys()?;
    let there = read_keys(&folder, &args.zone, crate::clock::unix_seconds()).map_err(|error| error.to_string())?;
    if !there.keys.is_empty() {
        return Err(format!("{} has keys already in {}", args.zone, folder.display()));
    }
    let algorithm = match args.algorithm {
        Some(Choice::EcdsaP256Sha256) => Algorithm::EcdsaP256Sha256,
        Some(Choice::Ed25519) => Algorithm::Ed25519,
        None => args.at.zone(&args.zone)?.and_then(|(signing, _)| signing.wanted()).unwrap_or_default(),
    };
    let roles = if args.split { &[Role::Zone, Role::Entry][..] } else { &[Role::Entry] };
    let mut text = String::new();
    for &role in roles {
        let now = crate::clock::unix_seconds();
        let times = Times { created: Some(now), published: Some(now), activated: Some(now), ..Times::default() };
        let key = Key::generate(algorithm, role).map_err(|error| error.to_string())?.with_times(times);
        let stem = write_key(&folder, &args.zone, &key).map_err(|error| format!("{}: {error}", folder.display()))?;
        text += &format!("{}.private\n", stem.display());
    }
    Ok(text)
}

fn ds(args: &Ds) -> Result<String, String> {
    let keys = known(&args.at.keys()?, &args.zone)?;
    let digest = if args.sha384 { Digest::Sha384 } else { Digest::Sha256 };
    let now = crate::clock::unix_seconds();
    let in_use = |key: &&Key| key.role() == Role::Entry && key.times().phase(now) != Phase::Removed;
    let vouched = keys.iter().filter(in_use);
    let lines: Vec<String> = vouched
        .map(|key| if args.dnskey { dnskey_line(&args.zone, key) } else { ds_line(&args.zone, key, digest) })
        .collect();
    if lines.is_empty() {
        return Err(format!("{} has no key that a parent can vouch for (flags 257)", args.zone));
    }
    Ok(lines.concat())
}

fn ds_line(zone: &Name, key: &Key, digest: Digest) -> String {
    let rdata = key.ds(zone.wire(), digest);
    let hex: String = rdata[4..].iter().map(|octet| format!("{octet:02X}")).collect();
    format!("{zone} IN DS {} {} {} {hex}\n", key.tag(), key.algorithm().number(), digest.number())
}

fn dnskey_line(zone: &Name, key: &Key) -> String {
    let file = crate::dnssec::public_file(zone, key);
    format!("{}\n", file.lines().last().unwrap_or_default())
}

fn export(args: &Export) -> Result<String, String> {
    let mut text = String::new();
    for key in known(&args.at.keys()?, &args.zone)? {
        let stem = export_key(&args.folder, &args.zone, &key);
        let stem = stem.map_err(|error| format!("{}: {error}", args.folder.display()))?;
        text += &format!("{}.private\n", stem.display());
    }
    Ok(text)
}

fn import(args: &Import) -> Result<String, String> {
    let folder = args.at.keys()?;
    // All are read before one is written.
    let keys: Result<Vec<_>, _> = args.files.iter().map(|file| read_key(file)).collect();
    let mut text = String::new();
    for (zone, key) in keys.map_err(|error| error.to_string())? {
        let stem = put_key(&folder, &zone, &key).map_err(|error| format!("{}: {error}", folder.display()))?;
        text += &format!("{}.private\n", stem.display());
    }
    Ok(text)
}

fn stop(args: &Stop) -> Result<String, String> {
    let (folder, zone) = (args.at.keys()?, &args.zone);
    known(&folder, zone)?;
    set_stops(&folder, zone, !args.undo).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(match args.undo {
        true => format!("{zone} tells the parent of its keys again\n"),
        false => format!(
            "{zone} stays signed, and tells the parent to drop its DS records (CDS and CDNSKEY \"delete\")\n\
             next: when the parent has dropped them, and their TTL is over, set `enabled = false` in [dnssec]\n  \
             `geosteer dnssec stop {zone} --undo` takes it back until then\n"
        ),
    })
}
