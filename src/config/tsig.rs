//! `[tsig.NAME]`: keys that we share with others.

use super::Code;
use super::diagnostic::Diagnostic;
use super::keys;
use super::server::path;
use super::walk::{Ctx, Node};
use crate::limits::TSIG_KEYS;
use crate::tsig::Algorithm;
use crate::wire::Name;
use std::path::{Path, PathBuf};

/// One key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TsigKey {
    /// Its name, in lower case.
    pub name: Name,
    /// How it signs.
    pub algorithm: Algorithm,
    /// The file with its secret.
    pub secret_file: PathBuf,
}

/// Reads the tables.
pub(super) fn read(ctx: &mut Ctx, node: Node<'_>, folder: &Path) -> Vec<TsigKey> {
    let Some(entries) = node.entries() else {
        ctx.wrong_type(node, "tsig", "tables of keys, like [tsig.ns2]");
        return Vec::new();
    };
    if entries.len() > TSIG_KEYS {
        ctx.error(Code::OutOfRange, node.span, format!("at most {TSIG_KEYS} keys, not {}", entries.len()), "too many");
    }
    let mut all: Vec<TsigKey> = Vec::new();
    for (key, node) in entries {
        let name = match Name::parse(key.text) {
            Ok(name) => name.to_lowercase(),
            Err(error) => {
                let message = format!("\"{}\" cannot name a key: {error}", key.text);
                ctx.error(Code::BadName, key.span, message, "keys have domain names");
                continue;
            }
        };
        if all.iter().any(|other| other.name == name) {
            ctx.error(Code::DefinedTwice, key.span, format!("the key {name} is defined twice"), "again");
        }
        let Some(fields) = ctx.fields(node, &keys::TSIG) else { continue };
        let words = Algorithm::ALL.map(Algorithm::word);
        let algorithm = fields.value("algorithm").map(|node| ctx.word(node, "algorithm", &words, &[]));
        let algorithm = algorithm.map_or(Some(Algorithm::default()), |index| index.map(|index| Algorithm::ALL[index]));
        let Some(file) = fields.value("secret_file") else {
            let found =
                Diagnostic::new(Code::MissingKey, key.span, "a key without its secret").label("no `secret_file`");
            ctx.push(
                found.help(
                    "secret_file = \"ns2.key\" names a file that `tsig-keygen` or `openssl rand -base64 32` wrote",
                ),
            );
            continue;
        };
        let secret_file = path(ctx, file, "secret_file", folder);
        all.extend(algorithm.zip(secret_file).map(|(algorithm, secret_file)| TsigKey { name, algorithm, secret_file }));
    }
    all
}

/// Names of keys, which must be there if it is known which are.
pub(super) fn names(ctx: &mut Ctx, node: Node<'_>, known: Option<&[Name]>) -> Vec<Name> {
    ctx.strings(node, "a key's name").into_iter().filter_map(|(span, text)| name(ctx, (span, text), known)).collect()
}

/// The same for one.
pub(super) fn name(ctx: &mut Ctx, (span, text): (super::source::Span, &str), known: Option<&[Name]>) -> Option<Name> {
    let name = Name::parse(text).ok().map(|name| name.to_lowercase());
    let is_known = |name: &Name| known.is_none_or(|known| known.contains(name));
    if let Some(name) = name.filter(is_known) {
        return Some(name);
    }
    let found = Diagnostic::new(Code::UnknownTsigKey, span, format!("there is no key \"{text}\""));
    ctx.push(found.label("no such key").help(format!("[tsig.{text}] of the server file makes one")));
    None
}

#[cfg(test)]
mod tests {
    use super::super::load_server_text;
    use super::*;

    #[test]
    fn keys_have_names_algorithms_and_files() {
        let text = "[tsig.NS2]\nsecret_file = \"ns2.key\"\n[tsig.\"acme.example\"]\nalgorithm = \"hmac-sha512\"\nsecret_file = \"/a\"\n";
        let (server, _) = load_server_text("etc/geosteer.toml", text).unwrap();
        let found: Vec<_> =
            server.tsig.iter().map(|key| (key.name.to_string(), key.algorithm, key.secret_file.clone())).collect();
        let key = |name: &str, algorithm, file: &str| (name.to_owned(), algorithm, PathBuf::from(file));
        assert_eq!(
            found,
            [key("ns2.", Algorithm::Sha256, "etc/ns2.key"), key("acme.example.", Algorithm::Sha512, "/a")]
        );
    }

    #[test]
    fn mistakes_are_shown_with_their_places() {
        let text = "[tsig.a]\nalgorithm = \"hmac-md5\"\nsecret_file = \"x\"\n[tsig.A]\nsecret_file = \"\"\n[tsig.b]\nsecret = \"x\"\n[tsig.\"c..d\"]\n";
        let report = load_server_text("geosteer.toml", text).unwrap_err();
        assert_eq!(
            report.short(),
            "geosteer.toml:2:13: error[E008]: algorithm cannot be \"hmac-md5\"\n\
             geosteer.toml:5:15: error[E008]: secret_file is empty\n\
             geosteer.toml:6:7: error[E006]: a key without its secret\n\
             geosteer.toml:7:1: error[E003]: a key has no key `secret`\n\
             geosteer.toml:8:7: error[E011]: \"c..d\" cannot name a key: a label is empty\n"
        );
    }
}
