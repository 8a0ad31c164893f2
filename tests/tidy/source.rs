//! One source file, read without a compiler: what is left when comments, strings and test modules are
//! blanked, and the paths that stand there.

use std::path::{Path, PathBuf};

/// A Rust source file.
pub struct Source {
    name: String,
    text: String,
    bare: String,
    paths: Vec<(usize, String)>,
}

impl Source {
    /// A file of the crate; `name` is relative to its top.
    pub fn new(name: &str, text: &str) -> Self {
        let bare = blank_tests(blank_words(text));
        let mut source = Self { name: name.to_owned(), text: text.to_owned(), bare, paths: Vec::new() };
        source.paths = read_paths(&source.bare, &source.module());
        source
    }

    /// Where the bodies of `#[cfg(test)] mod x;` stand, without `.rs`.
    fn test_modules(&self) -> Vec<String> {
        let folder = self.name.trim_end_matches(".rs").trim_end_matches("/mod").trim_end_matches("/lib");
        let after = blank_words(&self.text);
        let items = after.split("#[cfg(test)]").skip(1).map(str::trim_start);
        let names =
            items.filter_map(|item| item.strip_prefix("mod ")?.split_once(';').map(|(name, _)| name.to_owned()));
        names.filter(|name| name.chars().all(is_word)).map(|name| format!("{folder}/{name}")).collect()
    }

    /// Relative to the crate's top, with `/`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As it stands.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first module below the crate: `zone` for `src/zone/tree.rs` and for `src/zone.rs`.
    pub fn room(&self) -> &str {
        let rest = self.name.strip_prefix("src/").unwrap_or("");
        rest.split('/').next().unwrap_or("").trim_end_matches(".rs")
    }

    /// Every path with its line, `super` and `self` resolved, groups taken apart.
    pub fn paths(&self) -> &[(usize, String)] {
        &self.paths
    }

    /// True if some path begins with `prefix`.
    pub fn uses(&self, prefix: &str) -> bool {
        self.paths.iter().any(|(_, path)| starts(path, prefix))
    }

    /// Lines of code (not of comments, strings or tests) that contain `text`.
    pub fn lines_with<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.bare.lines().enumerate().filter(move |(_, line)| line.contains(text)).map(|(line, _)| line + 1)
    }

    /// Lines of code where `word` stands as a whole word.
    pub fn lines_with_word<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let whole = move |line: &str| line.split(|c: char| !is_word(c)).any(|part| part == word);
        self.bare.lines().enumerate().filter(move |(_, line)| whole(line)).map(|(line, _)| line + 1)
    }

    /// Line, name and length in lines of every function with a body.
    pub fn functions(&self) -> impl Iterator<Item = (usize, String, usize)> + '_ {
        let starts = self.bare.match_indices("fn ").filter(|(at, _)| *at == 0 || !is_word(before(&self.bare, *at)));
        starts.filter_map(|(at, _)| {
            let name = self.bare[at + 3..].chars().take_while(|c| is_word(*c)).collect::<String>();
            let open = at + self.bare[at..].find(['{', ';'])?;
            if name.is_empty() || self.bare.as_bytes()[open] == b';' {
                return None;
            }
            let end = closing(&self.bare, open)?;
            Some((line_of(&self.bare, at), name, self.bare[at..end].matches('\n').count() + 1))
        })
    }

    /// The module path of the file: `crate::zone::tree`.
    fn module(&self) -> Vec<String> {
        let rest = self.name.strip_prefix("src/").unwrap_or(&self.name).trim_end_matches(".rs");
        let parts = rest.split('/').filter(|part| !["mod", "lib", "main"].contains(part));
        std::iter::once("crate").chain(parts).map(str::to_owned).collect()
    }
}

/// The files below folders of the crate, in order of name.
pub fn sources(folders: &[&str]) -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    folders.iter().for_each(|folder| walk(&top.join(folder), &mut files));
    files.sort();
    let read = |file: &PathBuf| {
        let name = file.strip_prefix(top).unwrap().to_str().unwrap().replace('\\', "/");
        Source::new(&name, &std::fs::read_to_string(file).unwrap())
    };
    let mut sources = files.iter().map(read).collect::<Vec<_>>();
    let tests = sources.iter().flat_map(Source::test_modules).collect::<Vec<_>>();
    let is_test = |name: &str| {
        tests
            .iter()
            .any(|test| name.strip_prefix(test.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/')))
    };
    for source in sources.iter_mut().filter(|source| is_test(&source.name)) {
        source.bare.clear();
        source.paths.clear();
    }
    sources
}

/// The lines of Cargo.toml.
pub fn manifest_lines() -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect()
}

