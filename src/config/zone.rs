//! One zone file, with the shared files that it uses: read section by section into the specification.

use super::Code;
use super::diagnostic::Diagnostic;
use super::files::Files;
use super::keys::{self, nearest};
use super::load::Options;
use super::parts::parts;
use super::records::{Origin, Records};
use super::source::{FileId, Span};
use super::walk::{Ctx, Entry, Fields, Key, Node, entries};
use super::{checks, names, policies, pools, regions, settings};
use crate::id::{CheckId, PolicyId, PoolId, RegionId, ZoneId};
use crate::limits::{TTL_BALANCED, TTL_MAX};
use crate::snapshot::{Spec, ZoneSpec};
use crate::wire::Name;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use toml::Spanned;
use toml::de::DeTable;

/// Something that has a name, where the name stands, and whether anything uses it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted<'a> {
    pub(super) name: &'a str,
    pub(super) span: Span,
    pub(super) used: bool,
}

/// What the names of one section stand for.
#[derive(Debug)]
pub(super) struct Named<'a, I> {
    /// The id and the index of the note.
    ids: HashMap<&'a str, (I, u32)>,
    /// In the order written.
    pub(super) notes: Vec<Noted<'a>>,
}

impl<I> Default for Named<'_, I> {
    fn default() -> Self {
        Self { ids: HashMap::new(), notes: Vec::new() }
    }
}

impl<'a, I: Copy> Named<'a, I> {
    /// Takes a name. What comes from a shared file need not be used by every zone.
    pub(super) fn add(&mut self, key: Key<'a>, id: I, main: FileId) {
        self.ids.insert(key.text, (id, self.notes.len() as u32));
        self.notes.push(Noted { name: key.text, span: key.span, used: key.span.file != main });
    }

    /// What a name stands for; it is used now.
    pub(super) fn find(&mut self, name: &str) -> Option<I> {
        let (id, note) = *self.ids.get(name)?;
        self.notes[note as usize].used = true;
        Some(id)
    }

    /// The error of an unknown name, with the nearest known one.
    pub(super) fn unknown(&self, code: Code, span: Span, what: &str, name: &str) -> Diagnostic {
        let found =
            Diagnostic::new(code, span, format!("there is no {what} \"{name}\"")).label(format!("no such {what}"));
        if let Some(near) = nearest(name, self.ids.keys().copied()) {
            return found.help(format!("did you mean \"{near}\"?"));
        }
        let mut known: Vec<_> = self.ids.keys().copied().collect();
        known.sort_unstable();
        match known.len() {
            0 => found.help(format!("the zone has no {what} at all")),
            1..=12 => found.help(format!("there are: {}", known.join(", "))),
            count => found.help(format!("there are {count}: {}, …", known[..8].join(", "))),
        }
    }
}

/// The reading of one zone.
pub(super) struct Zone<'a, 'c> {
    pub(super) ctx: &'c mut Ctx,
    pub(super) spec: &'c mut Spec,
    pub(super) files: &'c mut Files,
    /// Checks may run programs.
    pub(super) exec: bool,
    pub(super) id: ZoneId,
    pub(super) main: FileId,
    pub(super) apex: Name,
    pub(super) apex_span: Span,
    pub(super) ttl: u32,
    pub(super) records: Records,
    pub(super) regions: Named<'a, RegionId>,
    pub(super) checks: Named<'a, CheckId>,
    pub(super) pools: Named<'a, PoolId>,
    pub(super) policies: Named<'a, PolicyId>,
    /// The zone's first policy.
    pub(super) first_policy: usize,
    /// For each policy of the zone where its rows stand.
    pub(super) rows: Vec<Vec<Span>>,
}

impl Zone<'_, '_> {
    /// The zone is to be signed.
    pub(super) fn is_signed(&self) -> bool {
        self.spec.zones[self.id.index()].signing.wanted().is_some()
    }
}

/// A named section's entries, of all files.
type Section<'a> = Vec<Entry<'a>>;

/// The sections whose entries have names, in reading order.
const NAMED: [&str; 5] = ["regions", "checks", "pools", "policies", "names"];

