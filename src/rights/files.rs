//! Files: what the server needs of them, and Landlock, by which the kernel keeps it to that. The one file that knows it.

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf, absolute};

/// What every server reads: the system's own configuration and certificates, libraries, what the kernel tells, and how
/// names are looked up.
const READ: &[&str] =
    &["/etc", "/usr", "/lib", "/lib64", "/bin", "/sbin", "/proc", "/sys", "/dev", "/run/systemd/resolve"];
/// Where checks of type `exec` find programs and what these need to start.
const RUN: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib64"];
/// Where such programs may keep something for a moment.
const SCRATCH: &[&str] = &["/tmp", "/var/tmp"];

/// The newest rules that we ask for; an older kernel keeps to those that it knows.
const NEWEST: ABI = ABI::V6;

/// What is needed of files, by directories: files are replaced by renames, which directories outlive.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    /// Read, with all that lies below.
    read: BTreeSet<PathBuf>,
    /// Written, likewise.
    write: BTreeSet<PathBuf>,
    /// Programs, likewise.
    run: BTreeSet<PathBuf>,
}

impl Needs {
    /// A file, or a directory with all below, is read.
    pub fn read(&mut self, path: &Path) {
        self.read.extend(folders_of(path));
    }

    /// A file, or what lies in a directory, is written.
    pub fn write(&mut self, path: &Path) {
        self.write.extend(folders_of(path));
    }

    /// A program is started.
    pub fn run(&mut self, program: &Path) {
        self.run.extend(folders_of(program));
    }

    /// What every server needs beside its own files.
    fn with_the_systems(&self) -> Self {
        let mut all = self.clone();
        all.read.extend(READ.iter().map(PathBuf::from));
        for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
            all.read.extend(env::var_os(name).and_then(|path| folder_of(Path::new(&path))));
        }
        // Often a link to where a resolver of the system writes it.
        all.read.extend(fs::canonicalize("/etc/resolv.conf").ok().and_then(|path| folder_of(&path)));
        if !self.run.is_empty() {
            all.run.extend(RUN.iter().map(PathBuf::from));
            all.write.extend(SCRATCH.iter().map(PathBuf::from));
        }
        all
    }

    /// The first place that is needed and not in these.
    fn missing_in(&self, others: &Self) -> Option<&Path> {
        let lacks = |ours: &'_ BTreeSet<PathBuf>, theirs: [&BTreeSet<PathBuf>; 2]| {
            let covered = |path: &PathBuf| theirs.iter().copied().flatten().any(|other| path.starts_with(other));
            ours.iter().position(|path| !covered(path))
        };
        let of = |index: Option<usize>, set| index.and_then(|index| BTreeSet::iter(set).nth(index));
        let read = of(lacks(&self.read, [&others.read, &others.write]), &self.read);
        let write = of(lacks(&self.write, [&others.write, &others.write]), &self.write);
        let run = of(lacks(&self.run, [&others.run, &others.run]), &self.run);
        read.or(write).or(run).map(PathBuf::as_path)
    }
}

/// The directories that rules are about for what is named in a file. A link that leads to what lies below its own
/// directory is one that is turned to what will lie there next time (`current` of releases, secrets of Kubernetes): that
/// directory counts as well, unless it is the root.
fn folders_of(path: &Path) -> impl Iterator<Item = PathBuf> {
    let whole = absolute(path).unwrap_or_default();
    let turned = |place: &Path| {
        let folder = fs::canonicalize(place.parent()?).ok().filter(|folder| folder.parent().is_some())?;
        let is_link = fs::symlink_metadata(place).ok()?.is_symlink();
        (is_link && fs::canonicalize(place).ok()?.starts_with(&folder)).then_some(folder)
    };
    let turned: Vec<_> = whole.ancestors().filter_map(turned).collect();
    turned.into_iter().chain(folder_of(path))
}

/// The directory that a rule is about: of a file the one where it lies. A link counts as what it leads to.
fn folder_of(path: &Path) -> Option<PathBuf> {
    let path = fs::canonicalize(path).or_else(|_| absolute(path)).ok()?;
    if path.is_dir() { Some(path) } else { path.parent().map(Path::to_owned) }
}

/// Files that the server is kept to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Confined {
    needs: Needs,
    by: String,
}

impl Confined {
    /// Keeps this thread, and those that it starts, to what is needed. None: this kernel cannot, and nothing changed.
    ///
    /// # Errors
    /// The kernel refuses; in words.
    pub fn to(needs: &Needs) -> Result<Option<Self>, String> {
        let needs = needs.with_the_systems();
        let status = restrict(&needs).map_err(|error| error.to_string())?;
        let abi = match status.landlock {
            LandlockStatus::Available { effective_abi, .. } => effective_abi as i32,
            _ => return Ok(None),
        };
        let by = match status.ruleset {
            RulesetStatus::NotEnforced => return Ok(None),
            RulesetStatus::PartiallyEnforced => format!("landlock {abi}, as far as this kernel can"),
            RulesetStatus::FullyEnforced => format!("landlock {abi}"),
        };
        Ok(Some(Self { needs, by }))
    }

    /// By what, in words.
    #[must_use]
    pub fn by(&self) -> &str {
        &self.by
    }

    /// A place that is needed and cannot be had, if there is one.
    #[must_use]
    pub fn lacks<'n>(&self, needs: &'n Needs) -> Option<&'n Path> {
        needs.missing_in(&self.needs)
    }
}

