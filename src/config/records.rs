//! The static records of a zone: where their text comes from, SOA and NS, and what may not stand together.

use super::Code;
use super::diagnostic::Diagnostic;
use super::files::Files;
use super::keys;
use super::master::{Master, Open, Placed, confined, resolve};
use super::source::{FileId, Span};
use super::walk::{Ctx, Fields, Node};
use crate::limits::{SOA_EXPIRE, SOA_REFRESH, SOA_RETRY, STREAM_REPLY_MAX, TTL_MAX, TTL_NEGATIVE, TTL_STATIC};
use crate::wire::Name;
use crate::wire::query::HEADER;
use crate::zone::Record;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// A.
pub(super) const A: u16 = 1;
/// NS.
pub(super) const NS: u16 = 2;
/// CNAME.
pub(super) const CNAME: u16 = 5;
/// SOA.
pub(super) const SOA: u16 = 6;
/// AAAA.
pub(super) const AAAA: u16 = 28;
/// DNAME.
pub(super) const DNAME: u16 = 39;
/// What a record of an answer takes beside its data: a pointer to the name, type, class, TTL and length.
const RECORD_FIXED: usize = 12;
/// What a question takes beside its name: type and class.
const QUESTION_FIXED: usize = 4;
/// An OPT record without options.
const OPT_FIXED: usize = 11;
/// Types that may stand beside a CNAME (RFC 4034 §2.5, §4): RRSIG, NSEC and KEY.
const BESIDE_CNAME: [u16; 3] = [46, 47, 25];

/// The records of a zone with their places, and what stands at which owner name.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) all: Vec<Record>,
    pub(super) spans: Vec<Span>,
    /// Owner names in lower case (wire form) and the records that stand there.
    at: HashMap<Box<[u8]>, Vec<u32>>,
    /// Some owner has a delegation or a DNAME.
    has_cuts: bool,
}

/// Where the zone's keys stand that records come from.
pub(super) struct Origin<'a, 'c> {
    pub(super) ctx: &'c mut Ctx,
    pub(super) files: &'c mut Files,
    pub(super) apex: &'c Name,
    pub(super) zone: Span,
    pub(super) fields: &'c Fields<'a>,
}

impl Records {
    /// Reads `records`, `ns` and `soa`.
    pub(super) fn read(origin: &mut Origin<'_, '_>) -> Self {
        let mut records = Self::default();
        if let Some(node) = origin.fields.value("records")
            && let Some(fields) = origin.ctx.fields(node, &keys::RECORDS)
        {
            records.texts(origin, &fields);
        }
        let own_soa = records.all.iter().position(|record| record.rtype == SOA);
        let own_ns = records.all.iter().position(|record| record.rtype == NS && is_apex(record, origin.apex));
        let ns = records.name_servers(origin, own_ns);
        records.soa(origin, own_soa, ns);
        records.index(origin.ctx, origin.apex);
        records
    }

    fn texts(&mut self, origin: &mut Origin<'_, '_>, fields: &Fields<'_>) {
        let mut sources = Vec::new();
        if let Some(node) = fields.value("file")
            && let Some(path) = origin.ctx.string(node, "records.file")
        {
            match origin.files.read_beside(origin.ctx, node.span.file, path) {
                Ok((file, path, text)) => sources.push((Placed { text, file, map: Vec::new() }, Some(path))),
                Err(why) => origin.ctx.error(Code::Unreadable, node.span, why, "this file"),
            }
        }
        if let Some(node) = fields.value("text")
            && let Some(text) = origin.ctx.string(node, "records.text")
        {
            let source = origin.ctx.report.sources.text(node.span.file);
            sources.push((placed(node, text, &source), None));
        }
        for (text, path) in sources {
            let into = (&mut self.all, &mut self.spans);
            Master::new(origin.ctx, &mut Include(origin.files), origin.apex, into).read(&text, path);
        }
    }

