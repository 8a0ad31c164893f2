//! Files → snapshot. Zones and databases are read side by side, whole, and checked; what comes out is a
//! configuration that can serve, or every reason why not.

use super::signing::{self, Keyring};
use super::{cookies, limiting, transferring, tsig};
use crate::clock;
use crate::config::{self, DatabaseRef};
use crate::control::NotReloaded;
use crate::geo::{Database, Databases};
use crate::limits::{DNSKEY_TTL_S, METRICS_NAMES, MMDB_MAX};
use crate::report;
use crate::rights::others_may_read;
use crate::routing_tests;
use crate::snapshot::{Signing, Snapshot, Spec};
use crate::state::{Explain, Identity, State};
use crate::transfer::Transfers;
use crate::update::Updates;
use crate::wire::Name;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// Where zones come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Zones {
    /// Files, and directories of `*.toml`.
    Paths(Vec<PathBuf>),
    /// One zone in memory.
    Text {
        /// What messages call it.
        name: Box<str>,
        /// Zone TOML.
        text: Box<str>,
    },
}

impl Zones {
    /// The folder of zones unless something else is said.
    pub const USUAL: &str = "zones";
}

/// What a configuration is made of; read again at every reload.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The server file.
    pub server: ServerSource,
    /// Zones in place of the server file's.
    pub zones: Option<Zones>,
}

/// Where the server's own settings come from.
#[derive(Clone, Debug)]
pub enum ServerSource {
    /// A file.
    File(PathBuf),
    /// Settings in memory.
    Given(Box<config::Server>),
}

/// A configuration that can serve.
#[derive(Debug)]
pub struct Configuration {
    /// Compiled.
    pub snapshot: Arc<Snapshot>,
    /// What the server says of itself.
    pub identity: Arc<Identity>,
    /// What is probably not meant, each one line with its place.
    pub warnings: Vec<String>,
    /// What it was read from.
    pub files: Files,
}

/// The files of a configuration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Files {
    /// Those that were read: zones, what they include, databases.
    pub read: Vec<PathBuf>,
    /// The files and directories that zones are read from.
    pub zones: Vec<PathBuf>,
}

/// Why a configuration cannot serve.
#[derive(Debug)]
pub enum LoadError {
    /// Mistakes in the files.
    Config(Box<config::Report>),
    /// A database that cannot be read or used.
    Geo(Box<str>),
    /// A bound of the compiler.
    Build(Box<str>),
    /// Files that served are gone.
    Vanished(Box<str>),
    /// A secret that cannot be read.
    Secret(Box<str>),
    /// Something is named that the process is kept from.
    Confined(Box<str>),
}

impl LoadError {
    /// One line for each mistake, with file, line and column where it has them.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Config(report) => lines(report),
            Self::Geo(why) | Self::Build(why) | Self::Vanished(why) | Self::Secret(why) | Self::Confined(why) => {
                vec![why.to_string()]
            }
        }
    }
}

impl From<LoadError> for NotReloaded {
    fn from(error: LoadError) -> Self {
        let diagnostics = match &error {
            LoadError::Config(report) => {
                report.view().iter().filter_map(|one| serde_json::to_value(one).ok()).collect()
            }
            _ => Vec::new(),
        };
        Self { lines: error.lines(), text: error.to_string().trim_end().to_owned(), diagnostics }
    }
}

