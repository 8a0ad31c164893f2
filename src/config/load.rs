//! From paths to a specification: all files are read, and every mistake of all of them is shown.

use super::Code;
use super::canaries::Canary;
use super::diagnostic::{Diagnostic, Report};
use super::files::{FileRead, Files};
use super::nested::undelegated;
use super::routing_tests::is_routing_tests;
use super::settings::default_ecs;
use super::source::Span;
use super::walk::Ctx;
use super::zone;
use crate::health::GuardRules;
use crate::id::CheckId;
use crate::snapshot::{Ecs, Spec, Target};
use crate::wire::Name;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What zones were read into.
#[derive(Debug)]
pub struct Loaded {
    /// Everything the files say.
    pub spec: Spec,
    /// What is probably not meant; no errors.
    pub warnings: Report,
    /// Every file that was read, zone text and shared files included.
    pub files: Vec<FileRead>,
}

/// What the server file says for all zones.
#[derive(Clone, Debug)]
pub struct Options {
    /// Client-subnet settings of zones without `[ecs]`.
    pub ecs: Ecs,
    /// Checks of type `exec` may run programs: `[probe] exec`.
    pub exec: bool,
    /// When failures are held.
    pub guard: GuardRules,
    /// What is probed outside of the fleet.
    pub canaries: Vec<Canary>,
    /// The names of the TSIG keys that there are, in lower case; none: nobody knows, since there is no server file.
    pub tsig: Option<Vec<Name>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { ecs: default_ecs(), exec: false, guard: GuardRules::default(), canaries: Vec::new(), tsig: None }
    }
}

/// Reads zone files; a directory stands for the `*.toml` in it, sorted by name (`geosteer.toml` and `*.tests.toml` are no zones).
///
/// # Errors
/// Any mistake in any file: the report holds all of them, and the warnings too.
pub fn load(paths: &[PathBuf], options: &Options) -> Result<Loaded, Report> {
    let mut load = Load::default();
    for path in paths {
        load.path(path, options);
    }
    load.finish(options)
}

/// Reads one zone from memory; `name` is what messages call it, and other files are looked for beside it.
///
/// # Errors
/// As [`load`].
pub fn load_text(name: &str, text: &str, options: &Options) -> Result<Loaded, Report> {
    let folder = Path::new(name).parent().unwrap_or(Path::new(""));
    of_text(Files::new(folder), name, text, options)
}

/// The same for a text that somebody sent: it cannot name files.
///
/// # Errors
/// As [`load`].
pub fn load_text_alone(name: &str, text: &str, options: &Options) -> Result<Loaded, Report> {
    of_text(Files::alone(), name, text, options)
}

fn of_text(mut files: Files, name: &str, text: &str, options: &Options) -> Result<Loaded, Report> {
    let mut load = Load::default();
    let file = files.take(&mut load.ctx, Path::new(name), Arc::from(text));
    zone::read(&mut load.ctx, &mut load.spec, &mut files, file, options);
    load.note(file);
    load.finish(options)
}

#[derive(Debug, Default)]
struct Load {
    ctx: Ctx,
    spec: Spec,
    files: Vec<FileRead>,
    /// For each zone the start of its file.
    zones: Vec<Span>,
}

impl Load {
    fn path(&mut self, path: &Path, options: &Options) {
        if !path.is_dir() {
            return self.file(path, options);
        }
        let listed = std::fs::read_dir(path).map(|entries| {
            entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_zone(path)).collect::<Vec<_>>()
        });
        let mut found = listed.unwrap_or_else(|error| {
            self.unreadable(path, &format!("cannot read {}: {error}", path.display()));
            Vec::new()
        });
        if found.is_empty() {
            let file = self.ctx.report.sources.add(&path.display().to_string(), "");
            let one = Diagnostic::new(Code::NoFiles, Span::new(file, 0..0), "no *.toml in this directory");
            self.ctx.push(one);
        }
        found.sort();
        for path in found {
            self.file(&path, options);
        }
    }

    fn file(&mut self, path: &Path, options: &Options) {
        let mut files = Files::new(path.parent().unwrap_or(Path::new("")));
        match files.read(&mut self.ctx, path) {
            Ok((file, text)) => {
                drop(text);
                zone::read(&mut self.ctx, &mut self.spec, &mut files, file, options);
                self.note(file);
            }
            Err(why) => self.unreadable(path, &why),
        }
        self.files.append(&mut files.read);
    }

    fn unreadable(&mut self, path: &Path, why: &str) {
        let file = self.ctx.report.sources.add(&path.display().to_string(), "");
        self.ctx.push(Diagnostic::new(Code::Unreadable, Span::new(file, 0..0), why));
    }

    /// Remembers where a zone came from.
    fn note(&mut self, file: super::source::FileId) {
        while self.zones.len() < self.spec.zones.len() {
            self.zones.push(Span::new(file, 0..0));
        }
    }

    fn finish(mut self, options: &Options) -> Result<Loaded, Report> {
        let mut seen: HashMap<Box<[u8]>, usize> = HashMap::new();
        for (index, zone) in self.spec.zones.iter().enumerate() {
            if let Some(first) = seen.insert(zone.apex.to_lowercase().wire().into(), index) {
                let message = format!("the zone {} is defined twice", zone.apex);
                let found = Diagnostic::new(Code::DefinedTwice, self.zones[index], message).label("again");
                self.ctx.report.push(found.also(self.zones[first], "first here"));
            }
        }
        if self.spec.zones.is_empty() && self.ctx.report.errors() == 0 {
            let file = self.ctx.report.sources.add("zones", "");
            self.ctx.push(Diagnostic::new(Code::NoZone, Span::new(file, 0..0), "there is no zone to serve"));
        }
        if self.ctx.report.errors() == 0 {
            for found in undelegated(&self.spec.zones, &self.zones) {
                self.ctx.push(found);
            }
        }
        self.ctx.report.finish();
        if self.ctx.report.errors() > 0 {
            return Err(self.ctx.report);
        }
        self.spec.guard = options.guard;
        for Canary { address, check } in options.canaries.iter().cloned() {
            self.spec.canaries.push(Target { address, check: CheckId::new(self.spec.checks.len()) });
            self.spec.checks.push(check);
        }
        Ok(Loaded { spec: self.spec, warnings: self.ctx.report, files: self.files })
    }
}

/// A zone file by its name.
fn is_zone(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
        && path.file_name().is_some_and(|name| name != "geosteer.toml")
        && !is_routing_tests(path)
        && path.is_file()
}