    /// NS records from the key `ns`; gives the first name server.
    fn name_servers(&mut self, origin: &mut Origin<'_, '_>, own: Option<usize>) -> Option<Name> {
        let first_own = own.and_then(|index| Name::from_wire(&self.all[index].rdata).ok());
        let Some((key, node)) = origin.fields.entry("ns") else {
            if own.is_none() {
                let found = Diagnostic::new(Code::NoNs, origin.zone, "the zone has no name server").label("this zone");
                origin.ctx.push(found.help("add ns = [\"ns1.example.net\"], the names that the parent delegates to"));
            }
            return first_own;
        };
        if let Some(index) = own {
            let found = Diagnostic::new(Code::SoaTwice, key, "the records bring NS of their own");
            origin.ctx.push(found.label("leave this out").also(self.spans[index], "these NS records"));
            return first_own;
        }
        let mut first = None;
        // What stands before these are records of the text: names below may be delegated to the same servers.
        let start = self.all.len();
        for (span, text) in origin.ctx.strings(node, "a name server") {
            match Name::parse(text) {
                Ok(name) if !self.all[start..].iter().any(|record| *record.rdata == *name.wire()) => {
                    first.get_or_insert_with(|| name.clone());
                    let rdata = name.wire().into();
                    self.all.push(Record { owner: origin.apex.clone(), rtype: NS, ttl: TTL_STATIC, rdata });
                    self.spans.push(span);
                }
                Ok(_) => origin.ctx.error(Code::DefinedTwice, span, format!("{text} is listed twice"), "again"),
                Err(error) => {
                    origin.ctx.error(Code::BadName, span, format!("\"{text}\" is no name: {error}"), "not a name");
                }
            }
        }
        if first.is_none() && node.items().len() == 0 {
            origin.ctx.error(Code::NoNs, node.span, "the zone has no name server", "at least one is needed");
        }
        first
    }

