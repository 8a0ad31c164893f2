//! Routing tests: `*.tests.toml` beside zones. What a client must be answered with, each with its place in the file.

use super::Code;
use super::diagnostic::{Diagnostic, Report};
use super::files::read_text;
use super::keys;
use super::source::Span;
use super::walk::{Ctx, Node, entries};
use super::zone::parse;
use std::path::{Path, PathBuf};

/// The end of the name of a file of tests.
const SUFFIX: &str = ".tests.toml";

/// A value with its place.
pub type At<T> = (Span, T);

/// One test, as written.
#[derive(Clone, Debug)]
pub struct RoutingTest {
    /// The table.
    pub at: Span,
    /// Who asks: an address or a network.
    pub client: At<String>,
    /// The name asked for.
    pub name: At<String>,
    /// The record type.
    pub rtype: At<String>,
    /// Targets that fail.
    pub down: Vec<At<String>>,
    /// The region whose row must decide; `default` for none.
    pub region: Option<At<String>>,
    /// The pool that must answer.
    pub pool: Option<At<String>>,
    /// Every address (or record) of the answer must be one of these.
    pub addresses: Option<At<Vec<String>>>,
    /// The RCODE.
    pub rcode: Option<At<String>>,
}

/// All tests of some files, and what is wrong with them.
#[derive(Debug, Default)]
pub struct RoutingTests {
    /// In the order of files and lines.
    pub tests: Vec<RoutingTest>,
    ctx: Ctx,
}

/// True if a file holds routing tests, by its name.
#[must_use]
pub fn is_routing_tests(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(SUFFIX))
}

/// The files of tests among paths: those named, and those in directories, sorted.
#[must_use]
pub fn routing_test_files(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let inside = std::fs::read_dir(path).into_iter().flatten();
            let mut found: Vec<_> = inside.filter_map(|entry| Some(entry.ok()?.path())).collect();
            found.retain(|path| is_routing_tests(path) && path.is_file());
            found.sort();
            files.append(&mut found);
        } else if is_routing_tests(path) {
            files.push(path.clone());
        }
    }
    files
}

impl RoutingTests {
    /// Reads files; mistakes are kept for the report.
    #[must_use]
    pub fn read(files: &[PathBuf]) -> Self {
        let mut all = Self::default();
        files.iter().for_each(|file| all.file(file));
        all
    }

    fn file(&mut self, path: &Path) {
        let name = path.display().to_string();
        let text = match read_text(path) {
            Ok((text, _)) => text,
            Err(why) => {
                let file = self.ctx.report.sources.add(&name, "");
                return self.ctx.push(Diagnostic::new(Code::Unreadable, Span::new(file, 0..0), why));
            }
        };
        let file = self.ctx.report.sources.add(&name, text.as_str());
        let table = parse(&mut self.ctx, file, &text);
        let fields = self.ctx.fields_of(entries(file, &table), &keys::TESTS);
        for node in fields.value("test").into_iter().flat_map(Node::items) {
            if let Some(test) = test(&mut self.ctx, node) {
                self.tests.push(test);
            }
        }
    }

    /// Adds the failure of a test.
    pub fn fail(&mut self, at: Span, message: String, label: &str, note: Option<String>) {
        let found = Diagnostic::new(Code::TestFails, at, message).label(label);
        self.ctx.push(match note {
            Some(note) => found.note(note),
            None => found,
        });
    }

    /// Everything that is wrong.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.ctx.report.finish();
        self.ctx.report
    }
}

fn test(ctx: &mut Ctx, node: Node<'_>) -> Option<RoutingTest> {
    let fields = ctx.fields(node, &keys::TEST)?;
    let mut text = |key: &str| {
        let node = fields.value(key)?;
        Some((node.span, ctx.string(node, key)?.to_owned()))
    };
    let (client, name) = (text("client"), text("name"));
    let (rtype, region, pool, rcode) = (text("type"), text("region"), text("pool"), text("rcode"));
    let list = |ctx: &mut Ctx, key: &str| -> Vec<At<String>> {
        let node = fields.value(key).into_iter();
        node.flat_map(|node| ctx.strings(node, key)).map(|(span, text)| (span, text.to_owned())).collect()
    };
    let down = list(ctx, "down");
    let addresses = list(ctx, "addresses").into_iter().map(|(_, text)| text).collect();
    let addresses = fields.value("addresses").map(|node| (node.span, addresses));
    for (key, there) in [("client", client.is_some()), ("name", name.is_some())] {
        if !there && fields.value(key).is_none() {
            ctx.error(Code::MissingKey, node.span, format!("a test needs `{key}`"), format!("no `{key}`"));
        }
    }
    if region.is_none() && pool.is_none() && rcode.is_none() && addresses.is_none() {
        let message = "a test expects something: region, pool, addresses or rcode";
        ctx.error(Code::MissingKey, node.span, message, "expects nothing");
        return None;
    }
    let rtype = rtype.unwrap_or((node.span, "A".to_owned()));
    Some(RoutingTest { at: node.span, client: client?, name: name?, rtype, down, region, pool, addresses, rcode })
}
