//! `[cookies]`: DNS cookies.

use super::keys;
use super::server::path;
use super::walk::{Ctx, Node};
use std::path::{Path, PathBuf};

/// `[cookies]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cookies {
    /// Cookies are answered.
    pub enabled: bool,
    /// A file with the secrets of several servers; else the server has one of its own.
    pub secret_file: Option<PathBuf>,
    /// Whoever shows a client cookie alone is asked to come again with a whole one.
    pub require: bool,
}

impl Default for Cookies {
    fn default() -> Self {
        Self { enabled: true, secret_file: None, require: false }
    }
}

/// Reads the table.
pub(super) fn read(ctx: &mut Ctx, node: Node<'_>, folder: &Path) -> Cookies {
    let mut cookies = Cookies::default();
    let Some(fields) = ctx.fields(node, &keys::COOKIES) else { return cookies };
    if let Some(node) = fields.value("enabled") {
        cookies.enabled = ctx.boolean(node, "cookies.enabled").unwrap_or(true);
    }
    cookies.secret_file = fields.value("secret_file").and_then(|node| path(ctx, node, "secret_file", folder));
    if let Some(node) = fields.value("require_server_cookie") {
        cookies.require = ctx.boolean(node, "cookies.require_server_cookie").unwrap_or(false);
    }
    cookies
}

#[cfg(test)]
mod tests {
    use super::super::load_server_text;
    use super::*;

    fn cookies(text: &str) -> Result<Cookies, String> {
        load_server_text("etc/geosteer.toml", text).map(|(server, _)| server.cookies).map_err(|report| report.short())
    }

    #[test]
    fn they_are_answered_unless_the_file_says_otherwise() {
        assert_eq!(cookies(""), Ok(Cookies::default()));
        assert!(Cookies::default().enabled);
        assert!(!cookies("[cookies]\nenabled = false").unwrap().enabled);
        let read = cookies("[cookies]\nsecret_file = \"cookies.secret\"\nrequire_server_cookie = true").unwrap();
        assert_eq!((read.secret_file, read.require), (Some(PathBuf::from("etc/cookies.secret")), true));
    }

    #[test]
    fn mistakes_are_shown_with_their_places() {
        let short = cookies("[cookies]\nenabled = 1\ncookie-secret = \"x\"\nsecret_file = \"\"\n").unwrap_err();
        assert_eq!(
            short,
            "etc/geosteer.toml:2:11: error[E005]: cookies.enabled must be true or false, not an integer\n\
             etc/geosteer.toml:3:1: error[E003]: [cookies] has no key `cookie-secret`\n\
             etc/geosteer.toml:4:15: error[E008]: secret_file is empty\n"
        );
    }
}