    fn soa(&mut self, origin: &mut Origin<'_, '_>, own: Option<usize>, ns: Option<Name>) {
        let entry = origin.fields.entry("soa");
        if let Some(index) = own {
            if let Some((key, _)) = entry {
                let found = Diagnostic::new(Code::SoaTwice, key, "the records bring an SOA of their own");
                origin.ctx.push(found.label("leave this out").also(self.spans[index], "this SOA record"));
            }
            return;
        }
        let fields = entry.and_then(|(_, node)| origin.ctx.fields(node, &keys::SOA));
        let fields = fields.unwrap_or_else(|| Fields::none(&keys::SOA));
        let mname = match fields.value("mname") {
            Some(node) => name_of(origin.ctx, node, "mname"),
            None => ns,
        };
        let rname = match fields.value("rname") {
            Some(node) => mailbox(origin.ctx, node),
            None => Name::parse("hostmaster").ok().and_then(|name| name.join(origin.apex).ok()),
        };
        let serial = fields.value("serial").filter(|node| node.as_str() != Some("auto"));
        let serial = serial.map(|node| match node.as_str() {
            Some(_) => {
                origin.ctx.wrong_type(node, "serial", "\"auto\" or an integer");
                None
            }
            None => origin.ctx.integer(node, "serial", 0..=u32::MAX),
        });
        let serial = serial.flatten().unwrap_or_else(|| origin.files.newest());
        let mut time = |key: &'static str, default| {
            fields.value(key).and_then(|node| origin.ctx.seconds(node, key, 0..=i32::MAX as u32)).unwrap_or(default)
        };
        let times = [
            time("refresh", SOA_REFRESH),
            time("retry", SOA_RETRY),
            time("expire", SOA_EXPIRE),
            time("minimum", TTL_NEGATIVE),
        ];
        let mut rdata = mname.unwrap_or_else(Name::root).wire().to_vec();
        rdata.extend_from_slice(rname.unwrap_or_else(Name::root).wire());
        rdata.extend(serial.to_be_bytes());
        rdata.extend(times.iter().flat_map(|time| time.to_be_bytes()));
        let owner = origin.apex.clone();
        self.all.push(Record { owner, rtype: SOA, ttl: TTL_STATIC.min(TTL_MAX), rdata: rdata.into() });
        self.spans.push(entry.map_or(origin.zone, |(key, _)| key));
    }

    /// Finds what stands where, drops repeated records, and reports what may not stand together.
    fn index(&mut self, ctx: &mut Ctx, apex: &Name) {
        let mut drop = Vec::new();
        for (index, record) in self.all.iter().enumerate() {
            let here = self.at.entry(record.owner.wire().to_ascii_lowercase().into()).or_default();
            let others = || here.iter().map(|&other| &self.all[other as usize]);
            // Beyond a bound repeated records are left to the tree, which takes each once.
            if here.len() < 1_000 && others().any(|other| other.rtype == record.rtype && other.rdata == record.rdata) {
                drop.push(index);
                continue;
            }
            here.push(index as u32);
            self.has_cuts |= record.rtype == DNAME || record.rtype == NS && !is_apex(record, apex);
        }
        let mut conflicts = Vec::new();
        let mut smallest = Vec::new();
        for here in self.at.values() {
            self.conflicts(here, apex, &mut conflicts);
            self.ttls(ctx, here, &mut smallest);
            self.sizes(here, &mut conflicts);
        }
        if self.has_cuts {
            self.below_dnames(&mut conflicts);
        }
        conflicts.into_iter().for_each(|found| ctx.push(found));
        for (index, ttl) in smallest {
            self.all[index as usize].ttl = ttl;
        }
        if !drop.is_empty() {
            self.forget(&drop);
        }
    }

    fn forget(&mut self, drop: &[usize]) {
        let mut index = 0;
        self.all.retain(|_| {
            index += 1;
            drop.binary_search(&(index - 1)).is_err()
        });
        index = 0;
        self.spans.retain(|_| {
            index += 1;
            drop.binary_search(&(index - 1)).is_err()
        });
        for here in self.at.values_mut().flatten() {
            *here -= drop.partition_point(|&gone| gone < *here as usize) as u32;
        }
    }

    /// CNAME beside others, several CNAMEs or DNAMEs, SOA that is not one at the apex.
    fn conflicts(&self, here: &[u32], apex: &Name, found: &mut Vec<Diagnostic>) {
        let record = |index: u32| &self.all[index as usize];
        let span = |index: u32| self.spans[index as usize];
        let of = |rtype: u16| here.iter().copied().filter(move |&index| record(index).rtype == rtype);
        let mut pair = |code: Code, a: u32, b: u32, message: String| {
            let (first, second) = (a.min(b), a.max(b));
            let one = Diagnostic::new(code, span(second), message).label("this one");
            found.push(one.also(span(first), "and this one"));
        };
        for (rtype, word) in [(CNAME, "CNAME"), (DNAME, "DNAME"), (SOA, "SOA")] {
            if let (Some(first), Some(second)) = (of(rtype).next(), of(rtype).nth(1)) {
                let message = format!("{} has two {word} records", record(first).owner);
                pair(Code::RecordConflict, first, second, message);
            }
        }
        let beside = |&index: &u32| record(index).rtype != CNAME && !BESIDE_CNAME.contains(&record(index).rtype);
        if let (Some(cname), Some(other)) = (of(CNAME).next(), here.iter().copied().find(beside)) {
            let message = format!("{} has a CNAME and other records", record(cname).owner);
            pair(Code::RecordConflict, cname, other, message);
        }
        for soa in of(SOA).filter(|&index| !is_apex(record(index), apex)) {
            let message = format!("an SOA stands at {}, which is not the zone's apex", record(soa).owner);
            found.push(Diagnostic::new(Code::RecordConflict, span(soa), message).label("only at the apex"));
        }
        let glueless = of(NS).filter(|&index| !is_apex(record(index), apex)).find(|&index| {
            let Ok(target) = Name::from_wire(&record(index).rdata) else { return false };
            target.is_within(&record(index).owner) && !self.has_type(&target, &[A, AAAA])
        });
        if let Some(index) = glueless {
            let message = format!("the delegation {} has a name server inside of it without glue", record(index).owner);
            found.push(Diagnostic::new(Code::GlueMissing, span(index), message).label("nobody can find its address"));
        }
    }

    /// Records of one set must have one TTL.
    fn ttls(&self, ctx: &mut Ctx, here: &[u32], smallest: &mut Vec<(u32, u32)>) {
        for (at, &index) in here.iter().enumerate().take(64) {
            let record = &self.all[index as usize];
            let set = || here.iter().filter(|&&other| self.all[other as usize].rtype == record.rtype);
            if here[..at].iter().any(|&other| self.all[other as usize].rtype == record.rtype) {
                continue;
            }
            let least = set().map(|&other| self.all[other as usize].ttl).min().unwrap_or(record.ttl);
            let Some(&other) = set().find(|&&other| self.all[other as usize].ttl != record.ttl) else { continue };
            let message = format!("records of one set at {} have different TTLs", record.owner);
            let found = Diagnostic::new(Code::TtlRaised, self.spans[other as usize], message);
            ctx.push(
                found.label(format!("{least} s counts for all")).also(self.spans[index as usize], "the first one"),
            );
            smallest.extend(set().map(|&other| (other, least)));
        }
    }

    /// A set goes into one message whole, or it cannot be asked for.
    fn sizes(&self, here: &[u32], found: &mut Vec<Diagnostic>) {
        let length = |index: u32| RECORD_FIXED + self.all[index as usize].rdata.len();
        let Some(owner) = here.first().map(|&index| &self.all[index as usize].owner) else { return };
        let room = STREAM_REPLY_MAX - HEADER - (owner.wire().len() + QUESTION_FIXED) - OPT_FIXED;
        if here.iter().map(|&index| length(index)).sum::<usize>() <= room {
            return;
        }
        let mut taken: HashMap<u16, (usize, u32)> = HashMap::new();
        let mut seen = HashSet::new();
        for &index in here {
            let record = &self.all[index as usize];
            if !seen.insert((record.rtype, &record.rdata)) {
                continue;
            }
            let (before, first) = *taken.entry(record.rtype).or_insert((0, index));
            let after = before + length(index);
            taken.insert(record.rtype, (after, first));
            // Said once a set, where it becomes too large.
            if before <= room && after > room {
                let message =
                    format!("the set of {owner} is larger than a message: {room} octets are left for records");
                let one = Diagnostic::new(Code::RecordConflict, self.spans[index as usize], message);
                let one = one.label("no room from here on").also(self.spans[first as usize], "the first one");
                found.push(one.help("spread the records over several names, or shorten them"));
            }
        }
    }

    /// Records below a DNAME would never be asked for (RFC 6672 §2.4).
    fn below_dnames(&self, found: &mut Vec<Diagnostic>) {
        for (index, record) in self.all.iter().enumerate() {
            let Some((cut, _)) = self.cut_above(&record.owner, false) else { continue };
            if self.all[cut].rtype == DNAME && self.all[cut].owner != record.owner {
                let message = format!("{} stands below a DNAME", record.owner);
                let one = Diagnostic::new(Code::RecordConflict, self.spans[index], message).label("never asked for");
                found.push(one.also(self.spans[cut], "the DNAME"));
            }
        }
    }

    /// The records at a name.
    pub(super) fn at(&self, name: &Name) -> &[u32] {
        self.at.get(&*name.wire().to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// The first record at a name that has one of these types.
    pub(super) fn find(&self, name: &Name, types: &[u16]) -> Option<usize> {
        let found = self.at(name).iter().find(|&&index| types.contains(&self.all[index as usize].rtype));
        found.map(|&index| index as usize)
    }

    fn has_type(&self, name: &Name, types: &[u16]) -> bool {
        self.find(name, types).is_some()
    }

    /// The delegation or DNAME that hides `name`: its record, and whether it stands at `name` itself. With
    /// `inclusive` a cut at the name itself counts.
    pub(super) fn cut_above(&self, name: &Name, inclusive: bool) -> Option<(usize, bool)> {
        if !self.has_cuts {
            return None;
        }
        let folded = name.to_lowercase();
        let mut rest = folded.wire();
        let mut here = true;
        while rest.len() > 1 {
            if (inclusive || !here)
                && let Some(found) = self.at.get(rest).and_then(|here| self.cut_of(here))
            {
                return Some((found, here));
            }
            rest = &rest[1 + usize::from(rest[0])..];
            here = false;
        }
        None
    }

    fn cut_of(&self, here: &[u32]) -> Option<usize> {
        let apex = here.iter().any(|&index| self.all[index as usize].rtype == SOA);
        let cut = here.iter().find(|&&index| {
            let rtype = self.all[index as usize].rtype;
            rtype == DNAME || rtype == NS && !apex
        });
        cut.map(|&index| index as usize)
    }
}

fn is_apex(record: &Record, apex: &Name) -> bool {
    record.owner.wire().eq_ignore_ascii_case(apex.wire())
}

/// An absolute name.
fn name_of(ctx: &mut Ctx, node: Node<'_>, what: &str) -> Option<Name> {
    let text = ctx.string(node, what)?;
    match Name::parse(text) {
        Ok(name) => Some(name),
        Err(error) => {
            ctx.error(Code::BadName, node.span, format!("\"{text}\" is no name: {error}"), "not a name");
            None
        }
    }
}

/// `hostmaster@example.com`, or the same as a name.
fn mailbox(ctx: &mut Ctx, node: Node<'_>) -> Option<Name> {
    let text = ctx.string(node, "rname")?;
    let name = match text.split_once('@') {
        Some((local, domain)) => Name::parse(domain)
            .map_err(|error| error.to_string())
            .and_then(|domain| resolve(&local.replace('.', "\\."), &domain)),
        None => Name::parse(text).map_err(|error| error.to_string()),
    };
    match name {
        Ok(name) => Some(name),
        Err(error) => {
            ctx.error(Code::BadName, node.span, format!("\"{text}\" is no mailbox: {error}"), "not a mailbox");
            None
        }
    }
}

/// `$INCLUDE` opens files of the zone file's folder.
struct Include<'f>(&'f mut Files);

