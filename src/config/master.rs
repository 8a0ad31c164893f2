//! Zone text (RFC 1035 §5): lines with their tokens, owners, TTLs, classes and the directives `$TTL`,
//! `$ORIGIN`, `$INCLUDE` and `$GENERATE`. Every record comes with its place, and a mistake does not end the reading.

use super::Code;
use super::diagnostic::Diagnostic;
use super::source::{FileId, Span};
use super::walk::{Ctx, parse_millis};
use super::zonetext::DataReader;
use crate::limits::{TTL_MAX, TTL_STATIC};
use crate::wire::Name;
use crate::zone::Record;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most records that one `$GENERATE` makes.
const GENERATE_MAX: u64 = 65_536;
/// Deepest nesting of `$INCLUDE`.
const INCLUDE_DEPTH: usize = 8;
/// The type of an SOA, whose times may have units.
const SOA: u16 = 6;

/// How a text lies in its file: in itself, or inside a TOML string.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) text: Arc<str>,
    pub(super) file: FileId,
    /// For each stretch of the text its first byte here and in the file; empty: the same.
    pub(super) map: Vec<(u32, u32)>,
}

impl Placed {
    fn span(&self, bytes: Range<usize>) -> Span {
        let at = |byte: usize| match self.map.partition_point(|&(here, _)| here as usize <= byte) {
            0 => byte,
            next => {
                let (here, there) = self.map[next - 1];
                there as usize + byte - here as usize
            }
        };
        let end = bytes.end.max(bytes.start + 1);
        Span::new(self.file, at(bytes.start)..at(end - 1) + 1)
    }
}

/// Opens included files, confined to a folder.
pub(super) trait Open {
    /// The text of `path` as written in `from`.
    ///
    /// # Errors
    /// Why it may not or cannot be read.
    fn open(&mut self, ctx: &mut Ctx, from: FileId, path: &str) -> Result<(FileId, PathBuf, Arc<str>), String>;
}

/// Reads zone text into records.
pub(super) struct Master<'r> {
    pub(super) ctx: &'r mut Ctx,
    pub(super) open: &'r mut dyn Open,
    pub(super) apex: &'r Name,
    pub(super) records: &'r mut Vec<Record>,
    pub(super) spans: &'r mut Vec<Span>,
    data: DataReader,
    origin: Name,
    owner: Option<Name>,
    ttl: Option<u32>,
    last_ttl: u32,
    stack: Vec<PathBuf>,
}

/// A word of a line.
#[derive(Clone, Debug)]
struct Token {
    bytes: Range<usize>,
    /// Parentheses open before it.
    depth: usize,
    /// It was quoted.
    quoted: bool,
}

/// A line with everything that its parentheses hold.
#[derive(Debug, Default)]
struct Line {
    tokens: Vec<Token>,
    /// It begins with white space: the owner is the last one.
    indented: bool,
    end: usize,
}

/// A line that cannot be read.
struct Trouble {
    bytes: Range<usize>,
    message: String,
    help: Option<String>,
}

fn trouble<T>(bytes: Range<usize>, message: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble { bytes, message: message.into(), help: None })
}

impl<'r> Master<'r> {
    /// A reader for the zone `apex`.
    pub(super) fn new(
        ctx: &'r mut Ctx,
        open: &'r mut dyn Open,
        apex: &'r Name,
        (records, spans): (&'r mut Vec<Record>, &'r mut Vec<Span>),
    ) -> Self {
        Self {
            ctx,
            open,
            apex,
            records,
            spans,
            data: DataReader::new(apex),
            origin: apex.clone(),
            owner: None,
            ttl: None,
            last_ttl: TTL_STATIC,
            stack: Vec::new(),
        }
    }