impl fmt::Display for LoadError {
    /// For a terminal: with the lines that the mistakes stand in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(report) => f.write_str(&report.human(false)),
            Self::Geo(why) | Self::Build(why) | Self::Vanished(why) | Self::Secret(why) | Self::Confined(why) => {
                write!(f, "error: {why}")
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// Reads the server's own settings; the second list is what is probably not meant, a line each.
///
/// # Errors
/// Any mistake in the file.
pub fn server(source: &ServerSource) -> Result<(config::Server, Vec<String>), LoadError> {
    match source {
        ServerSource::Given(server) => Ok((config::Server::clone(server), Vec::new())),
        ServerSource::File(path) => {
            let (server, warnings) = config::load_server(path).map_err(mistakes)?;
            Ok((server, lines(&warnings)))
        }
    }
}

/// Reads and compiles zones and databases; changes nothing.
///
/// # Errors
/// Any mistake anywhere: mistakes in the files before those of the databases.
pub fn load(server: &config::Server, zones: Option<&Zones>) -> Result<Configuration, LoadError> {
    assemble(server, zones, None, None, &[])
}

/// The same to be served: with the keys of the zones that are signed, and their signatures made.
pub(super) fn load_to_serve(
    server: &config::Server,
    zones: Option<&Zones>,
    keyring: &Keyring,
) -> Result<Configuration, LoadError> {
    let made = |keyring: &Keyring, renewed: &[Box<str>]| -> Result<_, LoadError> {
        let mut configuration = assemble(server, zones, None, Some(keyring), renewed)?;
        signing::sign_ahead(&configuration.snapshot);
        let others = transferring::offer(&mut configuration, None);
        Ok((configuration, others))
    };
    let (first, others) = made(keyring, &[])?;
    if others.is_empty() {
        return Ok(first);
    }
    // Only now is it known that signatures could not be taken back. Secondaries must come for the new ones: once more with
    // larger serials, by the signers that have made them.
    let (state, before, updates) = (keyring.state.clone(), Some(first.snapshot), keyring.updates.clone());
    let (again, _) = made(&Keyring { state, before, updates }, &others)?;
    Ok(Configuration { warnings: first.warnings, ..again })
}

/// Compiles a specification that was read before against the server's databases.
///
/// # Errors
/// A database that cannot be read, or a bound of the compiler.
pub fn compiled(server: &config::Server, spec: Spec) -> Result<Arc<Snapshot>, LoadError> {
    let databases = databases(&server.databases).map(Arc::new)?;
    Ok(Arc::new(Snapshot::build(spec, databases).map_err(|error| LoadError::Build(error.0))?))
}

/// As [`load_to_serve`], with the routing tests that lie beside the zones; `before` is what serves now: of it the embedded
/// database is kept, which cannot have changed, and what is known of who is over a limit.
pub(super) fn load_again(
    server: &config::Server,
    zones: Option<&Zones>,
    before: &State,
    keyring: &Keyring,
) -> Result<Configuration, LoadError> {
    let mut configuration = assemble(server, zones, Some(before), Some(keyring), &transferring::renewed(before))?;
    test(server, zones, &configuration.snapshot)?;
    signing::sign_ahead(&configuration.snapshot);
    let _known_to_differ = transferring::offer(&mut configuration, Some(before));
    Ok(configuration)
}

/// Reads and compiles. `before`: what serves now. `renewed`: zones whose signatures are others than their secondaries have.
fn assemble(
    server: &config::Server,
    zones: Option<&Zones>,
    before: Option<&State>,
    keyring: Option<&Keyring>,
    renewed: &[Box<str>],
) -> Result<Configuration, LoadError> {
    let kept = before.map(|before| Arc::clone(&before.snapshot.databases));
    let (spec, databases) = thread::scope(|scope| {
        let databases = scope.spawn(|| match kept {
            Some(kept) if is_embedded(&server.databases, &kept) => Ok(kept),
            _ => databases(&server.databases).map(Arc::new),
        });
        let spec = spec(server, zones);
        let databases = databases.join().unwrap_or_else(|_| Err(LoadError::Geo("reading a database panicked".into())));
        (spec, databases)
    });
    let (mut spec, mut warnings, mut read) = spec?;
    let mut transfers = Transfers::following(before.map(|before| &before.identity.transfers), clock::unix_seconds());
    let mut updates = Updates::default();
    if let Some(keyring) = keyring {
        if let Some(kept) = &keyring.updates {
            let (served, mut left) = kept.put_beside(&mut spec);
            updates = Updates { desk: Some(kept.desk.clone()), served };
            warnings.append(&mut left);
        }
        warnings.append(&mut keyring.open(&mut spec.zones));
        let (keys, found) = tsig::keys(&server.tsig).map_err(|why| LoadError::Secret(why.into()))?;
        let (standing, warning) = transferring::standing(before, keyring.state.as_deref());
        warnings.extend(found.into_iter().chain(warning));
        (transfers.keys, transfers.serials) = (keys, transferring::settle(&mut spec, &standing, renewed));
    }
    let snapshot = Arc::new(Snapshot::build(spec, databases?).map_err(|error| LoadError::Build(error.0))?);
    let networks = server.dns.explain_from.clone();
    let explain = (!networks.is_empty()).then_some(Explain { networks, strings: report::strings });
    let limiter = limiting::limiter(server.rrl.as_ref(), before.and_then(|before| before.identity.limiter.as_ref()));
    let kept = before.and_then(|before| before.identity.cookies.as_ref());
    let (cookies, warning) = cookies::cookies(&server.cookies, kept).map_err(|why| LoadError::Secret(why.into()))?;
    let warnings = warnings.into_iter().chain(warning).collect();
    let (nsid, version) = (server.dns.nsid.clone(), server.dns.version.clone());
    let identity = Identity { nsid, version, explain, limiter, cookies, transfers, updates };
    read.extend(server.databases.iter().filter_map(|database| match database {
        DatabaseRef::File(path) => Some(path.clone()),
        DatabaseRef::Embedded => None,
    }));
    read.extend(server.tls.files().into_iter().flat_map(|(chain, key)| [chain.to_owned(), key.to_owned()]));
    let files = Files { read, zones: zone_paths(server, zones) };
    Ok(Configuration { snapshot, identity: Arc::new(identity), warnings, files })
}

/// Runs the routing tests that lie beside the zones. Only for a reload: a server that starts serves what it has, since
/// a database that is newer than a test would else keep it down.
fn test(server: &config::Server, zones: Option<&Zones>, snapshot: &Arc<Snapshot>) -> Result<(), LoadError> {
    let files = config::routing_test_files(&zone_paths(server, zones));
    let report = routing_tests::run(snapshot, &files).report;
    if report.errors() > 0 { Err(mistakes(report)) } else { Ok(()) }
}

/// Compiles one zone's text that somebody sent, as the server file would have it, against databases that are there.
///
/// # Errors
/// Any mistake; it must not name files.
pub(super) fn proposed(
    server: &config::Server,
    text: &str,
    databases: Arc<Databases>,
) -> Result<Arc<Snapshot>, LoadError> {
    let loaded = config::load_text_alone("zones", text, &options(server)).map_err(mistakes)?;
    Ok(Arc::new(Snapshot::build(loaded.spec, databases).map_err(|error| LoadError::Build(error.0))?))
}

/// The files and directories that zones are read from; none for a zone in memory.
pub(super) fn zone_paths(server: &config::Server, zones: Option<&Zones>) -> Vec<PathBuf> {
    match zones {
        Some(Zones::Text { .. }) => Vec::new(),
        Some(Zones::Paths(paths)) => paths.clone(),
        None if server.zones.is_empty() => vec![PathBuf::from(Zones::USUAL)],
        None => server.zones.clone(),
    }
}

/// The zones that the server file leads to; nothing of them is compiled.
///
/// # Errors
/// Any mistake in them.
pub fn apexes(server: &config::Server) -> Result<Vec<Name>, config::Report> {
    let loaded = config::load(&zone_paths(server, None), &options(server))?;
    Ok(loaded.spec.zones.into_iter().map(|zone| zone.apex).collect())
}

/// How the zones that the server file leads to are signed, each with its largest TTL, seconds.
///
/// # Errors
/// Any mistake in them.
pub fn signings(server: &config::Server) -> Result<Vec<(Name, Signing, u32)>, config::Report> {
    let loaded = config::load(&zone_paths(server, None), &options(server))?;
    let spec = loaded.spec;
    let largest = |index: usize| {
        let names = spec.names.iter().filter(move |name| name.zone.index() == index).map(|name| name.ttl);
        spec.zones[index].records.iter().map(|record| record.ttl).chain(names).max().unwrap_or(0).max(DNSKEY_TTL_S)
    };
    let zones = spec.zones.iter().enumerate();
    Ok(zones.map(|(index, zone)| (zone.apex.clone(), zone.signing.clone(), largest(index))).collect())
}

fn options(server: &config::Server) -> config::Options {
    config::Options {
        ecs: server.ecs.clone(),
        exec: server.probe.exec,
        guard: server.guard,
        canaries: server.canaries.clone(),
        tsig: Some(server.tsig.iter().map(|key| key.name.clone()).collect()),
    }
}

fn spec(server: &config::Server, zones: Option<&Zones>) -> Result<(Spec, Vec<String>, Vec<PathBuf>), LoadError> {
    let options = options(server);
    let loaded = match zones {
        Some(Zones::Text { name, text }) => config::load_text(name, text, &options),
        Some(Zones::Paths(_)) | None => config::load(&zone_paths(server, zones), &options),
    };
    let mut loaded = loaded.map_err(mistakes)?;
    loaded.spec.names_counted = if server.metrics.names { METRICS_NAMES } else { 0 };
    let mut warnings = lines(&loaded.warnings);
    let secrets = loaded.files.iter().filter(|file| file.is_secret);
    warnings.extend(secrets.filter_map(|file| others_may_read(&file.path, "the key of a client certificate")));
    let files = loaded.files.into_iter().map(|file| file.path).collect();
    Ok((loaded.spec, warnings, files))
}

fn mistakes(report: config::Report) -> LoadError {
    LoadError::Config(Box::new(report))
}

fn lines(report: &config::Report) -> Vec<String> {
    report.short().lines().map(str::to_owned).collect()
}

fn is_embedded(sources: &[DatabaseRef], before: &Databases) -> bool {
    matches!(sources, [DatabaseRef::Embedded]) && matches!(&before.facts()[..], [one] if &*one.label == "embedded")
}

fn databases(sources: &[DatabaseRef]) -> Result<Databases, LoadError> {
    let read = |source: &DatabaseRef| match source {
        DatabaseRef::Embedded => Database::embedded().map_err(|error| LoadError::Geo(error.0)),
        DatabaseRef::File(path) => {
            let fail = |why: &dyn fmt::Display| LoadError::Geo(format!("{}: {why}", path.display()).into());
            let bytes = read_whole(path).map_err(|error| fail(&error))?;
            Database::new(&path.display().to_string(), bytes).map_err(|error| LoadError::Geo(error.0))
        }
    };
    sources.iter().map(read).collect::<Result<_, _>>().map(Databases::new)
}

/// The file's bytes, in memory: what happens to the file later does not matter.
fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MMDB_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MMDB_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than any database we read"));
    }
    Ok(bytes)
}
