//! The texts that were read, and places in them.

use crate::geo::SourceRef;
use std::ops::Range;
use std::sync::Arc;

/// One file, by its index in [`Sources`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId(u32);

/// A range of bytes of one file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range `bytes` of `file`. Files are bounded far below 4 GiB by `limits::FILE_MAX`.
    #[must_use]
    pub fn new(file: FileId, bytes: Range<usize>) -> Self {
        Self { file, start: bytes.start as u32, end: bytes.end.max(bytes.start) as u32 }
    }

    /// The same range as `usize`.
    #[must_use]
    pub fn bytes(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A place as people count: both from 1, columns in characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// One text with the starts of its lines.
#[derive(Clone, Debug)]
struct Source {
    path: Box<str>,
    text: Arc<str>,
    lines: Box<[u32]>,
    ascii: bool,
}

/// All texts of one reading.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Takes a text in; `path` is how people know it.
    pub fn add(&mut self, path: &str, text: impl Into<Arc<str>>) -> FileId {
        let text = text.into();
        let breaks = text.match_indices('\n').map(|(at, _)| at as u32 + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        let ascii = text.is_ascii();
        self.0.push(Source { path: path.into(), text, lines, ascii });
        FileId(self.0.len() as u32 - 1)
    }

    /// The text of a file.
    #[must_use]
    pub fn text(&self, file: FileId) -> Arc<str> {
        Arc::clone(&self.0[file.0 as usize].text)
    }

    /// The path of a file as it was given.
    #[must_use]
    pub fn path(&self, file: FileId) -> &str {
        &self.0[file.0 as usize].path
    }

    /// Line and column of a byte; bytes behind the end count as the end.
    #[must_use]
    pub fn position(&self, file: FileId, byte: u32) -> Position {
        let source = &self.0[file.0 as usize];
        let byte = floor(&source.text, byte as usize);
        let line = source.lines.partition_point(|&start| start as usize <= byte) - 1;
        let start = source.lines[line] as usize;
        let column = if source.ascii { byte - start } else { source.text[start..byte].chars().count() };
        Position { line: line + 1, column: column + 1 }
    }

    /// Where a span begins.
    #[must_use]
    pub fn start(&self, span: Span) -> Position {
        self.position(span.file, span.start)
    }

    /// `file:line:column` of a span.
    #[must_use]
    pub fn reference(&self, span: Span) -> SourceRef {
        let Position { line, column } = self.start(span);
        SourceRef(format!("{}:{line}:{column}", self.path(span.file)).into())
    }

    /// The lines that `first` to `last` (bytes) stand on: their text, its first byte and its line number.
    pub(super) fn window(&self, file: FileId, first: u32, last: u32) -> (&str, usize, usize) {
        let source = &self.0[file.0 as usize];
        let line = |byte: u32| source.lines.partition_point(|&start| start <= byte.min(source.text.len() as u32)) - 1;
        let (from, to) = (line(first), line(last.max(first)));
        let start = source.lines[from] as usize;
        let end = source.lines.get(to + 1).map_or(source.text.len(), |&next| next as usize);
        (source.text[start..end].trim_end_matches(['\n', '\r']), start, from + 1)
    }

    /// Forgets every text but those of the files in `keep` (which render excerpts).
    pub(super) fn forget_all_but(&mut self, keep: &[FileId]) {
        for (index, source) in self.0.iter_mut().enumerate() {
            if !keep.contains(&FileId(index as u32)) {
                source.text = Arc::from("");
                source.lines = Box::new([0]);
            }
        }
    }
}

/// The nearest character boundary at or before `byte`.
fn floor(text: &str, byte: usize) -> usize {
    let mut at = byte.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_columns_in_characters() {
        let mut sources = Sources::default();
        let file = sources.add("a.toml", "é = 1\n\nx");
        assert_eq!(sources.position(file, 0), Position { line: 1, column: 1 });
        assert_eq!(sources.position(file, 3), Position { line: 1, column: 3 });
        assert_eq!(sources.position(file, 7), Position { line: 2, column: 1 });
        assert_eq!(sources.position(file, 8), Position { line: 3, column: 1 });
        assert_eq!(sources.position(file, 999), Position { line: 3, column: 2 });
        assert_eq!(&*sources.reference(Span::new(file, 8..9)).0, "a.toml:3:1");
    }
}