    /// Reads one text from its start; `path` is what it is called for the search of circles.
    pub(super) fn read(&mut self, placed: &Placed, path: Option<PathBuf>) {
        self.stack.extend(path.clone());
        let mut at = 0;
        while at < placed.text.len() {
            let line = match split_line(&placed.text, at) {
                Ok(line) => line,
                Err((found, next)) => {
                    self.complain(placed, found);
                    at = next;
                    continue;
                }
            };
            at = line.end;
            if !line.tokens.is_empty()
                && let Err(found) = self.line(placed, &line)
            {
                self.complain(placed, found);
            }
        }
        if path.is_some() {
            self.stack.pop();
        }
    }

    fn complain(&mut self, placed: &Placed, found: Trouble) {
        let span = placed.span(found.bytes);
        let mut diagnostic = Diagnostic::new(Code::RecordSyntax, span, found.message).label("here");
        diagnostic.help = found.help;
        self.ctx.push(diagnostic);
    }

    fn line(&mut self, placed: &Placed, line: &Line) -> Result<(), Trouble> {
        let text = &*placed.text;
        let first = &line.tokens[0];
        let word = &text[first.bytes.clone()];
        if !line.indented && !first.quoted && word.starts_with('$') {
            return self.directive(placed, line);
        }
        let rest = if line.indented {
            &line.tokens[..]
        } else {
            self.owner = Some(self.name(text, first)?);
            &line.tokens[1..]
        };
        let Some(owner) = self.owner.clone() else {
            return trouble(first.bytes.clone(), "the first record has no owner name");
        };
        self.record(placed, line, owner, rest)
    }

    /// TTL, class and type, in whatever order people write the first two; then the data.
    fn record(&mut self, placed: &Placed, line: &Line, owner: Name, tokens: &[Token]) -> Result<(), Trouble> {
        let text = &*placed.text;
        let mut ttl = None;
        for (index, token) in tokens.iter().enumerate() {
            let word = &text[token.bytes.clone()];
            if word.starts_with(|first: char| first.is_ascii_digit()) {
                let Some(value) = parse_ttl(word) else {
                    return trouble(token.bytes.clone(), format!("\"{word}\" is no TTL"));
                };
                ttl = Some(value);
            } else if let Some(rtype) = DataReader::rtype(word) {
                if let Some(ttl) = ttl {
                    self.last_ttl = ttl;
                }
                let ttl = ttl.or(self.ttl).unwrap_or(self.last_ttl);
                let data = self.data(text, line, &tokens[index..], rtype)?;
                let span = placed.span(line.tokens[0].bytes.start..token.bytes.end);
                self.push(Record { owner, rtype, ttl, rdata: data }, span);
                return Ok(());
            } else if word.eq_ignore_ascii_case("CH") || word.eq_ignore_ascii_case("HS") {
                return trouble(token.bytes.clone(), format!("class {word} is not served, only IN"));
            } else if !word.eq_ignore_ascii_case("IN") && !word.eq_ignore_ascii_case("CLASS1") {
                return trouble(token.bytes.clone(), format!("\"{word}\" is no record type"));
            }
        }
        let last = tokens.last().unwrap_or(&line.tokens[0]);
        trouble(last.bytes.clone(), "a record needs a type and data")
    }

    fn data(&mut self, text: &str, line: &Line, tokens: &[Token], rtype: u16) -> Result<Box<[u8]>, Trouble> {
        if !matches!(rtype, 1..=40 | 42..=127 | 256..=65_279 | 65_280..=65_534) {
            let word = &text[tokens[0].bytes.clone()];
            return trouble(tokens[0].bytes.clone(), format!("{word} is not a type of zone data"));
        }
        if rtype == SOA {
            return self.soa(text, tokens);
        }
        let start = tokens[0].bytes.end;
        // Parentheses that were opened before the data are closed within it.
        let open = tokens[0].depth;
        let source = "(".repeat(open) + text[start..line.end].trim_end_matches(['\n', '\r']);
        self.data.set_origin(&self.origin);
        self.data.read(rtype, &source).map_err(|error| {
            let at = start + error.at.saturating_sub(open);
            // The reader stops behind the word that it does not like.
            let guilty = tokens[1..].iter().rev().find(|token| token.bytes.start < at).or(tokens.get(1));
            let bytes = guilty.unwrap_or(&tokens[0]).bytes.clone();
            let help = error.no_text_form.then(|| "write its data as RFC 3597 does: \\# LENGTH HEX".to_owned());
            Trouble { message: format!("{} data: {}", &text[tokens[0].bytes.clone()], error.message), bytes, help }
        })
    }

