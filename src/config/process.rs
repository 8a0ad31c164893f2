//! `[process]` of the server file: as whom the server runs, and what it does without.

use super::keys;
use super::walk::{Ctx, Node};
use super::{Code, diagnostic::Diagnostic};

/// `[process]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// Whom root becomes, by name or number.
    pub user: Option<Box<str>>,
    /// A group in place of the user's own.
    pub group: Option<Box<str>>,
    /// Files are restricted, where the kernel can.
    pub landlock: bool,
}

impl Default for Process {
    fn default() -> Self {
        Self { user: None, group: None, landlock: true }
    }
}

pub(super) fn read(ctx: &mut Ctx, node: Node<'_>) -> Process {
    let mut process = Process::default();
    let Some(fields) = ctx.fields(node, &keys::PROCESS) else { return process };
    process.user = fields.value("user").and_then(|node| name(ctx, node, "process.user"));
    if let Some((span, node)) = fields.entry("group") {
        process.group = name(ctx, node, "process.group");
        if fields.value("user").is_none() {
            ctx.error(Code::MissingKey, span, "a group, and no user that is to have it", "no `user`");
        }
    }
    if let Some(node) = fields.value("landlock") {
        process.landlock = ctx.boolean(node, "process.landlock").unwrap_or(true);
    }
    process
}

/// A name or a number, as /etc/passwd has them.
fn name(ctx: &mut Ctx, node: Node<'_>, what: &str) -> Option<Box<str>> {
    let text = ctx.string(node, what)?;
    if text.is_empty() || text.contains(|sign: char| sign == ':' || sign.is_whitespace() || sign.is_control()) {
        let found = Diagnostic::new(Code::BadValue, node.span, format!("{what} is no name of a user or group"));
        ctx.push(found.label("not a name").help("write it like \"geosteer\", or a number like \"990\""));
        return None;
    }
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_server_text;

    #[test]
    fn user_group_and_landlock_are_read_and_mistakes_have_their_places() {
        let read = |text: &str| {
            load_server_text("geosteer.toml", text).map(|(server, _)| server.process).map_err(|report| report.short())
        };
        assert_eq!(read(""), Ok(Process::default()));
        let process = Process { user: Some("a".into()), group: Some("990".into()), landlock: false };
        assert_eq!(read("process = { user = \"a\", group = \"990\", landlock = false }"), Ok(process));
        assert!(read("[process]\nuser = 7").unwrap_err().contains(":2:8: error[E005]"));
        assert!(read("[process]\nuser = \"a b\"").unwrap_err().contains("no name of a user"));
        assert!(read("[process]\ngroup = \"a\"").unwrap_err().contains("no user that is to have it"));
        assert!(read("[process]\nuid = \"a\"").unwrap_err().contains("no key `uid`"));
    }
}
