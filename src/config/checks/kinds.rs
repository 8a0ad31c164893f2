//! The other types of checks, and the keys that several types have.

use super::super::Code;
use super::super::diagnostic::Diagnostic;
use super::super::walk::Node;
use super::Reader;
use super::http::{is_header_value, is_host};
use crate::health::{CheckKind, DnsCheck, ExecCheck, GrpcCheck, PushCheck, Security, Source, TlsCheck};
use crate::limits::{PUSH_EXPIRES_MAX_MS, PUSH_EXPIRES_MIN_MS, TCP_TEXT_MAX};
use crate::wire::Name;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, RecordType};
use std::net::IpAddr;

/// Response codes that a reply can be expected to have, by their names.
const RCODES: [(&str, ResponseCode); 7] = [
    ("NOERROR", ResponseCode::NoError),
    ("FORMERR", ResponseCode::FormErr),
    ("SERVFAIL", ResponseCode::ServFail),
    ("NXDOMAIN", ResponseCode::NXDomain),
    ("NOTIMP", ResponseCode::NotImp),
    ("REFUSED", ResponseCode::Refused),
    ("NOTAUTH", ResponseCode::NotAuth),
];

impl Reader<'_, '_, '_> {
    pub(super) fn tcp(mut self) -> Option<CheckKind> {
        let (send, expect) = (self.said("send"), self.said("expect"));
        Some(CheckKind::Tcp { port: self.port(None), source: self.source(), send, expect })
    }

    /// A text that goes over a plain connection.
    fn said(&mut self, key: &'static str) -> Box<str> {
        let Some(node) = self.fields.value(key) else { return "".into() };
        let Some(text) = self.zone.ctx.string(node, key) else { return "".into() };
        if text.is_empty() || text.len() > TCP_TEXT_MAX {
            let message = format!("`{key}` has 1 to {TCP_TEXT_MAX} octets");
            let label = if text.is_empty() { "empty" } else { "too long" };
            self.zone.ctx.error(Code::OutOfRange, node.span, message, label);
        }
        text.into()
    }

    pub(super) fn tls(mut self) -> Option<CheckKind> {
        let (security, host) = (self.security(), self.host());
        Some(CheckKind::Tls(TlsCheck { host, port: self.port(Some(443)), security, source: self.source() }))
    }

    pub(super) fn grpc(mut self) -> Option<CheckKind> {
        let tls = self.boolean("tls", false);
        if !tls {
            for key in ["tls_verify", "client_certificate", "client_key"] {
                if let Some((span, _)) = self.fields.entry(key) {
                    let found = Diagnostic::new(Code::BadValue, span, format!("`{key}` without TLS"));
                    self.zone.ctx.push(found.label("means nothing here").help("add tls = true"));
                }
            }
        }
        let service = self.fields.value("service").and_then(|node| self.zone.ctx.string(node, "service"));
        Some(CheckKind::Grpc(GrpcCheck {
            tls: if tls { Some(self.security()) } else { None },
            host: self.host(),
            port: self.port(None),
            service: service.unwrap_or("").into(),
            user_agent: self.user_agent(),
            source: self.source(),
        }))
    }

    pub(super) fn dns(mut self) -> Option<CheckKind> {
        let (port, source) = (self.port(Some(53)), self.source());
        let rtype = self.fields.value("query_type").map_or(Some(RecordType::A), |node| self.record_type(node))?;
        let expect_rcode: Box<[u16]> = match self.fields.value("expect_rcode") {
            Some(node) => node.items().filter_map(|item| self.rcode(item)).collect(),
            None => Box::new([u16::from(ResponseCode::NoError)]),
        };
        if let Some(node) = self.fields.value("expect_rcode").filter(|node| node.items().len() == 0) {
            self.zone.ctx.error(Code::OutOfRange, node.span, "no response code would pass", "at least one is needed");
        }
        let mut expect_data = Vec::new();
        for item in self.fields.value("expect_data").into_iter().flat_map(Node::items) {
            let Some(text) = self.zone.ctx.string(item, "expect_data") else { continue };
            match RData::try_from_str(rtype, text) {
                Ok(_) => expect_data.push(text.into()),
                Err(error) => {
                    let found =
                        Diagnostic::new(Code::BadValue, item.span, format!("\"{text}\" is no data of type {rtype}"));
                    self.zone.ctx.push(found.label("not such data").note(error.to_string()));
                }
            }
        }
        let Some(node) = self.fields.value("query") else {
            let found = Diagnostic::new(Code::MissingKey, self.key.span, "a DNS check needs a name to ask for");
            self.zone.ctx.push(found.label("no `query`").help("add query = \"www.example.com\""));
            return None;
        };
        let text = self.zone.ctx.string(node, "query")?;
        let Ok(query) = Name::parse(text) else {
            self.zone.ctx.error(Code::BadName, node.span, format!("\"{text}\" is no domain name"), "not a name");
            return None;
        };
        let query_type = rtype.into();
        Some(CheckKind::Dns(DnsCheck {
            port,
            query,
            query_type,
            expect_rcode,
            expect_data: expect_data.into(),
            source,
        }))
    }

    fn record_type(&mut self, node: Node<'_>) -> Option<RecordType> {
        let text = self.zone.ctx.string(node, "query_type")?;
        let rtype = text.to_ascii_uppercase().parse::<RecordType>().ok();
        if rtype.is_none() {
            let message = format!("\"{text}\" is no record type");
            self.zone.ctx.error(Code::BadValue, node.span, message, "such as A, AAAA, MX or SOA");
        }
        rtype
    }

    fn rcode(&mut self, node: Node<'_>) -> Option<u16> {
        let index = self.zone.ctx.word(node, "expect_rcode", &RCODES.map(|(name, _)| name), &[])?;
        Some(RCODES[index].1.into())
    }

    pub(super) fn exec(mut self, kind: Node<'_>) -> Option<CheckKind> {
        if !self.zone.exec {
            let found = Diagnostic::new(Code::NotAllowed, kind.span, "checks may not run programs on this server");
            self.zone.ctx.push(
                found
                    .label("not allowed")
                    .help("write exec = true under [probe] in geosteer.toml, and load with that file"),
            );
        }
        let Some(node) = self.fields.value("command") else {
            self.missing(
                "an exec check needs a program",
                "command",
                "command = [\"/usr/lib/checks/smtp\", \"-p\", \"25\"]",
            );
            return None;
        };
        let words = self.zone.ctx.strings(node, "command");
        let Some(((span, program), arguments)) = words.split_first() else {
            if node.items().len() == 0 {
                self.zone.ctx.error(Code::BadValue, node.span, "the command is empty", "no program");
            }
            return None;
        };
        if !program.starts_with('/') {
            let found = Diagnostic::new(Code::BadValue, *span, "a program is named by its whole path");
            self.zone.ctx.push(
                found
                    .label("not from /")
                    .help("no shell and no search: write \"/usr/bin/…\", arguments as further strings"),
            );
        }
        if let Some((span, _)) = words.iter().find(|(_, word)| word.contains('\0')) {
            self.zone.ctx.error(Code::BadValue, *span, "a command holds no NUL", "not possible");
        }
        Some(CheckKind::Exec(ExecCheck {
            name: self.key.text.into(),
            program: (*program).into(),
            arguments: arguments.iter().map(|(_, argument)| (*argument).into()).collect(),
        }))
    }

    pub(super) fn push(mut self) -> Option<CheckKind> {
        let expires = self.fields.value("expires");
        let range = PUSH_EXPIRES_MIN_MS..=PUSH_EXPIRES_MAX_MS;
        let expires = match expires {
            Some(node) => self.zone.ctx.millis(node, "expires", range).map(|millis| millis.div_ceil(1_000)),
            None => {
                self.missing("a push check needs to know when a state is too old", "expires", "expires = \"60s\"");
                None
            }
        };
        let Some(node) = self.fields.value("file") else {
            self.missing("a push check needs a file", "file", "file = \"/run/geosteer/{address}\"");
            return None;
        };
        let path = self.zone.ctx.string(node, "file").filter(|path| {
            let bad = path.is_empty() || path.contains('\0');
            if bad {
                self.zone.ctx.error(Code::BadValue, node.span, "not a path", "not a path");
            }
            !bad
        })?;
        let file = self.zone.files.folder(self.zone.ctx, node.span.file).join(path);
        let file = file.to_str()?.into();
        Some(CheckKind::Push(PushCheck { file, expires: u32::try_from(expires?).ok()? }))
    }

    fn missing(&mut self, message: &str, key: &str, example: &str) {
        let found = Diagnostic::new(Code::MissingKey, self.key.span, message).label(format!("no `{key}`"));
        self.zone.ctx.push(found.help(format!("add {example}")));
    }

    /// `port`; without a usual one it must be given.
    pub(super) fn port(&mut self, usual: Option<u16>) -> u16 {
        let Some(node) = self.fields.value("port") else {
            if usual.is_none() {
                let kind = self.fields.value("type").and_then(Node::as_str).unwrap_or("").to_uppercase();
                self.zone.ctx.error(
                    Code::MissingKey,
                    self.key.span,
                    format!("a {kind} check needs a port"),
                    "no `port`",
                );
            }
            return usual.unwrap_or(0);
        };
        self.zone.ctx.integer(node, "port", 1..=u16::MAX).unwrap_or(0)
    }

    pub(super) fn host(&mut self) -> Option<Box<str>> {
        let node = self.fields.value("host")?;
        let text = self.zone.ctx.string(node, "host")?;
        if !is_host(text) {
            let message = format!("\"{}\" is no host name", text.escape_debug());
            self.zone.ctx.error(Code::BadValue, node.span, message, "not a host name");
        }
        Some(text.into())
    }

    pub(super) fn user_agent(&mut self) -> Option<Box<str>> {
        let node = self.fields.value("user_agent")?;
        let text = self.zone.ctx.string(node, "user_agent")?;
        if !is_header_value(text) {
            let message = "a header holds no control characters";
            self.zone.ctx.error(Code::BadValue, node.span, message, "not a header's value");
        }
        Some(text.into())
    }

    pub(super) fn boolean(&mut self, key: &str, usual: bool) -> bool {
        let node = self.fields.value(key);
        node.and_then(|node| self.zone.ctx.boolean(node, key)).unwrap_or(usual)
    }

    pub(super) fn security(&mut self) -> Security {
        Security { verify: self.boolean("tls_verify", true), identity: self.identity() }
    }

    /// `source`: an address, or one of each family.
    pub(super) fn source(&mut self) -> Source {
        let mut source = Source::default();
        let Some(node) = self.fields.value("source") else { return source };
        for (span, text) in self.zone.ctx.strings(node, "source") {
            let twice = match text.parse() {
                Ok(IpAddr::V4(v4)) => source.v4.replace(v4).is_some(),
                Ok(IpAddr::V6(v6)) => source.v6.replace(v6).is_some(),
                Err(_) => {
                    let message = format!("\"{text}\" is no IP address");
                    self.zone.ctx.error(Code::NotAnAddress, span, message, "not an address");
                    false
                }
            };
            if twice {
                let message = "a check has one source address of each family";
                self.zone.ctx.error(Code::DefinedTwice, span, message, "the second of its family");
            }
        }
        source
    }
}
