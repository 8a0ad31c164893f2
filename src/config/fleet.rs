//! `[fleet]`: the name servers of the zones, which an operator's orders go to together.

use super::Code;
use super::checks;
use super::diagnostic::Diagnostic;
use super::keys;
use super::server::path;
use super::walk::{Ctx, Fields, Node};
use crate::limits::FLEET_SERVERS;
use std::path::{Path, PathBuf};

/// One name server of the fleet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FleetServer {
    /// What people call it.
    pub name: Box<str>,
    /// Where its admin server is, without a slash at the end.
    pub url: Box<str>,
    /// A file with the token of its admin server.
    pub token_file: PathBuf,
}

/// Reads the table.
pub(super) fn read(ctx: &mut Ctx, fields: &Fields<'_>, at: Node<'_>, folder: &Path) -> Vec<FleetServer> {
    let items = fields.value("servers").map(|node| node.items());
    let Some(items) = items.filter(|items| items.len() > 0) else {
        let found = Diagnostic::new(Code::MissingKey, at.span, "a fleet without servers").label("no `servers`");
        ctx.push(found.help("servers = [{ url = \"https://ns1.example.net:8053\", token_file = \"ns1.token\" }]"));
        return Vec::new();
    };
    if items.len() > FLEET_SERVERS {
        let message = format!("a fleet has at most {FLEET_SERVERS} servers, not {}", items.len());
        ctx.error(Code::OutOfRange, at.span, message, "too many");
    }
    let mut servers: Vec<FleetServer> = Vec::new();
    for item in items {
        let Some(server) = server(ctx, item, folder) else { continue };
        if let Some(same) = servers.iter().find(|other| other.url == server.url || other.name == server.name) {
            let what = if same.url == server.url { &server.url } else { &server.name };
            ctx.error(Code::DefinedTwice, item.span, format!("{what} stands in the fleet twice"), "again");
        }
        servers.push(server);
    }
    servers
}

fn server(ctx: &mut Ctx, node: Node<'_>, folder: &Path) -> Option<FleetServer> {
    let fields = ctx.fields(node, &keys::FLEET_SERVER)?;
    for key in ["url", "token_file"] {
        if fields.value(key).is_none() {
            ctx.error(Code::MissingKey, node.span, format!("a server of the fleet needs `{key}`"), "it has none");
        }
    }
    let url = fields.value("url").and_then(|node| url(ctx, node));
    let token_file = fields.value("token_file").and_then(|node| path(ctx, node, "token_file", folder));
    let named = fields.value("name").map(|node| name(ctx, node));
    let (url, token_file) = (url?, token_file?);
    let name = match named {
        Some(name) => name?,
        None => url.split_once("://").map_or(&*url, |(_, rest)| rest).into(),
    };
    Some(FleetServer { name, url, token_file })
}

/// Where an admin server is: a path may stand before the API's own, a query may not.
fn url(ctx: &mut Ctx, node: Node<'_>) -> Option<Box<str>> {
    let text = ctx.string(node, "url")?;
    let why = match text.split_once("://") {
        Some(("http" | "https", rest)) if rest.contains(['?', '#']) => Some("it has a query"),
        Some((scheme @ ("http" | "https"), rest)) => checks::url(scheme, rest).err(),
        _ => Some("it must begin with http:// or https://"),
    };
    let Some(why) = why else { return Some(text.trim_end_matches('/').into()) };
    let found = Diagnostic::new(Code::BadUrl, node.span, format!("\"{text}\" is no admin server: {why}"));
    ctx.push(found.label("not a URL to send orders to").help("write it like \"https://ns1.example.net:8053\""));
    None
}

fn name(ctx: &mut Ctx, node: Node<'_>) -> Option<Box<str>> {
    let text = ctx.string(node, "name")?;
    if text.is_empty() || text.len() > 63 || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        ctx.error(Code::BadValue, node.span, "a server's name is one word of at most 63 octets", "not a name");
        return None;
    }
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::super::load_server_text;
    use super::*;

    #[test]
    fn a_server_is_called_by_its_name_or_by_where_it_is() {
        let text = r#"
            [fleet]
            servers = [
                { name = "ams", url = "https://ams.example.net:8053/", token_file = "ams.token" },
                { url = "http://[2001:db8::53]:8053", token_file = "/run/fra.token" },
            ]
        "#;
        let (server, _) = load_server_text("etc/geosteer.toml", text).unwrap();
        let of = |name: &str, url: &str, token: &str| FleetServer {
            name: name.into(),
            url: url.into(),
            token_file: token.into(),
        };
        assert_eq!(
            server.fleet,
            [
                of("ams", "https://ams.example.net:8053", "etc/ams.token"),
                of("[2001:db8::53]:8053", "http://[2001:db8::53]:8053", "/run/fra.token"),
            ]
        );
    }

    #[test]
    fn mistakes_are_shown_with_their_places() {
        let text = "[fleet]\nservers = [\n{ url = \"ams:8053\", token_file = \"a\" },\n{ url = \"https://a\" },\n\
                    { url = \"https://u:p@a\", token_file = \"a\", token = \"x\" },\n\
                    { name = \"a b\", url = \"https://b?x\", token_file = \"\" },\n\
                    { url = \"https://c\", token_file = \"c\" },\n{ url = \"https://c/\", token_file = \"c\" },\n]\n";
        assert_eq!(
            load_server_text("geosteer.toml", text).unwrap_err().short(),
            "geosteer.toml:3:9: error[E045]: \"ams:8053\" is no admin server: it must begin with http:// or https://\n\
             geosteer.toml:4:1: error[E006]: a server of the fleet needs `token_file`\n\
             geosteer.toml:5:9: error[E045]: \"https://u:p@a\" is no admin server: its port is no number\n\
             geosteer.toml:5:44: error[E003]: a server of the fleet has no key `token`\n\
             geosteer.toml:6:10: error[E008]: a server's name is one word of at most 63 octets\n\
             geosteer.toml:6:23: error[E045]: \"https://b?x\" is no admin server: it has a query\n\
             geosteer.toml:6:51: error[E008]: token_file is empty\n\
             geosteer.toml:8:1: error[E009]: https://c stands in the fleet twice\n"
        );
        for empty in ["[fleet]\n", "[fleet]\nservers = []\n"] {
            assert!(load_server_text("geosteer.toml", empty).unwrap_err().short().contains("E006"), "{empty}");
        }
    }
}