fn restrict(needs: &Needs) -> Result<landlock::RestrictionStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let all = AccessFs::from_all(NEWEST);
    let write = all & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev);
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        // Signals reach what it has started, and nobody else.
        .scope(Scope::Signal)?
        .create()?;
    let sets = [(&needs.read, read), (&needs.write, write), (&needs.run, read | AccessFs::Execute)];
    for (paths, access) in sets {
        // What is not there cannot be had, with rules or without.
        for place in paths.iter().filter_map(|path| PathFd::new(path).ok()) {
            rules = rules.add_rule(PathBeneath::new(place, access))?;
        }
    }
    if let Ok(null) = PathFd::new("/dev/null") {
        rules =
            rules.add_rule(PathBeneath::new(null, AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate))?;
    }
    rules.restrict_self()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::process::Command;

    #[test]
    fn what_is_needed_later_is_compared_with_what_is_in_force() {
        let scratch = tempfile::tempdir().unwrap();
        let path = |name: &str| scratch.path().join(name);
        for folder in ["zones", "zones.d", "state", "bin"] {
            fs::create_dir(path(folder)).unwrap();
        }
        let mut first = Needs::default();
        first.read(&path("zones"));
        first.write(&path("state"));
        let confined = Confined { needs: first.with_the_systems(), by: String::new() };
        assert_eq!(confined.lacks(&first), None);
        let needs = |set: fn(&mut Needs, &Path), name: &str| {
            let mut needs = Needs::default();
            set(&mut needs, &path(name));
            confined.lacks(&needs).map(Path::to_owned)
        };
        assert_eq!(needs(Needs::read, "zones/new.toml"), None, "below what is in force");
        assert_eq!(needs(Needs::read, "state/x"), None, "what may be written may be read");
        let folder = |name| Some(fs::canonicalize(path(name)).unwrap());
        assert_eq!(needs(Needs::read, "zones.d"), folder("zones.d"), "not below, although it begins alike");
        assert_eq!(needs(Needs::write, "zones/x"), folder("zones"));
        assert_eq!(needs(Needs::run, "bin/probe"), folder("bin"));
    }

    #[test]
    fn a_link_may_be_turned_to_what_lies_beside_it() {
        use std::os::unix::fs::symlink;
        let scratch = tempfile::tempdir().unwrap();
        let path = |name: &str| scratch.path().join(name);
        for folder in ["certs/..1", "certs/..2", "srv/releases/1", "srv/releases/2", "elsewhere", "other"] {
            fs::create_dir_all(path(folder)).unwrap();
            fs::write(path(folder).join("file"), "x").unwrap();
        }
        // As Kubernetes lays secrets out, as releases are, and a link to another place.
        let turn = |to: u8| {
            for link in ["certs/..data", "srv/current", "other/link"] {
                let _not_yet = fs::remove_file(path(link));
            }
            symlink(format!("..{to}"), path("certs/..data")).unwrap();
            symlink(format!("releases/{to}"), path("srv/current")).unwrap();
            symlink(path("elsewhere"), path("other/link")).unwrap();
        };
        turn(1);
        symlink("..data/file", path("certs/file")).unwrap();
        let needs = || {
            let mut needs = Needs::default();
            ["certs/file", "srv/current/file", "other/link/file"].iter().for_each(|file| needs.read(&path(file)));
            needs
        };
        let confined = Confined { needs: needs(), by: String::new() };
        turn(2);
        assert_eq!(confined.lacks(&needs()), None);
        assert!(!confined.needs.read.iter().any(|folder| folder.ends_with("other") || folder.parent().is_none()));
    }

    #[test]
    fn a_confined_thread_reads_writes_and_starts_what_it_needs_and_nothing_else() {
        // Not below /tmp, where programs of checks may write; this may have been built there.
        let beside = env::current_exe().unwrap().parent().unwrap().to_path_buf();
        let places = [beside, env::home_dir().unwrap_or_default(), "/var/lib".into(), "/opt".into()];
        let outside = |place: &&PathBuf| !SCRATCH.iter().any(|scratch| place.starts_with(scratch));
        let Some(scratch) = places.iter().filter(outside).find_map(|place| tempfile::tempdir_in(place).ok()) else {
            eprintln!("skipped: there is no folder but {SCRATCH:?}");
            return;
        };
        let path = |name: &str| scratch.path().join(name);
        for (file, text) in [("in/a", "a"), ("out/b", "b"), ("state/c", "c"), ("bin/ok", "#!/bin/sh\nexit 7\n")] {
            fs::create_dir(path(file).parent().unwrap()).unwrap();
            fs::write(path(file), text).unwrap();
        }
        fs::set_permissions(path("bin/ok"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        fs::copy(path("bin/ok"), path("state/ok")).unwrap();
        let mut needs = Needs::default();
        needs.read(&path("in/a"));
        needs.write(&path("state"));
        needs.run(&path("bin/ok"));
        // A thread of its own: the tests beside this one stay free.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let Some(_confined) = Confined::to(&needs).unwrap() else {
                    eprintln!("skipped: this kernel has no Landlock");
                    return;
                };
                let denied = |done: Result<(), std::io::Error>| {
                    done.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
                };
                assert_eq!(fs::read_to_string(path("in/a")).unwrap(), "a");
                fs::write(path("state/new"), "n").unwrap();
                fs::rename(path("state/new"), path("state/c")).unwrap();
                File::create("/dev/null").unwrap();
                assert!(denied(fs::read(path("out/b")).map(drop)));
                assert!(denied(fs::write(path("in/a"), "x")));
                assert!(denied(fs::remove_file(path("in/a"))));
                assert_eq!(Command::new(path("bin/ok")).status().unwrap().code(), Some(7));
                assert!(denied(Command::new(path("state/ok")).status().map(drop)));
            });
        });
        fs::write(path("in/a"), "free").unwrap();
    }
}