/// Reads the zone file `main`, whose text is in the report's sources. Mistakes go to the report; then the
/// specification is not to be used.
pub(super) fn read(ctx: &mut Ctx, spec: &mut Spec, files: &mut Files, main: FileId, options: &Options) {
    let mut texts = vec![(main, ctx.report.sources.text(main))];
    let main_text = Arc::clone(&texts[0].1);
    let main_parts = parts(&main_text);
    let first = parse_parts(ctx, main, &main_text, &main_parts);
    texts.extend(first.iter().flat_map(|table| shared(ctx, files, main, table)).collect::<Vec<_>>());
    let others: Vec<_> = texts[1..].iter().map(|(file, text)| (*file, text, parts(text))).collect();
    let mut tables: Vec<_> = first.into_iter().map(|table| (main, table)).collect();
    for (file, text, parts) in &others {
        tables.extend(parse_parts(ctx, *file, text, parts).into_iter().map(|table| (*file, table)));
    }
    let all = tables.iter().map(|(file, table)| (*file, table));
    let (fields, sections) = sections(ctx, main, all);
    read_sections(ctx, spec, files, (main, options), &fields, sections);
}

/// Parses a text by its parts; one that is no TOML is parsed as a whole, so that mistakes are told as they are.
fn parse_parts<'a>(ctx: &mut Ctx, file: FileId, text: &'a str, parts: &'a [Cow<'a, str>]) -> Vec<DeTable<'a>> {
    if parts.len() > 1 {
        let tables: Result<Vec<_>, _> = parts.iter().map(|part| DeTable::parse(part)).collect();
        if let Ok(tables) = tables {
            return tables.into_iter().map(Spanned::into_inner).collect();
        }
    }
    vec![parse(ctx, file, text)]
}

/// Parses a text; what is no TOML is reported, and the rest is read all the same.
pub(super) fn parse<'a>(ctx: &mut Ctx, file: FileId, text: &'a str) -> DeTable<'a> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors.iter().take(50) {
        let span = Span::new(file, error.span().unwrap_or(0..0));
        let mut message = error.message().lines().next().unwrap_or("not TOML").to_owned();
        let twice = message.contains("duplicate key");
        if twice {
            message = format!("the key {} is defined twice", text.get(span.bytes()).unwrap_or("").trim());
        }
        let code = if twice { Code::DefinedTwice } else { Code::Syntax };
        ctx.error(code, span, message, if twice { "again" } else { "here" });
    }
    table.into_inner()
}

/// The texts of the files that `use` names.
fn shared(ctx: &mut Ctx, files: &mut Files, main: FileId, table: &DeTable<'_>) -> Vec<(FileId, Arc<str>)> {
    let Some((_, node)) = entries(main, table).find(|(key, _)| key.text == "use") else {
        return Vec::new();
    };
    let mut texts = Vec::new();
    for (span, path) in ctx.strings(node, "a shared file") {
        match files.read_beside(ctx, main, path) {
            Ok((file, _, text)) => texts.push((file, text)),
            Err(why) => ctx.error(Code::Unreadable, span, why, "this file"),
        }
    }
    texts
}