impl Open for Include<'_> {
    fn open(&mut self, ctx: &mut Ctx, from: FileId, path: &str) -> Result<(FileId, PathBuf, Arc<str>), String> {
        let folder = self.0.folder(ctx, from);
        let real = confined(self.0.root(), &folder, path)?;
        let (file, text) = self.0.read(ctx, &folder.join(path))?;
        Ok((file, real, text))
    }
}

/// Zone text inside a TOML string, with the way back to the file.
fn placed(node: Node<'_>, text: &str, source: &str) -> Placed {
    let raw = &source[node.span.bytes()];
    let map = string_map(raw, text).into_iter().map(|(here, there)| (here, there + node.span.start)).collect();
    Placed { text: Arc::from(text), file: node.span.file, map }
}

/// For each stretch of a TOML string's value its first byte in the value and in the source `raw`.
fn string_map(raw: &str, value: &str) -> Vec<(u32, u32)> {
    let multi = raw.starts_with("\"\"\"") || raw.starts_with("'''");
    let escapes = raw.starts_with('"');
    let mut there = if multi { 3 } else { 1 };
    if multi {
        there += raw[there.min(raw.len())..].starts_with("\r\n") as usize * 2
            + raw[there.min(raw.len())..].starts_with('\n') as usize;
    }
    let bytes = raw.as_bytes();
    let mut map = vec![(0, there as u32)];
    let mut here = 0;
    while here < value.len() && there < bytes.len() {
        if !(escapes && bytes[there] == b'\\') && bytes[there] == value.as_bytes()[here] {
            (here, there) = (here + 1, there + 1);
            continue;
        }
        if bytes[there] == b'\r' {
            there += 1;
        } else if escapes && bytes[there] == b'\\' {
            let skip = match bytes.get(there + 1) {
                Some(b'u') => 6,
                Some(b'U') => 10,
                Some(b'x') => 4,
                Some(b' ' | b'\t' | b'\r' | b'\n') => {
                    there += 1 + raw[there + 1..].bytes().take_while(u8::is_ascii_whitespace).count();
                    map.push((here as u32, there as u32));
                    continue;
                }
                _ => 2,
            };
            there += skip;
            here += value[here..].chars().next().map_or(1, char::len_utf8);
        } else {
            // Not what was expected: everything from here on points at this place.
            break;
        }
        map.push((here as u32, there as u32));
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_a_toml_string_lead_back_to_the_file() {
        for (raw, value, probe, there) in [
            ("\"\"\"\nab\ncd\"\"\"", "ab\ncd", 3, 7),
            ("\"a\\tb\"", "a\tb", 2, 4),
            ("\"\"\"a\\\n   b\"\"\"", "ab", 1, 9),
            ("'''\r\na\r\nb'''", "a\nb", 2, 8),
            ("\"\\u00e9x\"", "éx", 2, 7),
        ] {
            let map = string_map(raw, value);
            let next = map.partition_point(|&(here, _)| here <= probe);
            let (here, start) = map[next - 1];
            assert_eq!(start + probe - here, there, "{raw}");
        }
    }
}