    /// SOA data, whose times may have units.
    fn soa(&mut self, text: &str, tokens: &[Token]) -> Result<Box<[u8]>, Trouble> {
        let mut line = String::new();
        let mut ends = Vec::new();
        // Generic data has no times, only octets.
        let generic = tokens.get(1).is_some_and(|token| &text[token.bytes.clone()] == "\\#");
        for (index, token) in tokens[1..].iter().enumerate() {
            let word = &text[token.bytes.clone()];
            match parse_ttl(word) {
                Some(seconds) if index > 2 && !generic => line.push_str(&seconds.to_string()),
                _ => line.push_str(word),
            }
            ends.push(line.len());
            line.push(' ');
        }
        self.data.set_origin(&self.origin);
        self.data.read(SOA, &line).map_err(|error| {
            let guilty = tokens.get(1 + ends.partition_point(|&end| end < error.at)).or(tokens.last());
            let bytes = guilty.unwrap_or(&tokens[0]).bytes.clone();
            Trouble { bytes, message: format!("SOA data: {}", error.message), help: None }
        })
    }

    fn push(&mut self, record: Record, span: Span) {
        if record.owner.is_within(self.apex) {
            self.records.push(record);
            self.spans.push(span);
        } else {
            let message = format!("{} is not within the zone {}", record.owner, self.apex);
            self.ctx.error(Code::OutsideZone, span, message, "outside of the zone");
        }
    }

    /// A name, relative to the origin unless it ends with a dot.
    fn name(&self, text: &str, token: &Token) -> Result<Name, Trouble> {
        let word = &text[token.bytes.clone()];
        resolve(word, &self.origin).map_err(|message| Trouble { bytes: token.bytes.clone(), message, help: None })
    }

    fn directive(&mut self, placed: &Placed, line: &Line) -> Result<(), Trouble> {
        let text = &*placed.text;
        let word = |index: usize| line.tokens.get(index).map(|token| &text[token.bytes.clone()]);
        let first = line.tokens[0].bytes.clone();
        let Some(argument) = line.tokens.get(1) else {
            return trouble(first, "the directive needs an argument");
        };
        match word(0).unwrap_or_default().to_ascii_uppercase().as_str() {
            "$TTL" => match word(1).and_then(parse_ttl) {
                Some(ttl) => self.ttl = Some(ttl),
                None => return trouble(argument.bytes.clone(), "not a TTL"),
            },
            "$ORIGIN" => self.origin = self.name(text, argument)?,
            "$INCLUDE" => self.include(placed, line)?,
            "$GENERATE" => self.generate(placed, line)?,
            other => {
                return trouble(first, format!("{other} is no directive; there are $TTL $ORIGIN $INCLUDE $GENERATE"));
            }
        }
        Ok(())
    }

    fn include(&mut self, placed: &Placed, line: &Line) -> Result<(), Trouble> {
        let text = &*placed.text;
        let argument = &line.tokens[1];
        let origin = match line.tokens.get(2) {
            Some(token) => self.name(text, token)?,
            None => self.origin.clone(),
        };
        let path = &text[argument.bytes.clone()];
        let span = placed.span(argument.bytes.clone());
        let opened = self.open.open(self.ctx, placed.file, path);
        let (file, path, text) = match opened {
            Ok((_, path, _)) if self.stack.contains(&path) => {
                self.ctx.error(Code::IncludeTrouble, span, "the files include each other in a circle", "already open");
                return Ok(());
            }
            Ok(_) if self.stack.len() >= INCLUDE_DEPTH => {
                let message = format!("$INCLUDE nests deeper than {INCLUDE_DEPTH} files");
                self.ctx.error(Code::IncludeTrouble, span, message, "not read");
                return Ok(());
            }
            Ok(opened) => opened,
            Err(message) => {
                self.ctx.error(Code::IncludeTrouble, span, message, "cannot be included");
                return Ok(());
            }
        };
        // The included file has its own origin and owner; the including one keeps its own (RFC 1035 §5.1).
        let (old_origin, old_owner) = (std::mem::replace(&mut self.origin, origin), self.owner.take());
        self.read(&Placed { text, file, map: Vec::new() }, Some(path));
        (self.origin, self.owner) = (old_origin, old_owner);
        Ok(())
    }