/// True if `path` is `prefix` or goes on behind it with `::`.
pub fn starts(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn before(text: &str, at: usize) -> char {
    text[..at].chars().next_back().unwrap_or(' ')
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Where the brace at `open` is closed (one past it).
fn closing(bare: &str, open: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in bare.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Blanks comments, strings and character literals; every other byte keeps its place. What is not ASCII
/// becomes `?`.
fn blank_words(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut bare = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let length = word_length(&bytes[at..], at.checked_sub(1).map(|last| bytes[last]));
        if length == 0 {
            bare.push(if bytes[at].is_ascii() { bytes[at] } else { b'?' });
            at += 1;
            continue;
        }
        let end = (at + length).min(bytes.len());
        bare.extend(bytes[at..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
        at = end;
    }
    String::from_utf8(bare).unwrap()
}

/// The length of the comment, string or character that begins here; 0 if none does.
fn word_length(rest: &[u8], last: Option<u8>) -> usize {
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => find(rest, b"*/").map_or(rest.len(), |end| end + 2),
        [b'r', b'"' | b'#', ..] if !last.is_some_and(|byte| byte.is_ascii_alphanumeric() && byte != b'b') => {
            let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
            if rest.get(1 + hashes) != Some(&b'"') {
                return 0;
            }
            let mut end = vec![b'"'];
            end.resize(1 + hashes, b'#');
            find(&rest[2 + hashes..], &end).map_or(rest.len(), |at| 2 + hashes + at + end.len())
        }
        [b'"', ..] => quoted(rest, b'"'),
        [b'\'', b'\\', ..] => quoted(rest, b'\''),
        // A character and not a lifetime: the quote closes after one character.
        [b'\'', first, ..] => {
            let width = match first {
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
        }
        _ => 0,
    }
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|part| part == what)
}

/// Blanks what stands behind `#[cfg(test)]`: a module with its braces, or one item up to its semicolon.
fn blank_tests(mut bare: String) -> String {
    while let Some(at) = bare.find("#[cfg(test)]") {
        let end = match bare[at..].find(['{', ';']).map(|open| at + open) {
            Some(open) if bare.as_bytes()[open] == b'{' => closing(&bare, open).unwrap_or(bare.len()),
            Some(open) => open + 1,
            None => bare.len(),
        };
        let blank = bare[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect::<String>();
        bare.replace_range(at..end, &blank);
    }
    bare
}

/// Every path of two or more segments, and every `use`.
fn read_paths(bare: &str, module: &[String]) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    let mut at = 0;
    while at < bare.len() {
        let last = before(bare, at);
        let c = bare.as_bytes()[at] as char;
        if !is_word(c) || is_word(last) {
            at += 1;
            continue;
        }
        let head = word(bare, at);
        let inner = last == ':' || last == '.' || last == '\'';
        if !inner && bare[at + head.len()..].starts_with("::") {
            let line = line_of(bare, at);
            let mut found = Vec::new();
            at = tree(bare, at, &[], &mut found);
            paths.extend(found.iter().map(|path| (line, resolve(path, module))));
        } else {
            at += head.len();
        }
    }
    paths
}

fn word(bare: &str, at: usize) -> &str {
    let length = bare[at..].find(|c| !is_word(c)).unwrap_or(bare.len() - at);
    &bare[at..at + length]
}

/// Reads one path or use tree at `at` below `prefix`; gives where it ends.
fn tree(bare: &str, mut at: usize, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    loop {
        let segment = word(bare, at);
        if !segment.is_empty() && segment != "self" || path.is_empty() {
            path.push(segment.to_owned());
        }
        at += segment.len();
        if !bare[at..].starts_with("::") {
            break;
        }
        at += 2;
        if bare[at..].starts_with('{') {
            return group(bare, at + 1, &path, found);
        }
        if !bare[at..].starts_with(is_word) {
            break;
        }
    }
    found.push(path);
    at
}

/// Reads the members of a group up to its closing brace.
fn group(bare: &str, mut at: usize, path: &[String], found: &mut Vec<Vec<String>>) -> usize {
    while at < bare.len() && !bare[at..].starts_with('}') {
        if bare[at..].starts_with(is_word) {
            at = tree(bare, at, path, found);
            // A new name (`as x`) is no path.
            at += bare[at..].find([',', '}']).unwrap_or(0);
        } else {
            at += 1;
        }
    }
    at + 1
}

/// `super` and `self` by the module that they stand in.
fn resolve(path: &[String], module: &[String]) -> String {
    let mut whole = match path[0].as_str() {
        "self" | "super" => module.to_vec(),
        _ => Vec::new(),
    };
    for segment in path {
        match segment.as_str() {
            "self" => {}
            "super" => drop(whole.pop()),
            segment => whole.push(segment.to_owned()),
        }
    }
    whole.join("::")
}
