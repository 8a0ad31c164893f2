//! `[query_log]`: where replies are written down, and which of them.

use super::Code;
use super::diagnostic::Diagnostic;
use super::keys;
use super::settings::networks;
use super::walk::{Ctx, Fields, Node};
use super::zonetext::rtype;
use crate::query_log::{Filter, Format, Output, Settings};
use crate::snapshot::RCODES;
use crate::wire::Name;
use std::path::Path;
use toml::de::DeValue;

/// The word for standard error in place of a path.
const STDERR: &str = "stderr";
/// The part of the queries that is looked at unless something else is said.
const SAMPLE: f64 = 1.0;
/// The codes of [`RCODES`] that a header tells.
const HEADER_RCODES: usize = 6;

/// Reads the table; `None` without a path.
pub(super) fn read(ctx: &mut Ctx, fields: &Fields<'_>, at: Node<'_>, folder: &Path) -> Option<Settings> {
    let format = fields.value("format").and_then(|node| ctx.word(node, "format", &["text", "json"], &[]));
    let sample = fields.value("sample").and_then(|node| sample(ctx, node)).unwrap_or(SAMPLE);
    let filter = fields.value("filter").and_then(|node| ctx.fields(node, &keys::QUERY_LOG_FILTER));
    let filter = filter.map(|fields| filter_of(ctx, &fields)).unwrap_or_default();
    let Some(node) = fields.value("path") else {
        let found = Diagnostic::new(Code::MissingKey, at.span, "[query_log] says not where").label("no `path`");
        ctx.push(found.help("path = \"queries.log\" is a file, path = \"stderr\" standard error"));
        return None;
    };
    let output = match ctx.string(node, "path")? {
        STDERR => Output::Stderr,
        "" => {
            ctx.error(Code::BadValue, node.span, "path is empty", "not a path");
            return None;
        }
        path => Output::File(folder.join(path)),
    };
    let format = if format == Some(1) { Format::Json } else { Format::Text };
    Some(Settings { output, format, sample, filter })
}

/// A part above 0 to 1.
fn sample(ctx: &mut Ctx, node: Node<'_>) -> Option<f64> {
    let value = match node.value {
        DeValue::Float(float) => float.as_str().replace('_', "").parse().ok(),
        DeValue::Integer(_) => node.as_i64().map(|whole| whole as f64),
        _ => {
            ctx.wrong_type(node, "sample", "a number");
            return None;
        }
    };
    let value = value.filter(|part: &f64| *part > 0.0 && *part <= 1.0);
    if value.is_none() {
        let found = Diagnostic::new(Code::OutOfRange, node.span, "sample must be above 0 and at most 1");
        ctx.push(found.label("out of range").help("0.01 looks at one query of a hundred"));
    }
    value
}

fn filter_of(ctx: &mut Ctx, fields: &Fields<'_>) -> Filter {
    let mut filter = Filter::default();
    if let Some(node) = fields.value("zone") {
        filter.zones = names(ctx, node).iter().map(|name| name.to_lowercase().to_string().into()).collect();
    }
    filter.names = fields.value("name").map_or_else(Vec::new, |node| names(ctx, node));
    if let Some(node) = fields.value("client") {
        filter.clients = networks(ctx, node, "a client's network").into();
    }
    for item in fields.value("rcode").iter().flat_map(|node| node.items()) {
        let code = ctx.word(item, "rcode", &RCODES[..HEADER_RCODES], &[]);
        filter.rcodes.extend(code.map(|code| code as u8));
    }
    let types = fields.value("type").map_or_else(Vec::new, |node| ctx.strings(node, "a type"));
    for (span, text) in types {
        match rtype(text) {
            Some(rtype) => filter.types.push(rtype),
            None => {
                let found = Diagnostic::new(Code::BadValue, span, format!("\"{text}\" is no type of record"));
                ctx.push(found.label("not a type").help("write it like \"AAAA\", or \"TYPE65280\""));
            }
        }
    }
    filter
}

fn names(ctx: &mut Ctx, node: Node<'_>) -> Vec<Name> {
    let mut names = Vec::new();
    for (span, text) in ctx.strings(node, "a name") {
        match Name::parse(text) {
            Ok(name) => names.push(name),
            Err(error) => {
                ctx.error(Code::BadName, span, format!("\"{text}\" is no domain name: {error}"), "not a name");
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::load_server_text;
    use super::*;

    #[test]
    fn the_whole_table_is_read() {
        let text = r#"
            [query_log]
            path = "queries.log"
            format = "json"
            sample = 0.01
            filter = { zone = "Example.com", name = ["www.example.com"], client = "192.0.2.0/24", rcode = ["NXDOMAIN"], type = ["A", "TYPE99"] }
        "#;
        let (server, _) = load_server_text("etc/geosteer.toml", text).unwrap();
        let log = server.query_log.unwrap();
        assert_eq!((log.output, log.format, log.sample), (Output::File("etc/queries.log".into()), Format::Json, 0.01));
        assert_eq!(&*log.filter.zones[0], "example.com.");
        assert_eq!((&log.filter.rcodes[..], &log.filter.types[..]), (&[3][..], &[1, 99][..]));
        assert_eq!((log.filter.names.len(), log.filter.clients.len()), (1, 1));
        assert_eq!(load_server_text("geosteer.toml", "").unwrap().0.query_log, None);
    }

    #[test]
    fn mistakes_are_shown_with_their_places() {
        let text = "[query_log]\npath = \"\"\nformat = \"xml\"\nsample = 0\nfile = 1\n[query_log.filter]\nzone = \"a..b\"\nclient = \"192.0.2.1/24\"\nrcode = \"NOPE\"\ntype = \"X\"\nnet = 1\n";
        let short = load_server_text("geosteer.toml", text).unwrap_err().short();
        assert_eq!(
            short,
            "geosteer.toml:2:8: error[E008]: path is empty\n\
             geosteer.toml:3:10: error[E008]: format cannot be \"xml\"\n\
             geosteer.toml:4:10: error[E007]: sample must be above 0 and at most 1\n\
             geosteer.toml:5:1: error[E003]: [query_log] has no key `file`\n\
             geosteer.toml:7:8: error[E011]: \"a..b\" is no domain name: a label is empty\n\
             geosteer.toml:8:10: error[E024]: \"192.0.2.1/24\" is no network\n\
             geosteer.toml:9:9: error[E008]: rcode cannot be \"NOPE\"\n\
             geosteer.toml:10:8: error[E008]: \"X\" is no type of record\n\
             geosteer.toml:11:1: error[E003]: [query_log.filter] has no key `net`\n"
        );
        let short = load_server_text("geosteer.toml", "[query_log]\nsample = 0.5\n").unwrap_err().short();
        assert!(short.contains("[query_log] says not where"), "{short}");
    }
}