    /// `$GENERATE first-last[/step] owner [ttl] [class] type data`, as BIND has it.
    fn generate(&mut self, placed: &Placed, line: &Line) -> Result<(), Trouble> {
        let text = &*placed.text;
        let range = &line.tokens[1];
        let Some((first, last, step)) = parse_range(&text[range.bytes.clone()]) else {
            return trouble(range.bytes.clone(), "not a range: first-last or first-last/step");
        };
        if (last - first) / step >= GENERATE_MAX {
            return trouble(range.bytes.clone(), format!("more than {GENERATE_MAX} records"));
        }
        let Some(owner) = line.tokens.get(2) else {
            return trouble(range.bytes.clone(), "$GENERATE needs an owner, a type and data");
        };
        let end = line.tokens.last().map_or(owner.bytes.end, |token| token.bytes.end + usize::from(token.quoted));
        let pattern = &text[owner.bytes.start..end];
        for value in (first..=last).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
            let Some(made) = expand(pattern, value) else {
                return trouble(
                    owner.bytes.start..end,
                    "not a pattern of $GENERATE: $, ${offset}, ${offset,width,base}",
                );
            };
            let made = made + "\n";
            let whole = |found: Trouble| Trouble { bytes: line.tokens[0].bytes.start..end, ..found };
            let Ok(parsed) = split_line(&made, 0) else {
                return trouble(owner.bytes.start..end, "the line made by $GENERATE cannot be read");
            };
            let name = self.name(&made, &parsed.tokens[0]).map_err(whole)?;
            let span = placed.span(line.tokens[0].bytes.start..end);
            let one = Placed { text: Arc::from(made), file: placed.file, map: vec![(0, span.start)] };
            let before = self.spans.len();
            self.record(&one, &parsed, name, &parsed.tokens[1..]).map_err(whole)?;
            self.spans[before..].fill(span);
        }
        Ok(())
    }
}

/// A name in zone text.
pub(super) fn resolve(word: &str, origin: &Name) -> Result<Name, String> {
    if word == "@" {
        return Ok(origin.clone());
    }
    let name = Name::parse(word).map_err(|error| format!("\"{word}\" is no name: {error}"))?;
    let absolute = word.ends_with('.') && !word.ends_with("\\.");
    let joined = if absolute { Ok(name) } else { name.join(origin) };
    joined.map_err(|error| format!("\"{word}\" is no name: {error}"))
}

/// A TTL: seconds, or BIND's units.
fn parse_ttl(word: &str) -> Option<u32> {
    let millis = parse_millis(word).filter(|_| !word.ends_with("ms"))?;
    u32::try_from(millis / 1_000).ok().map(|ttl| if ttl > i32::MAX as u32 { 0 } else { ttl.min(TTL_MAX) })
}

fn parse_range(word: &str) -> Option<(u64, u64, u64)> {
    let (range, step) = word.split_once('/').unwrap_or((word, "1"));
    let (first, last) = range.split_once('-')?;
    let (first, last, step) = (first.parse().ok()?, last.parse().ok()?, step.parse().ok()?);
    (first <= last && step > 0 && last <= u64::from(u32::MAX)).then_some((first, last, step))
}

