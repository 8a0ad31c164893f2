//! What `http` and `https` checks ask for and expect.

use super::super::Code;
use super::super::diagnostic::Diagnostic;
use super::super::walk::{Ctx, Node};
use super::Reader;
use crate::health::{CheckKind, HttpCheck, JsonField, JsonValue};
use std::ops::RangeInclusive;
use toml::de::DeValue;

impl Reader<'_, '_, '_> {
    pub(super) fn http(mut self, tls: bool) -> Option<CheckKind> {
        let security = if tls { Some(self.security()) } else { None };
        let mut http = HttpCheck::new(security, self.port(Some(if tls { 443 } else { 80 })));
        http.host = self.host();
        http.source = self.source();
        http.user_agent = self.user_agent();
        http.http2 = self.boolean("http2", false);
        let (ctx, fields) = (&mut *self.zone.ctx, self.fields);
        if let Some(node) = fields.value("path")
            && let Some(path) = ctx.string(node, "path")
        {
            http.path = path.into();
            if !is_path(path) {
                let found = Diagnostic::new(Code::BadValue, node.span, "a path begins with / and has no spaces");
                ctx.push(found.label("not a path").help("write it like \"/healthz\", special characters as %20"));
            }
        }
        if let Some(node) = fields.value("method")
            && let Some(method) = ctx.string(node, "method")
        {
            http.method = method.to_ascii_uppercase().into();
            if method.is_empty() || !method.bytes().all(is_token) {
                ctx.error(Code::BadValue, node.span, "not an HTTP method", "such as GET or HEAD");
            }
        }
        if let Some(node) = fields.value("headers") {
            http.headers = headers(ctx, node);
        }
        if let Some(node) = fields.value("expect_status") {
            http.expect_status = node.items().filter_map(|item| status(ctx, item)).collect();
            if http.expect_status.is_empty() && node.items().len() == 0 {
                ctx.error(Code::OutOfRange, node.span, "no status would pass", "at least one is needed");
            }
        }
        if let Some(node) = fields.value("expect_body") {
            http.expect_body = ctx.string(node, "expect_body").map(Into::into);
        }
        if let Some(node) = fields.value("expect_json") {
            let mut found = Vec::new();
            json(ctx, node, &[], &mut found);
            http.expect_json = found.into();
        }
        Some(CheckKind::Http(http))
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A path and query as they stand in a request.
pub(in crate::config) fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>`\"#".contains(&byte))
}

/// A name or an address, as it stands in a Host header.
pub(super) fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 254
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

/// Text that can be a header's name.
pub(in crate::config) fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_token)
}

/// Text that can be a header's value.
pub(super) fn is_header_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

fn headers(ctx: &mut Ctx, node: Node<'_>) -> Box<[(Box<str>, Box<str>)]> {
    let Some(entries) = node.entries() else {
        ctx.wrong_type(node, "headers", "a table");
        return Box::new([]);
    };
    let mut headers = Vec::new();
    for (key, node) in entries {
        if !is_header_name(key.text) {
            ctx.error(
                Code::BadValue,
                key.span,
                format!("\"{}\" is no header name", key.text.escape_debug()),
                "not a name",
            );
        } else if key.text.eq_ignore_ascii_case("host") {
            let found =
                Diagnostic::new(Code::BadValue, key.span, "the Host header is the key `host`").label("not here");
            ctx.push(found.help("write host = \"…\" in the check"));
        } else if let Some(value) = ctx.string(node, "a header") {
            if !is_header_value(value) {
                ctx.error(Code::BadValue, node.span, "a header holds no control characters", "not a header's value");
            }
            headers.push((key.text.into(), value.into()));
        }
    }
    headers.into()
}

/// A status: 200, "200" or "200-299".
fn status(ctx: &mut Ctx, node: Node<'_>) -> Option<RangeInclusive<u16>> {
    let range = match node.as_str() {
        Some(text) => {
            let (from, to) = text.split_once('-').unwrap_or((text, text));
            from.trim().parse().ok().zip(to.trim().parse().ok())
        }
        None => node.as_i64().and_then(|status| u16::try_from(status).ok()).map(|status| (status, status)),
    };
    let range = range.filter(|(from, to): &(u16, u16)| from <= to && *from >= 100 && *to <= 599);
    if range.is_none() {
        let found = Diagnostic::new(Code::BadValue, node.span, "not a status").label("not a status");
        ctx.push(found.help("write 200, \"200\" or \"200-299\""));
    }
    range.map(|(from, to)| from..=to)
}

/// The fields of `expect_json`: `a = { b = 1 }`, `a.b = 1` and `"a.b" = 1` are the same.
fn json(ctx: &mut Ctx, node: Node<'_>, outer: &[Box<str>], found: &mut Vec<JsonField>) {
    let Some(entries) = node.entries() else {
        return ctx.wrong_type(node, "expect_json", "a table");
    };
    if entries.len() == 0 {
        let empty = Diagnostic::new(Code::BadValue, node.span, "expect_json names no field").label("empty");
        ctx.push(empty.help("write it like { status = \"ok\" }"));
    }
    for (key, node) in entries {
        let path: Vec<Box<str>> = outer.iter().cloned().chain(key.text.split('.').map(Into::into)).collect();
        let value = match node.value {
            DeValue::String(text) => JsonValue::Text(text.as_ref().into()),
            DeValue::Boolean(truth) => JsonValue::Bool(*truth),
            DeValue::Float(float) => JsonValue::Number(float.as_str().parse().unwrap_or(f64::NAN).to_bits()),
            DeValue::Integer(_) => JsonValue::Number((node.as_i64().unwrap_or(0) as f64).to_bits()),
            DeValue::Table(_) => {
                json(ctx, node, &path, found);
                continue;
            }
            DeValue::Array(_) | DeValue::Datetime(_) => {
                ctx.wrong_type(node, "a field of expect_json", "a string, a number, true, false or a table");
                continue;
            }
        };
        found.push(JsonField { path: path.into(), value });
    }
}
