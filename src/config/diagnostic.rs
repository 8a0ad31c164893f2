//! What is wrong with a file, and where: collected, so that one run shows every mistake.

use super::source::{FileId, Sources, Span};
use std::collections::{BTreeMap, HashSet};

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// The configuration is not taken.
    Error,
    /// It is taken, and probably not what was meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One mistake.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Its kind: a stable code with a severity.
    pub code: super::Code,
    /// One sentence without a full stop.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What stands under the caret.
    pub label: String,
    /// Other places that have to do with it, each with its label.
    pub also: Vec<(Span, String)>,
    /// What to do.
    pub help: Option<String>,
    /// More to know.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// A mistake at `span`.
    #[must_use]
    pub fn new(code: super::Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            span,
            label: String::new(),
            also: Vec::new(),
            help: None,
            notes: Vec::new(),
        }
    }

    /// Puts `label` under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Shows another place.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also.push((span, label.into()));
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says more.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// Warnings of one code that are kept; more are only counted.
const WARNINGS_KEPT: usize = 20;
/// Errors that are kept; more are only counted.
const ERRORS_KEPT: usize = 1_000;

/// Everything that one reading found, with the texts it is about.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub(super) sources: Sources,
    pub(super) found: Vec<Diagnostic>,
    pub(super) left_out: BTreeMap<super::Code, usize>,
    counts: BTreeMap<super::Code, usize>,
    errors: usize,
    warnings: usize,
}

impl Report {
    /// Adds a mistake; the same one (a shared file read for several zones) only once.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let same = |other: &Diagnostic| {
            other.code == diagnostic.code && other.span == diagnostic.span && other.message == diagnostic.message
        };
        // Only the last ones are compared: quadratic work would be worse than a mistake shown twice.
        if self.found.iter().rev().take(WARNINGS_KEPT * 8).any(same) {
            return;
        }
        let severity = diagnostic.code.info().severity;
        let of_code = self.counts.entry(diagnostic.code).or_default();
        *of_code += 1;
        let keep = match severity {
            Severity::Error => {
                self.errors += 1;
                self.errors <= ERRORS_KEPT
            }
            Severity::Warning => {
                self.warnings += 1;
                *of_code <= WARNINGS_KEPT
            }
        };
        if keep {
            self.found.push(diagnostic);
        } else {
            *self.left_out.entry(diagnostic.code).or_default() += 1;
        }
    }

    /// How many errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// How many warnings.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// Nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What was found, by file and place.
    #[must_use]
    pub fn found(&self) -> &[Diagnostic] {
        &self.found
    }

    /// The texts that the spans point into.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Sorts by file and place, and drops the texts that no mistake is about.
    pub(super) fn finish(&mut self) {
        self.found.sort_by_key(|found| (found.span.file, found.span.start, found.code));
        // Where a line is no TOML, what was made of its rest is no second mistake.
        let line = |found: &Diagnostic| (found.span.file, self.sources.start(found.span).line);
        let broken: HashSet<_> =
            self.found.iter().filter(|found| found.code == super::Code::Syntax).map(line).collect();
        if !broken.is_empty() {
            let mut found = std::mem::take(&mut self.found);
            found.retain(|found| found.code == super::Code::Syntax || !broken.contains(&line(found)));
            self.found = found;
        }
        let mut keep: Vec<FileId> = Vec::new();
        for found in &self.found {
            keep.push(found.span.file);
            keep.extend(found.also.iter().map(|(span, _)| span.file));
        }
        keep.sort_unstable();
        keep.dedup();
        self.sources.forget_all_but(&keep);
    }
}