/// Puts `value` in place of each `$` of a pattern.
fn expand(pattern: &str, value: u64) -> Option<String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(at) = rest.find(['$', '\\']) {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        if rest[at..].starts_with('\\') {
            let escaped = tail.chars().next()?;
            if escaped != '$' {
                out.push('\\');
            }
            out.push(escaped);
            rest = &tail[escaped.len_utf8()..];
        } else if let Some(tail) = tail.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some(tail) = tail.strip_prefix('{') {
            let (inside, tail) = tail.split_once('}')?;
            let mut parts = inside.split(',');
            let offset: i64 = parts.next()?.parse().ok()?;
            let width: usize = parts.next().map_or(Some(0), |width| width.parse().ok()).filter(|width| *width <= 63)?;
            let value = u64::try_from(i64::try_from(value).ok()?.checked_add(offset)?).ok()?;
            out.push_str(&match parts.next().unwrap_or("d") {
                "d" => format!("{value:0width$}"),
                "o" => format!("{value:0width$o}"),
                "x" => format!("{value:0width$x}"),
                "X" => format!("{value:0width$X}"),
                _ => return None,
            });
            rest = tail;
        } else {
            out.push_str(&value.to_string());
            rest = tail;
        }
    }
    out.push_str(rest);
    Some(out)
}

/// One line from `at` on, with what its parentheses hold.
fn split_line(text: &str, at: usize) -> Result<Line, (Trouble, usize)> {
    let bytes = text.as_bytes();
    let mut line = Line { indented: matches!(bytes.get(at), Some(b' ' | b'\t')), ..Line::default() };
    let mut here = at;
    let mut open = Vec::new();
    let next_line = |from: usize| text[from..].find('\n').map_or(text.len(), |found| from + found + 1);
    while here < bytes.len() {
        match bytes[here] {
            b'\n' if open.is_empty() => {
                line.end = here + 1;
                return Ok(line);
            }
            b' ' | b'\t' | b'\r' | b'\n' => here += 1,
            b';' => here = text[here..].find('\n').map_or(text.len(), |found| here + found),
            b'(' => {
                open.push(here);
                here += 1;
            }
            b')' => {
                if open.pop().is_none() {
                    let found =
                        Trouble { bytes: here..here + 1, message: "no parenthesis is open here".into(), help: None };
                    return Err((found, next_line(here)));
                }
                here += 1;
            }
            b'"' => {
                let end = quoted_end(bytes, here + 1).ok_or_else(|| {
                    let message = "the quotation mark is not closed on its line".into();
                    (Trouble { bytes: here..here + 1, message, help: None }, next_line(here))
                })?;
                line.tokens.push(Token { bytes: here + 1..end, depth: open.len(), quoted: true });
                here = end + 1;
            }
            _ => {
                let end = word_end(bytes, here);
                line.tokens.push(Token { bytes: here..end, depth: open.len(), quoted: false });
                here = end;
            }
        }
    }
    if let Some(&first) = open.first() {
        let message = "the parenthesis is not closed".into();
        return Err((Trouble { bytes: first..first + 1, message, help: None }, next_line(first)));
    }
    line.end = text.len();
    Ok(line)
}

fn quoted_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\n' => return None,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn word_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() && !matches!(bytes[at], b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' | b'"') {
        // An escaped line feed or end ends the word all the same.
        let escaped = bytes[at] == b'\\' && bytes.get(at + 1).is_some_and(|&next| next.is_ascii() && next != b'\n');
        at += if escaped { 2 } else { 1 };
    }
    at.max(from + 1).min(bytes.len())
}

/// `path` as written in a file of `folder`, if it stays within `root`.
pub(super) fn confined(root: &Path, folder: &Path, path: &str) -> Result<PathBuf, String> {
    let wanted = folder.join(path);
    let real = wanted.canonicalize().map_err(|error| format!("cannot read {}: {error}", wanted.display()))?;
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
    let root = root.canonicalize().map_err(|error| format!("cannot read {}: {error}", root.display()))?;
    if real.starts_with(&root) {
        return Ok(real);
    }
    Err(format!("{path} is outside of the zone file's folder"))
}