/// Sorts the top level of all files into single keys and named sections.
fn sections<'a>(
    ctx: &mut Ctx,
    main: FileId,
    tables: impl Iterator<Item = (FileId, &'a DeTable<'a>)>,
) -> (Fields<'a>, [Section<'a>; 5]) {
    let mut single: Vec<Entry<'a>> = Vec::new();
    let mut named: [Section<'a>; 5] = std::array::from_fn(|_| Vec::new());
    let mut several = false;
    for (file, table) in tables {
        several |= file != main;
        for (key, node) in entries(file, table) {
            if let Some(index) = NAMED.iter().position(|name| *name == key.text) {
                match node.entries() {
                    Some(entries) => named[index].extend(entries),
                    None => ctx.wrong_type(node, NAMED[index], "a table"),
                }
            } else if file != main && ["zone", "use", "format"].contains(&key.text) {
                let message = format!("`{}` does not belong into a shared file", key.text);
                ctx.error(Code::UnknownKey, key.span, message, "only in a zone file");
            } else {
                match single.iter().find(|(other, _)| other.text == key.text) {
                    Some((other, _)) => twice(ctx, key, other.span),
                    None => single.push((key, node)),
                }
            }
        }
    }
    if several {
        named.iter().for_each(|section| find_twice(ctx, section));
    }
    (ctx.fields_of(single.into_iter(), &keys::ZONE), named)
}

/// A key of several files may be defined in one of them only.
fn find_twice(ctx: &mut Ctx, section: &Section<'_>) {
    let mut seen: HashMap<&str, Span> = HashMap::with_capacity(section.len());
    for (key, _) in section {
        if let Some(first) = seen.insert(key.text, key.span) {
            twice(ctx, *key, first);
        }
    }
}

fn twice(ctx: &mut Ctx, key: Key<'_>, first: Span) {
    let found = Diagnostic::new(Code::DefinedTwice, key.span, format!("`{}` is defined twice", key.text));
    ctx.push(found.label("again").also(first, "first here"));
}

fn read_sections<'a>(
    ctx: &mut Ctx,
    spec: &mut Spec,
    files: &mut Files,
    (main, options): (FileId, &Options),
    fields: &Fields<'a>,
    [regions, checks, pools, policies, names]: [Section<'a>; 5],
) {
    let Some((apex_span, apex)) = apex(ctx, main, fields) else { return };
    format_version(ctx, fields);
    let signing = settings::dnssec(ctx, fields);
    let transfer = fields.value("transfer").and_then(|node| super::transfer::read(ctx, node, options.tsig.as_deref()));
    let known = options.tsig.as_deref();
    let update = fields.value("update").map(|node| super::update::read(ctx, node, &apex, known)).unwrap_or_default();
    let ecs = settings::ecs(ctx, fields.value("ecs"), &options.ecs);
    let ttl = fields.value("ttl").and_then(|node| ctx.seconds(node, "ttl", 0..=TTL_MAX)).unwrap_or(TTL_BALANCED);
    let records = Records::read(&mut Origin { ctx, files: &mut *files, apex: &apex, zone: apex_span, fields });
    let id = ZoneId::new(spec.zones.len());
    let file = ctx.report.sources.path(main).into();
    let first_policy = spec.policies.len();
    spec.zones.push(ZoneSpec {
        apex: apex.clone(),
        file,
        records: Vec::new(),
        regions: Vec::new(),
        ecs,
        signing,
        transfer,
        update,
    });
    let mut zone = Zone {
        ctx,
        spec,
        files,
        exec: options.exec,
        id,
        main,
        apex,
        apex_span,
        ttl,
        records,
        regions: Named::default(),
        checks: Named::default(),
        pools: Named::default(),
        policies: Named::default(),
        first_policy,
        rows: Vec::new(),
    };
    regions::read(&mut zone, &regions);
    checks::read(&mut zone, &checks);
    pools::read(&mut zone, &pools);
    policies::read(&mut zone, &policies);
    names::read(&mut zone, &names);
    super::verify::zone(&mut zone);
    super::transfer::judge(&mut zone, fields.entry("transfer").map(|(span, _)| span));
    let index = zone.id.index();
    zone.spec.zones[index].records = zone.records.all;
}

/// The zone's own name.
fn apex(ctx: &mut Ctx, main: FileId, fields: &Fields<'_>) -> Option<(Span, Name)> {
    let Some(node) = fields.value("zone") else {
        let found = Diagnostic::new(Code::MissingKey, Span::new(main, 0..0), "the file does not say which zone it is");
        ctx.push(found.label("no `zone`").help("add zone = \"gslb.example.com\" at the top"));
        return None;
    };
    let text = ctx.string(node, "zone")?;
    match Name::parse(text) {
        Ok(name) => Some((node.span, name)),
        Err(error) => {
            ctx.error(Code::BadName, node.span, format!("\"{text}\" is no domain name: {error}"), "not a name");
            None
        }
    }
}

fn format_version(ctx: &mut Ctx, fields: &Fields<'_>) {
    if let Some(node) = fields.value("format")
        && node.as_i64() != Some(1)
    {
        ctx.error(Code::BadVersion, node.span, "this version reads format 1", "another format");
    }
}

/// A name that operators and other tables refer to: not empty, and nothing that ends a target (`pool/NAME`).
pub(super) fn plain_name(ctx: &mut Ctx, what: &str, text: &str, span: Span) -> bool {
    let bad =
        text.is_empty() || text.chars().any(|sign| sign.is_whitespace() || sign.is_control() || "/*?\"".contains(sign));
    if bad {
        let message = format!("\"{}\" cannot be the name of {what}", text.escape_debug());
        let found = Diagnostic::new(Code::BadValue, span, message).label("not a name");
        ctx.push(found.help("use letters, digits, `-`, `_`, `.` and `:`; no spaces, `/`, `*` or `?`"));
    }
    !bad
}

/// The entries of `[[array]]`-less sections must be tables; gives their fields.
pub(super) fn section_fields<'a>(ctx: &mut Ctx, node: Node<'a>, table: &'static keys::Table) -> Fields<'a> {
    ctx.fields(node, table).unwrap_or_else(|| Fields::none(table))
}
