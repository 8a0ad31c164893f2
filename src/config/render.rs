//! A report as people, editors and tools read it.

use super::diagnostic::{Diagnostic, Report, Severity};
use super::source::{Sources, Span};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;
use std::fmt::Write as _;

/// Places of one file further apart than this many bytes get an excerpt each.
const EXCERPT_MAX: u32 = 4_000;
/// Lines longer than this are not shown.
const LINE_MAX: usize = 20_000;

impl Report {
    /// The report with excerpts, in colour if asked.
    #[must_use]
    pub fn human(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for found in &self.found {
            out.push_str(&renderer.render(&[group(&self.sources, found)]));
            out.push_str("\n\n");
        }
        for line in self.left_out_lines() {
            let _ = writeln!(out, "{line}\n");
        }
        out
    }

    /// One line a mistake, each with a line feed.
    #[must_use]
    pub fn short(&self) -> String {
        let mut out = String::new();
        for found in &self.found {
            let info = found.code.info();
            let place = self.sources.reference(found.span).0;
            let _ = writeln!(out, "{place}: {}[{}]: {}", info.severity.word(), info.code, found.message);
        }
        for line in self.left_out_lines() {
            let _ = writeln!(out, "{line}");
        }
        out
    }

    /// What tools read: an object for each mistake.
    #[must_use]
    pub fn view(&self) -> Vec<impl Serialize + use<'_>> {
        self.found.iter().map(|found| View::of(&self.sources, found)).collect()
    }

    fn left_out_lines(&self) -> Vec<String> {
        let mut left: Vec<_> = self.left_out.iter().map(|(code, count)| (code.info(), count)).collect();
        left.sort_by_key(|(info, _)| info.code);
        left.iter()
            .map(|(info, count)| format!("{}[{}]: {count} more like those above", info.severity.word(), info.code))
            .collect()
    }
}

/// One mistake as the renderer takes it.
fn group<'a>(sources: &'a Sources, found: &'a Diagnostic) -> Group<'a> {
    let info = found.code.info();
    let level = match info.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&*found.message).id(info.code));
    let near = |span: Span| span.file == found.span.file && span.start.abs_diff(found.span.start) < EXCERPT_MAX;
    let (beside, apart): (Vec<_>, Vec<_>) =
        found.also.iter().map(|(span, label)| (*span, label.as_str())).partition(|(span, _)| near(*span));
    group = excerpt(group, sources, (found.span, &found.label), &beside);
    for place in apart {
        group = excerpt(group, sources, place, &[]);
    }
    for note in &found.notes {
        group = group.element(Level::NOTE.message(&**note));
    }
    if let Some(help) = &found.help {
        group = group.element(Level::HELP.message(&**help));
    }
    group
}

/// Adds the lines of a place, and of others near it, with their annotations.
fn excerpt<'a>(
    group: Group<'a>,
    sources: &'a Sources,
    (span, label): (Span, &'a str),
    beside: &[(Span, &'a str)],
) -> Group<'a> {
    let all = || beside.iter().map(|(span, _)| *span).chain(std::iter::once(span));
    let first = all().map(|span| span.start).min().unwrap_or(span.start);
    let last = all().map(|span| span.end.saturating_sub(1)).max().unwrap_or(span.start);
    let (text, start, line) = sources.window(span.file, first, last);
    let position = sources.start(span);
    if text.len() > LINE_MAX || text.is_empty() {
        let origin = Origin::path(sources.path(span.file)).line(position.line).char_column(position.column);
        return group.element(origin);
    }
    // Only the first line of a span is marked, and never nothing.
    let inside = |span: Span| {
        let from = (span.start as usize).saturating_sub(start).min(text.len());
        let to = (span.end as usize).saturating_sub(start).clamp(from, text.len());
        let text = text.get(from..to).unwrap_or("");
        from..from + text.find('\n').unwrap_or(text.len())
    };
    let note = |kind: AnnotationKind, span: Span, label: &'a str| {
        let annotation = kind.span(inside(span));
        if label.is_empty() { annotation } else { annotation.label(label) }
    };
    let snippet = Snippet::source(text)
        .path(sources.path(span.file))
        .line_start(line)
        .annotation(note(AnnotationKind::Primary, span, label))
        .annotations(beside.iter().map(|(span, label)| note(AnnotationKind::Context, *span, label)));
    group.element(snippet)
}

#[derive(Serialize)]
struct View<'a> {
    severity: &'static str,
    code: &'static str,
    message: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    label: &'a str,
    related: Vec<Related<'a>>,
    help: Option<&'a str>,
    notes: &'a [String],
    explanation: &'static str,
}

#[derive(Serialize)]
struct Related<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    message: &'a str,
}

impl<'a> View<'a> {
    fn of(sources: &'a Sources, found: &'a Diagnostic) -> Self {
        let info = found.code.info();
        let (start, end) = (sources.start(found.span), sources.position(found.span.file, found.span.end));
        let related = |(span, label): &'a (Span, String)| {
            let at = sources.start(*span);
            Related { file: sources.path(span.file), line: at.line, column: at.column, message: label }
        };
        Self {
            severity: info.severity.word(),
            code: info.code,
            message: &found.message,
            file: sources.path(found.span.file),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            label: &found.label,
            related: found.also.iter().map(related).collect(),
            help: found.help.as_deref(),
            notes: &found.notes,
            explanation: info.explanation,
        }
    }
}
